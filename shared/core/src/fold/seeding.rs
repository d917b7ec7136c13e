//! What was known before anybody was asked: neither found nor counted, so that every estimate is about the rest.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Sightings, count};
use crate::ids::{Incarnation, Seq};
use crate::log::{Entry, EntryTail};
use crate::topic::{FIRST_SEED, Seeds};

/// The seeds of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeding {
    count: u64,
    /// The parts of each list that are in the log.
    parts: BTreeMap<Incarnation, u32>,
    /// How often each was named, the first as number 1.
    named: Sightings,
}

impl Seeding {
    /// Takes in an entry of seeds.
    pub(super) fn learn(&mut self, entry: &Entry) {
        self.count += count(entry.tail.new.len());
        *self.parts.entry(entry.head.incarnation).or_default() += 1;
    }

    /// Whether an entry's new numbers are the next ones.
    pub(super) fn is_next(&self, tail: &EntryTail) -> bool {
        tail.new.is_empty() || tail.first_new == FIRST_SEED + self.count
    }

    /// Whether it is the number of a seed.
    pub(super) fn holds(&self, seq: Seq) -> bool {
        seq.checked_sub(FIRST_SEED).is_some_and(|place| place < self.count)
    }

    /// An entry as if nobody had named the seeds in it, and which those are, the first being number 1: they took up room in the answer.
    pub(super) fn without_seeds<'e>(&mut self, entry: &'e Entry) -> (Cow<'e, Entry>, Vec<u64>) {
        let is_seed = |seq: &Seq| *seq >= FIRST_SEED;
        if self.count == 0 || !entry.tail.again.iter().any(is_seed) {
            return (Cow::Borrowed(entry), Vec::new());
        }
        let mut entry = entry.clone();
        let seeds = entry.tail.again.extract_if(.., |seq| is_seed(seq));
        let named: Vec<u64> = seeds.map(|seq| seq - FIRST_SEED + 1).collect();
        for number in &named {
            self.named.add(*number);
        }
        entry.tail.variants.retain(|(seq, _)| !is_seed(seq));
        (Cow::Owned(entry), named)
    }

    /// How many there are, without those that were found already when they were told.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// How often each was named by answers.
    #[must_use]
    pub const fn named(&self) -> &Sightings {
        &self.named
    }

    /// How many of them were named at all.
    #[must_use]
    pub fn met(&self) -> u64 {
        self.named.frequencies().map(|(_, items)| items).sum()
    }

    /// Whether all of a list is in the log.
    #[must_use]
    pub fn has_all(&self, seeds: &Seeds) -> bool {
        self.parts.get(&seeds.incarnation()).copied().unwrap_or_default() >= seeds.parts()
    }
}
