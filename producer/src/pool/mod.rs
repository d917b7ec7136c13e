//! The providers of a process, shared by all its producers: whoever wants to ask takes a permit here.
//!
//! The decisions are those of [`igentai_core::gate`]; this is the shell that knows the clock, the adapters and the log.

mod build;
mod permit;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use igentai_core::command::{Care, ProviderReport};
use igentai_core::cost::{Cost, Price};
use igentai_core::folder::TopicId;
use igentai_core::gate::{Gates, WaitReason};
use igentai_core::ids::Epoch;
use igentai_core::time::Monotonic;
use igentai_shared::clock::Clock;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::sync::watch;

use crate::provider::{Provider, Question};

pub use build::build;
pub use permit::{Asked, Permit};

/// Tokens of a request that its texts do not show: the schema, the tool, the chat template.
const UNSEEN_INPUT_TOKENS: u64 = 1_024;

/// Why a provider is not asked under a cap on money.
pub const NO_PRICE: &str = "its price is not known, so a cap on money cannot hold; set usd_per_million_input_tokens and \
    usd_per_million_output_tokens (0 if it is free)";

/// How much more a provider weighs than all together when it is preferred.
const PREFERRED: f64 = 1e9;

/// Names in topic weights that were complained of; beyond, no more are.
const MAX_COMPLAINTS: usize = 1_000;

/// The providers of a process. Clones are the same pool.
#[derive(Clone, Debug)]
pub struct ProviderPool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    entries: Vec<Entry>,
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    /// Counts the ends of requests.
    ended: watch::Sender<u64>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    model: String,
    price: Price,
    price_known: bool,
    max_output_tokens: u32,
    max_concurrency: u32,
    provider: Arc<dyn Provider>,
}

#[derive(Debug)]
struct State {
    gates: Gates,
    random: StdRng,
    complained_of: BTreeSet<String>,
}

/// What may be spent on a request.
#[derive(Clone, Copy, Debug)]
pub struct Budget<'a> {
    /// The request.
    pub question: &'a Question,
    /// The most that it may cost.
    pub left: Cost,
}

/// Nobody may be asked at this moment. [`ProviderPool::changed`] waits until trying again makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// When the passing of time may help.
    pub until: Option<Monotonic>,
    /// Why.
    pub reason: WaitReason,
    /// Requests that had ended by then.
    ended: u64,
}

impl Wait {
    /// Until either may have changed.
    pub(crate) fn or(mut self, other: &Self) -> Self {
        self.until = match (self.until, other.until) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self
    }
}

impl ProviderPool {
    /// A permit to ask one question about a topic. The provider is drawn by weight and waited for while it keeps up. `weights` are the
    /// topic's; empty means the configured ones. `random` is uniform in `0..1`.
    pub fn try_start(
        &self,
        topic: &TopicId,
        weights: &BTreeMap<String, f64>,
        random: f64,
    ) -> Result<Permit, Wait> {
        self.start_if(topic, weights, random, &|_| true)
    }

    /// The same among the providers whose worst case is within the budget. Where only the money lacks for who is `preferred`, that is waited for: another one
    /// does not know the same.
    pub fn try_start_within(
        &self,
        topic: &TopicId,
        weights: &BTreeMap<String, f64>,
        random: f64,
        budget: Budget<'_>,
        preferred: Option<&str>,
    ) -> Result<Permit, Wait> {
        if let Some(preferred) = preferred
            && self.lacks_only_money(topic, weights, budget, preferred)
        {
            let ended = *self.shared.ended.borrow();
            return Err(Wait { until: None, reason: WaitReason::TooDear, ended });
        }
        let affordable = |index: usize| {
            self.shared
                .entries
                .get(index)
                .is_some_and(|entry| entry.price_known && entry.worst_case(budget.question) <= budget.left)
        };
        let permit = self.start_if(topic, weights, random, &affordable);
        if matches!(&permit, Err(Wait { reason: WaitReason::TooDear, .. }))
            && let Some(why) = self.no_price_known(topic, weights)
        {
            return permit.map_err(|wait| Wait { reason: WaitReason::Nobody(why), ..wait });
        }
        permit
    }

    /// Whether a provider could be asked, but for the money.
    fn lacks_only_money(
        &self,
        topic: &TopicId,
        weights: &BTreeMap<String, f64>,
        budget: Budget<'_>,
        name: &str,
    ) -> bool {
        let now = self.shared.clock.now().monotonic;
        let is_too_dear = |index: &usize| {
            let entry = self.shared.entries.get(*index).filter(|entry| entry.name == name);
            entry.is_some_and(|entry| entry.price_known && entry.worst_case(budget.question) > budget.left)
        };
        let mut state = self.shared.state();
        let index = state.gates.usable(topic, weights).find(is_too_dear);
        index.is_some_and(|index| state.gates.is_ready_soon(index, now))
    }

    /// Under a cap on money only those can be asked whose price is known.
    fn no_price_known(&self, topic: &TopicId, weights: &BTreeMap<String, f64>) -> Option<String> {
        let state = self.shared.state();
        let mut why = Vec::new();
        for entry in state.gates.usable(topic, weights).filter_map(|index| self.shared.entries.get(index)) {
            if entry.price_known {
                return None;
            }
            why.push(format!("{}: {NO_PRICE}", entry.name));
        }
        Some(why.join("; "))
    }

    /// The weights that make it all but sure that a provider is asked, where it can be.
    pub(crate) fn preferring<'a>(
        &self,
        weights: &'a BTreeMap<String, f64>,
        preferred: Option<&str>,
    ) -> Cow<'a, BTreeMap<String, f64>> {
        let Some(preferred) = preferred else { return Cow::Borrowed(weights) };
        let mut weighted =
            if weights.is_empty() { self.shared.state().gates.weights() } else { weights.clone() };
        let sum: f64 = weighted.values().sum();
        match weighted.get_mut(preferred) {
            Some(weight) if *weight > 0.0 => {
                *weight = sum * PREFERRED;
                Cow::Owned(weighted)
            }
            Some(_) | None => Cow::Borrowed(weights),
        }
    }

    /// Waits until the time that a [`Wait`] names has come or a request has ended since. Where neither can be, it waits for ever.
    pub async fn changed(&self, wait: &Wait) {
        let mut ended = self.shared.ended.subscribe();
        let mut request_ended = std::pin::pin!(ended.wait_for(|ended| *ended != wait.ended));
        let Some(until) = wait.until else {
            drop(request_ended.await);
            return;
        };
        let pause = until.since(self.shared.clock.now().monotonic);
        tokio::select! {
            _ = &mut request_ended => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    /// The worst case of a question about a topic at each provider that may be asked about it now or later, or only at the one that is `preferred`, if that is
    /// one of them.
    #[must_use]
    pub fn worst_cases(
        &self,
        topic: &TopicId,
        weights: &BTreeMap<String, f64>,
        question: &Question,
        preferred: Option<&str>,
    ) -> Vec<Cost> {
        let state = self.shared.state();
        let entries = state.gates.usable(topic, weights).filter_map(|index| self.shared.entries.get(index));
        let priced: Vec<&Entry> = entries.filter(|entry| entry.price_known).collect();
        let preferred = priced.iter().find(|entry| Some(entry.name.as_str()) == preferred);
        match preferred {
            Some(preferred) => vec![preferred.worst_case(question)],
            None => priced.iter().map(|entry| entry.worst_case(question)).collect(),
        }
    }

    /// Requests about a topic that each of so many who share the pool can have under way at once, when all of them ask: at least 1.
    #[must_use]
    pub fn places(&self, topic: &TopicId, weights: &BTreeMap<String, f64>, sharers: u32) -> u32 {
        let state = self.shared.state();
        let entries = state.gates.usable(topic, weights).filter_map(|index| self.shared.entries.get(index));
        let all = entries.fold(0_u32, |all, entry| all.saturating_add(entry.max_concurrency.max(1)));
        all.div_ceil(sharers.max(1)).max(1)
    }

    /// How every provider does, in the order of the configuration.
    #[must_use]
    pub fn report(&self) -> Vec<ProviderReport> {
        self.shared.state().gates.report(self.shared.clock.now().monotonic)
    }

    /// Does as the command of that epoch and version says: who is left alone by all, and which keys wait.
    pub fn heed(&self, care: &[Care], version: (Epoch, u64)) {
        let now = self.shared.clock.now().monotonic;
        self.shared.state().gates.heed(care, version, now);
        // Others who share the pool may be waiting for what has changed.
        self.shared.ended.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The leader is heard: what it said last holds for another while.
    pub fn trust(&self) {
        let now = self.shared.clock.now().monotonic;
        self.shared.state().gates.trust(now);
    }

    /// Requests under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.shared.state().gates.in_flight()
    }

    fn start_if(
        &self,
        topic: &TopicId,
        weights: &BTreeMap<String, f64>,
        random: f64,
        allowed: &dyn Fn(usize) -> bool,
    ) -> Result<Permit, Wait> {
        let mut state = self.shared.state();
        let now = self.shared.clock.now().monotonic;
        state.complain(weights);
        match state.gates.start(topic, weights, random, now, allowed) {
            Ok(ticket) => Ok(Permit::new(Arc::clone(&self.shared), ticket, topic.clone())),
            // Requests end under the lock that is held, so none is missed.
            Err(wait) => {
                Err(Wait { until: wait.until, reason: wait.reason, ended: *self.shared.ended.borrow() })
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics halfway through a change of the state, so it is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn worst_case(&self, question: &Question) -> Cost {
        let input = question.bytes().saturating_add(UNSEEN_INPUT_TOKENS);
        self.price.worst_case(input, u64::from(self.max_output_tokens))
    }
}

impl State {
    fn complain(&mut self, weights: &BTreeMap<String, f64>) {
        let unknown: Vec<String> = self.gates.unknown(weights).map(str::to_owned).collect();
        for name in unknown {
            if self.complained_of.len() < MAX_COMPLAINTS && !self.complained_of.contains(&name) {
                tracing::warn!(provider = %name, "a topic gives weight to a provider that is not configured here");
                self.complained_of.insert(name);
            }
        }
    }

    fn random(&mut self) -> f64 {
        self.random.random()
    }
}

#[cfg(test)]
mod tests;
