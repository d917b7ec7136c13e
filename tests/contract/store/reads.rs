use igentai_shared::store::{Commit, StoredAttribute};

use super::batches::{batch, commit_one, novel, open, topic, topic_named};
use super::on_every_adapter;
use super::subject::Subject;

on_every_adapter! {
    the_log_is_read_in_order_from_any_entry,
    attributes_are_read_in_order_from_any_number,
    reads_of_another_run_or_topic_are_empty,
    topics_do_not_mix,
    a_log_longer_than_any_page_is_read_whole,
}

/// Entries with 3, 0, 1, 0, 2 new texts, and a last one without any.
async fn fill(store: &Subject) {
    open(&***store).await;
    let batches = vec![
        novel(1, &["a", "b", "c"]),
        batch(2),
        novel(3, &["a", "d"]),
        novel(4, &["a"]),
        novel(5, &["e", "f"]),
        batch(6),
    ];
    store.commit(batches).await.unwrap();
}

async fn the_log_is_read_in_order_from_any_entry(store: Subject) {
    fill(&store).await;
    let all = store.log(&topic(), 1, 0, 100).await.unwrap();
    assert_eq!(all.iter().map(|entry| entry.head.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    for after in 0..=7_u64 {
        for limit in [0, 1, 2, 100] {
            let from = usize::try_from(after).unwrap().min(all.len());
            let expected = &all[from..all.len().min(from + limit)];
            assert_eq!(
                store.log(&topic(), 1, after, limit).await.unwrap(),
                expected,
                "after {after}, {limit}"
            );
        }
    }
    assert!(store.log(&topic(), 1, u64::MAX, 1).await.unwrap().is_empty());
}

async fn attributes_are_read_in_order_from_any_number(store: Subject) {
    fill(&store).await;
    let expected: Vec<StoredAttribute> = [("a", 1), ("b", 1), ("c", 1), ("d", 3), ("e", 5), ("f", 5)]
        .iter()
        .zip(1..)
        .map(|((text, log_index), seq)| StoredAttribute {
            seq,
            text: (*text).to_owned(),
            log_index: *log_index,
        })
        .collect();
    for after in 0..=7_u64 {
        for limit in [0, 1, 2, 3, 100] {
            let from = usize::try_from(after).unwrap().min(expected.len());
            let wanted = &expected[from..expected.len().min(from + limit)];
            let found = store.attributes(&topic(), 1, after, limit).await.unwrap();
            assert_eq!(found, wanted, "after {after}, {limit}");
        }
    }
    assert!(store.attributes(&topic(), 1, u64::MAX, 1).await.unwrap().is_empty());
}

async fn reads_of_another_run_or_topic_are_empty(store: Subject) {
    fill(&store).await;
    for (topic, run) in [(topic(), 2), (topic(), 0), (topic_named("lakes"), 1)] {
        assert!(store.log(&topic, run, 0, 10).await.unwrap().is_empty());
        assert!(store.attributes(&topic, run, 0, 10).await.unwrap().is_empty());
    }
}

async fn topics_do_not_mix(store: Subject) {
    fill(&store).await;
    let lakes = topic_named("lakes");
    store.open_run(&lakes, 1, 1, None).await.unwrap();
    let mut commit = novel(1, &["a"]);
    commit.id.topic = lakes.clone();
    assert!(commit_one(&**store, commit).await.fresh);
    assert_eq!(store.attributes(&lakes, 1, 0, 10).await.unwrap().len(), 1);
    store.open_run(&lakes, 2, 1, None).await.unwrap();
    assert_eq!(store.attributes(&topic(), 1, 0, 10).await.unwrap().len(), 6);
    assert_eq!(store.log(&topic(), 1, 0, 10).await.unwrap().len(), 6);
}

async fn a_log_longer_than_any_page_is_read_whole(store: Subject) {
    open(&**store).await;
    let batches: Vec<Commit> =
        (1..=700)
            .map(|seq| {
                if seq % 3 == 0 { batch(seq) } else { novel(seq, &[&format!("x{seq}"), &format!("y{seq}")]) }
            })
            .collect();
    store.commit(batches).await.unwrap();
    let log = store.log(&topic(), 1, 0, usize::MAX).await.unwrap();
    assert_eq!(log.iter().map(|entry| entry.index).collect::<Vec<_>>(), (1..=700).collect::<Vec<_>>());
    assert_eq!(store.log(&topic(), 1, 100, 300).await.unwrap(), log[100..400]);
    let attributes = store.attributes(&topic(), 1, 0, usize::MAX).await.unwrap();
    assert_eq!(attributes.len(), 934);
    assert!(attributes.iter().zip(1..).all(|(attribute, seq)| attribute.seq == seq));
    assert_eq!(store.attributes(&topic(), 1, 501, 400).await.unwrap(), attributes[501..901]);
}
