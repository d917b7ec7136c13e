//! What can go wrong with files, and when it is tried again.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use igentai_core::folder::TopicId;
use igentai_core::time::Monotonic;
use igentai_shared::store::StoreError;

use super::output::Failed;
use super::owner::Refusal;

/// Longest pause between two tries.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Why a step came to nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The registry did not answer.
    Registry(StoreError),
    /// The registry does not hold what it was said to hold.
    Gone,
    /// The folder is somebody else's.
    Refused(Refusal),
    /// A file could not be written; what stands is known.
    Later(io::Error),
    /// A list could not be written; nobody knows what stands.
    Broken(io::Error),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Registry(error)
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Later(error)
    }
}

impl From<Failed> for Trouble {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Later(error) => Self::Later(error),
            Failed::Broken(error) => Self::Broken(error),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(error) => write!(f, "the registry cannot be read: {error}"),
            Self::Gone => write!(f, "the registry does not hold the attributes that it was said to hold"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Later(error) | Self::Broken(error) => error.fmt(f),
        }
    }
}

/// What happened to a list stands for so long at least, so that somebody sees it.
pub(super) const TOLD_FOR: Duration = Duration::from_mins(1);

/// What keeps files from being written, and what happened to them, topic by topic, where people read it.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<Slips>);

#[derive(Debug, Default)]
struct Slips {
    /// Until it is over.
    troubles: BTreeMap<TopicId, String>,
    /// For a while.
    told: BTreeMap<TopicId, (String, Monotonic)>,
}

impl Board {
    fn slips(&self) -> MutexGuard<'_, Slips> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what keeps the files of a topic from being written.
    pub(super) fn put_up(&self, topic: &TopicId, text: String) {
        self.slips().troubles.insert(topic.clone(), text);
    }

    /// Nothing keeps them any more.
    pub(super) fn take_down(&self, topic: &TopicId) {
        self.slips().troubles.remove(topic);
    }

    /// Says what happened to a topic's list.
    pub(super) fn tell(&self, topic: &TopicId, text: String, now: Monotonic) {
        self.slips().told.insert(topic.clone(), (text, now));
    }

    /// Takes down what has been told for long enough, unless it holds still.
    pub(super) fn forget(&self, now: Monotonic, holds: impl Fn(&TopicId) -> bool) {
        self.slips().told.retain(|topic, (_, at)| now.since(*at) < TOLD_FOR || holds(topic));
    }

    /// Takes down all about a topic.
    pub(super) fn clear(&self, topic: &TopicId) {
        let mut slips = self.slips();
        slips.troubles.remove(topic);
        slips.told.remove(topic);
    }

    pub(super) fn read(&self, topic: &TopicId) -> Option<String> {
        let slips = self.slips();
        let told = slips.told.get(topic).map(|(text, _)| text);
        slips.troubles.get(topic).or(told).cloned()
    }
}

/// When something that failed is tried again: after a second, and each time twice as long up to [`MAX_PAUSE`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    until: Monotonic,
}

impl Backoff {
    /// Forgets the pause, not the failures.
    pub(super) const fn hurry(&mut self) {
        self.until = Monotonic(0);
    }

    pub(super) fn is_over(&self, now: Monotonic) -> bool {
        now >= self.until
    }

    /// Whether it is the first failure after a success.
    pub(super) fn failed(&mut self, now: Monotonic) -> bool {
        let pause = Duration::from_secs(1 << self.failures.min(5)).min(MAX_PAUSE);
        self.until = now + pause;
        self.failures = self.failures.saturating_add(1);
        self.failures == 1
    }
}
