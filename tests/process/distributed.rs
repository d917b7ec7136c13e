//! Roles as separate processes.

use std::time::Duration;

use igentai_test_support::{eventually, until_some};
use serde_json::json;

use crate::checks::all_agree;
use crate::world::{SOON, World, script};

#[tokio::test]
async fn set_log_file_and_feed_agree_after_a_producer_and_the_orchestrator_were_killed() {
    let world = World::new(script(400, 40)).await;
    let mut orchestrator = world.orchestrator("orchestrator-1");
    let mut web = world.webserver();
    let mut producers: Vec<_> =
        (1..=3).map(|n| world.producer(&format!("producer-{n}"), &format!("life-{n}"))).collect();
    orchestrator.until_ready().await;
    web.until_ready().await;
    let api = web.api();
    let id = api.start(json!({ "name": "Sights of the town" })).await;
    assert_eq!(id, "sights_of_the_town");

    api.until_attributes(&id, 60).await;
    producers[1].process.kill().unwrap();
    orchestrator.process.kill().unwrap();
    let before = world.place.lines(&id);
    let mut orchestrator = world.orchestrator("orchestrator-1");
    producers[1] = world.producer("producer-2", "life-2-again");
    api.until_attributes(&id, 200).await;
    assert_eq!(
        world.place.lines(&id)[..before.len()],
        before[..],
        "what stood in the file stands there still"
    );

    let topic = api.until_ended(&id).await;
    assert_eq!(topic["reason"], "dry", "{topic}");
    let truth = all_agree(&world, &api, &id).await;
    truth.each_batch_once(&topic);
    truth.nothing_is_lost(&["life-2"], 4);
    let lives = truth.answers();
    assert!(lives.get("life-2-again").is_some_and(|(_, logged)| *logged > 0), "{lives:?}");

    for producer in &mut producers {
        assert_eq!(producer.stopped().await, Some(0), "{}", producer.process.tail());
    }
    assert_eq!(web.stopped().await, Some(0), "{}", web.process.tail());
    assert_eq!(orchestrator.stopped().await, Some(0), "{}", orchestrator.process.tail());
}

#[tokio::test]
async fn a_producer_that_comes_later_works_and_one_that_goes_leaves_nothing_behind() {
    let world = World::new(script(400, 150)).await;
    let mut orchestrator = world.orchestrator("orchestrator-1");
    let mut web = world.webserver();
    let mut first = world.producer("producer-1", "life-1");
    for service in [&mut orchestrator, &mut web, &mut first] {
        service.until_ready().await;
    }
    let api = web.api();
    let id = api.start(json!({ "name": "Sights", "limits": { "max_attributes": 250 } })).await;
    api.until_attributes(&id, 20).await;
    let mut second = world.producer("producer-2", "life-2");
    let works = || async {
        let topic = api.topic(&id).await;
        (topic["numbers"]["producers"]["producer-2"]["attributes"].as_u64() > Some(0)).then_some(())
    };
    assert!(until_some(SOON, works).await.is_ok(), "{}", second.process.tail());

    let asks = || {
        let entries = world.place.model.entries();
        let under_way = entries.iter().any(|entry| entry.model == "life-1" && !entry.answered);
        std::future::ready(under_way)
    };
    eventually(SOON, asks).await.unwrap();
    assert_eq!(first.stopped().await, Some(0), "{}", first.process.tail());
    let asked = world.place.model.entries().iter().filter(|entry| entry.model == "life-1").count();

    let topic = api.until_ended(&id).await;
    assert_eq!((&topic["reason"], &topic["numbers"]["attributes"]), (&json!("max_attributes"), &json!(250)));
    let truth = all_agree(&world, &api, &id).await;
    truth.each_batch_once(&topic);
    assert_eq!(
        truth.answers().get("life-1"),
        Some(&(asked, asked)),
        "every request was finished and published"
    );
    assert!(
        truth.answers().iter().all(|(_, (answered, logged))| answered == logged),
        "{:?}",
        truth.answers()
    );
    assert_eq!(second.stopped().await, Some(0), "{}", second.process.tail());
}

#[tokio::test]
async fn a_producer_under_full_load_leaves_in_order_and_all_that_models_told_it_is_in_the_registry() {
    const CONCURRENCY: u32 = 48;
    /// How long a role that is asked to stop may take.
    const GRACE: Duration = Duration::from_secs(20);
    let world = World::new(script(4_000, 300)).await;
    let mut orchestrator = world.orchestrator("orchestrator-1");
    let mut web = world.webserver();
    let mut producer = world.busy_producer("producer-1", "life-1", CONCURRENCY);
    for service in [&mut orchestrator, &mut web, &mut producer] {
        service.until_ready().await;
    }
    let api = web.api();
    let id = api.start(json!({ "name": "Sights" })).await;
    api.until_attributes(&id, 50).await;

    // Nobody commits for a moment, so that it has batches without receipts beside its requests.
    // Requests that began together are answered together, so that few may be under way then.
    let many = usize::try_from(CONCURRENCY).unwrap() / 2;
    let some = many / 4;
    let asked = |is_answered: bool| {
        world.place.model.entries().iter().filter(|entry| entry.answered == is_answered).count()
    };
    orchestrator.process.pause().unwrap();
    let before = asked(true);
    let loaded = || std::future::ready(asked(true) >= before + many && asked(false) >= some);
    assert!(eventually(SOON, loaded).await.is_ok(), "{} and {}", asked(true) - before, asked(false));
    producer.process.terminate().unwrap();
    let unready = || async { producer.status("/health/ready").await == Some(503) };
    assert!(eventually(SOON, unready).await.is_ok(), "{}", producer.process.tail());
    orchestrator.process.resume().unwrap();
    let code = producer.process.wait(GRACE).await.unwrap().code();
    assert_eq!(code, Some(0), "{}", producer.process.tail());

    let (status, answer) = api.ask("POST", &format!("/api/v1/topics/{id}/stop"), None).await;
    assert_eq!(status, 200, "{answer}");
    let topic = api.until_ended(&id).await;
    let truth = all_agree(&world, &api, &id).await;
    truth.each_batch_once(&topic);
    truth.nothing_is_lost(&[], 0);
    let all = world.place.model.entries().len();
    assert_eq!(truth.answers().get("life-1"), Some(&(all, all)), "every request was finished and published");
}
