use igentai_core::ids::Seq;
use igentai_core::log::EntryKind;
use igentai_core::topic::FIRST_SEED;
use igentai_shared::store::{Commit, Head, Store};

use super::batches::{batch, commit_one, committed, fingerprint, named, novel, open, texts, topic};
use super::on_every_adapter;
use super::subject::Subject;

on_every_adapter! {
    seeds_have_numbers_of_their_own_and_are_no_attributes,
    seeds_are_no_matter_of_a_cap,
    what_was_found_before_is_no_seed_and_a_seed_is_never_found,
    nobody_is_told_the_number_of_a_seed,
    the_set_grows_with_seeds_among_its_members,
    lists_are_kept_in_parts_until_others_take_their_place,
}

fn seeds(seq: u64, items: &[&str]) -> Commit {
    let mut commit = Commit { novel: items.iter().map(|text| named(text)).collect(), ..batch(seq) };
    commit.head.kind = EntryKind::Seeded;
    commit
}

async fn seeds_have_numbers_of_their_own_and_are_no_attributes(store: Subject) {
    open(&**store).await;
    let first = committed(&commit_one(&**store, seeds(1, &["a", "b"])).await).clone();
    assert_eq!((first.first_new, first.new), (FIRST_SEED, 2));
    assert_eq!(committed(&commit_one(&**store, novel(2, &["c", "a"])).await).first_new, 1);
    assert_eq!(committed(&commit_one(&**store, seeds(3, &["d"])).await).first_new, FIRST_SEED + 2);
    assert_eq!(committed(&commit_one(&**store, novel(4, &["e"])).await).first_new, 2);
    assert_eq!(store.head(&topic()).await.unwrap(), Head { run: 1, log_index: 4, attributes: 2 });
    assert_eq!(texts(&**store).await, ["c", "e"]);
    assert_eq!(store.attributes(&topic(), 1, 1, 10).await.unwrap()[0].text, "e");
    let log = store.log(&topic(), 1, 0, 10).await.unwrap();
    assert!(log[0].is_seeded() && log[0].tail.new == ["a", "b"]);
    assert_eq!(log[1].tail.again, [FIRST_SEED]);
    assert!(!commit_one(&**store, seeds(1, &["a", "b"])).await.fresh);
}

async fn seeds_are_no_matter_of_a_cap(store: Subject) {
    store.open_run(&topic(), 1, 1, Some(1)).await.unwrap();
    assert_eq!(committed(&commit_one(&**store, seeds(1, &["a", "b", "c"])).await).new, 3);
    let receipt = committed(&commit_one(&**store, novel(2, &["d", "a", "e"])).await).clone();
    assert_eq!((receipt.new, receipt.known, receipt.over_cap), (1, 1, 1));
    assert_eq!(committed(&commit_one(&**store, seeds(3, &["f"])).await).new, 1);
}

async fn what_was_found_before_is_no_seed_and_a_seed_is_never_found(store: Subject) {
    open(&**store).await;
    commit_one(&**store, novel(1, &["a", "b"])).await;
    let receipt = committed(&commit_one(&**store, seeds(2, &["b", "c"])).await).clone();
    assert_eq!((receipt.first_new, receipt.new, receipt.known), (FIRST_SEED, 1, 1));
    let again = Commit { spellings: vec![named("c")], sightings: vec![fingerprint("b")], ..novel(3, &["d"]) };
    let receipt = committed(&commit_one(&**store, again).await).clone();
    assert_eq!((receipt.first_new, receipt.new, receipt.known), (3, 1, 2));
    assert_eq!(texts(&**store).await, ["a", "b", "d"]);
}

/// Where the number of a seed stands, nothing is said of attributes: nobody may name a batch by it.
async fn nobody_is_told_the_number_of_a_seed(store: Subject) {
    open(&**store).await;
    commit_one(&**store, seeds(1, &["a"])).await;
    commit_one(&**store, novel(2, &["b"])).await;
    for seq in 3..6 {
        let (spellings, sightings) = (vec![named("a")], vec![fingerprint("b")]);
        let outcome = commit_one(&**store, Commit { spellings, sightings, ..batch(seq) }).await;
        let told: Vec<Seq> = outcome.told;
        assert_eq!(told, [0, 1]);
        assert_eq!(store.log(&topic(), 1, seq - 1, 1).await.unwrap()[0].tail.again.len(), 2);
    }
}

async fn the_set_grows_with_seeds_among_its_members(store: Subject) {
    open(&**store).await;
    let all: Vec<String> = (0..300).map(|number| format!("thing number {number}")).collect();
    for (seq, some) in (1..).zip(all.chunks(30)) {
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        commit_one(&**store, if seq % 2 == 0 { novel(seq, &some) } else { seeds(seq, &some) }).await;
    }
    let sightings: Vec<_> = all.iter().map(|text| fingerprint(text)).collect();
    let receipt = committed(&commit_one(&**store, Commit { sightings, ..batch(99) }).await).clone();
    assert_eq!((receipt.known, receipt.missing.len()), (300, 0));
    let head = store.head(&topic()).await.unwrap();
    assert_eq!(head, Head { run: 1, log_index: 11, attributes: 150 });
}

async fn lists_are_kept_in_parts_until_others_take_their_place(store: Subject) {
    let store: &dyn Store = &**store;
    let other = topic().with_hash("other");
    let part = |items: &[&str]| items.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    store.keep_seeds(&topic(), "one", 0, &part(&["a", "b"])).await.unwrap();
    store.keep_seeds(&topic(), "one", 1, &part(&["c"])).await.unwrap();
    store.keep_seeds(&topic(), "two", 0, &part(&["d"])).await.unwrap();
    store.keep_seeds(&other, "one", 0, &part(&["e"])).await.unwrap();
    assert_eq!(store.seeds(&topic(), "one", 1).await.unwrap(), Some(part(&["c"])));
    assert_eq!(store.seeds(&topic(), "one", 2).await.unwrap(), None);
    store.forget_other_seeds(&topic(), "two").await.unwrap();
    assert_eq!(store.seeds(&topic(), "one", 0).await.unwrap(), None);
    assert_eq!(store.seeds(&topic(), "two", 0).await.unwrap(), Some(part(&["d"])));
    assert_eq!(store.seeds(&other, "one", 0).await.unwrap(), Some(part(&["e"])));
    store.forget_other_seeds(&topic(), "").await.unwrap();
    store.forget_other_seeds(&topic(), "").await.unwrap();
    assert_eq!(store.seeds(&topic(), "two", 0).await.unwrap(), None);
}
