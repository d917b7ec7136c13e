//! One clean line out of whatever a model sent.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::Key;
use super::fold::{is_plain, is_words};
use super::joiner::readable;

/// The longest text of an attribute, in bytes of UTF-8.
pub const MAX_TEXT_BYTES: usize = 512;

/// Why a candidate is not an attribute. A bounded set: it labels metrics and stands in messages.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error,
)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// Nothing visible, or nothing that could be compared.
    #[error("the text is empty")]
    Empty,
    /// Longer than [`MAX_TEXT_BYTES`].
    #[error("the text is longer than {MAX_TEXT_BYTES} bytes")]
    TooLong,
    /// The model declines to answer.
    #[error("the model refused")]
    Refusal,
    /// Talk around the list: an introduction, a heading, a description, a farewell.
    #[error("the text is talk around the list")]
    Chatter,
    /// A placeholder that was copied from a prompt or a form.
    #[error("the text is a placeholder")]
    TemplateEcho,
    /// The topic itself.
    #[error("the text repeats the topic")]
    RepeatsTopic,
    /// One item more than a batch may hold.
    #[error("the answer has more items than are taken")]
    OverLimit,
    /// The topic's rules want another form ([`crate::rules`]).
    #[error("the text has not the form that is wanted")]
    NoMatch,
    /// They want more characters.
    #[error("the text has fewer characters than are wanted")]
    TooFewChars,
    /// They want fewer characters.
    #[error("the text has more characters than are wanted")]
    TooManyChars,
    /// They want another script.
    #[error("most letters of the text are of another script than is wanted")]
    OtherScript,
}

impl Rejection {
    /// Every rejection, in the order of their labels' documentation.
    pub const ALL: [Self; 11] = [
        Self::Empty,
        Self::TooLong,
        Self::Refusal,
        Self::Chatter,
        Self::TemplateEcho,
        Self::RepeatsTopic,
        Self::OverLimit,
        Self::NoMatch,
        Self::TooFewChars,
        Self::TooManyChars,
        Self::OtherScript,
    ];

    /// Whether a topic's own rules reject it.
    #[must_use]
    pub const fn is_by_rule(self) -> bool {
        matches!(self, Self::NoMatch | Self::TooFewChars | Self::TooManyChars | Self::OtherScript)
    }

    /// The label, as it is serialised.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::Refusal => "refusal",
            Self::Chatter => "chatter",
            Self::TemplateEcho => "template_echo",
            Self::RepeatsTopic => "repeats_topic",
            Self::OverLimit => "over_limit",
            Self::NoMatch => "no_match",
            Self::TooFewChars => "too_few_chars",
            Self::TooManyChars => "too_many_chars",
            Self::OtherScript => "other_script",
        }
    }
}

/// Makes one clean line out of a model's string: NFC, no escape sequences, control, zero-width or bidirectional
/// characters, white space folded to single spaces, trimmed. What joins letters where their script needs it, or
/// makes one emoji of several, stays (`می‌خواهم`, a family, the flag of Wales). Cleaning again changes nothing, and
/// the key stays the same. Reads no more than it needs to find a text too long.
///
/// # Errors
///
/// [`Rejection::TooLong`] over [`MAX_TEXT_BYTES`]; [`Rejection::Empty`] if nothing is left, or no [`Key`].
pub fn clean_text(text: &str) -> Result<String, Rejection> {
    if text.len() <= MAX_TEXT_BYTES && is_words(text) { Ok(text.to_owned()) } else { clean_any(text) }
}

fn clean_any(text: &str) -> Result<String, Rejection> {
    let mut line = clean_once(text)?;
    // Composing may take away what a joiner stood behind. Every round but the last makes the line shorter; two are the rule.
    loop {
        let next = clean_once(&line)?;
        if next == line {
            break;
        }
        line = next;
    }
    if Key::of(&line).is_some() { Ok(line) } else { Err(Rejection::Empty) }
}

fn clean_once(text: &str) -> Result<String, Rejection> {
    if is_plain(text) { fold_gaps(text.chars()) } else { fold_gaps(readable(text).nfc()) }
}

/// One line of characters in which every white space is a plain space already.
fn fold_gaps(chars: impl Iterator<Item = char>) -> Result<String, Rejection> {
    let mut line = String::new();
    let mut gap = false;
    for c in chars {
        if c == ' ' {
            gap = !line.is_empty();
            continue;
        }
        if gap {
            line.push(' ');
            gap = false;
        }
        line.push(c);
        if line.len() > MAX_TEXT_BYTES {
            return Err(Rejection::TooLong);
        }
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    use super::{clean_any, clean_once, clean_text, fold_gaps, readable};

    proptest! {
        #[test]
        fn plain_text_is_cleaned_as_any_other(text in "[ -~]{0,60}") {
            prop_assert_eq!(clean_once(&text), fold_gaps(readable(&text).nfc()));
        }

        #[test]
        fn words_are_cleaned_as_any_other_text(text in "[ ]?([aAnT]|the|[b-e0-2]{1,3}|x{510,514}|-)?([ ]{1,2}[aB9]{1,3}){0,4}[ .]?") {
            prop_assert_eq!(clean_text(&text), clean_any(&text));
        }
    }
}
