//! What requests to a provider are like: how long its answers are, what they cost and take, how often there is none.

use super::Answer;
use crate::batch::Outcome;
use crate::frontier::Aim;

/// A provider gives more than this share of what it is asked for, whatever it knows.
const LEAST_GIVEN: f64 = 0.02;

/// What it is like.
#[derive(Debug)]
pub(super) struct Like {
    /// Requests in all.
    requests: u64,
    /// Of what it is asked for, the share that it gives where it has enough.
    pub(super) gives: f64,
    /// Strings for each item that are said twice or are none, and those that did not fit the topic's rules.
    pub(super) besides: f64,
    pub(super) misfits: f64,
    /// Share of its answers about parts that have items of others, and how many.
    pub(super) strays: f64,
    pub(super) astray: f64,
    /// Share of what it was told to leave out that it did.
    pub(super) heeds: f64,
    /// In picodollars and milliseconds, by the items in an answer.
    pub(super) cost: Line,
    pub(super) latency: Line,
    /// Requests that brought no list, in their order.
    pub(super) failed: Vec<usize>,
}

/// What something takes that takes so much, and so much for each item. Least squares, without negative parts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    base: f64,
    each: f64,
}

impl Line {
    fn through(points: impl Iterator<Item = (f64, f64)> + Clone) -> Self {
        let count = points.clone().fold(0.0, |count, _| count + 1.0);
        if count <= 0.0 {
            return Self::default();
        }
        let (x, y) = points.clone().fold((0.0, 0.0), |(x, y), (one, other)| (x + one, y + other));
        let (x, y) = (x / count, y / count);
        let (both, square) = points.fold((0.0, 0.0), |(both, square), (one, other)| {
            (both + (one - x) * (other - y), square + (one - x).powi(2))
        });
        let each = if square > 0.0 { (both / square).max(0.0) } else { 0.0 };
        if each * x > y { Self { base: 0.0, each: y / x } } else { Self { base: y - each * x, each } }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    pub(super) fn at(self, items: usize) -> u64 {
        (self.base + self.each * number(items)).round() as u64
    }
}

/// Whether the model answered with a list, if only an empty one.
pub(super) const fn is_list(answer: &Answer) -> bool {
    matches!(answer.meta.outcome, Outcome::Answered | Outcome::Empty)
}

impl Like {
    /// By all answers of a provider, each with its place in the log and how many of its items are not of the part that it is about.
    pub(super) fn of(all: &[(usize, &Answer, usize)]) -> Self {
        let lists = || all.iter().filter(|(_, answer, _)| is_list(answer) && !is_task(answer));
        let sum = |of: &dyn Fn(&Answer) -> usize| number(lists().map(|(_, answer, _)| of(answer)).sum());
        let items = sum(&|answer| answer.items.len()).max(1.0);
        let aimed = || lists().filter(|(_, answer, _)| answer.meta.cell.is_some());
        let (about, astray) =
            (aimed().count(), aimed().map(|(_, _, astray)| *astray).filter(|astray| *astray > 0));
        let (times, strayed) = astray.fold((0, 0), |(times, all), astray| (times + 1, all + astray));
        let left_out = sum(&|answer| wide(answer.meta.left_out));
        let copied = sum(&|answer| wide(answer.meta.copied));
        let line = |of: &dyn Fn(&Answer) -> u64| {
            let points = lists().map(|(_, answer, _)| (number(answer.items.len()), count(of(answer))));
            Line::through(points)
        };
        Self {
            requests: u64::try_from(all.len()).unwrap_or(u64::MAX),
            gives: gives(lists().map(|(_, answer, _)| *answer)),
            besides: sum(&|answer| wide(answer.meta.repeated) + wide(answer.meta.rejected)) / items,
            misfits: sum(&|answer| wide(answer.meta.rejections.by_rule())) / items,
            strays: number(times) / number(about.max(1)),
            astray: number(strayed) / number(times.max(1)),
            heeds: 1.0 - (copied + 1.0) / (left_out + 10.0),
            cost: line(&|answer| answer.meta.charge().picodollars()),
            latency: line(&|answer| answer.meta.latency_ms),
            failed: all.iter().filter(|(_, answer, _)| !is_list(answer)).map(|(place, ..)| *place).collect(),
        }
    }

    /// Which of the failures of the log its request of that number has, counted from 0, if it fails: they are spread evenly.
    pub(super) fn failure(&self, request: u64) -> Option<usize> {
        let failures = u64::try_from(self.failed.len()).unwrap_or(u64::MAX);
        let until = |requests: u64| requests.saturating_mul(failures) / self.requests.max(1);
        let before = until(request);
        let turn = usize::try_from(before % failures.max(1)).unwrap_or_default();
        self.failed.get(turn).copied().filter(|_| until(request + 1) > before)
    }
}

/// Of what a provider is asked for, the share that it gives where it has enough: as in answers about the whole, or where there is none in the longest.
fn gives<'a>(lists: impl Iterator<Item = &'a Answer> + Clone) -> f64 {
    let share = |answer: &Answer| {
        let given = answer.items.len() + wide(answer.meta.repeated) + wide(answer.meta.rejected);
        let asked = answer.meta.asked.saturating_add(answer.meta.rejections.by_rule());
        (answer.meta.asked > 0).then(|| (number(given) / f64::from(asked)).min(1.0))
    };
    let whole = lists.clone().filter(|answer| answer.meta.cell.is_none()).filter_map(share);
    let (sum, answers) = whole.fold((0.0, 0.0), |(sum, answers), share| (sum + share, answers + 1.0));
    let longest = lists.filter_map(share).fold(0.0, f64::max);
    let given = if answers > 0.0 { sum / answers } else { longest };
    if given > LEAST_GIVEN { given } else { 1.0 }
}

fn is_task(answer: &Answer) -> bool {
    Aim::of(&answer.meta).is_none_or(|aim| aim.is_task())
}

fn wide(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Of counts that are far from what a float cannot tell apart.
pub(super) fn number(number: usize) -> f64 {
    count(u64::try_from(number).unwrap_or(u64::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "counts, and sums of money that are compared")]
pub(super) fn count(number: u64) -> f64 {
    number as f64
}
