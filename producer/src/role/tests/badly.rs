//! A request whose task ends badly.

use std::sync::OnceLock;

use igentai_core::batch::{BatchBody, Outcome, ResponseMeta};
use igentai_core::cost::Price;
use igentai_core::time::Now;

use super::*;

/// Serves the task that looks at it first, and no other.
#[derive(Debug)]
struct ForOneTask {
    clock: VirtualClock,
    task: OnceLock<Option<task::Id>>,
}

impl Clock for ForOneTask {
    fn now(&self) -> Now {
        let task = task::try_id();
        assert_eq!(*self.task.get_or_init(|| task), task, "this clock is another task's");
        self.clock.now()
    }
}

fn capped(requests: u64) -> TopicOrder {
    let lease = Lease { requests, cost: Cost::from_usd(1_000.0) };
    TopicOrder { lease, capped_cost: true, ..order(requests) }
}

async fn published(bus: &MemoryBus, count: usize) -> Vec<Batch> {
    let mut reader = bus.consume(Source::Work(WorkQueue::Integrate), 10).await.unwrap();
    let mut all = Vec::new();
    while all.len() < count {
        let heard = tokio::time::timeout(Duration::from_secs(10), reader.next()).await;
        let Ok(Ok(Incoming::Delivery(delivery))) = heard else { unreachable!("{heard:?} after {all:?}") };
        let Batches { batches } = wire::decode(&delivery.content_type, &delivery.payload).unwrap();
        all.extend(batches);
        reader.ack(delivery.tag).await.unwrap();
    }
    all
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_task_ends_badly_is_charged_as_abandoned_and_its_place_is_free_again() {
    let clock = || VirtualClock::starting_at(UnixMillis(1_700_000_000_000));
    let bus = MemoryBus::new();
    let config = ProviderConfig {
        price: Price::per_million(150.0, 600.0),
        ..ProviderConfig::new("small", ProviderKind::OpenAi, "m")
    };
    let context = Context {
        id: WorkerId::parse("p1").unwrap(),
        incarnation: 5,
        bus: bus.another_client(),
        pool: ProviderPool::of(vec![(config, Arc::new(Idle) as _)], 1, Arc::new(clock())),
        clock: Arc::new(ForOneTask { clock: clock(), task: OnceLock::new() }),
        options: Options { concurrency: 1, ..Options::default() },
        seed: 1,
        troubles: Troubles::default(),
    };
    let stop = CancellationToken::new();
    let mut role = JoinSet::new();
    role.spawn(run(context, stop.clone(), CancellationToken::new()));
    // It listens now.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let send = async |kind: String, version: u64, payload| {
        let outgoing = Outgoing {
            exchange: Exchange::Commands,
            routing_key: "producer.p1".to_owned(),
            content_type: kind,
            message_id: format!("message-{version}"),
            headers: BTreeMap::new(),
            payload,
        };
        bus.publish(outgoing).await.unwrap();
    };
    // With one place, the second is asked when that of the first is free.
    let command = Command {
        registry: "r".to_owned(),
        replaces: None,
        epoch: 1,
        version: 1,
        incarnation: 5,
        topics: vec![capped(2)],
        care: Vec::new(),
    };
    send(wire::content_type::<Command>(), 1, wire::encode(&command)).await;
    let batches = published(&bus, 2).await;
    for batch in &batches {
        let BatchBody::Response { meta, novel, .. } = &batch.body else { unreachable!("{batch:?}") };
        let ResponseMeta { outcome, worst_case, .. } = meta;
        assert_eq!((*outcome, meta.charge(), novel.len()), (Outcome::Abandoned, *worst_case, 0), "{meta:?}");
        assert!(!worst_case.is_zero());
    }
    // Told that both are taken, it has nothing under way and leaves in order.
    stop.cancel();
    let receipt = |batch: &Batch| Receipt { id: batch.id.clone(), verdict: Verdict::Settled, told: None };
    let receipts = Receipts { receipts: batches.iter().map(receipt).collect() };
    send(wire::content_type::<Receipts>(), 2, wire::encode(&receipts)).await;
    let unresolved = tokio::time::timeout(Duration::from_secs(10), role.join_next()).await;
    assert_eq!(unresolved.unwrap().unwrap().unwrap(), 0);
}
