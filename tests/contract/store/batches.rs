//! Batches to commit, short to write down.

use igentai_core::batch::{BatchId, Committed, Named, Outcome, Rejections, ResponseMeta, Told, Verdict};
use igentai_core::cost::Cost;
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::key::{Fingerprint, Rejection};
use igentai_core::log::{EntryHead, EntryKind};
use igentai_core::time::UnixMillis;
use igentai_shared::store::{Commit, CommitOutcome, Store};

pub(super) fn topic() -> TopicId {
    topic_named("rivers")
}

pub(super) fn topic_named(name: &str) -> TopicId {
    TopicId::from_name(name).unwrap()
}

/// Any 128-bit hash would do: the store does not know how fingerprints are made.
pub(super) fn fingerprint(text: &str) -> Fingerprint {
    let fnv = text.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    Fingerprint::from_bytes(fnv.to_be_bytes())
}

pub(super) fn named(text: &str) -> Named {
    Named { text: text.to_owned(), fingerprint: fingerprint(text) }
}

fn rejections() -> Rejections {
    let mut rejections = Rejections::default();
    rejections.add(Rejection::Chatter, 2);
    rejections.add(Rejection::OtherScript, u32::MAX);
    rejections
}

/// An empty response with number `seq`, all others still open.
pub(super) fn batch(seq: u64) -> Commit {
    let producer = WorkerId::parse("producer-1").unwrap();
    let kind = EntryKind::Response(ResponseMeta {
        provider: "hub".to_owned(),
        model: "small".to_owned(),
        cell: Some("north".to_owned()),
        probe: false,
        prompt_hash: u64::MAX,
        outcome: Outcome::Answered,
        latency_ms: 120,
        input_tokens: 10,
        output_tokens: 20,
        cost: Cost::from_picodollars(u64::MAX),
        worst_case: Cost::from_picodollars(u64::MAX),
        repeated: 1,
        rejected: 2,
        rejections: rejections(),
        asked: 0,
        left_out: 0,
        copied: 0,
        phrasing: igentai_core::phrasing::Phrasing::Plain,
        categories: Told::default(),
        judged: None,
    });
    let head = EntryHead {
        producer: producer.clone(),
        incarnation: u64::MAX,
        seq,
        at: UnixMillis(1_700_000_000_000),
        kind,
    };
    Commit {
        id: BatchId { topic: topic(), run: 1, producer, incarnation: u64::MAX, seq },
        lowest_unresolved: 1,
        head,
        novel: Vec::new(),
        spellings: Vec::new(),
        sightings: Vec::new(),
        numbered: None,
    }
}

/// A response with new texts.
pub(super) fn novel(seq: u64, texts: &[&str]) -> Commit {
    Commit { novel: texts.iter().map(|text| named(text)).collect(), ..batch(seq) }
}

pub(super) fn of_producer(mut commit: Commit, name: &str) -> Commit {
    let producer = WorkerId::parse(name).unwrap();
    commit.id.producer = producer.clone();
    commit.head.producer = producer;
    commit
}

/// The first run of [`topic`], without a cap.
pub(super) async fn open(store: &dyn Store) {
    store.open_run(&topic(), 1, 1, None).await.unwrap();
}

pub(super) async fn commit_one(store: &dyn Store, commit: Commit) -> CommitOutcome {
    let mut outcomes = store.commit(vec![commit]).await.unwrap();
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

pub(super) fn committed(outcome: &CommitOutcome) -> &Committed {
    match &outcome.verdict {
        Verdict::Committed(committed) => committed,
        other @ (Verdict::Settled | Verdict::Stale | Verdict::Refused { .. }) => {
            unreachable!("committed expected, not {other:?}")
        }
    }
}

/// All texts of the registry, in order of their numbers, which must be gapless from 1.
pub(super) async fn texts(store: &dyn Store) -> Vec<String> {
    let attributes = store.attributes(&topic(), 1, 0, usize::MAX).await.unwrap();
    let numbers: Vec<u64> = attributes.iter().map(|attribute| attribute.seq).collect();
    assert_eq!(numbers, (1..=attributes.len() as u64).collect::<Vec<_>>());
    attributes.into_iter().map(|attribute| attribute.text).collect()
}
