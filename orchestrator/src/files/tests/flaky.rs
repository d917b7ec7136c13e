//! A registry that does not answer every time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use igentai_core::ids::LogIndex;
use igentai_core::log::Entry;
use igentai_shared::store::{
    CommitOutcome, Head, LeaseRecord, Rebuilt, StoreCheck, StoreError, StoredAttribute,
};

use super::*;

#[derive(Debug)]
pub(super) struct FlakyStore {
    pub(super) inner: Arc<dyn Store>,
    /// So many reads of each kind fail before the first succeeds.
    pub(super) heads: AtomicU32,
    pub(super) attributes: AtomicU32,
    pub(super) topics: AtomicU32,
}

impl FlakyStore {
    pub(super) fn over(inner: Arc<dyn Store>) -> Self {
        let never = AtomicU32::default;
        Self { inner, heads: never(), attributes: never(), topics: never() }
    }
}

fn strike(left: &AtomicU32) -> Result<(), StoreError> {
    let struck = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    if struck.is_ok() { Err(StoreError::Unavailable("as planned".to_owned())) } else { Ok(()) }
}

type Answer<T> = Result<T, StoreError>;

#[async_trait]
impl Store for FlakyStore {
    async fn commit(&self, batches: Vec<Commit>) -> Answer<Vec<CommitOutcome>> {
        self.inner.commit(batches).await
    }

    async fn head(&self, topic: &TopicId) -> Answer<Head> {
        strike(&self.heads)?;
        self.inner.head(topic).await
    }

    async fn log(&self, topic: &TopicId, run: Run, after: LogIndex, limit: usize) -> Answer<Vec<Entry>> {
        self.inner.log(topic, run, after, limit).await
    }

    async fn attributes(&self, t: &TopicId, run: Run, after: Seq, n: usize) -> Answer<Vec<StoredAttribute>> {
        strike(&self.attributes)?;
        self.inner.attributes(t, run, after, n).await
    }

    async fn claim(&self, topic: &TopicId, epoch: Epoch, known: Head) -> Answer<Head> {
        self.inner.claim(topic, epoch, known).await
    }

    async fn all_claimed(&self, epoch: Epoch, instance: &str) -> Answer<()> {
        self.inner.all_claimed(epoch, instance).await
    }

    async fn put_back(&self, topic: &TopicId) -> Answer<Option<Head>> {
        self.inner.put_back(topic).await
    }

    async fn edition(&self, topic: &TopicId) -> Answer<u64> {
        self.inner.edition(topic).await
    }

    async fn settle(&self, topic: &TopicId, epoch: Epoch, rebuilt: Option<Rebuilt>) -> Answer<Head> {
        self.inner.settle(topic, epoch, rebuilt).await
    }

    async fn open_run(&self, topic: &TopicId, run: Run, epoch: Epoch, cap: Option<u64>) -> Answer<Head> {
        self.inner.open_run(topic, run, epoch, cap).await
    }

    async fn topics(&self) -> Answer<Vec<Topic>> {
        strike(&self.topics)?;
        self.inner.topics().await
    }

    async fn topic(&self, id: &TopicId) -> Answer<Option<Topic>> {
        self.inner.topic(id).await
    }

    async fn put_topic(&self, topic: &Topic, expected: Option<u64>) -> Answer<()> {
        self.inner.put_topic(topic, expected).await
    }

    async fn save_checkpoints(
        &self,
        topic: &TopicId,
        run: Run,
        epoch: Epoch,
        checkpoints: BTreeMap<String, Vec<u8>>,
    ) -> Answer<()> {
        self.inner.save_checkpoints(topic, run, epoch, checkpoints).await
    }

    async fn checkpoint(&self, topic: &TopicId, run: Run, name: &str) -> Answer<Option<Vec<u8>>> {
        self.inner.checkpoint(topic, run, name).await
    }

    async fn keep_seeds(&self, id: &TopicId, list: &str, part: u32, of: &[String]) -> Answer<()> {
        self.inner.keep_seeds(id, list, part, of).await
    }

    async fn seeds(&self, id: &TopicId, list: &str, part: u32) -> Answer<Option<Vec<String>>> {
        self.inner.seeds(id, list, part).await
    }

    async fn forget_other_seeds(&self, id: &TopicId, but: &str) -> Answer<()> {
        self.inner.forget_other_seeds(id, but).await
    }

    async fn lease(&self) -> Answer<LeaseRecord> {
        self.inner.lease().await
    }

    async fn take_lease(
        &self,
        holder: &WorkerId,
        seen: &LeaseRecord,
        above: Epoch,
    ) -> Answer<Option<LeaseRecord>> {
        self.inner.take_lease(holder, seen, above).await
    }

    async fn renew_lease(&self, holder: &WorkerId, epoch: Epoch) -> Answer<Option<LeaseRecord>> {
        self.inner.renew_lease(holder, epoch).await
    }

    async fn release_lease(&self, holder: &WorkerId, epoch: Epoch) -> Answer<()> {
        self.inner.release_lease(holder, epoch).await
    }

    async fn attempts(&self, message: &str) -> Answer<u32> {
        self.inner.attempts(message).await
    }

    async fn note_attempts(&self, message: &str, attempts: u32) -> Answer<()> {
        self.inner.note_attempts(message, attempts).await
    }

    async fn identity(&self, proposed: &str) -> Answer<String> {
        self.inner.identity(proposed).await
    }

    async fn check(&self) -> Answer<StoreCheck> {
        self.inner.check().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
