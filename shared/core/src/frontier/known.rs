//! What somebody knew before anybody was asked. It is nothing that could be found, so no estimate counts it; but models name it, so that it takes up room in
//! answers, unless a question says to leave it out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::letters::{self, PLACES, Place};
use super::{Frontier, Letters, TEXTS, count};

/// Before it was seen, models are taken to know all of it, as if of so many items.
const BEFORE: f64 = 10.0;

/// The items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    places: Vec<Place>,
    /// How many begin so.
    of: BTreeMap<Place, u32>,
    texts: Vec<Box<str>>,
    /// Those of ranges that were listed by questions which said nothing of them, and those of them that were in the lists.
    looked_for: u64,
    named: u64,
}

impl Known {
    /// How many there are in all places before each, and nothing where there are none.
    pub(super) fn before(&self) -> Vec<f64> {
        if self.of.is_empty() {
            return Vec::new();
        }
        let (mut known, mut places) = (0.0, self.of.iter().peekable());
        let before = |place| {
            while let Some((_, items)) = places.next_if(|(of, _)| usize::from(**of) < place) {
                known += f64::from(*items);
            }
            known
        };
        (0..=PLACES).map(before).collect()
    }

    /// How many of these, the first being number 1, are in a part.
    pub(super) fn within(&self, numbers: &[u64], part: Letters) -> u32 {
        let place = |number: &u64| self.places.get(usize::try_from(number.checked_sub(1)?).ok()?);
        count(numbers.iter().filter_map(place).filter(|place| part.contains(**place)).count())
    }

    /// How many there are in a part.
    pub(super) fn count(&self, part: Letters) -> u32 {
        self.of.range(part.from..=part.to).fold(0, |all, (_, items)| all.saturating_add(*items))
    }

    /// A range was listed without a word of what is known of it, which was named so often.
    pub(super) fn listed(&mut self, part: Letters, named: u32) {
        let all = u64::from(self.count(part));
        self.looked_for += all;
        self.named += u64::from(named).min(all);
    }

    /// The share of them that models know.
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub(super) fn share(&self) -> f64 {
        (self.named as f64 + BEFORE) / (self.looked_for as f64 + BEFORE)
    }

    /// Those of a part in words; `None` where they are too many for that.
    pub(super) fn texts_of(&self, part: Letters, most: usize) -> Option<Vec<String>> {
        if self.texts.len() < self.places.len() {
            return self.of.range(part.from..=part.to).next().is_none().then(Vec::new);
        }
        let within = self.places.iter().zip(&self.texts).filter(|(place, _)| part.contains(**place));
        let texts: Vec<String> = within.take(most + 1).map(|(_, text)| text.to_string()).collect();
        (texts.len() <= most).then_some(texts)
    }

    /// Whether questions can say them at all.
    pub(super) fn can_be_said(&self) -> bool {
        self.texts.len() == self.places.len()
    }
}

impl Frontier {
    /// Takes in the texts of more items that are known, in the order of their numbers.
    pub(crate) fn learn_known<'a>(&mut self, texts: impl Iterator<Item = &'a str>) {
        let known = &mut self.known;
        for text in texts {
            let place = letters::place(text);
            known.places.push(place);
            *known.of.entry(place).or_default() += 1;
            if known.texts.len() < TEXTS {
                known.texts.push(text.into());
            }
        }
    }
}
