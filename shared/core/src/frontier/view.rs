//! The frontier at one moment, with its sums at hand: what is asked of it many times for one decision costs a look.

use std::cell::OnceCell;
use std::ops::Deref;

use super::heard::Told;
use super::letters::PLACES;
use super::{CROWDED, ENOUGH, Frontier, Letters, Names, Stretch, Sums, TRIED};

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
    /// What several models have named.
    told: OnceCell<Told>,
}

impl Deref for View<'_> {
    type Target = Frontier;

    fn deref(&self) -> &Frontier {
        self.frontier
    }
}

impl Frontier {
    pub(super) fn view(&self) -> View<'_> {
        let mut before = Vec::with_capacity(PLACES + 1);
        let (mut sums, mut most) = (Sums::default(), 0.0_f64);
        for names in &self.places {
            before.push(sums);
            let of_place = names.sums();
            most = most.max(of_place.found());
            sums.join(&of_place);
        }
        before.resize(PLACES + 1, sums);
        self.known.add_to(&mut before);
        let of_stretches = self.stretches.iter().map(|stretch| sum(&before, stretch.letters())).collect();
        View { frontier: self, before, of_stretches, most, told: OnceCell::new() }
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

/// The sums of a range, from those before each place.
fn sum(before: &[Sums], part: Letters) -> Sums {
    let of = |place: usize| before.get(place).copied().unwrap_or_default();
    of(usize::from(part.to) + 1).without(of(usize::from(part.from)))
}

impl View<'_> {
    /// What several models have named; it is looked at when it is asked for.
    pub(super) fn told(&self) -> &Told {
        self.told.get_or_init(|| Told::of(self.frontier))
    }

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
        // By answers: one that is filled up with other names is long, and says no more than one that is short.
        let keeps_to = self.aimed < TRIED || 2 * self.kept >= self.aimed;
        keeps_to && !self.is_crowded()
    }

    /// Whether most names begin alike, so that letters do not tell them apart.
    fn is_crowded(&self) -> bool {
        let all = self.found();
        all >= ENOUGH && self.most > CROWDED * all
    }
}
