//! Disks that are full, refuse or stand still, and what comes late.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;

/// What the list is built in before it takes its place.
const BUILDING: &str = "best_sci_fi_movies_2020s/output.txt.new-1";

impl Place {
    /// A disk that has no room for the list.
    fn fill_the_disk(&self) {
        fs::create_dir_all(self.path(FOLDER)).unwrap();
        symlink("/dev/full", self.path(BUILDING)).unwrap();
    }

    fn make_room(&self) {
        fs::remove_file(self.path(BUILDING)).unwrap();
    }
}

#[tokio::test]
async fn what_comes_after_the_end_stands_in_the_list_too() {
    let place = Place::new();
    let files = place.files(1);
    let count = place.commit(1, &["a"]).await;
    assert!(write(&files, 1, count, 1).await);
    files.status(&status(ended(1), count, 1));
    assert!(files.flush(SOON).await);
    let count = place.commit(1, &["late"]).await;
    files.grown(&topic(1).id, count);
    files.status(&status(ended(1), count, 1));
    assert!(files.flush(SOON).await);
    assert_eq!(place.read(LIST), "a\nlate\n");
    assert_eq!((&place.state()["last_sequence"], &place.state()["state"]), (&2.into(), &"ended".into()));
    files.close().await;
}

#[tokio::test]
async fn a_list_for_which_there_was_no_room_at_the_end_catches_up_afterwards() {
    let place = Place::new();
    let files = place.files(1);
    let count = place.commit(1, &["a", "b"]).await;
    place.fill_the_disk();
    assert!(!write(&files, 1, count, 1).await, "it says so");
    files.status(&status(ended(1), count, 1));
    assert!(!files.flush(SOON).await);
    files.leave(&topic(1).id);
    assert!(files.flush(SOON).await, "nobody waits for what is left");
    assert_eq!(place.read(LIST), "");
    place.make_room();
    place.until_it_reads("a\nb\n").await;
    files.close().await;
    assert_eq!((&place.state()["last_sequence"], &place.state()["state"]), (&2.into(), &"ended".into()));
}

#[tokio::test]
async fn a_folder_that_refused_at_the_beginning_is_tried_again() {
    let place = Place::new();
    let files = place.files(1);
    let count = place.commit(1, &["a", "b"]).await;
    fs::write(place.path(FOLDER), "no folder").unwrap();
    assert!(!write(&files, 1, count, 1).await);
    let count = place.commit(1, &["c"]).await;
    files.grown(&topic(1).id, count);
    fs::remove_file(place.path(FOLDER)).unwrap();
    place.until_it_reads("a\nb\nc\n").await;
    files.close().await;
    assert_eq!(place.state()["state"], "starting", "its other files come, too");
}

#[tokio::test]
async fn a_disk_that_stands_still_holds_nobody_up_and_nothing_is_lost() {
    let place = Place::new();
    let files = place.files(1);
    fs::create_dir_all(place.path(FOLDER)).unwrap();
    // Opening it for writing waits for a reader.
    assert!(Command::new("mkfifo").arg(place.path(BUILDING)).status().unwrap().success());
    let mut count = place.commit(1, &["first"]).await;
    files.open(topic(1), count);
    let id = topic(1).id;
    let work = async {
        assert!(!files.flush(Duration::from_millis(200)).await);
        for number in 0..2_000 {
            if number % 100 == 0 {
                count = place.commit(1, &[&format!("text {number}")]).await;
            }
            files.grown(&id, count);
            files.status(&status(topic(1), count, 1));
            files.global(vec![topic(1)], 1, Now::default());
            assert!(!files.flush(SOON).await, "whoever asks after the first does not wait");
        }
    };
    assert!(tokio::time::timeout(SOON, work).await.is_ok(), "somebody waits for the disk");
    let fifo = place.path("fifo");
    fs::rename(place.path(BUILDING), &fifo).unwrap();
    let reader = std::thread::spawn(move || fs::read(fifo).unwrap());
    let lines: Vec<String> =
        std::iter::once("first".into()).chain((0..20).map(|n| format!("text {}", n * 100))).collect();
    place.until_it_reads(&format!("{}\n", lines.join("\n"))).await;
    files.close().await;
    reader.join().unwrap();
    assert_eq!(place.state()["last_sequence"], count);
}

#[tokio::test]
async fn a_disk_that_stands_still_does_not_keep_the_process_from_ending() {
    let place = Place::new();
    let files = place.files(1);
    fs::create_dir_all(place.path(FOLDER)).unwrap();
    let fifo = place.path(BUILDING);
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    files.open(topic(1), place.commit(1, &["a"]).await);
    assert!(tokio::time::timeout(SOON, files.close()).await.is_ok());
    // Lets the thread go.
    fs::File::options().read(true).write(true).open(&fifo).unwrap();
}

#[tokio::test]
async fn while_a_folder_refuses_it_is_not_tried_again_before_its_time_unless_somebody_waits() {
    let place = Place::new();
    let count = place.commit(1, &["a"]).await;
    let mut desk = Desk::new(place.style(1), Arc::clone(&place.store), Arc::default());
    let at = |millis| Now { monotonic: igentai_core::time::Monotonic(millis), unix: UnixMillis(millis) };
    let mut opened = mail::Mail::default();
    opened.open(topic(1), count);
    desk.take_in(opened, false, at(0).monotonic);
    fs::write(place.path(FOLDER), "no folder").unwrap();
    assert!(!desk.round(true, at(0)).await.more);
    fs::remove_file(place.path(FOLDER)).unwrap();
    assert!(!desk.round(true, at(999)).await.complete);
    assert!(desk.round(true, at(1_000)).await.complete);
    fs::remove_dir_all(place.path(FOLDER)).unwrap();
    fs::write(place.path(FOLDER), "no folder").unwrap();
    let mut opened = mail::Mail::default();
    opened.open(topic(1), count);
    desk.take_in(opened, false, at(2_000).monotonic);
    assert!(!desk.round(true, at(2_000)).await.complete);
    fs::remove_file(place.path(FOLDER)).unwrap();
    desk.take_in(mail::Mail::default(), true, at(2_001).monotonic);
    assert!(desk.round(true, at(2_001)).await.complete);
}

#[test]
fn what_failed_is_tried_again_later_and_later_and_said_once() {
    let mut backoff = trouble::Backoff::default();
    let mut now = igentai_core::time::Monotonic(5_000);
    assert!(backoff.is_over(now));
    let mut said = Vec::new();
    for seconds in [1, 2, 4, 8, 16, 30, 30] {
        said.push(backoff.failed(now));
        assert!(!backoff.is_over(now + Duration::from_millis(seconds * 1_000 - 1)));
        now += Duration::from_secs(seconds);
        assert!(backoff.is_over(now));
    }
    assert_eq!(said, [true, false, false, false, false, false, false]);
}
