//! A batch as the commit script takes it, and its answer.

use std::io::Cursor;

use deadpool_redis::redis::{FromRedisValue, Value};
use igentai_core::batch::{Committed, Named, Verdict};
use igentai_core::key::Fingerprint;
use serde::Deserialize;

use super::client::Call;
use super::keys::Keys;
use super::scripts::COMMIT;
use crate::store::rows::{corrupt, encode_head};
use crate::store::{Commit, CommitOutcome, StoreError};

pub(super) fn call(batch: &Commit) -> Result<Call, StoreError> {
    let keys = Keys::of(&batch.id.topic);
    let keys = [keys.epoch(), keys.seen(), keys.log(), keys.producers(), keys.totals()];
    let mut call = Call::new(&COMMIT, &keys)
        .arg(batch.id.run)
        .arg(format!("{}:{}", batch.id.producer, batch.id.incarnation))
        .arg(batch.id.seq)
        .arg(batch.lowest_unresolved)
        .arg(encode_head(&batch.head)?)
        .arg(batch.novel.len())
        .arg(batch.spellings.len())
        .arg(batch.sightings.len());
    let texts = || batch.novel.iter().chain(&batch.spellings);
    for fingerprint in texts().map(|named| &named.fingerprint).chain(&batch.sightings) {
        call = call.arg(fingerprint.as_bytes().as_slice());
    }
    for named in texts() {
        call = call.arg(named.text.as_str());
    }
    Ok(call)
}

pub(super) fn outcome(batch: Commit, answer: Value) -> Result<CommitOutcome, StoreError> {
    let parts = Vec::<Vec<u8>>::from_redis_value(answer).map_err(corrupt)?;
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let earlier = |verdict| CommitOutcome { verdict, fresh: false, new: Vec::new() };
    Ok(match parts.as_slice() {
        [b"stale"] => earlier(Verdict::Stale),
        [b"settled"] => earlier(Verdict::Settled),
        [b"again", stored] => earlier(Verdict::Committed(receipt(stored)?)),
        [b"fresh", stored, letters] => CommitOutcome {
            verdict: Verdict::Committed(receipt(stored)?),
            fresh: true,
            new: new_texts(batch, letters),
        },
        _ => return Err(corrupt("the commit script's answer is not understood")),
    })
}

/// The texts that the script marked as new, in order.
fn new_texts(batch: Commit, letters: &[u8]) -> Vec<Named> {
    let texts = batch.novel.into_iter().chain(batch.spellings);
    texts.zip(letters).filter(|(_, letter)| **letter == b'n').map(|(named, _)| named).collect()
}

fn receipt(bytes: &[u8]) -> Result<Committed, StoreError> {
    let mut reader = rmp_serde::Deserializer::new(Cursor::new(bytes));
    let (log_index, first_new) = (u64_of(&mut reader)?, u64_of(&mut reader)?);
    let (new, known, over_cap) = (u32_of(&mut reader)?, u32_of(&mut reader)?, u32_of(&mut reader)?);
    let rest = usize::try_from(reader.position()).ok().and_then(|position| bytes.get(position..));
    let (fingerprints, torn) = rest.unwrap_or_default().as_chunks::<16>();
    if !torn.is_empty() {
        return Err(corrupt("a receipt ends in the middle of a fingerprint"));
    }
    let missing = fingerprints.iter().copied().map(Fingerprint::from_bytes).collect();
    Ok(Committed { log_index, first_new, new, known, over_cap, missing })
}

type Reader<'b> = rmp_serde::Deserializer<rmp_serde::decode::ReadReader<Cursor<&'b [u8]>>>;

fn u64_of(reader: &mut Reader<'_>) -> Result<u64, StoreError> {
    u64::deserialize(reader).map_err(corrupt)
}

fn u32_of(reader: &mut Reader<'_>) -> Result<u32, StoreError> {
    u32::deserialize(reader).map_err(corrupt)
}
