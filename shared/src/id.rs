//! Ids that no two processes share, from randomness that the caller brings.

use igentai_core::ids::Incarnation;
use igentai_core::time::UnixMillis;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

/// Without vowels and look-alikes: no words, nothing to confuse.
const ALPHABET: [u8; 24] = *b"23456789bcdfghjkmnpqrtvx";

const SUFFIX_LENGTH: usize = 8;

/// Chance bits in an incarnation: with the 42 bits of the milliseconds up to the year 2109 it stays below 2⁵³, so that it is exact in
/// Lua and JavaScript too.
const CHANCE_BITS: u32 = 11;

/// Eight characters that make a name unique, 10¹¹ possibilities, fit for a worker's id.
pub fn random_suffix(rng: &mut impl Rng) -> String {
    (0..SUFFIX_LENGTH).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
}

/// A number for a life of a producer that began `now`: later lives have larger ones.
pub fn incarnation(now: UnixMillis, rng: &mut impl Rng) -> Incarnation {
    (now.0 << CHANCE_BITS) | rng.random_range(0..1 << CHANCE_BITS)
}

/// A generator seeded by the operating system, for the composition root.
pub fn system_rng() -> Result<StdRng, getrandom::Error> {
    let mut seed = <StdRng as SeedableRng>::Seed::default();
    getrandom::fill(&mut seed)?;
    Ok(StdRng::from_seed(seed))
}

#[cfg(test)]
mod tests {
    use igentai_core::ids::WorkerId;

    use super::*;

    #[test]
    fn a_suffix_fits_a_worker_id_and_is_the_same_for_the_same_seed() {
        let suffix = random_suffix(&mut StdRng::seed_from_u64(1));
        assert_eq!(suffix, random_suffix(&mut StdRng::seed_from_u64(1)));
        assert_ne!(suffix, random_suffix(&mut StdRng::seed_from_u64(2)));
        assert!(WorkerId::parse(&suffix).is_ok(), "{suffix}");
    }

    #[test]
    fn a_later_life_has_a_larger_incarnation_that_a_double_holds_exactly() {
        let mut rng = StdRng::seed_from_u64(1);
        let century = UnixMillis(4_102_444_800_000);
        let (earlier, later) =
            (incarnation(century, &mut rng), incarnation(UnixMillis(century.0 + 1), &mut rng));
        assert!(earlier < later);
        assert!(later < 1 << 53);
    }

    #[test]
    fn the_system_gives_seeds_that_differ() -> Result<(), getrandom::Error> {
        assert_ne!(random_suffix(&mut system_rng()?), random_suffix(&mut system_rng()?));
        Ok(())
    }
}
