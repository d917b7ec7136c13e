//! The store as a process with bad luck sees it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, LogIndex, Run, Seq, WorkerId};
use igentai_core::log::Entry;
use igentai_core::topic::Topic;
use igentai_shared::store::checkpoints;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::{
    Commit, CommitOutcome, Head, LeaseRecord, Rebuilt, Store, StoreCheck, StoreError, StoredAttribute,
};
use tokio::sync::oneshot;

use super::{Faults, Kind, Life};
use crate::witness::Witness;

/// How long a caller waits for an answer that does not come.
const DEADLINE: Duration = Duration::from_millis(1_500);

#[derive(Clone, Debug)]
pub(crate) struct FaultyStore {
    pub(crate) inner: Arc<EmbeddedStore>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) life: Life,
    pub(crate) witness: Arc<Witness>,
    pub(crate) lease_ttl: Duration,
}

impl FaultyStore {
    fn strikes(&self, kind: Kind) -> bool {
        self.faults.strikes(kind, self.life.process)
    }

    /// What may happen on the way to the store.
    async fn reach(&self) -> Result<(), StoreError> {
        self.faults.point(&self.life).await;
        tokio::time::sleep(self.faults.millis(0, 2)).await;
        if self.strikes(Kind::StoreSlow) {
            tokio::time::sleep(self.faults.millis(100, 1_500)).await;
        }
        if self.strikes(Kind::StoreUnavailable) {
            return Err(StoreError::Unavailable("as planned".to_owned()));
        }
        Ok(())
    }

    fn stall(&self) -> Duration {
        self.faults.millis(4_000, 9_000)
    }

    async fn read<T: Send>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.reach().await?;
        if self.strikes(Kind::StoreStalls) {
            tokio::time::sleep(self.stall()).await;
        }
        call.await
    }

    async fn write<T: Send + 'static>(
        &self,
        name: &str,
        call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let written = match self.reach().await {
            Ok(()) => self.answer(call).await,
            Err(error) => Err(error),
        };
        let (now, process, error) = (self.faults.now(), self.life.process, written.as_ref().err());
        self.faults.trace(&format!("{now} {process} {name} {error:?}"));
        self.faults.point(&self.life).await;
        written
    }

    async fn answer<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let lost = || StoreError::Unknown("as planned".to_owned());
        if self.strikes(Kind::WriteUnknownUndone) {
            tokio::time::sleep(DEADLINE).await;
            return Err(lost());
        }
        let done = if self.strikes(Kind::StoreStalls) {
            // It is on its way: the store does it, whether somebody still waits for the answer or not.
            let (reply, answer) = oneshot::channel();
            let stall = self.stall();
            self.faults.later(async move {
                tokio::time::sleep(stall).await;
                drop(reply.send(call.await));
            });
            answer.await.unwrap_or_else(|_| Err(lost()))
        } else {
            call.await
        };
        if done.is_ok() && self.strikes(Kind::WriteUnknownDone) {
            tokio::time::sleep(DEADLINE).await;
            return Err(lost());
        }
        done
    }

    /// Notes under which epoch something was written.
    fn fenced<T>(&self, epoch: Epoch, written: Result<T, StoreError>) -> Result<T, StoreError> {
        if written.is_ok() {
            self.witness.wrote(epoch);
        }
        written
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn commit(&self, batches: Vec<Commit>) -> Result<Vec<CommitOutcome>, StoreError> {
        let this = self.clone();
        let call = async move {
            let done = this.inner.commit(batches.clone()).await;
            for (commit, outcome) in batches.iter().zip(done.iter().flatten()) {
                this.witness.step(|steps, now| steps.commit(commit, outcome, now));
            }
            done
        };
        self.write("commit", call).await
    }

    async fn head(&self, topic: &TopicId) -> Result<Head, StoreError> {
        self.read(self.inner.head(topic)).await
    }

    async fn log(
        &self,
        topic: &TopicId,
        run: Run,
        after: LogIndex,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.read(self.inner.log(topic, run, after, limit)).await
    }

    async fn attributes(
        &self,
        topic: &TopicId,
        run: Run,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<StoredAttribute>, StoreError> {
        self.read(self.inner.attributes(topic, run, after, limit)).await
    }

    async fn claim(&self, topic: &TopicId, epoch: Epoch, known: Head) -> Result<Head, StoreError> {
        let (this, topic) = (self.clone(), topic.clone());
        let call = async move { this.fenced(epoch, this.inner.claim(&topic, epoch, known).await) };
        self.write("claim", call).await
    }

    async fn all_claimed(&self, epoch: Epoch, instance: &str) -> Result<(), StoreError> {
        let (this, instance) = (self.clone(), instance.to_owned());
        let call = async move { this.fenced(epoch, this.inner.all_claimed(epoch, &instance).await) };
        self.write("all_claimed", call).await
    }

    async fn put_back(&self, topic: &TopicId) -> Result<Option<Head>, StoreError> {
        self.read(self.inner.put_back(topic)).await
    }

    async fn edition(&self, topic: &TopicId) -> Result<u64, StoreError> {
        self.read(self.inner.edition(topic)).await
    }

    async fn settle(
        &self,
        topic: &TopicId,
        epoch: Epoch,
        rebuilt: Option<Rebuilt>,
    ) -> Result<Head, StoreError> {
        let (this, topic) = (self.clone(), topic.clone());
        let call = async move { this.fenced(epoch, this.inner.settle(&topic, epoch, rebuilt).await) };
        self.write("settle", call).await
    }

    async fn open_run(
        &self,
        topic: &TopicId,
        run: Run,
        epoch: Epoch,
        max_attributes: Option<u64>,
    ) -> Result<Head, StoreError> {
        let (this, topic) = (self.clone(), topic.clone());
        let call =
            async move { this.fenced(epoch, this.inner.open_run(&topic, run, epoch, max_attributes).await) };
        self.write("open_run", call).await
    }

    async fn topics(&self) -> Result<Vec<Topic>, StoreError> {
        self.read(self.inner.topics()).await
    }

    async fn topic(&self, id: &TopicId) -> Result<Option<Topic>, StoreError> {
        self.read(self.inner.topic(id)).await
    }

    async fn put_topic(&self, topic: &Topic, expected: Option<u64>) -> Result<(), StoreError> {
        let (this, topic) = (self.clone(), topic.clone());
        let call = async move { this.fenced(topic.epoch, this.inner.put_topic(&topic, expected).await) };
        self.write("put_topic", call).await
    }

    async fn save_checkpoints(
        &self,
        topic: &TopicId,
        run: Run,
        epoch: Epoch,
        checkpoints: BTreeMap<String, Vec<u8>>,
    ) -> Result<(), StoreError> {
        let ledger = checkpoints.get(checkpoints::LEDGER).map(|bytes| checkpoints::decode(bytes).unwrap());
        let (this, topic) = (self.clone(), topic.clone());
        let call = async move {
            let saved = this.inner.save_checkpoints(&topic, run, epoch, checkpoints).await;
            if let (Ok(()), Some(ledger)) = (&saved, ledger) {
                this.witness.ledger(ledger);
            }
            this.fenced(epoch, saved)
        };
        self.write("save_checkpoints", call).await
    }

    async fn checkpoint(&self, topic: &TopicId, run: Run, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(self.inner.checkpoint(topic, run, name)).await
    }

    async fn keep_seeds(&self, id: &TopicId, list: &str, part: u32, of: &[String]) -> Result<(), StoreError> {
        let (this, id, list, texts) = (self.clone(), id.clone(), list.to_owned(), of.to_vec());
        let call = async move { this.inner.keep_seeds(&id, &list, part, &texts).await };
        self.write("keep seeds", call).await
    }

    async fn seeds(&self, id: &TopicId, list: &str, part: u32) -> Result<Option<Vec<String>>, StoreError> {
        self.read(self.inner.seeds(id, list, part)).await
    }

    async fn forget_other_seeds(&self, id: &TopicId, but: &str) -> Result<(), StoreError> {
        let (this, id, but) = (self.clone(), id.clone(), but.to_owned());
        let call = async move { this.inner.forget_other_seeds(&id, &but).await };
        self.write("forget seeds", call).await
    }

    async fn lease(&self) -> Result<LeaseRecord, StoreError> {
        self.read(self.inner.lease()).await
    }

    async fn take_lease(
        &self,
        holder: &WorkerId,
        seen: &LeaseRecord,
        above: Epoch,
    ) -> Result<Option<LeaseRecord>, StoreError> {
        let (this, holder, seen) = (self.clone(), holder.clone(), seen.clone());
        let call = async move {
            let taken = this.inner.take_lease(&holder, &seen, above).await;
            if let Ok(Some(_)) = &taken {
                this.witness.lease_taken((this.life.process, this.life.number), this.lease_ttl);
            }
            taken
        };
        self.write("take_lease", call).await
    }

    async fn renew_lease(&self, holder: &WorkerId, epoch: Epoch) -> Result<Option<LeaseRecord>, StoreError> {
        let (this, holder) = (self.clone(), holder.clone());
        let call = async move {
            let renewed = this.inner.renew_lease(&holder, epoch).await;
            if let Ok(Some(_)) = &renewed {
                this.witness.lease_moved(true);
            }
            renewed
        };
        self.write("renew_lease", call).await
    }

    async fn release_lease(&self, holder: &WorkerId, epoch: Epoch) -> Result<(), StoreError> {
        let (this, holder) = (self.clone(), holder.clone());
        let call = async move {
            let held = this.inner.lease().await?;
            let released = this.inner.release_lease(&holder, epoch).await;
            if released.is_ok() && held.holder.as_ref() == Some(&holder) && held.epoch == epoch {
                this.witness.lease_moved(false);
            }
            released
        };
        self.write("release_lease", call).await
    }

    async fn attempts(&self, message: &str) -> Result<u32, StoreError> {
        self.read(self.inner.attempts(message)).await
    }

    async fn note_attempts(&self, message: &str, attempts: u32) -> Result<(), StoreError> {
        let (this, message) = (self.clone(), message.to_owned());
        let call = async move {
            this.inner.note_attempts(&message, attempts).await?;
            this.witness.attempts(&message, attempts);
            Ok(())
        };
        self.write("note_attempts", call).await
    }

    async fn identity(&self, proposed: &str) -> Result<String, StoreError> {
        let (this, proposed) = (self.clone(), proposed.to_owned());
        self.write("identity", async move { this.inner.identity(&proposed).await }).await
    }

    async fn check(&self) -> Result<StoreCheck, StoreError> {
        self.read(self.inner.check()).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
