//! Publishing our messages.

use std::collections::BTreeMap;

use igentai_shared::bus::{Bus, Exchange, Outgoing, PublishError};
use igentai_shared::wire::{self, Message};

/// Publishes one message and waits for the confirmation.
pub(crate) async fn send<M: Message>(
    bus: &dyn Bus,
    exchange: Exchange,
    routing_key: String,
    message_id: String,
    message: &M,
) -> Result<(), PublishError> {
    bus.publish(Outgoing {
        exchange,
        routing_key,
        content_type: wire::content_type::<M>(),
        message_id,
        headers: BTreeMap::new(),
        payload: wire::encode(message),
    })
    .await
}
