#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::fs;

use igentai_core::fold::TopicFold;
use igentai_core::ids::{Run, WorkerId};
use igentai_core::time::UnixMillis;
use igentai_core::topic::{EndReason, StartRequest, TopicState};
use igentai_shared::bus::memory::MemoryBus;
use igentai_shared::bus::trouble::Troubles;
use igentai_shared::clock::SystemClock;
use igentai_shared::store::embedded::EmbeddedStore;

use super::*;
use crate::Options;

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn files(&self, epoch: Epoch) -> Files {
        let context = Context {
            id: WorkerId::parse("o1").unwrap(),
            bus: MemoryBus::new(),
            store: EmbeddedStore::in_memory().unwrap(),
            clock: Arc::new(SystemClock::new()),
            options: Options { out: Some(self.folder.path().to_owned()), ..Options::default() },
            troubles: Troubles::default(),
        };
        Files::start(&context, epoch)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.path().join(path)).unwrap()
    }
}

fn topic(run: Run) -> Topic {
    let name = "Best Sci-Fi Movies (2020s)".to_owned();
    let id = TopicId::from_name(&name).unwrap();
    let request = StartRequest { name, prompt: Some("List\nfilms".into()), ..StartRequest::default() };
    let at = UnixMillis(1_700_000_000_000);
    Topic { run, ..Topic::start(None, id, request, at).unwrap() }
}

fn stored(first: Seq, texts: &[&str]) -> Vec<StoredAttribute> {
    let one = |(seq, text): (Seq, &&str)| StoredAttribute { seq, text: (*text).to_owned(), log_index: 1 };
    (first..).zip(texts).map(one).collect()
}

async fn fill(files: &Files, run: Run, texts: &[&str], epoch: Epoch) {
    files.open(topic(run)).await;
    files.lines(&topic(run).id, stored(1, texts)).await;
    let status = TopicStatus::of(topic(run), &TopicFold::default(), epoch, UnixMillis(1_700_000_060_000));
    files.status(&status).await;
    files.flush().await;
}

const LIST: &str = "best_sci_fi_movies_2020s/output.txt";

#[tokio::test]
async fn the_files_stand_where_and_as_they_are_expected() {
    let desk = Desk::new();
    let files = desk.files(1);
    fill(&files, 1, &["Dune", "Arrival\nII"], 1).await;
    assert_eq!(desk.read(LIST), "Dune\nArrivalII\n", "one line each, whatever the text");
    let text = desk.read("best_sci_fi_movies_2020s/topic.txt");
    let expected = "Topic: Best Sci-Fi Movies (2020s)\nStart Time: 2023-11-14 22:13:20 UTC\nProducer Count: 0\n\
                    Prompt: List films\nProvider Weights: {}\n";
    assert_eq!(text, expected);
    let state: serde_json::Value =
        serde_json::from_str(&desk.read("best_sci_fi_movies_2020s/state.json")).unwrap();
    for key in [
        "current_topic",
        "total_unique_count",
        "active_producer_count",
        "provider_weights",
        "last_updated",
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
async fn lines_given_twice_stand_once_and_a_hole_is_told_and_filled() {
    let desk = Desk::new();
    let files = desk.files(1);
    fill(&files, 1, &["a", "b"], 1).await;
    let id = topic(1).id;
    files.lines(&id, stored(1, &["a", "b", "c"])).await;
    files.lines(&id, stored(5, &["e"])).await;
    files.flush().await;
    assert_eq!(desk.read(LIST), "a\nb\nc\n");
    let behind = files.behind(&id).unwrap();
    files.lines(&id, stored(behind + 1, &["c", "d", "e"][usize::try_from(behind - 2).unwrap()..])).await;
    files.flush().await;
    assert_eq!(desk.read(LIST), "a\nb\nc\nd\ne\n");
    assert_eq!(files.behind(&id), None);
    files.close().await;
}

#[tokio::test]
async fn a_new_term_rebuilds_the_list_beside_the_old_one_and_replaces_it() {
    let desk = Desk::new();
    let first = desk.files(1);
    fill(&first, 1, &["a", "b"], 1).await;
    let path = desk.folder.path().join(LIST);
    fs::write(&path, "a\nb\ntorn ta").unwrap();
    let second = desk.files(2);
    fill(&second, 1, &["a", "b", "c"], 2).await;
    assert_eq!(desk.read(LIST), "a\nb\nc\n");
    first.lines(&topic(1).id, stored(3, &["stale"])).await;
    first.flush().await;
    assert_eq!(desk.read(LIST), "a\nb\nc\n", "the predecessor writes to a file that is no longer there");
    first.close().await;
    second.close().await;
}

#[tokio::test]
async fn files_of_a_later_epoch_are_left_alone() {
    let desk = Desk::new();
    let newer = desk.files(7);
    fill(&newer, 1, &["a"], 7).await;
    let older = desk.files(6);
    fill(&older, 1, &["x", "y"], 6).await;
    assert_eq!(desk.read(LIST), "a\n");
    newer.close().await;
    older.close().await;
}

#[tokio::test]
async fn the_folder_of_an_earlier_run_is_moved_aside_one_generation() {
    let desk = Desk::new();
    let files = desk.files(1);
    for (run, text) in [(1, "first"), (2, "second"), (3, "third")] {
        fill(&files, run, &[text], 1).await;
    }
    assert_eq!(desk.read(LIST), "third\n");
    assert_eq!(desk.read(&format!(".replaced/{LIST}")), "second\n");
    files.close().await;
}

#[tokio::test]
async fn the_file_about_all_topics_names_each_with_its_state() {
    let desk = Desk::new();
    let files = desk.files(4);
    let ended = Topic { state: TopicState::Ended(EndReason::Dry), ..topic(1) };
    files.global(vec![ended], 3, Now::default()).await;
    files.flush().await;
    let global: serde_json::Value = serde_json::from_str(&desk.read("global_state.json")).unwrap();
    assert_eq!(global["topics"][0]["state"], "ended");
    assert_eq!(global["topics"][0]["reason"], "dry");
    assert_eq!((&global["system"]["producers"], &global["system"]["epoch"]), (&3.into(), &4.into()));
    files.close().await;
}
