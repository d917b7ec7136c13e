//! What somebody else has done to a list while it was being written.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use igentai_core::time::Monotonic;

use super::owner::if_there;

/// Shortest and longest pause before a list that was changed again is built anew.
const MIN_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_mins(1);

/// A list that nobody has changed for so long is built anew at once again.
const CALM: Duration = Duration::from_mins(5);

/// How the file that stands in a list's place is not the one that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It was deleted, or moved away.
    Gone,
    /// Another file stands in its place.
    Replaced,
    /// It was cut off.
    Shorter { bytes: u64, written: u64 },
    /// Somebody has added to it.
    Longer { bytes: u64, written: u64 },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = "by somebody else while it was being written";
        match self {
            Self::Gone => write!(f, "was deleted {by}"),
            Self::Replaced => write!(f, "was replaced by another file while it was being written"),
            Self::Shorter { bytes, written } => {
                write!(f, "was cut off {by}: it has {bytes} bytes, and had {written}")
            }
            Self::Longer { bytes, written } => {
                write!(f, "was added to {by}: it has {bytes} bytes, and had {written}")
            }
        }
    }
}

/// When a list that somebody changes again and again is built anew: the first time at once, then a second later, and each time twice as long up to
/// [`MAX_PAUSE`]. Meanwhile it stays as he wants it.
#[derive(Debug, Default)]
pub(super) struct Patience {
    rebuilt: u32,
    last: Monotonic,
    until: Monotonic,
    waits: bool,
}

impl Patience {
    /// Whether a list that was found changed is to be built anew now.
    pub(super) fn is_over(&mut self, now: Monotonic) -> bool {
        self.waits = now < self.until;
        !self.waits
    }

    /// It is built anew; so it is known how long that is not done again.
    pub(super) fn rebuilt(&mut self, now: Monotonic) {
        if now.since(self.last) >= CALM {
            self.rebuilt = 0;
        }
        let pause = MIN_PAUSE * (1 << self.rebuilt.min(6));
        (self.last, self.until) = (now, now + pause.min(MAX_PAUSE));
        self.rebuilt = self.rebuilt.saturating_add(1);
    }

    /// It was found as it should be.
    pub(super) const fn found_whole(&mut self) {
        self.waits = false;
    }

    /// Whether the list stays changed for a while yet.
    pub(super) fn waits(&self, now: Monotonic) -> bool {
        self.waits && now < self.until
    }

    /// Whether the list was found changed and stayed so.
    pub(super) const fn stays_changed(&self) -> bool {
        self.waits
    }

    /// Forgets the pause, not how often it was changed.
    pub(super) const fn hurry(&mut self) {
        self.until = Monotonic(0);
    }
}

/// Compares what stands at `path` with the file that is being written, of which `written` bytes are there. What was changed without changing its length is not
/// noticed.
pub(super) fn change(path: &Path, own: &File, written: u64) -> io::Result<Option<Change>> {
    let Some(found) = if_there(fs::metadata(path))? else { return Ok(Some(Change::Gone)) };
    let identity = |file: &Metadata| (file.dev(), file.ino());
    if identity(&found) != identity(&own.metadata()?) {
        return Ok(Some(Change::Replaced));
    }
    let bytes = found.len();
    Ok(match bytes.cmp(&written) {
        _ if !found.is_file() => None,
        std::cmp::Ordering::Less => Some(Change::Shorter { bytes, written }),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(Change::Longer { bytes, written }),
    })
}
