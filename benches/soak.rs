//! What an orchestrator of its own needs, over RabbitMQ and Redis: idle, with 1,000,000 attributes, and for some minutes under batches that name what is
//! known. Run it with `tests/soak/run`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for the console, which may fail loudly"
)]
#![expect(clippy::disallowed_methods, reason = "it measures time, and waits")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use igentai_core::batch::{Batch, BatchBody, BatchId, Named, Outcome, ResponseMeta, Told};
use igentai_core::cost::Cost;
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::key::{Fingerprint, KEY_VERSION, Key};
use igentai_core::log::{EntryHead, EntryKind};
use igentai_core::status::TopicStatus;
use igentai_core::time::UnixMillis;
use igentai_core::topic::StartRequest;
use igentai_shared::bus::amqp::{AmqpBus, AmqpConfig};
use igentai_shared::bus::{Bus, Exchange, Outgoing};
use igentai_shared::registry;
use igentai_shared::store::redis::{RedisConfig, RedisStore};
use igentai_shared::store::{Commit, Store, checkpoints};
use igentai_shared::wire::{self, Batches};
use igentai_test_support::free_port;
use igentai_test_support::process::Process;
use igentai_test_support::servers::{RabbitMq, Redis};

const NEW: u64 = 25;
const BATCHES: u64 = 40_000;

/// Batches before one that may be on their way still. Groups of them are committed beside each other, so that a producer that says too early that it is done with
/// one would have it taken for settled.
const OPEN: u64 = 1_000;

/// Megabytes that an orchestrator may take: without work, with 1,000,000 attributes, and by how much it may grow under work from the first minute on, which adds
/// 3,000 attributes a minute.
const IDLE: f64 = 50.0;
const FULL: f64 = 100.0;
const GROWTH: f64 = 5.0;

fn meta() -> ResponseMeta {
    ResponseMeta {
        provider: "small".to_owned(),
        model: "m".to_owned(),
        cell: None,
        probe: false,
        prompt_hash: 1,
        outcome: Outcome::Answered,
        latency_ms: 1,
        input_tokens: 1,
        output_tokens: 1,
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

fn named(number: u64) -> Named {
    let text = format!("{:020}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let fingerprint = Fingerprint::of(&Key::of(&text).unwrap());
    Named { text, fingerprint }
}

fn id(topic: &TopicId, seq: u64) -> BatchId {
    BatchId { topic: topic.clone(), run: 1, producer: WorkerId::parse("p1").unwrap(), incarnation: 1, seq }
}

/// What the process has: resident memory in MB, descriptors, threads.
fn has(pid: u32) -> (f64, usize, usize) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: f64 = line.split_whitespace().next().unwrap().parse().unwrap();
    let count = |what: &str| std::fs::read_dir(format!("/proc/{pid}/{what}")).unwrap().count();
    (kilobytes / 1_024.0, count("fd"), count("task"))
}

/// Says it, and what the process has then. More memory than this is too much.
fn tell(what: &str, pid: u32, most: f64) -> (f64, usize, usize) {
    let (memory, descriptors, threads) = has(pid);
    println!("{what}: {memory:.1} MB resident, {descriptors} descriptors, {threads} threads");
    assert!(memory <= most, "{what}: {memory:.1} MB, and {most} is the most that it may take");
    (memory, descriptors, threads)
}

/// Waits until the coordinator has folded as many entries.
async fn folded(store: &dyn Store, topic: &TopicId, entries: u64) {
    let reached = async || {
        let bytes = store.checkpoint(topic, 1, checkpoints::STATUS).await.unwrap()?;
        Some(checkpoints::decode::<TopicStatus>(&bytes).unwrap().log_index >= entries)
    };
    while reached().await != Some(true) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn fill(store: &dyn Store, topic: &TopicId) {
    for first in (1..=BATCHES).step_by(64) {
        let call = (first..(first + 64).min(BATCHES + 1)).map(|seq| {
            let id = id(topic, seq);
            let (producer, kind) = (id.producer.clone(), EntryKind::Response(meta()));
            let head = EntryHead { producer, incarnation: 1, seq, at: UnixMillis(1), kind };
            let novel = ((seq - 1) * NEW..seq * NEW).map(named).collect();
            Commit {
                id,
                lowest_unresolved: seq,
                head,
                novel,
                spellings: Vec::new(),
                sightings: Vec::new(),
                numbered: None,
            }
        });
        store.commit(call.collect()).await.unwrap();
    }
}

/// Fifty batches a second that name what is known, and one item that is not.
async fn work(bus: &dyn Bus, topic: &TopicId, until: Instant, seq: &mut u64) {
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    while Instant::now() < until {
        pace.tick().await;
        *seq += 1;
        let first = *seq * 7 % (BATCHES * NEW - 50);
        let sightings = (first..first + 49).map(|number| named(number).fingerprint).collect();
        let body = BatchBody::Response {
            meta: meta(),
            novel: vec![named(BATCHES * NEW + *seq).text],
            spellings: Vec::new(),
            sightings,
            numbered: None,
        };
        let lowest_unresolved = seq.saturating_sub(OPEN);
        let batch = Batch { id: id(topic, *seq), lowest_unresolved, key_version: KEY_VERSION, body };
        let message = Outgoing {
            exchange: Exchange::Batches,
            routing_key: topic.to_string(),
            content_type: wire::content_type::<Batches>(),
            message_id: format!("batch-{seq}"),
            headers: std::collections::BTreeMap::new(),
            payload: wire::encode(&Batches { batches: vec![batch] }),
        };
        bus.publish(message).await.unwrap();
    }
}

async fn soak(minutes: u64, folder: &Path) {
    let (broker, redis) = (RabbitMq::start().await.unwrap(), Redis::start().await.unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_igentai"));
    let port = free_port().unwrap().to_string();
    command.args(["orchestrator", "--port", &port, "--out", "outputs"]).current_dir(folder);
    command.env("AMQP_URL", broker.amqp_url()).env("REDIS_URL", redis.url());
    let process = Process::spawn(command).unwrap();
    let pid = process.id();
    let store: Arc<dyn Store> = RedisStore::connect(&RedisConfig::new(redis.url())).unwrap();
    while store.lease().await.unwrap().holder.is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    tell("idle", pid, IDLE);

    let request = StartRequest { name: "soak".to_owned(), ..StartRequest::default() };
    let topic = registry::start(store.as_ref(), &request, UnixMillis(1)).await.unwrap().id;
    folded(store.as_ref(), &topic, 0).await;
    fill(store.as_ref(), &topic).await;
    folded(store.as_ref(), &topic, BATCHES).await;
    tell("1,000,000 attributes", pid, FULL);
    tokio::time::sleep(Duration::from_secs(20)).await;
    tell("1,000,000 attributes, their folds saved", pid, FULL);

    let bus = AmqpBus::connect(AmqpConfig::new(&broker.amqp_url(), "igentai.soak").unwrap());
    let (mut seq, begun, mut first) = (BATCHES, Instant::now(), None);
    for minute in 1..=minutes {
        let until = begun + Duration::from_secs(60 * minute);
        work(bus.as_ref(), &topic, until, &mut seq).await;
        let now = tell(&format!("after {minute} min of 50 batches a second"), pid, FULL);
        let (memory, descriptors, threads) = *first.get_or_insert(now);
        let grown = (now.0 - memory, now.1.saturating_sub(descriptors), now.2.saturating_sub(threads));
        assert!(
            grown.0 <= GROWTH && grown.1 <= 2 && grown.2 == 0,
            "it grows: {grown:?} since the first minute"
        );
    }
    folded(store.as_ref(), &topic, seq).await;
    println!("{} batches came, all are in the log", seq - BATCHES);
}

fn main() {
    let minutes = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(10);
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(soak(minutes, folder.path()));
}
