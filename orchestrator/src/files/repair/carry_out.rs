//! What is done about a topic, in an order in which whoever breaks off leaves nothing that cannot be taken up again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use igentai_core::fold::TopicFold;
use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, LogIndex, Run};
use igentai_core::status::TopicStatus;
use igentai_core::time::UnixMillis;
use igentai_core::topic::{EndReason, StartRequest, Topic, TopicState};
use igentai_shared::store::{Head, Rebuilt, Store, StoreError, checkpoints};
use serde_json::Value;

use super::rebuild::{Log, rebuild};
use super::survey::{Survey, free_place};
use super::{Authority, Deed, Finding, From, RepairError, Workshop};
use crate::files::output::{Failed, OutputFile};
use crate::files::owner::{Found, Sign};
use crate::files::{Style, atomic, place, reports};

/// Entries and attributes read at once.
const PAGE: usize = 1_000;

pub(super) async fn carry_out(
    workshop: &Workshop,
    mut survey: Survey,
    authority: &Authority,
) -> Result<Finding, RepairError> {
    let epoch = authority.epoch;
    // Of what has no definition the leader knows nothing, and what is marked he leaves alone.
    let led = authority.leader.as_ref().filter(|_| survey.definition.is_some());
    if let Some(leader) = led {
        let later = survey.sign.as_ref().is_some_and(|sign| {
            let own = sign.registry == workshop.registry;
            own && sign.epoch > epoch
        });
        if survey.finding.known.is_none() && !later {
            return Err(RepairError::Led(leader.to_string()));
        }
    }
    let (store, topic) = (workshop.store.as_ref(), survey.finding.topic.clone());
    let folder = place::folder(&workshop.out, &topic);
    let style = workshop.style(epoch);
    let (mut moved_to, mut files_too) = (None, authority.leader.is_none());
    match survey.finding.deed {
        Deed::Nothing | Deed::Foreign | Deed::Misplaced => return Ok(survey.finding),
        Deed::Restore => {
            mark(workshop, &survey, epoch).await?;
            // Nothing is committed any more: what is found now is what there is.
            survey = super::survey::survey(workshop, &topic, From::Files).await?;
            restore(workshop, &survey, &style, &folder).await?;
        }
        Deed::Settle => {
            files_too &= is_of(&folder, workshop, survey.finding.registry.run)?;
            if survey.sign.is_some() {
                place::sign_anew(&folder, &style)?;
            }
            store.settle(&topic, epoch, None).await?;
        }
        Deed::WriteAnew => {
            let to = free_place(workshop, &topic);
            fs::create_dir_all(workshop.out.join(".replaced"))?;
            fs::rename(&folder, &to)?;
            atomic::sync_folder(&to)?;
            atomic::sync_folder(&folder)?;
            moved_to = Some(to);
            if survey.definition.is_some() || survey.finding.known.is_some() {
                store.settle(&topic, epoch, None).await?;
            }
        }
    }
    complete(workshop, &topic, &style, files_too).await?;
    Ok(Finding { done: true, moved_to, ..survey.finding })
}

/// Whether a folder is empty or was written from this run of this registry. Others are left as they are: a leader moves them aside.
fn is_of(folder: &Path, workshop: &Workshop, run: Run) -> Result<bool, RepairError> {
    let found = Found::look(folder)?;
    Ok(match &found.sign {
        Some(sign) => sign.registry == workshop.registry && sign.run == run,
        None => !found.list,
    })
}

/// Has nothing committed to the topic while its log is rebuilt.
async fn mark(workshop: &Workshop, survey: &Survey, epoch: Epoch) -> Result<(), RepairError> {
    let (held, run) = (survey.finding.registry, survey.run(workshop));
    let listed = Head { run, log_index: 0, attributes: survey.list.len() };
    let more = Head { log_index: held.log_index + 1, ..held };
    let known = if held.is_less_than(&listed) { listed } else { more };
    match workshop.store.claim(&survey.finding.topic, epoch, known).await {
        Err(StoreError::PutBack { .. }) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Err(StoreError::Unavailable("the topic could not be held; try again".to_owned()).into()),
    }
}

async fn restore(
    workshop: &Workshop,
    survey: &Survey,
    style: &Style,
    folder: &Path,
) -> Result<(), RepairError> {
    let Survey { finding, list, sign, definition } = survey;
    let Some(sign) = sign else { return Ok(()) };
    let (store, topic, now) = (workshop.store.as_ref(), &finding.topic, workshop.clock.now().unix);
    let run = survey.run(workshop);
    if finding.only_in_files.is_some() || run != finding.registry.run {
        let Log { from, same, attributes } =
            rebuild(store, topic, run, list, finding.same, style.epoch, now).await?;
        let expected = list.len() + finding.renumbered;
        if attributes != expected {
            let why = format!("{attributes} items came of the {expected} that were found before; try again");
            return Err(StoreError::Unavailable(why).into());
        }
        publish_again(store, topic, run, style.epoch, same).await?;
        place::sign_anew(folder, style)?;
        store.settle(topic, style.epoch, Some(Rebuilt { from, run })).await?;
    } else {
        place::sign_anew(folder, style)?;
        store.settle(topic, style.epoch, None).await?;
    }
    let (record, expected) = match definition {
        Some(topic) if topic.run >= run => return Ok(()),
        Some(topic) => {
            let (version, epoch) = (topic.version + 1, style.epoch);
            (Topic { run, version, epoch, ..topic.clone() }, Some(topic.version))
        }
        None => (from_files(workshop, topic, sign, run, folder)?, None),
    };
    store.put_topic(&record, expected).await?;
    Ok(())
}

/// Has everything published again that is not as it was.
async fn publish_again(
    store: &dyn Store,
    topic: &TopicId,
    run: Run,
    epoch: Epoch,
    same: LogIndex,
) -> Result<(), RepairError> {
    let published = store.checkpoint(topic, run, checkpoints::PUBLISHED).await?;
    let published = published.and_then(|bytes| checkpoints::decode::<LogIndex>(&bytes).ok());
    if published.is_some_and(|published| published > same) {
        let again = BTreeMap::from([(checkpoints::PUBLISHED.to_owned(), checkpoints::encode(&same))]);
        store.save_checkpoints(topic, run, epoch, again).await?;
    }
    Ok(())
}

/// The record of a topic of which only the files are left, to be started again by whoever wants it.
fn from_files(
    workshop: &Workshop,
    id: &TopicId,
    sign: &Sign,
    run: Run,
    folder: &Path,
) -> Result<Topic, RepairError> {
    let now = workshop.clock.now().unix;
    let text = fs::read_to_string(folder.join("topic.txt")).unwrap_or_default();
    let prompt = text.lines().find_map(|line| line.strip_prefix("Prompt: "));
    let prompt = prompt.filter(|prompt| *prompt != sign.current_topic).map(str::to_owned);
    // Files show those of the configuration where a topic has none of its own: they stay none of its own.
    let weights = sign.provider_weights.clone();
    let request = StartRequest {
        name: sign.current_topic.clone(),
        prompt,
        provider_weights: Some(weights).filter(|weights| *weights != workshop.default_weights),
        ..StartRequest::default()
    };
    let topic = Topic::start(None, id.clone(), request, now)
        .map_err(|error| RepairError::List(format!("{}: {error}", folder.display())))?;
    let reason = sign.reason.clone().and_then(|reason| serde_json::from_value(Value::String(reason)).ok());
    let state = TopicState::Ended(reason.unwrap_or(EndReason::Interrupted));
    Ok(Topic { run, state, ended_at: Some(now), ..topic })
}

/// Counts the log, keeps the numbers, and writes the files, unless somebody leads who does.
async fn complete(
    workshop: &Workshop,
    topic: &TopicId,
    style: &Style,
    files_too: bool,
) -> Result<(), RepairError> {
    let store = workshop.store.as_ref();
    let (definition, head) = workshop.in_registry(topic).await?;
    let Some(definition) = definition.filter(|definition| definition.run == head.run) else { return Ok(()) };
    let (run, folder, now) = (head.run, place::folder(&workshop.out, topic), workshop.clock.now().unix);
    let mut fold = TopicFold::default();
    let mut file = if files_too { Some(begin(&folder, &definition, style, now)?) } else { None };
    while fold.log_index() < head.log_index {
        let page = store.log(topic, run, fold.log_index(), PAGE).await?;
        if page.is_empty() {
            return Err(StoreError::Corrupt(format!("the log ends before entry {}", head.log_index)).into());
        }
        for entry in &page {
            fold.apply(entry).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            if let Some(file) = file.as_mut().filter(|_| !entry.is_seeded()) {
                file.push(entry.tail.first_new, entry.tail.new.iter().map(String::as_str));
            }
        }
        file.as_mut().map_or(Ok(()), OutputFile::write).map_err(io_of)?;
    }
    let status = TopicStatus::of(definition, &fold, style.epoch, now);
    if let Some(mut file) = file {
        place::put_in_place(style, topic, &mut file)?;
        reports::write(&folder, &status, style)?;
    }
    let saved = BTreeMap::from([(checkpoints::STATUS.to_owned(), checkpoints::encode(&status))]);
    store.save_checkpoints(topic, run, style.epoch, saved).await?;
    Ok(())
}

/// A new list beside the old one. The sign first, so that no crash leaves a list of which nobody knows where it came from.
fn begin(
    folder: &Path,
    definition: &Topic,
    style: &Style,
    now: UnixMillis,
) -> Result<OutputFile, RepairError> {
    fs::create_dir_all(folder)?;
    if !folder.join("state.json").exists() {
        let nothing = TopicStatus::of(definition.clone(), &TopicFold::default(), style.epoch, now);
        reports::put_up_sign(folder, &nothing, style, true)?;
    }
    Ok(OutputFile::create(&folder.join("output.txt"), style.epoch)?)
}

fn io_of(failed: Failed) -> std::io::Error {
    match failed {
        Failed::Later(error) | Failed::Broken(error) => error,
    }
}
