#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Duration;

use async_trait::async_trait;
use igentai_core::batch::{Batch, BatchBody, BatchId, Outcome, Receipt, ResponseMeta, Told, Verdict};
use igentai_core::cost::Cost;
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::key::KEY_VERSION;
use igentai_shared::bus::memory::MemoryBus;
use igentai_shared::bus::trouble::Troubles;
use igentai_shared::bus::{Bus, BusState, Exchange, Look, Outgoing, PublishError};
use igentai_shared::clock::SystemClock;
use igentai_shared::store::Store;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::wire::{self, Batches, Receipts};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::lone::ATTEMPTS;
use super::store::at_last;
use super::*;
use crate::coordinator::tests::flawed::FlawedStore;
use crate::{Options, again_after_panic};

mod burial;
mod busy;
mod holding;
mod parting;
mod refusing;

const CRASHER: &str = "producer.crasher";
/// The first message of the one that crashes.
const CRASHING: &str = "batch-crasher-1-rivers-1-1";
const DEADLINE: Duration = Duration::from_mins(1);

/// What happens to whoever publishes under the victim's routing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Panics,
    Hangs,
    /// The message is delivered a second before that is confirmed.
    ConfirmedLate,
}

/// A bus over which publishing under one routing key does not go as it should: for example telling a producer of its batches.
#[derive(Debug)]
struct BadLuck {
    inner: Arc<MemoryBus>,
    victim: &'static str,
    fate: Fate,
    struck: Arc<Notify>,
}

#[async_trait]
impl Bus for BadLuck {
    async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        if message.routing_key == self.victim {
            self.struck.notify_one();
            match self.fate {
                Fate::Panics => panic!("on purpose"),
                Fate::Hangs => std::future::pending().await,
                Fate::ConfirmedLate => {
                    self.inner.publish(message).await?;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    return Ok(());
                }
            }
        }
        self.inner.publish(message).await
    }

    async fn consume(&self, source: Source, prefetch: u16) -> Result<Box<dyn Consumer>, BusError> {
        self.inner.consume(source, prefetch).await
    }

    fn state(&self) -> BusState {
        self.inner.state()
    }

    async fn look(&self, queue: WorkQueue, most: usize, bytes: usize) -> Result<Box<dyn Look>, BusError> {
        self.inner.look(queue, most, bytes).await
    }

    async fn depth(&self, queue: WorkQueue) -> Option<u64> {
        self.inner.depth(queue).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

struct World {
    bus: Arc<MemoryBus>,
    store: Arc<EmbeddedStore>,
    receipts: Box<dyn Consumer>,
    dead: Box<dyn Consumer>,
    struck: Arc<Notify>,
}

impl World {
    async fn new() -> Self {
        let bus = MemoryBus::new();
        let store = EmbeddedStore::in_memory().unwrap();
        store.open_run(&topic(), 1, 1, None).await.unwrap();
        let bindings = vec![(Exchange::Commands, "producer.*".to_owned())];
        let receipts = Source::Broadcast { name: "igentai.test.receipts".to_owned(), bindings };
        let receipts = bus.consume(receipts, 100).await.unwrap();
        let dead = bus.consume(Source::Work(WorkQueue::Dead), 100).await.unwrap();
        Self { bus, store, receipts, dead, struck: Arc::default() }
    }

    /// An integrator of a process of its own.
    fn context(&self, victim: &'static str, fate: Fate) -> Context {
        let struck = Arc::clone(&self.struck);
        Context {
            id: WorkerId::parse("o1").unwrap(),
            new_registry_id: "r1".to_owned(),
            bus: Arc::new(BadLuck { inner: self.bus.another_client(), victim, fate, struck }),
            store: self.store.clone(),
            clock: Arc::new(SystemClock::new()),
            options: Options::default(),
            troubles: Troubles::default(),
        }
    }

    async fn publish(&self, batch: Batch) {
        self.publish_together(vec![batch]).await;
    }

    async fn publish_together(&self, batches: Vec<Batch>) {
        self.publish_with(BTreeMap::new(), batches).await;
    }

    async fn publish_with(&self, headers: BTreeMap<String, String>, batches: Vec<Batch>) {
        let outgoing = Outgoing {
            exchange: Exchange::Batches,
            routing_key: topic().to_string(),
            content_type: wire::content_type::<Batches>(),
            message_id: wire::batches_id(&batches),
            headers,
            payload: wire::encode(&Batches { batches }),
        };
        self.bus.publish(outgoing).await.unwrap();
    }

    /// So many batches of a producer that does no harm.
    async fn innocents(&self, numbers: std::ops::RangeInclusive<u64>) {
        for seq in numbers {
            self.publish(batch("innocent", seq)).await;
        }
    }

    /// Waits for the receipts of as many batches of `innocent`, each of them once.
    async fn until_told(&mut self, count: usize) {
        let mut told = BTreeSet::new();
        while told.len() < count {
            let heard = tokio::time::timeout(DEADLINE, self.receipts.next()).await;
            let heard = heard.unwrap_or_else(|_| panic!("{} of {count} were told of", told.len()));
            let Incoming::Delivery(delivery) = heard.unwrap() else { continue };
            let Receipts { receipts } = wire::decode(&delivery.content_type, &delivery.payload).unwrap();
            told.extend(receipts.into_iter().map(|receipt| receipt.id.seq));
        }
    }

    /// Waits until nothing is left to integrate.
    async fn until_empty(&self) {
        let empty = async {
            while self.bus.depth(WorkQueue::Integrate).await != Some(0) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(DEADLINE, empty).await.unwrap();
    }

    /// The next dead letter's id and reason.
    async fn dead_letter(&mut self) -> (String, String) {
        let letter = self.whole_dead_letter().await;
        (letter.message_id, letter.headers.get(wire::DEAD_LETTER_REASON).cloned().unwrap_or_default())
    }

    async fn whole_dead_letter(&mut self) -> Delivery {
        let heard = tokio::time::timeout(DEADLINE, self.dead.next()).await.unwrap().unwrap();
        let Incoming::Delivery(letter) = heard else { panic!("{heard:?}") };
        self.dead.ack(letter.tag).await.unwrap();
        letter
    }
}

fn topic() -> TopicId {
    TopicId::from_name("rivers").unwrap()
}

fn batch(producer: &str, seq: u64) -> Batch {
    let meta = ResponseMeta {
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
    };
    let producer = WorkerId::parse(producer).unwrap();
    let novel = vec![format!("River {producer} {seq}")];
    Batch {
        id: BatchId { topic: topic(), run: 1, producer, incarnation: 1, seq },
        lowest_unresolved: 1,
        key_version: KEY_VERSION,
        body: BatchBody::Response {
            meta,
            novel,
            spellings: Vec::new(),
            sightings: Vec::new(),
            numbered: None,
        },
    }
}

#[tokio::test(start_paused = true)]
async fn the_producer_of_a_dead_letter_is_told_and_publishes_it_no_more() {
    let mut world = World::new().await;
    let bindings = vec![(Exchange::Commands, "producer.poison".to_owned())];
    let told = Source::Broadcast { name: "poison".to_owned(), bindings };
    let mut told = world.bus.consume(told, 10).await.unwrap();
    world.publish(Batch { key_version: KEY_VERSION + 1, ..batch("poison", 4) }).await;
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(run(world.context(CRASHER, Fate::Panics), stop.clone()));
    let (_, reason) = world.dead_letter().await;
    let Incoming::Delivery(delivery) = told.next().await.unwrap() else { panic!("a receipt is expected") };
    let Receipts { receipts } = wire::decode(&delivery.content_type, &delivery.payload).unwrap();
    let [Receipt { id, verdict: Verdict::Refused { reason: because }, .. }] = receipts.as_slice() else {
        panic!("{receipts:?}")
    };
    assert_eq!((id.seq, because), (4, &reason));
    stop.cancel();
    tasks.join_all().await;
}

#[tokio::test(start_paused = true)]
async fn a_number_that_no_store_takes_is_a_dead_letter_and_its_neighbours_are_committed() {
    let mut world = World::new().await;
    world.innocents(1..=3).await;
    let of = |seq: u64, change: fn(&mut Batch)| {
        let mut poison = batch("poison", seq);
        change(&mut poison);
        poison
    };
    world.publish(of(1, |batch| batch.id.run = 1 << 60)).await;
    world.publish(of(1 << 53, |_| ())).await;
    world.publish(of(2, |batch| batch.lowest_unresolved = u64::MAX)).await;
    let counts = |seq, change: fn(&mut ResponseMeta)| {
        let mut poison = batch("poison", seq);
        if let BatchBody::Response { meta, .. } = &mut poison.body {
            change(meta);
        }
        poison
    };
    world.publish(counts(3, |meta| meta.input_tokens = u64::MAX)).await;
    world.publish(counts(4, |meta| meta.output_tokens = 1 << 53)).await;
    world.innocents(4..=6).await;
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(run(world.context(CRASHER, Fate::Panics), stop.clone()));
    world.until_told(6).await;
    for what in ["run", "batch", "lowest unresolved batch", "input tokens", "output tokens"] {
        let (_, reason) = world.dead_letter().await;
        assert!(reason.contains(&format!("of the {what} is out of range")), "{reason}");
    }
    assert_eq!(world.store.head(&topic()).await.unwrap().log_index, 6);
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn receipts_for_many_batches_of_one_message_come_in_messages_that_are_read() {
    let mut world = World::new().await;
    world.publish_together((1..=500).map(|seq| batch("innocent", seq)).collect()).await;
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(run(world.context(CRASHER, Fate::Panics), stop.clone()));
    let mut told = 0;
    while told < 500 {
        let heard = tokio::time::timeout(DEADLINE, world.receipts.next()).await.unwrap().unwrap();
        let Incoming::Delivery(delivery) = heard else { continue };
        let Receipts { receipts } = wire::decode(&delivery.content_type, &delivery.payload).unwrap();
        assert!(receipts.len() <= 32, "{} at once", receipts.len());
        told += receipts.len();
    }
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
}

/// More than an integrator holds.
#[tokio::test(start_paused = true)]
async fn batches_that_the_store_refuses_are_neither_given_up_before_their_time_nor_in_the_way_of_others() {
    let mut world = World::new().await;
    let lakes = TopicId::from_name("lakes").unwrap();
    world.store.open_run(&lakes, 1, 1, None).await.unwrap();
    let store = Arc::new(FlawedStore::over(Arc::clone(&world.store)));
    store.refuse_commits_of(Some(&topic()));
    let context = Context { store: Arc::clone(&store) as _, ..world.context(CRASHER, Fate::Panics) };
    let (stop, clock) = (CancellationToken::new(), Arc::clone(&context.clock));
    let mut tasks = JoinSet::new();
    tasks.spawn(run(context, stop.clone()));
    for minute in 0..9 {
        // Producers publish again what has no receipt; the queue does not grow with it.
        for seq in 1..=200 {
            world.publish(batch("refused", seq)).await;
        }
        let mut other = batch("innocent", minute + 1);
        other.id.topic = lakes.clone();
        world.publish(other).await;
        let published = clock.now().monotonic;
        world.until_told(1).await;
        let took = clock.now().monotonic.since(published);
        assert!(took < Duration::from_millis(500), "others wait for {took:?}");
        tokio::time::sleep(Duration::from_mins(1)).await;
        let waiting = world.bus.depth(WorkQueue::Integrate).await.unwrap();
        assert!(waiting <= 200, "{waiting} in minute {minute}");
        assert!(world.dead.try_next().is_none(), "in minute {minute}");
    }
    let asked = store.commits.load(Relaxed);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let asked = store.commits.load(Relaxed) - asked;
    assert!(asked < 3_000, "{asked} attempts in 10 s");
    store.refuse_commits_of(None);
    world.until_told(200).await;
    assert_eq!(world.store.head(&topic()).await.unwrap().log_index, 200);
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
    assert_eq!(world.bus.depth(WorkQueue::Integrate).await, Some(0));
    assert!(world.dead.try_next().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_panics_every_integrator_is_given_up_and_its_neighbours_live() {
    let mut world = World::new().await;
    world.innocents(1..=5).await;
    world.publish(batch("crasher", 1)).await;
    world.innocents(6..=10).await;
    let (stop, context) = (CancellationToken::new(), world.context(CRASHER, Fate::Panics));
    let mut tasks = JoinSet::new();
    let asked = stop.clone();
    tasks.spawn(async move {
        again_after_panic("integrator", &asked, || run(context.clone(), asked.clone())).await;
    });
    world.until_told(10).await;
    let (id, reason) = world.dead_letter().await;
    assert!(id == CRASHING && reason.contains("crashed, 5 times"), "{id}: {reason}");
    // Its producer is told of it then, over which this one panics once more.
    world.until_empty().await;
    assert_eq!(world.store.attempts(CRASHING).await.unwrap(), 0);
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
    assert!(world.dead.try_next().is_none());
}

/// Believed, it would have the store take all that its producer sends up to there for settled.
#[tokio::test(start_paused = true)]
async fn a_batch_that_says_it_is_done_with_itself_is_a_dead_letter_and_those_of_its_producer_count() {
    let mut world = World::new().await;
    let forged = Batch { lowest_unresolved: 5_001, ..batch("innocent", 5_000) };
    world.publish(forged).await;
    world.innocents(1..=3).await;
    let (stop, context) = (CancellationToken::new(), world.context("nobody", Fate::Hangs));
    let mut tasks = JoinSet::new();
    tasks.spawn(run(context, stop.clone()));
    let (_, reason) = world.dead_letter().await;
    assert!(reason.contains("batch 5000 says that those before 5001 are done with"), "{reason}");
    world.until_told(4).await;
    assert_eq!(world.store.head(&topic()).await.unwrap().log_index, 3);
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
}

/// What a process notes of an attempt is there after it was killed.
#[tokio::test(start_paused = true)]
async fn a_message_that_kills_every_process_is_given_up_and_its_neighbours_live() {
    let mut world = World::new().await;
    world.innocents(1..=5).await;
    world.publish(batch("crasher", 1)).await;
    world.innocents(6..=10).await;
    for attempts in 0..=ATTEMPTS {
        let mut process = JoinSet::new();
        process.spawn(run(world.context(CRASHER, Fate::Hangs), CancellationToken::new()));
        tokio::time::timeout(DEADLINE, world.struck.notified()).await.unwrap();
        process.shutdown().await;
        assert_eq!(world.store.attempts(CRASHING).await.unwrap(), attempts);
    }
    let bindings = vec![(Exchange::Commands, CRASHER.to_owned())];
    let told = Source::Broadcast { name: "crasher".to_owned(), bindings };
    let mut told = world.bus.consume(told, 10).await.unwrap();
    let stop = CancellationToken::new();
    let mut process = JoinSet::new();
    process.spawn(run(world.context("nobody", Fate::Hangs), stop.clone()));
    world.until_told(10).await;
    assert_eq!(world.dead_letter().await.0, CRASHING);
    // Or it would publish it again, and again.
    let Incoming::Delivery(delivery) = told.next().await.unwrap() else { panic!("a receipt is expected") };
    let Receipts { receipts } = wire::decode(&delivery.content_type, &delivery.payload).unwrap();
    let [Receipt { id, verdict: Verdict::Refused { reason }, .. }] = receipts.as_slice() else {
        panic!("{receipts:?}")
    };
    assert_eq!(*id, batch("crasher", 1).id);
    assert!(reason.contains("crashed, 5 times"), "{reason}");
    stop.cancel();
    process.join_next().await.unwrap().unwrap();
    assert_eq!(world.bus.depth(WorkQueue::Integrate).await, Some(0));
    assert!(world.dead.try_next().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_at_hand_when_five_processes_were_killed_is_not_lost() {
    let mut world = World::new().await;
    // As many as one message of receipts tells of: each process is struck once.
    world.innocents(1..=32).await;
    for attempts in 0..5 {
        let mut process = JoinSet::new();
        process.spawn(run(world.context("producer.innocent", Fate::Hangs), CancellationToken::new()));
        tokio::time::timeout(DEADLINE, world.struck.notified()).await.unwrap();
        process.shutdown().await;
        assert_eq!(world.store.attempts("batch-innocent-1-rivers-1-1").await.unwrap(), attempts);
    }
    let stop = CancellationToken::new();
    let mut process = JoinSet::new();
    process.spawn(run(world.context(CRASHER, Fate::Hangs), stop.clone()));
    world.until_told(32).await;
    stop.cancel();
    process.join_next().await.unwrap().unwrap();
    assert!(world.dead.try_next().is_none());
    for seq in 1..=32 {
        assert_eq!(world.store.attempts(&format!("batch-innocent-1-rivers-1-{seq}")).await.unwrap(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_nothing_is_a_trouble_of_the_process_until_it_does() {
    let world = World::new().await;
    let (context, stop) = (world.context(CRASHER, Fate::Hangs), CancellationToken::new());
    let full = AtomicBool::new(true);
    let ask = async || {
        if full.load(Relaxed) { Err(StoreError::Unavailable("no space left".to_owned())) } else { Ok(()) }
    };
    let noticed = async {
        while context.troubles.reasons(context.clock.now().monotonic).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let reasons = context.troubles.reasons(context.clock.now().monotonic);
        assert_eq!(reasons, ["committing does not work: the store cannot be used: no space left"]);
        full.store(false, Relaxed);
    };
    let both = futures::future::join(at_last(&context, &stop, ask), noticed);
    let (committed, ()) = tokio::time::timeout(DEADLINE, both).await.unwrap();
    assert!(matches!(committed, Ok(Ok(()))), "{committed:?}");
    assert!(context.troubles.reasons(context.clock.now().monotonic).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stumbles_for_a_moment_is_no_trouble() {
    let world = World::new().await;
    let (context, stop) = (world.context(CRASHER, Fate::Hangs), CancellationToken::new());
    let asked = AtomicU32::new(0);
    let ask = async || {
        assert!(context.troubles.reasons(context.clock.now().monotonic).is_empty());
        match asked.fetch_add(1, Relaxed) {
            0..3 => Err(StoreError::Unknown("no answer".to_owned())),
            _ => Ok(()),
        }
    };
    let committed = at_last(&context, &stop, ask).await;
    assert!(matches!(committed, Ok(Ok(()))), "{committed:?}");
}
