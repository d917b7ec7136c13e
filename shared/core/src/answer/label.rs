//! Letters in front of names, as they stand in answers that go through the alphabet.

use super::enumerator::{position, starts_with_initial};
use super::phrase::Phrase;

/// A letter in front of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Label<'a> {
    letter: char,
    /// The text begins with the letter.
    pub(super) matches: bool,
    pub(super) rest: &'a str,
}

/// `A: Aardvark`, `**B** - Bear`, `(C) Cat`, `D. Dog`, `E is for Eel`.
pub(super) fn label(text: &str) -> Option<Label<'_>> {
    let inside = text.trim_start_matches(['*', '_', '(', '[', '"', '`']);
    let letter = inside.chars().next().filter(|c| c.is_alphabetic())?;
    let after = &inside[letter.len_utf8()..];
    let closed = after.trim_start_matches(['*', '_', ')', ']', '"', '`']);
    let bracket = after.starts_with([')', ']']);
    let spoken =
        ["is for ", "for ", "as in "].iter().find_map(|words| closed.strip_prefix(' ')?.strip_prefix(words));
    let sign = closed.trim_start();
    let rest = spoken.or_else(|| {
        let behind = sign.trim_start_matches([':', '：', '-', '–', '—', '.', '=', '→', ')']);
        let found = behind.len() < sign.len() || bracket;
        let behind = behind.trim_start_matches(['*', '_']);
        let apart = behind.starts_with(char::is_whitespace) || sign.starts_with('：');
        (found && apart).then_some(behind)
    });
    let rest = rest?.trim();
    let first = rest.chars().find(|c| c.is_alphanumeric())?;
    let initial = sign.starts_with('.') && starts_with_initial(rest);
    let letter = letter.to_lowercase().next()?;
    let matches = first.to_lowercase().next() == Some(letter);
    (!initial).then_some(Label { letter, matches, rest })
}

/// Whether letters in front of texts are labels, or names themselves.
#[derive(Debug, Default)]
pub(super) struct Labels {
    seen: usize,
    matching: usize,
    steps: usize,
    small: usize,
    first: Option<u32>,
    last: u32,
}

impl Labels {
    pub(super) fn learn(&mut self, label: &Label<'_>) {
        let place = position(label.letter).unwrap_or(0);
        if self.first.is_none() {
            self.first = Some(place);
        } else {
            self.steps += usize::from(place == self.last || place == self.last + 1);
        }
        self.last = place;
        self.seen += 1;
        self.matching += usize::from(label.matches);
        self.small += usize::from(Phrase::of(label.rest).small);
    }

    /// Nearly all have one, and the names begin with it; or the letters go on from `A`, and names follow.
    pub(super) fn are_labels(&self, entries: usize) -> bool {
        let alphabet = self.seen >= 3 && self.first == Some(1) && self.steps + 1 == self.seen;
        self.seen >= 2
            && self.seen * 5 >= entries * 4
            && (self.matching * 5 >= self.seen * 4 || (alphabet && self.small * 2 < self.seen))
    }
}
