//! The wire protocol: MessagePack maps with field names, content type `application/vnd.igentai.<kind>.v<version>+msgpack`.
//!
//! Unknown fields are ignored; a newer version, trailing bytes and anything over the [limits](scan) are errors, found before decoding
//! allocates.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use igentai_core::batch::{Batch, BatchId, Receipt};
use igentai_core::command::{Command, Heartbeat};
use igentai_core::folder::TopicId;
use igentai_core::ids::{LogIndex, Run, Seq, WorkerId};
use igentai_core::key::Fingerprint;
use igentai_core::numbers::Edition;
use igentai_core::status::TopicStatus;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub mod scan;

/// Largest message.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// A message that travels on the bus.
pub trait Message: Serialize + DeserializeOwned {
    /// Its kind in the content type.
    const KIND: &'static str;
    /// Version of its form.
    const VERSION: u32 = 1;
}

/// Batches of one producer, each one response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batches {
    /// At least one.
    pub batches: Vec<Batch>,
}

/// The message id of batches: by the first of them and, where there are several, by all of their numbers, so that equal ids mean equal batches.
#[must_use]
pub fn batches_id(batches: &[Batch]) -> String {
    let Some(first) = batches.first() else { return String::new() };
    let BatchId { topic, run, producer, incarnation, seq } = &first.id;
    let id = format!("batch-{producer}-{incarnation}-{topic}-{run}-{seq}");
    if batches.len() == 1 {
        return id;
    }
    let mut numbers = DefaultHasher::new();
    for Batch { id, .. } in batches {
        (id.run, id.incarnation, id.seq).hash(&mut numbers);
    }
    format!("{id}..{:016x}", numbers.finish())
}

/// Which batch a message holds by its id, where it is one alone and the id is such a one.
#[must_use]
pub fn batch_of(message_id: &str) -> Option<BatchId> {
    let mut parts = message_id.strip_prefix("batch-")?.rsplitn(5, '-');
    let (seq, run, topic) = (parts.next()?, parts.next()?, parts.next()?);
    let (incarnation, producer) = (parts.next()?, parts.next()?);
    Some(BatchId {
        topic: TopicId::parse(topic).ok()?,
        run: run.parse().ok()?,
        producer: WorkerId::parse(producer).ok()?,
        incarnation: incarnation.parse().ok()?,
        seq: seq.parse().ok()?,
    })
}

/// Receipts for one producer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipts {
    /// At least one.
    pub receipts: Vec<Receipt>,
}

/// What a range of the log adds to a filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterDelta {
    /// Topic.
    pub topic: TopicId,
    /// Its run.
    pub run: Run,
    /// Generation of the filter that holds as many attributes as there are after this range.
    pub generation: u32,
    /// First log entry covered.
    pub from: LogIndex,
    /// Last log entry covered.
    pub to: LogIndex,
    /// Of the attributes that these entries brought.
    pub fingerprints: Vec<Fingerprint>,
    /// The edition of the log; 0 where that is not told.
    #[serde(default)]
    pub edition: Edition,
    /// Number of the first of the attributes; the others follow it. 0 where that is not told.
    #[serde(default)]
    pub first: Seq,
}

/// A piece of a whole filter, for one producer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterSnapshot {
    /// Topic.
    pub topic: TopicId,
    /// Its run.
    pub run: Run,
    /// Generation.
    pub generation: u32,
    /// It holds every log entry up to this one.
    pub complete_to: LogIndex,
    /// Number of this piece, from 0.
    pub chunk: u32,
    /// Number of pieces.
    pub chunks: u32,
    /// Digest of the whole filter; none from earlier versions.
    #[serde(default)]
    pub digest: Option<u64>,
    /// The replica's bits are not those of the log, whatever it says that it holds: these are to take their place.
    #[serde(default)]
    pub repair: bool,
    /// The piece: 64-bit words, little-endian.
    #[serde(with = "serde_bytes")]
    pub words: Vec<u8>,
}

/// From an integrator to the coordinator: these log entries are committed and published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Topic.
    pub topic: TopicId,
    /// Its run.
    pub run: Run,
    /// First log entry.
    pub from: LogIndex,
    /// Last log entry.
    pub to: LogIndex,
}

/// From an integrator to the coordinator, every few seconds: the store refuses batches of this run, which wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Topic.
    pub topic: TopicId,
    /// Its run.
    pub run: Run,
    /// What the store says, for people.
    pub reason: String,
}

/// From a webserver to the coordinator: this topic's definition was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// Topic.
    pub topic: TopicId,
}

/// New attributes, for webservers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAttributes {
    /// Topic.
    pub topic: TopicId,
    /// Its run.
    pub run: Run,
    /// Number of the first.
    pub first: Seq,
    /// Texts, numbered from there.
    pub texts: Vec<String>,
}

/// A topic's state and numbers, for webservers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusEvent {
    /// The snapshot.
    pub status: TopicStatus,
}

/// A message that could not be handled, as it was, with the reason in the headers; its content type is kept.
pub const DEAD_LETTER_REASON: &str = "x-igentai-reason";

/// Who found a dead letter.
pub const DEAD_LETTER_BY: &str = "x-igentai-by";

/// The kind of reason, a word of the metric's.
pub const DEAD_LETTER_KIND: &str = "x-igentai-reason-kind";

/// When it was put to the dead letters, in milliseconds since 1970.
pub const DEAD_LETTER_AT: &str = "x-igentai-buried-at";

/// The exchange that it came from.
pub const DEAD_LETTER_EXCHANGE: &str = "x-igentai-exchange";

/// The routing key that it came with.
pub const DEAD_LETTER_ROUTING_KEY: &str = "x-igentai-routing-key";

/// How often it was sent again from the dead letters; stays with it.
pub const DEAD_LETTER_REPLAYS: &str = "x-igentai-replays";

impl Message for Batches {
    const KIND: &'static str = "batches";
    // The second names attributes by numbers: who does not know of them would leave them out.
    const VERSION: u32 = 2;
}
impl Message for Receipts {
    const KIND: &'static str = "receipts";
}
impl Message for Command {
    const KIND: &'static str = "command";
}
impl Message for Heartbeat {
    const KIND: &'static str = "heartbeat";
}
impl Message for FilterDelta {
    const KIND: &'static str = "filter-delta";
}
impl Message for FilterSnapshot {
    const KIND: &'static str = "filter-snapshot";
}
impl Message for Published {
    const KIND: &'static str = "published";
}
impl Message for Refused {
    const KIND: &'static str = "refused";
}
impl Message for Hint {
    const KIND: &'static str = "hint";
}
impl Message for NewAttributes {
    const KIND: &'static str = "attributes";
}
impl Message for StatusEvent {
    const KIND: &'static str = "topic-status";
}

/// Why a message cannot be read, or need not be sent. The text goes with it to the dead letters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Larger than [`MAX_MESSAGE_BYTES`].
    #[error("the message has {0} bytes, at most {MAX_MESSAGE_BYTES} are taken")]
    TooLarge(usize),
    /// The content type is not one of ours.
    #[error("the content type `{0}` is not known here")]
    UnknownKind(String),
    /// Written by a newer version of this program.
    #[error("`{kind}` has version {found}, this program reads up to {known}")]
    NewerVersion {
        /// Kind of message.
        kind: &'static str,
        /// Its version.
        found: u32,
        /// The newest version known.
        known: u32,
    },
    /// Over a limit or not MessagePack at all.
    #[error("the message is refused: {0}")]
    Refused(#[from] scan::ScanError),
    /// MessagePack, but not this message.
    #[error("the message does not have the form of `{kind}`: {detail}")]
    Form {
        /// Kind of message.
        kind: &'static str,
        /// What is wrong.
        detail: String,
    },
}

/// The content type of a kind of message.
#[must_use]
pub fn content_type<M: Message>() -> String {
    format!("application/vnd.igentai.{}.v{}+msgpack", M::KIND, M::VERSION)
}

/// Kind and version from a content type; `None` if it is not one of ours.
#[must_use]
pub fn kind_of(content_type: &str) -> Option<(&str, u32)> {
    let inner = content_type.strip_prefix("application/vnd.igentai.")?.strip_suffix("+msgpack")?;
    let (kind, version) = inner.rsplit_once(".v")?;
    Some((kind, version.parse().ok()?))
}

/// Encodes a message. Encoding our own types cannot fail but for memory.
#[must_use]
#[expect(
    clippy::missing_panics_doc,
    clippy::expect_used,
    reason = "messages are plain maps, lists, texts and numbers"
)]
pub fn encode<M: Message>(message: &M) -> Bytes {
    Bytes::from(rmp_serde::to_vec_named(message).expect("plain data can be encoded into memory"))
}

/// Encodes a message, unless it is over the limits of whoever reads it: it would be dropped there.
pub fn encode_within_limits<M: Message>(message: &M) -> Result<Bytes, DecodeError> {
    let payload = encode(message);
    within_limits(&payload)?;
    Ok(payload)
}

fn within_limits(payload: &[u8]) -> Result<(), DecodeError> {
    if payload.len() > MAX_MESSAGE_BYTES {
        return Err(DecodeError::TooLarge(payload.len()));
    }
    Ok(scan::scan(payload)?)
}

/// Decodes a message of the kind expected.
pub fn decode<M: Message>(content_type: &str, payload: &[u8]) -> Result<M, DecodeError> {
    let shown = || content_type.chars().take(100).collect();
    let (kind, version) = kind_of(content_type).ok_or_else(|| DecodeError::UnknownKind(shown()))?;
    if kind != M::KIND {
        return Err(DecodeError::UnknownKind(shown()));
    }
    if version > M::VERSION {
        return Err(DecodeError::NewerVersion { kind: M::KIND, found: version, known: M::VERSION });
    }
    within_limits(payload)?;
    rmp_serde::from_slice(payload).map_err(|error| DecodeError::Form {
        kind: M::KIND,
        detail: error.to_string().chars().take(200).collect(),
    })
}

#[derive(Deserialize)]
struct Identified {
    batches: Vec<Identity>,
}

#[derive(Deserialize)]
struct Identity {
    id: BatchId,
}

/// Which batches a message holds, also where the rest of it cannot be understood. None where not even that can be read.
#[must_use]
pub fn batch_ids(content_type: &str, payload: &[u8]) -> Vec<BatchId> {
    let ours = kind_of(content_type).is_some_and(|(kind, _)| kind == Batches::KIND);
    if !ours || within_limits(payload).is_err() {
        return Vec::new();
    }
    let identified = rmp_serde::from_slice::<Identified>(payload).map(|found| found.batches);
    identified.unwrap_or_default().into_iter().map(|batch| batch.id).collect()
}

#[cfg(test)]
mod tests;
