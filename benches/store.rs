//! What the registry costs: 100,000 attributes of 20 bytes, in batches of 50 elements of which half are known, on the embedded
//! store's file and on a Redis with `appendfsync always`. Run it with `cargo bench --bench store`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for the console, which may fail loudly"
)]
#![expect(clippy::disallowed_methods, reason = "it measures time")]
#![expect(clippy::cast_precision_loss, reason = "for showing")]

use std::sync::Arc;
use std::time::Instant;

use futures::stream::{self, StreamExt};
use igentai_core::batch::{BatchId, Named, Outcome, ResponseMeta, Told};
use igentai_core::cost::Cost;
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::key::{Fingerprint, Key};
use igentai_core::log::{EntryHead, EntryKind};
use igentai_core::time::UnixMillis;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::redis::{RedisConfig, RedisStore};
use igentai_shared::store::{Commit, Store};
use igentai_test_support::servers::Redis;

const ATTRIBUTES: u64 = 100_000;
const NEW: u64 = 25;
const BATCHES: u64 = ATTRIBUTES / NEW;

fn named(number: u64) -> Named {
    // Spread, so that neither a file nor a hash table sees an order.
    let text = format!("{:020}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let fingerprint = Fingerprint::of(&Key::of(&text).unwrap());
    Named { text, fingerprint }
}

fn topic(run: u64) -> TopicId {
    TopicId::from_name(&format!("bench {run}")).unwrap()
}

/// Batch `seq` brings 25 new texts and names 25 earlier ones again.
fn batch(topic: &TopicId, seq: u64) -> Commit {
    let producer = WorkerId::parse("producer-1").unwrap();
    let first = (seq - 1) * NEW;
    let kind = EntryKind::Response(ResponseMeta {
        provider: "openai-compatible".to_owned(),
        model: "a-model-of-usual-name".to_owned(),
        cell: Some("north-america".to_owned()),
        probe: false,
        prompt_hash: 0x1234_5678_9abc_def0,
        outcome: Outcome::Answered,
        latency_ms: 2_345,
        input_tokens: 456,
        output_tokens: 789,
        cost: Cost::from_picodollars(123_456_789),
        worst_case: Cost::from_picodollars(987_654_321),
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
    let sightings =
        (0..NEW).map(|i| (first * 7 + i * 13) % first.max(1)).collect::<std::collections::BTreeSet<_>>();
    Commit {
        id: BatchId {
            topic: topic.clone(),
            run: 1,
            producer: producer.clone(),
            incarnation: 1_700_000_000_000,
            seq,
        },
        lowest_unresolved: seq.saturating_sub(256).max(1),
        head: EntryHead {
            producer,
            incarnation: 1_700_000_000_000,
            seq,
            at: UnixMillis(1_700_000_000_000),
            kind,
        },
        novel: (first..first + NEW).map(named).collect(),
        spellings: Vec::new(),
        sightings: sightings.into_iter().filter(|_| first > 0).map(|i| named(i).fingerprint).collect(),
        numbered: None,
    }
}

/// Commits everything with `callers` at a time and `per_call` batches a call; batches a second.
async fn fill(store: &Arc<dyn Store>, topic: &TopicId, callers: usize, per_call: usize, batches: u64) -> f64 {
    store.open_run(topic, 1, 1, None).await.unwrap();
    let all: Vec<Commit> = (1..=batches).map(|seq| batch(topic, seq)).collect();
    let calls: Vec<Vec<Commit>> = all.chunks(per_call).map(<[Commit]>::to_vec).collect();
    let started = Instant::now();
    stream::iter(calls)
        .map(|call| async { store.commit(call).await.unwrap() })
        .buffered(callers)
        .for_each(|_| async {})
        .await;
    batches as f64 / started.elapsed().as_secs_f64()
}

async fn speed(name: &str, store: &Arc<dyn Store>) {
    for (run, callers, per_call, batches) in [(1, 1, 1, 1_000), (2, 16, 1, BATCHES), (3, 4, 32, BATCHES)] {
        let rate = fill(store, &topic(run), callers, per_call, batches).await;
        println!(
            "{name}: {rate:.0} batches/s ({:.0} strings/s), {callers} callers × {per_call} batches",
            rate * 50.0
        );
    }
    let topic = topic(3);
    for (what, after) in [("start", 0), ("middle", ATTRIBUTES / 2), ("end", ATTRIBUTES - 1_000)] {
        let started = Instant::now();
        let found = store.attributes(&topic, 1, after, 1_000).await.unwrap().len();
        println!(
            "{name}: {found} attributes from the {what} in {:.1} ms",
            started.elapsed().as_secs_f64() * 1e3
        );
    }
    let started = Instant::now();
    let entries = store.log(&topic, 1, 0, usize::MAX).await.unwrap().len();
    println!("{name}: the whole log of {entries} entries in {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
}

fn number(text: &str) -> u64 {
    text.split_whitespace().last().and_then(|word| word.parse().ok()).unwrap()
}

async fn used_memory(server: &Redis) -> u64 {
    let info = server.cli(&["INFO", "memory"]).await.unwrap();
    number(info.lines().find_map(|line| line.trim_end().strip_prefix("used_memory:")).unwrap())
}

async fn redis() {
    let server = Redis::start().await.unwrap();
    let store: Arc<dyn Store> = RedisStore::connect(&RedisConfig::new(server.url())).unwrap();
    store.open_run(&topic(0), 1, 1, None).await.unwrap();
    store.commit(vec![batch(&topic(0), 1)]).await.unwrap();
    let before = used_memory(&server).await;
    fill(&store, &topic(9), 1, 64, BATCHES).await;
    let all = used_memory(&server).await - before;
    println!("redis: {:.1} bytes of memory per attribute in all", all as f64 / ATTRIBUTES as f64);
    for key in ["seen", "log", "producers"] {
        let key_name = format!("igentai:{{{}}}:{key}", topic(9));
        let used = number(&server.cli(&["MEMORY", "USAGE", &key_name, "SAMPLES", "0"]).await.unwrap());
        println!("redis: {:.1} of them in {key}", used as f64 / ATTRIBUTES as f64);
    }
    speed("redis", &store).await;
}

async fn embedded() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let store: Arc<dyn Store> = EmbeddedStore::open(folder.path()).unwrap();
    fill(&store, &topic(9), 1, 64, BATCHES).await;
    let size = std::fs::metadata(folder.path().join("store.redb")).unwrap().len();
    println!("embedded: {:.1} bytes of file per attribute", size as f64 / ATTRIBUTES as f64);
    speed("embedded", &store).await;
    store.close().await;
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(embedded());
    runtime.block_on(redis());
}
