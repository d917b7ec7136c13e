//! Waiting for messages, as long as the store takes those that were heard before.

use std::time::Duration;

use igentai_core::time::Monotonic;
use igentai_shared::bus::{BusError, Consumer, Incoming};

/// A store that has answered nothing for so long does not serve: what is at it stays here, and no more is waited for. A consumer that waits longer in
/// vain, while messages are held, takes itself for deaf, and the broker delivers them again.
const PATIENCE: Duration = Duration::from_secs(2);

/// The next message; none while the store, asked and silent since `asked`, does not serve. Dropping it loses nothing.
pub(super) async fn hear(
    consumer: &mut dyn Consumer,
    asked: Option<Monotonic>,
    now: Monotonic,
) -> Result<Incoming, BusError> {
    let Some(asked) = asked else { return consumer.next().await };
    let left = PATIENCE.saturating_sub(now.since(asked));
    if let Ok(heard) = tokio::time::timeout(left, consumer.next()).await {
        return heard;
    }
    consumer.rest();
    std::future::pending().await
}
