//! Messages that go round their queue, since there is no room to hold them until the store is mended. They wait before that, so that few of them go round at a
//! time, and others are taken meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use igentai_core::time::Monotonic;
use igentai_shared::bus::{Delivery, DeliveryTag, Exchange, Outgoing};
use tracing::warn;

use super::work::name_of;
use crate::Context;

/// Marks a message that goes round.
const ROUND: &str = "x-igentai-round";

/// As many wait long: a quarter of what may be unacknowledged, so that the rest goes on.
const ROOM: usize = super::PREFETCH as usize / 4;

/// How long they wait, and how long those beyond, which are in the way of others.
const LONG: Duration = Duration::from_secs(2);
const SHORT: Duration = Duration::from_millis(200);

/// Whether it goes round; otherwise its producer published it.
pub(super) fn goes_round(delivery: &Delivery) -> bool {
    delivery.headers.contains_key(ROUND)
}

/// What became of a message that was to go round.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) delivery: Delivery,
    /// Whether it is at the end of its queue; otherwise it comes again from the queue's head.
    pub(super) sent: bool,
}

/// Those that wait, and those on their way.
#[derive(Default)]
pub(super) struct Rounds<'a> {
    /// By when they are due, and the order in which they came.
    waiting: BTreeMap<(Monotonic, u64), Delivery>,
    names: BTreeSet<String>,
    came: u64,
    sending: FuturesUnordered<BoxFuture<'a, Sent>>,
}

impl<'a> Rounds<'a> {
    pub(super) fn wait(&mut self, delivery: Delivery, now: Monotonic) {
        let due = now + if self.waiting.len() < ROOM { LONG } else { SHORT };
        self.came += 1;
        self.names.insert(name_of(&delivery));
        self.waiting.insert((due, self.came), delivery);
    }

    /// Whether a message of that name waits here, or is on its way.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// When the next one sets out.
    pub(super) fn due(&self) -> Option<Monotonic> {
        self.waiting.keys().next().map(|(due, _)| *due)
    }

    /// Has those set out that are due.
    pub(super) fn set_out(&mut self, context: &'a Context, now: Monotonic) {
        while let Some(first) = self.waiting.first_entry().filter(|first| first.key().0 <= now) {
            self.sending.push(send(context, first.remove()).boxed());
        }
    }

    /// The next one that has arrived, or has not; none while none is on its way.
    pub(super) async fn next(&mut self) -> Option<Sent> {
        let sent = self.sending.next().await?;
        self.names.remove(&name_of(&sent.delivery));
        Some(sent)
    }

    /// Lets go of all: the broker has them still. The answer are those that wait; what is on its way may be there twice, which is absorbed.
    pub(super) fn clear(&mut self) -> Vec<DeliveryTag> {
        self.sending.clear();
        self.names.clear();
        std::mem::take(&mut self.waiting).into_values().map(|delivery| delivery.tag).collect()
    }
}

/// Puts a message to the end of its queue. A broker puts what is given back to it to the queue's head, where it would stand in the way of all others.
async fn send(context: &Context, delivery: Delivery) -> Sent {
    let mut headers = delivery.headers.clone();
    headers.insert(ROUND.to_owned(), context.id.to_string());
    let again = Outgoing {
        exchange: Exchange::Batches,
        routing_key: delivery.routing_key.clone(),
        content_type: delivery.content_type.clone(),
        message_id: delivery.message_id.clone(),
        headers,
        payload: delivery.payload.clone(),
    };
    let sent = context.bus.publish(again).await;
    if let Err(error) = &sent {
        warn!(error = %error, "a message that waits for the store is given back to the broker");
    }
    Sent { delivery, sent: sent.is_ok() }
}

#[cfg(test)]
pub(super) fn marked(mut delivery: Delivery) -> Delivery {
    delivery.headers.insert(ROUND.to_owned(), String::new());
    delivery
}
