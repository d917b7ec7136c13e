//! Where a reader is. Clients get it as the id of an event and give it back; they need not understand it.
//!
//! Version, scope, seals where the scope says so, then for each topic that is named 6 bytes of the XXH3-64 of its id, run and sequence
//! number as LEB128; behind it 4 bytes of the XXH3-64 of all of that, so that a mistyped cursor is refused; base64url without padding.
//! [`seal`] says how topics at rest are written. A topic that is neither named nor sealed did not exist when the cursor was made:
//! everything in it is new.

pub(crate) mod seal;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use igentai_core::folder::TopicId;
use igentai_core::ids::{Run, Seq};
use igentai_core::seeded::{Bug, is_on};
use xxhash_rust::xxh3::xxh3_64;

use self::seal::Seals;

const VERSION: u8 = 1;
const HASH_BYTES: usize = 6;
const CHECK_BYTES: usize = 4;
const SCOPE_ALL: u8 = 0;
const SCOPE_ONE: u8 = 1;
/// All, and some of them sealed.
const SCOPE_SEALED: u8 = 2;

/// How far a reader has come in one topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) run: Run,
    pub(crate) seq: Seq,
}

impl Position {
    /// Somewhere in this run or an earlier one: the reader must begin the topic anew.
    pub(crate) const fn uncertain(run: Run) -> Self {
        Self { run, seq: Seq::MAX }
    }

    pub(crate) const fn is_uncertain(self) -> bool {
        self.seq == Seq::MAX
    }
}

/// How far a reader has come in every topic of its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    narrowed: bool,
    seals: Seals,
    positions: BTreeMap<[u8; HASH_BYTES], Position>,
}

impl Cursor {
    /// Whether it is of a stream of one topic, so that it says nothing of others.
    pub(crate) fn is_narrowed(&self) -> bool {
        self.narrowed
    }

    /// Where the reader is; `None` when the topic is not named.
    pub(crate) fn position(&self, topic: &TopicId) -> Option<Position> {
        let position = self.positions.get(&hash(topic)).copied();
        position
            .map(|at| Position { seq: at.seq.saturating_add(u64::from(is_on(Bug::CursorOffByOne))), ..at })
    }

    /// What it says of the topics that it does not name.
    pub(crate) fn seals(&self) -> &Seals {
        &self.seals
    }

    /// Reads a cursor; `None` if it is none.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, check) = bytes.split_last_chunk::<CHECK_BYTES>()?;
        if checksum(body) != *check {
            return None;
        }
        let (&[version, scope], mut rest) = body.split_first_chunk::<2>()?;
        if version != VERSION || scope > SCOPE_SEALED {
            return None;
        }
        let mut seals = Seals::default();
        if scope == SCOPE_SEALED {
            (seals, rest) = Seals::read(rest)?;
        }
        let mut positions = BTreeMap::new();
        while !rest.is_empty() {
            let (hash, after) = rest.split_first_chunk::<HASH_BYTES>()?;
            let (run, after) = number(after)?;
            let (seq, after) = number(after)?;
            positions.insert(*hash, Position { run, seq });
            rest = after;
        }
        Some(Self { narrowed: scope == SCOPE_ONE, seals, positions })
    }
}

/// Writes a cursor of a stream of one topic, or of all; only the latter has topics that are sealed.
pub(crate) fn encode<'a>(
    narrowed: bool,
    named: impl IntoIterator<Item = (&'a TopicId, &'a Position)>,
    seals: &Seals,
) -> String {
    let scope = match (narrowed, seals.is_empty()) {
        (true, _) => SCOPE_ONE,
        (false, true) => SCOPE_ALL,
        (false, false) => SCOPE_SEALED,
    };
    let mut bytes = vec![VERSION, scope];
    if scope == SCOPE_SEALED {
        seals.write(&mut bytes);
    }
    for (topic, position) in named {
        bytes.extend(hash(topic));
        put_number(&mut bytes, position.run);
        put_number(&mut bytes, position.seq);
    }
    URL_SAFE_NO_PAD.encode(with_checksum(bytes))
}

pub(crate) fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    let check = checksum(&bytes);
    bytes.extend(check);
    bytes
}

fn hash(topic: &TopicId) -> [u8; HASH_BYTES] {
    let bytes = xxh3_64(topic.as_str().as_bytes()).to_be_bytes();
    *bytes.first_chunk().unwrap_or(&[0; HASH_BYTES])
}

fn checksum(bytes: &[u8]) -> [u8; CHECK_BYTES] {
    let hash = xxh3_64(bytes).to_be_bytes();
    *hash.first_chunk().unwrap_or(&[0; CHECK_BYTES])
}

fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (place, byte) in bytes.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        let shift = u32::try_from(place * 7).ok()?;
        value |= bits.checked_shl(shift).filter(|shifted| shifted >> shift == bits)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(place + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    fn positions() -> BTreeMap<TopicId, Position> {
        [("a", 1, 0), ("b", 2, 127), ("c", 300, 128), ("d", u64::MAX, u64::MAX)]
            .map(|(id, run, seq)| (TopicId::from_name(id).unwrap(), Position { run, seq }))
            .into()
    }

    fn seals() -> Seals {
        let mut seals = Seals::default();
        for (topic, position) in positions() {
            seals.add(&topic, position);
        }
        seals
    }

    #[test]
    fn a_cursor_comes_back_as_it_went_out() {
        for (narrowed, seals) in [(true, Seals::default()), (false, Seals::default()), (false, seals())] {
            let cursor = Cursor::decode(&encode(narrowed, &positions(), &seals)).unwrap();
            assert_eq!((cursor.is_narrowed(), cursor.seals()), (narrowed, &seals));
            for (topic, position) in positions() {
                assert_eq!(cursor.position(&topic), Some(position));
            }
            assert_eq!(cursor.position(&TopicId::from_name("e").unwrap()), None);
        }
    }

    #[test]
    fn a_cursor_with_any_character_changed_or_cut_is_refused() {
        for text in
            [encode(false, &positions(), &Seals::default()), encode(false, &BTreeMap::new(), &seals())]
        {
            for place in 0..text.len() {
                assert_eq!(Cursor::decode(&text[..place]), None, "cut at {place}");
                let other = if &text[place..=place] == "A" { "B" } else { "A" };
                let changed = format!("{}{other}{}", &text[..place], &text[place + 1..]);
                assert_eq!(Cursor::decode(&changed), None, "changed at {place}");
            }
        }
        for nonsense in ["", "0", "null", "🦀", &"A".repeat(10_000)] {
            assert_eq!(Cursor::decode(nonsense), None);
        }
    }
}
