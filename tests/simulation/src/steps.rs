//! What must hold at every single step: whoever takes it is judged there and then, not by what comes of it in the end.

use std::collections::{BTreeMap, BTreeSet};

use igentai_core::batch::{BatchId, Receipt, Verdict};
use igentai_core::command::Command;
use igentai_core::ids::{Epoch, LogIndex, Seq};
use igentai_core::key::Fingerprint;
use igentai_core::topic::FIRST_SEED;
use igentai_shared::store::{Commit, CommitOutcome};
use igentai_shared::wire::{FilterDelta, NewAttributes, Published};

use crate::deeds::STRANGER;
use crate::witness::LifeId;

/// What was committed, as the store answered it.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// What each batch came to at first.
    verdicts: BTreeMap<(LifeId, u64), Verdict>,
    /// Of each entry: when it was made, and what it brought.
    entries: BTreeMap<LogIndex, Made>,
    attributes: BTreeMap<Seq, String>,
    commands: BTreeMap<(LifeId, Epoch), u64>,
    /// Messages put to the dead letters.
    buried: BTreeSet<String>,
    /// A stranger's batches that can be read out of poison, and the message.
    strange: BTreeMap<u64, String>,
    /// Entries whose fingerprints the broker has confirmed.
    announced: BTreeSet<LogIndex>,
    /// Attributes whose texts the broker has confirmed.
    told: BTreeSet<Seq>,
}

#[derive(Debug)]
struct Made {
    at: u64,
    fingerprints: BTreeSet<Fingerprint>,
    /// In the order of their numbers.
    numbered: Vec<(Seq, Fingerprint)>,
}

fn name(id: &BatchId) -> (LifeId, u64) {
    ((id.producer.to_string(), id.incarnation), id.seq)
}

impl Steps {
    /// When an entry was made.
    pub(crate) fn made_at(&self, index: LogIndex) -> Option<u64> {
        self.entries.get(&index).map(|made| made.at)
    }

    /// The store has committed a batch.
    pub(crate) fn commit(&mut self, commit: &Commit, outcome: &CommitOutcome, at: u64) -> Result<(), String> {
        let id = name(&commit.id);
        let Verdict::Committed(committed) = &outcome.verdict else {
            let known = self.verdicts.contains_key(&id);
            return if known {
                Ok(())
            } else {
                Err(format!("3: {id:?} is {:?} and was never committed", outcome.verdict))
            };
        };
        if !outcome.fresh {
            let same = self.verdicts.get(&id) == Some(&outcome.verdict);
            return if same {
                Ok(())
            } else {
                Err(format!("3: {id:?} came again and was answered otherwise"))
            };
        }
        if self.verdicts.insert(id.clone(), outcome.verdict.clone()).is_some() {
            return Err(format!("3: {id:?} was applied twice"));
        }
        let last = self.entries.last_key_value().map_or(0, |(index, _)| *index);
        if last != 0 && committed.log_index != last + 1 {
            return Err(format!("2: entry {} was made after {last}", committed.log_index));
        }
        let brought = outcome.new.iter().map(|named| named.fingerprint);
        let numbered = (committed.first_new..).zip(brought.clone()).collect();
        self.entries.insert(committed.log_index, Made { at, fingerprints: brought.collect(), numbered });
        for (seq, named) in (committed.first_new..).zip(&outcome.new) {
            // Seeds are numbered by themselves.
            let alike = if seq < FIRST_SEED { 1..FIRST_SEED } else { FIRST_SEED..Seq::MAX };
            let before = self.attributes.range(alike).next_back().map_or(seq - 1, |(last, _)| *last);
            if seq != before + 1 {
                return Err(format!("2: attribute {seq} was numbered after {before}"));
            }
            self.attributes.insert(seq, named.text.clone());
        }
        Ok(())
    }

    /// A stranger sends a batch that nobody can integrate.
    pub(crate) fn strange(&mut self, seq: u64, message: &str) {
        self.strange.insert(seq, message.to_owned());
    }

    /// Whether a batch is in a message that was put to the dead letters before.
    fn is_buried(&self, id: &BatchId) -> bool {
        let message = self.strange.get(&id.seq).filter(|_| id.producer.as_str() == STRANGER);
        message.is_some_and(|message| self.buried.contains(message))
    }

    /// A receipt is on its way.
    pub(crate) fn receipt(&self, receipt: &Receipt) -> Result<(), String> {
        let id = name(&receipt.id);
        match (&receipt.verdict, self.verdicts.get(&id)) {
            (Verdict::Committed(_), known) if known == Some(&receipt.verdict) => Ok(()),
            (Verdict::Settled, Some(_)) => Ok(()),
            (Verdict::Refused { .. }, None) if self.is_buried(&receipt.id) => Ok(()),
            (verdict, known) => Err(format!("3: {id:?} is told {verdict:?}, the store said {known:?}")),
        }
    }

    /// A delta is on its way.
    pub(crate) fn delta(&self, delta: &FilterDelta) -> Result<(), String> {
        if delta.from > delta.to {
            return Ok(());
        }
        let range = || self.entries.range(delta.from..=delta.to);
        let brought: BTreeSet<Fingerprint> =
            range().flat_map(|(_, made)| made.fingerprints.iter().copied()).collect();
        let told: BTreeSet<Fingerprint> = delta.fingerprints.iter().copied().collect();
        // What was there before the run began was committed by nobody here.
        let known = range().count() as u64 == delta.to - delta.from + 1;
        if known && told != brought {
            return Err(format!(
                "6: the delta of {} to {} has {} fingerprints, brought were {}",
                delta.from,
                delta.to,
                told.len(),
                brought.len()
            ));
        }
        let numbered = range().flat_map(|(_, made)| made.numbered.iter().copied());
        if known && delta.first > 0 && !numbered.eq((delta.first..).zip(delta.fingerprints.iter().copied())) {
            return Err(format!("6: the delta of {} to {} gives other numbers", delta.from, delta.to));
        }
        Ok(())
    }

    /// The broker has confirmed a delta.
    pub(crate) fn announced(&mut self, from: LogIndex, to: LogIndex) {
        self.announced.extend(from..=to);
    }

    /// The broker has confirmed that attributes are told.
    pub(crate) fn told(&mut self, event: &NewAttributes) {
        self.told.extend((event.first..).take(event.texts.len()));
    }

    /// The first entry and the first attribute that nobody was ever told of.
    pub(crate) fn untold(&self, entries: LogIndex, attributes: Seq) -> (Option<LogIndex>, Option<Seq>) {
        let entry = (1..=entries).find(|index| !self.announced.contains(index));
        (entry, (1..=attributes).find(|seq| !self.told.contains(seq)))
    }

    /// New attributes are on their way.
    pub(crate) fn event(&self, event: &NewAttributes) -> Result<(), String> {
        for (seq, text) in (event.first..).zip(&event.texts) {
            if self.attributes.get(&seq).is_some_and(|known| known != text) {
                return Err(format!("2: attribute {seq} is told as `{text}`"));
            }
        }
        Ok(())
    }

    /// An integrator says that entries are published.
    pub(crate) fn published(&self, note: &Published) -> Result<(), String> {
        let missing = (note.from..=note.to).find(|index| !self.announced.contains(index));
        missing.map_or(Ok(()), |index| Err(format!("6: entry {index} is said to be published and never was")))
    }

    /// A command is on its way.
    pub(crate) fn command(&mut self, producer: &str, command: &Command) -> Result<(), String> {
        let of = ((producer.to_owned(), command.incarnation), command.epoch);
        let before = self.commands.insert(of, command.version).unwrap_or(0);
        if command.version < before {
            return Err(format!(
                "7: command {} of epoch {} was given after {before}",
                command.version, command.epoch
            ));
        }
        Ok(())
    }

    /// A message is put to the dead letters.
    pub(crate) fn buried(&mut self, message: &str) {
        self.buried.insert(message.to_owned());
    }

    /// A message with these batches is acknowledged.
    pub(crate) fn acknowledged(&self, message: &str, batches: &[BatchId]) -> Result<(), String> {
        if self.buried.contains(message) {
            return Ok(());
        }
        let open = batches.iter().find(|id| !self.verdicts.contains_key(&name(id)));
        open.map_or(Ok(()), |id| Err(format!("1: {:?} is acknowledged and was not committed", name(id))))
    }
}
