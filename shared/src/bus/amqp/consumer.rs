//! Consuming: a handle for the reader and a task that keeps its subscription alive.
//!
//! The task subscribes, hands deliveries over and subscribes again, so that dropping the future of `next` loses nothing. What
//! the broker may send ahead is bounded by the prefetch; work is acknowledged by the reader, broadcasts by the task once the
//! reader's buffer has taken them.

use std::collections::BTreeSet;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::config::AmqpConfig;
use super::now;
use crate::bus::{BusError, Consumer, Delivery, DeliveryTag, Incoming};

/// What the task tells the reader.
#[derive(Debug)]
pub(super) enum Told {
    Delivery(Delivery),
    /// Subscribed anew; whether on the same connection, after the broker had taken back what it had delivered to the subscription before.
    Resumed {
        given_back: bool,
    },
    /// The broker refuses the subscription; the task goes on trying.
    Refused(String),
}

/// The channel that deliveries come over, and the number of the connection that it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) connection: u64,
    pub(super) channel: Channel,
}

/// What a reader is made of.
pub(super) struct Ends {
    /// Ends the task with the handle; dropped before everything else, so that the task takes it for nothing else.
    pub(super) _end: DropGuard,
    pub(super) config: Arc<AmqpConfig>,
    pub(super) told: mpsc::Receiver<Told>,
    pub(super) live: watch::Receiver<Option<Live>>,
    /// Asks for another subscription than that of so many connections.
    pub(super) renew: watch::Sender<u64>,
    /// Whether the reader acknowledges.
    pub(super) is_work: bool,
    pub(super) closed: CancellationToken,
}

/// The reader's handle.
pub(super) struct AmqpConsumer {
    ends: Ends,
    /// Read by `try_next`, which has no use for it, and meant for `next`.
    put_back: Option<Told>,
    unacked: BTreeSet<DeliveryTag>,
    /// Since when nothing has come, though the reader waits.
    waits_since: Option<Instant>,
    /// How long it waits while it holds nothing: as long as configured, and longer where a new subscription takes long, as over a slow line.
    patience: Duration,
    /// Since when a new subscription is asked for.
    asked_at: Option<Instant>,
    /// Whether a new subscription was asked for because nothing came, though nothing was held.
    doubts: bool,
    /// When it was made: what comes at once had been delivered to the one before.
    renewed_at: Option<Instant>,
}

/// While a reader holds messages, it waits so many times as long for the next one. They come again, if it has waited in vain.
const PATIENCE_WITH_WORK: u32 = 10;

/// A reader waits so many times as long as the last new subscription took, up to the most.
const PATIENCE_BY_RENEWAL: u32 = 8;
const MOST_PATIENCE: Duration = Duration::from_secs(30);

/// What a broker has back comes in this time.
const AT_ONCE: Duration = Duration::from_millis(250);

impl AmqpConsumer {
    pub(super) fn new(ends: Ends) -> Self {
        let patience = ends.config.renew_interval;
        let (put_back, unacked, waits_since, asked_at, renewed_at) =
            (None, BTreeSet::new(), None, None, None);
        Self { ends, put_back, unacked, waits_since, patience, asked_at, doubts: false, renewed_at }
    }

    fn current(&self) -> Option<u64> {
        self.ends.live.borrow().as_ref().map(|live| live.connection)
    }

    /// When to doubt that anything will come.
    fn until(&mut self) -> Instant {
        let since = *self.waits_since.get_or_insert_with(now);
        let with_work = if self.unacked.is_empty() { 1 } else { PATIENCE_WITH_WORK };
        since + self.patience.max(self.ends.config.renew_interval * with_work)
    }

    /// Asks for a new subscription in place of this one, unless there is another already.
    fn renew(&mut self, connection: Option<u64>) {
        self.waits_since = None;
        self.asked_at.get_or_insert_with(now);
        self.ends.renew.send_modify(|asked| *asked = (*asked).max(connection.unwrap_or_default()));
    }

    /// Whether the broker had delivered a message before that only came with the new subscription.
    fn notice(&mut self, delivery: &Delivery) {
        let at_once = self.renewed_at.take().is_some_and(|at| at.elapsed() < AT_ONCE);
        if at_once && delivery.redelivered {
            crate::telemetry::catalogue::BUS_DEAF_CONSUMERS_TOTAL.add(1, []);
            tracing::warn!(
                "a consumer had stopped hearing what the broker delivered to it, so it was made anew; it goes on"
            );
        }
    }

    /// Notes what the reader now holds. Work from an earlier connection is left out: the broker delivers it again.
    fn hand_out(&mut self, delivery: Delivery) -> Option<Delivery> {
        if self.ends.is_work {
            if self.current() != Some(delivery.tag.connection) {
                // It was heard, only too late.
                (self.doubts, self.renewed_at) = (false, None);
                return None;
            }
            self.notice(&delivery);
            (self.waits_since, self.doubts) = (None, false);
            self.unacked.insert(delivery.tag);
        }
        Some(delivery)
    }

    /// The channel to settle a delivery on; none when there is nothing to settle.
    fn settle(&mut self, tag: DeliveryTag) -> Result<Option<Channel>, BusError> {
        if self.ends.closed.is_cancelled() {
            return Err(BusError::Closed);
        }
        // A tag that the broker does not know would cost us the channel.
        if !self.unacked.remove(&tag) {
            return Ok(None);
        }
        if self.unacked.is_empty() {
            // It waits for the next from now on.
            self.waits_since = None;
        }
        let live = self.ends.live.borrow();
        Ok(live.as_ref().filter(|live| live.connection == tag.connection).map(|live| live.channel.clone()))
    }

    /// Waits until the answer is on its way. When it is not, the subscription is given up, and the broker delivers again.
    async fn send(&mut self, connection: u64, settled: impl Future<Output = lapin::Result<()>>) {
        match timeout(self.ends.config.answer_deadline, settled).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => tracing::debug!(%error, "an acknowledgement was not sent"),
            Err(_) => tracing::warn!("an acknowledgement was not sent in time; the consumer is made anew"),
        }
        self.renew(Some(connection));
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
            if self.ends.closed.is_cancelled() {
                return Err(BusError::Closed);
            }
            let until = self.until();
            let told = if let Some(told) = self.put_back.take() {
                told
            } else {
                tokio::select! {
                    biased;
                    () = self.ends.closed.cancelled() => return Err(BusError::Closed),
                    told = self.ends.told.recv() => told.ok_or(BusError::Closed)?,
                    () = sleep_until(until), if self.ends.is_work => {
                        self.doubts = self.unacked.is_empty();
                        self.renew(self.current());
                        continue;
                    }
                }
            };
            match told {
                Told::Delivery(delivery) => {
                    if let Some(delivery) = self.hand_out(delivery) {
                        return Ok(Incoming::Delivery(delivery));
                    }
                }
                Told::Resumed { given_back } => {
                    self.renewed_at = (std::mem::take(&mut self.doubts) && given_back).then(now);
                    let (current, configured) = (self.current(), self.ends.config.renew_interval);
                    let took = self.asked_at.take().filter(|_| given_back).map(|at| at.elapsed());
                    let by_renewal = took.map(|took| (took * PATIENCE_BY_RENEWAL).min(MOST_PATIENCE));
                    self.patience = by_renewal.unwrap_or_default().max(configured);
                    self.waits_since = None;
                    self.unacked.retain(|tag| Some(tag.connection) == current);
                    return Ok(Incoming::Resumed);
                }
                Told::Refused(reason) => return Err(BusError::Refused(reason)),
            }
        }
    }

    fn try_next(&mut self) -> Option<Delivery> {
        while self.put_back.is_none() && !self.ends.closed.is_cancelled() {
            match self.ends.told.try_recv().ok()? {
                Told::Delivery(delivery) => {
                    if let Some(delivery) = self.hand_out(delivery) {
                        return Some(delivery);
                    }
                }
                told @ (Told::Resumed { .. } | Told::Refused(_)) => self.put_back = Some(told),
            }
        }
        None
    }

    fn rest(&mut self) {
        self.waits_since = None;
    }

    async fn ack(&mut self, tag: DeliveryTag) -> Result<(), BusError> {
        if let Some(channel) = self.settle(tag)? {
            self.send(tag.connection, channel.basic_ack(tag.tag, BasicAckOptions { multiple: false })).await;
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
        let acks = async {
            for (tag, multiple) in multiple.into_iter().chain(singly.iter().map(|tag| (*tag, false))) {
                channel.basic_ack(tag, BasicAckOptions { multiple }).await?;
            }
            Ok(())
        };
        self.send(connection, acks).await;
        Ok(())
    }

    async fn requeue(&mut self, tag: DeliveryTag) -> Result<(), BusError> {
        if let Some(channel) = self.settle(tag)? {
            let options = BasicNackOptions { multiple: false, requeue: true };
            self.send(tag.connection, channel.basic_nack(tag.tag, options)).await;
        }
        Ok(())
    }
}
