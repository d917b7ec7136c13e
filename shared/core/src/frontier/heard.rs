//! What each of several models has named, when it was asked about the whole and in lists of ranges.
//!
//! A model that has not listed a range has named some of it when it was asked about the whole: what share of what it knows that is, is seen in the ranges
//! that it has listed; and so is how many of the names that nobody else has are made up.

use super::letters::{Letters, PLACES};
use super::voices::{SETS, Set, VOICES};
use super::Frontier;

/// Which models named a name in answers about the whole, and which in those about a part; and whether one answer about the whole did, and no other.
pub(super) type Key = u16;

const ONCE: Key = 1 << (2 * VOICES);

/// Of what a model knows, answers about the whole are taken to have named this share, as if of so many names.
const NAMED: (f64, f64) = (0.4, 10.0);

/// One list of a model is taken to leave out so many of so many names.
const OMITTED: (f64, f64) = (0.8, 10.0);

/// Of so many mentions so many are taken to be made up.
const INVENTED: (f64, f64) = (2.0, 100.0);

/// A model is taken to know this share of all names, as if of so many.
const KNOWN: (f64, f64) = (0.8, 10.0);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct By {
    pub(super) whole: Set,
    pub(super) aimed: Set,
    pub(super) is_once: bool,
}

impl By {
    pub(super) fn key(self) -> Key {
        let once = if self.is_once { ONCE } else { 0 };
        Key::from(self.whole) | Key::from(self.aimed) << VOICES | once
    }

    fn of(key: Key) -> Self {
        let set = |bits: Key| Set::try_from(usize::from(bits) % SETS).unwrap_or_default();
        Self { whole: set(key), aimed: set(key >> VOICES), is_once: key & ONCE != 0 }
    }
}

/// Names in ranges that the same models have listed.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) by: Set,
    /// By who named them at all.
    pub(super) named: [u32; SETS],
    /// Of each model, names of its lists that no other model has named, and those of them that it named when it was asked about the whole.
    alone: [(u32, u32); VOICES],
}

/// What a model named of the ranges that it has listed.
#[derive(Clone, Copy, Debug, Default)]
struct Own {
    /// In one answer about the whole, and those of them that its lists have.
    once: u32,
    once_listed: u32,
    /// In an answer about the whole, and in another one, its own or not; and those of them that its lists have.
    twice: u32,
    twice_listed: u32,
    /// In its lists, and those of them that it named when it was asked about the whole.
    aimed: u32,
    both: u32,
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
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) listed: Vec<Listed>,
    own: [Own; VOICES],
    /// Of all places before one; nothing where there is one model.
    before: Vec<Heard>,
    /// Mentions by answers about the whole for each name of each model.
    pub(super) repeats: f64,
    /// Made-up names for each mention.
    pub(super) made_up: f64,
    /// Mentions that this rests on.
    pub(super) looked_at: f64,
    /// Share of the names that one answer about the whole has which are real.
    pub(super) once_real: f64,
}

impl Told {
    pub(super) fn of(frontier: &Frontier) -> Self {
        let mut told = Self { made_up: INVENTED.0 / INVENTED.1, once_real: 1.0, ..Self::default() };
        if frontier.voices.len() < 2 {
            return told;
        }
        let order = frontier.dearest_first();
        let mut sum = Heard::default();
        told.before.reserve(PLACES + 1);
        for names in &frontier.places {
            told.before.push(sum);
            for (key, names) in &names.by {
                sum.add(By::of(*key), *names, &order);
            }
        }
        told.before.resize(PLACES + 1, sum);
        for stretch in frontier.stretches.iter().filter(|stretch| stretch.reach.listed_by > 0) {
            let by = stretch.reach.listed_by;
            for (key, names) in frontier.of(stretch.letters()).flat_map(|names| &names.by) {
                told.take_in(by, By::of(*key), *names);
            }
        }
        let all: u32 = sum.whole.iter().sum();
        told.repeats = frontier.whole_mentions as f64 / f64::from(all).max(1.0);
        told.see_what_is_made_up();
        told
    }

    fn take_in(&mut self, listed_by: Set, by: By, names: u32) {
        let place = self.listed.iter().position(|listed| listed.by == listed_by).unwrap_or_else(|| {
            self.listed.push(Listed { by: listed_by, named: [0; SETS], alone: Default::default() });
            self.listed.len() - 1
        });
        let all = by.whole | by.aimed;
        let Some(listed) = self.listed.get_mut(place) else { return };
        if let Some(named) = listed.named.get_mut(usize::from(all)) {
            *named += names;
        }
        for (place, own) in self.own.iter_mut().enumerate().filter(|(place, _)| listed_by & 1 << place != 0) {
            let voice: Set = 1 << place;
            let (whole, aimed) = (by.whole & voice != 0, by.aimed & voice != 0);
            if aimed {
                own.aimed += names;
                own.both += if whole { names } else { 0 };
                if all == voice && let Some((alone, both)) = listed.alone.get_mut(place) {
                    *alone += names;
                    *both += if whole { names } else { 0 };
                }
            }
            if whole {
                let (all, listed) = if by.is_once { (&mut own.once, &mut own.once_listed) } else { (&mut own.twice, &mut own.twice_listed) };
                *all += names;
                *listed += if by.aimed == 0 { 0 } else { names };
            }
        }
    }

    pub(super) fn debug(&self) -> String {
        let sum = |of: fn(&Own) -> u32| self.own.iter().map(of).sum::<u32>();
        format!("once {} {} twice {} {} repeats {:.2}", sum(|own| own.once), sum(|own| own.once_listed), sum(|own| own.twice), sum(|own| own.twice_listed), self.repeats)
    }

    fn see_what_is_made_up(&mut self) {
        let sum = |of: fn(&Own) -> u32| f64::from(self.own.iter().map(of).sum::<u32>());
        let (once, twice) = (sum(|own| own.once), sum(|own| own.twice));
        let left_out = (twice - sum(|own| own.twice_listed) + OMITTED.0) / (twice + OMITTED.1);
        let real = (sum(|own| own.once_listed) / (1.0 - left_out)).min(once);
        self.looked_at = self.repeats * (once + twice) + INVENTED.1;
        self.made_up = (once - real + INVENTED.0) / self.looked_at;
        self.once_real = (real + 5.0) / (once + 5.0);
    }

    /// The share of names that a model knows, by its lists.
    pub(super) fn knows(&self, place: usize) -> f64 {
        let found: u32 = self.listed.iter().filter(|listed| listed.by & 1 << place != 0).map(|listed| listed.named.iter().sum::<u32>()).sum();
        let own = self.own.get(place).copied().unwrap_or_default();
        let (share, weight) = KNOWN;
        (f64::from(own.aimed) + share * weight) / (f64::from(found) + weight)
    }

    /// What models have named of a range.
    pub(super) fn heard(&self, part: Letters) -> Heard {
        let of = |place: usize| self.before.get(place).copied().unwrap_or_default();
        of(usize::from(part.to) + 1).without(&of(usize::from(part.from)))
    }

    /// The share of the names that a model knows and others do not which it named when it was asked about the whole.
    pub(super) fn share_named(&self, place: usize, others: Set) -> f64 {
        let (share, weight) = NAMED;
        let (all, both) = self.own.iter().fold((0.0, 0.0), |(all, both), own| (all + f64::from(own.aimed), both + f64::from(own.both)));
        let of_all = (both + share * weight) / (all + weight);
        let own = self.own.get(place).copied().unwrap_or_default();
        let of_own = (f64::from(own.both) + of_all * weight) / (f64::from(own.aimed) + weight);
        let voice = 1 << place;
        let listed = self.listed.iter().filter(|listed| listed.by & voice != 0 && listed.by & others != 0);
        let (alone, both) = listed.filter_map(|listed| listed.alone.get(place)).fold((0.0, 0.0), |(all, both), (alone, of_them)| (all + f64::from(*alone), both + f64::from(*of_them)));
        (both + of_own * weight) / (alone + weight)
    }
}

impl Heard {
    fn add(&mut self, by: By, names: u32, order: &[usize]) {
        let mut is_first = true;
        for place in order.iter().copied().filter(|place| by.whole & 1 << place != 0) {
            let of = |all: &mut [u32; VOICES]| if let Some(all) = all.get_mut(place) { *all += names };
            of(&mut self.whole);
            if by.aimed == 0 {
                of(&mut self.unlisted);
                if is_first {
                    of(&mut self.first);
                }
            }
            is_first = false;
        }
    }

    fn without(&self, other: &Self) -> Self {
        let without = |all: &[u32; VOICES], other: &[u32; VOICES]| std::array::from_fn(|place| all[place] - other[place]);
        Self { whole: without(&self.whole, &other.whole), unlisted: without(&self.unlisted, &other.unlisted), first: without(&self.first, &other.first) }
    }
}
