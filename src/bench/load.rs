//! The load: batches of 50 strings of 20 bytes, half of them known.

use igentai_core::batch::{Batch, BatchBody, BatchId, Named, Outcome, ResponseMeta};
use igentai_core::cost::Cost;
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::key::{Fingerprint, KEY_VERSION, Key};
use igentai_core::log::{EntryHead, EntryKind};
use igentai_core::time::UnixMillis;
use igentai_shared::store::Commit;

/// Strings in a batch.
pub(super) const STRINGS: u64 = 50;

/// Of them new; the others are sightings of the seed.
pub(super) const NEW: u64 = STRINGS / 2;

/// Attributes that are there before the clock starts.
const SEED: u64 = 1_000;

const INCARNATION: u64 = 1;

/// Makes the batches of one topic.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) topic: TopicId,
    pub(super) producer: WorkerId,
    seed: Vec<Fingerprint>,
}

impl Load {
    pub(super) fn new(topic: TopicId, producer: WorkerId) -> Self {
        let seed = (0..SEED).filter_map(named).map(|named| named.fingerprint).collect();
        Self { topic, producer, seed }
    }

    /// The commit that brings the seed; its number is 1.
    pub(super) fn seeding(&self) -> Commit {
        self.commit_of(1, (0..SEED).filter_map(named).collect(), Vec::new())
    }

    /// Batch `seq`, from 2, as a producer sends it.
    pub(super) fn batch(&self, seq: u64) -> Batch {
        let novel = numbers(seq).map(text).collect();
        Batch {
            id: self.id(seq),
            lowest_unresolved: lowest_unresolved(seq),
            key_version: KEY_VERSION,
            body: BatchBody::Response {
                meta: meta(),
                novel,
                spellings: Vec::new(),
                sightings: self.sightings(seq),
            },
        }
    }

    /// Batch `seq`, from 2, as an integrator commits it.
    pub(super) fn commit(&self, seq: u64) -> Commit {
        self.commit_of(seq, numbers(seq).filter_map(named).collect(), self.sightings(seq))
    }

    fn commit_of(&self, seq: u64, novel: Vec<Named>, sightings: Vec<Fingerprint>) -> Commit {
        let (producer, at) = (self.producer.clone(), UnixMillis(1_700_000_000_000));
        let kind = EntryKind::Response(meta());
        let head = EntryHead { producer, incarnation: INCARNATION, seq, at, kind };
        let lowest_unresolved = lowest_unresolved(seq);
        Commit { id: self.id(seq), lowest_unresolved, head, novel, spellings: Vec::new(), sightings }
    }

    fn id(&self, seq: u64) -> BatchId {
        let (topic, producer) = (self.topic.clone(), self.producer.clone());
        BatchId { topic, run: 1, producer, incarnation: INCARNATION, seq }
    }

    fn sightings(&self, seq: u64) -> Vec<Fingerprint> {
        let skip = usize::try_from(seq.wrapping_mul(7) % (SEED - NEW)).unwrap_or(0);
        let count = usize::try_from(STRINGS - NEW).unwrap_or(0);
        self.seed.iter().skip(skip).take(count).copied().collect()
    }
}

fn lowest_unresolved(seq: u64) -> u64 {
    seq.saturating_sub(4 * super::measure::WINDOW as u64).max(1)
}

fn numbers(seq: u64) -> std::ops::Range<u64> {
    SEED + seq * NEW..SEED + (seq + 1) * NEW
}

/// Spread, so that neither a file nor a hash table sees an order.
fn text(number: u64) -> String {
    format!("{:020}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn named(number: u64) -> Option<Named> {
    let text = text(number);
    let fingerprint = Fingerprint::of(&Key::of(&text)?);
    Some(Named { text, fingerprint })
}

fn meta() -> ResponseMeta {
    ResponseMeta {
        provider: "bench".to_owned(),
        model: "bench".to_owned(),
        cell: None,
        probe: false,
        prompt_hash: 0,
        outcome: Outcome::Answered,
        latency_ms: 1_000,
        input_tokens: 100,
        output_tokens: 400,
        cost: Cost::ZERO,
        worst_case: Cost::ZERO,
        repeated: 0,
        rejected: 0,
    }
}
