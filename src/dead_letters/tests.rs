#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeMap;

use bytes::Bytes;
use igentai_shared::bus::{Bus, Delivery, Exchange, Incoming, Outgoing, Source, WorkQueue};
use igentai_shared::wire;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::topics::tests::world::World;

async fn bury(world: &World, number: u32) {
    let headers = [
        (wire::DEAD_LETTER_REASON, "it is \u{1b}[31mpoison".to_owned()),
        (wire::DEAD_LETTER_KIND, "form".to_owned()),
        (wire::DEAD_LETTER_AT, (1_700_000_000_000_u64 + u64::from(number)).to_string()),
        (wire::DEAD_LETTER_EXCHANGE, Exchange::Batches.name().to_owned()),
    ];
    let letter = Outgoing {
        exchange: Exchange::Dead,
        routing_key: "birds".to_owned(),
        content_type: "text/plain".to_owned(),
        message_id: format!("m-{number}"),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
        payload: Bytes::from_static(b"no batch at all \xff"),
    };
    world.bus.publish(letter).await.unwrap();
}

async fn said(client: &Client, action: Action) -> (String, Exit) {
    let mut out = Vec::new();
    let exit = act(client, action, &mut out).await.unwrap();
    (String::from_utf8(out).unwrap(), exit)
}

fn which(ids: &[&str], all: bool, yes: bool, json: bool) -> Settle {
    Settle { ids: ids.iter().map(|id| (*id).to_owned()).collect(), all, yes, json }
}

#[tokio::test]
async fn letters_are_listed_shown_replayed_and_dropped() {
    let world = World::new();
    let server = world.serve().await;
    let client = Client::new(&server.url).unwrap();
    let (nothing, _) = said(&client, Action::List { limit: 10, json: false }).await;
    assert_eq!(nothing, "no dead letters\n");
    for number in 1..=4 {
        bury(&world, number).await;
    }
    let (json, _) = said(&client, Action::List { limit: 10, json: true }).await;
    let list: Value = serde_json::from_str(&json).unwrap();
    let id = |number: usize| list["items"][number]["id"].as_str().unwrap();
    assert_eq!((&list["items"][0]["message_id"], &list["waiting"]), (&"m-1".into(), &4.into()));
    let (table, _) = said(&client, Action::List { limit: 2, json: false }).await;
    assert!(
        table.contains(id(0)) && table.contains("2 of 4 dead letters") && !table.contains('\u{1b}'),
        "{table}"
    );

    let (shown, _) = said(&client, Action::Show { id: id(1).to_owned(), json: false }).await;
    assert!(shown.contains("2023-11-14T22:13:20") && shown.contains("igentai.batches, birds"), "{shown}");
    assert!(shown.contains("6e 6f 20 62 61 74 63 68") && shown.contains("no.batch"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown}");

    let (text, exit) =
        said(&client, Action::Replay(which(&[id(0), "0000000000000000"], false, false, false))).await;
    assert_eq!(exit, Exit::Failed, "{text}");
    assert!(text.contains(&format!("{} replayed", id(0))) && text.contains("not found"), "{text}");
    let (json, exit) = said(&client, Action::Drop(which(&[id(1)], false, false, true))).await;
    let dropped: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&dropped["items"][0]["outcome"], exit), (&"dropped".into(), Exit::Done));

    // Nobody can be asked here.
    let unasked = act(&client, Action::Drop(which(&[], true, false, false)), &mut Vec::new()).await;
    assert_eq!(unasked.unwrap_err().exit, Exit::Usage);
    let (text, exit) = said(&client, Action::Drop(which(&[], true, true, false))).await;
    assert!(text.ends_with("drop: 2 done, 0 not\n") && exit == Exit::Done, "{text}");
    let depths = (world.bus.depth(WorkQueue::Dead).await, world.bus.depth(WorkQueue::Integrate).await);
    assert_eq!(depths, (Some(0), Some(1)));
}

#[tokio::test]
async fn so_many_that_one_request_does_not_settle_them_are_settled_and_what_comes_back_is_left() {
    let world = World::new();
    let server = world.serve().await;
    let client = Client::new(&server.url).unwrap();
    for number in 1..=1_100 {
        bury(&world, number).await;
    }
    // Whatever is replayed is a dead letter again at once.
    let mut reader = world.bus.consume(Source::Work(WorkQueue::Integrate), 10).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    let bus = std::sync::Arc::clone(&world.bus);
    tasks.spawn(async move {
        while let Ok(incoming) = reader.next().await {
            let Incoming::Delivery(delivery) = incoming else { continue };
            let Delivery { routing_key, content_type, message_id, headers, payload, .. } = delivery;
            let exchange = Exchange::Dead;
            let letter = Outgoing { exchange, routing_key, content_type, message_id, headers, payload };
            bus.publish(letter).await.unwrap();
            reader.ack(delivery.tag).await.unwrap();
        }
    });
    let (text, exit) = said(&client, Action::Replay(which(&[], true, true, false))).await;
    assert!(text.ends_with("replay: 1100 done, 0 not\n") && exit == Exit::Done, "{text}");
    let back = async || world.bus.depth(WorkQueue::Dead).await == Some(1_100);
    igentai_test_support::eventually(std::time::Duration::from_secs(20), back).await.unwrap();
    let (json, exit) = said(&client, Action::Drop(which(&[], true, true, true))).await;
    let dropped: Value = serde_json::from_str(&json).unwrap();
    let items = dropped["items"].as_array().unwrap().len();
    assert_eq!((&dropped["done"], items, exit), (&1_100.into(), 1_100, Exit::Done));
    assert_eq!(world.bus.depth(WorkQueue::Dead).await, Some(0));
}

#[tokio::test]
async fn what_was_settled_before_the_server_failed_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let items: Vec<Value> =
        (0..500).map(|number| json!({ "id": number.to_string(), "outcome": "dropped" })).collect();
    let answers = [
        json!({ "items": [], "waiting": 700, "complete": true }),
        json!({ "items": items, "done": 500, "undone": 0 }),
    ];
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4_096];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            let body = answer.to_string();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let mut out = Vec::new();
    let ended = act(&client, Action::Drop(which(&[], true, true, false)), &mut out).await;
    assert!(ended.unwrap_err().to_string().contains("does not answer"));
    assert!(String::from_utf8(out).unwrap().ends_with("drop: 500 done, 0 not\n"));
}

#[tokio::test]
async fn a_letter_that_is_not_there_is_told_as_such() {
    let world = World::new();
    let server = world.serve().await;
    let client = Client::new(&server.url).unwrap();
    let show = Action::Show { id: "x\u{1b}".to_owned(), json: false };
    let failure = act(&client, show, &mut Vec::new()).await.unwrap_err();
    assert!(failure.to_string().contains("there is no dead letter"), "{failure}");
}
