//! What can go wrong with a server.

use std::{fmt, io, path::Path, time::Duration};

/// A server could not be started or told what to do.
///
/// A test shows an error with `Debug` (`expect`, or `?` in its result): that is the message with the end of the
/// server's log, line by line.
#[derive(thiserror::Error)]
pub enum ServerError {
    /// Neither the program nor a Docker engine.
    #[error(
        "{program} is not installed and no Docker engine answers: run tests/support/install.sh, or install the \
         Debian package {package}"
    )]
    Missing {
        /// The program that was looked for.
        program: &'static str,
        /// The package it comes with.
        package: &'static str,
    },
    /// The system refused something.
    #[error("{doing}: {source}")]
    Io {
        /// What was tried.
        doing: String,
        /// Why it was refused.
        source: io::Error,
    },
    /// The server ended, or did not answer in time.
    #[error("{server} {problem}; its log ends with:\n{log}")]
    NotReady {
        /// Which server.
        server: &'static str,
        /// What it did not do.
        problem: String,
        /// The end of its log.
        log: String,
    },
    /// A command did not end in time.
    #[error("{command} has not ended within {deadline:?}")]
    Deadline {
        /// The command line.
        command: String,
        /// How long was waited.
        deadline: Duration,
    },
    /// A command failed.
    #[error("{command} failed with {status}:\n{output}")]
    Command {
        /// The command line.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it printed on both streams.
        output: String,
    },
    /// The broker's management interface, or a command, gave an answer that was not expected.
    #[error("{asked} was answered with: {answer}")]
    Answer {
        /// What was asked.
        asked: String,
        /// What came.
        answer: String,
    },
}

impl fmt::Debug for ServerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl ServerError {
    /// For `map_err`: names what was tried.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing: doing.into(), source }
    }
}

/// The last lines of a log file, or why there are none.
pub(crate) fn log_tail(path: &Path) -> String {
    const LINES: usize = 100;
    match std::fs::read(path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(LINES)..].join("\n")
        }
        Err(error) => format!("(no log: {error})"),
    }
}
