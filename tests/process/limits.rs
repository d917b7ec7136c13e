//! Caps hold exactly, whoever spends.

use std::path::Path;

use igentai_test_support::eventually;
use igentai_test_support::process::Process;
use igentai_test_support::world::Traits;
use serde_json::{Value, json};

use crate::checks::all_agree;
use crate::decisions::birds_of;
use crate::embedded::JsonRun;
use crate::world::{Place, RUN, World, script};

#[tokio::test]
async fn exactly_so_many_attributes_are_found_as_were_asked_for() {
    let place = Place::new(script(200, 5)).await;
    let mut run =
        JsonRun::start(&place, &place.config("m"), &["Sights", "--no-web", "--max-attributes", "37"]);
    let finished = run.finished().await;
    assert_eq!((&finished["reason"], &finished["attributes"]), (&json!("max_attributes"), &json!(37)));
    assert_eq!(place.lines("sights").len(), 37);
}

#[tokio::test]
async fn exactly_so_many_requests_are_sent_as_were_allowed() {
    let place = Place::new(script(2_000, 5)).await;
    let mut run = JsonRun::start(&place, &place.config("m"), &["Sights", "--no-web", "--max-requests", "10"]);
    let finished = run.finished().await;
    assert_eq!((&finished["reason"], &finished["requests"]), (&json!("max_requests"), &json!(10)));
    assert_eq!(place.model.requests(), 10);
}

#[tokio::test]
async fn going_on_with_a_cap_that_is_used_up_ends_at_once_and_a_start_without_one_has_none() {
    let place = Place::new(script(60, 5)).await;
    let config = place.config("m");
    let run = |more: &[&str]| JsonRun::start(&place, &config, &[&["Sights", "--no-web"], more].concat());
    assert_eq!(run(&["--max-requests", "3"]).finished().await["reason"], "max_requests");
    let again = run(&["--max-requests", "3"]).finished().await;
    assert_eq!((&again["reason"], &again["requests"]), (&json!("max_requests"), &json!(3)), "{again}");
    assert_eq!(place.model.requests(), 3);
    let uncapped = run(&[]).finished().await;
    assert_eq!((&uncapped["reason"], &uncapped["run"]), (&json!("dry"), &json!(1)), "{uncapped}");
}

#[tokio::test]
async fn a_topic_that_brings_less_than_is_wanted_ends_long_before_it_is_dry() {
    // Slow enough that what an answer brought is known before many more are asked.
    let place = Place::new(script(60, 80)).await;
    let mut run = JsonRun::start(&place, &place.config("m"), &["Sights", "--no-web", "--min-yield", "300"]);
    let finished = run.finished().await;
    assert_eq!((&finished["reason"], &finished["run"]), (&json!("low_yield"), &json!(1)), "{finished}");
    let requests = finished["requests"].as_u64().unwrap();
    assert!(requests >= 8 && finished["attributes"].as_u64().unwrap() >= 20, "{finished}");
    let again =
        JsonRun::start(&place, &place.config("m"), &["Sights", "--no-web", "--resume"]).finished().await;
    assert_eq!((&again["reason"], &again["run"]), (&json!("dry"), &json!(1)), "without a floor: {again}");
    assert!(again["requests"].as_u64().unwrap() > requests + 15, "{again}");
}

#[tokio::test]
async fn a_request_asks_for_as_many_items_as_the_command_line_says() {
    let place = Place::new(script(60, 5)).await;
    let config = place.config("m");
    let said = told(&place, &config, &["--max-requests", "1", "--items-per-request", "7"]).await;
    assert!(said.contains("  unique       7\n") && said.contains("of 7 named\n"), "{said}");
    assert!(said.contains(" --items-per-request 7 with a higher cap"), "how to go on: {said}");
}

/// What a run says to people.
async fn told(place: &Place, config: &Path, arguments: &[&str]) -> String {
    let mut command = place.command(&["run", "Sights", "--no-web", "--config"]);
    command.arg(config).args(arguments);
    let mut process = Process::spawn(command).unwrap();
    let ended = process.wait(RUN).await.unwrap();
    let said = process.lines().join("\n");
    assert!(ended.success(), "{said}");
    said
}

#[tokio::test]
async fn what_a_rule_rejects_is_not_listed_and_is_counted_everywhere() {
    let place = Place::new(script(60, 5)).await;
    let arguments = ["Sights", "--no-web", "--accept", "^Sight No 00[0-3]", "--max-chars", "13"];
    let finished = JsonRun::start(&place, &place.config("m"), &arguments).finished().await;
    assert_eq!((&finished["reason"], &finished["attributes"]), (&json!("dry"), &json!(39)), "{finished}");
    let lines = place.lines("sights");
    assert!(lines.len() == 39 && lines.iter().all(|line| line.as_str() < "Sight No 0040"), "{lines:?}");
    let rejected = finished["rejections"]["no_match"].as_u64().unwrap();
    assert!(rejected >= 21, "{finished}");
    assert_eq!(finished["rejected_by_rule"], rejected, "{finished}");
    let metrics = std::fs::read(place.out().join("sights/metrics.json")).unwrap();
    let metrics: Value = serde_json::from_slice(&metrics).unwrap();
    assert_eq!(metrics["rejections"], finished["rejections"]);
    assert_eq!(metrics["totals"]["rejected_by_rule"], rejected);
    let config = place.config("m");
    let again = async |more: &[&str]| {
        told(&place, &config, &[&["--fresh", "--max-requests", "2"], more].concat()).await
    };
    let kept = "rules of an earlier start are kept: matches the regular expression ^Sight No 00[0-3], has at most 13 characters; --no-rules";
    let said = again(&[]).await;
    assert!(said.contains(kept), "{said}");
    let said = again(&["--no-rules"]).await;
    assert!(!said.contains("rules of") && !said.contains("by rule"), "{said}");
    assert!(!again(&[]).await.contains("rules of"), "they are gone");
    let arguments = ["run", "Sights", "--no-web", "--min-chars", "9", "--max-chars", "8", "--config"];
    let refused = place.command(&arguments).arg(config).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("nothing has at least 9"), "{said}");
}

#[tokio::test]
async fn the_cap_on_money_holds_by_what_the_service_counted() {
    let place = Place::new(script(2_000, 5)).await;
    let config = place.config_with("m", "max_output_tokens = 60");
    let mut run = JsonRun::start(&place, &config, &["Sights", "--no-web", "--max-usd", "6.00"]);
    let finished = run.finished().await;
    assert_eq!(finished["reason"], "max_usd", "{finished}");
    let cost = place.cost_of_journal();
    // Less than the worst case of one request, 0.27, stays unspent.
    assert!(cost > 5.73 && cost <= 6.0, "${cost} spent: {finished}");
    assert!((finished["usd"].as_f64().unwrap() - cost).abs() < 1e-9, "${cost}: {finished}");
}

#[tokio::test]
async fn a_cap_that_does_not_cover_one_request_sends_none_and_says_so() {
    let place = Place::new(script(2_000, 5)).await;
    let mut run = JsonRun::start(&place, &place.config("m"), &["Sights", "--no-web", "--max-usd", "0.01"]);
    let finished = run.finished().await;
    assert_eq!((&finished["reason"], &finished["requests"]), (&json!("max_usd"), &json!(0)), "{finished}");
    assert_eq!(place.model.requests(), 0);
    assert!(finished["problem"].as_str().is_some_and(|problem| problem.contains("worst case")), "{finished}");
}

/// Where requests aim at parts, only some producers have something to ask: the others neither keep the money that these need, nor could they pay.
#[tokio::test]
async fn a_cap_on_money_ends_a_topic_that_is_cut_into_parts() {
    let place = Place::new(birds_of(vec![Traits::honest()], 0.0).0).await;
    let config = place.config_with("small", "max_output_tokens = 400");
    let letters = ["birds", "--no-web", "--partition", "alphabetical"];
    // A request may cost some 0.8 dollars, and costs a third of that.
    for (cap, least) in [("0.01", 0.0), ("1.0", 0.1), ("4.0", 3.0)] {
        let arguments = [&letters[..], &["--fresh", "--max-usd", cap]].concat();
        let mut run = JsonRun::start(&place, &config, &arguments);
        let finished = run.finished().await;
        assert_eq!(finished["reason"], "max_usd", "{finished}");
        let usd = finished["usd"].as_f64().unwrap();
        assert!((least..=cap.parse().unwrap()).contains(&usd), "of {cap}: {finished}");
    }
}

#[tokio::test]
async fn a_cap_on_requests_holds_over_three_producers() {
    let world = World::new(script(2_000, 20)).await;
    let mut orchestrator = world.orchestrator("orchestrator-1");
    let mut web = world.webserver();
    let mut producers: Vec<_> =
        (1..=3).map(|n| world.producer(&format!("producer-{n}"), &format!("life-{n}"))).collect();
    for service in producers.iter_mut().chain([&mut orchestrator, &mut web]) {
        service.until_ready().await;
    }
    let api = web.api();
    let id = api.start(json!({ "name": "Sights", "limits": { "max_requests": 10 } })).await;
    let topic = api.until_ended(&id).await;
    assert_eq!(topic["reason"], "max_requests", "{topic}");
    assert_eq!(world.place.model.requests(), 10);
    let truth = all_agree(&world, &api, &id).await;
    truth.each_batch_once(&topic);
    truth.nothing_is_lost(&[], 0);
}

/// Answers that may cost little more than they do.
const SHORT: &str = "max_output_tokens = 60";

/// A topic that three producers are busy with gets other limits when so much was spent; the world as it is when it has ended.
async fn with_limits_from(usd: f64, before: Value, limits: Value, provider: &str) -> (World, Value) {
    let world = World::new(script(2_000, 200)).await;
    let mut orchestrator = world.orchestrator("orchestrator-1");
    let mut web = world.webserver();
    let mut producers: Vec<_> = (1..=3)
        .map(|n| world.producer_with(&format!("producer-{n}"), &format!("life-{n}"), provider))
        .collect();
    for service in producers.iter_mut().chain([&mut orchestrator, &mut web]) {
        service.until_ready().await;
    }
    let api = web.api();
    let id = api.start(json!({ "name": "Sights", "limits": before })).await;
    eventually(RUN, || std::future::ready(world.place.cost_of_journal() >= usd)).await.unwrap();
    api.change(&id, json!({ "limits": limits })).await;
    let topic = api.until_ended(&id).await;
    all_agree(&world, &api, &id).await.each_batch_once(&topic);
    (world, topic)
}

#[tokio::test]
async fn a_cap_on_requests_that_comes_while_three_producers_ask_is_used_up_exactly() {
    let (world, topic) = with_limits_from(0.5, json!({}), json!({ "max_requests": 110 }), SHORT).await;
    assert_eq!(topic["reason"], "max_requests", "{topic}");
    assert_eq!(world.place.model.requests(), 110);
}

#[tokio::test]
async fn a_cap_on_money_that_comes_while_three_producers_ask_holds() {
    let (world, topic) = with_limits_from(0.5, json!({}), json!({ "max_usd": 6.0 }), SHORT).await;
    assert_eq!(topic["reason"], "max_usd", "{topic}");
    let cost = world.place.cost_of_journal();
    assert!(cost > 5.73 && cost <= 6.0, "${cost} spent: {topic}");
}

#[tokio::test]
async fn a_cap_on_money_that_falls_below_what_is_spent_takes_back_what_was_leased() {
    // An answer costs a small part of what it may cost, so that what is leased would last for hundreds of them.
    let (world, topic) =
        with_limits_from(0.5, json!({ "max_usd": 500.0 }), json!({ "max_usd": 0.4 }), "").await;
    assert_eq!(topic["reason"], "max_usd", "{topic}");
    let cost = world.place.cost_of_journal();
    assert!(cost < 3.0, "${cost} spent: {topic}");
}
