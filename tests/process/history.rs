//! What an operator changed of a topic, and what each end met: told by `igentai why`, and made again by `igentai replay`.

use serde_json::{Value, json};

use crate::decisions::{birds, lines, text};
use crate::embedded::JsonRun;
use crate::world::{Place, SOON, World, script};

#[tokio::test]
async fn what_is_changed_of_a_running_topic_is_told_whoever_leads() {
    let world = World::new(script(5_000, 60)).await;
    let mut first = world.orchestrator("orchestrator-1");
    first.process.wait_for_line("leads", SOON).await.unwrap();
    let mut second = world.orchestrator("orchestrator-2");
    let mut web = world.webserver();
    let mut producer = world.producer("producer-1", "life-1");
    for service in [&mut producer, &mut second, &mut web] {
        service.until_ready().await;
    }
    let api = web.api();
    let limits = json!({ "max_requests": 10_000 });
    let id = api.start(json!({ "name": "Sights", "limits": limits })).await;
    api.until_attributes(&id, 40).await;
    let weights = json!({ "small": 2.5 });
    api.change(&id, json!({ "prompt": "Name sights", "provider_weights": weights })).await;
    let known = api.topic(&id).await["numbers"]["attributes"].as_u64().unwrap();
    api.until_attributes(&id, known + 40).await;
    // Whoever leads next finds what decisions last told of.
    first.process.kill().unwrap();
    let requests = api.topic(&id).await["numbers"]["totals"]["requests"].as_u64().unwrap() + 40;
    api.change(&id, json!({ "prompt": "Name more sights", "limits": { "max_requests": requests } })).await;
    let topic = api.until_ended(&id).await;
    assert_eq!(topic["reason"], "max_requests", "{topic}");

    let changed = world.command(&["why", "sights", "--kind", "changed", "--json"]).output().unwrap();
    let changed = lines(&changed);
    let all: Vec<&Value> = changed.iter().flat_map(|one| one["changed"].as_array().unwrap()).collect();
    let small = json!({ "field": "provider_weights.small", "after": "2.5" });
    let cap = json!({ "field": "limits.max_requests", "before": "10000", "after": requests.to_string() });
    let prompts = [
        json!({ "field": "prompt", "after": "Name sights" }),
        json!({ "field": "prompt", "before": "Name sights", "after": "Name more sights" }),
    ];
    assert_eq!(all, [&prompts[0], &small, &cap, &prompts[1]]);
    let (_, page) = api.ask("GET", &format!("/api/v1/topics/{id}/decisions?kind=changed"), None).await;
    let by_api: Vec<&Value> = page["decisions"].as_array().unwrap().iter().rev().collect();
    assert_eq!(by_api, changed.iter().collect::<Vec<_>>());
    let words = text(&world.command(&["why", "sights", "--kind", "changed,ending"]).output().unwrap());
    let told = format!(
        "changed by the operator: the cap on requests from 10000 to {requests}; the prompt from “Name sights” to “Name more sights”"
    );
    assert!(words.contains(&told), "{words}");
    let met = format!("comes to its end: the cap on requests is used up (the cap of {requests} requests");
    assert!(words.contains(&met), "{words}");
    let replayed = text(&world.command(&["replay", "sights"]).output().unwrap());
    // The end follows from the log; whether the ways to ask were decided on meanwhile is a matter of time.
    assert!(!replayed.contains(": 0 of ") && replayed.contains("come out the same"), "{replayed}");
}

#[tokio::test]
async fn every_kind_of_end_says_what_it_met_and_is_made_again() {
    let place = Place::new(script(60, 20)).await;
    let config = place.config("m");
    let ask =
        |arguments: &[&str]| text(&place.command(arguments).arg("--config").arg(&config).output().unwrap());
    for (name, arguments, reason, met, same) in [
        ("Items", ["--max-attributes", "20"], "max_attributes", "the cap of 20 items", true),
        ("Requests", ["--max-requests", "5"], "max_requests", "the cap of 5 requests", true),
        ("Money", ["--max-usd", "0.01"], "max_usd", "the cap of $0.01", true),
        ("Yield", ["--min-yield", "300"], "low_yield", "fewer than 300 new items in 100 requests: ", true),
        ("Dry", ["-n", "2"], "dry", " answers in a row without anything new", true),
        ("Time", ["--time-limit", "100ms"], "time_limit", "the time limit of 0.1 s", false),
    ] {
        let arguments = [&[name, "--no-web"][..], &arguments].concat();
        let finished = JsonRun::start(&place, &config, &arguments).finished().await;
        assert_eq!(finished["reason"], reason, "{finished}");
        let said = ask(&["why", name, "--kind", "ending"]);
        assert!(said.contains("comes to its end: ") && said.contains(met), "{said}");
        let replayed: Value = serde_json::from_str(&ask(&["replay", name, "--json"])).unwrap();
        assert_eq!((&replayed["differs"], &replayed["taken"]), (&Value::Null, &json!(0)), "{replayed}");
        let others = ask(&["why", name, "--kind", "routed,worded,measured", "--json"]).lines().count();
        assert_eq!(replayed["same"], others + usize::from(same), "{name}: {replayed}");
    }
    // A fresh run forgets the decisions of the one before with its log.
    let arguments = ["Items", "--no-web", "--fresh", "--max-attributes", "10"];
    JsonRun::start(&place, &config, &arguments).finished().await;
    let said = ask(&["why", "Items"]);
    assert!(said.contains("run 2") && said.contains("10 items") && !said.contains("20 items"), "{said}");
}

#[tokio::test]
async fn a_topic_that_is_cut_tells_which_completeness_its_end_met() {
    let place = Place::new(birds(0.0)).await;
    let config = place.config("small");
    let arguments = ["birds", "--no-web", "--partition", "alphabetical", "--until-complete", "90"];
    let finished = JsonRun::start(&place, &config, &arguments).finished().await;
    assert_eq!(finished["reason"], "complete", "{finished}");
    let ask = |arguments: &[&str]| place.command(arguments).arg("--config").arg(&config).output().unwrap();
    let [end] = lines(&ask(&["why", "birds", "--kind", "ending", "--json"])).try_into().unwrap();
    assert_eq!(end["ending"]["met"], "90 % wanted", "{end}");
    let replayed = text(&ask(&["replay", "birds"]));
    assert!(replayed.contains("all of them come out the same"), "{replayed}");
}
