//! Messages that go round their queue, since there is no room to hold them.

use std::time::Duration;

use igentai_shared::bus::{Delivery, Exchange, Outgoing};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::Context;

/// Marks a message that goes round.
const ROUND: &str = "x-igentai-round";

/// Before messages come again for which there was no room.
const PAUSE: Duration = Duration::from_millis(400);

/// Whether it goes round; otherwise its producer published it.
pub(super) fn goes_round(delivery: &Delivery) -> bool {
    delivery.headers.contains_key(ROUND)
}

/// Puts a message to the end of its queue; whether that is confirmed. A broker puts what is given back to it to the queue's head, where it would
/// stand in the way of all others.
pub(super) async fn send_round(context: &Context, delivery: &Delivery) -> bool {
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
    sent.is_ok()
}

pub(super) async fn pause(stop: &CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = tokio::time::sleep(PAUSE) => {}
    }
}

#[cfg(test)]
pub(super) fn marked(mut delivery: Delivery) -> Delivery {
    delivery.headers.insert(ROUND.to_owned(), String::new());
    delivery
}
