//! How near a run is to its cap on items, as far as receipts tell one producer.

use std::time::Duration;

use crate::batch::Committed;
use crate::ids::Seq;
use crate::time::Monotonic;

/// How long a run is taken for full whose cap a receipt has met. By then it has ended, or the cap was raised meanwhile.
const FULL_FOR: Duration = Duration::from_secs(5);

/// What receipts have told.
#[derive(Debug, Default)]
pub(super) struct Filling {
    /// The highest number of an attribute.
    highest: Seq,
    /// When there were items beyond the cap.
    full_since: Option<Monotonic>,
}

impl Filling {
    /// A batch was committed.
    pub(super) fn committed(&mut self, committed: &Committed, now: Monotonic) {
        if committed.new > 0 {
            self.highest = self.highest.max(committed.first_new + u64::from(committed.new) - 1);
        }
        if committed.over_cap > 0 {
            self.full_since = Some(now);
        }
    }

    /// Another cap holds from now on.
    pub(super) const fn cap_changed(&mut self) {
        self.full_since = None;
    }

    /// Time passes.
    pub(super) fn pass(&mut self, now: Monotonic) {
        self.full_since = self.full_since.filter(|since| now.since(*since) < FULL_FOR);
    }

    /// Whether the cap is met, or is when all of what is on its way is new.
    pub(super) fn may_reach(&self, cap: u64, on_its_way: usize) -> bool {
        let on_its_way = u64::try_from(on_its_way).unwrap_or(u64::MAX);
        self.full_since.is_some() || self.highest.saturating_add(on_its_way) >= cap
    }
}
