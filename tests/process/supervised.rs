//! `igentai up`: all roles as children of one process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use igentai_test_support::process::Process;
use igentai_test_support::servers::Redis;
use igentai_test_support::{eventually, free_port, until_some};
use rustix::process::{Pid, Signal};
use serde_json::json;

use crate::world::{Api, RUN, SOON, World, script};

/// Running processes of the program whose arguments contain these words; one that has ended and was not waited for does not count.
fn running(words: &[&str]) -> Vec<Pid> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse() else { continue };
        let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let lives = stat.rsplit_once(") ").is_some_and(|(_, fields)| !fields.starts_with(['Z', 'X']));
        if lives && words.iter().all(|word| arguments.contains(word)) {
            found.extend(Pid::from_raw(pid));
        }
    }
    found
}

/// The children of the `up` with this configuration.
fn children(config: &Path) -> Vec<Pid> {
    running(&["--stop-with-stdin", config.to_str().unwrap()])
}

pub(crate) struct Up {
    pub(crate) process: Process,
    config: PathBuf,
    pub(crate) api: Api,
}

impl Up {
    pub(crate) fn start(world: &World) -> Self {
        let (port, config) = (free_port().unwrap(), world.place.config("up"));
        let mut command =
            world.command(&["up", "-n", "2", "--port", &port.to_string(), "--out", "outputs", "--config"]);
        command.arg(&config);
        let process = Process::spawn(command).unwrap();
        Self { process, config, api: Api { address: format!("127.0.0.1:{port}") } }
    }

    pub(crate) async fn until_up(&mut self) {
        self.process.wait_for_line("everything is up", SOON).await.unwrap();
        assert_eq!(children(&self.config).len(), 4, "{}", self.process.tail());
    }

    async fn until_childless(&self, deadline: Duration) {
        let gone = eventually(deadline, || std::future::ready(children(&self.config).is_empty())).await;
        assert!(gone.is_ok(), "left behind: {:?}\n{}", children(&self.config), self.process.tail());
    }
}

#[tokio::test]
async fn everything_is_started_runs_a_topic_and_stops_in_order() {
    let world = World::new(script(60, 5)).await;
    let mut up = Up::start(&world);
    up.until_up().await;
    assert_eq!(up.api.ask("GET", "/", None).await.0, 200);
    let id = up.api.start(json!({ "name": "Sights" })).await;
    let topic = up.api.until_ended(&id).await;
    assert_eq!((&topic["reason"], &topic["numbers"]["attributes"]), (&json!("dry"), &json!(60)), "{topic}");
    assert_eq!(world.place.lines(&id).len(), 60);

    up.process.terminate().unwrap();
    assert_eq!(up.process.wait(RUN).await.unwrap().code(), Some(0), "{}", up.process.tail());
    assert!(children(&up.config).is_empty());
    let lines = up.process.lines();
    let stopped: Vec<&str> = lines
        .iter()
        .filter(|line| line.ends_with("stopped"))
        .filter_map(|line| line.split_once('|').map(|(name, _)| name.trim()))
        .collect();
    assert_eq!(stopped.len(), 4, "{lines:#?}");
    assert!(stopped[..2].iter().all(|name| name.starts_with("producer-")), "{stopped:?}");
    assert_eq!(stopped[2..], ["webserver", "orchestrator"]);
}

#[tokio::test]
async fn a_killed_child_is_started_again_and_its_siblings_are_left_alone() {
    let world = World::new(script(300, 30)).await;
    let mut up = Up::start(&world);
    up.until_up().await;
    let id = up.api.start(json!({ "name": "Sights" })).await;
    up.api.until_attributes(&id, 30).await;
    let before = children(&up.config);
    let named = |name: &str| running(&["--stop-with-stdin", up.config.to_str().unwrap(), name]);
    let killed = named("--producer-id producer-1")[0];
    rustix::process::kill_process(killed, Signal::KILL).unwrap();
    let again = until_some(SOON, || {
        std::future::ready(named("--producer-id producer-1").first().copied().filter(|pid| *pid != killed))
    });
    let again = again.await.unwrap();
    let siblings: Vec<Pid> = before.into_iter().filter(|pid| *pid != killed).collect();
    assert!(siblings.iter().all(|pid| children(&up.config).contains(pid)), "nobody else was touched");
    assert!(
        up.process.lines().iter().any(|line| line.contains("producer-1") && line.contains("started again"))
    );
    let topic = up.api.until_ended(&id).await;
    assert_eq!(topic["reason"], "dry", "{topic}");
    assert!(children(&up.config).contains(&again));
}

#[tokio::test]
async fn no_child_is_left_when_the_supervisor_itself_is_killed() {
    let world = World::new(script(300, 30)).await;
    let mut up = Up::start(&world);
    up.until_up().await;
    let id = up.api.start(json!({ "name": "Sights" })).await;
    up.api.until_attributes(&id, 30).await;
    up.process.kill().unwrap();
    up.until_childless(Duration::from_secs(8)).await;
}

#[tokio::test]
async fn a_store_that_cannot_be_trusted_ends_everything_with_its_reason() {
    let mut world = World::new(script(1, 0)).await;
    world.redis = Redis::start_with(&["--maxmemory-policy", "allkeys-lru"]).await.unwrap();
    let mut up = Up::start(&world);
    assert_eq!(up.process.wait(RUN).await.unwrap().code(), Some(4), "{}", up.process.tail());
    let said = up.process.lines().join("\n");
    assert!(said.contains("noeviction") && said.contains("orchestrator cannot use the store"), "{said}");
    assert!(!said.contains("producer-1"), "what comes later was not started: {said}");
    assert!(!said.contains("panicked"), "the connections ended first: {said}");
    assert!(children(&up.config).is_empty());
}
