//! The lists, and which of them a topic means.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

macro_rules! data {
    ($($file:literal),* $(,)?) => {
        &[$(($file, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/demo/", $file)))),*]
    };
}

const INDEX: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/demo/topics.toml"));
const FILES: &[(&str, &str)] = data![
    "best_sci_fi_movies_2020s.txt",
    "chemical_elements.txt",
    "countries.txt",
    "dog_breeds.txt",
    "machine_learning_terms.txt",
    "musical_instruments.txt",
    "paris_attractions.txt",
    "programming_languages.txt",
    "world_capitals.txt",
];

/// Words that do not tell topics apart.
const STOP_WORDS: &[&str] = &[
    "a", "all", "an", "and", "are", "at", "best", "by", "every", "example", "famous", "for", "from", "in",
    "known", "list", "name", "of", "on", "popular", "some", "the", "to", "top", "what", "with",
];

/// A list of real things, most famous first.
#[derive(Debug)]
pub(super) struct List {
    pub(super) title: String,
    pub(super) items: Vec<&'static str>,
    /// The words of its title and of each other name.
    names: Vec<BTreeSet<String>>,
}

#[derive(Debug, Deserialize)]
struct Index {
    list: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    file: String,
    title: String,
    aliases: Vec<String>,
}

/// So many items with the same word are of one kind.
const KIND: usize = 6;

/// Shorter words say nothing of what an item is.
const LEAST_CHARS: usize = 4;

impl List {
    /// Words that several items have, the commonest first: what this provider calls kinds. It knows no others.
    pub(super) fn kinds(&self) -> Vec<&'static str> {
        let mut words: BTreeMap<String, (usize, &'static str)> = BTreeMap::new();
        for item in &self.items {
            let of_item: BTreeMap<String, &'static str> = item
                .split(' ')
                .filter(|word| word.chars().count() >= LEAST_CHARS)
                .map(|word| (word.to_lowercase(), word))
                .collect();
            for (key, word) in of_item {
                words.entry(key).or_insert((0, word)).0 += 1;
            }
        }
        let mut kinds: Vec<(usize, &'static str)> =
            words.into_values().filter(|(items, _)| *items >= KIND).collect();
        kinds.sort_by(|one, other| other.cmp(one));
        kinds.into_iter().map(|(_, word)| word).collect()
    }
}

/// Whether an item is of a kind of [`List::kinds`].
pub(super) fn is_of_kind(item: &str, kind: &str) -> bool {
    let kind = kind.to_lowercase();
    item.split(' ').any(|word| word.to_lowercase() == kind)
}

/// All lists.
pub(super) fn all() -> &'static [List] {
    static LISTS: LazyLock<Vec<List>> = LazyLock::new(read);
    &LISTS
}

/// The list for a topic.
pub(super) fn find(topic: &str) -> Option<&'static List> {
    let words = words(topic);
    if words.is_empty() {
        return None;
    }
    all().iter().find(|list| list.names.contains(&words))
}

fn read() -> Vec<List> {
    // A test reads the same constants, so an index that cannot be read, or names no file, does not get this far.
    let index: Index = toml::from_str(INDEX).unwrap_or(Index { list: Vec::new() });
    index.list.into_iter().map(list).collect()
}

fn list(entry: Entry) -> List {
    let text = FILES.iter().find(|(file, _)| *file == entry.file).map_or("", |(_, text)| text);
    let items = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let names = std::iter::once(&entry.title).chain(&entry.aliases).map(|name| words(name)).collect();
    List { title: entry.title, items, names }
}

/// The words that matter, in lower case and roughly in the singular.
fn words(name: &str) -> BTreeSet<String> {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).map(singular);
    words.filter(|word| !word.is_empty() && !STOP_WORDS.contains(word)).map(str::to_owned).collect()
}

fn singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(stem) if stem.len() >= 3 && !stem.ends_with('s') => stem,
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn every_list_of_the_index_has_its_file_and_every_file_its_list() {
        let index: Index = toml::from_str(INDEX).unwrap();
        let mut named: Vec<&str> = index.list.iter().map(|entry| entry.file.as_str()).collect();
        named.sort_unstable();
        assert_eq!(named, FILES.iter().map(|(file, _)| *file).collect::<Vec<_>>());
        for list in all() {
            assert!((100..=500).contains(&list.items.len()), "{}: {}", list.title, list.items.len());
        }
    }

    #[test]
    fn every_title_and_alias_finds_its_own_list() {
        let index: Index = toml::from_str(INDEX).unwrap();
        for entry in &index.list {
            for name in std::iter::once(&entry.title).chain(&entry.aliases) {
                assert_eq!(find(name).map(|list| &list.title), Some(&entry.title), "{name}");
            }
        }
    }

    #[test]
    fn a_topic_is_known_in_other_words_of_the_same_meaning() {
        for (topic, title) in [
            ("paris_attractions", "Paris attractions"),
            ("The best attractions of Paris!", "Paris attractions"),
            ("LANGUAGES, programming", "Programming languages"),
            ("best sci-fi movies 2020s", "Best Sci-Fi Movies (2020s)"),
        ] {
            assert_eq!(find(topic).map(|list| list.title.as_str()), Some(title), "{topic}");
        }
        for topic in ["", "the", "attractions", "London attractions", "Paris", "nonsense"] {
            assert!(find(topic).is_none(), "{topic}");
        }
    }
}
