//! Which provider is asked how often, where requests are about the whole topic: the operator's weights are where it begins, and what requests bring for what they
//! take moves them.
//!
//! Two policies. **Good-UCB** (Bubeck, S., Ernst, D. and Garivier, A. (2013), "Optimal discovery with probabilistic expert advice: finite time analysis and macroscopic
//! optimality", Journal of Machine Learning Research 14, 601–623) asks whoever may still have most that nobody has named: of provider *i* with `n` mentions, of which `u` are
//! of items that were named once over all and by it, the probability that its next mention is new is about `u / n` (Good and Turing), and at most
//! `u / n + c √(ln 4t / n)` with `t` mentions over all. Times the mentions of an answer, that is new items for an answer. **EWMA** goes by
//! what its newest answers brought. Either is divided by what an answer costs; where nobody costs anything, by the time that it takes.
//!
//! Requests that fail count for nothing here: each producer's gates see to that within seconds ([`crate::gate`]), and whoever is well again has the share that its answers are worth.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::estimate::Incidence;
use crate::fold::{TopicFold, Worth};
use crate::ids::LogIndex;

pub mod what_if;

/// How providers are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// By what may still be discovered.
    #[default]
    GoodUcb,
    /// By what the newest answers brought.
    Ewma,
    /// By the operator's weights, whatever comes of it.
    Fixed,
}

impl Policy {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::GoodUcb, Self::Ewma, Self::Fixed];

    /// A stable name for files and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GoodUcb => "good_ucb",
            Self::Ewma => "ewma",
            Self::Fixed => "fixed",
        }
    }

    /// In words, for people.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::GoodUcb => "by what each may still have that nobody has named",
            Self::Ewma => "by what its newest answers brought",
            Self::Fixed => "by the weights",
        }
    }
}

/// Log entries after which shares are looked at again.
pub const EVERY: LogIndex = 8;

/// `c`. The proof takes a larger one; so low it is quicker to leave who repeats itself, and on the scripted worlds it lost nothing.
const CURIOSITY: f64 = 0.005;

/// The next requests that are shared out at once: what each of them would bring depends on those before.
const SHARED_OUT: u32 = 40;

/// So many answers of each provider weigh as much as the operator's weights.
pub(crate) const PRIOR: f64 = 4.0;

/// Who answered less often is not known.
const LEAST_ANSWERS: u64 = 2;

/// Nobody's share falls below this, of an equal one, so that who gets better is noticed.
const LEAST: f64 = 0.1;

/// Who takes so many times as long as is usual is asked less.
pub(crate) const SLOW: f64 = 4.0;

/// Who brings nothing any more is taken to bring so many items with an answer, so that where nobody does the cheap one is asked.
const HARDLY_ANY: f64 = 0.02;

/// Answers within which what a provider brings is taken to halve.
const LATELY: f64 = 16.0;

/// A provider without a price is taken to cost this share of what one with a price does: somebody pays for it.
pub(crate) const FREE: f64 = 0.05;

/// What an answer of a provider is thought to bring and to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// New items.
    pub new: f64,
    /// US dollars.
    pub usd: f64,
    /// Seconds.
    pub seconds: f64,
    /// Share of requests that are answered.
    pub answered: f64,
}

/// How requests are shared among providers, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Routed {
    /// How that was decided.
    pub policy: Policy,
    /// The operator's weights.
    pub prior: BTreeMap<String, f64>,
    /// Shares, together 1, in thousandths.
    pub weights: BTreeMap<String, f64>,
    /// What was known of those that had been asked.
    #[serde(default)]
    pub expected: BTreeMap<String, Expected>,
}

/// A provider that is to have a share.
struct Candidate<'a> {
    name: &'a str,
    prior: f64,
    worth: Option<&'a Worth>,
    /// What it has named is counted apart.
    is_apart: bool,
    /// Items of its own that are made up, by an estimate: nobody will ever name them again, and they look as if much were still to be found.
    made_up: f64,
    /// Requests that it was given while they are shared out.
    given: u32,
}

impl Routed {
    /// Shares by what a log says.
    #[must_use]
    pub fn by(policy: Policy, fold: &TopicFold, prior: &BTreeMap<String, f64>) -> Self {
        let all: f64 = prior.values().filter(|weight| **weight > 0.0).sum();
        let mut candidates: Vec<Candidate<'_>> = prior
            .iter()
            .filter(|(_, weight)| **weight > 0.0)
            .map(|(name, weight)| Candidate {
                name,
                prior: weight / all,
                worth: fold.worths().get(name).filter(|worth| worth.requests() > 0),
                is_apart: fold.sightings_by_provider().contains_key(name),
                made_up: made_up(fold, name),
                given: 0,
            })
            .collect();
        let expected =
            candidates.iter().filter_map(|one| Some((one.name.to_owned(), one.expected()?))).collect();
        let shares = match policy {
            Policy::Fixed => candidates.iter().map(|one| one.prior).collect(),
            Policy::GoodUcb | Policy::Ewma => shares(policy, &mut candidates),
        };
        let weights =
            candidates.iter().zip(shares).map(|(one, share)| (one.name.to_owned(), thousandths(share)));
        Self { policy, prior: prior.clone(), weights: weights.collect(), expected }
    }

    /// Whether they are worth telling: some share differs by so much, or they go by something else.
    #[must_use]
    pub fn differs(&self, before: &Self, threshold: f64) -> bool {
        (self.policy, &self.prior) != (before.policy, &before.prior) || self.has_moved(before, threshold)
    }

    /// Whether some share differs by so much.
    #[must_use]
    pub fn has_moved(&self, before: &Self, threshold: f64) -> bool {
        let share = |routed: &Self, name: &String| routed.weights.get(name).copied().unwrap_or_default();
        let by = |name: &String| (share(self, name) - share(before, name)).abs();
        self.weights.keys().any(|name| by(name) > 0.0 && by(name) >= threshold)
    }
}

fn made_up(fold: &TopicFold, provider: &str) -> f64 {
    let answers = fold.worths().get(provider).map_or(0, Worth::answers);
    let sightings = fold.sightings_by_provider().get(provider);
    let said = sightings.and_then(|sightings| Incidence::of(answers, sightings).estimate());
    said.map_or(0.0, |said| said.estimate.made_up)
}

fn thousandths(share: f64) -> f64 {
    (share * 1e3).round() / 1e3
}

/// What policy and operator come to together. Of who hardly answered nothing is known, so that the operator's word alone counts for it.
#[expect(clippy::cast_precision_loss, reason = "counts of answers")]
fn shares(policy: Policy, candidates: &mut [Candidate<'_>]) -> Vec<f64> {
    let is_known = |one: &Candidate<'_>| one.worth.is_some_and(|worth| worth.answers() >= LEAST_ANSWERS);
    let known = candidates.iter().filter(|one| is_known(one)).count();
    if known < 2 {
        return candidates.iter().map(|one| one.prior).collect();
    }
    share_out(policy, candidates, is_known);
    // One that failed ever since is known as well as the others.
    let requests = |one: &Candidate<'_>| one.worth.map_or(0, Worth::requests) as f64;
    let of_known = || candidates.iter().filter(|one| is_known(one));
    let evidence = of_known().map(requests).fold(f64::INFINITY, f64::min);
    let trust = evidence / (evidence + PRIOR);
    let theirs: f64 = of_known().map(|one| one.prior).sum();
    let least = LEAST / candidates.len() as f64;
    let share = |one: &Candidate<'_>| {
        if !is_known(one) {
            return one.prior;
        }
        let by_policy = theirs * f64::from(one.given) / f64::from(SHARED_OUT);
        (trust * by_policy + (1.0 - trust) * one.prior).max(least)
    };
    let shares: Vec<f64> = candidates.iter().map(share).collect();
    let sum: f64 = shares.iter().sum();
    shares.into_iter().map(|share| share / sum).collect()
}

/// Gives the next requests out one by one, each to who brings most for what it takes.
#[expect(clippy::cast_precision_loss, reason = "counts of mentions")]
fn share_out(policy: Policy, candidates: &mut [Candidate<'_>], is_known: impl Fn(&Candidate<'_>) -> bool) {
    let (takes, usual) = (takes(candidates), usual_seconds(candidates));
    let draws: u64 = candidates.iter().filter_map(|one| one.worth).map(Worth::mentions).sum();
    for _ in 0..SHARED_OUT {
        let given: f64 = candidates.iter().map(|one| f64::from(one.given) * one.mentions()).sum();
        let value = |(one, takes): (&Candidate<'_>, &f64)| {
            one.brings(policy, draws as f64 + given) * one.pace(usual) / takes
        };
        let values: Vec<f64> = candidates.iter().zip(&takes).map(value).collect();
        // Of several that are alike, each has its turn.
        let mut best: Option<(f64, usize)> = None;
        for (index, (one, value)) in candidates.iter().zip(&values).enumerate() {
            let given = |index: usize| candidates.get(index).map_or(0, |one| one.given);
            let is_better = best.is_none_or(|(most, best)| {
                most.total_cmp(value).then_with(|| one.given.cmp(&given(best)).reverse()).is_lt()
            });
            if is_known(one) && is_better {
                best = Some((*value, index));
            }
        }
        let Some(one) = best.and_then(|(_, best)| candidates.get_mut(best)) else { return };
        one.given += 1;
    }
}

/// What an answer of each takes: money, or time where nobody costs anything.
#[expect(clippy::cast_precision_loss, reason = "a few providers")]
fn takes(candidates: &[Candidate<'_>]) -> Vec<f64> {
    let usd = |one: &Candidate<'_>| one.worth.map_or(0.0, Worth::usd);
    let seconds = |one: &Candidate<'_>| one.worth.map_or(0.0, Worth::seconds);
    let priced: Vec<f64> = candidates.iter().map(usd).filter(|usd| *usd > 0.0).collect();
    if priced.is_empty() {
        return candidates.iter().map(|one| seconds(one).max(1e-3)).collect();
    }
    let usual = priced.iter().sum::<f64>() / priced.len() as f64;
    candidates.iter().map(|one| usd(one).max(FREE * usual)).collect()
}

/// How long answers take, of the providers in the middle.
fn usual_seconds(candidates: &[Candidate<'_>]) -> f64 {
    let mut all: Vec<f64> = candidates.iter().filter_map(|one| Some(one.worth?.seconds())).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

impl Candidate<'_> {
    fn mentions(&self) -> f64 {
        self.worth.map_or(0.0, Worth::mentions_of_an_answer)
    }

    fn expected(&self) -> Option<Expected> {
        let worth = self.worth?;
        let (new, usd, seconds) = (self.new_items(), worth.usd(), worth.seconds());
        Some(Expected { new, usd, seconds, answered: worth.answered() })
    }

    /// New items of an answer of late, without those that are made up.
    #[expect(clippy::cast_precision_loss, reason = "counts of answers")]
    fn new_items(&self) -> f64 {
        let made_up = |worth: &Worth| self.made_up / worth.answers().max(1) as f64;
        self.worth.map_or(0.0, |worth| (worth.new_items() - made_up(worth)).max(0.0))
    }

    /// New items for an answer, at best.
    #[expect(clippy::cast_precision_loss, reason = "counts of mentions")]
    fn brings(&self, policy: Policy, draws: f64) -> f64 {
        let Some(worth) = self.worth else { return 0.0 };
        match policy {
            Policy::GoodUcb if self.is_apart => {
                let own = worth.mentions() as f64 + f64::from(self.given) * self.mentions();
                if own <= 0.0 {
                    return 0.0;
                }
                let once = (worth.once() as f64 - self.made_up).max(0.0);
                let at_most = once / own + CURIOSITY * ((4.0 * draws).ln().max(0.0) / own).sqrt();
                at_most.min(1.0) * self.mentions()
            }
            // What providers beyond the first few have named alone is not counted.
            Policy::GoodUcb | Policy::Ewma | Policy::Fixed => {
                // The more it is asked the less is left.
                let of_all = LATELY / (LATELY + f64::from(self.given));
                self.new_items().max(HARDLY_ANY) * of_all
            }
        }
    }

    /// How much less it is to be asked since it keeps everybody waiting: 1 for one that does not.
    fn pace(&self, usual_seconds: f64) -> f64 {
        let (seconds, slow) = (self.worth.map_or(0.0, Worth::seconds), SLOW * usual_seconds);
        if seconds > slow { slow / seconds } else { 1.0 }
    }
}

impl fmt::Display for Routed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("requests are shared")?;
        for (index, (name, weight)) in self.weights.iter().enumerate() {
            write!(f, "{} {name} {:.1} %", if index == 0 { ":" } else { "," }, weight * 100.0)?;
            if let Some(Expected { new, usd, seconds, answered }) = self.expected.get(name) {
                if *answered <= 0.0 {
                    f.write_str(" (no answer of late)")?;
                    continue;
                }
                write!(f, " ({new:.1} new items an answer")?;
                if *usd > 0.0 {
                    write!(f, " for ${usd:.6}")?;
                } else {
                    write!(f, " in {seconds:.1} s")?;
                }
                if *answered < 0.95 {
                    write!(f, ", {:.0} % answered", answered * 100.0)?;
                }
                f.write_str(")")?;
            }
        }
        match self.policy {
            Policy::GoodUcb => {
                f.write_str("; by what each may still have that nobody has named, for its price")
            }
            Policy::Ewma => f.write_str("; by what the newest answers of each brought, for its price"),
            Policy::Fixed => f.write_str("; by the operator's weights"),
        }
    }
}

#[cfg(test)]
mod tests;
