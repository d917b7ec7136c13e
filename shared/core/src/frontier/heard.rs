//! What each of several models has named, when it was asked about the whole and in lists of ranges.
//!
//! A model that has not listed a range has named some of it when it was asked about the whole: what share of what it knows that is, is seen in the ranges
//! that it has listed; and so is how many of the names that nobody else has are made up.

use std::iter;

use super::letters::{Letters, PLACES};
use super::name::{By, Names};
use super::voices::{SETS, Set, VOICES};
use super::{Frontier, Stretch};

/// Before anything was seen, answers about the whole are taken to have named this share of what a model knows, as if of so many names.
const NAMED: Prior = Prior { share: 0.4, weight: 10.0 };

/// The same of the names that a list leaves out, and of those of all names that a model knows.
const LEFT_OUT: Prior = Prior { share: 0.08, weight: 10.0 };
const KNOWN: Prior = Prior { share: 0.8, weight: 10.0 };

/// The same of mentions that are made up, and of names that one answer alone has and that are not.
const MADE_UP: Prior = Prior { share: 0.02, weight: 100.0 };
const REAL: Prior = Prior { share: 1.0, weight: 5.0 };

/// What a share is taken to be before anything was seen, as if of so many.
#[derive(Clone, Copy, Debug)]
struct Prior {
    share: f64,
    weight: f64,
}

impl Prior {
    fn with(self, part: f64, all: f64) -> f64 {
        (part + self.share * self.weight) / (all + self.weight)
    }
}

/// Some of so many names.
#[derive(Clone, Copy, Debug, Default)]
struct Portion {
    part: u32,
    all: u32,
}

impl Portion {
    fn add(&mut self, names: u32, is_part: bool) {
        self.all += names;
        self.part += if is_part { names } else { 0 };
    }

    fn share(self, prior: Prior) -> f64 {
        prior.with(self.part.into(), self.all.into())
    }
}

impl iter::Sum for Portion {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, next| Self { part: sum.part + next.part, all: sum.all + next.all })
    }
}

/// Names in ranges that the same models have listed.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) by: Set,
    /// By who named them at all.
    pub(super) named: [u32; SETS],
    /// Of each model, names of its lists that no other model has named; those that it named when it was asked about the whole, too.
    alone: [Portion; VOICES],
}

/// What a model named of the ranges that it has listed.
#[derive(Clone, Copy, Debug, Default)]
struct Own {
    /// In an answer about the whole, of which there is one that has the name, or several; those that a list has, too.
    once: Portion,
    twice: Portion,
    /// In a list; those that it named when it was asked about the whole, too.
    listed: Portion,
}

/// Names of a range, by models.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    /// Named by a model when it was asked about the whole.
    pub(super) whole: [u32; VOICES],
    /// Those of them that no answer about a part has.
    pub(super) unlisted: [u32; VOICES],
    /// The same without those that a dearer model has named so.
    pub(super) first: [u32; VOICES],
}

/// All that several models have named.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) listed: Vec<Listed>,
    own: [Own; VOICES],
    /// Of all places before one; nothing where there is one model.
    before: Vec<Heard>,
    /// Mentions by answers about the whole for each name of each model.
    pub(super) repeats: f64,
    /// Made-up names for each mention, and the mentions that this rests on.
    pub(super) made_up: f64,
    pub(super) looked_at: f64,
    /// Share of the names that one answer about the whole has which are real.
    pub(super) once_real: f64,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            listed: Vec::new(),
            own: [Own::default(); VOICES],
            before: Vec::new(),
            repeats: 1.0,
            made_up: MADE_UP.share,
            looked_at: MADE_UP.weight,
            once_real: REAL.share,
        }
    }
}

impl Told {
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    pub(super) fn of(frontier: &Frontier) -> Self {
        let mut told = Self::default();
        if !frontier.is_shared() {
            return told;
        }
        let order = frontier.dearest_first();
        let mut sum = Heard::default();
        told.before.reserve(PLACES + 1);
        for names in &frontier.places {
            told.before.push(sum);
            names.by().for_each(|(by, names)| sum.add(by, names, &order));
        }
        told.before.resize(PLACES + 1, sum);
        for Stretch { from, to, reach } in &frontier.stretches {
            if reach.listed_by == 0 {
                continue;
            }
            let part = Letters { from: *from, to: *to };
            for (by, names) in frontier.of(part).flat_map(Names::by) {
                told.take_in(reach.listed_by, by, names);
            }
        }
        let all: u32 = sum.whole.iter().sum();
        told.repeats = (frontier.whole_mentions as f64 / f64::from(all.max(1))).max(1.0);
        told.see_what_is_made_up();
        told
    }

    fn take_in(&mut self, listed_by: Set, by: By, names: u32) {
        let place = self.listed.iter().position(|listed| listed.by == listed_by).unwrap_or_else(|| {
            self.listed.push(Listed { by: listed_by, named: [0; SETS], alone: Default::default() });
            self.listed.len() - 1
        });
        let Some(listed) = self.listed.get_mut(place) else { return };
        let all = by.whole | by.aimed;
        if let Some(named) = listed.named.get_mut(usize::from(all)) {
            *named += names;
        }
        let each = (0..VOICES).map(|place| 1 << place).zip(self.own.iter_mut().zip(&mut listed.alone));
        for (voice, (own, alone)) in each.filter(|(voice, _)| listed_by & voice != 0) {
            let (is_whole, is_listed) = (by.whole & voice != 0, by.aimed & voice != 0);
            if is_listed {
                own.listed.add(names, is_whole);
            }
            if is_listed && all == voice {
                alone.add(names, is_whole);
            }
            if is_whole {
                let of = if by.is_once { &mut own.once } else { &mut own.twice };
                of.add(names, by.aimed != 0);
            }
        }
    }

    /// Of names that only one answer about the whole had, lists repeat fewer than of others: the difference are names that are made up.
    fn see_what_is_made_up(&mut self) {
        let once: Portion = self.own.iter().map(|own| own.once).sum();
        let twice: Portion = self.own.iter().map(|own| own.twice).sum();
        let left_out = LEFT_OUT.with(f64::from(twice.all - twice.part), twice.all.into());
        let (all, listed) = (f64::from(once.all), f64::from(once.part));
        let real = (listed / (1.0 - left_out)).min(all);
        let mentions = self.repeats * f64::from(once.all + twice.all);
        self.made_up = MADE_UP.with(all - real, mentions);
        self.looked_at = mentions + MADE_UP.weight;
        self.once_real = REAL.with(real, all);
    }

    /// The share of all names that a model knows, by its lists.
    pub(super) fn share_known(&self, place: usize) -> f64 {
        let own = self.own.get(place).copied().unwrap_or_default();
        let found: u32 = self.listed_by(1 << place).map(|listed| listed.named.iter().sum::<u32>()).sum();
        KNOWN.with(own.listed.all.into(), found.into())
    }

    /// The share of the names that a model knows and others do not which it has named when it was asked about the whole.
    pub(super) fn share_named(&self, place: usize, others: Set) -> f64 {
        let of_any: Portion = self.own.iter().map(|own| own.listed).sum();
        let own = self.own.get(place).copied().unwrap_or_default();
        let of_own = own.listed.share(Prior { share: of_any.share(NAMED), ..NAMED });
        let with_others = self.listed_by(1 << place).filter(|listed| listed.by & others != 0);
        let alone: Portion = with_others.filter_map(|listed| listed.alone.get(place).copied()).sum();
        alone.share(Prior { share: of_own, ..NAMED })
    }

    fn listed_by(&self, voice: Set) -> impl Iterator<Item = &Listed> {
        self.listed.iter().filter(move |listed| listed.by & voice != 0)
    }

    /// What models have named of a range.
    pub(super) fn heard(&self, part: Letters) -> Heard {
        let of = |place: usize| self.before.get(place).copied().unwrap_or_default();
        of(usize::from(part.to) + 1).without(&of(usize::from(part.from)))
    }
}

impl Heard {
    fn add(&mut self, by: By, names: u32, order: &[usize]) {
        let add = |all: &mut [u32; VOICES], place: usize| {
            if let Some(all) = all.get_mut(place) {
                *all += names;
            }
        };
        let mut is_first = true;
        for place in order.iter().copied().filter(|place| by.whole & 1 << place != 0) {
            add(&mut self.whole, place);
            if by.aimed == 0 {
                add(&mut self.unlisted, place);
            }
            if by.aimed == 0 && is_first {
                add(&mut self.first, place);
            }
            is_first = false;
        }
    }

    fn without(mut self, other: &Self) -> Self {
        let take = |all: &mut [u32; VOICES], other: &[u32; VOICES]| {
            all.iter_mut().zip(other).for_each(|(all, other)| *all -= other);
        };
        take(&mut self.whole, &other.whole);
        take(&mut self.unlisted, &other.unlisted);
        take(&mut self.first, &other.first);
        self
    }
}
