//! A store that was put back to an older state.

use std::collections::BTreeMap;

use igentai_core::batch::Verdict;
use igentai_core::folder::TopicId;
use igentai_shared::store::{Commit, Head, Rebuilt, Store, StoreError, checkpoints};

use super::batches::{batch, commit_one, committed, fingerprint, novel, open, texts, topic, topic_named};
use super::coordination::fenced;
use super::on_every_adapter;
use super::subject::Subject;

on_every_adapter! {
    a_topic_that_holds_less_than_it_held_takes_no_commits_until_it_is_settled,
    what_is_known_to_have_been_most_is_remembered,
    a_newer_run_is_not_held_up_by_what_became_of_the_one_before,
    a_topic_of_which_nothing_is_left_is_marked_too,
    what_was_rebuilt_takes_the_place_of_log_and_set_and_nothing_else,
    what_was_rebuilt_may_be_another_run,
    a_leader_that_is_over_settles_nothing,
    nothing_takes_the_place_of_a_topic_when_nothing_was_rebuilt,
}

fn head(run: u64, log_index: u64, attributes: u64) -> Head {
    Head { run, log_index, attributes }
}

fn put_back(result: Result<impl std::fmt::Debug, StoreError>) -> (Head, Head) {
    match result {
        Err(StoreError::PutBack { known, held }) => (known, held),
        other => unreachable!("a registry that was put back expected, not {other:?}"),
    }
}

/// Refused, and nothing of it is written.
async fn refuses(store: &dyn Store, commit: Commit) {
    let before = store.head(&commit.id.topic).await.unwrap();
    let topic = commit.id.topic.clone();
    let refused = store.commit(vec![commit]).await;
    assert!(matches!(&refused, Err(error) if !error.is_transient()), "{refused:?}");
    assert!(refused.unwrap_err().to_string().contains("put back to an older state"));
    assert_eq!(store.head(&topic).await.unwrap(), before);
}

fn elsewhere() -> TopicId {
    topic_named("rivers rebuilt")
}

fn in_it(mut commit: Commit, run: u64) -> Commit {
    (commit.id.topic, commit.id.run) = (elsewhere(), run);
    commit
}

async fn a_topic_that_holds_less_than_it_held_takes_no_commits_until_it_is_settled(store: Subject) {
    open(&**store).await;
    commit_one(&**store, novel(1, &["a", "b"])).await;
    let held = head(1, 1, 2);
    for known in [held, head(1, 0, 2), head(0, 9, 9), Head::default()] {
        assert_eq!(store.claim(&topic(), 1, known).await.unwrap(), held);
    }
    for (epoch, known) in [(1, head(1, 2, 2)), (2, head(1, 0, 3)), (3, head(2, 0, 0))] {
        assert_eq!(put_back(store.claim(&topic(), epoch, known).await), (known, held));
        refuses(&**store, novel(2, &["c"])).await;
        assert_eq!(store.settle(&topic(), epoch, None).await.unwrap(), held);
        assert_eq!(store.claim(&topic(), epoch, held).await.unwrap(), held);
    }
    put_back(store.claim(&topic(), 3, head(1, 0, 3)).await);
    assert_eq!(put_back(store.open_run(&topic(), 1, 3, Some(7)).await), (head(1, 0, 3), held));
    // Others are not concerned, in the same call neither.
    store.open_run(&topic_named("lakes"), 1, 3, None).await.unwrap();
    let mut other = novel(1, &["x"]);
    other.id.topic = topic_named("lakes");
    assert!(commit_one(&**store, other).await.fresh);
    store.settle(&topic(), 3, None).await.unwrap();
    assert_eq!(committed(&commit_one(&**store, novel(2, &["c"])).await).first_new, 3);
    assert_eq!(texts(&**store).await, ["a", "b", "c"]);
}

async fn what_is_known_to_have_been_most_is_remembered(store: Subject) {
    open(&**store).await;
    commit_one(&**store, novel(1, &["a"])).await;
    let held = head(1, 1, 1);
    put_back(store.claim(&topic(), 1, head(1, 3, 5)).await);
    // Who knows less, since its files do not go so far, learns of it.
    assert_eq!(put_back(store.claim(&topic(), 2, head(1, 0, 3)).await), (head(1, 3, 5), held));
    assert_eq!(put_back(store.claim(&topic(), 2, Head::default()).await), (head(1, 3, 5), held));
    // One has read of more entries, the other of more items.
    assert_eq!(put_back(store.claim(&topic(), 2, head(1, 4, 0)).await), (head(1, 4, 5), held));
    assert_eq!(put_back(store.claim(&topic(), 2, head(1, 0, 6)).await), (head(1, 4, 6), held));
    assert_eq!(put_back(store.claim(&topic(), 2, head(2, 0, 1)).await), (head(2, 0, 1), held));
    assert_eq!(put_back(store.claim(&topic(), 2, head(1, 9, 9)).await), (head(2, 0, 1), held));
}

async fn a_newer_run_is_not_held_up_by_what_became_of_the_one_before(store: Subject) {
    // Of a topic that was forgotten as a whole, too, no run that was there before is begun a second time.
    put_back(store.claim(&topic(), 1, head(2, 0, 1)).await);
    for run in [1, 2] {
        assert_eq!(put_back(store.open_run(&topic(), run, 1, None).await), (head(2, 0, 1), Head::default()));
    }
    store.settle(&topic(), 1, None).await.unwrap();
    open(&**store).await;
    put_back(store.claim(&topic(), 1, head(1, 1, 1)).await);
    store.open_run(&topic(), 2, 1, None).await.unwrap();
    let mut commit = novel(1, &["a"]);
    commit.id.run = 2;
    assert!(commit_one(&**store, commit).await.fresh);
    assert_eq!(store.claim(&topic(), 1, Head::default()).await.unwrap(), head(2, 1, 1));
}

async fn a_topic_of_which_nothing_is_left_is_marked_too(store: Subject) {
    let known = head(1, 0, 7);
    assert_eq!(put_back(store.claim(&topic(), 1, known).await), (known, Head::default()));
    assert_eq!(put_back(store.claim(&topic(), 1, Head::default()).await), (known, Head::default()));
    assert_eq!(store.settle(&topic(), 1, None).await.unwrap(), Head::default());
    assert_eq!(store.claim(&topic(), 1, Head::default()).await.unwrap(), Head::default());
}

async fn what_was_rebuilt_takes_the_place_of_log_and_set_and_nothing_else(store: Subject) {
    store.open_run(&topic(), 1, 1, Some(5)).await.unwrap();
    commit_one(&**store, novel(1, &["a", "x", "y"])).await;
    let kept = BTreeMap::from([(checkpoints::LEDGER.to_owned(), vec![1]), ("folds".to_owned(), vec![2])]);
    store.save_checkpoints(&topic(), 1, 1, kept).await.unwrap();
    put_back(store.claim(&topic(), 1, head(1, 0, 4)).await);

    store.open_run(&elsewhere(), 3, 1, None).await.unwrap();
    commit_one(&**store, in_it(novel(1, &["a", "b", "c", "d"]), 3)).await;
    let rebuilt = Rebuilt { from: elsewhere(), run: 1 };
    let before = store.edition(&topic()).await.unwrap();
    assert_eq!(store.settle(&topic(), 2, Some(rebuilt)).await.unwrap(), head(1, 1, 4));
    assert_ne!(store.edition(&topic()).await.unwrap(), before, "it is another log");
    assert_eq!(store.head(&topic()).await.unwrap(), head(1, 1, 4));
    assert_eq!(store.head(&elsewhere()).await.unwrap(), Head::default());
    assert_eq!(texts(&**store).await, ["a", "b", "c", "d"]);
    assert_eq!(fenced(store.claim(&topic(), 1, Head::default()).await), (1, 2));
    assert_eq!(store.checkpoint(&topic(), 1, checkpoints::LEDGER).await.unwrap(), Some(vec![1]));
    assert_eq!(store.checkpoint(&topic(), 1, "folds").await.unwrap(), None);
    // What was committed before is known as such, and has no other number than it has now.
    assert!(!commit_one(&**store, novel(1, &["a", "x", "y"])).await.fresh);
    let again =
        commit_one(&**store, Commit { sightings: vec![fingerprint("d")], ..novel(2, &["x", "e"]) }).await;
    assert_eq!((committed(&again).first_new, committed(&again).known, committed(&again).over_cap), (5, 1, 1));
    let last = store.log(&topic(), 1, 1, 10).await.unwrap();
    assert_eq!((last[0].index, &last[0].tail.again, &last[0].tail.new), (2, &vec![4], &vec!["x".to_owned()]));
}

async fn what_was_rebuilt_may_be_another_run(store: Subject) {
    open(&**store).await;
    commit_one(&**store, novel(1, &["a"])).await;
    store.open_run(&elsewhere(), 1, 1, None).await.unwrap();
    commit_one(&**store, in_it(novel(9, &["b", "c"]), 1)).await;
    let rebuilt = Rebuilt { from: elsewhere(), run: 4 };
    assert_eq!(store.settle(&topic(), 1, Some(rebuilt)).await.unwrap(), head(4, 1, 2));
    assert_eq!(commit_one(&**store, novel(2, &["d"])).await.verdict, Verdict::Stale);
    // Numbers of batches begin anew with it.
    let mut commit = novel(1, &["a"]);
    commit.id.run = 4;
    assert_eq!(committed(&commit_one(&**store, commit).await).first_new, 3);
    // A topic of which the registry knew nothing.
    store.open_run(&elsewhere(), 1, 1, None).await.unwrap();
    commit_one(&**store, in_it(batch(1), 1)).await;
    let rebuilt = Rebuilt { from: elsewhere(), run: 1 };
    assert_eq!(store.settle(&topic_named("lakes"), 1, Some(rebuilt)).await.unwrap(), head(1, 1, 0));
}

async fn a_leader_that_is_over_settles_nothing(store: Subject) {
    store.open_run(&topic(), 1, 7, None).await.unwrap();
    put_back(store.claim(&topic(), 7, head(1, 0, 1)).await);
    assert_eq!(fenced(store.settle(&topic(), 6, None).await), (6, 7));
    put_back(store.claim(&topic(), 7, Head::default()).await);
}

async fn nothing_takes_the_place_of_a_topic_when_nothing_was_rebuilt(store: Subject) {
    open(&**store).await;
    commit_one(&**store, novel(1, &["a"])).await;
    let refused = store.settle(&topic(), 1, Some(Rebuilt { from: elsewhere(), run: 1 })).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    assert_eq!(texts(&**store).await, ["a"]);
}
