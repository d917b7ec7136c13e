//! The load: batches of 50 strings of 20 bytes, of which a share is known.

use igentai_core::batch::{Batch, BatchBody, BatchId, Named, Numbered, Outcome, ResponseMeta, Told};
use igentai_core::cost::Cost;
use igentai_core::folder::TopicId;
use igentai_core::ids::{Seq, WorkerId};
use igentai_core::key::{Fingerprint, KEY_VERSION, Key};
use igentai_core::log::{EntryHead, EntryKind};
use igentai_core::numbers::Edition;
use igentai_core::time::UnixMillis;
use igentai_shared::store::Commit;

/// Strings in a batch.
pub(super) const STRINGS: u64 = 50;

/// Of them new in most measurements; the others are sightings of the seed.
pub(super) const NEW: u64 = STRINGS / 2;

/// Attributes that are there before the clock starts: those that are named again.
const SEED: u64 = 50_000;
/// In one commit.
const SEED_BATCH: u64 = 1_000;
pub(super) const SEED_BATCHES: u64 = SEED / SEED_BATCH;

/// From one sighting of a batch to the next: prime to the seed, so that none comes twice.
const STEP: u64 = 997;

const INCARNATION: u64 = 1;

/// Of the size that they have: microseconds since 1970.
const SOME_EDITION: Edition = 1_700_000_000_000_000;

/// Makes the batches of one topic.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) topic: TopicId,
    pub(super) producer: WorkerId,
    /// New strings in a batch.
    pub(super) new: u64,
    pub(super) run: u64,
    /// The log that the seed's numbers are of: producers know them, as they do after a while.
    pub(super) edition: Edition,
    pub(super) seed: std::sync::Arc<[Fingerprint]>,
}

impl Load {
    pub(super) fn new(topic: TopicId, producer: WorkerId, new: u64) -> Self {
        let seed = (0..SEED).filter_map(named).map(|named| named.fingerprint).collect();
        Self { topic, producer, new, run: 1, edition: SOME_EDITION, seed }
    }

    /// The same for another topic.
    pub(super) fn of(&self, topic: TopicId) -> Self {
        Self { topic, ..self.clone() }
    }

    /// The commits that bring the seed; their numbers are the first.
    pub(super) fn seeding(&self) -> Vec<Commit> {
        let batch = |seq: u64| {
            let numbers = (seq - 1) * SEED_BATCH..seq * SEED_BATCH;
            self.commit_of(seq, numbers.filter_map(named).collect(), None)
        };
        (1..=SEED_BATCHES).map(batch).collect()
    }

    /// The same as plain strings.
    pub(super) fn seeds(&self) -> Vec<Vec<Fingerprint>> {
        self.seed.chunks(1_000).map(<[Fingerprint]>::to_vec).collect()
    }

    /// A batch after the seeding, as a producer sends it.
    pub(super) fn batch(&self, seq: u64) -> Batch {
        let novel = self.numbers(seq).map(text).collect();
        let (spellings, sightings, numbered) = (Vec::new(), Vec::new(), self.numbered(seq).map(Box::new));
        Batch {
            id: self.id(seq),
            lowest_unresolved: lowest_unresolved(seq),
            key_version: KEY_VERSION,
            body: BatchBody::Response { meta: meta(), novel, spellings, sightings, numbered },
        }
    }

    /// The same with the text of every string.
    pub(super) fn batch_of_texts(&self, seq: u64) -> Batch {
        let mut batch = self.batch(seq);
        if let BatchBody::Response { novel, numbered, .. } = &mut batch.body {
            novel.extend((0..STRINGS - self.new).map(|i| text(self.sighting(seq, i))));
            *numbered = None;
        }
        batch
    }

    /// A batch after the seeding, as an integrator commits it.
    pub(super) fn commit(&self, seq: u64) -> Commit {
        self.commit_of(seq, self.numbers(seq).filter_map(named).collect(), self.numbered(seq))
    }

    fn commit_of(&self, seq: u64, novel: Vec<Named>, numbered: Option<Numbered>) -> Commit {
        let (producer, at) = (self.producer.clone(), UnixMillis(1_700_000_000_000));
        let kind = EntryKind::Response(meta());
        let head = EntryHead { producer, incarnation: INCARNATION, seq, at, kind };
        let lowest_unresolved = lowest_unresolved(seq);
        let (id, spellings, sightings) = (self.id(seq), Vec::new(), Vec::new());
        Commit { id, lowest_unresolved, head, novel, spellings, sightings, numbered }
    }

    fn id(&self, seq: u64) -> BatchId {
        let (topic, producer) = (self.topic.clone(), self.producer.clone());
        BatchId { topic, run: self.run, producer, incarnation: INCARNATION, seq }
    }

    fn numbers(&self, seq: u64) -> std::ops::Range<u64> {
        SEED + seq * self.new..SEED + (seq + 1) * self.new
    }

    #[expect(clippy::unused_self, reason = "it belongs to the load")]
    fn sighting(&self, seq: u64, which: u64) -> u64 {
        (spread(seq) % SEED + which * STEP) % SEED
    }

    /// What is named again of the seed, whose numbers are its places.
    pub(super) fn sightings(&self, seq: u64) -> impl Iterator<Item = (Seq, Fingerprint)> {
        (0..STRINGS - self.new).filter_map(move |i| {
            let place = self.sighting(seq, i);
            Some((place + 1, *self.seed.get(usize::try_from(place).ok()?)?))
        })
    }

    fn numbered(&self, seq: u64) -> Option<Numbered> {
        Numbered::of(self.edition, self.sightings(seq).collect())
    }
}

fn lowest_unresolved(seq: u64) -> u64 {
    seq.saturating_sub(4 * super::whole::WINDOW as u64).max(1)
}

/// Spread, so that neither a file nor a hash table sees an order.
fn spread(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn text(number: u64) -> String {
    format!("{:020}", spread(number))
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
        rejections: igentai_core::batch::Rejections::default(),
        asked: 0,
        left_out: 0,
        copied: 0,
        phrasing: igentai_core::phrasing::Phrasing::Plain,
        categories: Told::default(),
        judged: None,
    }
}
