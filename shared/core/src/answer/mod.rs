//! Reads the items out of a model's answer, whatever shape the model gave it.
//!
//! The answer is looked at as JSON first, then as a table, then as lines. Every source hands its entries to one
//! `Sink` twice: once to learn the habits of the whole list (is it numbered, does it describe its items), and once
//! to take the items. Nothing is collected in between, so memory is bounded by the input and the limit of items.

mod edges;
mod enumerator;
mod fields;
mod habits;
mod inline;
mod json;
mod label;
mod lines;
mod markup;
mod nesting;
mod noise;
mod phrase;
mod prepare;
mod records;
mod separator;
mod sequence;
mod sink;
mod survey;
mod table;
#[cfg(test)]
mod tests;
mod topic;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::batch::Rejections;
use crate::key::{Fingerprint, Key, Rejection, scrub};
use sink::Sink;
use survey::Mark;
use topic::Topic;

/// How much of an answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerLimits {
    /// Bytes read; what lies behind them is treated as if the model had been cut off there.
    pub max_bytes: usize,
    /// Items taken; further ones are counted in [`Answer::over_limit`].
    pub max_items: usize,
    /// The model was cut off (it ran out of tokens): the last line or element is unfinished and is dropped.
    pub truncated: bool,
}

impl Default for AnswerLimits {
    fn default() -> Self {
        Self { max_bytes: 1 << 20, max_items: 1000, truncated: false }
    }
}

/// One item that the model named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The clean text, in the first spelling of this answer.
    pub text: String,
    /// Its canonical form.
    pub key: Key,
    /// The fingerprint of `key`.
    pub fingerprint: Fingerprint,
}

/// What kind of answer it was. A bounded set: it labels metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parsed {
    /// At least one item.
    Items,
    /// No item, and the model declined.
    Refused,
    /// Nothing but white space or thoughts, or an empty list.
    Empty,
    /// Text without any item in it.
    Unparsable,
}

impl Parsed {
    /// The label, as it is serialised.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Refused => "refused",
            Self::Empty => "empty",
            Self::Unparsable => "unparsable",
        }
    }
}

/// A model's answer, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The items in the order of the answer, each key once.
    pub items: Vec<Item>,
    /// The first [`MAX_REJECTED`] things that are no items, each with the beginning of its text, cleaned.
    pub rejected: Vec<(Rejection, String)>,
    /// All things that are no items, also those that `rejected` has no room for.
    pub rejected_total: usize,
    /// The same by reason.
    pub reasons: Rejections,
    /// How many items repeated an earlier one of this answer.
    pub repeated: usize,
    /// How many different items were left out because of [`AnswerLimits::max_items`]; repetitions among these count too.
    pub over_limit: usize,
    /// What kind of answer it was.
    pub outcome: Parsed,
}

/// The most rejected texts that an [`Answer`] carries.
pub const MAX_REJECTED: usize = 32;

/// Reads the items out of `text`, an answer to a question about `topic`.
///
/// Takes list markers, numbering, markdown, quotes and trailing descriptions off, and rejects chatter, refusals,
/// placeholders and the topic itself.
///
/// Numbers are taken off only where they count the lines. What follows ` - ` or `: ` is taken off where it looks
/// like a description (lower case, or more than three words that are no title), or where half of the list does, so
/// that `Louvre: Art museum` loses it beside other descriptions and `Dune: Part Two` keeps it.
///
/// Never panics. Time is linear in the length of the text, and within seconds for the worst megabyte: where answers
/// can be hostile, call it where it may block, or lower [`AnswerLimits::max_bytes`].
#[must_use]
pub fn parse_answer(text: &str, topic: &str, limits: AnswerLimits) -> Answer {
    let head = &text[..text.floor_char_boundary(limits.max_bytes)];
    let mut truncated = limits.truncated || head.len() < text.len();
    let mut body = prepare::without_wrapping(head);
    for _ in 0..MAX_WRITTEN {
        let Some((inner, whole)) = json::text_within(&body) else { break };
        truncated |= !whole;
        body = Cow::Owned(inner);
    }
    let topic = Topic::of(topic);
    let mut sink = Sink::new(&topic, limits.max_items);
    let mut found = json::read(&body, &mut sink);
    if found == json::Found::Nothing
        && let Some(straight) = json::straightened(&body)
    {
        found = json::read(&straight, &mut sink);
    }
    if found == json::Found::Nothing {
        let finished = if truncated { lines::without_unfinished(&body) } else { &body };
        if !table::read(finished, &mut sink) {
            lines::read(finished, &mut sink);
        }
    }
    sink.finish(found == json::Found::EmptyList || scrub(&body).all(|c| c == ' '))
}

/// The lines of a list that somebody keeps, without the bullets and the numbers in front of them, as an answer is read; nothing else is taken off or left
/// out but blank lines, rules and fences.
///
/// Numbers are taken off only where they count the lines: `7. Zeichen` keeps its number among names that have none.
pub fn listed(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let plan = survey::Plan::of_numbers(text);
    survey::lines(text).map(move |line| match line.mark {
        Mark::Bullet(rest) => Cow::Borrowed(rest),
        Mark::Number(number) if plan.counts(&number) => {
            Cow::Owned(markup::without_check_box(&number.rest).to_owned())
        }
        Mark::Number(_) | Mark::Heading(_) | Mark::Element(_) | Mark::Tag | Mark::Plain => {
            Cow::Borrowed(line.body)
        }
    })
}

/// How many times an answer is looked for within a string of another one.
const MAX_WRITTEN: usize = 3;
