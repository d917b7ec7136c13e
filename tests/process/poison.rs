//! Messages that cannot be integrated, and a topic that cannot be written to: whoever else there is goes on.

use std::collections::BTreeMap;

use igentai_core::batch::{Batch, BatchBody, BatchId};
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::key::KEY_VERSION;
use igentai_shared::bus::amqp::{AmqpBus, AmqpConfig};
use igentai_shared::bus::{Bus, Exchange, Outgoing, PublishError};
use igentai_shared::wire::{self, Batches};
use igentai_test_support::until_some;
use serde_json::{Value, json};

use crate::checks::all_agree;
use crate::world::{RUN, SOON, Service, World, script};

fn outgoing(seq: u64) -> Outgoing {
    let (topic, producer) = (TopicId::from_name("Sights").unwrap(), WorkerId::parse("stranger").unwrap());
    let batch = Batch {
        id: BatchId { topic: topic.clone(), run: 1, producer, incarnation: 1, seq },
        lowest_unresolved: 1,
        key_version: KEY_VERSION,
        body: BatchBody::Resolution { of: 1, texts: vec!["Eiffel Tower".to_owned()] },
    };
    Outgoing {
        exchange: Exchange::Batches,
        routing_key: topic.to_string(),
        content_type: wire::content_type::<Batches>(),
        message_id: format!("stranger-{seq}"),
        headers: BTreeMap::new(),
        payload: wire::encode(&Batches { batches: vec![batch] }),
    }
}

/// What `igentai dead-letters` says, and its exit code.
fn of_letters(world: &World, web: &Service, arguments: &[&str]) -> (Option<i32>, String) {
    let server = format!("http://{}", web.address);
    let mut command = world.place.command(&["dead-letters", "--server", &server]);
    let output = command.args(arguments).stdin(std::process::Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// Waits until there are so many.
async fn dead_letters(world: &World, web: &Service, count: usize) -> Vec<Value> {
    let list = || async {
        let list: Value = serde_json::from_str(&of_letters(world, web, &["list", "--json"]).1).ok()?;
        let letters = list["items"].as_array()?.clone();
        (letters.len() == count).then_some(letters)
    };
    until_some(SOON, list).await.unwrap()
}

/// The store's scripts reckon with doubles; what they cannot tell apart must not get that far.
#[tokio::test]
async fn a_batch_number_that_the_store_cannot_tell_apart_is_a_dead_letter_and_the_topic_goes_on() {
    let world = World::new(script(60, 20)).await;
    let mut orchestrator = world.orchestrator("orchestrator-1");
    let (mut web, mut producer) = (world.webserver(), world.producer("producer-1", "m"));
    for service in [&mut orchestrator, &mut web, &mut producer] {
        service.until_ready().await;
    }
    let api = web.api();
    let id = api.start(json!({ "name": "Sights" })).await;
    api.until_attributes(&id, 10).await;
    let bus = AmqpBus::connect(AmqpConfig::new(world.broker.amqp_url(), "stranger").unwrap());
    for seq in [1 << 60, 1 << 53] {
        let publish = || async {
            match bus.publish(outgoing(seq)).await {
                Err(PublishError::Disconnected(_)) => None,
                published => Some(published),
            }
        };
        until_some(SOON, publish).await.unwrap().unwrap();
    }
    let letters = dead_letters(&world, &web, 2).await;
    for letter in &letters {
        assert_eq!(
            (&letter["producers"], &letter["topic"]),
            (&json!(["stranger"]), &json!("sights")),
            "{letter}"
        );
        assert!(letter["reason"].as_str().unwrap().contains("out of range"), "{letter}");
    }
    // The same poison again becomes a letter again, and says so.
    let first = letters[0]["id"].as_str().unwrap();
    assert_eq!(of_letters(&world, &web, &["replay", first]).0, Some(0));
    let back = until_some(SOON, || async {
        let letters = dead_letters(&world, &web, 2).await;
        letters.into_iter().find(|letter| letter["replays"] == 1)
    });
    let back = back.await.unwrap();
    let (code, shown) = of_letters(&world, &web, &["show", back["id"].as_str().unwrap(), "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((code, &shown["content"]["decoded"]["batches"][0]["producer"]), (Some(0), &json!("stranger")));
    assert_eq!(of_letters(&world, &web, &["drop", "0123456789abcdef"]).0, Some(1));
    assert_eq!(of_letters(&world, &web, &["drop", "--all"]).0, Some(2), "nobody can be asked");
    assert_eq!(of_letters(&world, &web, &["drop", "--all", "--yes"]).0, Some(0));
    dead_letters(&world, &web, 0).await;
    let topic = api.until_ended(&id).await;
    assert_eq!((&topic["reason"], &topic["numbers"]["attributes"]), (&json!("dry"), &json!(60)), "{topic}");
    all_agree(&world, &api, &id).await.each_batch_once(&topic);
    bus.close().await;
}

#[tokio::test]
async fn a_topic_whose_registry_is_damaged_waits_and_the_others_go_on() {
    let world = World::new(script(5_000, 20)).await;
    let mut orchestrator = world.orchestrator("orchestrator-1");
    let mut web = world.webserver();
    let mut producers = [world.producer("producer-1", "m1"), world.producer("producer-2", "m2")];
    for service in producers.iter_mut().chain([&mut orchestrator, &mut web]) {
        service.until_ready().await;
    }
    let api = web.api();
    let damaged = api.start(json!({ "name": "Damaged", "limits": { "max_attributes": 3000 } })).await;
    api.until_attributes(&damaged, 20).await;
    let (seen, aside) = (format!("igentai:{{{damaged}}}:seen"), format!("aside:{{{damaged}}}"));
    world.redis.cli(&["RENAME", &seen, &aside]).await.unwrap();
    orchestrator.process.wait_for_line("the store refuses batches of this topic", SOON).await.unwrap();

    let whole = api.start(json!({ "name": "Whole", "limits": { "max_attributes": 150 } })).await;
    let topic = api.until_ended(&whole).await;
    assert_eq!((&topic["reason"], &topic["numbers"]["attributes"]), (&json!("max_attributes"), &json!(150)));
    assert_ne!(api.topic(&damaged).await["state"], "ended");

    // Mended by hand, it goes on, and nothing was given up in between.
    world.redis.cli(&["RENAME", &aside, &seen]).await.unwrap();
    orchestrator.process.wait_for_line("the store takes batches of this topic again", RUN).await.unwrap();
    let topic = api.until_ended(&damaged).await;
    assert_eq!((&topic["reason"], &topic["numbers"]["attributes"]), (&json!("max_attributes"), &json!(3000)));
    for id in [&whole, &damaged] {
        all_agree(&world, &api, id).await.each_batch_once(&api.topic(id).await);
    }
    let dead = world.broker.queues().await.unwrap().into_iter().find(|queue| queue.name == "igentai.dead");
    assert!(dead.as_ref().is_some_and(|dead| dead.ready + dead.unacked == 0), "{dead:?}");
    let said =
        orchestrator.process.lines().iter().filter(|line| line.contains("the store refuses batches")).count();
    assert_eq!(said, 1);
}
