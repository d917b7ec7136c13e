//! The replicated Bloom filter over the fingerprints of a topic's attributes.
//!
//! A filter answers "surely new" or "probably known". Producers hold a replica so that a duplicate costs sixteen bytes at most instead of its text; what the
//! filter says is a claim that the commit checks, so a false positive costs one round trip and never an attribute.
//!
//! # Bit layout, generation by generation
//!
//! Generation `g` has capacity `16384 × 2^g` attributes and ten bits for each, `bits = 10 × capacity`, in 64-bit words; it sets seven
//! bits per fingerprint. The generation in force is the smallest whose capacity holds the attributes there are, so everybody who
//! knows the log knows the filter. A leader that finds that the filter takes many more new keys for known than it was made for moves on to the next
//! one before that is full; the generation is told with every delta of the leader's and every snapshot.
//!
//! The bits of a fingerprint follow from `h`, its first eight bytes as a big-endian number, all arithmetic modulo 2^64:
//!
//! ```text
//! index(x) = (x × bits) >> 64                    (128-bit product)
//! bit 0    = index(h)
//! a = h,  b = h × 0x517cc1b727220a95
//! bit i    = index(a = rotate_left(a, 5) + b)     for i = 1 … 6
//! ```
//!
//! Bit `n` is bit `n mod 64` (from the lowest) of word `n / 64`. This is what `fastbloom` 0.17.0 does with a given source hash; its version is
//! pinned, and a test holds it to these lines.
//!
//! # Digest
//!
//! Leader and replicas compare their filters by a sum over the bits that are set, modulo 2^64. It depends on which fingerprints were added, not on the
//! order, nor on how often. Bit `n` adds the output of `SplitMix64` for the state `n × γ` (Steele, Lea, Flood (2014), "Fast splittable pseudorandom number
//! generators"), with `γ = 0x9e3779b97f4a7c15`:
//!
//! ```text
//! z = (n + 1) × γ
//! z = (z ^ (z >> 30)) × 0xbf58476d1ce4e5b9
//! z = (z ^ (z >> 27)) × 0x94d049bb133111eb
//! z ^ (z >> 31)
//! ```

use crate::ids::Seq;

mod bits;
mod master;
mod ranges;
mod replica;
mod trail;

pub use bits::Bits;
pub use master::{Audit, Master, MasterCheckpoint, Measured};
pub use ranges::Ranges;
pub use replica::{Delta, Replica, SnapshotError, SnapshotPiece};
pub use trail::Trail;

/// Attributes that generation 0 holds.
pub const BASE_CAPACITY: u64 = 16_384;

/// Bits for each attribute; with seven of them set the false-positive rate of a full filter is 0.8 %.
pub const BITS_PER_ATTRIBUTE: u64 = 10;

/// Bits set for each fingerprint.
pub const HASHES: u32 = 7;

/// Last generation: 2^40 attributes and more are not held, the filter then only grows less selective.
pub const LAST_GENERATION: u32 = 26;

/// Words of a snapshot piece: 256 KiB, a quarter of the largest message.
pub const PIECE_WORDS: usize = 32 * 1024;

/// The generation that holds so many attributes.
#[must_use]
pub fn generation_for(attributes: Seq) -> u32 {
    (0..LAST_GENERATION).find(|generation| attributes <= capacity(*generation)).unwrap_or(LAST_GENERATION)
}

/// Attributes that a generation holds.
#[must_use]
pub const fn capacity(generation: u32) -> u64 {
    BASE_CAPACITY << if generation > LAST_GENERATION { LAST_GENERATION } else { generation }
}

/// 64-bit words of a generation.
#[must_use]
pub fn words(generation: u32) -> usize {
    usize::try_from(capacity(generation) * BITS_PER_ATTRIBUTE / 64).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
