//! What each of several models has named, when it was asked about the whole and in lists of ranges.
//!
//! A model that has not listed a range has named some of it when it was asked about the whole: what share of what it knows that is, is seen in the ranges
//! that it has listed; and so is how many of the names that nobody else has are made up.

use std::iter;

use super::Frontier;
use super::letters::{Letters, PLACES};
use super::name::{Names, Own, Portion};
use super::voices::{SETS, Set, VOICES};

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

impl Portion {
    fn share(self, prior: Prior) -> f64 {
        prior.with(self.part.into(), self.all.into())
    }
}

impl iter::Sum for Portion {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, next| {
            sum.add(next);
            sum
        })
    }
}

/// Names in ranges that the same models have listed.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) by: Set,
    /// By who named them at all.
    pub(super) named: [u32; SETS],
    /// By who named them, of those that no answer about a part has.
    unlisted: [u32; SETS],
    /// By model.
    own: [Own; VOICES],
}

/// Names of a range, by models.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    /// Named by a model when it was asked about the whole.
    pub(super) whole: [u32; VOICES],
    /// Those of them that no answer about a part has.
    pub(super) unlisted: [u32; VOICES],
}

/// All that several models have named.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) listed: Vec<Listed>,
    /// Of each model, in the ranges that it has listed.
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
        let mut sum = Heard::default();
        told.before.reserve(PLACES + 1);
        for names in &frontier.places {
            told.before.push(sum);
            sum.add(names.own());
        }
        told.before.resize(PLACES + 1, sum);
        for stretch in frontier.stretches.iter().filter(|stretch| stretch.reach.listed_by > 0) {
            let (by, places) = (stretch.reach.listed_by, frontier.of(stretch.letters()));
            let is_by_all = by.count_ones() as usize == frontier.voices.len();
            told.listed_by_these(by).take_in(places, is_by_all);
        }
        for listed in &told.listed {
            let each = told.own.iter_mut().zip(&listed.own).enumerate();
            each.filter(|(place, _)| listed.by & 1 << place != 0).for_each(|(_, (all, own))| all.add(*own));
        }
        let all: u32 = sum.whole.iter().sum();
        told.repeats = (frontier.whole_mentions as f64 / f64::from(all.max(1))).max(1.0);
        told.see_what_is_made_up();
        told
    }

    #[expect(clippy::indexing_slicing, reason = "it was found or put there just now")]
    fn listed_by_these(&mut self, by: Set) -> &mut Listed {
        let place = self.listed.iter().position(|listed| listed.by == by).unwrap_or_else(|| {
            let own = [Own::default(); VOICES];
            self.listed.push(Listed { by, named: [0; SETS], unlisted: [0; SETS], own });
            self.listed.len() - 1
        });
        &mut self.listed[place]
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
        KNOWN.with(own.aimed.all.into(), found.into())
    }

    /// The share of the names that a model knows and others do not which it has named when it was asked about the whole.
    pub(super) fn share_named(&self, place: usize, others: Set) -> f64 {
        let of_any: Portion = self.own.iter().map(|own| own.aimed).sum();
        let own = self.own.get(place).copied().unwrap_or_default();
        let of_own = own.aimed.share(Prior { share: of_any.share(NAMED), ..NAMED });
        let with_others = self.listed_by(1 << place).filter(|listed| listed.by & others != 0);
        let alone: Portion =
            with_others.filter_map(|listed| listed.own.get(place).map(|own| own.alone)).sum();
        alone.share(Prior { share: of_own, ..NAMED })
    }

    /// How much less models have named of what these have listed where names of several of them count once.
    pub(super) fn share_once(&self, listed_by: Set, voices: Set) -> f64 {
        self.listed
            .iter()
            .find(|listed| listed.by == listed_by)
            .map_or(1.0, |listed| listed.share_once(voices))
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

impl Listed {
    /// Where all models have listed them, nothing is to come, of which some might be named.
    fn take_in<'a>(&mut self, places: impl Iterator<Item = &'a Names>, is_by_all: bool) {
        let add = |all: &mut [u32; SETS], some: &[(Set, u32)]| {
            for (by, names) in some {
                if let Some(all) = all.get_mut(usize::from(*by)) {
                    *all += names;
                }
            }
        };
        for names in places {
            add(&mut self.named, names.by());
            if !is_by_all {
                add(&mut self.unlisted, names.unlisted_by());
            }
            self.own.iter_mut().zip(names.own()).for_each(|(all, own)| all.add(*own));
        }
    }

    /// Of the names that these models have named and no answer about a part has, the share that are left when those of several count once.
    fn share_once(&self, voices: Set) -> f64 {
        let (mut names, mut mentions) = (0, 0);
        for (by, unlisted) in (0..).zip(&self.unlisted) {
            let by: Set = by;
            names += if by & voices != 0 { *unlisted } else { 0 };
            mentions += unlisted * (by & voices).count_ones();
        }
        if mentions > 0 { f64::from(names) / f64::from(mentions) } else { 1.0 }
    }
}

impl Heard {
    fn add(&mut self, own: &[Own]) {
        for (place, own) in self.whole.iter_mut().zip(&mut self.unlisted).zip(own) {
            *place.0 += own.whole;
            *place.1 += own.unlisted;
        }
    }

    fn without(mut self, other: &Self) -> Self {
        let take = |all: &mut [u32; VOICES], other: &[u32; VOICES]| {
            all.iter_mut().zip(other).for_each(|(all, other)| *all -= other);
        };
        take(&mut self.whole, &other.whole);
        take(&mut self.unlisted, &other.unlisted);
        self
    }
}
