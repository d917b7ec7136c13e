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

    async fn read<T: Send>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.faults.point(&self.life).await;
        tokio::time::sleep(self.faults.millis(0, 2)).await;
        if self.strikes(Kind::StoreSlow) {
            tokio::time::sleep(self.faults.millis(100, 1_500)).await;
        }
        if self.strikes(Kind::StoreStalls) {
            tokio::time::sleep(self.faults.millis(4_000, 9_000)).await;
        }
        if self.strikes(Kind::StoreUnavailable) {
            return Err(StoreError::Unavailable("as planned".to_owned()));
        }
        call.await
    }

    async fn write<T: Send>(
        &self,
        name: &str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let lost = || StoreError::Unknown("as planned".to_owned());
        let written = self
            .read(async {
                if self.strikes(Kind::WriteUnknownUndone) {
                    tokio::time::sleep(DEADLINE).await;
                    return Err(lost());
                }
                let done = call.await;
                if done.is_ok() && self.strikes(Kind::WriteUnknownDone) {
                    tokio::time::sleep(DEADLINE).await;
                    return Err(lost());
                }
                done
            })
            .await;
        let (now, process, error) = (self.faults.now(), self.life.process, written.as_ref().err());
        self.faults.trace(&format!("{now} {process} {name} {error:?}"));
        self.faults.point(&self.life).await;
        written
    }

    /// Notes under which epoch something was written.
    async fn fenced<T: Send>(
        &self,
        epoch: Epoch,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let written = call.await;
        if written.is_ok() {
            self.witness.wrote(epoch);
        }
        written
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn commit(&self, batches: Vec<Commit>) -> Result<Vec<CommitOutcome>, StoreError> {
        let asked = batches.clone();
        let call = async {
            let done = self.inner.commit(batches).await;
            for (commit, outcome) in asked.iter().zip(done.iter().flatten()) {
                self.witness.step(|steps, now| steps.commit(commit, outcome, now));
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
        self.write("claim", self.fenced(epoch, self.inner.claim(topic, epoch, known))).await
    }

    async fn put_back(&self, topic: &TopicId) -> Result<Option<Head>, StoreError> {
        self.read(self.inner.put_back(topic)).await
    }

    async fn settle(
        &self,
        topic: &TopicId,
        epoch: Epoch,
        rebuilt: Option<Rebuilt>,
    ) -> Result<Head, StoreError> {
        self.write("settle", self.fenced(epoch, self.inner.settle(topic, epoch, rebuilt))).await
    }

    async fn open_run(
        &self,
        topic: &TopicId,
        run: Run,
        epoch: Epoch,
        max_attributes: Option<u64>,
    ) -> Result<Head, StoreError> {
        let call = self.inner.open_run(topic, run, epoch, max_attributes);
        self.write("open_run", self.fenced(epoch, call)).await
    }

    async fn topics(&self) -> Result<Vec<Topic>, StoreError> {
        self.read(self.inner.topics()).await
    }

    async fn topic(&self, id: &TopicId) -> Result<Option<Topic>, StoreError> {
        self.read(self.inner.topic(id)).await
    }

    async fn put_topic(&self, topic: &Topic, expected: Option<u64>) -> Result<(), StoreError> {
        let call = self.inner.put_topic(topic, expected);
        self.write("put_topic", self.fenced(topic.epoch, call)).await
    }

    async fn save_checkpoints(
        &self,
        topic: &TopicId,
        run: Run,
        epoch: Epoch,
        checkpoints: BTreeMap<String, Vec<u8>>,
    ) -> Result<(), StoreError> {
        let ledger = checkpoints.get(checkpoints::LEDGER).map(|bytes| checkpoints::decode(bytes).unwrap());
        let save = self.inner.save_checkpoints(topic, run, epoch, checkpoints);
        let call = async {
            let saved = save.await;
            if let (Ok(()), Some(ledger)) = (&saved, ledger) {
                self.witness.ledger(ledger);
            }
            saved
        };
        self.write("save_checkpoints", self.fenced(epoch, call)).await
    }

    async fn checkpoint(&self, topic: &TopicId, run: Run, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(self.inner.checkpoint(topic, run, name)).await
    }

    async fn lease(&self) -> Result<LeaseRecord, StoreError> {
        self.read(self.inner.lease()).await
    }

    async fn take_lease(
        &self,
        holder: &WorkerId,
        seen: &LeaseRecord,
    ) -> Result<Option<LeaseRecord>, StoreError> {
        let call = async {
            let taken = self.inner.take_lease(holder, seen).await;
            if let Ok(Some(_)) = &taken {
                self.witness.lease_taken(holder, self.lease_ttl);
            }
            taken
        };
        self.write("take_lease", call).await
    }

    async fn renew_lease(&self, holder: &WorkerId, epoch: Epoch) -> Result<Option<LeaseRecord>, StoreError> {
        let call = async {
            let renewed = self.inner.renew_lease(holder, epoch).await;
            if let Ok(Some(_)) = &renewed {
                self.witness.lease_moved(true);
            }
            renewed
        };
        self.write("renew_lease", call).await
    }

    async fn release_lease(&self, holder: &WorkerId, epoch: Epoch) -> Result<(), StoreError> {
        let call = async {
            let held = self.inner.lease().await?;
            let released = self.inner.release_lease(holder, epoch).await;
            if released.is_ok() && held.holder.as_ref() == Some(holder) && held.epoch == epoch {
                self.witness.lease_moved(false);
            }
            released
        };
        self.write("release_lease", call).await
    }

    async fn attempts(&self, message: &str) -> Result<u32, StoreError> {
        self.read(self.inner.attempts(message)).await
    }

    async fn note_attempts(&self, message: &str, attempts: u32) -> Result<(), StoreError> {
        self.write("note_attempts", self.inner.note_attempts(message, attempts)).await
    }

    async fn identity(&self, proposed: &str) -> Result<String, StoreError> {
        self.write("identity", self.inner.identity(proposed)).await
    }

    async fn check(&self) -> Result<StoreCheck, StoreError> {
        self.read(self.inner.check()).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
