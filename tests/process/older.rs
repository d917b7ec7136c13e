//! `igentai run` over a registry in a file that is older than what was written from it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::embedded::{JsonRun, keys};
use crate::put_back::{copy, files, repair};
use crate::world::{Place, script};

/// The embedded registry of a folder, older than its files: 60 items in the registry, 120 in the files.
struct Older {
    place: Place,
    config: PathBuf,
    lines: Vec<String>,
}

impl Older {
    async fn new() -> Self {
        let place = Place::new(script(400, 2)).await;
        let config = place.config("m");
        let older = Self { place, config, lines: Vec::new() };
        older.run_to(60).await;
        std::fs::copy(older.registry(), older.place.path().join("older")).unwrap();
        older.run_to(120).await;
        std::fs::copy(older.place.path().join("older"), older.registry()).unwrap();
        let lines = older.place.lines("sights");
        assert_eq!(lines.len(), 120);
        Self { lines, ..older }
    }

    fn registry(&self) -> PathBuf {
        self.place.out().join(".igentai/store.redb")
    }

    fn run(&self, count: usize) -> JsonRun {
        self.run_with(count, &[])
    }

    fn run_with(&self, count: usize, more: &[&str]) -> JsonRun {
        let count = count.to_string();
        let arguments = ["Sights", "--no-web", "-n", "2", "--max-attributes", &count];
        JsonRun::start(&self.place, &self.config, &[&arguments, more].concat())
    }

    async fn run_to(&self, count: usize) {
        let finished = self.run(count).finished().await;
        assert_eq!(finished["attributes"], count, "{finished}");
    }

    fn repair(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = self.place.command(&["repair", "--config"]);
        command.arg(&self.config);
        repair(command, arguments)
    }
}

#[tokio::test]
async fn an_older_registry_in_a_file_is_refused_with_words_and_mended_from_the_files() {
    let older = Older::new().await;
    let before = files(&older.place);
    let mut run = older.run(150);
    assert_eq!(run.code().await, Some(4), "{}", run.process.tail());
    let said = run.process.tail();
    assert!(said.contains("it held run 1 with 120 items, and now holds run 1 with 60 items"), "{said}");
    assert!(said.contains("igentai repair sights --from files"), "{said}");
    assert!(!said.contains("--embedded"), "there is one registry only: {said}");
    assert_eq!(files(&older.place), before);
    let mut program = older.place.command(&[]);
    program.env("REDIS_URL", "redis://127.0.0.1:1");
    let mut run = JsonRun::of(&older.place, &program, &older.config, &["Sights", "--no-web"]);
    assert_eq!(run.code().await, Some(4), "{}", run.process.tail());
    assert!(run.process.tail().contains("Say --embedded"), "{}", run.process.tail());

    let (code, said) = older.repair(&[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("60 items that only the files hold, numbers 61 to 120"), "{said}");
    assert!(said.contains(".replaced/sights"), "{said}");
    assert_eq!(files(&older.place), before, "without --yes nothing is done");
    assert_eq!(older.repair(&["--yes"]).0, Some(2), "which way has to be said");
    let (code, said) = older.repair(&["Sights", "--from", "files", "--yes"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(older.place.lines("sights"), older.lines);
    assert_eq!(older.repair(&[]).0, Some(0));
    older.run_to(150).await;
    assert_eq!(older.place.lines("sights")[..120], older.lines[..]);
    assert_eq!(keys(&older.place.lines("sights")).len(), 150, "no key twice");
}

#[tokio::test]
async fn files_that_hold_more_than_their_registry_are_kept_when_they_are_written_anew_from_it() {
    let older = Older::new().await;
    for kept in ["sights.repair-1", "sights.repair-2"] {
        let (code, said) = older.repair(&["sights", "--from", "registry", "--yes"]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(older.place.lines("sights"), older.lines[..60]);
        assert_eq!(older.place.lines(&format!(".replaced/{kept}")), older.lines);
        // As it was, once more: what was kept before is not touched.
        std::fs::remove_dir_all(older.place.out().join("sights")).unwrap();
        copy(&older.place.out().join(".replaced").join(kept), &older.place.out().join("sights"));
    }
    std::fs::remove_dir_all(older.place.out().join("sights")).unwrap();
    older.run_to(90).await;
    assert_eq!(older.place.lines("sights")[..60], older.lines[..60]);
    assert_eq!(older.repair(&[]).0, Some(0));
}

#[tokio::test]
async fn of_two_items_with_one_number_that_of_the_files_keeps_it_and_the_registrys_own_follow() {
    let older = Older::new().await;
    let (sights, away) = (older.place.out().join("sights"), older.place.path().join("away"));
    // Where nobody has files that say more, an older registry goes on.
    std::fs::rename(&sights, &away).unwrap();
    older.run_to(140).await;
    let own = older.place.lines("sights");
    assert_ne!(own[60..120], older.lines[60..]);
    std::fs::rename(&sights, older.place.path().join("own")).unwrap();
    std::fs::rename(&away, &sights).unwrap();

    let (code, said) = older.repair(&["sights", "--from", "files"]);
    assert_eq!((code, said.contains("for two items")), (Some(1), true), "{said}");
    let (code, said) = older.repair(&["sights", "--from", "files", "--yes", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let found: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert!(found["finding"]["conflicts"].as_u64() > Some(10), "{said}");
    let lines = older.place.lines("sights");
    assert_eq!(lines[..120], older.lines[..]);
    let both: BTreeSet<String> = keys(&own).union(&keys(&older.lines)).cloned().collect();
    assert_eq!(
        (keys(&lines), lines.len()),
        (both.clone(), both.len()),
        "neither is lost, and none is there twice"
    );
    assert_eq!(older.repair(&[]).0, Some(0));
    let finished = older.run(200).finished().await;
    assert_eq!(finished["attributes"], 200, "{finished}");
    assert_eq!(older.place.lines("sights")[..lines.len()], lines[..]);
}

#[tokio::test]
async fn a_topic_whose_registry_is_older_than_its_files_may_be_begun_afresh() {
    let older = Older::new().await;
    assert_eq!(older.run(150).code().await, Some(4));
    let finished = older.run_with(30, &["--fresh"]).finished().await;
    assert_eq!((&finished["attributes"], &finished["run"]), (&json!(30), &json!(2)), "{finished}");
    assert_eq!(older.place.lines("sights").len(), 30);
    assert_eq!(older.place.lines(".replaced/sights"), older.lines);
    let (code, said) = older.repair(&[]);
    assert_eq!((code, said.contains("nothing to repair")), (Some(0), true), "{said}");
}

#[tokio::test]
async fn a_topic_that_is_newer_than_its_registry_is_told_of_and_comes_back_from_its_files() {
    let place = Place::new(script(400, 2)).await;
    let older = Older { config: place.config("m"), place, lines: Vec::new() };
    let other = ["Rivers", "--no-web", "--max-attributes", "5"];
    JsonRun::start(&older.place, &older.config, &other).finished().await;
    std::fs::copy(older.registry(), older.place.path().join("older")).unwrap();
    older.run_to(60).await;
    std::fs::copy(older.place.path().join("older"), older.registry()).unwrap();
    let lines = older.place.lines("sights");

    let mut run = JsonRun::start(&older.place, &older.config, &[&other[..], &["--fresh"]].concat());
    run.finished().await;
    assert!(run.process.tail().contains("igentai repair sights --from files"), "{}", run.process.tail());
    assert_eq!(older.run(100).code().await, Some(4), "it is not begun anew unawares");
    let (code, said) = older.repair(&["--from", "files", "--yes"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(older.place.lines("sights"), lines);
    older.run_to(100).await;
    assert_eq!(older.place.lines("sights")[..60], lines[..]);
}

#[tokio::test]
async fn of_a_topic_of_which_only_the_mark_is_left_the_mark_can_be_taken_away() {
    let place = Place::new(script(400, 2)).await;
    let older = Older { config: place.config("m"), place, lines: Vec::new() };
    let other = ["Rivers", "--no-web", "--max-attributes", "5"];
    JsonRun::start(&older.place, &older.config, &other).finished().await;
    std::fs::copy(older.registry(), older.place.path().join("older")).unwrap();
    older.run_to(20).await;
    std::fs::copy(older.place.path().join("older"), older.registry()).unwrap();
    assert_eq!(older.run(30).code().await, Some(4));
    std::fs::remove_dir_all(older.place.out().join("sights")).unwrap();
    assert_eq!(older.run(30).code().await, Some(4), "what it held is known all the same");
    assert_eq!(older.repair(&["No such topic", "--from", "registry", "--yes"]).0, Some(1));
    let (code, said) = older.repair(&["Sights", "--from", "registry", "--yes"]);
    assert_eq!(code, Some(0), "{said}");
    older.run_to(30).await;
}
