//! What the next items cost: how many requests, how much money, how much time; or why that cannot be said.
//!
//! A [`Forecast`] is drawn from the fold of a topic's log. Where the topic is not cut into parts, it is what the fitted mixture says of further answers
//! ([`crate::estimate`]); where it is, the requests that the frontier would send are counted up, with what each promises ([`crate::frontier`]). What a request
//! takes is the mean of the newest ones. The forecast is small and travels with a topic's numbers; a [`Quote`] is read off it, and
//! so is an [`Outlook`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cost::Cost;
use crate::estimate::Completeness;
use crate::fold::{Spent, TopicFold, Yield};
use crate::frontier::Step;
use crate::time::UnixMillis;
use crate::topic::ProbeShare;

mod in_words;
mod outlook;

pub use outlook::Outlook;

/// Points of the curve.
const POINTS: usize = 24;

/// Answers that are looked ahead, for each that there was.
const AHEAD: f64 = 4.0;

/// Fewer answers say nothing of the next ones.
const LEAST_ANSWERS: u64 = 4;

/// Of the normal distribution, for 90 %.
const QUANTILE: f64 = 1.645;

/// New items vary more than by chance alone.
const ROOM: f64 = 2.0;

/// What is foreseen may be wrong by this share, whatever is known.
const DOUBT: f64 = 0.1;

/// Where parts are asked for, they bring less than is thought, or more, by these; and where the quote is a rough one.
const ENDS: [f64; 2] = [0.6, 1.2];
const ROUGH_ENDS: [f64; 2] = [0.45, 1.35];

/// Pace varies so much, whatever was seen.
const DOUBT_OF_PACE: f64 = 0.15;

/// Nearly all that is told from an earlier moment is right within a fifth in eight of ten cases: up to this share of what there is thought to be, where parts
/// are asked for (`ARCHITECTURE.md` has the numbers).
const WELL_KNOWN_UP_TO: f64 = 0.4;

/// Where none are asked for, that holds of intervals the ends of which are no further apart than this.
const NARROW: f64 = 2.0;

/// Of the items that models still know, no more than this share is promised.
const OF_LEFT: f64 = 0.6;

/// Requests whose yield is told where nothing can be told of the next ones.
const NEWEST: usize = 16;

/// What is left is one item from here on.
const ONE: f64 = 0.5;

/// A number and the interval around it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// The likeliest.
    pub about: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// What the next items cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quote {
    /// How many items.
    pub items: u64,
    /// Requests, failed ones included.
    pub requests: Range,
    /// US dollars.
    pub usd: Range,
    /// Seconds at the pace of the newest requests; `None` where there is none yet since the topic was started.
    pub seconds: Option<Range>,
    /// What is likeliest is off by more than a fifth too often: only the intervals say something.
    pub is_rough: bool,
}

/// Why there is no quote.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NoQuote {
    /// Nothing can be said yet.
    #[error("too few answers yet: what the next ones bring cannot be told from them")]
    TooEarly,
    /// More than is in sight.
    #[error("about {:.0} are in sight; what the last of them take cannot be told, but up to {most}", .left.floor())]
    MoreThanIsLeft {
        /// Items that the models still know, or that parts promise.
        left: f64,
        /// Items of which it can be told.
        most: u64,
    },
    /// Several models share the topic.
    #[error("where several models share a topic, what the next items take cannot be told well enough{0}")]
    Shared(Newest),
    /// Requests aim at categories.
    #[error("where requests aim at categories, what the next items take cannot be told well enough{0}")]
    Categories(Newest),
    /// Further than can be seen.
    #[error("that is further than can be seen from here: up to {0} items can be told of")]
    TooFar(u64),
    /// More requests than can be seen.
    #[error("that is further than can be seen from here: up to {0} of the next requests can be told of")]
    TooManyRequests(u64),
    /// Fewer requests than can be told of, and none or more that can.
    #[error("{}", of_so_few(*.least, *.most))]
    TooFewRequests {
        /// Requests from which on it can be told.
        least: u64,
        /// Requests up to which it can be told; fewer where nothing can.
        most: u64,
    },
    /// So few items are left that nothing can be told of them.
    #[error("{}: what so few take cannot be told", thought_to_be_left(*.left))]
    Few {
        /// Items that the models still know, or that parts promise.
        left: f64,
    },
    /// Nothing in sight is left to look for.
    #[error("nothing new is in sight")]
    Dry,
}

/// What the newest requests brought, for whom nothing can be told of the next ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Newest {
    /// How many, answered or not.
    pub requests: u64,
    /// Items that were new.
    pub new: u64,
    /// Money.
    pub cost: Cost,
}

/// Why nothing can be told well enough, however much is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Blind {
    Shared,
    Categories,
}

/// What is known ahead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// Items found.
    found: u64,
    /// Answers; new items that they bring, at the least, probably, and at the most; US dollars. Ascending.
    curve: Vec<[f64; 5]>,
    /// Items that the models still know; `None` where only a lower bound is known.
    left: Option<f64>,
    /// Nothing can be told well enough.
    blind: Option<Blind>,
    /// What a request takes.
    spent: Option<Spent>,
    /// It is of parts that are asked for.
    #[serde(default)]
    is_cut: bool,
    /// What the newest requests brought.
    #[serde(default)]
    newest: Newest,
}

/// How complete a topic is, and what is ahead of it, where a request asks for so many items at the most and so many requests are a sample of the whole; its
/// pace is that since a moment.
#[must_use]
pub fn look(
    fold: &TopicFold,
    items: u32,
    probes: ProbeShare,
    since: UnixMillis,
) -> (Option<Completeness>, Forecast) {
    let frontier = fold.frontier();
    let found = fold.attributes();
    let answers = fold.incidence().responses;
    let spent = fold.lately().mean(since);
    let usd = spent.map_or(0.0, |spent| spent.usd * spent.for_each_answer);
    let mut promised = f64::INFINITY;
    let is_shared = frontier.is_shared() || spent.is_some_and(|spent| spent.providers > 1);
    let mut blind = is_shared.then_some(Blind::Shared);
    let (completeness, mut curve) = if frontier.is_by_categories() {
        blind = Some(Blind::Categories);
        (frontier.estimate(), Vec::new())
    } else if frontier.is_used() {
        let ahead = frontier.ahead(items, probes);
        promised = ahead.steps.iter().map(|step| step.new).sum();
        let left = left_of(ahead.completeness, found, promised).unwrap_or_default();
        let ends = if is_well_known(found, left) { ENDS } else { ROUGH_ENDS };
        (ahead.completeness, walked(&ahead.steps, usd, ends))
    } else {
        match fold.incidence().prospect() {
            Some(prospect) => {
                let points = steps(count(answers) * AHEAD);
                let curve =
                    points.map(|answers| point(answers, prospect.brings(answers), answers * usd)).collect();
                (Some(prospect.completeness), curve)
            }
            None => (None, Vec::new()),
        }
    };
    let left = if answers < LEAST_ANSWERS {
        curve.clear();
        None
    } else {
        left_of(completeness, found, promised)
    };
    let Yield { requests, new, cost, .. } = fold.lately().last(NEWEST, 0);
    let newest = Newest { requests, new, cost };
    (completeness, Forecast { found, curve, left, blind, spent, is_cut: frontier.is_used(), newest })
}

/// Items that the models still know, or that parts promise.
fn left_of(completeness: Option<Completeness>, found: u64, promised: f64) -> Option<f64> {
    let known = completeness.filter(|said| !said.at_least);
    let left = known.map(|said| (said.estimate.total + said.estimate.made_up - count(found)).max(0.0));
    // What no part promises is not in sight.
    left.or(promised.is_finite().then_some(promised)).map(|left| left.min(promised))
}

/// Whether what comes of asking for parts can be told well, where so many items are found and so many left.
fn is_well_known(found: u64, left: f64) -> bool {
    count(found) < WELL_KNOWN_UP_TO * (count(found) + left)
}

/// Numbers of answers, further and further apart.
fn steps(most: f64) -> impl Iterator<Item = f64> {
    (0..POINTS).map(move |place| most.max(1.0).powf(small(place) / small(POINTS - 1)))
}

/// What requests bring and cost, added up.
fn walked(ahead: &[Step], usd: f64, [less, more]: [f64; 2]) -> Vec<[f64; 5]> {
    let (mut requests, mut new) = (0.0, 0.0);
    let mut sums = vec![(requests, new)];
    for step in ahead {
        requests += step.requests;
        new += step.new;
        sums.push((requests, new));
    }
    // What is looked for first is what most is hoped of, which is too much rather than too little.
    let mut points: Vec<[f64; 5]> = Vec::new();
    for wanted in steps(requests).map(f64::round) {
        let is_further = points.last().is_none_or(|[last, ..]| *last < wanted);
        let place = sums.partition_point(|(answers, _)| *answers < wanted).min(sums.len() - 1);
        if let Some((answers, new)) = sums.get(place).filter(|_| is_further) {
            points.push(point(*answers, [less, 1.0, more].map(|by| by * new), *answers * usd));
        }
    }
    points
}

/// A point of the curve, with what chance does.
fn point(answers: f64, [few, new, many]: [f64; 3], usd: f64) -> [f64; 5] {
    let chance = QUANTILE * (ROOM * new).sqrt().hypot(DOUBT * new);
    let (below, above) = ((new - few).hypot(chance), (many - new).hypot(chance));
    [answers, (new - below).max(0.0), new, new + above, usd]
}

impl Forecast {
    /// Items up to which something can be said: as many again as there are, or those that are left.
    #[must_use]
    pub fn most(&self) -> u64 {
        floor(self.bound())
    }

    fn bound(&self) -> f64 {
        let in_sight = self.curve.last().map_or(0.0, |[_, _, new, ..]| *new);
        let left = self.left.map_or(f64::INFINITY, |left| left * OF_LEFT);
        in_sight.min(left).min(count(self.found))
    }

    /// What the next so many items cost.
    ///
    /// # Errors
    /// Where that cannot be said.
    pub fn quote(&self, items: u64) -> Result<Quote, NoQuote> {
        let (wanted, spent, most) = (count(items), self.told_from()?, self.most());
        match self.left {
            Some(left) if wanted > left * OF_LEFT => return Err(NoQuote::MoreThanIsLeft { left, most }),
            Some(_) | None if items > most => return Err(NoQuote::TooFar(most)),
            Some(_) | None => {}
        }
        let about = self.answers(wanted, 2).ok_or(NoQuote::TooFar(most))?;
        let low = self.answers(wanted, 3).unwrap_or(about).min(about);
        let high = self.answers(wanted, 1).unwrap_or_else(|| self.beyond(wanted)).max(about);
        let whole = |answers: f64| (answers * spent.for_each_answer).ceil().max(1.0);
        let requests = Range { about: whole(about), low: whole(low), high: whole(high) };
        let (usd, seconds) = self.takes(requests, spent);
        let is_rough = self.is_rough(requests, usd);
        Ok(Quote { items, requests, usd, seconds, is_rough })
    }

    fn is_rough(&self, requests: Range, usd: Range) -> bool {
        if self.is_cut {
            return !is_well_known(self.found, self.left.unwrap_or_default());
        }
        let told = if usd.high > 0.0 { usd } else { requests };
        told.high > NARROW * told.low
    }

    /// What a request takes, where anything can be told at all.
    fn told_from(&self) -> Result<Spent, NoQuote> {
        match self.blind {
            Some(Blind::Shared) => return Err(NoQuote::Shared(self.newest)),
            Some(Blind::Categories) => return Err(NoQuote::Categories(self.newest)),
            None => {}
        }
        let is_early = self.curve.is_empty() && self.left.is_none();
        let spent = self.spent.filter(|_| !is_early).ok_or(NoQuote::TooEarly)?;
        match self.left {
            Some(left) if self.most() == 0 && left >= ONE => Err(NoQuote::Few { left }),
            Some(_) | None if self.most() == 0 => Err(NoQuote::Dry),
            Some(_) | None => Ok(spent),
        }
    }

    /// Money and time of requests.
    fn takes(&self, requests: Range, spent: Spent) -> (Range, Option<Range>) {
        let each = self.usd(requests.about / spent.for_each_answer) / requests.about;
        let relative = if spent.usd > 0.0 { spent.usd_spread / spent.usd } else { 0.0 };
        let money = QUANTILE * relative * (1.0 / requests.about + 1.0 / spent.of).sqrt();
        let seconds = spent.seconds.map(|seconds| spread(requests, seconds, DOUBT_OF_PACE));
        (spread(requests, each, money), seconds)
    }

    /// What so many answers cost.
    fn usd(&self, answers: f64) -> f64 {
        let (mut before, mut paid) = (0.0, 0.0);
        for [next, .., usd] in &self.curve {
            if *next >= answers {
                return paid + (usd - paid) * (answers - before) / (next - before);
            }
            (before, paid) = (*next, *usd);
        }
        paid * answers / before.max(1.0)
    }

    /// Answers that bring so many new items, by one of the curves.
    fn answers(&self, wanted: f64, by: usize) -> Option<f64> {
        let (mut answers, mut new) = (0.0, 0.0);
        for point in &self.curve {
            let (next, brings) = (point[0], point.get(by).copied().unwrap_or_default());
            if brings >= wanted {
                let share = if brings > new { (wanted - new) / (brings - new) } else { 1.0 };
                return Some(answers + share.clamp(0.0, 1.0) * (next - answers));
            }
            (answers, new) = (next, brings);
        }
        None
    }

    /// Answers at the most, where the curve does not reach so far.
    fn beyond(&self, wanted: f64) -> f64 {
        let Some([answers, least, ..]) = self.curve.last() else { return 0.0 };
        answers * wanted / least.max(1.0)
    }
}

/// A number for each request, which may be off by a share besides.
fn spread(requests: Range, each: f64, relative: f64) -> Range {
    let off = |end: f64| (end / requests.about - 1.0).hypot(relative);
    let about = requests.about * each;
    Range { about, low: about * (1.0 - off(requests.low)).max(0.0), high: about * (1.0 + off(requests.high)) }
}

impl fmt::Display for Newest {
    /// To be put behind a sentence; nothing where there was no request.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, new, cost } = self;
        let s = |number: u64| if number == 1 { "" } else { "s" };
        match requests {
            0 => Ok(()),
            1 => write!(f, "; the last request brought {new} new item{} for {cost}", s(*new)),
            _ => write!(f, "; the last {requests} requests brought {new} new item{} for {cost}", s(*new)),
        }
    }
}

impl fmt::Display for Quote {
    /// For people: `the next 100 items: about $0.40 (0.30 to 0.52), 12 requests (9 to 16), 3 min`, or, where only the intervals say something,
    /// `the next 20 items: $0.01 to 0.03, 1 to 3 requests, 4 s to 12 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { items, requests, usd, seconds, is_rough } = self;
        match items {
            1 => f.write_str("the next item: ")?,
            items => write!(f, "the next {items} items: ")?,
        }
        if *is_rough {
            write!(f, "{}, {}", in_words::money_between(*usd), in_words::requests_between(*requests))?;
            return seconds.map_or(Ok(()), |seconds| write!(f, ", {}", in_words::time_between(seconds)));
        }
        write!(f, "{}, ", in_words::money(*usd))?;
        let Range { about, low, high } = requests;
        let plural = if *about < 1.5 { "" } else { "s" };
        write!(f, "{about:.0} request{plural} ({low:.0} to {high:.0})")?;
        match seconds {
            Some(seconds) => write!(f, ", {}", in_words::time(seconds.about)),
            None => Ok(()),
        }
    }
}

fn of_so_few(least: u64, most: u64) -> String {
    let why = "what single requests about parts bring differs too much from one to the next";
    if most < least {
        format!("{why}, and what more of them bring is further than can be seen from here")
    } else {
        format!("{why}: from {least} to {most} of the next requests can be told of")
    }
}

fn thought_to_be_left(left: f64) -> String {
    if left < 1.5 {
        "about one more item is thought to be left".to_owned()
    } else {
        format!("about {left:.0} more items are thought to be left")
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn count(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "it is small")]
fn small(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
fn floor(number: f64) -> u64 {
    number.max(0.0) as u64
}

#[cfg(test)]
mod tests;
