//! A provider that dies and heals, with two producers that have it in common, over real servers.

use std::time::Duration;

use igentai_test_support::model::{Behaviour, Plan};
use igentai_test_support::{http, until_some};
use serde_json::{Value, json};

use crate::decisions::{lines, text};
use crate::routing::dear;
use crate::world::{Api, RUN, SOON, Service, World, script};

/// Waits until the topic's numbers say so.
async fn until(api: &Api, id: &str, what: &str, is_so: impl Fn(&Value) -> bool) {
    let so = || async { is_so(&api.topic(id).await["numbers"]).then_some(()) };
    if until_some(RUN, so).await.is_err() {
        unreachable!("{what}: never so: {}", api.topic(id).await);
    }
}

fn large(numbers: &Value) -> &Value {
    &numbers["providers"]["large"]
}

fn sum(numbers: &Value, what: &str) -> Option<u64> {
    large(numbers)["sums"][what].as_u64()
}

/// What the leader's metrics say of it.
async fn until_rests(leader: &Service, rests: bool) {
    let line = format!("igentai_provider_rests{{provider=\"large\"}} {}\n", u8::from(rests));
    let says = || async {
        let path = "/metrics".to_owned();
        let answer = http::request_async(leader.address.clone(), "GET", path, Vec::new(), Vec::new());
        let body = answer.await.ok()?.body;
        String::from_utf8_lossy(&body).contains(&line).then_some(())
    };
    assert!(until_some(SOON, says).await.is_ok(), "the metrics do not say {line}");
}

#[tokio::test]
async fn a_provider_that_dies_costs_the_producers_little_more_than_what_was_under_way_and_is_asked_again_when_it_heals()
 {
    let world = World::new(script(20_000, 200)).await;
    let mut leader = world.orchestrator("orchestrator-1");
    let mut web = world.webserver();
    let more = dear(&world.place);
    let mut producers = [
        world.producer_with("producer-1", "life-1", &more),
        world.producer_with("producer-2", "life-2", &more),
    ];
    for service in producers.iter_mut().chain([&mut leader, &mut web]) {
        service.until_ready().await;
    }
    let api = web.api();
    let id = api.start(json!({ "name": "Sights", "partition": "none", "routing": "fixed" })).await;
    until(&api, &id, "both are asked", |numbers| sum(numbers, "responses") >= Some(10)).await;

    let model = &world.place.model;
    let dead = |asked: &igentai_test_support::model::Asked| match asked.model.as_str() {
        "large" => Behaviour::status(503),
        _ => Behaviour::Answer,
    };
    model.set_plan(Plan::by_request(dead));
    let failed = |numbers: &Value| sum(numbers, "failed_responses").unwrap_or(0);
    until(&api, &id, "it is left alone by all", |numbers| {
        let detail = large(numbers)["detail"].as_str().unwrap_or_default();
        large(numbers)["state"] == "waiting"
            && detail.contains("left alone by all producers")
            && failed(numbers) > 1
    })
    .await;
    let requests = api.topic(&id).await["numbers"]["totals"]["requests"].as_u64().unwrap();
    // Two places of each producer, and what went out before everybody had heard; a probe or two since.
    until(&api, &id, "the other one answers", |numbers| {
        numbers["totals"]["requests"].as_u64() > Some(requests + 100)
    })
    .await;
    leader.process.wait_for_line("large is left alone by all producers for", SOON).await.unwrap();
    until_rests(&leader, true).await;
    let cost = failed(&api.topic(&id).await["numbers"]);
    assert!((2..=8).contains(&cost), "{cost} requests failed");

    model.set_plan(Plan::Answer);
    let answered = sum(&api.topic(&id).await["numbers"], "responses").unwrap();
    until(&api, &id, "it is asked as before", |numbers| {
        large(numbers)["state"] == "ready" && sum(numbers, "responses") > Some(answered + 20)
    })
    .await;
    leader.process.wait_for_line("large is asked by all producers again", SOON).await.unwrap();
    until_rests(&leader, false).await;
    let page = api.ask("POST", &format!("/api/v1/topics/{id}/stop"), None).await;
    assert!(page.0 < 300, "{page:?}");
    api.until_ended(&id).await;

    let why = lines(&world.command(&["why", "sights", "--limit", "1000", "--json"]).output().unwrap());
    let cared: Vec<&str> =
        why.iter().filter(|one| one["kind"] == "cared").map(|one| one["text"].as_str().unwrap()).collect();
    let position = |what: &str| cared.iter().position(|text| text.contains(what));
    let rests = position("left alone by all producers for");
    // It is tried when it is doubted first, too.
    let tried = cared.iter().rposition(|text| text.contains("is tried by producer-"));
    let back = position("asked by all producers again, after 3 answers in a row");
    assert!(rests.is_some() && rests < tried && tried < back, "{cared:#?}");
    assert!(cared[rests.unwrap()].contains("server_error"), "{cared:#?}");
    let replayed = text(&world.command(&["replay", "sights"]).output().unwrap());
    assert!(replayed.contains("all of them come out the same"), "{replayed}");
    for producer in &mut producers {
        assert_eq!(
            tokio::time::timeout(SOON + Duration::from_mins(1), producer.stopped()).await.unwrap(),
            Some(0)
        );
    }
}
