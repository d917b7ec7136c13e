//! One queue of the in-process broker: what waits, how much may wait, and what grows stale.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::bus::{BROADCAST_QUEUE_LENGTH, Outgoing, WorkQueue};

/// A message in a queue or in the hands of a consumer.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) message: Arc<Outgoing>,
    pub(super) redelivered: bool,
    expires: Option<Instant>,
}

/// What happens at the bound.
#[derive(Clone, Copy, Debug)]
enum Bound {
    /// The publisher waits: waiting and unacknowledged messages, and their bytes.
    Wait { messages: usize, bytes: usize },
    /// The oldest waiting message makes room; messages may have a time to live.
    DropOldest { messages: usize, time_to_live: Option<Duration> },
}

/// A queue.
#[derive(Debug)]
pub(super) struct Queue {
    ready: VecDeque<Stored>,
    /// Messages and bytes that are waiting or unacknowledged.
    held: usize,
    bytes: usize,
    bound: Bound,
    arrived: Arc<Notify>,
}

impl Queue {
    /// A work queue; those that are not perishable hold at most this many messages and bytes.
    pub(super) fn work(queue: WorkQueue, messages: usize, bytes: usize) -> Self {
        Self::new(match queue.perishable() {
            None => Bound::Wait { messages, bytes },
            Some((time_to_live_ms, length)) => Bound::DropOldest {
                messages: count(length),
                time_to_live: Some(Duration::from_millis(u64::from(time_to_live_ms))),
            },
        })
    }

    /// A subscriber's own queue.
    pub(super) fn broadcast() -> Self {
        Self::new(Bound::DropOldest { messages: count(BROADCAST_QUEUE_LENGTH), time_to_live: None })
    }

    fn new(bound: Bound) -> Self {
        Self { ready: VecDeque::new(), held: 0, bytes: 0, bound, arrived: Arc::default() }
    }

    /// Signalled whenever a message is put in.
    pub(super) fn arrived(&self) -> Arc<Notify> {
        Arc::clone(&self.arrived)
    }

    /// Whether the publisher of this message must wait. One message always fits into an empty queue.
    pub(super) fn is_full_for(&self, message: &Outgoing) -> bool {
        match self.bound {
            Bound::Wait { messages, bytes } => {
                self.held > 0 && (self.held >= messages || self.bytes + size(message) > bytes)
            }
            Bound::DropOldest { .. } => false,
        }
    }

    /// Puts a message at the end.
    pub(super) fn push(&mut self, message: Arc<Outgoing>, now: Instant) {
        let expires = match self.bound {
            Bound::Wait { .. } => None,
            Bound::DropOldest { messages, time_to_live } => {
                while self.ready.len() >= messages {
                    self.drop_oldest();
                }
                time_to_live.map(|after| now + after)
            }
        };
        self.held += 1;
        self.bytes += size(&message);
        self.ready.push_back(Stored { message, redelivered: false, expires });
        self.arrived.notify_waiters();
    }

    /// Takes the first message that is not stale. It counts as held until [`Queue::settle`] or [`Queue::give_back`].
    pub(super) fn take(&mut self, now: Instant) -> Option<Stored> {
        self.drop_stale(now);
        self.ready.pop_front()
    }

    /// A taken message is done with.
    pub(super) fn settle(&mut self, stored: &Stored) {
        self.held = self.held.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(size(&stored.message));
    }

    /// A taken message comes back to the head.
    pub(super) fn give_back(&mut self, mut stored: Stored) {
        stored.redelivered = true;
        self.ready.push_front(stored);
        self.arrived.notify_waiters();
    }

    /// Messages that wait.
    pub(super) fn depth(&mut self, now: Instant) -> usize {
        self.drop_stale(now);
        self.ready.len()
    }

    fn drop_stale(&mut self, now: Instant) {
        while self.ready.front().and_then(|first| first.expires).is_some_and(|at| at <= now) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.ready.pop_front() {
            self.settle(&oldest);
        }
    }
}

/// What a message weighs: the payload and what travels with it.
fn size(message: &Outgoing) -> usize {
    let headers: usize = message.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    message.payload.len() + message.routing_key.len() + message.message_id.len() + headers
}

fn count(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
