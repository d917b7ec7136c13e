//! Files that know more than the registry they were written from: what is known by them, however slow the disk is, and what may go on.

use igentai_core::topic::StartMode;
use igentai_shared::registry;
use igentai_shared::store::{Head, StoreError};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::files::written::folders;

const STATE: &str = "best_sci_fi_movies_2020s/state.json";

fn id() -> TopicId {
    topic(1).id
}

impl Place {
    /// Files that a leader of this registry has written.
    async fn with_files(texts: &[&str], epoch: Epoch) -> Self {
        let place = Place::new();
        let count = place.commit(1, texts).await;
        let files = place.files(epoch);
        assert!(write(&files, 1, count, epoch).await);
        files.close().await;
        place
    }

    /// The same registry, emptied.
    fn emptied(&self) -> Self {
        Place { registry: self.registry, ..self.of_another_registry() }
    }

    /// Leads until it is so.
    async fn led_until(&self, what: &str, holds: impl AsyncFn(&Context) -> bool) {
        let (stop, context) = (CancellationToken::new(), self.context(Duration::from_millis(50)));
        let watched = async {
            let so = async {
                while !holds(&context).await {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            let so = tokio::time::timeout(SOON, so).await;
            stop.cancel();
            so
        };
        let (so, ()) =
            futures::future::join(watched, Box::pin(crate::coordinator::run(context.clone(), stop.clone())))
                .await;
        let now = self.context(Duration::ZERO).clock.now().monotonic;
        assert!(so.is_ok(), "{what}: {:?} {:?}", context.troubles.reasons(now), context.troubles.warnings());
    }

    async fn takes_commits(&self) -> bool {
        let before = self.store.head(&id()).await.unwrap();
        let producer = WorkerId::parse("p2").unwrap();
        let head = EntryHead {
            producer: producer.clone(),
            incarnation: 1,
            seq: 1,
            at: UnixMillis(1),
            kind: EntryKind::Resolution { of: 1 },
        };
        let commit = Commit {
            id: BatchId { topic: id(), run: before.run.max(1), producer, incarnation: 1, seq: 1 },
            lowest_unresolved: 1,
            head,
            novel: Vec::new(),
            spellings: Vec::new(),
            sightings: Vec::new(),
            numbered: None,
        };
        self.store.commit(vec![commit]).await.is_ok()
    }

    async fn mark(&self) -> Option<Head> {
        self.store.put_back(&id()).await.unwrap()
    }

    fn head_by_files(&self) -> Option<Head> {
        let all = folders(self.folder.path(), self.registry).unwrap();
        all.own.get(&id()).map(|written| written.head)
    }
}

#[tokio::test]
async fn a_topic_that_is_newer_than_the_registry_is_marked_and_told_of_with_what_brings_it_back() {
    let place = Place::with_files(&["a", "b"], 3).await.emptied();
    let told = async |context: &Context| {
        let warned = context.troubles.warnings().join("; ");
        warned.contains("`igentai repair --from files` brings them back: best_sci_fi_movies_2020s")
    };
    place.led_until("it is told of", told).await;
    let aside = place.path("aside of all");
    let is_over = async |context: &Context| {
        if told(context).await {
            fs::rename(place.path(FOLDER), &aside).unwrap_or_default();
        }
        aside.exists() && context.troubles.warnings().is_empty()
    };
    place.led_until("its folder is moved away", is_over).await;
    fs::rename(&aside, place.path(FOLDER)).unwrap();
    assert_eq!(place.mark().await, Some(Head { run: 1, log_index: 0, attributes: 2 }));
    assert!(!place.takes_commits().await);
    assert_eq!(place.read(LIST), "a\nb\n");
    // Who begins it unawares is told, too.
    let request = StartRequest { name: topic(1).name, ..StartRequest::default() };
    registry::start(place.store.as_ref(), &request, UnixMillis(1)).await.unwrap();
    let refused = place.store.open_run(&id(), 1, 9, None).await;
    assert!(matches!(refused, Err(StoreError::PutBack { .. })), "{refused:?}");
}

#[tokio::test]
async fn before_anything_is_let_in_the_lines_of_a_list_count_where_the_sign_does_not_say_all() {
    let place = Place::with_files(&["a", "b"], 3).await;
    let (list, sign) = (place.path(LIST), place.path(STATE));
    let at = |file: &Path, seconds: u64| {
        let time = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds);
        fs::File::options().append(true).open(file).unwrap().set_modified(time).unwrap();
    };
    fs::write(&list, "a\nb\nc\n").unwrap();
    at(&list, 0);
    at(&sign, 1);
    // It says that it runs: lines come before the sign.
    assert_eq!(place.head_by_files().map(|head| head.attributes), Some(3));
    let ended = place.read(STATE).replace("\"starting\"", "\"ended\"");
    fs::write(&sign, ended).unwrap();
    at(&sign, 1);
    assert_eq!(place.head_by_files().map(|head| head.attributes), Some(2), "the sign came last");
    at(&list, 2);
    assert_eq!(place.head_by_files().map(|head| head.attributes), Some(3), "it was begun again");
    // A leader that begins lets nothing in.
    let older = place.emptied();
    older.commit(1, &["a", "b"]).await;
    older.store.put_topic(&Topic { version: 1, ..ended_naturally() }, None).await.unwrap();
    older.led_until("it is marked", async |_: &Context| older.mark().await.is_some()).await;
    assert!(!older.takes_commits().await);
}

/// An editor has left it there: no item was forgotten by anybody.
#[tokio::test]
async fn a_blank_line_is_no_item() {
    let place = Place::with_files(&["a", "b"], 3).await;
    for text in ["a\nb\n\n", "a\r\nb\r\n\r\n", "\na\nb\n"] {
        fs::write(place.path(LIST), text).unwrap();
        assert_eq!(place.head_by_files().map(|head| head.attributes), Some(2), "{text:?}");
    }
    // The files of a topic that has ended are mended.
    let files = place.files(4);
    files.check(std::iter::once(ended(1)));
    place.until_it_reads("a\nb\n").await;
    files.close().await;
}

fn ended_naturally() -> Topic {
    Topic { state: TopicState::Ended(EndReason::Dry), ..topic(1) }
}

#[tokio::test]
async fn what_a_slow_disk_has_not_said_yet_is_waited_for_and_said() {
    let place = Place::with_files(&["a", "b"], 3).await;
    let (list, pipe) = (place.path(LIST), place.path("pipe"));
    // Whoever reads it waits until somebody writes.
    fs::remove_file(&list).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&list).status().unwrap().success());
    let older = place.emptied();
    older.commit(1, &["a"]).await;
    older.store.put_topic(&Topic { version: 1, ..ended_naturally() }, None).await.unwrap();
    let said = async |context: &Context| {
        let reasons = context.troubles.reasons(context.clock.now().monotonic).join("; ");
        let is_said = reasons.contains("the disk takes long to say what the files hold");
        if is_said {
            assert_eq!(older.store.lease().await.unwrap().epoch, 1);
            fs::rename(&list, &pipe).unwrap();
            fs::write(&list, "a\nb\n").unwrap();
            fs::write(&pipe, "").unwrap();
        }
        is_said
    };
    let is_released = std::sync::atomic::AtomicBool::new(false);
    let known = async |context: &Context| {
        use std::sync::atomic::Ordering::Relaxed;
        if !is_released.load(Relaxed) {
            assert_eq!(older.mark().await, None, "nothing is claimed yet");
            is_released.store(said(context).await, Relaxed);
            return false;
        }
        older.mark().await.is_some() && context.troubles.reasons(context.clock.now().monotonic).is_empty()
    };
    older.led_until("it is said, and then known", known).await;
}

#[tokio::test]
async fn a_copied_or_renamed_folder_is_nobodys_topic() {
    let place = Place::with_files(&["a", "b"], 3).await;
    fs::create_dir_all(place.path("copy")).unwrap();
    for file in ["output.txt", "state.json"] {
        fs::copy(place.path(FOLDER).join(file), place.path("copy").join(file)).unwrap();
    }
    let found = folders(place.folder.path(), "r1").unwrap();
    let copy = TopicId::parse("copy").unwrap();
    assert_eq!(found.own.keys().collect::<Vec<_>>(), [&id()]);
    assert_eq!(found.misplaced.get(&copy), Some(&topic(1).name));
    // Of two topics whose names take one folder, each has its own.
    let place = Place::with_files(&["a"], 3).await;
    let hashed = id().with_hash(&topic(1).name);
    fs::rename(place.path(FOLDER), place.path(hashed.as_str())).unwrap();
    let found = folders(place.folder.path(), "r1").unwrap();
    assert!(found.misplaced.is_empty() && found.own.contains_key(&hashed));
}

#[tokio::test]
async fn a_topic_that_was_put_back_can_be_stopped_and_begun_afresh() {
    let place = Place::with_files(&["a", "b"], 9).await;
    let older = place.emptied();
    older.commit(1, &["a"]).await;
    older.store.put_topic(&Topic { version: 1, ..topic(1) }, None).await.unwrap();
    older.led_until("it is marked", async |_: &Context| older.mark().await.is_some()).await;
    registry::end(older.store.as_ref(), &id(), EndReason::Stopped).await.unwrap();
    let state = async || older.store.topic(&id()).await.unwrap().unwrap().state;
    older.led_until("it ends", async |_: &Context| state().await.is_ended()).await;
    assert_eq!((older.mark().await.is_some(), place.read(LIST)), (true, "a\nb\n".to_owned()));

    let request = |mode| StartRequest { name: topic(1).name, mode, ..StartRequest::default() };
    let fresh =
        registry::start(older.store.as_ref(), &request(StartMode::Fresh), UnixMillis(9)).await.unwrap();
    assert_eq!(fresh.run, 2);
    older.led_until("it runs", async |_: &Context| state().await == TopicState::Running).await;
    assert_eq!(older.mark().await, None);
    assert!(older.takes_commits().await);
    assert_eq!(place.read(".replaced/best_sci_fi_movies_2020s/output.txt"), "a\nb\n");
}

#[tokio::test]
async fn who_begins_afresh_gets_a_run_above_those_that_the_registry_has_forgotten() {
    let place = Place::with_files(&["a"], 3).await;
    let known = Head { run: 5, log_index: 0, attributes: 7 };
    place.store.claim(&id(), 3, known).await.unwrap_err();
    let begun = async |mode| {
        let request = StartRequest { name: topic(1).name, mode, ..StartRequest::default() };
        registry::start(place.store.as_ref(), &request, UnixMillis(9)).await.unwrap().run
    };
    assert_eq!(begun(StartMode::Fresh).await, 6);
    registry::end(place.store.as_ref(), &id(), EndReason::Stopped).await.unwrap();
}

/// A repair may come before the leader has noticed that there is anything to repair.
#[tokio::test]
async fn a_log_that_was_replaced_under_its_leader_is_read_from_its_beginning() {
    let place = Place::new();
    place.commit(1, &["a", "b"]).await;
    place.store.put_topic(&Topic { version: 1, ..topic(1) }, None).await.unwrap();
    let is_replaced = std::sync::atomic::AtomicBool::new(false);
    let reread = async |_: &Context| {
        use std::sync::atomic::Ordering::Relaxed;
        if !is_replaced.load(Relaxed) && place.read(LIST) == "a\nb\n" {
            let from = TopicId::parse("beside").unwrap();
            place.store.open_run(&from, 1, 1, None).await.unwrap();
            place.commit_to(&from, 1, &["a", "c", "b"]).await;
            let rebuilt = Some(igentai_shared::store::Rebuilt { from, run: 1 });
            place.store.settle(&id(), 1, rebuilt).await.unwrap();
            is_replaced.store(true, Relaxed);
        }
        place.read(LIST) == "a\nc\nb\n"
    };
    place.led_until("the list is that of the new log", reread).await;
    assert_eq!(place.store.lease().await.unwrap().epoch, 2, "in a term of its own");
    assert_eq!(place.mark().await, None);
    assert_eq!(place.store.topic(&id()).await.unwrap().unwrap().state, TopicState::Running);
}
