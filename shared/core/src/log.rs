//! The log: one entry per response in commit order; everything shown is a fold of it.

use serde::{Deserialize, Serialize};

use crate::batch::ResponseMeta;
use crate::ids::{Incarnation, LogIndex, Seq, WorkerId};
use crate::time::UnixMillis;

/// The part of an entry that is known before the commit. Stores keep its fields by their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryHead {
    /// Who asked.
    pub producer: WorkerId,
    /// Which life of the producer.
    pub incarnation: Incarnation,
    /// Its batch number.
    pub seq: u64,
    /// Wall-clock time of the commit, as the integrator saw it; the order of the log is the index, never this.
    pub at: UnixMillis,
    /// What it is.
    pub kind: EntryKind,
}

/// What an entry records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A response.
    Response(ResponseMeta),
    /// The completion of an earlier response of the same producer; not a response itself.
    Resolution {
        /// That response's batch number.
        of: u64,
    },
    /// Items that are known from the beginning, with numbers from [`FIRST_SEED`](crate::topic::FIRST_SEED) on; nobody was asked for them.
    Seeded,
}

/// The part of an entry that the commit finds out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryTail {
    /// Number of the first new attribute; the texts that follow are contiguous. 0 when there is none.
    pub first_new: Seq,
    /// New texts.
    pub new: Vec<String>,
    /// Numbers of the known attributes that were named again, in no order.
    pub again: Vec<Seq>,
    /// Other spellings of known attributes.
    pub variants: Vec<(Seq, String)>,
    /// Sightings that the registry does not hold.
    pub missing: u32,
    /// Texts over the item cap.
    pub over_cap: u32,
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub index: LogIndex,
    /// Known before the commit.
    pub head: EntryHead,
    /// Found by the commit.
    pub tail: EntryTail,
}

impl Entry {
    /// The new attributes with their numbers; of seeds the numbers that these have.
    pub fn attributes(&self) -> impl Iterator<Item = (Seq, &str)> + Clone {
        (self.tail.first_new..).zip(self.tail.new.iter().map(String::as_str))
    }

    /// Whether it holds what was known from the beginning, and no attributes.
    #[must_use]
    pub const fn is_seeded(&self) -> bool {
        matches!(self.head.kind, EntryKind::Seeded)
    }

    /// The response's data; `None` for what is none.
    #[must_use]
    pub const fn response(&self) -> Option<&ResponseMeta> {
        match &self.head.kind {
            EntryKind::Response(meta) => Some(meta),
            EntryKind::Resolution { .. } | EntryKind::Seeded => None,
        }
    }
}
