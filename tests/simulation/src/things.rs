//! The things that there are, and how models write them.
//!
//! Which texts name the same thing is known here because they were made from it, and never asked of the system: a canonical form that takes two
//! things for one, or one for two, is seen in every run.

use std::collections::HashMap;

use igentai_core::key::Fingerprint;
use xxhash_rust::xxh3::xxh3_128;

/// A thing, by its number.
pub(crate) type Thing = usize;

/// Every thing of a run.
#[derive(Debug)]
pub(crate) struct Things {
    all: Vec<Forms>,
    by_text: HashMap<String, Thing>,
}

#[derive(Debug)]
struct Forms {
    /// XXH3-128 of the canonical form.
    hash: u128,
    /// The usual form first.
    spellings: Vec<String>,
}

impl Things {
    /// So many things, of which those from `written_once` on have the usual spelling only.
    pub(crate) fn new(count: usize, written_once: usize) -> Self {
        let (mut all, mut by_text) = (Vec::with_capacity(count), HashMap::new());
        for thing in 0..count {
            let name = canonical(thing);
            let spellings = spellings(&name, thing < written_once);
            for text in spellings.iter().map(|said| kept(said)) {
                let before = by_text.insert(text, thing);
                assert!(before.is_none_or(|before| before == thing), "`{name}` is two things");
            }
            all.push(Forms { hash: xxh3_128(name.as_bytes()), spellings });
        }
        Self { all, by_text }
    }

    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    /// What a text of the registry names.
    pub(crate) fn named_by(&self, text: &str) -> Option<Thing> {
        self.by_text.get(text).copied()
    }

    /// The ways to write it; the first is the usual one.
    pub(crate) fn spellings(&self, thing: Thing) -> &[String] {
        &self.all[thing].spellings
    }

    pub(crate) fn fingerprint(&self, thing: Thing) -> Fingerprint {
        Fingerprint::from_bytes(self.all[thing].hash.to_be_bytes())
    }

    /// What a filter's bits follow from.
    pub(crate) fn filter_hash(&self, thing: Thing) -> u64 {
        (self.all[thing].hash >> 64) as u64
    }
}

/// The canonical form. Four things in a row differ by what must not be folded away: signs behind a word, an accent, a space.
fn canonical(thing: Thing) -> String {
    let name = words(thing / 4);
    match thing % 4 {
        0 => name,
        1 => format!("{name}++"),
        2 => {
            let mut name = name;
            let accented = match name.pop() {
                Some('a') => 'á',
                Some('e') => 'é',
                Some('i') => 'í',
                Some('o') => 'ó',
                _ => 'ú',
            };
            name.push(accented);
            name
        }
        _ => name.replace(' ', ""),
    }
}

/// Two words that look like a name, end in a vowel and differ for all numbers below 20,736.
fn words(number: usize) -> String {
    const SYLLABLES: [&str; 12] = ["ba", "ke", "mi", "no", "ru", "ta", "lo", "ve", "si", "pu", "ga", "do"];
    let [a, b, c, d] = [1, 12, 144, 1_728].map(|place| SYLLABLES[number / place % 12]);
    format!("{a}{b}l{c}n {d}{a}r{b}")
}

/// What models make of a name without meaning another thing.
fn spellings(name: &str, all: bool) -> Vec<String> {
    let (first, rest) = name.split_at(1);
    let usual = format!("{}{rest}", first.to_uppercase());
    if !all {
        return vec![usual];
    }
    let wide = char::from_u32(u32::from(first.chars().next().unwrap()) + 0xfee0).unwrap();
    vec![
        usual.clone(),
        name.to_uppercase(),
        name.replace(' ', "-"),
        name.replace(' ', "\u{2013}"),
        name.replace(' ', "\u{a0}"),
        name.replace('á', "a\u{301}").replace('é', "e\u{301}").replace('í', "i\u{301}"),
        format!("The {usual}"),
        format!("“{usual}”"),
        format!("{usual};"),
        format!("{first}\u{200b}{rest}"),
        format!("{wide}{rest}"),
    ]
}

/// The text that stays of what was said: one clean line, otherwise as it was written.
fn kept(said: &str) -> String {
    let clean = said.replace('\u{200b}', "").replace('\u{a0}', " ");
    clean.replace("a\u{301}", "á").replace("e\u{301}", "é").replace("i\u{301}", "í")
}

#[test]
fn what_the_parser_keeps_of_every_spelling_is_foreseen() {
    let things = Things::new(40, 40);
    for thing in 0..40 {
        for said in things.spellings(thing) {
            let answer = igentai_core::answer::parse_answer(
                &format!("[\"{said}\", \"Something else\"]"),
                "Seeded things",
                igentai_core::answer::AnswerLimits::default(),
            );
            let text = &answer.items[0].text;
            assert_eq!(things.named_by(text), Some(thing), "`{said}` became `{text}`");
        }
    }
}
