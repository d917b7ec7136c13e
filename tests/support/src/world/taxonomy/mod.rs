//! Real taxonomies as ground truth: what belongs to a topic, and the kinds that it falls into. They are read from what Debian ships.

mod cyrillic;
mod skew;
mod subdivisions;
#[cfg(test)]
mod tests;
mod wordnet;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use igentai_core::key::Key;

/// Longest text of an item, in characters.
pub const MAX_ITEM_CHARS: usize = 60;

/// Kinds with fewer items below them are none: their items belong to what is above.
const MIN_KIND: usize = 8;

/// Whether numbers of a taxonomy may be looked at while the product is being tuned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// For trying out.
    Tuning,
    /// For evaluations alone.
    Evaluation,
}

/// A kind of items. They form a tree, whose root is the whole topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// Its name.
    pub name: String,
    /// What it is a kind of; `None` for the whole topic.
    pub parent: Option<usize>,
}

/// An item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub text: String,
    /// The smallest kind that it belongs to.
    pub kind: usize,
}

/// What there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taxonomy {
    /// Its name.
    pub name: &'static str,
    /// The topic, as a user would call it.
    pub topic: &'static str,
    /// What it may be used for.
    pub purpose: Purpose,
    /// Kinds, each behind its parent; the first is the whole topic.
    pub kinds: Vec<Kind>,
    /// Items, unique by the product's key.
    pub items: Vec<Item>,
}

/// Why there is no taxonomy.
#[derive(Debug, thiserror::Error)]
pub enum TaxonomyError {
    /// The name is unknown.
    #[error("there is no taxonomy `{0}`; there are {names}", names = names().join(", "))]
    Unknown(String),
    /// A file cannot be read.
    #[error("{path} cannot be read; install the Debian package `{package}`")]
    Missing {
        /// The file.
        path: PathBuf,
        /// Who brings it.
        package: &'static str,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path} of the Debian package `{package}` does not hold {what}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Who brings it.
        package: &'static str,
        /// What was looked for.
        what: String,
    },
}

#[derive(Debug, Clone, Copy)]
enum Source {
    /// Everything below a sense of a noun.
    WordNet { lemma: &'static str, sense: usize },
    /// Subdivisions of countries.
    Subdivisions,
}

const fn nouns(lemma: &'static str, sense: usize) -> Source {
    Source::WordNet { lemma, sense }
}

const ALL: [(&str, &str, Purpose, Source); 11] = [
    ("birds", "Birds", Purpose::Tuning, nouns("bird", 1)),
    ("sports", "Sports", Purpose::Tuning, nouns("sport", 1)),
    ("garments", "Garments", Purpose::Tuning, nouns("garment", 1)),
    ("beverages", "Beverages", Purpose::Tuning, nouns("beverage", 1)),
    ("tools", "Tools", Purpose::Tuning, nouns("tool", 1)),
    ("foods", "Foods", Purpose::Evaluation, nouns("food", 2)),
    ("instruments", "Musical instruments", Purpose::Evaluation, nouns("musical_instrument", 1)),
    ("trees", "Trees", Purpose::Evaluation, nouns("tree", 1)),
    ("vehicles", "Vehicles", Purpose::Evaluation, nouns("vehicle", 1)),
    ("diseases", "Diseases", Purpose::Evaluation, nouns("disease", 1)),
    (
        "subdivisions",
        "Regions and provinces of European countries",
        Purpose::Evaluation,
        Source::Subdivisions,
    ),
];

/// Names of all taxonomies.
#[must_use]
pub fn names() -> Vec<&'static str> {
    ALL.iter().map(|(name, ..)| *name).collect()
}

/// Names of those for a purpose.
#[must_use]
pub fn names_for(purpose: Purpose) -> Vec<&'static str> {
    ALL.iter().filter(|(_, _, of, _)| *of == purpose).map(|(name, ..)| *name).collect()
}

impl Taxonomy {
    /// Reads a taxonomy.
    pub fn load(name: &str) -> Result<Self, TaxonomyError> {
        let known = ALL.iter().find(|(known, ..)| *known == name);
        let (name, topic, purpose, source) = *known.ok_or_else(|| TaxonomyError::Unknown(name.to_owned()))?;
        let mut taxonomy = Self {
            name,
            topic,
            purpose,
            kinds: vec![Kind { name: topic.to_owned(), parent: None }],
            items: Vec::new(),
        };
        match source {
            Source::WordNet { lemma, sense } => wordnet::fill(&mut taxonomy, lemma, sense)?,
            Source::Subdivisions => subdivisions::fill(&mut taxonomy)?,
        }
        Ok(taxonomy.tidy())
    }

    /// A taxonomy of one's own: kinds with their items. An empty kind is the whole topic.
    #[must_use]
    pub fn of(name: &'static str, topic: &'static str, kinds: &[(&str, &[&str])]) -> Self {
        let mut all = vec![Kind { name: topic.to_owned(), parent: None }];
        let mut items = Vec::new();
        for (kind, of) in kinds {
            let number = if kind.is_empty() { 0 } else { all.len() };
            if number > 0 {
                all.push(Kind { name: (*kind).to_owned(), parent: Some(0) });
            }
            items.extend(of.iter().map(|item| Item { text: (*item).to_owned(), kind: number }));
        }
        Self { name, topic, purpose: Purpose::Tuning, kinds: all, items }
    }

    /// Whether a kind is another one, or lies below it.
    #[must_use]
    pub fn is_within(&self, kind: usize, above: usize) -> bool {
        self.path(kind).any(|on_the_way| on_the_way == above)
    }

    /// A kind and all above it, up to the whole topic.
    pub fn path(&self, kind: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(kind), |kind| self.kinds[*kind].parent)
    }

    /// The kinds just below one.
    #[must_use]
    pub fn children(&self, of: usize) -> Vec<usize> {
        (0..self.kinds.len()).filter(|kind| self.kinds[*kind].parent == Some(of)).collect()
    }

    /// Items of a kind.
    #[must_use]
    pub fn count_within(&self, kind: usize) -> usize {
        self.items.iter().filter(|item| self.is_within(item.kind, kind)).count()
    }

    /// Drops items that are too long or there already, and kinds that are too small.
    fn tidy(mut self) -> Self {
        let mut seen: BTreeSet<Key> = Key::of(self.topic).into_iter().collect();
        self.items.retain(|item| {
            let short = item.text.chars().count() <= MAX_ITEM_CHARS;
            short && Key::of(&item.text).is_some_and(|key| seen.insert(key))
        });
        let kept: Vec<bool> =
            (0..self.kinds.len()).map(|kind| kind == 0 || self.count_within(kind) >= MIN_KIND).collect();
        let mut moved = Vec::new();
        let mut kinds: Vec<Kind> = Vec::new();
        for (kind, kept) in self.kinds.iter().zip(kept) {
            let parent = kind.parent.map(|parent| moved[parent]);
            // Two kinds of one name could not be told apart.
            let known = kinds.iter().any(|other| other.name == kind.name);
            if kept && !known {
                moved.push(kinds.len());
                kinds.push(Kind { name: kind.name.clone(), parent });
            } else {
                moved.push(parent.unwrap_or(0));
            }
        }
        for item in &mut self.items {
            item.kind = moved[item.kind];
        }
        Self { kinds, ..self }
    }
}
