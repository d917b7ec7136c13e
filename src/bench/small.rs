//! What is saved by the filter: bytes on the wire, and questions to the registry.

use std::sync::Arc;

use igentai_core::filter::Bits;
use igentai_core::key::Fingerprint;
use igentai_shared::clock::Clock;
use igentai_shared::store::redis::RedisStore;
use igentai_shared::wire::{self, Batches};

use super::load::{Load, SEED_BATCHES};
use super::since;
use crate::exit::Failure;

/// Bytes of a message that names what is known by numbers to bytes of the same with texts.
#[expect(clippy::cast_precision_loss, reason = "for showing")]
pub(super) fn bytes_saved(load: &Load) -> f64 {
    let size = |batch| wire::encode(&Batches { batches: vec![batch] }).len() as f64;
    let seq = SEED_BATCHES + 1;
    size(load.batch(seq)) / size(load.batch_of_texts(seq))
}

/// Nanoseconds that a filter of 100,000 attributes takes for an answer.
#[expect(clippy::cast_precision_loss, reason = "for showing")]
pub(super) fn filter_check(clock: &Arc<dyn Clock>, load: &Load) -> f64 {
    let fingerprints: Vec<Fingerprint> =
        load.seeding().into_iter().flat_map(|commit| commit.novel).map(|named| named.fingerprint).collect();
    let mut bits = Bits::empty(igentai_core::filter::generation_for(100_000));
    for fingerprint in &fingerprints {
        bits.insert(fingerprint);
    }
    let rounds = 20;
    let begin = clock.now().monotonic;
    let mut held = 0_usize;
    for _ in 0..rounds {
        held += fingerprints.iter().filter(|fingerprint| bits.contains(fingerprint)).count();
    }
    since(clock, begin).as_secs_f64() * 1e9 / std::hint::black_box(held).max(1) as f64
}

/// Nanoseconds until Redis has answered whether it holds a key.
pub(super) async fn question(
    redis: &RedisStore,
    clock: &Arc<dyn Clock>,
    load: &Load,
) -> Result<f64, Failure> {
    let asked = 1_000_u32;
    let begin = clock.now().monotonic;
    for seq in 0..asked {
        if let Some((_, sighting)) = load.sightings(SEED_BATCHES + 1 + u64::from(seq % 100)).next() {
            redis.ask_bare(&load.topic, &sighting).await?;
        }
    }
    Ok(since(clock, begin).as_secs_f64() * 1e9 / f64::from(asked))
}
