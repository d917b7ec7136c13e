#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::bus::memory::{MemoryBus, MemoryLimits};
use crate::bus::{Incoming, Source};

fn buried(number: u64, origin: Option<&str>) -> Outgoing {
    let mut headers = BTreeMap::from([
        (DEAD_LETTER_REASON.to_owned(), "it is poison".to_owned()),
        (DEAD_LETTER_AT.to_owned(), (10_000 - number).to_string()),
        ("traceparent".to_owned(), "00-ab".to_owned()),
    ]);
    headers.extend(origin.map(|name| (DEAD_LETTER_EXCHANGE.to_owned(), name.to_owned())));
    Outgoing {
        exchange: Exchange::Dead,
        routing_key: "birds".to_owned(),
        content_type: "text/plain".to_owned(),
        message_id: format!("m-{number}"),
        headers,
        payload: Bytes::from(number.to_string()),
    }
}

async fn world(count: u64) -> Arc<MemoryBus> {
    let bus = MemoryBus::new();
    for number in 0..count {
        bus.publish(buried(number, Some("igentai.batches"))).await.unwrap();
    }
    bus
}

async fn ids(bus: &MemoryBus) -> Vec<String> {
    list(bus).await.unwrap().letters.into_iter().map(|letter| letter.id).collect()
}

#[tokio::test]
async fn letters_are_listed_the_oldest_first_and_a_look_changes_nothing() {
    let bus = world(3).await;
    let listing = list(bus.as_ref()).await.unwrap();
    let names: Vec<&str> = listing.letters.iter().map(|letter| letter.message_id.as_str()).collect();
    assert_eq!((names, listing.is_whole), (vec!["m-2", "m-1", "m-0"], true));
    assert_eq!(listing.letters[0].reason(), Some("it is poison"));
    assert_eq!(list(bus.as_ref()).await.unwrap(), listing, "ids are the same at every look");
    assert_eq!(bus.depth(WorkQueue::Dead).await, Some(3));
}

#[tokio::test]
async fn one_that_is_replayed_goes_to_where_it_came_from_as_it_was() {
    let bus = world(3).await;
    let chosen = ids(&bus).await[1].clone();
    let none = "0".repeat(16);
    let which = Which::Ids([chosen.clone(), none.clone()].into());
    let settled = settle(bus.as_ref(), &which, Act::Replay).await.unwrap();
    assert_eq!(settled, [(chosen, Ok(())), (none, Err(Undone::NotFound))]);
    assert_eq!(bus.depth(WorkQueue::Dead).await, Some(2));
    let mut reader = bus.consume(Source::Work(WorkQueue::Integrate), 1).await.unwrap();
    let Incoming::Delivery(again) = reader.next().await.unwrap() else { unreachable!("it is there") };
    assert_eq!(
        (&*again.exchange, &*again.routing_key, &*again.message_id),
        ("igentai.batches", "birds", "m-1")
    );
    let kept = [("traceparent", "00-ab"), (DEAD_LETTER_REPLAYS, "1")];
    assert_eq!(again.headers, kept.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[tokio::test]
async fn equal_copies_are_one_letter_and_are_settled_together() {
    let bus = world(1).await;
    bus.publish(buried(0, Some("igentai.batches"))).await.unwrap();
    let all = ids(&bus).await;
    assert_eq!(all.len(), 1);
    let settled = settle(bus.as_ref(), &Which::Ids(all.into_iter().collect()), Act::Replay).await.unwrap();
    assert_eq!(settled.len(), 1);
    let depths = (bus.depth(WorkQueue::Dead).await, bus.depth(WorkQueue::Integrate).await);
    assert_eq!(depths, (Some(0), Some(1)));
}

#[tokio::test]
async fn one_that_does_not_say_where_it_came_from_stays_and_can_be_dropped() {
    let bus = MemoryBus::new();
    bus.publish(buried(1, None)).await.unwrap();
    let which = Which::Ids(ids(&bus).await.into_iter().collect());
    let settled = settle(bus.as_ref(), &which, Act::Replay).await.unwrap();
    assert_eq!(settled[0].1, Err(Undone::NoOrigin));
    assert_eq!(bus.depth(WorkQueue::Dead).await, Some(1));
    assert_eq!(settle(bus.as_ref(), &which, Act::Drop).await.unwrap()[0].1, Ok(()));
    assert_eq!(bus.depth(WorkQueue::Dead).await, Some(0));
}

#[tokio::test]
async fn no_more_than_so_many_are_settled_however_many_there_are() {
    let bus = world(2_500).await;
    assert!(!list(bus.as_ref()).await.unwrap().is_whole);
    for (asked, act, count) in [(2_300, Act::Drop, AT_ONCE), (300, Act::Replay, 300)] {
        let settled = settle(bus.as_ref(), &Which::First(asked), act).await.unwrap();
        assert!(settled.len() == count && settled.iter().all(|(_, outcome)| outcome.is_ok()));
    }
    assert_eq!(bus.depth(WorkQueue::Dead).await, Some(1_700));
    assert_eq!(bus.depth(WorkQueue::Integrate).await, Some(300));
}

#[tokio::test(start_paused = true)]
async fn what_the_broker_does_not_take_stays_a_dead_letter() {
    let limits = MemoryLimits { messages: 3, bytes: 10_000, publish_deadline: Duration::from_secs(1) };
    let bus = MemoryBus::with_limits(limits);
    for number in 0..3 {
        bus.publish(buried(number, Some("igentai.batches"))).await.unwrap();
    }
    let room = Outgoing { exchange: Exchange::Batches, ..buried(9, None) };
    bus.publish(room.clone()).await.unwrap();
    bus.publish(room).await.unwrap();
    let settled = settle(bus.as_ref(), &Which::First(3), Act::Replay).await.unwrap();
    assert!(matches!(
        settled.iter().map(|(_, outcome)| outcome).collect::<Vec<_>>()[..],
        [Ok(()), Err(Undone::NotSent(_)), Err(Undone::NotTried)]
    ));
    assert_eq!(bus.depth(WorkQueue::Dead).await, Some(2));
}

#[tokio::test]
async fn what_crashes_whoever_works_on_it_is_not_read_here_either() {
    let mut message = buried(1, None);
    message.headers.insert(DEAD_LETTER_KIND.to_owned(), CRASHES.to_owned());
    let bus = MemoryBus::new();
    bus.publish(message).await.unwrap();
    let letter = list(bus.as_ref()).await.unwrap().letters.remove(0);
    assert!(letter.crashes() && letter.batches.is_empty());
}
