//! Answers in JSON, or what small models take for it: in fences, with talk around it, cut off, with trailing commas,
//! single quotes or unescaped quotes. Nothing is built: the text is walked through, and strings are handed on.

mod nested;
mod object;
mod scan;

use super::sink::{Entry, Origin, Sink};
use super::topic::Topic;
pub(super) use nested::{straightened, text_within};
use object::{Place, Walk};
pub(super) use scan::decode;
use scan::{Value, next_root, root_at};

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

pub(super) fn read(text: &str, sink: &mut Sink<'_>) -> Found {
    let text = text.trim();
    let topic = sink.topic();
    // The beginning of the list was put into the model's mouth.
    if text.starts_with('"') && text.ends_with(']') && !text.contains('[') {
        sink.take(|f| Walk { topic, f: &mut value(f) }.array(&text[..text.len() - 1], "", 0));
        return Found::Entries;
    }
    let Some((start, _)) = next_root(text, 0) else { return Found::Nothing };
    let mut entries = 0_usize;
    walk(text, topic, &mut |_| entries += 1);
    if entries > 0 {
        sink.take(|f| walk(text, topic, f));
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

fn value(f: &mut dyn FnMut(Entry<'_>)) -> impl FnMut(&str) + '_ {
    // A tab would separate a name from its description in a line, but not inside a string.
    |text| f(Entry { text: &text.replace('\t', " "), origin: Origin::Value })
}

/// Walks through every list and object of the text. Several of them in a row are JSON Lines or lists by category.
fn walk(text: &str, topic: &Topic, f: &mut dyn FnMut(Entry<'_>)) {
    let single =
        next_root(text, 0).is_some_and(|(start, root)| next_root(text, start + root.length()).is_none());
    let place = if single { Place::root() } else { Place::record(object::choose(objects(text), "", topic)) };
    let mut at = 0;
    while let Some((start, root)) = next_root(text, at) {
        talk(&text[at..start], f);
        at = start + root.length();
        let mut entry = value(f);
        let mut walk = Walk { topic, f: &mut entry };
        match root {
            Value::Array(inner, _) => walk.array(inner, "", 0),
            Value::Object(inner, complete) => walk.object(inner, complete, &place, 0),
            Value::Text(..) | Value::Bare(_) => {}
        }
    }
    talk(&text[at..], f);
}

/// The objects of a text that are roots.
fn objects(text: &str) -> impl Iterator<Item = &str> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (start, root) = next_root(text, at)?;
        at = start + root.length();
        Some(root)
    })
    .filter_map(|root| match root {
        Value::Object(inner, _) => Some(inner),
        Value::Array(..) | Value::Text(..) | Value::Bare(_) => None,
    })
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
