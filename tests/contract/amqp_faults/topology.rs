//! Queues, bindings and exchanges taken away, occupied or declared otherwise.

use std::sync::{Arc, Mutex};

use igentai_shared::bus::amqp::AmqpBus;
use igentai_shared::bus::{Bus, BusError, Exchange, Incoming, Source, WorkQueue};
use igentai_test_support::eventually;
use igentai_test_support::servers::Broker;
use lapin::options::{ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
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

/// Deletes a work queue and declares it in the words of the adapter, so fast that nobody comes in between.
async fn delete_and_declare(broker: &Broker, queue: WorkQueue) {
    let (_connection, channel) = somebody(broker).await;
    let (exchange, key) = queue.binding();
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(i32::MAX));
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(100_000));
    arguments.insert("x-max-length-bytes".into(), AMQPValue::LongInt(1 << 30));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let name = queue.name();
    let deleted = channel.queue_delete(name.into(), QueueDeleteOptions::default());
    let declared = channel.queue_declare(name.into(), options, arguments);
    let to = exchange.name().into();
    let bound =
        channel.queue_bind(name.into(), to, key.into(), QueueBindOptions::default(), FieldTable::default());
    futures::try_join!(deleted, declared, bound).unwrap();
}

/// What this thread logs from here on, and the guard that it lasts as long as.
pub(super) fn logged() -> (Arc<Mutex<Vec<u8>>>, DefaultGuard) {
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

/// A broker confirms what no queue takes, and drops it where there is no alternate.
#[tokio::test]
async fn a_dead_letter_lands_among_the_unrouted_while_its_queue_is_deleted() {
    let broker = Broker::for_test().await.unwrap();
    let bus = AmqpBus::connect(hasty(broker.amqp_url()));
    until_connected(&bus).await;
    let (_connection, channel) = somebody(&broker).await;
    channel.queue_delete(WorkQueue::Dead.name().into(), QueueDeleteOptions::default()).await.unwrap();
    bus.publish(message(Exchange::Dead, "topic-1", "letter".to_owned())).await.unwrap();
    let mut unrouted = worker(&*bus, WorkQueue::Unrouted, 10).await;
    assert_eq!(next_acked(&mut *unrouted).await, "letter");
}

/// The broker moves its consumers over to the new queue then, tells nobody, and drops what it delivers to them.
#[tokio::test]
async fn a_queue_that_is_deleted_and_declared_again_at_once_leaves_no_consumer_deaf() {
    let (lines, _log) = logged();
    let broker = Broker::for_test().await.unwrap();
    let bus = AmqpBus::connect(hasty(broker.amqp_url()));
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 10).await;
    delete_and_declare(&broker, WorkQueue::Integrate).await;
    publish_stubbornly(&bus, "after").await;
    assert_eq!(next_acked(&mut *consumer).await, "after");
    let said = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
    assert_eq!(said.matches("stopped hearing").count(), 1, "{said}");
}

#[tokio::test]
async fn a_consumer_that_became_deaf_while_it_holds_messages_hears_again_too() {
    let broker = Broker::for_test().await.unwrap();
    let bus = AmqpBus::connect(hasty(broker.amqp_url()));
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 10).await;
    publish_stubbornly(&bus, "held").await;
    assert_eq!(next(&mut *consumer).await.message_id, "held");
    delete_and_declare(&broker, WorkQueue::Integrate).await;
    publish_stubbornly(&bus, "after").await;
    assert_eq!(next_acked(&mut *consumer).await, "after");
}

#[tokio::test]
async fn a_reader_to_whom_nothing_comes_keeps_what_it_holds_and_one_that_holds_nothing_misses_nothing() {
    let broker = Broker::for_test().await.unwrap();
    let bus = AmqpBus::connect(hasty(broker.amqp_url()));
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 10).await;
    publish_stubbornly(&bus, "held").await;
    let held = next(&mut *consumer).await;
    let quiet = timeout(hasty(broker.amqp_url()).renew_interval * 3, consumer.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    consumer.ack(held.tag).await.unwrap();
    let renewed = timeout(DEADLINE, consumer.next()).await.unwrap();
    assert!(matches!(renewed, Ok(Incoming::Resumed)), "{renewed:?}");
    publish_stubbornly(&bus, "next").await;
    let next = next(&mut *consumer).await;
    assert_eq!((next.message_id.as_str(), next.redelivered), ("next", false));
}

#[tokio::test]
async fn a_reader_that_rests_keeps_what_it_holds() {
    let broker = Broker::for_test().await.unwrap();
    let config = hasty(broker.amqp_url());
    let (bus, interval) = (AmqpBus::connect(config.clone()), config.renew_interval);
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 10).await;
    publish_stubbornly(&bus, "held").await;
    let held = next(&mut *consumer).await;
    // Longer than a reader that holds messages waits in vain.
    for _ in 0..6 {
        let quiet = timeout(interval * 2, consumer.next()).await;
        assert!(quiet.is_err(), "{quiet:?}");
        consumer.rest();
    }
    consumer.ack(held.tag).await.unwrap();
    let renewed = timeout(DEADLINE, consumer.next()).await.unwrap();
    assert!(matches!(renewed, Ok(Incoming::Resumed)), "{renewed:?}");
    assert!(consumer.try_next().is_none());
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
