//! The checkpoint of a topic's folds: what a new leader needs so as not to read the log from its beginning.
//!
//! It may be large, so it is kept in chunks, with a manifest that says what belongs together. The manifest is written last and names one of two sets of
//! chunks; the next checkpoint goes into the other, so that whoever dies while saving leaves the earlier one whole. What does not fit, in version,
//! length, digest, topic or run, is not used: the log says the same, only slower.

use igentai_core::filter::MasterCheckpoint;
use igentai_core::fold::TopicFold;
use igentai_core::folder::TopicId;
use igentai_core::ids::{Incarnation, LogIndex, Run, WorkerId};
use igentai_core::log::Entry;
use igentai_core::time::UnixMillis;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

/// The manifest's name.
pub const FOLDS: &str = "folds";

/// Largest chunk.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// Changed together with anything that a checkpoint holds or that a fold makes of an entry.
pub const VERSION: u32 = 22;

/// Most chunks: 4 GiB.
const MAX_CHUNKS: u32 = 16_384;

/// Which entry of the log a fold has taken in last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    index: LogIndex,
    producer: WorkerId,
    incarnation: Incarnation,
    seq: u64,
    at: UnixMillis,
}

impl Mark {
    /// That entry.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        let head = &entry.head;
        let (producer, incarnation) = (head.producer.clone(), head.incarnation);
        Self { index: entry.index, producer, incarnation, seq: head.seq, at: head.at }
    }

    /// Its number.
    #[must_use]
    pub const fn index(&self) -> LogIndex {
        self.index
    }
}

/// The folds of a topic's run, all after the same entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Folds<F = TopicFold> {
    /// Topic.
    pub topic: TopicId,
    /// Its run.
    pub run: Run,
    /// The last entry.
    pub mark: Mark,
    /// The numbers.
    pub fold: F,
    /// The filter.
    pub filter: MasterCheckpoint,
}

/// Says which chunks are a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    version: u32,
    /// Which of the two sets.
    set: u8,
    chunks: u32,
    bytes: u64,
    #[serde(with = "serde_bytes")]
    digest: [u8; 16],
}

impl Manifest {
    /// The names of the chunks, in order.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let set = self.set;
        (0..self.chunks.min(MAX_CHUNKS)).map(move |number| chunk_name(set, number))
    }
}

fn chunk_name(set: u8, number: u32) -> String {
    format!("{FOLDS}-{set}-{number}")
}

/// A checkpoint that is to be written.
#[derive(Debug)]
pub struct Packed {
    bytes: Vec<u8>,
    manifest: Manifest,
}

impl Packed {
    /// Packs folds, so that what `before` names stays untouched.
    #[must_use]
    pub fn new(folds: &Folds<&TopicFold>, before: Option<&Manifest>) -> Self {
        let bytes = super::encode(folds);
        let manifest = Manifest {
            version: VERSION,
            set: before.map_or(0, |before| 1 - before.set.min(1)),
            chunks: u32::try_from(bytes.len().div_ceil(CHUNK_BYTES)).unwrap_or(u32::MAX),
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            digest: xxh3_128(&bytes).to_be_bytes(),
        };
        Self { bytes, manifest }
    }

    /// Name and content of a chunk; `None` beyond the last.
    #[must_use]
    pub fn chunk(&self, number: u32) -> Option<(String, Vec<u8>)> {
        let chunk = self.bytes.chunks(CHUNK_BYTES).nth(usize::try_from(number).ok()?)?;
        Some((chunk_name(self.manifest.set, number), chunk.to_vec()))
    }

    /// To be written when all chunks are.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

/// Why a checkpoint is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Written by another version of the program.
    #[error("it has version {0}, this program writes {VERSION}")]
    Version(u32),
    /// Parts are missing, torn, or of different checkpoints.
    #[error("its parts do not fit each other")]
    Torn,
    /// It is whole, and cannot be understood.
    #[error("it cannot be read: {0}")]
    Form(String),
    /// It is that of something else.
    #[error("it belongs to run {1} of {0}")]
    Foreign(TopicId, Run),
    /// It is not of this log.
    #[error("it does not fit the log")]
    Log,
}

/// Puts chunks together, in order; those of `manifest`.
pub fn unpack(
    manifest: &Manifest,
    chunks: impl IntoIterator<Item = Option<Vec<u8>>>,
    topic: &TopicId,
    run: Run,
) -> Result<Folds, Unusable> {
    if manifest.version != VERSION {
        return Err(Unusable::Version(manifest.version));
    }
    let mut bytes = Vec::new();
    for chunk in chunks {
        bytes.extend_from_slice(&chunk.ok_or(Unusable::Torn)?);
    }
    if xxh3_128(&bytes).to_be_bytes() != manifest.digest || u64::try_from(bytes.len()) != Ok(manifest.bytes) {
        return Err(Unusable::Torn);
    }
    let folds: Folds = rmp_serde::from_slice(&bytes).map_err(|error| Unusable::Form(error.to_string()))?;
    if folds.topic != *topic || folds.run != run {
        return Err(Unusable::Foreign(folds.topic, folds.run));
    }
    Ok(folds)
}

#[cfg(test)]
mod tests;
