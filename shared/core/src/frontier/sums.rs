//! How many names of a range were named how often, added up.

use super::{MANY, Table};

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

impl Sums {
    pub(super) fn of(table: &Table) -> Self {
        let [never, once, several @ ..] = table;
        let repeated = |row: &[u32; MANY as usize + 1]| row[1] + row[2] + row[3];
        Self {
            twice: f64::from(several.iter().map(|row| row[0] + repeated(row)).sum::<u32>()),
            twice_listed: f64::from(several.iter().map(repeated).sum::<u32>()),
            once: f64::from(once[0] + repeated(once)),
            once_listed: f64::from(repeated(once)),
            listed_once: f64::from(never[1]),
            listed: f64::from(never[2] + never[3]),
            known: 0.0,
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        self.twice += other.twice;
        self.twice_listed += other.twice_listed;
        self.once += other.once;
        self.once_listed += other.once_listed;
        self.listed_once += other.listed_once;
        self.listed += other.listed;
        self.known += other.known;
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self {
            twice: self.twice - other.twice,
            twice_listed: self.twice_listed - other.twice_listed,
            once: self.once - other.once,
            once_listed: self.once_listed - other.once_listed,
            listed_once: self.listed_once - other.listed_once,
            listed: self.listed - other.listed,
            known: self.known - other.known,
        }
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
