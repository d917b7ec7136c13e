//! The three measurements. Each runs for the time given and counts what was settled in it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, FuturesUnordered};
use igentai_core::time::Monotonic;
use igentai_orchestrator::{Context, integrator};
use igentai_shared::bus::{Bus, Consumer, Exchange, Incoming, Outgoing, Source, WorkQueue};
use igentai_shared::clock::Clock;
use igentai_shared::store::Store;
use igentai_shared::wire::{self, Batches, Receipts};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::load::Load;
use crate::exit::{Exit, Failure};

/// Batches under way at once.
pub(super) const WINDOW: usize = 256;

/// Batches in one call of the store, as an integrator groups them, and calls at once.
const GROUP: u64 = 32;
const CALLERS: usize = 4;

const PREFETCH: u16 = 256;

/// When no message has come for so long, the queue is taken for empty.
const QUIET: Duration = Duration::from_millis(500);

/// Nothing moves for so long: the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(15);

/// What was settled, and in which time.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    pub(super) batches: u64,
    pub(super) seconds: f64,
    /// From publishing to the receipt, in milliseconds, sorted; where it was measured.
    pub(super) latencies_ms: Vec<f64>,
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, format!("the measurement broke off: {error}"))
}

fn outgoing(load: &Load, seq: u64, exchange: Exchange, routing_key: &str) -> Outgoing {
    Outgoing {
        exchange,
        routing_key: routing_key.to_owned(),
        content_type: wire::content_type::<Batches>(),
        message_id: format!("{}-{seq}", load.topic),
        headers: BTreeMap::new(),
        payload: wire::encode(&Batches { batches: vec![load.batch(seq)] }),
    }
}

/// Publishing with confirms, consuming and acknowledging, and nothing else. The queue of tasks is of the same kind as that of batches,
/// and no integrator reads it.
pub(super) async fn broker(
    bus: &Arc<dyn Bus>,
    clock: &Arc<dyn Clock>,
    load: &Load,
    time: Duration,
) -> Result<Measured, Failure> {
    let mut consumer = bus.consume(Source::Work(WorkQueue::Tasks), PREFETCH).await.map_err(failed)?;
    let begin = clock.now().monotonic;
    let (mut published, mut acked, mut seq) = (FuturesUnordered::new(), 0_u64, 1_u64);
    let mut open = 0_usize;
    loop {
        let over = since(clock, begin) >= time;
        while !over && open < WINDOW {
            seq += 1;
            open += 1;
            published.push(bus.publish(outgoing(load, seq, Exchange::Tasks, "model")));
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
                    consumer.ack(delivery.tag).await.map_err(failed)?;
                    acked += 1;
                    open = open.saturating_sub(1);
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
    Ok(Measured { batches: acked, seconds, latencies_ms: Vec::new() })
}

/// Commits and nothing else.
pub(super) async fn store(
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    load: &Load,
    time: Duration,
) -> Result<Measured, Failure> {
    let begin = clock.now().monotonic;
    let groups = stream::iter(0_u64..).take_while(|_| std::future::ready(since(clock, begin) < time));
    let mut calls = groups
        .map(|group| async move {
            let first = 2 + group * GROUP;
            store.commit((first..first + GROUP).map(|seq| load.commit(seq)).collect()).await
        })
        .buffered(CALLERS);
    let mut batches = 0;
    while let Some(outcome) = calls.next().await {
        batches += u64::try_from(outcome?.len()).unwrap_or(0);
    }
    Ok(Measured { batches, seconds: since(clock, begin).as_secs_f64(), latencies_ms: Vec::new() })
}

/// The whole way: published as a producer does, integrated, announced, and the receipt back.
pub(super) async fn whole(context: Context, load: &Load, time: Duration) -> Result<Measured, Failure> {
    let (bus, clock) = (Arc::clone(&context.bus), Arc::clone(&context.clock));
    let key = format!("producer.{}", load.producer);
    let own = Source::Broadcast { name: format!("igentai.{key}"), bindings: vec![(Exchange::Commands, key)] };
    let mut receipts = bus.consume(own, PREFETCH).await.map_err(failed)?;
    let stop = CancellationToken::new();
    let mut integrators = JoinSet::new();
    integrators.spawn(integrator::run(context, stop.clone()));
    let measured = round(&bus, &clock, receipts.as_mut(), load, time).await;
    stop.cancel();
    while integrators.join_next().await.is_some() {}
    measured
}

async fn round(
    bus: &Arc<dyn Bus>,
    clock: &Arc<dyn Clock>,
    receipts: &mut dyn Consumer,
    load: &Load,
    time: Duration,
) -> Result<Measured, Failure> {
    let begin = clock.now().monotonic;
    let (mut open, mut seq) = (BTreeMap::<u64, Monotonic>::new(), 1_u64);
    let mut published = FuturesUnordered::new();
    let mut measured = Measured::default();
    loop {
        let over = since(clock, begin) >= time;
        while !over && open.len() < WINDOW {
            seq += 1;
            open.insert(seq, clock.now().monotonic);
            published.push(bus.publish(outgoing(load, seq, Exchange::Batches, load.topic.as_str())));
        }
        if over && open.is_empty() && published.is_empty() {
            break;
        }
        tokio::select! {
            Some(result) = published.next() => result.map_err(failed)?,
            incoming = tokio::time::timeout(PATIENCE, receipts.next()) => {
                let incoming = incoming.map_err(|_| failed("no receipt came"))?.map_err(failed)?;
                let Incoming::Delivery(delivery) = incoming else { continue };
                let Receipts { receipts } =
                    wire::decode(&delivery.content_type, &delivery.payload).map_err(failed)?;
                for receipt in receipts {
                    if let Some(at) = open.remove(&receipt.id.seq) {
                        measured.batches += 1;
                        measured.latencies_ms.push(since(clock, at).as_secs_f64() * 1e3);
                    }
                }
            }
        }
    }
    measured.seconds = since(clock, begin).as_secs_f64();
    measured.latencies_ms.sort_by(f64::total_cmp);
    Ok(measured)
}

fn since(clock: &Arc<dyn Clock>, begin: Monotonic) -> Duration {
    clock.now().monotonic.since(begin)
}
