//! What the topic says about the shape of its items.

use crate::key::Key;

/// Words of a topic that are looked at.
const MAX_WORDS: usize = 32;

/// Things that are usually named with whoever performs them in front: `Queen - Africa`. Words, or beginnings of words
/// in scripts other than Latin.
const PERFORMED: [&str; 20] = [
    "song",
    "track",
    "album",
    "single",
    "music",
    "hit",
    "ballad",
    "remix",
    "anthem",
    "chanson",
    "canción",
    "canciones",
    "música",
    "musik",
    "lieder",
    "песн",
    "альбом",
    "노래",
    "歌",
    "曲",
];

/// Things that are usually named with whoever made them behind: `Dune - Frank Herbert`.
const AUTHORED: [&str; 20] = [
    "film",
    "movie",
    "book",
    "novel",
    "poem",
    "play",
    "painting",
    "opera",
    "show",
    "anime",
    "manga",
    "game",
    "libro",
    "livre",
    "bücher",
    "romane",
    "película",
    "filme",
    "книг",
    "фильм",
];

/// Things that may be signs themselves.
const SIGNS: [&str; 5] = ["emoji", "emoticon", "smiley", "flag", "symbol"];

/// The topic of a question, read once.
#[derive(Debug, Default)]
pub(super) struct Topic {
    key: Option<Key>,
    words: Vec<String>,
}

impl Topic {
    pub(super) fn of(name: &str) -> Self {
        let lower = name[..name.floor_char_boundary(1 << 10)].to_lowercase();
        let words = lower
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| word.chars().nth(1).is_some() || !word.is_ascii())
            .take(MAX_WORDS)
            .map(str::to_owned)
            .collect();
        Self { key: Key::of(name), words }
    }

    pub(super) fn is(&self, key: &Key) -> bool {
        self.key.as_ref() == Some(key)
    }

    pub(super) fn is_performed(&self) -> bool {
        self.has_word_like(&PERFORMED)
    }

    pub(super) fn is_authored(&self) -> bool {
        self.has_word_like(&AUTHORED)
    }

    pub(super) fn is_about_signs(&self) -> bool {
        self.has_word_like(&SIGNS)
    }

    fn has_word_like(&self, list: &[&str]) -> bool {
        let like = |word: &str, known: &str| {
            are_forms(word, known) || (!known.contains(|c: char| c.is_ascii()) && word.starts_with(known))
        };
        self.words.iter().any(|word| list.iter().any(|known| like(word, known)))
    }

    /// Whether a name in the singular or plural is a word of the topic: `attraction` in `Paris attractions`.
    pub(super) fn mentions(&self, word: &str) -> bool {
        self.words.iter().any(|known| are_forms(known, word))
    }
}

/// Whether two words are one in the singular and the plural, as far as English spelling tells.
pub(super) fn are_forms(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let Some(ending) = long.strip_prefix(short) else {
        return long.strip_suffix("ies").is_some_and(|stem| short.strip_suffix('y') == Some(stem));
    };
    short.len() >= 2 && matches!(ending, "" | "s" | "es" | "n" | "e" | "en")
}
