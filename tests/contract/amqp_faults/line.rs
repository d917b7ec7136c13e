//! Faults of the line between us and the broker.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use igentai_shared::bus::amqp::{AmqpBus, AmqpConfig};
use igentai_shared::bus::{Bus, BusState, Exchange, PublishError, Source, WorkQueue};
use igentai_test_support::eventually;
use igentai_test_support::proxy::{Direction, Flow, Proxy};
use igentai_test_support::servers::Broker;
use tokio::time::timeout;

use super::topology::logged;
use super::{hasty, publish_stubbornly, until_connected, until_heard};
use crate::bus::{DEADLINE, batch, message, next_acked, worker};

/// A proxy in front of the broker, and the address through it.
async fn proxied(broker: &Broker) -> (Proxy, String) {
    let (credentials, rest) = broker.amqp_url().rsplit_once('@').unwrap();
    let (address, vhost) = rest.split_once('/').unwrap();
    let upstream: SocketAddr = address.parse().unwrap();
    let proxy = Proxy::start(upstream).await.unwrap();
    let url = format!("{credentials}@{}/{vhost}", proxy.addr());
    (proxy, url)
}

#[tokio::test]
async fn a_half_open_connection_is_noticed_within_fifteen_seconds() {
    let broker = Broker::for_test().await.unwrap();
    let (proxy, url) = proxied(&broker).await;
    let bus = AmqpBus::connect(AmqpConfig::new(&url, "line").unwrap());
    let source = Source::Broadcast {
        name: "igentai.test.half".into(),
        bindings: vec![(Exchange::Commands, "all".into())],
    };
    let mut commands = bus.consume(source, 4).await.unwrap();
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 10).await;
    until_connected(&bus).await;
    for direction in [Direction::ToServer, Direction::ToClient] {
        proxy.set_flow(direction, Flow::Drop);
    }
    let noticed = || std::future::ready(matches!(bus.state(), BusState::Disconnected(_)));
    eventually(Duration::from_secs(15), noticed).await.unwrap();
    proxy.heal().await.unwrap();
    publish_stubbornly(&bus, "after").await;
    while next_acked(&mut *consumer).await != "after" {}
    until_heard(&bus, &mut *commands, &message(Exchange::Commands, "all", "heard")).await;
}

/// Over a line that holds things up for a moment, a message is on its way just while the reader subscribes anew. It is no sign of a deaf subscription.
#[tokio::test]
async fn what_is_on_its_way_to_a_reader_that_subscribes_anew_is_no_alarm() {
    let (lines, _log) = logged();
    let broker = Broker::for_test().await.unwrap();
    let (proxy, url) = proxied(&broker).await;
    let bus = AmqpBus::connect(hasty(&url));
    let direct = AmqpBus::connect(hasty(broker.amqp_url()));
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 10).await;
    until_connected(&direct).await;
    for round in ["one", "two", "three"] {
        let hold = async {
            proxy.set_flow(Direction::ToClient, Flow::Hold);
            direct.publish(batch(round)).await.unwrap();
            // The reader ends its subscription. A heartbeat is shorter than that.
            let before = proxy.passed(Direction::ToServer);
            let ends = || std::future::ready(proxy.passed(Direction::ToServer) > before + 24);
            eventually(DEADLINE, ends).await.unwrap();
            proxy.heal().await.unwrap();
        };
        let (heard, ()) = futures::join!(next_acked(&mut *consumer), hold);
        assert_eq!(heard, round);
    }
    let said = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
    assert_eq!(said.matches("stopped hearing").count(), 0, "{said}");
}

#[tokio::test]
async fn a_message_whose_confirm_is_lost_is_unknown_and_arrives_when_published_again() {
    let broker = Broker::for_test().await.unwrap();
    let (proxy, url) = proxied(&broker).await;
    let bus = AmqpBus::connect(hasty(&url));
    until_connected(&bus).await;
    proxy.set_flow(Direction::ToClient, Flow::Drop);
    let published = timeout(Duration::from_secs(3), bus.publish(batch("a"))).await;
    assert!(matches!(published, Ok(Err(PublishError::Unknown(_)))), "{published:?}");
    proxy.heal().await.unwrap();
    publish_stubbornly(&bus, "a").await;
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 10).await;
    assert_eq!(next_acked(&mut *consumer).await, "a");
}

#[tokio::test]
async fn connections_cut_in_the_middle_of_a_frame_lose_nothing_that_was_confirmed() {
    const ROUNDS: usize = 20;
    const EACH: usize = 50;
    let broker = Broker::for_test().await.unwrap();
    let (proxy, url) = proxied(&broker).await;
    let bus = AmqpBus::connect(hasty(&url));
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 50).await;
    let mut received = BTreeSet::new();
    for round in 0..ROUNDS {
        let direction = if round % 2 == 0 { Direction::ToServer } else { Direction::ToClient };
        proxy.reset_after(direction, 100 + 37 * u64::try_from(round).unwrap());
        let ids: Vec<String> = (0..EACH).map(|number| format!("{round}-{number}")).collect();
        join_all(ids.iter().map(|id| publish_stubbornly(&bus, id))).await;
        while !ids.iter().all(|id| received.contains(id)) {
            received.insert(next_acked(&mut *consumer).await);
        }
    }
    assert_eq!(received.len(), ROUNDS * EACH);
}

#[tokio::test]
async fn a_slow_line_is_not_mistaken_for_a_dead_one() {
    let broker = Broker::for_test().await.unwrap();
    let (proxy, url) = proxied(&broker).await;
    let config = hasty(&url);
    // Several answers in a row take longer than one may.
    let round_trip = config.answer_deadline * 2 / 5;
    proxy.set_delay(Direction::ToClient, round_trip);
    let bus = AmqpBus::connect(config);
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 10).await;
    // Each takes a round trip at least, and all of them several checks.
    for _ in 0..10 {
        bus.publish(batch("slow")).await.unwrap();
        assert_eq!(next_acked(&mut *consumer).await, "slow");
    }
    assert_eq!(proxy.accepted(), 2, "no connection was given up");
    eventually(DEADLINE, || std::future::ready(bus.state() == BusState::Connected)).await.unwrap();
}

#[tokio::test]
async fn an_encrypted_address_never_falls_back_to_plain_text() {
    let broker = Broker::for_test().await.unwrap();
    let url = broker.amqp_url().replacen("amqp://", "amqps://", 1);
    let bus = AmqpBus::connect(hasty(&url));
    let published = bus.publish(batch("a")).await;
    assert!(matches!(published, Err(PublishError::Disconnected(_))), "{published:?}");
}

/// Whether a thread of the client library works for this process.
fn is_at_work() -> bool {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok())
        .any(|name| name.starts_with("lapin"))
}

#[tokio::test]
async fn no_thread_is_left_at_work_when_the_bus_is_closed_while_it_connects() {
    let broker = Broker::for_test().await.unwrap();
    for hangs in [false, true] {
        let (proxy, url) = proxied(&broker).await;
        if hangs {
            proxy.set_flow(Direction::ToClient, Flow::Drop);
        } else {
            proxy.set_delay(Direction::ToClient, Duration::from_millis(50));
        }
        let bus = AmqpBus::connect(hasty(&url));
        eventually(DEADLINE, || std::future::ready(is_at_work())).await.unwrap();
        bus.close().await;
        let ended = eventually(Duration::from_millis(300), || std::future::ready(!is_at_work())).await;
        assert!(ended.is_ok(), "the broker hangs: {hangs}");
    }
}
