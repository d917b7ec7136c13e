//! The store in one local file, for a single process.
//!
//! The file is a [redb](https://docs.rs/redb) database: a copy-on-write B-tree whose commit is one `fsync`; after `kill -9` the last
//! commit is what is found. All logic is in a synchronous engine that carries out a *group* of requests on one transaction. Two
//! wrappers drive it:
//!
//! * [`EmbeddedStore::open`]: one thread takes what is waiting, up to [`GROUP`] batches, and makes it durable with one `fsync`.
//!   Reads are snapshots on the runtime's blocking threads.
//! * [`EmbeddedStore::in_memory`]: no file, no thread; every call is carried out where it is made, so a simulation that is seeded
//!   stays deterministic.
//!
//! # What is in it
//!
//! Every run of a topic gets a *slot*, a number that begins all keys of its rows. Opening a newer run takes the next slot, so the new
//! run is empty at once; the old rows are removed in bounded steps when nothing else waits.
//!
//! | table | key → value | why |
//! |---|---|---|
//! | `topics` | topic id → record | |
//! | `runs` | topic id → slot, run, epoch, cap, counts | one read decides whether a batch is stale |
//! | `seen` | slot, fingerprint → sequence number | 28 bytes a row before the tree's own |
//! | `log` | slot, log index → entry | reading on from an index is a range |
//! | `firsts` | slot, first new number of an entry → log index | reading attributes on from a number is a range, without keeping a text twice |
//! | `receipts`, `watermarks` | slot, producer, incarnation (, number) | bounded by what is in flight |
//! | `checkpoints` | slot, name → bytes | |
//! | `seeds` | topic id, list, part → texts | what a topic is to know is there before the topic says so |
//! | `settings` | the lease, attempts at messages, the format, the registry's id, what identifies the file | |
//!
//! Measured (`cargo bench --bench store`: 100,000 attributes of 20 bytes, batches of 50 of which half are known): 169 bytes of file
//! per attribute. On two cores and a disk of about 1 ms per `fsync`: 850 batches a second from one caller, 2,800 from sixteen, 6,600 in
//! calls of 32 batches.
//!
//! # Failures
//!
//! A failed write (a full disk) fails the group: the answer is [`StoreError::Unavailable`], or [`StoreError::Unknown`] when the commit
//! itself failed. The next write opens the file anew; until one succeeds, reads can fail too. A damaged file is another matter ([`EmbeddedStore::failed`]): it is looked at whole whenever it is opened,
//! and what is found later is final, [`StoreError::Corrupt`] for every call from then on; or [`StoreError::Defect`] after a panic over a file that is sound. A second process is refused with [`StoreError::Locked`], which tells who holds
//! the file: the lock is the operating system's, on a file beside the database, so it ends with its holder however that ends.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, LogIndex, Run, Seq, WorkerId};
use igentai_core::log::Entry;
use igentai_core::numbers::Edition;
use igentai_core::topic::Topic;
use redb::ReadTransaction;
use tokio::sync::mpsc;

use self::engine::{Engine, Job, Stop, Write};
use self::handle::{Handle, closed};
use self::lock::LockFile;
use self::tables::Tables;
use super::prepare::{prepare, representable};
use super::unreadable::Unreadable;
use super::{
    Commit, CommitOutcome, Head, LeaseRecord, Rebuilt, Store, StoreCheck, StoreError, StoredAttribute,
};

mod commit;
mod coordinate;
mod damage;
mod engine;
mod handle;
mod lock;
mod read;
mod seeds;
mod sweep;
mod tables;

/// Batches made durable with one `fsync` at most, as far as they come in different calls.
pub const GROUP: usize = 256;

/// Requests that wait for the writer before callers wait themselves.
const WAITING: usize = 256;

const FILE: &str = "store.redb";
const LOCK: &str = "store.lock";

/// See the [module](self).
#[derive(Debug)]
pub struct EmbeddedStore {
    handle: Arc<Handle>,
    writer: Writer,
    unreadable: Unreadable,
}

#[derive(Debug)]
enum Writer {
    Thread { queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>, thread: Mutex<Option<JoinHandle<()>>> },
    Inline(Mutex<Engine>),
}

impl EmbeddedStore {
    /// Opens or makes the store in the folder `dir`, which is made if need be.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] when another process has it, [`StoreError::Unavailable`] when the folder or file cannot be used,
    /// [`StoreError::Corrupt`] for a file of another format.
    pub fn open(dir: &Path) -> Result<Arc<Self>, StoreError> {
        let failed = |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", dir.display()));
        fs::create_dir_all(dir).map_err(failed)?;
        let handle = Arc::new(Handle::open(&dir.join(FILE), LockFile::take(&dir.join(LOCK))?)?);
        let (queue, waiting) = mpsc::channel(WAITING);
        let engine = Engine::new(Arc::clone(&handle));
        let thread = std::thread::Builder::new()
            .name("igentai-store".to_owned())
            .spawn(move || write_until_closed(engine, waiting))
            .map_err(failed)?;
        let writer = Writer::Thread { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)) };
        Ok(Arc::new(Self { handle, writer, unreadable: Unreadable::default() }))
    }

    /// Says where this process can be asked, for those that find the store locked.
    ///
    /// # Errors
    ///
    /// When that cannot be written.
    pub fn serves(&self, address: &str) -> std::io::Result<()> {
        self.handle.serves(address)
    }

    /// Where the process that holds the store in the folder `dir` can be asked, as far as it has said so.
    #[must_use]
    pub fn served_at(dir: &Path) -> Option<String> {
        lock::address(&dir.join(LOCK))
    }

    /// A store that ends with the process and carries out every call where it is made.
    pub fn in_memory() -> Result<Arc<Self>, StoreError> {
        let handle = Arc::new(Handle::in_memory()?);
        let writer = Writer::Inline(Mutex::new(Engine::new(Arc::clone(&handle))));
        Ok(Arc::new(Self { handle, writer, unreadable: Unreadable::default() }))
    }

    /// Waits until the file turns out to be damaged, or the program to be at fault. Nothing is read or written any more then.
    pub async fn failed(&self) {
        self.handle.damage().found().await;
    }

    /// Why nothing is read or written any more: [`StoreError::Corrupt`] or [`StoreError::Defect`]. `None` while nothing is known to be wrong.
    #[must_use]
    pub fn failure(&self) -> Option<StoreError> {
        self.handle.damage().error()
    }

    async fn write<T: Send + 'static>(
        &self,
        weight: usize,
        work: impl FnOnce(&mut Tables<'_>) -> Result<T, Stop> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, answer) = Write::new(weight, work);
        match &self.writer {
            Writer::Thread { queue, .. } => {
                let queue = queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
                queue.ok_or_else(closed)?.send(job).await.map_err(|_| closed())?;
            }
            Writer::Inline(engine) => {
                let mut engine = engine.lock().unwrap_or_else(PoisonError::into_inner);
                engine.apply(vec![job]);
                while engine.sweep().unwrap_or(false) {}
            }
        }
        answer.await.unwrap_or_else(|_| Err(StoreError::Unknown("the writer ended".to_owned())))
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Stop> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &self.writer {
            Writer::Inline(_) => self.handle.read(work),
            Writer::Thread { .. } => {
                let handle = Arc::clone(&self.handle);
                tokio::task::spawn_blocking(move || handle.read(work))
                    .await
                    .unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
            }
        }
    }

    /// Lets the writer finish what waits, and takes its thread to wait for.
    fn end_writer(&self) -> Option<JoinHandle<()>> {
        match &self.writer {
            Writer::Thread { queue, thread } => {
                queue.lock().unwrap_or_else(PoisonError::into_inner).take();
                thread.lock().unwrap_or_else(PoisonError::into_inner).take()
            }
            Writer::Inline(_) => None,
        }
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        if let Some(thread) = self.end_writer() {
            // The thread ends after the commit at hand; a panic of it was already answered as an unknown outcome.
            drop(thread.join());
        }
    }
}

/// The writer's thread: groups what waits; with nothing waiting removes runs that are over.
fn write_until_closed(mut engine: Engine, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
    loop {
        let first = match waiting.try_recv() {
            Ok(job) => Some(job),
            // A failure to remove is met again, and then told, by the next write.
            Err(mpsc::error::TryRecvError::Empty) if engine.sweep().unwrap_or(false) => continue,
            Err(_) => waiting.blocking_recv(),
        };
        let Some(first) = first else { return };
        let mut weight = first.weight();
        let mut group = vec![first];
        while weight < GROUP
            && let Ok(job) = waiting.try_recv()
        {
            weight += job.weight();
            group.push(job);
        }
        engine.apply(group);
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn commit(&self, batches: Vec<Commit>) -> Result<Vec<CommitOutcome>, StoreError> {
        let batches = prepare(batches)?;
        if batches.is_empty() {
            return Ok(Vec::new());
        }
        self.write(batches.len(), move |tables| {
            // A refusal of one is one of all, so that nothing of them is written before.
            batches.iter().try_for_each(|batch| commit::refuse_put_back(tables, batch))?;
            batches.iter().map(|batch| commit::commit(tables, batch)).collect()
        })
        .await
    }

    async fn head(&self, topic: &TopicId) -> Result<Head, StoreError> {
        let topic = topic.clone();
        self.read(move |transaction| read::head(transaction, &topic)).await
    }

    async fn log(
        &self,
        topic: &TopicId,
        run: Run,
        after: LogIndex,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let topic = topic.clone();
        self.read(move |transaction| read::log(transaction, &topic, run, after, limit)).await
    }

    async fn attributes(
        &self,
        topic: &TopicId,
        run: Run,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<StoredAttribute>, StoreError> {
        let topic = topic.clone();
        self.read(move |transaction| read::attributes(transaction, &topic, run, after, limit)).await
    }

    async fn claim(&self, topic: &TopicId, epoch: Epoch, known: Head) -> Result<Head, StoreError> {
        let topic = topic.clone();
        self.write(1, move |tables| coordinate::claim(tables, &topic, epoch, known)).await?
    }

    /// Nothing waits for a claim here.
    async fn all_claimed(&self, epoch: Epoch, _: &str) -> Result<(), StoreError> {
        self.write(1, move |tables| coordinate::all_claimed(tables, epoch)).await
    }

    async fn put_back(&self, topic: &TopicId) -> Result<Option<Head>, StoreError> {
        let topic = topic.clone();
        self.read(move |transaction| read::put_back(transaction, &topic)).await
    }

    async fn edition(&self, topic: &TopicId) -> Result<Edition, StoreError> {
        let topic = topic.clone();
        self.read(move |transaction| read::edition(transaction, &topic)).await
    }

    async fn settle(
        &self,
        topic: &TopicId,
        epoch: Epoch,
        rebuilt: Option<Rebuilt>,
    ) -> Result<Head, StoreError> {
        let topic = topic.clone();
        self.write(1, move |tables| coordinate::settle(tables, &topic, epoch, rebuilt)).await
    }

    async fn open_run(
        &self,
        topic: &TopicId,
        run: Run,
        epoch: Epoch,
        max_attributes: Option<u64>,
    ) -> Result<Head, StoreError> {
        let topic = topic.clone();
        self.write(1, move |tables| coordinate::open_run(tables, &topic, run, epoch, max_attributes)).await
    }

    async fn topics(&self) -> Result<Vec<Topic>, StoreError> {
        Ok(self.unreadable.left_out(self.read(read::topics).await?))
    }

    async fn topic(&self, id: &TopicId) -> Result<Option<Topic>, StoreError> {
        let id = id.clone();
        self.read(move |transaction| read::topic(transaction, &id)).await
    }

    async fn put_topic(&self, topic: &Topic, expected: Option<u64>) -> Result<(), StoreError> {
        let topic = topic.clone();
        self.write(1, move |tables| coordinate::put_topic(tables, &topic, expected)).await
    }

    async fn save_checkpoints(
        &self,
        topic: &TopicId,
        run: Run,
        epoch: Epoch,
        checkpoints: BTreeMap<String, Vec<u8>>,
    ) -> Result<(), StoreError> {
        let topic = topic.clone();
        self.write(1, move |tables| coordinate::save_checkpoints(tables, &topic, run, epoch, &checkpoints))
            .await
    }

    async fn checkpoint(&self, topic: &TopicId, run: Run, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (topic, name) = (topic.clone(), name.to_owned());
        self.read(move |transaction| read::checkpoint(transaction, &topic, run, &name)).await
    }

    async fn keep_seeds(&self, id: &TopicId, list: &str, part: u32, of: &[String]) -> Result<(), StoreError> {
        let (id, list, texts) = (id.clone(), list.to_owned(), of.to_vec());
        self.write(1, move |tables| seeds::keep(tables, &id, &list, part, &texts)).await
    }

    async fn seeds(&self, id: &TopicId, list: &str, part: u32) -> Result<Option<Vec<String>>, StoreError> {
        let (id, list) = (id.clone(), list.to_owned());
        self.read(move |transaction| seeds::part(transaction, &id, &list, part)).await
    }

    async fn forget_other_seeds(&self, id: &TopicId, but: &str) -> Result<(), StoreError> {
        let (id, but) = (id.clone(), but.to_owned());
        self.write(1, move |tables| seeds::forget_others(tables, &id, &but)).await
    }

    async fn lease(&self) -> Result<LeaseRecord, StoreError> {
        self.read(read::lease).await
    }

    async fn take_lease(
        &self,
        holder: &WorkerId,
        seen: &LeaseRecord,
        above: Epoch,
    ) -> Result<Option<LeaseRecord>, StoreError> {
        representable(above)?;
        let (holder, seen) = (holder.clone(), seen.clone());
        self.write(1, move |tables| coordinate::take_lease(tables, &holder, &seen, above)).await
    }

    async fn renew_lease(&self, holder: &WorkerId, epoch: Epoch) -> Result<Option<LeaseRecord>, StoreError> {
        let holder = holder.clone();
        self.write(1, move |tables| coordinate::move_lease(tables, &holder, epoch, true)).await
    }

    async fn release_lease(&self, holder: &WorkerId, epoch: Epoch) -> Result<(), StoreError> {
        let holder = holder.clone();
        self.write(1, move |tables| coordinate::move_lease(tables, &holder, epoch, false).map(drop)).await
    }

    async fn attempts(&self, message: &str) -> Result<u32, StoreError> {
        let message = message.to_owned();
        self.read(move |transaction| {
            let noted: Option<coordinate::Attempts> = tables::setting_of(transaction, tables::ATTEMPTS)?;
            Ok(noted.unwrap_or_default().get(&message).copied().unwrap_or_default())
        })
        .await
    }

    async fn note_attempts(&self, message: &str, attempts: u32) -> Result<(), StoreError> {
        let message = message.to_owned();
        self.write(1, move |tables| coordinate::note_attempts(tables, message, attempts)).await
    }

    async fn identity(&self, proposed: &str) -> Result<String, StoreError> {
        let proposed = proposed.to_owned();
        self.write(1, move |tables| coordinate::identity(tables, proposed)).await
    }

    async fn check(&self) -> Result<StoreCheck, StoreError> {
        self.read(read::check).await
    }

    async fn close(&self) {
        if let Some(thread) = self.end_writer() {
            // The runtime's blocking threads wait for the writer's; its panic was already answered as an unknown outcome.
            drop(tokio::task::spawn_blocking(move || drop(thread.join())).await);
        }
        self.handle.close();
    }
}
