//! Roles as separate processes.

use serde_json::json;

use crate::checks::all_agree;
use crate::world::{World, script};

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
