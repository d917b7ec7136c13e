//! Topics that are cut into parts, over real servers: what was decided stands written, and follows from the log.

use std::process::Output;
use std::sync::Arc;

use igentai_test_support::model::{Script, Speaker};
use igentai_test_support::world::taxonomy::Taxonomy;
use igentai_test_support::world::{Family, Traits, World as Models};
use serde_json::{Value, json};

use crate::embedded::JsonRun;
use crate::world::{Place, SOON, World, script};

/// A model that knows birds, and lists those of a part when it is asked for one.
pub(crate) fn birds(slowness: f64) -> Script {
    birds_of(Family::One.models(), slowness).0
}

/// The same with names in another alphabet.
pub(crate) fn birds_in_cyrillic() -> Script {
    spoken(Taxonomy::load("birds").unwrap().in_cyrillic(), Family::One.models(), 0.0).0
}

/// The same of other models, and what they know.
pub(crate) fn birds_of(models: Vec<Traits>, slowness: f64) -> (Script, Arc<Models>) {
    spoken(Taxonomy::load("birds").unwrap(), models, slowness)
}

fn spoken(taxonomy: Taxonomy, models: Vec<Traits>, slowness: f64) -> (Script, Arc<Models>) {
    let models = Arc::new(Models::new(taxonomy, models, 1.0, 7));
    let speaker = Speaker { world: Arc::clone(&models), slowness };
    (Script { world: Some(speaker), ..Script::new(Vec::<String>::new()) }, models)
}

pub(crate) fn text(output: &Output) -> String {
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{errors}");
    out.into_owned()
}

pub(crate) fn lines(output: &Output) -> Vec<Value> {
    text(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn decisions_are_told_and_made_again_whoever_made_them() {
    let world = World::new(birds(0.15)).await;
    let mut first = world.orchestrator("orchestrator-1");
    first.process.wait_for_line("leads", SOON).await.unwrap();
    let mut second = world.orchestrator("orchestrator-2");
    let mut web = world.webserver();
    let mut producers = [world.producer("producer-1", "life-1"), world.producer("producer-2", "life-2")];
    for service in producers.iter_mut().chain([&mut second, &mut web]) {
        service.until_ready().await;
    }
    let api = web.api();
    let limits = json!({ "completeness": 0.9, "max_requests": 400 });
    // With ten in a request, what the estimate goes by is 80 names in answers about the whole, too few to tell 540 from 849.
    let birds =
        json!({ "name": "Birds", "partition": "alphabetical", "items_per_request": 20, "limits": limits });
    let id = api.start(birds).await;
    api.until_attributes(&id, 150).await;
    first.process.kill().unwrap();
    let known = api.topic(&id).await["numbers"]["attributes"].as_u64().unwrap();
    api.until_attributes(&id, known + 60).await;
    // What it was told of is lost with it.
    producers[0].process.kill().unwrap();
    let topic = api.until_ended(&id).await;
    assert_eq!(topic["reason"], "complete", "{topic}");
    assert!(topic["numbers"]["attributes"].as_u64() > Some(500), "{topic}");

    let replayed = world.command(&["replay", "Birds", "--json"]).output().unwrap();
    let [replayed] = lines(&replayed).try_into().unwrap();
    assert_eq!(replayed["differs"], Value::Null, "{replayed}");
    let requests = topic["numbers"]["totals"]["requests"].as_u64().unwrap();
    assert!(replayed["same"].as_u64().unwrap() > requests, "{replayed}, {requests} requests");

    let server = format!("http://{}", api.address);
    let by_registry = world.command(&["why", "birds", "--limit", "5000", "--json"]).output().unwrap();
    let by_server = world.place.command(&["why", &id, "--limit", "5000", "--json", "--server", &server]);
    let told = lines(&by_registry);
    assert_eq!(told, lines(&{ by_server }.output().unwrap()));
    let numbers: Vec<u64> = told.iter().map(|one| one["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=replayed["decisions"].as_u64().unwrap()).collect::<Vec<_>>());
    let kinds = |kind: &str| told.iter().filter(|one| one["kind"] == kind).count();
    assert_eq!(kinds("taken_up"), 2, "by each leader");
    assert!(kinds("dropped") > 0, "what the killed one had was given up");
    let last = told.last().unwrap();
    assert_eq!((&last["kind"], &last["ending"]["reason"]), (&json!("ending"), &json!("complete")));
    let parts = told.iter().filter(|one| one["asked"]["why"] == "most");
    assert!(parts.clone().count() > 10);
    for part in parts {
        assert!(part["asked"]["expected"].as_f64() > part["asked"]["known"].as_f64(), "{part}");
    }

    let by_registry = world.command(&["quote", "birds", "--items", "2", "--json"]).output().unwrap();
    let by_server = ["quote", &id, "--items", "2", "--json", "--server", &server];
    let by_server = world.place.command(&by_server).output().unwrap();
    assert_eq!(by_registry.status.code(), by_server.status.code(), "{by_registry:?} {by_server:?}");
    assert_eq!(by_registry.stdout, by_server.stdout);

    let page = api.ask("GET", &format!("/api/v1/topics/{id}/decisions?before=11&limit=3"), None).await.1;
    let page: Vec<&Value> = page["decisions"].as_array().unwrap().iter().map(|one| &one["number"]).collect();
    assert_eq!(page, [10, 9, 8]);
    let words = world.command(&["why", "birds", "--limit", "1"]).output().unwrap();
    let words = text(&words);
    assert!(words.contains("comes to its end: it is as complete as was wanted"), "{words}");
    assert!(words.contains(&format!("The newest 1 of {}", numbers.len())), "{words}");
}

#[tokio::test]
async fn why_and_replay_find_the_registry_of_a_run_or_say_what_to_do() {
    let place = Place::new(birds(0.0)).await;
    let config = place.config("small");
    let ask = |arguments: &[&str]| place.command(arguments).arg("--config").arg(&config).output().unwrap();
    let none = ask(&["why", "birds"]);
    let said = String::from_utf8_lossy(&none.stderr).into_owned();
    assert_eq!(none.status.code(), Some(4), "{said}");
    assert!(said.contains("there is no registry in outputs/.igentai"), "{said}");

    let arguments = ["birds", "--no-web", "--partition", "alphabetical", "--until-complete", "90"];
    let mut run = JsonRun::start(&place, &config, &arguments);
    let finished = run.finished().await;
    assert_eq!(finished["reason"], "complete", "{finished}");
    let replayed = text(&ask(&["replay", "birds"]));
    assert!(replayed.contains("all of them come out the same"), "{replayed}");
    let told = lines(&ask(&["why", "Birds", "--json"]));
    assert_eq!(told.len(), 20);
    assert!(told.iter().all(|one| one["text"].as_str().is_some_and(|text| text.len() > 20)));
    let [end] = lines(&ask(&["why", "birds", "--kind", "ending", "--json"])).try_into().unwrap();
    assert_eq!(end["kind"], "ending", "{end}");
    let said = text(&ask(&["why", "birds", "--kind", "asked,terms", "--limit", "2"]));
    assert!(said.contains("The newest 2 of these kinds; there may be more"), "{said}");
    let wrong = ask(&["why", "bird"]);
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(said.contains("there is no topic `bird`; did you mean birds?"), "{said}");

    let other = Place::new(script(5_000, 50)).await;
    let config = other.config("small");
    let run = JsonRun::start(&other, &config, &["Sights", "--no-web"]);
    run.until_attributes(20).await;
    let held = other.command(&["why", "sights"]).arg("--config").arg(&config).output().unwrap();
    let said = String::from_utf8_lossy(&held.stderr).into_owned();
    assert_eq!(held.status.code(), Some(4), "{said}");
    assert!(said.contains("`igentai run` without --no-web"), "{said}");
}
