//! What only one answer has named is shown to a model as judge, before a topic ends by itself.

use std::sync::Arc;

use igentai_test_support::model::Script;
use igentai_test_support::until_some;
use igentai_test_support::world::{Traits, World as Models};
use serde_json::{Value, json};

use crate::checks::all_agree;
use crate::decisions::{birds_of, lines, text};
use crate::embedded::JsonRun;
use crate::routing::dear;
use crate::world::{Place, RUN, World};

/// A model that knows birds and makes some up, and tells which are which when it is asked.
fn inventive(slowness: f64) -> (Script, Arc<Models>) {
    birds_of(vec![Traits { inventions: 0.05, ..Traits::honest() }], slowness)
}

#[tokio::test]
async fn what_one_answer_alone_has_named_is_judged_before_the_end_and_the_doubted_are_told() {
    let (script, models) = inventive(0.0);
    let place = Place::new(script).await;
    let config = place.config("small");
    for partition in ["alphabetical", "none"] {
        let arguments =
            ["Birds", "--no-web", "--fresh", "--judge", "--partition", partition, "--until-complete", "80"];
        let finished = JsonRun::start(&place, &config, &arguments).finished().await;
        assert_eq!(finished["reason"], "complete", "{finished}");
        let metrics = std::fs::read(place.out().join("birds/metrics.json")).unwrap();
        let metrics: Value = serde_json::from_slice(&metrics).unwrap();
        let listed = place.lines("birds");
        let doubted = metrics["judging"]["doubted_lines"].as_array().unwrap();
        let doubted: Vec<u64> = doubted.iter().map(|line| line.as_u64().unwrap()).collect();
        assert!(doubted.len() > 5, "{doubted:?}");
        assert_eq!(metrics["judging"]["doubted"], doubted.len());
        assert!(metrics["judging"]["judged"].as_u64().unwrap() > doubted.len() as u64);
        // All that is made up, and nothing else: each of those one answer alone has named.
        let made_up: Vec<u64> = (1..)
            .zip(&listed)
            .filter(|(_, text)| models.item(text).is_none())
            .map(|(line, _)| line)
            .collect();
        assert_eq!(doubted, made_up);

        let ask =
            |arguments: &[&str]| place.command(arguments).arg("--config").arg(&config).output().unwrap();
        let why = lines(&ask(&["why", "birds", "--json", "--limit", "1000"]));
        let judges = why.iter().filter(|one| one["asked"]["why"] == "judge").count() as u64;
        // Some were told to a producer that was beyond them already, and were given to another.
        assert!(metrics["cells"]["judge"]["responses"].as_u64().unwrap() <= judges);
        assert!(why.last().unwrap()["kind"] == "ending", "{:?}", why.last());
        assert!(text(&ask(&["replay", "birds"])).contains("all of them come out the same"));
    }
}

#[tokio::test]
async fn what_another_policy_would_have_come_to_is_told_beside_what_judges_were_asked() {
    let (script, _) = inventive(0.0);
    let place = Place::new(script).await;
    let config = place.config_with("small", &dear(&place));
    let arguments = ["Birds", "--no-web", "--judge", "--partition", "none", "--until-complete", "80"];
    let finished = JsonRun::start(&place, &config, &arguments).finished().await;
    assert_eq!(finished["reason"], "complete", "{finished}");
    let ask = |arguments: &[&str]| place.command(arguments).arg("--config").arg(&config).output().unwrap();
    let replay = ["replay", "birds", "--policy", "fixed"];
    let [would] = lines(&ask(&[&replay[..], &["--json"]].concat())).try_into().unwrap();
    let (judges, asked) = (&would["judges"]["requests"], &would["would_be"]["requests"]);
    assert!(judges.as_u64() >= Some(1) && would["judges"]["usd"].as_f64() > Some(0.0), "{would}");
    assert!(asked.as_u64().unwrap() + judges.as_u64().unwrap() <= finished["requests"].as_u64().unwrap());
    let said = text(&ask(&replay));
    assert!(said.contains("\n  judges: ") && said.contains(", which are in none of these\n"), "{said}");
    let weighed = [&replay[..], &["--provider", "small=1", "--provider", "large=1", "--provider", "other=0"]];
    assert!(ask(&weighed.concat()).status.success());
}

#[tokio::test]
async fn a_cap_ends_a_topic_without_judges() {
    let (script, _) = inventive(0.0);
    let place = Place::new(script).await;
    let config = place.config("small");
    let arguments = ["Birds", "--no-web", "--judge", "--max-requests", "8"];
    let finished = JsonRun::start(&place, &config, &arguments).finished().await;
    assert_eq!(finished["reason"], "max_requests", "{finished}");
    let metrics = std::fs::read(place.out().join("birds/metrics.json")).unwrap();
    let metrics: Value = serde_json::from_slice(&metrics).unwrap();
    assert_eq!(metrics["judging"], json!({ "judged": 0, "doubted": 0, "doubted_lines": [] }));
    assert_eq!(metrics["totals"]["responses"], 8);
}

#[tokio::test]
async fn judges_are_asked_of_any_producer_and_go_on_under_another_leader() {
    let (script, models) = inventive(0.3);
    let world = World::new(script).await;
    let mut first = world.orchestrator("orchestrator-1");
    first.until_ready().await;
    let mut second = world.orchestrator("orchestrator-2");
    let mut web = world.webserver();
    let mut producers = [world.producer("producer-1", "life-1"), world.producer("producer-2", "life-2")];
    for service in producers.iter_mut().chain([&mut second, &mut web]) {
        service.until_ready().await;
    }
    let api = web.api();
    let limits = json!({ "completeness": 0.8, "max_requests": 2_000 });
    let id = api
        .start(json!({ "name": "Birds", "judge": true, "partition": "alphabetical", "limits": limits }))
        .await;
    let is_judged =
        || async { (api.topic(&id).await["numbers"]["judged"].as_u64().unwrap() > 0).then_some(()) };
    until_some(RUN, is_judged).await.unwrap();
    first.process.kill().unwrap();
    let topic = api.until_ended(&id).await;
    assert_eq!((&topic["reason"], &topic["judge"]), (&json!("complete"), &json!(true)), "{topic}");
    let numbers = &topic["numbers"];
    assert!(numbers["doubted"].as_u64().unwrap() > 5, "{numbers}");
    let replayed = world.command(&["replay", "Birds", "--json"]).output().unwrap();
    let [replayed] = lines(&replayed).try_into().unwrap();
    assert_eq!(replayed["differs"], Value::Null, "{replayed}");
    all_agree(&world, &api, &id).await;

    let (_, page) = api.ask("GET", &format!("/api/v1/topics/{id}/attributes?limit=10000"), None).await;
    let (mut doubted, mut others) = (Vec::new(), Vec::new());
    for item in page["items"].as_array().unwrap() {
        let text = item["text"].as_str().unwrap();
        let is_doubted = item.get("doubted").is_some();
        if is_doubted { &mut doubted } else { &mut others }.push(text);
        assert!(!is_doubted || models.item(text).is_none(), "{text} is a bird");
    }
    assert_eq!(numbers["doubted"], doubted.len());
    let server = format!("http://{}", web.address);
    let export = |which: &str| {
        let arguments = ["topics", "export", &id, "--server", &server, "--doubted", which];
        text(&world.place.command(&arguments).output().unwrap())
    };
    assert_eq!(export("only").lines().collect::<Vec<_>>(), doubted);
    assert_eq!(export("without").lines().collect::<Vec<_>>(), others);
    assert_eq!(export("with").lines().count(), doubted.len() + others.len());
}
