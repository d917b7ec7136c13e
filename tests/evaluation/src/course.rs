//! How an enumeration went, request by request.

use std::collections::BTreeSet;

use igentai_core::cost::Cost;
use igentai_core::topic::EndReason;

use crate::quotes::Promise;
use crate::told::Told;

/// What was spent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Requests, answered or not.
    pub requests: u64,
    /// Tokens read and written.
    pub tokens: u64,
    /// Money.
    pub cost: Cost,
}

/// Where it stood after an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What had been spent.
    pub spent: Tally,
    /// Items found, of those that the models know.
    pub found: usize,
    /// What the client said of it.
    pub told: Option<Told>,
}

/// Why it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Enough was found for the report.
    Enough,
    /// The requests were used up.
    UsedUp,
    /// The client ended by itself.
    ByItself(EndReason),
}

/// How an enumeration went.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Items that the models know.
    pub knowable: usize,
    /// After each answer.
    pub steps: Vec<Step>,
    /// Why it ended.
    pub end: End,
    /// Quotes that were asked for.
    pub promises: Vec<Promise>,
}

impl Course {
    /// The first step at which a share of what can be found was found.
    #[must_use]
    pub fn at(&self, share: f64) -> Option<&Step> {
        self.steps.iter().find(|step| step.found >= needed(self.knowable, share))
    }

    /// The share that was found in the end.
    #[must_use]
    pub fn completeness(&self) -> f64 {
        self.steps.last().map_or(0.0, |step| step.found as f64 / self.knowable as f64)
    }
}

/// How many items a share comes to.
pub(crate) fn needed(knowable: usize, share: f64) -> usize {
    (knowable as f64 * share).ceil() as usize
}

/// Notes steps.
#[derive(Debug, Default)]
pub(crate) struct Record {
    steps: Vec<Step>,
    found: BTreeSet<usize>,
}

impl Record {
    pub(crate) fn note(&mut self, spent: Tally, named: impl IntoIterator<Item = usize>, told: Option<Told>) {
        self.found.extend(named);
        self.steps.push(Step { spent, found: self.found.len(), told });
    }

    pub(crate) fn found(&self) -> usize {
        self.found.len()
    }

    pub(crate) fn end(self, knowable: usize, end: End) -> Course {
        Course { knowable, steps: self.steps, end, promises: Vec::new() }
    }
}
