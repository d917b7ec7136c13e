//! The identity of an attribute where its text is not needed.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::Key;

/// XXH3-128 of a key's UTF-8 bytes, seed 0, big-endian (the canonical representation of the
/// [xxHash specification](https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md)).
///
/// With a million attributes the chance that any two share one is about 10⁻²⁷.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(#[serde(with = "serde_bytes")] [u8; 16]);

impl Fingerprint {
    /// The fingerprint of `key`.
    #[must_use]
    pub fn of(key: &Key) -> Self {
        Self::of_bytes(key.as_str().as_bytes())
    }

    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        Self(xxh3_128(bytes).to_be_bytes())
    }

    /// The fingerprint that these bytes are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes of this fingerprint, most significant first.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The first eight bytes, big-endian: what the Bloom filter hashes with.
    #[must_use]
    pub fn hash64(&self) -> u64 {
        u64::from_be_bytes(std::array::from_fn(|index| self.0[index]))
    }
}

/// What is known of fingerprints.
pub type FingerprintMap<T> = HashMap<Fingerprint, T, BuildHasherDefault<PrefixHasher>>;

/// Fingerprints.
pub type FingerprintSet = HashSet<Fingerprint, BuildHasherDefault<PrefixHasher>>;

/// A fingerprint is a hash: its first eight bytes need no other.
#[derive(Debug, Default)]
pub struct PrefixHasher(u64);

impl Hasher for PrefixHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_be_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}
