//! The bus over RabbitMQ 3.10 or later.
//!
//! Two connections a process: one publishes, one consumes, since the broker stops reading from publishers while a memory or disk
//! alarm lasts. Each has a task that connects, declares everything, watches and connects again; the client library's own
//! recovery is not used, because it holds back failed confirms until it has reconnected.
//!
//! # How trouble is noticed
//!
//! | trouble | noticed by | within, with the usual settings |
//! |---|---|---|
//! | connection closed or reset | the socket | at once |
//! | broker hangs, half-open connection | a declaration that is not answered | `check_interval` + `answer_deadline`: 8 s |
//! | the same while blocked or in the handshake | heartbeat; twice `connect_deadline` | 12.5 s; 10 s |
//! | confirms stop coming | no confirm during a whole `confirm_deadline` | 10 s |
//! | queue deleted | the consumer is told | at once, without consumers `check_interval` |
//! | consumer that hears nothing any more | a subscription to which nothing comes is made anew | `renew_interval`: 1 s |
//! | exchange or binding removed | declared again | `check_interval`: 3 s |
//! | memory or disk alarm | the broker tells those who publish | at the next message |
//!
//! # Choices
//!
//! * Work queues are quorum queues with a delivery limit that is never reached, whatever the version's default.
//! * Work queues that are not perishable hold 100,000 messages or 1 GiB; then the broker answers `nack`, and the publisher
//!   tries again until its deadline and gives up with [`PublishError::Refused`].
//! * Broadcast deliveries are acknowledged by the adapter; acknowledging them again does nothing.
//! * Who looks at a queue has a connection of its own, so that what it held is given back however it ends, and declares an exclusive queue on
//!   it, by which the broker lets one look at a time.
//! * A reader of work that waits for `renew_interval` in vain subscribes anew on another channel, whether something is wrong or not: a broker cannot
//!   be asked whether a consumer hears. While it holds messages, which then come again, it waits ten times as long, and while it rests, not at all. RabbitMQ takes a subscription over silently when its queue is deleted and declared again in the same
//!   moment, and then drops what it delivers to it, for ever.
//! * `amqps` uses rustls with ring, the system's authorities and those of [`AmqpConfig::extra_authorities_pem`].

mod backoff;
mod config;
mod consumer;
mod link;
mod look;
mod publisher;
mod session;
mod subscription;
mod topology;

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use async_trait::async_trait;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use self::consumer::{AmqpConsumer, Ends};
use self::look::AmqpLook;
use self::publisher::Publisher;
use self::session::{Keeper, LinkState, Purpose, Session};
use self::subscription::Subscription;
use self::topology::Topology;
use super::{Bus, BusError, BusState, Consumer, Look, Outgoing, PublishError, Source, WorkQueue};

pub use self::config::{AmqpConfig, BadAddress};

/// The moment on the runtime's timer, which every deadline of this transport runs on.
#[expect(
    clippy::disallowed_methods,
    reason = "no decision of a role depends on it, only how long we wait for the broker"
)]
fn now() -> Instant {
    Instant::now()
}

/// A bus over RabbitMQ. Dropping it ends its tasks; [`Bus::close`] does so in good order.
pub struct AmqpBus {
    config: Arc<AmqpConfig>,
    publisher: Publisher,
    publishing: watch::Receiver<LinkState>,
    consuming: watch::Receiver<LinkState>,
    tasks: TaskTracker,
    closed: CancellationToken,
    _end: DropGuard,
}

impl AmqpBus {
    /// Starts to connect and answers at once; [`Bus::state`] tells when it is done. Must be called within a tokio runtime.
    #[must_use]
    pub fn connect(config: AmqpConfig) -> Arc<Self> {
        let config = Arc::new(config);
        let topology = Arc::new(Topology::default());
        let tasks = TaskTracker::new();
        let closed = CancellationToken::new();
        let keep = |purpose: Purpose| {
            let (state, receiver) = watch::channel(LinkState::Connecting);
            let (config, topology) = (Arc::clone(&config), Arc::clone(&topology));
            tasks.spawn(Keeper { purpose, config, topology, state, closed: closed.clone() }.run());
            receiver
        };
        let publishing = keep(Purpose::Publish);
        let consuming = keep(Purpose::Consume);
        let publisher = Publisher::new(Arc::clone(&config), publishing.clone(), closed.clone());
        let end = closed.clone().drop_guard();
        Arc::new(Self { config, publisher, publishing, consuming, tasks, closed, _end: end })
    }

    fn consuming_session(&self) -> Option<Arc<Session>> {
        match &*self.consuming.borrow() {
            LinkState::Up(session) => Some(Arc::clone(session)),
            LinkState::Connecting | LinkState::Down(_) => None,
        }
    }

    /// Waits until the subscription stands. While the broker cannot be reached it is left to stand later.
    async fn until_ready(&self, ready: oneshot::Receiver<Result<(), String>>) -> Result<(), BusError> {
        let mut consuming = self.consuming.clone();
        let unreachable = async {
            // An error means that the bus is closed, which consumers notice themselves.
            consuming.wait_for(|state| matches!(state, LinkState::Down(_))).await.is_ok()
        };
        tokio::select! {
            biased;
            outcome = ready => match outcome {
                Ok(Ok(())) => Ok(()),
                Ok(Err(reason)) => Err(BusError::Refused(reason)),
                Err(_) => Err(BusError::Closed),
            },
            () = self.closed.cancelled() => Err(BusError::Closed),
            _ = unreachable => Ok(()),
            () = tokio::time::sleep(self.config.connect_deadline + self.config.several_answers()) => Ok(()),
        }
    }
}

impl Debug for AmqpBus {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpBus")
            .field("config", &self.config)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Bus for AmqpBus {
    async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        self.publisher.publish(&message).await
    }

    async fn consume(&self, source: Source, prefetch: u16) -> Result<Box<dyn Consumer>, BusError> {
        if self.closed.is_cancelled() {
            return Err(BusError::Closed);
        }
        let prefetch = prefetch.max(1);
        let is_work = matches!(source, Source::Work(_));
        // A place for each delivery that the broker may send ahead, and for what the task has to say in between.
        let (told, heard) = mpsc::channel(usize::from(prefetch) + 1);
        let (live, live_receiver) = watch::channel(None);
        let (renew, renewals) = watch::channel(0);
        let (ready, outcome) = oneshot::channel();
        let ended = self.closed.child_token();
        let subscription = Subscription {
            config: Arc::clone(&self.config),
            source,
            prefetch,
            state: self.consuming.clone(),
            told,
            live,
            renewals,
            ready: Some(ready),
            ended: ended.clone(),
            attempts_at_name: 0,
        };
        let end = ended.drop_guard();
        self.tasks.spawn(subscription.run());
        self.until_ready(outcome).await?;
        Ok(Box::new(AmqpConsumer::new(Ends {
            config: Arc::clone(&self.config),
            told: heard,
            live: live_receiver,
            renew,
            is_work,
            closed: self.closed.clone(),
            _end: end,
        })))
    }

    fn state(&self) -> BusState {
        if self.closed.is_cancelled() {
            return BusState::Disconnected("the bus is closed".to_owned());
        }
        let publishing = self.publishing.borrow().clone();
        let consuming = self.consuming.borrow().clone();
        match (publishing, consuming) {
            (LinkState::Down(why), _) | (_, LinkState::Down(why)) => BusState::Disconnected(why),
            (LinkState::Connecting, _) | (_, LinkState::Connecting) => {
                BusState::Disconnected("still connecting".to_owned())
            }
            (LinkState::Up(session), LinkState::Up(_)) => match session.blocked.borrow().clone() {
                Some(reason) => BusState::Blocked(reason),
                None => BusState::Connected,
            },
        }
    }

    async fn depth(&self, queue: WorkQueue) -> Option<u64> {
        let session = self.consuming_session()?;
        let ask = async {
            let channel = session.link.channel().await?;
            let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let declared = channel.queue_declare(queue.name().into(), options, FieldTable::default()).await?;
            channel.close(200, "done".into()).await?;
            Ok::<_, lapin::Error>(u64::from(declared.message_count()))
        };
        timeout(self.config.answer_deadline, ask).await.ok()?.ok()
    }

    async fn look(&self, queue: WorkQueue, most: usize, bytes: usize) -> Result<Box<dyn Look>, BusError> {
        if self.closed.is_cancelled() {
            return Err(BusError::Closed);
        }
        Ok(Box::new(AmqpLook::take(&self.config, queue, most, bytes).await?))
    }

    async fn close(&self) {
        self.publisher.drain().await;
        self.closed.cancel();
        self.tasks.close();
        let deadline = self.config.close_deadline + self.config.answer_deadline;
        if timeout(deadline, self.tasks.wait()).await.is_err() {
            tracing::warn!("the connections to the broker did not end in time");
        }
    }
}
