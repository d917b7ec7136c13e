//! The parts of a topic by what its items are: which categories there are, and how far each of them is.
//!
//! Categories are given by the operator or told by models, asked for in a task: a request whose answer names no items. Nobody can see from a name which
//! category it belongs to, so what is known of one are the answers about it. One that is clearly shorter than its model's answers usually are has *listed*
//! it; one that comes back full has not, and a category that goes on giving new names is cut: a model is asked which parts it falls into. It stays beside
//! its parts for what belongs to none of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::voices::{Set, VOICES, place_of};
use crate::batch::{Outcome, ResponseMeta};
use crate::ids::Seq;

mod estimate;
mod name;
mod next;
mod parts;

pub use name::{Category, GivenError, MAX_NAME_CHARS, NameError};
pub(super) use next::SHOWN;

/// Most parts of the topic, or of one category.
pub const MAX_PARTS: usize = 40;

/// Categories that are asked about at most.
const MAX_CATEGORIES: usize = 1_000;

/// What models add to categories that others have listed is taken to be this share of the known names, as if it had been seen with so many.
const ADDS: (f64, f64) = (0.3, 10.0);

/// So many known names show it.
const TESTED: u64 = 40;

/// What one that was never asked about brings, of a thousand names that are asked for, before any was; and of so many the last one counts as one.
const FIRST: u32 = 500;
const LATELY: u32 = 4;

/// Of the new names in an answer that came back full, the next one brings this share.
const NEXT: f64 = 0.6;

/// How far a category is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cell {
    /// Answers that came back full, those that listed it, and those that were no list.
    full: u16,
    listed: u16,
    useless: u16,
    /// The models that have listed it.
    listed_by: Set,
    /// The last answer of each model.
    last: [Last; VOICES],
    named: BTreeSet<Seq>,
}

/// What an answer about a category gave; nothing where there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Last {
    answers: u16,
    /// Names that the topic did not have, and all names.
    new: u32,
    all: u32,
    /// Another model has answered since.
    is_past: bool,
}

/// What models say of which parts there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Parts {
    /// How often they were asked.
    asked: u16,
    parts: Vec<Category>,
}

/// What is known of the categories: a fold of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Categories {
    cells: BTreeMap<Category, Cell>,
    /// Of the topic, and of categories.
    of_topic: Parts,
    parts: BTreeMap<Category, Parts>,
    /// Lists of parts, answers about categories, and the names in them.
    tasks: u64,
    answers: u64,
    mentions: u64,
    /// New names in first answers, of a thousand that were asked for, the last ones counting most.
    first: u32,
    /// Of each model: new names in its answers about categories that others have listed, and names known of these.
    added: [(u64, u64); VOICES],
}

/// What an answer about a category gave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) all: u32,
    pub(super) new: u32,
    pub(super) asked: u32,
    /// It may have ended before all names were given.
    pub(super) is_full: bool,
    pub(super) voice: Set,
}

impl Default for Categories {
    fn default() -> Self {
        Self {
            cells: BTreeMap::new(),
            of_topic: Parts::default(),
            parts: BTreeMap::new(),
            tasks: 0,
            answers: 0,
            mentions: 0,
            first: FIRST,
            added: [(0, 0); VOICES],
        }
    }
}

impl Categories {
    /// Answers about categories.
    pub(super) const fn answers(&self) -> u64 {
        self.answers
    }

    /// Answered requests that were no questions for items.
    pub(super) const fn tasks(&self) -> u64 {
        self.tasks
    }

    /// Takes in which parts the topic, or a category, is said to have; nothing where the answer said none.
    pub(super) fn told(&mut self, of: Option<&Category>, meta: &ResponseMeta) {
        self.tasks += u64::from(meta.outcome == Outcome::Answered);
        // Those that are given have a place, too.
        let mut room = (MAX_CATEGORIES - MAX_PARTS).saturating_sub(self.count());
        let parts = match of {
            None => &mut self.of_topic,
            Some(of) if self.parts.contains_key(of) || self.parts.len() < MAX_CATEGORIES => {
                self.parts.entry(of.clone()).or_default()
            }
            Some(_) => return,
        };
        parts.asked = parts.asked.saturating_add(1);
        let mut known: BTreeSet<_> = parts.parts.iter().filter_map(Category::key).collect();
        // A part that is called as the whole is no part.
        known.extend(of.and_then(Category::key));
        for name in meta.categories.iter().filter_map(|name| Category::named(name).ok()) {
            let is_full = parts.parts.len() >= MAX_PARTS || room == 0;
            if !is_full && name.key().is_some_and(|key| known.insert(key)) {
                parts.parts.push(of.map_or_else(|| name.clone(), |of| of.part(&name)));
                room -= 1;
            }
        }
    }

    /// A judge has answered: that is no answer that names items.
    pub(super) fn judged(&mut self, meta: &ResponseMeta) {
        self.tasks += u64::from(meta.outcome == Outcome::Answered);
    }

    fn count(&self) -> usize {
        let within = self.parts.values().map(|parts| parts.parts.len());
        self.of_topic.parts.len() + within.sum::<usize>()
    }

    /// An answer about a category was no list.
    pub(super) fn gave_nothing(&mut self, category: &Category) {
        if let Some(cell) = self.cell(category) {
            cell.useless = cell.useless.saturating_add(1);
        }
    }

    fn cell(&mut self, category: &Category) -> Option<&mut Cell> {
        let has_room = self.cells.len() < MAX_CATEGORIES || self.cells.contains_key(category);
        has_room.then(|| self.cells.entry(category.clone()).or_default())
    }

    /// Takes in an answer about a category.
    pub(super) fn answered(&mut self, category: &Category, said: Said) {
        let has_room = self.cells.len() < MAX_CATEGORIES || self.cells.contains_key(category);
        if !has_room {
            return;
        }
        let cell = self.cells.entry(category.clone()).or_default();
        self.answers += 1;
        let known = u64::try_from(cell.named.len()).unwrap_or(u64::MAX);
        if cell.full + cell.listed == 0 && said.asked > 0 {
            let share = said.new.saturating_mul(1_000) / said.asked;
            self.first = (self.first * (LATELY - 1) + share.min(1_000)) / LATELY;
        }
        let place = place_of(said.voice);
        // Where others bring much themselves yet, nobody can tell what a further model adds.
        let is_test = cell.is_asked() && cell.last_of(said.voice).answers == 0 && !cell.is_rich_to_somebody();
        if is_test && let Some((new, of)) = place.and_then(|place| self.added.get_mut(place)) {
            (*new, *of) = (*new + u64::from(said.new), *of + known.max(1));
        }
        for last in &mut cell.last {
            last.is_past = true;
        }
        if let Some(last) = place.and_then(|place| cell.last.get_mut(place)) {
            let answers = last.answers.saturating_add(1);
            *last = Last { answers, new: said.new, all: said.all, is_past: false };
        }
        // Who fills an answer up with what is known has nothing more to give.
        if said.is_full && said.new > 0 {
            cell.full = cell.full.saturating_add(1);
        } else {
            cell.listed = cell.listed.saturating_add(1);
            cell.listed_by |= said.voice;
        }
    }

    /// Takes in that an answer about a category named these.
    pub(super) fn mention(&mut self, category: &Category, numbers: impl Iterator<Item = Seq>) {
        let Some(cell) = self.cell(category) else { return };
        let mut mentions = 0;
        for number in numbers {
            mentions += 1;
            cell.named.insert(number);
        }
        self.mentions += mentions;
    }

    /// What answers about a category have named.
    pub(super) fn named_in(&self, category: &Category) -> impl Iterator<Item = Seq> {
        self.cells.get(category).into_iter().flat_map(|cell| cell.named.iter().copied())
    }

    /// The parts that are known of the topic, or of a category.
    pub(super) fn parts_of(&self, of: Option<&Category>) -> &[Category] {
        of.map_or(Some(&self.of_topic), |of| self.parts.get(of)).map_or(&[], |parts| &parts.parts)
    }

    /// How often it was asked which they are.
    fn asked_for_parts_of(&self, of: Option<&Category>) -> u16 {
        of.map_or(Some(&self.of_topic), |of| self.parts.get(of)).map_or(0, |parts| parts.asked)
    }

    /// Every category, those that others are parts of before these.
    fn all<'a>(&'a self, given: &'a [Category]) -> Vec<&'a Category> {
        let mut all: Vec<&Category> = given.iter().chain(&self.of_topic.parts).collect();
        let mut at = 0;
        while let Some(category) = all.get(at) {
            all.extend(self.parts_of(Some(category)));
            at += 1;
        }
        all
    }

    /// What a first answer about a category brings, for each item that is asked for.
    fn first(&self) -> f64 {
        f64::from(self.first) / 1_000.0
    }

    /// Whether it is known what a model adds.
    pub(super) fn is_tested(&self, voice: Set) -> bool {
        place_of(voice).and_then(|place| self.added.get(place)).is_some_and(|(_, known)| *known >= TESTED)
    }

    /// Whether it is to be found out in that category what a model adds.
    fn can_test(&self, cell: &Cell, voice: Set) -> bool {
        voice != 0 && !self.is_tested(voice) && cell.can_test() && cell.last_of(voice).answers == 0
    }

    /// Whether it is not known what a model adds, and can be found out.
    pub(super) fn can_be_tested(&self, voice: Set) -> bool {
        self.cells.values().any(|cell| self.can_test(cell, voice))
    }

    /// How often a category was asked about.
    pub(super) fn turns_of(&self, category: &Category) -> u16 {
        self.cells.get(category).map_or(0, Cell::turns)
    }

    /// What a model adds to a category that others have listed, for each name that is known there.
    fn adds(&self, voice: Set) -> f64 {
        let added = place_of(voice).and_then(|place| self.added.get(place));
        let (new, of) = added.copied().unwrap_or_default();
        (count(new) + ADDS.0 * ADDS.1) / (count(of) + ADDS.1)
    }
}

impl Cell {
    /// The last answer of a model.
    fn last_of(&self, voice: Set) -> Last {
        place_of(voice).and_then(|place| self.last.get(place)).copied().unwrap_or_default()
    }

    /// New names that the next answer of a model brings, of so many that are asked for, where it has not listed it; none where nobody knows it from others.
    fn brings(&self, categories: &Categories, voice: Set, items: f64) -> Option<f64> {
        let Last { answers, new, is_past, .. } = self.last_of(voice);
        if voice == 0 || self.listed_by & voice != 0 {
            return None;
        }
        let again = f64::from(new) * NEXT;
        let adds = (self.known() * categories.adds(voice)).min(items);
        Some(match (answers, is_past) {
            (0, _) => adds,
            (_, true) => again.min(adds),
            (_, false) => again,
        })
    }

    fn known(&self) -> f64 {
        count(u64::try_from(self.named.len()).unwrap_or(u64::MAX))
    }

    /// Nothing but what was no list came of it.
    const fn is_given_up(&self) -> bool {
        self.useless >= super::GIVEN_UP
    }

    const fn is_asked(&self) -> bool {
        self.full + self.listed > 0
    }

    fn turns(&self) -> u16 {
        self.full.saturating_add(self.listed).saturating_add(self.useless)
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn count(number: u64) -> f64 {
    number as f64
}
