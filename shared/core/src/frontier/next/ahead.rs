//! What the next requests bring, if all goes as it is thought to: the frontier's own choices, made one after the other without waiting for answers.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::super::estimate::Picture;
use super::super::view::View;
use super::super::voices::{Set, Voice, Worth};
use super::{Frontier, LEAST_NEW, WHOLE_EVERY, Wish};
use crate::estimate::Completeness;

/// Requests that are looked ahead.
const MOST_REQUESTS: usize = 4_000;

/// Costs are kept in picodollars.
const PICO_PER_USD: f64 = 1e12;

/// An answer about the whole topic names what is known rather than what is not.
const OF_WHOLE: f64 = 0.3;

/// What a topic that is cut into parts promises.
#[derive(Clone, Debug)]
pub(crate) struct Ahead {
    /// How complete it is.
    pub(crate) completeness: Option<Completeness>,
    /// Several models share the parts.
    pub(crate) is_shared: bool,
    /// The next requests, as long as parts promise anything.
    pub(crate) requests: Vec<Coming>,
}

/// One of the next requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Coming {
    /// New names that it brings, made-up ones included.
    pub(crate) new: f64,
    /// What it costs, where several models are asked; in US dollars.
    pub(crate) usd: Option<f64>,
}

/// A model that is asked.
#[derive(Clone, Copy, Debug)]
struct Model {
    voice: Set,
    cost: f64,
    usd: f64,
    worth: Worth,
}

/// A part, and the model that is asked for it next.
#[derive(Clone, Copy, Debug)]
struct Part {
    found: f64,
    missing: f64,
    gives: f64,
    listed_by: Set,
    asked: usize,
    new: f64,
    value: f64,
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Part {}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Part {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value.total_cmp(&other.value)
    }
}

impl Part {
    /// Who is asked for it next, and what that brings.
    fn next(self, models: &[Model], items: f64) -> Option<Self> {
        let several = models.len() > 1;
        let offers = models.iter().enumerate().filter(|(_, model)| self.listed_by & model.voice == 0);
        let offers = offers.map(|(asked, model)| {
            let new = match (several, self.listed_by) {
                (false, _) => self.missing,
                (true, 0) => self.missing * model.worth.knows,
                (true, _) => self.found * model.worth.adds,
            };
            let new = new.clamp(0.0, items);
            Self { asked, new, value: new / model.cost, ..self }
        });
        offers.filter(|offer| offer.new >= LEAST_NEW).max()
    }

    /// What is left when that was answered.
    fn answered(self, models: &[Model]) -> Self {
        let by = models.get(self.asked).map_or(0, |model| model.voice);
        Self {
            found: self.found + self.new,
            missing: (self.missing - self.new).max(0.0),
            listed_by: self.listed_by | by,
            ..self
        }
    }
}

/// What a request costs, where models take turns.
fn mean_of(models: &[Model]) -> Option<f64> {
    let all: f64 = models.iter().map(|model| model.usd).sum();
    let count = u32::try_from(models.len()).ok().filter(|count| *count > 1)?;
    Some(all / f64::from(count))
}

impl Frontier {
    /// What the next requests bring, of so many names each.
    pub(crate) fn ahead(&self, items: u32) -> Ahead {
        let view = self.view();
        let picture = view.picture();
        let completeness = view.estimate_by(&picture);
        let requests = view.coming(&picture, completeness, items);
        Ahead { completeness, requests, is_shared: view.voices.len() > 1 }
    }
}

impl View<'_> {
    fn models(&self, picture: &Picture) -> Vec<Model> {
        let useful: Vec<Set> = (0..self.voices.len())
            .map(|place| 1 << place)
            .filter(|voice| picture.useful & voice != 0)
            .collect();
        let several = self.voices.len() > 1;
        let is_free = self.voices.iter().all(Voice::is_free);
        let model = |voice: Set| Model {
            voice,
            cost: if several { self.cost_of(voice) } else { 1.0 },
            usd: if is_free { 0.0 } else { self.cost_of(voice) / PICO_PER_USD },
            worth: self.worth(voice, picture.useful),
        };
        useful.into_iter().map(model).collect()
    }

    fn coming(&self, picture: &Picture, completeness: Option<Completeness>, items: u32) -> Vec<Coming> {
        let wish = Wish { items, wanted: None, providers: &[], under_way: &[] };
        let (models, most) = (self.models(picture), f64::from(items));
        let several = self.voices.len() > 1;
        let mut parts = BinaryHeap::new();
        for stretch in &self.stretches {
            let reach = stretch.reach;
            for (letters, gives, _) in self.cut(stretch, picture, wish.size(), true) {
                let (found, has) = (self.sum(letters).found(), self.expected(picture, letters, reach));
                if !reach.is_done(picture.useful) {
                    let missing = (has - found).max(0.0);
                    let (asked, new, value) = (0, 0.0, 0.0);
                    let listed_by = reach.listed_by;
                    let part = Part { found, missing, gives, listed_by, asked, new, value };
                    parts.extend(part.next(&models, most));
                }
            }
        }
        let left = 1.0 - completeness.map_or(0.0, |said| said.completeness);
        let of_whole = most * (left * OF_WHOLE + picture.made_up);
        let mut requests = Vec::new();
        let (mut whole, mut all) = (self.whole, self.whole + self.aimed);
        while let Some(part) = parts.pop().filter(|_| requests.len() < MOST_REQUESTS) {
            if whole < all / WHOLE_EVERY {
                whole += 1;
                all += 1;
                requests.push(Coming { new: of_whole, usd: mean_of(&models) });
            }
            all += 1;
            let new = part.new + picture.made_up * part.gives.clamp(0.0, most);
            let usd = several.then(|| models.get(part.asked).map_or(0.0, |model| model.usd));
            requests.push(Coming { new, usd });
            parts.extend(part.answered(&models).next(&models, most));
        }
        requests
    }
}
