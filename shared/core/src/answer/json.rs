//! Answers in JSON, or what small models take for it: in fences, with talk around it, cut off, with trailing commas,
//! single quotes or unescaped quotes. Nothing is built: the text is walked through, and strings are handed on.

mod scan;

use std::borrow::Cow;

use super::noise;
use super::sink::{Entry, Origin, Sink};
use scan::{Member, Value, decode, members, next_root, root_at};

/// How deep lists and objects are followed; every level reads its part of the text once more.
const MAX_DEPTH: usize = 16;

/// What came of looking for JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// No JSON, or none that holds an entry amid other text.
    Nothing,
    /// A list without entries, and nothing else.
    EmptyList,
    /// Entries, which the sink took; or JSON that was cut off before the first one.
    Entries,
}

pub(super) fn read(text: &str, sink: &mut Sink) -> Found {
    let text = text.trim();
    // The beginning of the list was put into the model's mouth.
    if text.starts_with('"') && text.ends_with(']') && !text.contains('[') {
        sink.take(|f| array(&text[..text.len() - 1], 0, &mut listed(f)));
        return Found::Entries;
    }
    let Some((start, _)) = next_root(text, 0) else { return Found::Nothing };
    let mut entries = 0_usize;
    walk(text, &mut |_| entries += 1);
    if entries > 0 {
        sink.take(|f| {
            walk(text, &mut |entry| f(entry));
        });
        return Found::Entries;
    }
    let alone =
        text[..start].lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with("```"));
    let (_, complete) = root_at(text, start);
    match (alone, complete) {
        (true, true) => Found::EmptyList,
        (true, false) => Found::Entries,
        (false, _) => Found::Nothing,
    }
}

fn listed(f: &mut dyn FnMut(Entry<'_>)) -> impl FnMut(&str) + '_ {
    // A tab would separate a name from its description in a line, but not inside a string.
    |text| f(Entry { text: &text.replace('\t', " "), origin: Origin::Listed })
}

/// Walks through every list and object of the text. Several of them in a row are JSON Lines or lists by category.
fn walk(text: &str, f: &mut dyn FnMut(Entry<'_>)) {
    let mut at = 0;
    let mut first = true;
    while let Some((start, value)) = next_root(text, at) {
        talk(&text[at..start], f);
        at = start + value.length();
        let role = if first && next_root(text, at).is_none() { Role::Root } else { Role::Record };
        first = false;
        match value {
            Value::Array(inner, _) => array(inner, 0, &mut listed(f)),
            Value::Object(inner, complete) => object(inner, complete, role, 0, &mut listed(f)),
            Value::Text(..) | Value::Bare(_) => {}
        }
    }
    talk(&text[at..], f);
}

/// Lines around JSON. Program text (`names = [`) is none of our business.
fn talk(text: &str, f: &mut dyn FnMut(Entry<'_>)) {
    for line in text.lines().map(str::trim) {
        if line.chars().filter(|c| c.is_alphabetic()).count() > 3
            && !line.starts_with("```")
            && !line.contains('=')
        {
            f(Entry { text: line, origin: Origin::Talk });
        }
    }
}

fn array(inner: &str, depth: usize, f: &mut dyn FnMut(&str)) {
    if depth >= MAX_DEPTH {
        return;
    }
    let only_numbers = members(inner).all(|member| matches!(member.value, Value::Bare(_)));
    for Member { key, value } in members(inner) {
        match (key, value) {
            (Some(key), _) => f(&decode(key)),
            (None, Value::Text(text, true)) => f(&decode(text)),
            (None, Value::Array(inner, _)) => array(inner, depth + 1, f),
            (None, Value::Object(inner, complete)) => object(inner, complete, Role::Record, depth + 1, f),
            (None, Value::Bare(text)) if only_numbers && text.starts_with(|c: char| c.is_ascii_digit()) => {
                f(text);
            }
            (None, Value::Text(_, false) | Value::Bare(_)) => {}
        }
    }
}

/// Where an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The whole answer: it may be a wrapper, or its keys may be the items.
    Root,
    /// One of several: an item with fields, or a group of items.
    Record,
}

/// Fields that hold a name, best first.
const NAMES: [&str; 17] = [
    "name",
    "title",
    "item",
    "label",
    "value",
    "text",
    "entity",
    "attribute",
    "answer",
    "entry",
    "term",
    "word",
    "candidate",
    "example",
    "full_name",
    "display_name",
    "content",
];

/// Fields that hold the list, also beside a name.
const LISTS: [&str; 4] = ["items", "list", "entries", "children"];

/// Fields that hold the list where there is no name.
const WRAPPERS: [&str; 12] = [
    "results",
    "answers",
    "names",
    "data",
    "examples",
    "attributes",
    "candidates",
    "values",
    "elements",
    "output",
    "response",
    "result",
];

/// Fields about the list.
const ASIDES: [&str; 12] = [
    "notes",
    "note",
    "sources",
    "references",
    "tags",
    "error",
    "message",
    "refusal",
    "reason",
    "explanation",
    "warnings",
    "metadata",
];

fn rank(key: &str, list: &[&str]) -> Option<usize> {
    list.iter().position(|known| known.eq_ignore_ascii_case(key))
}

/// What a first walk through an object finds.
#[derive(Default)]
struct Facts<'a> {
    name: Option<(usize, &'a str)>,
    list: Option<(usize, Value<'a>)>,
    members: usize,
    arrays: usize,
    objects: usize,
    texts: usize,
    first: Option<&'a str>,
    counted: usize,
    proper: usize,
}

impl<'a> Facts<'a> {
    fn of(inner: &'a str) -> Self {
        let mut facts = Facts::default();
        for Member { key, value } in members(inner) {
            let key = key.unwrap_or_default();
            facts.members += 1;
            facts.counted += usize::from(key.ends_with(|c: char| c.is_ascii_digit()));
            facts.proper +=
                usize::from(key.contains(|c: char| c.is_uppercase() || c == ' ' || !c.is_ascii()));
            let aside = rank(key, &ASIDES).is_some();
            match value {
                Value::Text(text, true) if !aside => {
                    facts.texts += 1;
                    facts.first = facts.first.or(Some(text));
                    if let Some(rank) = rank(key, &NAMES)
                        && facts.name.is_none_or(|(best, _)| rank < best)
                    {
                        facts.name = Some((rank, text));
                    }
                }
                Value::Array(..) | Value::Object(..) if !aside => {
                    let array = matches!(value, Value::Array(..));
                    facts.arrays += usize::from(array);
                    facts.objects += usize::from(!array);
                    let place =
                        rank(key, &LISTS).or_else(|| rank(key, &WRAPPERS).map(|rank| rank + LISTS.len()));
                    if let Some(rank) = place
                        && facts.list.as_ref().is_none_or(|(best, _)| rank < *best)
                    {
                        facts.list = Some((rank, value));
                    }
                }
                Value::Text(..) | Value::Array(..) | Value::Object(..) | Value::Bare(_) => {}
            }
        }
        facts
    }
}

fn object(inner: &str, complete: bool, role: Role, depth: usize, f: &mut dyn FnMut(&str)) {
    if depth >= MAX_DEPTH {
        return;
    }
    let facts = Facts::of(inner);
    let beside_name =
        |rank: usize| facts.name.is_none() || rank < LISTS.len() || (role == Role::Root && depth == 0);
    if let Some((_, list)) = facts.list.filter(|(rank, _)| beside_name(*rank)) {
        return follow(list, Role::Root, depth, f);
    }
    if facts.arrays > 0 && facts.name.is_none() || facts.objects > 0 && facts.texts == 0 {
        // Keys are items when each holds only facts about it.
        let about = facts.arrays == 0 && facts.objects > 1 && facts.proper == facts.members;
        if about && members(inner).all(|member| !names_itself(&member.value)) {
            return members(inner).filter_map(|member| member.key).for_each(|key| f(&decode(key)));
        }
        let inner_role = if facts.objects > 1 { Role::Record } else { Role::Root };
        for Member { key, value } in members(inner) {
            if matches!(value, Value::Array(..) | Value::Object(..))
                && rank(key.unwrap_or_default(), &ASIDES).is_none()
            {
                follow(value, inner_role, depth, f);
            }
        }
        return;
    }
    // An object that was cut off may lack the field that names it.
    let fieldless = role == Role::Root && facts.texts > 1 && facts.name.is_none();
    if !complete && !fieldless {
        return;
    }
    if let Some((_, name)) = facts.name {
        f(&decode(name));
    } else if facts.texts > 1 && facts.counted == facts.members {
        texts(inner).for_each(|text| f(&text));
    } else if role == Role::Root && facts.members > 1 && facts.proper * 2 > facts.members {
        members(inner).filter_map(|member| member.key).for_each(|key| f(&decode(key)));
    } else if let Some(text) = facts.first {
        f(&decode(text));
    } else {
        texts(inner).filter(|text| noise::is_refusal(text)).for_each(|text| f(&text));
    }
}

fn follow(value: Value<'_>, role: Role, depth: usize, f: &mut dyn FnMut(&str)) {
    match value {
        Value::Array(inner, _) => array(inner, depth + 1, f),
        Value::Object(inner, complete) => object(inner, complete, role, depth + 1, f),
        Value::Text(..) | Value::Bare(_) => {}
    }
}

fn names_itself(value: &Value<'_>) -> bool {
    match value {
        Value::Object(inner, _) => {
            members(inner).any(|member| rank(member.key.unwrap_or_default(), &NAMES).is_some())
        }
        Value::Array(..) | Value::Text(..) | Value::Bare(_) => false,
    }
}

fn texts(inner: &str) -> impl Iterator<Item = Cow<'_, str>> {
    members(inner).filter_map(|member| match member.value {
        Value::Text(text, true) => Some(decode(text)),
        Value::Text(..) | Value::Array(..) | Value::Object(..) | Value::Bare(_) => None,
    })
}
