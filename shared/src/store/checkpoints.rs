//! Names and encoding of the checkpoints that the coordinator keeps in the store.

use std::fmt::Display;

use igentai_core::decision::Chunk;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use crate::wire::scan::scan_own;

mod folds;

pub use folds::{CHUNK_BYTES, FOLDS, Folds, Manifest, Mark, Packed, Unusable, VERSION, unpack};

/// [`igentai_core::coordinator::Ledger`]: what is leased to producers.
pub const LEDGER: &str = "ledger";

/// [`igentai_core::status::TopicStatus`]: the newest numbers, for whoever asks.
pub const STATUS: &str = "status";

/// [`igentai_core::decision::Chunk`]: the newest decisions, as far as they do not fill a chunk of their own ([`decisions_from`]).
pub const DECISIONS: &str = "decisions";

/// A whole [`igentai_core::decision::Chunk`] of decisions, by the number of its first.
#[must_use]
pub fn decisions_from(first: u64) -> String {
    format!("{DECISIONS}.{first}")
}

/// A log index up to which everything was published.
pub const PUBLISHED: &str = "published";

/// What does not rest on the log, and stays when a topic's log is replaced.
pub(super) const KEPT: [&str; 2] = [LEDGER, PUBLISHED];

/// Encodes a checkpoint.
#[must_use]
#[expect(
    clippy::missing_panics_doc,
    clippy::expect_used,
    reason = "checkpoints are plain maps, lists, texts and numbers"
)]
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value).expect("plain data can be encoded into memory")
}

/// Encodes decisions: there is one for every request, so that their fields stand in their order, without names. One that is added stands behind all others.
#[must_use]
#[expect(
    clippy::missing_panics_doc,
    clippy::expect_used,
    reason = "decisions are plain lists, texts and numbers"
)]
pub fn encode_decisions(chunk: &Chunk) -> Vec<u8> {
    rmp_serde::to_vec(chunk).expect("plain data can be encoded into memory")
}

/// Decodes a checkpoint.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    let unreadable =
        |error: &dyn Display| StoreError::Corrupt(format!("a checkpoint cannot be read: {error}"));
    scan_own(bytes).map_err(|error| unreadable(&error))?;
    rmp_serde::from_slice(bytes).map_err(|error| unreadable(&error))
}
