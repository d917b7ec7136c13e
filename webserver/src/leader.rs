//! Whether an orchestrator leads. Nobody tells when the last one is gone, so the lease is watched as those watch it who want to take it:
//! one that does not move for its time to live, on this process's own monotonic clock, is nobody's. Nobody can tell of a store that takes no
//! writes either, since the coordinator's words are kept there: that is looked at, too.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use igentai_core::lease::{LeaseRecord, LeaseWatch, Sight};
use igentai_core::time::{Now, UnixMillis};

use crate::api::dto::{StateName, TopicView};
use crate::context::{Readiness, WebContext};

/// Looks at the lease in its time to live.
const LOOKS: u32 = 5;

/// Between two looks at most: the absence of a leader is told at this grain.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What was seen of the lease.
#[derive(Debug)]
struct Watch {
    /// How long it may stand still. A standby takes it over after its time to live, so only what lasts longer is worth telling.
    patience: Duration,
    lease: LeaseWatch,
    absent_since: Option<UnixMillis>,
    /// Why the store takes no writes.
    refuses_writes: Option<String>,
}

impl Watch {
    /// Takes in what was read between two moments. Without an answer nothing is known of the leader, and a standstill begins anew with the next.
    fn look(&mut self, lease: Option<&LeaseRecord>, asked: Now, answered: Now) {
        let Some(lease) = lease else {
            self.lease.forget();
            return;
        };
        match self.lease.look(lease, asked, answered) {
            Sight::Still { since, at_least } if at_least > self.patience => {
                self.absent_since.get_or_insert(since.unix);
            }
            // Released is a change, too, but nobody's beat.
            Sight::Moved if lease.holder.is_some() => self.absent_since = None,
            Sight::First | Sight::Moved | Sight::Still { .. } => {}
        }
    }
}

/// What everybody in this server may ask about the leader.
#[derive(Debug)]
pub(crate) struct Leader(Mutex<Watch>);

impl Leader {
    pub(crate) fn new(lease_ttl: Duration) -> Self {
        let patience = lease_ttl.saturating_add(lease_ttl / 2);
        let (lease, absent_since, refuses_writes) = (LeaseWatch::default(), None, None);
        Self(Mutex::new(Watch { patience, lease, absent_since, refuses_writes }))
    }

    /// Watches until the shutdown.
    pub(crate) async fn watch(self: Arc<Self>, context: WebContext) {
        let pause = (context.lease_ttl / LOOKS).clamp(Duration::from_millis(50), LONGEST_PAUSE);
        let mut said = false;
        loop {
            let asked = context.clock.now();
            // A read that waits for a store that is away must not hold up the shutdown.
            let lease = tokio::select! {
                () = context.shutdown.cancelled() => return,
                lease = context.store.lease() => lease,
            };
            self.inner().look(lease.as_ref().ok(), asked, context.clock.now());
            let check = tokio::select! {
                () = context.shutdown.cancelled() => return,
                check = context.store.check() => check,
            };
            let why = check.ok().and_then(|check| check.refuses_writes.into_iter().next());
            self.inner().refuses_writes = why.map(|why| format!("the store cannot be written to: {why}"));
            let missing = self.absence();
            match &missing {
                Some(absence) if !said => tracing::warn!("{absence}"),
                None if said => tracing::info!("an orchestrator leads again"),
                Some(_) | None => {}
            }
            said = missing.is_some();
            tokio::select! {
                () = context.shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// That nobody leads, and since when, for people; `None` while somebody does, or nothing is known.
    pub(crate) fn absence(&self) -> Option<String> {
        let since = self.inner().absent_since?;
        Some(format!("no orchestrator leads since {} UTC; start one", time_of_day(since)))
    }

    /// That the store takes no writes, and why.
    fn refuses_writes(&self) -> Option<String> {
        self.inner().refuses_writes.clone()
    }

    /// A topic as it stands: without a leader, or with a store that takes no writes, the numbers of one that should go on are those of a past that
    /// stands still.
    pub(crate) fn correct(&self, view: &mut TopicView) {
        if view.state == StateName::Ended {
            return;
        }
        if let Some(problem) = self.refuses_writes().or_else(|| self.absence()) {
            view.numbers.problem = Some(problem);
            view.numbers.attributes_per_minute = 0.0;
        }
    }

    fn inner(&self) -> MutexGuard<'_, Watch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn time_of_day(at: UnixMillis) -> String {
    let seconds = at.0 / 1_000 % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// The web server can show and record without a leader, and show without a store that takes writes: these are warnings.
#[derive(Debug)]
pub(crate) struct WithLeader {
    pub(crate) readiness: Arc<dyn Readiness>,
    pub(crate) leader: Arc<Leader>,
}

#[async_trait]
impl Readiness for WithLeader {
    async fn reasons(&self) -> Vec<String> {
        self.readiness.reasons().await
    }

    async fn warnings(&self) -> Vec<String> {
        let mut warnings = self.readiness.warnings().await;
        warnings.extend(self.leader.refuses_writes());
        warnings.extend(self.leader.absence());
        warnings
    }
}

#[cfg(test)]
mod tests {
    use igentai_core::ids::WorkerId;
    use igentai_core::time::Monotonic;

    use super::*;

    const TTL: Duration = Duration::from_secs(4);

    fn at(ms: u64) -> Now {
        Now { monotonic: Monotonic(ms), unix: UnixMillis(3_600_000 + ms) }
    }

    fn lease(beat: u64) -> LeaseRecord {
        LeaseRecord { holder: Some(WorkerId::of_role("o", 1)), epoch: 1, beat }
    }

    fn look(leader: &Leader, lease: Option<&LeaseRecord>, ms: u64) -> bool {
        leader.inner().look(lease, at(ms), at(ms));
        leader.absence().is_some()
    }

    #[test]
    fn a_lease_that_stands_still_for_longer_than_a_takeover_takes_is_nobodys_until_it_moves() {
        let leader = Leader::new(TTL);
        assert!(!look(&leader, Some(&lease(1)), 0));
        assert!(!look(&leader, Some(&lease(2)), 3_000));
        assert!(!look(&leader, Some(&lease(2)), 9_000), "a standby may be about to take it");
        assert!(look(&leader, Some(&lease(2)), 9_001));
        assert_eq!(
            leader.absence().as_deref(),
            Some("no orchestrator leads since 01:00:03 UTC; start one"),
            "since it was last seen to move"
        );
        assert!(look(&leader, Some(&LeaseRecord { epoch: 1, beat: 2, holder: None }), 9_100));
        assert!(!look(&leader, Some(&lease(3)), 9_200));
    }

    #[test]
    fn a_lease_that_was_never_taken_or_was_released_is_told_after_the_same_time() {
        let leader = Leader::new(TTL);
        assert!(!look(&leader, Some(&LeaseRecord::default()), 0));
        assert!(look(&leader, Some(&LeaseRecord::default()), 6_001));
    }

    #[test]
    fn a_slow_store_makes_no_fresh_beat_look_old() {
        let leader = Leader::new(TTL);
        leader.inner().look(Some(&lease(1)), at(0), at(10_000));
        assert!(!look(&leader, Some(&lease(1)), 10_100));
        assert!(look(&leader, Some(&lease(1)), 16_001));
    }

    #[test]
    fn a_store_that_does_not_answer_says_nothing_about_the_leader() {
        let leader = Leader::new(TTL);
        assert!(!look(&leader, Some(&lease(1)), 0));
        assert!(!look(&leader, None, 60_000));
        assert!(!look(&leader, Some(&lease(1)), 60_100), "the leader could not reach it either");
        assert!(look(&leader, Some(&lease(1)), 66_101));
        assert!(look(&leader, None, 67_000), "what was known stays so");
    }
}
