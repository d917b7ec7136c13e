//! Starting topics.

use std::collections::BTreeSet;
use std::sync::Arc;

use igentai_core::time::{Now, UnixMillis};
use igentai_core::topic::{EndReason, ProbeShare, TopicState};
use igentai_shared::bus::{Bus, Incoming, Source, WorkQueue};
use igentai_shared::clock::Clock;
use igentai_shared::store::Store;
use igentai_shared::wire::{self, Hint};
use igentai_webserver::WebContext;
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::client::answer;
use crate::support::{Server, World};

const TOPICS: &str = "/api/v1/topics";

#[tokio::test]
async fn a_start_answers_with_the_topic_and_where_it_is_and_tells_the_coordinator() {
    let world = World::new();
    let server = world.serve().await;
    let mut coordinator = world.bus.consume(Source::Work(WorkQueue::Coordinate), 1).await.unwrap();
    let body = json!({
        "name": "  Paris attractions ", "prompt": "sights of Paris", "provider_weights": {"small": 1.5},
        "limits": {"max_attributes": 10, "max_usd": 0.25, "time_limit_seconds": 90}, "items_per_request": 20,
    });
    let answer = server.post(TOPICS, &body).await;
    assert_eq!((answer.status, answer.header("etag")), (201, "\"1\""), "{}", answer.text);
    assert_eq!(answer.header("location"), "/api/v1/topics/paris_attractions");
    let shown = server.get(answer.header("location")).await.json();
    assert_eq!(shown, answer.json());
    assert_eq!(shown["name"], "Paris attractions");
    assert_eq!(shown["state"], "starting");
    assert_eq!(shown["limits"], json!({"max_attributes": 10, "max_usd": 0.25, "time_limit_seconds": 90.0}));
    assert_eq!(shown["numbers"]["attributes"], 0);

    let Incoming::Delivery(delivery) = coordinator.next().await.unwrap() else { panic!("a hint") };
    let hint: Hint = wire::decode(&delivery.content_type, &delivery.payload).unwrap();
    assert_eq!(hint.topic.as_str(), "paris_attractions");
    assert!(delivery.routing_key.starts_with("webserver."));
}

#[tokio::test]
async fn a_request_asks_for_as_many_items_as_the_topic_says_or_the_configuration() {
    let world = World::new();
    let context = WebContext { items_per_request: 12, ..world.context() };
    let server = Server::start(context, "127.0.0.1:0").await;
    let items = async |name: &str, items: Option<u32>| {
        let body = json!({"name": name, "items_per_request": items});
        server.post(TOPICS, &body).await.json()["items_per_request"].clone()
    };
    assert_eq!((items("a", None).await, items("b", Some(20)).await), (json!(12), json!(20)));
    let running = world.store.topic(&"b".parse().unwrap()).await.unwrap().unwrap();
    world.put(running, TopicState::Ended(EndReason::Stopped)).await;
    assert_eq!(items("b", None).await, 20, "a topic that is started again keeps what it has");
    let cleared = server.patch("/api/v1/topics/b", &json!({"items_per_request": null})).await;
    assert_eq!(cleared.json()["items_per_request"], 12);
}

#[tokio::test]
async fn a_sample_is_as_large_as_the_topic_says_or_the_configuration() {
    let world = World::new();
    let context = WebContext { probe_share: ProbeShare::new(0.1).unwrap(), ..world.context() };
    let server = Server::start(context, "127.0.0.1:0").await;
    let share = async |name: &str, share: Option<f64>| {
        let body = json!({"name": name, "probe_share": share});
        server.post(TOPICS, &body).await.json()["probe_share"].clone()
    };
    assert_eq!((share("a", None).await, share("b", Some(0.0)).await), (json!(0.1), json!(0.0)));
    let running = world.store.topic(&"b".parse().unwrap()).await.unwrap().unwrap();
    world.put(running, TopicState::Ended(EndReason::Stopped)).await;
    assert_eq!(share("b", None).await, json!(0.0), "a topic that is started again keeps what it has");
    let patch = async |share| server.patch("/api/v1/topics/b", &json!({"probe_share": share})).await;
    assert_eq!(patch(json!(0.2)).await.json()["probe_share"], 0.2);
    let refused = patch(json!(0.6)).await;
    assert_eq!((refused.status, refused.json()["field"].as_str()), (422, Some("probe_share")));
    assert!(refused.text.contains("0.6 is out of range") && refused.text.contains("from 0 to 0.5"));
    assert_eq!(patch(json!(null)).await.json()["probe_share"], 0.1);
}

/// Starts at one server within one millisecond make equal records.
#[derive(Debug)]
struct Frozen(UnixMillis);

impl Clock for Frozen {
    fn now(&self) -> Now {
        Now { unix: self.0, ..Now::default() }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_starts_at_once_exactly_one_is_taken() {
    let world = World::new();
    let mut servers = Vec::new();
    for unix in [1_000, 2_000] {
        let clock = Arc::new(Frozen(UnixMillis(unix)));
        servers.push(Server::start(WebContext { clock, ..world.context() }, "127.0.0.1:0").await);
    }
    for round in 0..20 {
        let mut starts = JoinSet::new();
        for server in servers.iter().cycle().take(6) {
            let request = server.ask(Method::POST, TOPICS).json(&json!({"name": format!("topic {round}")}));
            starts.spawn(answer(request));
        }
        let answers = starts.join_all().await;
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
        for refused in answers.iter().filter(|answer| answer.status == 409) {
            assert_eq!(refused.problem(), "already-running");
        }
    }
}

#[tokio::test]
async fn what_does_not_fit_in_beside_the_topics_under_way_is_refused_with_what_to_do() {
    let world = World::new();
    let server = world.serve().await;
    let prompt = "p".repeat(8_192);
    let mut refused = None;
    for number in 0..100 {
        let answer = server.post(TOPICS, &json!({"name": format!("t {number}"), "prompt": prompt})).await;
        refused = refused.or((answer.status != 201).then_some(answer));
    }
    let refused = refused.unwrap();
    assert_eq!((refused.status, refused.problem().as_str()), (409, "full"), "{}", refused.text);
    assert!(refused.text.contains("shorten the prompt, stop another topic"), "{}", refused.text);
    assert_eq!(server.post(TOPICS, &json!({"name": "short"})).await.status, 201);
    let longer = server.patch("/api/v1/topics/short", &json!({"prompt": prompt})).await;
    assert_eq!((longer.status, longer.problem().as_str()), (409, "full"), "{}", longer.text);
    assert_eq!(server.patch("/api/v1/topics/short", &json!({"prompt": "a"})).await.status, 200);
}

#[tokio::test]
async fn names_that_share_a_folder_get_ids_of_their_own_and_keep_them() {
    let world = World::new();
    let server = world.serve().await;
    let mut ids = BTreeSet::new();
    for name in ["C", "C++", "C#", "c"] {
        let answer = server.post(TOPICS, &json!({"name": name})).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        ids.insert(answer.json()["id"].as_str().unwrap().to_owned());
        assert_eq!(server.post(TOPICS, &json!({"name": name})).await.problem(), "already-running");
    }
    assert_eq!(ids.len(), 4);
    assert!(ids.contains("c"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn names_of_different_topics_started_at_once_do_not_take_each_others_place() {
    let world = World::new();
    let server = world.serve().await;
    let mut starts = JoinSet::new();
    for name in ["F", "F+", "F++", "F#", "F!"] {
        starts.spawn(answer(server.ask(Method::POST, TOPICS).json(&json!({"name": name}))));
    }
    let answers = starts.join_all().await;
    let ids: BTreeSet<String> = answers
        .iter()
        .map(|answer| answer.json()["id"].as_str().unwrap_or(&answer.text).to_owned())
        .collect();
    assert!(answers.iter().all(|answer| answer.status == 201));
    assert_eq!(ids.len(), 5, "{ids:?}");
}

#[tokio::test]
async fn a_hostile_name_is_refused_or_gets_a_safe_place() {
    let world = World::new();
    let server = world.serve().await;
    for name in ["../../x", "a*b", "{x}:y", "CON", "🦀🦀", "名前", "<script>alert(1)</script>", "%2e%2e"]
    {
        let answer = server.post(TOPICS, &json!({"name": name})).await;
        assert_eq!(answer.status, 201, "{name}: {}", answer.text);
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        assert!(id.chars().all(|c| c.is_alphanumeric() || c == '_'), "{id}");
        assert_eq!(server.get(answer.header("location")).await.json()["name"], name);
    }
    for name in ["", "   ", "line\nbreak", "nul\0", &"x".repeat(301)] {
        let answer = server.post(TOPICS, &json!({"name": name})).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid"), "{name:?}");
        assert_eq!(answer.json()["field"], "name");
    }
}

#[tokio::test]
async fn a_topic_that_ended_goes_on_or_begins_afresh_as_its_end_and_the_mode_say() {
    let world = World::new();
    let server = world.serve().await;
    let start = async |mode: &str| server.post(TOPICS, &json!({"name": "T", "mode": mode})).await;
    let end = async |reason| {
        let topic = world.store.topics().await.unwrap().remove(0);
        world.put(topic, TopicState::Ended(reason)).await;
    };
    assert_eq!(start("resume").await.problem(), "nothing-to-resume");
    assert_eq!(start("auto").await.json()["run"], 1);
    end(EndReason::MaxUsd).await;
    assert_eq!(start("auto").await.json()["run"], 1);
    end(EndReason::Dry).await;
    assert_eq!(start("auto").await.json()["run"], 2);
    end(EndReason::Dry).await;
    assert_eq!(start("resume").await.json()["run"], 2);
    end(EndReason::Stopped).await;
    assert_eq!(start("fresh").await.json()["run"], 3);
    let topic = world.store.topics().await.unwrap().remove(0);
    world.put(topic, TopicState::Ending(EndReason::Stopped)).await;
    assert_eq!(start("auto").await.problem(), "ending");
}

#[tokio::test]
async fn all_is_asked_for_as_if_no_completeness_was_said() {
    let world = World::new();
    let server = world.serve().await;
    let limits = |share: f64| json!({"limits": {"completeness": share, "max_requests": 9}});
    let started = async |name: &str, share| {
        let mut body = limits(share);
        body["name"] = json!(name);
        server.post(TOPICS, &body).await.json()["limits"].clone()
    };
    assert_eq!(started("all", 1.0).await, json!({"max_requests": 9}));
    assert_eq!(started("most", 0.95).await, limits(0.95)["limits"]);
    let changed = server.patch(&format!("{TOPICS}/most"), &limits(1.0)).await.json();
    assert_eq!(changed["limits"], json!({"max_requests": 9}));
}

#[tokio::test]
async fn a_start_without_limits_has_none_whatever_the_mode() {
    let world = World::new();
    let server = world.serve().await;
    for mode in ["auto", "fresh", "resume"] {
        let capped = json!({"name": mode, "prompt": "p", "provider_weights": {"small": 2}, "limits": {"max_requests": 40}});
        server.post(TOPICS, &capped).await;
        let topic = world.store.topic(&mode.parse().unwrap()).await.unwrap().unwrap();
        world.put(topic, TopicState::Ended(EndReason::MaxRequests)).await;
        let again = server.post(TOPICS, &json!({"name": mode, "mode": mode})).await;
        assert_eq!(again.status, 201, "{}", again.text);
        let again = again.json();
        assert_eq!(again["limits"], json!({}), "{mode}");
        assert_eq!((&again["prompt"], &again["provider_weights"]), (&json!("p"), &json!({"small": 2.0})));
    }
}

#[tokio::test]
async fn a_start_that_would_go_on_with_a_cap_that_is_used_up_is_refused_with_what_was_used() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await;
    for _ in 0..3 {
        world.add(&topic.id, 1, 5).await;
    }
    world.tick(&topic, |_| ()).await;
    world.put(topic, TopicState::Ended(EndReason::MaxRequests)).await;
    let start = async |mode: &str, limits| {
        server.post(TOPICS, &json!({"name": "t", "mode": mode, "limits": limits})).await
    };
    let used = json!({"max_attributes": 15, "max_requests": 3, "max_usd": 0.0006, "time_limit_seconds": 1});
    for mode in ["auto", "resume"] {
        let answer = start(mode, used.clone()).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid"), "{}", answer.text);
        let errors = answer.json()["errors"].clone();
        let fields: Vec<_> =
            errors.as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap().to_owned()).collect();
        assert_eq!(fields, ["limits.max_attributes", "limits.max_requests", "limits.max_usd"]);
        assert_eq!(errors[1]["detail"], "the cap of 3 requests is used up: 3 count against it");
    }
    let more = start("resume", json!({"max_attributes": 16, "max_requests": 4, "max_usd": 0.1})).await;
    assert_eq!((more.status, &more.json()["run"]), (201, &json!(1)), "{}", more.text);
    let topic = world.store.topics().await.unwrap().remove(0);
    world.put(topic, TopicState::Ended(EndReason::MaxRequests)).await;
    let fresh = start("fresh", used).await;
    assert_eq!((fresh.status, &fresh.json()["run"]), (201, &json!(2)), "a fresh run has used nothing");
}

#[tokio::test]
async fn a_list_of_known_items_is_kept_with_the_topic_that_is_started_and_checked_before() {
    let world = World::new();
    let server = world.serve().await;
    let many: Vec<String> =
        (0..20_000).map(|number| format!("a rather long name with the number {number}")).collect();
    let answer = server.post(TOPICS, &json!({"name": "Sights", "seeds": many})).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(
        answer.json()["numbers"]["seeds"],
        json!({"known": 0, "named": 0}),
        "nobody has worked on it yet"
    );
    let topic = world.store.topic(&"sights".parse().unwrap()).await.unwrap().unwrap();
    let seeds = topic.seeds.clone().unwrap();
    assert_eq!((seeds.count, seeds.parts()), (20_000, 40));
    let last = world.store.seeds(&topic.id, &seeds.list, 39).await.unwrap().unwrap();
    assert_eq!(last.last(), many.last());

    world.put(topic, TopicState::Ended(EndReason::Stopped)).await;
    let again = server.post(TOPICS, &json!({"name": "Sights", "seeds": ["Louvre"]})).await;
    assert_eq!(again.status, 201, "{}", again.text);
    let topic = world.store.topic(&"sights".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(topic.seeds.as_ref().map(|seeds| seeds.count), Some(1));
    assert_eq!(world.store.seeds(&topic.id, &seeds.list, 39).await.unwrap(), None, "that list is forgotten");

    for (seeds, detail) in [
        (
            json!(["Louvre", "x".repeat(513)]),
            "element 2, “xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…”, cannot be an item: the text is longer than 512 bytes",
        ),
        (
            json!(["Louvre", "—", "x".repeat(513), "–"]),
            "element 2, “—”, cannot be an item: the text is empty; nor can 2 others",
        ),
        (json!("Louvre"), "it is a text, not a list"),
        (json!(["Louvre", 1]), "element 2 is a number, not a text"),
        (json!(vec!["x"; 100_001]), "it has 100001 elements"),
    ] {
        let refused = server.post(TOPICS, &json!({"name": "Other", "seeds": seeds})).await;
        assert_eq!(refused.status, 422, "{}", refused.text);
        let error = &refused.json()["errors"][0];
        assert_eq!((&error["field"], &error["detail"]), (&json!("seeds"), &json!(detail)));
    }
    let refused = server.post(TOPICS, &json!({"name": "Other", "seeds": ["x".repeat(5 << 20)]})).await;
    assert_eq!(refused.status, 413, "{}", refused.text);
    assert_eq!(world.store.topics().await.unwrap().len(), 1);

    let never = json!({"name": "Never", "mode": "resume", "seeds": ["Louvre"]});
    assert_eq!(server.post(TOPICS, &never).await.problem(), "nothing-to-resume");
    let kept = world.store.seeds(&"never".parse().unwrap(), &topic.seeds.unwrap().list, 0).await.unwrap();
    assert_eq!(kept, None, "a start that is refused leaves no list");
}
