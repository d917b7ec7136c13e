//! Folders that another registry has written in, and those that nobody says he has.

use igentai_shared::store::checkpoints;
use tokio_util::sync::CancellationToken;

use super::*;

const REPLACED: &str = ".replaced/best_sci_fi_movies_2020s/output.txt";

impl Place {
    /// A run of the topic, as its registry has it and the folder shows it.
    async fn written(&self, texts: &[&str], epoch: Epoch) -> Seq {
        let count = self.commit(1, texts).await;
        let files = self.files(epoch);
        assert!(write(&files, 1, count, epoch).await);
        files.close().await;
        count
    }

    fn owner(&self) -> String {
        self.state()["registry"].as_str().unwrap_or_default().to_owned()
    }

    async fn problem(&self) -> Option<String> {
        let bytes = self.store.checkpoint(&topic(1).id, 1, checkpoints::STATUS).await.unwrap()?;
        checkpoints::decode::<TopicStatus>(&bytes).unwrap().problem
    }

    async fn until_problem(&self, what: &str, holds: impl Fn(Option<&str>) -> bool) {
        let so = async {
            while !holds(self.problem().await.as_deref()) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let so = tokio::time::timeout(SOON, so).await;
        assert!(so.is_ok(), "{what}: the problem is {:?}", self.problem().await);
    }
}

#[tokio::test]
async fn what_another_registry_has_written_is_moved_aside_whatever_its_epoch_and_run() {
    for epoch in [1, 9] {
        let embedded = Place::new();
        embedded.written(&["a", "b", "c"], epoch).await;
        assert_eq!(embedded.owner(), "r1");
        let shared = embedded.of_another_registry();
        shared.written(&["x"], 1).await;
        assert_eq!((shared.read(LIST), shared.read(REPLACED)), ("x\n".to_owned(), "a\nb\nc\n".to_owned()));
        assert_eq!(shared.owner(), "r2");
    }
}

#[tokio::test]
async fn a_list_of_which_nobody_says_where_it_comes_from_is_moved_aside() {
    for state in [None, Some("{\"run\": 1, \"epoch\": 1}"), Some("no state")] {
        let place = Place::new();
        fs::create_dir_all(place.path(FOLDER)).unwrap();
        fs::write(place.path(LIST), "somebody's\n").unwrap();
        if let Some(state) = state {
            fs::write(place.path(FOLDER).join("state.json"), state).unwrap();
        }
        place.written(&["a"], 1).await;
        assert_eq!((place.read(LIST), place.read(REPLACED)), ("a\n".to_owned(), "somebody's\n".to_owned()));
    }
}

/// A registry of the same id that holds less than was written.
impl Place {
    fn put_back(&self) -> Self {
        Place { registry: self.registry, ..self.of_another_registry() }
    }

    async fn refuses(&self, texts: &[&str], epoch: Epoch) -> String {
        let count = self.commit(1, texts).await;
        let files = self.files(epoch);
        assert!(!write(&files, 1, count, epoch).await);
        let told = files.trouble(&topic(1).id).unwrap_or_default();
        files.close().await;
        told
    }
}

#[tokio::test]
async fn the_list_of_a_run_that_the_registry_forgot_when_it_was_put_back_is_not_touched() {
    let place = Place::new();
    place.commit(1, &["a"]).await;
    let files = place.files(3);
    let count = place.commit(2, &["b", "c"]).await;
    assert!(write(&files, 2, count, 3).await);
    files.close().await;
    let told = place.put_back().refuses(&["a"], 4).await;
    assert!(
        told.contains("they hold run 2 with 2 items, and the registry holds run 1 with 1 items"),
        "{told}"
    );
    assert_eq!((place.read(LIST), place.read(REPLACED)), ("b\nc\n".to_owned(), String::new()));
}

#[tokio::test]
async fn a_list_that_is_longer_than_its_registry_is_not_touched_until_somebody_moves_it_away() {
    let place = Place::new();
    place.written(&["a", "b", "c"], 3).await;
    let older = place.put_back();
    let told = older.refuses(&["a", "b"], 4).await;
    assert!(
        told.contains("they hold run 1 with 3 items, and the registry holds run 1 with 2 items"),
        "{told}"
    );
    // Nor the files of a topic that has ended.
    let files = older.files(5);
    files.check(std::iter::once(ended(1)));
    files.close().await;
    assert_eq!((place.read(LIST), place.read(REPLACED)), ("a\nb\nc\n".to_owned(), String::new()));
    fs::rename(place.path(FOLDER), place.path("aside")).unwrap();
    let files = older.files(6);
    assert!(write(&files, 1, 2, 6).await);
    files.close().await;
    assert_eq!(place.read(LIST), "a\nb\n");
}

#[tokio::test]
async fn a_topic_whose_registry_was_put_back_is_not_opened_and_says_why_until_it_is_settled() {
    let place = Place::new();
    place.written(&["a", "b", "c"], 3).await;
    let older = place.put_back();
    let count = older.commit(1, &["a"]).await;
    older.store.put_topic(&Topic { version: 1, ..topic(1) }, None).await.unwrap();
    let stop = CancellationToken::new();
    let led = Box::pin(crate::coordinator::run(older.context(Duration::from_secs(1)), stop.clone()));
    let watched = async {
        let told = |problem: Option<&str>| {
            problem.is_some_and(|why| {
                why.contains("it held run 1 with 3 items, and now holds run 1 with 1 items in 1 log entries")
                    && why.contains("igentai repair best_sci_fi_movies_2020s --from files")
            })
        };
        older.until_problem("while it is put back", told).await;
        assert!(older.store.open_run(&topic(1).id, 1, 9, None).await.is_err());
        // That the files are gone is no reason to give numbers anew: somebody has to say so.
        fs::rename(place.path(FOLDER), place.path("aside")).unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        older.until_problem("without its files", told).await;
        let epoch = older.store.lease().await.unwrap().epoch;
        older.store.settle(&topic(1).id, epoch, None).await.unwrap();
        older.until_it_reads("a\n").await;
        older
            .until_problem("when it is over", |problem| {
                problem.is_some_and(|why| why.contains("no producer"))
            })
            .await;
        stop.cancel();
    };
    futures::future::join(led, watched).await;
    assert_eq!(older.state()["last_sequence"], count);
}

#[tokio::test]
async fn a_folder_without_a_list_costs_nothing_that_was_moved_aside_before() {
    let place = Place::new();
    place.written(&["a"], 1).await;
    let second = place.of_another_registry();
    second.written(&["x"], 1).await;
    fs::write(place.path(LIST), "").unwrap();
    place.written(&[], 2).await;
    assert_eq!((place.read(LIST), place.read(REPLACED)), ("a\n".to_owned(), "a\n".to_owned()));
    assert_eq!(place.owner(), "r1");
}

#[tokio::test]
async fn a_move_that_was_broken_off_at_any_step_is_done_once() {
    let first = Place::new();
    first.written(&["a", "b"], 3).await;
    let second = first.of_another_registry();
    let prepare = || place::prepare(&second.style(1), &topic(1), 1, true, UnixMillis(1)).unwrap();
    prepare();
    assert_eq!((second.owner(), second.read(REPLACED)), ("r2".to_owned(), "a\nb\n".to_owned()));
    // Killed with a list of its own in place, and no other state yet.
    fs::write(second.path(LIST), "x\n").unwrap();
    prepare();
    assert_eq!(second.read(REPLACED), "a\nb\n");
    // Killed between the move and the sign.
    fs::remove_dir_all(second.path(FOLDER)).unwrap();
    prepare();
    assert_eq!((second.owner(), second.read(REPLACED)), ("r2".to_owned(), "a\nb\n".to_owned()));
}

#[tokio::test]
async fn a_folder_that_another_registry_takes_meanwhile_is_not_taken_back_and_that_is_told() {
    let first = Place::new();
    let count = first.commit(1, &["a"]).await;
    let mine = first.files(5);
    assert!(write(&mine, 1, count, 5).await);
    let second = first.of_another_registry();
    let count = second.commit(1, &["x"]).await;
    let theirs = second.files(1);
    assert!(write(&theirs, 1, count, 1).await, "{:?}", theirs.trouble(&topic(1).id));

    let count = first.commit(1, &["b"]).await;
    mine.grown(&topic(1).id, count);
    mine.status(&status(topic(1), count, 5));
    assert!(!mine.flush(SOON).await);
    let told = mine.trouble(&topic(1).id).unwrap_or_default();
    assert!(told.contains(FOLDER) && told.contains("another registry, r2"), "{told}");
    let count = second.commit(1, &["y"]).await;
    assert!(write(&theirs, 1, count, 1).await);
    assert_eq!((second.read(LIST), second.owner()), ("x\ny\n".to_owned(), "r2".to_owned()));
    assert_eq!(theirs.trouble(&topic(1).id), None);

    // Started again, the topic is worth it.
    let count = first.commit(1, &["c"]).await;
    assert!(write(&mine, 1, count, 5).await);
    assert_eq!((first.read(LIST), first.owner()), ("a\nb\nc\n".to_owned(), "r1".to_owned()));
    assert_eq!((mine.trouble(&topic(1).id), first.read(REPLACED)), (None, "x\ny\n".to_owned()));
    mine.close().await;
    theirs.close().await;
}

#[tokio::test]
async fn the_sign_of_a_registry_that_makes_room_in_this_very_moment_is_left_alone() {
    let first = Place::new();
    let second = first.of_another_registry();
    // What one that has begun there saw was an empty folder; meanwhile the other has put up its sign.
    second.written(&["x"], 1).await;
    let sign = |place: &Place, epoch, may_take| {
        let nothing_yet = status(topic(1), 0, epoch);
        reports::put_up_sign(&place.path(FOLDER), &nothing_yet, &place.style(epoch), may_take)
    };
    let refused = sign(&first, 5, false).unwrap_err().to_string();
    assert!(refused.contains("another registry, r2"), "{refused}");
    assert_eq!((first.owner(), first.read(LIST)), ("r2".to_owned(), "x\n".to_owned()));
    sign(&first, 5, true).unwrap();
    assert_eq!(first.owner(), "r1");
}

#[tokio::test]
async fn a_topic_that_has_ended_takes_no_folder_from_another_registry() {
    let first = Place::new();
    first.written(&["a", "b"], 1).await;
    let second = first.of_another_registry();
    second.written(&["x"], 1).await;
    let files = first.files(2);
    files.check(std::iter::once(ended(1)));
    files.close().await;
    assert_eq!((first.read(LIST), first.owner()), ("x\n".to_owned(), "r2".to_owned()));
    // Nor one that has ended just now, so that answers may still come; and others do not wait for it.
    let files = first.files(3);
    files.open(ended(1), 2);
    files.status(&status(ended(1), 2, 3));
    assert!(files.flush(SOON).await);
    files.close().await;
    assert_eq!((first.read(LIST), first.owner()), ("x\n".to_owned(), "r2".to_owned()));
}

#[tokio::test]
async fn a_topic_whose_files_are_of_a_later_epoch_says_so_and_takes_no_commits_until_it_is_settled() {
    let place = Place::new();
    let count = place.written(&["a"], 9).await;
    place.store.put_topic(&Topic { version: 1, ..topic(1) }, None).await.unwrap();
    let stop = CancellationToken::new();
    let led = Box::pin(crate::coordinator::run(place.context(Duration::from_secs(1)), stop.clone()));
    let watched = async {
        let told = |problem: Option<&str>| problem.is_some_and(|why| why.contains("written in epoch 9"));
        place.until_problem("while it runs", told).await;
        assert!(place.store.open_run(&topic(1).id, 1, 9, None).await.is_err(), "it is marked");
        fs::remove_dir_all(place.path(FOLDER)).unwrap();
        place.store.settle(&topic(1).id, 1, None).await.unwrap();
        place.until_it_reads("a\n").await;
        let over = |problem: Option<&str>| problem.is_some_and(|why| why.contains("no producer"));
        place.until_problem("when it is over", over).await;
        stop.cancel();
    };
    futures::future::join(led, watched).await;
    assert_eq!((&place.state()["epoch"], &place.state()["last_sequence"]), (&1.into(), &count.into()));
}
