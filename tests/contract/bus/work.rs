//! Work queues: each message is somebody's, and stays so until it is acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use igentai_shared::bus::{DeliveryTag, Exchange, WorkQueue};
use igentai_test_support::eventually;

use super::{DEADLINE, NewClient, batch, message, next, next_acked, worker};

pub(super) async fn a_message_published_to_a_work_queue_reaches_exactly_one_consumer(client: NewClient<'_>) {
    let bus = client();
    let mut one = worker(&*bus, WorkQueue::Integrate, 10).await;
    let mut two = worker(&*bus, WorkQueue::Integrate, 10).await;
    bus.publish(batch("a")).await.unwrap();
    // "b" comes after "a" on the same queue: once both are here, a second "a" would be here too.
    bus.publish(batch("b")).await.unwrap();
    let mut received = Vec::new();
    for _ in 0..2 {
        let id = tokio::select! {
            delivery = next(&mut *one) => delivery.message_id,
            delivery = next(&mut *two) => delivery.message_id,
        };
        received.push(id);
    }
    received.sort();
    assert_eq!(received, ["a", "b"]);
    assert!(one.try_next().is_none() && two.try_next().is_none());
}

pub(super) async fn everything_of_a_message_arrives(client: NewClient<'_>) {
    let bus = client();
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 1).await;
    let mut sent = batch("0195-ü");
    sent.headers = BTreeMap::from([("traceparent".to_owned(), "00-ab-cd-01".to_owned())]);
    sent.payload = bytes::Bytes::from(vec![0_u8; 300_000]); // More than a frame.
    bus.publish(sent.clone()).await.unwrap();
    let got = next(&mut *consumer).await;
    assert!(!got.redelivered);
    assert_eq!(got.exchange, "igentai.batches");
    assert_eq!(got.routing_key, sent.routing_key);
    assert_eq!(got.content_type, sent.content_type);
    assert_eq!(got.message_id, sent.message_id);
    assert_eq!(got.headers, sent.headers);
    assert!(got.payload == sent.payload);
}

pub(super) async fn competing_consumers_share_the_work(client: NewClient<'_>) {
    let (bus, other) = (client(), client());
    let mut one = worker(&*bus, WorkQueue::Integrate, 1).await;
    let mut two = worker(&*other, WorkQueue::Integrate, 1).await;
    for number in 0..2 {
        bus.publish(batch(number.to_string())).await.unwrap();
    }
    // Neither acknowledges, so each gets one: none may be kept waiting while the other has its hands full.
    let both = (next(&mut *one).await.message_id, next(&mut *two).await.message_id);
    assert_eq!(BTreeSet::from([both.0, both.1]), BTreeSet::from(["0".to_owned(), "1".to_owned()]));
}

pub(super) async fn order_is_kept_from_one_publisher_on_one_queue(client: NewClient<'_>) {
    let bus = client();
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 16).await;
    let sent: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    for id in &sent {
        bus.publish(batch(id)).await.unwrap();
    }
    let mut received = Vec::new();
    for _ in &sent {
        received.push(next_acked(&mut *consumer).await);
    }
    assert_eq!(received, sent);
}

pub(super) async fn prefetch_bounds_what_a_consumer_holds(client: NewClient<'_>) {
    let bus = client();
    let mut greedy = worker(&*bus, WorkQueue::Integrate, 2).await;
    for number in 0..5 {
        bus.publish(batch(number.to_string())).await.unwrap();
    }
    let first = next(&mut *greedy).await;
    let second = next(&mut *greedy).await;
    assert_eq!((&*first.message_id, &*second.message_id), ("0", "1"));
    assert!(greedy.try_next().is_none());
    // What the first may not hold is there for another.
    let mut other = worker(&*bus, WorkQueue::Integrate, 10).await;
    for expected in ["2", "3", "4"] {
        assert_eq!(next_acked(&mut *other).await, expected);
    }
    assert!(greedy.try_next().is_none());
    // An acknowledgement makes room.
    greedy.ack(first.tag).await.unwrap();
    drop(other);
    bus.publish(batch("5")).await.unwrap();
    assert_eq!(next(&mut *greedy).await.message_id, "5");
}

pub(super) async fn unacknowledged_work_is_delivered_again_when_its_consumer_is_dropped(
    client: NewClient<'_>,
) {
    let bus = client();
    let mut doomed = worker(&*bus, WorkQueue::Integrate, 10).await;
    for id in ["a", "b", "c"] {
        bus.publish(batch(id)).await.unwrap();
    }
    assert_eq!(next_acked(&mut *doomed).await, "a");
    assert_eq!(next(&mut *doomed).await.message_id, "b");
    assert_eq!(next(&mut *doomed).await.message_id, "c");
    drop(doomed);
    let mut heir = worker(&*bus, WorkQueue::Integrate, 10).await;
    for expected in ["b", "c"] {
        let again = next(&mut *heir).await;
        assert_eq!((&*again.message_id, again.redelivered), (expected, true));
        heir.ack(again.tag).await.unwrap();
    }
}

pub(super) async fn requeued_work_comes_again_with_the_flag(client: NewClient<'_>) {
    let bus = client();
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 1).await;
    bus.publish(batch("a")).await.unwrap();
    let first = next(&mut *consumer).await;
    assert!(!first.redelivered);
    consumer.requeue(first.tag).await.unwrap();
    let again = next(&mut *consumer).await;
    assert!(again.redelivered);
    assert_eq!(again.message_id, "a");
    assert_ne!(again.tag, first.tag);
}

pub(super) async fn acknowledging_a_stale_foreign_or_repeated_tag_is_harmless(client: NewClient<'_>) {
    let bus = client();
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 2).await;
    bus.publish(batch("a")).await.unwrap();
    bus.publish(batch("b")).await.unwrap();
    let held = next(&mut *consumer).await.tag;
    let done = next(&mut *consumer).await.tag;
    consumer.ack(done).await.unwrap();
    consumer.ack(done).await.unwrap();
    consumer.requeue(done).await.unwrap();
    consumer.ack(DeliveryTag { connection: held.connection + 1, ..held }).await.unwrap();
    consumer.ack(DeliveryTag { connection: 0, ..held }).await.unwrap();
    consumer.ack(DeliveryTag { tag: held.tag + 1000, ..held }).await.unwrap();
    // The consumer goes on, and what it holds is still its own.
    bus.publish(batch("c")).await.unwrap();
    assert_eq!(next_acked(&mut *consumer).await, "c");
    drop(consumer);
    let mut heir = worker(&*bus, WorkQueue::Integrate, 10).await;
    let again = next(&mut *heir).await;
    assert_eq!((&*again.message_id, again.redelivered), ("a", true));
}

pub(super) async fn several_acknowledged_at_once_leave_what_is_held_between_them(client: NewClient<'_>) {
    let bus = client();
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 9).await;
    let mut tags = Vec::new();
    for number in 0..9 {
        bus.publish(batch(number.to_string())).await.unwrap();
        tags.push(next(&mut *consumer).await.tag);
    }
    let of = |numbers: &[usize]| numbers.iter().map(|number| tags[*number]).collect::<Vec<_>>();
    consumer.ack_all(&of(&[2, 0, 1])).await.unwrap();
    consumer.ack_all(&of(&[5, 8, 4])).await.unwrap();
    // Those of before, and of others, are nothing to it.
    let foreign = DeliveryTag { connection: tags[6].connection + 1, ..tags[6] };
    consumer.ack_all(&[tags[1], foreign, tags[3]]).await.unwrap();
    consumer.ack_all(&[]).await.unwrap();
    // It goes on: what was acknowledged has made room.
    bus.publish(batch("last")).await.unwrap();
    assert_eq!(next_acked(&mut *consumer).await, "last");
    drop(consumer);
    let mut heir = worker(&*bus, WorkQueue::Integrate, 10).await;
    for expected in ["6", "7"] {
        assert_eq!(next_acked(&mut *heir).await, expected);
    }
    assert!(heir.try_next().is_none());
}

pub(super) async fn an_unroutable_task_lands_in_unrouted_and_an_unread_event_does_not(client: NewClient<'_>) {
    let bus = client();
    let mut unrouted = worker(&*bus, WorkQueue::Unrouted, 10).await;
    bus.publish(message(Exchange::Events, "system", "unread event")).await.unwrap();
    bus.publish(message(Exchange::Filters, "delta.topic-1", "unread delta")).await.unwrap();
    bus.publish(message(Exchange::Commands, "producer.gone", "unread command")).await.unwrap();
    bus.publish(message(Exchange::Tasks, "nobody", "lost task")).await.unwrap();
    let found = next(&mut *unrouted).await;
    assert_eq!((&*found.message_id, &*found.routing_key), ("lost task", "nobody"));
    assert!(unrouted.try_next().is_none());
}

pub(super) async fn depth_counts_what_waits(client: NewClient<'_>) {
    let bus = client();
    for number in 0..3 {
        bus.publish(batch(number.to_string())).await.unwrap();
    }
    let waiting = |expected| {
        let bus = bus.clone();
        eventually(DEADLINE, move || {
            let bus = bus.clone();
            async move { bus.depth(WorkQueue::Integrate).await == Some(expected) }
        })
    };
    waiting(3).await.unwrap();
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 1).await;
    next(&mut *consumer).await;
    waiting(2).await.unwrap();
}
