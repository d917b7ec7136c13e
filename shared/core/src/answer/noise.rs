//! Recognises what a model says around its list, or instead of one.

use super::habits;
use super::sink::{Entry, Origin};

/// Words that open an introduction or a remark. A title may begin with them as well, so more must speak for talk.
const OPENERS: [&str; 44] = [
    "here are",
    "here is",
    "here's",
    "below is",
    "below are",
    "the following",
    "these are",
    "this is a list",
    "this list",
    "i've",
    "i have",
    "i can",
    "i'll",
    "i will",
    "i tried",
    "if you",
    "please note",
    "note that",
    "keep in mind",
    "is there",
    "as requested",
    "happy to",
    "thank you",
    "thanks for",
    "in conclusion",
    "in summary",
    "to summarize",
    "overall,",
    "continuing",
    "there are",
    "that's",
    "these items",
    "each of",
    "some of",
    "additionally,",
    "in addition",
    "unfortunately",
    "this should",
    "we can",
    "i am",
    "i'm",
    "now,",
    "note:",
    "disclaimer",
];

/// Words that are talk when punctuation follows at once: `Sure!`, but `Sure Thing`.
const INTERJECTIONS: [&str; 12] = [
    "sure",
    "sure thing",
    "certainly",
    "of course",
    "absolutely",
    "okay",
    "ok",
    "great",
    "got it",
    "understood",
    "alright",
    "no problem",
];

/// Words that close an answer.
const FAREWELLS: [&str; 15] = [
    "let me know",
    "i hope this",
    "i hope these",
    "hope this",
    "hope that helps",
    "feel free to",
    "would you like me",
    "would you like more",
    "do you want me",
    "please let me know",
    "is there anything",
    "if you'd like",
    "if you need",
    "if you want",
    "end of list",
];

/// Whether an entry is an introduction, a heading, a remark or a farewell. What is marked as an item of a list has to
/// be plainer talk than a line of its own.
pub(super) fn is_talk(entry: Entry<'_>) -> bool {
    let text = bare(entry.text);
    if is_heading(text) || is_farewell(text) {
        return true;
    }
    if entry.origin != Origin::Line {
        return false;
    }
    let opening = opening(text, 64);
    // `We Can Be Heroes - a film about growing up.` is an item.
    let said = habits::described_title(text).unwrap_or(text);
    let words = said.split_whitespace().take(9).count();
    let closed = said.ends_with(['.', '!', '?', '…', ')']);
    starts_with_any(&opening, &FAREWELLS) && closed
        || starts_with_any(&opening, &OPENERS) && (words >= 9 || (closed && words >= 5))
        || INTERJECTIONS
            .iter()
            .any(|word| opening.strip_prefix(word).is_some_and(|rest| rest.starts_with(['!', ',', '.', ':'])))
}

/// Whether a marked entry is talk for nothing but how it begins.
pub(super) fn is_remark(entry: Entry<'_>) -> bool {
    let text = bare(entry.text);
    matches!(entry.origin, Origin::Listed | Origin::Numbered | Origin::Value)
        && !is_heading(text)
        && is_farewell(text)
}

fn bare(text: &str) -> &str {
    text.trim().trim_matches(['*', '_', '#', '>', ' '])
}

fn is_heading(text: &str) -> bool {
    text.ends_with([':', '：']) && !text.ends_with("::")
}

fn is_farewell(text: &str) -> bool {
    text.split_whitespace().take(4).count() > 3 && starts_with_any(&opening(text, 64), &FAREWELLS)
}

/// Whether a text begins as an introduction or a remark does.
pub(super) fn opens_talk(text: &str) -> bool {
    const LISTS: [&str; 5] = ["the list of", "list of", "a list of", "the first", "some"];
    let opening = opening(text, 64);
    starts_with_any(&opening, &OPENERS)
        || starts_with_any(&opening, &FAREWELLS)
        || starts_with_any(&opening, &LISTS)
        || INTERJECTIONS.iter().any(|word| opening.starts_with(word))
}

/// Whether a line offers more than the list: what is listed behind it are choices.
pub(super) fn is_offer(text: &str) -> bool {
    const OFFERS: [&str; 5] =
        ["do you want", "would you like", "could you tell me", "if you'd like", "let me know"];
    let opening = opening(bare(text), 200);
    bare(text).ends_with([':', '?', '：', '？']) && OFFERS.iter().any(|offer| opening.contains(offer))
}

/// Whether the label in front of a text belongs to the list, not to an item: `Topic: Museums`, `Total: 3`.
pub(super) fn is_about_the_list(text: &str) -> bool {
    const LABELS: [&str; 19] = [
        "topic:",
        "total:",
        "count:",
        "number of items:",
        "subject:",
        "category:",
        "theme:",
        "source:",
        "sources:",
        "references:",
        "note:",
        "notes:",
        "format:",
        "output:",
        "question:",
        "prompt:",
        "task:",
        "instruction:",
        "disclaimer:",
    ];
    let opening = opening(text, 64);
    LABELS.iter().any(|label| opening.starts_with(label))
}

/// Whether `text` opens a list on its own line: `Sure! Here are ten:` and what follows behind the colon.
pub(super) fn is_introduction(text: &str) -> bool {
    let opening = opening(text, 200);
    starts_with_any(&opening, &OPENERS)
        || INTERJECTIONS.iter().any(|word| opening.starts_with(word))
        || [" are", " include", " is", " list", " includes"].iter().any(|end| opening.ends_with(end))
}

/// Whether the model declines. Titles such as "I Can't Get No Satisfaction" are told apart by what follows.
pub(super) fn is_refusal(text: &str) -> bool {
    const SORRY: [&str; 7] =
        ["i'm sorry", "i am sorry", "sorry,", "sorry but", "i apologize", "my apologies", "unfortunately,"];
    const UNABLE: [&str; 11] = [
        "i cannot",
        "i can't",
        "i can not",
        "i am unable",
        "i'm unable",
        "i'm not able",
        "i am not able",
        "i won't",
        "i will not",
        "i must decline",
        "i don't have access",
    ];
    const DECLINED: [&str; 22] = [
        "help with",
        "help you",
        "assist",
        "provide",
        "fulfill",
        "fulfil",
        "generate",
        "create",
        "comply",
        "list",
        "complete",
        "answer",
        "engage",
        "do that",
        "discuss",
        "produce",
        "offer",
        "support",
        "verify",
        "access",
        "decline",
        "share",
    ];
    let text = text.trim_start_matches(|c: char| !c.is_alphabetic());
    // Every refusal below begins with one of these letters.
    if !text.starts_with(['I', 'i', 'A', 'a', 'S', 's', 'M', 'm', 'U', 'u']) {
        return false;
    }
    let opening = opening(text, 200);
    if starts_with_any(
        &opening,
        &["as an ai", "as a language model", "as a large language model", "i'm just an ai"],
    ) {
        return true;
    }
    let unable = UNABLE.iter().any(|word| opening.contains(word));
    let long =
        opening.split_whitespace().count() >= 8 || text.trim_end().ends_with(['.', '!', '?', '…', ':']);
    let declined = DECLINED.iter().any(|word| opening.contains(word));
    unable && long && (starts_with_any(&opening, &SORRY) || (starts_with_any(&opening, &UNABLE) && declined))
}

/// Whether the whole text is a placeholder out of a prompt, a form or an unfinished list.
pub(super) fn is_placeholder(text: &str) -> bool {
    const ENDINGS: [&str; 13] = [
        "etc",
        "and so on",
        "and so forth",
        "and more",
        "and many more",
        "and others",
        "n/a",
        "tbd",
        "continued",
        "list continues",
        "your answer here",
        "lorem ipsum",
        "rest of the list",
    ];
    const FORMS: [&str; 7] = ["insert ", "your ", "add ", "another ", "next ", "more ", "list of "];
    let text = text.trim().trim_matches(['*', '_', '`', '"', '\'', '“', '”', ' ']);
    if text.len() > 60 {
        return false;
    }
    if !text.is_empty() && text.chars().all(|c| matches!(c, '.' | '…' | ' ')) {
        return true;
    }
    let lower = opening(text, 64);
    let plain = lower.trim_matches(['.', '…', ' ', ',', '!']);
    if ENDINGS.contains(&plain) || is_numbered_slot(plain) {
        return true;
    }
    let brackets = [("[", "]"), ("<", ">"), ("{", "}"), ("(", ")")];
    let inside = brackets.iter().find_map(|(open, close)| lower.strip_prefix(open)?.strip_suffix(close));
    let Some(inside) = inside else { return false };
    let inside = inside.trim_matches(['{', '}', '[', ']', '<', '>', '.', '…', ' ']);
    inside.is_empty() && lower.contains(['.', '…'])
        || ENDINGS.contains(&inside)
        || is_numbered_slot(inside)
        || (!lower.starts_with('(') && (SLOTS.contains(&inside) || starts_with_any(inside, &FORMS)))
}

const SLOTS: [&str; 12] = [
    "item",
    "name",
    "example",
    "attribute",
    "entry",
    "element",
    "answer",
    "candidate",
    "placeholder",
    "topic",
    "item name",
    "description",
];

/// `item 1`, `example a`, `entry_n`.
fn is_numbered_slot(text: &str) -> bool {
    SLOTS.iter().any(|slot| {
        text.strip_prefix(slot).is_some_and(|rest| {
            let number = rest.trim_start_matches([' ', '_', '-', '#']);
            let counted = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            counted
                || (number.len() < rest.len()
                    && matches!(number, "a" | "b" | "c" | "n" | "x" | "one" | "two" | "three"))
        })
    })
}

fn starts_with_any(text: &str, openings: &[&str]) -> bool {
    openings.iter().any(|opening| {
        text.strip_prefix(opening).is_some_and(|rest| {
            !rest.starts_with(char::is_alphanumeric) || opening.ends_with(|c: char| !c.is_alphanumeric())
        })
    })
}

/// The first `bytes` in lower case with plain apostrophes: enough to tell talk by.
fn opening(text: &str, bytes: usize) -> String {
    let head = &text[..text.floor_char_boundary(bytes)];
    if head.is_ascii() {
        return head.to_ascii_lowercase();
    }
    head.chars().map(|c| if c == '’' { '\'' } else { c }).flat_map(char::to_lowercase).collect()
}
