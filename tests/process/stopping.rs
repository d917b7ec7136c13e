//! Roles that are asked to stop while what they need stands still.

use std::time::{Duration, Instant};

use igentai_test_support::model::{Behaviour, Plan};
use igentai_test_support::process::Process;
use igentai_test_support::servers::{RabbitMq, Redis};
use igentai_test_support::{eventually, free_port};
use serde_json::json;

use crate::world::{Place, RUN, SOON, Service, script};

/// Leaving at once may take so long, on a busy machine too.
const AT_ONCE: Duration = Duration::from_secs(5);

#[expect(clippy::disallowed_methods, reason = "what a person waits is measured")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn a_role_is_not_ready_from_when_it_is_asked_to_stop_and_a_second_signal_ends_it_whatever_hangs() {
    let place = Place::new(script(5_000, 5)).await;
    let mut redis = Redis::start().await.unwrap();
    let mut rabbit = RabbitMq::start().await.unwrap();
    let config = place.config("m");
    let (amqp, store) = (rabbit.amqp_url(), redis.url());
    let role = |name: &str| {
        let port = free_port().unwrap();
        let mut command = place.command(&[name, "--port", &port.to_string(), "--config"]);
        command.arg(&config).env("AMQP_URL", &amqp).env("REDIS_URL", &store);
        Service { process: Process::spawn(command).unwrap(), address: format!("127.0.0.1:{port}") }
    };
    let (mut orchestrator, mut web, mut producer) =
        (role("orchestrator"), role("webserver"), role("producer"));
    for service in [&mut orchestrator, &mut web, &mut producer] {
        service.until_ready().await;
    }
    let api = web.api();
    let id = api.start(json!({ "name": "Sights" })).await;
    api.until_attributes(&id, 10).await;
    place.model.set_plan(Plan::Always(Behaviour::Hang(RUN)));
    let asked = place.model.requests();
    let hangs = || std::future::ready(place.model.requests() > asked);
    eventually(SOON, hangs).await.unwrap();

    producer.process.terminate().unwrap();
    let unready = || async { producer.status("/health/ready").await == Some(503) };
    assert!(eventually(SOON, unready).await.is_ok(), "{}", producer.process.tail());
    assert_eq!(producer.status("/health/live").await, Some(200), "it waits for the answer under way");
    rabbit.pause().await.unwrap();
    redis.pause().await.unwrap();
    orchestrator.process.terminate().unwrap();
    orchestrator.process.wait_for_line("stopping", SOON).await.unwrap();
    let waiting = role("orchestrator");
    let mut waits = [producer, orchestrator, waiting];
    waits[2].process.wait_for_line("connecting to RabbitMQ", SOON).await.unwrap();
    waits[2].process.terminate().unwrap();
    waits[2].process.wait_for_line("stopping", SOON).await.unwrap();
    // Who had nothing under way loses nothing by leaving: an orchestrator, too, if its lease has run out meanwhile.
    for (service, expected) in waits.iter_mut().zip([1..=1, 0..=1, 0..=0]) {
        let since = now();
        // One that comes at once after the first would be the same wish.
        let ended = eventually(SOON, || {
            service.process.terminate().unwrap_or_default();
            std::future::ready(!service.process.is_running().unwrap())
        });
        ended.await.unwrap();
        let took = since.elapsed();
        assert!(took < AT_ONCE, "{took:?}: {}", service.process.tail());
        assert!(!service.process.tail().contains("panicked"), "{}", service.process.tail());
        let code = service.process.wait(SOON).await.unwrap().code();
        assert!(code.is_some_and(|code| expected.contains(&code)), "{code:?}: {}", service.process.tail());
    }
}
