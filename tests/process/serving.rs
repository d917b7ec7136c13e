//! `igentai run` without a topic: topics are started and stopped over the API.

use std::time::Duration;

use igentai_core::topic::{EndReason, TopicState};
use igentai_shared::store::Store;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_test_support::model::{Behaviour, Plan};
use igentai_test_support::process::Process;
use igentai_test_support::{free_port, until_some};
use serde_json::json;

use crate::embedded::JsonRun;
use crate::world::{Api, Place, SOON, script};

struct Serving {
    process: Process,
    api: Api,
}

impl Serving {
    async fn start(place: &Place) -> Self {
        let port = free_port().unwrap();
        let mut command = place.command(&["run", "--port", &port.to_string(), "-n", "2", "--config"]);
        command.arg(place.config("m")).env("IGENTAI__ORCHESTRATOR__END_GRACE_MS", "2000");
        let mut process = Process::spawn(command).unwrap();
        process.wait_for_line("serving on", SOON).await.unwrap();
        Self { process, api: Api { address: format!("127.0.0.1:{port}") } }
    }

    async fn end(mut self) {
        self.process.terminate().unwrap();
        let code = self.process.wait(Duration::from_secs(15)).await.unwrap().code();
        assert_eq!(code, Some(0), "{}", self.process.tail());
    }
}

#[tokio::test]
async fn topics_run_side_by_side_when_they_are_started_from_the_api() {
    // Ten of twenty are named at a time, so that none is missed by chance before a topic is dry, whichever answers it gets.
    let place = Place::new(script(20, 5)).await;
    let serving = Serving::start(&place).await;
    let api = &serving.api;
    let first = api.start(json!({ "name": "Sights" })).await;
    let second = api.start(json!({ "name": "Other sights" })).await;
    for id in [&first, &second] {
        let topic = api.until_ended(id).await;
        assert_eq!(
            (&topic["reason"], &topic["numbers"]["attributes"]),
            (&json!("dry"), &json!(20)),
            "{topic}"
        );
        let feed: Vec<String> = api.feed(id).await.into_iter().map(|(_, text)| text).collect();
        assert_eq!(place.lines(id), feed);
    }
    let held = place.command(&["why", "sights"]).arg("--config").arg(place.config("m")).output().unwrap();
    let said = String::from_utf8_lossy(&held.stderr).into_owned();
    assert_eq!(held.status.code(), Some(4), "{said}");
    assert!(said.contains(&format!("or ask that process: --server http://{}", api.address)), "{said}");
    serving.end().await;
}

#[tokio::test]
async fn a_topic_whose_requests_were_given_up_at_its_stop_goes_on_when_it_is_started_again() {
    let place = Place::new(script(40, 5)).await;
    place.model.set_plan(Plan::Always(Behaviour::Slow(Duration::from_mins(1))));
    let serving = Serving::start(&place).await;
    let id = serving.api.start(json!({ "name": "Sights" })).await;
    let asked = || async { (place.model.requests() >= 2).then_some(()) };
    until_some(SOON, asked).await.unwrap();
    serving.api.ask("POST", &format!("/api/v1/topics/{id}/stop"), None).await;
    let stopped = serving.api.until_ended(&id).await;
    let given_up = stopped["numbers"]["totals"]["failed_responses"].clone();
    assert_eq!((&stopped["reason"], given_up.as_u64() >= Some(2)), (&json!("stopped"), true), "{stopped}");

    place.model.set_plan(Plan::Answer);
    serving.api.start(json!({ "name": "Sights" })).await;
    let topic = serving.api.until_ended(&id).await;
    assert_eq!((&topic["reason"], &topic["run"]), (&json!("dry"), &json!(1)), "{topic}");
    assert_eq!(topic["numbers"]["attributes"], 40, "{topic}");
    assert_eq!(topic["numbers"]["totals"]["failed_responses"], given_up, "{topic}");
    serving.end().await;
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_refused_and_the_longest_one_works() {
    let place = Place::new(script(5, 0)).await;
    let serving = Serving::start(&place).await;
    let prompt = |bytes: usize| "あ".repeat(bytes / 3);
    let start = |prompt: String| json!({ "name": "Sights", "prompt": prompt, "items_per_request": 10 });
    let (status, problem) = serving.api.ask("POST", "/api/v1/topics", Some(start(prompt(8_196)))).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("prompt")), "{problem}");
    let (status, topic) = serving.api.ask("POST", "/api/v1/topics", Some(start(prompt(8_190)))).await;
    assert_eq!(status, 201, "{topic}");
    let topic = serving.api.until_ended("sights").await;
    assert_eq!((&topic["reason"], &topic["numbers"]["attributes"]), (&json!("dry"), &json!(5)), "{topic}");
    serving.end().await;

    let mut command = place.command(&["run", "Birds", "--no-web", "--prompt", &prompt(8_196), "--config"]);
    command.arg(place.config("m"));
    let mut process = Process::spawn(command).unwrap();
    assert_eq!(process.wait(SOON).await.unwrap().code(), Some(2), "{}", process.tail());
    assert!(process.tail().contains("longer than 8192 bytes"), "{}", process.tail());
}

/// Where the topics stand, read when no process has the registry: state, and entries of the log.
async fn left(place: &Place) -> Vec<(String, TopicState, u64)> {
    let store = EmbeddedStore::open(&place.out().join(".igentai")).unwrap();
    let mut left = Vec::new();
    for topic in store.topics().await.unwrap() {
        let entries = store.head(&topic.id).await.unwrap().log_index;
        left.push((topic.id.to_string(), topic.state, entries));
    }
    store.close().await;
    left
}

#[tokio::test]
async fn a_command_that_is_refused_leaves_the_topics_of_a_killed_process_to_go_on() {
    let place = Place::new(script(5_000, 30)).await;
    let mut serving = Serving::start(&place).await;
    for name in ["Sights", "Other sights"] {
        let id = serving.api.start(json!({ "name": name })).await;
        serving.api.until_attributes(&id, 10).await;
    }
    serving.process.kill().unwrap();
    let before = left(&place).await;
    assert!(before.iter().all(|(_, state, _)| *state == TopicState::Running), "{before:?}");

    let config = place.config("m");
    let too_long = "x".repeat(8_193);
    for refused in [&["Birds", "--resume"][..], &["Sights", "--prompt", &too_long]] {
        let mut run = JsonRun::start(&place, &config, &[refused, &["--no-web"]].concat());
        assert_eq!(run.code().await, Some(2), "{}", run.process.tail());
        assert_eq!(left(&place).await, before, "{refused:?}");
    }

    let mut run = JsonRun::start(&place, &config, &["Birds", "--no-web", "--max-attributes", "5"]);
    run.finished().await;
    for (id, _, entries) in before {
        let now = left(&place).await;
        let interrupted = (id, TopicState::Ended(EndReason::Interrupted), entries);
        assert!(now.contains(&interrupted), "nobody works on {interrupted:?} any more: {now:?}");
    }
}

#[tokio::test]
async fn answers_that_are_no_lists_end_a_run_as_one_that_nobody_can_serve() {
    let place = Place::new(script(5, 0)).await;
    place.model.set_plan(Plan::Always(Behaviour::Raw("I am sorry, but I cannot help with that.".into())));
    let mut command = place.command(&["run", "Sights", "--no-web", "--config"]);
    command.arg(place.config("m"));
    let mut process = Process::spawn(command).unwrap();
    assert_eq!(process.wait(crate::world::RUN).await.unwrap().code(), Some(3), "{}", process.tail());
    let said = process.lines().join("\n");
    assert!(said.contains("answers were refusals or held no list"), "{said}");
}

#[tokio::test]
async fn a_cap_on_money_wants_a_known_price() {
    let place = Place::new(script(5, 0)).await;
    let config = place.path().join("unpriced.toml");
    let base_url = place.model.base_url();
    let text = format!(
        "[providers.small]\nkind = \"openai\"\nbase_url = \"{base_url}\"\nmodel = \"m\"\napi_key_env = \"SIGHTS_KEY\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let mut command = place.command(&["run", "Sights", "--no-web", "--max-usd", "1", "--config"]);
    command.arg(&config).env("SIGHTS_KEY", "any");
    let mut process = Process::spawn(command).unwrap();
    assert_eq!(process.wait(SOON).await.unwrap().code(), Some(2), "{}", process.tail());
    assert!(process.tail().contains("usd_per_million_input_tokens"), "{}", process.tail());
    assert_eq!(place.model.requests(), 0);
}
