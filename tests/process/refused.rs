//! A broker that refuses a queue, for rights or because somebody has declared it otherwise.

use igentai_test_support::until_some;
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use serde_json::json;

use crate::world::{SOON, Service, World, script};

async fn until_unready_for(service: &mut Service, reason: &str) {
    let api = service.api();
    let told = || async {
        let (status, answer) = api.ask("GET", "/health/ready", None).await;
        (status == 503 && answer.to_string().contains(reason)).then_some(())
    };
    let told = until_some(SOON, told).await;
    assert!(told.is_ok(), "{:?}\n{}", api.ask("GET", "/health/ready", None).await, service.process.tail());
}

#[tokio::test]
async fn a_role_whose_queue_is_refused_is_not_ready_and_works_once_the_queue_is_free() {
    let world = World::new(script(30, 5)).await;
    let connection =
        Connection::connect(world.broker.amqp_url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("igentai.integrate".into(), options, FieldTable::default()).await.unwrap();
    let mut orchestrator = world.orchestrator("orchestrator-1");
    let mut producer = world.producer("producer-1", "m");
    let mut web = world.webserver();
    until_unready_for(&mut orchestrator, "the integrator does not work: the broker refuses").await;
    assert_eq!(orchestrator.status("/health/live").await, Some(200));

    channel.queue_delete("igentai.integrate".into(), QueueDeleteOptions::default()).await.unwrap();
    for service in [&mut orchestrator, &mut producer, &mut web] {
        service.until_ready().await;
    }
    let api = web.api();
    let id = api.start(json!({ "name": "Sights" })).await;
    let topic = api.until_ended(&id).await;
    assert_eq!((&topic["reason"], &topic["numbers"]["attributes"]), (&json!("dry"), &json!(30)), "{topic}");
    for service in [&mut producer, &mut web, &mut orchestrator] {
        assert_eq!(service.stopped().await, Some(0), "{}", service.process.tail());
    }
}

#[tokio::test]
async fn a_role_whose_queue_is_refused_stops_when_it_is_asked_to() {
    let world = World::new(script(1, 0)).await;
    let connection =
        Connection::connect(world.broker.amqp_url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("igentai.integrate".into(), options, FieldTable::default()).await.unwrap();
    let mut orchestrator = world.orchestrator("orchestrator-1");
    orchestrator.process.wait_for_line("a part of this process does not work", SOON).await.unwrap();
    assert_eq!(orchestrator.stopped().await, Some(0), "{}", orchestrator.process.tail());
}
