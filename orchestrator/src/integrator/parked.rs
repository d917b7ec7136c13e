//! Messages that the store refuses for what stands in it, not for what they say: they are held and tried again, and their neighbours go on.

use std::collections::BTreeMap;
use std::time::Duration;

use igentai_core::time::Monotonic;
use igentai_shared::bus::{Delivery, DeliveryTag};

use super::round::goes_round;
use super::work::{Work, name_of};

/// Messages held at most: a part of what may be unacknowledged, so that the rest goes on.
pub(super) const PARKED: usize = 64;

/// Between two tries of the same message.
const PAUSE: Duration = Duration::from_secs(10);

/// A message is given up when the store has refused it for so long.
const PATIENCE: Duration = Duration::from_mins(10);

/// A message that went round comes by again in this time, if it is still there.
const ROUND_TRIP: Duration = Duration::from_mins(1);

/// Messages that are remembered at most; beyond, others are forgotten and their time begins anew.
const REMEMBERED: usize = 10_000;

struct Held {
    work: Work,
    due: Monotonic,
}

/// What becomes of a message that the store has refused.
#[derive(Debug)]
pub(super) enum Fate {
    /// It is held here.
    Held,
    /// There is no room: it is to go round the queue.
    GoesRound(Work),
    /// It has had its time.
    GivenUp(Work),
}

/// A message that was to be parked.
#[derive(Debug)]
pub(super) struct Parking {
    /// What becomes of it.
    pub(super) fate: Fate,
    /// A copy of it that was held before and is good for nothing now.
    pub(super) superfluous: Option<DeliveryTag>,
}

/// The messages that wait for the store to be mended.
#[derive(Default)]
pub(super) struct Parked {
    held: BTreeMap<String, Held>,
    /// Since when each is refused, held or not.
    since: BTreeMap<String, Monotonic>,
    /// When each that goes round was sent there last.
    rounds: BTreeMap<String, Monotonic>,
}

impl Parked {
    /// Holds a message that was refused, as long as there is room, and time left.
    pub(super) fn park(&mut self, work: Work, now: Monotonic) -> Parking {
        let name = work.name();
        let copy = self.held.remove(&name);
        let (superfluous, due) =
            (copy.as_ref().map(|copy| copy.work.delivery.tag), copy.map(|copy| copy.due));
        let since = self.since.get(&name).copied().unwrap_or(now);
        let fate = if now.since(since) >= PATIENCE {
            self.forget(&work);
            Fate::GivenUp(work)
        } else if self.held.len() >= PARKED {
            self.remember(name, since);
            Fate::GoesRound(work)
        } else {
            self.rounds.remove(&name);
            self.remember(name.clone(), since);
            // A copy is tried when its original would have been.
            self.held.insert(name, Held { work, due: due.unwrap_or(now + PAUSE) });
            Fate::Held
        };
        Parking { fate, superfluous }
    }

    fn remember(&mut self, name: String, since: Monotonic) {
        if self.since.len() >= REMEMBERED && !self.since.contains_key(&name) {
            let other = self.since.keys().find(|other| !self.held.contains_key(*other)).cloned();
            if let Some(other) = other {
                self.since.remove(&other);
                self.rounds.remove(&other);
            }
        }
        self.since.insert(name, since);
    }

    /// The broker has confirmed that the message is at the end of its queue again.
    pub(super) fn went_round(&mut self, delivery: &Delivery, now: Monotonic) {
        let name = name_of(delivery);
        if self.since.contains_key(&name) {
            self.rounds.insert(name, now);
        }
    }

    /// Whether the message was published again by its producer while another copy of it goes round: one of them is enough.
    pub(super) fn is_copy(&self, work: &Work, now: Monotonic) -> bool {
        let round = self.rounds.get(&work.name());
        !goes_round(&work.delivery) && round.is_some_and(|at| now.since(*at) < ROUND_TRIP)
    }

    /// The message is dealt with.
    pub(super) fn forget(&mut self, work: &Work) {
        if !self.since.is_empty() {
            let name = work.name();
            self.since.remove(&name);
            self.rounds.remove(&name);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// When the next one is to be tried again.
    pub(super) fn next_deadline(&self) -> Option<Monotonic> {
        self.held.values().map(|held| held.due).min()
    }

    /// One that is to be tried again.
    pub(super) fn take_due(&mut self, now: Monotonic) -> Option<Work> {
        let name = self.held.iter().find(|(_, held)| held.due <= now).map(|(name, _)| name.clone())?;
        self.held.remove(&name).map(|held| held.work)
    }

    /// Lets go of all that are held; the broker has them still.
    pub(super) fn clear(&mut self) -> Vec<DeliveryTag> {
        std::mem::take(&mut self.held).into_values().map(|held| held.work.delivery.tag).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::Bytes;
    use igentai_shared::bus::Delivery;

    use super::super::round::marked;
    use super::*;

    fn work(id: &str, tag: u64) -> Work {
        let delivery = Delivery {
            tag: DeliveryTag { connection: 1, tag },
            redelivered: false,
            exchange: String::new(),
            routing_key: String::new(),
            content_type: String::new(),
            message_id: id.to_owned(),
            headers: BTreeMap::new(),
            payload: Bytes::new(),
        };
        Work { delivery, commits: Vec::new() }
    }

    const TEN_MINUTES: u64 = 600_000;

    /// No room is left.
    fn full() -> Parked {
        let mut parked = Parked::default();
        for number in 0..PARKED as u64 {
            let parking = parked.park(work(&number.to_string(), number), Monotonic(0));
            assert!(matches!(parking.fate, Fate::Held) && parking.superfluous.is_none());
        }
        parked
    }

    #[test]
    fn no_more_are_held_than_leave_room_for_others() {
        let mut parked = full();
        let one_more = parked.park(work("one more", 1_000), Monotonic(0));
        assert!(matches!(one_more.fate, Fate::GoesRound(_)), "{one_more:?}");
        // A copy takes its original's place.
        let copy = parked.park(work("7", 2_000), Monotonic(0));
        assert_eq!(copy.superfluous.map(|tag| tag.tag), Some(7));
        assert!(matches!(copy.fate, Fate::Held), "{copy:?}");
        assert_eq!(parked.clear().len(), PARKED);
        assert_eq!(parked.next_deadline(), None);
    }

    #[test]
    fn a_message_is_tried_now_and_then_and_given_up_when_its_time_is_over_however_often_it_is_published() {
        let (mut parked, mut now) = (Parked::default(), Monotonic(0));
        while matches!(parked.park(work("a", 1), now).fate, Fate::Held) {
            assert!(parked.take_due(now).is_none());
            for tag in 2..10 {
                assert!(matches!(parked.park(work("a", tag), now).fate, Fate::Held), "a copy is no try");
            }
            now = parked.next_deadline().unwrap_or_default();
            assert!(parked.take_due(now).is_some());
        }
        assert_eq!(now, Monotonic(TEN_MINUTES));
        assert!(parked.clear().is_empty() && parked.since.is_empty());
    }

    #[test]
    fn a_message_for_which_there_is_no_room_has_the_same_time_as_those_that_are_held() {
        let mut parked = full();
        let round = |parked: &mut Parked, now| parked.park(work("round", 1_000), Monotonic(now)).fate;
        for now in (0..TEN_MINUTES).step_by(200) {
            assert!(matches!(round(&mut parked, now), Fate::GoesRound(_)), "at {now}");
        }
        assert!(matches!(round(&mut parked, TEN_MINUTES), Fate::GivenUp(_)));
        // Where there is room again, it is held for the rest of its time.
        assert!(matches!(round(&mut parked, TEN_MINUTES + 1), Fate::GoesRound(_)), "it is another one");
        assert!(parked.take_due(Monotonic(TEN_MINUTES)).is_some());
        assert!(matches!(round(&mut parked, 2 * TEN_MINUTES), Fate::Held));
        assert!(matches!(round(&mut parked, 2 * TEN_MINUTES + 1), Fate::GivenUp(_)));
    }

    #[test]
    fn what_its_producer_publishes_again_while_it_goes_round_is_a_copy_and_nothing_else_is() {
        let mut parked = full();
        let original = work("round", 1_000);
        let at = |second: u64| Monotonic(1_000 * second);
        assert!(matches!(parked.park(work("round", 1_000), at(0)).fate, Fate::GoesRound(_)));
        assert!(!parked.is_copy(&original, at(0)), "nobody has confirmed that it went round");
        parked.went_round(&original.delivery, at(0));
        assert!(parked.is_copy(&original, at(59)));
        assert!(!parked.is_copy(&original, at(60)), "it should have come by again");
        let Work { delivery, commits } = work("round", 1_001);
        let round = Work { delivery: marked(delivery), commits };
        assert!(!parked.is_copy(&round, at(1)), "this one goes round");
        parked.forget(&round);
        assert!(!parked.is_copy(&original, at(1)));
        // One that was held, and that the broker delivers again after its connection was lost, is no copy of anything.
        parked.clear();
        assert!(!parked.is_copy(&work("7", 3_000), at(1)));
    }
}
