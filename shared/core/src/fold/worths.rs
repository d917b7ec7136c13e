//! What each provider is worth: how many new items its answers bring of late, what they take, and how much of what it says nobody else has said.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::strata::Strata;
use crate::batch::ResponseMeta;
use crate::ids::Seq;

/// Means are of about so many requests, or answers, the newest ones counting most.
const LATELY: u64 = 16;

/// Means are kept in millionths, so that every machine has the same.
const UNIT: u64 = 1_000_000;

/// What a provider's requests brought and took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worth {
    requests: u64,
    answers: u64,
    mentions: u64,
    /// Items that one answer alone has named so far, and that is one of this provider's.
    once: u64,
    /// In millionths: requests that were answered.
    answered: u64,
    /// In millionths: new items of an answer.
    new: u64,
    /// In picodollars: what an answer takes from a cap.
    cost: u64,
    /// Milliseconds until an answer is there.
    latency: u64,
}

/// A mean over the newest values, and over all of the first ones.
fn mean(before: u64, value: u64, number: u64) -> u64 {
    let of = number.clamp(1, LATELY);
    // Rounded, so that it comes to rest at a value that stays the same.
    (before.saturating_mul(of - 1).saturating_add(value).saturating_add(of / 2)) / of
}

#[expect(clippy::cast_precision_loss, reason = "means and counts far below 2^53")]
impl Worth {
    /// Requests, answered or not.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    /// Answers.
    #[must_use]
    pub const fn answers(&self) -> u64 {
        self.answers
    }

    /// Items that its answers named, counted as often as they did: the draws of a discovery problem.
    #[must_use]
    pub const fn mentions(&self) -> u64 {
        self.mentions
    }

    /// Items that one answer alone has named so far, one of its own.
    #[must_use]
    pub const fn once(&self) -> u64 {
        self.once
    }

    /// Items that an answer names.
    #[must_use]
    pub fn mentions_of_an_answer(&self) -> f64 {
        self.mentions as f64 / self.answers.max(1) as f64
    }

    /// New items of an answer, of late.
    #[must_use]
    pub fn new_items(&self) -> f64 {
        self.new as f64 / UNIT as f64
    }

    /// Share of requests that are answered, of late.
    #[must_use]
    pub fn answered(&self) -> f64 {
        self.answered as f64 / UNIT as f64
    }

    /// US dollars that an answer takes, of late.
    #[must_use]
    pub fn usd(&self) -> f64 {
        self.cost as f64 / 1e12
    }

    /// Seconds until an answer is there, of late.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.latency as f64 / 1e3
    }
}

/// By provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Worths(BTreeMap<String, Worth>);

impl Worths {
    pub(super) const fn all(&self) -> &BTreeMap<String, Worth> {
        &self.0
    }

    /// A request has ended, with so many new items and as many that may be.
    pub(super) fn ended(&mut self, meta: &ResponseMeta, new: u64) {
        let worth = self.0.entry(meta.provider.clone()).or_default();
        worth.requests += 1;
        let is_answer = meta.outcome.is_answer();
        worth.answered = mean(worth.answered, if is_answer { UNIT } else { 0 }, worth.requests);
        if is_answer {
            worth.answers += 1;
            worth.cost = mean(worth.cost, meta.charge().picodollars(), worth.answers);
            worth.new = mean(worth.new, new.saturating_mul(UNIT), worth.answers);
            worth.latency = mean(worth.latency, meta.latency_ms, worth.answers);
        }
    }

    /// A provider has named so many items.
    pub(super) fn named(&mut self, provider: &str, items: u64) {
        if let Some(worth) = self.0.get_mut(provider) {
            worth.mentions += items;
        }
    }

    /// A provider has named an item that nobody, or one answer alone, had named before, by those whose sightings are counted apart.
    pub(super) fn first_named(&mut self, provider: &str, seq: Seq, before: u32, apart: &Strata) {
        let Some(worth) = self.0.get_mut(provider) else { return };
        if before == 0 {
            worth.once += u64::from(apart.takes(provider));
            return;
        }
        let first = apart.all().iter().find(|(_, sightings)| sightings.of(seq) > 0).map(|(name, _)| name);
        if let Some(worth) = first.and_then(|name| self.0.get_mut(name)) {
            worth.once = worth.once.saturating_sub(1);
        }
    }
}
