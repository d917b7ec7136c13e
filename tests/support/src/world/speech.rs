//! How models write names, and what they make up.

use rand::RngExt;
use rand::rngs::StdRng;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

pub(super) const REFUSAL: &str = "I'm sorry, but I can't help with that.";

const CONSONANTS: &[u8; 20] = b"bcdfghjklmnpqrstvwxz";
const VOWELS: &[u8; 5] = b"aeiou";

/// Syllables of a name that is made up, and how many such names there are.
const SYLLABLES: usize = 5;
const NAMES: u64 = 10_000_000_000;

/// A name as the model happens to write it.
pub(super) fn spell(name: &str, sloppiness: f64, random: &mut StdRng) -> String {
    if !random.random_bool(sloppiness) {
        return name.to_owned();
    }
    match random.random_range(0..6) {
        0 => name.to_lowercase(),
        1 => name.split(' ').map(capital).collect::<Vec<_>>().join(" "),
        2 => name.replace('-', " "),
        3 => name.replace(' ', "-"),
        4 => format!("{name}."),
        _ => name.nfd().filter(|c| !is_combining_mark(*c)).collect(),
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A name that nobody has ever said, behind a `start` that was asked for.
pub(super) fn invent(model: usize, number: u64, slot: usize, start: &str) -> String {
    // The factor has no divisor in common with the number of names, so each is made once.
    let place =
        number.wrapping_mul(1_000).wrapping_add(slot as u64).wrapping_mul(8).wrapping_add(model as u64);
    let mut rest = (u128::from(place) * 7_234_567_891 % u128::from(NAMES)) as usize;
    let mut name = start.to_owned();
    for _ in 0..SYLLABLES {
        name.push(char::from(CONSONANTS[rest % 20]));
        name.push(char::from(VOWELS[rest / 20 % 5]));
        rest /= 100;
    }
    capital(&name)
}
