//! The lease, kept for as long as a term lasts, whatever else the coordinator waits for meanwhile.

use std::time::Duration;

use igentai_core::ids::Epoch;
use igentai_core::time::Monotonic;
use tracing::warn;

use crate::Context;

/// Renews the lease, which was held at `since`, until it is lost; the answer says why.
pub(super) async fn keep(context: &Context, epoch: Epoch, since: Monotonic) -> String {
    let ttl = context.options.lease_ttl;
    let mut renewed = since;
    let mut failing = false;
    loop {
        let pause = if failing { ttl.div_f64(20.0) } else { ttl.div_f64(4.0) };
        let left = ttl.saturating_sub(context.clock.now().monotonic.since(renewed));
        tokio::time::sleep(pause.min(left)).await;
        // The lease lives from when it was asked for, not from the answer.
        let asked = context.clock.now().monotonic;
        let left = ttl.saturating_sub(asked.since(renewed));
        if left.is_zero() {
            return "the lease could not be renewed in time".to_owned();
        }
        match tokio::time::timeout(left, context.store.renew_lease(&context.id, epoch)).await {
            Ok(Ok(Some(_))) => (renewed, failing) = (asked, false),
            Ok(Ok(None)) => return "somebody else holds the lease".to_owned(),
            Ok(Err(error)) => {
                if !std::mem::replace(&mut failing, true) {
                    warn!(error = %error, "the lease is not renewed yet");
                }
            }
            Err(_) => return "the store did not renew the lease in time".to_owned(),
        }
    }
}

/// How long the holder waits at most between two looks at a lease that is not his.
pub(super) fn watch_pause(ttl: Duration) -> Duration {
    ttl.div_f64(20.0).max(Duration::from_millis(50))
}
