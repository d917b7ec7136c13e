//! The whole way: published as a producer does, integrated, announced, and the receipt back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use igentai_core::batch::Batch;
use igentai_core::filter::{Delta, Replica};
use igentai_core::folder::TopicId;
use igentai_core::ids::Run;
use igentai_core::numbers::Numbers;
use igentai_core::time::Monotonic;
use igentai_core::worker::{NUMBERS, PublishQueue};
use igentai_orchestrator::{Context, integrator};
use igentai_shared::bus::{Bus, Consumer, Exchange, Incoming, Outgoing, Source};
use igentai_shared::clock::Clock;
use igentai_shared::wire::{self, Batches, FilterDelta, Receipts};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::load::{Load, SEED_BATCHES};
use super::witness::{Witness, instant};
use super::{Measured, failed, since};
use crate::exit::Failure;

/// Batches under way at once.
pub(super) const WINDOW: usize = 512;

const PREFETCH: u16 = 512;

/// Nothing moves for so long: the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is handed over before is not asked how long it took: connections are made, tables filled.
const WARMING_UP: Duration = Duration::from_millis(500);

/// How the load comes, and who else listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) time: Duration,
    /// Batches a second; as many as go through where there is none.
    pub(super) offered: Option<f64>,
    /// Producers that follow the filter.
    pub(super) followers: usize,
}

pub(super) fn outgoing(batches: Vec<Batch>, exchange: Exchange, routing_key: &str) -> Outgoing {
    Outgoing {
        exchange,
        routing_key: routing_key.to_owned(),
        content_type: wire::content_type::<Batches>(),
        message_id: wire::batches_id(&batches),
        headers: BTreeMap::new(),
        payload: wire::encode(&Batches { batches }),
    }
}

pub(super) async fn whole(context: Context, load: &Load, way: Way) -> Result<Measured, Failure> {
    let (bus, clock) = (Arc::clone(&context.bus), Arc::clone(&context.clock));
    let witness = Arc::new(Witness::default());
    let key = format!("producer.{}", load.producer);
    let own = Source::Broadcast { name: format!("igentai.{key}"), bindings: vec![(Exchange::Commands, key)] };
    let mut receipts = bus.consume(own, PREFETCH).await.map_err(failed)?;
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    for number in 0..way.followers {
        let name = format!("igentai.{}.follower-{number}", load.producer);
        let bindings = vec![(Exchange::Filters, format!("delta.{}", load.topic))];
        let deltas = bus.consume(Source::Broadcast { name, bindings }, PREFETCH).await.map_err(failed)?;
        tasks.spawn(follow(deltas, load.topic.clone(), load.run, stop.clone()));
    }
    let (asked, watching) = (stop.clone(), Arc::clone(&witness));
    tasks.spawn(async move {
        integrator::run_watched(context, asked, &move |commit| watching.note(commit.id.seq)).await;
    });
    let mut producer = Producer {
        bus: &bus,
        clock: &clock,
        load,
        due: PublishQueue::default(),
        open: BTreeMap::new(),
        published: BTreeMap::new(),
        seq: SEED_BATCHES,
    };
    let measured = producer.work(receipts.as_mut(), way).await;
    let published = producer.published;
    stop.cancel();
    while tasks.join_next().await.is_some() {}
    let mut measured = measured?;
    // A batch that came twice was committed the first time.
    let mut committed = BTreeMap::new();
    for (seq, at) in witness.committed() {
        committed.entry(seq).or_insert(at);
    }
    let latency = |(seq, at): (&u64, &Instant)| Some((*committed.get(seq)? - *at).as_secs_f64() * 1e3);
    measured.commits_ms = published.iter().filter_map(latency).collect();
    measured.commits_ms.sort_by(f64::total_cmp);
    Ok(measured)
}

/// Takes a filter's deltas in, as a producer does.
async fn follow(mut deltas: Box<dyn Consumer>, topic: TopicId, run: Run, stop: CancellationToken) {
    let mut replica = Replica::new(run);
    let mut numbers = Numbers::new(NUMBERS);
    loop {
        let incoming = tokio::select! {
            () = stop.cancelled() => return,
            incoming = deltas.next() => incoming,
        };
        let Ok(Incoming::Delivery(delivery)) = incoming else { continue };
        if let Ok(delta) = wire::decode::<FilterDelta>(&delivery.content_type, &delivery.payload) {
            let FilterDelta { run, generation, from, to, fingerprints, edition, first, .. } = delta;
            numbers.learn(&topic, (run, edition), fingerprints.iter().copied().zip(first..));
            replica.delta(Delta { run, generation, from, to, fingerprints, first: None });
        }
    }
}

struct Producer<'a> {
    bus: &'a Arc<dyn Bus>,
    clock: &'a Arc<dyn Clock>,
    load: &'a Load,
    /// Batches to be published now.
    due: PublishQueue,
    /// When each batch was handed over that has no receipt.
    open: BTreeMap<u64, Instant>,
    /// When each of those was that are asked how long they took.
    published: BTreeMap<u64, Instant>,
    seq: u64,
}

impl Producer<'_> {
    async fn work(&mut self, receipts: &mut dyn Consumer, way: Way) -> Result<Measured, Failure> {
        let (begin, start) = (self.clock.now().monotonic, instant());
        let mut published = FuturesUnordered::new();
        let mut measured = Measured::default();
        loop {
            let passed = since(self.clock, begin);
            let over = passed >= way.time;
            let due = self.hand_over(begin, way, over);
            while let Some(batches) = self.due.next_message() {
                measured.messages += 1;
                let message = outgoing(batches, Exchange::Batches, self.load.topic.as_str());
                published.push(self.bus.publish(message));
            }
            if over && self.due.is_empty() && self.open.is_empty() && published.is_empty() {
                break;
            }
            tokio::select! {
                Some(result) = published.next() => {
                    result.map_err(failed)?;
                    self.due.settled(&self.load.topic);
                }
                incoming = receipts.next() => {
                    let Incoming::Delivery(delivery) = incoming.map_err(failed)? else { continue };
                    let Receipts { receipts } =
                        wire::decode(&delivery.content_type, &delivery.payload).map_err(failed)?;
                    for receipt in receipts {
                        let Some(at) = self.open.remove(&receipt.id.seq) else { continue };
                        measured.batches += 1;
                        if at.duration_since(start) >= WARMING_UP {
                            self.published.insert(receipt.id.seq, at);
                            measured.latencies_ms.push(at.elapsed().as_secs_f64() * 1e3);
                        }
                    }
                }
                () = tokio::time::sleep(due.unwrap_or(PATIENCE)) => {
                    if due.is_none() {
                        return Err(failed("no receipt came"));
                    }
                }
            }
        }
        measured.seconds = since(self.clock, begin).as_secs_f64();
        measured.latencies_ms.sort_by(f64::total_cmp);
        Ok(measured)
    }

    /// Hands over what is due; answers when the next one is, if that depends on time. Nothing holds up what is offered but this process' own timers.
    fn hand_over(&mut self, begin: Monotonic, way: Way, over: bool) -> Option<Duration> {
        let passed = since(self.clock, begin);
        if over {
            return None;
        }
        loop {
            match way.offered {
                None if self.open.len() >= WINDOW => return None,
                None => {}
                Some(rate) => {
                    let number = u32::try_from(self.seq - SEED_BATCHES).unwrap_or(u32::MAX);
                    let due = Duration::from_secs_f64(f64::from(number) / rate);
                    if due > passed {
                        return Some(due.saturating_sub(passed));
                    }
                }
            }
            self.seq += 1;
            self.open.insert(self.seq, instant());
            self.due.push(self.load.batch(self.seq));
        }
    }
}
