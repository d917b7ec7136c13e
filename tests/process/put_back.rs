//! A registry that comes back as an older copy of itself: it is noticed, nothing is written over, no number is given twice, and `igentai repair` mends it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use igentai_test_support::until_some;
use serde_json::{Value, json};

use crate::checks::all_agree;
use crate::world::{Place, RUN, SOON, Service, World, script};

/// Copies a folder with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
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
pub(crate) fn files(place: &Place) -> Vec<(PathBuf, Vec<u8>)> {
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
pub(crate) fn repair(mut command: std::process::Command, arguments: &[&str]) -> (Option<i32>, String) {
    let output = command.args(arguments).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

impl World {
    pub(crate) fn repair(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = self.command(&["repair", "--config"]);
        command.arg(self.place.config("none"));
        repair(command, arguments)
    }

    /// The server's data as they stand.
    pub(crate) fn snapshot(&self) -> PathBuf {
        let copied = self.place.path().join("snapshot");
        copy(&self.redis.folder().unwrap().join("appendonlydir"), &copied);
        copied
    }

    /// The server comes back with those.
    pub(crate) async fn put_back(&mut self, snapshot: &Path) {
        self.redis.kill().await.unwrap();
        let data = self.redis.folder().unwrap().join("appendonlydir");
        std::fs::remove_dir_all(&data).unwrap();
        copy(snapshot, &data);
        self.redis.restart().await.unwrap();
    }

    async fn entries(&self) -> String {
        self.redis.cli(&["XLEN", "igentai:{sights}:log"]).await.unwrap()
    }

    pub(crate) async fn roles(&self, life: &str) -> (Service, Service, Service) {
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
    let api = web.api();
    let counted = || async {
        let topic = api.topic("sights").await;
        let problem = topic["numbers"]["problem"].as_str()?.to_owned();
        problem.contains("published for it wait").then_some(())
    };
    assert!(until_some(SOON, counted).await.is_ok(), "{}", api.topic("sights").await);
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

#[tokio::test]
async fn a_topic_that_is_newer_than_the_redis_that_was_restored_is_warned_of_and_comes_back_beside_the_leader()
 {
    let mut world = World::new(script(400, 5)).await;
    let (mut orchestrator, mut web, mut producer) = world.roles("before").await;
    web.api().start(json!({ "name": "Rivers", "limits": { "max_attributes": 20 } })).await;
    web.api().until_ended("rivers").await;
    let snapshot = world.snapshot();
    let id = web.api().start(json!({ "name": "Sights", "limits": { "max_attributes": 60 } })).await;
    web.api().until_ended(&id).await;
    for service in [&mut producer, &mut web, &mut orchestrator] {
        assert_eq!(service.stopped().await, Some(0), "{}", service.process.tail());
    }
    let lines = world.place.lines("sights");

    world.put_back(&snapshot).await;
    let (orchestrator, web, _producer) = world.roles("after").await;
    let warned = || async {
        let health = orchestrator.api().ask("GET", "/health/ready", None).await.1.to_string();
        health.contains("`igentai repair --from files` brings them back: sights").then_some(())
    };
    assert!(until_some(SOON, warned).await.is_ok(), "{}", orchestrator.process.tail());
    let (code, said) = world.repair(&["--from", "files", "--yes"]);
    assert_eq!(code, Some(0), "{said}\n{}", orchestrator.process.tail());
    web.api().start(json!({ "name": "Sights", "mode": "resume", "limits": { "max_attributes": 100 } })).await;
    let topic = web.api().until_ended(&id).await;
    assert_eq!(topic["numbers"]["problem"], Value::Null, "{topic}");
    all_agree(&world, &web.api(), &id).await;
    assert_eq!((world.place.lines("sights").len(), &world.place.lines("sights")[..60]), (100, &lines[..]));
    let healthy = || async {
        let health = orchestrator.api().ask("GET", "/health/ready", None).await.1;
        health["warnings"].as_array().is_none_or(Vec::is_empty).then_some(())
    };
    assert!(until_some(SOON, healthy).await.is_ok(), "{}", orchestrator.process.tail());
}

/// A leader who has read a topic remembers it when the registry does not any more, and what its files bring back is not the same log.
#[tokio::test]
async fn a_topic_that_vanished_under_a_live_leader_is_brought_back_beside_him_by_one_repair() {
    for ended_before_his_term in [false, true] {
        let mut world = World::new(script(4_000, 20)).await;
        let (mut orchestrator, web, _producer) = world.roles("m").await;
        web.api().start(json!({ "name": "Rivers", "limits": { "max_attributes": 20 } })).await;
        web.api().until_ended("rivers").await;
        let snapshot = world.snapshot();
        let most = if ended_before_his_term { 300 } else { 2_000 };
        let id = web.api().start(json!({ "name": "Sights", "limits": { "max_attributes": most } })).await;
        web.api().until_attributes(&id, 300).await;
        if ended_before_his_term {
            web.api().until_ended(&id).await;
            assert_eq!(orchestrator.stopped().await, Some(0));
            orchestrator = world.orchestrator("orchestrator-1");
            orchestrator.until_ready().await;
        }
        world.put_back(&snapshot).await;
        let warned = || async {
            let health = orchestrator.api().ask("GET", "/health/ready", None).await.1.to_string();
            health.contains("`igentai repair --from files` brings them back: sights").then_some(())
        };
        assert!(until_some(SOON, warned).await.is_ok(), "{}", orchestrator.process.tail());
        let lines = world.place.lines("sights");
        let (code, said) = world.repair(&["sights", "--from", "files", "--yes"]);
        assert_eq!(code, Some(0), "{said}\n{}", orchestrator.process.tail());

        let limits = json!({ "max_attributes": lines.len() + 100 });
        web.api().start(json!({ "name": "Sights", "mode": "resume", "limits": limits })).await;
        let topic = web.api().until_ended(&id).await;
        assert_eq!(topic["reason"], "max_attributes", "{topic}");
        all_agree(&world, &web.api(), &id).await;
        assert_eq!(world.place.lines("sights")[..lines.len()], lines[..]);
        assert_eq!(world.repair(&[]).0, Some(0));
    }
}

#[tokio::test]
async fn a_topic_whose_redis_came_back_older_is_stopped_and_begun_afresh_over_the_api() {
    let mut world = World::new(script(4_000, 150)).await;
    let (orchestrator, web, _producer) = world.roles("m").await;
    let id = web.api().start(json!({ "name": "Sights", "limits": { "max_attributes": 2_000 } })).await;
    web.api().until_attributes(&id, 60).await;
    let snapshot = world.snapshot();
    web.api().until_attributes(&id, 300).await;
    world.put_back(&snapshot).await;
    let problem = until_refused(&web, &orchestrator).await;
    assert!(problem.contains("begin it afresh"), "{problem}");
    let lines = world.place.lines("sights");

    let (status, answer) = web.api().ask("POST", "/api/v1/topics/sights/stop", None).await;
    assert!((200..300).contains(&status), "{status} {answer}");
    let stopped = web.api().until_ended(&id).await;
    assert_eq!((&stopped["reason"], &stopped["run"]), (&json!("stopped"), &json!(1)), "{stopped}");
    web.api().start(json!({ "name": "Sights", "mode": "fresh", "limits": { "max_attributes": 50 } })).await;
    let topic = web.api().until_ended(&id).await;
    assert_eq!((&topic["run"], &topic["numbers"]["attributes"]), (&json!(2), &json!(50)), "{topic}");
    assert_eq!(topic["numbers"]["problem"], Value::Null, "{topic}");
    all_agree(&world, &web.api(), &id).await;
    assert_eq!(world.place.lines(".replaced/sights"), lines);
}

/// Its answers are in the queue when Redis comes back, among those of others.
#[tokio::test]
async fn a_topic_whose_definition_cannot_be_read_holds_up_no_other_after_a_restart_of_redis() {
    let mut world = World::new(script(4_000, 20)).await;
    let (mut orchestrator, web, _producer) = world.roles("m").await;
    for name in ["Sights", "Rivers"] {
        web.api().start(json!({ "name": name, "limits": { "max_attributes": 2_000 } })).await;
        web.api().until_attributes(&name.to_lowercase(), 50).await;
    }
    orchestrator.process.kill().unwrap();
    orchestrator.process.wait(RUN).await.unwrap();
    world.redis.cli(&["HSET", "igentai:topics", "rivers", "garbled"]).await.unwrap();
    let rivers = world.redis.cli(&["XLEN", "igentai:{rivers}:log"]).await.unwrap();
    // What the producer still may ask, it asks.
    let waits = || async {
        let queues = world.broker.queues().await.unwrap();
        let batches = queues.iter().find(|queue| queue.name == "igentai.integrate")?;
        (batches.ready > 4).then_some(())
    };
    until_some(SOON, waits).await.unwrap();
    world.redis.restart().await.unwrap();
    let mut orchestrator = world.orchestrator("orchestrator-1");
    orchestrator.until_ready().await;
    let before = web.api().topic("sights").await["numbers"]["attributes"].as_u64().unwrap();
    web.api().until_attributes("sights", before + 200).await;
    orchestrator
        .process
        .wait_for_line("of all topics rivers alone was not looked after", SOON)
        .await
        .unwrap();
    assert_eq!(world.redis.cli(&["XLEN", "igentai:{rivers}:log"]).await.unwrap(), rivers);
}
