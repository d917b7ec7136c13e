//! Names without end, and three models that know most of them: made by numbers alone, so that a million answers cost little.

use std::collections::BTreeMap;
use std::ops::Range;

use igentai_core::frontier::{Aim, Letters};
use rand::RngExt;
use rand::rngs::StdRng;

/// Of ten names, so many each model knows; the dearer, the more.
const KNOWS: [u64; MODELS] = [7, 8, 9];

/// Models there are.
pub(super) const MODELS: usize = 3;

/// That a name is left out although it fits, that it is named although it is barred, and that it is made up.
const FORGETS: f64 = 0.1;
const REPEATS: f64 = 0.1;
const INVENTS: f64 = 0.01;

/// First letters, the frequent ones first.
const LETTERS: &[u8; 26] = b"scpbmatdrhfglweinovukjyqzx";

/// A name in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// One that there is.
    Name(usize),
    /// One that there is not, and that nobody says again.
    MadeUp(String),
}

#[derive(Debug)]
pub(crate) struct Catalogue {
    /// In the order of the alphabet.
    texts: Vec<String>,
    numbers: BTreeMap<String, usize>,
    /// Where names begin with the same two letters.
    places: Vec<Range<usize>>,
    ranges: BTreeMap<String, Range<usize>>,
    made_up: u64,
}

impl Catalogue {
    /// So many different names, which begin as unevenly as names do.
    pub(crate) fn new(names: usize, random: &mut StdRng) -> Self {
        let mut numbers = BTreeMap::new();
        let letter = |random: &mut StdRng| {
            let place = random.random::<f64>().powi(2) * 26.0;
            char::from(LETTERS[(place as usize).min(25)])
        };
        while numbers.len() < names {
            let start: String = (0..2).map(|_| letter(random)).collect();
            let rest: String = (0..5).map(|_| char::from(b'a' + random.random_range(0..26_u8))).collect();
            numbers.insert(start + &rest, 0);
        }
        let texts: Vec<String> = numbers.keys().cloned().collect();
        numbers.values_mut().zip(0..).for_each(|(number, place)| *number = place);
        let mut places: Vec<Range<usize>> = Vec::new();
        for (number, text) in texts.iter().enumerate() {
            match places.last_mut().filter(|place| texts[place.start][..2] == text[..2]) {
                Some(place) => place.end = number + 1,
                None => places.push(number..number + 1),
            }
        }
        Self { texts, numbers, places, ranges: BTreeMap::new(), made_up: 0 }
    }

    pub(crate) fn into_texts(self) -> Vec<String> {
        self.texts
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn text(&self, number: usize) -> &str {
        &self.texts[number]
    }

    /// What a model says when it is asked for so many names.
    pub(super) fn answer(
        &mut self,
        model: usize,
        (cell, items, leave_out): (Option<&str>, usize, &[String]),
        random: &mut StdRng,
    ) -> Vec<Said> {
        let places = self.range(cell);
        let (Some(first), Some(last)) =
            (self.places[places.clone()].first(), self.places[places.clone()].last())
        else {
            return Vec::new();
        };
        let within = first.start..last.end;
        let barred: Vec<usize> =
            leave_out.iter().filter_map(|text| self.numbers.get(text).copied()).collect();
        let mut named: Vec<usize> = Vec::with_capacity(items);
        let mut name = |number: usize, random: &mut StdRng| {
            let fits = knows(model, number) && !named.contains(&number);
            if fits && (!barred.contains(&number) || random.random_bool(REPEATS)) {
                named.push(number);
            }
            named.len() >= items
        };
        if within.len() <= 2 * items {
            within
                .clone()
                .filter(|_| !random.random_bool(FORGETS))
                .collect::<Vec<_>>()
                .into_iter()
                .any(|number| name(number, random));
        } else {
            // Of those that begin alike the first ones come to mind before the others.
            (0..3 * items).any(|_| {
                let drawn = random.random_range(within.clone());
                let place = self.places.partition_point(|place| place.end <= drawn);
                let alike = self.places[place].clone();
                let rank = random.random::<f64>().powi(3) * alike.len() as f64;
                name(alike.start + (rank as usize).min(alike.len() - 1), random)
            });
        }
        let start = self.texts[within.start][..2].to_owned();
        let made_up = &mut self.made_up;
        named
            .into_iter()
            .map(|number| {
                if random.random_bool(INVENTS) {
                    *made_up += 1;
                    Said::MadeUp(format!("{start} no {made_up}"))
                } else {
                    Said::Name(number)
                }
            })
            .collect()
    }

    /// The places that a question is about.
    fn range(&mut self, cell: Option<&str>) -> Range<usize> {
        let all = 0..self.places.len();
        let Some(cell) = cell else { return all };
        if let Some(known) = self.ranges.get(cell) {
            return known.clone();
        }
        let range = match Aim::named(Some(cell)) {
            Some(Aim::Part(letters)) => self.places_of(letters),
            Some(Aim::Whole | Aim::Category(_) | Aim::Parts { .. } | Aim::Judge) | None => all,
        };
        self.ranges.insert(cell.to_owned(), range.clone());
        range
    }

    fn places_of(&self, letters: Letters) -> Range<usize> {
        let mut held =
            self.places.iter().enumerate().filter(|(_, place)| letters.holds(&self.texts[place.start]));
        let first = held.next().map_or(0, |(number, _)| number);
        let count = held.count();
        match self.places.get(first) {
            Some(place) if letters.holds(&self.texts[place.start]) => first..first + count + 1,
            Some(_) | None => 0..0,
        }
    }
}

/// Whether a model knows a name.
fn knows(model: usize, number: usize) -> bool {
    let spread = (number as u64 ^ (model as u64) << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (spread >> 33) % 10 < KNOWS[model]
}
