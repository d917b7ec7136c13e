//! Looking at a queue: what is in hand belongs to a connection of its own, with whose end the broker has it back.

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

/// The one connection that a look has.
const CONNECTION: u64 = 1;

/// What a look has in hand.
#[derive(Debug)]
pub(super) struct AmqpLook {
    config: Arc<AmqpConfig>,
    link: Link,
    channel: Channel,
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
        let channel = answered(config, link.channel()).await?;
        let mut look =
            Self { config: Arc::clone(config), link, channel, deliveries: Vec::new(), is_whole: false };
        let mut held = 0;
        while look.deliveries.len() < most && held < bytes {
            let got = look.channel.basic_get(queue.name().into(), BasicGetOptions { no_ack: false });
            let Some(message) = answered(config, got).await? else {
                look.is_whole = true;
                break;
            };
            let delivery = from_lapin(message.delivery, CONNECTION);
            held += delivery.payload.len();
            look.deliveries.push(delivery);
        }
        Ok(look)
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
        let acked = self.channel.basic_ack(tag.tag, BasicAckOptions { multiple: false });
        answered(&self.config, acked).await
    }

    async fn end(self: Box<Self>) -> Result<(), BusError> {
        let closed = answered(&self.config, self.channel.close(200, "done".into())).await;
        self.link.close(self.config.close_deadline).await;
        closed
    }
}
