//! How often each attribute was named, and how many were named how often.

use std::collections::BTreeMap;
use std::iter;

use serde::{Deserialize, Serialize};

use crate::ids::Seq;

/// How many were named so often is looked up by its place below this, in a tree from there on.
const COMMON: u32 = 4_096;

/// Counts of sightings by attribute: a byte each, and four more for those numbered before the last that was named 256 times and more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sightings {
    /// The last eight bits of each count; that of the attribute with number `n` stands at `n - 1`.
    #[serde(with = "serde_bytes")]
    low: Vec<u8>,
    /// The other bits, as far as any is set.
    high: Vec<u32>,
    frequencies: Tally,
    mentions: u64,
}

/// How many were named how often.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tally {
    /// By how often, up to the most that there was.
    common: Vec<u64>,
    rare: BTreeMap<u32, u64>,
}

impl Sightings {
    /// Counts one; how often it was named before. Numbers are from 1.
    pub(super) fn add(&mut self, seq: Seq) -> u32 {
        let Some(place) = place(seq) else { return 0 };
        if place >= self.low.len() {
            self.low.resize(place + 1, 0);
        }
        let before = self.at(place);
        let times = before.saturating_add(1);
        self.set(place, times);
        self.frequencies.moved(before, times);
        self.mentions += 1;
        before
    }

    fn set(&mut self, place: usize, times: u32) {
        let [high @ .., low] = times.to_be_bytes();
        if let Some(bits) = self.low.get_mut(place) {
            *bits = low;
        }
        // All others are zero already, whether they stand there or not.
        if low == 0 {
            if place >= self.high.len() {
                self.high.resize(place + 1, 0);
            }
            if let Some(bits) = self.high.get_mut(place) {
                let [first, second, third] = high;
                *bits = u32::from_be_bytes([0, first, second, third]);
            }
        }
    }

    fn at(&self, place: usize) -> u32 {
        let low = self.low.get(place).copied().unwrap_or_default();
        let high = self.high.get(place).copied().unwrap_or_default();
        high << u8::BITS | u32::from(low)
    }

    /// Responses that named the attribute.
    #[must_use]
    pub fn of(&self, seq: Seq) -> u32 {
        place(seq).map_or(0, |place| self.at(place))
    }

    /// Responses that named each attribute, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        (0..self.low.len()).map(|place| self.at(place))
    }

    /// The last attribute that was named.
    #[must_use]
    pub fn last(&self) -> Seq {
        super::count(self.low.len())
    }

    /// The frequencies of frequencies, from the rarest on: how many attributes were named once, twice, …; without those that were not named.
    pub fn frequencies(&self) -> impl Iterator<Item = (u32, u64)> {
        self.frequencies.iter()
    }

    /// Attributes that were named once.
    #[must_use]
    pub fn singletons(&self) -> u64 {
        self.frequencies.common.get(1).copied().unwrap_or_default()
    }

    /// All sightings together.
    #[must_use]
    pub const fn mentions(&self) -> u64 {
        self.mentions
    }
}

impl Tally {
    /// One that was named so often has been named so often now. None is counted that was never named.
    fn moved(&mut self, before: u32, after: u32) {
        if before == after {
            return;
        }
        if before < COMMON {
            if let Some(number) = usize::try_from(before).ok().and_then(|before| self.common.get_mut(before))
            {
                *number = number.saturating_sub(1);
            }
        } else if let Some(number) = self.rare.get_mut(&before) {
            *number = number.saturating_sub(1);
            if *number == 0 {
                self.rare.remove(&before);
            }
        }
        if after >= COMMON {
            *self.rare.entry(after).or_default() += 1;
            return;
        }
        let Ok(place) = usize::try_from(after) else { return };
        if place >= self.common.len() {
            self.common.resize(place + 1, 0);
        }
        if let Some(number) = self.common.get_mut(place) {
            *number += 1;
        }
    }

    fn iter(&self) -> impl Iterator<Item = (u32, u64)> {
        let common = iter::zip(0.., self.common.iter().copied()).filter(|(_, number)| *number > 0);
        common.chain(self.rare.iter().map(|(times, number)| (*times, *number)))
    }
}

fn place(seq: Seq) -> Option<usize> {
    seq.checked_sub(1).and_then(|place| usize::try_from(place).ok())
}
