//! What a model is asked.

use igentai_core::frontier::Letters;
use xxhash_rust::xxh3::xxh3_64;

use crate::provider::Question;

/// What a question aims at; by default the whole topic.
#[derive(Clone, Copy, Debug, Default)]
pub struct Aim<'a> {
    /// The part of the topic.
    pub part: Option<Letters>,
    /// Items to leave out.
    pub leave_out: &'a [String],
}

const SYSTEM: &str = "You list examples of a topic for a data set. Give real, specific items by their usual names. Write one item \
    a line and nothing else: no numbering, no descriptions, no headings, no introduction, no remarks, no repeats. If a JSON \
    format is required, give one item per string. If there are fewer items than asked for, give those there are; never invent any.";

/// The question for a topic: `name` as the user called it, `prompt` where the user has an own one. Equal arguments give an equal question.
#[must_use]
pub fn question(name: &str, prompt: Option<&str>, items: u32, aim: &Aim<'_>) -> Question {
    let items = items.max(1);
    let part = aim.part.map_or_else(String::new, |part| format!(" whose names {}", part.in_words()));
    let mut user = match prompt.map(str::trim).filter(|prompt| !prompt.is_empty()) {
        Some(prompt) => format!("{prompt}\n\nTopic: {name}\nList {items} items{part}."),
        None if part.is_empty() => {
            format!("Topic: {name}\nList {items} different examples that belong to this topic.")
        }
        None => {
            format!("Topic: {name}\nList {items} different examples that belong to this topic and{part}.")
        }
    };
    if aim.part.is_some() {
        user.push_str(" If there are fewer, list all there are, and no others.");
    }
    if !aim.leave_out.is_empty() {
        user.push_str("\nDo not list these, which are known already:");
        for known in aim.leave_out {
            user.push_str("\n- ");
            user.push_str(known);
        }
    }
    Question { system: SYSTEM.to_owned(), user, list: true, items, topic: name.to_owned(), part: aim.part }
}

/// XXH3-64 of the whole prompt.
#[must_use]
pub fn hash(question: &Question) -> u64 {
    xxh3_64(format!("{}\0{}", question.system, question.user).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Aim<'static> = Aim { part: None, leave_out: &[] };

    #[test]
    fn a_question_names_the_topic_and_the_number_of_items_and_keeps_the_users_own_words() {
        let plain = question("Paris attractions", None, 50, &WHOLE);
        assert!(plain.user.contains("Paris attractions") && plain.user.contains("50"));
        assert!(plain.list && plain.items == 50 && plain.topic == "Paris attractions");
        let own = question("Paris attractions", Some("List museums only."), 20, &WHOLE);
        assert!(own.user.starts_with("List museums only.\n"), "{}", own.user);
    }

    #[test]
    fn a_question_about_a_part_says_which_and_what_to_leave_out() {
        let leave_out = ["Albatross".to_owned(), "Bee-eater".to_owned()];
        let asked = |cell: &str, prompt| {
            question("birds", prompt, 50, &Aim { part: Letters::parse(cell), leave_out: &leave_out }).user
        };
        for (cell, words) in [
            ("a-c", "whose names begin with one of the letters A to C."),
            ("s", "whose names begin with the letter S."),
            ("sa", "whose names begin with \"Sa\"."),
            ("sa-sm", "whose names begin with \"Sa\" to \"Sm\" in the order of the alphabet."),
            ("other", "whose names do not begin with a letter from A to Z"),
        ] {
            for prompt in [None, Some("List birds of Europe.")] {
                let user = asked(cell, prompt);
                assert!(user.contains(words), "{user}");
                assert!(user.ends_with("\n- Albatross\n- Bee-eater"), "{user}");
            }
        }
        assert_eq!(question("birds", None, 5, &WHOLE), question("birds", None, 5, &Aim::default()));
    }

    #[test]
    fn the_hash_covers_both_parts_and_their_border() {
        let of = |system: &str, user: &str| {
            hash(&Question {
                system: system.to_owned(),
                user: user.to_owned(),
                ..question("x", None, 1, &WHOLE)
            })
        };
        assert_ne!(of("ab", "c"), of("a", "bc"));
        assert_eq!(of("s", "u"), xxh3_64(b"s\0u"));
    }
}
