//! How far each part of a topic is: what is shown of it, part by part. What is decided goes by the same numbers.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::estimate::{DOUBT, Picture, QUANTILE, ROOM, TOLD_FROM, at_most};
use super::view::View;
use super::voices::{Set, VOICES};
use super::{Category, Frontier, Stretch, Sums};
use crate::estimate::{Completeness, Estimate};
use crate::fold::Sightings;

/// Fewer names than this are none.
pub(super) const NONE: f64 = 0.5;

/// A part of a topic, and how far it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// As requests name it.
    pub cell: String,
    /// What was done about it.
    pub state: PartState,
    /// Items of it that were found. Categories have items in common, so theirs do not add up.
    pub found: u64,
    /// The probability that the next mention of one of its items is of a known one; `None` before the first.
    pub coverage: Option<f64>,
    /// What of it is found; `None` where nothing is known of it, or there is nothing.
    pub completeness: Option<Completeness>,
    /// How many answers each of its places was in, those about larger parts that it was cut from included.
    pub answers: u32,
    /// The providers that have listed it.
    pub listed_by: Vec<String>,
}

/// What was done about a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    /// Nobody was asked for it.
    Unasked,
    /// More is to be had there.
    Open,
    /// Every model that adds anything has listed it.
    Listed,
    /// Models cannot be brought to list it.
    GivenUp,
}

impl Part {
    /// Items of it that are missing; those of a part that nobody was asked for are not known.
    #[must_use]
    pub fn missing(&self) -> Option<f64> {
        self.completeness.map(|said| said.estimate.total * (1.0 - said.completeness))
    }

    /// In their order, so many at most: those of which most is missing, or nothing is known.
    pub(crate) fn most_missing(mut all: Vec<Self>, most: usize) -> Vec<Self> {
        if all.len() > most {
            let mut order: Vec<usize> = (0..all.len()).collect();
            let missing = |place: &usize| all.get(*place).and_then(Self::missing).unwrap_or(f64::INFINITY);
            order.sort_by(|one, other| missing(other).total_cmp(&missing(one)));
            let kept: BTreeSet<usize> = order.into_iter().take(most).collect();
            let mut places = 0..;
            all.retain(|_| places.next().is_some_and(|place| kept.contains(&place)));
        }
        all
    }
}

/// Names, and what is known of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mentions {
    all: u64,
    once: u64,
}

impl Mentions {
    pub(super) const fn count(&mut self, times: u32) {
        self.all += times as u64;
        self.once += (times == 1) as u64;
    }

    const fn join(&mut self, other: Self) {
        self.all += other.all;
        self.once += other.once;
    }

    /// Good (1953), as for the whole topic.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(super) fn coverage(self) -> Option<f64> {
        let known = || (1.0 - self.once as f64 / self.all as f64).clamp(0.0, 1.0);
        (self.all > 0).then(|| (known() * 1e6).round() / 1e6)
    }
}

/// Known names and missing ones, with what the variance of their sum is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) known: f64,
    pub(super) missing: f64,
    pub(super) variance: f64,
    /// Of the found ones, those that are surely real.
    pub(super) surely: f64,
    pub(super) made_up: f64,
}

impl Numbers {
    pub(super) fn completeness(self, is_listed: bool) -> Option<Completeness> {
        let Self { known, missing, variance, surely, made_up } = self;
        let total = known + missing;
        let low = (total - QUANTILE * variance.sqrt()).max(surely).min(total);
        let estimate = Estimate { total, low, high: known + at_most(missing, variance), made_up };
        let completeness = (known / total.max(1.0)).clamp(0.0, 1.0);
        let at_least = !is_listed && completeness < TOLD_FROM;
        (total >= NONE).then_some(Completeness { estimate, completeness, at_least })
    }
}

impl Frontier {
    /// How far each part is, in their order, where requests aim at parts; categories that were given are parts that nobody was asked for yet.
    #[must_use]
    pub fn parts(&self, given: &[Category], sightings: &Sightings) -> Vec<Part> {
        let mut parts = if self.is_by_letters() { self.parts_by_letters(sightings) } else { Vec::new() };
        // A topic that categories do not cover has both.
        if self.categories.answers() > 0 {
            parts.extend(self.parts_by_categories(given, sightings));
        }
        parts
    }

    fn parts_by_letters(&self, sightings: &Sightings) -> Vec<Part> {
        let mut places = vec![Mentions::default(); super::letters::PLACES];
        for (number, times) in (1..).zip(sightings.iter()) {
            let place = self.name(number).and_then(|name| places.get_mut(usize::from(name.place)));
            if let Some(mentions) = place {
                mentions.count(times);
            }
        }
        let view = self.view();
        let picture = view.picture();
        let expected = view.all_expected(&picture);
        let of = |((stretch, sums), expected): ((&Stretch, &Sums), &f64)| {
            let letters = stretch.letters();
            let mut mentions = Mentions::default();
            let within = places.iter().take(usize::from(letters.to) + 1).skip(letters.from.into());
            within.for_each(|place| mentions.join(*place));
            let reach = stretch.reach;
            let is_done = reach.is_done(picture.useful);
            let state = match (reach.full + reach.listed + reach.useless, is_done) {
                (0, _) => PartState::Unasked,
                (_, true) if reach.listed > 0 => PartState::Listed,
                (_, true) => PartState::GivenUp,
                (_, false) => PartState::Open,
            };
            let is_known = self.whole + self.aimed > 1;
            let numbers = || view.numbers_of(&picture, stretch, sums, *expected);
            Part {
                cell: letters.to_string(),
                state,
                found: whole_number(sums.found()),
                coverage: mentions.coverage(),
                completeness: if is_known {
                    numbers().completeness(state == PartState::Listed)
                } else {
                    None
                },
                answers: u32::from(reach.full) + u32::from(reach.listed) + u32::from(reach.useless),
                listed_by: self.providers_of(reach.listed_by),
            }
        };
        view.stretches().zip(&expected).map(of).collect()
    }

    pub(super) fn providers_of(&self, voices: Set) -> Vec<String> {
        let is_one = |place: &usize| voices & 1 << place != 0;
        (0..VOICES)
            .filter(is_one)
            .filter_map(|place| self.voices.get(place))
            .map(|voice| voice.provider().to_owned())
            .collect()
    }
}

impl View<'_> {
    /// What is known of a stretch, and what is missing: they add up to what is known of the whole, but for what is spread over all.
    fn numbers_of(&self, picture: &Picture, stretch: &Stretch, sums: &Sums, expected: f64) -> Numbers {
        let is_done = stretch.reach.is_done(picture.useful);
        let is_listed = is_done && stretch.reach.listed > 0;
        let surely = sums.twice + sums.once_listed + sums.listed;
        let found = sums.found();
        let (mut known, missing, mut variance);
        if is_listed {
            let by_lists = sums.listed_once * picture.listed_real + sums.listed;
            known = sums.twice + picture.once_real * sums.once + by_lists;
            missing = by_lists * picture.left_out / (1.0 - picture.left_out);
            // What a list leaves out differs from part to part, besides.
            variance = by_lists.powi(2) * picture.left_out * (1.0 - picture.left_out) / picture.looked_for
                + (DOUBT * missing).powi(2)
                + ROOM * missing;
        } else {
            known = (found - self.made_up_of(picture, sums)).max(0.0);
            missing = match (is_done, stretch.reach.listed) {
                (true, _) => 0.0,
                (false, 0) => (expected - known).max(0.0),
                (false, _) => (expected - found).max(0.0),
            };
            variance = if stretch.reach.listed > 0 {
                (DOUBT * missing).powi(2)
            } else {
                // In proportion to what is known of it, which varies as much.
                ROOM * (picture.names_for_each + 1.0) * missing + (DOUBT * missing).powi(2)
            };
        }
        known = known.max(surely).min(found);
        let made_up = found - known;
        // Names that only one answer has may be rare rather than made up.
        variance += missing + made_up + (DOUBT * made_up).powi(2);
        Numbers { known, missing, variance, surely, made_up }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
pub(super) fn whole_number(of: f64) -> u64 {
    of.max(0.0).round() as u64
}
