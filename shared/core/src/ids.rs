//! Names and numbers that identify things.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// Which run of a topic: grows only when the topic is started afresh; the first is 1.
pub type Run = u64;

/// The coordinator's term: grows with every change of leader, the first is 1.
pub type Epoch = u64;

/// An epoch above this is no leader's: whoever says that it follows one is not believed. Far above what any number of handovers comes to, and far enough
/// below what a store can count to that the next ones are there.
pub const EPOCH_BELIEVED: Epoch = 1 << 52;

/// The number of an attribute in its topic and run: gapless, from 1.
pub type Seq = u64;

/// The number of a log entry in its topic and run: gapless, from 1.
pub type LogIndex = u64;

/// Numbers from here on are refused everywhere: they are not exact in a Redis script, whose numbers are doubles.
pub const FIRST_INEXACT: u64 = 1 << 53;

/// Tells one life of a producer from the next under the same id: the wall-clock millisecond of its start, made unique by chance bits.
pub type Incarnation = u64;

/// The id of a worker process or task: 1–64 characters of `a-z A-Z 0-9 _ -`, so that it can stand in routing keys and store keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct WorkerId(String);

/// Why a worker id is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no worker id: use 1 to 64 of the characters a-z, A-Z, 0-9, `_` and `-`")]
pub struct WorkerIdError(String);

impl WorkerId {
    /// Checks an id from outside.
    pub fn parse(id: &str) -> Result<Self, WorkerIdError> {
        let fits = (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if fits { Ok(Self(id.to_owned())) } else { Err(WorkerIdError(id.chars().take(80).collect())) }
    }

    /// A role's name and a number or random suffix, for example `producer-3`; characters that do not fit become `-`.
    #[must_use]
    pub fn of_role(role: &str, suffix: impl fmt::Display) -> Self {
        let id: String = format!("{role}-{suffix}")
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '-' })
            .take(64)
            .collect();
        Self(id)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For all that are not named one by one.
    pub(crate) fn others() -> Self {
        Self(crate::status::OTHERS.to_owned())
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for WorkerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        Self::parse(&id).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_split_a_routing_key_is_refused() {
        for bad in ["", "a.b", "a b", "#", "*", "{x}", "é", &"x".repeat(65)] {
            assert!(WorkerId::parse(bad).is_err(), "{bad:?}");
        }
        assert!(WorkerId::parse("producer-3_b").is_ok());
    }

    #[test]
    fn an_id_made_from_a_role_is_valid() {
        assert_eq!(WorkerId::of_role("producer", "a.b").as_str(), "producer-a-b");
        assert!(WorkerId::parse(WorkerId::of_role("x", "y".repeat(200)).as_str()).is_ok());
    }
}
