//! A broker that stands still while everything seems to be connected.

use std::time::Duration;

use igentai_shared::clock::{Clock, SystemClock};
use igentai_test_support::eventually;
use igentai_test_support::model::{Behaviour, Plan, Script};
use igentai_test_support::process::Process;
use igentai_test_support::servers::{RabbitMq, Redis};
use serde_json::json;

use crate::world::{Place, SOON, Service, script};

const PLACES: u64 = 16;

/// Answers one by one, a quarter of a second apart, however many are asked for at once.
fn steady() -> Script {
    let one_by_one = Plan::by_request(|asked| {
        Behaviour::Slow(Duration::from_millis(250) * u32::try_from(asked.number % PLACES).unwrap())
    });
    Script { plan: one_by_one, ..script(100_000, 50) }
}

#[tokio::test]
async fn a_broker_that_hangs_stops_the_spending_within_a_second() {
    let place = Place::new(steady()).await;
    let (redis, mut rabbit) = (Redis::start().await.unwrap(), RabbitMq::start().await.unwrap());
    let config = place.config("m");
    let role = |name: &str| {
        let port = igentai_test_support::free_port().unwrap();
        let mut command = place.command(&[name, "--port", &port.to_string(), "--config"]);
        command.arg(&config).env("AMQP_URL", rabbit.amqp_url()).env("REDIS_URL", redis.url());
        command.env("IGENTAI__PRODUCER__CONCURRENCY", PLACES.to_string());
        Service { process: Process::spawn(command).unwrap(), address: format!("127.0.0.1:{port}") }
    };
    let mut roles = [role("orchestrator"), role("webserver"), role("producer")];
    for service in &mut roles {
        service.until_ready().await;
    }
    roles[1].api().start(json!({ "name": "Sights" })).await;
    let asked_at_least =
        async |count| eventually(SOON, || std::future::ready(place.model.requests() >= count)).await.is_ok();
    assert!(asked_at_least(PLACES + 4).await, "{}", roles[2].process.tail());
    rabbit.pause().await.unwrap();
    let paused = SystemClock::new().now().unix.0;
    let notices = || async { roles[2].status("/health/ready").await == Some(503) };
    assert!(eventually(SOON, notices).await.is_ok(), "{}", roles[2].process.tail());
    let asked: Vec<u64> =
        place.model.entries().iter().map(|entry| entry.at_ms.saturating_sub(paused)).collect();
    let late: Vec<_> = asked.iter().filter(|after| **after > 1_000).collect();
    assert!(late.is_empty(), "asked so many milliseconds after the broker stood still: {late:?}");
    rabbit.resume().await.unwrap();
    assert!(asked_at_least(place.model.requests() + PLACES).await, "{}", roles[2].process.tail());
}
