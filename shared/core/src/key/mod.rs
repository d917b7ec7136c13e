//! When two candidates are the same attribute: the canonical form, and the fingerprint that stands for it.

mod clean;
mod fingerprint;
mod fold;
mod joiner;
mod scrub;
#[cfg(test)]
mod tests;

use std::fmt;

pub use clean::{MAX_TEXT_BYTES, Rejection, clean_text};
pub use fingerprint::{Fingerprint, FingerprintMap, FingerprintSet, PrefixHasher};
pub(crate) use fold::fold_text;
use fold::{LONG_DASH, is_words};
pub(crate) use joiner::is_pictograph;
pub(crate) use scrub::{is_invisible, scrub};

/// Version of the rules below. It travels with every fingerprint: two versions' fingerprints are never compared.
pub const KEY_VERSION: u16 = 1;

/// The canonical form of a candidate: two candidates are the same attribute when their keys are equal.
///
/// Made in this order: escape sequences, control, zero-width and bidirectional characters removed (but not the tags
/// that tell the flags of England, Scotland and Wales apart); Unicode NFKC;
/// typographic quotation marks and dashes written plainly and case folded; surrounding quotes and trailing
/// `. , ; :` (and `。 、`) removed; dashes and white space between words folded to one space; a leading English
/// article dropped where something is left.
///
/// A dash is not between words, and stays, as a sign (`-5`), behind a word (`A-`, `C--`), and between a leading
/// article and its word, where it shows that the article is none (`A-5`, `The A-Team`).
///
/// Canonising a key again gives the same key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// The key of `candidate`, or `None` if nothing is left of it. Linear in the length of the candidate.
    #[must_use]
    pub fn of(candidate: &str) -> Option<Self> {
        if is_words(candidate) {
            let key = candidate.to_ascii_lowercase();
            if split_article(&key).is_none() {
                return Some(Self(key));
            }
        }
        Self::of_any(candidate)
    }

    fn of_any(candidate: &str) -> Option<Self> {
        let mut key = fold_text(candidate);
        // Every round but the last makes the key shorter (or turns a long dash into a hyphen), so this ends; two
        // rounds are the rule.
        loop {
            let next = fold_dashes(trim(&key));
            if next == key {
                break;
            }
            key = next;
        }
        (!key.is_empty()).then_some(Self(key))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const TRAILING: [char; 6] = ['.', ',', ';', ':', '。', '、'];

fn is_dash(c: char) -> bool {
    c == '-' || c == LONG_DASH
}

fn is_gap(c: char) -> bool {
    c == ' ' || is_dash(c)
}

/// Takes off both ends whatever does not belong to the name, until nothing more comes off. Linear: each step only
/// narrows the slice.
fn trim(text: &str) -> &str {
    let mut rest = text;
    let mut article = "";
    loop {
        let length = rest.len();
        rest = trim_gaps(rest).trim_end_matches(TRAILING);
        rest = unquote(rest);
        if let Some((word, tail)) = split_article(rest) {
            (article, rest) = (word, tail);
        }
        if rest.is_empty() {
            return article;
        }
        if rest.len() == length {
            return rest;
        }
    }
}

fn trim_gaps(text: &str) -> &str {
    let body = text.trim_start_matches(is_gap);
    let lead = &text[..text.len() - body.len()];
    let signed = body.starts_with(char::is_numeric);
    let body = match lead.chars().next_back() {
        Some(sign) if signed && is_dash(sign) => &text[lead.len() - sign.len_utf8()..],
        _ => body,
    };
    let word = body.trim_end_matches(is_gap);
    let tail = &body[word.len()..];
    let attached = tail.len() - tail.trim_start_matches('-').len();
    if word.is_empty() { word } else { &body[..word.len() + attached] }
}

/// Removes one layer of quotes around the whole text. `"A" and "B"` is not one quotation, `'don't'` is.
pub(crate) fn unquote(text: &str) -> &str {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else { return text };
    let opening = text.len() - text.trim_start_matches(quote).len();
    let closing = text.len() - text.trim_end_matches(quote).len();
    if opening == text.len() {
        return if opening > 1 { "" } else { text };
    }
    let layers = opening.min(closing);
    if layers == 0 {
        return text;
    }
    let inner = &text[layers..text.len() - layers];
    let mut before = ' ';
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        let apostrophe =
            c == '\'' && before.is_alphanumeric() && chars.peek().is_some_and(|next| next.is_alphanumeric());
        if c == quote && !apostrophe {
            return text;
        }
        before = c;
    }
    inner
}

fn split_article(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.split_once(' ')?;
    matches!(word, "a" | "an" | "the").then_some((word, rest))
}

/// Folds every run of dashes and spaces inside a trimmed text to one space, but for the dashes that [`Key`] keeps.
fn fold_dashes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_gap) {
        out.push_str(&rest[..start]);
        let after = rest[start..].trim_start_matches(is_gap);
        let gap = &rest[start..rest.len() - after.len()];
        fold_gap(&mut out, gap, after.chars().next());
        rest = after;
    }
    out.push_str(rest);
    out
}

fn fold_gap(out: &mut String, gap: &str, next: Option<char>) {
    let hyphens = &gap[..gap.len() - gap.trim_start_matches('-').len()];
    let before = out.chars().next_back();
    let sign = next.is_some_and(char::is_numeric) && gap.ends_with(is_dash);
    let (Some(before), Some(next)) = (before, next) else {
        // At the very start or end, where trimming left only a sign or hyphens behind a word.
        out.push_str(if sign { "-" } else { hyphens });
        return;
    };
    if gap.contains(' ') {
        out.push_str(hyphens);
        out.push_str(if sign { " -" } else { " " });
    } else if !next.is_alphanumeric() {
        out.push_str(if hyphens.len() == gap.len() { hyphens } else { " " });
    } else if (sign && !before.is_alphanumeric()) || matches!(out.as_str(), "a" | "an" | "the") {
        out.push('-');
    } else {
        out.push(' ');
    }
}
