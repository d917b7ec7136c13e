//! A registry that is emptied, or comes back with fewer epochs, under everybody who uses it: the work goes on without a restart.

use std::time::Duration;

use igentai_test_support::process::Process;
use igentai_test_support::servers::Redis;
use igentai_test_support::{eventually, free_port};
use serde_json::{Value, json};

use crate::checks::all_agree;
use crate::world::{Api, SOON, Service, World, script};

#[tokio::test]
async fn after_the_registry_was_emptied_a_topic_of_the_same_name_has_its_whole_budget_and_everybody_leaves_in_order()
 {
    let world = World::new(script(400, 40)).await;
    // The second one leads in epoch 2.
    let first = world.orchestrator("orchestrator-1");
    let (mut orchestrator, mut web, mut producer) = world.roles("m").await;
    drop(first);
    let api = web.api();
    let id = api.start(json!({ "name": "Sights" })).await;
    api.until_attributes(&id, 100).await;
    world.redis.cli(&["FLUSHALL"]).await.unwrap();
    // Before anybody has noticed: the leader knows of items that are nowhere any more.
    let limits = json!({ "max_requests": 3 });
    api.start(json!({ "name": "Sights", "limits": limits })).await;
    let refused = || async {
        let topic = api.topic("sights").await;
        topic["numbers"]["problem"].as_str().is_some_and(|problem| problem.contains("now holds no run"))
    };
    assert!(eventually(SOON, refused).await.is_ok(), "{}", api.topic("sights").await);
    let (code, said) = world.repair(&["sights", "--from", "registry", "--yes"]);
    assert_eq!(code, Some(0), "{said}");

    let topic = api.until_ended("sights").await;
    assert_eq!(
        (&topic["reason"], &topic["numbers"]["totals"]["requests"]),
        (&json!("max_requests"), &json!(3)),
        "{topic}"
    );
    assert_eq!(topic["numbers"]["problem"], Value::Null, "{topic}");

    let lines = producer.process.lines();
    assert!(
        lines.iter().any(|line| line.contains("orders are of another registry")),
        "{}",
        producer.process.tail()
    );
    for service in [&mut producer, &mut web, &mut orchestrator] {
        assert_eq!(service.stopped().await, Some(0), "{}", service.process.tail());
    }
}

#[tokio::test]
async fn a_registry_with_fewer_epochs_than_producers_follow_is_led_above_them() {
    let mut world = World::new(script(400, 20)).await;
    let (mut orchestrator, web, _producer) = world.roles("m").await;
    let snapshot = world.snapshot();
    for _ in 0..2 {
        assert_eq!(orchestrator.stopped().await, Some(0), "{}", orchestrator.process.tail());
        orchestrator = world.orchestrator("orchestrator-1");
        orchestrator.until_ready().await;
    }
    let id = web.api().start(json!({ "name": "Other", "limits": { "max_requests": 2 } })).await;
    web.api().until_ended(&id).await;
    world.put_back(&snapshot).await;
    let id = web.api().start(json!({ "name": "Sights", "limits": { "max_attributes": 60 } })).await;
    let topic = web.api().until_ended(&id).await;
    assert_eq!(
        (&topic["reason"], &topic["numbers"]["attributes"]),
        (&json!("max_attributes"), &json!(60)),
        "{topic}"
    );
    // The registry said 1, and its producers follow 3.
    let leads = |line: &String| {
        line.split_once("this process leads epoch=")?.1.split(' ').next()?.parse::<u64>().ok()
    };
    let epoch = orchestrator.process.lines().iter().filter_map(leads).max();
    assert!(epoch > Some(3), "{}", orchestrator.process.tail());
    all_agree(&world, &web.api(), &id).await;
}

#[tokio::test]
async fn a_second_registry_on_the_same_broker_takes_no_producer_away_and_is_warned_of() {
    let world = World::new(script(400, 10)).await;
    let (mut orchestrator, web, mut producer) = world.roles("m").await;
    let api = web.api();
    let id = api.start(json!({ "name": "Sights", "limits": { "max_attributes": 300 } })).await;
    api.until_attributes(&id, 20).await;
    let second = Redis::start().await.unwrap();
    let (port, out) = (free_port().unwrap(), world.place.path().join("second"));
    let mut command = world.command(&["orchestrator", "--id", "second", "--port", &port.to_string()]);
    command.arg("--config").arg(world.place.config("none")).arg("--out").arg(&out);
    command.env("REDIS_URL", second.url());
    let process = Process::spawn(command).unwrap();
    let mut other = Service { process, address: format!("127.0.0.1:{port}") };
    // The second one does not hear who follows whom before it leads.
    let warned = |service: &Service| {
        let address = service.address.clone();
        async move {
            let (_, health) = Api { address }.ask("GET", "/health/ready", None).await;
            health["warnings"].to_string()
        }
    };
    for service in [&other, &producer] {
        let said = || async { warned(service).await.contains("two virtual hosts") };
        assert!(eventually(SOON, said).await.is_ok(), "{}", warned(service).await);
    }
    // Longer than a producer waits for a registry that is silent.
    let begins_anew = || async { producer.process.lines().iter().any(|line| line.contains("begins anew")) };
    assert!(eventually(Duration::from_secs(14), begins_anew).await.is_err(), "{}", producer.process.tail());
    assert_eq!(other.stopped().await, Some(0), "{}", other.process.tail());
    let topic = api.until_ended(&id).await;
    assert_eq!(topic["numbers"]["attributes"], 300, "{topic}");
    let told_of_both = || async { !warned(&producer).await.contains("two virtual hosts") };
    assert!(eventually(SOON, told_of_both).await.is_ok(), "{}", warned(&producer).await);
    for service in [&mut producer, &mut orchestrator] {
        assert_eq!(service.stopped().await, Some(0), "{}", service.process.tail());
    }
    all_agree(&world, &web.api(), &id).await;
}
