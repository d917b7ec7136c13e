//! What one process knows of a registry's attributes: their numbers, an exact and bounded copy of a part of the set.

use std::collections::BTreeMap;

use crate::folder::TopicId;
use crate::ids::{Run, Seq};
use crate::key::{Fingerprint, FingerprintMap};

/// Which log of a topic's run it is: another one when it was replaced, or when the store was emptied. 0 where that is not known.
pub type Edition = u64;

/// Within which the numbers of a topic mean the same.
pub type Life = (Run, Edition);

/// Attributes by topic.
#[derive(Debug, Default)]
struct Generation {
    count: usize,
    topics: BTreeMap<TopicId, (Life, FingerprintMap<u32>)>,
}

impl Generation {
    /// What is known of a topic in one life.
    fn of(&self, topic: &TopicId, life: Life) -> Option<&FingerprintMap<u32>> {
        let (known, numbers) = self.topics.get(topic)?;
        (*known == life).then_some(numbers)
    }

    fn put(&mut self, topic: &TopicId, life: Life, fingerprint: Fingerprint, number: u32) {
        let Some((known, numbers)) = self.topics.get_mut(topic) else {
            self.topics.insert(topic.clone(), (life, FingerprintMap::from_iter([(fingerprint, number)])));
            self.count += 1;
            return;
        };
        if *known != life {
            self.count -= numbers.len();
            (*known, *numbers) = (life, FingerprintMap::default());
        }
        if numbers.insert(fingerprint, number).is_none() {
            self.count += 1;
        }
    }

    fn forget(&mut self, topic: &TopicId) {
        if let Some((_, numbers)) = self.topics.remove(topic) {
            self.count -= numbers.len();
        }
    }
}

/// Numbers of attributes of any topics, in two generations: when the young one is full it becomes the old one, and the old one is dropped but for what was
/// asked for meanwhile.
#[derive(Debug)]
pub struct Numbers {
    size: usize,
    young: Generation,
    old: Generation,
}

impl Numbers {
    /// For at most `size` attributes in each of the two generations, some 24 bytes each.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self { size, young: Generation::default(), old: Generation::default() }
    }

    /// The numbers of those that are known, and of which edition they are; `None` where nothing is known of the run.
    pub fn look_up(
        &mut self,
        topic: &TopicId,
        run: Run,
        fingerprints: &[Fingerprint],
    ) -> Option<(Edition, Vec<Option<u32>>)> {
        let life = self.life(topic).filter(|life| life.0 == run)?;
        let (young, old) = (self.young.of(topic, life), self.old.of(topic, life));
        let get = |numbers: Option<&FingerprintMap<u32>>, fingerprint| numbers?.get(fingerprint).copied();
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
            self.put(topic, life, fingerprint, number);
        }
        Some((life.1, found))
    }

    /// Takes in what the registry has told. Numbers beyond 2³² are not kept.
    pub fn learn(
        &mut self,
        topic: &TopicId,
        life: Life,
        attributes: impl IntoIterator<Item = (Fingerprint, Seq)>,
    ) {
        for (fingerprint, number) in attributes {
            if let Ok(number) = u32::try_from(number) {
                self.put(topic, life, fingerprint, number);
            }
        }
    }

    /// Drops what is known of a topic.
    pub fn forget(&mut self, topic: &TopicId) {
        self.young.forget(topic);
        self.old.forget(topic);
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        *self = Self::new(self.size);
    }

    /// Number of attributes held.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.young.count + self.old.count
    }

    /// Whether nothing is held.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The newest that is known of the topic.
    fn life(&self, topic: &TopicId) -> Option<Life> {
        let of = |generation: &Generation| generation.topics.get(topic).map(|(life, _)| *life);
        of(&self.young).max(of(&self.old))
    }

    fn put(&mut self, topic: &TopicId, life: Life, fingerprint: Fingerprint, number: u32) {
        if self.young.count >= self.size {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.put(topic, life, fingerprint, number);
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

    fn topic(name: &str) -> TopicId {
        TopicId::from_name(name).unwrap()
    }

    #[test]
    fn another_run_and_another_edition_know_nothing_of_the_one_before() {
        let (mut numbers, birds) = (Numbers::new(10), topic("birds"));
        numbers.learn(&birds, (1, 5), [(print(1), 7)]);
        assert_eq!(numbers.look_up(&birds, 1, &[print(1), print(2)]), Some((5, vec![Some(7), None])));
        assert_eq!(numbers.look_up(&birds, 2, &[print(1)]), None);
        assert_eq!(numbers.look_up(&topic("fish"), 1, &[print(1)]), None);
        numbers.learn(&birds, (1, 6), [(print(4), 4)]);
        assert_eq!(
            numbers.look_up(&birds, 1, &[print(1), print(4)]),
            Some((6, vec![None, Some(4)])),
            "a topic that was rebuilt"
        );
        numbers.learn(&birds, (2, 8), [(print(2), 1)]);
        assert_eq!(numbers.look_up(&birds, 2, &[print(4), print(2)]), Some((8, vec![None, Some(1)])));
        numbers.forget(&birds);
        assert_eq!((numbers.look_up(&birds, 2, &[print(2)]), numbers.is_empty()), (None, true));
    }

    #[test]
    fn they_are_bounded_and_keep_what_is_asked_for() {
        let (mut numbers, birds, size) = (Numbers::new(1_000), topic("birds"), 1_000);
        for number in 0..5 * size / 2 {
            if number % 100 == 0 {
                numbers.look_up(&birds, 1, &[print(0)]);
            }
            numbers.learn(&birds, (1, 0), [(print(number), number)]);
            assert!(numbers.len() <= 2_000);
        }
        let found = numbers.look_up(&birds, 1, &[print(0), print(1)]);
        assert_eq!(found, Some((0, vec![Some(0), None])));
    }
}
