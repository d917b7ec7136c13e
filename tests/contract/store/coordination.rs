use std::collections::BTreeMap;

use igentai_core::batch::Verdict;
use igentai_core::ids::WorkerId;
use igentai_core::rules::{ItemRules, Script};
use igentai_core::time::UnixMillis;
use igentai_core::topic::{Limits, Topic, TopicState};
use igentai_shared::store::{Head, LeaseRecord, Store, StoreError};

use super::batches::{commit_one, committed, novel, open, topic, topic_named};
use super::on_every_adapter;
use super::subject::Subject;

on_every_adapter! {
    a_fresh_run_is_empty,
    an_older_run_or_epoch_cannot_be_opened,
    an_epoch_below_the_leases_is_fenced_everywhere,
    a_topic_that_is_claimed_takes_no_write_of_an_epoch_before,
    a_topic_is_stored_and_found_again,
    topics_are_listed_in_order,
    a_topic_changes_only_from_the_version_expected,
    storing_the_same_record_again_is_no_conflict,
    a_topic_of_an_older_epoch_is_fenced,
    checkpoints_are_kept_by_name,
    checkpoints_of_another_run_or_an_older_epoch_are_refused,
    checkpoints_are_forgotten_with_their_run,
    a_check_tells_what_it_is,
    a_closed_store_serves_no_more,
}

pub(super) fn record(name: &str, version: u64, epoch: u64) -> Topic {
    Topic {
        id: topic_named(name),
        name: format!("{name}\0 \u{1f3de}"),
        prompt: Some("all of them".to_owned()),
        provider_weights: BTreeMap::from([("hub".to_owned(), 0.1 + 0.2), ("x".to_owned(), 1e-300)]),
        limits: Limits { max_attributes: Some(u64::MAX), ..Limits::default() },
        items_per_request: 50,
        partition: igentai_core::topic::Partition::None,
        probe_share: igentai_core::topic::ProbeShare::USUAL,
        categories: Vec::new(),
        judge: false,
        seeds: None,
        phrasing: None,
        routing: igentai_core::routing::Policy::Fixed,
        rules: ItemRules {
            matches: Some("é+".into()),
            scripts: [Script::Han].into(),
            ..ItemRules::default()
        },
        run: 1,
        state: TopicState::Running,
        created_at: UnixMillis(1),
        run_started_at: UnixMillis(2),
        started_at: UnixMillis(3),
        ended_at: None,
        problem: None,
        version,
        epoch,
    }
}

/// Takes the lease so often that its epoch is `epoch`.
async fn lease_of_epoch(store: &dyn Store, epoch: u64) {
    let holder = WorkerId::parse("coordinator").unwrap();
    let mut lease = store.lease().await.unwrap();
    while lease.epoch < epoch {
        lease = store.take_lease(&holder, &lease, 0).await.unwrap().unwrap();
    }
}

pub(super) fn fenced(result: Result<impl std::fmt::Debug, StoreError>) -> (u64, u64) {
    match result {
        Err(StoreError::Fenced { held, current }) => (held, current),
        other => unreachable!("fenced expected, not {other:?}"),
    }
}

fn stale(result: Result<impl std::fmt::Debug, StoreError>) -> (u64, u64) {
    match result {
        Err(StoreError::Stale { asked, current }) => (asked, current),
        other => unreachable!("a stale run expected, not {other:?}"),
    }
}

async fn a_fresh_run_is_empty(store: Subject) {
    open(&**store).await;
    commit_one(&**store, novel(1, &["a", "b"])).await;
    let head = store.open_run(&topic(), 3, 1, None).await.unwrap();
    assert_eq!(head, Head { run: 3, log_index: 0, attributes: 0 });
    assert_eq!(store.head(&topic()).await.unwrap(), head);
    assert!(store.log(&topic(), 3, 0, 10).await.unwrap().is_empty());
    assert!(store.attributes(&topic(), 1, 0, 10).await.unwrap().is_empty());
    assert_eq!(commit_one(&**store, novel(1, &["a"])).await.verdict, Verdict::Stale);
    // The number was used in the run before; in this one it is new.
    let mut commit = novel(1, &["b"]);
    commit.id.run = 3;
    let outcome = commit_one(&**store, commit).await;
    assert!(outcome.fresh);
    assert_eq!((committed(&outcome).log_index, committed(&outcome).first_new), (1, 1));
}

async fn an_older_run_or_epoch_cannot_be_opened(store: Subject) {
    store.open_run(&topic(), 5, 7, None).await.unwrap();
    assert_eq!(stale(store.open_run(&topic(), 4, 7, None).await), (4, 5));
    assert_eq!(fenced(store.open_run(&topic(), 5, 6, Some(1)).await), (6, 7));
    assert_eq!(fenced(store.open_run(&topic(), 6, 6, None).await), (6, 7));
    assert_eq!(store.head(&topic()).await.unwrap().run, 5);
    store.open_run(&topic(), 5, 8, None).await.unwrap();
    assert_eq!(fenced(store.open_run(&topic(), 5, 7, None).await), (7, 8));
}

async fn an_epoch_below_the_leases_is_fenced_everywhere(store: Subject) {
    lease_of_epoch(&**store, 3).await;
    assert_eq!(fenced(store.open_run(&topic(), 1, 2, None).await), (2, 3));
    assert_eq!(store.head(&topic()).await.unwrap(), Head::default());
    assert_eq!(fenced(store.put_topic(&record("rivers", 1, 2), None).await), (2, 3));
    store.open_run(&topic(), 1, 3, None).await.unwrap();
    lease_of_epoch(&**store, 4).await;
    assert_eq!(fenced(store.save_checkpoints(&topic(), 1, 3, BTreeMap::new()).await), (3, 4));
    assert_eq!(fenced(store.all_claimed(3, "a life").await), (3, 4));
    store.all_claimed(4, "a life").await.unwrap();
}

/// The lease is of no epoch here, so that only what the topic itself knows can refuse.
async fn a_topic_that_is_claimed_takes_no_write_of_an_epoch_before(store: Subject) {
    open(&**store).await;
    commit_one(&**store, novel(1, &["a", "b"])).await;
    let head = Head { run: 1, log_index: 1, attributes: 2 };
    assert_eq!(store.claim(&topic(), 5, Head::default()).await.unwrap(), head);
    assert_eq!(
        store.claim(&topic(), 5, Head::default()).await.unwrap(),
        head,
        "whose answer was lost asks again"
    );
    assert_eq!(fenced(store.claim(&topic(), 4, Head::default()).await), (4, 5));
    assert_eq!(fenced(store.open_run(&topic(), 1, 4, Some(1)).await), (4, 5));
    assert_eq!(fenced(store.open_run(&topic(), 2, 4, None).await), (4, 5));
    assert_eq!(fenced(store.save_checkpoints(&topic(), 1, 4, checkpoints(&[("a", b"x")])).await), (4, 5));
    assert_eq!(store.head(&topic()).await.unwrap(), head);
    // Commits decide nothing, and are nobody's in particular.
    assert!(commit_one(&**store, novel(2, &["c"])).await.fresh);
    lease_of_epoch(&**store, 7).await;
    assert_eq!(fenced(store.claim(&topic(), 6, Head::default()).await), (6, 7));
    assert_eq!(store.claim(&topic_named("lakes"), 7, Head::default()).await.unwrap(), Head::default());
}

async fn a_topic_is_stored_and_found_again(store: Subject) {
    let stored = record("rivers", 1, 0);
    assert_eq!(store.topic(&stored.id).await.unwrap(), None);
    store.put_topic(&stored, None).await.unwrap();
    assert_eq!(store.topic(&stored.id).await.unwrap(), Some(stored.clone()));
    let next = Topic { version: 2, prompt: None, ..stored };
    store.put_topic(&next, Some(1)).await.unwrap();
    assert_eq!(store.topic(&next.id).await.unwrap(), Some(next));
}

async fn topics_are_listed_in_order(store: Subject) {
    assert!(store.topics().await.unwrap().is_empty());
    for name in ["rivers", "lakes", "öre", "zoo", "10"] {
        store.put_topic(&record(name, 1, 0), None).await.unwrap();
    }
    let listed = store.topics().await.unwrap();
    let ids: Vec<&str> = listed.iter().map(|topic| topic.id.as_str()).collect();
    assert_eq!(ids, ["10", "lakes", "rivers", "zoo", "öre"]);
}

async fn a_topic_changes_only_from_the_version_expected(store: Subject) {
    let conflict = |result| match result {
        Err(StoreError::Conflict { expected, current }) => (expected, current),
        other => unreachable!("conflict expected, not {other:?}"),
    };
    assert_eq!(conflict(store.put_topic(&record("rivers", 2, 0), Some(1)).await), (Some(1), None));
    store.put_topic(&record("rivers", 1, 0), None).await.unwrap();
    let other = Topic { items_per_request: 7, ..record("rivers", 1, 0) };
    assert_eq!(conflict(store.put_topic(&other, None).await), (None, Some(1)));
    store.put_topic(&record("rivers", 2, 0), Some(1)).await.unwrap();
    assert_eq!(conflict(store.put_topic(&other, Some(1)).await), (Some(1), Some(2)));
    assert_eq!(store.topic(&other.id).await.unwrap(), Some(record("rivers", 2, 0)));
}

async fn storing_the_same_record_again_is_no_conflict(store: Subject) {
    // A caller whose answer was lost asks again.
    store.put_topic(&record("rivers", 1, 0), None).await.unwrap();
    store.put_topic(&record("rivers", 1, 0), None).await.unwrap();
}

async fn a_topic_of_an_older_epoch_is_fenced(store: Subject) {
    store.put_topic(&record("rivers", 1, 5), None).await.unwrap();
    assert_eq!(fenced(store.put_topic(&record("rivers", 2, 4), Some(1)).await), (4, 5));
    // An operator's change carries no epoch of its own.
    store.put_topic(&record("rivers", 2, 0), Some(1)).await.unwrap();
    assert_eq!(store.topic(&topic()).await.unwrap().unwrap().version, 2);
}

fn checkpoints(names: &[(&str, &[u8])]) -> BTreeMap<String, Vec<u8>> {
    names.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect()
}

async fn checkpoints_are_kept_by_name(store: Subject) {
    open(&**store).await;
    store
        .save_checkpoints(&topic(), 1, 1, checkpoints(&[("a", b"one"), ("b", &[0, 255, 128])]))
        .await
        .unwrap();
    store.save_checkpoints(&topic(), 1, 1, checkpoints(&[("a", b"two"), ("empty", b"")])).await.unwrap();
    for (name, expected) in [
        ("a", Some(b"two".to_vec())),
        ("b", Some(vec![0, 255, 128])),
        ("empty", Some(Vec::new())),
        ("c", None),
    ] {
        assert_eq!(store.checkpoint(&topic(), 1, name).await.unwrap(), expected, "{name}");
    }
    assert_eq!(store.checkpoint(&topic(), 2, "a").await.unwrap(), None);
}

async fn checkpoints_of_another_run_or_an_older_epoch_are_refused(store: Subject) {
    assert_eq!(stale(store.save_checkpoints(&topic(), 1, 1, checkpoints(&[("a", b"x")])).await), (1, 0));
    store.open_run(&topic(), 2, 5, None).await.unwrap();
    assert_eq!(fenced(store.save_checkpoints(&topic(), 2, 4, checkpoints(&[("a", b"x")])).await), (4, 5));
    assert_eq!(stale(store.save_checkpoints(&topic(), 1, 5, checkpoints(&[("a", b"x")])).await), (1, 2));
    assert_eq!(store.checkpoint(&topic(), 2, "a").await.unwrap(), None);
    // A newer coordinator's checkpoint keeps the older one out from then on.
    store.save_checkpoints(&topic(), 2, 6, checkpoints(&[("a", b"x")])).await.unwrap();
    assert_eq!(fenced(store.open_run(&topic(), 3, 5, None).await), (5, 6));
}

async fn checkpoints_are_forgotten_with_their_run(store: Subject) {
    open(&**store).await;
    store.save_checkpoints(&topic(), 1, 1, checkpoints(&[("a", b"x")])).await.unwrap();
    store.open_run(&topic(), 1, 1, None).await.unwrap();
    assert!(store.checkpoint(&topic(), 1, "a").await.unwrap().is_some());
    store.open_run(&topic(), 2, 1, None).await.unwrap();
    assert_eq!(store.checkpoint(&topic(), 1, "a").await.unwrap(), None);
    assert_eq!(store.checkpoint(&topic(), 2, "a").await.unwrap(), None);
}

async fn a_check_tells_what_it_is(store: Subject) {
    let check = store.check().await.unwrap();
    assert!(!check.product.is_empty() && !check.instance.is_empty());
    assert_eq!(check.warnings, Vec::<String>::new());
    assert_eq!(store.check().await.unwrap(), check);
}

async fn a_closed_store_serves_no_more(store: Subject) {
    open(&**store).await;
    store.close().await;
    store.close().await;
    assert!(matches!(store.lease().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.commit(vec![novel(1, &["a"])]).await, Err(StoreError::Unavailable(_))));
    let taken = store.take_lease(&WorkerId::parse("x").unwrap(), &LeaseRecord::default(), 0).await;
    assert!(matches!(taken, Err(StoreError::Unavailable(_))), "{taken:?}");
}
