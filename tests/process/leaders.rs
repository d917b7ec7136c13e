//! Two orchestrators: one leads, the other takes over.

use std::time::{Duration, Instant};

use igentai_test_support::{eventually, http, until_some};
use serde_json::json;

use crate::checks::all_agree;
use crate::world::{Api, SOON, Service, World, script};

/// Waits until the topic has got on by so much, and says how long that took.
async fn gets_on(api: &Api, world: &World, id: &str, by: usize, deadline: Duration) -> Duration {
    #[expect(clippy::disallowed_methods, reason = "what a person waits is measured")]
    let begun = Instant::now();
    let lines = world.place.lines(id).len();
    let more = || async { (world.place.lines(id).len() >= lines + by).then_some(()) };
    if until_some(deadline, more).await.is_err() {
        unreachable!("nobody writes files after {deadline:?}: {}", api.topic(id).await);
    }
    begun.elapsed()
}

#[tokio::test]
async fn another_orchestrator_takes_over_in_time_and_the_order_stays() {
    let world = World::new(script(5_000, 150)).await;
    let mut first = world.orchestrator("orchestrator-1");
    first.process.wait_for_line("leads", Duration::from_secs(15)).await.unwrap();
    let mut second = world.orchestrator("orchestrator-2");
    let mut web = world.webserver();
    let mut producers = [world.producer("producer-1", "life-1"), world.producer("producer-2", "life-2")];
    for service in producers.iter_mut().chain([&mut second, &mut web]) {
        service.until_ready().await;
    }
    let api = web.api();
    let id = api.start(json!({ "name": "Sights" })).await;
    api.until_attributes(&id, 50).await;

    first.process.kill().unwrap();
    let before = world.place.lines(&id);
    let after_kill = gets_on(&api, &world, &id, 30, Duration::from_secs(10)).await;
    assert_eq!(world.place.lines(&id)[..before.len()], before[..]);

    let mut third = world.orchestrator("orchestrator-3");
    third.until_ready().await;
    let before = world.place.lines(&id);
    #[expect(clippy::disallowed_methods, reason = "what a person waits is measured")]
    let asked = Instant::now();
    second.process.terminate().unwrap();
    third.process.wait_for_line("leads", Duration::from_secs(2)).await.unwrap();
    let after_term = asked.elapsed();
    second.process.wait(Duration::from_secs(5)).await.unwrap();
    gets_on(&api, &world, &id, 10, Duration::from_secs(5)).await;
    let measured = format!(
        "another led {after_term:?} after SIGTERM, and wrote {after_kill:?} after the kill -9 of its predecessor\n"
    );
    std::io::Write::write_all(&mut std::io::stdout(), measured.as_bytes()).unwrap();
    assert_eq!(world.place.lines(&id)[..before.len()], before[..]);

    assert_eq!(api.ask("POST", &format!("/api/v1/topics/{id}/stop"), None).await.0 / 100, 2);
    let topic = api.until_ended(&id).await;
    assert_eq!(topic["reason"], "stopped", "{topic}");
    let truth = all_agree(&world, &api, &id).await;
    truth.each_batch_once(&topic);
    truth.nothing_is_lost(&[], 0);
}

/// Starts a topic, and says how long it took until a leader has decided that it runs.
async fn decided(api: &Api, name: &str, deadline: Duration) -> Duration {
    #[expect(clippy::disallowed_methods, reason = "what a person waits is measured")]
    let begun = Instant::now();
    let id = api.start(json!({ "name": name })).await;
    let runs = || async { (api.topic(&id).await["state"] == "running").then_some(()) };
    if until_some(deadline, runs).await.is_err() {
        unreachable!("nobody decides within {deadline:?}: {}", api.topic(&id).await);
    }
    begun.elapsed()
}

#[tokio::test]
async fn by_default_another_decides_within_two_seconds_of_sigterm_and_ten_of_a_kill() {
    let world = World::new(script(5_000, 150)).await;
    let mut first = world.orchestrator_by_default("orchestrator-1");
    first.process.wait_for_line("leads", SOON).await.unwrap();
    let (mut second, mut web) = (world.orchestrator_by_default("orchestrator-2"), world.webserver());
    let mut producer = world.producer("producer-1", "life-1");
    for service in [&mut second, &mut web, &mut producer] {
        service.until_ready().await;
    }
    let api = web.api();
    let id = api.start(json!({ "name": "Sights" })).await;
    api.until_attributes(&id, 50).await;
    first.process.kill().unwrap();
    let after_kill = decided(&api, "After a kill", Duration::from_secs(10)).await;
    let mut third = world.orchestrator_by_default("orchestrator-3");
    third.until_ready().await;
    second.process.terminate().unwrap();
    let after_term = decided(&api, "After SIGTERM", Duration::from_secs(2)).await;
    let measured =
        format!("another decided {after_term:?} after SIGTERM, and {after_kill:?} after a kill -9\n");
    std::io::Write::write_all(&mut std::io::stdout(), measured.as_bytes()).unwrap();
    assert_eq!(second.process.wait(Duration::from_secs(5)).await.unwrap().code(), Some(0));
}

/// What a role measures, one sample a line.
async fn measured(service: &Service) -> String {
    let metrics = "/metrics".to_owned();
    let answer = http::request_async(service.address.clone(), "GET", metrics, Vec::new(), Vec::new()).await;
    answer.map(|answer| String::from_utf8_lossy(&answer.body).into_owned()).unwrap_or_default()
}

/// Whether it tells, as who leads or as who does not, what only a leader measures.
async fn tells(service: &Service, leads: bool) -> bool {
    let metrics = measured(service).await;
    let told = ["unrouted_messages ", "queue_messages{", "producers{", "topics{", "topic_coverage{"];
    let shown = |name: &str| metrics.lines().any(|line| line.starts_with(&format!("igentai_{name}")));
    shown(if leads { "leader 1" } else { "leader 0" }) && told.iter().all(|name| shown(name) == leads)
}

#[tokio::test]
async fn who_leads_no_more_does_not_go_on_telling_what_it_measured_as_a_leader() {
    let world = World::new(script(5_000, 150)).await;
    let mut first = world.orchestrator("orchestrator-1");
    first.process.wait_for_line("leads", SOON).await.unwrap();
    let mut second = world.orchestrator("orchestrator-2");
    let mut web = world.webserver();
    for service in [&mut second, &mut web] {
        service.until_ready().await;
    }
    web.api().start(json!({ "name": "Sights" })).await;
    eventually(SOON, || tells(&first, true)).await.unwrap();
    first.process.pause().unwrap();
    eventually(SOON, || tells(&second, true)).await.unwrap();
    first.process.resume().unwrap();
    let silent = eventually(SOON, || tells(&first, false)).await;
    assert!(silent.is_ok(), "{}", measured(&first).await);
}
