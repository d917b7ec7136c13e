//! A group of messages: committed in one go, and told of.

use futures::FutureExt;
use futures::future::BoxFuture;
use igentai_core::batch::Verdict;
use igentai_core::seeded::{Bug, is_on};
use igentai_shared::store::{Commit, CommitOutcome, StoreError};
use igentai_shared::telemetry::catalogue;
use igentai_shared::wire::Published;
use tokio_util::sync::CancellationToken;

use super::lone::Attempt;
use super::store::{Stopping, at_last};
use super::tell::tell;
use super::work::Work;
use crate::Context;

/// Messages that are committed together.
#[derive(Debug)]
pub(super) struct Group(pub(super) Vec<Work>);

/// What became of a group: committed, refused as a whole, or unknown since this process stops.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) works: Vec<Work>,
    pub(super) outcome: Result<Result<Vec<CommitOutcome>, StoreError>, Stopping>,
}

/// A group that is being committed.
pub(super) type Committing<'a> = BoxFuture<'a, Ended>;

/// Groups that are committed and not told of yet.
#[derive(Debug, Default)]
pub(super) struct Committed {
    works: Vec<Work>,
    outcomes: Vec<CommitOutcome>,
}

impl Committed {
    pub(super) fn push(&mut self, works: Vec<Work>, outcomes: Vec<CommitOutcome>) {
        self.works.extend(works);
        self.outcomes.extend(outcomes);
    }

    /// Tells of them together.
    pub(super) fn tell(self, context: &Context) -> Telling<'_> {
        async move {
            let Self { works, outcomes, .. } = self;
            let published = tell(context, works.iter().flat_map(|work| &work.commits), outcomes).await;
            Told { works, published }
        }
        .boxed()
    }
}

/// What was told of.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) works: Vec<Work>,
    pub(super) published: Vec<Published>,
}

/// Those that are being told of.
pub(super) type Telling<'a> = BoxFuture<'a, Told>;

impl Group {
    /// Commits, unless the store refuses for good. A store that does not serve is asked as often as it takes.
    pub(super) fn commit<'a>(self, context: &'a Context, stop: &'a CancellationToken) -> Committing<'a> {
        self.attempt(None, context, stop)
    }

    /// The same of one message that may crash whoever works on it.
    pub(super) fn attempt<'a>(
        self,
        attempt: Option<&'a Attempt>,
        context: &'a Context,
        stop: &'a CancellationToken,
    ) -> Committing<'a> {
        async move {
            let works = self.0;
            let outcome = commit(context, stop, &works, attempt).await;
            Ended { works, outcome }
        }
        .boxed()
    }
}

async fn commit(
    context: &Context,
    stop: &CancellationToken,
    works: &[Work],
    attempt: Option<&Attempt>,
) -> Result<Result<Vec<CommitOutcome>, StoreError>, Stopping> {
    let (store, clock) = (context.store.as_ref(), context.clock.as_ref());
    let commits: Vec<&Commit> = works.iter().flat_map(|work| &work.commits).collect();
    let committed = at_last(context, stop, || async {
        if let Some(attempt) = attempt {
            attempt.begins(store).await;
        }
        let start = clock.now().monotonic;
        let outcomes = store.commit(commits.iter().copied().cloned().collect()).await;
        if is_on(Bug::UnknownTakenForDone) && outcomes.is_err() {
            return Ok(commits.iter().map(|_| CommitOutcome::earlier(Verdict::Settled)).collect());
        }
        if let (Some(attempt), Err(_)) = (attempt, &outcomes) {
            attempt.came_to_nothing(store).await;
        }
        let outcomes = outcomes?;
        catalogue::COMMIT_SECONDS.record(clock.now().monotonic.since(start), []);
        Ok(outcomes)
    });
    committed.await
}
