#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::fs;
use std::path::Path;

use igentai_core::batch::{BatchId, Named};
use igentai_core::fold::TopicFold;
use igentai_core::ids::{Run, WorkerId};
use igentai_core::key::{Fingerprint, Key};
use igentai_core::log::{EntryHead, EntryKind};
use igentai_core::time::UnixMillis;
use igentai_core::topic::{EndReason, StartRequest, TopicState};
use igentai_shared::bus::memory::MemoryBus;
use igentai_shared::bus::trouble::Troubles;
use igentai_shared::clock::SystemClock;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::{Commit, Store};

use super::*;
use crate::Options;

mod changed;
mod ended;
mod faults;
mod flaky;
mod forgotten;
mod leaders;
mod leaving;
mod registries;

/// For what takes a moment.
const SOON: Duration = Duration::from_secs(20);

const FOLDER: &str = "best_sci_fi_movies_2020s";
const LIST: &str = "best_sci_fi_movies_2020s/output.txt";

/// A registry, and a folder for the files made from it.
struct Place {
    folder: Arc<tempfile::TempDir>,
    store: Arc<dyn Store>,
    registry: &'static str,
}

impl Place {
    fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self { folder, store: EmbeddedStore::in_memory().unwrap(), registry: "r1" }
    }

    /// Another registry over the same folder.
    fn of_another_registry(&self) -> Self {
        let store = EmbeddedStore::in_memory().unwrap();
        Self { folder: Arc::clone(&self.folder), store, registry: "r2" }
    }

    fn files(&self, epoch: Epoch) -> Files {
        self.files_brought_to_disk_every(Duration::from_secs(1), epoch)
    }

    fn files_brought_to_disk_every(&self, sync_interval: Duration, epoch: Epoch) -> Files {
        Files::start(&self.context(sync_interval), self.registry.to_owned(), epoch)
    }

    fn context(&self, sync_interval: Duration) -> Context {
        Context {
            id: WorkerId::parse("o1").unwrap(),
            new_registry_id: self.registry.to_owned(),
            bus: MemoryBus::new(),
            store: Arc::clone(&self.store),
            clock: Arc::new(SystemClock::new()),
            options: Options {
                out: Some(self.folder.path().to_owned()),
                sync_interval,
                sole: true,
                ..Options::default()
            },
            troubles: Troubles::default(),
        }
    }

    fn style(&self, epoch: Epoch) -> Style {
        let (out, registry) = (self.folder.path().to_owned(), self.registry.to_owned());
        Style { out, registry, epoch, default_weights: BTreeMap::new() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    fn state(&self) -> serde_json::Value {
        serde_json::from_str(&self.read(&format!("{FOLDER}/state.json"))).unwrap_or_default()
    }

    async fn until_it_reads(&self, expected: &str) {
        let reached = async {
            while self.read(LIST) != expected {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let reached = tokio::time::timeout(SOON, reached).await;
        assert!(reached.is_ok(), "it reads {:?}", self.read(LIST));
    }

    /// Commits one entry; the number of attributes then.
    async fn commit(&self, run: Run, texts: &[&str]) -> Seq {
        let topic = topic(run).id;
        self.store.open_run(&topic, run, 0, None).await.unwrap();
        self.commit_to(&topic, run, texts).await
    }

    async fn commit_to(&self, topic: &TopicId, run: Run, texts: &[&str]) -> Seq {
        let topic = topic.clone();
        let before = self.store.head(&topic).await.unwrap();
        let producer = WorkerId::parse("p1").unwrap();
        let (incarnation, seq) = (1, before.log_index + 1);
        let fingerprint = |text: &str| Fingerprint::of(&Key::of(text).unwrap());
        let named = |text: &&str| Named { text: (*text).to_owned(), fingerprint: fingerprint(text) };
        let kind = EntryKind::Resolution { of: 1 };
        let commit = Commit {
            id: BatchId { topic, run, producer: producer.clone(), incarnation, seq },
            lowest_unresolved: seq,
            head: EntryHead { producer, incarnation, seq, at: UnixMillis(1), kind },
            novel: texts.iter().map(named).collect(),
            spellings: Vec::new(),
            sightings: Vec::new(),
            numbered: None,
        };
        self.store.commit(vec![commit]).await.unwrap();
        before.attributes + u64::try_from(texts.len()).unwrap()
    }
}

fn topic(run: Run) -> Topic {
    let name = "Best Sci-Fi Movies (2020s)".to_owned();
    let id = TopicId::from_name(&name).unwrap();
    let request = StartRequest { name, prompt: Some("List\nfilms".into()), ..StartRequest::default() };
    let at = UnixMillis(1_700_000_000_000);
    Topic { run, ..Topic::start(None, id, request, at).unwrap() }
}

fn ended(run: Run) -> Topic {
    Topic { state: TopicState::Ended(EndReason::Interrupted), ..topic(run) }
}

fn status(topic: Topic, attributes: Seq, epoch: Epoch) -> TopicStatus {
    let status = TopicStatus::of(topic, &TopicFold::default(), epoch, UnixMillis(1_700_000_060_000));
    TopicStatus { attributes, ..status }
}

impl Files {
    async fn close(mut self) {
        self.finish(false).said().await;
    }
}

/// Writes what the registry holds of a run.
async fn write(files: &Files, run: Run, attributes: Seq, epoch: Epoch) -> bool {
    files.open(topic(run), attributes);
    files.status(&status(topic(run), attributes, epoch));
    files.flush(SOON).await
}

#[tokio::test]
async fn the_files_stand_where_and_as_they_are_expected() {
    let place = Place::new();
    let files = place.files(1);
    let count = place.commit(1, &["Dune", "Arrival\nII"]).await;
    assert!(write(&files, 1, count, 1).await);
    assert_eq!(place.read(LIST), "Dune\nArrivalII\n", "one line each, whatever the text");
    let text = place.read("best_sci_fi_movies_2020s/topic.txt");
    let expected = "Topic: Best Sci-Fi Movies (2020s)\nStart Time: 2023-11-14 22:13:20 UTC\nProducer Count: 0\n\
                    Prompt: List films\nProvider Weights: {}\n";
    assert_eq!(text, expected);
    let state = place.state();
    for key in [
        "current_topic",
        "total_unique_count",
        "active_producer_count",
        "provider_weights",
        "last_updated",
        "registry",
        "run",
        "epoch",
        "last_sequence",
        "state",
    ] {
        assert!(state.get(key).is_some(), "{key} is missing in {state}");
    }
    files.close().await;
}

#[tokio::test]
async fn new_lines_stand_at_the_interval_and_none_twice() {
    let place = Place::new();
    let files = place.files_brought_to_disk_every(Duration::from_millis(20), 1);
    let count = place.commit(1, &["a", "b"]).await;
    assert!(write(&files, 1, count, 1).await);
    let count = place.commit(1, &["c"]).await;
    for heard in [count, count, 1] {
        files.grown(&topic(1).id, heard);
    }
    place.until_it_reads("a\nb\nc\n").await;
    files.close().await;
    assert_eq!(place.read(LIST), "a\nb\nc\n");
}

#[tokio::test]
async fn ten_new_lines_do_not_wait_for_the_interval() {
    let place = Place::new();
    let files = place.files_brought_to_disk_every(Duration::from_hours(1), 1);
    assert!(write(&files, 1, 0, 1).await);
    let count = place.commit(1, &["d", "e", "f", "g", "h", "i", "j", "k", "l", "m"]).await;
    files.grown(&topic(1).id, count);
    place.until_it_reads("d\ne\nf\ng\nh\ni\nj\nk\nl\nm\n").await;
    files.close().await;
}

#[tokio::test]
async fn a_new_term_rebuilds_the_list_beside_the_old_one_and_replaces_it() {
    let place = Place::new();
    let before = place.files(1);
    let count = place.commit(1, &["a", "b"]).await;
    assert!(write(&before, 1, count, 1).await);
    before.close().await;
    fs::write(place.path(LIST), "a\nb\ntorn ta").unwrap();
    let first = place.files(2);
    assert!(write(&first, 1, count, 2).await);
    assert_eq!(place.read(LIST), "a\nb\n");
    let second = place.files(3);
    let count = place.commit(1, &["c"]).await;
    assert!(write(&second, 1, count, 3).await);
    assert_eq!(place.read(LIST), "a\nb\nc\n");
    let count = place.commit(1, &["stale"]).await;
    first.grown(&topic(1).id, count);
    assert!(!first.flush(SOON).await, "the predecessor notices that another leader's list stands there");
    assert_eq!(place.read(LIST), "a\nb\nc\n");
    assert!(!place.path(".replaced").exists(), "which it leaves alone");
    first.close().await;
    second.close().await;
}

#[tokio::test]
async fn files_of_a_later_epoch_are_left_alone() {
    let place = Place::new();
    let newer = place.files(7);
    let count = place.commit(1, &["a"]).await;
    assert!(write(&newer, 1, count, 7).await);
    let older = place.files(6);
    let count = place.commit(1, &["b"]).await;
    assert!(!write(&older, 1, count, 6).await);
    assert_eq!(place.read(LIST), "a\n");
    newer.close().await;
    older.close().await;
}

#[tokio::test]
async fn the_folder_of_an_earlier_run_is_moved_aside_one_generation() {
    let place = Place::new();
    let files = place.files(1);
    for (run, text) in [(1, "first"), (2, "second"), (3, "third")] {
        let count = place.commit(run, &[text]).await;
        assert!(write(&files, run, count, 1).await);
    }
    assert_eq!(place.read(LIST), "third\n");
    assert_eq!(place.read(&format!(".replaced/{LIST}")), "second\n");
    files.close().await;
}

#[tokio::test]
async fn the_file_about_all_topics_names_each_with_its_state() {
    let place = Place::new();
    let files = place.files(4);
    let ended = Topic { state: TopicState::Ended(EndReason::Dry), ..topic(1) };
    files.global(vec![ended], 3, Now::default());
    files.close().await;
    let global: serde_json::Value = serde_json::from_str(&place.read("global_state.json")).unwrap();
    assert_eq!(global["topics"][0]["state"], "ended");
    assert_eq!(global["topics"][0]["reason"], "dry");
    let system = &global["system"];
    assert_eq!(
        (&system["producers"], &system["epoch"], &system["registry"]),
        (&3.into(), &4.into(), &"r1".into())
    );
}
