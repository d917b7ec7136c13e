//! Any history of commits with redeliveries, reordering and several producers gives what the model says, on every adapter.

use std::sync::atomic::{AtomicU32, Ordering};

use igentai_core::batch::Numbered;
use igentai_core::log::Entry;
use igentai_shared::store::{Commit, Store};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use super::batches::{batch, named, of_producer, topic_named};
use super::model::Model;
use super::subject::{Subject, embedded_file, in_memory, redis, redis_compact};

const PRODUCERS: u64 = 3;
const NUMBERS: u64 = 8;
const KEYS: usize = 24;

#[derive(Clone, Debug)]
enum Step {
    /// Batches of one call: producer, number, how many numbers below it are settled for the producer, run.
    Deliver(Vec<(u64, u64, u64, u64)>),
    /// A run, which may be the one that is open.
    Open { run_up: u64, cap: Option<u64> },
}

fn step() -> impl Strategy<Value = Step> {
    let delivery = (0..PRODUCERS, 1..=NUMBERS, 0..NUMBERS, prop_oneof![9 => Just(0_u64), 1 => 1..3_u64]);
    prop_oneof![
        12 => prop::collection::vec(delivery, 1..6).prop_map(Step::Deliver),
        1 => (0..2_u64, prop::option::of(0..KEYS as u64)).prop_map(|(run_up, cap)| Step::Open { run_up, cap }),
    ]
}

/// For every batch, what it says of every key: nothing, or text, spelling, sighting, number (where there is one; one too much; in another edition). A redelivery says the same.
type Content = Vec<Vec<u8>>;

fn history() -> impl Strategy<Value = (Content, Vec<Step>)> {
    let batches = usize::try_from(PRODUCERS * NUMBERS).unwrap();
    let says = prop_oneof![
        60 => Just(0_u8), 20 => Just(1), 10 => Just(2), 20 => Just(3), 30 => Just(4), 1 => Just(5), 1 => Just(6)
    ];
    let content = prop::collection::vec(prop::collection::vec(says, KEYS), batches);
    (content, prop::collection::vec(step(), 1..25))
}

fn make(
    content: &Content,
    (producer, seq, settled, run_back): (u64, u64, u64, u64),
    model: &Model,
) -> Commit {
    let (mut numbered, mut edition) = (Vec::new(), model.edition);
    let mut commit = of_producer(batch(seq), &format!("p{producer}"));
    let index = usize::try_from(producer * NUMBERS + seq - 1).unwrap();
    for (key, says) in content[index].iter().enumerate() {
        let mut named = named(&format!("key {key}"));
        named.text = format!("{} by {producer}.{seq}", named.text);
        match says {
            1 => commit.novel.push(named),
            2 => commit.spellings.push(named),
            3 => commit.sightings.push(named.fingerprint),
            4..=6 => {
                let number = model.number(&named.fingerprint);
                numbered.extend(number.map(|number| (number + u64::from(*says == 5), named.fingerprint)));
                edition += u64::from(*says == 6);
            }
            _ => {}
        }
    }
    commit.lowest_unresolved = (settled + 1).min(seq);
    commit.numbered = Numbered::of(edition, numbered);
    commit.id.run = model.run - run_back.min(model.run);
    commit
}

/// What an entry names again has no order.
fn in_order(mut log: Vec<Entry>) -> Vec<Entry> {
    for entry in &mut log {
        entry.tail.again.sort_unstable();
    }
    log
}

static CASE: AtomicU32 = AtomicU32::new(0);

async fn follows_the_model(
    store: &dyn Store,
    content: &Content,
    steps: &[Step],
) -> Result<(), TestCaseError> {
    let topic = topic_named(&format!("case {}", CASE.fetch_add(1, Ordering::Relaxed)));
    let mut model = Model::default();
    store.open_run(&topic, 1, 1, None).await.unwrap();
    model.open_run(1, None);
    model.edition = store.edition(&topic).await.unwrap();
    for step in steps {
        match step {
            Step::Open { run_up, cap } => {
                let run = model.run + run_up;
                model.open_run(run, *cap);
                let head = store.open_run(&topic, run, 1, *cap).await.unwrap();
                model.edition = store.edition(&topic).await.unwrap();
                prop_assert_eq!(head.attributes, model.attributes.len() as u64);
            }
            Step::Deliver(deliveries) => {
                let batches: Vec<Commit> = deliveries
                    .iter()
                    .map(|delivery| {
                        let mut commit = make(content, *delivery, &model);
                        commit.id.topic = topic.clone();
                        commit
                    })
                    .collect();
                // One whose numbers are wrong may be committed behind the others of its call.
                let lies = batches.iter().any(|batch| model.numbered(batch).is_none());
                for call in batches.chunks(if lies { 1 } else { batches.len() }) {
                    let expected: Vec<_> = call.iter().map(|batch| model.commit(batch)).collect();
                    prop_assert_eq!(store.commit(call.to_vec()).await.unwrap(), expected);
                }
            }
        }
    }
    let head = store.head(&topic).await.unwrap();
    prop_assert_eq!(
        (head.log_index, head.attributes),
        (model.log.len() as u64, model.attributes.len() as u64)
    );
    prop_assert_eq!(
        in_order(store.log(&topic, model.run, 0, usize::MAX).await.unwrap()),
        in_order(model.log.clone())
    );
    for after in [0, head.attributes / 2, head.attributes] {
        let found = store.attributes(&topic, model.run, after, usize::MAX).await.unwrap();
        prop_assert_eq!(&found, &model.attributes[usize::try_from(after).unwrap()..]);
    }
    Ok(())
}

fn any_history_follows_the_model(runtime: &tokio::runtime::Runtime, store: &Subject, cases: u32) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let found = TestRunner::new(config)
        .run(&history(), |(content, steps)| runtime.block_on(follows_the_model(&***store, &content, &steps)));
    if let Err(TestError::Fail(reason, input)) = &found {
        unreachable!("{reason}\nfor the history {input:#?}");
    }
    found.unwrap();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn any_history_follows_the_model_in_the_embedded_file() {
    any_history_follows_the_model(&runtime(), &embedded_file(), 32);
}

#[test]
fn any_history_follows_the_model_in_memory() {
    any_history_follows_the_model(&runtime(), &in_memory(), 256);
}

#[test]
fn any_history_follows_the_model_in_redis() {
    let runtime = runtime();
    let store = runtime.block_on(redis());
    any_history_follows_the_model(&runtime, &store, 64);
}

#[test]
fn any_history_follows_the_model_in_redis_with_the_compact_layout() {
    let runtime = runtime();
    let store = runtime.block_on(redis_compact());
    any_history_follows_the_model(&runtime, &store, 64);
}
