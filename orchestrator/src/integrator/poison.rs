//! What a message must be to be integrated, and where it goes when it is not.

use std::collections::BTreeSet;

use igentai_core::batch::{Batch, BatchBody, MAX_ELEMENTS, Named};
use igentai_core::ids::FIRST_INEXACT;
use igentai_core::key::{Fingerprint, KEY_VERSION, Key, clean_text};
use igentai_core::log::{EntryHead, EntryKind};
use igentai_core::seeded::{Bug, is_on};
use igentai_core::time::UnixMillis;
use igentai_shared::bus::{Delivery, Exchange, Outgoing, PublishError};
use igentai_shared::dead_letters::CRASHES;
use igentai_shared::store::Commit;
use igentai_shared::telemetry::catalogue;
use igentai_shared::wire::{self, Batches, DecodeError};
use tracing::warn;

use crate::Context;

/// Why a message cannot be integrated, ever.
#[derive(Debug, thiserror::Error)]
pub(super) enum Poison {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("a batch has {0} elements, at most {MAX_ELEMENTS} are taken")]
    TooManyElements(usize),
    #[error("the number {number} of the {field} is out of range, it must be below 2^53")]
    Number { field: &'static str, number: u64 },
    #[error(
        "batch {seq} says that those before {lowest} are done with, so that it would be one of them itself"
    )]
    Watermark { lowest: u64, seq: u64 },
    #[error("the fingerprints rest on version {0} of the canonical form, this program knows {KEY_VERSION}")]
    KeyVersion(u16),
    #[error("the store has refused it for ten minutes: {error}")]
    StoreRefuses { error: String },
    #[error("whoever worked on it has crashed, {0} times while it was worked on alone")]
    Crashes(u32),
}

impl Poison {
    /// A bounded name for the metric.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Decode(DecodeError::TooLarge(_)) => "too_large",
            Self::Decode(DecodeError::UnknownKind(_)) => "unknown_kind",
            Self::Decode(DecodeError::NewerVersion { .. }) => "newer_version",
            Self::Decode(DecodeError::Refused(_)) => "over_limits",
            Self::Decode(DecodeError::Form { .. }) => "form",
            Self::TooManyElements(_) => "too_many_elements",
            Self::Number { .. } => "number",
            Self::Watermark { .. } => "watermark",
            Self::KeyVersion(_) => "key_version",
            Self::StoreRefuses { .. } => "store_refuses",
            Self::Crashes(_) => CRASHES,
        }
    }
}

pub(super) fn prepare(delivery: &Delivery, at: UnixMillis) -> Result<Vec<Commit>, Poison> {
    let Batches { batches } = wire::decode(&delivery.content_type, &delivery.payload)?;
    batches.into_iter().map(|batch| checked(batch, at)).collect()
}

fn checked(batch: Batch, at: UnixMillis) -> Result<Commit, Poison> {
    if batch.elements() > MAX_ELEMENTS {
        return Err(Poison::TooManyElements(batch.elements()));
    }
    if batch.key_version != KEY_VERSION {
        return Err(Poison::KeyVersion(batch.key_version));
    }
    let Batch { id, lowest_unresolved, body, .. } = batch;
    let (input_tokens, output_tokens, latency_ms) = match &body {
        BatchBody::Response { meta, .. } => (meta.input_tokens, meta.output_tokens, meta.latency_ms),
        BatchBody::Resolution { .. } => (0, 0, 0),
    };
    for (field, number) in [
        ("run", id.run),
        ("batch", id.seq),
        ("lowest unresolved batch", lowest_unresolved),
        ("input tokens", input_tokens),
        ("output tokens", output_tokens),
        ("latency", latency_ms),
    ] {
        if number >= FIRST_INEXACT {
            return Err(Poison::Number { field, number });
        }
    }
    if lowest_unresolved > id.seq {
        return Err(Poison::Watermark { lowest: lowest_unresolved, seq: id.seq });
    }
    let (kind, (novel, spellings, sightings, numbered), dropped) = match body {
        BatchBody::Response { meta, novel, spellings, sightings, numbered } => {
            let mut seen = BTreeSet::new();
            let (novel, spellings, given) =
                (name(novel, &mut seen), name(spellings, &mut seen), sightings.len());
            let sightings: Vec<_> = sightings.into_iter().filter(|sighting| seen.insert(*sighting)).collect();
            let dropped = novel.1 + spellings.1 + given - sightings.len();
            (
                EntryKind::Response(meta),
                (novel.0, spellings.0, sightings, numbered.map(|told| *told)),
                dropped,
            )
        }
        BatchBody::Resolution { of, texts } => {
            let (novel, dropped) = name(texts, &mut BTreeSet::new());
            (EntryKind::Resolution { of }, (novel, Vec::new(), Vec::new(), None), dropped)
        }
    };
    let (sightings, numbered) =
        if is_on(Bug::SightingsDropped) { (Vec::new(), None) } else { (sightings, numbered) };
    if dropped > 0 {
        warn!(producer = %id.producer, dropped, "a batch held elements that are no items, or the same item twice");
    }
    let head =
        EntryHead { producer: id.producer.clone(), incarnation: id.incarnation, seq: id.seq, at, kind };
    Ok(Commit { id, lowest_unresolved, head, novel, spellings, sightings, numbered })
}

/// The integrator trusts no fingerprint for a text: it computes it. The second number counts what was left out.
fn name(texts: Vec<String>, seen: &mut BTreeSet<Fingerprint>) -> (Vec<Named>, usize) {
    let given = texts.len();
    let named: Vec<Named> = texts
        .into_iter()
        .filter_map(|text| {
            let text = clean_text(&text).ok()?;
            let fingerprint = Fingerprint::of(&Key::of(&text)?);
            seen.insert(fingerprint).then_some(Named { text, fingerprint })
        })
        .collect();
    let left_out = given - named.len();
    (named, left_out)
}

/// Puts a message to the dead letters as it is.
pub(super) async fn bury(
    context: &Context,
    delivery: &Delivery,
    reason: &Poison,
) -> Result<(), PublishError> {
    let mut headers = delivery.headers.clone();
    headers.insert(wire::DEAD_LETTER_REASON.to_owned(), reason.to_string());
    for (name, value) in [
        (wire::DEAD_LETTER_KIND, reason.kind()),
        (wire::DEAD_LETTER_BY, context.id.as_str()),
        (wire::DEAD_LETTER_AT, &context.clock.now().unix.0.to_string()),
        (wire::DEAD_LETTER_EXCHANGE, Exchange::Batches.name()),
        (wire::DEAD_LETTER_ROUTING_KEY, &delivery.routing_key),
    ] {
        headers.insert(name.to_owned(), value.to_owned());
    }
    let letter = Outgoing {
        exchange: Exchange::Dead,
        routing_key: delivery.routing_key.clone(),
        content_type: delivery.content_type.clone(),
        message_id: delivery.message_id.clone(),
        headers,
        payload: delivery.payload.clone(),
    };
    context.bus.publish(letter).await?;
    catalogue::DEAD_LETTERS_TOTAL.add(1, [reason.kind()]);
    Ok(())
}
