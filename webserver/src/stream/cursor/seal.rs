//! Topics at rest in a cursor: however many have ended, they take [`BUCKETS`] sums.
//!
//! A topic belongs to a bucket by its id. A seal holds how many topics of its bucket lie in it, and the sum of `factor × place` modulo 2¹²⁸:
//! the factor is odd and made from the topic's id, the place from its run and number. What is wished for:
//!
//! * A reader that comes back is told of every topic what came after its place, whatever happened meanwhile, or that the topic begins anew.
//!   A place is never guessed: one that is wrong would have to fit a sum of 128 bits.
//! * As long as nothing happened to a bucket's topics, the sum of their places as the registry has them is the sealed one.
//! * When one of them went on, what the others leave of the sum, times the inverse of its factor, is the place where it was. Which one it was is
//!   found by trial: for another, what is left is no place that it can have been at.
//! * When several went on, none of them is found, and the topics of that bucket begin anew.
//!
//! Topics made since are told from those in the seal by their age, since it holds the oldest of those that the cursor does not name. A clock that jumped, or a
//! record that came late, can be wrong about that; the sum then does not fit.

use igentai_core::folder::TopicId;
use xxhash_rust::xxh3::xxh3_128;

use super::{Position, number, put_number};

/// More make a longer cursor, fewer more topics that begin anew.
const BUCKETS: usize = 8;

const SUM_BYTES: usize = 16;

/// The seals of a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seals([Seal; BUCKETS]);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seal {
    count: u64,
    sum: u128,
}

/// A bucket's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bucket(usize);

impl Seals {
    /// Puts a topic in.
    pub(crate) fn add(&mut self, topic: &TopicId, position: Position) {
        let seal = self.seal_mut(topic);
        seal.count = seal.count.wrapping_add(1);
        seal.sum = seal.sum.wrapping_add(weighed(topic, position));
    }

    /// Takes a topic out that was put in at this position.
    pub(crate) fn remove(&mut self, topic: &TopicId, position: Position) {
        let seal = self.seal_mut(topic);
        seal.count = seal.count.wrapping_sub(1);
        seal.sum = seal.sum.wrapping_sub(weighed(topic, position));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|seal| seal.count == 0)
    }

    /// The bucket that the topic lies in, if it is sealed; `None` if it cannot be.
    pub(crate) fn bucket(&self, topic: &TopicId) -> Option<Bucket> {
        let bucket = bucket_of(topic);
        self.0.get(bucket).filter(|seal| seal.count > 0).map(|_| Bucket(bucket))
    }

    /// Where the reader is in a bucket's topics that its cursor does not name, given with their places in the registry, the oldest first.
    pub(crate) fn open(&self, bucket: Bucket, topics: &[(TopicId, Position)]) -> Vec<Position> {
        let seal = self.0.get(bucket.0).copied().unwrap_or_default();
        let count = usize::try_from(seal.count).unwrap_or(usize::MAX);
        let Some((sealed, new)) = topics.split_at_checked(count) else { return begun_anew(topics) };
        let now = sealed.iter().fold(0_u128, |sum, (topic, at)| sum.wrapping_add(weighed(topic, *at)));
        let mut positions: Vec<Position> = sealed.iter().map(|(_, at)| *at).collect();
        if now != seal.sum {
            let moved = sealed.iter().enumerate().filter_map(|(index, (topic, at))| {
                let others = now.wrapping_sub(weighed(topic, *at));
                let was = position(seal.sum.wrapping_sub(others).wrapping_mul(inverse(factor(topic))));
                (was < *at).then_some((index, was))
            });
            let [(index, was)] = moved.collect::<Vec<_>>()[..] else { return begun_anew(topics) };
            positions.splice(index..=index, [was]);
        }
        positions.extend(new.iter().map(|_| Position::default()));
        positions
    }

    /// Which buckets hold anything, as bits, then of each the number of topics and the sum.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        let held = || self.0.iter().enumerate().filter(|(_, seal)| seal.count > 0);
        bytes.push(held().fold(0, |bits, (bucket, _)| bits | 1 << bucket));
        for (_, seal) in held() {
            put_number(bytes, seal.count);
            bytes.extend(seal.sum.to_be_bytes());
        }
    }

    pub(super) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (bits, mut rest) = bytes.split_first()?;
        let mut seals = Self::default();
        for (bucket, seal) in seals.0.iter_mut().enumerate() {
            if bits & 1 << bucket != 0 {
                let (count, after) = number(rest)?;
                let (sum, after) = after.split_first_chunk::<SUM_BYTES>()?;
                *seal = Seal { count, sum: u128::from_be_bytes(*sum) };
                rest = after;
            }
        }
        Some((seals, rest))
    }

    #[expect(clippy::indexing_slicing, reason = "a bucket is below the number of buckets")]
    fn seal_mut(&mut self, topic: &TopicId) -> &mut Seal {
        &mut self.0[bucket_of(topic)]
    }
}

fn begun_anew(topics: &[(TopicId, Position)]) -> Vec<Position> {
    // Of a run that the registry has lost the reader may have been told, too.
    topics.iter().map(|(_, at)| Position::uncertain(at.run.max(1))).collect()
}

fn weighed(topic: &TopicId, position: Position) -> u128 {
    let place = u128::from(position.run) << 64 | u128::from(position.seq);
    factor(topic).wrapping_mul(place)
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
fn position(place: u128) -> Position {
    Position { run: (place >> 64) as u64, seq: place as u64 }
}

/// Odd, so that it has an inverse.
fn factor(topic: &TopicId) -> u128 {
    xxh3_128(topic.as_str().as_bytes()) | 1
}

/// By bits that say little of the factor.
fn bucket_of(topic: &TopicId) -> usize {
    usize::from((xxh3_128(topic.as_str().as_bytes()) >> 120).to_le_bytes()[0]) % BUCKETS
}

/// What an odd number must be multiplied with to give 1, by Newton's method: an odd number is right in its last three bits, and each step
/// doubles them.
fn inverse(odd: u128) -> u128 {
    (0..6).fold(odd, |inverse, _| inverse.wrapping_mul(2_u128.wrapping_sub(odd.wrapping_mul(inverse))))
}

#[cfg(test)]
mod tests;
