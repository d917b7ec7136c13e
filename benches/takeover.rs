//! How soon a new leader decides over a registry of 1,000,000 attributes, from its lease to its first decision: with the log alone, and from a
//! checkpoint; on the embedded store's file and on a Redis with `appendfsync always`. Run it with `cargo bench --bench takeover`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for the console, which may fail loudly"
)]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use igentai_core::batch::{BatchId, Named, Outcome, ResponseMeta, Told};
use igentai_core::cost::Cost;
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::key::{Fingerprint, Key};
use igentai_core::log::{EntryHead, EntryKind};
use igentai_core::time::UnixMillis;
use igentai_core::topic::{StartMode, StartRequest, TopicState};
use igentai_orchestrator::{Context, Options, coordinator};
use igentai_shared::bus::memory::MemoryBus;
use igentai_shared::bus::trouble::Troubles;
use igentai_shared::clock::SystemClock;
use igentai_shared::registry;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::redis::{RedisConfig, RedisStore};
use igentai_shared::store::{Commit, Store, checkpoints};
use igentai_test_support::servers::Redis;
use tokio_util::sync::CancellationToken;

const NEW: u64 = 25;
const BATCHES: u64 = 40_000;

/// From the lease to the first decision where folds were saved before, and from the word to the end.
const DECIDES_WITHIN: Duration = Duration::from_secs(2);
const LEAVES_WITHIN: Duration = Duration::from_secs(2);

fn named(number: u64) -> Named {
    let text = format!("{:020}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let fingerprint = Fingerprint::of(&Key::of(&text).unwrap());
    Named { text, fingerprint }
}

fn request(mode: StartMode) -> StartRequest {
    StartRequest { name: "bench".to_owned(), mode, ..StartRequest::default() }
}

/// Batch `seq` brings 25 new texts and names 25 earlier ones again.
fn batch(topic: &TopicId, seq: u64) -> Commit {
    let producer = WorkerId::parse("producer-1").unwrap();
    let first = (seq - 1) * NEW;
    let kind = EntryKind::Response(ResponseMeta {
        provider: "openai-compatible".to_owned(),
        model: "a-model-of-usual-name".to_owned(),
        cell: None,
        probe: false,
        prompt_hash: 1,
        outcome: Outcome::Answered,
        latency_ms: 2_345,
        input_tokens: 456,
        output_tokens: 789,
        cost: Cost::from_picodollars(1),
        worst_case: Cost::from_picodollars(2),
        repeated: 0,
        rejected: 0,
        rejections: igentai_core::batch::Rejections::default(),
        asked: 0,
        left_out: 0,
        copied: 0,
        phrasing: igentai_core::phrasing::Phrasing::Plain,
        categories: Told::default(),
        judged: None,
    });
    let again: std::collections::BTreeSet<u64> =
        (0..NEW).filter(|_| first > 0).map(|i| (first * 7 + i * 13) % first.max(1)).collect();
    Commit {
        id: BatchId { topic: topic.clone(), run: 1, producer: producer.clone(), incarnation: 1, seq },
        lowest_unresolved: seq,
        head: EntryHead { producer, incarnation: 1, seq, at: UnixMillis(1), kind },
        novel: (first..first + NEW).map(named).collect(),
        spellings: Vec::new(),
        sightings: again.into_iter().map(|i| named(i).fingerprint).collect(),
        numbered: None,
    }
}

/// Leads once: how long it took from the lease to the first decision, which is that the topic runs.
async fn lead(what: &str, store: &Arc<dyn Store>, out: &std::path::Path, saves: bool) {
    let topic = TopicId::from_name("bench").unwrap();
    let before = store.lease().await.unwrap().epoch;
    let context = Context {
        id: WorkerId::parse("o1").unwrap(),
        new_registry_id: "bench".to_owned(),
        bus: MemoryBus::new(),
        store: Arc::clone(store),
        clock: Arc::new(SystemClock::new()),
        options: Options { out: Some(out.to_owned()), ..Options::default() },
        troubles: Troubles::default(),
    };
    let stop = CancellationToken::new();
    let leading = tokio::spawn(coordinator::run(context, stop.clone()));
    while store.lease().await.unwrap().epoch == before {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let leads = Instant::now();
    while store.topic(&topic).await.unwrap().unwrap().state != TopicState::Running {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let decides = leads.elapsed();
    println!("{what}: decides {} ms after the lease", decides.as_millis());
    assert!(saves || decides <= DECIDES_WITHIN, "{what}: that is too long");
    if saves {
        let there = async || store.checkpoint(&topic, 1, checkpoints::FOLDS).await.unwrap().is_some();
        while !there().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        println!("{what}: its folds are saved {} ms after the lease", leads.elapsed().as_millis());
    }
    let stopping = Instant::now();
    stop.cancel();
    leading.await.unwrap();
    let left = stopping.elapsed();
    println!("{what}: it has left after {} ms", left.as_millis());
    assert!(left <= LEAVES_WITHIN, "{what}: that is too long");
}

async fn measure(name: &str, store: Arc<dyn Store>) {
    let now = UnixMillis(1_700_000_000_000);
    let topic = registry::start(store.as_ref(), &request(StartMode::Auto), now).await.unwrap().id;
    store.open_run(&topic, 1, 0, None).await.unwrap();
    for first in (1..=BATCHES).step_by(64) {
        let call = (first..(first + 64).min(BATCHES + 1)).map(|seq| batch(&topic, seq)).collect();
        store.commit(call).await.unwrap();
    }
    println!("{name}: {:?}", store.head(&topic).await.unwrap());
    let out = tempfile::tempdir_in(".").unwrap();
    lead(&format!("{name}, the log alone"), &store, out.path(), true).await;
    registry::start_alone(store.as_ref(), &request(StartMode::Resume), now).await.unwrap();
    lead(&format!("{name}, from a checkpoint"), &store, out.path(), false).await;
    store.close().await;
}

async fn all() {
    let folder = tempfile::tempdir_in(".").unwrap();
    measure("embedded", EmbeddedStore::open(folder.path()).unwrap()).await;
    let server = Redis::start().await.unwrap();
    measure("redis", RedisStore::connect(&RedisConfig::new(server.url())).unwrap()).await;
}

fn main() {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(all());
}
