//! What was asked and came back of late: in a short window and in a long one, by provider, producer and part of the topic, and where that is going.
//!
//! Entries are put into buckets by the time that they bear, which integrators' clocks give. The same log gives the same buckets, whoever folds it and whenever;
//! only the look at them needs to know what time it is. Buckets are kept by the order in which they were begun and not by their time, so that an integrator
//! with a wrong clock takes up some of the room and does not push the others out.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::{Marks, Totals};
use crate::batch::Outcome;
use crate::ids::WorkerId;
use crate::log::{EntryHead, EntryKind, EntryTail};
use crate::status::OTHERS;
use crate::time::UnixMillis;

mod show;

pub use show::{Recent, Trend, Trends, Window};

/// Length of a bucket.
const BUCKET_MS: u64 = 30_000;

/// Buckets of the short window: five minutes.
const SHORT: u64 = 10;

/// Buckets of the long one: thirty.
const LONG: u64 = 60;

/// Buckets that are kept: two clocks' worth of the long window.
const KEPT: usize = 128;

/// Rows of a bucket that are named one by one; from there on parts are summed up, and from twice as many on everything.
const NAMED: usize = 64;

/// What was asked and came back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// The sums.
    pub totals: Totals,
    /// Requests by how they ended.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Sum of the squares of what each answer brought that was new, for how much it differs from answer to answer.
    pub new_squares: u64,
    /// Sum of the squares of the latencies of answers, in milliseconds.
    pub latency_squares: u64,
}

/// The same of one provider, as asked by one producer, for one part of the topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Provider asked.
    pub provider: String,
    /// Producer that asked.
    pub producer: WorkerId,
    /// Part of the topic; `None` for the whole.
    pub cell: Option<String>,
    /// What came of it.
    pub flow: Flow,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Bucket {
    /// Its time, in lengths of a bucket since the Unix epoch.
    number: u64,
    /// In the order of what they are of.
    rows: Vec<Row>,
}

/// The last minutes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows(VecDeque<Bucket>);

impl Windows {
    /// Takes in an entry about a response that was asked so.
    pub(super) fn add(
        &mut self,
        head: &EntryHead,
        provider: &str,
        cell: Option<&str>,
        tail: &EntryTail,
        marks: Marks,
    ) {
        let number = head.at.0 / BUCKET_MS;
        let place = self.0.iter().rposition(|bucket| bucket.number == number).unwrap_or_else(|| {
            if self.0.len() >= KEPT {
                self.0.pop_front();
            }
            self.0.push_back(Bucket { number, rows: Vec::new() });
            self.0.len() - 1
        });
        if let Some(flow) =
            self.0.get_mut(place).and_then(|bucket| bucket.row(provider, &head.producer, cell))
        {
            flow.add(&head.kind, tail, marks);
        }
    }

    /// Rows of the buckets whose age, in lengths of a bucket, is in this range. What bears a time to come is a little early.
    fn rows(&self, now: UnixMillis, ages: std::ops::Range<u64>) -> impl Iterator<Item = &Row> {
        let present = now.0 / BUCKET_MS;
        let is_in = move |bucket: &&Bucket| {
            bucket.number <= present + 1 && ages.contains(&present.saturating_sub(bucket.number))
        };
        self.0.iter().filter(is_in).flat_map(|bucket| &bucket.rows)
    }
}

impl Bucket {
    fn row(&mut self, provider: &str, producer: &WorkerId, cell: Option<&str>) -> Option<&mut Flow> {
        let others = WorkerId::others();
        let choices = [
            (NAMED, provider, producer, cell),
            (2 * NAMED, provider, producer, Some(OTHERS)),
            (usize::MAX, OTHERS, &others, Some(OTHERS)),
        ];
        for (most, provider, producer, cell) in choices {
            match self.rows.binary_search_by(|row| row.compare(provider, producer, cell)) {
                Ok(place) => return self.rows.get_mut(place).map(|row| &mut row.flow),
                Err(place) if self.rows.len() < most => {
                    let (provider, producer) = (provider.to_owned(), producer.clone());
                    let row =
                        Row { provider, producer, cell: cell.map(str::to_owned), flow: Flow::default() };
                    self.rows.insert(place, row);
                    return self.rows.get_mut(place).map(|row| &mut row.flow);
                }
                Err(_) => {}
            }
        }
        None
    }
}

impl Row {
    fn compare(&self, provider: &str, producer: &WorkerId, cell: Option<&str>) -> Ordering {
        let own = (self.provider.as_str(), &self.producer, self.cell.as_deref());
        own.cmp(&(provider, producer, cell))
    }
}

impl Flow {
    fn add(&mut self, kind: &EntryKind, tail: &EntryTail, marks: Marks) {
        self.totals.add(kind, tail, marks);
        if let EntryKind::Response(meta) = kind {
            *self.outcomes.entry(meta.outcome).or_default() += 1;
            if meta.outcome.is_answer() {
                let new = super::count(tail.new.len());
                let squared = |value: u64| value.saturating_mul(value);
                self.new_squares = self.new_squares.saturating_add(squared(new));
                self.latency_squares = self.latency_squares.saturating_add(squared(meta.latency_ms));
            }
        }
    }

    /// New items of an answer.
    #[must_use]
    pub fn new_per_answer(&self) -> Option<f64> {
        self.for_each_answer(self.totals.attributes)
    }

    /// US dollars for each new item; `None` where there is none.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for showing")]
    pub fn usd_per_new(&self) -> Option<f64> {
        let new = self.totals.attributes;
        (new > 0).then(|| self.totals.cost.usd() / new as f64)
    }

    /// Seconds until an answer is there.
    #[must_use]
    pub fn seconds_per_answer(&self) -> Option<f64> {
        self.for_each_answer(self.totals.latency_ms).map(|millis| millis / 1e3)
    }

    /// Share of requests that a model answered.
    #[must_use]
    pub fn answered(&self) -> Option<f64> {
        share(self.totals.responses, self.totals.requests())
    }

    /// Share of the items of answers about parts of the alphabet that are in their part.
    #[must_use]
    pub fn fitting(&self) -> Option<f64> {
        share(self.totals.fitting, self.totals.aimed)
    }

    /// Share of the items named that another producer had named before.
    #[must_use]
    pub fn of_others(&self) -> Option<f64> {
        share(self.totals.of_others, self.totals.candidates)
    }

    /// Share of what questions said to leave out that the answers named all the same.
    #[must_use]
    pub fn copied(&self) -> Option<f64> {
        share(self.totals.copied, self.totals.left_out)
    }

    #[expect(clippy::cast_precision_loss, reason = "for showing")]
    fn for_each_answer(&self, sum: u64) -> Option<f64> {
        (self.totals.responses > 0).then(|| sum as f64 / self.totals.responses as f64)
    }
}

impl AddAssign<&Self> for Flow {
    fn add_assign(&mut self, other: &Self) {
        self.totals += other.totals;
        for (outcome, count) in &other.outcomes {
            *self.outcomes.entry(*outcome).or_default() += count;
        }
        self.new_squares = self.new_squares.saturating_add(other.new_squares);
        self.latency_squares = self.latency_squares.saturating_add(other.latency_squares);
    }
}

#[expect(clippy::cast_precision_loss, reason = "for showing")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests;
