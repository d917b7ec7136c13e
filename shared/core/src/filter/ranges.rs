//! A set of numbers kept as ranges.

use std::collections::BTreeMap;

/// Which log entries are held: disjoint inclusive ranges that do not touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    ranges: BTreeMap<u64, u64>,
}

impl Ranges {
    /// Adds `from..=to`; logarithmic in the number of ranges. An empty range adds nothing.
    pub fn insert(&mut self, from: u64, to: u64) {
        if from > to {
            return;
        }
        let (mut from, mut to) = (from, to);
        if let Some((start, end)) = self.ranges.range(..=from).next_back().map(|(start, end)| (*start, *end))
            && end.saturating_add(1) >= from
        {
            from = start;
            to = to.max(end);
        }
        while let Some((start, end)) =
            self.ranges.range(from..=to.saturating_add(1)).next().map(|(s, e)| (*s, *e))
        {
            self.ranges.remove(&start);
            to = to.max(end);
        }
        self.ranges.insert(from, to);
    }

    /// Whether any number of `from..=to` is held.
    #[must_use]
    pub fn meets(&self, from: u64, to: u64) -> bool {
        self.ranges.range(..=to).next_back().is_some_and(|(_, end)| *end >= from)
    }

    /// The last number up to which everything from 1 is held; 0 when 1 is not.
    #[must_use]
    pub fn complete_to(&self) -> u64 {
        self.ranges.first_key_value().filter(|(start, _)| **start <= 1).map_or(0, |(_, end)| *end)
    }

    /// The largest number held; 0 for none.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.ranges.last_key_value().map_or(0, |(_, end)| *end)
    }

    /// The ranges, both ends included, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ranges.iter().map(|(from, to)| (*from, *to))
    }

    /// Number of separate ranges.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}
