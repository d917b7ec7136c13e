//! How much of what is asked is a sample that nothing was aimed at.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Share;

/// Of a topic that is cut into parts, this share of all requests is about the whole and leaves nothing out: a sample without conditions, which says what lists
/// of parts leave out. 0 for none; those about the whole that an estimate begins with, and those that it takes to be sure, are asked for all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeShare(Share);

impl ProbeShare {
    /// One in twenty: what it is where nobody says otherwise.
    pub const USUAL: Self = Self(Share::of_millionths(50_000));

    /// The largest share: where half of all requests are a sample, every second one is.
    pub const MOST: f64 = 0.5;

    /// Of a number between 0 and [`Self::MOST`]; `None` for what is beyond.
    #[must_use]
    pub fn new(part: f64) -> Option<Self> {
        (0.0..=Self::MOST).contains(&part).then(|| Self(Share::new(part)))
    }

    /// As a number between 0 and [`Self::MOST`].
    #[must_use]
    pub fn get(self) -> f64 {
        self.0.get()
    }

    /// As a share, for what says it in percent.
    #[must_use]
    pub const fn share(self) -> Share {
        self.0
    }

    /// Whether no sample is asked for.
    #[must_use]
    pub fn is_off(self) -> bool {
        self == Self(Share::default())
    }

    /// Whether so many requests about the whole are too few among so many in all.
    #[must_use]
    pub(crate) const fn lacks(self, whole: u64, all: u64) -> bool {
        whole < all.saturating_mul(self.0.millionths()) / Share::ALL
    }
}

impl Default for ProbeShare {
    fn default() -> Self {
        Self::USUAL
    }
}

impl Serialize for ProbeShare {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ProbeShare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(|part| Self(Share::new(part.clamp(0.0, Self::MOST))))
    }
}
