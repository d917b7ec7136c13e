//! The state of the in-process broker: queues, bindings and who holds what. Synchronous and ordered; the time is an argument.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::queue::{Queue, Stored};
use super::topic::routes;
use crate::bus::{Exchange, Outgoing, Source, WorkQueue};

/// A queue's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum QueueId {
    Work(WorkQueue),
    /// The own queue of the subscription with this number.
    Own(u64),
}

#[derive(Debug)]
struct Binding {
    key: String,
    queue: QueueId,
}

/// A consumer's standing with the broker.
#[derive(Debug)]
struct Subscription {
    client: u64,
    queue: QueueId,
    prefetch: usize,
    last_tag: u64,
    unacked: BTreeMap<u64, Stored>,
}

/// What became of an offered message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Offered {
    /// Every queue that wants it has it.
    Placed,
    /// A queue has no room; none has it.
    Full,
}

/// The broker.
#[derive(Debug)]
pub(super) struct Broker {
    queues: BTreeMap<QueueId, Queue>,
    bindings: BTreeMap<Exchange, Vec<Binding>>,
    subscriptions: BTreeMap<u64, Subscription>,
    last_number: u64,
}

impl Broker {
    /// A broker with every work queue; those that are not perishable hold at most this many messages and bytes.
    pub(super) fn new(messages: usize, bytes: usize) -> Self {
        let mut bindings: BTreeMap<Exchange, Vec<Binding>> = BTreeMap::new();
        let mut queues = BTreeMap::new();
        for queue in WorkQueue::ALL {
            let (exchange, key) = queue.binding();
            let binding = Binding { key: key.to_owned(), queue: QueueId::Work(queue) };
            bindings.entry(exchange).or_default().push(binding);
            queues.insert(QueueId::Work(queue), Queue::work(queue, messages, bytes));
        }
        Self { queues, bindings, subscriptions: BTreeMap::new(), last_number: 0 }
    }

    /// A number that no client or subscription of this broker has.
    pub(super) fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Hands a message to every queue that wants it, or to none while one of them is full.
    pub(super) fn offer(&mut self, message: &Arc<Outgoing>, now: Instant) -> Offered {
        let mut targets = self.targets(message.exchange, &message.routing_key);
        if targets.is_empty() && message.exchange.has_alternate() {
            targets = self.targets(Exchange::Unrouted, &message.routing_key);
        }
        let full = |id: &QueueId| self.queues.get(id).is_some_and(|queue| queue.is_full_for(message));
        if targets.iter().any(full) {
            return Offered::Full;
        }
        for id in targets {
            if let Some(queue) = self.queues.get_mut(&id) {
                queue.push(Arc::clone(message), now);
            }
        }
        Offered::Placed
    }

    /// The queues that a message goes to, each once.
    fn targets(&self, exchange: Exchange, routing_key: &str) -> Vec<QueueId> {
        let bindings = self.bindings.get(&exchange).map_or(&[][..], Vec::as_slice);
        let wanted = |binding: &&Binding| routes(exchange.kind(), &binding.key, routing_key);
        let mut targets: Vec<QueueId> = bindings.iter().filter(wanted).map(|binding| binding.queue).collect();
        targets.sort_unstable();
        targets.dedup();
        targets
    }

    /// Registers a consumer of a client and answers its number and the signal of its queue.
    pub(super) fn subscribe(&mut self, client: u64, source: Source, prefetch: u16) -> (u64, Arc<Notify>) {
        let number = self.number();
        let id = match source {
            Source::Work(queue) => QueueId::Work(queue),
            Source::Broadcast { name: _, bindings } => {
                let queue = QueueId::Own(number);
                for (exchange, key) in bindings {
                    self.bindings.entry(exchange).or_default().push(Binding { key, queue });
                }
                queue
            }
        };
        let arrived = self.queues.entry(id).or_insert_with(Queue::broadcast).arrived();
        let prefetch = usize::from(prefetch.max(1));
        let subscription =
            Subscription { client, queue: id, prefetch, last_tag: 0, unacked: BTreeMap::new() };
        self.subscriptions.insert(number, subscription);
        (number, arrived)
    }

    /// The next message for a consumer and its tag, unless its hands are full. Broadcasts need no acknowledgement.
    pub(super) fn take(&mut self, consumer: u64, now: Instant) -> Option<(u64, Stored)> {
        let subscription = self.subscriptions.get_mut(&consumer)?;
        if subscription.unacked.len() >= subscription.prefetch {
            return None;
        }
        let queue = self.queues.get_mut(&subscription.queue)?;
        let stored = queue.take(now)?;
        subscription.last_tag += 1;
        match subscription.queue {
            QueueId::Work(_) => {
                subscription.unacked.insert(subscription.last_tag, stored.clone());
            }
            QueueId::Own(_) => queue.settle(&stored),
        }
        Some((subscription.last_tag, stored))
    }

    /// A consumer is done with a delivery. Unknown tags are ignored.
    pub(super) fn ack(&mut self, consumer: u64, tag: u64) {
        self.end_delivery(consumer, tag, |queue, stored| queue.settle(&stored));
    }

    /// A consumer gives a delivery back. Unknown tags are ignored.
    pub(super) fn requeue(&mut self, consumer: u64, tag: u64) {
        self.end_delivery(consumer, tag, Queue::give_back);
    }

    fn end_delivery(&mut self, consumer: u64, tag: u64, end: impl FnOnce(&mut Queue, Stored)) {
        let Some(subscription) = self.subscriptions.get_mut(&consumer) else { return };
        let Some(stored) = subscription.unacked.remove(&tag) else { return };
        if let Some(queue) = self.queues.get_mut(&subscription.queue) {
            end(queue, stored);
        }
    }

    /// Ends a consumer: what it held goes back to the head in its order, its own queue is gone. Idempotent.
    pub(super) fn unsubscribe(&mut self, consumer: u64) {
        let Some(subscription) = self.subscriptions.remove(&consumer) else { return };
        if let QueueId::Own(_) = subscription.queue {
            self.queues.remove(&subscription.queue);
            for bindings in self.bindings.values_mut() {
                bindings.retain(|binding| binding.queue != subscription.queue);
            }
        } else if let Some(queue) = self.queues.get_mut(&subscription.queue) {
            subscription.unacked.into_values().rev().for_each(|stored| queue.give_back(stored));
        }
    }

    /// Ends every consumer of a client.
    pub(super) fn disconnect(&mut self, client: u64) {
        let of_client = |(number, subscription): (&u64, &Subscription)| {
            (subscription.client == client).then_some(*number)
        };
        // The youngest first, so that the oldest deliveries end up at the head.
        let consumers: Vec<u64> = self.subscriptions.iter().rev().filter_map(of_client).collect();
        for consumer in consumers {
            self.unsubscribe(consumer);
        }
    }

    /// Messages that wait in a work queue.
    pub(super) fn depth(&mut self, queue: WorkQueue, now: Instant) -> usize {
        self.queues.get_mut(&QueueId::Work(queue)).map_or(0, |queue| queue.depth(now))
    }
}
