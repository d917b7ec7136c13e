//! Roles that are there before their servers.

use igentai_test_support::servers::{RabbitMq, Redis};
use igentai_test_support::{eventually, free_port};
use serde_json::json;

use crate::world::{Place, RUN, SOON, Service, script};

#[tokio::test]
async fn roles_wait_for_broker_and_store_and_say_so_and_work_once_they_are_up() {
    let place = Place::new(script(30, 5)).await;
    let mut redis = Redis::start().await.unwrap();
    redis.kill().await.unwrap();
    let mut rabbit = RabbitMq::start().await.unwrap();
    rabbit.kill().await.unwrap();
    let config = place.config("m");
    let role = |name: &str| {
        let port = free_port().unwrap();
        let mut command = place.command(&[name, "--port", &port.to_string(), "--config"]);
        command.arg(&config).env("AMQP_URL", rabbit.amqp_url()).env("REDIS_URL", redis.url());
        let process = igentai_test_support::process::Process::spawn(command).unwrap();
        Service { process, address: format!("127.0.0.1:{port}") }
    };
    let mut roles = [role("orchestrator"), role("webserver"), role("producer")];
    let broker = "cannot connect to the broker; trying again";
    for (service, says) in roles.iter_mut().zip(["waiting for Redis", "waiting for Redis", broker]) {
        service.process.wait_for_line(says, SOON).await.unwrap();
        service.process.wait_for_line(broker, SOON).await.unwrap();
        let live = || async { service.status("/health/live").await == Some(200) };
        assert!(eventually(SOON, live).await.is_ok(), "{}", service.process.tail());
        assert_eq!(service.status("/health/ready").await, Some(503), "{}", service.process.tail());
    }
    redis.restart().await.unwrap();
    rabbit.restart().await.unwrap();
    for service in &mut roles {
        service.until_ready().await;
    }
    let api = roles[1].api();
    let id = api.start(json!({ "name": "Sights" })).await;
    let topic = api.until_ended(&id).await;
    assert_eq!((&topic["reason"], &topic["numbers"]["attributes"]), (&json!("dry"), &json!(30)), "{topic}");
    for service in roles.iter_mut().rev() {
        service.process.terminate().unwrap();
        let ended = service.process.wait(RUN).await.unwrap().code();
        assert_eq!(ended, Some(0), "{}", service.process.tail());
    }
}

#[tokio::test]
async fn roles_that_wait_stop_when_they_are_asked_to() {
    let place = Place::new(script(1, 0)).await;
    let (port, config) = (free_port().unwrap(), place.config("m"));
    for role in ["orchestrator", "webserver", "producer"] {
        let mut command = place.command(&[role, "--port", "0", "--config"]);
        let amqp = format!("amqp://guest:guest@127.0.0.1:{port}/%2f");
        command.arg(&config).env("AMQP_URL", amqp).env("REDIS_URL", format!("redis://127.0.0.1:{port}"));
        let mut process = igentai_test_support::process::Process::spawn(command).unwrap();
        process.wait_for_line("cannot connect to the broker", SOON).await.unwrap();
        process.terminate().unwrap();
        assert_eq!(process.wait(SOON).await.unwrap().code(), Some(0), "{role}: {}", process.tail());
    }
}
