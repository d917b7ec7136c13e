//! Lists that somebody else changes while they are written.

use std::fs::OpenOptions;
use std::io::Write;

use super::*;

const KEPT: &str = ".replaced/best_sci_fi_movies_2020s.changed/output.txt";

/// What somebody does to a list that holds "a\nb\n", and what is kept of that.
type Deed = (&'static str, fn(&Path), Option<&'static str>);

const DEEDS: [Deed; 6] = [
    ("was deleted", |list| fs::remove_file(list).unwrap(), None),
    ("was deleted", |list| fs::remove_dir_all(list.parent().unwrap()).unwrap(), None),
    (
        "was cut off by somebody else while it was being written: it has 1 bytes, and had 4",
        |list| cut(list, 1),
        Some("a"),
    ),
    ("was added to", |list| append(list, "mine\n"), Some("a\nb\nmine\n")),
    ("was replaced", |list| replace(list, "A\nB\n"), Some("A\nB\n")),
    ("was replaced", |list| replace(list, "A\nB\nC\nD\nE\n"), Some("A\nB\nC\nD\nE\n")),
];

fn cut(list: &Path, length: u64) {
    OpenOptions::new().write(true).open(list).unwrap().set_len(length).unwrap();
}

fn append(list: &Path, text: &str) {
    OpenOptions::new().append(true).open(list).unwrap().write_all(text.as_bytes()).unwrap();
}

/// As editors do it.
fn replace(list: &Path, text: &str) {
    let beside = list.with_extension("edited");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, list).unwrap();
}

/// A list that holds "a\nb\n".
async fn two(place: &Place, interval: Duration) -> Files {
    let files = place.files_brought_to_disk_every(interval, 1);
    let count = place.commit(1, &["a", "b"]).await;
    assert!(write(&files, 1, count, 1).await);
    files
}

#[tokio::test]
async fn a_list_that_somebody_changes_is_whole_again_with_the_next_lines_and_what_stood_there_is_kept() {
    for (_, deed, kept) in DEEDS {
        let place = Place::new();
        let files = two(&place, Duration::from_hours(1)).await;
        deed(&place.path(LIST));
        let count = place.commit(1, &["c"]).await;
        files.grown(&topic(1).id, count);
        files.status(&status(topic(1), count, 1));
        assert!(files.flush(SOON).await);
        assert_eq!(place.read(LIST), "a\nb\nc\n");
        assert_eq!(place.path(KEPT).exists().then(|| place.read(KEPT)).as_deref(), kept);
        assert_eq!(place.state()["last_sequence"], count);
        files.close().await;
    }
}

#[tokio::test]
async fn a_list_that_is_complete_is_looked_after_at_the_interval_and_at_the_end() {
    for (_, deed, _) in DEEDS {
        let place = Place::new();
        let files = two(&place, Duration::from_millis(20)).await;
        deed(&place.path(LIST));
        place.until_it_reads("a\nb\n").await;
        files.close().await;
        let place = Place::new();
        let files = two(&place, Duration::from_hours(1)).await;
        deed(&place.path(LIST));
        files.close().await;
        assert_eq!(place.read(LIST), "a\nb\n");
    }
}

#[tokio::test]
async fn what_somebody_did_is_told_with_the_file_as_long_as_the_list_is_not_whole() {
    for (told, deed, _) in DEEDS {
        let place = Place::new();
        let count = place.commit(1, &["a", "b"]).await;
        let board = Arc::<Board>::default();
        let mut desk = Desk::new(place.style(1), Arc::clone(&place.store), Arc::clone(&board));
        let mut opened = mail::Mail::default();
        opened.open(topic(1), count);
        desk.take_in(opened, false, Now::default().monotonic);
        assert!(desk.round(true, Now::default()).await.complete);
        assert_eq!(board.read(&topic(1).id), None);
        deed(&place.path(LIST));
        // The registry says nothing more of the topic.
        let (attributes, id) = (count + 1, topic(1).id);
        let mut more = mail::Mail::default();
        more.grown(&id, attributes);
        desk.take_in(more, false, Now::default().monotonic);
        assert!(!desk.round(true, Now::default()).await.complete);
        let problem = board.read(&id).unwrap();
        assert!(problem.contains(told) && problem.contains(FOLDER), "{problem}");
        assert!(problem.contains("built anew from the registry"), "{problem}");
        place.commit(1, &["c"]).await;
        for _ in 0..3 {
            desk.take_in(mail::Mail::default(), true, Now::default().monotonic);
            desk.round(true, Now::default()).await;
        }
        assert_eq!((place.read(LIST).as_str(), board.read(&id)), ("a\nb\nc\n", None));
    }
}

#[tokio::test]
async fn a_list_that_is_changed_before_it_has_taken_its_place_is_begun_again() {
    let place = Place::new();
    let lines: Vec<String> = (0..2_500).map(|number| format!("item {number}")).collect();
    let mut count = 0;
    for some in lines.chunks(500) {
        count = place.commit(1, &some.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    let mut desk = Desk::new(place.style(1), Arc::clone(&place.store), Arc::default());
    let mut opened = mail::Mail::default();
    opened.open(topic(1), count);
    desk.take_in(opened, false, Now::default().monotonic);
    assert!(desk.round(false, Now::default()).await.more);
    cut(&place.path(LIST).with_extension("txt.new-1"), 10);
    for _ in 0..4 {
        desk.round(false, Now::default()).await;
    }
    assert_eq!(place.read(LIST), format!("{}\n", lines.join("\n")));
    assert!(!place.path(".replaced").exists());
}
