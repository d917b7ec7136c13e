//! A group of messages: committed in one go, and told of.

use futures::FutureExt;
use futures::future::BoxFuture;
use igentai_core::batch::Verdict;
use igentai_core::seeded::{Bug, is_on};
use igentai_shared::store::{Commit, CommitOutcome, StoreError};
use igentai_shared::telemetry::catalogue;
use tokio_util::sync::CancellationToken;

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

/// A group that is being told of; what is done with then.
pub(super) type Telling<'a> = BoxFuture<'a, Vec<Work>>;

impl Group {
    /// Commits, unless the store refuses for good. A store that does not serve is asked as often as it takes.
    pub(super) fn commit<'a>(self, context: &'a Context, stop: &'a CancellationToken) -> Committing<'a> {
        async move {
            let works = self.0;
            let outcome = commit(context, stop, &works).await;
            Ended { works, outcome }
        }
        .boxed()
    }

    /// Tells of what was committed.
    pub(super) fn tell(self, context: &Context, outcomes: Vec<CommitOutcome>) -> Telling<'_> {
        async move {
            let works = self.0;
            tell(context, works.iter().flat_map(|work| &work.commits), outcomes).await;
            works
        }
        .boxed()
    }
}

async fn commit(
    context: &Context,
    stop: &CancellationToken,
    works: &[Work],
) -> Result<Result<Vec<CommitOutcome>, StoreError>, Stopping> {
    let (store, clock) = (context.store.as_ref(), context.clock.as_ref());
    let commits: Vec<&Commit> = works.iter().flat_map(|work| &work.commits).collect();
    let committed = at_last(context, stop, || async {
        let start = clock.now().monotonic;
        let outcomes = store.commit(commits.iter().copied().cloned().collect()).await;
        if is_on(Bug::UnknownTakenForDone) && outcomes.is_err() {
            let done = || CommitOutcome { verdict: Verdict::Settled, fresh: false, new: Vec::new() };
            return Ok(commits.iter().map(|_| done()).collect());
        }
        let outcomes = outcomes?;
        catalogue::COMMIT_SECONDS.record(clock.now().monotonic.since(start), []);
        Ok(outcomes)
    });
    committed.await
}
