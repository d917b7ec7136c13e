//! How often each attribute was named, and how many were named how often.

use std::collections::BTreeMap;
use std::iter;

use serde::{Deserialize, Serialize};

use crate::ids::Seq;

/// In place of a count that does not fit.
const MANY: u8 = u8::MAX;

/// Counts of sightings by attribute: a byte each, and a few more where an attribute was named 255 times and more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sightings {
    /// The attribute with number `n` stands at `n - 1`.
    #[serde(with = "serde_bytes")]
    few: Vec<u8>,
    many: BTreeMap<Seq, u32>,
    frequencies: BTreeMap<u32, u64>,
    mentions: u64,
}

impl Sightings {
    /// Counts one. Logarithmic in the number of different counts; numbers are from 1.
    pub(super) fn add(&mut self, seq: Seq) {
        let Some(place) = seq.checked_sub(1).and_then(|place| usize::try_from(place).ok()) else { return };
        if place >= self.few.len() {
            self.few.resize(place + 1, 0);
        }
        let before = self.count(seq, place);
        let times = before.saturating_add(1);
        let (mut was_last, mut is_new) = (false, true);
        for (count, number) in self.frequencies.range_mut(before..=times) {
            if *count == times {
                *number += 1;
                is_new = false;
            } else {
                *number -= 1;
                was_last = *number == 0;
            }
        }
        if was_last {
            self.frequencies.remove(&before);
        }
        if is_new {
            self.frequencies.insert(times, 1);
        }
        self.mentions += 1;
    }

    /// Counts one of an attribute; how many there were before.
    fn count(&mut self, seq: Seq, place: usize) -> u32 {
        let Some(few) = self.few.get_mut(place) else { return 0 };
        if *few == MANY {
            let times = self.many.entry(seq).or_insert(u32::from(MANY));
            return std::mem::replace(times, times.saturating_add(1));
        }
        let before = *few;
        *few += 1;
        if *few == MANY {
            self.many.insert(seq, u32::from(MANY));
        }
        u32::from(before)
    }

    /// Responses that named the attribute.
    #[must_use]
    pub fn of(&self, seq: Seq) -> u32 {
        let place = seq.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        match place.and_then(|place| self.few.get(place)) {
            Some(&MANY) => self.many.get(&seq).copied().unwrap_or_default(),
            Some(few) => u32::from(*few),
            None => 0,
        }
    }

    /// Responses that named each attribute, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        iter::zip(1.., &self.few).map(|(seq, _)| self.of(seq))
    }

    /// The last attribute that was named.
    #[must_use]
    pub fn last(&self) -> Seq {
        super::count(self.few.len())
    }

    /// The frequencies of frequencies: how many attributes were named once, twice, …; without those that were not named.
    #[must_use]
    pub const fn frequencies(&self) -> &BTreeMap<u32, u64> {
        &self.frequencies
    }

    /// Attributes that were named once.
    #[must_use]
    pub fn singletons(&self) -> u64 {
        self.frequencies.get(&1).copied().unwrap_or_default()
    }

    /// All sightings together.
    #[must_use]
    pub const fn mentions(&self) -> u64 {
        self.mentions
    }
}
