//! Commits: batches by the exchange, again where the script could not decide.

use std::collections::BTreeSet;
use std::time::Duration;

use deadpool_redis::redis::{self, Value};
use igentai_core::batch::Verdict;
use igentai_core::folder::TopicId;
use tracing::{info, warn};

use super::client::Access;
use super::commit::{Answered, Asked};
use super::keys::LEASE;
use super::{RedisStore, parse};
use crate::store::rows::corrupt;
use crate::store::{Commit, CommitOutcome, StoreError};

/// How often a batch of a topic that no leader has claimed since the server was started is tried, and the pause before the next time.
const UNCLAIMED_TRIES: usize = 20;
const UNCLAIMED_PAUSE: Duration = Duration::from_millis(50);

/// Batches that are not committed yet.
#[derive(Debug, Default)]
struct Left {
    /// What they claim is not so.
    doubted: Vec<usize>,
    /// No leader has claimed their topics since the server was started.
    unclaimed: Vec<usize>,
}

/// What is claimed instead of being looked up.
#[derive(Debug)]
struct Trust {
    /// What is known here.
    known: bool,
    /// Batches whose own numbers are not claimed.
    disbelieved: BTreeSet<usize>,
}

impl RedisStore {
    /// Commits batches that were looked over.
    pub(super) async fn commit_all(&self, batches: &[Commit]) -> Result<Vec<CommitOutcome>, StoreError> {
        if batches.is_empty() {
            return Ok(Vec::new());
        }
        let mut outcomes: Vec<Option<CommitOutcome>> = batches.iter().map(|_| None).collect();
        let mut open: Vec<usize> = (0..batches.len()).collect();
        let mut trust = Trust { known: true, disbelieved: BTreeSet::new() };
        for _ in 0..=UNCLAIMED_TRIES {
            let Left { doubted, unclaimed } =
                self.commit_these(batches, &open, &mut outcomes, &trust).await?;
            if !doubted.is_empty() {
                self.doubt(batches, &doubted, &mut trust);
            } else if unclaimed.is_empty() {
                break;
            }
            if let Some(index) = unclaimed.first() {
                self.refuse_nobodys(&batches[*index].id.topic).await?;
                tokio::time::sleep(UNCLAIMED_PAUSE).await;
            }
            open = [doubted, unclaimed].concat();
        }
        if let Some(topic) = open.iter().find(|index| outcomes[**index].is_none()) {
            let topic = &batches[*topic].id.topic;
            return Err(StoreError::Unavailable(format!(
                "Redis was started anew, and no leader has looked yet whether it holds all that {topic} has had"
            )));
        }
        outcomes.into_iter().collect::<Option<_>>().ok_or_else(|| corrupt("a commit was not answered"))
    }

    /// What producers were told is given up first, then what is known here.
    fn doubt(&self, batches: &[Commit], doubted: &[usize], trust: &mut Trust) {
        let by_number = |index: &&usize| batches.get(**index).is_some_and(|batch| batch.by_number() > 0);
        let before = trust.disbelieved.len();
        trust.disbelieved.extend(doubted.iter().filter(by_number));
        if trust.disbelieved.len() > before {
            info!(
                "batches name attributes by numbers that are not those of the log as it is; their producers are asked for the texts"
            );
        } else {
            warn!("the registry holds other numbers than it has told before; what is known of it is dropped");
            self.known.forget();
            trust.known = false;
        }
    }

    /// Refuses batches of a topic that was not claimed where a leader has claimed all that he knows of.
    async fn refuse_nobodys(&self, topic: &TopicId) -> Result<(), StoreError> {
        let borrowed = self.client.borrow().await?;
        let here = borrowed.instance().map(str::to_owned);
        borrowed.give_back();
        let claimed = self.client.read(vec![redis::cmd("HGET").arg(LEASE).arg("claimed").take()]).await?;
        let claimed: Vec<Option<String>> = parse(Value::Array(claimed))?;
        if claimed.into_iter().flatten().next() != here || here.is_none() {
            return Ok(());
        }
        Err(StoreError::Unsafe(format!(
            "Redis was started anew, and of all topics {topic} alone was not looked after: its definition is gone or cannot be read, or its keys are not what they \
             should be, so nobody knows whether it holds all that it has had"
        )))
    }

    /// Commits some of the batches in one exchange.
    async fn commit_these(
        &self,
        batches: &[Commit],
        which: &[usize],
        outcomes: &mut [Option<CommitOutcome>],
        trust: &Trust,
    ) -> Result<Left, StoreError> {
        // The connection first: what is known is of the server that it leads to.
        let borrowed = self.client.borrow().await?;
        let instance = borrowed.instance().map(str::to_owned);
        let known = instance.as_deref().filter(|_| trust.known).map(|instance| (&self.known, instance));
        let mut asked = Vec::with_capacity(which.len());
        let calls = which.iter().copied().map(|index| {
            let (batch, id) = (&batches[index], &batches[index].id);
            let one = Asked::of(batch, known, !trust.disbelieved.contains(&index));
            let call = one.call(batch, instance.as_deref(), self.known.reached(&id.topic, id.run));
            asked.push(one);
            call
        });
        let answers = self.client.call_all_on(borrowed, Access::Write, calls).await?;
        let mut left = Left::default();
        for ((index, asked), answer) in which.iter().zip(asked).zip(answers) {
            match asked.outcome(&batches[*index], answer)? {
                Answered::Outcome(outcome, learnt) => {
                    if let (true, Verdict::Committed(done)) = (outcome.fresh, &outcome.verdict) {
                        let id = &batches[*index].id;
                        let life = (id.run, outcome.edition);
                        self.known.reach(&id.topic, life, done.log_index);
                        if let Some(instance) = &instance {
                            self.known.learn(instance, &id.topic, life, learnt);
                        }
                    }
                    outcomes[*index] = Some(outcome);
                }
                Answered::Doubt => left.doubted.push(*index),
                Answered::Unclaimed => left.unclaimed.push(*index),
            }
        }
        Ok(left)
    }
}
