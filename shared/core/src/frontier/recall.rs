//! What an answer that came back full says of how much its range still has.
//!
//! Names that its model had given before, and was not told to leave out, are a sample of the range: those that it gave again and those that it missed tell how
//! much of the range the answer has (capture and recapture; Lincoln 1930). They are the better known ones, so that a missed one stands for more than itself.

use super::fullness::Fullness;
use super::voices::Set;
use super::{Frontier, Letters, permille};

/// For each new name in a full answer so many more are to come, as far as nothing else is known, and it is as if so many names had been looked for.
const MORE: f64 = 0.7;
const SEEN: f64 = 5.0;

/// A known name that a full answer misses stands for so many, for each new name and each one that was looked for.
const MISSED: f64 = 1.8;

/// No more than this is to come for each new name.
const MOST: f64 = 4.0;

/// A range that comes back full again and again has less left each time than what the answer says: at the second time as if so many of one more were meant.
const OFTEN: f64 = 2.0;

/// Parts are as large as one answer, by what is thought of them. The shorter answers are, the more do parts differ from that: a full answer of so many
/// names leaves as much for each new one as is usual, one of ten twice that.
const USUAL_LENGTH: f64 = 50.0;
const SHORTEST: f64 = 10.0;

/// Names of a range that a model had given before and was not told to leave out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Recall {
    /// So many it gave again.
    pub(super) again: u32,
    /// And so many not.
    pub(super) missed: u32,
}

/// How much more than usual a full answer leaves, by how many names are asked for at once.
pub(super) fn by_length(longest: f64) -> f64 {
    if longest < 1.0 { 1.0 } else { 0.75 + 0.25 * USUAL_LENGTH / longest.max(SHORTEST) }
}

/// The share that is left of what a full answer says is to come, at the so manyth time that its range came back full.
pub(super) fn by_times(full: u16) -> f64 {
    OFTEN / (OFTEN - 1.0 + f64::from(full.max(1)))
}

impl Recall {
    /// Names to come for each new one in a full answer, where so many names were asked for.
    fn more(self, longest: f64) -> f64 {
        let usual = SEEN * MORE * by_length(longest);
        ((usual + MISSED * f64::from(self.missed)) / (SEEN + f64::from(self.again))).min(MOST)
    }
}

impl Frontier {
    /// Of so many names of a part that a model gave besides those that it was told to leave out, so many of them known; so many of its own it was told.
    pub(super) fn recall(&self, part: Letters, voice: Set, given: u32, known: u32, told: u32) -> Recall {
        let had: u32 = self.of(part).map(|names| names.by(voice)).sum();
        Recall { again: known, missed: had.saturating_sub(told.saturating_add(given)) }
    }

    /// Names to come by a full answer with so many new ones, for a thousand that are known.
    pub(super) fn left(&self, new: u32, recall: Recall, known: f64, fullness: Fullness) -> u16 {
        let longest = f64::from(self.longest) * fullness.delivers();
        permille(f64::from(new) * recall.more(longest) / known.max(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_answer_that_has_all_that_was_known_leaves_less_than_one_that_misses_some() {
        let more = |again, missed, longest| Recall { again, missed }.more(longest);
        for (again, missed, longest, is) in [
            (0, 0, 50.0, 0.7),
            (9, 0, 50.0, 0.25),
            (8, 2, 50.0, 0.546),
            (6, 5, 50.0, 1.136),
            (0, 0, 10.0, 1.4),
            (0, 50, 10.0, MOST),
        ] {
            let said = more(again, missed, longest);
            assert!((said - is).abs() < 1e-3, "{again} again, {missed} missed: {said} instead of {is}");
        }
    }

    #[test]
    fn what_comes_back_full_again_and_again_leaves_less() {
        for (full, is) in [(0, 1.0), (1, 1.0), (2, 2.0 / 3.0), (3, 0.5), (5, 1.0 / 3.0)] {
            assert!((by_times(full) - is).abs() < 1e-9, "{full} times");
        }
    }
}
