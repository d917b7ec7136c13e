//! The sums.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::{Marks, count};
use crate::cost::Cost;
use crate::log::{EntryKind, EntryTail};
use crate::seeded::{Bug, is_on};

/// Sums over responses.
///
/// `candidates = attributes + duplicates + over_cap + unresolved false positives`, where those last are
/// `false_positives - resolved`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Requests that a model answered, whatever the answer was worth.
    pub responses: u64,
    /// Requests without an answer.
    pub failed_responses: u64,
    /// Items that models named, the repeated ones included, the rejected ones not.
    pub candidates: u64,
    /// Items that were new.
    pub attributes: u64,
    /// Items that were known, or named twice in one answer.
    pub duplicates: u64,
    /// Strings of answers that are no items.
    pub rejected: u64,
    /// Items that did not fit the topic's rules.
    #[serde(default)]
    pub rejected_by_rule: u64,
    /// New items beyond the cap on attributes.
    pub over_cap: u64,
    /// Sightings that the registry did not hold.
    pub false_positives: u64,
    /// False positives whose text was sent afterwards.
    pub resolved: u64,
    /// Tokens of prompts, as the services counted them.
    pub input_tokens: u64,
    /// Tokens of answers, as the services counted them.
    pub output_tokens: u64,
    /// Money that answered requests cost.
    pub cost: Cost,
    /// Worst case of the requests whose cost is not known, since no answer came or the service counted no tokens.
    pub cost_at_risk: Cost,
    /// Sum of the latencies of answered requests.
    pub latency_ms: u64,
    /// Items that answers about a part of the alphabet named, known ones from the beginning left out.
    #[serde(default)]
    pub aimed: u64,
    /// Of those, the ones that are in their part.
    #[serde(default)]
    pub fitting: u64,
    /// Items named again that another producer had named first.
    #[serde(default)]
    pub of_others: u64,
    /// Known items that questions said to leave out.
    #[serde(default)]
    pub left_out: u64,
    /// Of those, the ones that the answers named all the same.
    #[serde(default)]
    pub copied: u64,
}

impl Totals {
    /// Requests sent, answered or not.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.responses + self.failed_responses
    }

    pub(super) fn add(&mut self, kind: &EntryKind, tail: &EntryTail, marks: Marks) {
        if matches!(kind, EntryKind::Seeded) {
            return;
        }
        self.aimed += marks.aimed;
        self.fitting += marks.fitting;
        self.of_others += marks.of_others;
        let (new, again) = (count(tail.new.len()), count(tail.again.len()));
        let (missing, over_cap) = (u64::from(tail.missing), u64::from(tail.over_cap));
        self.attributes += new;
        self.duplicates += if is_on(Bug::RepeatsUncounted) { 0 } else { again };
        self.over_cap += over_cap;
        match kind {
            EntryKind::Response(meta) => {
                if meta.outcome.is_answer() {
                    self.responses += 1;
                    self.latency_ms = self.latency_ms.saturating_add(meta.latency_ms);
                } else {
                    self.failed_responses += 1;
                }
                let repeated = u64::from(meta.repeated);
                self.candidates += new + again + missing + over_cap + repeated;
                self.duplicates += repeated;
                self.rejected += u64::from(meta.rejected);
                self.left_out += u64::from(meta.left_out);
                self.copied += u64::from(meta.copied.min(meta.left_out));
                self.rejected_by_rule += u64::from(meta.rejections.by_rule());
                self.false_positives += missing;
                // What a service counts is not ours: no number of it makes a sum fall.
                self.input_tokens = self.input_tokens.saturating_add(meta.input_tokens);
                self.output_tokens = self.output_tokens.saturating_add(meta.output_tokens);
                self.cost += meta.cost;
                self.cost_at_risk += meta.charge().saturating_sub(meta.cost);
            }
            EntryKind::Resolution { .. } => self.resolved += new + again + over_cap,
            EntryKind::Seeded => {}
        }
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        let Self {
            responses,
            failed_responses,
            candidates,
            attributes,
            duplicates,
            rejected,
            rejected_by_rule,
            over_cap,
            false_positives,
            resolved,
            input_tokens,
            output_tokens,
            cost,
            cost_at_risk,
            latency_ms,
            aimed,
            fitting,
            of_others,
            left_out,
            copied,
        } = other;
        self.responses += responses;
        self.failed_responses += failed_responses;
        self.candidates += candidates;
        self.attributes += attributes;
        self.duplicates += duplicates;
        self.rejected += rejected;
        self.rejected_by_rule += rejected_by_rule;
        self.over_cap += over_cap;
        self.false_positives += false_positives;
        self.resolved += resolved;
        self.input_tokens += input_tokens;
        self.output_tokens += output_tokens;
        self.cost += cost;
        self.cost_at_risk += cost_at_risk;
        self.latency_ms = self.latency_ms.saturating_add(latency_ms);
        self.aimed += aimed;
        self.fitting += fitting;
        self.of_others += of_others;
        self.left_out += left_out;
        self.copied += copied;
    }
}
