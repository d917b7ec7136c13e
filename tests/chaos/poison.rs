//! Messages that nobody can integrate, sent between the faults: each is a dead letter, once, and stays one whatever happens afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use igentai_core::batch::{Batch, BatchBody, BatchId};
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::key::KEY_VERSION;
use igentai_shared::bus::amqp::{AmqpBus, AmqpConfig};
use igentai_shared::bus::{Bus, Exchange, Outgoing, PublishError, WorkQueue};
use igentai_shared::wire::{self, Batches};
use igentai_test_support::until_some;

use crate::system::{SOON, System};

/// Rounds of faults between two of them.
pub(crate) const EVERY: usize = 3;

/// In which a message that was put to the dead letters twice shows.
const MOMENT: Duration = Duration::from_millis(200);

/// Sends one, of another sort than the one before, and waits until it is among the dead letters. The answer is why it is not.
pub(crate) async fn send(system: &mut System) -> Option<String> {
    let sent = system.poison;
    let bus = AmqpBus::connect(AmqpConfig::new(&system.broker.amqp_url(), "stranger").unwrap());
    let publish = || async {
        match bus.publish(of_sort(sent)).await {
            Err(PublishError::Disconnected(_)) => None,
            published => Some(published),
        }
    };
    let published = until_some(SOON, publish).await;
    let arrived = || async { bus.depth(WorkQueue::Dead).await.filter(|letters| *letters > sent) };
    let letters = until_some(SOON, arrived).await;
    // A second one would follow at once.
    let more = || async { bus.depth(WorkQueue::Dead).await.filter(|letters| *letters > sent + 1) };
    let letters = until_some(MOMENT, more).await.or(letters).ok();
    bus.close().await;
    system.poison += 1;
    let (wanted, is_published) = (system.poison, matches!(published, Ok(Ok(()))));
    (!is_published || letters != Some(wanted)).then(|| {
        format!("there are {letters:?} dead letters instead of {wanted}; the last was sent: {published:?}")
    })
}

fn of_sort(number: u64) -> Outgoing {
    let (topic, producer) = (TopicId::from_name("Sights").unwrap(), WorkerId::parse("stranger").unwrap());
    let batch = Batch {
        id: BatchId { topic: topic.clone(), run: 1, producer, incarnation: 1, seq: number + 1 },
        lowest_unresolved: 1,
        key_version: KEY_VERSION,
        body: BatchBody::Resolution { of: 1, texts: vec!["Sight of nobody".to_owned()] },
    };
    let of = |batch| wire::encode(&Batches { batches: vec![batch] });
    let known = wire::content_type::<Batches>();
    let (content_type, payload) = match number % 4 {
        0 => (known, Bytes::from_static(b"\xc1 this is no batch")),
        1 => (known, of(Batch { key_version: KEY_VERSION + 1, ..batch })),
        2 => (known, of(Batch { id: BatchId { seq: 1 << 60, ..batch.id }, ..batch })),
        _ => ("application/vnd.igentai.wishes.v1+msgpack".to_owned(), of(batch)),
    };
    Outgoing {
        exchange: Exchange::Batches,
        routing_key: topic.to_string(),
        content_type,
        message_id: format!("poison-{number}"),
        headers: BTreeMap::new(),
        payload,
    }
}
