//! What keeps a part of a process from its work although its connections stand, for readiness and for people.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{Bus, BusError, Consumer, Source};

const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_LAST: Duration = Duration::from_secs(10);

/// The troubles of a process, by part. Clones are handles to the same list.
#[derive(Clone, Debug, Default)]
pub struct Troubles(Arc<Mutex<BTreeMap<String, String>>>);

impl Troubles {
    /// Notes why a part does not work. Whether that is new.
    pub fn note(&self, part: &str, reason: String) -> bool {
        self.list().insert(part.to_owned(), reason.clone()).is_none_or(|before| before != reason)
    }

    /// A part works. Whether it did not before.
    pub fn clear(&self, part: &str) -> bool {
        self.list().remove(part).is_some()
    }

    /// Every part that does not work, with the reason.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        self.list().iter().map(|(part, reason)| format!("{part} does not work: {reason}")).collect()
    }

    fn list(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Consumes, as often as it takes: a broker that refuses the queue (rights, or somebody declared it otherwise) is asked again, the reason is said
/// once and stands in `troubles` meanwhile. `None` when the bus is closed, or `stop` came first.
pub async fn consume_at_last(
    bus: &dyn Bus,
    source: &Source,
    prefetch: u16,
    part: &str,
    troubles: &Troubles,
    stop: &CancellationToken,
) -> Option<Box<dyn Consumer>> {
    let mut wait = RETRY_FIRST;
    loop {
        let consumed = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            consumed = bus.consume(source.clone(), prefetch) => consumed,
        };
        match consumed {
            Ok(consumer) => {
                if troubles.clear(part) {
                    info!(part, "the broker lets this part read its queue now");
                }
                return Some(consumer);
            }
            Err(BusError::Closed) => return None,
            Err(error) => {
                if troubles.note(part, error.to_string()) {
                    error!(part, error = %error, "a part cannot read its queue and asks again; remove the queue or give the rights");
                }
            }
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(RETRY_LAST),
        }
    }
}
