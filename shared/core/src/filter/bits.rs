//! The bits of one generation, and their digest.

use fastbloom::BloomFilter;

use super::{BITS_PER_ATTRIBUTE, HASHES, capacity, words};
use crate::key::Fingerprint;

/// The bits of one generation.
#[derive(Clone, Debug)]
pub struct Bits {
    generation: u32,
    bloom: BloomFilter,
    digest: u64,
}

impl Bits {
    /// An empty filter.
    #[must_use]
    pub fn empty(generation: u32) -> Self {
        Self::with_digest(generation, vec![0; words(generation)], 0)
    }

    /// A filter of these words; `None` when they are not as many as the generation has.
    #[must_use]
    pub fn from_words(generation: u32, all: Vec<u64>) -> Option<Self> {
        let digest = digest_of(&all);
        (all.len() == words(generation)).then(|| Self::with_digest(generation, all, digest))
    }

    fn with_digest(generation: u32, words: Vec<u64>, digest: u64) -> Self {
        // The seed is for hashing values, which is never done here: fingerprints are hashes.
        Self { generation, bloom: BloomFilter::from_vec(words).seed(&0).hashes(HASHES), digest }
    }

    /// Generation.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// The sum of what every bit that is set stands for, as the module's documentation says. It depends on which fingerprints were added, not on the
    /// order, nor on how often.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// Adds a fingerprint. Whether the filter took it for one that was added before.
    pub fn insert(&mut self, fingerprint: &Fingerprint) -> bool {
        let bits = places(fingerprint.hash64(), capacity(self.generation) * BITS_PER_ATTRIBUTE);
        let words = self.bloom.as_slice();
        let mut known = true;
        for (index, bit) in bits.iter().enumerate() {
            if !is_set(words, *bit) {
                known = false;
                // Two of the seven may fall on one bit.
                if !bits.iter().take(index).any(|earlier| earlier == bit) {
                    self.digest = self.digest.wrapping_add(weight(*bit));
                }
            }
        }
        if !known {
            self.bloom.insert_hash(fingerprint.hash64());
        }
        known
    }

    /// Whether the fingerprint was probably added; `false` is certain.
    #[must_use]
    pub fn contains(&self, fingerprint: &Fingerprint) -> bool {
        self.bloom.contains_hash(fingerprint.hash64())
    }

    /// All words.
    #[must_use]
    pub fn as_words(&self) -> &[u64] {
        self.bloom.as_slice()
    }
}

/// The bits of a fingerprint in a filter of so many.
fn places(hash: u64, bits: u64) -> [u64; HASHES as usize] {
    // The product's upper half is below `bits`.
    let index = |x: u64| u64::try_from((u128::from(x) * u128::from(bits)) >> 64).unwrap_or_default();
    let (mut next, step) = (hash, hash.wrapping_mul(0x517c_c1b7_2722_0a95));
    let mut first = true;
    std::array::from_fn(|_| {
        if !std::mem::take(&mut first) {
            next = next.rotate_left(5).wrapping_add(step);
        }
        index(next)
    })
}

fn is_set(words: &[u64], bit: u64) -> bool {
    let word = usize::try_from(bit / 64).ok().and_then(|word| words.get(word));
    word.is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

/// What a bit stands for in the digest.
const fn weight(bit: u64) -> u64 {
    let mut x = bit.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn digest_of(words: &[u64]) -> u64 {
    let mut digest = 0_u64;
    for (start, word) in std::iter::zip((0_u64..).step_by(64), words) {
        let mut left = *word;
        while left != 0 {
            digest = digest.wrapping_add(weight(start + u64::from(left.trailing_zeros())));
            left &= left - 1;
        }
    }
    digest
}
