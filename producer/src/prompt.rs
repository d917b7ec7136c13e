//! What a model is asked.

use xxhash_rust::xxh3::xxh3_64;

use crate::provider::Question;

const SYSTEM: &str = "You list examples of a topic for a data set. Give real, specific items by their usual names. Write one item \
    a line and nothing else: no numbering, no descriptions, no headings, no introduction, no remarks, no repeats. If a JSON \
    format is required, give one item per string. If there are fewer items than asked for, give those there are; never invent any.";

/// Regions of a topic that a question can be aimed at; `{}` is a letter.
const AIMS: &[&str] = &[
    "Choose the best known ones.",
    "Choose less well-known ones; leave out those that everybody would name first.",
    "Choose ones whose names begin with the letter {}, as far as there are any, then with the letters after it.",
    "Choose ones that are often forgotten in lists like this.",
    "Choose them from as many different kinds as possible, a few of each.",
    "Choose ones that only someone who knows the subject well would name.",
    "Begin with one whose name begins with the letter {}, then go through the alphabet from there.",
    "Choose some of the oldest and some of the newest.",
    "Pick one narrow part of the topic, whose name begins with {} if possible, and list what belongs to it in full.",
];
const LETTERS: &[u8; 26] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The question for a topic: `name` as the user called it, `prompt` where the user has an own one. Equal arguments give an equal
/// question. `variant` aims at a region of the topic, so that repeated requests differ; without it the whole topic is asked for.
#[must_use]
pub fn question(name: &str, prompt: Option<&str>, items: u32, variant: Option<u32>) -> Question {
    let items = items.max(1);
    let task = match prompt.map(str::trim).filter(|prompt| !prompt.is_empty()) {
        Some(prompt) => format!("{prompt}\n\nTopic: {name}\nList {items} items."),
        None => format!("Topic: {name}\nList {items} different examples that belong to this topic."),
    };
    let aim = variant.map_or_else(String::new, |variant| format!(" {}", aim(variant)));
    Question {
        system: SYSTEM.to_owned(),
        user: format!("{task}{aim}"),
        list: true,
        items,
        topic: name.to_owned(),
    }
}

/// XXH3-64 of the whole prompt.
#[must_use]
pub fn hash(question: &Question) -> u64 {
    xxh3_64(format!("{}\0{}", question.system, question.user).as_bytes())
}

fn aim(variant: u32) -> String {
    let pick = |of: usize, from: u32| usize::try_from(from).unwrap_or(0) % of;
    let aims = u32::try_from(AIMS.len()).unwrap_or(1);
    let template = AIMS.get(pick(AIMS.len(), variant)).copied().unwrap_or_default();
    let letter = LETTERS.get(pick(LETTERS.len(), variant / aims)).copied().unwrap_or(b'A');
    template.replace("{}", char::from(letter).encode_utf8(&mut [0; 4]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_question_names_the_topic_and_the_number_of_items_and_keeps_the_users_own_words() {
        let plain = question("Paris attractions", None, 50, None);
        assert!(plain.user.contains("Paris attractions") && plain.user.contains("50"));
        assert!(plain.list && plain.items == 50 && plain.topic == "Paris attractions");
        let own = question("Paris attractions", Some("List museums only."), 20, Some(3));
        assert!(own.user.starts_with("List museums only.\n"), "{}", own.user);
    }

    #[test]
    fn variants_differ_and_each_is_the_same_every_time() {
        let hashes: BTreeSet<u64> =
            (0..1_000).map(|variant| hash(&question("x", None, 50, Some(variant)))).collect();
        assert!(hashes.len() >= 80, "{}", hashes.len());
        assert_eq!(question("x", None, 50, Some(u32::MAX)), question("x", None, 50, Some(u32::MAX)));
    }

    #[test]
    fn a_question_without_variant_aims_at_nothing() {
        let whole = question("x", None, 50, None);
        for variant in 0..30 {
            let aimed = question("x", None, 50, Some(variant));
            assert!(aimed.user.starts_with(&whole.user) && aimed.user.len() > whole.user.len());
            assert!(!aimed.user.contains("{}"));
        }
    }

    #[test]
    fn the_hash_covers_both_parts_and_their_border() {
        let of = |system: &str, user: &str| {
            hash(&Question {
                system: system.to_owned(),
                user: user.to_owned(),
                ..question("x", None, 1, None)
            })
        };
        assert_ne!(of("ab", "c"), of("a", "bc"));
        assert_eq!(of("s", "u"), xxh3_64(b"s\0u"));
    }
}
