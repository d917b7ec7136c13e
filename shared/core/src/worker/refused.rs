//! Batches that were put to the dead letters one after the other: who stores nothing is to spend nothing.

use std::time::Duration;

use crate::time::Monotonic;

/// After so long one more request is sent about a topic of which nothing but refusals came.
const REST: Duration = Duration::from_mins(5);

/// Those since the last one that was committed. They take up places, as batches do that are on their way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RefusedInRow {
    count: usize,
    /// When the last of them was, or when one more request was let through.
    at: Monotonic,
    /// One more may be sent, to see whether it is taken.
    tries: bool,
}

impl RefusedInRow {
    pub(super) fn one_more(&mut self, now: Monotonic) {
        *self = Self { count: self.count + 1, at: now, tries: false };
    }

    pub(super) fn pass(&mut self, most_open: usize, now: Monotonic) {
        if self.count >= most_open && now.since(self.at) >= REST {
            (self.at, self.tries) = (now, true);
        }
    }

    /// How many requests and batches may be open at once, of as many as there are places for.
    pub(super) const fn places(&self, most_open: usize) -> usize {
        let left = most_open.saturating_sub(self.count);
        if left == 0 && self.tries { 1 } else { left }
    }

    /// How many there are, where hardly anybody is asked for that; else 0.
    pub(super) fn told(&self, most_open: usize) -> u32 {
        if self.count < most_open { 0 } else { u32::try_from(self.count).unwrap_or(u32::MAX) }
    }
}
