#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use igentai_core::batch::{BatchId, Named, Outcome, ResponseMeta};
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
use igentai_shared::wire;
use tokio::task::JoinSet;

use self::flawed::{FlawedBus, FlawedStore};
use super::*;
use crate::Options;
use crate::send::send;

mod filters;
pub(crate) mod flawed;
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
        };
        self.store.commit(vec![commit]).await.unwrap();
    }

    /// A producer is heard.
    async fn beat(&self, producer: &str, seq: u64) {
        let heartbeat = Heartbeat {
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
async fn a_broker_that_is_away_costs_nobody_the_lease_and_topics_can_still_be_stopped() {
    for half_open in [false, true] {
        let mut desk = Desk::new();
        desk.start("birds").await;
        desk.start("fish").await;
        desk.run();
        desk.until_state("birds", TopicState::Running).await;
        desk.bus.hangs.store(true, Relaxed);
        desk.bus.says_so.store(!half_open, Relaxed);
        tokio::time::sleep(Duration::from_secs(30)).await;
        if !half_open {
            let problem = desk.problem("birds").await.unwrap();
            assert!(problem.contains("no connection to the broker"), "{problem}");
        }
        registry::end(desk.store.as_ref(), &id("birds"), EndReason::Stopped).await.unwrap();
        desk.until_state("birds", TopicState::Ended(EndReason::Stopped)).await;
        assert_eq!(desk.epoch().await, 1, "half open: {half_open}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_refused_costs_no_term_and_topics_can_still_be_stopped() {
    let mut desk = Desk::new();
    desk.start("birds").await;
    desk.bus.refuses_queue.store(true, Relaxed);
    desk.run();
    desk.until_state("birds", TopicState::Running).await;
    desk.until("birds says why", async || {
        desk.problem("birds").await.is_some_and(|why| why.contains("producers are not heard"))
    })
    .await;
    assert_eq!(desk.troubles().len(), 1);
    registry::end(desk.store.as_ref(), &id("birds"), EndReason::Stopped).await.unwrap();
    desk.until_state("birds", TopicState::Ended(EndReason::Stopped)).await;
    desk.start("fish").await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    desk.bus.refuses_queue.store(false, Relaxed);
    desk.until("nobody is heard, since there is nobody", async || {
        desk.problem("fish").await.is_some_and(|why| why == "no producer is connected")
    })
    .await;
    assert_eq!(desk.troubles(), [""; 0]);
    desk.stop.cancel();
    desk.running.join_next().await.unwrap().unwrap();
    assert_eq!(desk.epoch().await, 1, "nobody lost the lease over it");
}

#[tokio::test(start_paused = true)]
async fn who_is_asked_to_stop_while_its_queue_is_refused_stops() {
    let mut desk = Desk::new();
    desk.bus.refuses_queue.store(true, Relaxed);
    desk.run();
    desk.until("somebody leads", async || desk.epoch().await == 1).await;
    desk.stop.cancel();
    tokio::time::timeout(Duration::from_millis(100), desk.running.join_next()).await.unwrap();
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

/// What the registry refuses can still come about: by starts at the same moment, or from an earlier version.
#[tokio::test(start_paused = true)]
async fn a_command_that_nobody_would_read_is_not_sent_and_every_topic_says_so() {
    let mut desk = Desk::new();
    for number in 0..130 {
        let name = format!("topic {number}");
        let prompt = Some("p".repeat(8_164));
        let request = StartRequest { name: name.clone(), prompt, ..StartRequest::default() };
        let topic = Topic::start(None, id(&name), request, desk.context.clock.now().unix).unwrap();
        desk.store.put_topic(&topic, None).await.unwrap();
    }
    let bindings = vec![(Exchange::Commands, "producer.p1".to_owned())];
    let source = Source::Broadcast { name: "igentai.producer.p1".to_owned(), bindings };
    let mut commands = desk.bus.consume(source, 100).await.unwrap();
    desk.run();
    desk.until_state("topic 99", TopicState::Running).await;
    let mut seq = 0;
    let mut says = async |desk: &Desk, what: bool| {
        desk.until("it says so", async || {
            seq += 1;
            desk.beat("p1", seq).await;
            let says =
                desk.problem("topic 99").await.is_some_and(|why| why.contains("cannot be told what to do"));
            says == what
        })
        .await;
    };
    says(&desk, true).await;
    assert!(desk.troubles().iter().any(|why| why.contains("sending `command`")), "{:?}", desk.troubles());
    while let Some(command) = commands.try_next() {
        let command: Command = wire::decode(&command.content_type, &command.payload).unwrap();
        assert_eq!(command.topics, [], "nothing was to be done yet");
    }
    for number in 0..90 {
        registry::end(desk.store.as_ref(), &id(&format!("topic {number}")), EndReason::Stopped)
            .await
            .unwrap();
    }
    says(&desk, false).await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(desk.troubles(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn who_cannot_stand_for_the_lease_says_so_until_it_can() {
    let mut desk = Desk::new();
    desk.store.lease_fails.store(true, Relaxed);
    desk.run();
    desk.until("it is said", async || {
        desk.troubles().iter().any(|reason| reason.contains("cannot stand for the lease"))
    })
    .await;
    desk.store.lease_fails.store(false, Relaxed);
    desk.until("it is over", async || desk.troubles().is_empty()).await;
    assert_eq!(desk.epoch().await, 1);
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

#[tokio::test(start_paused = true)]
async fn a_lease_that_somebody_else_took_is_noticed_beside_everything_else() {
    let desk = Desk::new();
    let free = desk.store.lease().await.unwrap();
    let held = desk.store.take_lease(&desk.context.id, &free).await.unwrap().unwrap();
    let since = desk.context.clock.now().monotonic;
    let other = async {
        tokio::time::sleep(Duration::from_mins(1)).await;
        let seen = desk.store.lease().await.unwrap();
        assert_eq!((seen.epoch, &seen.holder), (held.epoch, &held.holder), "it was kept till now");
        let other = WorkerId::parse("o2").unwrap();
        desk.store.take_lease(&other, &seen).await.unwrap().unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = lease::keep(&desk.context, held.epoch, since) => {}
        () = other => {}
    }
    let took = desk.context.clock.now().monotonic.since(since);
    assert!(took < Duration::from_secs(62), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_standby_to_whom_the_store_is_slow_takes_no_lease_from_one_who_renews_it() {
    let mut desk = Desk::new();
    desk.start("birds").await;
    desk.run();
    desk.until_state("birds", TopicState::Running).await;
    let store = Arc::new(desk.store.another_client());
    store.lease_stalls.store(true, Relaxed);
    let standby = Context { id: WorkerId::parse("o2").unwrap(), store, ..desk.context.clone() };
    desk.running.spawn(run(standby, desk.stop.clone()));
    tokio::time::sleep(Duration::from_mins(2)).await;
    let lease = desk.store.lease().await.unwrap();
    assert_eq!((lease.holder.as_ref(), lease.epoch), (Some(&desk.context.id), 1));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_cannot_be_renewed_is_given_up_when_its_time_is_over() {
    for hangs in [false, true] {
        let desk = Desk::new();
        let free = desk.store.lease().await.unwrap();
        let held = desk.store.take_lease(&desk.context.id, &free).await.unwrap().unwrap();
        let since = desk.context.clock.now().monotonic;
        desk.store.lease_fails.store(true, Relaxed);
        desk.store.lease_hangs.store(hangs, Relaxed);
        lease::keep(&desk.context, held.epoch, since).await;
        assert_eq!(desk.context.clock.now().monotonic.since(since), desk.context.options.lease_ttl);
    }
}

#[tokio::test(start_paused = true)]
async fn who_lost_the_lease_to_a_store_that_was_away_leads_again_at_once_where_nobody_else_took_it() {
    let mut desk = Desk::new();
    desk.start("birds").await;
    desk.run();
    desk.until_state("birds", TopicState::Running).await;
    desk.store.lease_fails.store(true, Relaxed);
    desk.until("it cannot stand for the lease", async || !desk.troubles().is_empty()).await;
    desk.store.lease_fails.store(false, Relaxed);
    let back = desk.context.clock.now().monotonic;
    desk.until("it leads again", async || desk.epoch().await == 2).await;
    let took = desk.context.clock.now().monotonic.since(back);
    assert!(took < desk.context.options.lease_ttl / 2, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn messages_that_no_queue_took_are_warned_of_as_long_as_this_process_leads() {
    let mut desk = Desk::new();
    desk.run();
    let warned = || desk.context.troubles.warnings().join("; ");
    desk.until("it leads", async || desk.epoch().await == 1).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(warned(), "");
    let hint = igentai_shared::wire::Hint { topic: id("birds") };
    send(&desk.context, Exchange::Unrouted, "x".to_owned(), "one".to_owned(), &hint).await.unwrap();
    desk.until("it is warned of", async || warned().contains("1 messages that no queue took")).await;
    let seen = desk.store.lease().await.unwrap();
    desk.store.take_lease(&WorkerId::parse("o2").unwrap(), &seen).await.unwrap().unwrap();
    desk.until("it is the other's to know", async || warned().is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_claims_every_topic_before_it_reads_what_it_decides_on() {
    let mut desk = Desk::new();
    desk.start("birds").await;
    desk.start("fish").await;
    desk.run();
    let both = vec![(id("birds"), 1), (id("fish"), 1)];
    desk.until("both are claimed", async || *desk.store.claimed_before_reading.lock().unwrap() == both).await;
    desk.until_state("fish", TopicState::Running).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let again = [both.clone(), both].concat();
    assert_eq!(*desk.store.claimed.lock().unwrap(), again, "once in a term, and once when they are opened");
}
