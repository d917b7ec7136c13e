//! The event stream: a suffix of the log from any cursor, without gap or repeat.

use igentai_core::folder::TopicId;
use igentai_core::ids::Seq;
use igentai_core::topic::{EndReason, Topic, TopicState};
use igentai_shared::store::Store;
use igentai_shared::wire::StatusEvent;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::client::{Event, Events};
use crate::support::{Server, World};

/// What a reader has been told of one topic.
#[derive(Debug, Default)]
struct Told {
    items: Vec<(Seq, String)>,
    cursor: Option<String>,
}

impl Told {
    fn take(&mut self, event: &Event) {
        self.cursor = Some(event.id.clone());
        match event.name.as_str() {
            "attributes" => {
                let texts = event.data["texts"].as_array().unwrap();
                let first = event.data["first"].as_u64().unwrap();
                self.items.extend((first..).zip(texts.iter().map(|text| text.as_str().unwrap().to_owned())));
            }
            "reset" => self.items.clear(),
            _ => {}
        }
    }

    async fn read_to(&mut self, events: &mut Events, last: Seq) {
        while self.items.last().is_none_or(|(seq, _)| *seq < last) {
            self.take(&events.next().await.expect("the stream goes on"));
        }
    }
}

/// Commits batches and tells of them as a broker at its worst: some never, some twice, some late.
async fn write(world: World, topic: TopicId, seed: u64, enough: CancellationToken) {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut late = None;
    while !enough.is_cancelled() {
        let event = world.add(&topic, 1, dice.random_range(0..6)).await;
        match dice.random_range(0..10) {
            0 => {}
            1 => {
                world.publish(&event).await;
                world.publish(&event).await;
            }
            2 | 3 => {
                if let Some(before) = late.replace(event) {
                    world.publish(&before).await;
                }
            }
            _ => world.publish(&event).await,
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_hangs_up_again_and_again_misses_nothing_and_hears_nothing_twice() {
    for seed in 0..6 {
        let world = World::new();
        let mut dice = StdRng::seed_from_u64(1_000 + seed);
        let topic = world.running("t").await.id;
        let mut server = world.serve().await;
        let mut writer = JoinSet::new();
        let enough = CancellationToken::new();
        writer.spawn(write(world.clone(), topic.clone(), seed, enough.clone()));
        let mut told = Told::default();
        let query = if seed % 2 == 0 { "?topic=t&after=0" } else { "" };
        let mut events = Events::open(&server, query, None).await;
        told.take(&events.next().await.unwrap());
        let begin = told.cursor.clone();
        for round in 0..25 {
            for _ in 0..dice.random_range(0..12) {
                told.take(&events.next().await.unwrap());
            }
            drop(events);
            if round % 8 == 7 {
                server.stop().await;
                server = world.serve().await;
            }
            events = Events::open(&server, query, told.cursor.as_deref()).await;
        }
        enough.cancel();
        writer.join_next().await.unwrap().unwrap();
        let set = world.set(&topic, 1).await;
        told.read_to(&mut events, set.len() as u64).await;
        let skipped = set.len() - told.items.len();
        assert!(told.items == set[skipped..], "seed {seed}: {:?}\n{:?}", told.items, set);
        assert!(skipped == 0 || seed % 2 == 1, "only a stream that began live may begin late");

        let mut again = Told::default();
        let mut events = Events::open(&server, query, begin.as_deref()).await;
        again.read_to(&mut events, set.len() as u64).await;
        assert!(again.items == told.items, "the same cursor tells the same");
    }
}

#[tokio::test]
async fn a_stream_without_cursor_begins_at_the_present_and_one_with_a_number_behind_it() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await.id;
    world.add(&topic, 1, 10).await;
    let mut present = Events::open(&server, "?topic=t", None).await;
    let mut behind = Events::open(&server, "?topic=t&after=4&run=1", None).await;
    assert_eq!(present.next().await.unwrap().name, "hello");
    assert_eq!(present.next().await.unwrap().data["id"], "t");
    world.publish(&world.add(&topic, 1, 2).await).await;
    assert_eq!(present.named("attributes").await.data["first"], 11);
    let mut told = Told::default();
    told.read_to(&mut behind, 12).await;
    assert_eq!(told.items, world.set(&topic, 1).await[4..]);
}

#[tokio::test]
async fn an_event_that_was_lost_is_found_in_the_registry_even_if_none_follows() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await.id;
    let mut events = Events::open(&server, "", None).await;
    assert_eq!(events.next().await.unwrap().name, "hello");
    for first in [1, 4] {
        world.add(&topic, 1, 3).await;
        assert_eq!(events.named("attributes").await.data["first"], first);
    }
}

#[tokio::test]
async fn a_reader_of_everything_is_told_of_topics_that_come_later() {
    let world = World::new();
    let server = world.serve().await;
    let mut events = Events::open(&server, "", None).await;
    let hello = events.next().await.unwrap();
    let topic = world.running("later").await.id;
    world.add(&topic, 1, 3).await;
    world.publish(&world.add(&topic, 1, 3).await).await;
    let mut told = Told::default();
    told.read_to(&mut events, 6).await;
    assert_eq!(told.items, world.set(&topic, 1).await);
    let mut resumed = Events::open(&server, "", Some(&hello.id)).await;
    let mut told = Told::default();
    told.read_to(&mut resumed, 6).await;
    assert_eq!(told.items, world.set(&topic, 1).await);
}

#[tokio::test]
async fn a_fresh_run_is_told_as_a_reset_to_those_who_listen_and_to_those_who_come_back() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await;
    world.publish(&world.add(&topic.id, 1, 5).await).await;
    let mut listening = Events::open(&server, "?topic=t&after=0", None).await;
    let mut told = Told::default();
    told.read_to(&mut listening, 5).await;
    let cursor = told.cursor.clone();
    let fresh = world.open(Topic { run: 2, version: topic.version, ..topic.clone() }).await;
    world.publish(&world.add(&fresh.id, 2, 2).await).await;

    let reset = listening.named("reset").await;
    assert_eq!(reset.data, json!({"topic": "t", "run": 2, "reason": "new_run"}));
    let next = listening.named("attributes").await;
    assert_eq!((&next.data["run"], &next.data["first"]), (&json!(2), &json!(1)));

    let mut back = Events::open(&server, "?topic=t&after=0", cursor.as_deref()).await;
    assert_eq!(back.named("reset").await.data["run"], 2);
    let mut told = Told::default();
    told.read_to(&mut back, 2).await;
    assert_eq!(told.items, world.set(&topic.id, 2).await);
    assert_eq!(
        Events::open(&server, "?topic=t&after=3&run=1", None).await.named("reset").await.data["run"],
        2
    );
}

#[tokio::test]
async fn a_topic_that_is_not_open_yet_is_followed_from_its_first_item_without_a_reset() {
    let world = World::new();
    let server = world.serve().await;
    server.post("/api/v1/topics", &json!({"name": "t"})).await;
    let mut events = Events::open(&server, "?topic=t&after=0&run=1", None).await;
    assert_eq!(events.next().await.unwrap().name, "hello");
    assert_eq!(events.next().await.unwrap().data["state"], "starting");
    let topic = world.store.topic(&"t".parse().unwrap()).await.unwrap().unwrap();
    let topic = world.open(topic).await.id;
    world.publish(&world.add(&topic, 1, 3).await).await;
    let mut names = Vec::new();
    let found = loop {
        let event = events.next().await.unwrap();
        if event.name == "attributes" {
            break event.data["first"].clone();
        }
        names.push(event.name);
    };
    assert!(found == 1 && !names.iter().any(|name| name == "reset"), "{names:?} before {found}");
}

#[tokio::test]
async fn a_registry_that_holds_less_than_was_told_is_told_as_a_reset() {
    let (before, after) = (World::new(), World::new());
    let server = before.serve().await;
    let topic = before.running("t").await.id;
    before.add(&topic, 1, 9).await;
    let mut told = Told::default();
    told.read_to(&mut Events::open(&server, "?topic=t&after=0", None).await, 9).await;
    after.running("t").await;
    after.add(&topic, 1, 4).await;
    let rolled_back = after.serve().await;
    let mut events = Events::open(&rolled_back, "?topic=t", told.cursor.as_deref()).await;
    assert_eq!(events.named("reset").await.data["reason"], "rewound");
    told.items.clear();
    told.read_to(&mut events, 4).await;
    assert_eq!(told.items, after.set(&topic, 1).await);
}

#[tokio::test]
async fn states_and_numbers_are_told_as_the_topic_itself_shows_them() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await;
    world.running("other").await;
    let mut events = Events::open(&server, "?topic=t", None).await;
    assert_eq!(events.named("topic").await.data["numbers"]["attributes"], 0);
    world.add(&topic.id, 1, 3).await;
    world.tick(&topic, |_| ()).await;
    let told = events.until("topic", |topic| topic["numbers"]["attributes"] != 0).await;
    assert_eq!(told, server.get("/api/v1/topics/t").await.json());
    assert_eq!(told["numbers"]["attributes"], 3);
    // Newer numbers are told before they are kept.
    world.add(&topic.id, 1, 2).await;
    let status = world.status(&topic).await;
    world.tell("topic", &topic.id, &StatusEvent { status }).await;
    let told = events.until("topic", |topic| topic["numbers"]["attributes"] == 5).await;
    // The word of the end is lost: the definition in the registry says it.
    world.put(topic, TopicState::Ended(EndReason::Dry)).await;
    let ended = events.until("topic", |topic| topic["state"] == "ended").await;
    assert_eq!(ended["numbers"], told["numbers"]);
}

#[tokio::test]
async fn a_decision_that_is_not_about_a_request_is_told_of_once() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await;
    let mut events = Events::open(&server, "?topic=t", None).await;
    let mut told = Vec::new();
    for decided in [3, 3, 7, 5, 9] {
        world.tick(&topic, |status| status.decided = decided).await;
        loop {
            let event = events.next().await.unwrap();
            match event.name.as_str() {
                "decided" => told.push(event.data.clone()),
                "topic" if event.data["numbers"]["decided"] == json!(decided) => break,
                _ => {}
            }
        }
    }
    world.tick(&topic, |status| (status.decided, status.problem) = (9, Some("the last".to_owned()))).await;
    while told.len() < 2 {
        let event = events.next().await.unwrap();
        if event.name == "decided" {
            told.push(event.data.clone());
        }
    }
    assert_eq!(
        told,
        [json!({"topic": "t", "run": 1, "number": 7}), json!({"topic": "t", "run": 1, "number": 9})]
    );
}

#[tokio::test]
async fn a_restarted_topic_is_followed_again_after_its_end() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await;
    let mut events = Events::open(&server, "", None).await;
    let ended = world.put(topic, TopicState::Ended(EndReason::Dry)).await;
    world.tick(&ended, |_| ()).await;
    events.until("topic", |topic| topic["state"] == "ended").await;
    let again = world.put(ended, TopicState::Running).await;
    world.tick(&again, |_| ()).await;
    world.add(&again.id, 1, 2).await;
    assert_eq!(events.named("attributes").await.data["first"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_slept_through_more_than_is_kept_goes_on_from_the_registry() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await.id;
    let mut events = Events::open(&server, "", None).await;
    let mut told = Told::default();
    told.take(&events.next().await.unwrap());
    let filler = "x".repeat(480);
    for n in 0..2_000 {
        let texts: Vec<String> = (0..20).map(|k| format!("{n} {k} {filler}")).collect();
        world.publish(&world.commit(&topic, 1, ("p1", "small"), &texts).await).await;
    }
    while told.items.last().is_none_or(|(seq, _)| *seq < 40_000) {
        match events.next().await {
            Some(event) => told.take(&event),
            // A machine so slow that the writing took longer than the server waits for a reader.
            None => events = Events::open(&server, "", told.cursor.as_deref()).await,
        }
    }
    assert!(told.items == world.set(&topic, 1).await);
}

#[tokio::test]
async fn the_end_of_the_server_ends_streams_at_once() {
    let world = World::new();
    let server = world.serve().await;
    let mut events = Events::open(&server, "", None).await;
    assert_eq!(events.next().await.unwrap().name, "hello");
    tokio::time::timeout(std::time::Duration::from_secs(2), Server::stop(server)).await.unwrap();
    assert_eq!(events.next().await, None);
}
