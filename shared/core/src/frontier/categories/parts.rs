//! How far each category is: what is shown of it.

use std::collections::BTreeSet;

use super::{Categories, Category, Cell};
use crate::fold::Sightings;
use crate::frontier::estimate::DOUBT;
use crate::frontier::heard::LEFT_OUT;
use crate::frontier::parts::{Mentions, NONE, Numbers, whole_number};
use crate::frontier::{Aim, Frontier, Part, PartState};

impl Frontier {
    /// What lists leave out cannot be told from what other categories have while these are not listed: it is as much as usual.
    pub(in crate::frontier) fn parts_by_categories(
        &self,
        given: &[Category],
        sightings: &Sightings,
    ) -> Vec<Part> {
        let left_out = LEFT_OUT.with(0.0, 0.0);
        let nothing = Cell::default();
        let of = |category: &Category| {
            let cell = self.categories.cells.get(category).unwrap_or(&nothing);
            let mut mentions = Mentions::default();
            cell.named.iter().for_each(|number| mentions.count(sightings.of(*number)));
            let known = cell.known();
            let by_others = cell.still_to_come(&self.categories, self.voices.len(), left_out);
            let state = if cell.turns() == 0 {
                PartState::Unasked
            } else if cell.is_given_up() {
                PartState::GivenUp
            } else if cell.listed_by != 0 && by_others < NONE {
                PartState::Listed
            } else {
                PartState::Open
            };
            // Each further list leaves out as much of the rest.
            let forgotten = left_out.powi(cell.listed.max(1).into());
            let missing = by_others.max(known * forgotten / (1.0 - forgotten));
            let variance = missing + (DOUBT * missing).powi(2);
            let numbers = Numbers { known, missing, variance, surely: known, made_up: 0.0 };
            Part {
                cell: Aim::Category(category.clone()).cell().unwrap_or_default(),
                state,
                found: whole_number(known),
                coverage: mentions.coverage(),
                completeness: numbers.completeness(state == PartState::Listed),
                answers: cell.turns().into(),
                listed_by: self.providers_of(cell.listed_by),
            }
        };
        self.categories.told_or_asked(given).into_iter().map(of).collect()
    }
}

impl Categories {
    /// Every category that was given, told of or asked about, those with parts before these.
    fn told_or_asked<'a>(&'a self, given: &'a [Category]) -> Vec<&'a Category> {
        let mut all = self.all(given);
        let told: BTreeSet<&Category> = all.iter().copied().collect();
        all.extend(self.cells.keys().filter(|category| !told.contains(category)));
        all
    }
}
