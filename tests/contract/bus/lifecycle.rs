//! Waiting, not waiting, giving up waiting, and the end.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::{join_all, poll_immediate};
use igentai_shared::bus::{BusError, BusState, PublishError, Source, WorkQueue};
use igentai_test_support::{eventually, until_some};

use super::{DEADLINE, NewClient, batch, next, next_acked, worker};

pub(super) async fn try_next_takes_what_is_there_and_never_waits(client: NewClient<'_>) {
    let bus = client();
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 10).await;
    assert!(consumer.try_next().is_none());
    for id in ["a", "b", "c"] {
        bus.publish(batch(id)).await.unwrap();
    }
    assert_eq!(next(&mut *consumer).await.message_id, "a");
    for expected in ["b", "c"] {
        let got = until_some(DEADLINE, || std::future::ready(consumer.try_next())).await.unwrap();
        assert_eq!(got.message_id, expected);
        consumer.ack(got.tag).await.unwrap();
    }
    assert!(consumer.try_next().is_none());
}

pub(super) async fn dropping_the_future_of_next_loses_nothing(client: NewClient<'_>) {
    let bus = client();
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 4).await;
    let publisher = bus.clone();
    let publish = async move {
        for number in 0..200 {
            publisher.publish(batch(number.to_string())).await.unwrap();
        }
    };
    let mut received = Vec::new();
    let consume = async {
        while received.len() < 200 {
            // Given up at once or after a moment, again and again.
            let given_up = poll_immediate(consumer.next()).await;
            let incoming = match given_up {
                Some(incoming) => Ok(incoming),
                None => tokio::time::timeout(Duration::from_micros(300), consumer.next()).await,
            };
            if let Ok(incoming) = incoming
                && let igentai_shared::bus::Incoming::Delivery(delivery) = incoming.unwrap()
            {
                consumer.ack(delivery.tag).await.unwrap();
                received.push(delivery.message_id);
            }
        }
    };
    tokio::time::timeout(DEADLINE, async { tokio::join!(publish, consume) }).await.expect("all in time");
    let expected: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    assert_eq!(received, expected);
}

pub(super) async fn many_publishes_at_once_are_all_confirmed(client: NewClient<'_>) {
    let bus = client();
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 100).await;
    let published = join_all((0..2_000).map(|number| bus.publish(batch(number.to_string())))).await;
    assert!(published.iter().all(Result::is_ok), "{:?}", published.iter().find(|result| result.is_err()));
    let mut received = BTreeSet::new();
    while received.len() < 2_000 {
        assert!(received.insert(next_acked(&mut *consumer).await), "delivered twice");
    }
}

pub(super) async fn a_closed_client_gives_its_work_back(client: NewClient<'_>) {
    let (bus, other) = (client(), client());
    let mut doomed = worker(&*bus, WorkQueue::Integrate, 10).await;
    other.publish(batch("a")).await.unwrap();
    let held = next(&mut *doomed).await;
    bus.close().await;
    assert!(matches!(doomed.ack(held.tag).await, Err(BusError::Closed)));
    let mut heir = worker(&*other, WorkQueue::Integrate, 10).await;
    let again = next(&mut *heir).await;
    assert_eq!((&*again.message_id, again.redelivered), ("a", true));
}

pub(super) async fn publishing_on_a_closed_bus_fails_with_closed(client: NewClient<'_>) {
    let bus = client();
    bus.publish(batch("a")).await.unwrap();
    eventually(DEADLINE, || std::future::ready(bus.state() == BusState::Connected)).await.unwrap();
    bus.close().await;
    bus.close().await;
    assert!(matches!(bus.publish(batch("b")).await, Err(PublishError::Closed)));
    let consuming = bus.consume(Source::Work(WorkQueue::Integrate), 1).await;
    assert!(matches!(consuming, Err(BusError::Closed)));
    assert!(matches!(bus.state(), BusState::Disconnected(_)));
}

pub(super) async fn a_waiting_consumer_ends_with_closed(client: NewClient<'_>) {
    let bus = client();
    let mut consumer = worker(&*bus, WorkQueue::Integrate, 1).await;
    let both = async { tokio::join!(consumer.next(), bus.close()) };
    let (ended, ()) = tokio::time::timeout(DEADLINE, both).await.expect("an end in time");
    assert!(matches!(ended, Err(BusError::Closed)));
    assert!(matches!(consumer.next().await, Err(BusError::Closed)));
    assert!(consumer.try_next().is_none());
}
