//! Looking at a queue: nothing is lost by it, and what is taken out is gone.

use std::collections::BTreeSet;
use std::time::Duration;

use igentai_shared::bus::{Bus, BusError, Exchange, Look, WorkQueue};
use igentai_test_support::eventually;

use super::{DEADLINE, NewClient, message, next_acked, worker};

const MANY: usize = 1_000;
const LARGE: usize = 1 << 20;

/// Puts so many messages to the dead letters, and waits until they are there.
async fn buried(bus: &dyn Bus, count: usize) {
    for number in 0..count {
        bus.publish(message(Exchange::Dead, "topic-1", number.to_string())).await.unwrap();
    }
    waiting(bus, count).await;
}

async fn waiting(bus: &dyn Bus, count: usize) {
    let expected = u64::try_from(count).unwrap();
    let there = eventually(DEADLINE, || async { bus.depth(WorkQueue::Dead).await == Some(expected) });
    assert!(there.await.is_ok(), "{:?} wait instead of {expected}", bus.depth(WorkQueue::Dead).await);
}

fn ids(look: &dyn Look) -> Vec<&str> {
    look.deliveries().iter().map(|delivery| delivery.message_id.as_str()).collect()
}

pub(super) async fn a_look_shows_what_waits_and_gives_it_back(client: NewClient<'_>) {
    let bus = client();
    buried(&*bus, 20).await;
    let expected: BTreeSet<String> = (0..20).map(|number| number.to_string()).collect();
    for time in 0..3 {
        let look = bus.look(WorkQueue::Dead, MANY, LARGE).await.unwrap();
        let seen: BTreeSet<String> = ids(&*look).into_iter().map(str::to_owned).collect();
        assert!(seen == expected && look.deliveries().len() == 20 && look.is_whole(), "{time}: {seen:?}");
        let first = &look.deliveries()[0];
        assert_eq!((&*first.exchange, &*first.routing_key), ("igentai.dead", "topic-1"));
        assert_eq!((&*first.payload, first.redelivered), (first.message_id.as_bytes(), time > 0));
        look.end().await.unwrap();
        waiting(&*bus, 20).await;
    }
}

pub(super) async fn a_look_is_bounded_in_messages_and_bytes(client: NewClient<'_>) {
    let bus = client();
    buried(&*bus, 12).await;
    for (most, bytes, expected) in [(3, LARGE, 3), (0, LARGE, 0), (MANY, 1, 1), (MANY, 5, 5), (12, LARGE, 12)]
    {
        let look = bus.look(WorkQueue::Dead, most, bytes).await.unwrap();
        assert_eq!((look.deliveries().len(), look.is_whole()), (expected, false), "{most} {bytes}");
        look.end().await.unwrap();
    }
}

pub(super) async fn what_is_taken_out_is_gone_and_the_rest_is_not(client: NewClient<'_>) {
    let bus = client();
    buried(&*bus, 6).await;
    let mut look = bus.look(WorkQueue::Dead, MANY, LARGE).await.unwrap();
    // Nobody has looked before, so that they come as they were put.
    assert_eq!(ids(&*look), ["0", "1", "2", "3", "4", "5"]);
    let tags: Vec<_> = look.deliveries().iter().map(|delivery| delivery.tag).collect();
    for number in [4, 1, 4] {
        look.take_out(tags[number]).await.unwrap();
    }
    look.end().await.unwrap();
    waiting(&*bus, 4).await;
    let mut reader = worker(&*bus, WorkQueue::Dead, 10).await;
    let mut left = BTreeSet::new();
    for _ in 0..4 {
        left.insert(next_acked(&mut *reader).await);
    }
    assert_eq!(left.iter().map(String::as_str).collect::<Vec<_>>(), ["0", "2", "3", "5"]);
}

/// More than a channel passes on to the queue before it hears of the first.
pub(super) async fn however_many_are_taken_out_in_one_look_are_gone(client: NewClient<'_>) {
    let bus = client();
    buried(&*bus, 300).await;
    let mut look = bus.look(WorkQueue::Dead, MANY, LARGE).await.unwrap();
    let tags: Vec<_> = look.deliveries().iter().map(|delivery| delivery.tag).collect();
    assert_eq!(tags.len(), 300);
    for tag in &tags[..299] {
        look.take_out(*tag).await.unwrap();
    }
    look.end().await.unwrap();
    let look = bus.look(WorkQueue::Dead, MANY, LARGE).await.unwrap();
    assert_eq!(ids(&*look), ["299"]);
    look.end().await.unwrap();
}

pub(super) async fn who_looks_while_another_looks_waits_and_sees_everything(client: NewClient<'_>) {
    let (one, two) = (client(), client());
    buried(&*one, 5).await;
    let first = one.look(WorkQueue::Dead, MANY, LARGE).await.unwrap();
    let second = two.look(WorkQueue::Dead, MANY, LARGE);
    tokio::pin!(second);
    // Within one client, too.
    let third = one.look(WorkQueue::Dead, MANY, LARGE);
    tokio::pin!(third);
    tokio::select! {
        _ = &mut second => unreachable!("two look at once"),
        _ = &mut third => unreachable!("two look at once"),
        () = tokio::time::sleep(Duration::from_millis(300)) => {}
    }
    first.end().await.unwrap();
    let look =
        async |mut looking: std::pin::Pin<&mut dyn Future<Output = Result<Box<dyn Look>, BusError>>>| {
            let look = looking.as_mut().await.unwrap();
            let seen = look.deliveries().len();
            look.end().await.unwrap();
            seen
        };
    assert_eq!(futures::future::join(look(second), look(third)).await, (5, 5));
    waiting(&*one, 5).await;
}

pub(super) async fn a_look_that_is_dropped_loses_nothing(client: NewClient<'_>) {
    let bus = client();
    buried(&*bus, 100).await;
    let mut look = bus.look(WorkQueue::Dead, MANY, LARGE).await.unwrap();
    let tag = look.deliveries()[0].tag;
    look.take_out(tag).await.unwrap();
    drop(look);
    // One is gone, or none: whoever does not end a look is not told.
    let given_back = || async { bus.depth(WorkQueue::Dead).await >= Some(99) };
    eventually(DEADLINE, given_back).await.unwrap();
    let look = bus.look(WorkQueue::Dead, MANY, LARGE).await.unwrap();
    let seen: BTreeSet<&str> = ids(&*look).into_iter().collect();
    assert!((1..100).all(|number| seen.contains(number.to_string().as_str())), "{seen:?}");
    look.end().await.unwrap();
}

pub(super) async fn a_look_through_a_client_that_is_closed_is_refused(client: NewClient<'_>) {
    let bus = client();
    bus.close().await;
    assert!(matches!(bus.look(WorkQueue::Dead, 1, 1).await, Err(BusError::Closed)));
}
