//! The files under `outputs/`: folds of the log, written by the leader.
//!
//! A thread of its own does the writing. The coordinator only says how far the registry has come; what a list lacks the thread reads from
//! there. So a slow disk never holds decisions up, nothing that could not be written is lost, and what waits is bounded by the number of topics.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, Seq};
use igentai_core::status::TopicStatus;
use igentai_core::time::Now;
use igentai_core::topic::Topic;
use tokio::sync::oneshot;
use tracing::{error, warn};

use crate::Context;

mod atomic;
mod changed;
mod desk;
mod ended;
mod looks;
mod mail;
mod output;
mod owner;
mod place;
pub mod repair;
mod reports;
mod trouble;
mod writer;
mod written;

use desk::Desk;
use looks::Looks;
use mail::{End, Global, Post};
use trouble::Board;
pub(crate) use written::Folders;
pub use written::{Written, written};

/// How long the writer may go on when it is told to end, and where somebody waits to lead.
const PATIENCE: Duration = Duration::from_secs(3);
const HANDOVER: Duration = Duration::from_millis(500);

/// A handle on the writer; without a folder it does nothing.
pub(crate) struct Files {
    writer: Option<Writer>,
    /// Where they stand, and whose they are.
    place: Option<(PathBuf, String)>,
    looks: Looks,
}

struct Writer {
    post: Arc<Post>,
    board: Arc<Board>,
    /// Answers when the thread has ended.
    ended: oneshot::Receiver<()>,
    thread: std::thread::JoinHandle<()>,
}

/// What the writer goes by.
#[derive(Clone, Debug)]
struct Style {
    out: PathBuf,
    /// The id of the registry that the files are made from.
    registry: String,
    epoch: Epoch,
    default_weights: BTreeMap<String, f64>,
}

impl Files {
    /// Starts the writer for a term of leadership over the registry of this id.
    pub(crate) fn start(context: &Context, registry: String, epoch: Epoch) -> Self {
        let Some(out) = context.options.out.clone() else { return Self::with(None, None) };
        let place = Some((out.clone(), registry.clone()));
        let default_weights = context.options.default_weights.clone();
        let (post, board) = (Arc::<Post>::default(), Arc::<Board>::default());
        let style = Style { out, registry, epoch, default_weights };
        let desk = Desk::new(style, Arc::clone(&context.store), Arc::clone(&board));
        let clock = Arc::clone(&context.clock);
        let (alive, ended) = oneshot::channel::<()>();
        let (theirs, interval) = (Arc::clone(&post), context.options.sync_interval);
        let runtime = tokio::runtime::Handle::current();
        let body = move || {
            runtime.block_on(writer::write(desk, &theirs, clock.as_ref(), interval));
            drop(alive);
        };
        match std::thread::Builder::new().name("files".to_owned()).spawn(body) {
            Ok(thread) => Self::with(Some(Writer { post, board, ended, thread }), place),
            Err(error) => {
                error!(error = %error, "no files are written: the thread for them could not be started");
                Self::with(None, place)
            }
        }
    }

    /// What all folders say of their registries; `None` while that is not known, since the disk is slow: then it is to be asked for again.
    pub(crate) async fn folders(&mut self, patience: Duration) -> Option<Folders> {
        let Some((out, registry)) = self.place.clone() else { return Some(Folders::default()) };
        self.looks.all(out, registry, patience).await
    }

    /// What the files of a topic say that the registry held; `None` while that is not known.
    pub(crate) async fn written(&mut self, topic: &TopicId, patience: Duration) -> Option<Option<Written>> {
        let Some((out, registry)) = self.place.clone() else { return Some(None) };
        self.looks.one(out, registry, topic, patience).await
    }

    /// Where a topic's files stand.
    pub(crate) fn folder(&self, topic: &TopicId) -> PathBuf {
        self.place.as_ref().map(|(out, _)| place::folder(out, topic)).unwrap_or_default()
    }

    fn with(writer: Option<Writer>, place: Option<(PathBuf, String)>) -> Self {
        Self { writer, place, looks: Looks::default() }
    }

    fn tell(&self, change: impl FnOnce(&mut mail::Mail)) {
        if let Some(writer) = &self.writer {
            writer.post.leave(change);
        }
    }

    /// Begins the files of a topic's run, of which the registry holds so many attributes; those of an earlier run, or of another
    /// registry, are moved aside.
    pub(crate) fn open(&self, topic: Topic, attributes: Seq) {
        self.tell(|mail| mail.open(topic, attributes));
    }

    /// The registry holds so many attributes now.
    pub(crate) fn grown(&self, topic: &TopicId, attributes: Seq) {
        self.tell(|mail| mail.grown(topic, attributes));
    }

    /// Replaces a topic's JSON files.
    pub(crate) fn status(&self, status: &TopicStatus) {
        self.tell(|mail| mail.status(status.clone()));
    }

    /// Nothing will follow for the topic. It is forgotten when its files are complete.
    pub(crate) fn leave(&self, topic: &TopicId) {
        self.tell(|mail| mail.leave(topic));
    }

    /// Compares the files of topics that have ended with the registry, and builds anew what differs. Those that are opened are left out.
    pub(crate) fn check(&self, ended: impl Iterator<Item = Topic>) {
        self.tell(|mail| mail.ended.extend(ended));
    }

    /// Replaces the file about all topics.
    pub(crate) fn global(&self, topics: Vec<Topic>, producers: usize, now: Now) {
        self.tell(|mail| mail.global = Some(Global { topics, producers, now }));
    }

    /// What keeps a topic's files from being written at the moment, for people.
    pub(crate) fn trouble(&self, topic: &TopicId) -> Option<String> {
        self.writer.as_ref()?.board.read(topic)
    }

    /// Waits until everything given so far is on disk, or could not be brought there, or the patience is over. Whether it is there. While the disk stands
    /// still, only the first who asks waits.
    pub(crate) async fn flush(&self, patience: Duration) -> bool {
        let Some(writer) = &self.writer else { return true };
        let (done, wait) = oneshot::channel();
        let stalled = writer.post.leave(|mail| {
            mail.flushes.push(done);
            mail.stalled
        });
        if stalled {
            return false;
        }
        let answer = tokio::time::timeout(patience, wait).await;
        if answer.is_err() {
            writer.post.leave(|mail| mail.stalled = true);
        }
        matches!(answer, Ok(Ok(true)))
    }

    /// Has the writer bring to disk what is left, and end. Nothing that is given to it afterwards is written. In a handover somebody waits for that: what
    /// takes long is left to him.
    pub(crate) fn finish(&mut self, hands_over: bool) -> LastWords {
        let Some(writer) = self.writer.take() else { return LastWords(None) };
        let (done, complete) = oneshot::channel();
        writer.post.leave(|mail| {
            mail.flushes.push(done);
            mail.end = if hands_over { End::HandedOver } else { End::Done };
        });
        LastWords(Some(Finishing {
            writer,
            complete,
            patience: if hands_over { HANDOVER } else { PATIENCE },
        }))
    }
}

/// A writer that ends.
#[must_use]
pub(crate) struct LastWords(Option<Finishing>);

struct Finishing {
    writer: Writer,
    complete: oneshot::Receiver<bool>,
    patience: Duration,
}

impl LastWords {
    /// Waits until it has ended; or leaves it behind when the disk stands still.
    pub(crate) async fn said(self) {
        let Some(Finishing { writer, complete, patience }) = self.0 else { return };
        let Writer { post, mut ended, thread, .. } = writer;
        if tokio::time::timeout(patience, &mut ended).await.is_err() {
            post.leave(|mail| mail.end = End::Now);
            warn!("the files are not complete: the disk is too slow; they catch up at the next start");
            // It ends what it is at, so that nothing is written when somebody else leads, unless the disk stands still.
            drop(tokio::time::timeout(HANDOVER, ended).await);
        } else if thread.join().is_err() {
            error!("the thread that writes files ended badly; they catch up at the next start");
        } else if !complete.await.unwrap_or(false) {
            warn!("the files are not complete: they could not be written; they catch up at the next start");
        }
    }
}

#[cfg(test)]
mod tests;
