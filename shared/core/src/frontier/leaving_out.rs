//! What questions say to leave out, and whether that pays.

use super::name::BYTES;
use super::view::View;
use super::{Aim, Category, Frontier, Letters, Name, categories, count, next};

/// What is said to be left out is given all the same by a greater share than this: then it is not said any more.
const COPIES: f64 = 0.4;

/// Before anything was left out, it is as if so many names had been.
const BEFORE: f64 = 40.0;

impl Frontier {
    /// What the next question about this is told: names that answers about a part have given before, to leave out, and none where they are too many, or not
    /// all known, and what was known from the beginning, where there is room for it; for a task the categories that are known, or items to make clusters of. A
    /// model of which nobody knows what it adds to the others is told only what it has said itself.
    #[must_use]
    pub fn leave_out(&self, aim: &Aim, provider: Option<&str>) -> Vec<String> {
        match aim {
            Aim::Whole | Aim::Judge => Vec::new(),
            Aim::Part(part) => {
                let names = self.names.chunks_exact(BYTES).map(Name::of).zip(1..);
                let given = names.filter(|(name, _)| name.aimed > 0 && part.contains(name.place));
                self.to_leave_out(given.map(|(_, number)| number), *part, provider)
            }
            Aim::Category(category) => self.to_leave_out_of_category(category, provider),
            Aim::Parts { of, by_items: false } => {
                self.categories.parts_of(of.as_ref()).iter().map(|part| part.name().to_owned()).collect()
            }
            Aim::Parts { of: Some(of), by_items: true } => self.some_of(self.categories.named_in(of)),
            Aim::Parts { of: None, by_items: true } => self.some_of(1..=count(self.texts.len()).into()),
        }
    }

    fn to_leave_out(
        &self,
        given: impl Iterator<Item = u64>,
        of: Letters,
        provider: Option<&str>,
    ) -> Vec<String> {
        if !self.heeds() {
            return Vec::new();
        }
        let mut texts = Vec::new();
        if self.keeps_all_texts() {
            let voice = provider.map_or(0, |provider| self.set_of(provider));
            let is_seen = |view: &View<'_>| view.worth(voice, view.useful() | voice).is_seen;
            let settled = self.voices.len() < 2 || voice == 0 || is_seen(&self.view());
            let is_its = |number: &u64| settled || self.name(*number).is_some_and(|name| name.is_by(voice));
            texts.extend(given.filter(is_its).filter_map(|number| self.text(number)));
        }
        let most = if of.is_one() { next::MOST_LEFT_OUT_OF_ONE } else { next::MOST_LEFT_OUT };
        match most.checked_sub(texts.len()) {
            None => Vec::new(),
            Some(room) => {
                texts.extend(self.known.texts_of(of, room).unwrap_or_default());
                texts
            }
        }
    }

    /// The same for a category: where too many are known, some of them, others at each question.
    fn to_leave_out_of_category(&self, category: &Category, provider: Option<&str>) -> Vec<String> {
        if !self.heeds() || !self.keeps_all_texts() {
            return Vec::new();
        }
        let voice = provider.map_or(0, |provider| self.set_of(provider));
        let settled = self.voices.len() < 2 || voice == 0 || self.categories.is_tested(voice);
        let is_its = |number: &u64| settled || self.name(*number).is_some_and(|name| name.is_by(voice));
        let given: Vec<u64> = self.categories.named_in(category).filter(is_its).collect();
        let windows = given.len().div_ceil(next::MOST_LEFT_OUT).max(1);
        let window = usize::from(self.categories.turns_of(category)) % windows;
        let told = given.chunks(next::MOST_LEFT_OUT).nth(window).unwrap_or_default();
        told.iter().filter_map(|number| self.text(*number)).collect()
    }

    /// Whether the words of all names are kept.
    pub(super) const fn keeps_all_texts(&self) -> bool {
        self.names.len() / BYTES <= self.texts.len()
    }

    /// Some of these, from all over.
    fn some_of(&self, numbers: impl Iterator<Item = u64>) -> Vec<String> {
        let all: Vec<u64> = numbers.collect();
        let step = all.len().div_ceil(categories::SHOWN).max(1);
        all.into_iter().step_by(step).filter_map(|number| self.text(number)).collect()
    }

    /// Share of the names to be left out that answers give all the same; a tenth before anything is known.
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub(super) fn copies(&self) -> f64 {
        (self.copied as f64 + 0.1 * BEFORE) / (self.left_out as f64 + BEFORE)
    }

    /// Whether it pays to say what to leave out.
    pub(super) fn heeds(&self) -> bool {
        self.copies() <= COPIES
    }
}
