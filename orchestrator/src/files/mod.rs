//! The files under `outputs/`: folds of the log, written by the leader.
//!
//! A thread of its own does the writing, so that a slow disk never holds decisions up. What cannot be written is not lost: the writer says how
//! far it came, and the lines are read from the registry again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, Seq};
use igentai_core::log::Entry;
use igentai_core::status::TopicStatus;
use igentai_core::time::Now;
use igentai_core::topic::Topic;
use igentai_shared::store::StoredAttribute;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use crate::Context;

mod atomic;
mod output;
mod reports;
mod writer;

/// Jobs that may wait.
const WAITING: usize = 256;

enum Job {
    Open(Box<Topic>),
    Lines { topic: TopicId, first: Seq, texts: Vec<String> },
    Status(Box<TopicStatus>),
    Global { topics: Vec<Topic>, producers: usize, now: Now },
    Flush(oneshot::Sender<()>),
}

/// Where a topic's file could not be written: the last line that stands.
type Behind = Arc<Mutex<BTreeMap<TopicId, Seq>>>;

/// A handle on the writer; without a folder it does nothing.
pub(crate) struct Files {
    writer: Option<Writer>,
}

struct Writer {
    out: PathBuf,
    jobs: mpsc::Sender<Job>,
    behind: Behind,
    thread: std::thread::JoinHandle<()>,
}

/// What the writer goes by.
#[derive(Clone, Debug)]
struct Style {
    out: PathBuf,
    epoch: Epoch,
    sync_interval: Duration,
    default_weights: BTreeMap<String, f64>,
}

impl Files {
    /// Starts the writer for a term of leadership.
    pub(crate) fn start(context: &Context, epoch: Epoch) -> Self {
        let Some(out) = context.options.out.clone() else { return Self { writer: None } };
        let (jobs, queue) = mpsc::channel(WAITING);
        let behind = Behind::default();
        let style = Style {
            out: out.clone(),
            epoch,
            sync_interval: context.options.sync_interval,
            default_weights: context.options.default_weights.clone(),
        };
        let theirs = Arc::clone(&behind);
        let runtime = tokio::runtime::Handle::current();
        let body = move || writer::write(style, queue, &theirs, &runtime);
        match std::thread::Builder::new().name("files".to_owned()).spawn(body) {
            Ok(thread) => Self { writer: Some(Writer { out, jobs, behind, thread }) },
            Err(error) => {
                error!(error = %error, "no files are written: the thread for them could not be started");
                Self { writer: None }
            }
        }
    }

    async fn job(&self, job: Job) {
        if let Some(writer) = &self.writer
            && writer.jobs.send(job).await.is_err()
        {
            error!("no files are written: the thread for them has ended");
        }
    }

    /// Begins the files of a topic's run anew; those of an earlier run are moved aside.
    pub(crate) async fn open(&self, topic: Topic) {
        self.job(Job::Open(Box::new(topic))).await;
    }

    /// Adds what entries brought.
    pub(crate) async fn append(&self, topic: &TopicId, entries: &[Entry]) {
        if self.writer.is_none() {
            return;
        }
        for entry in entries.iter().filter(|entry| !entry.tail.new.is_empty()) {
            let (first, texts) = (entry.tail.first_new, entry.tail.new.clone());
            self.job(Job::Lines { topic: topic.clone(), first, texts }).await;
        }
    }

    /// Adds attributes read from the registry; those that stand already are passed over.
    pub(crate) async fn lines(&self, topic: &TopicId, attributes: Vec<StoredAttribute>) {
        let Some(first) = attributes.first().map(|attribute| attribute.seq) else { return };
        let texts = attributes.into_iter().map(|attribute| attribute.text).collect();
        self.job(Job::Lines { topic: topic.clone(), first, texts }).await;
    }

    /// Replaces a topic's JSON files.
    pub(crate) async fn status(&self, status: &TopicStatus) {
        if self.writer.is_some() {
            self.job(Job::Status(Box::new(status.clone()))).await;
        }
    }

    /// Replaces the file about all topics.
    pub(crate) async fn global(&self, topics: Vec<Topic>, producers: usize, now: Now) {
        self.job(Job::Global { topics, producers, now }).await;
    }

    /// Waits until everything given so far is on disk, or could not be.
    pub(crate) async fn flush(&self) {
        if self.writer.is_some() {
            let (done, wait) = oneshot::channel();
            self.job(Job::Flush(done)).await;
            if wait.await.is_err() {
                error!("the files could not be flushed: the thread for them has ended");
            }
        }
    }

    /// The last line that stands, where later ones could not be written.
    pub(crate) fn behind(&self, topic: &TopicId) -> Option<Seq> {
        let writer = self.writer.as_ref()?;
        writer.behind.lock().unwrap_or_else(PoisonError::into_inner).get(topic).copied()
    }

    /// Whether the topic's list is not there.
    pub(crate) fn is_missing(&self, topic: &TopicId) -> bool {
        self.writer.as_ref().is_some_and(|writer| !list_path(&writer.out, topic).exists())
    }

    /// Writes what is left and ends the writer.
    pub(crate) async fn close(self) {
        self.flush().await;
        if let Some(Writer { jobs, thread, .. }) = self.writer {
            drop(jobs);
            let ended = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(ended, Ok(Ok(()))) {
                error!("the thread that writes files ended badly");
            }
        }
    }
}

fn folder(out: &Path, topic: &TopicId) -> PathBuf {
    out.join(topic.as_str())
}

fn list_path(out: &Path, topic: &TopicId) -> PathBuf {
    folder(out, topic).join("output.txt")
}

#[cfg(test)]
mod tests;
