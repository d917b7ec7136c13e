//! How many names there are, from lists of categories and answers about the whole.
//!
//! Names that two answers about the whole agree on are real. The share of them that lists of categories do not have is the share that these leave out
//! (Lincoln & Petersen's estimate, as for ranges of letters). Answers about the whole name what comes to mind first, which lists have, too; so what
//! categories that are not done are thought to bring counts, where it is more.

use super::{Last, count};
use crate::estimate::{Completeness, Estimate};
use crate::frontier::estimate::{DOUBT, QUANTILE, TOLD_FROM, at_most};
use crate::frontier::heard::{LEFT_OUT, MADE_UP};
use crate::frontier::voices::Set;
use crate::frontier::{Frontier, Letters, Sums};

/// Answers about the whole, or about a category, before anything is told.
const LEAST: u64 = 2;

/// So much more often lists leave out what only one answer about the whole has than what several have, and so much more often at the least: what is left out
/// beyond that is made up.
const RARER: f64 = 3.0;
const LEAST_RARER: f64 = 1.5;

/// No more than this share of what answers about the whole name is taken for made up: without lists of the same nobody could tell.
const MOST_MADE_UP: f64 = 0.03;

/// Lists that have less than this share of what answers about the whole name tell little of the whole.
const COVERED: f64 = 0.6;

/// An answer of new names alone does not say that there is no end.
const MOST_UNKNOWN: f64 = 0.7;

/// How many names there are, by lists of categories.
#[derive(Clone, Copy, Debug)]
struct Names {
    /// Those that were found and are real.
    known: f64,
    /// Those of them that one answer about the whole has.
    once: f64,
    total: f64,
    /// The lower and the upper end of what there may be.
    low: f64,
    high: f64,
}

impl Frontier {
    /// How many names there are in all, where requests aimed at categories.
    pub(in crate::frontier) fn estimate_by_categories(&self) -> Option<Completeness> {
        let categories = &self.categories;
        if self.whole + categories.answers < LEAST {
            return None;
        }
        let all = self.view().sum(Letters::ALL);
        let Names { known, once, total, low, high } = self.names_of_categories(&all, RARER);
        // Nobody can tell what is rare from what is made up: at the least there are as many as if more were made up.
        let few = self.names_of_categories(&all, LEAST_RARER);
        let surely = all.twice + all.once_listed + all.listed;
        let low = low.min(few.low).max(surely).min(total);
        let made_up = (all.found() - known).max(0.0);
        let completeness = (known / total.max(1.0)).clamp(0.0, 1.0);
        let nothing_listed = categories.cells.values().all(|cell| cell.listed == 0 || cell.named.is_empty());
        let is_covered = all.twice_listed + all.once_listed >= COVERED * (all.twice + once);
        // Nobody knows what a model adds that was asked for nothing that another has given.
        let models = self.voices.len();
        let is_tested = models < 2 || (0..models).all(|place| !categories.can_be_tested(1 << place));
        let at_least = nothing_listed || !is_covered || !is_tested || completeness < TOLD_FROM;
        Some(Completeness { estimate: Estimate { total, low, high, made_up }, completeness, at_least })
    }

    /// How many there are if lists leave out what only one answer has so much more often.
    fn names_of_categories(&self, all: &Sums, rarer: f64) -> Names {
        let categories = &self.categories;
        let of_twice = LEFT_OUT.with(all.twice - all.twice_listed, all.twice);
        // What comes to mind only once is left out more; what is left out beyond that is made up.
        let of_once = (rarer * of_twice).min(MOST_UNKNOWN);
        let most_made_up = MOST_MADE_UP * count(self.whole_mentions);
        let once = (all.once_listed / (1.0 - of_once)).max(all.once - most_made_up).min(all.once);
        let made_up = MADE_UP.with(all.once - once, count(self.whole_mentions));
        let looked_for = all.twice + once;
        let left_out = LEFT_OUT.with(all.twice - all.twice_listed + once - all.once_listed, looked_for);
        let made_up_of_lists = (made_up * count(categories.mentions)).min(all.listed_once);
        let by_lists = all.listed_once - made_up_of_lists + all.listed;
        let known = all.twice + once + by_lists;
        let by_whole = by_lists * left_out / (1.0 - left_out);
        // What several categories are still to bring is the same in part, as what they have brought is.
        let in_lists = all.twice_listed + all.once_listed + all.listed_once + all.listed;
        let in_each: f64 = categories.cells.values().map(super::Cell::known).sum();
        // One list leaves out more than those of several models together.
        let of_a_list = left_out.max(LEFT_OUT.with(0.0, 0.0));
        let by_categories = categories.to_come(self.voices.len(), of_a_list) * in_lists / in_each.max(1.0);
        let missing = by_whole.max(by_categories);
        let total = known + missing;
        let mentions = count(categories.mentions);
        let variance = missing
            + (DOUBT * missing).powi(2)
            + mentions.powi(2) * made_up / (count(self.whole_mentions) + MADE_UP.weight)
            + by_lists.powi(2) * left_out * (1.0 - left_out) / (looked_for + LEFT_OUT.weight);
        let low = total - QUANTILE * variance.sqrt();
        Names { known, once, total, low, high: known + at_most(missing, variance) }
    }
}

impl super::Categories {
    /// New names that categories are still to bring, all of them together, where so many models are told apart and lists leave out this share.
    fn to_come(&self, models: usize, left_out: f64) -> f64 {
        let known = |category| self.cells.get(category);
        let asked = self.cells.values().filter(|cell| cell.is_asked());
        let (cells, names) =
            asked.fold((0.0, 0.0), |(cells, names), cell| (cells + 1.0, names + cell.known()));
        let usual = if cells > 0.0 { names / cells } else { 0.0 };
        let told = self.of_topic.parts.iter().chain(self.parts.values().flat_map(|parts| &parts.parts));
        let open = told.filter(|category| !known(category).is_some_and(super::Cell::is_asked));
        let open = open.filter(|category| !known(category).is_some_and(super::Cell::is_given_up));
        // What belongs to parts of a category is in part known from it.
        let unasked: f64 = open.map(|category| usual * self.first() / f64::from(depth(category))).sum();
        let asked = self.cells.iter().filter(|(_, cell)| cell.is_asked() && !cell.is_given_up());
        unasked + asked.map(|(_, cell)| cell.still_to_come(self, models, left_out)).sum::<f64>()
    }
}

impl super::Cell {
    /// Names that so many models have still to give: what one of them has to add, another has for the most part, too.
    pub(super) fn still_to_come(&self, categories: &super::Categories, models: usize, left_out: f64) -> f64 {
        (0..models).map(|place| self.to_come(categories, 1 << place, left_out)).fold(0.0, f64::max)
    }

    /// Names that a model has still to give, which has not listed it: as many for those known as there were new ones in its last answer for the others there.
    fn to_come(&self, categories: &super::Categories, voice: Set, left_out: f64) -> f64 {
        if self.listed_by & voice != 0 {
            return 0.0;
        }
        let Last { answers, new, all, is_past } = self.last_of(voice);
        // What lists forget is nothing that another model has to add.
        let adds = self.known() * (categories.adds(voice) - left_out).max(0.0);
        let unknown = (f64::from(new) / f64::from(all.max(1))).min(MOST_UNKNOWN);
        let again = self.known() * unknown / (1.0 - unknown);
        match (answers, is_past) {
            (0, _) => adds,
            // Others may have given it since.
            (_, true) => again.min(adds),
            (_, false) => again,
        }
    }
}

fn depth(category: &super::Category) -> u32 {
    u32::try_from(category.depth()).unwrap_or(u32::MAX)
}
