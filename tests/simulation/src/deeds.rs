//! What people and strangers do during a run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use igentai_core::batch::{Batch, BatchBody, BatchId};
use igentai_core::ids::WorkerId;
use igentai_core::key::KEY_VERSION;
use igentai_core::topic::{EndReason, StartMode, StartRequest, Topic, TopicState};
use igentai_shared::bus::memory::MemoryBus;
use igentai_shared::bus::{Bus, Exchange, Outgoing, Source, WorkQueue};
use igentai_shared::registry::{self, RegistryError};
use igentai_shared::store::Store;
use igentai_shared::wire::{self, Batches, Message};

use crate::faults::Kind;
use crate::system::World;

/// Who sends what nobody can integrate.
pub(crate) const STRANGER: &str = "producer-stranger";

/// How long an operator waits for a topic to stop.
const PATIENCE_TICKS: u32 = 600;

/// Sends messages that nobody can integrate.
pub(crate) async fn poison(world: Arc<World>) {
    let stranger = world.bus.another_client();
    for (number, deed) in world.faults.deeds(Kind::Poison).into_iter().enumerate() {
        tokio::time::sleep(Duration::from_millis(deed.from.saturating_sub(world.faults.now()))).await;
        for part in 0..deed.calls {
            let seq = deed.from + u64::from(part);
            let (content_type, payload) = bad(&world, seq);
            let message_id = format!("poison-{number}-{part}");
            world.witness.poisoned(seq, &message_id);
            world.faults.count(Kind::Poison);
            let message = Outgoing {
                exchange: Exchange::Batches,
                routing_key: world.topic.to_string(),
                content_type,
                message_id,
                headers: std::collections::BTreeMap::new(),
                payload: payload.into(),
            };
            stranger.publish(message).await.unwrap();
        }
    }
}

/// A content type and bytes that are no batches.
fn bad(world: &World, number: u64) -> (String, Vec<u8>) {
    let usual = wire::content_type::<Batches>();
    let version = |version: u32| format!(".v{version}+");
    let of_strangers = |key_version| {
        let producer = WorkerId::parse(STRANGER).unwrap();
        let id = BatchId { topic: world.topic.clone(), run: 1, producer, incarnation: 1, seq: number };
        let body = BatchBody::Resolution { of: 1, texts: vec!["A stranger's word".to_owned()] };
        wire::encode(&Batches { batches: vec![Batch { id, lowest_unresolved: 1, key_version, body }] })
            .to_vec()
    };
    let list = |marker: &[u8], elements: usize| {
        let mut bytes = vec![0x81, 0xa7];
        bytes.extend(b"batches");
        bytes.extend(marker);
        bytes.extend(vec![0xc0; elements]);
        bytes
    };
    match number % 9 {
        0 => (usual, vec![0xc1; 100]),
        1 => (
            usual.replace(&version(Batches::VERSION), &version(Batches::VERSION + 1)),
            of_strangers(KEY_VERSION),
        ),
        2 => ("application/json".to_owned(), b"[]".to_vec()),
        // One element too many; a length that is a lie; more than a message may hold.
        3 => (usual, list(&[0xdc, 0x03, 0xe9], 1_001)),
        4 => (usual, list(&[0xdd, 0xff, 0xff, 0xff, 0xff], 3)),
        5 => (usual, vec![0xc0; wire::MAX_MESSAGE_BYTES + 1]),
        6 => (usual, vec![0x91; 40]),
        7 => (usual, [of_strangers(KEY_VERSION), vec![0xc0]].concat()),
        _ => (usual, of_strangers(KEY_VERSION + 1)),
    }
}

/// The message ids of the dead letters.
pub(crate) async fn dead_letters(client: &MemoryBus) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut consumer = client.consume(Source::Work(WorkQueue::Dead), u16::MAX).await.unwrap();
    while let Some(letter) = consumer.try_next() {
        found.insert(letter.message_id);
    }
    found
}

/// Changes weights and items per request while the topic runs.
pub(crate) async fn change(world: Arc<World>) {
    for deed in world.faults.deeds(Kind::OperatorChanges) {
        tokio::time::sleep(Duration::from_millis(deed.from.saturating_sub(world.faults.now()))).await;
        let change = |topic: &Topic| {
            let mut changed = Topic { version: topic.version + 1, ..topic.clone() };
            let beta = if deed.to.is_multiple_of(2) { 0.0 } else { 3.0 };
            changed.provider_weights = [("alpha".to_owned(), 1.0), ("beta".to_owned(), beta)].into();
            changed.items_per_request = 3 + u32::try_from(deed.from % 6).unwrap();
            Ok::<_, RegistryError>(topic.state.is_live().then_some(changed))
        };
        world.faults.count(Kind::OperatorChanges);
        registry::alter(world.store.as_ref(), &world.topic, change).await.unwrap();
    }
}

/// Stops the topic and starts it again, going on with its run.
pub(crate) async fn stop_and_go(world: Arc<World>) {
    let (store, id) = (world.store.as_ref(), &world.topic);
    for deed in world.faults.deeds(Kind::OperatorStops) {
        tokio::time::sleep(Duration::from_millis(deed.from.saturating_sub(world.faults.now()))).await;
        let live = store.topic(id).await.unwrap().unwrap();
        if !live.state.is_live() {
            continue;
        }
        registry::end(store, id, EndReason::Stopped).await.unwrap();
        world.faults.count(Kind::OperatorStops);
        for _ in 0..PATIENCE_TICKS {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let stopped = store.topic(id).await.unwrap().unwrap();
            let TopicState::Ended(reason) = stopped.state else { continue };
            if reason == EndReason::Stopped {
                let request = StartRequest {
                    seeds: world.seeds(true).await,
                    name: stopped.name,
                    limits: Some(stopped.limits),
                    mode: StartMode::Resume,
                    ..StartRequest::default()
                };
                registry::start(store, &request, world.clock.now().unix).await.unwrap();
                world.witness.resumed();
            }
            break;
        }
    }
}
