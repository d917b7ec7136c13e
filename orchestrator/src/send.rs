//! Publishing our messages.

use std::collections::BTreeMap;

use igentai_core::seeded::{Bug, is_on};
use igentai_shared::bus::{Exchange, Outgoing, PublishError};
use igentai_shared::wire::{self, DecodeError, Message};

use crate::Context;

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// Whoever reads it would drop it. It is said already.
    #[error("it is over the limits of those who read it: {0}")]
    OverLimits(DecodeError),
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Publishes one message and waits for the confirmation.
pub(crate) async fn send<M: Message>(
    context: &Context,
    exchange: Exchange,
    routing_key: String,
    message_id: String,
    message: &M,
) -> Result<(), SendError> {
    let payload = wire::encode_within_limits(message).map_err(|error| {
        let reason = format!("to {routing_key}: {error}");
        context.troubles.met(&format!("sending `{}`", M::KIND), &reason, context.clock.now().monotonic);
        SendError::OverLimits(error)
    })?;
    let content_type = wire::content_type::<M>();
    let headers = BTreeMap::new();
    let outgoing = Outgoing { exchange, routing_key, content_type, message_id, headers, payload };
    match context.bus.publish(outgoing).await {
        Err(PublishError::Unknown(_)) if is_on(Bug::UnconfirmedTakenForDone) => Ok(()),
        sent => Ok(sent?),
    }
}
