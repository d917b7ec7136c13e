//! What this process knows of known attributes: an exact, bounded copy of a part of the set, so that most sightings need not be looked up.
//!
//! It is filled with what a server has answered to a commit, and is of use for the same life of the same server only, which every connection
//! knows of its own (`pool`). A server that has forgotten something without a new life (`FLUSHALL`, a replica that followed another) is found out
//! by the script: where the topic was rebuilt since, which makes another edition of it, or where the largest number that a commit claims stands no more, nothing is written, and all that is known here is dropped.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use igentai_core::folder::TopicId;
use igentai_core::ids::{LogIndex, Run, Seq};
use igentai_core::key::Fingerprint;
use igentai_core::numbers::{Edition, Life, Numbers};

/// Attributes in one of the two generations: what a table of 2¹⁹ places takes before it grows. Both are some 22 MB.
const GENERATION: usize = 458_752;

#[derive(Debug)]
struct Inner {
    /// The life of the server that all of it is of.
    instance: String,
    numbers: Numbers,
    /// How far the log of each topic has come by what was committed from here, in whichever life of the server.
    reached: BTreeMap<TopicId, (Life, LogIndex)>,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Known(Mutex<Inner>);

impl Default for Known {
    fn default() -> Self {
        let (instance, numbers) = (String::new(), Numbers::new(GENERATION));
        Self(Mutex::new(Inner { instance, numbers, reached: BTreeMap::new() }))
    }
}

impl Known {
    /// The numbers of those that are known, and of which edition they are; `None` where nothing is known of the run.
    pub(super) fn look_up(
        &self,
        instance: &str,
        topic: &TopicId,
        run: Run,
        fingerprints: &[Fingerprint],
    ) -> Option<(Edition, Vec<Option<u32>>)> {
        let mut inner = self.lock();
        if inner.instance != instance {
            return None;
        }
        inner.numbers.look_up(topic, run, fingerprints)
    }

    /// Takes in what a server has answered.
    pub(super) fn learn(
        &self,
        instance: &str,
        topic: &TopicId,
        life: Life,
        attributes: impl IntoIterator<Item = (Fingerprint, Seq)>,
    ) {
        let mut inner = self.lock();
        if inner.instance != instance {
            inner.numbers.clear();
            instance.clone_into(&mut inner.instance);
        }
        inner.numbers.learn(topic, life, attributes);
    }

    /// Drops all attributes.
    pub(super) fn forget(&self) {
        self.lock().numbers.clear();
    }

    /// An entry was committed.
    pub(super) fn reach(&self, topic: &TopicId, life: Life, entry: LogIndex) {
        let mut inner = self.lock();
        let reached = inner.reached.entry(topic.clone()).or_insert((life, entry));
        *reached = if reached.0 == life { (life, entry.max(reached.1)) } else { (life, entry) };
    }

    /// So many entries are known to be in the log of the run, in which edition of it.
    pub(super) fn reached(&self, topic: &TopicId, run: Run) -> (Edition, LogIndex) {
        let reached = self.lock().reached.get(topic).copied();
        reached.filter(|(life, _)| life.0 == run).map_or((0, 0), |(life, entry)| (life.1, entry))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;

    fn print(number: u64) -> Fingerprint {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        Fingerprint::from_bytes(bytes)
    }

    fn topic() -> TopicId {
        TopicId::from_name("birds").unwrap()
    }

    fn look_up(known: &Known, instance: &str, run: Run, prints: &[Fingerprint]) -> Vec<Option<u32>> {
        known
            .look_up(instance, &topic(), run, prints)
            .map_or_else(|| vec![None; prints.len()], |(_, found)| found)
    }

    #[test]
    fn another_life_of_the_server_and_another_run_know_nothing_of_the_one_before() {
        let known = Known::default();
        known.learn("one", &topic(), (1, 0), [(print(1), 7)]);
        assert_eq!(look_up(&known, "one", 1, &[print(1), print(2)]), [Some(7), None]);
        assert_eq!(look_up(&known, "one", 2, &[print(1)]), [None]);
        assert_eq!(look_up(&known, "two", 1, &[print(1)]), [None]);
        known.learn("one", &topic(), (2, 0), [(print(2), 1)]);
        assert_eq!(look_up(&known, "one", 2, &[print(1), print(2)]), [None, Some(1)]);
        known.learn("two", &topic(), (2, 0), [(print(3), 3)]);
        assert_eq!(look_up(&known, "one", 2, &[print(2)]), [None]);
        known.learn("two", &topic(), (2, 1), [(print(4), 4)]);
        assert_eq!(
            known.look_up("two", &topic(), 2, &[print(3), print(4)]),
            Some((1, vec![None, Some(4)])),
            "a topic that was rebuilt"
        );
        known.forget();
        assert_eq!(look_up(&known, "two", 2, &[print(3)]), [None]);
    }

    #[test]
    fn how_far_a_log_has_come_outlives_the_servers_life_and_is_of_one_edition() {
        let known = Known::default();
        known.learn("one", &topic(), (1, 5), [(print(1), 7)]);
        known.reach(&topic(), (1, 5), 3);
        known.reach(&topic(), (1, 5), 2);
        known.learn("two", &topic(), (1, 5), [(print(1), 7)]);
        known.forget();
        assert_eq!((known.reached(&topic(), 1), known.reached(&topic(), 2)), ((5, 3), (0, 0)));
        known.reach(&topic(), (1, 6), 1);
        assert_eq!(known.reached(&topic(), 1), (6, 1));
    }
}
