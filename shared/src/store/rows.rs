//! How a log entry and a topic are written, the same in both adapters: MessagePack.
//!
//! An entry is two MessagePack values one after the other. The head is made here: its fields in their order, without their names, since there is one for
//! every batch; a field that is added stands behind all others. The tail is an array of six:
//! first new number, new texts, numbers named again, variants as pairs, missing, over the cap. In Redis the commit script makes it.

use std::fmt::Display;

use igentai_core::ids::LogIndex;
use igentai_core::log::{Entry, EntryHead, EntryTail};
use igentai_core::topic::Topic;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::wire::scan::scan_own;

type Tail = (u64, Vec<String>, Vec<u64>, Vec<(u64, String)>, u32, u32);

pub(super) fn encode_head(head: &EntryHead) -> Result<Vec<u8>, StoreError> {
    rmp_serde::to_vec(head).map_err(corrupt)
}

/// Writes an entry; its index is its key.
pub fn encode_entry(head: &EntryHead, tail: &EntryTail) -> Result<Vec<u8>, StoreError> {
    let mut bytes = encode_head(head)?;
    let EntryTail { first_new, new, again, variants, missing, over_cap } = tail;
    rmp_serde::encode::write(&mut bytes, &(first_new, new, again, variants, missing, over_cap))
        .map_err(corrupt)?;
    Ok(bytes)
}

/// Reads an entry.
pub fn decode_entry(index: LogIndex, bytes: &[u8]) -> Result<Entry, StoreError> {
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
    let head = EntryHead::deserialize(&mut reader)
        .map_err(|error| corrupt(format!("head of entry {index}: {error}")))?;
    let (first_new, new, again, variants, missing, over_cap) =
        Tail::deserialize(&mut reader).map_err(|error| corrupt(format!("tail of entry {index}: {error}")))?;
    Ok(Entry { index, head, tail: EntryTail { first_new, new, again, variants, missing, over_cap } })
}

/// Writes a topic's record.
pub fn encode_topic(topic: &Topic) -> Result<Vec<u8>, StoreError> {
    encode(topic)
}

/// Reads a topic's record.
pub fn decode_topic(bytes: &[u8]) -> Result<Topic, StoreError> {
    decode(bytes)
}

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    rmp_serde::to_vec_named(value).map_err(corrupt)
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    scan_own(bytes).map_err(corrupt)?;
    rmp_serde::from_slice(bytes).map_err(corrupt)
}

pub(super) fn corrupt(error: impl Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}
