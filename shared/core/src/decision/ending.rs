//! Why a topic comes to its end: by which cap or floor, as far as that follows from the log and the terms.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Terms;
use crate::cost::Cost;
use crate::estimate::Completeness;
use crate::fold::TopicFold;
use crate::ids::LogIndex;
use crate::topic::{EndReason, Limits, Share};

/// Fewer answers do not say what the next ones will bring.
const LEAST_NEWEST: u64 = 8;

/// Where a topic ends, besides by its completeness.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends {
    /// Unique items.
    pub max_attributes: Option<u64>,
    /// Requests sent to models, answered or not.
    pub max_requests: Option<u64>,
    /// Money.
    pub max_cost: Option<Cost>,
    /// Wall-clock time since it was started last.
    pub time_limit_ms: Option<u64>,
    /// Fewest new items that the newest requests bring, in a hundred of them, for it to go on.
    pub min_new_per_100_requests: Option<u32>,
    /// So many answers in a row without anything new end it.
    pub dry_after: u64,
    /// Answers that the log had when it was started or taken up: a row begins behind them.
    pub answers_before: u64,
    /// Answers up to this log entry say nothing of what the newest requests bring: it was started again behind them.
    pub newest_behind: LogIndex,
}

/// The cap or floor that an end met, with what it goes by besides the log and the terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Met {
    /// The cap on items.
    Items {
        /// What is allowed.
        cap: u64,
    },
    /// The cap on requests.
    Requests {
        /// What is allowed.
        cap: u64,
        /// What producers that do not say so any more may have sent besides those in the log.
        beside: u64,
    },
    /// The cap on money.
    Money {
        /// What is allowed.
        cap: Cost,
        /// What may be charged besides what the log says, for the same.
        beside: Cost,
        /// The least that another request may cost.
        next: Cost,
    },
    /// The time limit.
    Time {
        /// What is allowed.
        limit_ms: u64,
    },
    /// The completeness that is wanted.
    Complete {
        /// What is wanted.
        wanted: Share,
    },
    /// Answers in a row brought nothing new.
    Dry {
        /// How many.
        answers: u64,
    },
    /// Answers in a row could not be used.
    Unusable {
        /// How many.
        answers: u64,
    },
    /// The floor under what the newest requests bring.
    Yield {
        /// Fewest new items in a hundred requests.
        least: u32,
        /// New items that the newest answers brought.
        new: u64,
        /// How many answers: as many as may be under way at once, and eight at least.
        answers: u64,
    },
}

impl Ends {
    /// By these limits.
    #[must_use]
    pub const fn by(limits: Limits, dry_after: u64, answers_before: u64, newest_behind: LogIndex) -> Self {
        Self {
            max_attributes: limits.max_attributes,
            max_requests: limits.max_requests,
            max_cost: limits.max_cost,
            time_limit_ms: limits.time_limit_ms,
            min_new_per_100_requests: limits.min_new_per_100_requests,
            dry_after,
            answers_before,
            newest_behind,
        }
    }

    /// Whether there are as many items as are allowed.
    #[must_use]
    pub fn items(&self, fold: &TopicFold) -> Option<Met> {
        let cap = self.max_attributes.filter(|cap| fold.attributes() >= *cap)?;
        Some(Met::Items { cap })
    }

    /// Whether there are as many requests as are allowed, `beside` those in the log.
    #[must_use]
    pub fn requests(&self, fold: &TopicFold, beside: u64) -> Option<Met> {
        let sent = fold.totals().requests().saturating_add(beside);
        let cap = self.max_requests.filter(|cap| sent >= *cap)?;
        Some(Met::Requests { cap, beside })
    }

    /// Whether the rest of the money does not cover a request that may cost `next`, with what may be charged `beside` what the log says.
    #[must_use]
    pub fn money(&self, fold: &TopicFold, beside: Cost, next: Cost) -> Option<Met> {
        let spent = spent(fold) + beside;
        let cap = self.max_cost.filter(|cap| spent >= *cap || spent + next > *cap)?;
        Some(Met::Money { cap, beside, next })
    }

    /// The time limit, where there is one; whether it is over is the world's.
    #[must_use]
    pub fn time(&self) -> Option<Met> {
        self.time_limit_ms.map(|limit_ms| Met::Time { limit_ms })
    }

    /// Whether nothing new came for too long.
    #[must_use]
    pub fn dry(&self, fold: &TopicFold) -> Option<Met> {
        let since = fold.totals().responses.saturating_sub(self.answers_before);
        let answers = fold.dry_answers().min(since);
        if answers < self.dry_after {
            return None;
        }
        let is_unusable = fold.unusable_answers() >= self.dry_after;
        Some(if is_unusable { Met::Unusable { answers } } else { Met::Dry { answers } })
    }

    /// Whether the newest answers brought less than is wanted: as many of them as there may be at once, since those were asked without knowing of one another.
    #[must_use]
    pub fn newest(&self, fold: &TopicFold, at_once: u64) -> Option<Met> {
        let least = self.min_new_per_100_requests?;
        let answers = usize::try_from(at_once.max(LEAST_NEWEST)).unwrap_or(usize::MAX);
        let brought = fold.newest().of(answers, self.newest_behind)?;
        let (new, answers) = (brought.new, brought.answers);
        brought.is_below(least).then_some(Met::Yield { least, new, answers })
    }
}

/// What a run has cost by its log, with what may have been charged.
pub(crate) fn spent(fold: &TopicFold) -> Cost {
    fold.totals().cost + fold.totals().cost_at_risk
}

impl Terms {
    /// What an end meets that goes by what `met` goes by besides the log; `None` where it meets nothing, or these are the terms of a program that knew of no ends.
    pub(super) fn again(&self, met: Met, fold: &TopicFold) -> Option<Met> {
        let ends = self.ends.as_ref()?;
        match met {
            Met::Items { .. } => ends.items(fold),
            Met::Requests { beside, .. } => ends.requests(fold, beside),
            Met::Money { beside, next, .. } => ends.money(fold, beside, next),
            Met::Time { .. } => ends.time(),
            Met::Complete { .. } => Met::complete(self.wanted, fold),
            Met::Dry { .. } | Met::Unusable { .. } => ends.dry(fold),
            Met::Yield { answers, .. } => ends.newest(fold, answers),
        }
    }
}

impl Met {
    /// Whether the topic is as complete as is wanted.
    #[must_use]
    pub fn complete(wanted: Option<Share>, fold: &TopicFold) -> Option<Self> {
        wanted.filter(|wanted| fold.is_complete(*wanted)).map(|wanted| Self::Complete { wanted })
    }

    /// Why a topic ends by it.
    #[must_use]
    pub const fn reason(self) -> EndReason {
        match self {
            Self::Items { .. } => EndReason::MaxAttributes,
            Self::Requests { .. } => EndReason::MaxRequests,
            Self::Money { .. } => EndReason::MaxUsd,
            Self::Time { .. } => EndReason::TimeLimit,
            Self::Complete { .. } => EndReason::Complete,
            Self::Dry { .. } => EndReason::Dry,
            Self::Unusable { .. } => EndReason::NoProvider,
            Self::Yield { .. } => EndReason::LowYield,
        }
    }

    /// Whether it follows from the log: what time it is does not.
    #[must_use]
    pub const fn is_of_the_log(self) -> bool {
        !matches!(self, Self::Time { .. })
    }
}

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(cap) = self.max_attributes {
            write!(f, ", at most {cap} item{} in all", s(cap))?;
        }
        if let Some(cap) = self.max_requests {
            write!(f, ", at most {cap} request{}", s(cap))?;
        }
        if let Some(cap) = self.max_cost {
            write!(f, ", at most ${}", cap.usd())?;
        }
        if let Some(limit) = self.time_limit_ms {
            write!(f, ", at most {} s", seconds(limit))?;
        }
        if let Some(least) = self.min_new_per_100_requests {
            write!(f, ", as long as 100 requests bring {least} new item{}", s(least.into()))?;
        }
        Ok(())
    }
}

const fn s(number: u64) -> &'static str {
    if number == 1 { "" } else { "s" }
}

#[expect(clippy::cast_precision_loss, reason = "a time limit is far below 2^53 ms")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Items { cap } => write!(f, "the cap of {cap} item{}", s(cap)),
            Self::Requests { cap, beside: 0 } => write!(f, "the cap of {cap} request{}", s(cap)),
            Self::Requests { cap, beside } => {
                write!(f, "the cap of {cap} request{}, with {beside} that may have been sent besides", s(cap))
            }
            Self::Money { cap, beside, next } => {
                write!(f, "the cap of ${}", cap.usd())?;
                if !beside.is_zero() {
                    write!(f, ", with ${} that may be charged besides", beside.usd())?;
                }
                if next.is_zero() || next == Cost::MAX {
                    return Ok(());
                }
                write!(f, ", where another request may cost ${}", next.usd())
            }
            Self::Time { limit_ms } => write!(f, "the time limit of {} s", seconds(limit_ms)),
            Self::Complete { wanted } => write!(f, "{wanted} wanted"),
            Self::Dry { answers } => {
                write!(f, "{answers} answer{} in a row without anything new", s(answers))
            }
            Self::Unusable { answers } => {
                write!(f, "{answers} answer{} in a row that could not be used", s(answers))
            }
            Self::Yield { least, new, answers } => {
                write!(f, "fewer than {least} new item{} in 100 requests: ", s(least.into()))?;
                write!(f, "{new} in the last {answers}")
            }
        }
    }
}

/// Why a topic comes to its end, and where it stood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    /// Why.
    pub reason: EndReason,
    /// Unique items.
    pub found: u64,
    /// Requests, answered or not.
    pub requests: u64,
    /// What they cost, with what may have been charged.
    pub cost: Cost,
    /// How complete it is, where that is known.
    pub completeness: Option<Completeness>,
    /// The cap or floor that it met; `None` where it did not follow from any, or was decided elsewhere: by an operator, or by a leader that could not write it down.
    #[serde(default)]
    pub met: Option<Met>,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "comes to its end: {}", self.reason.in_words())?;
        if let Some(met) = &self.met {
            write!(f, " ({met})")?;
        }
        write!(f, "; {} item{}", self.found, s(self.found))?;
        if let Some(said) = &self.completeness {
            write!(f, ", {said}")?;
        }
        write!(f, ", after {} request{}", self.requests, s(self.requests))?;
        if self.cost > Cost::ZERO {
            write!(f, " for {}", self.cost)?;
        }
        Ok(())
    }
}
