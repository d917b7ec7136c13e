//! What every adapter does with batches before it touches the store.

use std::hash::BuildHasherDefault;

use igentai_core::batch::MAX_ELEMENTS;
use igentai_core::ids::{FIRST_INEXACT, Seq};
use igentai_core::key::FingerprintSet;
use igentai_core::topic::FIRST_SEED;

use super::{Commit, StoreError};

/// Refuses what no store can hold, before any batch of the call is committed, and collapses elements that share a fingerprint into
/// the first of them: the response named that key once.
pub(super) fn prepare(mut batches: Vec<Commit>) -> Result<Vec<Commit>, StoreError> {
    for batch in &mut batches {
        let elements = batch.elements();
        if elements > MAX_ELEMENTS {
            let id = &batch.id;
            return Err(StoreError::Corrupt(format!(
                "batch {} of {} has {elements} elements, at most {MAX_ELEMENTS} are allowed",
                id.seq, id.producer
            )));
        }
        let largest = batch.numbered.as_ref().map_or(0, |numbered| numbered.numbers.largest());
        for number in [batch.id.run, batch.id.seq, batch.lowest_unresolved, largest] {
            representable(number)?;
        }
        let mut met = FingerprintSet::with_capacity_and_hasher(elements, BuildHasherDefault::default());
        batch.novel.retain(|named| met.insert(named.fingerprint));
        batch.spellings.retain(|named| met.insert(named.fingerprint));
        batch.sightings.retain(|fingerprint| met.insert(*fingerprint));
    }
    Ok(batches)
}

/// Refuses a number that a Redis script could not compare exactly.
pub(super) fn representable(number: u64) -> Result<(), StoreError> {
    if number < FIRST_INEXACT {
        Ok(())
    } else {
        Err(StoreError::Corrupt(format!("the number {number} is out of range, it must be below 2^53")))
    }
}

/// A number as it is told to those who name what is known by it. Seeds are named by their fingerprints: where the number of one stands, nothing is said of attributes.
pub(super) const fn tellable(number: Seq) -> Seq {
    if number < FIRST_SEED { number } else { 0 }
}

/// A producer's watermark after a batch: everything below its lowest unresolved number is settled, but never the batch itself.
pub(super) const fn watermark(before: u64, lowest_unresolved: u64, seq: u64) -> u64 {
    let lowest = if lowest_unresolved < seq { lowest_unresolved } else { seq };
    let settled = lowest.saturating_sub(1);
    if settled > before { settled } else { before }
}
