//! The task behind a consumer: subscribes on whatever connection there is and passes deliveries on.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use futures::future::poll_immediate;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::config::AmqpConfig;
use super::consumer::{Live, Told};
use super::now;
use super::session::{LinkState, Session};
use super::topology::{bind_broadcast, declare_broadcast, declare_work_queue, is_locked, refusal, short};
use crate::bus::{Delivery, DeliveryTag, Exchange, Source};

/// What the task needs.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) config: Arc<AmqpConfig>,
    pub(super) source: Source,
    pub(super) prefetch: u16,
    pub(super) state: watch::Receiver<LinkState>,
    pub(super) told: mpsc::Sender<Told>,
    pub(super) live: watch::Sender<Option<Live>>,
    /// Up to which of its subscriptions the reader wants a new one.
    pub(super) renewals: watch::Receiver<u64>,
    /// Answered with the outcome of the first attempt while somebody waits for it.
    pub(super) ready: Option<oneshot::Sender<Result<(), String>>>,
    /// The bus was closed or the consumer dropped.
    pub(super) ended: CancellationToken,
    /// Appended to the name of an own queue once the name was found taken.
    pub(super) attempts_at_name: u32,
}

impl Subscription {
    /// Runs until the consumer is dropped or the bus closed.
    pub(super) async fn run(mut self) {
        let ended = self.ended.clone();
        tokio::select! {
            biased;
            () = ended.cancelled() => {}
            () = self.keep() => {}
        }
        let last = self.live.send_replace(None);
        if let Some(Live { channel, .. }) = last {
            // Ends an own queue, too.
            self.give_back(&channel).await;
        }
    }

    /// Gives back what was not acknowledged; whether the broker has it.
    async fn give_back(&self, channel: &Channel) -> bool {
        match timeout(self.config.answer_deadline, channel.close(200, "done".into())).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a consumer's channel was gone already");
                true
            }
            Err(_) => {
                tracing::debug!("the broker did not answer the end of a consumer");
                false
            }
        }
    }

    /// Ends a subscription to work and passes on what was on its way, so that what comes again with the next one was heard by nobody; whether the broker answers.
    async fn hear_out(&self, mut stream: lapin::Consumer, channel: &Channel, connection: u64) -> bool {
        let cancel = channel.basic_cancel(stream.tag(), BasicCancelOptions::default());
        match timeout(self.config.answer_deadline, cancel).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a consumer's channel was gone already"),
            Err(_) => return false,
        }
        while let Some(Some(Ok(delivery))) = poll_immediate(stream.next()).await {
            if self.told.send(Told::Delivery(from_lapin(delivery, connection))).await.is_err() {
                break;
            }
        }
        true
    }

    async fn keep(&mut self) {
        let mut backoff = Backoff::new(self.config.reconnect_min, self.config.reconnect_max);
        let (mut connection, mut given_back) = (0, false);
        while let Some(session) = self.session().await {
            let since = now();
            match timeout(self.config.several_answers(), self.subscribe(&session)).await {
                Ok(Ok((channel, stream))) => {
                    connection += 1;
                    self.live.send_replace(Some(Live { connection, channel: channel.clone() }));
                    if !self.tell_ready(std::mem::take(&mut given_back)).await {
                        return;
                    }
                    // Once the last of it is dropped the library cancels the consumer, which must not meet the end of its channel.
                    let until_ended = stream.clone();
                    let mut renewals = self.renewals.clone();
                    let is_renewed = tokio::select! {
                        biased;
                        () = session.until_condemned() => false,
                        asked = renewals.wait_for(|asked| *asked >= connection) => asked.is_ok(),
                        () = self.pump(stream, &channel, connection) => false,
                    };
                    self.live.send_replace(None);
                    if is_renewed {
                        given_back = self.hear_out(until_ended, &channel, connection).await
                            && self.give_back(&channel).await;
                        if !given_back {
                            session.condemn("the broker does not end a consumer".to_owned());
                        }
                        continue;
                    }
                    if channel.status().connected() && !session.is_condemned() {
                        self.say_deleted();
                    }
                    if since.elapsed() >= self.config.reconnect_max {
                        backoff.reset();
                    }
                }
                Ok(Err(error)) => self.tell_failure(&error).await,
                // It may stand all the same, and would take messages that nobody reads.
                Err(_) => session.condemn("the broker did not answer a subscription in time".to_owned()),
            }
            sleep(backoff.pause()).await;
        }
    }

    /// The broker ends a consumer and leaves its channel open when the queue is gone.
    fn say_deleted(&self) {
        let queue = match &self.source {
            Source::Work(queue) => queue.name().to_owned(),
            Source::Broadcast { name, .. } => self.name_of(name),
        };
        tracing::warn!(
            broker.object = queue,
            "the broker has ended a consumer, whose queue was probably deleted: it is declared again, and what waited in it is lost"
        );
    }

    /// Waits for a connection; none when the bus is gone.
    async fn session(&mut self) -> Option<Arc<Session>> {
        loop {
            if let LinkState::Up(session) = &*self.state.borrow_and_update()
                && !session.is_condemned()
            {
                return Some(Arc::clone(session));
            }
            self.state.changed().await.ok()?;
        }
    }

    async fn subscribe(&mut self, session: &Session) -> lapin::Result<(Channel, lapin::Consumer)> {
        let channel = session.link.channel().await?;
        channel.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
        let queue = match &self.source {
            Source::Work(queue) => {
                declare_work_queue(&channel, *queue).await?;
                queue.name().to_owned()
            }
            Source::Broadcast { name, bindings } => {
                let name = self.name_of(name);
                declare_broadcast(&channel, &name, bindings).await?;
                name
            }
        };
        let options = BasicConsumeOptions::default();
        let stream = channel.basic_consume(short(&queue)?, "".into(), options, FieldTable::default()).await?;
        Ok((channel, stream))
    }

    /// Says that the subscription stands; answers whether anybody is still there to hear it.
    async fn tell_ready(&mut self, given_back: bool) -> bool {
        let heard = self.ready.take().is_some_and(|ready| ready.send(Ok(())).is_ok());
        heard || self.told.send(Told::Resumed { given_back }).await.is_ok()
    }

    async fn tell_failure(&mut self, error: &lapin::Error) {
        if is_locked(error) {
            self.attempts_at_name += 1;
        }
        let Some(reason) = refusal(error) else {
            tracing::debug!(%error, "a subscription failed; trying again");
            return;
        };
        let unheard = match self.ready.take() {
            Some(ready) => ready.send(Err(reason)).err().and_then(Result::err),
            None => Some(reason),
        };
        if let Some(reason) = unheard
            && self.told.send(Told::Refused(reason)).await.is_err()
        {
            tracing::trace!("the consumer is gone");
        }
    }

    /// Passes deliveries on until the subscription ends.
    async fn pump(&self, stream: lapin::Consumer, channel: &Channel, connection: u64) {
        let Source::Broadcast { name, bindings } = &self.source else {
            return self.pass_work_on(stream, connection).await;
        };
        // The queue as it is called on this connection.
        let queue = self.name_of(name);
        tokio::select! {
            () = self.pass_broadcasts_on(stream, channel, connection) => {}
            error = self.keep_bound(channel, &queue, bindings) => {
                tracing::debug!(%error, "a broadcast could not be bound again");
            }
        }
    }

    async fn pass_work_on(&self, mut stream: lapin::Consumer, connection: u64) {
        while let Some(Ok(delivery)) = stream.next().await {
            if self.told.send(Told::Delivery(from_lapin(delivery, connection))).await.is_err() {
                return;
            }
        }
    }

    /// Acknowledges several at once: whenever half of what may be sent ahead is passed on, and when nothing more is there.
    async fn pass_broadcasts_on(&self, mut stream: lapin::Consumer, channel: &Channel, connection: u64) {
        let mut owed = None;
        let mut passed_on = 0;
        loop {
            let there = poll_immediate(stream.next()).await;
            if let Some(tag) = owed
                && (there.is_none() || passed_on >= self.prefetch / 2)
            {
                let options = BasicAckOptions { multiple: true };
                if channel.basic_ack(tag, options).await.is_err() {
                    return;
                }
                passed_on = 0;
            }
            let next = match there {
                Some(next) => next,
                None => stream.next().await,
            };
            let Some(Ok(delivery)) = next else { return };
            owed = Some(delivery.delivery_tag);
            passed_on += 1;
            if self.told.send(Told::Delivery(from_lapin(delivery, connection))).await.is_err() {
                return;
            }
        }
    }

    /// Binds the own queue again from time to time, since nobody is told when a binding or an exchange is removed. Answers why it
    /// cannot.
    async fn keep_bound(
        &self,
        channel: &Channel,
        queue: &str,
        bindings: &[(Exchange, String)],
    ) -> lapin::Error {
        loop {
            sleep(self.config.check_interval).await;
            if let Err(error) = bind_broadcast(channel, queue, bindings).await {
                return error;
            }
        }
    }

    /// A connection that died without a goodbye holds its own queues until the broker notices: then another name is taken.
    fn name_of(&self, name: &str) -> String {
        match self.attempts_at_name {
            0 => name.to_owned(),
            attempt => format!("{name}.{attempt}"),
        }
    }
}

pub(super) fn from_lapin(delivery: lapin::message::Delivery, connection: u64) -> Delivery {
    let properties = delivery.properties;
    let text = |text: &Option<lapin::types::ShortString>| text.as_ref().map(ToString::to_string);
    Delivery {
        tag: DeliveryTag { connection, tag: delivery.delivery_tag },
        redelivered: delivery.redelivered,
        exchange: delivery.exchange.to_string(),
        routing_key: delivery.routing_key.to_string(),
        content_type: text(properties.content_type()).unwrap_or_default(),
        message_id: text(properties.message_id()).unwrap_or_default(),
        headers: headers(&properties),
        payload: delivery.data.into(),
    }
}

/// The headers that are texts; other kinds are not ours.
fn headers(properties: &BasicProperties) -> BTreeMap<String, String> {
    let table = properties.headers().as_ref().map(FieldTable::inner);
    let as_text = |value: &AMQPValue| {
        let long = value.as_long_string().and_then(|text| std::str::from_utf8(text.as_bytes()).ok());
        long.map(str::to_owned).or_else(|| value.as_short_string().map(ToString::to_string))
    };
    table
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.to_string(), as_text(value)?)))
        .collect()
}
