//! Queues, bindings and exchanges taken away, occupied or declared otherwise.

use std::sync::{Arc, Mutex};

use igentai_shared::bus::amqp::AmqpBus;
use igentai_shared::bus::{Bus, BusError, Exchange, Incoming, Source, WorkQueue};
use igentai_test_support::eventually;
use igentai_test_support::servers::Broker;
use lapin::options::{ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::time::timeout;
use tracing::subscriber::DefaultGuard;

use super::{hasty, publish_stubbornly, until_connected, until_heard};
use crate::bus::{DEADLINE, batch, message, next, next_acked, worker};

/// Somebody with a client of their own. The connection must be kept.
async fn somebody(broker: &Broker) -> (Connection, Channel) {
    let connection = Connection::connect(broker.amqp_url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

/// What this thread logs from here on, and the guard that it lasts as long as.
fn logged() -> (Arc<Mutex<Vec<u8>>>, DefaultGuard) {
    #[derive(Clone)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Log {
        fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(text)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let lines = Arc::default();
    let log = Log(Arc::clone(&lines));
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || log.clone()).finish();
    (lines, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn a_deleted_queue_is_declared_again_which_is_said_and_consumption_goes_on() {
    let (lines, _log) = logged();
    let broker = Broker::for_test().await.unwrap();
    let bus = AmqpBus::connect(hasty(broker.amqp_url()));
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 10).await;
    bus.publish(batch("before")).await.unwrap();
    let held = next(&mut *consumer).await;
    let (_connection, channel) = somebody(&broker).await;
    let queue = WorkQueue::Integrate.name();
    channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
    let resumed = timeout(DEADLINE, consumer.next()).await.unwrap();
    assert!(matches!(resumed, Ok(Incoming::Resumed)), "{resumed:?}");
    let said = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
    assert_eq!(said.matches("queue was probably deleted").count(), 1, "{said}");
    assert!(said.contains(queue), "{said}");
    // A tag of the queue that is gone would cost the new channel.
    consumer.ack(held.tag).await.unwrap();
    bus.publish(batch("after")).await.unwrap();
    assert_eq!(next_acked(&mut *consumer).await, "after");
}

#[tokio::test]
async fn a_removed_binding_comes_back_and_what_fell_through_meanwhile_is_unrouted() {
    let broker = Broker::for_test().await.unwrap();
    let bus = AmqpBus::connect(hasty(broker.amqp_url()));
    until_connected(&bus).await;
    let (_connection, channel) = somebody(&broker).await;
    let (exchange, key) = WorkQueue::Integrate.binding();
    let unbind = channel.queue_unbind(
        WorkQueue::Integrate.name().into(),
        exchange.name().into(),
        key.into(),
        FieldTable::default(),
    );
    unbind.await.unwrap();
    let mut integrated = worker(&*bus, WorkQueue::Unrouted, 10).await;
    let mut sent = Vec::new();
    let routed_again = eventually(DEADLINE, || {
        let id = sent.len().to_string();
        sent.push(id.clone());
        let bus = &bus;
        async move {
            bus.publish(batch(id)).await.unwrap();
            bus.depth(WorkQueue::Integrate).await.is_some_and(|depth| depth > 0)
        }
    });
    routed_again.await.unwrap();
    let unrouted = next_acked(&mut *integrated).await;
    assert_eq!(unrouted, "0", "the first fell through");
}

#[tokio::test]
async fn a_deleted_exchange_comes_back_for_publishers_and_readers() {
    let broker = Broker::for_test().await.unwrap();
    let bus = AmqpBus::connect(hasty(broker.amqp_url()));
    let bindings = vec![(Exchange::Batches, "#".to_owned())];
    let source = Source::Broadcast { name: "igentai.test.watcher".into(), bindings };
    let mut watcher = bus.consume(source, 10).await.unwrap();
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 10).await;
    let (_connection, channel) = somebody(&broker).await;
    let exchange = Exchange::Batches.name();
    channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await.unwrap();
    publish_stubbornly(&bus, "work").await;
    assert_eq!(next_acked(&mut *consumer).await, "work");
    until_heard(&bus, &mut *watcher, &batch("again")).await;
}

#[tokio::test]
async fn a_queue_declared_otherwise_is_refused_and_harms_nobody_else() {
    let broker = Broker::for_test().await.unwrap();
    let (_connection, channel) = somebody(&broker).await;
    let queue = WorkQueue::Tasks.name();
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.into(), options, FieldTable::default()).await.unwrap();
    let bus = AmqpBus::connect(hasty(broker.amqp_url()));
    let refused = bus.consume(Source::Work(WorkQueue::Tasks), 1).await;
    assert!(matches!(refused, Err(BusError::Refused(_))), "{refused:?}");
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 1).await;
    bus.publish(batch("a")).await.unwrap();
    assert_eq!(next_acked(&mut *consumer).await, "a");
}

#[tokio::test]
async fn a_name_held_by_a_lingering_connection_does_not_keep_a_reader_out() {
    let broker = Broker::for_test().await.unwrap();
    let (_connection, channel) = somebody(&broker).await;
    let options =
        QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("igentai.test.held".into(), options, FieldTable::default()).await.unwrap();
    let bus = AmqpBus::connect(hasty(broker.amqp_url()));
    let source = Source::Broadcast {
        name: "igentai.test.held".into(),
        bindings: vec![(Exchange::Commands, "all".into())],
    };
    let mut reader = bus.consume(source, 10).await.unwrap();
    bus.publish(message(Exchange::Commands, "all", "heard")).await.unwrap();
    assert_eq!(next_acked(&mut *reader).await, "heard");
}

#[tokio::test]
async fn a_dropped_reader_takes_its_queue_along() {
    let broker = Broker::for_test().await.unwrap();
    let bus = AmqpBus::connect(hasty(broker.amqp_url()));
    let source = Source::Broadcast {
        name: "igentai.test.short".into(),
        bindings: vec![(Exchange::Commands, "all".into())],
    };
    let reader = bus.consume(source, 10).await.unwrap();
    let is_there =
        || async { broker.queues().await.unwrap().iter().any(|queue| queue.name == "igentai.test.short") };
    eventually(DEADLINE, is_there).await.unwrap();
    drop(reader);
    eventually(DEADLINE, || async { !is_there().await }).await.unwrap();
}
