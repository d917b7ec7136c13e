//! How many requests a service bears.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

const MINUTE_MS: u64 = 60_000;

/// The requests of the last minute, by model.
#[derive(Debug, Default)]
pub(super) struct Pace {
    taken: Mutex<BTreeMap<String, VecDeque<u64>>>,
}

impl Pace {
    /// Whether so many were taken within a minute that this one is not. It is counted otherwise.
    pub(super) fn is_over(&self, model: &str, most: usize, now_ms: u64) -> bool {
        let mut all = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = all.entry(model.to_owned()).or_default();
        while taken.front().is_some_and(|at| at + MINUTE_MS <= now_ms) {
            taken.pop_front();
        }
        if taken.len() >= most {
            return true;
        }
        taken.push_back(now_ms);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_later_there_is_place_again_and_each_model_has_its_own() {
        let pace = Pace::default();
        let over = |model, at| pace.is_over(model, 2, at);
        assert!(!over("a", 1_000) && !over("a", 2_000) && over("a", 3_000));
        assert!(!over("b", 3_000));
        assert!(over("a", 60_999) && !over("a", 61_000) && over("a", 61_001));
    }
}
