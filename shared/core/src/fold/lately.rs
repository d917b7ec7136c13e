//! What the newest requests took: money and time.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::batch::{Outcome, ResponseMeta};
use crate::cost::Cost;
use crate::ids::LogIndex;
use crate::time::UnixMillis;

/// Requests that are remembered.
const REMEMBERED: usize = 64;

/// Fewer do not say how fast it goes.
const LEAST: usize = 4;

/// Of a model that is slow, at most so many times as many requests are under way as were answered.
const SLOW: f64 = 4.0;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Request {
    at: UnixMillis,
    index: LogIndex,
    new: u64,
    latency_ms: u64,
    cost: Cost,
    is_answered: bool,
    provider: Box<str>,
}

/// The newest requests, answered or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lately {
    newest: VecDeque<Request>,
    /// There were others before.
    is_full: bool,
}

/// What the newest requests brought and took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Yield {
    /// Requests, answered or not.
    pub requests: u64,
    /// Answers with items.
    pub answers: u64,
    /// Items that were new.
    pub new: u64,
    /// Money.
    pub cost: Cost,
    /// Sum of the times until they ended, in milliseconds.
    pub latency_ms: u64,
}

/// What a request took, on average.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// Requests that it is the mean of.
    pub of: f64,
    /// Requests for each answer with items.
    pub for_each_answer: f64,
    /// Providers that were asked.
    pub providers: u64,
    /// Money, in US dollars, and its standard deviation from request to request.
    pub usd: f64,
    /// See [`Self::usd`].
    pub usd_spread: f64,
    /// Seconds from one to the next; `None` before that can be told.
    pub seconds: Option<f64>,
}

impl Lately {
    /// Takes a request in, with so many new items and as many that may be.
    pub(super) fn spent(&mut self, at: UnixMillis, index: LogIndex, meta: &ResponseMeta, new: u64) {
        if self.newest.len() >= REMEMBERED {
            self.newest.pop_front();
            self.is_full = true;
        }
        self.newest.push_back(Request {
            at,
            index,
            new,
            latency_ms: meta.latency_ms,
            cost: meta.cost,
            is_answered: meta.outcome == Outcome::Answered,
            provider: meta.provider.as_str().into(),
        });
    }

    /// So many of the items whose texts were to come were known.
    pub(super) fn were_known(&mut self, at: LogIndex, known: u32) {
        if let Some(request) = self.newest.iter_mut().find(|request| request.index == at) {
            request.new = request.new.saturating_sub(known.into());
        }
    }

    /// The newest so many requests that ended after a log entry, of those that are remembered.
    #[must_use]
    pub fn last(&self, requests: usize, behind: LogIndex) -> Yield {
        let mut sum = Yield::default();
        for request in self.newest.iter().rev().take_while(|request| request.index > behind).take(requests) {
            sum.requests += 1;
            sum.answers += u64::from(request.is_answered);
            sum.new += request.new;
            sum.cost += request.cost;
            sum.latency_ms = sum.latency_ms.saturating_add(request.latency_ms);
        }
        sum
    }

    /// What they took: the money of all of them, the time of those since a moment. `None` before the first answer.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "means of a few")]
    pub fn mean(&self, since: UnixMillis) -> Option<Spent> {
        let answers = self.newest.iter().filter(|request| request.is_answered).count();
        if answers == 0 {
            return None;
        }
        let of = self.newest.len() as f64;
        let weights = self.weights();
        let weighed = || {
            self.newest
                .iter()
                .map(|request| (weights.get(&*request.provider).copied().unwrap_or(1.0), request.cost.usd()))
        };
        let all: f64 = weighed().map(|(weight, _)| weight).sum();
        let usd = weighed().map(|(weight, usd)| weight * usd).sum::<f64>() / all;
        let squares = weighed().map(|(weight, cost)| weight * (cost - usd).powi(2)).sum::<f64>() / all;
        let of_this_start = || self.newest.iter().map(|request| request.at).filter(|at| *at >= since);
        let (first, last, timed) = (of_this_start().min(), of_this_start().max(), of_this_start().count());
        let span = first.zip(last).map_or(0, |(first, last)| last.0.saturating_sub(first.0));
        let seconds =
            (timed >= LEAST && span > 0).then(|| span as f64 / 1_000.0 / (timed.saturating_sub(1)) as f64);
        Some(Spent {
            of,
            for_each_answer: of / answers as f64,
            providers: u64::try_from(weights.len()).unwrap_or(u64::MAX),
            usd,
            usd_spread: squares.sqrt(),
            seconds,
        })
    }

    /// How many requests to a provider each of its answers stands for. At the beginning of a run those to slow ones are under way, so that what has come is
    /// of the quick ones rather.
    #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
    fn weights(&self) -> BTreeMap<&str, f64> {
        let mut by: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for request in &self.newest {
            let (count, waited) = by.entry(&request.provider).or_default();
            (*count, *waited) = (*count + 1.0, *waited + request.latency_ms as f64);
        }
        let sent = |request: &Request| request.at.0.saturating_sub(request.latency_ms);
        let first = self.newest.iter().map(sent).min().unwrap_or_default();
        let last = self.newest.iter().map(|request| request.at.0).max().unwrap_or_default();
        let span = last.saturating_sub(first) as f64;
        let weight = |(count, waited): (f64, f64)| {
            let answering = span - waited / count;
            if self.is_full || answering <= 0.0 { 1.0 } else { (span / answering).min(SLOW) }
        };
        by.into_iter().map(|(provider, sums)| (provider, weight(sums))).collect()
    }
}
