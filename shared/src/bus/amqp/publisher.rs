//! Publishing with confirms.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::config::AmqpConfig;
use super::now;
use super::session::{LinkState, Session};
use super::topology::{refusal, short};
use crate::bus::{Outgoing, PublishError};

/// Delivery mode of a message that survives the broker.
const PERSISTENT: u8 = 2;

/// Publishes on whatever connection there is.
#[derive(Debug)]
pub(super) struct Publisher {
    config: Arc<AmqpConfig>,
    state: watch::Receiver<LinkState>,
    permits: Semaphore,
    closing: AtomicBool,
    closed: CancellationToken,
}

/// What one attempt came to.
enum Attempt {
    Confirmed,
    /// The broker answered with a no.
    Nacked,
    /// The connection or its channel broke: the message may have arrived.
    Broken(lapin::Error),
}

impl Publisher {
    pub(super) fn new(
        config: Arc<AmqpConfig>,
        state: watch::Receiver<LinkState>,
        closed: CancellationToken,
    ) -> Self {
        let permits = Semaphore::new(usize::from(config.in_flight.max(1)));
        Self { config, state, permits, closing: AtomicBool::new(false), closed }
    }

    /// Publishes one message before the deadline. A broken connection is replaced and the message sent again under its id.
    pub(super) async fn publish(&self, message: &Outgoing) -> Result<(), PublishError> {
        if self.closing.load(Ordering::Relaxed) {
            return Err(PublishError::Closed);
        }
        let deadline = now() + self.config.confirm_deadline;
        let sent = AtomicBool::new(false);
        tokio::select! {
            biased;
            published = self.publish_before(message, deadline, &sent) => published,
            () = self.closed.cancelled() => Err(if sent.load(Ordering::Relaxed) {
                PublishError::Unknown("the bus was closed meanwhile".to_owned())
            } else {
                PublishError::Closed
            }),
        }
    }

    /// Lets no new message in and waits until the others are settled, at most the configured time.
    pub(super) async fn drain(&self) {
        self.closing.store(true, Ordering::Relaxed);
        let all = u32::from(self.config.in_flight.max(1));
        if timeout(self.config.close_deadline, self.permits.acquire_many(all)).await.is_err() {
            tracing::warn!("the bus is closed with unconfirmed messages");
        }
        self.permits.close();
    }

    async fn publish_before(
        &self,
        message: &Outgoing,
        deadline: Instant,
        sent: &AtomicBool,
    ) -> Result<(), PublishError> {
        let _permit = match timeout_at(deadline, self.permits.acquire()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(PublishError::Closed),
            Err(_) => {
                let why = format!("{} messages are waiting for their confirmation", self.config.in_flight);
                return Err(PublishError::Disconnected(why));
            }
        };
        let properties = properties(message).map_err(PublishError::Refused)?;
        let mut backoff = Backoff::new(self.config.reconnect_min, self.config.reconnect_max);
        let mut refused = None;
        loop {
            let session = match self.usable_session(deadline).await {
                Ok(session) => session,
                Err(why) if sent.load(Ordering::Relaxed) => return Err(PublishError::Unknown(why)),
                Err(why) => return Err(PublishError::Disconnected(why)),
            };
            let Some(channel) = &session.confirms else {
                return Err(PublishError::Disconnected("not a connection for publishing".to_owned()));
            };
            sent.store(true, Ordering::Relaxed);
            match timeout_at(deadline, attempt(channel, message, properties.clone())).await {
                Ok(Attempt::Confirmed) => {
                    session.progressed();
                    return Ok(());
                }
                Ok(Attempt::Nacked) => {
                    session.progressed();
                    let again = now() + backoff.pause();
                    if again >= deadline {
                        return Err(PublishError::Refused("the queue is full".to_owned()));
                    }
                    sleep_until(again).await;
                }
                Ok(Attempt::Broken(error)) => {
                    session.condemn(error.to_string());
                    // The channel of all is closed for the fault of one, so everybody gets a second chance.
                    if let Some(reason) = refusal(&error)
                        && refused.replace(()).is_some()
                    {
                        return Err(PublishError::Refused(reason));
                    }
                }
                Err(_) => return Err(self.not_confirmed(&session)),
            }
        }
    }

    fn not_confirmed(&self, session: &Session) -> PublishError {
        let why = format!("no confirmation within {:?}", self.config.confirm_deadline);
        if session.is_stuck(self.config.confirm_deadline) {
            session.condemn(why.clone());
        }
        PublishError::Unknown(why)
    }

    /// Waits for a connection whose broker takes messages; at the deadline answers why there is none.
    async fn usable_session(&self, deadline: Instant) -> Result<Arc<Session>, String> {
        let mut state = self.state.clone();
        loop {
            let (session, why) = match &*state.borrow_and_update() {
                LinkState::Up(session) if session.is_condemned() => {
                    (None, "the connection just broke".to_owned())
                }
                LinkState::Up(session) => (Some(Arc::clone(session)), String::new()),
                LinkState::Down(why) => (None, why.clone()),
                LinkState::Connecting => (None, "still connecting".to_owned()),
            };
            let Some(session) = session else {
                match timeout_at(deadline, state.changed()).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(_)) | Err(_) => return Err(why),
                }
            };
            let mut blocked = session.blocked.subscribe();
            let reason = blocked.borrow_and_update().clone();
            let Some(reason) = reason else { return Ok(session) };
            tokio::select! {
                changed = blocked.changed() => if changed.is_err() { return Err(reason) },
                changed = state.changed() => if changed.is_err() { return Err(reason) },
                () = sleep_until(deadline) => return Err(format!("the broker does not take messages: {reason}")),
            }
        }
    }
}

async fn attempt(channel: &Channel, message: &Outgoing, properties: BasicProperties) -> Attempt {
    let confirmed = async {
        let exchange = message.exchange.name().into();
        let key = short(&message.routing_key)?;
        let options = BasicPublishOptions::default();
        channel.basic_publish(exchange, key, options, &message.payload, properties).await?.await
    };
    match confirmed.await {
        Ok(Confirmation::Ack(_)) => Attempt::Confirmed,
        // The latter only on a channel without confirms, which this is not.
        Ok(Confirmation::Nack(_) | Confirmation::NotRequested) => Attempt::Nacked,
        Err(error) => Attempt::Broken(error),
    }
}

/// What travels beside the payload. The error is for people: something is longer than the protocol can carry.
fn properties(message: &Outgoing) -> Result<BasicProperties, String> {
    let short = |text: &str| short(text).map_err(|error| error.to_string());
    short(&message.routing_key)?;
    let mut headers = FieldTable::default();
    for (name, value) in &message.headers {
        headers.insert(short(name)?, AMQPValue::LongString(LongString::from(value.as_str())));
    }
    Ok(BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type(short(&message.content_type)?)
        .with_message_id(short(&message.message_id)?)
        .with_headers(headers))
}
