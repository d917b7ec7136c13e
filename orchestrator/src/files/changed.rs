//! What somebody else has done to a list while it was being written.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::owner::if_there;

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
