//! What is known of a topic before anybody is asked.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::ids::{Incarnation, Seq};
use crate::key::{Fingerprint, Key, clean_text};

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
}

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
        let (mut texts, mut left_out) = (Vec::new(), 0_u32);
        for line in lines.into_iter().map(str::trim).filter(|line| !line.is_empty()) {
            let Some((text, key)) =
                clean_text(line).ok().and_then(|text| Key::of(&text).map(|key| (text, key)))
            else {
                left_out = left_out.saturating_add(1);
                continue;
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
        Ok(Self { texts, list: format!("{:032x}", hash.digest128()), left_out })
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
