//! A part of a whole.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A part of a whole, in millionths; written as a number between 0 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

const WHOLE: f64 = 1e6;

impl Share {
    /// The whole, in millionths.
    pub(super) const ALL: u64 = 1_000_000;

    /// Of so many millionths.
    pub(super) const fn of_millionths(millionths: u32) -> Self {
        Self(millionths)
    }

    /// In millionths.
    pub(super) const fn millionths(self) -> u64 {
        self.0 as u64
    }

    /// Of a number between 0 and 1; what is beyond is cut to the nearest of both.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is cut to what fits")]
    pub fn new(part: f64) -> Self {
        Self((part.clamp(0.0, 1.0) * WHOLE).round() as u32)
    }

    /// The completeness at which a topic is done; `None` for the whole: it then goes on for as long as anything new comes, since no estimate can tell that
    /// nothing is left.
    #[must_use]
    pub fn wanted(part: f64) -> Option<Self> {
        Some(Self::new(part)).filter(|share| share.0 < 1_000_000)
    }

    /// As a number between 0 and 1.
    #[must_use]
    pub fn get(self) -> f64 {
        f64::from(self.0) / WHOLE
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", f64::from(self.0) / 10_000.0)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.get())
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(Self::new)
    }
}
