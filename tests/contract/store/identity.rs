use std::collections::BTreeSet;

use futures::future::join_all;
use igentai_shared::store::StoreError;

use super::batches::{commit_one, novel, open, topic};
use super::on_every_adapter;
use super::subject::Subject;

on_every_adapter! {
    the_id_that_is_proposed_first_stays,
    of_ids_proposed_at_once_everybody_is_answered_the_same,
    no_run_changes_the_id,
    a_closed_store_tells_no_id,
}

async fn the_id_that_is_proposed_first_stays(store: Subject) {
    assert_eq!(store.identity("first").await.unwrap(), "first");
    assert_eq!(store.identity("second").await.unwrap(), "first");
    assert_eq!(store.identity("first").await.unwrap(), "first");
}

async fn of_ids_proposed_at_once_everybody_is_answered_the_same(store: Subject) {
    let proposed: Vec<String> = (0..8).map(|number| format!("r{number}")).collect();
    let answers = join_all(proposed.iter().map(|id| store.identity(id))).await;
    let answers: BTreeSet<String> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(proposed.contains(answers.first().unwrap()), "{answers:?}");
}

async fn no_run_changes_the_id(store: Subject) {
    store.identity("first").await.unwrap();
    open(&**store).await;
    commit_one(&**store, novel(1, &["a"])).await;
    store.open_run(&topic(), 2, 1, None).await.unwrap();
    assert_eq!(store.identity("second").await.unwrap(), "first");
}

async fn a_closed_store_tells_no_id(store: Subject) {
    store.close().await;
    assert!(matches!(store.identity("first").await, Err(StoreError::Unavailable(_))));
}
