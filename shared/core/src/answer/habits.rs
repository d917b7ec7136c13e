//! What holds for a whole list: whether it is numbered, and whether it describes its items.

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_64;

use super::markup;
use super::sequence::Sequence;
use super::sink::{Entry, Origin};
use crate::key::MAX_TEXT_BYTES;

/// Counts of a whole list, from which each entry's name is cut out.
///
/// A number is taken off when it is numbering: four entries in five have one, and they count up or down by one.
///
/// What follows the first ` - ` (any dash) or `: ` is a description, and is taken off,
/// * when it looks like one: it begins in lower case, or has more than three words and is not in title case
///   (`Dune: Part Two` and `Star Wars: The Empire Strikes Back` stay whole);
/// * or when at least half of the list looks like it behind the same separator; behind a dash, when at least half
///   of the list has a dash at all and neighbours do not share what stands before it (`Star Wars - A New Hope`,
///   `Star Wars - The Phantom Menace`).
///
/// A name in bold, italic, quotes or code that a separator follows is the name as it stands.
#[derive(Debug, Default)]
pub(super) struct Habits {
    entries: usize,
    numbers: Sequence,
    dash: Separator,
    colon: Separator,
}

#[derive(Debug, Default)]
struct Separator {
    seen: usize,
    descriptions: usize,
    shared: usize,
    before: u64,
}

impl Separator {
    fn learn(&mut self, name: &str, rest: &str) {
        let hash = xxh3_64(name.as_bytes());
        self.shared += usize::from(self.seen > 0 && self.before == hash);
        self.seen += 1;
        self.descriptions += usize::from(is_description(rest));
        self.before = hash;
    }
}

impl Habits {
    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    pub(super) fn learn(&mut self, entry: Entry<'_>) {
        self.entries += 1;
        let mut text = Cow::Borrowed(entry.text.trim());
        if entry.origin != Origin::Numbered {
            let number = markup::number(&text);
            self.numbers.observe(number.as_ref().map(|(count, strength, _)| (*count, *strength)));
            if let Some((_, _, rest)) = number {
                text = Cow::Owned(rest.into_owned());
            }
        }
        if markup::set_apart(&text).is_some() {
            return;
        }
        if let Some((name, rest)) = split_dash(&text) {
            self.dash.learn(name, rest);
        }
        if let Some((name, rest)) = split_colon(&text) {
            self.colon.learn(name, rest);
        }
    }

    /// The name of an entry, without numbering, markup and description.
    pub(super) fn name<'a>(&self, entry: Entry<'a>) -> Cow<'a, str> {
        let text = entry.text.trim();
        let numbered = entry.origin != Origin::Numbered && self.numbers.is_numbering(self.entries);
        let text = match markup::number(text) {
            Some((_, strength, rest)) if numbered && self.numbers.uses(strength) => rest,
            _ => Cow::Borrowed(text),
        };
        match markup::without_links(&text) {
            Cow::Owned(text) => Cow::Owned(self.undress(&text)),
            Cow::Borrowed(_) if text.len() > MAX_NAME_BYTES => text,
            Cow::Borrowed(text) => Cow::Owned(self.undress(text)),
        }
    }

    fn undress(&self, text: &str) -> String {
        let mut text = markup::without_tail(text);
        let mut suffix = "";
        let mut apart = false;
        // Four layers are more than any model has been seen to wrap: bold, italic, quotes, code.
        for _ in 0..4 {
            let Some((name, rest)) = markup::set_apart(text) else { break };
            let parenthesis = rest.trim_start().starts_with('(').then(|| rest.find(')')).flatten();
            if let Some(end) = parenthesis.filter(|_| suffix.is_empty()) {
                suffix = rest[..=end].trim_start();
            } else if !rest.trim().is_empty() && !begins_description(rest) && !name.ends_with([':', '：']) {
                break;
            }
            apart = true;
            text = name.trim_end_matches([':', '：', ',']);
        }
        let name = if apart { text } else { self.without_description(text) };
        let name = crate::key::unquote(markup::without_tail(without_period(name)));
        let name = if name.matches("**").count() >= 2 { name.replace("**", "") } else { name.to_owned() };
        let name =
            ["\\*", "\\_", "\\#", "\\&"].iter().fold(name, |name, mark| name.replace(mark, &mark[1..]));
        if suffix.is_empty() { name } else { format!("{name} {suffix}") }
    }

    fn without_description<'a>(&self, text: &'a str) -> &'a str {
        let described = |separator: &Separator| separator.descriptions * 2 >= self.entries.max(2);
        let dashed = self.dash.seen * 2 >= self.entries && self.dash.shared * 2 < self.dash.seen.max(1);
        let dash =
            split_dash(text).filter(|(_, rest)| dashed || described(&self.dash) || is_description(rest));
        let colon = split_colon(text).filter(|(_, rest)| described(&self.colon) || is_description(rest));
        match (dash, colon) {
            (Some((dash, _)), Some((colon, _))) => {
                if dash.len() < colon.len() {
                    dash
                } else {
                    colon
                }
            }
            (Some((name, _)), None) | (None, Some((name, _))) => name,
            (None, None) => text,
        }
    }
}

/// Whether a text is a short name with what looks like its description.
pub(super) fn describes(text: &str) -> bool {
    [split_dash(text), split_colon(text)]
        .into_iter()
        .flatten()
        .any(|(name, _)| name.split_whitespace().take(8).count() <= 7)
}

/// Longer texts are rejected anyway; what is cut out of them is not worth the copies.
const MAX_NAME_BYTES: usize = 64 << 10;

const DASHES: [char; 4] = ['-', '–', '—', '−'];

/// Whether what follows a name in bold, quotes or code describes it: `: x`, ` - x`, `—x`, but not `-Zip` or `.js`.
fn begins_description(rest: &str) -> bool {
    let text = rest.trim_start();
    let mark = text.chars().next().unwrap_or(' ');
    let after = text[mark.len_utf8().min(text.len())..].chars().next().unwrap_or(' ');
    match mark {
        ':' => after != ':',
        '：' | '–' | '—' | '|' | '→' => true,
        '-' => after.is_whitespace() || (text.len() < rest.len() && !after.is_numeric()),
        ',' | ';' | '.' => after.is_whitespace(),
        _ => false,
    }
}

/// The beginning of a text: no name goes further, and what is behind it need not be searched.
fn head(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

fn split_dash(text: &str) -> Option<(&str, &str)> {
    let head = head(text, MAX_TEXT_BYTES);
    let spaced = head.match_indices(DASHES).find(|(at, dash)| {
        *at > 0
            && head[..*at].ends_with(char::is_whitespace)
            && head[at + dash.len()..].trim_start_matches(DASHES).starts_with(char::is_whitespace)
    });
    let tight =
        || head.match_indices('—').find(|(at, dash)| *at > 0 && is_description(&text[at + dash.len()..]));
    let (at, _) = spaced.or_else(tight).or_else(|| head.match_indices('\t').next())?;
    halves(&text[..at], text[at..].trim_start_matches(DASHES))
}

fn split_colon(text: &str) -> Option<(&str, &str)> {
    let head = head(text, MAX_TEXT_BYTES);
    let (at, colon) = head
        .match_indices([':', '：'])
        .find(|(at, colon)| *colon == "：" || text[at + 1..].starts_with(char::is_whitespace))?;
    halves(&text[..at], &text[at + colon.len()..])
}

fn halves<'a>(name: &'a str, rest: &'a str) -> Option<(&'a str, &'a str)> {
    let (name, rest) = (name.trim(), rest.trim());
    (!name.is_empty() && !rest.is_empty()).then_some((name, rest))
}

fn is_description(rest: &str) -> bool {
    let rest = rest.trim();
    if rest.starts_with(char::is_lowercase) {
        return true;
    }
    let mut total = 0;
    let mut capital = 0;
    let mut long_and_small = false;
    for word in head(rest, 400).split_whitespace() {
        let first = word.chars().find(|c| c.is_alphanumeric());
        total += 1;
        capital += usize::from(first.is_some_and(|c| c.is_uppercase() || c.is_numeric()));
        long_and_small |= first.is_some_and(char::is_lowercase) && word.chars().count() > 4;
    }
    let title_case = capital * 2 >= total && !long_and_small;
    total > 3 && !title_case
}

/// Takes the full stop off, unless it belongs to an abbreviation (`Inc.`, `U.S.`) or to the last of several sentences.
fn without_period(text: &str) -> &str {
    let stem = text.strip_suffix('.').unwrap_or(text);
    let word = stem.rsplit(' ').next().unwrap_or_default();
    let plain =
        word.chars().filter(|c| c.is_lowercase()).count() >= 4 && word.chars().all(char::is_alphanumeric);
    if plain && !stem.contains(". ") { stem } else { text }
}
