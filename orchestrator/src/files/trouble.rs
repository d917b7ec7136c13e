//! What can go wrong with files, and when it is tried again.

use std::fmt;
use std::io;
use std::time::Duration;

use igentai_core::time::Monotonic;
use igentai_shared::store::StoreError;

use super::output::Failed;

/// Longest pause between two tries.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Why a step came to nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The registry did not answer.
    Registry(StoreError),
    /// The registry does not hold what it was said to hold.
    Gone,
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
            Self::Later(error) | Self::Broken(error) => error.fmt(f),
        }
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
