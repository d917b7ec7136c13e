//! Messages that the store refuses for what stands in it, not for what they say: they are held and tried again, and their neighbours go on.

use std::collections::BTreeMap;
use std::time::Duration;

use igentai_core::time::Monotonic;
use igentai_shared::bus::DeliveryTag;

use super::work::Work;

/// Messages held at most: half of what may be unacknowledged, so that the other half goes on.
pub(super) const PARKED: usize = super::PREFETCH as usize / 2;

/// Between two tries of the same message.
const PAUSE: Duration = Duration::from_secs(10);

/// A message is given up after so many tries: ten minutes.
const TRIES: u32 = 60;

struct Held {
    work: Work,
    tries: u32,
    due: Monotonic,
}

/// What becomes of a message that was to be parked: it is held, unless it is given up.
#[derive(Debug)]
pub(super) struct Parking {
    /// It was tried that often, or there is no room: it has to go.
    pub(super) given_up: Option<(Work, u32)>,
    /// A copy of it that was held before and is good for nothing now.
    pub(super) superfluous: Option<DeliveryTag>,
}

/// The messages that wait for the store to be mended.
#[derive(Default)]
pub(super) struct Parked {
    held: BTreeMap<String, Held>,
}

impl Parked {
    /// Holds a message that was refused, after `tries` earlier ones.
    pub(super) fn park(&mut self, work: Work, tries: u32, now: Monotonic) -> Parking {
        let name = work.name();
        let copy = self.held.remove(&name);
        let tries = copy.as_ref().map_or(0, |copy| copy.tries).max(tries) + 1;
        let superfluous = copy.map(|copy| copy.work.delivery.tag);
        let given_up = if tries >= TRIES || self.held.len() >= PARKED {
            Some((work, tries))
        } else {
            self.held.insert(name, Held { work, tries, due: now + PAUSE });
            None
        };
        Parking { given_up, superfluous }
    }

    /// When the next one is to be tried again.
    pub(super) fn next_deadline(&self) -> Option<Monotonic> {
        self.held.values().map(|held| held.due).min()
    }

    /// One that is to be tried again, and how often it was tried.
    pub(super) fn take_due(&mut self, now: Monotonic) -> Option<(Work, u32)> {
        let name = self.held.iter().find(|(_, held)| held.due <= now).map(|(name, _)| name.clone())?;
        self.held.remove(&name).map(|held| (held.work, held.tries))
    }

    /// Lets go of all; the broker has them still.
    pub(super) fn clear(&mut self) -> Vec<DeliveryTag> {
        std::mem::take(&mut self.held).into_values().map(|held| held.work.delivery.tag).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::Bytes;
    use igentai_shared::bus::Delivery;

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

    #[test]
    fn no_more_are_held_than_leave_room_for_others() {
        let mut parked = Parked::default();
        for number in 0..PARKED as u64 {
            let parking = parked.park(work(&number.to_string(), number), 0, Monotonic(0));
            assert!(parking.given_up.is_none() && parking.superfluous.is_none());
        }
        let one_more = parked.park(work("one more", 1_000), 0, Monotonic(0));
        assert_eq!(
            one_more.given_up.map(|(work, tries)| (work.name(), tries)),
            Some(("one more".to_owned(), 1))
        );
        // A copy takes its original's place.
        let copy = parked.park(work("7", 2_000), 0, Monotonic(0));
        assert_eq!(copy.superfluous.map(|tag| tag.tag), Some(7));
        assert!(copy.given_up.is_none());
        assert_eq!(parked.clear().len(), PARKED);
        assert_eq!(parked.next_deadline(), None);
    }

    #[test]
    fn a_message_is_tried_now_and_then_and_given_up_in_the_end() {
        let (mut parked, mut now, mut tries) = (Parked::default(), Monotonic(0), 0);
        loop {
            let parking = parked.park(work("a", 1), tries, now);
            if let Some((_, tries)) = parking.given_up {
                assert_eq!((tries, now.since(Monotonic(0))), (TRIES, PAUSE * (TRIES - 1)));
                assert!(parked.clear().is_empty());
                return;
            }
            assert!(parked.take_due(now).is_none());
            now = parked.next_deadline().unwrap_or_default();
            tries = parked.take_due(now).map_or(0, |(_, tries)| tries);
        }
    }
}
