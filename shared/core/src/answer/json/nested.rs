//! A list that was written as one string, and JSON in other quotes.

use super::scan::{Member, Value, decode, members, next_root, value_at};
use crate::answer::fields;
use crate::answer::inline;

/// Objects and lists around the string; nobody wraps deeper.
const MAX_LAYERS: usize = 4;

/// The list that is all of an answer's only string, as text, and whether the string is whole: `{"items": "Louvre\nOrsay"}`,
/// `{"items": "[\"Louvre\"]"}`, or a string that holds JSON.
pub(in crate::answer) fn text_within(text: &str) -> Option<(String, bool)> {
    let text = text.trim();
    if let Some(found) = text_in_quotes(text) {
        return Some(found);
    }
    let (start, root) = next_root(text, 0)?;
    let alone = next_root(text, start + root.length()).is_none();
    let mut value = root;
    let mut listed = false;
    for _ in 0..MAX_LAYERS {
        let member = match value {
            Value::Text(inner, whole) => return list_in(inner, whole, listed).filter(|_| alone),
            Value::Array(inner, _) => only(inner)?,
            Value::Object(inner, _) => holder(inner)?,
            Value::Bare(_) => return None,
        };
        listed = member.key.is_some_and(|key| !fields::is_name(key));
        value = member.value;
    }
    None
}

/// JSON that was written as a string, with talk around it or without.
fn text_in_quotes(text: &str) -> Option<(String, bool)> {
    let (start, _) = text
        .match_indices(['"'])
        .filter(|(at, _)| *at == 0 || text[..*at].ends_with('\n'))
        .find(|(at, _)| text[at + 1..].trim_start().starts_with(['[', '{']))?;
    let Some(Value::Text(inner, whole)) = value_at(&text[start..]) else { return None };
    inner.contains("\\\"").then(|| list_in(inner, whole, true)).flatten()
}

/// The only member of a list.
fn only(inner: &str) -> Option<Member<'_>> {
    let mut all = members(inner);
    let first = all.next().filter(|member| member.key.is_none())?;
    all.next().is_none().then_some(first)
}

/// The member of an object that holds the list: by its name, or because it is the only one that says something.
fn holder(inner: &str) -> Option<Member<'_>> {
    let best = members(inner)
        .filter_map(|member| Some((fields::list_rank(member.key?)?, member)))
        .min_by_key(|(rank, _)| *rank);
    if let Some((_, member)) = best {
        return Some(member);
    }
    let mut telling = members(inner).filter(|member| {
        !matches!(member.value, Value::Bare(_)) && !fields::is_aside(member.key.unwrap_or_default())
    });
    let first = telling.next().filter(|member| member.key.is_some())?;
    telling.next().is_none().then_some(first)
}

/// The text of a string if it is a list itself. Commas make a list only of what a field holds.
fn list_in(raw: &str, whole: bool, listed: bool) -> Option<(String, bool)> {
    let text = decode(raw);
    let body = text.trim();
    let lines = body.lines().filter(|line| !line.trim().is_empty()).count() >= 2;
    let json = body.starts_with(['[', '{']) && next_root(body, 0).is_some_and(|(start, _)| start == 0);
    let commas = listed && inline::split_evenly(body).is_some();
    (lines || json || commas).then(|| (body.to_owned(), whole))
}

/// JSON whose quotes are typographic, with plain ones.
pub(in crate::answer) fn straightened(text: &str) -> Option<String> {
    let opening = text.find(['[', '{'])?;
    let inside = text[opening..].trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '[' | '{'));
    inside.starts_with(['“', '”', '„']).then(|| text.replace(['“', '”', '„'], "\""))
}
