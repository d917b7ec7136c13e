//! Answers about parts that were taken for lists, and that are taken back when their model turns out to stop as early as that though it has more.
//!
//! Whether an answer is short is known by answers about the whole, of which there are few in the beginning. A model that stops now after fifty names and now
//! after twenty shows that late.

use serde::{Deserialize, Serialize};

use super::fullness::Length;
use super::recall::Recall;
use super::voices::Set;
use super::{Came, Frontier, Letters};

/// A list, as it was taken for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct List {
    pub(super) part: Letters,
    pub(super) by: Set,
    pub(super) length: Length,
}

impl Frontier {
    /// A model has listed a part by being short: what it said of that before counts no more.
    pub(super) fn has_listed(&mut self, list: List) {
        self.lists.retain(|before| before.by != list.by || !before.part.overlaps(list.part));
        self.lists.push(list);
    }

    /// Lists of a model that are as long as answers of it which were no lists are none either.
    pub(super) fn take_lists_back(&mut self, voice: Set) {
        let fullness = self.fullness(voice);
        let is_none = |list: &List| list.by == voice && fullness.is_full(list.length);
        let (none, lists): (Vec<List>, Vec<List>) = self.lists.iter().partition(|list| is_none(list));
        self.lists = lists;
        for List { part, by, length } in none {
            // How many of them were new then is not kept: all are taken for that, until it is asked for again.
            let left = self.left(length.names, Recall::default(), self.found_in(part), fullness);
            self.reach(part, Came::TakenBack { by, left });
        }
    }
}
