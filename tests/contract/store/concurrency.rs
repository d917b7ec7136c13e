use std::collections::BTreeSet;

use futures::future::join_all;
use igentai_shared::store::{Commit, Store};

use super::batches::{committed, novel, of_producer, open, texts, topic};
use super::on_every_adapter;
use super::subject::Subject;

on_every_adapter! {
    concurrent_committers_number_without_gaps,
    the_cap_is_exact_with_concurrent_committers,
    one_batch_delivered_to_many_committers_is_committed_once,
}

/// Each of eight producers commits batches whose texts overlap with those of the others, two batches a call.
async fn commit_concurrently(store: &dyn Store) -> (Vec<u64>, u64) {
    let producers = (0..8_u64).map(|producer| async move {
        let mut found = Vec::new();
        for round in 0..5_u64 {
            let calls = [2 * round + 1, 2 * round + 2].map(|seq| batch_of(producer, seq));
            for outcome in store.commit(calls.to_vec()).await.unwrap() {
                let receipt = committed(&outcome);
                let numbers = (receipt.first_new..).take(receipt.new as usize).collect::<Vec<u64>>();
                found.push((numbers, u64::from(receipt.over_cap)));
            }
        }
        found
    });
    let all: Vec<(Vec<u64>, u64)> = join_all(producers).await.into_iter().flatten().collect();
    let over_cap = all.iter().map(|(_, over_cap)| over_cap).sum();
    (all.into_iter().flat_map(|(numbers, _)| numbers).collect(), over_cap)
}

fn batch_of(producer: u64, seq: u64) -> Commit {
    let texts: Vec<String> = (0..10).map(|i| format!("{}", (producer * 7 + seq * 10 + i) % 150)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    of_producer(novel(seq, &texts), &format!("producer-{producer}"))
}

async fn concurrent_committers_number_without_gaps(store: Subject) {
    open(&**store).await;
    let (mut numbers, _) = commit_concurrently(&**store).await;
    numbers.sort_unstable();
    let texts = texts(&**store).await;
    assert_eq!(numbers, (1..=texts.len() as u64).collect::<Vec<_>>());
    assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), texts.len());
    let log = store.log(&topic(), 1, 0, 1_000).await.unwrap();
    assert_eq!(log.iter().map(|entry| entry.index).collect::<Vec<_>>(), (1..=80).collect::<Vec<_>>());
}

async fn the_cap_is_exact_with_concurrent_committers(store: Subject) {
    store.open_run(&topic(), 1, 1, Some(50)).await.unwrap();
    let (numbers, over_cap) = commit_concurrently(&**store).await;
    assert_eq!(numbers.into_iter().collect::<BTreeSet<_>>(), (1..=50).collect());
    assert!(over_cap > 0);
    let log = store.log(&topic(), 1, 0, 1_000).await.unwrap();
    assert_eq!(log.iter().map(|entry| u64::from(entry.tail.over_cap)).sum::<u64>(), over_cap);
}

async fn one_batch_delivered_to_many_committers_is_committed_once(store: Subject) {
    open(&**store).await;
    let deliveries = join_all((0..16).map(|_| store.commit(vec![novel(1, &["a", "b"])]))).await;
    let outcomes: Vec<_> = deliveries.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.fresh).count(), 1);
    assert!(outcomes.iter().all(|outcome| outcome.verdict == outcomes[0].verdict));
    assert_eq!(store.head(&topic()).await.unwrap().log_index, 1);
}
