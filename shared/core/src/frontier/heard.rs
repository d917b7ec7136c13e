//! What each of several models has named, when it was asked about the whole and in lists of ranges.
//!
//! A model that has not listed a range has named some of it when it was asked about the whole: what share of what it knows that is, is seen in the ranges
//! that it has listed; and so is how many of the names that nobody else has are made up.

use std::iter;

use super::Frontier;
use super::name::{Own, Portion};
use super::places::{Heard, How, Listed};
use super::view::View;
use super::voices::{Set, VOICES};

/// Before anything was seen, answers about the whole are taken to have named this share of what a model knows, as if of so many names.
const NAMED: Prior = Prior { share: 0.4, weight: 10.0 };

/// The same of the names that a model's list leaves out, and of those of all names that it knows.
pub(super) const LEFT_OUT: Prior = Prior { share: 0.08, weight: 10.0 };
const KNOWN: Prior = Prior { share: 0.8, weight: 10.0 };

/// The same of mentions that are made up, and of names that one answer alone has and that are not.
pub(super) const MADE_UP: Prior = Prior { share: 0.02, weight: 100.0 };
const REAL: Prior = Prior { share: 1.0, weight: 5.0 };

/// What a share is taken to be before anything was seen, as if of so many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prior {
    share: f64,
    pub(super) weight: f64,
}

impl Prior {
    /// The share where so many of all were seen.
    pub(super) fn with(self, part: f64, all: f64) -> f64 {
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
            sum.join(next, true);
            sum
        })
    }
}

/// What the names tell that several models have named.
#[derive(Debug)]
pub(super) struct Told {
    /// Of each model, in the ranges that it has listed.
    own: [Own; VOICES],
    /// Mentions by answers about the whole for each name of each model.
    repeats: f64,
    /// Share of the names of a range that a model's list of it leaves out.
    pub(super) left_out: f64,
    /// The same of one list alone, which nobody told what others have.
    pub(super) forgotten: f64,
    /// Made-up names for each mention, and the mentions that this rests on.
    pub(super) made_up: f64,
    pub(super) looked_at: f64,
    /// Share of the names that one answer about the whole has which are real.
    pub(super) once_real: f64,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            own: [Own::default(); VOICES],
            repeats: 1.0,
            left_out: LEFT_OUT.share,
            forgotten: LEFT_OUT.share,
            made_up: MADE_UP.share,
            looked_at: MADE_UP.weight,
            once_real: REAL.share,
        }
    }
}

impl Told {
    /// Of what was heard in all.
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    pub(super) fn of(frontier: &Frontier, heard: &Heard) -> Self {
        let mut told = Self::default();
        for listed in frontier.places.listed() {
            let each = (0..).zip(told.own.iter_mut().zip(&listed.own));
            let those = each.filter(|(place, _)| listed.by & 1 << place != 0);
            those.for_each(|(_, (all, own))| all.join(*own, true));
        }
        let names: u32 = (0..VOICES).map(|place| heard.of(How::Whole, place)).sum();
        told.repeats = (frontier.whole_mentions as f64 / f64::from(names.max(1))).max(1.0);
        told.see_what_is_made_up();
        let first = frontier.places.first();
        told.forgotten = LEFT_OUT.with((first.all - first.part).into(), first.all.into());
        told
    }

    /// Of names that only one answer about the whole had, lists repeat fewer than of others: the difference are names that are made up.
    fn see_what_is_made_up(&mut self) {
        let once: Portion = self.own.iter().map(|own| own.once).sum();
        let twice: Portion = self.own.iter().map(|own| own.twice).sum();
        self.left_out = LEFT_OUT.with(f64::from(twice.all - twice.part), twice.all.into());
        let (all, listed) = (f64::from(once.all), f64::from(once.part));
        let real = (listed / (1.0 - self.left_out)).min(all);
        let mentions = self.mentions((once.all + twice.all).into(), 0.0);
        self.made_up = MADE_UP.with(all - real, mentions);
        self.looked_at = mentions + MADE_UP.weight;
        self.once_real = REAL.with(real, all);
    }

    /// How often names were mentioned that answers about the whole have, and lists. A list has a name once.
    fn mentions(&self, whole: f64, aimed: f64) -> f64 {
        self.repeats * whole + aimed
    }

    /// Of names that no other model has, those that are not made up, among all that a model named.
    pub(super) fn real(&self, alone: f64, whole: f64, aimed: f64) -> f64 {
        (alone - self.made_up * self.mentions(whole, aimed)).max(0.0)
    }
}

impl View<'_> {
    fn own(&self, place: usize) -> Own {
        self.told().own.get(place).copied().unwrap_or_default()
    }

    /// The share of all names that a model knows, by its lists.
    pub(super) fn share_known(&self, place: usize) -> f64 {
        let named = self.listed_with(1 << place).flat_map(|listed| &listed.named);
        let found: u32 = named.map(|(_, names)| names).sum();
        KNOWN.with(self.own(place).aimed.all.into(), found.into())
    }

    /// The share of the names that a model knows and others do not which it has named when it was asked about the whole.
    pub(super) fn share_named(&self, place: usize, others: Set) -> f64 {
        let of_any: Portion = self.told().own.iter().map(|own| own.aimed).sum();
        let of_own = self.own(place).aimed.share(Prior { share: of_any.share(NAMED), ..NAMED });
        let with_others = self.listed_with(1 << place).filter(|listed| listed.by & others != 0);
        let alone = with_others.filter_map(|listed| listed.own.get(place).map(|own| own.alone)).sum();
        Portion::share(alone, Prior { share: of_own, ..NAMED })
    }

    /// How much less models have named beyond what these have listed where names of several of them count once.
    pub(super) fn share_once(&self, listed_by: Set, voices: Set) -> f64 {
        let listed = self.places.listed().iter().filter(|listed| listed.by == listed_by);
        let (mut once, mut all) = (0, 0);
        for (by, names) in listed.flat_map(|listed| &listed.named).filter(|(by, _)| by & listed_by == 0) {
            once += if by & voices != 0 { *names } else { 0 };
            all += names * (by & voices).count_ones();
        }
        if all > 0 { f64::from(once) / f64::from(all) } else { 1.0 }
    }

    fn listed_with(&self, voice: Set) -> impl Iterator<Item = &Listed> {
        self.places.listed().iter().filter(move |listed| listed.by & voice != 0)
    }
}
