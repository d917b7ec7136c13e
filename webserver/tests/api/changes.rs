//! Changing and stopping topics.

use igentai_core::folder::TopicId;
use igentai_core::topic::{EndReason, Topic, TopicState};
use igentai_shared::store::Store;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::answer;
use crate::support::World;

const TOPIC: &str = "/api/v1/topics/t";

#[tokio::test]
async fn a_change_touches_what_it_names_and_null_takes_it_away() {
    let world = World::new();
    let server = world.serve().await;
    let body = json!({"name": "t", "prompt": "p", "provider_weights": {"a": 1, "b": 2}, "limits": {"max_usd": 5, "max_requests": 7, "min_new_per_100_requests": 50}});
    server.post("/api/v1/topics", &body).await;
    let change = json!({"prompt": null, "provider_weights": {"a": null, "c": 3}, "limits": {"max_requests": null, "max_attributes": 9}});
    let answer = server.patch(TOPIC, &change).await;
    assert_eq!((answer.status, answer.header("etag")), (200, "\"2\""), "{}", answer.text);
    let topic = answer.json();
    assert!(topic.get("prompt").is_none());
    assert_eq!(topic["provider_weights"], json!({"b": 2.0, "c": 3.0}));
    assert_eq!(topic["limits"], json!({"max_usd": 5.0, "max_attributes": 9, "min_new_per_100_requests": 50}));
    let again = server.patch(TOPIC, &change).await;
    assert_eq!(again.json()["version"], 2, "what changes nothing makes no version");
    let floor = |floor: serde_json::Value| json!({"limits": {"min_new_per_100_requests": floor}});
    let raised = server.patch(TOPIC, &floor(json!(200))).await.json();
    assert_eq!(raised["limits"]["min_new_per_100_requests"], 200);
    let taken_away = server.patch(TOPIC, &floor(json!(null))).await.json();
    assert_eq!(taken_away["limits"], json!({"max_usd": 5.0, "max_attributes": 9}));
    let cleared = server.patch(TOPIC, &json!({"provider_weights": null, "limits": null})).await.json();
    assert_eq!((&cleared["provider_weights"], &cleared["limits"]), (&json!({}), &json!({})));
}

#[tokio::test]
async fn rules_are_stated_at_a_start_kept_by_the_next_and_changed_one_by_one() {
    let world = World::new();
    let server = world.serve().await;
    let rules = json!({"matches": "^[A-Z]", "max_chars": 40, "scripts": ["Latin", "greek"]});
    let topic = server.post("/api/v1/topics", &json!({"name": "t", "rules": rules})).await.json();
    assert_eq!(topic["rules"], json!({"matches": "^[A-Z]", "max_chars": 40, "scripts": ["greek", "latin"]}));
    let patch = async |rules| server.patch(TOPIC, &json!({"rules": rules})).await;
    let changed = patch(json!({"matches": null, "min_chars": 3})).await.json();
    assert_eq!(changed["rules"], json!({"min_chars": 3, "max_chars": 40, "scripts": ["greek", "latin"]}));
    let refused = patch(json!({"min_chars": 41})).await;
    assert_eq!((refused.status, refused.json()["field"].as_str()), (422, Some("rules.min_chars")));
    let refused = patch(json!({"matches": "é[b"})).await.json();
    assert!(
        refused["detail"].as_str().unwrap().contains("character 2 of the regular expression"),
        "{refused}"
    );
    let refused = patch(json!({"scripts": ["klingon"]})).await.json();
    assert!(refused["detail"].as_str().unwrap().contains("known are arabic, "), "{refused}");

    let id = TopicId::from_name("t").unwrap();
    let end = async || {
        let stored = world.store.topic(&id).await.unwrap().unwrap();
        let ended =
            Topic { state: TopicState::Ended(EndReason::Dry), version: stored.version + 1, ..stored.clone() };
        world.store.put_topic(&ended, Some(stored.version)).await.unwrap();
    };
    end().await;
    let again = server.post("/api/v1/topics", &json!({"name": "t"})).await.json();
    assert_eq!(again["rules"], changed["rules"], "a start that names none keeps them");
    end().await;
    let again = server.post("/api/v1/topics", &json!({"name": "t", "rules": {"max_chars": 9}})).await.json();
    assert_eq!(again["rules"], json!({"max_chars": 9}), "a start that names one states all");
    let none = patch(json!(null)).await.json();
    assert!(none.get("rules").is_none(), "{none}");
}

#[tokio::test]
async fn categories_go_with_their_partition_and_another_one_takes_them_away() {
    let world = World::new();
    let server = world.serve().await;
    let topic = server
        .post("/api/v1/topics", &json!({"name": "t", "categories": ["Owls", "owls", "Ducks"]}))
        .await
        .json();
    assert_eq!((&topic["partition"], &topic["categories"]), (&json!("category"), &json!(["Owls", "Ducks"])));
    let patch = async |change| server.patch(TOPIC, &change).await.json();
    let changed = patch(json!({"categories": ["Geese"]})).await;
    assert_eq!((&changed["partition"], &changed["categories"]), (&json!("category"), &json!(["Geese"])));
    let told = patch(json!({"categories": null})).await;
    assert_eq!(
        (&told["partition"], told.get("categories")),
        (&json!("category"), None),
        "a model tells them"
    );
    patch(json!({"categories": ["Geese"]})).await;
    let other = patch(json!({"partition": "semantic"})).await;
    assert_eq!((&other["partition"], other.get("categories")), (&json!("semantic"), None));
    let both = patch(json!({"partition": "category", "categories": ["Owls"]})).await;
    assert_eq!((&both["partition"], &both["categories"]), (&json!("category"), &json!(["Owls"])));
    let kept = patch(json!({"items_per_request": 20})).await;
    assert_eq!(kept["categories"], json!(["Owls"]));
    let refused = server.patch(TOPIC, &json!({"partition": "none", "categories": ["Owls"]})).await;
    assert_eq!((refused.status, refused.json()["field"].as_str()), (422, Some("categories")));
}

#[tokio::test]
async fn a_change_at_another_version_than_the_one_read_is_refused() {
    let world = World::new();
    let server = world.serve().await;
    server.post("/api/v1/topics", &json!({"name": "t"})).await;
    let change = async |etag: &str| {
        let request = server.ask(Method::PATCH, TOPIC).header("if-match", etag);
        answer(request.json(&json!({"prompt": etag}))).await
    };
    assert_eq!(change("\"1\"").await.status, 200);
    assert_eq!(change("\"1\"").await.problem(), "precondition-failed");
    assert_eq!(change("*").await.status, 200);
    for bad in ["7", "\"x\"", "W/\"1\"", "\"1\", \"2\""] {
        assert_eq!(change(bad).await.problem(), "bad-header", "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_at_once_are_all_kept() {
    let world = World::new();
    let server = world.serve().await;
    server.post("/api/v1/topics", &json!({"name": "t"})).await;
    let mut changes = JoinSet::new();
    for n in 0..8 {
        let change = json!({"provider_weights": {format!("p{n}"): 1}});
        changes.spawn(answer(server.ask(Method::PATCH, TOPIC).json(&change)));
    }
    assert!(changes.join_all().await.iter().all(|answer| answer.status == 200));
    let topic = server.get(TOPIC).await.json();
    assert_eq!(topic["provider_weights"].as_object().unwrap().len(), 8);
    assert_eq!(topic["version"], 9);
}

#[tokio::test]
async fn a_topic_that_is_ending_is_not_changed_as_if_it_would_go_on() {
    let world = World::new();
    let server = world.serve().await;
    server.post("/api/v1/topics", &json!({"name": "t", "limits": {"max_requests": 7}})).await;
    answer(server.ask(Method::POST, "/api/v1/topics/t/stop")).await;
    for change in [
        json!({"limits": {"max_requests": 9}}),
        json!({"limits": null}),
        json!({"prompt": "p"}),
        json!({"provider_weights": {"a": 1}}),
    ] {
        let answer = server.patch(TOPIC, &change).await;
        assert_eq!((answer.status, answer.problem().as_str()), (409, "ending"), "{change}");
    }
    assert_eq!(server.patch(TOPIC, &json!({"limits": {"max_requests": 7}})).await.status, 200);
    let topic = world.store.topics().await.unwrap().remove(0);
    world.put(topic, TopicState::Ended(EndReason::Stopped)).await;
    assert_eq!(server.patch(TOPIC, &json!({"prompt": "p"})).await.status, 200);
}

#[tokio::test]
async fn a_stop_is_asked_for_once_and_may_be_repeated() {
    let world = World::new();
    let server = world.serve().await;
    server.post("/api/v1/topics", &json!({"name": "t"})).await;
    let stop = async || answer(server.ask(Method::POST, "/api/v1/topics/t/stop")).await;
    let first = stop().await;
    assert_eq!(
        (first.status, &first.json()["state"], &first.json()["reason"]),
        (200, &json!("ending"), &json!("stopped"))
    );
    assert_eq!(stop().await.json(), first.json());
    let topic = world.store.topics().await.unwrap().remove(0);
    world.put(topic, TopicState::Ended(EndReason::Dry)).await;
    let last = stop().await.json();
    assert_eq!((&last["state"], &last["reason"]), (&json!("ended"), &json!("dry")));
}

#[tokio::test]
async fn a_change_of_an_operator_is_not_fenced_by_a_term_that_began_since() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await;
    let holder = igentai_core::ids::WorkerId::of_role("o", 1);
    let seen = world.store.lease().await.unwrap();
    let lease = world.store.take_lease(&holder, &seen, 0).await.unwrap().unwrap();
    let mut touched = topic.clone();
    touched.version += 1;
    touched.epoch = lease.epoch;
    world.store.put_topic(&touched, Some(topic.version)).await.unwrap();
    world.store.release_lease(&holder, lease.epoch).await.unwrap();
    let seen = world.store.lease().await.unwrap();
    world.store.take_lease(&holder, &seen, 0).await.unwrap().unwrap();
    assert_eq!(server.patch(TOPIC, &json!({"prompt": "p"})).await.status, 200);
}

#[tokio::test]
async fn how_requests_are_shared_and_how_models_are_asked_is_changed_and_taken_back() {
    let world = World::new();
    let server = world.serve().await;
    let start = json!({"name": "birds", "routing": "fixed", "phrasing": "exact"});
    let of = |answer: Value| (answer["routing"].clone(), answer["phrasing"].clone());
    assert_eq!(of(server.post("/api/v1/topics", &start).await.json()), (json!("fixed"), json!("exact")));
    let patch = async |body: Value| server.patch("/api/v1/topics/birds", &body).await;
    let changed = patch(json!({"routing": "ewma", "phrasing": "rare"})).await;
    assert_eq!(of(changed.json()), (json!("ewma"), json!("rare")), "{}", changed.text);
    let other = patch(json!({"items_per_request": 7})).await;
    assert_eq!(of(other.json()), (json!("ewma"), json!("rare")), "what is left out stays");
    let back = patch(json!({"routing": null, "phrasing": null})).await;
    assert_eq!(of(back.json()), (json!("good_ucb"), json!("compete")), "{}", back.text);
    let refused = patch(json!({"routing": "fastest", "phrasing": 1})).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert_eq!(refused.json()["errors"].as_array().unwrap().len(), 2, "{}", refused.text);
}
