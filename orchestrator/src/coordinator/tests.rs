#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use igentai_core::batch::{BatchId, Named, Outcome, ResponseMeta, Told};
use igentai_core::command::{Command, Heartbeat};
use igentai_core::cost::Cost;
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::key::{Fingerprint, Key};
use igentai_core::log::{EntryHead, EntryKind};
use igentai_core::status::TopicStatus;
use igentai_core::time::UnixMillis;
use igentai_core::topic::{EndReason, StartRequest, Topic, TopicState};
use igentai_shared::bus::memory::MemoryBus;
use igentai_shared::bus::{Bus, Exchange, Incoming, Source};
use igentai_shared::clock::VirtualClock;
use igentai_shared::registry;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::{Commit, Store, checkpoints};
use igentai_shared::wire::{self, Refused};
use tokio::task::JoinSet;

use self::flawed::{FlawedBus, FlawedStore};
use super::*;
use crate::Options;
use crate::send::send;

mod broker;
mod filters;
pub(crate) mod flawed;
mod late;
mod leases;
mod leaving;
mod saving;

/// A coordinator over a store and a bus that fail on demand.
struct Desk {
    store: Arc<FlawedStore>,
    bus: Arc<FlawedBus>,
    context: Context,
    stop: CancellationToken,
    running: JoinSet<()>,
}

impl Desk {
    fn new() -> Self {
        let store = Arc::new(FlawedStore::over(EmbeddedStore::in_memory().unwrap()));
        let bus = Arc::new(FlawedBus::over(MemoryBus::new(), Arc::clone(&store)));
        let context = Context {
            id: WorkerId::parse("o1").unwrap(),
            new_registry_id: "r1".to_owned(),
            bus: Arc::clone(&bus) as _,
            store: Arc::clone(&store) as _,
            clock: Arc::new(VirtualClock::starting_at(UnixMillis(1_700_000_000_000))),
            options: Options::default(),
            troubles: igentai_shared::bus::trouble::Troubles::default(),
        };
        Self { store, bus, context, stop: CancellationToken::new(), running: JoinSet::new() }
    }

    fn run(&mut self) {
        self.running.spawn(run(self.context.clone(), self.stop.clone()));
    }

    async fn start(&self, name: &str) -> Topic {
        let request = StartRequest { name: name.to_owned(), ..StartRequest::default() };
        registry::start(self.store.as_ref(), &request, self.context.clock.now().unix).await.unwrap()
    }

    async fn topic(&self, name: &str) -> Topic {
        self.store.topic(&id(name)).await.unwrap().unwrap()
    }

    /// Polls until it is so; fails after two minutes, which is longer than answers under way are waited for.
    async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let waiting = async {
            while !holds().await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        assert!(
            tokio::time::timeout(Duration::from_mins(2), waiting).await.is_ok(),
            "it is never so that {what}"
        );
    }

    async fn until_state(&self, name: &str, state: TopicState) {
        self.until(&format!("{name} is {state:?}"), async || self.topic(name).await.state == state).await;
    }

    async fn problem(&self, name: &str) -> Option<String> {
        let bytes = self.store.checkpoint(&id(name), 1, checkpoints::STATUS).await.unwrap()?;
        checkpoints::decode::<TopicStatus>(&bytes).unwrap().problem
    }

    async fn commit(&self, name: &str, seq: u64, text: &str) {
        let meta = ResponseMeta {
            provider: "small".into(),
            model: "m".into(),
            cell: None,
            probe: false,
            prompt_hash: 0,
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
        let (producer, at) = (WorkerId::parse("p1").unwrap(), self.context.clock.now().unix);
        let kind = EntryKind::Response(meta);
        let fingerprint = Fingerprint::of(&Key::of(text).unwrap());
        let commit = Commit {
            id: BatchId { topic: id(name), run: 1, producer: producer.clone(), incarnation: 1, seq },
            lowest_unresolved: seq,
            head: EntryHead { producer, incarnation: 1, seq, at, kind },
            novel: vec![Named { text: text.to_owned(), fingerprint }],
            spellings: Vec::new(),
            sightings: Vec::new(),
            numbered: None,
        };
        self.store.commit(vec![commit]).await.unwrap();
    }

    /// A producer is heard.
    async fn beat(&self, producer: &str, seq: u64) {
        let heartbeat = Heartbeat {
            registry: None,
            producer: WorkerId::parse(producer).unwrap(),
            incarnation: 1,
            seq,
            command: (0, 0),
            concurrency: 1,
            draining: false,
            left: false,
            topics: Vec::new(),
            providers: Vec::new(),
        };
        let (key, name) = (format!("producer.{producer}"), format!("heartbeat-{seq}"));
        send(&self.context, Exchange::Status, key, name, &heartbeat).await.unwrap();
    }

    /// Why the process does not work.
    fn troubles(&self) -> Vec<String> {
        self.context.troubles.reasons(self.context.clock.now().monotonic)
    }

    async fn epoch(&self) -> Epoch {
        self.store.lease().await.unwrap().epoch
    }
}

fn id(name: &str) -> TopicId {
    TopicId::from_name(name).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_topic_whose_log_cannot_be_read_holds_no_other_up_and_says_why() {
    let mut desk = Desk::new();
    for name in ["birds", "fish"] {
        let topic = desk.start(name).await;
        desk.store.open_run(&topic.id, 1, 0, None).await.unwrap();
        desk.commit(name, 1, "Wren").await;
    }
    desk.store.break_log(&id("birds"));
    desk.run();
    desk.until_state("fish", TopicState::Running).await;
    desk.until("birds says why", async || {
        desk.problem("birds").await.is_some_and(|why| why.contains("cannot be opened"))
    })
    .await;
    registry::end(desk.store.as_ref(), &id("fish"), EndReason::Stopped).await.unwrap();
    desk.until_state("fish", TopicState::Ended(EndReason::Stopped)).await;
    assert_eq!(desk.topic("birds").await.state, TopicState::Starting);
    desk.store.mend_logs();
    desk.until_state("birds", TopicState::Running).await;
    desk.until("nothing is the matter with birds", async || {
        desk.problem("birds").await.is_none_or(|why| why == "no producer is connected")
    })
    .await;
    assert_eq!(desk.epoch().await, 1, "nobody lost the lease over it");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_followed_any_more_is_tried_again_with_a_pause_and_taken_up_where_it_was_left() {
    let mut desk = Desk::new();
    desk.start("birds").await;
    desk.run();
    desk.until_state("birds", TopicState::Running).await;
    desk.store.break_log(&id("birds"));
    desk.commit("birds", 1, "Wren").await;
    desk.until("birds says why", async || {
        desk.problem("birds").await.is_some_and(|why| why.contains("cannot be followed"))
    })
    .await;
    let before = desk.store.log_calls.load(Relaxed);
    tokio::time::sleep(Duration::from_secs(20)).await;
    let calls = desk.store.log_calls.load(Relaxed) - before;
    assert!((5..=20).contains(&calls), "{calls} attempts in 20 s");
    desk.store.mend_logs();
    desk.until("the log is read", async || {
        let bytes = desk.store.checkpoint(&id("birds"), 1, checkpoints::STATUS).await.unwrap().unwrap();
        checkpoints::decode::<TopicStatus>(&bytes).unwrap().attributes == 1
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn checkpoints_that_cannot_be_saved_are_one_topics_trouble() {
    let mut desk = Desk::new();
    let mut birds = desk.start("birds").await;
    (birds.limits.max_requests, birds.version) = (Some(10), birds.version + 1);
    desk.store.put_topic(&birds, Some(birds.version - 1)).await.unwrap();
    desk.start("fish").await;
    desk.store.refuses_checkpoints.store(true, Relaxed);
    desk.run();
    desk.until_state("fish", TopicState::Running).await;
    registry::end(desk.store.as_ref(), &id("fish"), EndReason::Stopped).await.unwrap();
    desk.until_state("fish", TopicState::Ended(EndReason::Stopped)).await;
    assert_eq!(desk.epoch().await, 1);
}

/// Runs and epochs are small numbers both, and easily the same.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_over_is_its_topics_trouble_and_no_lost_epoch() {
    let mut desk = Desk::new();
    desk.start("birds").await;
    desk.start("fish").await;
    desk.run();
    desk.until_state("birds", TopicState::Running).await;
    assert_eq!(desk.epoch().await, 1);
    desk.store.open_run(&id("birds"), 2, 1, None).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    registry::end(desk.store.as_ref(), &id("fish"), EndReason::Stopped).await.unwrap();
    desk.until_state("fish", TopicState::Ended(EndReason::Stopped)).await;
    assert_eq!(desk.epoch().await, 1, "nobody lost the lease over it");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_read_the_definitions_orders_nobody_to_drop_anything() {
    let mut desk = Desk::new();
    desk.start("birds").await;
    desk.run();
    desk.until_state("birds", TopicState::Running).await;
    desk.stop.cancel();
    desk.running.join_next().await.unwrap().unwrap();
    let bindings = vec![(Exchange::Commands, "producer.p1".to_owned())];
    let source = Source::Broadcast { name: "igentai.producer.p1".to_owned(), bindings };
    let mut commands = desk.bus.consume(source, 100).await.unwrap();
    desk.store.topics_fail.store(true, Relaxed);
    desk.stop = CancellationToken::new();
    desk.run();
    for seq in 1..10 {
        desk.beat("p1", seq).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(commands.try_next().is_none(), "nothing is known, so nothing is ordered");
    assert_eq!(desk.epoch().await, 2);
    desk.store.topics_fail.store(false, Relaxed);
    desk.beat("p1", 10).await;
    let Incoming::Delivery(first) = commands.next().await.unwrap() else { unreachable!("a command") };
    let command: Command = wire::decode(&first.content_type, &first.payload).unwrap();
    assert_eq!(command.topics.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_slow_lets_no_producer_be_taken_for_dead() {
    let mut desk = Desk::new();
    desk.start("birds").await;
    desk.run();
    desk.until_state("birds", TopicState::Running).await;
    desk.store.slow.store(true, Relaxed);
    for seq in 1..30 {
        desk.beat("p1", seq).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        if seq >= 15 {
            assert_eq!(desk.problem("birds").await, None, "after {seq} s");
        }
    }
    assert_eq!(desk.epoch().await, 1);
}

#[tokio::test(start_paused = true)]
async fn what_keeps_the_process_from_committing_is_the_problem_of_a_topic_that_runs() {
    let mut desk = Desk::new();
    desk.start("birds").await;
    desk.run();
    desk.until_state("birds", TopicState::Running).await;
    desk.context.troubles.note("committing", "no space left");
    let why = "committing does not work: no space left";
    desk.until("birds says why", async || desk.problem("birds").await.as_deref() == Some(why)).await;
    registry::end(desk.store.as_ref(), &id("birds"), EndReason::Stopped).await.unwrap();
    desk.until_state("birds", TopicState::Ended(EndReason::Stopped)).await;
    desk.until("nothing is missing", async || desk.problem("birds").await.is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn what_integrators_say_that_the_store_refuses_is_the_topics_problem_as_long_as_they_say_so() {
    let mut desk = Desk::new();
    desk.start("birds").await;
    desk.start("fish").await;
    desk.run();
    desk.until_state("birds", TopicState::Running).await;
    let says_why = async |run, seconds| {
        for _ in 0..seconds {
            let reason = "WRONGTYPE".to_owned();
            let refused = Refused { topic: id("birds"), run, reason };
            send(&desk.context, Exchange::Status, "orchestrator.o2".to_owned(), "r".to_owned(), &refused)
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        desk.problem("birds").await.is_some_and(|why| why.contains("producers have found: WRONGTYPE"))
    };
    assert!(!says_why(2, 3).await, "it is said of another run");
    assert!(says_why(1, 3).await);
    assert!(!desk.problem("fish").await.is_some_and(|why| why.contains("WRONGTYPE")));
    assert!(says_why(1, 20).await);
    desk.commit("birds", 1, "Wren").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let problem = desk.problem("birds").await;
    assert!(!problem.is_some_and(|why| why.contains("WRONGTYPE")), "what is committed is not refused");
    assert!(says_why(1, 3).await);
    desk.until("it is over", async || {
        desk.problem("birds").await.is_none_or(|why| !why.contains("WRONGTYPE"))
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_topic_stands_in_the_registry_as_it_is_told() {
    let mut desk = Desk::new();
    desk.start("birds").await;
    desk.run();
    desk.until_state("birds", TopicState::Running).await;
    desk.commit("birds", 1, "Wren").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    registry::end(desk.store.as_ref(), &id("birds"), EndReason::Stopped).await.unwrap();
    desk.until_state("birds", TopicState::Ended(EndReason::Stopped)).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(desk.bus.statuses.load(Relaxed) >= 4);
    assert_eq!(desk.bus.ahead_of_the_store.load(Relaxed), 0);
}
