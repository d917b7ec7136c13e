//! What is refused, and how.

use igentai_shared::store::Store;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{DEADLINE, answer};
use crate::support::World;

const TOPICS: &str = "/api/v1/topics";

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::new();
    let server = world.serve().await;
    for path in ["/nothing", "/api/v1/nothing", "/page/../Cargo.toml", "/page/%2e%2e/Cargo.toml"] {
        assert_eq!(server.get(path).await.problem(), "not-found", "{path}");
    }
    for id in ["unknown", "..%2f..%2fx", "%00", "%ff", "A B", "x.y"] {
        for rest in ["", "/attributes", "/curve", "/decisions", "/quote?items=9"] {
            let answer = server.get(&format!("{TOPICS}/{id}{rest}")).await;
            assert_eq!((answer.status, answer.problem().as_str()), (404, "not-found"), "{id}{rest}");
        }
        assert_eq!(server.post(&format!("{TOPICS}/{id}/stop"), &Value::Null).await.problem(), "not-found");
        assert_eq!(server.patch(&format!("{TOPICS}/{id}"), &json!({})).await.problem(), "not-found");
    }
    assert_eq!(server.get("/api/v1/events?topic=unknown").await.problem(), "not-found");
}

#[tokio::test]
async fn a_wrong_method_is_told_which_are_allowed() {
    let world = World::new();
    let server = world.serve().await;
    let answer = answer(server.ask(Method::DELETE, TOPICS)).await;
    assert_eq!((answer.status, answer.problem().as_str()), (405, "method-not-allowed"));
    assert!(answer.header("allow").contains("POST"), "{:?}", answer.headers);
}

#[tokio::test]
async fn a_body_that_is_not_json_by_type_or_content_is_refused() {
    let world = World::new();
    let server = world.serve().await;
    let send = async |kind: &str, body: &str| {
        answer(server.ask(Method::POST, TOPICS).header("content-type", kind).body(body.to_owned())).await
    };
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"] {
        let answer = send(kind, "{\"name\":\"x\"}").await;
        assert_eq!((answer.status, answer.problem().as_str()), (415, "unsupported-media-type"), "{kind}");
    }
    let deep = "[".repeat(50_000);
    for body in ["", "{", "nonsense", "{\"name\":\"x\"} trailing", "{\"name\":\"\\ud800\"}", &deep] {
        let answer = send("application/json", body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad-json"), "{:?}", answer.text);
    }
    assert_eq!(send("Application/JSON; charset=utf-8", "{\"name\":\"x\"}").await.status, 201);
}

#[tokio::test]
async fn a_huge_body_is_refused() {
    let world = World::new();
    let server = world.serve().await;
    let body = |bytes: usize| json!({"name": "x", "prompt": "y".repeat(bytes)});
    let change = server.patch("/api/v1/topics/x", &body(70_000)).await;
    assert_eq!((change.status, change.problem().as_str()), (413, "body-too-large"));
    // A start may hold a list of items that are known.
    let start = server.post(TOPICS, &body(70_000)).await;
    assert_eq!((start.status, start.problem().as_str()), (422, "invalid"));
    let start = server.post(TOPICS, &body(5 << 20)).await;
    assert_eq!((start.status, start.problem().as_str()), (413, "body-too-large"));
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once_with_what_is_allowed() {
    let world = World::new();
    let mut context = world.context();
    context.known_providers = vec!["small".to_owned(), "large".to_owned()];
    let server = crate::support::Server::start(context, "127.0.0.1:0").await;
    let body = json!({
        "name": "", "prompt": " ", "provider_weights": {"smal": 1, "large": -1},
        "limits": {"max_attributes": 0, "max_usd": -1, "time_limit_seconds": 1e18, "min_new_per_100_requests": 0}, "items_per_request": 0,
    });
    let answer = server.post(TOPICS, &body).await;
    assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid"));
    let mut fields: Vec<String> = answer.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].as_str().unwrap().to_owned())
        .collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "items_per_request",
            "limits.max_attributes",
            "limits.max_usd",
            "limits.min_new_per_100_requests",
            "limits.time_limit_seconds",
            "name",
            "prompt",
            "provider_weights",
            "provider_weights.large",
            "provider_weights.smal",
        ]
    );
    assert_eq!(answer.json()["field"], "name");
    assert!(answer.text.contains("small, large"));
    for (body, field) in [
        (json!({"name": "x", "limit": {}}), "limit"),
        (json!({"name": "x", "limits": {"max_attributes": 1.5}}), "limits.max_attributes"),
        (json!({"name": "x", "limits": {"max_requests": -1}}), "limits.max_requests"),
        (
            json!({"name": "x", "limits": {"min_new_per_100_requests": 50_001}}),
            "limits.min_new_per_100_requests",
        ),
        (
            json!({"name": "x", "limits": {"min_new_per_100_requests": 0.5}}),
            "limits.min_new_per_100_requests",
        ),
        (json!({"name": "x", "categories": []}), "categories"),
        (json!({"name": "x", "categories": "owls"}), "categories"),
        (json!({"name": "x", "categories": ["owls", "a > b"]}), "categories"),
        (json!({"name": "x", "categories": ["owls", " "]}), "categories"),
        (json!({"name": "x", "categories": ["owls"], "partition": "semantic"}), "categories"),
        (json!({"name": "x", "partition": "categories"}), "partition"),
        (json!({"name": "x", "probe_share": 0.51}), "probe_share"),
        (json!({"name": "x", "probe_share": -0.01}), "probe_share"),
        (json!({"name": "x", "probe_share": "5"}), "probe_share"),
        (json!({"name": "x", "rules": {"matches": "a("}}), "rules.matches"),
        (json!({"name": "x", "rules": {"matches": ""}}), "rules.matches"),
        (json!({"name": "x", "rules": {"min_chars": 0}}), "rules.min_chars"),
        (json!({"name": "x", "rules": {"min_chars": 5, "max_chars": 4}}), "rules.min_chars"),
        (json!({"name": "x", "rules": {"max_chars": 513}}), "rules.max_chars"),
        (json!({"name": "x", "rules": {"scripts": []}}), "rules.scripts"),
        (json!({"name": "x", "rules": {"scripts": ["klingon"]}}), "rules.scripts"),
        (json!({"name": "x", "rules": {"script": "latin"}}), "rules.script"),
        (json!({"name": "x", "mode": "again"}), "mode"),
        (json!({"name": 7}), "name"),
        (json!([]), "body"),
    ] {
        let answer = server.post(TOPICS, &body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid"), "{body}");
        assert_eq!(answer.json()["field"], field, "{}", answer.text);
    }
}

#[tokio::test]
async fn fields_of_another_form_are_told_together_with_wrong_values_and_in_our_own_words() {
    let world = World::new();
    let server = world.serve().await;
    server.post(TOPICS, &json!({"name": "t"})).await;
    let details = |answer: &crate::client::Answer| -> Vec<(String, String)> {
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid"), "{}", answer.text);
        let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
        let mut all: Vec<_> = answer.json()["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| (text(error, "field"), text(error, "detail")))
            .collect();
        all.sort_unstable();
        all
    };
    let pair = |(field, detail): &(&str, &str)| ((*field).to_owned(), (*detail).to_owned());
    let limits = json!({"max_usd": -1, "max_attributes": 0, "max_requests": -1});
    let body = json!({"name": "", "limits": limits, "items_per_request": 0, "colour": 1});
    let expected = [
        ("colour", "it is not known here"),
        ("items_per_request", "0 is out of range"),
        ("limits.max_attributes", "0 would end it at once"),
        ("limits.max_requests", "-1 is negative"),
        ("limits.max_usd", "-1 is out of range"),
        ("name", "the topic's name is empty: give it 1 to 300 characters"),
    ];
    assert_eq!(details(&server.post(TOPICS, &body).await), expected.each_ref().map(pair));
    let change = json!({"limits": {"max_requests": 1.5, "max_attributes": 0}, "prompt": 7, "provider_weights": {"a": "b"}});
    let expected = [
        ("limits.max_attributes", "0 would end it at once"),
        ("limits.max_requests", "1.5 is not a whole number"),
        ("prompt", "it is a number, not a text"),
        ("provider_weights.a", "it is a text, not a number"),
    ];
    assert_eq!(details(&server.patch(&format!("{TOPICS}/t"), &change).await), expected.each_ref().map(pair));
    let huge = json!({"name": "x", "provider_weights": {"a": 1e308}, "limits": {"max_usd": 1e-300, "time_limit_seconds": 1e308}});
    let expected = [
        ("limits.time_limit_seconds", "1e308 is out of range"),
        ("provider_weights.a", "1e308 is no weight"),
    ];
    assert_eq!(details(&server.post(TOPICS, &huge).await), expected.each_ref().map(pair));
    for body in [json!([]), json!({}), json!({"name": null})] {
        let answer = server.post(TOPICS, &body).await;
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(!detail.starts_with(':') && !detail.contains("expected"), "{detail}");
    }
}

#[tokio::test]
async fn a_query_of_the_wrong_form_is_refused() {
    let world = World::new();
    let server = world.serve().await;
    world.running("t").await;
    let long = format!("/api/v1/topics?after={}", "x".repeat(101));
    for (path, field, detail) in [
        ("/api/v1/topics?limit=-1", "limit", "-1 is negative"),
        ("/api/v1/topics?limit=0", "limit", "0 is out of range"),
        ("/api/v1/topics/t/attributes?limit=0", "limit", "0 is out of range"),
        ("/api/v1/topics/t/attributes?limit=10001", "limit", "10001 is out of range"),
        ("/api/v1/topics/t/curve?points=1", "points", "1 is out of range"),
        ("/api/v1/topics/t/decisions?limit=1001", "limit", "1001 is out of range"),
        ("/api/v1/topics/t/decisions?before=-3", "before", "-3 is negative"),
        ("/api/v1/topics/t/decisions?kind=asked,ask", "kind", "`ask` is none of the words known here"),
        ("/api/v1/topics/t/quote?items=0", "items", "0 is out of range"),
        ("/api/v1/topics/t/quote?items=1000001", "items", "1000001 is out of range"),
        ("/api/v1/topics/t/quote?items=some", "items", "`some` is no number"),
        (&long, "after", "it is too long"),
        (
            "/api/v1/topics/t/attributes?after=9223372036854775808",
            "after",
            "9223372036854775808 is too large",
        ),
        ("/api/v1/topics?limit=x&state=lost", "state", "`lost` is none of the words known here"),
        ("/api/v1/topics?limit=1&limit=2", "limit", "it is given twice"),
        ("/api/v1/topics?unknown=1", "unknown", "it is not known here"),
        ("/api/v1/events?topic=t&after=x", "after", "`x` is no number"),
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad-query"), "{path}");
        let body = answer.json();
        assert_eq!((&body["field"], &body["errors"][0]["detail"]), (&json!(field), &json!(detail)), "{path}");
    }
    let largest = server.get("/api/v1/topics/t/attributes?after=9223372036854775807").await;
    assert_eq!((largest.status, &largest.json()["items"]), (200, &json!([])));
    for path in [
        "/api/v1/topics?limit=0",
        "/api/v1/topics?limit=1001",
        "/api/v1/topics?limit=x",
        "/api/v1/topics?state=lost",
        "/api/v1/topics?unknown=1",
        "/api/v1/topics/t/attributes?limit=10001",
        "/api/v1/topics/t/attributes?after=-1",
        "/api/v1/topics/t/attributes?format=xml",
        "/api/v1/topics/t/curve?points=1",
        "/api/v1/events?after=1",
        "/api/v1/events?topic=t&run=1",
        "/api/v1/events?topic=t&after=x",
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad-query"), "{path}");
    }
}

#[tokio::test]
async fn a_cursor_that_was_never_given_out_is_refused() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await;
    for cursor in ["x", "AAAA", "0", "AQHGL9JaFs0BvANE2Unu"] {
        assert_eq!(server.get(&format!("/api/v1/events?cursor={cursor}")).await.problem(), "bad-cursor");
        let request = server.ask(Method::GET, "/api/v1/events").header("last-event-id", cursor);
        let answer = answer(request).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad-cursor"), "{cursor}");
    }
    let mut narrowed = crate::client::Events::open(&server, &format!("?topic={}", topic.id), None).await;
    let cursor = narrowed.next().await.unwrap().id;
    assert_eq!(server.get(&format!("/api/v1/events?cursor={cursor}")).await.problem(), "bad-cursor");
}

#[tokio::test]
async fn pages_of_other_origins_cannot_change_anything() {
    let world = World::new();
    let server = world.serve().await;
    let own = format!("http://{}", server.address);
    let body = json!({"name": "x"});
    for origin in ["null", "http://evil.example", "http://127.0.0.1", "http://localhost:1"] {
        let request = server.ask(Method::POST, TOPICS).header("origin", origin).json(&body);
        let answer = answer(request).await;
        assert_eq!((answer.status, answer.problem().as_str()), (403, "cross-origin"), "{origin}");
        assert_eq!(answer.headers.get("access-control-allow-origin"), None);
    }
    assert_eq!(answer(server.ask(Method::POST, TOPICS).header("origin", own).json(&body)).await.status, 201);
    let stop = server.ask(Method::POST, "/api/v1/topics/x/stop").header("origin", "http://evil.example");
    assert_eq!(answer(stop).await.status, 403);
    let patch = server
        .ask(Method::PATCH, "/api/v1/topics/x")
        .header("origin", "http://evil.example")
        .json(&json!({}));
    assert_eq!(answer(patch).await.status, 403);
}

#[tokio::test]
async fn a_name_that_was_pointed_at_loopback_is_refused() {
    let world = World::new();
    let mut context = world.context();
    context.allowed_hosts = vec!["tool.example".to_owned()];
    let server = crate::support::Server::start(context, "127.0.0.1:0").await;
    let ask = async |host: &str| answer(server.ask(Method::GET, TOPICS).header("host", host)).await;
    assert_eq!(ask("evil.example").await.problem(), "unknown-host");
    for host in ["localhost:1", "127.0.0.1", "tool.example"] {
        assert_eq!(ask(host).await.status, 200, "{host}");
    }
    let everywhere = crate::support::Server::start(world.context(), "0.0.0.0:0").await;
    let url = format!("http://127.0.0.1:{}{TOPICS}", everywhere.address.port());
    let request = crate::client::http().get(url).timeout(DEADLINE).header("host", "web.team.example");
    assert_eq!(answer(request).await.status, 200);
}

#[tokio::test]
async fn a_registry_that_cannot_be_reached_is_said_so() {
    let world = World::new();
    let server = world.serve().await;
    world.store.close().await;
    for answer in [
        server.get(TOPICS).await,
        server.get("/api/v1/topics/t").await,
        server.post(TOPICS, &json!({"name": "x"})).await,
        server.patch("/api/v1/topics/t", &json!({})).await,
        server.get("/api/v1/events").await,
    ] {
        assert_eq!((answer.status, answer.problem().as_str()), (503, "store-unavailable"));
        assert_eq!(answer.header("retry-after"), "1");
    }
}
