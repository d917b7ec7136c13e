//! What becomes of requests under way when a run is interrupted, killed, or ended: they are waited for, or counted.

use std::time::Duration;

use igentai_test_support::eventually;
use igentai_test_support::model::{Behaviour, Plan};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::embedded::JsonRun;
use crate::world::{Place, SOON, script};

/// Longer than any of these tests waits.
const LONG: Duration = Duration::from_mins(5);

async fn until_under_way(place: &Place, run: &JsonRun, count: u64) {
    let there = eventually(SOON, || std::future::ready(place.model.requests() == count)).await;
    assert!(there.is_ok(), "{} requests came\n{}", place.model.requests(), run.process.tail());
}

fn signal(run: &JsonRun, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(run.process.id()).unwrap()).unwrap();
    // One that has ended meanwhile needs no second signal.
    kill_process(pid, signal).unwrap_or_default();
}

#[tokio::test]
async fn answers_under_way_are_waited_for_when_a_run_is_interrupted() {
    let place = Place::new(script(300, 0)).await;
    place.model.set_plan(Plan::Always(Behaviour::Slow(Duration::from_secs(7))));
    let mut run = JsonRun::start(&place, &place.config("m"), &["Sights", "--no-web", "-n", "2"]);
    until_under_way(&place, &run, 4).await;
    signal(&run, Signal::INT);
    run.process.wait_for_line("waiting up to 60 s for the answers of 4 requests", SOON).await.unwrap();
    assert_eq!(run.code().await, Some(130), "{}", run.process.tail());
    let finished = run.events().pop().unwrap();
    assert_eq!((&finished["responses"], &finished["failed_responses"]), (&json!(4), &json!(0)), "{finished}");
    assert!(finished["attributes"].as_u64() > Some(0), "{finished}");
}

#[tokio::test]
async fn requests_that_a_second_signal_gives_up_are_counted_and_the_rest_of_the_cap_is_free() {
    let place = Place::new(script(300, 0)).await;
    place.model.set_plan(Plan::Always(Behaviour::Slow(LONG)));
    let arguments = ["Sights", "--no-web", "-n", "2", "--max-requests", "10"];
    let mut run = JsonRun::start(&place, &place.config("m"), &arguments);
    until_under_way(&place, &run, 4).await;
    signal(&run, Signal::TERM);
    run.process.wait_for_line("waiting up to 20 s for the answers of 4 requests", SOON).await.unwrap();
    let ended = eventually(SOON, || {
        signal(&run, Signal::INT);
        std::future::ready(!run.process.is_running().unwrap())
    });
    ended.await.unwrap();
    assert_eq!(run.code().await, Some(130), "{}", run.process.tail());
    place.model.set_plan(Plan::Answer);
    let finished = JsonRun::start(&place, &place.config("m"), &arguments).finished().await;
    assert_eq!(
        (&finished["reason"], &finished["requests"]),
        (&json!("max_requests"), &json!(10)),
        "{finished}"
    );
    assert_eq!((&finished["outcomes"]["abandoned"], &finished["requests_at_risk"]), (&json!(4), &json!(0)));
    assert_eq!(place.model.requests(), 10);
}

#[tokio::test]
async fn a_killed_run_costs_its_cap_no_more_than_what_can_have_been_under_way_and_a_little() {
    let place = Place::new(script(2_000, 0)).await;
    place.model.set_plan(Plan::Always(Behaviour::Slow(LONG)));
    let arguments = ["Sights", "--no-web", "-n", "4", "--max-requests", "60"];
    let mut run = JsonRun::start(&place, &place.config("m"), &arguments);
    until_under_way(&place, &run, 8).await;
    run.process.kill().unwrap();
    place.model.set_plan(Plan::Answer);
    let finished = JsonRun::start(&place, &place.config("m"), &arguments).finished().await;
    let (sent, at_risk) =
        (finished["requests"].as_u64().unwrap(), finished["requests_at_risk"].as_u64().unwrap());
    assert_eq!((finished["reason"].as_str(), sent + at_risk), (Some("max_requests"), 60), "{finished}");
    assert!((8..=12).contains(&at_risk), "8 were under way: {finished}");
    assert_eq!(place.model.requests(), 8 + sent);
    let metrics = std::fs::read(place.out().join("sights/metrics.json")).unwrap();
    let metrics: serde_json::Value = serde_json::from_slice(&metrics).unwrap();
    assert_eq!(metrics["requests_at_risk"], at_risk, "{metrics}");
}

#[tokio::test]
async fn a_killed_run_shows_what_of_its_money_is_at_risk() {
    let place = Place::new(script(2_000, 0)).await;
    place.model.set_plan(Plan::Always(Behaviour::Slow(LONG)));
    // A request costs at most some 0.27 dollars.
    let config = place.config_with("m", "max_output_tokens = 60");
    let arguments = ["Sights", "--no-web", "-n", "4", "--max-usd", "6.00"];
    let mut run = JsonRun::start(&place, &config, &arguments);
    until_under_way(&place, &run, 8).await;
    run.process.kill().unwrap();
    place.model.set_plan(Plan::Answer);
    let finished = JsonRun::start(&place, &config, &arguments).finished().await;
    assert_eq!(finished["reason"], "max_usd", "{finished}");
    let (usd, at_risk) = (finished["usd"].as_f64().unwrap(), finished["usd_at_risk"].as_f64().unwrap());
    assert!((1.5..=2.6).contains(&at_risk), "eight worst cases and a little: {finished}");
    assert!(usd + at_risk > 5.7 && usd + at_risk <= 6.0, "{finished}");
}

#[tokio::test]
async fn a_cap_on_items_that_is_met_ends_the_asking_and_starts_none_anew() {
    let place = Place::new(script(2_000, 300)).await;
    let arguments = ["Sights", "--no-web", "-n", "4", "--max-attributes", "5"];
    let run = || JsonRun::start(&place, &place.config("m"), &arguments);
    let finished = run().finished().await;
    assert_eq!((&finished["reason"], &finished["attributes"]), (&json!("max_attributes"), &json!(5)));
    assert_eq!(place.model.requests(), 8, "one answer was enough, and none was asked for after it");
    let again = run().finished().await;
    assert_eq!((&again["reason"], &again["attributes"]), (&json!("max_attributes"), &json!(5)), "{again}");
    assert_eq!(place.model.requests(), 8);
}

#[tokio::test]
async fn a_cap_that_is_used_up_without_any_answer_says_why_and_fails() {
    let place = Place::new(script(50, 0)).await;
    place.model.refuse_connections(true).await.unwrap();
    let arguments = ["Sights", "--no-web", "-n", "1", "--max-requests", "3"];
    let mut run = JsonRun::start(&place, &place.config("m"), &arguments);
    assert_eq!(run.code().await, Some(3), "{}", run.process.tail());
    let finished = run.events().pop().unwrap();
    assert_eq!(
        (&finished["reason"], &finished["responses"]),
        (&json!("max_requests"), &json!(0)),
        "{finished}"
    );
    assert!(finished["problem"].as_str().is_some_and(|problem| !problem.is_empty()), "{finished}");
}

#[tokio::test]
async fn a_topic_whose_providers_are_gone_is_refused_with_what_to_say_instead() {
    let place = Place::new(script(50, 0)).await;
    let arguments = ["Sights", "--no-web", "--provider", "small=2", "--max-requests", "2"];
    JsonRun::start(&place, &place.config("m"), &arguments).finished().await;
    let config = place.config("other");
    let text = std::fs::read_to_string(&config).unwrap().replace("[providers.small]", "[providers.large]");
    std::fs::write(&config, text).unwrap();
    let mut run = JsonRun::start(&place, &config, &["Sights", "--no-web"]);
    assert_eq!(run.code().await, Some(2), "{}", run.process.tail());
    let said = run.process.tail();
    assert!(said.contains("small=2") && said.contains("--provider large=1"), "{said}");
    let arguments = ["Sights", "--no-web", "--provider", "large=1", "--max-requests", "4"];
    let finished = JsonRun::start(&place, &config, &arguments).finished().await;
    assert_eq!(finished["requests"], 4, "{finished}");
}
