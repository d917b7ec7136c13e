//! Dead letters that cannot be put away, and many at once.

use super::*;

/// A bus whose dead letters take nothing for a while, or take their time.
#[derive(Debug)]
struct Graves {
    inner: Arc<MemoryBus>,
    full: AtomicBool,
    /// How long a confirmation takes.
    slow: Duration,
    at_once: AtomicU32,
    most_at_once: AtomicU32,
}

impl Graves {
    fn over(inner: Arc<MemoryBus>, full: bool, slow: Duration) -> Arc<Self> {
        let (at_once, most_at_once) = (AtomicU32::new(0), AtomicU32::new(0));
        Arc::new(Self { inner, full: AtomicBool::new(full), slow, at_once, most_at_once })
    }
}

#[async_trait]
impl Bus for Graves {
    async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        if message.exchange == Exchange::Dead {
            self.most_at_once.fetch_max(self.at_once.fetch_add(1, Relaxed) + 1, Relaxed);
            tokio::time::sleep(self.slow).await;
            self.at_once.fetch_sub(1, Relaxed);
            if self.full.load(Relaxed) {
                return Err(PublishError::Refused("the queue is full".to_owned()));
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

    async fn look(
        &self,
        queue: WorkQueue,
        most: usize,
        bytes: usize,
    ) -> Result<Box<dyn igentai_shared::bus::Look>, BusError> {
        self.inner.look(queue, most, bytes).await
    }

    async fn depth(&self, queue: WorkQueue) -> Option<u64> {
        self.inner.depth(queue).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

async fn poison(world: &World, count: u32) {
    for number in 1..=count {
        let outgoing = Outgoing {
            exchange: Exchange::Batches,
            routing_key: topic().to_string(),
            content_type: wire::content_type::<Batches>(),
            message_id: format!("poison-{number}"),
            headers: BTreeMap::new(),
            payload: vec![0xc1].into(),
        };
        world.bus.publish(outgoing).await.unwrap();
    }
}

async fn until_dead(world: &mut World, count: usize) {
    let mut dead = BTreeSet::new();
    for _ in 0..count {
        let (id, reason) = world.dead_letter().await;
        assert!(reason.contains("not MessagePack"), "{reason}");
        assert!(dead.insert(id.clone()), "{id} twice");
    }
}

#[tokio::test(start_paused = true)]
async fn poison_for_which_there_is_no_room_among_the_dead_letters_waits_and_is_told_and_all_else_goes_on() {
    let mut world = World::new().await;
    // More than are under way at once, and more than are taken unacknowledged.
    poison(&world, 200).await;
    world.innocents(1..=20).await;
    let graves = Graves::over(world.bus.another_client(), true, Duration::from_secs(10));
    let context = Context { bus: Arc::clone(&graves) as _, ..world.context(CRASHER, Fate::Hangs) };
    let (stop, clock, troubles) =
        (CancellationToken::new(), Arc::clone(&context.clock), context.troubles.clone());
    let mut tasks = JoinSet::new();
    let begun = clock.now().monotonic;
    tasks.spawn(run(context, stop.clone()));
    world.until_told(20).await;
    let took = clock.now().monotonic.since(begun);
    assert!(took < Duration::from_secs(15), "others wait for {took:?}");
    let warning = troubles.warnings().join("; ");
    assert!(warning.contains("the queue is full") && warning.contains("igentai.dead"), "{warning}");
    world.innocents(21..=40).await;
    let since = clock.now().monotonic;
    world.until_told(20).await;
    let took = clock.now().monotonic.since(since);
    assert!(took < Duration::from_secs(5), "others wait for {took:?}");
    assert!(world.dead.try_next().is_none());
    graves.full.store(false, Relaxed);
    until_dead(&mut world, 200).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(troubles.warnings().is_empty());
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
    assert_eq!(world.bus.depth(WorkQueue::Integrate).await, Some(0));
    assert!(world.dead.try_next().is_none());
}

#[tokio::test(start_paused = true)]
async fn thousands_of_poisoned_messages_are_put_away_many_at_once_and_what_stands_between_them_is_committed()
{
    let mut world = World::new().await;
    poison(&world, 1_000).await;
    world.innocents(1..=10).await;
    let graves = Graves::over(world.bus.another_client(), false, Duration::from_millis(10));
    let context = Context { bus: Arc::clone(&graves) as _, ..world.context(CRASHER, Fate::Hangs) };
    let (stop, clock) = (CancellationToken::new(), Arc::clone(&context.clock));
    let mut tasks = JoinSet::new();
    let begun = clock.now().monotonic;
    tasks.spawn(run(context, stop.clone()));
    until_dead(&mut world, 1_000).await;
    world.until_told(10).await;
    let took = clock.now().monotonic.since(begun);
    assert!(took < Duration::from_secs(1), "{took:?} for what takes 10 s one by one");
    let most = usize::try_from(graves.most_at_once.load(Relaxed)).unwrap();
    assert!((2..=crate::integrator::burial::UNDER_WAY).contains(&most), "{most} at once");
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
    assert!(world.dead.try_next().is_none());
}
