//! The folder name of a topic, which is its id.

#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use xxhash_rust::xxh3::xxh3_64;

use crate::key::{fold_text, is_invisible};

/// The longest id, in bytes of UTF-8.
pub const MAX_ID_BYTES: usize = 64;

/// The longest name of a topic, in characters.
pub const MAX_NAME_CHARS: usize = 300;

/// Device names that Windows takes for itself in every folder, and the file that lies beside the topics' folders.
const RESERVED: [&str; 5] = ["con", "prn", "aux", "nul", "global_state"];

/// The name of a topic made safe: one validated type for folders, store keys, routing keys and URLs.
///
/// Letters and digits of any script, case folded, with single `_` between; at most [`MAX_ID_BYTES`]; never empty,
/// never reserved. Two ids that differ also differ on a file system that ignores case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TopicId(String);

/// Why a text is no topic's name, or no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicIdError {
    /// A name without anything in it.
    #[error("the topic's name is empty: give it 1 to {MAX_NAME_CHARS} characters")]
    Empty,
    /// A name over [`MAX_NAME_CHARS`].
    #[error(
        "the topic's name is longer than {MAX_NAME_CHARS} characters: shorten it, details belong into the prompt"
    )]
    TooLong,
    /// A name with control characters (line breaks and tabs among them).
    #[error("the topic's name holds a control character: give it one line of visible characters")]
    Control,
    /// A name with a character that shows nothing, or turns the direction of what stands behind it.
    #[error("the topic's name holds the invisible character U+{0:04X}: leave it out")]
    Invisible(u32),
    /// An id from outside that no name leads to.
    #[error(
        "not a topic id: 1 to {MAX_ID_BYTES} bytes of lower-case letters and digits with single `_` between them \
         are allowed, except for reserved names"
    )]
    Malformed,
}

impl TopicId {
    /// The id that `name` leads to: every run of characters that are neither letters nor digits is one `_`, case
    /// is folded, none at the ends, cut to [`MAX_ID_BYTES`]. A reserved name gets a hash behind it, a name of
    /// symbols only becomes `topic_` and a hash.
    ///
    /// Different names can lead to one id; see [`TopicId::with_hash`].
    ///
    /// # Errors
    ///
    /// A name that is blank, over [`MAX_NAME_CHARS`], or holds control characters or such as are not seen.
    pub fn from_name(name: &str) -> Result<Self, TopicIdError> {
        if name.chars().nth(MAX_NAME_CHARS).is_some() {
            return Err(TopicIdError::TooLong);
        }
        if name.chars().any(char::is_control) {
            return Err(TopicIdError::Control);
        }
        let folded = fold_text(name);
        if folded.trim().is_empty() {
            return Err(TopicIdError::Empty);
        }
        if let Some(hidden) = name.chars().find(|c| is_hidden(*c)) {
            return Err(TopicIdError::Invisible(hidden.into()));
        }
        let mut words = words_of(&folded);
        cut(&mut words, MAX_ID_BYTES);
        Ok(if words.is_empty() {
            Self("topic".to_owned()).with_hash(name)
        } else if is_reserved(&words) {
            Self(words).with_hash(name)
        } else {
            Self(words)
        })
    }

    /// This id with eight hexadecimal digits of the exact name's XXH3-64 behind it: for a name that would take
    /// the folder of a different one (`C`, `C++`, `C#`).
    #[must_use]
    pub fn with_hash(&self, name: &str) -> Self {
        let suffix = format!("_{:08x}", xxh3_64(name.as_bytes()) >> 32);
        let mut id = self.0.clone();
        cut(&mut id, MAX_ID_BYTES - suffix.len());
        Self(id + &suffix)
    }

    /// Accepts an id from outside (a URL, a message) if it could be one of ours.
    ///
    /// # Errors
    ///
    /// [`TopicIdError::Malformed`] otherwise.
    pub fn parse(id: &str) -> Result<Self, TopicIdError> {
        let sound =
            (1..=MAX_ID_BYTES).contains(&id.len()) && !is_reserved(id) && words_of(&fold_text(id)) == id;
        if sound { Ok(Self(id.to_owned())) } else { Err(TopicIdError::Malformed) }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character is not seen and no script or emoji needs it: joiners, variation selectors and the tags of flags are.
fn is_hidden(c: char) -> bool {
    let needed = matches!(c, '\u{200c}'..='\u{200d}' | '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0020}'..='\u{e007f}');
    matches!(c, '\u{2028}' | '\u{2029}') || (is_invisible(c) && !needed)
}

/// The letters and digits of a folded text, with one `_` for each run of other characters between them. Accents that
/// have no composed form are left out without leaving a gap.
fn words_of(folded: &str) -> String {
    let mut words = String::with_capacity(folded.len());
    let mut gap = false;
    for c in folded.chars() {
        if c.is_alphanumeric() {
            if gap && !words.is_empty() {
                words.push('_');
            }
            gap = false;
            words.push(c);
        } else if !is_combining_mark(c) {
            gap = true;
        }
    }
    // Leaving an accent out can bring two characters together that compose.
    words.nfkc().collect()
}

/// Cuts to `bytes` on a boundary of characters, and leaves no `_` at the end.
fn cut(words: &mut String, bytes: usize) {
    words.truncate(words.floor_char_boundary(bytes));
    words.truncate(words.trim_end_matches('_').len());
}

fn is_reserved(id: &str) -> bool {
    let numbered = ["com", "lpt"]
        .iter()
        .any(|device| id.strip_prefix(device).is_some_and(|port| matches!(port.as_bytes(), [b'0'..=b'9'])));
    numbered || RESERVED.contains(&id)
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for TopicId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for TopicId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for TopicId {
    type Err = TopicIdError;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::parse(id)
    }
}

impl<'de> Deserialize<'de> for TopicId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        Self::parse(&id).map_err(de::Error::custom)
    }
}
