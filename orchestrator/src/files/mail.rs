//! What the coordinator wants of the writer. Only the newest of everything is kept, so that however slow the disk is, nobody waits for it, and what
//! waits is bounded by the number of topics.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use igentai_core::folder::TopicId;
use igentai_core::ids::Seq;
use igentai_core::status::TopicStatus;
use igentai_core::time::Now;
use igentai_core::topic::Topic;
use tokio::sync::{Notify, oneshot};

/// When the writer shall end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    #[default]
    Never,
    /// When nothing is left that can be done.
    Done,
    /// The same, but for what takes long and whoever leads next does anew.
    HandedOver,
    /// Without doing more.
    Now,
}

/// What is wanted of one topic's files, in the order in which it is done.
#[derive(Debug, Default)]
pub(super) struct Letter {
    /// Begin the files of this run.
    pub(super) open: Option<Topic>,
    /// The registry holds so many attributes.
    pub(super) heard: Seq,
    pub(super) status: Option<Box<TopicStatus>>,
    /// Nothing will follow: forget the topic when its files are complete.
    pub(super) leave: bool,
}

/// What is wanted of the file about all topics.
#[derive(Debug)]
pub(super) struct Global {
    pub(super) topics: Vec<Topic>,
    pub(super) producers: usize,
    pub(super) now: Now,
}

/// Everything that is wanted and not begun.
#[derive(Debug, Default)]
pub(super) struct Mail {
    pub(super) letters: BTreeMap<TopicId, Letter>,
    pub(super) global: Option<Global>,
    /// Topics that have ended, whose files are to be compared with the registry.
    pub(super) ended: Vec<Topic>,
    /// Who waits until all lists are complete, or cannot be; the answer says which.
    pub(super) flushes: Vec<oneshot::Sender<bool>>,
    pub(super) end: End,
    /// Somebody has waited in vain since mail was last taken.
    pub(super) stalled: bool,
}

impl Mail {
    /// What was wanted of an earlier run is so no more.
    pub(super) fn open(&mut self, topic: Topic, heard: Seq) {
        let letter = Letter { heard, open: Some(topic.clone()), ..Letter::default() };
        self.letters.insert(topic.id, letter);
    }

    pub(super) fn grown(&mut self, topic: &TopicId, heard: Seq) {
        let letter = self.letters.entry(topic.clone()).or_default();
        letter.heard = letter.heard.max(heard);
    }

    pub(super) fn status(&mut self, status: TopicStatus) {
        let letter = self.letters.entry(status.topic.id.clone()).or_default();
        letter.status = Some(Box::new(status));
    }

    pub(super) fn leave(&mut self, topic: &TopicId) {
        self.letters.entry(topic.clone()).or_default().leave = true;
    }
}

/// Where mail is left.
#[derive(Debug, Default)]
pub(super) struct Post {
    mail: Mutex<Mail>,
    news: Notify,
}

impl Post {
    /// Changes what is wanted, and wakes the writer.
    pub(super) fn leave<T>(&self, change: impl FnOnce(&mut Mail) -> T) -> T {
        let done = change(&mut self.mail.lock().unwrap_or_else(PoisonError::into_inner));
        self.news.notify_one();
        done
    }

    /// Takes all of it. That the writer shall end stays known.
    pub(super) fn take(&self) -> Mail {
        let mut mail = self.mail.lock().unwrap_or_else(PoisonError::into_inner);
        let end = mail.end;
        std::mem::replace(&mut *mail, Mail { end, ..Mail::default() })
    }

    /// Waits until something is left.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }
}
