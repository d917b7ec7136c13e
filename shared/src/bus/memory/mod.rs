//! The bus inside one process: the semantics of the broker without the broker.
//!
//! It serves runs in a single process, tests and simulations. On a `current_thread` runtime it is deterministic: ordered
//! collections, no threads of its own, no randomness, and tokio's clock, which may be paused.
//!
//! # What differs from RabbitMQ
//!
//! * Nothing outlives the process, and no connection is ever lost: [`Incoming::Resumed`] is never said. A simulation wraps
//!   the bus to lose, delay or repeat messages; [`MemoryBus::close`] of one of several clients is a lost process.
//! * A message goes to whichever consumer asks first; none is pushed ahead of the asking.

mod broker;
mod look;
mod queue;
mod topic;

use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::broker::{Broker, Offered};
use self::look::MemoryLook;
use self::queue::Stored;
use super::{
    Bus, BusError, BusState, Consumer, Delivery, DeliveryTag, Incoming, Look, Outgoing, PublishError, Source,
    WorkQueue,
};

/// Bounds of the in-process broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimits {
    /// Messages, waiting or unacknowledged, in a work queue that is not perishable.
    pub messages: usize,
    /// Their bytes.
    pub bytes: usize,
    /// How long a publisher waits for room before it is refused.
    pub publish_deadline: Duration,
}

impl Default for MemoryLimits {
    /// 100,000 messages or 64 MiB a queue; ten seconds.
    fn default() -> Self {
        Self { messages: 100_000, bytes: 64 << 20, publish_deadline: Duration::from_secs(10) }
    }
}

/// One client of an in-process broker.
pub struct MemoryBus {
    shared: Arc<Shared>,
    client: u64,
    closed: CancellationToken,
}

/// What the clients of a broker share.
struct Shared {
    limits: MemoryLimits,
    broker: Mutex<Broker>,
    /// Signalled when a queue may have room again.
    room: Notify,
    /// Held by who looks at a queue.
    looking: Arc<tokio::sync::Mutex<()>>,
}

impl Shared {
    /// The state. A panic elsewhere cannot leave it half changed in a way that matters, so poisoning is ignored.
    fn broker(&self) -> MutexGuard<'_, Broker> {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryBus {
    /// A new broker with the usual bounds and its first client.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::with_limits(MemoryLimits::default())
    }

    /// A new broker with these bounds and its first client.
    #[must_use]
    pub fn with_limits(limits: MemoryLimits) -> Arc<Self> {
        let broker = Mutex::new(Broker::new(limits.messages, limits.bytes));
        Self::client(Arc::new(Shared { limits, broker, room: Notify::new(), looking: Arc::default() }))
    }

    /// Another client of the same broker, closed on its own: what another process would be with a real broker.
    #[must_use]
    pub fn another_client(&self) -> Arc<Self> {
        Self::client(Arc::clone(&self.shared))
    }

    fn client(shared: Arc<Shared>) -> Arc<Self> {
        let client = shared.broker().number();
        Arc::new(Self { shared, client, closed: CancellationToken::new() })
    }
}

impl Debug for MemoryBus {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBus")
            .field("client", &self.client)
            .field("closed", &self.closed.is_cancelled())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        let deadline = now() + self.shared.limits.publish_deadline;
        let message = Arc::new(message);
        loop {
            let room = self.shared.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            if self.closed.is_cancelled() {
                return Err(PublishError::Closed);
            }
            if self.shared.broker().offer(&message, now()) == Offered::Placed {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = self.closed.cancelled() => return Err(PublishError::Closed),
                () = room => {}
                () = tokio::time::sleep_until(deadline) => {
                    return Err(PublishError::Refused(format!("the queue behind {} is full", message.exchange.name())));
                }
            }
        }
    }

    async fn consume(&self, source: Source, prefetch: u16) -> Result<Box<dyn Consumer>, BusError> {
        if self.closed.is_cancelled() {
            return Err(BusError::Closed);
        }
        let (number, arrived) = self.shared.broker().subscribe(self.client, source, prefetch);
        let shared = Arc::clone(&self.shared);
        Ok(Box::new(MemoryConsumer { shared, number, arrived, closed: self.closed.clone() }))
    }

    fn state(&self) -> BusState {
        if self.closed.is_cancelled() {
            BusState::Disconnected("the bus is closed".to_owned())
        } else {
            BusState::Connected
        }
    }

    async fn depth(&self, queue: WorkQueue) -> Option<u64> {
        let depth = self.shared.broker().depth(queue, now());
        u64::try_from(depth).ok()
    }

    async fn look(&self, queue: WorkQueue, most: usize, bytes: usize) -> Result<Box<dyn Look>, BusError> {
        if self.closed.is_cancelled() {
            return Err(BusError::Closed);
        }
        let looking = Arc::clone(&self.shared.looking).lock_owned();
        let looking = tokio::time::timeout(LOOK_PATIENCE, looking)
            .await
            .map_err(|_| BusError::Refused(format!("somebody else is looking at {}", queue.name())))?;
        let consumer = self.consume(Source::Work(queue), u16::MAX).await?;
        Ok(Box::new(MemoryLook::take(consumer, looking, most, bytes)))
    }

    async fn close(&self) {
        self.closed.cancel();
        self.shared.broker().disconnect(self.client);
        self.shared.room.notify_waiters();
    }
}

/// A consumer of the in-process broker.
struct MemoryConsumer {
    shared: Arc<Shared>,
    number: u64,
    arrived: Arc<Notify>,
    closed: CancellationToken,
}

impl MemoryConsumer {
    fn take(&self) -> Option<Delivery> {
        let (tag, stored) = self.shared.broker().take(self.number, now())?;
        Some(delivery(tag, &stored))
    }

    fn ensure_open(&self) -> Result<(), BusError> {
        if self.closed.is_cancelled() { Err(BusError::Closed) } else { Ok(()) }
    }
}

/// The moment on the runtime's timer, which stands still and jumps with a paused runtime.
#[expect(
    clippy::disallowed_methods,
    reason = "a broker has a clock of its own, and here it is the runtime's"
)]
fn now() -> Instant {
    Instant::now()
}

/// How long one who wants to look at a queue waits for another who does.
const LOOK_PATIENCE: Duration = Duration::from_secs(5);

/// There is one connection for ever.
const CONNECTION: u64 = 1;

fn delivery(tag: u64, stored: &Stored) -> Delivery {
    let message = &stored.message;
    Delivery {
        tag: DeliveryTag { connection: CONNECTION, tag },
        redelivered: stored.redelivered,
        exchange: message.exchange.name().to_owned(),
        routing_key: message.routing_key.clone(),
        content_type: message.content_type.clone(),
        message_id: message.message_id.clone(),
        headers: message.headers.clone(),
        payload: message.payload.clone(),
    }
}

impl Debug for MemoryConsumer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryConsumer").field("number", &self.number).finish_non_exhaustive()
    }
}

#[async_trait]
impl Consumer for MemoryConsumer {
    async fn next(&mut self) -> Result<Incoming, BusError> {
        loop {
            self.ensure_open()?;
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            if let Some(delivery) = self.take() {
                return Ok(Incoming::Delivery(delivery));
            }
            tokio::select! {
                biased;
                () = self.closed.cancelled() => {}
                () = arrived => {}
            }
        }
    }

    fn try_next(&mut self) -> Option<Delivery> {
        self.ensure_open().ok()?;
        self.take()
    }

    async fn ack(&mut self, tag: DeliveryTag) -> Result<(), BusError> {
        self.ensure_open()?;
        if tag.connection == CONNECTION {
            self.shared.broker().ack(self.number, tag.tag);
            self.shared.room.notify_waiters();
        }
        Ok(())
    }

    async fn requeue(&mut self, tag: DeliveryTag) -> Result<(), BusError> {
        self.ensure_open()?;
        if tag.connection == CONNECTION {
            self.shared.broker().requeue(self.number, tag.tag);
        }
        Ok(())
    }
}

impl Drop for MemoryConsumer {
    fn drop(&mut self) {
        self.shared.broker().unsubscribe(self.number);
    }
}

#[cfg(test)]
mod tests;
