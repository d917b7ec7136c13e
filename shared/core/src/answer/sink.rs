//! Where entries become items or rejections.

use std::collections::BTreeSet;

use super::habits::Habits;
use super::topic::Topic;
use super::{Answer, Item, MAX_REJECTED, Parsed, noise};
use crate::batch::Rejections;
use crate::key::{Fingerprint, Key, Rejection, clean_text};

/// The longest part of a rejected text that is kept, in bytes.
const MAX_REJECTED_BYTES: usize = 120;

/// One thing in an answer that may be an item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) text: &'a str,
    pub(super) origin: Origin,
}

/// What is known about an entry from where it stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A line of its own without a marker: it may be talk.
    Line,
    /// Behind a bullet, or one of several in a line: it is meant as an item.
    Listed,
    /// A string of JSON or a cell of a table: it is meant as the item that it is.
    Value,
    /// Behind a number, so that a further number belongs to the name.
    Numbered,
    /// Talk, known from where it stood.
    Talk,
}

pub(super) struct Sink<'t> {
    topic: &'t Topic,
    max_items: usize,
    seen: BTreeSet<Fingerprint>,
    refused: bool,
    answer: Answer,
}

impl<'t> Sink<'t> {
    pub(super) fn new(topic: &'t Topic, max_items: usize) -> Self {
        Self {
            topic,
            max_items,
            seen: BTreeSet::new(),
            refused: false,
            answer: Answer {
                items: Vec::new(),
                rejected: Vec::new(),
                rejected_total: 0,
                reasons: Rejections::default(),
                repeated: 0,
                over_limit: 0,
                outcome: Parsed::Unparsable,
            },
        }
    }

    pub(super) fn topic(&self) -> &'t Topic {
        self.topic
    }

    /// Takes all entries of a source, which `each` walks through anew whenever it is called.
    pub(super) fn take(&mut self, each: impl Fn(&mut dyn FnMut(Entry<'_>))) {
        let mut habits = Habits::default();
        each(&mut |entry| {
            if noise::is_remark(entry) {
                habits.learn_remark();
            } else if entry.origin != Origin::Talk && !noise::is_talk(entry) {
                habits.learn(entry);
            }
        });
        habits.settle(self.topic);
        each(&mut |entry| self.propose(entry, &habits));
    }

    fn propose(&mut self, entry: Entry<'_>, habits: &Habits) {
        let alone = habits.entries() <= 1 && self.answer.items.is_empty();
        if (entry.origin == Origin::Line || entry.origin == Origin::Talk || alone)
            && noise::is_refusal(entry.text)
        {
            self.refused = true;
            return self.reject(Rejection::Refusal, entry.text);
        }
        if noise::is_placeholder(entry.text) {
            return self.reject(Rejection::TemplateEcho, entry.text);
        }
        if habits.is_talk(entry) {
            return self.reject(Rejection::Chatter, entry.text);
        }
        let name = habits.name(entry);
        match clean_text(&name) {
            Ok(text) if noise::is_placeholder(&text) => self.reject(Rejection::TemplateEcho, &text),
            Ok(text) => self.accept(text),
            Err(reason) => self.reject(reason, &name),
        }
    }

    fn accept(&mut self, text: String) {
        let Some(key) = Key::of(&text) else { return self.reject(Rejection::Empty, &text) };
        if self.topic.is(&key) {
            return self.reject(Rejection::RepeatsTopic, &text);
        }
        let fingerprint = Fingerprint::of(&key);
        if self.seen.contains(&fingerprint) {
            self.answer.repeated += 1;
        } else if self.answer.items.len() >= self.max_items {
            self.answer.over_limit += 1;
        } else {
            self.seen.insert(fingerprint);
            self.answer.items.push(Item { text, key, fingerprint });
        }
    }

    fn reject(&mut self, reason: Rejection, text: &str) {
        self.answer.rejected_total += 1;
        self.answer.reasons.add(reason, 1);
        if self.answer.rejected.len() < MAX_REJECTED {
            let mut head =
                clean_text(&text[..text.floor_char_boundary(MAX_REJECTED_BYTES)]).unwrap_or_default();
            // Normalisation can make a text longer.
            head.truncate(head.floor_char_boundary(MAX_REJECTED_BYTES));
            self.answer.rejected.push((reason, head));
        }
    }

    pub(super) fn finish(mut self, empty: bool) -> Answer {
        self.answer.outcome = if !self.answer.items.is_empty() {
            Parsed::Items
        } else if self.refused {
            Parsed::Refused
        } else if empty {
            Parsed::Empty
        } else {
            Parsed::Unparsable
        };
        self.answer
    }
}
