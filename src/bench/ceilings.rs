//! What broker and store do when nothing else is asked of them.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, FuturesUnordered};
use igentai_core::key::Fingerprint;
use igentai_shared::bus::{Bus, Exchange, Incoming, Source, WorkQueue};
use igentai_shared::clock::Clock;
use igentai_shared::store::redis::RedisStore;
use igentai_shared::store::{Commit, Store};

use super::load::{Load, SEED_BATCHES};
use super::whole::{WINDOW, outgoing};
use super::{Measured, failed, since};
use crate::exit::Failure;

/// Batches in one call of the store, as an integrator groups them, and calls at once.
const GROUP: u64 = 64;
const CALLERS: usize = 4;

const PREFETCH: u16 = 512;

/// Messages acknowledged together.
const ACKS: usize = 50;

/// When no message has come for so long, the queue is taken for empty.
const QUIET: Duration = Duration::from_millis(500);

/// Nothing moves for so long: the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(15);

/// Publishing with confirms, consuming and acknowledging, and nothing else: a message a batch. The queue of tasks is of the same kind as that of
/// batches, and no integrator reads it.
pub(super) async fn broker(
    bus: &Arc<dyn Bus>,
    clock: &Arc<dyn Clock>,
    load: &Load,
    time: Duration,
) -> Result<Measured, Failure> {
    let mut consumer = bus.consume(Source::Work(WorkQueue::Tasks), PREFETCH).await.map_err(failed)?;
    let begin = clock.now().monotonic;
    let (mut published, mut acked, mut seq) = (FuturesUnordered::new(), 0_u64, SEED_BATCHES);
    let (mut open, mut owed) = (0_usize, Vec::new());
    loop {
        let over = since(clock, begin) >= time;
        while !over && open < 2 * WINDOW {
            seq += 1;
            open += 1;
            published.push(bus.publish(outgoing(vec![load.batch(seq)], Exchange::Tasks, "model")));
        }
        if over && open == 0 && published.is_empty() {
            break;
        }
        tokio::select! {
            Some(result) = published.next() => result.map_err(failed)?,
            incoming = tokio::time::timeout(PATIENCE, consumer.next()) => {
                let incoming = incoming.map_err(|_| failed("no message came"))?.map_err(failed)?;
                // Here and not within the branch's future: one that is dropped may take a message along.
                if let Incoming::Delivery(delivery) = incoming {
                    owed.push(delivery.tag);
                    while owed.len() < ACKS && let Some(delivery) = consumer.try_next() {
                        owed.push(delivery.tag);
                    }
                    consumer.ack_all(&owed).await.map_err(failed)?;
                    acked += u64::try_from(owed.len()).unwrap_or(0);
                    open = open.saturating_sub(owed.len());
                    owed.clear();
                }
            }
        }
    }
    let seconds = since(clock, begin).as_secs_f64();
    // What was published or delivered twice, since a connection was lost meanwhile, is not left to others.
    while let Ok(incoming) = tokio::time::timeout(QUIET, consumer.next()).await {
        if let Incoming::Delivery(delivery) = incoming.map_err(failed)? {
            consumer.ack(delivery.tag).await.map_err(failed)?;
        }
    }
    Ok(Measured { batches: acked, messages: acked, seconds, ..Measured::default() })
}

/// Commits and nothing else. They are made before, so that making them takes nothing from the store.
pub(super) async fn store(
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    load: &Load,
    time: Duration,
) -> Result<Measured, Failure> {
    let commit = |calls: Vec<Vec<Commit>>| {
        let calls = calls.into_iter().map(|call| async move {
            let batches = u64::try_from(call.len()).unwrap_or(0);
            store.commit(call).await.map(|_| batches).map_err(Failure::from)
        });
        stream::iter(calls).buffered(CALLERS)
    };
    let make = |first: u64| (first..first + GROUP).map(|seq| load.commit(seq)).collect();
    portions(clock, time, make, commit).await
}

/// `SADD` of the same strings, in the same portions.
pub(super) async fn bare(
    redis: &Arc<RedisStore>,
    clock: &Arc<dyn Clock>,
    load: &Load,
    time: Duration,
) -> Result<Measured, Failure> {
    let add = |calls: Vec<Vec<Vec<Fingerprint>>>| {
        let calls = calls.into_iter().map(|call| async move {
            let batches = u64::try_from(call.len()).unwrap_or(0);
            redis.add_bare(&load.topic, call).await.map(|()| batches).map_err(Failure::from)
        });
        stream::iter(calls).buffered(CALLERS)
    };
    let strings = |seq| {
        let known = load.sightings(seq).map(|(_, fingerprint)| fingerprint);
        load.commit(seq).novel.into_iter().map(|named| named.fingerprint).chain(known).collect()
    };
    let make = |first: u64| (first..first + GROUP).map(strings).collect();
    portions(clock, time, make, add).await
}

/// Makes calls for a while, and measures how long they take, again and again.
async fn portions<C, S>(
    clock: &Arc<dyn Clock>,
    time: Duration,
    make: impl Fn(u64) -> C,
    work: impl Fn(Vec<C>) -> S,
) -> Result<Measured, Failure>
where
    S: futures::Stream<Item = Result<u64, Failure>>,
{
    const CALLS: u64 = 32;
    let (mut measured, mut first) = (Measured::default(), SEED_BATCHES + 1);
    while measured.seconds < time.as_secs_f64() {
        let calls = (0..CALLS).map(|call| make(first + call * GROUP)).collect();
        first += CALLS * GROUP;
        let begin = clock.now().monotonic;
        let mut done = std::pin::pin!(work(calls));
        while let Some(batches) = done.next().await {
            measured.batches += batches?;
        }
        measured.seconds += since(clock, begin).as_secs_f64();
    }
    Ok(measured)
}
