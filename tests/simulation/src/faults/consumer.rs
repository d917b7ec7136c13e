//! A subscription that loses its connection as planned.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use igentai_core::batch::BatchId;
use igentai_shared::bus::{Bus, BusError, Consumer, Delivery, DeliveryTag, Incoming, Source, WorkQueue};

use igentai_shared::wire::{self, Batches};

use super::Kind;
use super::bus::FaultyBus;

#[derive(Debug)]
pub(crate) struct FaultyConsumer {
    bus: FaultyBus,
    source: Source,
    prefetch: u16,
    /// `None` while there is no connection.
    inner: Option<Box<dyn Consumer>>,
    connection: u64,
    inner_connection: u64,
    /// Losses of the connection to come: position in the plan, beginning and end; the next one last.
    breaks: Vec<(usize, u64, u64)>,
    /// Messages with batches that were handed out and not acknowledged yet, with their batches.
    open: BTreeMap<DeliveryTag, (String, Vec<BatchId>)>,
    /// Tells it from others to the witness.
    number: u64,
}

impl Drop for FaultyConsumer {
    fn drop(&mut self) {
        self.lose();
    }
}

impl FaultyConsumer {
    pub(crate) async fn new(bus: FaultyBus, source: Source, prefetch: u16) -> Result<Self, BusError> {
        let now = bus.faults.now();
        let mut breaks = bus.faults.breaks(bus.life.process);
        breaks.retain(|(_, from, _)| *from > now);
        breaks.sort_by_key(|(_, from, _)| std::cmp::Reverse(*from));
        let inner = Some(bus.inner.consume(source.clone(), prefetch).await?);
        let number = bus.witness.consumer();
        Ok(Self {
            number,
            bus,
            source,
            prefetch,
            inner,
            connection: 1,
            inner_connection: 0,
            breaks,
            open: BTreeMap::new(),
        })
    }

    /// What is in hand is lost, and comes again to somebody.
    fn lose(&mut self) {
        self.bus.witness.seen().in_hand.retain(|(consumer, _)| *consumer != self.number);
    }

    fn settled(&self, tag: DeliveryTag) {
        self.bus.witness.seen().in_hand.remove(&(self.number, tag));
    }

    /// Loses the connection if it is time to.
    fn break_if_due(&mut self) {
        let now = self.bus.faults.now();
        while let Some((index, _, _)) = self.breaks.pop_if(|(_, from, _)| *from <= now) {
            self.inner = None;
            self.lose();
            self.bus.faults.count_break(index);
        }
    }

    fn own(&mut self, delivery: Delivery) -> Delivery {
        self.inner_connection = delivery.tag.connection;
        let tag = DeliveryTag { connection: self.connection, ..delivery.tag };
        if self.source == Source::Work(WorkQueue::Integrate) {
            self.bus.witness.seen().in_hand.insert((self.number, tag));
        }
        if let Ok(Batches { batches }) = wire::decode(&delivery.content_type, &delivery.payload) {
            let ids = batches.into_iter().map(|batch| batch.id).collect();
            self.open.insert(tag, (delivery.message_id.clone(), ids));
        }
        Delivery { tag, ..delivery }
    }

    fn on_inner(&mut self, tag: DeliveryTag) -> Option<(&mut Box<dyn Consumer>, DeliveryTag)> {
        let connection = self.inner_connection;
        let same = tag.connection == self.connection;
        self.inner.as_mut().filter(|_| same).map(|inner| (inner, DeliveryTag { connection, ..tag }))
    }

    fn is_out(&self) -> bool {
        self.bus.faults.is_on(Kind::BusOutage, self.bus.life.process)
    }
}

#[async_trait]
impl Consumer for FaultyConsumer {
    async fn next(&mut self) -> Result<Incoming, BusError> {
        self.bus.faults.point(&self.bus.life).await;
        loop {
            self.break_if_due();
            let Some(inner) = &mut self.inner else {
                while self.is_out() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                self.inner = Some(self.bus.inner.consume(self.source.clone(), self.prefetch).await?);
                self.connection += 1;
                return Ok(Incoming::Resumed);
            };
            let now = self.bus.faults.now();
            let until = self.breaks.last().map(|(_, from, _)| Duration::from_millis(from - now));
            let lost = async {
                match until {
                    Some(until) => tokio::time::sleep(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                incoming = inner.next() => return match incoming? {
                    Incoming::Delivery(delivery) => Ok(Incoming::Delivery(self.own(delivery))),
                    Incoming::Resumed => Ok(Incoming::Resumed),
                },
                () = lost => {}
            }
        }
    }

    fn try_next(&mut self) -> Option<Delivery> {
        self.break_if_due();
        let delivery = self.inner.as_mut()?.try_next()?;
        Some(self.own(delivery))
    }

    async fn ack(&mut self, tag: DeliveryTag) -> Result<(), BusError> {
        self.bus.faults.point(&self.bus.life).await;
        self.break_if_due();
        self.settled(tag);
        if let Some((message, batches)) = self.open.remove(&tag) {
            self.bus.witness.step(|steps, _| steps.acknowledged(&message, &batches));
        }
        match self.on_inner(tag) {
            Some((inner, tag)) => inner.ack(tag).await,
            None => Ok(()),
        }
    }

    async fn requeue(&mut self, tag: DeliveryTag) -> Result<(), BusError> {
        self.break_if_due();
        self.settled(tag);
        match self.on_inner(tag) {
            Some((inner, tag)) => inner.requeue(tag).await,
            None => Ok(()),
        }
    }
}
