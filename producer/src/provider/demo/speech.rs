//! How models say lists: numbered, in bold, as JSON, with chatter, with a name twice or spelt in another way.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

const BEFORE: &[&str] = &[
    "Here are {n} examples of {t}:",
    "Sure! Here's a list of {t}:",
    "Certainly. Below are {n} items:",
    "Great question! Some {t} are:",
];
const AFTER: &[&str] = &[
    "Let me know if you would like more!",
    "I hope this helps. Would you like me to continue?",
    "Note: this list is not exhaustive.",
];
const DESCRIPTIONS: &[&str] = &[
    "a well-known example",
    "worth knowing about",
    "one of the most famous",
    "often mentioned",
    "a classic",
];

/// An answer as text.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) text: String,
    /// It ends in the middle of a line.
    pub(super) truncated: bool,
}

/// A sentence, where no list was asked for.
pub(super) fn talk(title: &str, items: &[&str]) -> Answer {
    Answer { text: format!("{title}: for example {}.", items.join(", ")), truncated: false }
}

/// The items in one of the forms that models use.
pub(super) fn say(title: &str, items: &[&str], random: &mut StdRng) -> Answer {
    if items.is_empty() {
        return Answer { text: serde_json::json!({ "items": items }).to_string(), truncated: false };
    }
    let mut items: Vec<String> = items.iter().map(|item| respell(item, random)).collect();
    if random.random_bool(0.15) {
        for _ in 0..random.random_range(1..=3) {
            let again = items.choose(random).cloned().unwrap_or_default();
            items.push(again);
        }
    }
    match random.random_range(0..100) {
        0..35 => Answer { text: serde_json::json!({ "items": items }).to_string(), truncated: false },
        35..45 => Answer { text: serde_json::json!(items).to_string(), truncated: false },
        45..55 => {
            let list = serde_json::to_string_pretty(&items).unwrap_or_default();
            let fenced = format!("```json\n{list}\n```");
            Answer { text: with_chatter(title, items.len(), fenced, random), truncated: false }
        }
        _ => lines(title, &items, random),
    }
}

fn lines(title: &str, items: &[String], random: &mut StdRng) -> Answer {
    let marker = random.random_range(0..6);
    let bold = random.random_bool(0.3);
    let described = random.random_bool(0.2);
    let mut lines = Vec::with_capacity(items.len());
    for (number, item) in (1..).zip(items) {
        let item = if bold { format!("**{item}**") } else { item.clone() };
        let line = match marker {
            0 => format!("{number}. {item}"),
            1 => format!("{number}) {item}"),
            2 => format!("- {item}"),
            3 => format!("* {item}"),
            4 => format!("• {item}"),
            _ => item,
        };
        // A description behind a bare name is hard to tell from a name with a dash: models mostly set the name off.
        if described && bold && random.random_bool(0.8) {
            let description = DESCRIPTIONS.choose(random).copied().unwrap_or_default();
            let separator = if random.random_bool(0.5) { " - " } else { ": " };
            lines.push(format!("{line}{separator}{description}"));
        } else {
            lines.push(line);
        }
    }
    if random.random_bool(0.04)
        && let Some(last) = lines.last_mut()
    {
        let cut = last.chars().count() * 2 / 3;
        *last = last.chars().take(cut).collect();
        return Answer { text: lines.join("\n"), truncated: true };
    }
    let separator = if random.random_bool(0.1) { "\n\n" } else { "\n" };
    let text = lines.join(separator);
    // Without marks, chatter looks like an item even to people.
    let text = if marker < 5 { with_chatter(title, items.len(), text, random) } else { text };
    Answer { text, truncated: false }
}

fn with_chatter(title: &str, count: usize, list: String, random: &mut StdRng) -> String {
    let fill = |text: &str| text.replace("{n}", &count.to_string()).replace("{t}", &title.to_lowercase());
    let mut text = list;
    if random.random_bool(0.4) {
        let before = fill(BEFORE.choose(random).copied().unwrap_or_default());
        text = format!("{before}\n\n{text}");
    }
    if random.random_bool(0.25) {
        let after = AFTER.choose(random).copied().unwrap_or_default();
        text = format!("{text}\n\n{after}");
    }
    text
}

/// Now and then another spelling of the same name: with another dash, in quotes, or without its article. A list keeps the spelling that came
/// first, so none is made that nobody would write.
pub(super) fn respell(item: &str, random: &mut StdRng) -> String {
    if random.random_bool(0.9) {
        return item.to_owned();
    }
    match random.random_range(0..3) {
        0 => between_letters(item, random),
        1 => format!("“{item}”"),
        _ => match item.strip_prefix("The ") {
            Some(bare) => bare.to_owned(),
            None => item.to_owned(),
        },
    }
}

/// A dash between two letters becomes a space or a dash of another kind.
fn between_letters(item: &str, random: &mut StdRng) -> String {
    let other = if random.random_bool(0.5) { ' ' } else { '\u{2011}' };
    let chars: Vec<char> = item.chars().collect();
    let is_letter = |position: Option<usize>| {
        position.and_then(|position| chars.get(position)).is_some_and(|c| c.is_alphabetic())
    };
    let swap = |(i, c): (usize, &char)| {
        let inside = is_letter(i.checked_sub(1)) && is_letter(i.checked_add(1));
        if *c == '-' && inside { other } else { *c }
    };
    chars.iter().enumerate().map(swap).collect()
}
