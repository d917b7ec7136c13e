//! What this process knows of known attributes: an exact, bounded copy of a part of the set, so that most sightings need not be looked up.
//!
//! It is filled with what a server has answered to a commit, and is of use for the same life of the same server only, which every connection
//! knows of its own (`pool`). A server that has forgotten something without a new life (`FLUSHALL`, a replica that followed another) is found out
//! by the script: where the topic was rebuilt since, which makes another edition of it, or where the largest number that a commit claims stands no more, nothing is written, and all that is known here is dropped.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use igentai_core::folder::TopicId;
use igentai_core::ids::{LogIndex, Run, Seq};
use igentai_core::key::{Fingerprint, FingerprintMap};

/// Attributes in one of the two generations: what a table of 2¹⁹ places takes before it grows. Both are some 22 MB.
const GENERATION: usize = 458_752;

/// Which log of a topic's run it is: another one when it was replaced, or when the server was emptied.
pub(super) type Edition = u64;

type Numbers = FingerprintMap<u32>;

/// Attributes by topic. When the young generation is full it becomes the old one, and the old one is dropped but for what was asked for.
#[derive(Debug, Default)]
struct Generation {
    count: usize,
    topics: BTreeMap<TopicId, (Life, Numbers)>,
}

/// Within which the numbers of a topic mean the same.
type Life = (Run, Edition);

impl Generation {
    /// What is known of a topic in one life.
    fn of(&self, topic: &TopicId, life: Life) -> Option<&Numbers> {
        let (known, numbers) = self.topics.get(topic)?;
        (*known == life).then_some(numbers)
    }

    fn put(&mut self, topic: &TopicId, life: Life, fingerprint: Fingerprint, number: u32) {
        let Some((known, numbers)) = self.topics.get_mut(topic) else {
            self.topics.insert(topic.clone(), (life, Numbers::from_iter([(fingerprint, number)])));
            self.count += 1;
            return;
        };
        if *known != life {
            self.count -= numbers.len();
            (*known, *numbers) = (life, Numbers::default());
        }
        if numbers.insert(fingerprint, number).is_none() {
            self.count += 1;
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    /// The life of the server that all of it is of.
    instance: String,
    young: Generation,
    old: Generation,
    /// How far the log of each topic has come by what was committed from here, in whichever life of the server.
    reached: BTreeMap<TopicId, (Life, LogIndex)>,
}

impl Inner {
    fn forget(&mut self) {
        *self = Self { reached: std::mem::take(&mut self.reached), ..Self::default() };
    }

    /// The newest that is known of the topic.
    fn life(&self, topic: &TopicId) -> Option<Life> {
        let of = |generation: &Generation| generation.topics.get(topic).map(|(life, _)| *life);
        of(&self.young).max(of(&self.old))
    }

    fn put(&mut self, topic: &TopicId, life: Life, fingerprint: Fingerprint, number: u32) {
        if self.young.count >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.put(topic, life, fingerprint, number);
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Inner>);

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
        let life = inner.life(topic).filter(|life| life.0 == run)?;
        let (young, old) = (inner.young.of(topic, life), inner.old.of(topic, life));
        let get = |numbers: Option<&Numbers>, fingerprint| numbers?.get(fingerprint).copied();
        let mut found = Vec::with_capacity(fingerprints.len());
        let mut asked_for = Vec::new();
        for fingerprint in fingerprints {
            let mut number = get(young, fingerprint);
            if number.is_none() {
                number = get(old, fingerprint);
                asked_for.extend(number.map(|number| (*fingerprint, number)));
            }
            found.push(number);
        }
        for (fingerprint, number) in asked_for {
            inner.put(topic, life, fingerprint, number);
        }
        Some((life.1, found))
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
            inner.forget();
            instance.clone_into(&mut inner.instance);
        }
        for (fingerprint, number) in attributes {
            if let Ok(number) = u32::try_from(number) {
                inner.put(topic, life, fingerprint, number);
            }
        }
    }

    /// Drops all attributes.
    pub(super) fn forget(&self) {
        self.lock().forget();
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

    #[test]
    fn it_is_bounded_and_keeps_what_is_asked_for() {
        let (known, count) = (Known::default(), GENERATION as u64);
        for number in 0..5 * count / 2 {
            if number % 1_000 == 0 {
                assert_eq!(look_up(&known, "one", 1, &[print(0)]).len(), 1);
            }
            known.learn("one", &topic(), (1, 0), [(print(number), number)]);
        }
        let inner = known.lock();
        assert!(inner.young.count + inner.old.count <= 2 * GENERATION);
        drop(inner);
        assert_eq!(look_up(&known, "one", 1, &[print(0)]), [Some(0)]);
        assert_eq!(look_up(&known, "one", 1, &[print(1)]), [None]);
    }
}
