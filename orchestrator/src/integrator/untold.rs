//! What is committed and not told of yet. Few batches are told of together and not at every moment: each time costs the broker messages of its own, and
//! who waits for them is a model's answer ahead. What is told late was committed in time.

use std::time::Duration;

use igentai_core::time::Monotonic;
use igentai_shared::store::CommitOutcome;

use super::GROUP_BATCHES;
use super::group::Committed;
use super::work::Work;

/// From one time to the next, where few wait.
const INTERVAL: Duration = Duration::from_millis(10);

/// Batches that are not few: as a whole group has.
const MANY: usize = GROUP_BATCHES;

/// With as many, no more are committed before they are being told of.
const MOST: usize = 3 * GROUP_BATCHES;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Untold {
    committed: Committed,
    batches: usize,
    not_before: Monotonic,
}

impl Untold {
    pub(super) fn push(&mut self, works: Vec<Work>, outcomes: Vec<CommitOutcome>) {
        self.batches += outcomes.len();
        self.committed.push(works, outcomes);
    }

    /// When they are to be told of.
    pub(super) const fn due(&self) -> Option<Monotonic> {
        match self.batches {
            0 => None,
            MANY.. => Some(Monotonic(0)),
            _ => Some(self.not_before),
        }
    }

    pub(super) const fn is_full(&self) -> bool {
        self.batches >= MOST
    }

    /// Those that are to be told of now, if it is time.
    pub(super) fn take_due(&mut self, now: Monotonic) -> Option<Committed> {
        self.due().filter(|due| *due <= now)?;
        self.batches = 0;
        self.not_before = now + INTERVAL;
        Some(std::mem::take(&mut self.committed))
    }

    /// It is time now, whatever was told before.
    pub(super) const fn hurry(&mut self) {
        self.not_before = Monotonic(0);
    }
}

#[cfg(test)]
mod tests {
    use igentai_core::batch::Verdict;

    use super::*;

    fn outcomes(batches: usize) -> Vec<CommitOutcome> {
        vec![CommitOutcome::earlier(Verdict::Settled); batches]
    }

    fn of_batches(batches: usize, not_before: Monotonic) -> Untold {
        let mut untold = Untold { not_before, ..Untold::default() };
        untold.push(Vec::new(), outcomes(batches));
        untold
    }

    #[test]
    fn the_first_is_told_of_at_once_and_the_next_after_a_while() {
        let mut untold = Untold::default();
        assert!(untold.take_due(Monotonic(1_000)).is_none());
        untold.push(Vec::new(), outcomes(1));
        assert!(untold.take_due(Monotonic(1_000)).is_some());
        assert_eq!(untold.due(), None);
        untold.push(Vec::new(), outcomes(1));
        assert!(untold.take_due(Monotonic(1_009)).is_none());
        assert_eq!(untold.due(), Some(Monotonic(1_010)));
        assert!(untold.take_due(Monotonic(1_010)).is_some());
    }

    #[test]
    fn many_do_not_wait_nor_does_who_leaves() {
        let far = Monotonic(1_000_000);
        assert!(of_batches(MANY - 1, far).take_due(Monotonic(1)).is_none());
        assert!(of_batches(MANY, far).take_due(Monotonic(1)).is_some());
        let mut many = of_batches(MOST - 1, far);
        assert!(!many.is_full());
        many.push(Vec::new(), outcomes(1));
        assert!(many.is_full());
        assert!(many.take_due(Monotonic(1)).is_some());
        assert!(!many.is_full());
        let mut leaving = of_batches(1, far);
        leaving.hurry();
        assert!(leaving.take_due(Monotonic(1)).is_some());
    }
}
