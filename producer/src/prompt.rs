//! What a model is asked.

use igentai_core::frontier::{Aim, Category};
use igentai_core::phrasing::Phrasing;
use igentai_core::rules::ItemRules;
use xxhash_rust::xxh3::xxh3_64;

use crate::provider::Question;

// Paid for with every request: no word more than models need.
const SYSTEM: &str = "List real, specific items by their usual names, one a line and nothing else: no numbers, headings, remarks or \
    repeats. Give fewer rather than invent any. In JSON, give one item per string.";

const SYSTEM_OF_TASKS: &str = "You divide a topic for a data set into parts. Give the usual names of its categories, short ones. Write one \
    category a line and nothing else: no numbering, no descriptions, no examples, no introduction, no remarks. If a JSON format is \
    required, give one category per string.";

const SYSTEM_OF_JUDGES: &str = "You check a list of items for a data set. Some of them may be made up, or belong to something else. Write those that do not \
    exist, or do not belong to the topic, exactly as they stand in the list, one a line and nothing else: no numbering, no reasons, no remarks. \
    What is real and belongs is not to be written, however little known it is. Where all of them do, write NONE. If a JSON format is required, \
    give one item per string, and an empty list for none.";

/// The question for a topic: `name` as the user called it, `prompt` where the user has an own one, and what is known of what it aims at: items to leave
/// out, or what a task goes by. Equal arguments give an equal question.
#[must_use]
pub fn question(name: &str, prompt: Option<&str>, items: u32, aim: &Aim, known: &[String]) -> Question {
    let items = items.max(1);
    let own = prompt.map(str::trim).filter(|prompt| !prompt.is_empty());
    let user = match aim {
        Aim::Whole => match own {
            Some(own) => format!("{own}\n\nTopic: {name}\nList {items} items."),
            None => format!("Topic: {name}\nList {items} different examples that belong to this topic."),
        },
        Aim::Part(letters) => part(name, own, items, &format!("whose names {}", letters.in_words())),
        Aim::Category(category) => part(name, own, items, &format!("of the category {}", quoted(category))),
        Aim::Parts { of, by_items } => {
            let user = parts(name, own, items, of.as_ref(), if *by_items { known } else { &[] });
            let user = if *by_items {
                user
            } else {
                with_list(user, "Do not list these categories, which are known already:", known)
            };
            return Question { user, ..question_of(SYSTEM_OF_TASKS, items, name, aim) };
        }
        Aim::Judge => {
            let topic = own.map_or_else(|| format!("Topic: {name}"), |own| format!("{own}\n\nTopic: {name}"));
            let user = format!("{topic}\nWhich of these do not exist, or do not belong to this topic?");
            let user = with_list(user, "The list:", known);
            return Question { user, ..question_of(SYSTEM_OF_JUDGES, items, name, aim) };
        }
    };
    let user = with_list(user, "Do not list these, which are known already:", known);
    Question { user, ..question_of(SYSTEM, items, name, aim) }
}

/// The same question with what items must be like, so that nobody is paid for what is not taken; a task asks for none.
#[must_use]
pub fn ruled(question: Question, rules: &ItemRules) -> Question {
    match rules.in_words().filter(|_| !question.aim.is_task()) {
        Some(words) => Question { system: format!("{} Every item {words}.", question.system), ..question },
        None => question,
    }
}

/// The same question with what a way to ask says besides.
#[must_use]
pub fn phrased(question: Question, phrasing: Phrasing) -> Question {
    match phrasing.words() {
        Some(words) => Question { system: format!("{} {words}", question.system), ..question },
        None => question,
    }
}

fn question_of(system: &str, items: u32, topic: &str, aim: &Aim) -> Question {
    Question {
        system: system.to_owned(),
        user: String::new(),
        list: true,
        items,
        topic: topic.to_owned(),
        aim: aim.clone(),
    }
}

/// Items of a part of the topic.
fn part(name: &str, own: Option<&str>, items: u32, which: &str) -> String {
    let asked = match own {
        Some(own) => format!("{own}\n\nTopic: {name}\nList {items} items {which}."),
        None if which.starts_with("whose") => {
            format!("Topic: {name}\nList {items} different examples that belong to this topic and {which}.")
        }
        None => format!("Topic: {name}\nList {items} different examples that belong to this topic, {which}."),
    };
    asked + " If there are fewer, list all there are, and no others."
}

/// The parts of the topic, or of a category.
fn parts(name: &str, own: Option<&str>, items: u32, of: Option<&Category>, examples: &[String]) -> String {
    let topic = own.map_or_else(|| format!("Topic: {name}"), |own| format!("{own}\n\nTopic: {name}"));
    let topic = if examples.is_empty() { topic } else { with_list(topic, "Some of it:", examples) + "\n" };
    let what = of.map_or_else(
        || format!("List up to {items} categories that the items of this topic fall into"),
        |of| {
            format!(
                "List up to {items} subcategories that the items of the category {} fall into",
                quoted(of)
            )
        },
    );
    format!("{topic}\n{what}. Together they cover all of it, and they overlap as little as can be.")
}

/// What it is called, and what it is a part of.
fn quoted(category: &Category) -> String {
    let name = category.name();
    match category.whole().and_then(|whole| whole.rsplit(" > ").next()) {
        Some(whole) => format!("\"{name}\" (a part of \"{whole}\")"),
        None => format!("\"{name}\""),
    }
}

fn with_list(mut text: String, heading: &str, list: &[String]) -> String {
    if list.is_empty() {
        return text;
    }
    text.push('\n');
    text.push_str(heading);
    for item in list {
        text.push_str("\n- ");
        text.push_str(item);
    }
    text
}

/// XXH3-64 of the whole prompt.
#[must_use]
pub fn hash(question: &Question) -> u64 {
    xxh3_64(format!("{}\0{}", question.system, question.user).as_bytes())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use igentai_core::frontier::Letters;
    use igentai_core::rules::Script;

    use super::*;

    #[test]
    fn a_question_names_the_topic_and_the_number_of_items_and_keeps_the_users_own_words() {
        let plain = question("Paris attractions", None, 50, &Aim::Whole, &[]);
        assert!(plain.user.contains("Paris attractions") && plain.user.contains("50"));
        assert!(plain.list && plain.items == 50 && plain.topic == "Paris attractions");
        let own = question("Paris attractions", Some("List museums only."), 20, &Aim::Whole, &[]);
        assert!(own.user.starts_with("List museums only.\n"), "{}", own.user);
    }

    #[test]
    fn a_question_says_what_items_must_be_like_and_a_task_does_not() {
        let rules = ItemRules {
            matches: Some("^[A-Z]".to_owned()),
            min_chars: Some(3),
            max_chars: Some(40),
            scripts: [Script::parse("latin").unwrap()].into(),
        };
        let ask = |aim: &Aim, rules: &ItemRules| ruled(question("Birds", None, 20, aim, &[]), rules);
        let asked = ask(&Aim::Whole, &rules).system;
        assert!(
            asked.ends_with(
                " Every item matches the regular expression ^[A-Z], has at least 3 characters, has at most 40 characters, is written in the script latin."
            ),
            "{asked}"
        );
        assert_eq!(ask(&Aim::Whole, &ItemRules::default()), question("Birds", None, 20, &Aim::Whole, &[]));
        let task = Aim::Parts { of: None, by_items: false };
        assert_eq!(ask(&task, &rules), question("Birds", None, 20, &task, &[]));
    }

    #[test]
    fn a_question_about_a_part_says_which_and_what_to_leave_out() {
        let leave_out = ["Albatross".to_owned(), "Bee-eater".to_owned()];
        let asked = |cell: &str, prompt| {
            question("birds", prompt, 50, &Aim::Part(Letters::parse(cell).unwrap()), &leave_out).user
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
    }

    #[test]
    fn a_question_about_a_category_names_it_and_what_it_is_a_part_of() {
        let asked = |cell: &str| {
            let aim = Aim::named(Some(cell)).unwrap();
            question("birds", None, 50, &aim, &["Mallard".to_owned()]).user
        };
        let ducks = asked("category: waterfowl > ducks");
        assert!(ducks.contains("of the category \"ducks\" (a part of \"waterfowl\")."), "{ducks}");
        assert!(ducks.ends_with("known already:\n- Mallard"), "{ducks}");
        assert!(asked("category: owls").contains("to this topic, of the category \"owls\". If"), "{ducks}");
    }

    #[test]
    fn a_task_asks_for_categories_and_says_what_is_known_of_them() {
        let asked = |cell: &str| {
            let aim = Aim::named(Some(cell)).unwrap();
            question("birds", Some("Birds of Europe."), 12, &aim, &["Mallard".to_owned()])
        };
        let all = asked("categories");
        assert!(
            all.system.contains("category a line") && !all.system.contains("item a line"),
            "{}",
            all.system
        );
        assert!(
            all.user.starts_with("Birds of Europe.\n\nTopic: birds\nList up to 12 categories that"),
            "{}",
            all.user
        );
        assert!(all.user.ends_with("Do not list these categories, which are known already:\n- Mallard"));
        let parts = asked("categories of: owls").user;
        assert!(
            parts.contains("List up to 12 subcategories that the items of the category \"owls\" fall"),
            "{parts}"
        );
        let clusters = asked("clusters").user;
        assert!(
            clusters.contains("Topic: birds\nSome of it:\n- Mallard\n\nList up to 12 categories"),
            "{clusters}"
        );
    }

    #[test]
    fn a_judge_is_shown_the_topic_in_the_users_words_and_the_list() {
        let shown = ["Mallard".to_owned(), "Blue Glorf".to_owned()];
        let asked = question("birds", Some("Birds of Europe."), 2, &Aim::Judge, &shown);
        assert!(asked.system.contains("You check a list") && asked.system.contains("write NONE"));
        assert!(asked.user.starts_with("Birds of Europe.\n\nTopic: birds\nWhich of these"), "{}", asked.user);
        assert!(asked.user.ends_with("The list:\n- Mallard\n- Blue Glorf"), "{}", asked.user);
    }

    #[test]
    fn the_hash_covers_both_parts_and_their_border() {
        let of = |system: &str, user: &str| {
            hash(&Question {
                system: system.to_owned(),
                user: user.to_owned(),
                ..question("x", None, 1, &Aim::Whole, &[])
            })
        };
        assert_ne!(of("ab", "c"), of("a", "bc"));
        assert_eq!(of("s", "u"), xxh3_64(b"s\0u"));
    }
}
