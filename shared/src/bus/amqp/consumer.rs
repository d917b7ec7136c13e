//! Consuming: a handle for the reader and a task that keeps its subscription alive.
//!
//! The task subscribes, hands deliveries over and subscribes again, so that dropping the future of `next` loses nothing. What
//! the broker may send ahead is bounded by the prefetch; work is acknowledged by the reader, broadcasts by the task once the
//! reader's buffer has taken them.

use std::collections::BTreeSet;
use std::fmt::{self, Debug, Formatter};
use std::time::Duration;

use async_trait::async_trait;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::bus::{BusError, Consumer, Delivery, DeliveryTag, Incoming};

/// What the task tells the reader.
#[derive(Debug)]
pub(super) enum Told {
    Delivery(Delivery),
    /// Subscribed anew.
    Resumed,
    /// The broker refuses the subscription; the task goes on trying.
    Refused(String),
}

/// The channel that deliveries come over, and the number of the connection that it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) connection: u64,
    pub(super) channel: Channel,
}

/// The reader's handle.
pub(super) struct AmqpConsumer {
    told: mpsc::Receiver<Told>,
    /// Read by `try_next`, which has no use for it, and meant for `next`.
    put_back: Option<Told>,
    live: watch::Receiver<Option<Live>>,
    /// Whether the reader acknowledges.
    is_work: bool,
    unacked: BTreeSet<DeliveryTag>,
    answer_deadline: Duration,
    closed: CancellationToken,
    /// Ends the task with the handle.
    _end: DropGuard,
}

impl AmqpConsumer {
    pub(super) fn new(
        told: mpsc::Receiver<Told>,
        live: watch::Receiver<Option<Live>>,
        is_work: bool,
        answer_deadline: Duration,
        closed: CancellationToken,
        end: DropGuard,
    ) -> Self {
        let unacked = BTreeSet::new();
        Self { told, put_back: None, live, is_work, unacked, answer_deadline, closed, _end: end }
    }

    /// Notes what the reader now holds. Work from an earlier connection is left out: the broker delivers it again.
    fn hand_out(&mut self, delivery: Delivery) -> Option<Delivery> {
        if self.is_work {
            let current = self.live.borrow().as_ref().map(|live| live.connection);
            if current != Some(delivery.tag.connection) {
                return None;
            }
            self.unacked.insert(delivery.tag);
        }
        Some(delivery)
    }

    /// The channel to settle a delivery on; none when there is nothing to settle.
    fn settle(&mut self, tag: DeliveryTag) -> Result<Option<Channel>, BusError> {
        if self.closed.is_cancelled() {
            return Err(BusError::Closed);
        }
        // A tag that the broker does not know would cost us the channel.
        if !self.unacked.remove(&tag) {
            return Ok(None);
        }
        let live = self.live.borrow();
        Ok(live.as_ref().filter(|live| live.connection == tag.connection).map(|live| live.channel.clone()))
    }

    /// Waits until the answer is on its way. When it is not, the connection is about to be replaced and the broker delivers again.
    async fn send(&self, settled: impl Future<Output = lapin::Result<()>>) {
        match timeout(self.answer_deadline, settled).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "an acknowledgement was not sent"),
            Err(_) => tracing::debug!("an acknowledgement was not sent in time"),
        }
    }
}

impl Debug for AmqpConsumer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpConsumer").field("unacked", &self.unacked.len()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Consumer for AmqpConsumer {
    async fn next(&mut self) -> Result<Incoming, BusError> {
        loop {
            if self.closed.is_cancelled() {
                return Err(BusError::Closed);
            }
            let told = if let Some(told) = self.put_back.take() {
                told
            } else {
                tokio::select! {
                    biased;
                    () = self.closed.cancelled() => return Err(BusError::Closed),
                    told = self.told.recv() => told.ok_or(BusError::Closed)?,
                }
            };
            match told {
                Told::Delivery(delivery) => {
                    if let Some(delivery) = self.hand_out(delivery) {
                        return Ok(Incoming::Delivery(delivery));
                    }
                }
                Told::Resumed => {
                    let current = self.live.borrow().as_ref().map(|live| live.connection);
                    self.unacked.retain(|tag| Some(tag.connection) == current);
                    return Ok(Incoming::Resumed);
                }
                Told::Refused(reason) => return Err(BusError::Refused(reason)),
            }
        }
    }

    fn try_next(&mut self) -> Option<Delivery> {
        while self.put_back.is_none() && !self.closed.is_cancelled() {
            match self.told.try_recv().ok()? {
                Told::Delivery(delivery) => {
                    if let Some(delivery) = self.hand_out(delivery) {
                        return Some(delivery);
                    }
                }
                told @ (Told::Resumed | Told::Refused(_)) => self.put_back = Some(told),
            }
        }
        None
    }

    async fn ack(&mut self, tag: DeliveryTag) -> Result<(), BusError> {
        if let Some(channel) = self.settle(tag)? {
            self.send(channel.basic_ack(tag.tag, BasicAckOptions { multiple: false })).await;
        }
        Ok(())
    }

    async fn ack_all(&mut self, tags: &[DeliveryTag]) -> Result<(), BusError> {
        let (mut live, mut settled) = (None, Vec::with_capacity(tags.len()));
        for tag in tags {
            if let Some(channel) = self.settle(*tag)? {
                live = Some((tag.connection, channel));
                settled.push(tag.tag);
            }
        }
        let Some((connection, channel)) = live else { return Ok(()) };
        settled.sort_unstable();
        // "Up to" reaches everything below: it may go no further than to the first one that is held still.
        let held = self.unacked.iter().find(|tag| tag.connection == connection).map(|tag| tag.tag);
        let below = settled.partition_point(|tag| held.is_none_or(|held| *tag < held));
        let (together, singly) = settled.split_at(below);
        let multiple = together.last().map(|last| (*last, true));
        for (tag, multiple) in multiple.into_iter().chain(singly.iter().map(|tag| (*tag, false))) {
            self.send(channel.basic_ack(tag, BasicAckOptions { multiple })).await;
        }
        Ok(())
    }

    async fn requeue(&mut self, tag: DeliveryTag) -> Result<(), BusError> {
        if let Some(channel) = self.settle(tag)? {
            let options = BasicNackOptions { multiple: false, requeue: true };
            self.send(channel.basic_nack(tag.tag, options)).await;
        }
        Ok(())
    }
}
