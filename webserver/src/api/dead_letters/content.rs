//! What a dead letter holds, as far as it can be shown.

use std::fmt::Write as _;

use igentai_core::batch::{Batch, BatchBody};
use igentai_shared::dead_letters::Letter;
use igentai_shared::wire::{self, Batches};
use serde_json::{Value, json};

use crate::api::dto::LetterContent;

/// Batches shown, and elements of each kind in a batch.
const MAX_BATCHES: usize = 20;
const MAX_ELEMENTS: usize = 100;

/// Bytes in a dump.
const MAX_DUMP: usize = 2_048;

pub(super) fn of(letter: &Letter) -> LetterContent {
    let decoded = (!letter.crashes()).then(|| wire::decode::<Batches>(&letter.content_type, &letter.payload));
    match decoded {
        Some(Ok(Batches { batches })) => {
            let shown: Vec<Value> = batches.iter().take(MAX_BATCHES).map(batch).collect();
            let cut =
                batches.len() > MAX_BATCHES || batches.iter().any(|batch| batch.elements() > MAX_ELEMENTS);
            LetterContent {
                decoded: Some(json!({ "batches": shown })),
                hex: None,
                cut,
                why_not_decoded: None,
            }
        }
        Some(Err(error)) => dump(&letter.payload, error.to_string()),
        None => dump(&letter.payload, "it has crashed whoever worked on it".to_owned()),
    }
}

fn batch(batch: &Batch) -> Value {
    let Batch { id, lowest_unresolved, key_version, body } = batch;
    json!({
        "topic": id.topic.as_str(),
        "run": id.run,
        "producer": id.producer.as_str(),
        "incarnation": id.incarnation,
        "seq": id.seq,
        "lowest_unresolved": lowest_unresolved,
        "key_version": key_version,
        "body": match body {
            BatchBody::Response { meta, novel, spellings, sightings, numbered } => {
                let sightings: Vec<String> = sightings.iter().take(MAX_ELEMENTS).map(ToString::to_string).collect();
                json!({ "response": {
                    "meta": serde_json::to_value(meta).unwrap_or_default(),
                    "novel": texts(novel),
                    "spellings": texts(spellings),
                    "sightings": sightings,
                    "numbered": numbered.as_ref().map(|numbered| json!({
                        "edition": numbered.edition,
                        "numbers": numbered.numbers.as_slice(),
                    })),
                }})
            }
            BatchBody::Resolution { of, texts: found } => {
                json!({ "resolution": { "of": of, "texts": texts(found) } })
            }
        },
    })
}

fn texts(texts: &[String]) -> Vec<String> {
    texts.iter().take(MAX_ELEMENTS).map(|text| super::shown(text)).collect()
}

/// Sixteen bytes a line: place, bytes, and what of them is ASCII.
fn dump(payload: &[u8], why: String) -> LetterContent {
    let mut hex = String::new();
    for (number, line) in payload.iter().take(MAX_DUMP).copied().collect::<Vec<u8>>().chunks(16).enumerate() {
        let bytes: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let ascii = line.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' });
        let ascii: String = ascii.collect();
        writeln!(hex, "{:08x}  {:<47}  {ascii}", number * 16, bytes.join(" ")).unwrap_or_default();
    }
    LetterContent { decoded: None, hex: Some(hex), cut: payload.len() > MAX_DUMP, why_not_decoded: Some(why) }
}
