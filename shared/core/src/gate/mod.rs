//! Who may be asked now: limits, rate, health and weights of the providers of one process.
//!
//! One [`Gates`] serves every producer of a process, so that its bounds hold for all of them together. It never waits and never reads
//! a clock: time and randomness are arguments, and the moment when something may change leaves as [`Wait::until`].
//!
//! What holds, whatever happens in whatever order:
//!
//! 1. A provider never has more than its `max_concurrency` requests under way.
//! 2. In any 60 seconds at most `requests_per_minute` of its requests start.
//! 3. Nothing that uses a key starts before the time that the key's service asked for (`Retry-After`) has passed.
//! 4. After a failure there is a pause that grows with the failures in a row; from the third on a single request probes before the
//!    others follow.
//! 5. A stopped provider is never asked.

mod backoff;
mod pace;
mod provider;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::batch::Outcome;
use crate::command::ProviderReport;
use crate::folder::TopicId;
use crate::time::Monotonic;

pub use provider::{Change, Ticket};
use provider::{Gate, Readiness};

/// What is allowed of a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Its name.
    pub name: String,
    /// The model asked, for reports.
    pub model: String,
    /// The operator's prior; used where a topic gives no weights.
    pub weight: f64,
    /// Requests under way at once; 0 counts as 1.
    pub max_concurrency: u32,
    /// Requests that start in any 60 seconds; `None` for no bound, 0 counts as 1.
    pub requests_per_minute: Option<u32>,
    /// Providers of the same group use the same key of the same service: what one is told to wait, all wait.
    pub key_group: usize,
}

/// What a request says of the provider besides its outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// What the outcome says.
    #[default]
    Provider,
    /// Nothing: the service refused an option, and further requests go without it.
    Adapted,
    /// The provider has nothing to say on this topic, now and later.
    Topic,
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// How.
    pub outcome: Outcome,
    /// What it says.
    pub scope: Scope,
    /// The service asks not to be asked again before this has passed.
    pub retry_after: Option<Duration>,
    /// For people: one line without secrets.
    pub detail: &'a str,
}

/// A provider that may be asked at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its position among the limits given to [`Gates::new`].
    pub index: usize,
}

/// Nobody may be asked at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// When the first may become ready by the passing of time; `None` where only the end of a request, or nothing, can help.
    pub until: Option<Monotonic>,
    /// Why.
    pub reason: WaitReason,
}

/// Why nobody may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitReason {
    /// As many requests as allowed are under way.
    Busy,
    /// Rate limits or pauses after failures.
    Paused,
    /// Those that could be asked cost more than is left; more may be granted.
    TooDear,
    /// None will ever be, until an operator changes something: all are stopped, without weight, or have nothing to say on the topic.
    /// The text says so of each.
    Nobody(String),
}

/// The gates of all providers of a process.
#[derive(Clone, Debug)]
pub struct Gates {
    gates: Vec<Gate>,
    /// Per key group: nothing starts earlier.
    blocked_until: Vec<Monotonic>,
}

impl Gates {
    /// Gates that are all open.
    #[must_use]
    pub fn new(limits: Vec<Limits>) -> Self {
        let groups = limits.iter().map(|limits| limits.key_group + 1).max().unwrap_or(0);
        Self {
            gates: limits.into_iter().map(Gate::new).collect(),
            blocked_until: vec![Monotonic::default(); groups],
        }
    }

    /// A weighted choice among those that may be asked now. `weights` are the topic's, by provider name; where there are none, the
    /// configured ones serve. `random` is uniform in `0..1`. `allowed` leaves providers out by position, for example those that are
    /// too dear. Linear in the number of providers.
    #[must_use]
    pub fn choose(
        &self,
        topic: &TopicId,
        weights: &BTreeMap<String, f64>,
        random: f64,
        now: Monotonic,
        allowed: &dyn Fn(usize) -> bool,
    ) -> Option<Choice> {
        let ready: Vec<(usize, f64)> = self
            .candidates(topic, weights)
            .filter(|(index, gate, _)| allowed(*index) && self.readiness(gate, now) == Readiness::Ready)
            .map(|(index, _, weight)| (index, weight))
            .collect();
        let total: f64 = ready.iter().map(|(_, weight)| weight).sum();
        let mut left = random.clamp(0.0, 1.0) * total;
        for (index, weight) in &ready {
            left -= weight;
            if left < 0.0 {
                return Some(Choice { index: *index });
            }
        }
        ready.last().map(|(index, _)| Choice { index: *index })
    }

    /// Begins a request. `None` where the provider may not be asked at this moment.
    pub fn start(&mut self, choice: Choice, now: Monotonic) -> Option<Ticket> {
        let gate = self.gates.get(choice.index)?;
        if self.readiness(gate, now) != Readiness::Ready {
            return None;
        }
        self.gates.get_mut(choice.index).map(|gate| gate.start(choice.index, now))
    }

    /// Ends a request. `random`, uniform in `0..1`, spreads the pause after a failure. The change, if any, is for the log.
    pub fn finish(
        &mut self,
        ticket: Ticket,
        topic: &TopicId,
        ended: &Ended<'_>,
        random: f64,
        now: Monotonic,
    ) -> Option<Change> {
        let gate = self.gates.get_mut(ticket.index())?;
        let blocked = self.blocked_until.get_mut(gate.limits().key_group)?;
        if let Some(wait) = ended.retry_after
            && !ended.outcome.is_answer()
        {
            *blocked = (*blocked).max(backoff::floor(now, wait));
        }
        gate.finish(ticket, topic, ended, random, now, *blocked)
    }

    /// When, and why not now, after [`Gates::choose`] found nobody.
    #[must_use]
    pub fn wait(
        &self,
        topic: &TopicId,
        weights: &BTreeMap<String, f64>,
        now: Monotonic,
        allowed: &dyn Fn(usize) -> bool,
    ) -> Wait {
        let mut until: Option<Monotonic> = None;
        let (mut busy, mut too_dear) = (false, false);
        for (index, gate, _) in self.candidates(topic, weights) {
            if !allowed(index) {
                too_dear |= !gate.is_stopped();
                continue;
            }
            match self.readiness(gate, now) {
                Readiness::Ready => until = Some(now),
                Readiness::At(at) => until = Some(until.map_or(at, |until| until.min(at))),
                Readiness::Busy => busy = true,
                Readiness::Stopped => {}
            }
        }
        let reason = match (until, busy) {
            (_, true) => WaitReason::Busy,
            (Some(_), false) => WaitReason::Paused,
            (None, false) if too_dear => WaitReason::TooDear,
            (None, false) => WaitReason::Nobody(self.why_nobody(topic, weights)),
        };
        Wait { until, reason }
    }

    /// Positions of the providers that may be asked about the topic, now or later.
    pub fn usable(&self, topic: &TopicId, weights: &BTreeMap<String, f64>) -> impl Iterator<Item = usize> {
        self.candidates(topic, weights).filter(|(_, gate, _)| !gate.is_stopped()).map(|(index, ..)| index)
    }

    /// The names in `weights` that no provider has.
    pub fn unknown<'a>(&self, weights: &'a BTreeMap<String, f64>) -> impl Iterator<Item = &'a str> {
        weights
            .keys()
            .map(String::as_str)
            .filter(|name| self.gates.iter().all(|gate| gate.limits().name != *name))
    }

    /// How every provider does, in the order of [`Gates::new`].
    #[must_use]
    pub fn report(&self, now: Monotonic) -> Vec<ProviderReport> {
        self.gates.iter().map(|gate| gate.report(self.blocked(gate), now)).collect()
    }

    /// Requests under way, over all providers.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.gates.iter().map(Gate::in_flight).sum()
    }

    fn candidates(
        &self,
        topic: &TopicId,
        weights: &BTreeMap<String, f64>,
    ) -> impl Iterator<Item = (usize, &Gate, f64)> {
        self.gates.iter().enumerate().filter_map(move |(index, gate)| {
            let weight = weight_of(gate, weights);
            (weight > 0.0 && !gate.is_unable(topic)).then_some((index, gate, weight))
        })
    }

    fn blocked(&self, gate: &Gate) -> Monotonic {
        self.blocked_until.get(gate.limits().key_group).copied().unwrap_or_default()
    }

    fn readiness(&self, gate: &Gate, now: Monotonic) -> Readiness {
        gate.readiness(self.blocked(gate), now)
    }

    fn why_nobody(&self, topic: &TopicId, weights: &BTreeMap<String, f64>) -> String {
        let mut reasons: Vec<String> = Vec::new();
        let any_weight = self.gates.iter().any(|gate| weight_of(gate, weights) > 0.0);
        for gate in &self.gates {
            // Who is not to be asked is worth a word only where nobody is.
            if any_weight && weight_of(gate, weights) <= 0.0 {
                continue;
            }
            let why = if let Some(detail) = gate.stopped_detail() {
                detail
            } else if weight_of(gate, weights) <= 0.0 {
                "has no weight"
            } else if let Some(detail) = gate.unable_detail(topic) {
                detail
            } else {
                continue;
            };
            reasons.push(format!("{}: {why}", gate.limits().name));
        }
        reasons.extend(self.unknown(weights).map(|name| format!("{name}: is not configured here")));
        if reasons.is_empty() { "no provider is configured".to_owned() } else { reasons.join("; ") }
    }
}

/// The weight that counts; anything that is no positive number is none.
fn weight_of(gate: &Gate, weights: &BTreeMap<String, f64>) -> f64 {
    let weight = if weights.is_empty() {
        gate.limits().weight
    } else {
        weights.get(&gate.limits().name).copied().unwrap_or(0.0)
    };
    if weight.is_finite() { weight.max(0.0) } else { 0.0 }
}

#[cfg(test)]
mod tests;
