//! Lists in lists: which lines are items, which are headings above them, and which are details below.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use super::enumerator::Style;
use super::inline::words;

/// Deeper lines count as this deep.
pub(super) const MAX_LEVELS: usize = 6;

/// What a marked line has in front: nothing that counts, or numbers of a style.
type Counter = Option<Style>;

/// Follows the indentation of marked lines: bullets under numbers, letters under numbers, and what is indented.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    open: Vec<(usize, Counter)>,
}

impl Nesting {
    /// The level of the next marked line, 0 at the top. `first` says that its number begins anew.
    pub(super) fn place(&mut self, counter: Counter, indent: usize, first: bool) -> usize {
        let near = |top: usize| top.abs_diff(indent) < 2;
        while let Some(&(top, above)) = self.open.last() {
            let known = self.open.iter().rposition(|(top, known)| *known == counter && near(*top));
            if let Some(level) = known {
                self.open.truncate(level + 1);
                return level;
            }
            let deeper = indent >= top + 2;
            let child = match (above, counter) {
                (_, Some(Style::Dotted)) | (Some(_), None) => true,
                (Some(_), Some(_)) => first && (deeper || above != counter),
                (None, _) => deeper,
            };
            if child && self.open.len() < MAX_LEVELS {
                break;
            }
            // A number that goes on with its list, however it is indented.
            if !child && above == counter && counter.is_some() && !first {
                return self.open.len() - 1;
            }
            self.open.pop();
        }
        self.open.push((indent, counter));
        self.open.len() - 1
    }

    pub(super) fn reset(&mut self) {
        self.open.clear();
    }
}

/// What stands at one level.
#[derive(Debug, Default)]
struct Level {
    lines: usize,
    /// Lines above that have some of these below.
    parents: usize,
    /// Sentences, or more words than names have.
    sentences: usize,
    /// Lines that begin with `Location: ` or the like, and how many different beginnings there are.
    keyed: usize,
    /// Under which line each beginning was met first.
    keys: BTreeMap<u64, usize>,
    /// Lines that begin as one under another line does.
    repeated: usize,
}

impl Level {
    /// The same keys under several names say something about them; different ones are names with descriptions.
    fn repeats_keys(&self) -> bool {
        self.keyed * 5 >= self.lines * 4 && self.repeated * 4 >= self.keyed
    }

    fn holds_details(&self) -> bool {
        let keyed = if self.repeats_keys() || self.parents < 2 { self.keyed } else { 0 };
        (self.sentences + keyed) * 2 >= self.lines
    }
}

/// What stands at each level of a list.
#[derive(Debug, Default)]
pub(super) struct Levels {
    at: [Level; MAX_LEVELS],
    last: Option<usize>,
    /// Lines without a mark.
    groups: usize,
}

impl Levels {
    pub(super) fn learn(&mut self, level: usize, text: &str) {
        let parent = level > 0 && self.last.is_some_and(|last| last < level);
        self.last = Some(level);
        let above = level.checked_sub(1).map_or(self.groups, |above| self.at[above].lines);
        let Some(at) = self.at.get_mut(level) else { return };
        at.lines += 1;
        at.parents += usize::from(parent);
        if let Some(key) = key(text) {
            at.keyed += 1;
            let first = *at.keys.entry(xxh3_64(key.to_lowercase().as_bytes())).or_insert(above);
            at.repeated += usize::from(first != above);
        } else {
            let long = words(text) > 7 && !text.ends_with(['?', '？']);
            at.sentences += usize::from(text.ends_with('.') || long);
        }
    }

    /// A line without a mark begins a new list.
    pub(super) fn reset(&mut self) {
        self.last = None;
        self.groups += 1;
    }

    /// The level of the items: the deepest one that holds names, several under each line above.
    pub(super) fn of_items(&self) -> usize {
        let deeper = self.at.iter().skip(1);
        deeper
            .take_while(|level| level.lines > 0 && level.lines >= 2 * level.parents && !level.holds_details())
            .count()
    }

    /// All lines say something about what stands above them: `Location: Paris`, `Opened: 1793`, and again.
    pub(super) fn are_details(&self) -> bool {
        let top = &self.at[0];
        top.lines >= 4 && top.repeats_keys() && top.repeated * 2 >= top.keyed
    }
}

/// What stands before the colon of `Location: Paris` or `**Location:** Paris`.
pub(super) fn key(text: &str) -> Option<&str> {
    let (key, rest) = text.split_once([':', '：'])?;
    let value = rest.trim_start_matches(['*', '_']);
    let spaced = value.starts_with(char::is_whitespace) || text[key.len()..].starts_with('：');
    let key = key.trim_matches(['*', '_', '"', ' ']);
    (spaced && !key.is_empty() && !value.trim().is_empty() && words(key) <= 4).then_some(key)
}
