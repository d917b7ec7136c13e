//! What becomes of commands: by a producer that has lost its id, and by one whose service miscounts.

use std::collections::BTreeSet;

use igentai_core::batch::{BatchBody, Outcome};
use igentai_core::ids::FIRST_INEXACT;
use igentai_shared::bus::{DeliveryTag, Look};
use tokio::sync::watch;

use super::*;

/// A service that counts more tokens than there are.
#[derive(Debug)]
struct Miscounts;

#[async_trait]
impl Provider for Miscounts {
    async fn ask(&self, _question: &Question) -> Reply {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (input_tokens, output_tokens) = (u64::MAX, u64::MAX);
        let text = r#"["Wren", "Owl"]"#.to_owned();
        Reply { text, input_tokens, output_tokens, ..Reply::failed(Outcome::Answered, String::new()) }
    }
}

/// A producer `p1` in its fifth life, and what it notes.
struct World {
    bus: Arc<MemoryBus>,
    troubles: Troubles,
    role: JoinSet<usize>,
}

impl World {
    async fn new() -> Self {
        Self::over(|bus| bus).await
    }

    /// One whose bus is such a one over the world's.
    async fn over<B: Bus + 'static>(bus_of: impl FnOnce(Arc<MemoryBus>) -> Arc<B>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(UnixMillis(1_700_000_000_000)));
        let (bus, troubles) = (MemoryBus::new(), Troubles::default());
        let context = Context {
            id: WorkerId::parse("p1").unwrap(),
            incarnation: 5,
            bus: bus_of(bus.another_client()),
            clock: Arc::clone(&clock),
            pool: ProviderPool::of(
                vec![(ProviderConfig::new("small", ProviderKind::OpenAi, "m"), Arc::new(Miscounts) as _)],
                1,
                clock,
            ),
            options: Options { concurrency: 1, ..Options::default() },
            seed: 1,
            troubles: troubles.clone(),
        };
        let mut role = JoinSet::new();
        role.spawn(run(context, CancellationToken::new(), CancellationToken::new()));
        // It listens now.
        tokio::time::sleep(Duration::from_secs(1)).await;
        Self { bus, troubles, role }
    }

    async fn command(&self, version: u64, incarnation: u64, topics: Vec<TopicOrder>) {
        self.command_of("r", version, incarnation, topics).await;
    }

    async fn command_of(&self, registry: &str, version: u64, incarnation: u64, topics: Vec<TopicOrder>) {
        let (registry, replaces) = (registry.to_owned(), (registry == "s").then(|| "r".to_owned()));
        let command =
            Command { registry, replaces, epoch: 1, version, incarnation, topics, care: Vec::new() };
        let outgoing = Outgoing {
            exchange: Exchange::Commands,
            routing_key: "producer.p1".to_owned(),
            content_type: wire::content_type::<Command>(),
            message_id: format!("command-{version}"),
            headers: BTreeMap::new(),
            payload: wire::encode(&command),
        };
        self.bus.publish(outgoing).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

impl World {
    /// The number of the last answer among those that were published since this was asked last.
    async fn answered(&self) -> u64 {
        let mut published = self.bus.consume(Source::Work(WorkQueue::Integrate), 1_000).await.unwrap();
        let mut last = 0;
        while let Some(delivery) = published.try_next() {
            let Batches { batches } = wire::decode(&delivery.content_type, &delivery.payload).unwrap();
            last = batches.iter().map(|batch| batch.id.seq).fold(last, u64::max);
            published.ack(delivery.tag).await.unwrap();
        }
        last
    }
}

#[tokio::test(start_paused = true)]
async fn a_producer_whose_id_another_process_has_taken_warns_of_it() {
    let mut world = World::new().await;
    world.command(1, 5, Vec::new()).await;
    assert_eq!(world.troubles.warnings(), Vec::<String>::new());
    world.command(2, 6, Vec::new()).await;
    let warnings = world.troubles.warnings();
    assert!(matches!(&warnings[..], [one] if one.contains("--producer-id")), "{warnings:?}");
    world.role.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_service_counts_beyond_all_tokens_is_published_as_what_the_registry_takes() {
    let mut world = World::new().await;
    world.command(1, 5, vec![order(1)]).await;
    let mut published = world.bus.consume(Source::Work(WorkQueue::Integrate), 10).await.unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(10), published.next()).await.unwrap().unwrap();
    let Incoming::Delivery(delivery) = heard else { unreachable!("{heard:?}") };
    let Batches { batches } = wire::decode(&delivery.content_type, &delivery.payload).unwrap();
    let BatchBody::Response { meta, novel, .. } = &batches[0].body else { unreachable!("{batches:?}") };
    assert_eq!(novel.len(), 2);
    assert_eq!((meta.input_tokens, meta.output_tokens), (FIRST_INEXACT - 1, FIRST_INEXACT - 1));
    world.role.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn orders_of_a_second_registry_are_not_followed_and_warned_of_until_they_are_not_heard_any_more() {
    let mut world = World::new().await;
    world.command(1, 5, vec![order(1)]).await;
    world.command_of("elsewhere", 9, 5, vec![]).await;
    let warnings = world.troubles.warnings();
    assert!(matches!(&warnings[..], [one] if one.contains("two virtual hosts")), "{warnings:?}");
    for version in 2..20 {
        world.command(version, 5, vec![order(1)]).await;
    }
    assert_eq!(world.troubles.warnings(), Vec::<String>::new());
    let mut published = world.bus.consume(Source::Work(WorkQueue::Integrate), 10).await.unwrap();
    assert!(published.try_next().is_some(), "what was asked for the first is answered");
    world.role.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn orders_of_another_registry_begin_a_new_life_with_nothing_under_way() {
    let mut world = World::new().await;
    let mut beats = world.bus.consume(Source::Work(WorkQueue::Coordinate), 100).await.unwrap();
    let mut until = async |wanted: &dyn Fn(&Heartbeat) -> bool| {
        let heard = async {
            loop {
                let Ok(Incoming::Delivery(delivery)) = beats.next().await else { continue };
                let beat: Heartbeat = wire::decode(&delivery.content_type, &delivery.payload).unwrap();
                beats.ack(delivery.tag).await.unwrap();
                if wanted(&beat) {
                    return beat;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), heard).await.unwrap()
    };
    world.command(1, 5, vec![order(100)]).await;
    let beat = until(&|beat| beat.topics.iter().any(|topic| topic.in_flight == 1)).await;
    assert_eq!((beat.incarnation, beat.registry.as_deref()), (5, Some("r")));
    world.command_of("s", 1, 5, vec![order(100)]).await;
    let beat = until(&|beat| beat.incarnation > 5).await;
    assert_eq!((beat.registry, beat.command, beat.topics.len()), (None, (0, 0), 0));
    let life = beat.incarnation;
    world.command_of("s", 2, life, vec![order(1)]).await;
    until(&|beat| beat.registry.as_deref() == Some("s") && beat.topics.iter().any(|topic| topic.sent == 1))
        .await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    let mut published = world.bus.consume(Source::Work(WorkQueue::Integrate), 100).await.unwrap();
    let mut answers = BTreeSet::new();
    while let Some(delivery) = published.try_next() {
        let Batches { batches } = wire::decode(&delivery.content_type, &delivery.payload).unwrap();
        answers.extend(
            batches.into_iter().filter(|batch| batch.id.incarnation == life).map(|batch| batch.id.seq),
        );
    }
    assert_eq!(
        answers,
        BTreeSet::from([1]),
        "what was asked in the life before counts for nothing in this one"
    );
    world.role.shutdown().await;
}

/// A bus over which commands cannot be heard while its owner says so.
#[derive(Debug)]
struct Refusing {
    inner: Arc<MemoryBus>,
    refuses: watch::Receiver<bool>,
}

#[derive(Debug)]
struct Refused {
    inner: Box<dyn Consumer>,
    refuses: watch::Receiver<bool>,
}

#[async_trait]
impl Bus for Refusing {
    async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        self.inner.publish(message).await
    }

    async fn consume(&self, source: Source, prefetch: u16) -> Result<Box<dyn Consumer>, BusError> {
        let inner = self.inner.consume(source, prefetch).await?;
        Ok(Box::new(Refused { inner, refuses: self.refuses.clone() }))
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
impl Consumer for Refused {
    async fn next(&mut self) -> Result<Incoming, BusError> {
        if self.refuses.has_changed().unwrap_or(false) {
            let refuses = *self.refuses.borrow_and_update();
            return if refuses {
                Err(BusError::Refused("no rights".to_owned()))
            } else {
                Ok(Incoming::Resumed)
            };
        }
        tokio::select! {
            biased;
            Ok(()) = self.refuses.changed() => {
                self.refuses.mark_changed();
                self.next().await
            }
            heard = self.inner.next() => heard,
        }
    }

    fn try_next(&mut self) -> Option<Delivery> {
        self.inner.try_next()
    }

    fn rest(&mut self) {
        self.inner.rest();
    }

    async fn ack(&mut self, tag: DeliveryTag) -> Result<(), BusError> {
        self.inner.ack(tag).await
    }

    async fn requeue(&mut self, tag: DeliveryTag) -> Result<(), BusError> {
        self.inner.requeue(tag).await
    }
}

#[tokio::test(start_paused = true)]
async fn who_cannot_hear_commands_any_more_says_so_and_asks_nobody_until_they_are_heard_again() {
    let (refuses, told) = watch::channel(false);
    let mut world = World::over(|inner| Arc::new(Refusing { inner, refuses: told })).await;
    world.command(1, 5, vec![order(100)]).await;
    refuses.send(true).unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let reasons = world.troubles.reasons(Monotonic(0));
    assert!(
        matches!(&reasons[..], [one] if one.contains("asks no model: ") && one.contains("no rights")),
        "{reasons:?}"
    );
    let answers = world.answered().await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(world.answered().await <= answers, "nothing more is asked");
    refuses.send(false).unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(world.troubles.reasons(Monotonic(0)).is_empty());
    assert!(world.answered().await > answers);
    world.role.shutdown().await;
}
