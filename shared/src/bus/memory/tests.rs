#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{join, poll_immediate};

use super::{MemoryBus, MemoryLimits};
use crate::bus::{
    BROADCAST_QUEUE_LENGTH, Bus, Consumer, Exchange, Incoming, Outgoing, PublishError, Source, WorkQueue,
};

fn message(exchange: Exchange, routing_key: &str, id: u32) -> Outgoing {
    Outgoing {
        exchange,
        routing_key: routing_key.to_owned(),
        content_type: String::new(),
        message_id: id.to_string(),
        headers: BTreeMap::new(),
        payload: Bytes::from_static(b"payload"),
    }
}

fn batch(id: u32) -> Outgoing {
    message(Exchange::Batches, "topic", id)
}

/// Two messages at most, and a publisher waits three seconds.
fn tiny() -> Arc<MemoryBus> {
    let publish_deadline = Duration::from_secs(3);
    MemoryBus::with_limits(MemoryLimits { messages: 2, bytes: 1_000, publish_deadline })
}

async fn next(consumer: &mut dyn Consumer) -> (String, crate::bus::DeliveryTag) {
    match consumer.next().await.unwrap() {
        Incoming::Delivery(delivery) => (delivery.message_id, delivery.tag),
        Incoming::Resumed => unreachable!("no connection is ever lost"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_publisher_at_a_full_queue_is_refused_after_its_deadline() {
    let bus = tiny();
    bus.publish(batch(0)).await.unwrap();
    bus.publish(batch(1)).await.unwrap();
    let since = super::now();
    assert!(matches!(bus.publish(batch(2)).await, Err(PublishError::Refused(_))));
    assert_eq!(since.elapsed(), Duration::from_secs(3));
    assert_eq!(bus.depth(WorkQueue::Integrate).await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_publisher_at_a_full_queue_goes_on_when_a_message_is_acknowledged() {
    let bus = tiny();
    bus.publish(batch(0)).await.unwrap();
    bus.publish(batch(1)).await.unwrap();
    let mut consumer = bus.consume(Source::Work(WorkQueue::Integrate), 1).await.unwrap();
    let (_, tag) = next(&mut *consumer).await;
    // Taken is not gone: a consumer that holds messages does not make the queue unbounded.
    let mut waiting = std::pin::pin!(bus.publish(batch(2)));
    assert!(poll_immediate(&mut waiting).await.is_none());
    let (published, acked) = join(waiting, consumer.ack(tag)).await;
    published.unwrap();
    acked.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_bounded_in_bytes_too_and_one_large_message_still_fits() {
    let bus = tiny();
    let large = Outgoing { payload: Bytes::from(vec![0; 5_000]), ..batch(0) };
    bus.publish(large.clone()).await.unwrap();
    assert!(matches!(bus.publish(batch(1)).await, Err(PublishError::Refused(_))));
}

#[tokio::test(start_paused = true)]
async fn perishable_messages_go_stale_and_the_oldest_make_room() {
    let bus = MemoryBus::new();
    let (time_to_live_ms, length) = WorkQueue::Coordinate.perishable().unwrap();
    for number in 0..length + 5 {
        bus.publish(message(Exchange::Status, "producer.one", number)).await.unwrap();
    }
    assert_eq!(bus.depth(WorkQueue::Coordinate).await, Some(u64::from(length)));
    let mut consumer = bus.consume(Source::Work(WorkQueue::Coordinate), 1).await.unwrap();
    assert_eq!(next(&mut *consumer).await.0, "5");
    tokio::time::advance(Duration::from_millis(u64::from(time_to_live_ms))).await;
    assert_eq!(bus.depth(WorkQueue::Coordinate).await, Some(0));
    // What was given back goes stale like what never left.
    drop(consumer);
    assert_eq!(bus.depth(WorkQueue::Coordinate).await, Some(0));
}

#[tokio::test]
async fn a_slow_reader_loses_the_oldest_broadcasts() {
    let bus = MemoryBus::new();
    let bindings = vec![(Exchange::Events, "#".to_owned())];
    let source = Source::Broadcast { name: "slow".to_owned(), bindings };
    let mut reader = bus.consume(source, 1).await.unwrap();
    for number in 0..BROADCAST_QUEUE_LENGTH + 3 {
        bus.publish(message(Exchange::Events, "system", number)).await.unwrap();
    }
    assert_eq!(next(&mut *reader).await.0, "3");
}

#[tokio::test]
async fn a_waiting_consumer_that_is_dropped_does_not_swallow_the_wake_up() {
    let bus = MemoryBus::new();
    let mut one = bus.consume(Source::Work(WorkQueue::Integrate), 1).await.unwrap();
    let mut two = bus.consume(Source::Work(WorkQueue::Integrate), 1).await.unwrap();
    let mut patient = std::pin::pin!(next(&mut *two));
    {
        let impatient = std::pin::pin!(one.next());
        assert!(poll_immediate(impatient).await.is_none());
        assert!(poll_immediate(&mut patient).await.is_none());
        bus.publish(batch(0)).await.unwrap();
    }
    assert_eq!(patient.await.0, "0");
}
