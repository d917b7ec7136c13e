//! What becomes of commands: by a producer that has lost its id, and by one whose service miscounts.

use std::collections::BTreeSet;

use igentai_core::batch::{BatchBody, Outcome};
use igentai_core::command::{Lease, TopicOrder};
use igentai_core::cost::Cost;
use igentai_core::ids::FIRST_INEXACT;

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
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(UnixMillis(1_700_000_000_000)));
        let (bus, troubles) = (MemoryBus::new(), Troubles::default());
        let context = Context {
            id: WorkerId::parse("p1").unwrap(),
            incarnation: 5,
            bus: bus.another_client(),
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
        let command = Command { registry, replaces, epoch: 1, version, incarnation, topics };
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

fn order(requests: u64) -> TopicOrder {
    TopicOrder {
        topic: TopicId::from_name("birds").unwrap(),
        run: 1,
        name: "birds".to_owned(),
        prompt: None,
        items_per_request: 2,
        provider_weights: BTreeMap::new(),
        ask: true,
        abandon: false,
        lease: Lease { requests, cost: Cost::ZERO },
        capped_cost: false,
        max_attributes: None,
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
