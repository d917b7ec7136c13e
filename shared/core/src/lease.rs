//! The coordinator's lease, as those see it who watch it.
//!
//! There is no clock in the record: it is nobody's when it was seen to stand still for its time to live by the watcher's own monotonic clock.
//! A read takes time, and what it shows may have been written at any moment of it. So a standstill is counted from the *answer* that showed a
//! state first to the *question* whose answer shows it still, and never comes out longer than it was: however slow the store is to a
//! watcher, it takes no lease from a holder who renews it in time.

use std::time::Duration;

use crate::ids::{Epoch, WorkerId};
use crate::seeded::{Bug, is_on};
use crate::time::Now;

/// The coordinator's lease. No jump of any wall clock frees or extends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaseRecord {
    /// Who holds it; `None` when it was released or never taken.
    pub holder: Option<WorkerId>,
    /// Grows with every change of holder.
    pub epoch: Epoch,
    /// Grows with every renewal.
    pub beat: u64,
}

/// What one process has seen of the lease.
#[derive(Clone, Debug, Default)]
pub struct LeaseWatch {
    /// The last state seen, and when the first answer that showed it was there.
    seen: Option<(LeaseRecord, Now)>,
}

/// What a look at the lease showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Nothing was known of it before.
    First,
    /// It is another state than the last one seen.
    Moved,
    /// It stands where it stood.
    Still {
        /// When it was first seen there.
        since: Now,
        /// It has stood there for at least so long.
        at_least: Duration,
    },
}

impl Sight {
    /// How long the lease is known to have stood still.
    #[must_use]
    pub const fn standstill(self) -> Duration {
        match self {
            Self::First | Self::Moved => Duration::ZERO,
            Self::Still { at_least, .. } => at_least,
        }
    }
}

impl LeaseWatch {
    /// Takes in what a read showed that was asked for at `asked` and answered at `answered`.
    pub fn look(&mut self, lease: &LeaseRecord, asked: Now, answered: Now) -> Sight {
        let sight = match &self.seen {
            Some((known, since)) if known == lease => {
                let at_least = asked.monotonic.since(since.monotonic);
                let early = if is_on(Bug::LeaseTakenEarly) { 3 } else { 1 };
                return Sight::Still { since: *since, at_least: at_least * early };
            }
            Some(_) => Sight::Moved,
            None => Sight::First,
        };
        self.seen = Some((lease.clone(), answered));
        sight
    }

    /// Begins anew: what was seen before counts for nothing.
    pub fn forget(&mut self) {
        self.seen = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::time::{Monotonic, UnixMillis};

    fn at(ms: u64) -> Now {
        Now { monotonic: Monotonic(ms), unix: UnixMillis(1_000_000 + ms) }
    }

    fn lease(beat: u64) -> LeaseRecord {
        LeaseRecord { holder: Some(WorkerId::of_role("o", 1)), epoch: 1, beat }
    }

    #[test]
    fn a_standstill_is_counted_from_an_answer_to_a_question() {
        let mut watch = LeaseWatch::default();
        assert_eq!(watch.look(&lease(1), at(0), at(100)), Sight::First);
        let still = watch.look(&lease(1), at(500), at(900));
        assert_eq!(still, Sight::Still { since: at(100), at_least: Duration::from_millis(400) });
        assert_eq!(watch.look(&lease(2), at(1_000), at(1_000)), Sight::Moved);
        assert_eq!(watch.look(&lease(2), at(3_000), at(3_000)).standstill(), Duration::from_secs(2));
        watch.forget();
        assert_eq!(watch.look(&lease(2), at(9_000), at(9_000)), Sight::First);
    }

    /// A read of ten seconds may show what was written in its last moment.
    #[test]
    fn a_slow_read_makes_no_fresh_beat_look_old() {
        let mut watch = LeaseWatch::default();
        assert_eq!(watch.look(&lease(7), at(0), at(10_000)).standstill(), Duration::ZERO);
        assert_eq!(watch.look(&lease(7), at(10_100), at(10_100)).standstill(), Duration::from_millis(100));
        // Nor does one that was asked before the first answer was there.
        assert_eq!(watch.look(&lease(7), at(9_000), at(20_000)).standstill(), Duration::ZERO);
    }

    proptest! {
        /// Whenever the holder renews, and however long reads take.
        #[test]
        fn no_standstill_comes_out_longer_than_it_was(
            renewals in vec(1..4_000_u64, 1..40),
            looks in vec((0..2_000_u64, 0..12_000_u64, 0..12_000_u64), 1..20),
        ) {
            let beats: Vec<u64> = renewals.iter().scan(0, |at, pause| { *at += pause; Some(*at) }).collect();
            let mut watch = LeaseWatch::default();
            let mut now = 0;
            for (pause, before, after) in looks {
                let asked = now + pause;
                let read = asked + before;
                now = read + after;
                let beat = beats.iter().filter(|at| **at <= read).count();
                let moved = beat.checked_sub(1).map_or(0, |last| beats[last]);
                let seen = watch.look(&lease(beat as u64), at(asked), at(now)).standstill();
                prop_assert!(seen <= Duration::from_millis(read - moved), "{seen:?} at {read}, moved at {moved}");
            }
        }
    }
}
