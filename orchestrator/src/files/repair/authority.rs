//! Who may write: the lease is taken as a leader takes it. Beside a leader who lives, only what that one refuses to work on may be written, in its term.

use std::time::Duration;

use igentai_core::ids::{Epoch, WorkerId};
use igentai_core::lease::LeaseWatch;
use igentai_shared::clock::Clock;
use igentai_shared::store::{Store, StoreError};

/// In whose term a repair writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The term.
    pub epoch: Epoch,
    /// Who leads, unless the repair itself does.
    pub leader: Option<WorkerId>,
}

/// Takes the lease, if it is free or stands still for its time to live; otherwise says who holds it. With `sole` nobody else can hold it.
/// The term is `above` that one, if it is taken.
///
/// # Errors
/// The store does not serve.
pub async fn authority(
    store: &dyn Store,
    clock: &dyn Clock,
    id: &WorkerId,
    ttl: Duration,
    sole: bool,
    above: Epoch,
) -> Result<Authority, StoreError> {
    let mut watch = LeaseWatch::default();
    // A leader moves it four times in that time.
    let mut moved = 0;
    loop {
        let asked = clock.now();
        let seen = store.lease().await?;
        let sight = watch.look(&seen, asked, clock.now());
        let free = seen.holder.is_none() || sole || sight.standstill() >= ttl;
        if free && let Some(lease) = store.take_lease(id, &seen, above).await? {
            return Ok(Authority { epoch: lease.epoch, leader: None });
        }
        moved += u32::from(matches!(sight, igentai_core::lease::Sight::Moved));
        if moved > 1 && seen.holder.is_some() {
            return Ok(Authority { epoch: seen.epoch, leader: seen.holder });
        }
        tokio::time::sleep(ttl.div_f64(10.0)).await;
    }
}

/// Keeps the lease while `work` goes on, and gives it back when that has ended. `None` when the lease was lost meanwhile: then the work was broken off.
pub async fn held<T>(
    store: &dyn Store,
    id: &WorkerId,
    authority: &Authority,
    ttl: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    if authority.leader.is_some() {
        return Some(work.await);
    }
    let keep = async {
        loop {
            tokio::time::sleep(ttl.div_f64(4.0)).await;
            let renewed =
                tokio::time::timeout(ttl.div_f64(2.0), store.renew_lease(id, authority.epoch)).await;
            if !matches!(renewed, Ok(Ok(Some(_)))) {
                return;
            }
        }
    };
    let done = tokio::select! {
        biased;
        done = work => Some(done),
        () = keep => None,
    };
    if let Err(error) = store.release_lease(id, authority.epoch).await {
        tracing::warn!(error = %error, "the lease could not be released; the next leader waits for it to expire");
    }
    done
}
