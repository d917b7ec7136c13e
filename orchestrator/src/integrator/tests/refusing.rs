//! A topic that the store refuses, and those beside it.

use igentai_core::batch::Named;
use igentai_core::command::{Command, Lease, TopicOrder};
use igentai_core::key::{Fingerprint, Key};
use igentai_core::worker::{Finished, Worker};
use igentai_shared::wire::Refused;

use super::*;

fn of(topic: &TopicId, seq: u64) -> Batch {
    let mut batch = batch("innocent", seq);
    batch.id.topic = topic.clone();
    batch
}

/// Refused ones that are held, that wait to go round, and that are more than either takes.
#[tokio::test(start_paused = true)]
async fn however_many_batches_of_one_topic_are_refused_those_of_others_go_on_at_their_pace() {
    for refused in [50, 150, 1_000] {
        let mut world = World::new().await;
        let lakes = TopicId::from_name("lakes").unwrap();
        world.store.open_run(&lakes, 1, 1, None).await.unwrap();
        let store = Arc::new(FlawedStore::over(Arc::clone(&world.store)));
        store.refuse_commits_of(Some(&topic()));
        let context = Context { store: Arc::clone(&store) as _, ..world.context(CRASHER, Fate::Panics) };
        let (stop, clock) = (CancellationToken::new(), Arc::clone(&context.clock));
        let began = clock.now().monotonic;
        let troubles = context.troubles.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(run(context, stop.clone()));
        for seq in 1..=refused {
            world.publish(batch("refused", seq)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let asked = store.commits.load(Relaxed);
        for round in 0..10 {
            let published = clock.now().monotonic;
            for seq in 1..=64 {
                world.publish(of(&lakes, round * 64 + seq)).await;
            }
            world.until_told(64).await;
            let took = clock.now().monotonic.since(published);
            assert!(took < Duration::from_millis(700), "beside {refused} refused they take {took:?}");
            assert!(
                refused > 200 || took < Duration::from_millis(100),
                "beside {refused} they take {took:?}"
            );
        }
        let asked = store.commits.load(Relaxed) - asked;
        assert!(asked < 200, "{asked} commits of 640 batches, beside {refused} that are refused");
        let told = troubles.warnings().join("; ");
        assert!(
            refused > 200 || told.starts_with(&format!("{refused} messages with answers wait here")),
            "{told}"
        );
        assert!(told.contains("rivers (run 1)"), "{told}");
        let (noted, seconds) = (world.refusals().await, clock.now().monotonic.since(began).as_secs());
        assert!((seconds / 4..=seconds / 2 + 1).contains(&noted), "it is told {noted} times in {seconds} s");
        store.refuse_commits_of(None);
        world.until_told(usize::try_from(refused).unwrap()).await;
        stop.cancel();
        tasks.join_next().await.unwrap().unwrap();
        assert_eq!(world.store.head(&topic()).await.unwrap().log_index, refused);
        assert!(troubles.warnings().is_empty() && world.dead.try_next().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_has_gone_round_before_that_is_confirmed_is_no_copy_of_itself() {
    let mut world = World::new().await;
    let store = Arc::new(FlawedStore::over(Arc::clone(&world.store)));
    store.refuse_commits_of(Some(&topic()));
    let context = Context { store: Arc::clone(&store) as _, ..world.context("rivers", Fate::ConfirmedLate) };
    let (stop, struck) = (CancellationToken::new(), Arc::clone(&world.struck));
    let mut tasks = JoinSet::new();
    tasks.spawn(run(context, stop.clone()));
    // More than are held.
    world.innocents(1..=100).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    struck.notified().await;
    store.refuse_commits_of(None);
    world.until_told(100).await;
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
    assert_eq!(world.store.head(&topic()).await.unwrap().log_index, 100);
}

/// From its first request to the list, by way of the dead letters.
#[tokio::test(start_paused = true)]
async fn what_was_refused_for_ten_minutes_and_is_replayed_later_is_committed() {
    let mut world = World::new().await;
    let store = Arc::new(FlawedStore::over(Arc::clone(&world.store)));
    store.refuse_commits_of(Some(&topic()));
    let context = Context { store: Arc::clone(&store) as _, ..world.context(CRASHER, Fate::Panics) };
    let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
    tasks.spawn(run(context, stop.clone()));
    let mut worker = Worker::new(WorkerId::parse("innocent").unwrap(), 1, 4);
    worker.command(command(), Monotonic(0));
    let refused = world.ask(&mut worker, "Rhine").await;
    tokio::time::sleep(Duration::from_mins(11)).await;
    let letter = world.whole_dead_letter().await;
    world.until_resolved(&mut worker, &refused.id).await;
    store.refuse_commits_of(None);
    let others = [world.ask(&mut worker, "Danube").await, world.ask(&mut worker, "Volga").await];
    for other in &others {
        world.until_resolved(&mut worker, &other.id).await;
    }
    world.bus.publish(again(letter)).await.unwrap();
    world.until_told(1).await;
    let texts: Vec<String> =
        world.store.attributes(&topic(), 1, 0, 10).await.unwrap().into_iter().map(|one| one.text).collect();
    assert_eq!(texts, ["Danube", "Volga", "Rhine"]);
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
}

fn command() -> Command {
    let lease = Lease { requests: 10, cost: Cost::ZERO };
    let order = TopicOrder {
        phrasings: Vec::new(),
        topic: topic(),
        run: 1,
        name: "rivers".to_owned(),
        prompt: None,
        items_per_request: 10,
        max_attributes: None,
        provider_weights: BTreeMap::new(),
        shares: None,
        ask: true,
        abandon: false,
        lease,
        capped_cost: false,
        rules: igentai_core::rules::ItemRules::default(),
        aims: None,
    };
    let (registry, topics) = ("r".to_owned(), vec![order]);
    Command { registry, replaces: None, epoch: 1, version: 1, incarnation: 1, topics, care: Vec::new() }
}

fn again(letter: Delivery) -> Outgoing {
    let headers = BTreeMap::from([(wire::DEAD_LETTER_REPLAYS.to_owned(), "1".to_owned())]);
    let Delivery { routing_key, content_type, message_id, payload, .. } = letter;
    Outgoing { exchange: Exchange::Batches, routing_key, content_type, message_id, headers, payload }
}

impl World {
    /// How often the coordinator was told that the run is refused.
    async fn refusals(&self) -> u64 {
        let mut heard = self.bus.consume(Source::Work(WorkQueue::Coordinate), 1_000).await.unwrap();
        let mut noted = 0;
        while let Some(delivery) = heard.try_next() {
            if let Ok(refused) = wire::decode::<Refused>(&delivery.content_type, &delivery.payload) {
                assert_eq!((refused.topic, refused.run), (topic(), 1));
                noted += 1;
            }
            heard.ack(delivery.tag).await.unwrap();
        }
        noted
    }

    /// A request that is answered with one item.
    async fn ask(&self, worker: &mut Worker, item: &str) -> Batch {
        let ask = worker.next_ask().unwrap();
        assert!(worker.begin(&ask.order.topic, 1, Cost::ZERO));
        let BatchBody::Response { meta, .. } = batch("innocent", 1).body else { panic!("a response") };
        let fingerprint = Fingerprint::of(&Key::of(item).unwrap());
        let items = vec![Named { text: item.to_owned(), fingerprint }];
        let asked = worker.finish(&topic(), 1, Finished { meta, items }, Monotonic(0)).unwrap();
        self.publish(asked.clone()).await;
        asked
    }

    async fn until_resolved(&mut self, worker: &mut Worker, id: &BatchId) {
        while worker.awaits(id) {
            let heard = tokio::time::timeout(DEADLINE, self.receipts.next()).await.unwrap().unwrap();
            let Incoming::Delivery(delivery) = heard else { continue };
            let Receipts { receipts } = wire::decode(&delivery.content_type, &delivery.payload).unwrap();
            for receipt in &receipts {
                worker.receipt(receipt, Monotonic(0));
            }
        }
    }
}

/// With nothing else to do.
#[tokio::test(start_paused = true)]
async fn the_coordinator_is_told_every_two_seconds_that_a_run_is_refused() {
    let world = World::new().await;
    let store = Arc::new(FlawedStore::over(Arc::clone(&world.store)));
    store.refuse_commits_of(Some(&topic()));
    let context = Context { store: Arc::clone(&store) as _, ..world.context(CRASHER, Fate::Panics) };
    let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
    tasks.spawn(run(context, stop.clone()));
    world.publish(batch("refused", 1)).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    // What the queue keeps is half a minute old at most.
    let noted = world.refusals().await;
    assert!((14..=15).contains(&noted), "{noted} times in half a minute");
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
}
