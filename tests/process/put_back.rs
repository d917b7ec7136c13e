//! A registry that comes back as an older copy of itself: it is noticed, nothing is written over, no number is given twice, and `igentai repair` mends it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use igentai_test_support::until_some;
use serde_json::{Value, json};

use crate::checks::all_agree;
use crate::embedded::{JsonRun, keys};
use crate::world::{Place, SOON, Service, World, script};

/// Copies a folder with everything in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Everything that stands in a topic's folder.
fn files(place: &Place) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = place.out().join("sights");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    all.sort();
    all
}

/// What `igentai repair` says, and its exit code.
fn repair(mut command: std::process::Command, arguments: &[&str]) -> (Option<i32>, String) {
    let output = command.args(arguments).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

impl World {
    fn repair(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = self.command(&["repair", "--config"]);
        command.arg(self.place.config("none"));
        repair(command, arguments)
    }

    /// The server's data as they stand.
    fn snapshot(&self) -> PathBuf {
        let copied = self.place.path().join("snapshot");
        copy(&self.redis.folder().unwrap().join("appendonlydir"), &copied);
        copied
    }

    /// The server comes back with those.
    async fn put_back(&mut self, snapshot: &Path) {
        self.redis.kill().await.unwrap();
        let data = self.redis.folder().unwrap().join("appendonlydir");
        std::fs::remove_dir_all(&data).unwrap();
        copy(snapshot, &data);
        self.redis.restart().await.unwrap();
    }

    async fn entries(&self) -> String {
        self.redis.cli(&["XLEN", "igentai:{sights}:log"]).await.unwrap()
    }

    async fn roles(&self, life: &str) -> (Service, Service, Service) {
        let mut orchestrator = self.orchestrator("orchestrator-1");
        let (mut web, mut producer) = (self.webserver(), self.producer("producer-1", life));
        for service in [&mut orchestrator, &mut web, &mut producer] {
            service.until_ready().await;
        }
        (orchestrator, web, producer)
    }
}

/// Waits until the topic says what happened to it.
async fn until_refused(web: &Service, orchestrator: &Service) -> String {
    let api = web.api();
    let told = || async {
        let topic = api.topic("sights").await;
        let problem = topic["numbers"]["problem"].as_str()?;
        problem.contains("put back to an older state").then(|| problem.to_owned())
    };
    match until_some(SOON, told).await {
        Ok(problem) => problem,
        Err(_) => unreachable!("{}\n{}", api.topic("sights").await, orchestrator.process.tail()),
    }
}

#[tokio::test]
async fn a_redis_restored_from_an_older_copy_is_refused_until_the_files_have_brought_back_what_it_lacks() {
    let mut world = World::new(script(4_000, 150)).await;
    let (mut orchestrator, mut web, mut producer) = world.roles("before").await;
    let limits = json!({ "max_attributes": 900 });
    let id = web.api().start(json!({ "name": "Sights", "limits": limits })).await;
    web.api().until_attributes(&id, 60).await;
    let snapshot = world.snapshot();
    web.api().until_attributes(&id, 300).await;
    for service in [&mut producer, &mut web, &mut orchestrator] {
        assert_eq!(service.stopped().await, Some(0), "{}", service.process.tail());
    }
    let (before, lines) = (files(&world.place), world.place.lines("sights"));
    assert!(lines.len() >= 290, "{} lines", lines.len());

    world.put_back(&snapshot).await;
    let entries = world.entries().await;
    let (mut orchestrator, mut web, mut producer) = world.roles("meanwhile").await;
    let problem = until_refused(&web, &orchestrator).await;
    for word in ["it held run 1 with ", "igentai repair sights --from files", "--from registry"] {
        assert!(problem.contains(word), "{problem}");
    }
    let metrics = orchestrator.api().ask("GET", "/metrics", None).await;
    assert_eq!(metrics.0, 200);
    tokio::time::timeout(Duration::from_secs(3), std::future::pending::<()>()).await.unwrap_err();
    assert_eq!(
        (files(&world.place), world.entries().await),
        (before, entries),
        "nothing is written meanwhile"
    );
    assert!(world.place.model.entries().iter().all(|entry| entry.model != "meanwhile"), "nobody is asked");
    for service in [&mut producer, &mut web, &mut orchestrator] {
        assert_eq!(service.stopped().await, Some(0), "{}", service.process.tail());
    }

    let (code, said) = world.repair(&["sights", "--from", "files"]);
    assert_eq!(code, Some(1), "{said}");
    let numbers = format!("to {}", lines.len());
    assert!(
        said.contains("only the files hold") && said.contains(&numbers) && said.contains("--yes"),
        "{said}"
    );
    let (code, said) = world.repair(&["sights", "--from", "files", "--yes", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let found: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&found["finding"]["deed"], &found["finding"]["done"], &found["finding"]["conflicts"]),
        (&json!("restore"), &json!(true), &json!(0)),
        "{said}"
    );
    assert_eq!(world.place.lines("sights"), lines);
    let (code, said) = world.repair(&["--from", "files", "--yes"]);
    assert_eq!((code, said.contains("nothing to repair")), (Some(0), true), "{said}");

    let (_orchestrator, web, _producer) = world.roles("after").await;
    let topic = web.api().until_ended(&id).await;
    let ended = (&topic["reason"], &topic["numbers"]["attributes"]);
    assert_eq!(ended, (&json!("max_attributes"), &json!(900)), "{topic}");
    assert_eq!(topic["numbers"]["problem"], Value::Null, "{topic}");
    all_agree(&world, &web.api(), &id).await;
    assert_eq!(world.place.lines("sights")[..lines.len()], lines[..]);
}

#[tokio::test]
async fn a_redis_that_comes_back_older_under_a_live_leader_is_given_no_number_twice_and_is_mended_beside_him()
{
    let mut world = World::new(script(4_000, 150)).await;
    let (mut orchestrator, web, _producer) = world.roles("m").await;
    let mut second = world.orchestrator("orchestrator-2");
    second.until_ready().await;
    let limits = json!({ "max_attributes": 900 });
    let id = web.api().start(json!({ "name": "Sights", "limits": limits })).await;
    web.api().until_attributes(&id, 60).await;
    let snapshot = world.snapshot();
    web.api().until_attributes(&id, 300).await;
    let (code, said) = world.repair(&["sights", "--from", "registry", "--yes"]);
    assert_eq!((code, said.contains("nothing to do")), (Some(0), true), "{said}");

    world.put_back(&snapshot).await;
    let entries = world.entries().await;
    until_refused(&web, &orchestrator).await;
    let lines = world.place.lines("sights");
    assert!(lines.len() >= 290, "{} lines", lines.len());
    tokio::time::timeout(Duration::from_secs(2), std::future::pending::<()>()).await.unwrap_err();
    assert_eq!((world.place.lines("sights"), world.entries().await), (lines.clone(), entries));

    let (code, said) = world.repair(&["sights", "--from", "files", "--yes"]);
    assert_eq!(code, Some(0), "{said}\n{}", orchestrator.process.tail());
    let topic = web.api().until_ended(&id).await;
    let ended = (&topic["reason"], &topic["numbers"]["attributes"]);
    assert_eq!(ended, (&json!("max_attributes"), &json!(900)), "{topic}");
    all_agree(&world, &web.api(), &id).await;
    assert_eq!(world.place.lines("sights")[..lines.len()], lines[..]);
    assert!(orchestrator.process.is_running().unwrap() && second.process.is_running().unwrap());
}

#[tokio::test]
async fn a_redis_that_was_emptied_is_filled_again_from_the_files() {
    let world = World::new(script(80, 5)).await;
    let (mut orchestrator, mut web, mut producer) = world.roles("before").await;
    let limits = json!({ "max_attributes": 50 });
    let id = web.api().start(json!({ "name": "Sights", "prompt": "List sights.", "limits": limits })).await;
    web.api().until_ended(&id).await;
    for service in [&mut producer, &mut web, &mut orchestrator] {
        assert_eq!(service.stopped().await, Some(0), "{}", service.process.tail());
    }
    let lines = world.place.lines("sights");
    world.redis.cli(&["FLUSHALL"]).await.unwrap();
    let mut orchestrator = world.orchestrator("orchestrator-1");
    orchestrator.process.wait_for_line("igentai repair --from files --foreign", SOON).await.unwrap();
    assert_eq!(orchestrator.stopped().await, Some(0));
    let (code, said) = world.repair(&["--from", "files", "--yes"]);
    assert_eq!((code, said.contains("--foreign")), (Some(0), true), "{said}");
    let (code, said) = world.repair(&["--from", "files", "--foreign", "--yes"]);
    assert_eq!(code, Some(0), "{said}");

    let (_orchestrator, web, _producer) = world.roles("after").await;
    let topic = web.api().topic(&id).await;
    assert_eq!((&topic["name"], &topic["prompt"]), (&json!("Sights"), &json!("List sights.")), "{topic}");
    web.api().start(json!({ "name": "Sights", "mode": "resume" })).await;
    let topic = web.api().until_ended(&id).await;
    assert_eq!((&topic["reason"], &topic["numbers"]["attributes"]), (&json!("dry"), &json!(80)), "{topic}");
    all_agree(&world, &web.api(), &id).await;
    assert_eq!(world.place.lines("sights")[..50], lines[..]);
}

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
