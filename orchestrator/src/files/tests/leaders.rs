//! A leader who is paused while he builds a list, and whoever leads after him.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;
use crate::files::atomic::Draft;
use crate::files::output::OutputFile;
use crate::files::owner::Refusal;
use crate::files::trouble::Trouble;

/// A page's worth stands after the first round, and the rest after the third.
const MANY: usize = 2_500;

impl Place {
    async fn with_many() -> (Self, Seq) {
        let (place, mut count) = (Self::new(), 0);
        let lines: Vec<String> = (0..MANY).map(|number| format!("item {number}")).collect();
        for some in lines.chunks(500) {
            count = place.commit(1, &some.iter().map(String::as_str).collect::<Vec<_>>()).await;
        }
        (place, count)
    }

    fn begins(&self, epoch: Epoch, count: Seq) -> Result<OutputFile, Trouble> {
        place::prepare(&self.style(epoch), &topic(1), count, true, UnixMillis(1))
    }

    /// The list of a term that is past the fence, and does not stand in its place yet.
    fn past_the_fence(&self, epoch: Epoch, count: Seq) -> OutputFile {
        let mut list = self.begins(epoch, count).unwrap();
        list.push(1, ["of old"]);
        list.write().unwrap();
        place::fence(&self.style(epoch), &topic(1).id).unwrap();
        list
    }

    fn desk(&self, epoch: Epoch, count: Seq) -> Desk {
        let mut desk = Desk::new(self.style(epoch), Arc::clone(&self.store), Arc::default());
        let mut opened = mail::Mail::default();
        opened.open(topic(1), count);
        opened.status(status(topic(1), count, epoch));
        desk.take_in(opened, false, Now::default().monotonic);
        desk
    }
}

#[tokio::test]
async fn who_wakes_up_between_fence_and_rename_puts_nothing_in_the_place_of_what_his_successor_builds() {
    for rounds in 0..5 {
        let (place, count) = Place::with_many().await;
        let mut paused = place.past_the_fence(1, count);
        let mut successor = place.desk(2, count);
        for _ in 0..rounds {
            successor.round(false, Now::default()).await;
        }
        let stood = place.read(LIST);
        // Before anybody leads after him it is his to do.
        assert_eq!(paused.settle().is_ok(), rounds == 0);
        assert_eq!(place.read(LIST), if rounds == 0 { "of old\n" } else { stood.as_str() }, "after {rounds}");
        for _ in 0..4 {
            successor.round(false, Now::default()).await;
        }
        assert!(successor.round(true, Now::default()).await.complete);
        assert_eq!(place.read(LIST).lines().count(), MANY);
        assert!(!place.path(".replaced").exists(), "nobody has changed the list of the successor");
    }
}

#[tokio::test]
async fn who_wakes_up_while_his_successor_builds_a_list_begins_none_and_takes_none_away() {
    let (place, count) = Place::with_many().await;
    drop(place.begins(1, count).unwrap());
    let mut successor = place.desk(2, count);
    assert!(successor.round(false, Now::default()).await.more);
    let refused = place.begins(1, count).unwrap_err();
    assert!(matches!(refused, Trouble::Refused(Refusal::LaterEpoch { written: 2, this: 1 })), "{refused}");
    for _ in 0..3 {
        successor.round(false, Now::default()).await;
    }
    assert_eq!(place.read(LIST).lines().count(), MANY);
}

#[tokio::test]
async fn who_has_said_over_his_successor_that_it_is_his_term_is_still_too_late_for_the_rename() {
    let (place, count) = Place::with_many().await;
    let mut successor = place.desk(2, count);
    successor.round(false, Now::default()).await;
    let folder = place.path(FOLDER);
    let mut sign = place.state();
    sign["epoch"] = 1.into();
    fs::write(folder.join("state.json"), sign.to_string()).unwrap();
    let mut paused = place.past_the_fence(1, count);
    for _ in 0..3 {
        successor.round(false, Now::default()).await;
    }
    assert!(paused.settle().is_err());
    assert_eq!((place.read(LIST).lines().count(), &place.state()["epoch"]), (MANY, &2.into()));
}

#[tokio::test]
async fn what_says_how_far_an_earlier_term_had_come_does_not_take_the_place_of_what_a_later_one_says() {
    let (place, count) = Place::with_many().await;
    drop(place.begins(1, count).unwrap());
    let reports = ["state.json", "metrics.json", "topic.txt"].map(|name| place.path(FOLDER).join(name));
    let paused = reports.each_ref().map(|path| Draft::write(path, b"of old", 1).unwrap());
    let mut successor = place.desk(2, count);
    assert!(successor.round(false, Now::default()).await.more);
    for draft in paused {
        draft.settle().unwrap_err();
    }
    let stands = place.state();
    assert_eq!(stands["epoch"], 2);
    let refused = reports::write(&place.path(FOLDER), &status(topic(1), 0, 1), &place.style(1)).unwrap_err();
    assert!(matches!(refused, Trouble::Refused(Refusal::LaterEpoch { written: 2, this: 1 })), "{refused}");
    assert_eq!(place.state(), stands);
    let left = fs::read_dir(place.path(FOLDER)).unwrap().map(|file| file.unwrap().file_name());
    let begun: Vec<_> = left.filter(|name| name.to_string_lossy().contains(".new-")).collect();
    assert_eq!(begun, ["output.txt.new-2"]);
}

#[tokio::test]
async fn the_file_of_all_topics_is_the_latest_terms() {
    let place = Place::new();
    let global = |epoch, producers| reports::global(&[], &place.style(epoch), producers, Now::default());
    let paused = Draft::write(&place.path(place::GLOBAL), &global(1, 1), 1).unwrap();
    place::replace_global(&place.style(2), &global(2, 2), true).unwrap();
    paused.settle().unwrap_err();
    let stands: serde_json::Value = serde_json::from_str(&place.read(place::GLOBAL)).unwrap();
    assert_eq!((&stands["system"]["epoch"], &stands["system"]["producers"]), (&2.into(), &2.into()));
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 1, "nothing is left of what was begun");
}

#[tokio::test]
async fn what_earlier_terms_have_begun_to_build_is_removed_and_nothing_else() {
    let place = Place::new();
    let count = place.commit(1, &["a"]).await;
    let before = place.files(3);
    assert!(write(&before, 1, count, 3).await);
    before.close().await;
    let beside = |name: &str| place.path(&format!("{LIST}{name}"));
    let notes = place.path("notes");
    fs::write(&notes, "somebody's").unwrap();
    symlink(&notes, beside(".new")).unwrap();
    symlink(&notes, beside(".new-2")).unwrap();
    assert!(Command::new("mkfifo").arg(beside(".new-4")).status().unwrap().success());
    fs::create_dir(beside(".new-1")).unwrap();
    for name in [".new-3", ".new-6", ".new-10", ".new-mine", ".newer-1", ".new-1.txt"] {
        fs::write(beside(name), "half a li").unwrap();
    }
    let files = place.files(5);
    assert!(write(&files, 1, count, 5).await);
    files.close().await;
    for (name, stays) in [
        (".new", true),
        (".new-1", true),
        (".new-2", false),
        (".new-3", false),
        (".new-4", false),
        (".new-5", false),
        (".new-6", true),
        (".new-10", true),
        (".new-mine", true),
        (".newer-1", true),
        (".new-1.txt", true),
    ] {
        assert_eq!(fs::symlink_metadata(beside(name)).is_ok(), stays, "{name}");
    }
    assert_eq!((place.read("notes").as_str(), place.read(LIST).as_str()), ("somebody's", "a\n"));
}

#[tokio::test]
async fn a_term_that_only_begins_a_list_hides_nothing_of_what_the_one_before_has_written() {
    let place = Place::new();
    let files = place.files(1);
    let count = place.commit(1, &["a", "b"]).await;
    files.open(topic(1), count);
    files.status(&status(ended(1), count, 1));
    assert!(files.flush(SOON).await);
    let count = place.commit(1, &["late"]).await;
    files.grown(&topic(1).id, count);
    assert!(files.flush(SOON).await);
    files.close().await;
    assert_eq!(place.state()["last_sequence"], 2);
    drop(place.begins(2, count).unwrap());
    assert_eq!((&place.state()["epoch"], &place.state()["state"]), (&2.into(), &"ended".into()));
    let known = written(place.folder.path(), place.registry, &topic(1).id).unwrap().unwrap();
    assert_eq!((known.head.attributes, known.epoch), (3, 2));
}
