//! The frontier at one moment, with its sums at hand: what is asked of it many times for one decision costs a look.

use std::ops::Deref;

use super::letters::PLACES;
use super::voices::{SETS, Set};
use super::{CROWDED, ENOUGH, Frontier, KEEPS_TO, Letters, Sums, TRIED};

/// The frontier at one moment.
#[derive(Debug)]
pub(super) struct View<'a> {
    frontier: &'a Frontier,
    /// Of each place, and of all places before one.
    each: Vec<Sums>,
    before: Vec<Sums>,
    /// The most names that are known of one place.
    most: f64,
    /// Names in ranges that several models have listed: by who listed, and who named them.
    pub(super) shared: Vec<(Set, [u32; SETS])>,
}

impl Deref for View<'_> {
    type Target = Frontier;

    fn deref(&self) -> &Frontier {
        self.frontier
    }
}

impl Frontier {
    pub(super) fn view(&self) -> View<'_> {
        let (mut each, mut before) = (vec![Sums::default(); PLACES], Vec::with_capacity(PLACES + 1));
        let (mut sums, mut most) = (Sums::default(), 0.0_f64);
        for (place, names) in &self.places {
            before.resize(usize::from(*place) + 1, sums);
            let of_place = Sums::of(&names.table);
            most = most.max(of_place.found());
            sums.join(&of_place);
            if let Some(each) = each.get_mut(usize::from(*place)) {
                *each = of_place;
            }
        }
        before.resize(PLACES + 1, sums);
        let mut shared: Vec<(Set, [u32; SETS])> = Vec::new();
        for stretch in self.stretches.iter().filter(|stretch| stretch.reach.listed_by.count_ones() > 1) {
            let listed_by = stretch.reach.listed_by;
            let known = shared.iter().position(|(by, _)| *by == listed_by).unwrap_or(shared.len());
            if known == shared.len() {
                shared.push((listed_by, [0; SETS]));
            }
            let Some((_, named_by)) = shared.get_mut(known) else { continue };
            for (by, names) in self.places.range(stretch.from..=stretch.to).flat_map(|(_, place)| &place.by) {
                if let Some(all) = named_by.get_mut(usize::from(*by)) {
                    *all += names;
                }
            }
        }
        View { frontier: self, each, before, most, shared }
    }

    /// Whether requests aim at categories.
    pub(crate) const fn is_by_categories(&self) -> bool {
        self.categories.answers() > self.aimed
    }

    /// Whether requests aimed at parts, and models keep to them.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.is_by_categories() || (self.aimed > 0 && self.view().works())
    }
}

impl View<'_> {
    /// The tables of a range together.
    pub(super) fn sum(&self, part: Letters) -> Sums {
        if part.from == part.to {
            return self.each.get(usize::from(part.from)).copied().unwrap_or_default();
        }
        let of = |place: usize| self.before.get(place).copied().unwrap_or_default();
        of(usize::from(part.to) + 1).without(of(usize::from(part.from)))
    }

    pub(super) fn found(&self) -> f64 {
        self.sum(Letters::ALL).found()
    }

    /// Whether models keep to the letters that they are asked for, as far as it was tried.
    pub(super) fn works(&self) -> bool {
        let keeps_to = self.aimed < TRIED || self.share_within().is_none_or(|share| share >= KEEPS_TO);
        keeps_to && !self.is_crowded()
    }

    /// Whether most names begin alike, so that letters do not tell them apart.
    fn is_crowded(&self) -> bool {
        let all = self.found();
        all >= ENOUGH && self.most > CROWDED * all
    }
}
