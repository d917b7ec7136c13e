//! Whether answers about the whole topic are from all over it, or each from a piece of the alphabet.
//!
//! Of names that are drawn by lot, it is known how many first letters they have: a letter with a share `p` of all names is among those of `k` names with the
//! probability `1 - (1 - p)^k`. A model that goes through the alphabet names fewer letters, and what few such answers leave out says little of what there is.

use serde::{Deserialize, Serialize};

use super::Frontier;
use super::letters::{LETTERS, Place, first_letter};

/// So many answers are looked at, the first ones; with more it does not matter any more.
pub(super) const LOOKED_AT: usize = 8;

/// They are from all over when they cover at least this share of what as many names that are drawn by lot would.
const EVEN: f64 = 0.75;

/// The first letters of the names in answers about the whole, a bit each, and how many names there were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spread(Vec<(u32, u16)>);

impl Spread {
    /// Takes in an answer about the whole.
    pub(super) fn answered(&mut self, places: impl Iterator<Item = Place>) {
        if self.0.len() < LOOKED_AT {
            self.0.push(places.fold((0, 0), |(letters, names): (u32, u16), place| {
                (letters | 1 << first_letter(place), names.saturating_add(1))
            }));
        }
    }

    /// Whether answers are each from a piece of the alphabet, where so many names begin with each letter.
    fn is_uneven(&self, names: &[f64; LETTERS]) -> bool {
        let all: f64 = names.iter().sum();
        let (mut covered, mut by_lot) = (0.0, 0.0);
        for (letters, drawn) in &self.0 {
            for (letter, share) in (0_u32..).zip(names.iter().map(|names| names / all.max(1.0))) {
                covered += if letters & 1 << letter != 0 { share } else { 0.0 };
                by_lot += share * (1.0 - (1.0 - share).powi(i32::from(*drawn)));
            }
        }
        covered < EVEN * by_lot
    }
}

impl Frontier {
    /// Whether answers about the whole are each from a piece of the alphabet.
    pub(super) fn is_uneven(&self) -> bool {
        let mut names = [0.0; LETTERS];
        for (place, here) in (0..).zip(self.places.each()) {
            if let Some(names) = names.get_mut(first_letter(place)) {
                *names += here.counts().sums().whole();
            }
        }
        self.spread.is_uneven(&names)
    }
}

#[cfg(test)]
mod tests {
    use super::super::letters;
    use super::*;

    /// Each answer has a name for each of its letters.
    fn is_uneven(answers: &[&str], names: [f64; LETTERS]) -> bool {
        let mut spread = Spread::default();
        for answer in answers {
            spread.answered(answer.chars().map(|letter| letters::place(&letter.to_string())));
        }
        spread.is_uneven(&names)
    }

    #[test]
    fn who_goes_through_the_alphabet_is_told_from_who_names_what_comes_to_mind() {
        let (mut ten, mut two) = ([0.0; LETTERS], [0.0; LETTERS]);
        ten[..10].fill(10.0);
        two[..2].fill(40.0);
        assert!(is_uneven(&["aabb", "iijj"], ten));
        assert!(!is_uneven(&["adgi", "bcfj"], ten));
        // Where there are no other letters nobody can name them.
        assert!(!is_uneven(&["aabb", "aabb"], two));
        assert!(!is_uneven(&[], ten));
    }
}
