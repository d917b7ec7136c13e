//! Where names end and descriptions begin: dashes and colons, and what they do in the whole of a list.

use std::collections::{BTreeMap, BTreeSet};

use xxhash_rust::xxh3::xxh3_64;

use super::phrase::{Kind, Phrase};
use crate::key::MAX_TEXT_BYTES;

/// A name and what follows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut<'a> {
    pub(super) name: &'a str,
    pub(super) rest: &'a str,
    /// What the piece up to the next separator looks like.
    pub(super) phrase: Phrase,
    /// There is such a separator in the name too.
    pub(super) again: bool,
}

const DASHES: [char; 4] = ['-', '–', '—', '−'];

/// More separators than any name and its description have.
const MAX_MARKS: usize = 16;

/// The beginning of a text: no name goes further, and what is behind it need not be searched.
fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

/// A dash that is no part of a word, or a colon.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: usize,
    end: usize,
    colon: bool,
}

fn marks(text: &str) -> impl Iterator<Item = Mark> {
    let mut from = 0;
    let signs = |c: char| DASHES.contains(&c) || matches!(c, ':' | '：');
    head(text).match_indices(signs).filter_map(move |(at, sign)| {
        if at < from {
            return None;
        }
        let colon = sign.starts_with([':', '：']);
        from = if colon { at + sign.len() } else { text.len() - text[at..].trim_start_matches(DASHES).len() };
        let end = from;
        let (before, after) = (&text[..at], &text[end..]);
        let spaced = after.starts_with(char::is_whitespace);
        let separates = if colon {
            spaced || sign == "："
        } else {
            // `Louvre—the museum`; but `Spider—Man` is one word.
            let tight = sign == "—" && head(after).trim().contains(char::is_whitespace);
            let range = before.trim_end().ends_with(char::is_numeric)
                && after.trim_start().starts_with(char::is_numeric);
            let wide = text[at..end].starts_with("——");
            ((spaced && before.ends_with(char::is_whitespace)) || tight || wide) && !range
        };
        let between = !before.trim().is_empty() && !after.trim().is_empty();
        (separates && between).then_some(Mark { at, end, colon })
    })
}

/// Which piece of several is the description.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The first that looks like one: `Louvre - the museum - in Paris`.
    First,
    /// The last that looks like one: `Mission: Impossible - Fallout - a spy on the run`.
    #[default]
    Last,
}

/// Where a text may be cut.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cuts<'a> {
    pub(super) dash: Option<Cut<'a>>,
    pub(super) colon: Option<Cut<'a>>,
    /// There are several pieces.
    pub(super) several: bool,
}

impl<'a> Cuts<'a> {
    pub(super) fn of(text: &'a str, order: Order) -> Self {
        let marks: Vec<Mark> = marks(text).take(MAX_MARKS).collect();
        let phrase = |at: usize| {
            let end = marks.get(at + 1).map_or(text.len(), |next| next.at);
            Phrase::of(&text[marks[at].end..end])
        };
        let cut = |at: usize| {
            let mark = marks[at];
            Cut {
                name: text[..mark.at].trim(),
                rest: text[mark.end..].trim(),
                phrase: phrase(at),
                again: marks[..at].iter().any(|earlier| earlier.colon == mark.colon),
            }
        };
        let mut described = (0..marks.len()).filter(|at| phrase(*at).kind == Kind::Prose);
        let described = if order == Order::First { described.next() } else { described.next_back() };
        // Without a description each separator may begin one; the dash goes first.
        let find = |colon: bool, end: usize| marks[..end].iter().position(|mark| mark.colon == colon);
        let first = described.or_else(|| find(false, marks.len())).or_else(|| find(true, marks.len()));
        let Some(first) = first else { return Self::default() };
        let colon_first = marks[first].colon;
        let second = find(!colon_first, first);
        let (dash, colon) = if colon_first { (second, Some(first)) } else { (Some(first), second) };
        Self { dash: dash.map(cut), colon: colon.map(cut), several: marks.len() > 1 }
    }
}

/// How far a separator is trusted to end names.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    /// It is a part of the names.
    #[default]
    Never,
    /// Where a whole sentence follows.
    Sentences,
    /// Where a plain description follows.
    Plain,
    /// Wherever no title follows.
    Descriptions,
    /// Wherever it stands.
    Always,
}

/// What a separator does in a list.
#[derive(Debug, Default)]
pub(super) struct Separator {
    pub(super) seen: usize,
    prose: usize,
    phrases: usize,
    titles: usize,
    closed: usize,
    articles: usize,
    /// Names that begin in lower case.
    small: usize,
    /// Names of up to three letters, as codes are.
    codes: usize,
    /// What follows each name, and whether different things do.
    names: BTreeMap<u64, (u64, bool)>,
    shared: usize,
    rests: BTreeSet<u64>,
}

fn hash(text: &str) -> u64 {
    xxh3_64(text.trim_matches(['*', '_', '"', '.', ' ']).to_lowercase().as_bytes())
}

impl Trust {
    /// Whether a description begins at this cut.
    pub(super) fn allows(self, cut: &Cut<'_>) -> bool {
        let Phrase { kind, words, small, article, closed } = cut.phrase;
        let prose = kind == Kind::Prose;
        match self {
            Self::Never => false,
            Self::Sentences if cut.again => Self::Plain.allows(&Cut { again: false, ..*cut }),
            Self::Sentences => prose && ((closed && words >= 5) || (small && article && words >= 5)),
            Self::Plain => prose && (small || words >= 6 || (closed && words >= 3)),
            Self::Descriptions => kind != Kind::Title,
            Self::Always => true,
        }
    }
}

impl Separator {
    pub(super) fn learn(&mut self, cut: &Cut<'_>) {
        let rest = hash(cut.rest);
        self.seen += 1;
        let known = self.names.entry(hash(cut.name)).or_insert((rest, false));
        if known.1 {
            self.shared += 1;
        } else if known.0 != rest {
            known.1 = true;
            self.shared += 2;
        }
        self.prose += usize::from(cut.phrase.kind == Kind::Prose);
        self.phrases += usize::from(cut.phrase.kind == Kind::Phrase);
        self.titles += usize::from(cut.phrase.kind == Kind::Title);
        self.closed += usize::from(cut.phrase.closed);
        self.articles += usize::from(cut.phrase.article);
        self.small += usize::from(cut.name.starts_with(char::is_lowercase));
        self.codes += usize::from(cut.name.chars().nth(3).is_none() && cut.name.is_ascii());
        self.rests.insert(rest);
    }

    /// Few labels before many things: `Museum: Louvre`, `Museum: Orsay`, `Park: Tuileries`.
    pub(super) fn is_label(&self, entries: usize) -> bool {
        self.seen * 5 >= entries * 4 && self.shared * 2 >= self.seen && self.names.len() * 2 <= self.seen + 1
    }

    /// Whether different things follow this name, so that cutting would make one of them; but somebody who repeats
    /// himself may describe a thing twice.
    pub(super) fn would_merge(&self, cut: &Cut<'_>) -> bool {
        let described = cut.phrase.kind == Kind::Prose && cut.phrase.words >= 5;
        !described && self.names.get(&hash(cut.name)).is_some_and(|(_, shared)| *shared)
    }

    /// The same of a name that print sets apart: the print says where it ends, so only what looks like a name of its own, or a name that stands
    /// before much of the list, speaks against that.
    pub(super) fn would_merge_print(&self, cut: &Cut<'_>) -> bool {
        self.would_merge(cut) && (cut.phrase.kind == Kind::Title || self.is_hierarchy())
    }

    /// What stands in front is the same too often to be a name: `Star Wars - A New Hope`, `display: grid`.
    fn is_hierarchy(&self) -> bool {
        self.shared * 4 > self.seen
    }

    /// Nearly every entry has it.
    fn is_everywhere(&self, entries: usize) -> bool {
        self.seen * 5 >= entries * 4
    }

    /// Few different things follow many different names, as kinds or makers do.
    fn sorts(&self, entries: usize) -> bool {
        self.seen >= 3
            && self.is_everywhere(entries)
            && self.shared == 0
            && self.names.len() == self.seen
            && self.rests.len() * 3 <= self.seen * 2
    }

    /// Something stands on both sides: these are pairs.
    fn is_symmetric(&self) -> bool {
        self.rests.iter().any(|rest| self.names.contains_key(rest))
    }

    fn describes(&self, entries: usize, phrases: usize) -> bool {
        (self.prose + phrases) * 2 >= entries.max(2) && self.prose + self.phrases > self.titles
    }

    /// How far a dash is to be trusted in lines.
    pub(super) fn trust_dash(&self, entries: usize, performed: bool, authored: bool) -> Trust {
        if self.is_hierarchy() {
            return Trust::Never;
        }
        let described = self.describes(entries, self.phrases);
        let everywhere = self.is_everywhere(entries);
        if performed {
            return Trust::Sentences;
        }
        if self.sorts(entries) || (everywhere && (described || (authored && self.seen >= 3))) {
            return Trust::Always;
        }
        let plain = self.titles * 4 <= self.seen && self.codes * 2 <= self.seen;
        let share = self.seen * 2 >= entries && plain && !self.is_symmetric();
        if described || share { Trust::Descriptions } else { Trust::Plain }
    }

    /// How far a dash is to be trusted in strings that were meant as they are.
    pub(super) fn trust_dash_in_strings(&self, entries: usize) -> Trust {
        match () {
            () if self.is_hierarchy() => Trust::Never,
            () if self.describes(entries, 0) => Trust::Descriptions,
            () => Trust::Plain,
        }
    }

    /// How far a colon is to be trusted in lines. Behind names in small letters, as in `fix: a typo` and `color: red`,
    /// only sentences are descriptions, and what nearly all of many different names go on with that is said of them.
    pub(super) fn trust_colon(&self, entries: usize) -> Trust {
        let everywhere = self.is_everywhere(entries);
        let distinct = self.seen >= 8 && self.shared == 0 && self.names.len() == self.seen;
        let each_described = distinct && everywhere && self.prose * 5 >= entries * 4;
        let small = self.small * 2 > self.seen && self.closed * 2 < self.seen && !each_described;
        if self.is_hierarchy() || small {
            return Trust::Never;
        }
        let phrases = (self.prose + self.phrases) * 5 >= entries * 4;
        let described = self.describes(entries, 0) || (phrases && self.prose + self.phrases > self.titles);
        match (described || self.sorts(entries), everywhere) {
            (true, true) => Trust::Always,
            (true, false) => Trust::Descriptions,
            (false, _) => Trust::Sentences,
        }
    }

    /// How far a colon is to be trusted in strings that were meant as they are: where nearly all go on in sentences.
    pub(super) fn trust_colon_in_strings(&self, entries: usize) -> Trust {
        let small = self.small * 2 > self.seen;
        let sentences = self.closed * 2 >= self.seen || self.articles * 2 >= self.seen;
        let described = entries >= 2 && self.prose * 5 >= entries * 4 && sentences;
        if described && !small && !self.is_hierarchy() { Trust::Always } else { Trust::Never }
    }
}
