//! Topics that ended while nobody kept their files.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use igentai_shared::store::checkpoints;
use tokio_util::sync::CancellationToken;

use super::flaky::FlakyStore;
use super::*;

/// Compares the files of the topic in a new term.
async fn check(place: &Place, topic: Topic, epoch: Epoch) {
    let files = place.files(epoch);
    files.check(std::iter::once(topic));
    files.close().await;
}

impl Place {
    /// Files as a leader leaves them that was killed: they say that the topic runs.
    async fn left_by_a_killed_leader(&self, texts: &[&str]) -> Seq {
        let count = self.commit(1, texts).await;
        let files = self.files(1);
        assert!(write(&files, 1, count, 1).await);
        files.close().await;
        count
    }

    fn inode(&self) -> u64 {
        fs::metadata(self.path(LIST)).unwrap().ino()
    }
}

#[tokio::test]
async fn files_of_a_topic_that_ended_unseen_are_built_anew_whatever_is_wrong_with_them() {
    let place = Place::new();
    place.left_by_a_killed_leader(&["a", "b"]).await;
    let count = place.commit(1, &["c"]).await;
    check(&place, ended(1), 2).await;
    let expect = |what: &str| {
        assert_eq!(place.read(LIST), "a\nb\nc\n", "{what}");
        let state = place.state();
        let said = (&state["state"], &state["reason"], &state["last_sequence"], &state["run"]);
        assert_eq!(said, (&"ended".into(), &"interrupted".into(), &count.into(), &1.into()), "{what}");
        let metrics: serde_json::Value =
            serde_json::from_str(&place.read(&format!("{FOLDER}/metrics.json"))).unwrap();
        assert_eq!((&metrics["attributes"], &metrics["totals"]["new"]), (&3.into(), &3.into()), "{what}");
    };
    expect("short, and said to be running");
    for (what, text) in [("torn", "a\nb\nc\nhal"), ("unended", "a\nb\nc"), ("short", "a\nb\n"), ("empty", "")]
    {
        fs::write(place.path(LIST), text).unwrap();
        check(&place, ended(1), 3).await;
        expect(what);
    }
    for missing in ["output.txt", "state.json", "metrics.json", "topic.txt"] {
        fs::remove_file(place.path(FOLDER).join(missing)).unwrap();
        check(&place, ended(1), 4).await;
        expect(missing);
        assert!(place.path(FOLDER).join(missing).exists());
    }
    fs::remove_dir_all(place.path(FOLDER)).unwrap();
    check(&place, ended(1), 5).await;
    expect("another machine");
}

#[tokio::test]
async fn files_that_are_as_they_should_be_are_not_touched() {
    let place = Place::new();
    place.left_by_a_killed_leader(&["a", "b"]).await;
    check(&place, ended(1), 2).await;
    let before = (place.inode(), place.read(&format!("{FOLDER}/state.json")));
    check(&place, ended(1), 3).await;
    assert_eq!((place.inode(), place.read(&format!("{FOLDER}/state.json"))), before);
}

#[tokio::test]
async fn numbers_that_were_kept_to_the_last_entry_are_not_counted_again() {
    let place = Place::new();
    let count = place.left_by_a_killed_leader(&["a", "b"]).await;
    let mut kept = TopicStatus { log_index: 1, ..status(topic(1), count, 1) };
    kept.totals.input_tokens = 77;
    let saved = BTreeMap::from([(checkpoints::STATUS.to_owned(), checkpoints::encode(&kept))]);
    place.store.save_checkpoints(&topic(1).id, 1, 0, saved).await.unwrap();
    check(&place, ended(1), 2).await;
    let metrics = place.read(&format!("{FOLDER}/metrics.json"));
    assert!(metrics.contains("\"input_tokens\": 77"), "{metrics}");
    assert_eq!(place.state()["state"], "ended", "but nobody works on it");
}

#[tokio::test]
async fn a_list_of_many_pages_and_a_log_of_many_pages_are_built_anew_whole() {
    let place = Place::new();
    let mut expected = String::new();
    for entry in 0..2_100 {
        let texts = [format!("text {entry} one"), format!("text {entry} two")];
        place.commit(1, &texts.each_ref().map(String::as_str)).await;
        expected.extend(texts.map(|text| text + "\n"));
    }
    check(&place, ended(1), 1).await;
    assert_eq!(place.read(LIST), expected);
    assert_eq!(place.state()["last_sequence"], 4_200);
}

#[tokio::test]
async fn a_topic_that_is_begun_again_meanwhile_is_not_called_ended() {
    let place = Place::new();
    let count = place.left_by_a_killed_leader(&["a", "b"]).await;
    let files = place.files(2);
    files.check(std::iter::once(ended(1)));
    assert!(write(&files, 1, count, 2).await);
    files.close().await;
    assert_eq!(place.state()["state"], "starting");
    let files = place.files(3);
    files.check(std::iter::once(ended(1)));
    let count = place.commit(2, &["x"]).await;
    assert!(write(&files, 2, count, 3).await);
    files.close().await;
    assert_eq!((place.read(LIST), &place.state()["run"]), ("x\n".to_owned(), &2.into()));
}

#[tokio::test]
async fn another_leaders_files_are_as_he_wants_them() {
    let place = Place::new();
    place.left_by_a_killed_leader(&["a", "b"]).await;
    check(&place, ended(1), 0).await;
    assert_eq!(place.state()["state"], "starting");
}

#[tokio::test]
async fn one_folder_that_refuses_does_not_keep_the_others_from_being_compared() {
    let place = Place::new();
    place.left_by_a_killed_leader(&["a", "b"]).await;
    let name = "Alien".to_owned();
    let request = StartRequest { name: name.clone(), ..StartRequest::default() };
    let other = Topic::start(None, TopicId::from_name(&name).unwrap(), request, UnixMillis(1)).unwrap();
    let other = Topic { state: TopicState::Ended(EndReason::Dry), ..other };
    fs::write(place.path(other.id.as_str()), "no folder").unwrap();
    let files = place.files(2);
    files.check([other, ended(1)].into_iter());
    files.close().await;
    assert_eq!(place.state()["state"], "ended");
    assert!(Path::new(&place.path(LIST)).exists());
}

#[tokio::test]
async fn a_registry_that_does_not_answer_a_new_leader_at_once_costs_no_comparison() {
    let mut place = Place::new();
    let count = place.left_by_a_killed_leader(&["a", "b"]).await;
    place.store.put_topic(&Topic { version: 1, ..ended(1) }, None).await.unwrap();
    fs::write(place.path(LIST), "a\n").unwrap();
    let flaky = FlakyStore::over(Arc::clone(&place.store));
    for failures in [&flaky.topics, &flaky.heads, &flaky.attributes] {
        failures.store(1, std::sync::atomic::Ordering::SeqCst);
    }
    place.store = Arc::new(flaky);
    let stop = CancellationToken::new();
    let led = Box::pin(crate::coordinator::run(place.context(Duration::from_secs(1)), stop.clone()));
    let mended = async {
        place.until_it_reads("a\nb\n").await;
        stop.cancel();
    };
    futures::future::join(led, mended).await;
    assert_eq!((&place.state()["state"], &place.state()["last_sequence"]), (&"ended".into(), &count.into()));
}
