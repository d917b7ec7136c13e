//! What is held while the store does not serve.

use igentai_shared::bus::{Delivery, DeliveryTag};
use igentai_shared::clock::Clock;

use super::*;

/// A consumer that has waited so long in vain, while it holds messages, takes itself for deaf.
const PATIENCE: Duration = Duration::from_secs(10);

/// A bus with such consumers.
#[derive(Debug)]
struct Doubtful {
    inner: Arc<MemoryBus>,
    doubts: Arc<AtomicU32>,
}

#[derive(Debug)]
struct Doubting {
    inner: Box<dyn Consumer>,
    clock: SystemClock,
    waits_since: Option<Monotonic>,
    doubts: Arc<AtomicU32>,
}

/// What this producer says was delivered before, to somebody else.
const AGAIN: &str = "again";

fn marked(delivery: Delivery) -> Delivery {
    Delivery { redelivered: delivery.redelivered || delivery.message_id.contains(AGAIN), ..delivery }
}

#[async_trait]
impl Bus for Doubtful {
    async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        self.inner.publish(message).await
    }

    async fn consume(&self, source: Source, prefetch: u16) -> Result<Box<dyn Consumer>, BusError> {
        let (inner, doubts) = (self.inner.consume(source, prefetch).await?, Arc::clone(&self.doubts));
        Ok(Box::new(Doubting { inner, clock: SystemClock::new(), waits_since: None, doubts }))
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

#[async_trait]
impl Consumer for Doubting {
    async fn next(&mut self) -> Result<Incoming, BusError> {
        let now = self.clock.now().monotonic;
        let since = *self.waits_since.get_or_insert(now);
        let left = PATIENCE.saturating_sub(now.since(since));
        let heard = tokio::time::timeout(left, self.inner.next()).await;
        self.waits_since = None;
        match heard {
            Ok(Ok(Incoming::Delivery(delivery))) => Ok(Incoming::Delivery(marked(delivery))),
            Ok(heard) => heard,
            Err(_) => {
                self.doubts.fetch_add(1, Relaxed);
                Ok(Incoming::Resumed)
            }
        }
    }

    fn try_next(&mut self) -> Option<Delivery> {
        self.inner.try_next().map(marked)
    }

    fn rest(&mut self) {
        self.waits_since = None;
    }

    async fn ack(&mut self, tag: DeliveryTag) -> Result<(), BusError> {
        self.inner.ack(tag).await
    }

    async fn requeue(&mut self, tag: DeliveryTag) -> Result<(), BusError> {
        self.inner.requeue(tag).await
    }
}

/// An integrator over a store that does not serve commits, and what it counts.
fn integrator(world: &World, stop: &CancellationToken) -> (JoinSet<()>, Arc<FlawedStore>, Arc<AtomicU32>) {
    let store = Arc::new(FlawedStore::over(Arc::clone(&world.store)));
    store.commits_fail.store(true, Relaxed);
    let doubts = Arc::new(AtomicU32::new(0));
    let bus = Arc::new(Doubtful { inner: world.bus.another_client(), doubts: Arc::clone(&doubts) });
    let context = Context { store: Arc::clone(&store) as _, bus, ..world.context("nobody", Fate::Hangs) };
    let mut tasks = JoinSet::new();
    tasks.spawn(run(context, stop.clone()));
    (tasks, store, doubts)
}

#[tokio::test(start_paused = true)]
async fn messages_are_heard_again_when_the_store_serves_whatever_came_meanwhile() {
    let mut world = World::new().await;
    let stop = CancellationToken::new();
    let (mut tasks, store, _) = integrator(&world, &stop);
    world.publish(batch("innocent", 1)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // It is worked on alone, when the other one is done.
    world.publish(batch(AGAIN, 2)).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    store.commits_fail.store(false, Relaxed);
    world.until_told(2).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.publish(batch("innocent", 3)).await;
    world.until_told(1).await;
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_is_held_while_the_store_does_not_serve_and_no_consumer_is_taken_for_deaf() {
    // Few, and so many that no more are taken.
    for count in [3, 600] {
        let mut world = World::new().await;
        world.innocents(1..=count).await;
        let stop = CancellationToken::new();
        let (mut tasks, store, doubts) = integrator(&world, &stop);
        tokio::time::sleep(Duration::from_mins(2)).await;
        assert!(store.commits.load(Relaxed) > 10, "it is asked as often as it takes");
        assert_eq!(doubts.load(Relaxed), 0, "of {count} messages");
        store.commits_fail.store(false, Relaxed);
        world.until_told(usize::try_from(count).unwrap()).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(doubts.load(Relaxed), 0, "of {count} messages, when it serves again");
        stop.cancel();
        tasks.join_next().await.unwrap().unwrap();
        assert_eq!(world.store.head(&topic()).await.unwrap().log_index, count);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_killed_while_he_waits_for_the_store_says_nothing_against_the_message_that_he_has() {
    let mut world = World::new().await;
    world.innocents(1..=2).await;
    for _ in 0..=2 * ATTEMPTS {
        let (mut process, store, _) = integrator(&world, &CancellationToken::new());
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert!(store.commits.load(Relaxed) > 1, "it is asked again");
        process.shutdown().await;
    }
    let stop = CancellationToken::new();
    let (mut tasks, store, _) = integrator(&world, &stop);
    store.commits_fail.store(false, Relaxed);
    world.until_told(2).await;
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
    assert!(world.dead.try_next().is_none());
}
