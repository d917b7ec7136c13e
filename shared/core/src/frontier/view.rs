//! The frontier at one moment, with its sums at hand: what is asked of it many times for one decision costs a look.

use std::ops::Deref;

use super::heard::Told;
use super::letters::PLACES;
use super::places::{Heard, How, Names};
use super::sums::Counts;
use super::{CROWDED, ENOUGH, Frontier, Letters, Stretch, Sums};

/// The frontier at one moment.
#[derive(Debug)]
pub(super) struct View<'a> {
    frontier: &'a Frontier,
    /// Of all places before one; what several models have named, and what was known before anybody was asked, only where that is so.
    before: Vec<Counts>,
    heard_before: Vec<Heard>,
    known_before: Vec<f64>,
    /// Of each stretch, and of all together.
    of_stretches: Vec<Sums>,
    all: Sums,
    /// What several models have named.
    told: Told,
}

impl Deref for View<'_> {
    type Target = Frontier;

    fn deref(&self) -> &Frontier {
        self.frontier
    }
}

impl Frontier {
    pub(super) fn view(&self) -> View<'_> {
        let places = self.places.each();
        let mut before = Vec::with_capacity(PLACES + 1);
        let mut counts = Counts::default();
        for names in places {
            before.push(counts);
            counts.join(&names.counts());
        }
        before.resize(PLACES + 1, counts);
        let (mut heard_before, mut told) = (Vec::new(), Told::default());
        if self.is_shared() {
            heard_before.reserve(PLACES + 1);
            let mut heard = Heard::default();
            for names in places {
                heard_before.push(heard);
                heard.join(names.heard());
            }
            heard_before.resize(PLACES + 1, heard);
            told = Told::of(self, &heard);
        }
        let (known_before, of_stretches) = (self.known.before(), Vec::new());
        let mut view = View {
            frontier: self,
            before,
            heard_before,
            known_before,
            of_stretches,
            all: Sums::default(),
            told,
        };
        view.of_stretches = self.stretches.iter().map(|stretch| view.sum(stretch.letters())).collect();
        view.all = view.sum(Letters::ALL);
        view
    }

    /// What is known of the names of each place of a range, up to the last with any.
    pub(super) fn of(&self, part: Letters) -> impl Iterator<Item = &Names> {
        self.places.each().iter().take(usize::from(part.to) + 1).skip(part.from.into())
    }

    /// Whether requests aim at categories, and letters do not say more: a topic that categories do not cover is cut by letters, too.
    pub(crate) fn is_by_categories(&self) -> bool {
        self.categories.answers() > 0 && !self.is_by_letters()
    }

    /// Whether requests aimed at letters, and models keep to them.
    pub(super) fn is_by_letters(&self) -> bool {
        self.aimed > 0 && self.works()
    }

    /// Whether requests aimed at parts, and models keep to them.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.is_by_categories() || self.is_by_letters()
    }

    /// Whether models keep to the letters that they are asked for, as far as it was tried.
    pub(super) fn works(&self) -> bool {
        self.keeps_to_parts() && !self.is_crowded()
    }

    /// Whether most names begin alike, so that letters do not tell them apart.
    fn is_crowded(&self) -> bool {
        let each = self.places.each().iter().map(|names| names.counts().found());
        let (all, most) = each.fold((0, 0), |(all, most), found| (all + found, most.max(found)));
        f64::from(all) >= ENOUGH && f64::from(most) > CROWDED * f64::from(all)
    }
}

/// What stands before the places of a range, and with them; nothing where nothing is kept.
fn around<T: Copy + Default>(before: &[T], part: Letters) -> (T, T) {
    let of = |place: usize| before.get(place).copied().unwrap_or_default();
    (of(usize::from(part.from)), of(usize::from(part.to) + 1))
}

impl View<'_> {
    /// What several models have named.
    pub(super) const fn told(&self) -> &Told {
        &self.told
    }

    /// What one of them has named of a range.
    pub(super) fn heard(&self, part: Letters, how: How, place: usize) -> f64 {
        self.heard_of(part, |heard| heard.of(how, place)).into()
    }

    /// Names of a range that one of those knows who have listed it.
    pub(super) fn known_to_listed(&self, part: Letters) -> f64 {
        self.heard_of(part, |heard| heard.known).into()
    }

    /// One number of what was heard: to copy all of them many times for a decision would take most of its time.
    fn heard_of(&self, part: Letters, number: impl Fn(&Heard) -> u32) -> u32 {
        let of = |place: usize| self.heard_before.get(place).map_or(0, &number);
        of(usize::from(part.to) + 1).saturating_sub(of(usize::from(part.from)))
    }

    /// The sums of a range.
    pub(super) fn sum(&self, part: Letters) -> Sums {
        let (before, with) = around(&self.before, part);
        let (known_before, known_with) = around(&self.known_before, part);
        Sums { known: known_with - known_before, ..with.without(&before).sums() }
    }

    /// The sums of all names.
    pub(super) const fn all(&self) -> &Sums {
        &self.all
    }

    /// All stretches with their sums.
    pub(super) fn stretches(&self) -> impl Iterator<Item = (&Stretch, &Sums)> {
        self.stretches.iter().zip(&self.of_stretches)
    }

    pub(super) fn found(&self) -> f64 {
        self.all.found()
    }
}
