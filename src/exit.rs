//! What the process says when it ends.

use std::fmt;
use std::process::ExitCode;

/// Exit codes; the README has the same table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// Something failed that the message names.
    Failed,
    /// The command line or the configuration is wrong.
    Usage,
    /// No provider could serve.
    NoProvider,
    /// The store is in use by another process, cannot be opened or read, or cannot be trusted.
    Store,
    /// Interrupted by Ctrl-C or SIGTERM; everything confirmed is kept.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NoProvider => 3,
            Exit::Store => 4,
            Exit::Interrupted => 130,
        })
    }
}

/// Why the process ends before its work is done.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// The command line or the configuration is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }
}

impl Failure {
    /// The store in a file cannot be opened: whatever the reason, a person has to help.
    pub(crate) fn unopened(error: &igentai_shared::store::StoreError) -> Self {
        if let defect @ igentai_shared::store::StoreError::Defect(_) = error {
            return Self::new(Exit::Failed, defect.to_string());
        }
        let advice = if error.is_transient() { "; choose another output folder with --out" } else { "" };
        Self::new(Exit::Store, format!("{error}{advice}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<igentai_shared::store::StoreError> for Failure {
    fn from(error: igentai_shared::store::StoreError) -> Self {
        use igentai_shared::store::StoreError::{
            Conflict, Corrupt, Defect, Fenced, Locked, PutBack, Replaced, Stale, Unavailable, Unknown, Unsafe,
        };
        let exit = match &error {
            Locked(_) | Unsafe(_) | Corrupt(_) | PutBack { .. } => Exit::Store,
            Defect(_)
            | Unknown(_)
            | Unavailable(_)
            | Fenced { .. }
            | Stale { .. }
            | Replaced(_)
            | Conflict { .. } => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use igentai_shared::store::StoreError;

    use super::*;

    #[test]
    fn a_defect_of_the_program_is_told_from_a_store_that_is_damaged_by_the_exit_code() {
        for (error, exit) in [
            (StoreError::Defect("the books do not add up".to_owned()), Exit::Failed),
            (StoreError::Corrupt("store.redb is damaged".to_owned()), Exit::Store),
        ] {
            let unopened = Failure::unopened(&error);
            assert_eq!((unopened.exit, unopened.to_string()), (exit, error.to_string()));
            assert_eq!(Failure::from(error).exit, exit);
        }
    }
}
