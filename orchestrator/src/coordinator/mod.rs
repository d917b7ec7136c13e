//! The coordinator's shell: holds the lease, feeds the core, carries out what it decides.

use igentai_core::ids::Epoch;
use igentai_core::lease::LeaseWatch;
use igentai_core::time::Monotonic;
use igentai_shared::store::StoreError;
use igentai_shared::telemetry::catalogue;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::vouching::Seen;
use crate::Context;

mod filters;
mod lease;
mod lost;
mod measure;
mod notes;
mod refusals;
mod saving;
mod seeding;
mod telling;
mod term;
mod topics;
mod trouble;
mod vouching;

/// How it is called where troubles are told.
const PART: &str = "the coordinator";

/// Why a term ended.
#[derive(Debug)]
enum TermEnd {
    /// This process stops.
    Stopped,
    /// Somebody else leads, or the lease could not be renewed in time.
    Lost(String),
    /// The store has refused something, since it has seen this later epoch: another leader's, or one from before it was put back or emptied.
    Fenced(StoreError, Epoch),
    /// Producers follow this later epoch.
    Overtaken(Epoch),
}

/// A lease that was taken.
#[derive(Debug)]
struct Taken {
    epoch: Epoch,
    /// From when it is held.
    since: Monotonic,
    /// The id of the registry that is led.
    registry: String,
}

/// Stands for the lease, and leads while it holds it, until `stop`.
pub async fn run(context: Context, stop: CancellationToken) {
    let mut watch = LeaseWatch::default();
    let (mut last_term, mut seen, mut above) = (None, Seen::default(), 0);
    while !stop.is_cancelled() {
        let standing = stand(&context, &mut watch, last_term, above).await;
        if standing.is_ok() {
            context.troubles.clear(PART);
        }
        match standing {
            Ok(Some(taken)) => {
                let epoch = taken.epoch;
                above = 0;
                last_term = Some(epoch);
                info!(epoch, registry = taken.registry, "this process leads");
                catalogue::LEASE_EPOCH.set_whole(epoch, []);
                let end = term::lead(&context, taken, &mut seen, &stop).await;
                match end {
                    TermEnd::Stopped => {
                        if let Err(error) = context.store.release_lease(&context.id, epoch).await {
                            warn!(error = %error, "the lease could not be released; the next leader waits for it to expire");
                        }
                        info!(epoch, "this process leads no more");
                        return;
                    }
                    TermEnd::Lost(reason) => warn!(epoch, reason, "this process leads no more"),
                    TermEnd::Fenced(error, current) => {
                        above = above.max(current);
                        warn!(epoch, reason = %error, "this process leads no more");
                    }
                    TermEnd::Overtaken(followed) => {
                        above = above.max(followed);
                        warn!(
                            epoch,
                            followed,
                            "producers follow a later epoch than the registry counts: it was put back to an older state, or emptied; going on above it"
                        );
                    }
                }
                watch.forget();
            }
            Ok(None) => {}
            Err(error) => {
                let reason = format!("it cannot stand for the lease: {error}");
                if context.troubles.set(PART, &reason).is_none() {
                    warn!(error = %error, "cannot stand for the lease yet; nothing is decided here meanwhile");
                }
            }
        }
        let pause = lease::watch_pause(context.options.lease_ttl);
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Looks at the lease, and takes it if it is free, has not moved for its time to live, or still names this process's own last term: then nobody
/// has led since that ended, and nobody leads now. Its epoch will be `above` that one.
async fn stand(
    context: &Context,
    watch: &mut LeaseWatch,
    last_term: Option<Epoch>,
    above: Epoch,
) -> Result<Option<Taken>, StoreError> {
    let asked = context.clock.now();
    let seen = context.store.lease().await?;
    let standstill = watch.look(&seen, asked, context.clock.now()).standstill();
    let own = seen.holder.as_ref() == Some(&context.id) && last_term == Some(seen.epoch);
    let free = seen.holder.is_none() || context.options.sole || own;
    if !free && standstill < context.options.lease_ttl {
        return Ok(None);
    }
    let registry = context.store.identity(&context.new_registry_id).await?;
    let since = context.clock.now().monotonic;
    let lease = context.store.take_lease(&context.id, &seen, above).await?;
    Ok(lease.map(|lease| Taken { epoch: lease.epoch, since, registry }))
}

#[cfg(test)]
pub(crate) mod tests;
