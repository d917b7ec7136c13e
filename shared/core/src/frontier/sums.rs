//! How many names of a range were named how often, added up.

use serde::{Deserialize, Serialize};

use super::Name;

/// How many names of a place were named how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    twice: u32,
    twice_listed: u32,
    once: u32,
    once_listed: u32,
    listed_once: u32,
    listed: u32,
}

/// How many names of a range were named how often.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    /// By two answers about the whole, and more.
    pub(super) twice: f64,
    /// Of those, the ones that an answer about a part has, too.
    pub(super) twice_listed: f64,
    /// By one answer about the whole.
    pub(super) once: f64,
    /// Of those, the ones that an answer about a part has, too.
    pub(super) once_listed: f64,
    /// By one answer about a part alone.
    pub(super) listed_once: f64,
    /// By several answers about parts, and none about the whole.
    pub(super) listed: f64,
    /// Besides, what was known before anybody was asked.
    pub(super) known: f64,
}

impl Counts {
    /// Takes one in.
    pub(super) const fn put(&mut self, name: Name) {
        let (all, listed) = self.of(name);
        *all += 1;
        if let Some(listed) = listed {
            *listed += 1;
        }
    }

    /// Leaves one out that was taken in.
    pub(super) const fn take(&mut self, name: Name) {
        let (all, listed) = self.of(name);
        *all = all.saturating_sub(1);
        if let Some(listed) = listed {
            *listed = listed.saturating_sub(1);
        }
    }

    /// What a name counts for, one that was named at all.
    const fn of(&mut self, name: Name) -> (&mut u32, Option<&mut u32>) {
        match (name.whole, name.aimed) {
            (0, 0 | 1) => (&mut self.listed_once, None),
            (0, _) => (&mut self.listed, None),
            (1, 0) => (&mut self.once, None),
            (1, _) => (&mut self.once, Some(&mut self.once_listed)),
            (_, 0) => (&mut self.twice, None),
            (_, _) => (&mut self.twice, Some(&mut self.twice_listed)),
        }
    }

    /// Takes in those of another place.
    pub(super) const fn join(&mut self, other: &Self) {
        self.twice += other.twice;
        self.twice_listed += other.twice_listed;
        self.once += other.once;
        self.once_listed += other.once_listed;
        self.listed_once += other.listed_once;
        self.listed += other.listed;
    }

    pub(super) const fn without(self, other: &Self) -> Self {
        Self {
            twice: self.twice - other.twice,
            twice_listed: self.twice_listed - other.twice_listed,
            once: self.once - other.once,
            once_listed: self.once_listed - other.once_listed,
            listed_once: self.listed_once - other.listed_once,
            listed: self.listed - other.listed,
        }
    }

    /// Names that were found.
    pub(super) const fn found(&self) -> u32 {
        self.twice + self.once + self.listed_once + self.listed
    }

    /// Names that answers about the whole named.
    pub(super) const fn whole(&self) -> u32 {
        self.twice + self.once
    }

    pub(super) fn sums(&self) -> Sums {
        Sums {
            twice: self.twice.into(),
            twice_listed: self.twice_listed.into(),
            once: self.once.into(),
            once_listed: self.once_listed.into(),
            listed_once: self.listed_once.into(),
            listed: self.listed.into(),
            known: 0.0,
        }
    }
}

impl Sums {
    pub(super) fn join(&mut self, other: &Self) {
        self.twice += other.twice;
        self.twice_listed += other.twice_listed;
        self.once += other.once;
        self.once_listed += other.once_listed;
        self.listed_once += other.listed_once;
        self.listed += other.listed;
        self.known += other.known;
    }

    /// Names that were found.
    pub(super) fn found(&self) -> f64 {
        self.twice + self.once + self.listed_once + self.listed
    }

    /// Names that answers about a part named.
    pub(super) fn aimed(&self) -> f64 {
        self.twice_listed + self.once_listed + self.listed_once + self.listed
    }

    /// Names that answers about the whole named.
    pub(super) fn whole(&self) -> f64 {
        self.twice + self.once
    }
}
