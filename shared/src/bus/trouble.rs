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
    /// Notes why a part does not work, and says so where it was not said before.
    pub fn note(&self, part: &str, reason: &str) {
        if self.set(part, reason).as_deref() != Some(reason) {
            error!(part, reason, "a part of this process does not work and tries again");
        }
    }

    /// Notes it without a word; what was noted of the part before.
    pub fn set(&self, part: &str, reason: &str) -> Option<String> {
        self.list().insert(part.to_owned(), reason.to_owned())
    }

    /// Why a part does not work.
    #[must_use]
    pub fn reason(&self, part: &str) -> Option<String> {
        self.list().get(part).cloned()
    }

    /// A part works.
    pub fn clear(&self, part: &str) {
        if self.list().remove(part).is_some() {
            info!(part, "a part of this process works again");
        }
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
        let answer = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            answer = bus.consume(source.clone(), prefetch) => answer,
        };
        match answer {
            Ok(consumer) => {
                troubles.clear(part);
                return Some(consumer);
            }
            Err(BusError::Closed) => return None,
            Err(error) => troubles.note(part, &error.to_string()),
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(RETRY_LAST),
        }
    }
}
