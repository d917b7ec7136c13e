//! What integrators say of runs whose batches the store refuses: only they ask it to take some.

use std::collections::BTreeMap;
use std::time::Duration;

use igentai_core::folder::TopicId;
use igentai_core::ids::Run;
use igentai_core::time::Monotonic;
use igentai_shared::wire::Refused;

/// Runs that are remembered.
const REMEMBERED: usize = 1_000;

/// It is said every two seconds, as long as it holds.
const MEMORY: Duration = Duration::from_secs(6);

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<TopicId, (Run, String, Monotonic)>);

impl Refusals {
    pub(super) fn hear(&mut self, Refused { topic, run, reason }: Refused, now: Monotonic) {
        self.0.retain(|_, (_, _, heard)| now.since(*heard) < MEMORY);
        if self.0.len() < REMEMBERED || self.0.contains_key(&topic) {
            self.0.insert(topic, (run, reason, now));
        }
    }

    /// Its log grows, so none is refused.
    pub(super) fn over(&mut self, topic: &TopicId) {
        self.0.remove(topic);
    }

    /// Why its batches are refused, for people.
    pub(super) fn reason(&self, topic: &TopicId, run: Run, now: Monotonic) -> Option<String> {
        let (refused, reason, heard) = self.0.get(topic)?;
        let holds = *refused == run && now.since(*heard) < MEMORY;
        holds.then(|| format!("the store refuses what producers have found: {reason}"))
    }
}
