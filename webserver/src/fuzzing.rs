//! A door for `tests/fuzz` to what decodes here and is nobody else's business.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use igentai_core::folder::TopicId;

use crate::stream::cursor::seal::Seals;
use crate::stream::cursor::{Cursor, Position, encode, with_checksum};

/// Reads these bytes as a cursor, as they are and as what a right checksum stands behind; whether they are one.
#[must_use]
pub fn read_cursor(bytes: &[u8]) -> bool {
    let sealed = URL_SAFE_NO_PAD.encode(with_checksum(bytes.to_vec()));
    Cursor::decode(&sealed).is_some() | Cursor::decode(&String::from_utf8_lossy(bytes)).is_some()
}

/// Cursors as they are sent, and the bytes in them.
#[must_use]
pub fn cursors() -> Vec<Vec<u8>> {
    let topics: Vec<TopicId> = ["Birds", "C++", "Paris attractions"]
        .iter()
        .filter_map(|name| TopicId::from_name(name).ok())
        .collect();
    let positions: BTreeMap<&TopicId, Position> =
        topics.iter().zip(1..).map(|(topic, seq)| (topic, Position { run: 1, seq: 100 * seq })).collect();
    let mut seals = Seals::default();
    for (topic, position) in &positions {
        seals.add(topic, *position);
    }
    let named = || positions.iter().map(|(topic, position)| (*topic, position));
    let cursors = [
        encode(true, named().take(1), &Seals::default()),
        encode(false, named(), &Seals::default()),
        encode(false, named(), &seals),
    ];
    let bytes = cursors.iter().filter_map(|cursor| URL_SAFE_NO_PAD.decode(cursor).ok());
    let bodies: Vec<Vec<u8>> = bytes.map(|bytes| bytes[..bytes.len().saturating_sub(4)].to_vec()).collect();
    cursors.iter().map(|cursor| cursor.clone().into_bytes()).chain(bodies).collect()
}
