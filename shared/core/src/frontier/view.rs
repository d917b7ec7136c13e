//! The frontier at one moment, with its sums at hand: what is asked of it many times for one decision costs a look.

use std::ops::Deref;

use super::letters::PLACES;
use super::voices::{SETS, Set};
use super::{CROWDED, ENOUGH, Frontier, KEEPS_TO, Letters, Sums, TRIED};

/// The frontier at one moment.
#[derive(Debug)]
pub(super) struct View<'a> {
    frontier: &'a Frontier,
    /// Of all places before one.
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
        let (mut before, mut shared) = (Vec::with_capacity(PLACES + 1), Vec::new());
        let (mut sums, mut most) = (Sums::default(), 0.0_f64);
        let mut stretches = self.stretches.iter();
        let mut here = stretches.next();
        for (place, names) in &self.places {
            before.resize(usize::from(*place) + 1, sums);
            let of_place = Sums::of(&names.table);
            most = most.max(of_place.found());
            sums.join(&of_place);
            while here.is_some_and(|stretch| stretch.to < *place) {
                here = stretches.next();
            }
            let listed_by = here.map_or(0, |stretch| stretch.reach.listed_by);
            if listed_by.count_ones() > 1 {
                let named_by = named_by(&mut shared, listed_by);
                for (by, names) in &names.by {
                    if let Some(all) = named_by.get_mut(usize::from(*by)) {
                        *all += names;
                    }
                }
            }
        }
        before.resize(PLACES + 1, sums);
        self.known.add_to(&mut before);
        View { frontier: self, before, most, shared }
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

/// What names are counted in that these models have listed.
#[expect(clippy::indexing_slicing, reason = "it was found or put there just now")]
fn named_by(shared: &mut Vec<(Set, [u32; SETS])>, listed_by: Set) -> &mut [u32; SETS] {
    let place = shared.iter().position(|(by, _)| *by == listed_by).unwrap_or_else(|| {
        shared.push((listed_by, [0; SETS]));
        shared.len() - 1
    });
    &mut shared[place].1
}

impl View<'_> {
    /// The tables of a range together.
    pub(super) fn sum(&self, part: Letters) -> Sums {
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
