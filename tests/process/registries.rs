//! The two shapes one after the other over the same folder: each has a registry of its own.

use igentai_test_support::eventually;
use serde_json::{Value, json};

use crate::checks::all_agree;
use crate::embedded::JsonRun;
use crate::supervised::Up;
use crate::world::{Place, RUN, SOON, World, script};

fn registry(place: &Place, file: &str) -> Value {
    let text = std::fs::read(place.out().join(file)).unwrap();
    let state: Value = serde_json::from_slice(&text).unwrap();
    ["/registry", "/system/registry"].iter().find_map(|name| state.pointer(name)).cloned().unwrap()
}

#[tokio::test]
async fn what_was_found_embedded_is_moved_aside_with_a_warning_when_the_same_topic_is_started_distributed() {
    let world = World::new(script(200, 5)).await;
    let (place, config) = (&world.place, world.place.config("m"));
    // Run and epoch of the file are above those of the Redis.
    for _ in 0..3 {
        let arguments = ["Sights", "--no-web", "-n", "2", "--fresh", "--max-attributes", "60"];
        JsonRun::start(place, &config, &arguments).finished().await;
    }
    let (found, embedded) = (place.lines("sights"), registry(place, "sights/state.json"));
    assert_eq!(found.len(), 60);

    let mut up = Up::start(&world);
    up.until_up().await;
    let id = up.api.start(json!({ "name": "Sights", "limits": { "max_attributes": 40 } })).await;
    let topic = up.api.until_ended(&id).await;
    assert_eq!((&topic["numbers"]["attributes"], &topic["run"]), (&json!(40), &json!(1)), "{topic}");
    assert_eq!(topic["numbers"]["problem"], Value::Null, "{topic}");
    all_agree(&world, &up.api, &id).await;
    let shared = registry(place, "sights/state.json");
    assert_ne!(shared, embedded);
    let is_told = || std::future::ready(registry(place, "global_state.json") == shared);
    assert!(eventually(SOON, is_told).await.is_ok(), "{}", registry(place, "global_state.json"));
    assert_eq!(place.lines(".replaced/sights"), found);
    let warned = |line: &String| line.contains("moved aside") && line.contains(embedded.as_str().unwrap());
    assert!(up.process.lines().iter().any(warned), "{}", up.process.tail());
    up.process.terminate().unwrap();
    assert_eq!(up.process.wait(RUN).await.unwrap().code(), Some(0), "{}", up.process.tail());

    // Another topic has no reason to take the folder back.
    let distributed = place.lines("sights");
    let mut run = JsonRun::start(place, &config, &["Other sights", "--no-web", "--max-attributes", "5"]);
    run.finished().await;
    assert_eq!(place.lines("sights"), distributed);
    assert!(run.process.tail().contains("those of another registry"), "{}", run.process.tail());
    // The topic itself has.
    let arguments = ["Sights", "--no-web", "-n", "2", "--resume", "--max-attributes", "70"];
    JsonRun::start(place, &config, &arguments).finished().await;
    let lines = place.lines("sights");
    assert_eq!((lines.len(), &lines[..60]), (70, &found[..]));
    assert_eq!(place.lines(".replaced/sights"), distributed);
    assert_eq!(registry(place, "sights/state.json"), embedded);
}
