//! What to ask for next.

use super::{Frontier, Letters, Stretch};

/// Answers about the whole topic before it is cut into parts.
const FIRST_WHOLE: u64 = 2;

/// Of so many requests, one is about the whole topic.
const WHOLE_EVERY: u64 = 20;

/// There are at least so many before a topic is said to be complete.
pub(crate) const LEAST_WHOLE: u64 = 8;

/// A part is cut off as large as this share of what is asked for.
const PART: f64 = 0.75;

/// Names that a question can leave out.
pub(super) const MOST_LEFT_OUT: u32 = 80;

/// Of names to leave out, this share is named all the same.
const COPIED: f64 = 0.1;

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// The whole topic.
    Whole,
    /// A part of it.
    Part(Letters),
}

/// What is to be asked for next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outlook {
    /// This.
    Ask {
        /// About what.
        aim: Aim,
        /// How many names.
        items: u32,
        /// How many new ones it may bring.
        new: f64,
    },
    /// Nothing before something that is under way has been answered.
    Wait,
}

/// A part, how many names an answer about it may have, and how many it would leave out.
type Cut = (Letters, f64, f64);

impl Frontier {
    /// What to ask for next, `items` names at most, while requests about `under_way` have not been answered. `wanted`: the completeness at which the topic
    /// is done; nothing beyond it is asked for.
    #[must_use]
    pub fn next(&self, items: u32, under_way: &[(Aim, f64)], wanted: Option<f64>) -> Outlook {
        let whole_under_way = under_way.iter().filter(|(aim, _)| *aim == Aim::Whole).count();
        let whole = self.whole + u64::try_from(whole_under_way).unwrap_or(0);
        let about_whole = Outlook::Ask { aim: Aim::Whole, items, new: 0.0 };
        if whole < FIRST_WHOLE || !self.works() {
            return about_whole;
        }
        if self.whole == 0 {
            return Outlook::Wait;
        }
        let is_small = self.whole_full == 0;
        if is_small {
            return if whole < LEAST_WHOLE {
                about_whole
            } else if under_way.is_empty() {
                self.again(items, under_way)
            } else {
                Outlook::Wait
            };
        }
        let asked = self.whole + self.aimed + u64::try_from(under_way.len()).unwrap_or(0);
        if whole < asked / WHOLE_EVERY {
            return about_whole;
        }
        let picture = self.picture();
        let mut best: Option<(f64, Letters, f64)> = None;
        for stretch in self.stretches.iter().filter(|stretch| stretch.reach.listed == 0) {
            for (letters, gives, _) in self.cut(stretch, f64::from(items) * PART) {
                if under_way.iter().any(|(aim, _)| matches!(aim, Aim::Part(part) if part.overlaps(letters))) {
                    continue;
                }
                let expected = self.expected(&picture, letters, stretch.reach);
                let new = (expected - self.sum(letters).found()).clamp(0.0, f64::from(items));
                if best.is_none_or(|(most, ..)| new > most) {
                    best = Some((new, letters, gives));
                }
            }
        }
        let estimate = self.estimate();
        let (mut need, mut near_end) = (f64::INFINITY, false);
        if let (Some(wanted), Some(estimate)) = (wanted, estimate) {
            let total = estimate.estimate.total;
            let coming: f64 = under_way.iter().map(|(_, new)| new).sum();
            need = (wanted - estimate.completeness) * total - coming;
            near_end = estimate.completeness >= wanted - 0.06 && !estimate.at_least;
        }
        if near_end && whole < LEAST_WHOLE {
            return about_whole;
        }
        if need <= 0.0 && !under_way.is_empty() {
            return Outlook::Wait;
        }
        match best.filter(|(new, ..)| *new >= 0.5) {
            Some((new, letters, gives)) => {
                let take = if need < new { (gives - new + need).ceil() + 1.0 } else { f64::from(items) };
                let items = whole_number(take).clamp(5.min(items), items);
                Outlook::Ask { aim: Aim::Part(letters), items, new: new.min(need.max(1.0)) }
            }
            None if whole < LEAST_WHOLE => about_whole,
            None => self.again(items, under_way),
        }
    }

    /// Everything is listed: what lists leave out is asked for in the ranges where most of it is.
    fn again(&self, items: u32, under_way: &[(Aim, f64)]) -> Outlook {
        let picture = self.picture();
        let least = self.stretches.iter().map(|stretch| stretch.reach.listed).min().unwrap_or(0);
        let mut best: Option<(f64, Letters)> = None;
        for stretch in self.stretches.iter().filter(|stretch| stretch.reach.listed == least) {
            for (letters, ..) in self.cut(stretch, f64::from(items) * PART) {
                let is_free = !under_way
                    .iter()
                    .any(|(aim, _)| matches!(aim, Aim::Part(part) if part.overlaps(letters)));
                let new = self.sum(letters).found() * picture.left_out.powi(i32::from(least.max(1)));
                if is_free && best.is_none_or(|(most, _)| new > most) {
                    best = Some((new, letters));
                }
            }
        }
        best.map_or(Outlook::Wait, |(new, letters)| Outlook::Ask { aim: Aim::Part(letters), items, new })
    }

    /// Cuts a stretch into parts that hold so many names: whole letters where they are small enough, else by the second letter.
    fn cut(&self, stretch: &Stretch, size: f64) -> Vec<Cut> {
        let picture = self.picture();
        let expected = |letters: Letters| {
            let (holds, aimed) = (self.expected(&picture, letters, stretch.reach), self.sum(letters).aimed());
            let gives =
                if aimed <= f64::from(MOST_LEFT_OUT) { holds - (1.0 - COPIED) * aimed } else { holds };
            (gives, aimed)
        };
        let mut parts: Vec<Cut> = Vec::new();
        let whole = stretch.letters();
        let mut place = whole.from;
        let mut open: Option<Cut> = None;
        while place <= whole.to {
            let letter = whole.letter_of(place);
            let (holds, aimed) = expected(letter);
            place = letter.to + 1;
            let is_other = letter == Letters::ELSEWHERE;
            if holds > size * 1.3 || is_other {
                parts.extend(open.take());
                if is_other {
                    parts.push((letter, holds, aimed));
                } else {
                    cut_letter(letter, size, &expected, &mut parts);
                }
                continue;
            }
            open = match open {
                Some((before, held, left))
                    if held + holds <= size && left + aimed <= f64::from(MOST_LEFT_OUT) =>
                {
                    Some((Letters { from: before.from, to: letter.to }, held + holds, left + aimed))
                }
                other => {
                    parts.extend(other);
                    Some((letter, holds, aimed))
                }
            };
        }
        parts.extend(open);
        parts
    }
}

/// Cuts the names with one first letter by their second.
fn cut_letter(letter: Letters, size: f64, expected: &dyn Fn(Letters) -> (f64, f64), parts: &mut Vec<Cut>) {
    let mut open: Option<Cut> = None;
    for place in letter.from..=letter.to {
        let one = Letters { from: place, to: place };
        let (holds, aimed) = expected(one);
        open = match open {
            Some((before, held, left))
                if held + holds <= size && left + aimed <= f64::from(MOST_LEFT_OUT) =>
            {
                Some((Letters { from: before.from, to: place }, held + holds, left + aimed))
            }
            other => {
                parts.extend(other);
                Some((one, holds, aimed))
            }
        };
    }
    parts.extend(open);
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is small and positive")]
fn whole_number(number: f64) -> u32 {
    number.max(0.0) as u32
}
