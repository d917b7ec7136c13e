//! How long answers are that end because enough was said, not because there is no more.
//!
//! One model gives all of the fifty names that it is asked for, another some forty-five, a third stops after thirty. Answers about the whole topic show which,
//! as long as it has more names than those. An answer about a part that is clearly shorter has what its model knows of the part.

use serde::{Deserialize, Serialize};

use super::voices::{Set, place_of};
use super::{BYTES, Frontier, count, is_full, permille};

/// An answer with less than this share of what was asked for has listed what it is about, as long as nobody knows what its model gives.
pub(super) const FULL: u32 = 750;

/// An answer is clearly shorter than others if so much more of what was asked for is missing.
const SHORTER: u16 = 80;

/// One that stops early by so much more of what was asked for than it usually does varies.
const VARIES: u16 = 100;

/// An answer about the whole topic has listed it only when no more than this share of it is new.
const LITTLE_NEW: f64 = 0.2;

/// A model that has named so many times as many names as are in its answer had more of them.
const FAR_MORE: f64 = 1.25;

/// Of so many answers the last one counts as one.
const LATELY: u16 = 4;

/// How many names an answer has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Length {
    /// Names that were asked for; 0 where nobody knows how many there could have been.
    pub(super) asked: u32,
    /// Those that count.
    pub(super) names: u32,
    /// All that the model gave, with what it said twice, and what is no name or strays from what it was asked about.
    pub(super) given: u32,
}

/// What a model gives of a thousand names that it is asked for when it has more of them, by its answers about the whole topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fullness {
    answers: u16,
    /// In the shortest one; `None` before the first.
    least: Option<u16>,
    /// In the shortest one that was short: maybe its model has more, maybe not.
    maybe: Option<u16>,
    /// On average.
    usual: u16,
    /// In the shortest one that was taken for all that its model knows.
    all: Option<u16>,
}

/// Names that were found when an answer about the whole topic was taken in, and those that its model has named by then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) of_all: u32,
    pub(super) of_model: u32,
}

/// Whether there are far more names than an answer has, though it may have left some out.
fn is_far_more(known: u32, names: u32) -> bool {
    f64::from(known) > FAR_MORE * f64::from(names)
}

impl Length {
    fn share(self, names: u32) -> u32 {
        if self.asked == 0 { 1_000 } else { permille(f64::from(names) / f64::from(self.asked)).into() }
    }
}

impl Fullness {
    /// Takes in an answer about the whole topic.
    pub(super) fn answered(&mut self, length: Length, known: Found) {
        // One that was cut off says nothing of that.
        if length.asked == 0 {
            return;
        }
        self.answers = self.answers.saturating_add(1);
        let had_more = is_full(length.asked, length.names) || is_far_more(known.of_model, length.names);
        let share = permille(f64::from(length.given) / f64::from(length.asked)).min(1_000);
        if !had_more {
            self.maybe = Some(self.maybe.map_or(share, |maybe| maybe.min(share)));
        }
        if had_more {
            let (least, usual) = self.least.map_or((share, share), |least| (least, self.usual));
            self.least = Some(least.min(share));
            self.usual = (usual * (LATELY - 1) + share) / LATELY;
        }
    }

    /// Whether an answer about a part may have ended before all names were given.
    pub(super) fn is_full(self, length: Length) -> bool {
        let least = self.shortest().map_or(FULL, |least| least.saturating_sub(SHORTER).into());
        length.share(length.names) >= least.min(FULL) && length.share(length.given) >= least
    }

    /// Whether an answer about the whole topic with so many new names, which was taken in, has all that its model knows: it is short, its model has named hardly
    /// anything else, and has said so twice, or nobody has.
    pub(super) fn lists_all(self, length: Length, new: u32, known: Found) -> bool {
        let is_sure = self.answers > 1 || !is_far_more(known.of_all, length.names);
        !is_full(length.asked, length.names)
            && f64::from(new) <= LITTLE_NEW * f64::from(length.names)
            && !is_far_more(known.of_model, length.names)
            && is_sure
    }

    /// An answer with so many names was taken for all that its model knows.
    pub(super) fn listed_all(&mut self, length: Length) {
        let share = permille(f64::from(length.given) / f64::from(length.asked.max(1))).min(1_000);
        self.all = Some(self.all.map_or(share, |all| all.min(share)));
    }

    /// Its model has more than what was taken for all: it stops as early as that though it knows more. Says whether anything was taken for all.
    pub(super) fn has_more(&mut self) -> bool {
        let Some(share) = self.all.take() else { return false };
        (self.least, self.usual) = (Some(self.least.map_or(share, |least| least.min(share))), share);
        true
    }

    /// The shortest answer that its model may have ended though it had more.
    fn shortest(self) -> Option<u16> {
        self.least.or(self.maybe)
    }

    /// Whether the only answer about the whole topic was short: nobody knows whether its model has more.
    pub(super) const fn is_unclear(self) -> bool {
        self.answers == 1 && self.maybe.is_some()
    }

    /// Whether it stops early now and then: how early shows in more answers only.
    pub(super) fn varies(self) -> bool {
        self.least.is_some_and(|least| least + VARIES < self.usual)
    }

    /// The share of what it is asked for that a model gives, where it stops long before that; else 1.
    pub(super) fn delivers(self) -> f64 {
        let stops = self.least.is_some() && u32::from(self.usual) < FULL;
        if stops { f64::from(self.usual) / 1_000.0 } else { 1.0 }
    }
}

impl Frontier {
    /// Names that were found, and those that a model has named.
    pub(super) fn known_by(&self, voice: Set) -> Found {
        let of_all = count(self.names.len() / BYTES);
        let of_model = self.places.each().iter().map(|names| names.by(voice)).sum();
        Found { of_all, of_model }
    }

    /// How long answers of a model are. One that nobody knows may stop as early as others do.
    pub(super) fn fullness(&self, voice: Set) -> Fullness {
        let own = place_of(voice).and_then(|place| self.voices.get(place)).map(|voice| voice.fullness);
        own.filter(|own| own.answers > 0).or_else(|| self.shortest()).unwrap_or_default()
    }

    fn shortest(&self) -> Option<Fullness> {
        let all = self.voices.iter().map(|voice| voice.fullness);
        all.min_by_key(|fullness| fullness.shortest().unwrap_or(u16::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(asked: u32, names: u32) -> Length {
        Length { asked, names, given: names }
    }

    fn known(of_all: u32, of_model: u32) -> Found {
        Found { of_all, of_model }
    }

    /// Answers about the whole: what was asked for, names, and those that the model has named by then.
    fn after(answers: &[(u32, u32, u32)]) -> Fullness {
        let mut fullness = Fullness::default();
        for (asked, names, of_model) in answers {
            fullness.answered(length(*asked, *names), known(*of_model, *of_model));
        }
        fullness
    }

    fn fewest(fullness: Fullness, asked: u32) -> u32 {
        (0..=asked).find(|names| fullness.is_full(length(asked, *names))).unwrap_or(asked + 1)
    }

    #[test]
    fn what_is_clearly_shorter_than_answers_about_the_whole_is_a_list() {
        let exact = after(&[(50, 50, 50), (50, 51, 70), (40, 40, 70)]);
        assert_eq!((fewest(exact, 50), fewest(exact, 20)), (46, 19));
        assert_eq!(fewest(after(&[(50, 50, 50), (50, 44, 60)]), 50), 40);
        assert_eq!(fewest(after(&[(50, 46, 46)]), 50), 42, "to the name");
    }

    #[test]
    fn three_quarters_are_full_before_anything_is_known() {
        for fullness in [Fullness::default(), after(&[(0, 50, 50)])] {
            assert_eq!(fewest(fullness, 50), 38, "{fullness:?}");
        }
        assert!(after(&[(50, 50, 50)]).is_full(length(0, 3)), "nobody said how many");
    }

    #[test]
    fn one_that_stops_early_though_it_has_more_is_known_for_that() {
        let (once, stops) = (after(&[(50, 30, 30)]), after(&[(50, 30, 30), (50, 30, 50)]));
        assert!(once.is_unclear() && !stops.is_unclear());
        assert_eq!((fewest(once, 50), fewest(stops, 50)), (26, 26));
        assert!((stops.delivers() - 0.6).abs() < 1e-9);
        let of_thirty = length(50, 30);
        assert!(!stops.lists_all(of_thirty, 0, known(200, 50)), "it says no more, whatever there is");
        let knows_thirty = after(&[(50, 30, 30), (50, 30, 33)]);
        // As long as nobody knows that, it may well stop there though it knows more.
        assert!((knows_thirty.delivers() - 1.0).abs() < 1e-9 && fewest(knows_thirty, 50) == 26);
        assert!(!knows_thirty.is_unclear(), "its answers are much alike");
        assert!(knows_thirty.lists_all(of_thirty, 2, known(200, 33)));
        assert!(!knows_thirty.lists_all(of_thirty, 7, known(200, 33)));
        assert!(!once.lists_all(of_thirty, 0, known(200, 30)), "maybe it has more");
        assert!(once.lists_all(of_thirty, 0, known(33, 30)), "nobody has");
        assert!((after(&[(50, 45, 45), (50, 40, 60)]).delivers() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn an_answer_that_was_cut_off_does_not_tell_whether_a_short_one_was_all() {
        let cut_off = after(&[(50, 30, 30), (0, 40, 45)]);
        assert!(cut_off.is_unclear() && fewest(cut_off, 50) == 26);
    }

    #[test]
    fn what_strays_and_what_is_said_twice_counts_for_the_length() {
        let exact = after(&[(50, 50, 50)]);
        assert!(exact.is_full(Length { asked: 50, names: 41, given: 50 }));
        assert!(!exact.is_full(Length { asked: 50, names: 37, given: 50 }), "filled up with something else");
        assert!(!exact.is_full(Length { asked: 50, names: 41, given: 45 }));
    }
}
