//! What is wrong with the configuration, one finding at a time.

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A file, and the line in it where that is known; lines count from 1.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// The line.
        line: Option<usize>,
    },
    /// An environment variable.
    Variable(String),
    /// A command line flag, with its dashes.
    Flag(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: Some(line) } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// One finding: where, which key, its value (secrets masked) and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub struct ConfigError {
    /// Where the setting was written.
    pub place: Place,
    /// The key's path, for example `providers.small.weight`; empty for a finding about the whole file.
    pub path: String,
    /// The value as it was written, shortened and with secrets as `***`; `None` where there is none or it says nothing.
    pub value: Option<String>,
    /// What is wrong or what is allowed.
    pub problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = &self.problem;
        match (&self.place, &self.value) {
            // A variable with a name of its own may stand for several keys: its name says more than theirs.
            (Place::Variable(name), Some(value)) if !name.starts_with(super::PREFIX) => {
                write!(f, "{name} = {value}: {problem}")
            }
            (place, _) if self.path.is_empty() => write!(f, "{place}: {problem}"),
            (place, Some(value)) => write!(f, "{place}: {} = {value}: {problem}", self.path),
            (place, None) => write!(f, "{place}: {}: {problem}", self.path),
        }
    }
}

/// How the finding about a key that stands twice begins: under a broken header, keys come to stand in the section before it.
const REPEATED: &str = "is not TOML: duplicate key";

/// Collects findings, so that all are told at once.
#[derive(Debug, Default)]
pub(super) struct Findings {
    errors: RefCell<Vec<ConfigError>>,
    /// Lines that are not TOML.
    broken: RefCell<Vec<Place>>,
}

impl Findings {
    pub(super) fn add(&self, place: &Place, path: &str, value: Option<String>, problem: impl Into<String>) {
        // What follows from a line that is not TOML would only distract.
        let broken = self.broken.borrow();
        let problem = problem.into();
        let consequence = [super::reader::MISSING, super::reader::UNKNOWN, REPEATED];
        let follows = consequence.iter().any(|beginning| problem.starts_with(beginning));
        if broken.contains(place) || (!broken.is_empty() && follows) {
            return;
        }
        let error = ConfigError { place: place.clone(), path: path.to_owned(), value, problem };
        self.errors.borrow_mut().push(error);
    }

    /// A line that is not TOML. Such lines come first, since the file is parsed before anything is read from it.
    pub(super) fn add_broken(&self, place: &Place, problem: String) {
        self.add(place, "", None, problem);
        self.broken.borrow_mut().push(place.clone());
    }

    /// The findings in the order of the file; a variable that stands for several keys is named once.
    pub(super) fn into_errors(self) -> Vec<ConfigError> {
        let mut errors = self.errors.into_inner();
        errors.sort();
        errors.dedup_by(|a, b| matches!(a.place, Place::Variable(_)) && a.to_string() == b.to_string());
        errors
    }
}
