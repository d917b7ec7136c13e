//! `igentai run`: everything in one process.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use igentai_core::folder::TopicId;
use igentai_core::key::Key;
use igentai_shared::store::Store;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_test_support::process::Process;
use igentai_test_support::{eventually, free_port, until_some};
use serde_json::{Value, json};

use crate::world::{Place, RUN, SOON, script};

/// `igentai run … --json`, its standard output in a file of its own.
pub(crate) struct JsonRun {
    pub(crate) process: Process,
    file: std::path::PathBuf,
}

impl JsonRun {
    pub(crate) fn start(place: &Place, config: &Path, arguments: &[&str]) -> Self {
        Self::of(place, &place.command(&[]), config, arguments)
    }

    pub(crate) fn of(place: &Place, program: &Command, config: &Path, arguments: &[&str]) -> Self {
        let file = place.path().join(format!("stdout-{}", free_port().unwrap()));
        let mut command = place.shell(r#"out="$1"; shift; exec "$0" run "$@" > "$out""#);
        command.arg(&file).args(arguments).args(["--json", "--config"]).arg(config);
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Self { process: Process::spawn(command).unwrap(), file }
    }

    /// What stands on standard output: JSON objects, one a line, and nothing else.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) async fn code(&mut self) -> Option<i32> {
        self.process.wait(RUN).await.unwrap().code()
    }

    /// Waits for the end; the last event.
    pub(crate) async fn finished(&mut self) -> Value {
        let code = self.code().await;
        let last = self.events().pop().unwrap_or_default();
        assert_eq!((code, &last["event"]), (Some(0), &json!("finished")), "{last}\n{}", self.process.tail());
        last
    }

    pub(crate) async fn until_attributes(&self, count: usize) {
        let texts = || {
            self.events().iter().filter_map(|event| event["texts"].as_array().map(Vec::len)).sum::<usize>()
        };
        let known = eventually(RUN, || std::future::ready(texts() >= count)).await;
        assert!(known.is_ok(), "no {count} in time\n{}", self.process.tail());
    }
}

pub(crate) fn keys(lines: &[String]) -> BTreeSet<String> {
    lines.iter().map(|line| format!("{:?}", Key::of(line).unwrap())).collect()
}

#[tokio::test]
async fn the_one_command_finds_the_demo_list_and_ends_by_itself() {
    let place = Place::new(script(1, 0)).await;
    let config = place.path().join("empty.toml");
    std::fs::write(&config, "").unwrap();
    let mut run = JsonRun::start(&place, &config, &["Paris attractions", "--no-web", "-n", "8"]);
    let finished = run.finished().await;
    assert_eq!(finished["reason"], "complete", "{finished}");
    let demo = include_str!("../../producer/data/demo/paris_attractions.txt");
    let real: Vec<String> = demo
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let (real, found) = (keys(&real), keys(&place.lines("paris_attractions")));
    assert_eq!(found.len(), place.lines("paris_attractions").len(), "no key twice");
    let share = found.intersection(&real).count() * 100 / real.len();
    assert!(share >= 90, "{share} % of {} found", real.len());
    assert_eq!(finished["attributes"], found.len());
    for field in [
        "topic",
        "folder",
        "reason",
        "attributes",
        "responses",
        "failed_responses",
        "candidates",
        "duplicates",
        "input_tokens",
        "output_tokens",
        "usd",
        "seconds",
        "providers",
    ] {
        assert!(!finished[field].is_null(), "{field} is missing: {finished}");
    }
    for field in ["responses", "new", "usd"] {
        assert!(!finished["providers"]["demo"][field].is_null(), "{field} is missing: {finished}");
    }
    assert!(
        run.process.tail().contains("demo"),
        "it says in words that the demo provider serves: {}",
        run.process.tail()
    );
}

#[tokio::test]
async fn tokens_and_cost_are_those_that_the_service_counted() {
    let place = Place::new(script(60, 5)).await;
    let mut run = JsonRun::start(&place, &place.config("m"), &["Sights", "--no-web", "-n", "2"]);
    let finished = run.finished().await;
    assert_eq!(finished["reason"], "dry");
    assert_eq!(finished["responses"], place.model.answered(), "{finished}");
    assert_eq!(finished["failed_responses"], 0, "{finished}");
    assert_eq!(finished["input_tokens"], place.model.prompt_tokens());
    assert_eq!(finished["output_tokens"], place.model.completion_tokens());
    assert!((finished["usd"].as_f64().unwrap() - place.cost_of_journal()).abs() < 1e-9, "{finished}");
    let small = &finished["providers"]["small"];
    assert_eq!((&small["responses"], &small["new"]), (&finished["responses"], &finished["attributes"]));
    assert_eq!(place.lines("sights").len(), 60);
}

#[tokio::test]
async fn a_killed_run_goes_on_where_it_was_and_neither_loses_nor_repeats() {
    let place = Place::new(script(300, 20)).await;
    let config = place.config("m");
    let arguments = ["Sights", "--no-web", "-n", "2"];
    let mut run = JsonRun::start(&place, &config, &arguments);
    run.until_attributes(80).await;
    run.process.kill().unwrap();
    let told: Vec<String> = run
        .events()
        .iter()
        .filter_map(|event| event["texts"].as_array())
        .flatten()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect();
    let before = place.lines("sights");
    let mut run = JsonRun::start(&place, &config, &arguments);
    let finished = run.finished().await;
    let started = &run.events()[0];
    assert!(started["known"].as_u64() >= Some(80), "it goes on: {started}");
    assert_eq!((&finished["reason"], &finished["run"]), (&json!("dry"), &json!(1)));
    let lines = place.lines("sights");
    assert_eq!(lines[..before.len()], before[..], "the lines of the first are the first lines");
    assert_eq!(lines[..told.len()], told[..], "and so is what it had told");
    assert_eq!(keys(&lines).len(), lines.len(), "no key twice");
    assert_eq!(finished["attributes"], lines.len());
}

/// What the registry holds of a topic, read when no process has it.
async fn registered(place: &Place, topic: &str) -> Vec<String> {
    let store = EmbeddedStore::open(&place.out().join(".igentai")).unwrap();
    let id = TopicId::parse(topic).unwrap();
    let run = store.head(&id).await.unwrap().run;
    let attributes = store.attributes(&id, run, 0, 10_000).await.unwrap();
    store.close().await;
    attributes.into_iter().map(|attribute| attribute.text).collect()
}

#[tokio::test]
async fn the_files_of_a_killed_run_are_mended_by_the_run_of_another_topic() {
    let place = Place::new(script(300, 20)).await;
    let config = place.config("m");
    let mut run = JsonRun::start(&place, &config, &["Sights", "--no-web", "-n", "2"]);
    run.until_attributes(80).await;
    run.process.kill().unwrap();
    let list = place.out().join("sights/output.txt");
    let short = std::fs::read(&list).unwrap();
    std::fs::write(&list, &short[..short.len() - 3]).unwrap();
    let mut other =
        JsonRun::start(&place, &config, &["Other sights", "--no-web", "-n", "2", "--max-attributes", "20"]);
    other.finished().await;
    let text = std::fs::read_to_string(&list).unwrap();
    assert!(text.ends_with('\n'), "whole lines only");
    let registered = registered(&place, "sights").await;
    assert!(registered.len() >= 80);
    assert_eq!(place.lines("sights"), registered);
    let state = std::fs::read(place.out().join("sights/state.json")).unwrap();
    let state: Value = serde_json::from_slice(&state).unwrap();
    assert_eq!((&state["state"], &state["reason"]), (&json!("ended"), &json!("interrupted")), "{state}");
    assert_eq!(state["last_sequence"], registered.len(), "{state}");
}

#[tokio::test]
async fn a_disk_that_stands_still_holds_neither_the_run_nor_its_end_up_and_the_files_come_later() {
    let place = Place::new(script(300, 5)).await;
    let config = place.config("m");
    let folder = place.out().join("sights");
    std::fs::create_dir_all(&folder).unwrap();
    let fifo = folder.join("output.txt.new-1");
    // Opening it for writing waits for a reader, as writing to a file server that is away does.
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut run = JsonRun::start(&place, &config, &["Sights", "--no-web", "-n", "2"]);
    let finished = run.finished().await;
    assert_eq!((&finished["reason"], &finished["attributes"]), (&json!("dry"), &json!(300)), "{finished}");
    assert!(!run.process.tail().contains("leads no more"), "{}", run.process.tail());
    assert_eq!(place.lines("sights").len(), 0);
    std::fs::remove_file(&fifo).unwrap();
    let arguments = ["Other sights", "--no-web", "--max-attributes", "1"];
    JsonRun::start(&place, &config, &arguments).finished().await;
    assert_eq!(place.lines("sights"), registered(&place, "sights").await);
}

#[tokio::test]
async fn ctrl_c_ends_in_good_order_and_says_how_to_go_on() {
    let place = Place::new(script(300, 30)).await;
    let config = place.config("m");
    let mut command = place.command(&["run", "Sights", "--no-web", "-n", "2", "--config"]);
    command.arg(&config);
    let mut process = Process::spawn(command).unwrap();
    eventually(SOON, || std::future::ready(place.lines("sights").len() > 20)).await.unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(process.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(process.wait(RUN).await.unwrap().code(), Some(130), "{}", process.tail());
    let said = process.lines().join("\n");
    assert!(said.contains("igentai run 'Sights'") && said.contains("output.txt"), "{said}");
    let answered: BTreeSet<String> = place
        .model
        .entries()
        .iter()
        .filter(|entry| entry.answered)
        .flat_map(|entry| entry.items.clone())
        .collect();
    let answered: Vec<String> = answered.into_iter().collect();
    assert_eq!(keys(&place.lines("sights")), keys(&answered), "what was answered is kept");
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_is_told_who_holds_it() {
    let place = Place::new(script(500, 200)).await;
    let config = place.config("m");
    let mut first = JsonRun::start(&place, &config, &["Sights", "--no-web"]);
    let started = until_some(SOON, || std::future::ready(first.events().pop())).await;
    started.unwrap();
    let mut second = JsonRun::start(&place, &config, &["Other sights", "--no-web"]);
    assert_eq!(second.code().await, Some(4), "{}", second.process.tail());
    let said = second.process.tail();
    assert!(
        said.contains(&first.process.id().to_string()),
        "it names the process {}: {said}",
        first.process.id()
    );
    assert!(first.process.is_running().unwrap());
}
