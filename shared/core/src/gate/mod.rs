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
//! 6. Over time the requests about a topic are shared among its providers by weight, whatever the limits. A provider that is drawn
//!    and keeps up is waited for, and whoever asks about the topic waits for the same one, so that its share does not go to another
//!    that happens to be free. Passed over are those that are paused, stopped, left out, that probe, whose requests are stuck, and
//!    those with a very low rate limit; their share goes to the others by weight. No other topic waits for that.
//! 7. A provider that lately answered fewer than eight of ten requests has less weight, one that answers six of ten a tenth of it, until it answers
//!    again; every 15 s it is tried with its whole weight.
//! 8. What the leader says holds as long as leaders are heard: who rests for all is not asked but for the probe that is this process's to send, and a key that another
//!    process was told to wait with waits here ([`Gates::heed`]).

mod backoff;
mod draw;
mod heeding;
mod pace;
mod provider;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::batch::Outcome;
use crate::command::ProviderReport;
use crate::folder::TopicId;
use crate::time::Monotonic;

use heeding::Heeded;
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

impl Limits {
    /// The configured weight in thousandths; at least one of them where it is above 0.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "float-to-integer casts saturate"
    )]
    fn weight_millis(&self) -> u64 {
        (self.weight * 1e3).ceil() as u64
    }
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

/// Nobody may be asked at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// When the passing of time may help: one becomes ready, or is not waited for any more. `None` where only the end of a request,
    /// or nothing, can.
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

/// Draws that are kept for topics whose provider is waited for; forgetting one means to draw anew.
const MAX_DRAWS: usize = 1_000;

/// The gates of all providers of a process.
#[derive(Clone, Debug)]
pub struct Gates {
    providers: Vec<Gate>,
    /// Of the topics that wait for the provider that was drawn. To draw anew would favour those that are free more often.
    draws: BTreeMap<TopicId, f64>,
    /// Per key group: nothing starts earlier.
    blocked_until: Vec<Monotonic>,
    /// What the leader says.
    heeded: Heeded,
}

impl Gates {
    /// Gates that are all open.
    #[must_use]
    pub fn new(limits: Vec<Limits>) -> Self {
        let groups = limits.iter().map(|limits| limits.key_group + 1).max().unwrap_or(0);
        Self {
            providers: limits.into_iter().map(Gate::new).collect(),
            draws: BTreeMap::new(),
            blocked_until: vec![Monotonic::default(); groups],
            heeded: Heeded::new(groups),
        }
    }

    /// Begins a request about a topic. The provider is drawn by weight, and waited for while it keeps up. `weights` are the topic's, by
    /// provider name; where there are none, the configured ones serve. `random`, uniform in `0..1`, serves unless the topic waits for
    /// an earlier draw. `allowed` leaves providers out by position, for example those that are too dear. Quadratic in the number of
    /// providers.
    ///
    /// # Errors
    /// The wait, when nobody may be asked at this moment.
    pub fn start(
        &mut self,
        topic: &TopicId,
        weights: &BTreeMap<String, f64>,
        random: f64,
        now: Monotonic,
        allowed: &dyn Fn(usize) -> bool,
    ) -> Result<Ticket, Wait> {
        if let Some(index) = self.to_probe(topic, weights, now, allowed)
            && let Some(gate) = self.providers.get_mut(index)
        {
            return Ok(gate.start(index, now));
        }
        let draw = self.draws.remove(topic).unwrap_or(random);
        let (mut until, mut waited_for) = (None, None);
        let (mut busy, mut too_dear) = (false, false);
        let sound = |(index, gate, weight): (usize, &Gate, f64)| (index, weight * gate.soundness(now));
        let weighted = self.candidates(topic, weights).map(sound).collect();
        for index in draw::order(weighted, draw) {
            let Some(gate) = self.providers.get_mut(index) else { continue };
            if !allowed(index) {
                too_dear |= !gate.is_stopped();
                continue;
            }
            let blocked = blocked(&self.blocked_until, gate).max(self.heeded.blocked(gate));
            match (gate.readiness(blocked, self.heeded.until, now), waited_for) {
                (Readiness::Ready, None) => return Ok(gate.start(index, now)),
                // Its turn comes when those before it are not waited for any more.
                (Readiness::Ready, Some(patience)) => until = Some(earlier(until, patience)),
                (Readiness::Full { patience }, _) => {
                    busy = true;
                    waited_for = Some(earlier(waited_for, patience));
                }
                (Readiness::Soon(at), _) => {
                    until = Some(earlier(until, at));
                    waited_for = Some(earlier(waited_for, at));
                }
                (Readiness::At(at), _) => until = Some(earlier(until, at)),
                (Readiness::Busy, _) => busy = true,
                (Readiness::Stopped, _) => {}
            }
        }
        if waited_for.is_some() {
            self.keep_draw(topic, draw);
        }
        let reason = match (until, busy) {
            (_, true) => WaitReason::Busy,
            (Some(_), false) => WaitReason::Paused,
            (None, false) if too_dear => WaitReason::TooDear,
            (None, false) => WaitReason::Nobody(self.why_nobody(topic, weights)),
        };
        Err(Wait { until, reason })
    }

    /// Whether a provider can be asked at once, or is soon to be.
    #[must_use]
    pub fn is_ready_soon(&mut self, index: usize, now: Monotonic) -> bool {
        let Some(gate) = self.providers.get_mut(index) else { return false };
        let blocked = blocked(&self.blocked_until, gate).max(self.heeded.blocked(gate));
        match gate.readiness(blocked, self.heeded.until, now) {
            Readiness::Ready | Readiness::Full { .. } | Readiness::Soon(_) => true,
            Readiness::At(_) | Readiness::Busy | Readiness::Stopped => false,
        }
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
        let gate = self.providers.get_mut(ticket.index())?;
        let blocked = self.blocked_until.get_mut(gate.limits().key_group)?;
        if let Some(wait) = ended.retry_after
            && !ended.outcome.is_answer()
        {
            *blocked = (*blocked).max(backoff::floor(now, wait));
        }
        gate.finish(ticket, topic, ended, random, now, *blocked)
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
            .filter(|name| self.providers.iter().all(|gate| gate.limits().name != *name))
    }

    /// The configured weights.
    #[must_use]
    pub fn weights(&self) -> BTreeMap<String, f64> {
        let limits = self.providers.iter().map(Gate::limits);
        limits.map(|limits| (limits.name.clone(), limits.weight)).collect()
    }

    /// How every provider does, in the order of [`Gates::new`].
    #[must_use]
    pub fn report(&self, now: Monotonic) -> Vec<ProviderReport> {
        let report = |gate: &Gate| {
            let told = blocked(&self.blocked_until, gate);
            gate.report((told.max(self.heeded.blocked(gate)), told), self.heeded.until, now)
        };
        self.providers.iter().map(report).collect()
    }

    /// Requests under way, over all providers.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.providers.iter().map(Gate::in_flight).sum()
    }

    fn candidates(
        &self,
        topic: &TopicId,
        weights: &BTreeMap<String, f64>,
    ) -> impl Iterator<Item = (usize, &Gate, f64)> {
        self.providers.iter().enumerate().filter_map(move |(index, gate)| {
            let weight = weight_of(gate, weights);
            (weight > 0.0 && !gate.is_unable(topic)).then_some((index, gate, weight))
        })
    }

    fn keep_draw(&mut self, topic: &TopicId, draw: f64) {
        if self.draws.len() >= MAX_DRAWS {
            self.draws.pop_first();
        }
        self.draws.insert(topic.clone(), draw);
    }

    fn why_nobody(&self, topic: &TopicId, weights: &BTreeMap<String, f64>) -> String {
        let mut reasons: Vec<String> = Vec::new();
        let any_weight = self.providers.iter().any(|gate| weight_of(gate, weights) > 0.0);
        for gate in &self.providers {
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

/// Until when the key of a provider has to wait.
fn blocked(blocked_until: &[Monotonic], gate: &Gate) -> Monotonic {
    blocked_until.get(gate.limits().key_group).copied().unwrap_or_default()
}

fn earlier(one: Option<Monotonic>, other: Monotonic) -> Monotonic {
    one.map_or(other, |one| one.min(other))
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
