//! The frontier at one moment, with its sums at hand: what is asked of it many times for one decision costs a look.

use std::ops::Deref;

use super::letters::PLACES;
use super::voices::{SETS, Set};
use super::{CROWDED, ENOUGH, Frontier, KEEPS_TO, Letters, Names, Stretch, Sums, TRIED};

/// The frontier at one moment.
#[derive(Debug)]
pub(super) struct View<'a> {
    frontier: &'a Frontier,
    /// Of all places before one.
    before: Vec<Sums>,
    /// Of each stretch.
    of_stretches: Vec<Sums>,
    /// The most names that are known of one place.
    most: f64,
    /// Names in ranges that were listed: by who listed, and who named them.
    pub(super) listed: Vec<(Set, [u32; SETS])>,
}

impl Deref for View<'_> {
    type Target = Frontier;

    fn deref(&self) -> &Frontier {
        self.frontier
    }
}

impl Frontier {
    pub(super) fn view(&self) -> View<'_> {
        let (mut before, mut listed) = (Vec::with_capacity(PLACES + 1), Vec::new());
        let (mut sums, mut most) = (Sums::default(), 0.0_f64);
        for names in &self.places {
            before.push(sums);
            let of_place = names.counts.sums();
            most = most.max(of_place.found());
            sums.join(&of_place);
        }
        before.resize(PLACES + 1, sums);
        for stretch in self.stretches.iter().filter(|stretch| stretch.reach.listed_by > 0) {
            let named_by = named_by(&mut listed, stretch.reach.listed_by);
            for (by, names) in self.of(stretch.letters()).flat_map(|names| &names.by) {
                if let Some(all) = named_by.get_mut(usize::from(*by)) {
                    *all += names;
                }
            }
        }
        self.known.add_to(&mut before);
        let of_stretches = self.stretches.iter().map(|stretch| sum(&before, stretch.letters())).collect();
        View { frontier: self, before, of_stretches, most, listed }
    }

    /// What is known of the names of each place of a range, up to the last with any.
    pub(super) fn of(&self, part: Letters) -> impl Iterator<Item = &Names> {
        self.places.iter().take(usize::from(part.to) + 1).skip(part.from.into())
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
fn named_by(all: &mut Vec<(Set, [u32; SETS])>, listed_by: Set) -> &mut [u32; SETS] {
    let place = all.iter().position(|(by, _)| *by == listed_by).unwrap_or_else(|| {
        all.push((listed_by, [0; SETS]));
        all.len() - 1
    });
    &mut all[place].1
}

/// The sums of a range, from those before each place.
fn sum(before: &[Sums], part: Letters) -> Sums {
    let of = |place: usize| before.get(place).copied().unwrap_or_default();
    of(usize::from(part.to) + 1).without(of(usize::from(part.from)))
}

impl View<'_> {
    /// The sums of a range.
    pub(super) fn sum(&self, part: Letters) -> Sums {
        sum(&self.before, part)
    }

    /// All stretches with their sums.
    pub(super) fn stretches(&self) -> impl Iterator<Item = (&Stretch, &Sums)> {
        self.stretches.iter().zip(&self.of_stretches)
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
