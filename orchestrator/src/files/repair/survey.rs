//! How registry and files stand to one another.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;

use igentai_core::folder::TopicId;
use igentai_core::ids::Seq;
use igentai_core::key::{Fingerprint, Key};
use igentai_core::topic::Topic;
use igentai_shared::store::StoreError;

use super::list::{List, as_line};
use super::{CONFLICTS, Conflict, Deed, Finding, From, RepairError, Said, Workshop};
use crate::files::owner::{Found, Sign};
use crate::files::{place, written};

/// Attributes read at once.
const PAGE: usize = 1_000;

/// All that has to be known to act.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) finding: Finding,
    pub(super) list: List,
    pub(super) sign: Option<Sign>,
    pub(super) definition: Option<Topic>,
}

impl Survey {
    /// The run that the topic is of when it is repaired.
    pub(super) fn run(&self, workshop: &Workshop) -> u64 {
        let held = self.finding.registry.run;
        match self.sign.as_ref().filter(|sign| sign.registry == workshop.registry || held == 0) {
            Some(sign) => sign.run.max(held),
            None => held,
        }
    }
}

/// Every topic that the registry or a folder names.
///
/// # Errors
/// Either cannot be read.
pub async fn all_topics(workshop: &Workshop) -> Result<Vec<TopicId>, RepairError> {
    let in_registry = workshop.store.topics().await?.into_iter().map(|topic| topic.id);
    let in_folders = written::signed(&workshop.out)?.into_iter().map(|signed| signed.topic);
    Ok(in_registry.chain(in_folders).collect::<BTreeSet<_>>().into_iter().collect())
}

pub(super) async fn survey(workshop: &Workshop, topic: &TopicId, from: From) -> Result<Survey, RepairError> {
    let (definition, held) = workshop.in_registry(topic).await?;
    let known = workshop.store.put_back(topic).await?;
    let folder = place::folder(&workshop.out, topic);
    let Found { sign, misplaced, .. } = Found::look(&folder)?;
    let mut finding = Finding {
        topic: topic.clone(),
        deed: Deed::Nothing,
        done: false,
        registry: held,
        files: None,
        same: 0,
        same_behind: 0,
        only_in_files: None,
        renumbered: 0,
        conflicts: 0,
        first_conflicts: Vec::new(),
        known,
        moved_to: None,
    };
    let theirs = |sign: &Sign| sign.registry != workshop.registry && !workshop.foreign;
    let holds_less = known.is_some_and(|known| held.run < known.run || held.attributes < known.attributes);
    if from == From::Files && holds_less && sign.as_ref().is_none_or(theirs) {
        let found = match &misplaced {
            Some(other) => format!(
                "{} is a copy of the folder of “{}”, or was renamed",
                folder.display(),
                other.current_topic
            ),
            None => format!("nothing in {} says that it was written from this registry", folder.display()),
        };
        return Err(RepairError::List(format!(
            "{found}, so what the topic held cannot be brought back from there: name the right folder with --out, or go on with what the registry holds by \
             --from registry"
        )));
    }
    if let Some(other) = &misplaced {
        finding.files = Some(said(other, &List::default()));
        finding.deed = if known.is_some() { Deed::Settle } else { Deed::Misplaced };
        return Ok(Survey { finding, list: List::default(), sign: None, definition });
    }
    if let Some(sign) = sign.as_ref().filter(|sign| theirs(sign)) {
        finding.files = Some(said(sign, &List::default()));
        // Whoever is marked may be settled, whosever files stand there.
        finding.deed = if known.is_some() { Deed::Settle } else { Deed::Foreign };
        return Ok(Survey { finding, list: List::default(), sign: None, definition });
    }
    // What only has to be moved need not be a list that makes sense.
    let written = sign.as_ref().and_then(|sign| sign.last_sequence).unwrap_or_default();
    let list = List::read(&folder.join("output.txt"), written);
    let list = if from == From::Registry { list.unwrap_or_default() } else { list? };
    finding.files = sign.as_ref().map(|sign| said(sign, &list));
    let mut survey = Survey { finding, list, sign, definition };
    compare(workshop, &mut survey).await?;
    survey.finding.deed = deed(workshop, &survey, from).await?;
    if survey.finding.deed == Deed::WriteAnew {
        survey.finding.moved_to = Some(free_place(workshop, topic));
    }
    Ok(survey)
}

fn said(sign: &Sign, list: &List) -> Said {
    let (name, registry) = (sign.current_topic.clone(), sign.registry.clone());
    Said { name, registry, run: sign.run, epoch: sign.epoch, items: list.len() }
}

/// Compares the list with what the registry holds of the same run, number by number.
async fn compare(workshop: &Workshop, survey: &mut Survey) -> Result<(), RepairError> {
    let run = survey.run(workshop);
    let Survey { finding, list, sign, .. } = survey;
    let Some(sign) = sign else { return Ok(()) };
    let of_old_run = sign.registry == workshop.registry && sign.run < finding.registry.run;
    if of_old_run {
        return Ok(());
    }
    let in_list: HashSet<Fingerprint> = list.fingerprints.iter().copied().collect();
    let (mut after, mut alike): (Seq, bool) = (0, true);
    loop {
        let page = workshop.store.attributes(&finding.topic, run, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for attribute in page {
            let line = usize::try_from(attribute.seq - 1).ok().and_then(|index| list.line(index));
            let text = as_line(&attribute.text);
            let same = line == Some(text.as_str());
            alike &= same;
            if alike {
                finding.same = attribute.seq;
            } else if same {
                finding.same_behind += 1;
            } else if !Key::of(&text).is_some_and(|key| in_list.contains(&Fingerprint::of(&key))) {
                finding.renumbered += 1;
            }
            if let Some(line) = line.filter(|_| !same) {
                finding.conflicts += 1;
                if finding.first_conflicts.len() < CONFLICTS {
                    let (seq, in_files) = (attribute.seq, line.to_owned());
                    finding.first_conflicts.push(Conflict { seq, in_files, in_registry: text });
                }
            }
        }
    }
    if finding.same < list.len() {
        finding.only_in_files = Some((finding.same + 1, list.len()));
    } else {
        // What the registry holds more is not in the files yet, and keeps its numbers.
        finding.renumbered = 0;
    }
    Ok(())
}

async fn deed(workshop: &Workshop, survey: &Survey, from: From) -> Result<Deed, StoreError> {
    let Survey { finding, sign, definition, .. } = survey;
    let marked = finding.known.is_some();
    let Some(sign) = sign else {
        return Ok(if marked { Deed::Settle } else { Deed::Nothing });
    };
    let own = sign.registry == workshop.registry;
    // A repair broke off between the log and the record.
    let behind = definition.as_ref().is_some_and(|topic| topic.run < finding.registry.run);
    // A folder in which a leader of an earlier run has written makes room by itself.
    let older = own && sign.run < finding.registry.run;
    let more = finding.only_in_files.is_some() || own && sign.run > finding.registry.run;
    let later = own && !older && sign.epoch > workshop.store.lease().await?.epoch;
    Ok(match from {
        From::Files if more && !older || definition.is_none() || behind => Deed::Restore,
        From::Files if marked || later => Deed::Settle,
        From::Registry if more && !older || marked || later || !own => Deed::WriteAnew,
        From::Files | From::Registry => Deed::Nothing,
    })
}

/// Where a folder can be moved to without anything being replaced there. Not where a fresh start moves folders to: the next one would remove it.
pub(super) fn free_place(workshop: &Workshop, topic: &TopicId) -> PathBuf {
    let replaced = workshop.out.join(".replaced");
    let mut places = (1_u32..).map(|number| replaced.join(format!("{topic}.repair-{number}")));
    places.find(|place| !place.exists()).unwrap_or(replaced)
}
