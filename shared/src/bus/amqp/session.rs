//! A connection while it lasts, and the task that always has one or is making one.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Event};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::config::AmqpConfig;
use super::link::Link;
use super::now;
use super::topology::Topology;

/// What a connection is for. They are apart because the broker stops reading from a connection that publishes while an alarm
/// lasts: acknowledgements must go on then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Publish,
    Consume,
}

impl Purpose {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Consume => "consume",
        }
    }
}

/// How a connection stands.
#[derive(Clone, Debug)]
pub(super) enum LinkState {
    /// The first attempt is running.
    Connecting,
    /// None, and why.
    Down(String),
    /// Usable.
    Up(Arc<Session>),
}

/// A connection on which everything is declared.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) link: Link,
    /// The channel with confirms, on the connection for publishing.
    pub(super) confirms: Option<Channel>,
    /// The broker's reason not to take messages.
    pub(super) blocked: watch::Sender<Option<String>>,
    /// Why the connection is to be given up.
    condemned: watch::Sender<Option<String>>,
    last_progress: Mutex<Instant>,
}

impl Session {
    /// Asks for a new connection instead of this one.
    pub(super) fn condemn(&self, why: String) {
        self.condemned.send_if_modified(|reason| {
            let first = reason.is_none();
            if first {
                *reason = Some(why);
            }
            first
        });
    }

    pub(super) fn is_condemned(&self) -> bool {
        self.condemned.borrow().is_some() || !self.link.is_open()
    }

    /// Waits until the connection is to be given up, which one that is lost is, too.
    pub(super) async fn until_condemned(&self) {
        let mut condemned = self.condemned.subscribe();
        // It cannot fail: the other end is here.
        condemned.wait_for(Option::is_some).await.ok();
    }

    /// The broker has confirmed something.
    pub(super) fn progressed(&self) {
        *self.last_progress.lock().unwrap_or_else(PoisonError::into_inner) = now();
    }

    /// Whether the broker has confirmed nothing for so long, though it says that it takes messages.
    pub(super) fn is_stuck(&self, for_at_least: Duration) -> bool {
        let last = *self.last_progress.lock().unwrap_or_else(PoisonError::into_inner);
        self.blocked.borrow().is_none() && last.elapsed() >= for_at_least
    }
}

/// Keeps a connection of one purpose.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) purpose: Purpose,
    pub(super) config: Arc<AmqpConfig>,
    pub(super) topology: Arc<Topology>,
    pub(super) state: watch::Sender<LinkState>,
    pub(super) closed: CancellationToken,
}

/// A connection that lasted less than this does not make the next attempt come sooner.
const STABLE: Duration = Duration::from_secs(1);

impl Keeper {
    /// Connects, watches and connects again until the bus is closed.
    pub(super) async fn run(self) {
        let mut backoff = Backoff::new(self.config.reconnect_min, self.config.reconnect_max);
        let closed = self.closed.clone();
        loop {
            let mut opening = pin!(self.open());
            let opened = tokio::select! {
                biased;
                () = closed.cancelled() => {
                    self.end_orderly(opening).await;
                    break;
                }
                opened = &mut opening => opened,
            };
            match opened {
                Ok(session) => {
                    let since = now();
                    let Some(why) = self.serve(Arc::new(session)).await else { break };
                    if since.elapsed() >= STABLE {
                        backoff.reset();
                    }
                    tracing::warn!(
                        broker.purpose = self.purpose.name(),
                        broker.reason = why,
                        "lost the connection to the broker"
                    );
                    self.state.send_replace(LinkState::Down(why));
                }
                Err(why) => self.not_connected(why),
            }
            tokio::select! {
                biased;
                () = closed.cancelled() => break,
                () = sleep(backoff.pause()) => {}
            }
        }
        self.state.send_replace(LinkState::Down("the bus is closed".to_owned()));
    }

    /// A connection that is being made when the bus is closed is made first, and ended then: the client library's thread must not be left at work
    /// when the runtime ends, on which it would panic.
    async fn end_orderly(&self, opening: Pin<&mut impl Future<Output = Result<Session, String>>>) {
        let deadline = self.config.close_deadline;
        if let Ok(Ok(session)) = timeout(deadline, opening).await {
            session.link.close(deadline).await;
        }
    }

    /// Notes a failed attempt; it is logged when it is the first or for a new reason.
    fn not_connected(&self, why: String) {
        let known = matches!(&*self.state.borrow(), LinkState::Down(before) if *before == why);
        if !known {
            let address = self.config.address();
            tracing::warn!(
                broker.address = address,
                broker.purpose = self.purpose.name(),
                broker.reason = why,
                "cannot connect to the broker; trying again until it answers"
            );
        }
        self.state.send_replace(LinkState::Down(why));
    }

    async fn open(&self) -> Result<Session, String> {
        let link = Link::open(&self.config, self.purpose.name()).await?;
        let prepare = async {
            self.topology.declare(&link, self.config.answer_deadline).await?;
            match self.purpose {
                Purpose::Consume => Ok(None),
                Purpose::Publish => {
                    let channel = link.channel().await?;
                    channel.confirm_select(ConfirmSelectOptions::default()).await?;
                    Ok(Some(channel))
                }
            }
        };
        let confirms = match timeout(self.config.several_answers(), prepare).await {
            Ok(prepared) => prepared.map_err(|error: lapin::Error| error.to_string())?,
            Err(_) => {
                return Err(format!("the broker was not ready within {:?}", self.config.several_answers()));
            }
        };
        Ok(Session {
            link,
            confirms,
            blocked: watch::Sender::new(None),
            condemned: watch::Sender::new(None),
            last_progress: Mutex::new(now()),
        })
    }

    /// Lets the others use the connection until it ends; answers why it ended, or nothing when the bus was closed.
    async fn serve(&self, session: Arc<Session>) -> Option<String> {
        crate::telemetry::catalogue::BUS_CONNECTIONS_TOTAL.add(1, []);
        tracing::info!(
            broker.address = self.config.address(),
            broker.purpose = self.purpose.name(),
            "connected to the broker"
        );
        self.state.send_replace(LinkState::Up(Arc::clone(&session)));
        let mut condemned = session.condemned.subscribe();
        let lost = tokio::select! {
            biased;
            () = self.closed.cancelled() => None,
            why = condemned.wait_for(Option::is_some) => {
                Some(why.ok().and_then(|why| why.clone()).unwrap_or_default())
            }
            why = listen(&session) => Some(why),
            why = self.check(&session) => Some(why),
        };
        let deadline = match lost {
            None => self.config.close_deadline,
            // The goodbye frees the consumers at once when the broker still listens; a dead one costs us nothing more.
            Some(_) => Duration::from_millis(20),
        };
        if let Some(why) = &lost {
            session.condemn(why.clone());
            self.state.send_replace(LinkState::Down(why.clone()));
        }
        session.link.close(deadline).await;
        lost
    }

    /// Declares everything again from time to time, which also proves that the broker answers. Answers why it does not.
    async fn check(&self, session: &Session) -> String {
        loop {
            sleep(self.config.check_interval).await;
            if session.blocked.borrow().is_some() {
                continue; // Nothing is written on a blocked connection; its heartbeat still guards it.
            }
            if let Err(error) = self.topology.declare(&session.link, self.config.answer_deadline).await
                && session.blocked.borrow().is_none()
            {
                return error.to_string();
            }
        }
    }
}

/// Follows what the client library tells about the connection; answers why it ended.
async fn listen(session: &Session) -> String {
    let events = session.link.events();
    tokio::pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Event::ConnectionBlocked(reason) => {
                tracing::warn!(broker.reason = reason, "the broker does not take messages");
                session.blocked.send_replace(Some(reason));
            }
            Event::ConnectionUnblocked => {
                tracing::info!("the broker takes messages again");
                session.progressed();
                session.blocked.send_replace(None);
            }
            Event::Error(error) => {
                // Errors of a channel come here too, and whoever uses the channel deals with them.
                if !session.link.is_open() {
                    return error.to_string();
                }
            }
            Event::Connected | Event::SendFlow(_) | _ => {}
        }
    }
    "the connection ended".to_owned()
}
