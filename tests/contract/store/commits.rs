use igentai_core::batch::{Numbered, Verdict};
use igentai_core::log::{Entry, EntryKind};
use igentai_shared::store::{Commit, Head, StoreError};

use super::batches::{
    batch, commit_one, committed, fingerprint, named, novel, of_producer, open, texts, topic,
};
use super::on_every_adapter;
use super::subject::Subject;

on_every_adapter! {
    the_first_commit_numbers_from_one,
    numbers_are_gapless_over_batches_and_calls,
    a_redelivered_batch_answers_the_stored_receipt_and_changes_nothing,
    a_batch_below_the_watermark_is_settled,
    receipts_above_the_watermark_stay,
    batches_may_come_in_any_order_of_their_numbers,
    the_same_number_of_another_producer_or_incarnation_is_another_batch,
    a_batch_of_an_older_run_is_stale,
    a_batch_of_a_run_or_topic_that_was_forgotten_is_refused_and_not_called_stale,
    a_sighting_of_a_known_key_is_named_again,
    sightings_that_are_not_held_are_named_in_the_receipt_and_stored_with_it,
    what_is_named_by_its_number_is_named_again,
    numbers_that_are_not_those_of_the_log_count_as_missing_for_good,
    a_spelling_is_a_variant_when_known_and_new_when_absent,
    a_resolution_is_an_entry_with_its_texts,
    a_response_without_items_is_an_entry,
    an_element_named_twice_counts_once,
    a_call_with_a_batch_over_the_limit_commits_nothing,
    no_batches_are_no_work,
}

async fn the_first_commit_numbers_from_one(store: Subject) {
    open(&**store).await;
    let outcome = commit_one(&**store, novel(1, &["Elbe", "Oder"])).await;
    let receipt = committed(&outcome);
    assert!(outcome.fresh);
    assert_eq!((receipt.log_index, receipt.first_new, receipt.new, receipt.known), (1, 1, 2, 0));
    assert_eq!(outcome.new, vec![named("Elbe"), named("Oder")]);
    assert_eq!(store.head(&topic()).await.unwrap(), Head { run: 1, log_index: 1, attributes: 2 });
}

async fn numbers_are_gapless_over_batches_and_calls(store: Subject) {
    open(&**store).await;
    let outcomes = store
        .commit(vec![novel(1, &["a", "b"]), novel(2, &["b"]), novel(3, &["c", "a", "d"])])
        .await
        .unwrap();
    let first_new: Vec<u64> = outcomes.iter().map(|outcome| committed(outcome).first_new).collect();
    assert_eq!(first_new, [1, 0, 3]);
    assert_eq!(committed(&commit_one(&**store, novel(4, &["e"])).await).first_new, 5);
    assert_eq!(texts(&**store).await, ["a", "b", "c", "d", "e"]);
}

async fn a_redelivered_batch_answers_the_stored_receipt_and_changes_nothing(store: Subject) {
    open(&**store).await;
    let commit = Commit { sightings: vec![fingerprint("x")], ..novel(1, &["a", "b"]) };
    let first = commit_one(&**store, commit.clone()).await;
    commit_one(&**store, novel(2, &["x", "c"])).await;
    let before = (store.head(&topic()).await.unwrap(), store.log(&topic(), 1, 0, 10).await.unwrap());

    let again = store.commit(vec![commit.clone(), commit]).await.unwrap();
    for outcome in again {
        assert_eq!(outcome.verdict, first.verdict);
        assert!(!outcome.fresh && outcome.new.is_empty());
    }
    let after = (store.head(&topic()).await.unwrap(), store.log(&topic(), 1, 0, 10).await.unwrap());
    assert_eq!(after, before);
}

async fn a_batch_below_the_watermark_is_settled(store: Subject) {
    open(&**store).await;
    for seq in 1..=3 {
        commit_one(&**store, novel(seq, &[&format!("text {seq}")])).await;
    }
    commit_one(&**store, Commit { lowest_unresolved: 3, ..novel(4, &["x"]) }).await;
    for seq in 1..=2 {
        let outcome = commit_one(&**store, novel(seq, &["never seen"])).await;
        assert_eq!((outcome.verdict, outcome.fresh), (Verdict::Settled, false));
    }
    assert_eq!(committed(&commit_one(&**store, novel(3, &["never seen"])).await).first_new, 3);
    assert_eq!(store.head(&topic()).await.unwrap().attributes, 4);
}

async fn receipts_above_the_watermark_stay(store: Subject) {
    open(&**store).await;
    // A watermark never falls, however late a batch with an older view of it comes.
    for (seq, lowest) in [(5, 5), (6, 2), (4, 1)] {
        commit_one(&**store, Commit { lowest_unresolved: lowest, ..novel(seq, &[&format!("t{seq}")]) }).await;
    }
    assert_eq!(commit_one(&**store, novel(4, &["t4"])).await.verdict, Verdict::Settled);
    assert!(!commit_one(&**store, novel(6, &["t6"])).await.fresh);
    assert_eq!(committed(&commit_one(&**store, novel(6, &["t6"])).await).first_new, 2);
    // A number above its own lowest unresolved one is a producer's mistake; its receipt is kept all the same.
    commit_one(&**store, Commit { lowest_unresolved: 100, ..novel(7, &["t7"]) }).await;
    assert_eq!(committed(&commit_one(&**store, novel(7, &["t7"])).await).first_new, 3);
}

async fn batches_may_come_in_any_order_of_their_numbers(store: Subject) {
    open(&**store).await;
    for seq in [9, 2, 1_000_000, 5, 1] {
        assert!(commit_one(&**store, novel(seq, &[&format!("t{seq}")])).await.fresh);
    }
    for seq in [1, 2, 5, 9, 1_000_000] {
        assert!(!commit_one(&**store, novel(seq, &[&format!("t{seq}")])).await.fresh);
    }
    assert_eq!(texts(&**store).await, ["t9", "t2", "t1000000", "t5", "t1"]);
}

async fn the_same_number_of_another_producer_or_incarnation_is_another_batch(store: Subject) {
    open(&**store).await;
    commit_one(&**store, novel(1, &["a"])).await;
    assert!(commit_one(&**store, of_producer(novel(1, &["b"]), "producer-2")).await.fresh);
    let mut next_life = novel(1, &["c"]);
    next_life.id.incarnation -= 1;
    assert!(commit_one(&**store, next_life).await.fresh);
    assert_eq!(texts(&**store).await, ["a", "b", "c"]);
}

async fn a_batch_of_an_older_run_is_stale(store: Subject) {
    store.open_run(&topic(), 2, 1, None).await.unwrap();
    let outcome = commit_one(&**store, novel(1, &["a"])).await;
    assert_eq!((outcome.verdict, outcome.fresh), (Verdict::Stale, false));
    assert_eq!(store.head(&topic()).await.unwrap(), Head { run: 2, log_index: 0, attributes: 0 });
}

async fn a_batch_of_a_run_or_topic_that_was_forgotten_is_refused_and_not_called_stale(store: Subject) {
    let mut newer = novel(1, &["a"]);
    newer.id.run = 3;
    for (run, held) in [(None, "no run"), (Some(2), "run 2")] {
        if let Some(run) = run {
            store.open_run(&topic(), run, 1, None).await.unwrap();
        }
        let before = store.head(&topic()).await.unwrap();
        let refused = store.commit(vec![newer.clone()]).await.unwrap_err();
        let words = refused.to_string();
        assert!(!refused.is_transient(), "{words}");
        assert!(words.contains("put back to an older state: it held run 3, and now holds "), "{words}");
        assert!(words.contains(held), "{words}");
        assert_eq!(store.head(&topic()).await.unwrap(), before);
        assert_eq!(store.put_back(&topic()).await.unwrap(), None, "what the topic holds goes on");
    }
    // When the run is there again, it is committed.
    store.open_run(&topic(), 3, 1, None).await.unwrap();
    assert!(commit_one(&**store, newer).await.fresh);
}

async fn a_sighting_of_a_known_key_is_named_again(store: Subject) {
    open(&**store).await;
    commit_one(&**store, novel(1, &["a", "b"])).await;
    let sightings = vec![fingerprint("b"), fingerprint("a")];
    let outcome = commit_one(&**store, Commit { sightings, ..novel(2, &["c", "a b"]) }).await;
    let receipt = committed(&outcome);
    assert_eq!((receipt.first_new, receipt.new, receipt.known), (3, 2, 2));
    let entry = &store.log(&topic(), 1, 1, 1).await.unwrap()[0];
    assert_eq!(entry.tail.again, [2, 1]);
    assert!(entry.tail.variants.is_empty());
}

async fn sightings_that_are_not_held_are_named_in_the_receipt_and_stored_with_it(store: Subject) {
    open(&**store).await;
    commit_one(&**store, novel(1, &["a"])).await;
    let sightings: Vec<_> = ["x", "a", "y"].iter().map(|text| fingerprint(text)).collect();
    let commit = Commit { sightings, ..batch(2) };
    let outcome = commit_one(&**store, commit.clone()).await;
    assert_eq!(committed(&outcome).missing, [fingerprint("x"), fingerprint("y")]);
    assert_eq!(commit_one(&**store, commit).await.verdict, outcome.verdict);
    let entry = &store.log(&topic(), 1, 1, 1).await.unwrap()[0];
    assert_eq!((entry.tail.missing, entry.tail.again.as_slice()), (2, [1].as_slice()));
    assert_eq!(texts(&**store).await, ["a"]);
}

async fn what_is_named_by_its_number_is_named_again(store: Subject) {
    open(&**store).await;
    let first = commit_one(&**store, novel(1, &["a", "b", "c"])).await;
    let edition = store.edition(&topic()).await.unwrap();
    assert_eq!((first.edition, first.told), (edition, vec![]));
    let numbered = Numbered::of(edition, vec![(3, fingerprint("c")), (1, fingerprint("a"))]);
    let spellings = vec![named("b"), named("e")];
    let sightings = vec![fingerprint("x")];
    let outcome = commit_one(&**store, Commit { spellings, sightings, numbered, ..novel(2, &["d"]) }).await;
    assert_eq!(outcome.told, [2, 5, 0], "of spellings, then of sightings");
    let receipt = committed(&outcome);
    assert_eq!((receipt.first_new, receipt.new, receipt.known, receipt.unnumbered), (4, 2, 3, 0));
    let mut again = store.log(&topic(), 1, 1, 1).await.unwrap().remove(0).tail.again;
    again.sort_unstable();
    assert_eq!(again, [1, 2, 3]);
}

async fn numbers_that_are_not_those_of_the_log_count_as_missing_for_good(store: Subject) {
    open(&**store).await;
    commit_one(&**store, novel(1, &["a", "b", "c"])).await;
    let edition = store.edition(&topic()).await.unwrap();
    let wrong = [
        Numbered::of(edition + 1, vec![(1, fingerprint("a"))]),
        Numbered::of(edition, vec![(1, fingerprint("a")), (2, fingerprint("c"))]),
        Numbered::of(edition, vec![(1, fingerprint("a")), (4, fingerprint("d"))]),
    ];
    for (seq, numbered) in (2..).zip(wrong) {
        let count = u32::try_from(numbered.as_ref().unwrap().numbers.len()).unwrap();
        let sightings = vec![fingerprint("b"), fingerprint("x")];
        let commit = Commit { sightings, numbered, ..batch(seq) };
        let outcome = commit_one(&**store, commit.clone()).await;
        let receipt = committed(&outcome);
        assert_eq!((receipt.known, receipt.unnumbered, receipt.missing.len()), (1, count, 1), "{commit:?}");
        assert_eq!(commit_one(&**store, commit).await.verdict, outcome.verdict, "it is stored so");
        let entry = store.log(&topic(), 1, seq - 1, 1).await.unwrap().remove(0);
        assert_eq!((entry.tail.again, entry.tail.missing), (vec![2], count + 1));
    }
}

async fn a_spelling_is_a_variant_when_known_and_new_when_absent(store: Subject) {
    open(&**store).await;
    commit_one(&**store, novel(1, &["a"])).await;
    let mut other = named("a");
    "A".clone_into(&mut other.text);
    let spellings = vec![other.clone(), named("b")];
    let outcome = commit_one(&**store, Commit { spellings, ..novel(2, &["c"]) }).await;
    assert_eq!(outcome.new, [named("c"), named("b")]);
    assert_eq!(committed(&outcome).known, 1);
    let tail = &store.log(&topic(), 1, 1, 1).await.unwrap()[0].tail;
    assert_eq!(tail.variants, [(1, "A".to_owned())]);
    assert_eq!(tail.again, [1]);
    // The first spelling stays, and a text at hand for a known key is no variant unless it was sent as one.
    let known = commit_one(&**store, Commit { novel: vec![other], ..batch(3) }).await;
    assert_eq!(committed(&known).known, 1);
    assert!(store.log(&topic(), 1, 2, 1).await.unwrap()[0].tail.variants.is_empty());
    assert_eq!(texts(&**store).await, ["a", "c", "b"]);
}

async fn a_resolution_is_an_entry_with_its_texts(store: Subject) {
    open(&**store).await;
    commit_one(&**store, Commit { sightings: vec![fingerprint("x")], ..batch(1) }).await;
    let mut resolution = novel(2, &["x"]);
    resolution.head.kind = EntryKind::Resolution { of: 1 };
    assert_eq!(committed(&commit_one(&**store, resolution.clone()).await).first_new, 1);
    let entries = store.log(&topic(), 1, 1, 10).await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].head, resolution.head);
    assert_eq!(entries[0].tail.new, ["x"]);
}

async fn a_response_without_items_is_an_entry(store: Subject) {
    open(&**store).await;
    let outcomes = store.commit(vec![batch(1), novel(2, &["a"]), batch(3)]).await.unwrap();
    let indices: Vec<u64> = outcomes.iter().map(|outcome| committed(outcome).log_index).collect();
    assert_eq!(indices, [1, 2, 3]);
    let expected =
        |index, seq| Entry { index, head: batch(seq).head, tail: igentai_core::log::EntryTail::default() };
    let log = store.log(&topic(), 1, 0, 10).await.unwrap();
    assert_eq!((&log[0], &log[2]), (&expected(1, 1), &expected(3, 3)));
}

async fn an_element_named_twice_counts_once(store: Subject) {
    open(&**store).await;
    let commit = Commit {
        spellings: vec![named("b"), named("a")],
        sightings: vec![fingerprint("b"), fingerprint("c")],
        ..novel(1, &["a", "a"])
    };
    let outcome = commit_one(&**store, commit).await;
    assert_eq!(outcome.new, [named("a"), named("b")]);
    assert_eq!(committed(&outcome).missing, [fingerprint("c")]);
    assert_eq!(committed(&outcome).known, 0);
}

async fn a_call_with_a_batch_over_the_limit_commits_nothing(store: Subject) {
    open(&**store).await;
    let too_many: Vec<String> = (0..1_001).map(|i| format!("t{i}")).collect();
    let too_many = Commit { novel: too_many.iter().map(|text| named(text)).collect(), ..batch(2) };
    let refused = store.commit(vec![novel(1, &["a"]), too_many]).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    let beyond_doubles = store.commit(vec![novel(1 << 53, &["a"])]).await;
    assert!(matches!(beyond_doubles, Err(StoreError::Corrupt(_))), "{beyond_doubles:?}");
    assert_eq!(store.head(&topic()).await.unwrap().log_index, 0);
}

async fn no_batches_are_no_work(store: Subject) {
    assert!(store.commit(Vec::new()).await.unwrap().is_empty());
}
