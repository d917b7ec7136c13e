//! Acknowledgements that are owed: gathered for a moment, so that the broker, to which each is a record that it keeps, gets few. Who dies before has the
//! messages again, and the store absorbs them.

use std::time::Duration;

use igentai_core::time::Monotonic;
use igentai_shared::bus::DeliveryTag;

/// How long one may be owed.
const INTERVAL: Duration = Duration::from_millis(20);

/// As many do not wait for more.
const MOST: usize = 64;

/// Messages that are done with.
#[derive(Debug, Default)]
pub(super) struct Owed {
    tags: Vec<DeliveryTag>,
    due: Option<Monotonic>,
}

impl Owed {
    pub(super) fn take(&mut self, tags: impl IntoIterator<Item = DeliveryTag>, now: Monotonic) {
        self.tags.extend(tags);
        if self.tags.len() >= MOST {
            self.due = Some(now);
        } else if !self.tags.is_empty() {
            self.due.get_or_insert(now + INTERVAL);
        }
    }

    /// When they are to be made.
    pub(super) const fn due(&self) -> Option<Monotonic> {
        self.due
    }

    /// Those that are to be made now.
    pub(super) fn drain(&mut self) -> Vec<DeliveryTag> {
        self.due = None;
        std::mem::take(&mut self.tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(tag: u64) -> DeliveryTag {
        DeliveryTag { connection: 1, tag }
    }

    #[test]
    fn few_wait_for_others_and_many_do_not() {
        let mut owed = Owed::default();
        owed.take([], Monotonic(0));
        assert_eq!(owed.due(), None);
        owed.take([tag(1)], Monotonic(5));
        owed.take([tag(2)], Monotonic(10));
        assert_eq!(owed.due(), Some(Monotonic(25)));
        assert_eq!(owed.drain(), [tag(1), tag(2)]);
        assert_eq!(owed.due(), None);
        owed.take((1..=64).map(tag), Monotonic(30));
        assert_eq!(owed.due(), Some(Monotonic(30)));
        assert_eq!(owed.drain().len(), MOST);
    }
}
