//! The store port: the authoritative registry of topics, sets and logs.
//!
//! Two adapters pass the same contract suite: [`embedded`] in one local file and [`redis`] over Redis.
//!
//! # What an adapter promises
//!
//! * **A commit is atomic and durable** when it answers `Ok`. When it answers [`StoreError::Unknown`] it may or may not have happened:
//!   commit again, the redelivery is absorbed by the batch id.
//! * **Fenced.** A write that carries an epoch below the highest that the lease or the topic has seen is refused with
//!   [`StoreError::Fenced`] and changes nothing.
//! * **Bounded reads.** Every read takes a limit.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::{self, Debug};

use async_trait::async_trait;
use igentai_core::batch::{BatchId, Named, Numbered, Verdict};
use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, LogIndex, Run, Seq, WorkerId};
use igentai_core::key::Fingerprint;
#[cfg(doc)]
use igentai_core::log::EntryKind;
use igentai_core::log::{Entry, EntryHead};
use igentai_core::numbers::Edition;
#[cfg(doc)]
use igentai_core::topic::FIRST_SEED;
use igentai_core::topic::Topic;
use serde::{Deserialize, Serialize};

pub mod checkpoints;
mod decisions;
pub mod embedded;
mod prepare;
pub mod redis;
pub mod rows;
mod unreadable;

pub use decisions::{ReplayError, Replayed, answers, decisions, replay};
pub use igentai_core::lease::LeaseRecord;

/// A batch, checked and fingerprinted, ready to commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// Identity; a redelivery carries the same.
    pub id: BatchId,
    /// See [`igentai_core::batch::Batch::lowest_unresolved`].
    pub lowest_unresolved: u64,
    /// The entry's part that is known already.
    pub head: EntryHead,
    /// Texts at hand. No two elements of a commit, over `novel`, `spellings` and `sightings`, share a fingerprint.
    pub novel: Vec<Named>,
    /// Texts at hand that are kept as another spelling when their key is known.
    pub spellings: Vec<Named>,
    /// Keys without text.
    pub sightings: Vec<Fingerprint>,
    /// Known attributes by their numbers; none of them is among the other elements.
    pub numbered: Option<Numbered>,
}

impl Commit {
    /// Number of elements.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.novel.len() + self.spellings.len() + self.sightings.len() + self.by_number()
    }

    /// How many of them are named by number.
    #[must_use]
    pub fn by_number(&self) -> usize {
        self.numbered.as_ref().map_or(0, |numbered| numbered.numbers.len())
    }
}

/// What a commit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitOutcome {
    /// The answer for the producer.
    pub verdict: Verdict,
    /// Whether this call made the entry, rather than an earlier delivery.
    pub fresh: bool,
    /// When fresh: the new texts, numbered from [`igentai_core::batch::Committed::first_new`], with their fingerprints.
    pub new: Vec<Named>,
    /// When fresh: the edition of the log that its numbers are of; see [`Store::edition`].
    pub edition: Edition,
    /// When fresh: the numbers of the batch's spellings, then of its sightings; 0 for what has none.
    pub told: Vec<Seq>,
}

impl CommitOutcome {
    /// Nothing was done now.
    #[must_use]
    pub const fn earlier(verdict: Verdict) -> Self {
        Self { verdict, fresh: false, new: Vec::new(), edition: 0, told: Vec::new() }
    }
}

/// How far a topic's log has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The run the log belongs to; 0 before the first is opened.
    pub run: Run,
    /// Number of log entries.
    pub log_index: LogIndex,
    /// Number of attributes.
    pub attributes: Seq,
}

impl Head {
    /// Whether a log that came as far as `known` has not come as far as this any more.
    #[must_use]
    pub const fn is_less_than(&self, known: &Self) -> bool {
        let shorter = self.log_index < known.log_index || self.attributes < known.attributes;
        self.run < known.run || self.run == known.run && shorter
    }

    /// What a log has held of which both are known.
    #[must_use]
    pub(crate) fn with(self, other: &Self) -> Self {
        match self.run.cmp(&other.run) {
            Ordering::Less => *other,
            Ordering::Greater => self,
            Ordering::Equal => Self {
                run: self.run,
                log_index: self.log_index.max(other.log_index),
                attributes: self.attributes.max(other.attributes),
            },
        }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, log_index, attributes } = self;
        match (run, log_index) {
            (0, _) => write!(f, "no run"),
            (_, 0) if *attributes == 0 => write!(f, "run {run}"),
            (_, 0) => write!(f, "run {run} with {attributes} items"),
            _ if *attributes == 0 => write!(f, "run {run} with {log_index} log entries"),
            _ => write!(f, "run {run} with {attributes} items in {log_index} log entries"),
        }
    }
}

/// A log and set that are to take a topic's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// Where they stand: a topic without a definition, which is gone then.
    pub from: TopicId,
    /// The run that they are of from then on.
    pub run: Run,
}

/// An attribute as the registry holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAttribute {
    /// Its number.
    pub seq: Seq,
    /// The first spelling seen.
    pub text: String,
    /// The entry that brought it.
    pub log_index: LogIndex,
}

/// Why the store did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It may have happened or not: ask again, every write is idempotent.
    #[error("the store did not confirm a write, so its outcome is unknown: {0}")]
    Unknown(String),
    /// No connection, or the store cannot serve now; nothing happened.
    #[error("the store cannot be used: {0}")]
    Unavailable(String),
    /// Somebody with a newer epoch has written.
    #[error("epoch {held} is over: {current} is in force")]
    Fenced {
        /// The epoch that the write carried.
        held: Epoch,
        /// The epoch in force.
        current: Epoch,
    },
    /// The write is for a run that is not open: it is over, or was never opened.
    #[error("run {asked} is not open: {current} is")]
    Stale {
        /// The run that the write was for.
        asked: Run,
        /// The run that is open; 0 when none is.
        current: Run,
    },
    /// The record has another version than expected.
    #[error("the record was changed by somebody else: version {current:?}, expected {expected:?}")]
    Conflict {
        /// What the caller expected.
        expected: Option<u64>,
        /// What is there.
        current: Option<u64>,
    },
    /// A topic holds less than it is known to have held: the store was put back to an older state. It takes no commits until it is settled.
    #[error("the registry was put back to an older state: it held {known}, and now holds {held}")]
    PutBack {
        /// What it is known to have held.
        known: Head,
        /// What it holds.
        held: Head,
    },
    /// A topic's log was replaced by another one, so that what was read of it before holds no more.
    #[error("the log of {0} was replaced by another one")]
    Replaced(String),
    /// What is stored cannot be understood.
    #[error("the store holds what cannot be read: {0}")]
    Corrupt(String),
    /// The program is at fault, not what is stored. Nothing more is read or written.
    #[error("a defect of the program: {0}")]
    Defect(String),
    /// The store must not be used as it is, for example for its eviction policy; the text says what to change.
    #[error("the store cannot be trusted: {0}")]
    Unsafe(String),
    /// Another process holds the store.
    #[error("the store is in use: {0}")]
    Locked(String),
}

impl StoreError {
    /// Whether the same call may succeed later without anybody's help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unknown(_) | Self::Unavailable(_))
    }
}

/// What [`Store::check`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreCheck {
    /// Product and version.
    pub product: String,
    /// Changes with every restart of a store that might have lost something by it.
    pub instance: String,
    /// What the operator should know, for example a durability setting that can lose a second.
    pub warnings: Vec<String>,
    /// Why it takes no writes at the moment; empty when it does.
    pub refuses_writes: Vec<String>,
}

/// The authoritative registry.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// Commits batches, each atomically and on its own, in order, but for one that names attributes by numbers that are not those of the log, which may come after
    /// the others. One answer per batch, in the order of the batches.
    ///
    /// For each batch: absorb a redelivery by its id ([`Verdict::Committed`] with the stored receipt, or [`Verdict::Settled`] at or
    /// below the producer's watermark `lowest_unresolved - 1`); refuse an older run ([`Verdict::Stale`]); look every fingerprint up at
    /// once; number absent texts in the order `novel`, `spellings` up to the run's item cap (seeds, see [`EntryKind::Seeded`], from [`FIRST_SEED`] on, and without a cap; they are no attributes); name absent sightings in the receipt; take the numbers of `numbered` where
    /// they are of the log's edition and the largest of them stands for its fingerprint, and else count them as absent, in the receipt as `unnumbered`;
    /// append one entry; keep the receipt.
    ///
    /// A batch of a run that is newer than the topic's, or of a topic that the store does not know, is an error that does not pass by itself: the store was put
    /// back to a state before that run, and the answer that the batch carries was paid for.
    async fn commit(&self, batches: Vec<Commit>) -> Result<Vec<CommitOutcome>, StoreError>;

    /// How far the topic's log has come.
    async fn head(&self, topic: &TopicId) -> Result<Head, StoreError>;

    /// Entries of the current run with an index above `after`, in order, at most `limit`. Empty when `run` is not the current one.
    async fn log(
        &self,
        topic: &TopicId,
        run: Run,
        after: LogIndex,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError>;

    /// Attributes of the current run with a number above `after`, in order, at most `limit`. Empty when `run` is not the current one.
    async fn attributes(
        &self,
        topic: &TopicId,
        run: Run,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<StoredAttribute>, StoreError>;

    /// Makes a topic the business of this epoch alone: whatever a leader of an earlier one has under way for it, however long ago it looked at the lease,
    /// is refused from here on. What is read of the topic after this is read by the only one who decides about it. Refused with
    /// [`StoreError::Fenced`] for an old epoch. The answer is how far its log has come.
    ///
    /// `known` is how far it is known to have come, from files or from an earlier look. A topic that holds less is marked: [`StoreError::PutBack`], now and
    /// for every claim after this, and no batch is committed to it, until it is settled ([`Store::settle`]) or a newer run is opened. A store whose server
    /// may have lost something by a restart commits nothing to a topic before it was claimed again.
    async fn claim(&self, topic: &TopicId, epoch: Epoch, known: Head) -> Result<Head, StoreError>;

    /// Says that every topic of which there is a definition was claimed, or is known not to be, since [`Store::check`] told of this `instance`: a commit to one that was not does not wait any longer, but is an
    /// error that does not pass by itself, so that nobody waits with it. Refused with [`StoreError::Fenced`] for an old epoch.
    async fn all_claimed(&self, epoch: Epoch, instance: &str) -> Result<(), StoreError>;

    /// What a topic that is marked is known to have held; `None` when it is not marked.
    async fn put_back(&self, topic: &TopicId) -> Result<Option<Head>, StoreError>;

    /// Which log of the topic it is: another one whenever it was replaced. What was read of an earlier one holds no more.
    async fn edition(&self, topic: &TopicId) -> Result<Edition, StoreError>;

    /// Takes the mark away from a topic that was put back to an older state. What was `rebuilt` takes the place of its set and log in the same step; of the same run receipts, the
    /// ledger of leases and what was published stay. Refused with [`StoreError::Fenced`] for an old epoch.
    async fn settle(
        &self,
        topic: &TopicId,
        epoch: Epoch,
        rebuilt: Option<Rebuilt>,
    ) -> Result<Head, StoreError>;

    /// Opens a run: when `run` is above the topic's current one, set, log, receipts and checkpoints are emptied first; the same run again only sets the
    /// cap. Refused with [`StoreError::Fenced`] for an old epoch, with [`StoreError::Stale`] for a run below the current one, with
    /// [`StoreError::PutBack`] for one of a topic that is marked, unless it is above all that the topic is known to have held.
    async fn open_run(
        &self,
        topic: &TopicId,
        run: Run,
        epoch: Epoch,
        max_attributes: Option<u64>,
    ) -> Result<Head, StoreError>;

    /// All topics, ordered by id. One whose record cannot be read is left out, and told of once in the log: it must not stand in the way of the
    /// others.
    async fn topics(&self) -> Result<Vec<Topic>, StoreError>;

    /// One topic.
    async fn topic(&self, id: &TopicId) -> Result<Option<Topic>, StoreError>;

    /// Stores a topic if the one stored has version `expected` (`None`: there is none), else [`StoreError::Conflict`].
    /// A record whose epoch is not 0 and below the stored one's or the lease's is refused with [`StoreError::Fenced`].
    async fn put_topic(&self, topic: &Topic, expected: Option<u64>) -> Result<(), StoreError>;

    /// Keeps named checkpoints of the topic's folds, fenced by `epoch`; forgotten when a new run is opened. Refused with [`StoreError::Stale`]
    /// for any run but the one that is open.
    async fn save_checkpoints(
        &self,
        topic: &TopicId,
        run: Run,
        epoch: Epoch,
        checkpoints: BTreeMap<String, Vec<u8>>,
    ) -> Result<(), StoreError>;

    /// One checkpoint of the run.
    async fn checkpoint(&self, topic: &TopicId, run: Run, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Keeps a part, from 0, of a list of items that a topic is to know from the beginning, whether there is such a topic yet or not.
    async fn keep_seeds(
        &self,
        topic: &TopicId,
        list: &str,
        part: u32,
        texts: &[String],
    ) -> Result<(), StoreError>;

    /// A part of such a list; `None` where it is not kept.
    async fn seeds(&self, topic: &TopicId, list: &str, part: u32) -> Result<Option<Vec<String>>, StoreError>;

    /// Forgets the lists of a topic, but for one.
    async fn forget_other_seeds(&self, topic: &TopicId, but: &str) -> Result<(), StoreError>;

    /// The coordinator's lease as it is.
    async fn lease(&self) -> Result<LeaseRecord, StoreError>;

    /// Takes the lease if it is free, or still at the `seen` state (holder, epoch and beat) that the caller found unmoved for the time to live. The epoch grows by
    /// one, and to more than `above`, the latest one that anybody is known to follow: a store that was put back may have fallen behind. `None` when somebody else was quicker.
    async fn take_lease(
        &self,
        holder: &WorkerId,
        seen: &LeaseRecord,
        above: Epoch,
    ) -> Result<Option<LeaseRecord>, StoreError>;

    /// Moves the beat of a lease that is still held; `None` when it is not.
    async fn renew_lease(&self, holder: &WorkerId, epoch: Epoch) -> Result<Option<LeaseRecord>, StoreError>;

    /// Frees a lease that is still held, so that the next one need not wait.
    async fn release_lease(&self, holder: &WorkerId, epoch: Epoch) -> Result<(), StoreError>;

    /// How many attempts at a message were begun and have not ended; 0 when nothing is noted.
    async fn attempts(&self, message: &str) -> Result<u32, StoreError>;

    /// Notes how many attempts at a message were begun and have not ended; 0 forgets it. The note outlives whoever made it, so that the next one knows
    /// of a message that crashes everybody. Notes are few, and old ones may be dropped.
    async fn note_attempts(&self, message: &str, attempts: u32) -> Result<(), StoreError>;

    /// What tells this registry from every other, for as long as it keeps anything: the id that was `proposed` first. Of several proposed at once,
    /// one becomes it, and everybody is answered that one.
    async fn identity(&self, proposed: &str) -> Result<String, StoreError>;

    /// Looks whether the store can be reached and trusted.
    async fn check(&self) -> Result<StoreCheck, StoreError>;

    /// Finishes what is under way and closes. Idempotent.
    async fn close(&self);
}
