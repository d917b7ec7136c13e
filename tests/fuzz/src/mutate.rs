//! What is done to good input: one thing or several, chosen by chance, so that most of it stays what a decoder expects.

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};

/// Longest input that is made of short ones.
const LONGEST: usize = 64 * 1024;

/// What MessagePack puts before texts, bytes, lists and maps that are long.
const LONG: [u8; 9] = [0xc4, 0xc5, 0xc6, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xdf];

/// What texts, JSON and TOML consist of.
const WORDS: [&str; 34] = [
    "\"",
    "\\",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\n",
    "\n\n",
    "- ",
    "* ",
    "1. ",
    "2) ",
    "**",
    "`",
    "```json\n",
    "```",
    "|",
    "|---|---|\n",
    "\n[x]\n",
    "=",
    "'''",
    "\u{1b}[31m",
    "\u{0}",
    "\u{202e}",
    "\u{200d}",
    "\u{301}",
    "\u{1f468}",
    "ﷺ",
    "<li>",
    "</li>",
    "&amp;",
    "{\"items\":[",
];

/// Changes `input`, at times with parts of `other`.
pub(crate) fn mutate(input: &[u8], other: &[u8], random: &mut StdRng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..[1, 1, 1, 2, 2, 3, 5, 8][random.random_range(0..8)] {
        once(&mut bytes, other, random);
        bytes.truncate(LONGEST);
    }
    bytes
}

fn once(bytes: &mut Vec<u8>, other: &[u8], random: &mut StdRng) {
    let at = random.random_range(0..=bytes.len());
    let part = random.random_range(at..=bytes.len().min(at + 64));
    match random.random_range(0..14) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
        1 if at < bytes.len() => bytes[at] = random.random(),
        2 if at < bytes.len() => bytes[at] = [0x00, 0x7f, 0x80, 0xc0, 0xc1, 0xff][random.random_range(0..6)],
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(at..part)),
        5 => bytes.insert(at, random.random()),
        6 => {
            let mut some = [0; 8];
            random.fill_bytes(&mut some);
            bytes.splice(at..at, some);
        }
        7 => {
            // A length that is not there.
            let mut length = vec![LONG[random.random_range(0..LONG.len())]];
            let number: u32 =
                [0, 1, 0xff, 1_000, 1_001, 0xffff, 40_001, 0x00ff_ffff, u32::MAX][random.random_range(0..9)];
            length.extend(&number.to_be_bytes()[random.random_range(0..4)..]);
            let end = bytes.len().min(at + random.random_range(0..3));
            bytes.splice(at..end, length);
        }
        8 => {
            let from = random.random_range(0..=other.len());
            let to = random.random_range(from..=other.len());
            bytes.splice(at..part, other[from..to].iter().copied());
        }
        9 => {
            // The same again, and again.
            let piece = bytes[at..part].to_vec();
            let times = [1, 2, 10, 100, 1_000][random.random_range(0..5)];
            let room = LONGEST.saturating_sub(bytes.len()) / piece.len().max(1);
            bytes.splice(at..at, piece.repeat(times.min(room)));
        }
        10 => {
            let deep = random.random_range(1..40);
            let opening = [0x91, 0x81, b'[', b'{', b'(', b'"'][random.random_range(0..6)];
            bytes.splice(at..at, vec![opening; deep]);
        }
        11 => {
            let word = WORDS[random.random_range(0..WORDS.len())];
            bytes.splice(at..part.min(at + 4), word.bytes());
        }
        12 => {
            let word = WORDS[random.random_range(0..WORDS.len())];
            bytes.splice(at..at, word.repeat([1, 3, 50, 500][random.random_range(0..4)]).bytes());
        }
        _ => bytes.extend_from_slice(&other[..other.len().min(64)]),
    }
}
