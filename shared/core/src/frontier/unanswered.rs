//! Questions that were not answered. Before the same provider is asked one of them again, another is that can be: what failed once, a list that takes too long
//! or a subject that is not talked about, fails again with the same one sooner than with another.

use serde::{Deserialize, Serialize};

use super::{Aim, Category, Letters};
use crate::batch::{Outcome, ResponseMeta};

/// Failures that are borne in mind, the newest ones.
const MOST: usize = 64;

/// A question that is left to others looks so much worse to who has failed with it.
pub(super) const LEFT_TO_OTHERS: f64 = 1e-12;

/// Who has failed with which question, since anybody answered it: the cell, and the provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unanswered(Vec<(Option<String>, String)>);

impl Unanswered {
    /// Takes in how a request ended.
    pub(super) fn take_in(&mut self, meta: &ResponseMeta) {
        // Given up by ourselves says nothing of the provider.
        if meta.outcome == Outcome::Abandoned {
            return;
        }
        if meta.outcome.is_answer() {
            let part = meta.cell.as_deref().and_then(Letters::parse);
            self.0.retain(|(cell, _)| match (part, cell.as_deref().and_then(Letters::parse)) {
                (Some(answered), Some(failed)) => !failed.overlaps(answered),
                _ => *cell != meta.cell,
            });
            return;
        }
        let failed = (meta.cell.clone(), meta.provider.clone());
        self.0.retain(|before| *before != failed);
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push(failed);
    }

    /// The parts that a provider has failed with.
    pub(super) fn parts(&self, provider: &str) -> Vec<Letters> {
        self.of(provider).filter_map(|cell| Letters::parse(cell?)).collect()
    }

    /// Whether it has failed with the whole topic.
    pub(super) fn is_whole(&self, provider: &str) -> bool {
        self.of(provider).any(|cell| cell.is_none())
    }

    /// Whether it has failed with a category.
    pub(super) fn is_category(&self, category: &Category, provider: &str) -> bool {
        let cell = Aim::Category(category.clone()).cell();
        self.of(provider).any(|failed| failed == cell.as_deref())
    }

    fn of(&self, provider: &str) -> impl Iterator<Item = Option<&str>> {
        self.0.iter().filter(move |(_, failed)| failed == provider).map(|(cell, _)| cell.as_deref())
    }
}
