//! Damage: pages of the file that were never written as they stand there. Unlike a disk that is full, it does not pass, so it is final: whoever asks is told the
//! same from then on, nothing more is read or written, and the file stays as it is.
//!
//! redb has checksums, and looks at them when a file was not closed in order; otherwise it takes pages as they come, and panics over what it cannot make sense of.
//! So all of a file is looked at when it is opened, and what panics over it afterwards is caught.

use std::any::Any;
use std::cell::Cell;
use std::io::ErrorKind::{InvalidData, UnexpectedEof};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Once, OnceLock};

use redb::Error;
use tokio_util::sync::CancellationToken;

/// Whether a file is damaged, and how.
#[derive(Debug, Default)]
pub(super) struct Damage {
    why: OnceLock<String>,
    found: CancellationToken,
}

impl Damage {
    pub(super) fn why(&self) -> Option<&str> {
        self.why.get().map(String::as_str)
    }

    /// Notes it. The first word counts, and is the answer.
    pub(super) fn note(&self, why: String) -> &str {
        let known = self.why.get_or_init(|| {
            tracing::error!(reason = why, "the store is damaged, and is not used any more");
            why
        });
        self.found.cancel();
        known
    }

    /// Waits for it.
    pub(super) async fn found(&self) {
        self.found.cancelled().await;
    }
}

/// What is to be said of a file that cannot be used as it is.
pub(super) fn in_words(file: &str, why: &str) -> String {
    format!(
        "{file} is damaged, or no store of igentai ({why}); restore it from a copy; or move it away, and `igentai repair --embedded --from files --foreign --yes` \
         (with --out, if the folder is another one) brings back what the files hold"
    )
}

/// Whether an error tells of damage, not of a disk that fails.
pub(super) fn is_damage(error: &Error) -> bool {
    if let Error::Io(error) = error {
        return matches!(error.kind(), InvalidData | UnexpectedEof);
    }
    matches!(
        error,
        Error::Corrupted(_)
            | Error::RepairAborted
            | Error::UpgradeRequired(_)
            | Error::TableTypeMismatch { .. }
            | Error::TableIsMultimap(_)
            | Error::TableIsNotMultimap(_)
            | Error::TypeDefinitionChanged { .. }
            | Error::TableDoesNotExist(_)
    )
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

static QUIET: Once = Once::new();

/// Does what may panic over a damaged file; what the panic says. It says so nowhere else.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    QUIET.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                tell(panic);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    done.map_err(|panic| said(panic.as_ref()))
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panics".to_owned())
}
