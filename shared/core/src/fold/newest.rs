//! What the newest answers brought.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::ids::LogIndex;

/// Answers that are remembered.
pub const REMEMBERED: usize = 1_024;

/// The newest answers, refusals and texts without a list left out, and what each has brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newest(pub(super) VecDeque<(LogIndex, u32)>);

/// What some answers have brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brought {
    /// New attributes.
    pub new: u64,
    /// Answers.
    pub answers: u64,
}

impl Brought {
    /// Whether it is less than so many new attributes in a hundred requests.
    #[must_use]
    pub fn is_below(self, per_100_requests: u32) -> bool {
        self.new.saturating_mul(100) < self.answers.saturating_mul(u64::from(per_100_requests))
    }
}

impl Newest {
    /// An answer with so many items that the registry did not hold. One whose text is still to come counts until that turns out to be known.
    pub(super) fn answered(&mut self, at: LogIndex, new: u32) {
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((at, new));
    }

    /// So many of the items whose texts were to come were known.
    pub(super) fn were_known(&mut self, at: LogIndex, known: u32) {
        if let Ok(place) = self.0.binary_search_by_key(&at, |(index, _)| *index)
            && let Some((_, new)) = self.0.get_mut(place)
        {
            *new = new.saturating_sub(known);
        }
    }

    /// What the newest so many answers behind a log entry have brought, of [`REMEMBERED`] at most; `None` while there are fewer.
    #[must_use]
    pub fn of(&self, answers: usize, behind: LogIndex) -> Option<Brought> {
        let wanted = answers.min(REMEMBERED);
        let first = self.0.len().checked_sub(wanted)?;
        let newest = || self.0.iter().skip(first);
        let is_behind = newest().next().is_none_or(|(index, _)| *index > behind);
        let answers = u64::try_from(wanted).unwrap_or(u64::MAX);
        is_behind.then(|| Brought { new: newest().map(|(_, new)| u64::from(*new)).sum(), answers })
    }
}
