//! Parts of a topic by the letters that names begin with.
//!
//! A name is in one of 703 places: by its first two letters, of which the second may be missing or no letter, or in the last one where it begins with no
//! letter from A to Z. Accents and case are taken off. A range of places is written as it is asked for: `c`, `a-f`, `sa-sm`, and `other` for the last.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

mod usual;

/// Second letters: none, and A to Z.
const SECONDS: u16 = 27;

/// Where names are that begin with no letter from A to Z.
const ELSEWHERE: u16 = 26 * SECONDS;

/// How many places there are.
pub(super) const PLACES: usize = ELSEWHERE as usize + 1;

/// First letters, and what is none.
pub(super) const LETTERS: usize = 27;

/// Which of them the names of a place have.
pub(super) fn first_letter(place: Place) -> usize {
    usize::from(place / SECONDS)
}

/// A place in the order of the alphabet.
pub(super) type Place = u16;

/// The place of a name.
pub(super) fn place(name: &str) -> Place {
    let mut letters = name.nfkd().filter(|c| !is_mark(*c)).map(|c| c.to_ascii_lowercase());
    let Some(first) = letters.next().and_then(letter) else { return ELSEWHERE };
    first * SECONDS + letters.next().and_then(letter).map_or(0, |second| second + 1)
}

fn letter(c: char) -> Option<u16> {
    c.is_ascii_lowercase().then(|| u16::try_from(u32::from(c) - u32::from('a')).unwrap_or(0))
}

fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// Places that follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Letters {
    pub(super) from: Place,
    pub(super) to: Place,
}

impl Letters {
    /// Everything.
    pub(super) const ALL: Self = Self { from: 0, to: ELSEWHERE };

    /// Names that begin with no letter.
    pub(super) const ELSEWHERE: Self = Self { from: ELSEWHERE, to: ELSEWHERE };

    /// Whether it cannot be cut further.
    #[must_use]
    pub(super) const fn is_one(self) -> bool {
        self.from == self.to
    }

    /// What a name of a cell says, if it is one of letters.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if name == "other" {
            return Some(Self::ELSEWHERE);
        }
        let (from, to) = name.split_once('-').unwrap_or((name, name));
        let (from, to) = (first_place(from)?, last_place(to)?);
        (from <= to).then_some(Self { from, to })
    }

    /// Whether a name is one of them.
    #[must_use]
    pub fn holds(self, name: &str) -> bool {
        self.contains(place(name))
    }

    /// The number of the place where a name stands, and those of these places.
    pub(crate) fn number_of(name: &str) -> u16 {
        place(name)
    }

    pub(crate) const fn numbers(self) -> RangeInclusive<u16> {
        self.from..=self.to
    }

    pub(super) const fn contains(self, place: Place) -> bool {
        self.from <= place && place <= self.to
    }

    /// Whether both hold the same names in part.
    pub(crate) const fn overlaps(self, other: Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }

    /// What both hold, where they overlap.
    pub(crate) fn both(self, other: Self) -> Option<Self> {
        let (from, to) = (self.from.max(other.from), self.to.min(other.to));
        (from <= to).then_some(Self { from, to })
    }

    /// All names with the same first letter as a place, up to the end of these places.
    pub(super) fn letter_of(self, place: Place) -> Self {
        let last = if place == ELSEWHERE { ELSEWHERE } else { (place / SECONDS + 1) * SECONDS - 1 };
        Self { from: place, to: last.min(self.to) }
    }

    /// The first letters of which it holds some names, but not all: at most two, at its ends.
    pub(super) fn held_in_part(self) -> impl Iterator<Item = Self> {
        let letter = |place: Place| Self::ALL.letter_of(place - place % SECONDS);
        let (first, last) = (letter(self.from), letter(self.to));
        let of_last = (last != first).then_some(last);
        std::iter::once(first).chain(of_last).filter(move |one| one.from < self.from || one.to > self.to)
    }

    /// How many of a thousand names usually begin so.
    pub(super) fn usual(self) -> f64 {
        usual::before(usize::from(self.to) + 1) - usual::before(usize::from(self.from))
    }

    /// For a question: what names have to begin with.
    #[must_use]
    pub fn in_words(self) -> String {
        if self == Self::ELSEWHERE {
            return "do not begin with a letter from A to Z, but with a digit or another character"
                .to_owned();
        }
        // Names with a first letter alone are written with an apostrophe, which no model would understand.
        let alone = |place: Place| first(place).to_uppercase();
        if self.from == self.to && self.from.is_multiple_of(SECONDS) {
            return format!("begin with the letter {} and have no letter behind it", alone(self.from));
        }
        if self.to.is_multiple_of(SECONDS) && self.to < ELSEWHERE {
            let rest = Self { to: self.to - 1, ..self }.in_words();
            return format!("{rest}, or with {} and no letter behind it", alone(self.to));
        }
        let shown = self.to_string().to_uppercase().replace('\'', "");
        let (from, to) = shown.split_once('-').unwrap_or((&shown, &shown));
        let capital = |text: &str| {
            text.chars().take(1).chain(text.chars().skip(1).flat_map(char::to_lowercase)).collect::<String>()
        };
        let (from, to) = (capital(from), capital(to));
        if from == to && from.len() == 1 {
            format!("begin with the letter {from}")
        } else if from == to {
            format!("begin with \"{from}\"")
        } else if from.len() == 1 && to.len() == 1 {
            format!("begin with one of the letters {from} to {to}")
        } else {
            format!("begin with \"{from}\" to \"{to}\" in the order of the alphabet")
        }
    }
}

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ELSEWHERE {
            return f.write_str("other");
        }
        let (from, to) = (self.from, self.to.min(ELSEWHERE - 1));
        let whole = from % SECONDS == 0 && to % SECONDS == SECONDS - 1;
        let name =
            |place: Place| if whole { first(place) } else { format!("{}{}", first(place), second(place)) };
        let (from, to) = (name(from), name(to));
        if from == to { f.write_str(&from) } else { write!(f, "{from}-{to}") }
    }
}

fn first(place: Place) -> String {
    char::from(b'a' + u8::try_from(place / SECONDS).unwrap_or(25)).to_string()
}

/// A place without a second letter is written with an apostrophe, which stands before A.
fn second(place: Place) -> char {
    match u8::try_from(place % SECONDS).unwrap_or(0) {
        0 => '\'',
        second => char::from(b'a' + second - 1),
    }
}

fn first_place(text: &str) -> Option<Place> {
    let (first, second) = split(text)?;
    Some(first * SECONDS + second.unwrap_or(0))
}

fn last_place(text: &str) -> Option<Place> {
    let (first, second) = split(text)?;
    Some(first * SECONDS + second.unwrap_or(SECONDS - 1))
}

/// The first letter, and the second where there is one.
fn split(text: &str) -> Option<(u16, Option<u16>)> {
    let mut chars = text.chars();
    let first = chars.next().and_then(letter)?;
    let second = match chars.next() {
        None => None,
        Some('\'') => Some(0),
        Some(c) => Some(letter(c)? + 1),
    };
    chars.next().is_none().then_some((first, second))
}
