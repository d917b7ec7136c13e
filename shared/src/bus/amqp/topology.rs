//! Exchanges, queues and bindings: declared on every connection and again and again, so that what somebody deletes comes back.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::{try_join, try_join_all};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{Channel, ErrorKind};
use tokio::time::timeout;

use super::link::Link;
use crate::bus::{BROADCAST_QUEUE_LENGTH, Exchange, ExchangeKind, WorkQueue};

/// Messages that may wait in a work queue that is not perishable; then publishers are refused.
const WORK_QUEUE_LENGTH: i32 = 100_000;
/// Their bytes.
const WORK_QUEUE_BYTES: i32 = 1 << 30;
/// In effect no limit: with prefetch a limit drops the innocent neighbours of a message that crashes its consumers. The
/// default is none before RabbitMQ 4.0 and 20 from then on; -1 means none from 4.0 on, but before it is taken without complaint
/// and drops every message at its first redelivery.
const DELIVERY_LIMIT: i32 = i32::MAX;

/// What the declarations have taught us, for the life of the bus.
#[derive(Debug, Default)]
pub(super) struct Topology {
    /// Names whose refusal has been logged.
    refused: Mutex<BTreeSet<String>>,
}

impl Topology {
    /// Declares every exchange, work queue and binding, each answer within the deadline. What the broker refuses is logged once
    /// and skipped; any other error means that the connection is not usable.
    pub(super) async fn declare(&self, link: &Link, deadline: Duration) -> lapin::Result<()> {
        match declare_together(link, deadline).await {
            Err(error) if refusal(&error).is_some() => self.declare_singly(link, deadline).await,
            declared => declared,
        }
    }

    /// Finds out what is refused, and declares the rest.
    async fn declare_singly(&self, link: &Link, deadline: Duration) -> lapin::Result<()> {
        let mut channel = answered(deadline, link.channel()).await?;
        for exchange in Exchange::ALL {
            let declared = answered(deadline, declare_exchange(&channel, exchange)).await;
            if self.is_refused(exchange.name(), declared)? {
                channel = answered(deadline, link.channel()).await?;
            }
        }
        for queue in WorkQueue::ALL {
            let whole = async {
                declare_queue(&channel, queue).await?;
                bind_queue(&channel, queue).await
            };
            let declared = answered(deadline * 2, whole).await;
            if self.is_refused(queue.name(), declared)? {
                channel = answered(deadline, link.channel()).await?;
            }
        }
        Ok(())
    }

    /// Sorts out the refusals, on which the broker closes the channel, from the errors.
    fn is_refused(&self, name: &str, declared: lapin::Result<()>) -> lapin::Result<bool> {
        let Err(error) = declared else { return Ok(false) };
        let Some(reason) = refusal(&error) else { return Err(error) };
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.insert(name.to_owned()) {
            tracing::error!(
                broker.object = name,
                broker.reason = reason,
                "the broker refuses a declaration; it was probably declared otherwise before, delete it or mend the rights"
            );
        }
        Ok(true)
    }
}

/// Declares everything in three round trips, however slow the line is. One refusal spoils the rest.
async fn declare_together(link: &Link, deadline: Duration) -> lapin::Result<()> {
    let channel = &answered(deadline, link.channel()).await?;
    // Sent in this order: the alternate exchange before those that name it.
    let exchanges = try_join_all(Exchange::ALL.map(|exchange| declare_exchange(channel, exchange)));
    let queues = try_join_all(WorkQueue::ALL.map(|queue| declare_queue(channel, queue)));
    answered(deadline, try_join(exchanges, queues)).await?;
    answered(deadline, try_join_all(WorkQueue::ALL.map(|queue| bind_queue(channel, queue)))).await?;
    Ok(())
}

/// Declares one work queue, its exchange and the binding.
pub(super) async fn declare_work_queue(channel: &Channel, queue: WorkQueue) -> lapin::Result<()> {
    declare_exchange(channel, queue.binding().0).await?;
    declare_queue(channel, queue).await?;
    bind_queue(channel, queue).await
}

/// Bounds the wait for an answer.
async fn answered<T>(deadline: Duration, answer: impl Future<Output = lapin::Result<T>>) -> lapin::Result<T> {
    let silent = |_| {
        let why = format!("the broker did not answer within {deadline:?}");
        std::io::Error::new(std::io::ErrorKind::TimedOut, why)
    };
    timeout(deadline, answer).await.map_err(silent)?
}

/// Declares a reader's own queue, gone with its only consumer or its connection, and binds it.
pub(super) async fn declare_broadcast(
    channel: &Channel,
    name: &str,
    bindings: &[(Exchange, String)],
) -> lapin::Result<()> {
    let options =
        QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("classic"));
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(i64::from(BROADCAST_QUEUE_LENGTH)));
    arguments.insert("x-overflow".into(), text("drop-head"));
    channel.queue_declare(short(name)?, options, arguments).await?;
    bind_broadcast(channel, name, bindings).await
}

/// Binds a reader's own queue.
pub(super) async fn bind_broadcast(
    channel: &Channel,
    name: &str,
    bindings: &[(Exchange, String)],
) -> lapin::Result<()> {
    for (exchange, key) in bindings {
        declare_exchange(channel, *exchange).await?;
        bind(channel, name, *exchange, key).await?;
    }
    Ok(())
}

/// Why the broker will not do what we ask however often we ask: other arguments than before, or missing rights.
pub(super) fn refusal(error: &lapin::Error) -> Option<String> {
    let ErrorKind::ProtocolError(error) = error.kind() else { return None };
    let refusals = [AMQPSoftError::PRECONDITIONFAILED, AMQPSoftError::ACCESSREFUSED];
    let is_refusal = refusals.into_iter().any(|soft| *error.kind() == AMQPErrorKind::Soft(soft));
    is_refusal.then(|| error.get_message().to_string())
}

/// Whether another connection, perhaps a dead one of our own, still holds the exclusive queue.
pub(super) fn is_locked(error: &lapin::Error) -> bool {
    let locked = AMQPErrorKind::Soft(AMQPSoftError::RESOURCELOCKED);
    matches!(error.kind(), ErrorKind::ProtocolError(error) if *error.kind() == locked)
}

/// A name or key as the protocol carries it: at most 255 bytes.
pub(super) fn short(text: &str) -> lapin::Result<ShortString> {
    ShortString::try_new(text).map_err(|error| std::io::Error::other(error).into())
}

async fn declare_exchange(channel: &Channel, exchange: Exchange) -> lapin::Result<()> {
    let kind = match exchange.kind() {
        ExchangeKind::Topic => lapin::ExchangeKind::Topic,
        ExchangeKind::Direct => lapin::ExchangeKind::Direct,
        ExchangeKind::Fanout => lapin::ExchangeKind::Fanout,
    };
    let mut arguments = FieldTable::default();
    if exchange.has_alternate() {
        arguments.insert("alternate-exchange".into(), text(Exchange::Unrouted.name()));
    }
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(exchange.name().into(), kind, options, arguments).await
}

async fn declare_queue(channel: &Channel, queue: WorkQueue) -> lapin::Result<()> {
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.name().into(), options, work_arguments(queue)).await?;
    Ok(())
}

async fn bind_queue(channel: &Channel, queue: WorkQueue) -> lapin::Result<()> {
    let (exchange, key) = queue.binding();
    bind(channel, queue.name(), exchange, key).await
}

async fn bind(channel: &Channel, queue: &str, exchange: Exchange, key: &str) -> lapin::Result<()> {
    let options = QueueBindOptions::default();
    channel
        .queue_bind(short(queue)?, exchange.name().into(), short(key)?, options, FieldTable::default())
        .await
}

/// Replicated and bounded.
fn work_arguments(queue: WorkQueue) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
    if let Some((time_to_live_ms, length)) = queue.perishable() {
        arguments.insert("x-message-ttl".into(), AMQPValue::LongLongInt(i64::from(time_to_live_ms)));
        arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(i64::from(length)));
        arguments.insert("x-overflow".into(), text("drop-head"));
    } else {
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(WORK_QUEUE_LENGTH));
        arguments.insert("x-max-length-bytes".into(), AMQPValue::LongInt(WORK_QUEUE_BYTES));
        arguments.insert("x-overflow".into(), text("reject-publish"));
    }
    arguments
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}
