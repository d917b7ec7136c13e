//! What a leader remembers of the way that its filter came: enough to compare a replica that is a little behind, and to say how far behind.

use std::collections::VecDeque;
use std::time::Duration;

use crate::ids::LogIndex;
use crate::time::Monotonic;

/// Entries back for which the digest is remembered.
const DIGESTS: usize = 4_096;

/// Moments that are remembered.
const MOMENTS: usize = 1_024;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    /// The entry after the last one for which there is a digest.
    next: LogIndex,
    digests: VecDeque<u64>,
    /// When the log was known to have come how far.
    moments: VecDeque<(Monotonic, LogIndex)>,
}

impl Trail {
    /// The filter's digest after the entry `index`, of which it was learned at `now`.
    pub(super) fn note(&mut self, index: LogIndex, digest: u64, now: Monotonic) {
        if index != self.next {
            self.digests.clear();
        }
        self.next = index + 1;
        self.digests.push_back(digest);
        if self.digests.len() > DIGESTS {
            self.digests.pop_front();
        }
        match self.moments.back_mut() {
            Some((at, last)) if *at == now => *last = index,
            Some(_) | None => self.moments.push_back((now, index)),
        }
        if self.moments.len() > MOMENTS {
            self.moments.pop_front();
        }
    }

    /// The digests so far are those of other bits.
    pub(super) fn forget_digests(&mut self) {
        self.digests.clear();
    }

    /// The digest after that entry, if it is remembered.
    #[must_use]
    pub fn digest_at(&self, index: LogIndex) -> Option<u64> {
        let back = self.next.checked_sub(index)?;
        let place = self.digests.len().checked_sub(usize::try_from(back).ok()?)?;
        self.digests.get(place).copied()
    }

    /// For how long there has been more in the log than up to that entry; as far back as is remembered.
    #[must_use]
    pub fn behind(&self, complete_to: LogIndex, now: Monotonic) -> Duration {
        let first_missed = self.moments.iter().find(|(_, index)| *index > complete_to);
        first_missed.map_or(Duration::ZERO, |(at, _)| now.since(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_digests_are_remembered_and_how_long_ago_more_was_there() {
        let mut trail = Trail::default();
        assert_eq!((trail.digest_at(0), trail.digest_at(1)), (None, None));
        for index in 1..=5_000 {
            trail.note(index, index * 10, Monotonic(index / 100 * 100));
        }
        assert_eq!(trail.digest_at(5_000), Some(50_000));
        assert_eq!(trail.digest_at(905), Some(9_050));
        assert_eq!((trail.digest_at(904), trail.digest_at(5_001)), (None, None));
        assert_eq!(trail.behind(5_000, Monotonic(9_000)), Duration::ZERO);
        assert_eq!(trail.behind(4_998, Monotonic(9_000)), Duration::from_millis(4_100));
        trail.forget_digests();
        trail.note(5_001, 1, Monotonic(9_000));
        assert_eq!((trail.digest_at(5_001), trail.digest_at(5_000)), (Some(1), None));
    }

    #[test]
    fn a_trail_that_begins_somewhere_knows_nothing_from_before() {
        let mut trail = Trail::default();
        trail.note(100, 7, Monotonic(1));
        assert_eq!((trail.digest_at(100), trail.digest_at(99)), (Some(7), None));
    }
}
