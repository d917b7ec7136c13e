//! Looking at a queue: what is in hand belongs to a connection of its own, with whose end the broker has it back.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicGetOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use tokio::time::{sleep, timeout};

use super::backoff::Backoff;
use super::config::AmqpConfig;
use super::link::Link;
use super::now;
use super::subscription::from_lapin;
use super::topology::{is_locked, refusal, short};
use crate::bus::{BusError, Delivery, DeliveryTag, Look, WorkQueue};

/// Messages in hand of one channel. A channel of RabbitMQ passes so many commands on to a quorum queue before it hears of the first (32 unless configured
/// otherwise); further acknowledgements wait in the channel, and are forgotten when it is closed.
const IN_A_CHANNEL: usize = 16;

/// What a look has in hand.
#[derive(Debug)]
pub(super) struct AmqpLook {
    config: Arc<AmqpConfig>,
    link: Link,
    /// Each by the number that the tags of its messages carry.
    channels: BTreeMap<u64, Channel>,
    deliveries: Vec<Delivery>,
    is_whole: bool,
}

impl AmqpLook {
    /// Takes messages one by one, so that not even one more than wanted is under way.
    pub(super) async fn take(
        config: &Arc<AmqpConfig>,
        queue: WorkQueue,
        most: usize,
        bytes: usize,
    ) -> Result<Self, BusError> {
        let link = Link::open(config, "look").await.map_err(BusError::Unreachable)?;
        alone(config, &link, queue).await?;
        let (channels, deliveries) = (BTreeMap::new(), Vec::new());
        let mut look = Self { config: Arc::clone(config), link, channels, deliveries, is_whole: false };
        let mut held = 0;
        while look.deliveries.len() < most && held < bytes {
            let (number, channel) = look.channel().await?;
            let got = channel.basic_get(queue.name().into(), BasicGetOptions { no_ack: false });
            let Some(message) = answered(config, got).await? else {
                look.is_whole = true;
                break;
            };
            let delivery = from_lapin(message.delivery, number);
            held += delivery.payload.len();
            look.deliveries.push(delivery);
        }
        Ok(look)
    }

    /// The channel by which the next message comes, and its number.
    async fn channel(&mut self) -> Result<(u64, Channel), BusError> {
        let last = self.channels.len() as u64;
        let is_full = self.deliveries.len() >= self.channels.len() * IN_A_CHANNEL;
        if let Some(channel) = self.channels.get(&last).filter(|_| !is_full) {
            return Ok((last, channel.clone()));
        }
        let channel = answered(&self.config, self.link.channel()).await?;
        self.channels.insert(last + 1, channel.clone());
        Ok((last + 1, channel))
    }
}

/// Declares a queue that the broker gives to one connection only, and waits for another who has it.
async fn alone(config: &AmqpConfig, link: &Link, queue: WorkQueue) -> Result<(), BusError> {
    let name = format!("{}.look", queue.name());
    let deadline = now() + config.answer_deadline;
    let mut backoff = Backoff::new(config.reconnect_min, config.reconnect_max);
    loop {
        let channel = answered(config, link.channel()).await?;
        let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
        let name = short(&name).map_err(|error| BusError::Refused(error.to_string()))?;
        let declared = channel.queue_declare(name, options, FieldTable::default());
        match timeout(config.answer_deadline, declared).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) if is_locked(&error) && now() < deadline => sleep(backoff.pause()).await,
            Ok(Err(error)) if is_locked(&error) => {
                return Err(BusError::Refused(format!("somebody else is looking at {}", queue.name())));
            }
            Ok(Err(error)) => return Err(in_words(&error)),
            Err(_) => return Err(silent(config)),
        }
    }
}

async fn answered<T>(
    config: &AmqpConfig,
    answer: impl Future<Output = lapin::Result<T>>,
) -> Result<T, BusError> {
    match timeout(config.answer_deadline, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(in_words(&error)),
        Err(_) => Err(silent(config)),
    }
}

fn in_words(error: &lapin::Error) -> BusError {
    refusal(error).map_or_else(|| BusError::Unreachable(error.to_string()), BusError::Refused)
}

fn silent(config: &AmqpConfig) -> BusError {
    BusError::Unreachable(format!("it did not answer within {:?}", config.answer_deadline))
}

#[async_trait]
impl Look for AmqpLook {
    fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    fn is_whole(&self) -> bool {
        self.is_whole
    }

    async fn take_out(&mut self, tag: DeliveryTag) -> Result<(), BusError> {
        let known = self.deliveries.iter().position(|delivery| delivery.tag == tag);
        // A tag that the broker does not know would cost us the channel.
        let Some(known) = known else { return Ok(()) };
        self.deliveries.swap_remove(known);
        let Some(channel) = self.channels.get(&tag.connection) else { return Ok(()) };
        answered(&self.config, channel.basic_ack(tag.tag, BasicAckOptions { multiple: false })).await
    }

    async fn end(self: Box<Self>) -> Result<(), BusError> {
        let mut all_closed = Ok(());
        for channel in self.channels.values() {
            all_closed = answered(&self.config, channel.close(200, "done".into())).await;
            if all_closed.is_err() {
                break;
            }
        }
        self.link.close(self.config.close_deadline).await;
        all_closed
    }
}
