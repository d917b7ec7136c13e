use igentai_shared::store::{Commit, Head};

use super::batches::{commit_one, committed, fingerprint, named, novel, open, texts, topic};
use super::on_every_adapter;
use super::subject::Subject;

on_every_adapter! {
    the_cap_is_exact_in_the_middle_of_a_batch,
    the_cap_is_no_obstacle_for_what_is_known,
    a_cap_of_nothing_lets_nothing_in,
    the_same_run_again_only_sets_the_cap,
}

async fn the_cap_is_exact_in_the_middle_of_a_batch(store: Subject) {
    store.open_run(&topic(), 1, 1, Some(3)).await.unwrap();
    commit_one(&**store, novel(1, &["a", "b"])).await;
    let spellings = vec![named("e")];
    let outcome = commit_one(&**store, Commit { spellings, ..novel(2, &["a", "c", "d"]) }).await;
    let receipt = committed(&outcome);
    assert_eq!((receipt.first_new, receipt.new, receipt.known, receipt.over_cap), (3, 1, 1, 2));
    assert_eq!(outcome.new, [named("c")]);
    assert_eq!(store.log(&topic(), 1, 1, 1).await.unwrap()[0].tail.over_cap, 2);
    assert_eq!(texts(&**store).await, ["a", "b", "c"]);
}

async fn the_cap_is_no_obstacle_for_what_is_known(store: Subject) {
    store.open_run(&topic(), 1, 1, Some(1)).await.unwrap();
    commit_one(&**store, novel(1, &["a"])).await;
    let sightings = vec![fingerprint("a"), fingerprint("b")];
    let outcome = commit_one(&**store, Commit { sightings, ..novel(2, &["c"]) }).await;
    let receipt = committed(&outcome);
    assert_eq!((receipt.first_new, receipt.new, receipt.known, receipt.over_cap), (0, 0, 1, 1));
    assert_eq!(receipt.missing, [fingerprint("b")]);
    assert_eq!(receipt.log_index, 2);
}

async fn a_cap_of_nothing_lets_nothing_in(store: Subject) {
    store.open_run(&topic(), 1, 1, Some(0)).await.unwrap();
    assert_eq!(committed(&commit_one(&**store, novel(1, &["a"])).await).over_cap, 1);
    assert_eq!(store.head(&topic()).await.unwrap(), Head { run: 1, log_index: 1, attributes: 0 });
}

async fn the_same_run_again_only_sets_the_cap(store: Subject) {
    open(&**store).await;
    commit_one(&**store, novel(1, &["a", "b"])).await;
    let head = store.open_run(&topic(), 1, 1, Some(2)).await.unwrap();
    assert_eq!(head, Head { run: 1, log_index: 1, attributes: 2 });
    assert_eq!(committed(&commit_one(&**store, novel(2, &["c"])).await).over_cap, 1);
    store.open_run(&topic(), 1, 1, None).await.unwrap();
    assert_eq!(committed(&commit_one(&**store, novel(3, &["c"])).await).first_new, 3);
    assert!(!commit_one(&**store, novel(1, &["a", "b"])).await.fresh);
}
