//! Finds values in text that is JSON or nearly so. Extents are found by counting brackets, without recursion.

use std::borrow::Cow;

/// One value and whether it is whole. Lists and objects are what stands between their brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Text(&'a str, bool),
    Array(&'a str, bool),
    Object(&'a str, bool),
    /// A number, `true`, `null` or something unquoted.
    Bare(&'a str),
}

impl Value<'_> {
    /// Bytes that the value takes, with its brackets or quotes.
    pub(super) fn length(&self) -> usize {
        match self {
            Value::Text(inner, whole) | Value::Array(inner, whole) | Value::Object(inner, whole) => {
                inner.len() + 1 + usize::from(*whole)
            }
            Value::Bare(text) => text.len(),
        }
    }
}

/// An element of a list, or a field of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    pub(super) key: Option<&'a str>,
    pub(super) value: Value<'a>,
}

/// The members of a list or an object, in order; linear in its length.
pub(super) fn members(inner: &str) -> impl Iterator<Item = Member<'_>> {
    let mut rest = inner;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}' | ':'));
        let value = value_at(rest)?;
        let after = &rest[value.length()..];
        if let (Value::Text(key, true), Some(field)) = (value, after.trim_start().strip_prefix(':')) {
            let field = field.trim_start();
            let value = value_at(field).unwrap_or(Value::Text("", false));
            rest = field.get(value.length()..).unwrap_or_default();
            return Some(Member { key: Some(key), value });
        }
        rest = after;
        Some(Member { key: None, value })
    })
}

pub(super) fn value_at(text: &str) -> Option<Value<'_>> {
    let first = text.chars().next()?;
    Some(match first {
        '[' | '{' => {
            let (length, whole) = extent(text);
            let inner = &text[1..length - usize::from(whole)];
            if first == '[' { Value::Array(inner, whole) } else { Value::Object(inner, whole) }
        }
        '"' | '\'' => match string_end(text) {
            Some(end) => Value::Text(&text[1..end], true),
            None => Value::Text(&text[1..], false),
        },
        _ => {
            let end = text.find([',', ']', '}', ':', '\n', '"', '[', '{']).unwrap_or(text.len());
            // A stray sign is a value of its own, so that reading always goes on.
            let end = if end == 0 { first.len_utf8() } else { end };
            Value::Bare(&text[..end])
        }
    })
}

/// The value whose bracket stands at `at`, and whether it is whole.
pub(super) fn root_at(text: &str, at: usize) -> (Value<'_>, bool) {
    let value = value_at(&text[at..]).unwrap_or(Value::Bare(""));
    (value, matches!(value, Value::Array(_, true) | Value::Object(_, true)))
}

/// The next list or object at or behind `from` that stands where an answer would have one.
pub(super) fn next_root(text: &str, from: usize) -> Option<(usize, Value<'_>)> {
    let mut at = from;
    let mut line = from;
    loop {
        let next = at + text[at..].find(['[', '{'])?;
        line = text[at..next].rfind('\n').map_or(line, |end| at + end + 1);
        if !opens_json(&text[next..]) {
            // None of the brackets in this run opens JSON.
            let rest = skip_openings(&text[next..]);
            at = text.len() - rest.len();
            line = text[next..at].rfind('\n').map_or(line, |end| next + end + 1);
        } else if announces(text[line..next].trim_end()) {
            return Some((next, root_at(text, next).0));
        } else {
            at = text.len() - text[next..].trim_start_matches(['[', '{', ' ']).len();
        }
    }
}

fn skip_openings(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '[' | '{'))
}

fn opens_json(text: &str) -> bool {
    let inside = skip_openings(text);
    let head = &inside[..inside.floor_char_boundary(64)];
    match inside.chars().next() {
        Some('"' | '\'') => true,
        Some(c) if c.is_ascii_digit() => text.starts_with('[') && head.contains(',') && !head.contains("]("),
        // An empty list is an answer, an empty check box is none.
        Some(']' | '}') => inside.len() <= 8 && inside.ends_with([']', '}', '`']),
        _ => false,
    }
}

/// Whether what stands before a bracket on its line leads up to a list.
fn announces(before: &str) -> bool {
    before.len() <= 400
        && (before.trim_start_matches([',', ' ']).is_empty()
            || before.ends_with([':', '：', '=', '`', '(', '>'])
            || before.ends_with("json")
            || before.ends_with("JSON"))
}

/// The length of the list or object at the beginning of `text`, and whether it is closed.
fn extent(text: &str) -> (usize, bool) {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(next) = text[at..].find(['[', ']', '{', '}', '"', '\'']) {
        at += next;
        match text.as_bytes()[at] {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return (at + 1, true);
                }
            }
            b'\'' if !text[..at].trim_end().ends_with(['[', '{', ',', ':']) => {}
            _ => match string_end(&text[at..]) {
                Some(end) => at += end,
                None => return (text.len(), false),
            },
        }
        at += 1;
    }
    (text.len(), false)
}

/// Where the string that begins `text` has its closing quote. A quote that no comma, colon, bracket, line end or
/// further quote follows belongs to the string: models forget to escape it.
fn string_end(text: &str) -> Option<usize> {
    let quote = text.chars().next()?;
    let mut at = 1;
    loop {
        at += text[at..].find([quote, '\\'])?;
        if text.as_bytes()[at] == b'\\' {
            at += 1 + text[at + 1..].chars().next()?.len_utf8();
            continue;
        }
        let after = text[at + 1..].trim_start_matches([' ', '\t']);
        let next = after.chars().next();
        if next
            .is_none_or(|c| matches!(c, ',' | ']' | '}' | ':' | '\n' | '\r') || (c == quote && quote == '"'))
        {
            return Some(at);
        }
        at += 1;
    }
}

/// The text that a string stands for.
pub(in crate::answer) fn decode(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    match serde_json::from_str::<String>(&format!("\"{raw}\"")) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Owned(decode_leniently(raw)),
    }
}

/// For what is not JSON's idea of a string: a raw line break, a quote without its backslash, `\'`, half a surrogate.
fn decode_leniently(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let mut chars = rest[at + 1..].chars();
        match chars.next() {
            Some('n' | 'r') => out.push('\n'),
            Some('t') => out.push(' '),
            Some('u') => {
                let code = chars.as_str().get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
                if let Some(code) = code {
                    out.extend(char::from_u32(code));
                    chars = chars.as_str()[4..].chars();
                }
            }
            Some(c @ ('"' | '\'' | '\\' | '/')) => out.push(c),
            Some(c) => {
                out.push('\\');
                out.push(c);
            }
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}
