//! The bus as a process with bad luck sees it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use igentai_core::command::{Command, Heartbeat};
use igentai_core::key::Fingerprint;
use igentai_shared::bus::memory::MemoryBus;
use igentai_shared::bus::{
    Bus, BusError, BusState, Consumer, Exchange, Look, Outgoing, PublishError, Source, WorkQueue,
};
use igentai_shared::wire::{
    self, Batches, FilterDelta, FilterSnapshot, Message, NewAttributes, Published, Receipts,
};

use super::consumer::FaultyConsumer;
use super::{Faults, Kind, Life};
use crate::plan::PRODUCERS;
use crate::witness::Witness;

/// How long a publisher waits for a confirmation that does not come.
const CONFIRM_DEADLINE: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
pub(crate) struct FaultyBus {
    pub(crate) inner: Arc<MemoryBus>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) life: Life,
    pub(crate) witness: Arc<Witness>,
    /// Fingerprints of things that exist, for filters that claim too much.
    pub(crate) lures: Arc<Vec<Fingerprint>>,
}

impl FaultyBus {
    fn strikes(&self, kind: Kind) -> bool {
        self.faults.strikes(kind, self.life.process)
    }

    fn is_out(&self) -> bool {
        self.faults.is_on(Kind::BusOutage, self.life.process)
    }

    fn see(&self, message: &Outgoing) {
        let (kind, payload) = (message.content_type.as_str(), &message.payload);
        if message.exchange == Exchange::Dead {
            return;
        }
        let known = wire::kind_of(kind).map(|(kind, _)| kind);
        self.witness.message(known.unwrap_or_default(), payload);
        match known {
            Some(Heartbeat::KIND) => self.witness.heartbeat(&wire::decode(kind, payload).unwrap()),
            // What others publish they have from a producer.
            Some(Batches::KIND) if self.life.process < PRODUCERS => {
                let Batches { batches } = wire::decode(kind, payload).unwrap();
                self.witness.batches(batches);
            }
            Some(Receipts::KIND) => {
                let Receipts { receipts } = wire::decode(kind, payload).unwrap();
                self.witness.step(|steps, _| receipts.iter().try_for_each(|receipt| steps.receipt(receipt)));
            }
            Some(FilterDelta::KIND) => {
                let delta = wire::decode(kind, payload).unwrap();
                self.witness.step(|steps, _| steps.delta(&delta));
            }
            Some(NewAttributes::KIND) => {
                let event = wire::decode(kind, payload).unwrap();
                self.witness.step(|steps, _| steps.event(&event));
            }
            Some(Published::KIND) => {
                let note = wire::decode(kind, payload).unwrap();
                self.witness.step(|steps, _| steps.published(&note));
            }
            Some(FilterSnapshot::KIND) => {
                self.witness.snapshot(wire::decode(kind, payload).unwrap());
            }
            Some(Command::KIND) => {
                let command = wire::decode(kind, payload).unwrap();
                self.witness.command(&command);
                let producer = message.routing_key.trim_start_matches("producer.");
                self.witness.step(|steps, _| steps.command(producer, &command));
                self.witness.granted(&message.routing_key, &command);
            }
            _ => {}
        }
    }

    /// A publication came to its end, whatever that is.
    fn ended(&self, message: &Outgoing) {
        let is_own = message.exchange == Exchange::Batches && self.life.process < PRODUCERS;
        if is_own && message.content_type == wire::content_type::<Batches>() {
            let Batches { batches } = wire::decode(&message.content_type, &message.payload).unwrap();
            self.witness.published(&batches);
        }
    }

    /// What the broker has confirmed, as far as somebody relies on it.
    fn confirmed(&self, message: &Outgoing) {
        let (kind, payload) = (message.content_type.as_str(), &message.payload);
        match message.exchange {
            Exchange::Dead => self.witness.buried(&message.message_id),
            Exchange::Batches => {
                let Batches { batches } = wire::decode(kind, payload).unwrap();
                for batch in &batches {
                    self.witness.confirmed(batch);
                }
            }
            Exchange::Filters if kind == wire::content_type::<FilterDelta>() => {
                let delta: FilterDelta = wire::decode(kind, payload).unwrap();
                self.witness.seen().steps.announced(delta.from, delta.to);
            }
            Exchange::Events if kind == wire::content_type::<NewAttributes>() => {
                let event = wire::decode(kind, payload).unwrap();
                self.witness.seen().steps.told(&event);
            }
            Exchange::Commands
            | Exchange::Tasks
            | Exchange::Filters
            | Exchange::Status
            | Exchange::Events
            | Exchange::Unrouted => {}
        }
    }

    async fn send(&self, message: Outgoing) -> Result<(), PublishError> {
        if self.is_out() || self.strikes(Kind::PublishRefused) {
            return Err(PublishError::Disconnected("as planned".to_owned()));
        }
        tokio::time::sleep(self.faults.millis(0, 4)).await;
        if self.strikes(Kind::Delay) {
            tokio::time::sleep(self.faults.millis(50, 3_000)).await;
        }
        if dropped_by(&message).is_some_and(|kind| self.strikes(kind)) {
            return Ok(());
        }
        if self.strikes(Kind::PublishLost) {
            tokio::time::sleep(CONFIRM_DEADLINE).await;
            return Err(PublishError::Unknown("as planned".to_owned()));
        }
        let message = self.lure(message);
        if self.strikes(Kind::Duplicate) {
            let (bus, copy, after) = (Arc::clone(&self.inner), message.clone(), self.faults.millis(0, 2_000));
            self.faults.later(async move {
                tokio::time::sleep(after).await;
                bus.publish(copy).await.unwrap();
            });
        }
        self.inner.publish(message).await?;
        if self.strikes(Kind::ConfirmLost) {
            tokio::time::sleep(CONFIRM_DEADLINE).await;
            return Err(PublishError::Unknown("as planned".to_owned()));
        }
        Ok(())
    }

    /// Puts fingerprints into a delta that nobody has committed, and that have no numbers therefore: a filter's false positives know of none.
    fn lure(&self, message: Outgoing) -> Outgoing {
        let is_delta = message.content_type == wire::content_type::<FilterDelta>();
        if !is_delta || !self.strikes(Kind::FalsePositives) {
            return message;
        }
        let mut delta: FilterDelta = wire::decode(&message.content_type, &message.payload).unwrap();
        let lured = self.lures.iter().filter(|_| self.faults.chance(0.5));
        delta.fingerprints.extend(lured.copied());
        delta.first = 0;
        Outgoing { payload: wire::encode(&delta), ..message }
    }
}

/// Which fault may drop a message; what goes to work queues that keep their messages is never dropped.
fn dropped_by(message: &Outgoing) -> Option<Kind> {
    match (message.exchange, wire::kind_of(&message.content_type).map(|(kind, _)| kind)) {
        (Exchange::Commands, Some(Receipts::KIND)) => Some(Kind::DropReceipts),
        (Exchange::Commands, _) => Some(Kind::DropCommands),
        (Exchange::Filters, Some(FilterSnapshot::KIND)) => Some(Kind::DropSnapshots),
        (Exchange::Filters, _) => Some(Kind::DropDeltas),
        (Exchange::Events, _) => Some(Kind::DropEvents),
        (Exchange::Status, _) => Some(Kind::DropStatus),
        (Exchange::Tasks | Exchange::Batches | Exchange::Dead | Exchange::Unrouted, _) => None,
    }
}

#[async_trait]
impl Bus for FaultyBus {
    async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        // At once and without waiting, so that the order is that in which the messages were made.
        self.see(&message);
        self.faults.point(&self.life).await;
        let (id, copy) = (message.message_id.clone(), message.clone());
        let sent = self.send(message).await;
        if sent.is_ok() {
            self.confirmed(&copy);
        }
        let (now, process) = (self.faults.now(), self.life.process);
        self.faults.trace(&format!("{now} {process} publish {id} {sent:?}"));
        self.faults.point(&self.life).await;
        self.ended(&copy);
        sent
    }

    async fn consume(&self, source: Source, prefetch: u16) -> Result<Box<dyn Consumer>, BusError> {
        self.faults.point(&self.life).await;
        Ok(Box::new(FaultyConsumer::new(self.clone(), source, prefetch).await?))
    }

    fn state(&self) -> BusState {
        if self.is_out() { BusState::Disconnected("as planned".to_owned()) } else { self.inner.state() }
    }

    async fn look(&self, queue: WorkQueue, most: usize, bytes: usize) -> Result<Box<dyn Look>, BusError> {
        self.inner.look(queue, most, bytes).await
    }

    async fn depth(&self, queue: WorkQueue) -> Option<u64> {
        self.inner.depth(queue).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
