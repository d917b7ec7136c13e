use futures::future::join_all;
use igentai_core::ids::WorkerId;
use igentai_shared::store::{LeaseRecord, StoreError};

use super::on_every_adapter;
use super::subject::Subject;

on_every_adapter! {
    a_lease_never_taken_is_free,
    a_taken_lease_is_renewed_and_released,
    a_lease_that_moved_since_it_was_seen_stays_where_it_is,
    a_lease_that_stood_still_is_taken_over_and_lost_to_its_holder,
    of_two_that_saw_the_same_only_one_takes_it,
    taking_again_after_a_lost_answer_gives_the_same_lease,
    an_epoch_is_above_the_one_that_somebody_follows_already,
    the_epoch_never_falls,
}

fn worker(name: &str) -> WorkerId {
    WorkerId::parse(name).unwrap()
}

async fn a_lease_never_taken_is_free(store: Subject) {
    assert_eq!(store.lease().await.unwrap(), LeaseRecord::default());
    assert_eq!(store.renew_lease(&worker("a"), 0).await.unwrap(), None);
    store.release_lease(&worker("a"), 0).await.unwrap();
    assert_eq!(store.lease().await.unwrap(), LeaseRecord::default());
}

async fn a_taken_lease_is_renewed_and_released(store: Subject) {
    let a = worker("a");
    let taken = store.take_lease(&a, &LeaseRecord::default(), 0).await.unwrap().unwrap();
    assert_eq!((taken.holder.as_ref(), taken.epoch), (Some(&a), 1));
    assert_eq!(store.lease().await.unwrap(), taken);
    let renewed = store.renew_lease(&a, 1).await.unwrap().unwrap();
    assert_eq!((renewed.holder.as_ref(), renewed.epoch), (Some(&a), 1));
    assert!(renewed.beat > taken.beat);
    assert_eq!(store.lease().await.unwrap(), renewed);

    store.release_lease(&worker("b"), 1).await.unwrap();
    store.release_lease(&a, 2).await.unwrap();
    assert_eq!(store.lease().await.unwrap(), renewed);
    store.release_lease(&a, 1).await.unwrap();
    let free = store.lease().await.unwrap();
    assert_eq!((free.holder.clone(), free.epoch), (None, 1));
    assert_eq!(store.renew_lease(&a, 1).await.unwrap(), None);
    // Free is free, whatever was seen last.
    let next = store.take_lease(&worker("b"), &LeaseRecord::default(), 0).await.unwrap().unwrap();
    assert_eq!(next.epoch, 2);
}

async fn a_lease_that_moved_since_it_was_seen_stays_where_it_is(store: Subject) {
    let (a, b) = (worker("a"), worker("b"));
    let seen = store.take_lease(&a, &LeaseRecord::default(), 0).await.unwrap().unwrap();
    let moved = store.renew_lease(&a, 1).await.unwrap().unwrap();
    assert_eq!(store.take_lease(&b, &seen, 0).await.unwrap(), None);
    assert_eq!(store.take_lease(&b, &LeaseRecord::default(), 0).await.unwrap(), None);
    assert_eq!(
        store.take_lease(&b, &LeaseRecord { holder: Some(b.clone()), ..moved.clone() }, 0).await.unwrap(),
        None
    );
    assert_eq!(store.lease().await.unwrap(), moved);
}

async fn a_lease_that_stood_still_is_taken_over_and_lost_to_its_holder(store: Subject) {
    let (a, b) = (worker("a"), worker("b"));
    let seen = store.take_lease(&a, &LeaseRecord::default(), 0).await.unwrap().unwrap();
    let taken = store.take_lease(&b, &seen, 0).await.unwrap().unwrap();
    assert_eq!((taken.holder.as_ref(), taken.epoch), (Some(&b), 2));
    assert_eq!(store.renew_lease(&a, 1).await.unwrap(), None);
    assert_eq!(store.renew_lease(&a, 2).await.unwrap(), None);
    store.release_lease(&a, 1).await.unwrap();
    assert_eq!(store.lease().await.unwrap(), taken);
}

async fn of_two_that_saw_the_same_only_one_takes_it(store: Subject) {
    let mut seen = LeaseRecord::default();
    for round in 1..=5 {
        let contenders: Vec<WorkerId> = (0..4).map(|i| worker(&format!("w{round}-{i}"))).collect();
        let taken = join_all(contenders.iter().map(|holder| store.take_lease(holder, &seen, 0))).await;
        let taken: Vec<_> = taken.into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(taken.len(), 1, "{taken:?}");
        assert_eq!(taken[0].epoch, round);
        seen = store.lease().await.unwrap();
        assert_eq!(seen, taken[0]);
    }
}

async fn taking_again_after_a_lost_answer_gives_the_same_lease(store: Subject) {
    let a = worker("a");
    let first = store.take_lease(&a, &LeaseRecord::default(), 0).await.unwrap();
    assert_eq!(store.take_lease(&a, &LeaseRecord::default(), 0).await.unwrap(), first);
    store.renew_lease(&a, 1).await.unwrap().unwrap();
    assert_eq!(store.take_lease(&a, &LeaseRecord::default(), 0).await.unwrap(), None);
}

async fn an_epoch_is_above_the_one_that_somebody_follows_already(store: Subject) {
    let (a, b) = (worker("a"), worker("b"));
    let taken = store.take_lease(&a, &LeaseRecord::default(), 7).await.unwrap().unwrap();
    assert_eq!(taken.epoch, 8);
    assert_eq!(
        store.take_lease(&a, &LeaseRecord::default(), 7).await.unwrap().unwrap(),
        taken,
        "once, although asked twice"
    );
    assert_eq!(store.take_lease(&b, &LeaseRecord::default(), 20).await.unwrap(), None, "it is held");
    assert_eq!(store.take_lease(&b, &taken, 3).await.unwrap().unwrap().epoch, 9);
    store.release_lease(&b, 9).await.unwrap();
    let seen = store.lease().await.unwrap();
    assert_eq!(store.take_lease(&a, &seen, 30).await.unwrap().unwrap().epoch, 31);
    assert!(matches!(store.take_lease(&b, &seen, u64::MAX).await, Err(StoreError::Corrupt(_))));
    assert_eq!(store.lease().await.unwrap().epoch, 31);
}

async fn the_epoch_never_falls(store: Subject) {
    let mut last = 0;
    for round in 0..6 {
        let holder = worker(&format!("w{}", round % 2));
        let taken = store.take_lease(&holder, &store.lease().await.unwrap(), 0).await.unwrap().unwrap();
        assert_eq!(taken.epoch, last + 1);
        last = taken.epoch;
        if round % 3 == 0 {
            store.release_lease(&holder, last).await.unwrap();
        }
    }
}
