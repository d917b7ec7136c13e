//! Dead letters.

use std::collections::BTreeMap;

use bytes::Bytes;
use igentai_core::batch::{Batch, BatchBody, BatchId};
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::key::KEY_VERSION;
use igentai_shared::bus::{Bus, Exchange, Outgoing, WorkQueue};
use igentai_shared::wire::{self, Batches};
use serde_json::json;

use crate::support::World;

const LETTERS: &str = "/api/v1/dead-letters";

async fn bury(world: &World, at: u64, content_type: String, payload: Bytes, more: &[(&str, &str)]) {
    let mut headers = BTreeMap::from([
        (wire::DEAD_LETTER_REASON.to_owned(), "out of range".to_owned()),
        (wire::DEAD_LETTER_AT.to_owned(), at.to_string()),
        (wire::DEAD_LETTER_EXCHANGE.to_owned(), "igentai.batches".to_owned()),
    ]);
    headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let message_id = format!("m-{at}");
    let routing_key = "birds".to_owned();
    let letter =
        Outgoing { exchange: Exchange::Dead, routing_key, content_type, message_id, headers, payload };
    world.bus.publish(letter).await.unwrap();
}

fn batch() -> (String, Bytes) {
    let id = BatchId {
        topic: TopicId::from_name("Birds").unwrap(),
        run: 1,
        producer: WorkerId::parse("p1").unwrap(),
        incarnation: 7,
        seq: 1 << 60,
    };
    let body = BatchBody::Resolution { of: 1, texts: vec!["<script>".to_owned(); 150] };
    let batch = Batch { id, lowest_unresolved: 1, key_version: KEY_VERSION, body };
    (wire::content_type::<Batches>(), wire::encode(&Batches { batches: vec![batch] }))
}

#[tokio::test]
async fn letters_are_listed_page_by_page_and_shown_as_what_they_hold() {
    let world = World::new();
    let server = world.serve().await;
    let (content_type, payload) = batch();
    bury(&world, 3, content_type.clone(), payload.clone(), &[(wire::DEAD_LETTER_KIND, "crashes")]).await;
    bury(&world, 1, content_type.clone(), payload, &[(wire::DEAD_LETTER_KIND, "number")]).await;
    bury(&world, 2, content_type, Bytes::from_static(&[0xc1; 3_000]), &[]).await;
    let first = server.get(&format!("{LETTERS}?limit=2")).await.json();
    assert_eq!(
        (&first["waiting"], &first["complete"], &first["items"][1]["message_id"]),
        (&json!(3), &json!(true), &json!("m-2"))
    );
    let number = &first["items"][0];
    assert_eq!(
        (&number["kind"], &number["topic"], &number["producers"]),
        (&json!("batches"), &json!("birds"), &json!(["p1"]))
    );
    let after = first["next_after"].as_str().unwrap();
    let last = server.get(&format!("{LETTERS}?after={after}")).await.json();
    assert_eq!((&last["items"][0]["message_id"], &last["next_after"]), (&json!("m-3"), &json!(null)));

    let path = |letter: &serde_json::Value| format!("{LETTERS}/{}", letter["id"].as_str().unwrap());
    let shown = server.get(&path(number)).await.json();
    let decoded = &shown["content"]["decoded"]["batches"][0];
    assert_eq!((&decoded["seq"], &shown["content"]["cut"]), (&json!(1_u64 << 60), &json!(true)));
    assert_eq!(decoded["body"]["resolution"]["texts"].as_array().unwrap().len(), 100);
    assert_eq!(shown["headers"][wire::DEAD_LETTER_REASON], "out of range");
    let garbage = server.get(&path(&first["items"][1])).await.json();
    assert!(garbage["content"]["hex"].as_str().unwrap().starts_with("00000000  c1 c1"), "{garbage}");
    assert_eq!(garbage["content"]["cut"], true);
    // What crashes who works on it is not worked on.
    let crashes = server.get(&path(&last["items"][0])).await.json();
    assert!(crashes["content"]["hex"].is_string() && crashes["producers"].is_null(), "{crashes}");
}

#[tokio::test]
async fn letters_are_replayed_and_dropped_and_each_is_answered_for() {
    let world = World::new();
    let server = world.serve().await;
    for at in 1..=3 {
        bury(&world, at, "text/plain".to_owned(), Bytes::from_static(b"x"), &[]).await;
    }
    bury(&world, 4, "text/plain".to_owned(), Bytes::new(), &[(wire::DEAD_LETTER_EXCHANGE, "amq.topic")])
        .await;
    let list = server.get(LETTERS).await.json();
    let id = |number: usize| list["items"][number]["id"].clone();
    let body = json!({ "ids": [id(0), id(3), "feed"] });
    let answer = server.post(&format!("{LETTERS}/replay"), &body).await.json();
    let outcomes: BTreeMap<_, _> = answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["id"].clone().to_string(), item["outcome"].clone()))
        .collect();
    let expected = [(id(0), "replayed"), (id(3), "no_origin"), (json!("feed"), "not_found")];
    assert_eq!(outcomes, expected.map(|(id, outcome)| (id.to_string(), json!(outcome))).into());
    assert_eq!((&answer["done"], &answer["undone"]), (&json!(1), &json!(2)));
    assert_eq!(world.bus.depth(WorkQueue::Integrate).await, Some(1));
    let answer = server.post(&format!("{LETTERS}/drop"), &json!({ "first": 10 })).await.json();
    assert_eq!((&answer["done"], &answer["items"][0]["outcome"]), (&json!(3), &json!("dropped")));
    assert_eq!(world.bus.depth(WorkQueue::Dead).await, Some(0));
}

#[tokio::test]
async fn a_request_that_does_not_say_which_letters_is_refused() {
    let world = World::new();
    let server = world.serve().await;
    for body in [
        json!({}),
        json!({ "ids": ["a"], "first": 1 }),
        json!({ "ids": [] }),
        json!({ "ids": [1] }),
        json!({ "ids": ["0123456789abcdef0"] }),
        json!({ "first": 0 }),
        json!({ "first": 501 }),
        json!({ "all": true }),
    ] {
        let answer = server.post(&format!("{LETTERS}/drop"), &body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid"), "{body}");
    }
    assert_eq!(server.get(&format!("{LETTERS}/feed")).await.problem(), "not-found");
    assert_eq!(server.get(&format!("{LETTERS}?limit=1001")).await.problem(), "bad-query");
    world.bus.close().await;
    assert_eq!(server.get(LETTERS).await.problem(), "bus-unavailable");
}
