//! What is known of a topic before anybody is asked.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::ids::{Incarnation, Seq};
use crate::key::{Fingerprint, Key, Rejection, clean_text};

/// Most items of a list.
pub const MAX_SEEDS: usize = 100_000;

/// Items in a part of a list: no more than a batch may hold.
pub const SEEDS_IN_PART: usize = 500;

/// Who is said to have brought them.
pub const SEEDER: &str = "seeds";

/// Seeds have numbers of their own, from here on, so that those of attributes stay without a gap; they fit 32 bits, and no run has as many attributes.
pub const FIRST_SEED: Seq = 1 << 31;

/// A list of items that are known: they are neither found nor counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeds {
    /// Tells the list from others: XXH3-128 over the fingerprints of its items in their order, in hexadecimal digits.
    pub list: String,
    /// Its items.
    pub count: u32,
}

/// A list of items, cleaned, each of them once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedList {
    texts: Vec<String>,
    list: String,
    left_out: u32,
    first_left_out: Option<NoItem>,
}

/// A line that is no item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoItem {
    /// Its number among all lines, from 1.
    pub number: usize,
    /// How it begins.
    pub text: String,
    /// Why.
    pub why: Rejection,
}

/// Characters of a line that is no item that are kept.
const SHOWN: usize = 40;

/// A list that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it holds more than {MAX_SEEDS} items")]
pub struct TooManySeeds;

impl SeedList {
    /// Of these lines: empty ones are passed over, and of those with the same key the first is taken.
    ///
    /// # Errors
    /// When it is longer than [`MAX_SEEDS`].
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self, TooManySeeds> {
        let (mut met, mut hash) = (HashSet::new(), Xxh3::new());
        let (mut texts, mut left_out, mut first_left_out) = (Vec::new(), 0_u32, None);
        let lines = lines.into_iter().map(str::trim).zip(1..).filter(|(line, _)| !line.is_empty());
        for (line, number) in lines {
            let item = clean_text(line)
                .and_then(|text| Key::of(&text).map(|key| (text, key)).ok_or(Rejection::Empty));
            let (text, key) = match item {
                Ok(item) => item,
                Err(why) => {
                    left_out = left_out.saturating_add(1);
                    first_left_out.get_or_insert_with(|| NoItem::of(number, line, why));
                    continue;
                }
            };
            let fingerprint = Fingerprint::of(&key);
            if !met.insert(fingerprint) {
                continue;
            }
            if texts.len() >= MAX_SEEDS {
                return Err(TooManySeeds);
            }
            hash.update(fingerprint.as_bytes());
            texts.push(text);
        }
        Ok(Self { texts, list: format!("{:032x}", hash.digest128()), left_out, first_left_out })
    }

    /// What stands for it in a topic's record.
    #[must_use]
    pub fn seeds(&self) -> Seeds {
        Seeds { list: self.list.clone(), count: u32::try_from(self.texts.len()).unwrap_or(u32::MAX) }
    }

    /// Its items.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Its items, in the portions in which they are kept and committed.
    pub fn parts(&self) -> impl Iterator<Item = &[String]> {
        self.texts.chunks(SEEDS_IN_PART)
    }

    /// Lines that are no items, such as those that are too long for one.
    #[must_use]
    pub const fn left_out(&self) -> u32 {
        self.left_out
    }

    /// The first of these.
    #[must_use]
    pub const fn first_left_out(&self) -> Option<&NoItem> {
        self.first_left_out.as_ref()
    }
}

impl NoItem {
    fn of(number: usize, line: &str, why: Rejection) -> Self {
        let mut text: String = line.chars().take(SHOWN).collect();
        if text.len() < line.len() {
            text.push('…');
        }
        Self { number, text, why }
    }
}

impl Seeds {
    /// What tells its entries in the log from those of other lists: a life of [`SEEDER`].
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        // A number that every store takes.
        self.list.get(..12).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default()
    }

    /// In how many parts its items are kept.
    #[must_use]
    pub fn parts(&self) -> u32 {
        self.count.div_ceil(u32::try_from(SEEDS_IN_PART).unwrap_or(u32::MAX))
    }
}
