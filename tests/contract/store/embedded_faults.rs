//! What only the file can suffer.

use std::fs;
use std::sync::Arc;

use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::{Store, StoreError};

use super::batches::{batch, commit_one, committed, novel, open, texts, topic};

#[tokio::test]
async fn what_was_answered_is_in_the_file_at_that_moment() {
    // A copy of the file is what a process finds that comes after one that was killed.
    let folder = tempfile::tempdir().unwrap();
    let (living, found) = (folder.path().join("living"), folder.path().join("found"));
    let store = EmbeddedStore::open(&living).unwrap();
    open(&*store).await;
    for seq in 1..=20 {
        commit_one(&*store, novel(seq, &[&format!("text {seq}")])).await;
        fs::create_dir_all(&found).unwrap();
        for file in fs::read_dir(&living).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), found.join(file.file_name())).unwrap();
        }
        let copy = EmbeddedStore::open(&found).unwrap();
        assert_eq!(texts(&*copy).await.len() as u64, seq);
        assert!(!commit_one(&*copy, novel(seq, &["text"])).await.fresh);
        copy.close().await;
    }
}

#[tokio::test]
async fn a_store_closed_and_opened_again_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let first = EmbeddedStore::open(folder.path()).unwrap();
    open(&*first).await;
    commit_one(&*first, novel(1, &["a"])).await;
    let instance = first.check().await.unwrap().instance;
    first.identity("first").await.unwrap();
    first.close().await;
    let second = EmbeddedStore::open(folder.path()).unwrap();
    assert_eq!(committed(&commit_one(&*second, novel(2, &["a", "b"])).await).first_new, 2);
    assert_eq!(second.check().await.unwrap().instance, instance);
    assert_eq!(second.identity("second").await.unwrap(), "first");
    // Dropped without being closed.
    drop(second);
    assert_eq!(texts(&*EmbeddedStore::open(folder.path()).unwrap()).await, ["a", "b"]);
}

#[tokio::test]
async fn a_second_opener_is_told_who_holds_the_store() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("store.lock"), "1\nsomewhere else\n2001-01-01T00:00:00Z\n").unwrap();
    let holder = EmbeddedStore::open(folder.path()).unwrap();
    let Err(StoreError::Locked(text)) = EmbeddedStore::open(folder.path()) else {
        unreachable!("not refused")
    };
    assert!(text.contains(&format!("process {} on host", std::process::id())), "{text}");
    assert!(text.contains("since 20") && !text.contains("2001"), "{text}");
    holder.close().await;
    EmbeddedStore::open(folder.path()).unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_store_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.redb");
    fs::write(&file, "somebody's letter".repeat(1_000)).unwrap();
    let before = fs::read(&file).unwrap();
    assert!(EmbeddedStore::open(folder.path()).is_err());
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn what_callers_wait_for_is_finished_before_closing() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    open(&*store).await;
    let (outcomes, ()) = tokio::join!(store.commit(vec![novel(1, &["a"]), batch(2)]), store.close());
    let kept = outcomes.map_or(0, |outcomes| outcomes.len() as u64);
    let again = EmbeddedStore::open(folder.path()).unwrap();
    assert_eq!(again.head(&topic()).await.unwrap().log_index, kept);
}

#[tokio::test]
async fn the_rows_of_runs_that_are_over_leave_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<EmbeddedStore> = EmbeddedStore::open(folder.path()).unwrap();
    let mut written = 0;
    for run in 1..=24_u64 {
        store.open_run(&topic(), run, 1, None).await.unwrap();
        for seq in 1..=4 {
            let texts: Vec<String> =
                (0..1_000).map(|i| format!("{run} {seq} {i} {}", "x".repeat(100))).collect();
            written += texts.iter().map(|text| text.len() as u64).sum::<u64>();
            let mut commit = novel(seq, &texts.iter().map(String::as_str).collect::<Vec<_>>());
            commit.id.run = run;
            assert!(commit_one(&*store, commit).await.fresh);
        }
    }
    // The file grows by doubling, at moments that depend on when rows are removed: room for several runs, never for all of them.
    let size = fs::metadata(folder.path().join("store.redb")).unwrap().len();
    assert!(size < written / 2, "{size} bytes for {written}");
}
