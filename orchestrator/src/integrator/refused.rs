//! Runs of topics that the store refuses to write to. Each is told of once; what comes for it is tried now and then only, by itself, so that neither a group of
//! others nor the store has to do with every message.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use igentai_core::folder::TopicId;
use igentai_core::ids::Run;
use igentai_core::time::Monotonic;
use igentai_shared::store::{Commit, StoreError};
use igentai_shared::wire;
use tracing::{error, info};

/// Runs that are remembered.
const REMEMBERED: usize = 1_000;

/// Runs that are named in a warning.
const NAMED: usize = 5;

/// Between two times that the coordinator is told, how many runs at once, and in how many characters each.
const NOTED: Duration = Duration::from_secs(2);
const TOLD: usize = 100;
const MOST_CHARS: usize = 500;

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// What was not tried for so long has no message here any more, or goes round somewhere else: held ones are tried every ten seconds.
const MEMORY: Duration = Duration::from_mins(1);

#[derive(Debug)]
struct Refusal {
    reason: String,
    tried: Monotonic,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Refused {
    runs: BTreeMap<(TopicId, Run), Refusal>,
    /// Others are refused, or for another reason, than when it was looked last.
    changed: bool,
    noted: Option<Monotonic>,
}

impl Refused {
    /// The store has refused it just now.
    pub(super) fn refuse(&mut self, commits: &[Commit], reason: &StoreError, now: Monotonic) {
        for (topic, run) in commits.iter().map(run_of) {
            let refusal = Refusal { reason: reason.to_string(), tried: now };
            let has_room = self.runs.len() < REMEMBERED;
            let known = self.runs.get_mut(&(topic.clone(), run));
            let is_news = known.as_ref().is_none_or(|known| known.reason != refusal.reason);
            match known {
                Some(known) => *known = refusal,
                None if has_room => drop(self.runs.insert((topic.clone(), run), refusal)),
                None => continue,
            }
            if is_news {
                self.changed = true;
                error!(%topic, run, error = %reason, "the store refuses batches of this topic; they wait, those of others go on");
            }
        }
    }

    /// The store has taken it.
    pub(super) fn take(&mut self, commit: &Commit) {
        if !self.runs.is_empty() && self.runs.remove(&run_of(commit)).is_some() {
            self.changed = true;
            info!(topic = %commit.id.topic, run = commit.id.run, "the store takes batches of this topic again");
        }
    }

    /// Forgets those of which nothing waits any more; whether it is another list than when this was asked last.
    pub(super) fn changed(&mut self, now: Monotonic) -> bool {
        let before = self.runs.len();
        self.runs.retain(|_, refusal| now.since(refusal.tried) < MEMORY);
        std::mem::take(&mut self.changed) || self.runs.len() != before
    }

    /// Whether the store is known to refuse any of them.
    pub(super) fn any(&self, commits: &[Commit]) -> bool {
        !self.runs.is_empty() && commits.iter().any(|commit| self.runs.contains_key(&run_of(commit)))
    }

    /// Why the store refuses them; `None` where it is time to try.
    pub(super) fn why(&self, commits: &[Commit], now: Monotonic) -> Option<String> {
        let mut refusals = commits.iter().filter_map(|commit| self.runs.get(&run_of(commit)));
        refusals.find(|refusal| now.since(refusal.tried) < PAUSE).map(|refusal| refusal.reason.clone())
    }

    /// When the coordinator is to be told again.
    pub(super) fn next_note(&self) -> Option<Monotonic> {
        self.noted.filter(|_| !self.runs.is_empty()).map(|noted| noted + NOTED)
    }

    /// What the coordinator is to be told now: now and then all that is refused.
    pub(super) fn due(&mut self, now: Monotonic) -> Vec<wire::Refused> {
        if self.runs.is_empty() || self.noted.is_some_and(|noted| now.since(noted) < NOTED) {
            return Vec::new();
        }
        self.noted = Some(now);
        let short = |reason: &str| reason.chars().take(MOST_CHARS).collect();
        let refused = self.runs.iter().take(TOLD).map(|((topic, run), refusal)| wire::Refused {
            topic: topic.clone(),
            run: *run,
            reason: short(&refusal.reason),
        });
        refused.collect()
    }

    /// What so many messages wait for, for people.
    pub(super) fn in_words(&self, messages: usize) -> Option<String> {
        let ((topic, run), refusal) = self.runs.first_key_value().filter(|_| messages > 0)?;
        let mut text = format!(
            "{messages} messages with answers wait here, since the store refuses them: {topic} (run {run}): {}",
            refusal.reason
        );
        for (topic, run) in self.runs.keys().skip(1).take(NAMED - 1) {
            write!(text, "; {topic} (run {run})").unwrap_or_default();
        }
        let more = self.runs.len().saturating_sub(NAMED);
        if more > 0 {
            write!(text, " and {more} more").unwrap_or_default();
        }
        Some(text)
    }
}

fn run_of(commit: &Commit) -> (TopicId, Run) {
    (commit.id.topic.clone(), commit.id.run)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use igentai_core::batch::BatchId;
    use igentai_core::ids::WorkerId;
    use igentai_core::log::{EntryHead, EntryKind};
    use igentai_core::time::UnixMillis;

    use super::*;

    fn commit(topic: &str) -> Vec<Commit> {
        let (topic, producer) = (TopicId::parse(topic).unwrap(), WorkerId::parse("p").unwrap());
        let kind = EntryKind::Resolution { of: 1 };
        let head = EntryHead { producer: producer.clone(), incarnation: 1, seq: 2, at: UnixMillis(0), kind };
        let id = BatchId { topic, run: 3, producer, incarnation: 1, seq: 2 };
        let (novel, spellings, sightings) = (Vec::new(), Vec::new(), Vec::new());
        vec![Commit { id, lowest_unresolved: 1, head, novel, spellings, sightings, numbered: None }]
    }

    #[test]
    fn a_run_is_told_of_as_long_as_something_is_tried_and_for_the_reason_that_it_was_refused_for_last() {
        let (mut refused, at) = (Refused::default(), |second: u64| Monotonic(1_000 * second));
        let full = |what: &str| StoreError::Corrupt(what.to_owned());
        refused.refuse(&commit("birds"), &full("no room"), at(0));
        refused.refuse(&commit("fish"), &full("no room"), at(50));
        assert!(refused.changed(at(50)) && !refused.changed(at(50)));
        refused.refuse(&commit("fish"), &full("no room"), at(51));
        assert!(!refused.changed(at(51)));
        refused.refuse(&commit("fish"), &full("no rights"), at(52));
        assert!(refused.changed(at(52)));
        let told = refused.in_words(2).unwrap();
        assert!(
            told.contains("birds (run 3): ") && told.contains("no room") && told.contains("; fish (run 3)"),
            "{told}"
        );
        assert!(refused.changed(at(60)), "nothing of the first one waits any more");
        let told = refused.in_words(1).unwrap();
        assert!(
            told.contains("fish (run 3): ") && told.contains("no rights") && !told.contains("birds"),
            "{told}"
        );
        assert!(!refused.any(&commit("birds")) && refused.any(&commit("fish")));
    }
}
