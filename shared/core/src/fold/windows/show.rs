//! The windows as people and programs are told of them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BUCKET_MS, Flow, LONG, Row, SHORT, Windows};
use crate::frontier::Aim;
use crate::ids::WorkerId;
use crate::status::OTHERS;
use crate::time::UnixMillis;

/// Providers, producers and parts, of each kind, that are named in a window: those with the most requests.
const NAMED: usize = 20;

/// Rows of all three that are.
const ROWS: usize = 24;

/// With fewer answers, or requests, on one side nothing is said of where it goes.
const LEAST: u64 = 4;

/// Means that differ by so many standard errors are not the same.
const APART: f64 = 2.0;

/// What was asked and came back within some time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// How long that is, at most: time is counted in pieces of half a minute.
    pub seconds: u64,
    /// Everything.
    pub all: Flow,
    /// Requests about the whole topic.
    pub whole: Flow,
    /// Requests for items of parts of it.
    pub parts: Flow,
    /// By provider. Where there are more than 20, those with the most requests, and the sums over the rest under `others`. Likewise by producer and by part.
    pub providers: BTreeMap<String, Flow>,
    /// By producer.
    pub producers: BTreeMap<WorkerId, Flow>,
    /// By part of the topic.
    pub cells: BTreeMap<String, Flow>,
    /// By all three at once, the 24 with the most requests; the sums over the rest stand under `others`.
    pub rows: Vec<Row>,
}

/// Where a number goes: what the short window says beside the rest of the long one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// Up, by more than chance explains.
    Rising,
    /// Down, by more than chance explains.
    Falling,
    /// Neither.
    Steady,
}

/// Where it goes; `None` where too little was asked to say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trends {
    /// New items of an answer.
    pub new_per_answer: Option<Trend>,
    /// Share of requests that are answered.
    pub answered: Option<Trend>,
    /// Time until an answer is there.
    pub latency: Option<Trend>,
}

/// The last minutes of a topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recent {
    /// Five minutes.
    pub short: Window,
    /// Thirty.
    pub long: Window,
    /// The first beside the rest of the second.
    pub trends: Trends,
    /// The same of each provider that was asked in the long one.
    pub provider_trends: BTreeMap<String, Trends>,
}

impl Trend {
    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rising => "rising",
            Self::Falling => "falling",
            Self::Steady => "steady",
        }
    }

    /// From one mean to another, each with the square of its standard error.
    fn between(before: (f64, f64), after: (f64, f64)) -> Self {
        let (change, error) = (after.0 - before.0, (before.1 + after.1).sqrt());
        if change.abs() <= APART * error || change.abs() <= f64::EPSILON * before.0.abs() {
            Self::Steady
        } else if change > 0.0 {
            Self::Rising
        } else {
            Self::Falling
        }
    }
}

impl Trends {
    fn between(before: &Flow, after: &Flow) -> Self {
        let (old, new) = (&before.totals, &after.totals);
        let answers = old.responses.min(new.responses) >= LEAST;
        let requests = old.requests().min(new.requests()) >= LEAST;
        let items = |flow: &Flow| mean(flow.totals.attributes, flow.new_squares, flow.totals.responses);
        let waits = |flow: &Flow| mean(flow.totals.latency_ms, flow.latency_squares, flow.totals.responses);
        let shares = |flow: &Flow| portion(flow.totals.responses, flow.totals.requests());
        Self {
            new_per_answer: answers.then(|| Trend::between(items(before), items(after))),
            answered: requests.then(|| Trend::between(shares(before), shares(after))),
            latency: answers.then(|| Trend::between(waits(before), waits(after))),
        }
    }
}

/// A mean, and the square of its standard error.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn mean(sum: u64, squares: u64, of: u64) -> (f64, f64) {
    let of = of as f64;
    let mean = sum as f64 / of;
    // What false positives bring later is in the sum and not in the squares.
    let variance = (squares as f64 / of - mean * mean).max(0.0) * of / (of - 1.0);
    (mean, variance / of)
}

/// A share, and the square of its standard error, with one success and one failure more (Agresti & Coull 1998), so that it is not zero where all or none succeeded.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn portion(part: u64, whole: u64) -> (f64, f64) {
    let (part, whole) = (part as f64 + 1.0, whole as f64 + 2.0);
    let share = part / whole;
    (share, share * (1.0 - share) / whole)
}

impl Windows {
    /// As it stands at this time; `None` where nothing was asked within the long window.
    #[must_use]
    pub fn recent(&self, now: UnixMillis) -> Option<Recent> {
        let long = Window::of(self.rows(now, 0..LONG), LONG);
        if long.all.totals.requests() == 0 {
            return None;
        }
        let before = Window::of(self.rows(now, SHORT..LONG), LONG - SHORT);
        let short = Window::of(self.rows(now, 0..SHORT), SHORT);
        let none = Flow::default();
        let trends = |name: &String| {
            let of = |window: &'_ Window| window.providers.get(name).cloned();
            let (old, new) = (of(&before), of(&short));
            Trends::between(old.as_ref().unwrap_or(&none), new.as_ref().unwrap_or(&none))
        };
        Some(Recent {
            trends: Trends::between(&before.all, &short.all),
            provider_trends: long.providers.keys().map(|name| (name.clone(), trends(name))).collect(),
            short,
            long,
        })
    }
}

impl Window {
    fn of<'a>(rows: impl Iterator<Item = &'a Row>, buckets: u64) -> Self {
        let mut window = Self { seconds: buckets * BUCKET_MS / 1_000, ..Self::default() };
        let mut all: BTreeMap<(&str, &WorkerId, Option<&str>), Flow> = BTreeMap::new();
        for Row { provider, producer, cell, flow } in rows {
            window.all += flow;
            match Aim::named(cell.as_deref()) {
                Some(Aim::Whole) => window.whole += flow,
                // Tasks ask for no items.
                Some(aim) if aim.is_task() => {}
                Some(_) | None => window.parts += flow,
            }
            *window.providers.entry(provider.clone()).or_default() += flow;
            *window.producers.entry(producer.clone()).or_default() += flow;
            if let Some(cell) = cell {
                *window.cells.entry(cell.clone()).or_default() += flow;
            }
            *all.entry((provider, producer, cell.as_deref())).or_default() += flow;
        }
        window.providers = most(window.providers, NAMED, &OTHERS.to_owned());
        window.producers = most(window.producers, NAMED, &WorkerId::others());
        window.cells = most(window.cells, NAMED, &OTHERS.to_owned());
        let others = WorkerId::others();
        let rows = most(all, ROWS, &(OTHERS, &others, Some(OTHERS)));
        window.rows = rows
            .into_iter()
            .map(|((provider, producer, cell), flow)| Row {
                provider: provider.to_owned(),
                producer: producer.clone(),
                cell: cell.map(str::to_owned),
                flow,
            })
            .collect();
        window.rows.sort_by_key(|row| Reverse(row.flow.totals.requests()));
        window
    }
}

/// Those with the most requests, and the rest as one.
fn most<K: Ord + Clone>(all: BTreeMap<K, Flow>, limit: usize, others: &K) -> BTreeMap<K, Flow> {
    if all.len() <= limit {
        return all;
    }
    let mut order: Vec<(K, Flow)> = all.into_iter().collect();
    order.sort_by_key(|(_, flow)| Reverse(flow.totals.requests()));
    let mut most: BTreeMap<K, Flow> = BTreeMap::new();
    for (place, (key, flow)) in order.into_iter().enumerate() {
        *most.entry(if place < limit { key } else { others.clone() }).or_default() += &flow;
    }
    most
}
