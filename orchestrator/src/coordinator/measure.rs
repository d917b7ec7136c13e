//! What the leader alone measures, for Prometheus and for whoever asks after its health.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use igentai_core::coordinator::Coordinator;
use igentai_core::time::Monotonic;
use igentai_shared::bus::trouble::Troubles;
use igentai_shared::bus::{Bus, WorkQueue};
use igentai_shared::telemetry::catalogue;
use tracing::warn;

/// How long a depth is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What rises again within this time goes on rising.
const GOES_ON: Duration = Duration::from_mins(1);

/// The names of warnings.
const UNROUTED: &str = "unrouted messages";
const DEAD: &str = "dead letters";
const LOST: &str = "lost topics";

/// Measures as long as the term lasts, and then says no more what was.
#[derive(Debug)]
pub(super) struct Measures {
    troubles: Troubles,
    unrouted: Unrouted,
}

impl Measures {
    pub(super) fn new(troubles: Troubles) -> Self {
        catalogue::LEADER.set_flag(true, []);
        Self { troubles, unrouted: Unrouted::default() }
    }

    pub(super) fn count(core: &Coordinator) {
        let mut states =
            BTreeMap::from(["starting", "running", "ending", "ended"].map(|state| (state, 0_u64)));
        for topic in core.topics() {
            *states.entry(topic.state.as_str()).or_default() += 1;
        }
        for (state, topics) in states {
            catalogue::TOPICS.set_whole(topics, [state]);
        }
        catalogue::PRODUCERS.set_whole(u64::try_from(core.producers()).unwrap_or(u64::MAX), ["live"]);
        for (provider, rests) in core.treated() {
            catalogue::PROVIDER_RESTS.set_flag(rests, [provider]);
        }
    }

    pub(super) async fn queues(&mut self, bus: &dyn Bus, now: Monotonic) {
        let depths = WorkQueue::ALL.map(|queue| tokio::time::timeout(PATIENCE, bus.depth(queue)));
        for (queue, depth) in WorkQueue::ALL.into_iter().zip(join_all(depths).await) {
            if let Ok(Some(messages)) = depth {
                catalogue::QUEUE_MESSAGES.set_whole(messages, [queue.name()]);
                match queue {
                    WorkQueue::Unrouted => {
                        catalogue::UNROUTED_MESSAGES.set_whole(messages, []);
                        self.unrouted(messages, now);
                    }
                    WorkQueue::Dead => self.dead(messages),
                    WorkQueue::Integrate | WorkQueue::Coordinate | WorkQueue::Tasks => {}
                }
            }
        }
    }

    /// Topics that the registry does not know any more, in words.
    pub(super) fn lost(&self, lost: Option<String>) {
        self.troubles.warn(LOST, lost);
    }

    fn dead(&self, messages: u64) {
        let standing = format!(
            "{messages} dead letters wait: batches that could not be integrated; `igentai dead-letters list` says why, then replay or drop them"
        );
        self.troubles.warn(DEAD, (messages > 0).then_some(standing));
    }

    fn unrouted(&mut self, messages: u64, now: Monotonic) {
        let queue = WorkQueue::Unrouted.name();
        if self.unrouted.has_risen(messages, now) {
            warn!(
                messages,
                queue,
                "messages came that no queue took: a queue or its binding was missing when they were published; they are kept for a day"
            );
        }
        let standing = format!(
            "{messages} messages that no queue took wait in {queue}: a queue or its binding was missing when they were published"
        );
        self.troubles.warn(UNROUTED, (messages > 0).then_some(standing));
    }
}

impl Drop for Measures {
    fn drop(&mut self) {
        catalogue::LEADER.set_flag(false, []);
        for gauge in [catalogue::TOPICS, catalogue::PRODUCERS, catalogue::QUEUE_MESSAGES] {
            gauge.forget();
        }
        for gauge in [
            catalogue::TOPIC_ATTRIBUTES,
            catalogue::TOPIC_COVERAGE,
            catalogue::TOPIC_COMPLETENESS,
            catalogue::PROVIDER_RESTS,
            catalogue::OUTBOX_LAG_ENTRIES,
            catalogue::FILTER_GENERATION,
            catalogue::FILTER_FALSE_POSITIVE_RATE,
            catalogue::FILTER_STALE_ENTRIES,
            catalogue::FILTER_STALE_SECONDS,
        ] {
            gauge.forget();
        }
        catalogue::UNROUTED_MESSAGES.forget();
        catalogue::TOPICS_PUT_BACK.forget();
        self.troubles.warn(UNROUTED, None);
        self.troubles.warn(DEAD, None);
        self.troubles.warn(LOST, None);
    }
}

/// How many messages no queue took.
#[derive(Debug, Default)]
struct Unrouted {
    messages: u64,
    rose: Option<Monotonic>,
}

impl Unrouted {
    /// Whether it is to be said that there are more: once, however long that goes on.
    fn has_risen(&mut self, messages: u64, now: Monotonic) -> bool {
        let rises = messages > std::mem::replace(&mut self.messages, messages);
        let goes_on = self.rose.is_some_and(|at| now.since(at) < GOES_ON);
        if rises {
            self.rose = Some(now);
        }
        rises && !goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rise_is_said_once_and_the_next_one_again() {
        let mut unrouted = Unrouted::default();
        let mut risen = |messages, seconds: u64| unrouted.has_risen(messages, Monotonic(seconds * 1_000));
        assert!(!risen(0, 0));
        assert!(risen(1, 1));
        assert!(!risen(1, 2), "it stands still");
        assert!((3..200).all(|second| !risen(second, second)), "it goes on rising");
        assert!(!risen(5, 300), "they were taken away");
        assert!(risen(6, 301));
    }
}
