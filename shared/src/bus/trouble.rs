//! What keeps a part of a process from its work although its connections stand, for readiness and for people.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use igentai_core::time::Monotonic;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{Bus, BusError, Consumer, Source};

const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_LAST: Duration = Duration::from_secs(10);

/// How long something that was met is told after it was met last.
const MEMORY: Duration = Duration::from_mins(1);

/// The troubles of a process, by part. Clones are handles to the same lists.
#[derive(Clone, Debug, Default)]
pub struct Troubles(Arc<Mutex<Lists>>);

#[derive(Debug, Default)]
struct Lists {
    parts: BTreeMap<String, Trouble>,
    warnings: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Trouble {
    reason: String,
    /// When it is over by itself; `None`: not before somebody says so.
    until: Option<Monotonic>,
}

impl Trouble {
    fn is_over(&self, now: Monotonic) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl Troubles {
    /// Notes why a part does not work, and says so where it was not said before.
    pub fn note(&self, part: &str, reason: &str) {
        if self.set(part, reason).as_deref() != Some(reason) {
            error!(part, reason, "a part of this process does not work and tries again");
        }
    }

    /// Notes it without a word; what was noted of the part before.
    #[must_use]
    pub fn set(&self, part: &str, reason: &str) -> Option<String> {
        let trouble = Trouble { reason: reason.to_owned(), until: None };
        self.lists().parts.insert(part.to_owned(), trouble).map(|before| before.reason)
    }

    /// Notes what was met just now, and says so where it was not met lately. Nobody clears it: it is told for a minute after it was met last.
    pub fn met(&self, part: &str, reason: &str, now: Monotonic) {
        let trouble = Trouble { reason: reason.to_owned(), until: Some(now + MEMORY) };
        let before = self.lists().parts.insert(part.to_owned(), trouble);
        if before.is_none_or(|before| before.is_over(now)) {
            error!(part, reason, "a part of this process does not work");
        }
    }

    /// Why a part does not work.
    #[must_use]
    pub fn reason(&self, part: &str) -> Option<String> {
        self.lists().parts.get(part).map(|trouble| trouble.reason.clone())
    }

    /// A part works.
    pub fn clear(&self, part: &str) {
        if self.lists().parts.remove(part).is_some() {
            info!(part, "a part of this process works again");
        }
    }

    /// Every part that does not work, with the reason.
    #[must_use]
    pub fn reasons(&self, now: Monotonic) -> Vec<String> {
        let parts = &mut self.lists().parts;
        parts.retain(|_, trouble| !trouble.is_over(now));
        parts.iter().map(|(part, trouble)| format!("{part} does not work: {}", trouble.reason)).collect()
    }

    /// Notes what keeps nobody from work but should be known, or with `None` that it is over. Whoever notes it says it in the log.
    pub fn warn(&self, about: &str, what: Option<String>) {
        let warnings = &mut self.lists().warnings;
        match what {
            Some(what) => drop(warnings.insert(about.to_owned(), what)),
            None => drop(warnings.remove(about)),
        }
    }

    /// Everything that should be known.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.lists().warnings.values().cloned().collect()
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_met_is_told_for_a_minute_and_what_was_noted_until_it_is_cleared() {
        let troubles = Troubles::default();
        troubles.note("a", "one");
        troubles.met("b", "two", Monotonic(1_000));
        troubles.met("b", "three", Monotonic(2_000));
        let both = ["a does not work: one", "b does not work: three"];
        assert_eq!(troubles.reasons(Monotonic(61_999)), both);
        assert_eq!(troubles.reasons(Monotonic(62_000)), both[..1]);
        troubles.clear("a");
        assert_eq!(troubles.reasons(Monotonic(62_000)), [""; 0]);
    }
}
