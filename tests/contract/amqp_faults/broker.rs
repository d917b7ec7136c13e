//! Faults of the broker as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use igentai_shared::bus::amqp::{AmqpBus, AmqpConfig};
use igentai_shared::bus::{Bus, BusState, Consumer, Exchange, PublishError, Source, WorkQueue};
use igentai_test_support::servers::{RabbitMq, RabbitMqOptions};
use igentai_test_support::{eventually, free_port};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{hasty, publish_stubbornly, until_connected, until_heard};
use crate::bus::{DEADLINE, batch, message, next_acked, worker};

async fn own_broker() -> RabbitMq {
    let options = RabbitMqOptions { management: false, ..RabbitMqOptions::default() };
    RabbitMq::start_with(options).await.unwrap()
}

/// Sockets to a local port that some process still owns.
fn open_sockets_to(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let remote = format!(":{port:04X}");
    let is_ours = |row: &&str| {
        let columns: Vec<&str> = row.split_whitespace().collect();
        columns.get(2).is_some_and(|address| address.ends_with(&remote))
            && columns.get(9).is_some_and(|inode| *inode != "0")
    };
    table.lines().filter(is_ours).count()
}

/// Receives until so many different messages are there; how often each came.
async fn receive(mut consumer: Box<dyn Consumer>, different: usize) -> BTreeMap<String, usize> {
    let mut received = BTreeMap::new();
    while received.len() < different {
        let id = next_acked(&mut *consumer).await;
        *received.entry(id).or_insert(0) += 1;
    }
    received
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_confirmed_message_outlives_a_killed_broker() {
    const MESSAGES: usize = 3_000;
    const PUBLISHERS: usize = 50;
    let mut server = own_broker().await;
    // The usual deadlines: this is what they must achieve.
    let bus = AmqpBus::connect(AmqpConfig::new(&server.amqp_url(), "faults").unwrap());
    until_connected(&bus).await;
    let consumer = worker(&*bus, WorkQueue::Integrate, 100).await;
    let mut receiving = JoinSet::new();
    receiving.spawn(receive(consumer, MESSAGES));
    let confirmed = Arc::new(AtomicUsize::new(0));
    let mut publishers = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let (bus, confirmed) = (Arc::clone(&bus), Arc::clone(&confirmed));
        publishers.spawn(async move {
            for number in (publisher..MESSAGES).step_by(PUBLISHERS) {
                publish_stubbornly(&bus, &number.to_string()).await;
                confirmed.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    eventually(DEADLINE, || std::future::ready(confirmed.load(Ordering::Relaxed) >= 300)).await.unwrap();
    server.kill().await.unwrap();
    let before = confirmed.load(Ordering::Relaxed);
    assert!(before < MESSAGES, "the broker was killed too late to matter");

    let port = server.port();
    let recovery = async {
        let listens = || async { TcpStream::connect(("127.0.0.1", port)).await.is_ok() };
        eventually(Duration::from_mins(1), listens).await.unwrap();
        eventually(DEADLINE, || std::future::ready(confirmed.load(Ordering::Relaxed) > before)).await.unwrap()
    };
    let (restarted, recovered) = tokio::join!(server.restart(), recovery);
    restarted.unwrap();
    while let Some(finished) = publishers.join_next().await {
        finished.unwrap();
    }
    let received = timeout(DEADLINE, receiving.join_next()).await.unwrap().unwrap().unwrap();
    let again: usize = received.values().map(|times| times - 1).sum();
    let told = format!("{before} confirmed before, {again} received twice, on again after {recovered:?}");
    assert_eq!(received.len(), MESSAGES, "{told}");
    assert!(recovered <= Duration::from_secs(2), "{told}");
}

#[tokio::test]
async fn closed_connections_leave_no_consumers_queues_or_sockets_behind() {
    let server = own_broker().await;
    let bus = AmqpBus::connect(hasty(&server.amqp_url()));
    let mut work = worker(&*bus, WorkQueue::Integrate, 10).await;
    let broadcast = Source::Broadcast {
        name: "igentai.test.one".into(),
        bindings: vec![(Exchange::Commands, "all".into())],
    };
    let mut commands = bus.consume(broadcast, 10).await.unwrap();
    for round in 0..5 {
        server.ctl(&["close_all_connections", "a test"]).await.unwrap();
        // Both consumers live on: whatever is published from now on arrives, also when the close is still to be noticed.
        publish_stubbornly(&bus, &format!("work {round}")).await;
        let expected = format!("work {round}");
        while next_acked(&mut *work).await != expected {}
        until_heard(&bus, &mut *commands, &message(Exchange::Commands, "all", &expected)).await;
    }
    let tidy = eventually(DEADLINE, || async { server.queues().await.is_ok_and(|queues| is_tidy(&queues)) });
    tidy.await.unwrap();
    assert_eq!(open_sockets_to(server.port()), 2);
    bus.close().await;
    eventually(DEADLINE, || std::future::ready(open_sockets_to(server.port()) == 0)).await.unwrap();
}

/// Five work queues with one consumer among them, and one own queue with its consumer.
fn is_tidy(queues: &[igentai_test_support::servers::QueueInfo]) -> bool {
    let consumers: u64 = queues.iter().map(|queue| queue.consumers).sum();
    queues.len() == 6 && consumers == 2 && queues.iter().all(|queue| queue.unacked == 0)
}

#[tokio::test]
async fn a_hung_broker_is_noticed_and_costs_no_sockets_and_work_goes_on_when_it_wakes() {
    let mut server = own_broker().await;
    let port = server.port();
    let bus = AmqpBus::connect(hasty(&server.amqp_url()));
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 10).await;
    bus.publish(batch("before")).await.unwrap();
    assert_eq!(next_acked(&mut *consumer).await, "before");

    server.pause().await.unwrap();
    let unanswered = timeout(Duration::from_secs(3), bus.publish(batch("meanwhile"))).await;
    assert!(matches!(unanswered, Ok(Err(PublishError::Unknown(_)))), "{unanswered:?}");
    eventually(DEADLINE, || std::future::ready(matches!(bus.state(), BusState::Disconnected(_))))
        .await
        .unwrap();
    // Every attempt to connect is accepted by the kernel and answered by nobody. Long enough for three of them, each
    // failing at its own deadline with nothing left behind.
    for _ in 0..3 {
        let unsent = timeout(Duration::from_secs(3), bus.publish(batch("unsent"))).await;
        assert!(matches!(unsent, Ok(Err(PublishError::Disconnected(_)))), "{unsent:?}");
        assert!(open_sockets_to(port) <= 4, "{} sockets", open_sockets_to(port));
    }
    server.resume().await.unwrap();
    publish_stubbornly(&bus, "after").await;
    while next_acked(&mut *consumer).await != "after" {}
    eventually(DEADLINE, || std::future::ready(open_sockets_to(port) == 2)).await.unwrap();
}

#[tokio::test]
async fn an_alarm_on_the_broker_blocks_publishers_within_bounds_and_consumers_go_on() {
    let server = own_broker().await;
    let bus = AmqpBus::connect(hasty(&server.amqp_url()));
    until_connected(&bus).await;
    for id in ["a", "b"] {
        bus.publish(batch(id)).await.unwrap();
    }
    server.ctl(&["set_vm_memory_high_watermark", "0"]).await.unwrap();
    // The broker tells a publisher when it next publishes, and keeps what it then sent for later.
    let first = timeout(Duration::from_secs(3), bus.publish(batch("late"))).await;
    assert!(matches!(first, Ok(Err(PublishError::Unknown(_)))), "{first:?}");
    assert!(matches!(bus.state(), BusState::Blocked(_)), "{:?}", bus.state());
    let second = timeout(Duration::from_secs(3), bus.publish(batch("unsent"))).await;
    assert!(matches!(second, Ok(Err(PublishError::Disconnected(_)))), "{second:?}");
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 1).await;
    assert_eq!(next_acked(&mut *consumer).await, "a");
    assert_eq!(next_acked(&mut *consumer).await, "b");

    server.ctl(&["set_vm_memory_high_watermark", "0.6"]).await.unwrap();
    until_connected(&bus).await;
    assert_eq!(next_acked(&mut *consumer).await, "late");
    bus.publish(batch("after")).await.unwrap();
    assert_eq!(next_acked(&mut *consumer).await, "after");
}

#[tokio::test]
async fn a_broker_that_is_not_there_yet_is_waited_for() {
    let port = free_port().unwrap();
    let bus = AmqpBus::connect(hasty(&format!("amqp://guest:guest@127.0.0.1:{port}/%2f")));
    let consumer = bus.consume(Source::Work(WorkQueue::Integrate), 1).await;
    assert!(consumer.is_ok());
    let published = timeout(Duration::from_secs(3), bus.publish(batch("a"))).await;
    assert!(matches!(published, Ok(Err(PublishError::Disconnected(_)))), "{published:?}");
    assert!(matches!(bus.state(), BusState::Disconnected(_)));
    assert_eq!(bus.depth(WorkQueue::Integrate).await, None);
    timeout(Duration::from_secs(3), bus.close()).await.expect("an end in time");
}
