//! What each of several models has named, when it was asked about the whole and in lists of ranges.
//!
//! A model that has not listed a range has named some of it when it was asked about the whole: what share of what it knows that is, is seen in the ranges
//! that it has listed; and so is how many of the names that nobody else has are made up.

use std::iter;

use super::coming::Knowing;
use super::estimate::UNKNOWN;
use super::name::{Own, Portion};
use super::places::{Heard, How, Listed};
use super::view::View;
use super::voices::{Set, VOICES, place_of};
use super::{Frontier, Letters};

/// Before anything was seen, answers about the whole are taken to have named this share of what a model knows, as if of so many names.
const NAMED: Prior = Prior { share: 0.4, weight: 10.0 };

/// The same of the names that a model's list leaves out, and of those of all names that it knows.
pub(super) const LEFT_OUT: Prior = Prior { share: 0.08, weight: 10.0 };
const KNOWN: Prior = Prior { share: 0.8, weight: 10.0 };

/// The same of mentions that are made up, and of names that one answer alone has and that are not.
pub(super) const MADE_UP: Prior = Prior { share: 0.02, weight: 100.0 };
const REAL: Prior = Prior { share: 1.0, weight: 5.0 };

/// Of what others name about the whole, who knows the same names at least this share, too. Who names less of it is taken to know as much less, but no less than
/// this share of that.
const USUALLY_SHARED: f64 = 0.15;
const LEAST_SHARED: f64 = 0.4;

/// The least share of what it knows that a model is taken to have named about the whole.
const LEAST_NAMED: f64 = 0.05;

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
            let those = each.filter(|(place, _)| listed.by.all & 1 << place != 0);
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
    fn share_known(&self, place: usize) -> f64 {
        // Where it was told what others had given, it did not show whether it knows that.
        let (mut given, mut found) = (0, 0);
        for listed in self.listed_with(1 << place).filter(|listed| listed.by.told & 1 << place == 0) {
            given += listed.own.get(place).map_or(0, |own| own.aimed.all);
            found += listed.named.iter().map(|(_, names)| names).sum::<u32>();
        }
        Prior { share: self.share_thought_known(place), ..KNOWN }.with(given.into(), found.into())
    }

    /// The share of the names that a model knows and others do not which it has named when it was asked about the whole.
    pub(super) fn share_named(&self, place: usize, others: Set) -> f64 {
        let of_own = self.share_named_of_all(place, NAMED.share);
        let with_others = self.listed_with(1 << place).filter(|listed| listed.by.all & others != 0);
        let alone = with_others.filter_map(|listed| listed.own.get(place).map(|own| own.alone)).sum();
        Portion::share(alone, Prior { share: of_own, ..NAMED })
    }

    /// The same of all names that it knows, where it is thought to be so much beforehand.
    fn share_named_of_all(&self, place: usize, thought: f64) -> f64 {
        let of_any: Portion = self.told().own.iter().map(|own| own.aimed).sum();
        let of_any = of_any.share(Prior { share: thought, ..NAMED });
        self.own(place).aimed.share(Prior { share: of_any, ..NAMED })
    }

    /// How much a model knows; nothing of one that is alone, or has not said anything.
    pub(super) fn knowing(&self, voice: Set) -> Option<Knowing> {
        let place = place_of(voice).filter(|_| self.is_shared())?;
        let named = self.share_named_of_all(place, self.share_thought_named(place));
        Some(Knowing { place, knows: self.share_known(place), named })
    }

    /// What share of all names a model knows, as far as that can be told before it has listed anything: who names hardly anything of what others name knows
    /// other things.
    fn share_thought_known(&self, place: usize) -> f64 {
        let Portion { part, all } = self.places.shared(place);
        let of_usual = (f64::from(part) + 1.0) / (USUALLY_SHARED * f64::from(all) + 1.0);
        KNOWN.share * of_usual.clamp(LEAST_SHARED, 1.0)
    }

    /// What share of what it knows a model has named when it was asked about the whole, as far as that can be told before it has listed anything.
    fn share_thought_named(&self, place: usize) -> f64 {
        let named = self.heard(Letters::ALL, How::Whole, place);
        let knows = self.share_thought_known(place) * UNKNOWN * self.all().whole();
        if knows > 0.0 { (named / knows).clamp(LEAST_NAMED, NAMED.share) } else { NAMED.share }
    }

    /// How much less models have named beyond what these have listed where names of several of them count once.
    pub(super) fn share_once(&self, listed_by: Set, voices: Set) -> f64 {
        let listed = self.places.listed().iter().filter(|listed| listed.by.all == listed_by);
        let (mut once, mut all) = (0, 0);
        for (by, names) in listed.flat_map(|listed| &listed.named).filter(|(by, _)| by & listed_by == 0) {
            once += if by & voices != 0 { *names } else { 0 };
            all += names * (by & voices).count_ones();
        }
        if all > 0 { f64::from(once) / f64::from(all) } else { 1.0 }
    }

    /// Names that one model alone has given, in its list of a range, and that answers about the whole have not, where all of these have listed that range, and
    /// others have not been told to leave them out.
    pub(super) fn listed_alone(&self, useful: Set) -> f64 {
        if !self.is_shared() {
            return 0.0;
        }
        let of_all = self.places.listed().iter().filter(|listed| listed.by.all & useful == useful);
        let alone: u32 = of_all
            .flat_map(|listed| {
                (0..).zip(&listed.own).map(|(place, own)| (listed.by.told, 1 << place, own.alone))
            })
            .filter(|(told, voice, _)| told & voice != 0 || told & !voice == 0)
            .map(|(_, _, alone)| alone.all.saturating_sub(alone.part))
            .sum();
        alone.into()
    }

    fn listed_with(&self, voice: Set) -> impl Iterator<Item = &Listed> {
        self.places.listed().iter().filter(move |listed| listed.by.all & voice != 0)
    }
}
