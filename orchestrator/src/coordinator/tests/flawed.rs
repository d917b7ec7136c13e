//! A store and a bus that fail on demand.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64};

use async_trait::async_trait;
use igentai_core::batch::{Committed, Verdict};
use igentai_core::ids::{LogIndex, Run, Seq};
use igentai_core::lease::LeaseRecord;
use igentai_core::log::Entry;
use igentai_shared::bus::{
    Bus, BusError, BusState, Consumer, Exchange, Look, Outgoing, PublishError, Source, WorkQueue,
};
use igentai_shared::store::{CommitOutcome, Head, Rebuilt, StoreCheck, StoredAttribute};
use igentai_shared::wire::{self, StatusEvent};

use super::*;

#[derive(Debug)]
pub(crate) struct FlawedStore {
    inner: Arc<EmbeddedStore>,
    broken_log: Mutex<Option<TopicId>>,
    refused_commits: Mutex<Option<TopicId>>,
    pub(crate) commits: AtomicU64,
    /// The store does not serve commits.
    pub(crate) commits_fail: AtomicBool,
    /// Commits are told of as made without asking anybody.
    pub(crate) commits_at_once: AtomicBool,
    pub(super) log_calls: AtomicU64,
    /// The entries behind which logs were read.
    pub(super) read_behind: Mutex<Vec<LogIndex>>,
    pub(super) refuses_checkpoints: AtomicBool,
    /// The definitions cannot be read.
    pub(super) topics_fail: AtomicBool,
    /// A look at a log's head takes longer than a producer may be silent.
    pub(super) slow: AtomicBool,
    pub(super) lease_fails: AtomicBool,
    pub(super) lease_hangs: AtomicBool,
    /// Every second look at the lease takes longer than the lease has to live.
    pub(super) lease_stalls: AtomicBool,
    lease_looks: AtomicU64,
    /// Topics claimed, by which epoch, before the definitions were read for the last time.
    pub(super) claimed: Mutex<Vec<(TopicId, Epoch)>>,
    pub(super) claimed_before_reading: Mutex<Vec<(TopicId, Epoch)>>,
}

impl FlawedStore {
    pub(crate) fn over(inner: Arc<EmbeddedStore>) -> Self {
        Self {
            inner,
            broken_log: Mutex::default(),
            refused_commits: Mutex::default(),
            commits: AtomicU64::new(0),
            commits_fail: AtomicBool::new(false),
            commits_at_once: AtomicBool::new(false),
            log_calls: AtomicU64::new(0),
            read_behind: Mutex::default(),
            refuses_checkpoints: AtomicBool::new(false),
            topics_fail: AtomicBool::new(false),
            slow: AtomicBool::new(false),
            lease_fails: AtomicBool::new(false),
            lease_hangs: AtomicBool::new(false),
            lease_stalls: AtomicBool::new(false),
            lease_looks: AtomicU64::new(0),
            claimed: Mutex::default(),
            claimed_before_reading: Mutex::default(),
        }
    }

    /// The same store, as another process sees it.
    pub(super) fn another_client(&self) -> Self {
        Self::over(Arc::clone(&self.inner))
    }

    pub(super) fn break_log(&self, topic: &TopicId) {
        *self.broken_log.lock().unwrap() = Some(topic.clone());
    }

    pub(crate) fn refuse_commits_of(&self, topic: Option<&TopicId>) {
        *self.refused_commits.lock().unwrap() = topic.cloned();
    }

    pub(super) fn mend_logs(&self) {
        *self.broken_log.lock().unwrap() = None;
    }
}

#[async_trait]
impl Store for FlawedStore {
    async fn commit(&self, batches: Vec<Commit>) -> Result<Vec<CommitOutcome>, StoreError> {
        self.commits.fetch_add(1, Relaxed);
        if self.commits_fail.load(Relaxed) {
            return Err(StoreError::Unavailable("as wished".to_owned()));
        }
        if self.commits_at_once.load(Relaxed) {
            return Ok(batches.into_iter().map(made).collect());
        }
        let refused = self.refused_commits.lock().unwrap().clone();
        if batches.iter().any(|batch| Some(&batch.id.topic) == refused.as_ref()) {
            return Err(StoreError::Corrupt("log, set and totals do not fit each other".to_owned()));
        }
        self.inner.commit(batches).await
    }

    async fn head(&self, topic: &TopicId) -> Result<Head, StoreError> {
        if self.slow.load(Relaxed) {
            tokio::time::sleep(Duration::from_secs(6)).await;
        }
        self.inner.head(topic).await
    }

    async fn log(
        &self,
        topic: &TopicId,
        run: Run,
        after: LogIndex,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.read_behind.lock().unwrap().push(after);
        self.log_calls.fetch_add(1, Relaxed);
        if self.broken_log.lock().unwrap().as_ref() == Some(topic) {
            return Err(StoreError::Corrupt("entry 1 is no entry".to_owned()));
        }
        self.inner.log(topic, run, after, limit).await
    }

    async fn attributes(
        &self,
        topic: &TopicId,
        run: Run,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<StoredAttribute>, StoreError> {
        self.inner.attributes(topic, run, after, limit).await
    }

    async fn claim(&self, topic: &TopicId, epoch: Epoch, known: Head) -> Result<Head, StoreError> {
        self.claimed.lock().unwrap().push((topic.clone(), epoch));
        self.inner.claim(topic, epoch, known).await
    }

    async fn all_claimed(&self, epoch: Epoch, instance: &str) -> Result<(), StoreError> {
        self.inner.all_claimed(epoch, instance).await
    }

    async fn put_back(&self, topic: &TopicId) -> Result<Option<Head>, StoreError> {
        self.inner.put_back(topic).await
    }

    async fn edition(&self, topic: &TopicId) -> Result<u64, StoreError> {
        self.inner.edition(topic).await
    }

    async fn settle(
        &self,
        topic: &TopicId,
        epoch: Epoch,
        rebuilt: Option<Rebuilt>,
    ) -> Result<Head, StoreError> {
        self.inner.settle(topic, epoch, rebuilt).await
    }

    async fn open_run(
        &self,
        topic: &TopicId,
        run: Run,
        epoch: Epoch,
        max_attributes: Option<u64>,
    ) -> Result<Head, StoreError> {
        self.inner.open_run(topic, run, epoch, max_attributes).await
    }

    async fn topics(&self) -> Result<Vec<Topic>, StoreError> {
        if self.topics_fail.load(Relaxed) {
            return Err(StoreError::Unavailable("as wished".to_owned()));
        }
        self.claimed_before_reading.lock().unwrap().clone_from(&self.claimed.lock().unwrap());
        self.inner.topics().await
    }

    async fn topic(&self, id: &TopicId) -> Result<Option<Topic>, StoreError> {
        self.inner.topic(id).await
    }

    async fn put_topic(&self, topic: &Topic, expected: Option<u64>) -> Result<(), StoreError> {
        self.inner.put_topic(topic, expected).await
    }

    async fn save_checkpoints(
        &self,
        topic: &TopicId,
        run: Run,
        epoch: Epoch,
        checkpoints: BTreeMap<String, Vec<u8>>,
    ) -> Result<(), StoreError> {
        if self.refuses_checkpoints.load(Relaxed) && topic.as_str() == "birds" {
            return Err(StoreError::Corrupt("the table of checkpoints is none".to_owned()));
        }
        self.inner.save_checkpoints(topic, run, epoch, checkpoints).await
    }

    async fn checkpoint(&self, topic: &TopicId, run: Run, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.checkpoint(topic, run, name).await
    }

    async fn keep_seeds(&self, id: &TopicId, list: &str, part: u32, of: &[String]) -> Result<(), StoreError> {
        self.inner.keep_seeds(id, list, part, of).await
    }

    async fn seeds(&self, id: &TopicId, list: &str, part: u32) -> Result<Option<Vec<String>>, StoreError> {
        self.inner.seeds(id, list, part).await
    }

    async fn forget_other_seeds(&self, id: &TopicId, but: &str) -> Result<(), StoreError> {
        self.inner.forget_other_seeds(id, but).await
    }

    async fn lease(&self) -> Result<LeaseRecord, StoreError> {
        if self.lease_fails.load(Relaxed) {
            return Err(StoreError::Unavailable("as wished".to_owned()));
        }
        let looks = self.lease_looks.fetch_add(1, Relaxed);
        if self.lease_stalls.load(Relaxed) && looks.is_multiple_of(2) {
            tokio::time::sleep(Duration::from_secs(6)).await;
        }
        self.inner.lease().await
    }

    async fn take_lease(
        &self,
        holder: &WorkerId,
        seen: &LeaseRecord,
        above: Epoch,
    ) -> Result<Option<LeaseRecord>, StoreError> {
        self.inner.take_lease(holder, seen, above).await
    }

    async fn renew_lease(&self, holder: &WorkerId, epoch: Epoch) -> Result<Option<LeaseRecord>, StoreError> {
        if self.lease_hangs.load(Relaxed) {
            std::future::pending::<()>().await;
        }
        if self.lease_fails.load(Relaxed) {
            return Err(StoreError::Unavailable("as wished".to_owned()));
        }
        self.inner.renew_lease(holder, epoch).await
    }

    async fn release_lease(&self, holder: &WorkerId, epoch: Epoch) -> Result<(), StoreError> {
        self.inner.release_lease(holder, epoch).await
    }

    async fn attempts(&self, message: &str) -> Result<u32, StoreError> {
        self.inner.attempts(message).await
    }

    async fn note_attempts(&self, message: &str, attempts: u32) -> Result<(), StoreError> {
        self.inner.note_attempts(message, attempts).await
    }

    async fn identity(&self, proposed: &str) -> Result<String, StoreError> {
        self.inner.identity(proposed).await
    }

    async fn check(&self) -> Result<StoreCheck, StoreError> {
        self.inner.check().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

/// All of it is new, and nobody else has committed anything.
fn made(batch: Commit) -> CommitOutcome {
    let (seq, new) = (batch.id.seq, u32::try_from(batch.novel.len()).unwrap());
    let (log_index, first_new, missing) = (seq, seq, Vec::new());
    let committed = Committed { log_index, first_new, new, known: 0, over_cap: 0, missing, unnumbered: 0 };
    let (verdict, told) = (Verdict::Committed(committed), Vec::new());
    CommitOutcome { verdict, fresh: true, new: batch.novel, edition: 1, told }
}

#[derive(Debug)]
pub(super) struct FlawedBus {
    inner: Arc<MemoryBus>,
    store: Arc<FlawedStore>,
    /// Publishes wait for ten seconds and fail, as with a broker that is away.
    pub(super) hangs: AtomicBool,
    /// And the connection is known to be lost.
    pub(super) says_so: AtomicBool,
    /// The coordinator's queue is not for us.
    pub(super) refuses_queue: AtomicBool,
    pub(super) statuses: AtomicU64,
    /// States that were told before they were saved.
    pub(super) ahead_of_the_store: AtomicU64,
}

impl FlawedBus {
    pub(super) fn over(inner: Arc<MemoryBus>, store: Arc<FlawedStore>) -> Self {
        let [hangs, says_so, refuses_queue] = [(), (), ()].map(|()| AtomicBool::new(false));
        let [statuses, ahead_of_the_store] = [(), ()].map(|()| AtomicU64::new(0));
        Self { inner, store, hangs, says_so, refuses_queue, statuses, ahead_of_the_store }
    }
}

#[async_trait]
impl Bus for FlawedBus {
    async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        if self.hangs.load(Relaxed) {
            tokio::time::sleep(Duration::from_secs(10)).await;
            return Err(PublishError::Disconnected("as wished".to_owned()));
        }
        if message.exchange == Exchange::Events && message.routing_key.starts_with("topic.") {
            let StatusEvent { status } = wire::decode(&message.content_type, &message.payload).unwrap();
            let (id, run) = (&status.topic.id, status.topic.run);
            let saved = self.store.checkpoint(id, run, checkpoints::STATUS).await.unwrap();
            let saved = saved.map(|bytes| checkpoints::decode::<TopicStatus>(&bytes).unwrap());
            self.statuses.fetch_add(1, Relaxed);
            self.ahead_of_the_store.fetch_add(u64::from(saved != Some(status)), Relaxed);
        }
        self.inner.publish(message).await
    }

    async fn consume(&self, source: Source, prefetch: u16) -> Result<Box<dyn Consumer>, BusError> {
        if self.refuses_queue.load(Relaxed) && source == Source::Work(WorkQueue::Coordinate) {
            return Err(BusError::Refused("as wished".to_owned()));
        }
        self.inner.consume(source, prefetch).await
    }

    fn state(&self) -> BusState {
        let lost = self.hangs.load(Relaxed) && self.says_so.load(Relaxed);
        if lost { BusState::Disconnected("as wished".to_owned()) } else { self.inner.state() }
    }

    async fn look(&self, queue: WorkQueue, most: usize, bytes: usize) -> Result<Box<dyn Look>, BusError> {
        self.inner.look(queue, most, bytes).await
    }

    async fn depth(&self, queue: WorkQueue) -> Option<u64> {
        self.inner.depth(queue).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
