//! What a category is called.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::MAX_PARTS;
use crate::key::{Key, clean_text};

/// Between a category and a part of it.
const WITHIN: &str = " > ";

/// The longest name.
pub const MAX_NAME_CHARS: usize = 60;

/// Categories may be parts of categories down to here.
pub(super) const DEPTH: usize = 3;

/// A part of the topic by what its items are: its name, behind those of the categories that it is a part of, as in `museums > art museums`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Category(String);

/// Why something is no name of a category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing of it can be read or compared.
    #[error("it has neither letters nor digits")]
    Empty,
    /// It goes on for too long.
    #[error("it is longer than {MAX_NAME_CHARS} characters")]
    TooLong,
    /// Parts of categories are found by models.
    #[error("it contains `>`, which stands between a category and its parts")]
    Within,
}

/// What is wrong with categories that are given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GivenError {
    /// One is none.
    #[error("“{name}” is no name of a category: {why}")]
    Name {
        /// Its beginning.
        name: String,
        /// Why.
        why: NameError,
    },
    /// There are too many.
    #[error("there are more than {MAX_PARTS}")]
    TooMany,
}

impl Category {
    /// One that is not part of another.
    ///
    /// # Errors
    /// When that is no name.
    pub fn named(name: &str) -> Result<Self, NameError> {
        let name = clean_text(name).map_err(|_| NameError::Empty)?;
        if Key::of(&name).is_none() {
            return Err(NameError::Empty);
        }
        if name.chars().count() > MAX_NAME_CHARS {
            return Err(NameError::TooLong);
        }
        if name.contains('>') {
            return Err(NameError::Within);
        }
        Ok(Self(name))
    }

    /// Those that are given for a topic, each once.
    ///
    /// # Errors
    /// With the first name that is none, or when there are too many.
    pub fn given<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Vec<Self>, GivenError> {
        let mut categories: Vec<Self> = Vec::new();
        for name in names {
            let category = Self::named(name)
                .map_err(|why| GivenError::Name { name: name.chars().take(MAX_NAME_CHARS).collect(), why })?;
            if categories.iter().all(|known| known.key() != category.key()) {
                categories.push(category);
            }
        }
        if categories.len() > MAX_PARTS { Err(GivenError::TooMany) } else { Ok(categories) }
    }

    /// A part of it.
    pub(super) fn part(&self, part: &Self) -> Self {
        Self(format!("{}{WITHIN}{}", self.0, part.0))
    }

    /// As it stands in a log.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let parts: Option<Vec<Self>> = path.split(WITHIN).map(|part| Self::named(part).ok()).collect();
        let parts = parts.filter(|parts| parts.len() <= DEPTH)?;
        parts.into_iter().reduce(|whole, part| whole.part(&part)).filter(|category| category.0 == path)
    }

    /// Its own name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit(WITHIN).next().unwrap_or(&self.0)
    }

    /// The one that it is a part of.
    #[must_use]
    pub fn whole(&self) -> Option<&str> {
        self.0.rsplit_once(WITHIN).map(|(whole, _)| whole)
    }

    /// How many categories its name tells.
    pub(super) fn depth(&self) -> usize {
        self.0.split(WITHIN).count()
    }

    /// By what it is told from others beside it.
    pub(super) fn key(&self) -> Option<Key> {
        Key::of(self.name())
    }

    /// All its names.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
