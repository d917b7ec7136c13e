//! Cursors of streams of all topics, most of which have ended.

use std::collections::BTreeMap;

use igentai_core::ids::Seq;
use igentai_core::topic::{EndReason, Topic, TopicState};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::client::{Event, Events};
use crate::support::{Server, World};

const ENDED: TopicState = TopicState::Ended(EndReason::Stopped);

/// Topics that have ended, with some items each.
async fn ended(world: &World, count: usize) -> Vec<Topic> {
    let mut topics = Vec::new();
    for number in 0..count {
        let topic = world.running(&format!("topic {number}")).await;
        world.add(&topic.id, 1, 1 + number % 4).await;
        topics.push(world.put(topic, ENDED).await);
    }
    topics
}

async fn afresh(world: &World, topic: &Topic) -> Topic {
    world.open(Topic { run: topic.run + 1, ..topic.clone() }).await
}

/// What a reader holds of all topics.
#[derive(Debug, Default)]
struct Held {
    items: BTreeMap<String, Vec<(Seq, String)>>,
    cursor: String,
}

impl Held {
    /// Takes an event; items must follow those that are held.
    fn take(&mut self, event: &Event) {
        self.cursor.clone_from(&event.id);
        match event.name.as_str() {
            "attributes" => {
                let items = self.items.entry(event.data["topic"].as_str().unwrap().to_owned()).or_default();
                let first = event.data["first"].as_u64().unwrap();
                assert_eq!(first, items.last().map_or(1, |(seq, _)| seq + 1), "{event:?}");
                let texts = event.data["texts"].as_array().unwrap();
                items.extend((first..).zip(texts.iter().map(|text| text.as_str().unwrap().to_owned())));
            }
            "reset" => drop(self.items.remove(event.data["topic"].as_str().unwrap())),
            _ => {}
        }
    }
}

async fn everything(world: &World, topics: &[Topic]) -> BTreeMap<String, Vec<(Seq, String)>> {
    let mut all = BTreeMap::new();
    for topic in topics {
        let items = world.set(&topic.id, topic.run).await;
        if !items.is_empty() {
            all.insert(topic.id.to_string(), items);
        }
    }
    all
}

/// Everything a stream tells of items up to a sign that all of it was told: another item of a topic that is watched for it.
async fn told(server: &Server, world: &World, cursor: &str) -> Vec<(String, Value)> {
    let sign = world.running("the sign").await;
    let mut events = Events::open(server, "", Some(cursor)).await;
    let mut told = Vec::new();
    assert_eq!(events.next().await.unwrap().name, "hello");
    world.add(&sign.id, 1, 1).await;
    loop {
        let event = events.next().await.unwrap();
        if event.name == "attributes" && event.data["topic"] == "the_sign" {
            return told;
        }
        if event.name != "topic" {
            told.push((event.name, event.data));
        }
    }
}

#[tokio::test]
async fn a_cursor_does_not_grow_with_topics_that_have_ended() {
    let world = World::new();
    let server = world.serve().await;
    ended(&world, 300).await;
    world.running("live").await;
    let hello = Events::open(&server, "", None).await.next().await.unwrap();
    assert!(hello.id.len() < 250, "{} characters", hello.id.len());
    assert_eq!(told(&server, &world, &hello.id).await, []);
}

#[tokio::test]
async fn topics_that_go_on_while_nobody_listens_are_told_from_where_the_reader_was() {
    let world = World::new();
    let server = world.serve().await;
    let topics = ended(&world, 100).await;
    let cursor = Events::open(&server, "", None).await.next().await.unwrap().id;

    let again = world.put(topics[3].clone(), TopicState::Running).await;
    world.add(&again.id, 1, 2).await;
    let anew = afresh(&world, &topics[50]).await;
    world.add(&anew.id, 2, 1).await;
    let new = world.running("a new one").await;
    world.add(&new.id, 1, 3).await;
    world.put(again, ENDED).await;

    let mut told = told(&server, &world, &cursor).await;
    told.sort_by_key(|(_, data)| data["topic"].as_str().unwrap().to_owned());
    let short: Vec<_> = told
        .iter()
        .map(|(name, data)| {
            (
                name.as_str(),
                data["topic"].as_str().unwrap(),
                data["run"].as_u64().unwrap(),
                data["first"].as_u64(),
            )
        })
        .collect();
    assert_eq!(
        short,
        [
            ("attributes", "a_new_one", 1, Some(1)),
            ("attributes", "topic_3", 1, Some(5)),
            ("reset", "topic_50", 2, None),
            ("attributes", "topic_50", 2, Some(1)),
        ]
    );
    // The cursor of everything says as much to a stream of one.
    let mut narrowed = Events::open(&server, "?topic=topic_3", Some(&cursor)).await;
    assert_eq!(narrowed.named("attributes").await.data["first"], 5);
}

#[tokio::test]
async fn where_a_cursor_does_not_tell_where_the_reader_was_its_topics_begin_anew() {
    let world = World::new();
    let server = world.serve().await;
    let topics = ended(&world, 40).await;
    let cursor = Events::open(&server, "", None).await.next().await.unwrap().id;
    for topic in &topics {
        world.add(&topic.id, 1, 1).await;
    }
    // Whoever hangs up before it was told is told when it comes back.
    let between = Events::open(&server, "", Some(&cursor)).await.next().await.unwrap().id;
    for cursor in [cursor, between] {
        let mut held = Held::default();
        let mut events = Events::open(&server, "", Some(&cursor)).await;
        let mut resets = Vec::new();
        let wanted = everything(&world, &topics).await;
        while held.items != wanted {
            let event = events.next().await.unwrap();
            if event.name == "reset" {
                assert_eq!(event.data["reason"], json!("uncertain"));
                resets.push(event.data["topic"].as_str().unwrap().to_owned());
            }
            held.take(&event);
        }
        resets.sort_unstable();
        resets.dedup();
        assert_eq!(resets.len(), 40);
    }
}

/// Topics end, go on, begin anew and come into being while a reader hangs up again and again.
#[tokio::test]
async fn a_reader_of_many_topics_that_come_and_go_ends_with_what_the_registry_has() {
    for seed in 0..8 {
        let world = World::new();
        let server = world.serve().await;
        let mut dice = StdRng::seed_from_u64(seed);
        let mut topics = ended(&world, 30).await;
        let mut held = Held { items: everything(&world, &topics).await, ..Held::default() };
        let mut events = Events::open(&server, "", None).await;
        for round in 0..30 {
            for _ in 0..dice.random_range(0..4) {
                let chosen = dice.random_range(0..topics.len());
                let topic = topics[chosen].clone();
                topics[chosen] = match dice.random_range(0..6) {
                    0 if topic.state.is_ended() => afresh(&world, &topic).await,
                    1 | 2 => world.put(topic, ENDED).await,
                    _ => world.put(topic, TopicState::Running).await,
                };
                let (id, run) = (topics[chosen].id.clone(), topics[chosen].run);
                world.publish(&world.add(&id, run, dice.random_range(0..3)).await).await;
            }
            if round % 7 == 0 {
                topics.push(world.running(&format!("late {round}")).await);
            }
            for _ in 0..dice.random_range(0..3) {
                held.take(&events.next().await.unwrap());
                if dice.random_range(0..3) == 0 {
                    break;
                }
            }
            if held.cursor.is_empty() {
                held.take(&events.next().await.unwrap());
            }
            drop(events);
            events = Events::open(&server, "", Some(&held.cursor)).await;
        }
        let wanted = everything(&world, &topics).await;
        while held.items != wanted {
            held.take(&events.next().await.unwrap());
        }
    }
}
