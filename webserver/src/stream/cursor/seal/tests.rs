#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::stream::cursor::{Cursor, encode};

fn topic(number: usize) -> TopicId {
    TopicId::from_name(&format!("topic {number}")).unwrap()
}

fn at(run: u64, seq: u64) -> Position {
    Position { run, seq }
}

fn sealed(topics: &[(TopicId, Position)]) -> Seals {
    let mut seals = Seals::default();
    for (topic, position) in topics {
        seals.add(topic, *position);
    }
    seals
}

/// What the seals say of all topics, in their order, as a stream that begins asks for it.
fn opened(seals: &Seals, topics: &[(TopicId, Position)]) -> Vec<Position> {
    let mut buckets: BTreeMap<Bucket, Vec<(TopicId, Position)>> = BTreeMap::new();
    for (topic, position) in topics {
        if let Some(bucket) = seals.bucket(topic) {
            buckets.entry(bucket).or_default().push((topic.clone(), *position));
        }
    }
    let mut found = BTreeMap::new();
    for (bucket, topics) in buckets {
        let positions = seals.open(bucket, &topics);
        assert_eq!(positions.len(), topics.len());
        found.extend(topics.into_iter().map(|(topic, _)| topic).zip(positions));
    }
    topics.iter().map(|(topic, _)| found.get(topic).copied().unwrap_or_default()).collect()
}

#[test]
fn odd_numbers_have_inverses() {
    let mut dice = StdRng::seed_from_u64(1);
    for _ in 0..1_000 {
        let odd = dice.random::<u128>() | 1;
        assert_eq!(odd.wrapping_mul(inverse(odd)), 1);
    }
}

#[test]
fn a_cursor_is_as_long_for_ten_thousand_topics_at_rest_as_for_some_dozens() {
    let length = |count: usize| {
        let topics: Vec<_> = (0..count).map(|number| (topic(number), at(1, 5_000))).collect();
        encode(false, &BTreeMap::new(), &sealed(&topics)).len()
    };
    assert!(length(40) <= 200 && length(10_000) <= 210, "{} {}", length(40), length(10_000));
}

#[test]
fn what_is_taken_out_is_as_if_it_had_never_been_in() {
    let topics: Vec<_> = (0..30).map(|number| (topic(number), at(2, 7))).collect();
    let mut seals = sealed(&topics);
    for (topic, position) in &topics[10..] {
        seals.remove(topic, *position);
    }
    assert_eq!(seals, sealed(&topics[..10]));
}

#[test]
fn a_topic_that_went_on_alone_is_found_where_it_was_and_those_made_since_are_new() {
    let before: Vec<_> =
        (0..200).map(|number| (topic(number), at(1 + number as u64 % 3, number as u64))).collect();
    let seals = sealed(&before);
    for (moved, to) in [(17, at(3, 18)), (0, at(1, 900)), (150, at(7, 0)), (151, at(2, u64::MAX - 1))] {
        let mut now = before.clone();
        now[moved].1 = to;
        now.extend((200..220).map(|number| (topic(number), at(1, 5))));
        let found = opened(&seals, &now);
        for (index, (topic, _)) in now.iter().enumerate() {
            let wanted = before.get(index).map_or(Position::default(), |(_, position)| *position);
            assert_eq!(found[index], wanted, "{topic} after {moved} went on");
        }
    }
}

/// Many histories: positions are told exactly, or not at all.
#[test]
fn whatever_happened_meanwhile_no_position_is_guessed() {
    let (mut exact, mut uncertain) = (0, 0);
    for seed in 0..2_000 {
        let mut dice = StdRng::seed_from_u64(seed);
        let count = dice.random_range(1..60);
        let before: Vec<_> = (0..count)
            .map(|number| (topic(number), at(dice.random_range(0..4), dice.random_range(0..50))))
            .collect();
        let text = encode(false, &BTreeMap::new(), &sealed(&before));
        let cursor = Cursor::decode(&text).unwrap();
        let mut now = before.clone();
        for _ in 0..dice.random_range(0..4) {
            let (_, position) = &mut now[dice.random_range(0..count)];
            *position = match dice.random_range(0..4) {
                0 => at(position.run + 1, dice.random_range(0..50)),
                // A registry that was put back.
                1 => at(position.run, position.seq.saturating_sub(dice.random_range(0..5))),
                _ => at(position.run, position.seq + dice.random_range(1..9)),
            };
        }
        for number in count..count + dice.random_range(0..5) {
            now.push((topic(number), at(1, 3)));
        }
        if dice.random_range(0..10) == 0 {
            // A clock that jumped: the order of their making says nothing.
            let other = dice.random_range(0..now.len());
            now.swap(0, other);
        }
        let was: BTreeMap<_, _> = before.iter().cloned().collect();
        for ((topic, _), found) in now.iter().zip(opened(cursor.seals(), &now)) {
            let wanted = was.get(topic).copied().unwrap_or_default();
            assert!(
                found == wanted || found.is_uncertain(),
                "seed {seed}: {topic} at {found:?}, was {wanted:?}"
            );
            if found == wanted { exact += 1 } else { uncertain += 1 }
        }
    }
    assert!(exact > 10 * uncertain, "{exact} told exactly, {uncertain} begun anew");
}
