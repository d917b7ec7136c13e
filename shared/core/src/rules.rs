//! What counts as an item of a topic, beyond what holds for all topics: its form, its length, its script.

use std::collections::BTreeSet;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind};
use serde::{Deserialize, Serialize};

use crate::key::{MAX_TEXT_BYTES, Rejection};

mod script;
#[cfg(test)]
mod tests;

pub use script::Script;

/// Longest pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 500;

/// Most characters that an item can have.
#[expect(clippy::cast_possible_truncation, reason = "it is 512")]
pub const MAX_CHARS: u32 = MAX_TEXT_BYTES as u32;

/// What a pattern may take when it is compiled, in bytes. A letter of any script takes 43 KiB and a word character 49 KiB, as often as they are repeated:
/// `^\w{2,40}$` takes 2 MiB, `^[\p{L} '-]{3,60}$` 2.5 MiB, `(\w{30}){30}` 43 MiB.
const COMPILED_BYTES: usize = 4 << 20;

/// Places of a pattern that a character of a text can be compared with, repetitions written out. The time that a text takes grows with it: the worst that was
/// found, `^(?:(?:a?){50}){20}$` and a text of 512 bytes that does not match, takes 12 ms.
const PLACES: u32 = 1_000;

/// How deep a pattern may be nested.
const NESTING: u32 = 50;

/// The rules of a topic; those left out hold for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRules {
    /// A regular expression, in the syntax of the crate `regex`, that is found in the clean text; anywhere, where it has no anchors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// Fewest characters: Unicode scalar values, not bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_chars: Option<u32>,
    /// Most characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_chars: Option<u32>,
    /// Scripts of which most of the letters are, taken together; a text without letters is of any.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub scripts: BTreeSet<Script>,
}

/// Why rules make no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Every text holds it.
    #[error("the regular expression is empty; leave it out to take any text")]
    EmptyPattern,
    /// It is too long.
    #[error("the regular expression is longer than {MAX_PATTERN_BYTES} bytes")]
    PatternTooLong,
    /// It is none.
    #[error("character {at} of the regular expression: {what}")]
    Pattern {
        /// Where, in characters from 1.
        at: usize,
        /// What is the matter.
        what: String,
    },
    /// It is sound, and takes too much to match.
    #[error(
        "the regular expression takes too much to match; write fewer or smaller repetitions, and say how long items are with min_chars and max_chars (--min-chars, --max-chars)"
    )]
    PatternTooLarge,
    /// No item can have so few, or so many.
    #[error("{0} is no number of characters that an item can have")]
    MinChars(u32),
    /// The same of the other end.
    #[error("{0} is no number of characters that an item can have")]
    MaxChars(u32),
    /// Nothing fits.
    #[error("nothing has at least {min} and at most {max} characters")]
    MinAboveMax {
        /// Fewest.
        min: u32,
        /// Most.
        max: u32,
    },
}

impl RuleError {
    /// The rule that is wrong.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::EmptyPattern | Self::PatternTooLong | Self::Pattern { .. } | Self::PatternTooLarge => {
                "matches"
            }
            Self::MinChars(_) | Self::MinAboveMax { .. } => "min_chars",
            Self::MaxChars(_) => "max_chars",
        }
    }
}

impl ItemRules {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What the rules weigh in a command, in bytes: no less than they take there.
    #[must_use]
    pub fn load(&self) -> usize {
        const NAMES: usize = 128;
        const SCRIPT: usize = 24;
        let pattern = self.matches.as_ref().map_or(0, String::len);
        if self.is_empty() { 0 } else { NAMES + pattern + SCRIPT * self.scripts.len() }
    }

    /// What an item must be like, for whoever is to name some; `None` where nothing is said.
    #[must_use]
    pub fn in_words(&self) -> Option<String> {
        let scripts: Vec<&str> = self.scripts.iter().map(|script| script.as_str()).collect();
        let all = [
            self.matches.as_ref().map(|pattern| format!("matches the regular expression {pattern}")),
            self.min_chars.map(|least| format!("has at least {least} characters")),
            self.max_chars.map(|most| format!("has at most {most} characters")),
            (!scripts.is_empty()).then(|| format!("is written in the script {}", scripts.join(" or "))),
        ];
        let all: Vec<String> = all.into_iter().flatten().collect();
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// Everything that is wrong with them.
    #[must_use]
    pub fn errors(&self) -> Vec<RuleError> {
        let in_range = |chars: u32| (1..=MAX_CHARS).contains(&chars);
        let (min, max) = (self.min_chars, self.max_chars);
        let above = min.zip(max).filter(|(min, max)| min > max && in_range(*min) && in_range(*max));
        [
            self.matches.as_deref().and_then(|pattern| compiled(pattern).err()),
            min.filter(|min| !in_range(*min)).map(RuleError::MinChars),
            max.filter(|max| !in_range(*max)).map(RuleError::MaxChars),
            above.map(|(min, max)| RuleError::MinAboveMax { min, max }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Makes them ready for use.
    ///
    /// # Errors
    /// When the regular expression is none. What else may be wrong only rejects everything.
    pub fn judge(&self) -> Result<Judge, RuleError> {
        Ok(Judge {
            form: self.matches.as_deref().map(compiled).transpose()?,
            chars: (self.min_chars.unwrap_or(0), self.max_chars.unwrap_or(u32::MAX)),
            letters: (!self.scripts.is_empty()).then(|| Letters::of(&self.scripts)).flatten(),
        })
    }
}

fn compiled(pattern: &str) -> Result<Regex, RuleError> {
    if pattern.is_empty() {
        return Err(RuleError::EmptyPattern);
    }
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(RuleError::PatternTooLong);
    }
    // The other crate's errors say where in pictures of several lines.
    let parsed = regex_syntax::ParserBuilder::new().nest_limit(NESTING).build().parse(pattern);
    let parsed = parsed.map_err(|error| {
        let (offset, what) = match &error {
            regex_syntax::Error::Parse(error) => (error.span().start.offset, error.kind().to_string()),
            regex_syntax::Error::Translate(error) => (error.span().start.offset, error.kind().to_string()),
            _ => (0, error.to_string()),
        };
        let at = pattern.get(..offset).map_or(0, |before| before.chars().count()) + 1;
        RuleError::Pattern { at, what }
    })?;
    if places(&parsed) > PLACES {
        return Err(RuleError::PatternTooLarge);
    }
    let builder = |bytes| {
        let mut builder = RegexBuilder::new(pattern);
        builder.nest_limit(NESTING).size_limit(bytes).dfa_size_limit(bytes);
        builder
    };
    builder(COMPILED_BYTES).build().map_err(|_| RuleError::PatternTooLarge)
}

/// See [`PLACES`]; what is parsed is nested no deeper than a pattern may be.
fn places(parsed: &Hir) -> u32 {
    let all = |parts: &[Hir]| parts.iter().map(places).fold(0, u32::saturating_add);
    match parsed.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(_) => 1,
        HirKind::Literal(literal) => u32::try_from(literal.0.len()).unwrap_or(u32::MAX),
        HirKind::Repetition(repeated) => {
            let times = repeated.max.unwrap_or(repeated.min).max(1);
            places(&repeated.sub).saturating_mul(times)
        }
        HirKind::Capture(group) => places(&group.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => all(parts),
    }
}

/// Counts letters, those of some scripts and all.
#[derive(Clone, Debug)]
struct Letters {
    own: Regex,
    any: Regex,
}

impl Letters {
    /// `None` never: the patterns are sound.
    fn of(scripts: &BTreeSet<Script>) -> Option<Self> {
        let classes = scripts.iter().fold(String::new(), |all, script| all + r"\p{" + script.as_str() + "}");
        let own = Regex::new(&format!(r"[\p{{L}}&&[{classes}]]")).ok()?;
        // Some letters are of no script of their own, as the mark for a long vowel in kana.
        let any = Regex::new(r"[\p{L}--[\p{Common}\p{Inherited}]]").ok()?;
        Some(Self { own, any })
    }

    fn are_mostly_own(&self, text: &str) -> bool {
        let (own, any) = (self.own.find_iter(text).count(), self.any.find_iter(text).count());
        any == 0 || own * 2 > any
    }
}

/// Rules that are ready for use.
#[derive(Clone, Debug)]
pub struct Judge {
    form: Option<Regex>,
    chars: (u32, u32),
    letters: Option<Letters>,
}

impl Judge {
    /// The first rule that a clean text does not fit; `None` for an item of the topic.
    #[must_use]
    pub fn rejection(&self, text: &str) -> Option<Rejection> {
        let (min, max) = self.chars;
        let chars = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        if chars < min {
            Some(Rejection::TooFewChars)
        } else if chars > max {
            Some(Rejection::TooManyChars)
        } else if self.letters.as_ref().is_some_and(|letters| !letters.are_mostly_own(text)) {
            Some(Rejection::OtherScript)
        } else if self.form.as_ref().is_some_and(|form| !form.is_match(text)) {
            Some(Rejection::NoMatch)
        } else {
            None
        }
    }
}
