//! Reads the server's own queue on the bus.

use std::time::Duration;

use igentai_core::status::TopicStatus;
use igentai_shared::bus::{BusError, Delivery, Exchange, Incoming, Source};
use igentai_shared::wire::{self, Message, NewAttributes, StatusEvent};
use tokio::sync::mpsc;

use crate::context::WebContext;

/// Before asking the bus again for a subscription that it refused.
const RETRY: Duration = Duration::from_secs(1);

/// Deliveries held unacknowledged.
const PREFETCH: u16 = 256;

/// What the bus said.
pub(super) enum FromBus {
    Attributes(NewAttributes),
    Status(Box<TopicStatus>),
    /// Events may have been missed.
    Missed,
}

/// Reads the server's own queue into `inbox` until the shutdown. A full inbox holds the queue back; its oldest messages are then dropped by the broker and
/// the pump finds the holes.
pub(super) async fn read_bus(context: WebContext, inbox: mpsc::Sender<FromBus>) {
    loop {
        let ended = tokio::select! {
            () = context.shutdown.cancelled() => return,
            ended = read_until_error(&context, &inbox) => ended,
        };
        match ended {
            Err(BusError::Closed) | Ok(()) => return,
            Err(error @ (BusError::Refused(_) | BusError::Unreachable(_))) => {
                tracing::warn!(error = %error, "live events do not come in; the registry is asked instead");
            }
        }
        tokio::select! {
            () = context.shutdown.cancelled() => return,
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

async fn read_until_error(context: &WebContext, inbox: &mpsc::Sender<FromBus>) -> Result<(), BusError> {
    let source = Source::Broadcast {
        name: format!("igentai.webserver.{}", context.id),
        bindings: vec![(Exchange::Events, "#".to_owned())],
    };
    let mut consumer = context.bus.consume(source, PREFETCH).await?;
    loop {
        let (message, tag) = match consumer.next().await? {
            Incoming::Resumed => (Some(FromBus::Missed), None),
            Incoming::Delivery(delivery) => (decode(&delivery), Some(delivery.tag)),
        };
        if let Some(message) = message
            && inbox.send(message).await.is_err()
        {
            return Ok(());
        }
        if let Some(tag) = tag {
            consumer.ack(tag).await?;
        }
    }
}

fn decode(delivery: &Delivery) -> Option<FromBus> {
    let (kind, _) = wire::kind_of(&delivery.content_type)?;
    let decoded = match kind {
        NewAttributes::KIND => {
            wire::decode(&delivery.content_type, &delivery.payload).map(FromBus::Attributes)
        }
        StatusEvent::KIND => wire::decode::<StatusEvent>(&delivery.content_type, &delivery.payload)
            .map(|event| FromBus::Status(Box::new(event.status))),
        _ => return None,
    };
    decoded
        .inspect_err(|error| {
            tracing::warn!(error = %error, routing_key = delivery.routing_key, "an event cannot be read");
        })
        .ok()
}
