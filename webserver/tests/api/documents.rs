//! The OpenAPI document and the page.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::client::answer;
use crate::support::World;

#[tokio::test]
async fn the_openapi_document_is_the_one_reviewed() {
    let world = World::new();
    let server = world.serve().await;
    let document = server.get("/api/v1/openapi.json").await.json();
    insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
}

#[tokio::test]
async fn the_openapi_document_names_every_schema_it_refers_to() {
    let world = World::new();
    let server = world.serve().await;
    let answer = server.get("/api/v1/openapi.json").await;
    let document = answer.json();
    let schemas: BTreeSet<&str> =
        document["components"]["schemas"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut referred = BTreeSet::new();
    references(&document, &mut referred);
    assert!(referred.is_subset(&schemas), "{:?}", referred.difference(&schemas).collect::<Vec<_>>());
    let paths = document["paths"].as_object().unwrap();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            let has_topic = path.contains("{id}");
            assert!(!has_topic || responses.contains_key("404"), "{method} {path}");
            let changes_topics = path.contains("/topics") && matches!(method.as_str(), "patch" | "post");
            assert!(!changes_topics || responses.contains_key("409"), "{method} {path}");
        }
    }
}

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str) {
                found.insert(name.strip_prefix("#/components/schemas/").unwrap());
            }
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn the_page_comes_whole_from_this_server_and_runs_nothing_inline() {
    let world = World::new();
    let server = world.serve().await;
    let index = server.get("/").await;
    assert!(index.header("content-type").starts_with("text/html"));
    let policy = index.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(index.header("referrer-policy"), "no-referrer");
    assert!(!index.text.contains("style=") && !index.text.contains("onload"));
    let mut size = index.text.len();
    let mut ahead = links(&index.text, "/page/");
    let mut seen = BTreeSet::new();
    while let Some(path) = ahead.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let file = server.get(&path).await;
        assert_eq!(file.status, 200, "{path}");
        assert!(!file.text.contains("://cdn"), "{path}");
        size += file.text.len();
        let folder = path.rsplit_once('/').unwrap().0;
        if file.header("content-type").starts_with("text/javascript") && !path.contains("vendor") {
            ahead.extend(links(&file.text, "./").iter().map(|link| format!("{folder}{}", &link[1..])));
        }
        let known = server.ask(Method::GET, &path).header("if-none-match", file.header("etag"));
        assert_eq!(answer(known).await.status, 304);
    }
    assert!(seen.len() >= 10, "{seen:?}");
    assert!(size < 300_000, "{size} bytes");
    assert!(server.get("/page/vendor/LICENSES.txt").await.text.contains("Leon Sorokin"));
}

/// Quoted texts that begin like this.
fn links(text: &str, begin: &str) -> Vec<String> {
    text.split(['"', '\'']).filter(|part| part.starts_with(begin)).map(str::to_owned).collect()
}
