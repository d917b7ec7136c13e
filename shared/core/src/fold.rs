//! The fold of a topic's log: every number that is shown or decided on comes from here, so that it can be rebuilt, resumed from a log
//! index and compared with an independent count.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::batch::Outcome;
use crate::cost::Cost;
use crate::ids::{Incarnation, LogIndex, Seq, WorkerId};
use crate::log::{Entry, EntryKind, EntryTail};

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
}

impl Totals {
    /// Requests sent, answered or not.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.responses + self.failed_responses
    }

    fn add(&mut self, kind: &EntryKind, tail: &EntryTail) {
        let (new, again) = (count(tail.new.len()), count(tail.again.len()));
        let (missing, over_cap) = (u64::from(tail.missing), u64::from(tail.over_cap));
        self.attributes += new;
        self.duplicates += again;
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
                self.false_positives += missing;
                // What a service counts is not ours: no number of it makes a sum fall.
                self.input_tokens = self.input_tokens.saturating_add(meta.input_tokens);
                self.output_tokens = self.output_tokens.saturating_add(meta.output_tokens);
                self.cost += meta.cost;
                self.cost_at_risk += meta.charge().saturating_sub(meta.cost);
            }
            EntryKind::Resolution { .. } => self.resolved += new + again + over_cap,
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
            over_cap,
            false_positives,
            resolved,
            input_tokens,
            output_tokens,
            cost,
            cost_at_risk,
            latency_ms,
        } = other;
        self.responses += responses;
        self.failed_responses += failed_responses;
        self.candidates += candidates;
        self.attributes += attributes;
        self.duplicates += duplicates;
        self.rejected += rejected;
        self.over_cap += over_cap;
        self.false_positives += false_positives;
        self.resolved += resolved;
        self.input_tokens += input_tokens;
        self.output_tokens += output_tokens;
        self.cost += cost;
        self.cost_at_risk += cost_at_risk;
        self.latency_ms += latency_ms;
    }
}

/// What one life of a producer has used up, by the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Requests.
    pub requests: u64,
    /// Money, with the worst case of requests whose cost is not known.
    pub cost: Cost,
}

/// The fold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicFold {
    log_index: LogIndex,
    totals: Totals,
    providers: BTreeMap<String, Totals>,
    producers: BTreeMap<WorkerId, Totals>,
    cells: BTreeMap<String, Totals>,
    outcomes: BTreeMap<Outcome, u64>,
    settled: BTreeMap<WorkerId, BTreeMap<Incarnation, Settled>>,
    /// Responses that named each attribute; the attribute with number `n` stands at `n - 1`.
    sightings: Vec<u32>,
    mentions: u64,
    singletons: u64,
    dry_answers: u64,
    unusable_answers: u64,
}

/// An entry that does not follow what is folded already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// There is a hole.
    #[error("log entry {found} does not follow {last}")]
    Hole {
        /// Last entry folded.
        last: LogIndex,
        /// Entry at hand.
        found: LogIndex,
    },
    /// The numbers in the entry contradict those before it.
    #[error("log entry {0} names attributes that cannot exist")]
    Numbers(LogIndex),
}

impl TopicFold {
    /// Takes one entry in. An entry that was taken in already is ignored.
    ///
    /// # Errors
    /// When an entry is left out, or its sequence numbers are not those that follow.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), FoldError> {
        if entry.index <= self.log_index {
            return Ok(());
        }
        if entry.index != self.log_index + 1 {
            return Err(FoldError::Hole { last: self.log_index, found: entry.index });
        }
        self.count_sightings(entry)?;
        self.log_index = entry.index;
        let (kind, tail) = (&entry.head.kind, &entry.tail);
        self.totals.add(kind, tail);
        self.producers.entry(entry.head.producer.clone()).or_default().add(kind, tail);
        if let EntryKind::Response(meta) = kind {
            *self.outcomes.entry(meta.outcome).or_default() += 1;
            self.providers.entry(meta.provider.clone()).or_default().add(kind, tail);
            if let Some(cell) = &meta.cell {
                self.cells.entry(cell.clone()).or_default().add(kind, tail);
            }
            let lives = self.settled.entry(entry.head.producer.clone()).or_default();
            let settled = lives.entry(entry.head.incarnation).or_default();
            settled.requests += 1;
            settled.cost += meta.charge();
            if meta.outcome.is_answer() {
                self.dry_answers = if tail.new.is_empty() { self.dry_answers + 1 } else { 0 };
                // A model that has named everything may well answer with an empty list.
                let unusable = matches!(meta.outcome, Outcome::Refused | Outcome::Unparsable)
                    || (meta.outcome == Outcome::Empty && self.sightings.is_empty());
                self.unusable_answers = if unusable { self.unusable_answers + 1 } else { 0 };
            }
        } else if !tail.new.is_empty() {
            self.dry_answers = 0;
        }
        Ok(())
    }

    fn count_sightings(&mut self, entry: &Entry) -> Result<(), FoldError> {
        let tail = &entry.tail;
        let known = count(self.sightings.len());
        let follows = tail.new.is_empty() || tail.first_new == known + 1;
        let end = known + count(tail.new.len());
        if !follows || tail.again.iter().any(|seq| *seq == 0 || *seq > end) {
            return Err(FoldError::Numbers(entry.index));
        }
        self.sightings.resize(self.sightings.len() + tail.new.len(), 1);
        self.singletons += count(tail.new.len());
        self.mentions += count(tail.new.len() + tail.again.len());
        for seq in &tail.again {
            let place = usize::try_from(seq - 1).ok().and_then(|index| self.sightings.get_mut(index));
            if let Some(times) = place {
                self.singletons -= u64::from(*times == 1);
                *times = times.saturating_add(1);
            }
        }
        Ok(())
    }

    /// Last entry taken in.
    #[must_use]
    pub const fn log_index(&self) -> LogIndex {
        self.log_index
    }

    /// Number of attributes.
    #[must_use]
    pub fn attributes(&self) -> Seq {
        count(self.sightings.len())
    }

    /// Over everything.
    #[must_use]
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// By provider.
    #[must_use]
    pub const fn providers(&self) -> &BTreeMap<String, Totals> {
        &self.providers
    }

    /// By producer.
    #[must_use]
    pub const fn producers(&self) -> &BTreeMap<WorkerId, Totals> {
        &self.producers
    }

    /// By cell.
    #[must_use]
    pub const fn cells(&self) -> &BTreeMap<String, Totals> {
        &self.cells
    }

    /// Responses and failed requests by how they ended.
    #[must_use]
    pub const fn outcomes(&self) -> &BTreeMap<Outcome, u64> {
        &self.outcomes
    }

    /// What one life of a producer has used up.
    #[must_use]
    pub fn settled(&self, producer: &WorkerId, incarnation: Incarnation) -> Settled {
        self.settled.get(producer).and_then(|lives| lives.get(&incarnation)).copied().unwrap_or_default()
    }

    /// Answers in a row, up to the last, that named nothing new.
    #[must_use]
    pub const fn dry_answers(&self) -> u64 {
        self.dry_answers
    }

    /// Answers in a row, up to the last, that were no lists at all: refusals, texts without items, and nothing where nothing was ever
    /// named.
    #[must_use]
    pub const fn unusable_answers(&self) -> u64 {
        self.unusable_answers
    }

    /// Responses that named each attribute, in the order of their numbers.
    #[must_use]
    pub fn sightings(&self) -> &[u32] {
        &self.sightings
    }

    /// The probability that the next mention of an item is of a known one, estimated as `1 - f1 / n` with `f1` the attributes
    /// named once and `n` all mentions (Good, I. J. (1953), "The population frequencies of species and the estimation of population
    /// parameters", Biometrika 40, 237–264), to six places and only 1 when none is. `None` before the first mention.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn coverage(&self) -> Option<f64> {
        // Items beyond a cap were mentioned and are not known.
        let (unknown, mentions) =
            (self.singletons + self.totals.over_cap, self.mentions + self.totals.over_cap);
        let millionth = |share: f64| (share * 1e6).round() / 1e6;
        (mentions > 0).then(|| match unknown {
            0 => 1.0,
            _ => millionth((mentions - unknown) as f64 / mentions as f64).min(0.999_999),
        })
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
