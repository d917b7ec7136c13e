//! Runs of topics that the store refuses to write to. Each is told of once; what comes for it is tried now and then only, by itself, so that neither a group of
//! others nor the store has to do with every message.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use igentai_core::folder::TopicId;
use igentai_core::ids::Run;
use igentai_core::time::Monotonic;
use igentai_shared::store::{Commit, StoreError};
use tracing::{error, info};

/// Runs that are remembered.
const REMEMBERED: usize = 1_000;

/// Runs that are named in a warning.
const NAMED: usize = 5;

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Refusal {
    reason: String,
    tried: Monotonic,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Refused(BTreeMap<(TopicId, Run), Refusal>);

impl Refused {
    /// The store has refused it just now.
    pub(super) fn refuse(&mut self, commits: &[Commit], reason: &StoreError, now: Monotonic) {
        for (topic, run) in commits.iter().map(run_of) {
            let known = self.0.get_mut(&(topic.clone(), run));
            if let Some(refusal) = known {
                *refusal = Refusal { reason: reason.to_string(), tried: now };
            } else if self.0.len() < REMEMBERED {
                error!(%topic, run, error = %reason, "the store refuses batches of this topic; they wait, those of others go on");
                self.0.insert((topic, run), Refusal { reason: reason.to_string(), tried: now });
            }
        }
    }

    /// The store has taken it.
    pub(super) fn take(&mut self, commit: &Commit) {
        if !self.0.is_empty() && self.0.remove(&run_of(commit)).is_some() {
            info!(topic = %commit.id.topic, run = commit.id.run, "the store takes batches of this topic again");
        }
    }

    /// Whether the store is known to refuse any of them.
    pub(super) fn any(&self, commits: &[Commit]) -> bool {
        !self.0.is_empty() && commits.iter().any(|commit| self.0.contains_key(&run_of(commit)))
    }

    /// Why the store refuses them; `None` where it is time to try.
    pub(super) fn why(&self, commits: &[Commit], now: Monotonic) -> Option<String> {
        let mut refusals = commits.iter().filter_map(|commit| self.0.get(&run_of(commit)));
        refusals.find(|refusal| now.since(refusal.tried) < PAUSE).map(|refusal| refusal.reason.clone())
    }

    /// What so many messages wait for, for people.
    pub(super) fn in_words(&self, messages: usize) -> Option<String> {
        let ((topic, run), refusal) = self.0.first_key_value().filter(|_| messages > 0)?;
        let mut text = format!(
            "{messages} messages with answers wait here, since the store refuses them: {topic} (run {run}): {}",
            refusal.reason
        );
        for (topic, run) in self.0.keys().skip(1).take(NAMED - 1) {
            write!(text, "; {topic} (run {run})").unwrap_or_default();
        }
        let more = self.0.len().saturating_sub(NAMED);
        if more > 0 {
            write!(text, " and {more} more").unwrap_or_default();
        }
        Some(text)
    }
}

fn run_of(commit: &Commit) -> (TopicId, Run) {
    (commit.id.topic.clone(), commit.id.run)
}
