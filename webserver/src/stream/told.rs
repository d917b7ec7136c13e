//! How far a reader has been told of every topic, and how its cursor says so.

use std::collections::BTreeMap;

use igentai_core::folder::TopicId;

use super::cursor::seal::Seals;
use super::cursor::{Position, encode};

/// As many topics at rest are named in a cursor all the same: it is not longer by that, and says more.
const NAMED: usize = 16;

/// Positions by topic. Those of topics at rest, which go on rarely, are sealed together in the cursor, so that its length does not grow with every topic
/// that ever was. Which topics those are is a matter of its length only: what it says is right either way.
#[derive(Debug, Default)]
pub(super) struct Told {
    awake: BTreeMap<TopicId, Position>,
    resting: BTreeMap<TopicId, Position>,
    seals: Seals,
}

impl Told {
    /// Where the reader is; at the beginning of everything in a topic that it never heard of.
    pub(super) fn position(&self, topic: &TopicId) -> Position {
        self.awake.get(topic).or_else(|| self.resting.get(topic)).copied().unwrap_or_default()
    }

    pub(super) fn move_to(&mut self, topic: &TopicId, position: Position) {
        if let Some(resting) = self.resting.get_mut(topic) {
            self.seals.remove(topic, *resting);
            self.seals.add(topic, position);
            *resting = position;
        } else {
            self.awake.insert(topic.clone(), position);
        }
    }

    /// The topic has ended, and was read to its end.
    pub(super) fn rest(&mut self, topic: &TopicId) {
        if !self.resting.contains_key(topic) {
            let position = self.awake.remove(topic).unwrap_or_default();
            self.seals.add(topic, position);
            self.resting.insert(topic.clone(), position);
        }
    }

    /// The topic is there, and may go on.
    pub(super) fn wake(&mut self, topic: &TopicId) {
        let position = self.resting.remove(topic);
        if let Some(position) = position {
            self.seals.remove(topic, position);
        }
        self.awake.entry(topic.clone()).or_insert(position.unwrap_or_default());
    }

    /// The cursor of a stream of one topic, or of all.
    pub(super) fn cursor(&self, narrowed: bool) -> String {
        if narrowed || self.resting.len() <= NAMED {
            encode(narrowed, self.awake.iter().chain(&self.resting), &Seals::default())
        } else {
            encode(narrowed, &self.awake, &self.seals)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::stream::cursor::Cursor;

    #[test]
    fn a_cursor_says_of_every_topic_where_the_reader_is_whether_it_rests_or_not() {
        let topics: Vec<TopicId> =
            (0..60).map(|number| TopicId::from_name(&format!("topic {number}")).unwrap()).collect();
        let mut dice = StdRng::seed_from_u64(1);
        let mut told = Told::default();
        for step in 0..3_000 {
            let topic = &topics[dice.random_range(0..topics.len())];
            match dice.random_range(0..4) {
                0 => told.wake(topic),
                1 | 2 => told.rest(topic),
                _ => told.move_to(topic, Position { run: dice.random_range(1..4), seq: step }),
            }
            let cursor = Cursor::decode(&told.cursor(false)).unwrap();
            let sealed = topics.iter().filter(|topic| cursor.position(topic).is_none());
            let mut buckets = BTreeMap::<_, Vec<_>>::new();
            for topic in sealed {
                if let Some(bucket) = cursor.seals().bucket(topic) {
                    let known = told.resting.contains_key(topic);
                    buckets.entry(bucket).or_default().push((!known, topic.clone(), told.position(topic)));
                }
            }
            for (bucket, mut topics) in buckets {
                // Those that it never heard of are the newest.
                topics.sort();
                let topics: Vec<_> = topics.into_iter().map(|(_, topic, at)| (topic, at)).collect();
                let positions: Vec<_> = topics.iter().map(|(_, at)| *at).collect();
                assert_eq!(cursor.seals().open(bucket, &topics), positions, "after {step} steps");
            }
            for topic in topics.iter().filter(|topic| cursor.position(topic).is_some()) {
                assert_eq!(cursor.position(topic).unwrap(), told.position(topic));
            }
        }
        assert!(told.resting.len() > NAMED && !told.awake.is_empty());
    }
}
