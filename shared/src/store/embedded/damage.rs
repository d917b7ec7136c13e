//! Damage: pages of the file that were never written as they stand there. Unlike a disk that is full, it does not pass, so it is final: whoever asks is told the
//! same from then on, nothing more is read or written, and the file stays as it is.
//!
//! redb has checksums, and looks at them when a file was not closed in order; otherwise it takes pages as they come, and panics over what it cannot make sense of.
//! So all of a file is looked at when it is opened, and what panics over it afterwards is caught. A panic may as well be a defect of the program, and then the file is
//! sound: so it is looked at again before anything is said of it. Either way nothing more is read or written.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::io::ErrorKind::{InvalidData, UnexpectedEof};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Once, OnceLock};

use redb::Error;

use crate::store::StoreError;
use tokio_util::sync::CancellationToken;

/// Why a file is not used any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is damaged.
    Damage(String),
    /// The program is at fault, and the file is sound.
    Defect(String),
}

impl Fault {
    fn error(&self) -> StoreError {
        match self {
            Self::Damage(why) => StoreError::Corrupt(why.clone()),
            Self::Defect(why) => StoreError::Defect(why.clone()),
        }
    }
}

/// Whether a file is damaged, or cannot be used for another reason that does not pass.
#[derive(Debug, Default)]
pub(super) struct Damage {
    fault: OnceLock<Fault>,
    found: CancellationToken,
}

impl Damage {
    /// What to answer from now on; `None` while nothing is known to be wrong.
    pub(super) fn error(&self) -> Option<StoreError> {
        self.fault.get().map(Fault::error)
    }

    /// Notes it. The first word counts.
    pub(super) fn note(&self, fault: Fault) {
        self.fault.get_or_init(|| {
            match &fault {
                Fault::Damage(why) => {
                    tracing::error!(reason = why, "the store is damaged, and is not used any more");
                }
                Fault::Defect(why) => {
                    tracing::error!(
                        reason = why,
                        "the store is not used any more after a defect of the program"
                    );
                }
            }
            fault
        });
        self.found.cancel();
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

/// What is to be said when the program is at fault.
pub(super) fn defect_in_words(file: &str, panic: &Panic, looked: &str) -> String {
    format!(
        "{panic}; {file} {looked}, and is not written to any more; what was confirmed is kept: start again to go on from there, and report this"
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

/// What a panic said, and where.
#[derive(Debug)]
pub(super) struct Panic {
    said: String,
    place: Option<String>,
}

impl Panic {
    /// Panics on, for whoever guards the whole.
    pub(super) fn go_on(self) -> ! {
        panic::resume_unwind(Box::new(self))
    }

    fn caught(panic: Box<dyn Any + Send>) -> Self {
        panic.downcast().map_or_else(
            |panic| Self { said: said(panic.as_ref()), place: PLACE.take() },
            |known: Box<Self>| *known,
        )
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { said, place } = self;
        write!(f, "{said}")?;
        place.as_ref().map_or(Ok(()), |place| write!(f, ", at {place}"))
    }
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
}

static QUIET: Once = Once::new();

/// Does what may panic over a damaged file; what the panic says. It says so nowhere else.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    QUIET.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if GUARDED.get() {
                PLACE.set(panic.location().map(ToString::to_string));
            } else {
                tell(panic);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    done.map_err(Panic::caught)
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panics".to_owned())
}
