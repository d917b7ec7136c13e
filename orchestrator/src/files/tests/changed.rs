//! Lists that somebody else changes while they are written.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;

use igentai_core::time::Monotonic;

use super::*;
use crate::files::trouble::TOLD_FOR;

const KEPT: &str = ".replaced/best_sci_fi_movies_2020s.changed/output.txt";

/// What somebody does to a list that holds "a\nb\n", and what is kept of that.
type Deed = (&'static str, fn(&Path), Option<&'static str>);

const DEEDS: [Deed; 6] = [
    ("was deleted", |list| fs::remove_file(list).unwrap(), None),
    ("was deleted", |list| remove_folder(list.parent().unwrap()), None),
    (
        "was cut off by somebody else while it was being written: it has 1 bytes, and had 4",
        |list| cut(list, 1),
        Some("a"),
    ),
    ("was added to", |list| append(list, "mine\n"), Some("a\nb\nmine\n")),
    ("was replaced", |list| replace(list, "A\nB\n"), Some("A\nB\n")),
    ("was replaced", |list| replace(list, "A\nB\nC\nD\nE\n"), Some("A\nB\nC\nD\nE\n")),
];

/// In one step: the writer may put something into it at any time.
fn remove_folder(folder: &Path) {
    let gone = folder.with_extension("gone");
    fs::rename(folder, &gone).unwrap();
    fs::remove_dir_all(gone).unwrap();
}

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

fn at(time: Duration) -> Now {
    let millis = u64::try_from(time.as_millis()).unwrap();
    Now { monotonic: Monotonic(millis), unix: UnixMillis(millis) }
}

/// Whoever waits for the list has it whole.
async fn deed_is_mended(desk: &mut Desk, time: Duration) {
    for _ in 0..3 {
        desk.take_in(mail::Mail::default(), true, at(time).monotonic);
        desk.round(true, at(time)).await;
    }
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
async fn what_somebody_did_is_told_with_the_file_for_a_minute_and_as_long_as_the_list_is_not_whole() {
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
        assert!(!desk.round(true, at(TOLD_FOR * 3)).await.complete);
        assert_eq!(board.read(&id).as_ref(), Some(&problem));
        place.commit(1, &["c"]).await;
        deed_is_mended(&mut desk, TOLD_FOR * 3).await;
        assert_eq!((place.read(LIST).as_str(), board.read(&id)), ("a\nb\nc\n", None));
        // The list is whole in the round in which it is found changed.
        deed(&place.path(LIST));
        deed_is_mended(&mut desk, TOLD_FOR * 9).await;
        assert_eq!(place.read(LIST), "a\nb\nc\n");
        desk.round(true, at(TOLD_FOR * 9 + Duration::from_secs(59))).await;
        assert!(board.read(&id).is_some(), "somebody is to see it");
        desk.round(true, at(TOLD_FOR * 10)).await;
        assert_eq!(board.read(&id), None);
    }
}

/// A desk with a list that holds "a\nb\n".
async fn desk_with_two(place: &Place, board: &Arc<Board>) -> Desk {
    let count = place.commit(1, &["a", "b"]).await;
    let mut desk = Desk::new(place.style(1), Arc::clone(&place.store), Arc::clone(board));
    let mut opened = mail::Mail::default();
    opened.open(topic(1), count);
    desk.take_in(opened, false, Now::default().monotonic);
    assert!(desk.round(true, Now::default()).await.complete);
    desk
}

#[tokio::test]
async fn a_list_that_somebody_changes_again_and_again_is_built_anew_ever_more_rarely_and_at_once_for_who_waits()
 {
    let place = Place::new();
    let board = Arc::<Board>::default();
    let mut desk = desk_with_two(&place, &board).await;
    let list = place.path(LIST);
    cut(&list, 1);
    let mut rebuilt = Vec::new();
    let seconds_in_all = 1_000;
    for tenth in 0..=seconds_in_all * 10 {
        let now = at(Duration::from_millis(tenth * 100));
        let left = desk.round(true, now).await;
        assert!(!left.more, "nothing is done without a pause");
        if place.read(LIST) == "a\nb\n" {
            rebuilt.push(tenth);
            cut(&list, 1);
        } else {
            assert_eq!((place.read(LIST).as_str(), left.complete), ("a", false), "it stays as he wants it");
            assert!(board.read(&topic(1).id).unwrap().contains("built anew from the registry in a while"));
        }
    }
    let seconds = [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303].map(|seconds| seconds * 10);
    assert_eq!(rebuilt[..seconds.len()], seconds);
    desk.take_in(mail::Mail::default(), true, at(Duration::from_secs(seconds_in_all)).monotonic);
    assert!(desk.round(true, at(Duration::from_secs(seconds_in_all))).await.complete);
    assert_eq!(place.read(LIST), "a\nb\n", "a topic ends with a list that is whole");
    let calm = Duration::from_secs(seconds_in_all + 300);
    cut(&list, 1);
    assert!(desk.round(true, at(calm)).await.complete, "after a while without changes it is the first again");
    cut(&list, 1);
    assert!(!desk.round(true, at(calm)).await.complete);
    assert!(desk.round(true, at(calm + Duration::from_secs(1))).await.complete);
}

#[tokio::test]
async fn of_lists_that_somebody_changed_the_first_and_the_last_are_kept() {
    let place = Place::new();
    let mut desk = desk_with_two(&place, &Arc::default()).await;
    for number in 1..=8_u32 {
        replace(&place.path(LIST), &format!("notes {number}\n"));
        assert!(desk.round(true, at(Duration::from_mins(10) * number)).await.complete);
    }
    let kept: BTreeSet<String> = fs::read_dir(place.path(".replaced"))
        .unwrap()
        .map(|folder| {
            let folder = folder.unwrap().path();
            let text = fs::read_to_string(folder.join("output.txt")).unwrap();
            format!("{}: {}", folder.extension().unwrap().to_str().unwrap(), text.trim())
        })
        .collect();
    let expected = [
        "changed: notes 1",
        "changed-2: notes 2",
        "changed-3: notes 3",
        "changed-4: notes 4",
        "changed-5: notes 8",
    ];
    assert_eq!(kept, expected.map(str::to_owned).into());
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
