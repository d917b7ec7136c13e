//! The bus port: what the roles need of a message broker, and nothing else.
//!
//! Two adapters pass the same contract suite: [`memory`] inside one process and [`amqp`] over RabbitMQ.
//!
//! # What an adapter promises
//!
//! * **At least once.** [`Bus::publish`] answers `Ok` only when the broker has taken responsibility for the message.
//!   [`PublishError::Unknown`] means that it may or may not have: publish again under the same message id.
//! * **Manual acknowledgement.** A delivery of a [`WorkQueue`] that was not acknowledged is delivered again when its
//!   consumer is dropped or its connection is lost, with [`Delivery::redelivered`] set.
//! * **Bounded.** At most `prefetch` unacknowledged deliveries are held for a consumer; every buffer has a bound. A publisher that finds
//!   a full queue waits or fails, it never grows memory.
//! * **Own reconnect.** [`Consumer::next`] survives the loss of a connection: it connects and declares again with
//!   backoff and then says [`Incoming::Resumed`], since a broadcast subscriber may have missed messages.
//! * **Nothing vanishes silently.** A message for [`Exchange::Batches`], [`Exchange::Tasks`] or [`Exchange::Status`] that no
//!   queue takes goes to [`WorkQueue::Unrouted`].

pub mod amqp;
pub mod memory;
pub mod trouble;

use std::collections::BTreeMap;
use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;

/// An exchange, by its role. Names and types are those that other programs rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exchange {
    /// Commands and receipts to producers; topic; keys `all`, `producer.<id>`.
    Commands,
    /// Single questions to a model; direct; key `model`.
    Tasks,
    /// Batches of responses; topic; key `<topic id>`.
    Batches,
    /// Filter deltas and snapshots; topic; keys `delta.<topic id>`, `snapshot.<producer id>`.
    Filters,
    /// Heartbeats, hints and task results for the coordinator; topic; keys `producer.<id>`, `orchestrator.<id>`, `webserver.<id>`.
    Status,
    /// New attributes and topic states for webservers; topic; keys `attributes.<topic id>`, `topic.<topic id>`, `system`.
    Events,
    /// Dead letters; fanout.
    Dead,
    /// Alternate exchange of batches, tasks and status; fanout.
    Unrouted,
}

impl Exchange {
    /// Every exchange, in the order in which they are declared.
    pub const ALL: [Self; 8] = [
        Self::Unrouted,
        Self::Dead,
        Self::Commands,
        Self::Tasks,
        Self::Batches,
        Self::Filters,
        Self::Status,
        Self::Events,
    ];

    /// The name on the broker.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Commands => "igentai.commands",
            Self::Tasks => "igentai.tasks",
            Self::Batches => "igentai.batches",
            Self::Filters => "igentai.filters",
            Self::Status => "igentai.status",
            Self::Events => "igentai.events",
            Self::Dead => "igentai.dead",
            Self::Unrouted => "igentai.unrouted",
        }
    }

    /// How the exchange routes.
    #[must_use]
    pub const fn kind(self) -> ExchangeKind {
        match self {
            Self::Commands | Self::Batches | Self::Filters | Self::Status | Self::Events => {
                ExchangeKind::Topic
            }
            Self::Tasks => ExchangeKind::Direct,
            Self::Dead | Self::Unrouted => ExchangeKind::Fanout,
        }
    }

    /// Whether a message that no queue takes goes to [`Exchange::Unrouted`]. Broadcasts may have no reader.
    #[must_use]
    pub const fn has_alternate(self) -> bool {
        matches!(self, Self::Batches | Self::Tasks | Self::Status | Self::Dead)
    }
}

/// How an exchange routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeKind {
    /// Patterns with `*` (one word) and `#` (any number of words), words divided by dots.
    Topic,
    /// The routing key equals the binding key.
    Direct,
    /// Every bound queue.
    Fanout,
}

/// A durable queue that consumers share: each message goes to one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkQueue {
    /// Batches for all integrators.
    Integrate,
    /// Heartbeats and hints for the lease holder; messages live 30 s, at most 10,000, the oldest dropped first.
    Coordinate,
    /// Tasks for any producer.
    Tasks,
    /// Dead letters; read by operators.
    Dead,
    /// Messages that no queue took; counted and alarmed by the coordinator.
    Unrouted,
}

impl WorkQueue {
    /// Every work queue.
    pub const ALL: [Self; 5] = [Self::Unrouted, Self::Dead, Self::Integrate, Self::Coordinate, Self::Tasks];

    /// The name on the broker.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Integrate => "igentai.integrate",
            Self::Coordinate => "igentai.coordinate",
            Self::Tasks => "igentai.tasks",
            Self::Dead => "igentai.dead",
            Self::Unrouted => "igentai.unrouted",
        }
    }

    /// The exchange that feeds the queue and the binding key.
    #[must_use]
    pub const fn binding(self) -> (Exchange, &'static str) {
        match self {
            Self::Integrate => (Exchange::Batches, "#"),
            Self::Coordinate => (Exchange::Status, "#"),
            Self::Tasks => (Exchange::Tasks, "model"),
            Self::Dead => (Exchange::Dead, ""),
            Self::Unrouted => (Exchange::Unrouted, ""),
        }
    }

    /// Bounds of a queue whose messages may grow stale: time to live in milliseconds and greatest length, oldest dropped.
    #[must_use]
    pub const fn perishable(self) -> Option<(u32, u32)> {
        match self {
            Self::Coordinate => Some((30_000, 10_000)),
            Self::Unrouted => Some((86_400_000, 10_000)),
            Self::Integrate | Self::Tasks | Self::Dead => None,
        }
    }
}

/// Where a consumer reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A shared durable queue.
    Work(WorkQueue),
    /// A queue of the reader's own, gone with it: `name` says whose it is (`igentai.<role>.<id>`), `bindings` what it wants.
    /// At most 10,000 messages wait; the oldest are dropped first, and readers notice holes by number.
    Broadcast {
        /// Queue name, unique to the reader.
        name: String,
        /// Exchange and binding pattern, at least one.
        bindings: Vec<(Exchange, String)>,
    },
}

/// Messages that may wait in a [`Source::Broadcast`] queue.
pub const BROADCAST_QUEUE_LENGTH: u32 = 10_000;

/// A message to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub exchange: Exchange,
    /// Routing key.
    pub routing_key: String,
    /// Content type, see the wire module.
    pub content_type: String,
    /// Identity: the same id means the same message published again.
    pub message_id: String,
    /// Headers, for example the W3C trace context or the reason of a dead letter.
    pub headers: BTreeMap<String, String>,
    /// The encoded message.
    pub payload: Bytes,
}

/// A message received.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Handle for the acknowledgement; meaningless to any other consumer.
    pub tag: DeliveryTag,
    /// Whether it was delivered before.
    pub redelivered: bool,
    /// Exchange name as the broker tells it.
    pub exchange: String,
    /// Routing key.
    pub routing_key: String,
    /// Content type; empty when the publisher set none.
    pub content_type: String,
    /// Message id; empty when the publisher set none.
    pub message_id: String,
    /// Headers with text values.
    pub headers: BTreeMap<String, String>,
    /// The encoded message.
    pub payload: Bytes,
}

/// Identifies a delivery on one consumer. It carries the connection it came over, so that an acknowledgement that comes after a
/// reconnect is ignored instead of hitting another message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeliveryTag {
    /// Counts the connections of this consumer.
    pub connection: u64,
    /// The tag on that connection.
    pub tag: u64,
}

/// What a consumer hears.
#[derive(Clone, Debug)]
pub enum Incoming {
    /// A message.
    Delivery(Delivery),
    /// The subscription was made anew, since it was lost or nothing came for a while: broadcasts may have been missed, unacknowledged work is
    /// delivered again.
    Resumed,
}

/// Why a message was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The broker may have it or not: publish again under the same id.
    #[error("the broker did not confirm in time ({0}); publish it again under the same id")]
    Unknown(String),
    /// The broker refused it.
    #[error("the broker refused the message: {0}")]
    Refused(String),
    /// No connection; nothing was sent.
    #[error("no connection to the broker: {0}")]
    Disconnected(String),
    /// The bus was closed by this process.
    #[error("the bus is closed")]
    Closed,
}

/// Why a consumer cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The bus was closed by this process.
    #[error("the bus is closed")]
    Closed,
    /// The broker refuses what we ask, for example a queue declared otherwise by somebody else.
    #[error("the broker refuses: {0}")]
    Refused(String),
    /// The broker cannot be reached.
    #[error("the broker cannot be reached: {0}")]
    Unreachable(String),
}

/// How the connection stands, for readiness and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusState {
    /// Connected and usable.
    Connected,
    /// Not usable, and why.
    Disconnected(String),
    /// Connected, but the broker does not take messages (memory or disk alarm).
    Blocked(String),
}

/// A message broker.
#[async_trait]
pub trait Bus: Debug + Send + Sync {
    /// Publishes one message and waits for the broker's confirmation, at most the adapter's own deadline.
    /// Safe to call many times at once: confirms are awaited in parallel.
    async fn publish(&self, message: Outgoing) -> Result<(), PublishError>;

    /// Starts to consume. `prefetch` bounds the deliveries that are held unacknowledged (at least 1).
    /// While the broker cannot be reached the call still succeeds: [`Consumer::next`] keeps trying.
    async fn consume(&self, source: Source, prefetch: u16) -> Result<Box<dyn Consumer>, BusError>;

    /// How the connection stands.
    fn state(&self) -> BusState;

    /// Messages ready in each work queue, for metrics; `None` while unknown.
    async fn depth(&self, queue: WorkQueue) -> Option<u64>;

    /// Takes the first messages of a work queue in hand, to look at them: at most `most`, and no more once they come to so many `bytes` (one at least). Whoever
    /// looks is alone with the queue; another waits for a moment, and is then told [`BusError::Refused`]. Nothing is lost, however a look ends.
    async fn look(&self, queue: WorkQueue, most: usize, bytes: usize) -> Result<Box<dyn Look>, BusError>;

    /// Closes connections; consumers then end with [`BusError::Closed`]. Idempotent.
    async fn close(&self);
}

/// A running subscription. Dropping it gives unacknowledged deliveries back.
#[async_trait]
pub trait Consumer: Debug + Send {
    /// The next message. Cancel safe: a message is never lost by dropping the future.
    async fn next(&mut self) -> Result<Incoming, BusError>;

    /// A message that is there already, without waiting; to fill a group.
    fn try_next(&mut self) -> Option<Delivery>;

    /// The reader waits for nothing at the moment, and holds what it holds on purpose: that nothing comes is no sign that the subscription is lost. It
    /// waits again from the next call of [`Consumer::next`] on.
    fn rest(&mut self) {}

    /// Acknowledges one delivery. A tag of an earlier connection is ignored.
    async fn ack(&mut self, tag: DeliveryTag) -> Result<(), BusError>;

    /// Acknowledges several deliveries, and nothing but them, with as few messages to the broker as it takes: it is cheapest for those that were
    /// delivered one after the other with nothing before them unacknowledged.
    async fn ack_all(&mut self, tags: &[DeliveryTag]) -> Result<(), BusError> {
        for tag in tags {
            self.ack(*tag).await?;
        }
        Ok(())
    }

    /// Gives one delivery back to its queue.
    async fn requeue(&mut self, tag: DeliveryTag) -> Result<(), BusError>;
}

/// Messages of a work queue in the hands of one who looks. All that are not taken out go back to the head of the queue when the look ends or is
/// dropped, or when whoever looks dies. In which order they stand there then is the broker's affair (RabbitMQ keeps none among them).
#[async_trait]
pub trait Look: Debug + Send {
    /// The messages.
    fn deliveries(&self) -> &[Delivery];

    /// Whether nothing waited beyond them.
    fn is_whole(&self) -> bool;

    /// Takes one out of the queue for good. It is certain when [`Look::end`] says so.
    async fn take_out(&mut self, tag: DeliveryTag) -> Result<(), BusError>;

    /// Gives back what was not taken out. After an error it is not known whether what was taken out is gone; if not, it is in the queue again.
    async fn end(self: Box<Self>) -> Result<(), BusError>;
}
