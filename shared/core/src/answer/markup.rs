//! Takes off what is wrapped around a name: list markers, markdown, quotes, links.

use std::borrow::Cow;

use super::json::decode;
use crate::key::is_pictograph;

/// What stands behind a bullet and its check box, if the line has a bullet.
pub(super) fn bullet(line: &str) -> Option<&str> {
    let mut chars = line.chars();
    let mark = chars.next()?;
    let rest = chars.as_str();
    let spaced = rest.starts_with(char::is_whitespace);
    let is_bullet = match mark {
        '-' | '–' | '—' => spaced || starts_like_a_word(rest),
        '*' | '+' | '~' | '→' | 'o' | '»' | '›' | '※' | '★' | '☆' => spaced,
        '•' | '·' | '∙' | '・' | '･' | '‧' | '⁃' | '▪' | '▫' | '◦' | '‣' | '●' | '○' | '■' | '□' | '▸'
        | '►' | '▶' | '➤' | '➢' | '➔' | '➜' | '✓' | '✔' | '✅' | '☐' | '☑' | '❖' | '◆' | '◇' | '✦' | '✧'
        | '◉' | '👉' | '🔹' | '🔸' | '🔷' | '🔶' => true,
        '\\' => return rest.strip_prefix("item ").map(str::trim).filter(|rest| !rest.is_empty()),
        _ => false,
    };
    (is_bullet && !rest.trim().is_empty())
        .then(|| without_check_box(rest.trim_start_matches('\u{fe0f}').trim_start()))
}

/// `-Louvre`, but neither `-5` nor `-V`.
fn starts_like_a_word(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(char::is_uppercase) && chars.next().is_some_and(char::is_lowercase)
}

pub(super) fn without_check_box(text: &str) -> &str {
    ["[ ]", "[x]", "[X]", "[✓]", "[✔]", "[]"]
        .iter()
        .find_map(|check| text.strip_prefix(check))
        .filter(|rest| rest.starts_with(' '))
        .map_or(text, str::trim_start)
}

/// A name that markdown or quotes set apart at the beginning of a text, with what follows it.
pub(super) fn set_apart(text: &str) -> Option<(&str, &str)> {
    const PAIRS: [(&str, &str); 20] = [
        ("***", "***"),
        ("**", "**"),
        ("__", "__"),
        ("<b>", "</b>"),
        ("<strong>", "</strong>"),
        ("<i>", "</i>"),
        ("<em>", "</em>"),
        ("<u>", "</u>"),
        ("<mark>", "</mark>"),
        ("<code>", "</code>"),
        ("``", "``"),
        ("`", "`"),
        ("*", "*"),
        ("_", "_"),
        ("\"", "\""),
        ("“", "”"),
        ("«", "»"),
        ("《", "》"),
        ("「", "」"),
        ("『", "』"),
    ];
    let (open, close) = PAIRS.iter().find(|(open, _)| text.starts_with(open))?;
    let inside = &text[open.len()..];
    let at = inside.find(close)?;
    let (name, rest) = (&inside[..at], &inside[at + close.len()..]);
    // `__init__` and `_x_` are names, and `2*3*4` is not print.
    let identifier =
        open.starts_with('_') && name.chars().all(|c| c.is_lowercase() || c.is_numeric() || c == '_');
    let sound = !name.trim().is_empty()
        && !identifier
        && !rest.starts_with(char::is_alphanumeric)
        && (!name.starts_with(char::is_whitespace) || *open == "`");
    sound.then_some((name.trim(), rest))
}

/// Whether what follows a name in bold, quotes or code describes it: `: x`, ` - x`, `—x`, but not `-Zip` or `.js`.
pub(super) fn begins_description(rest: &str) -> bool {
    let text = rest.trim_start();
    let mark = text.chars().next().unwrap_or(' ');
    let after = text[mark.len_utf8().min(text.len())..].chars().next().unwrap_or(' ');
    match mark {
        ':' => after != ':',
        '：' | '–' | '—' | '|' | '→' => true,
        '-' => after.is_whitespace() || (text.len() < rest.len() && !after.is_numeric()),
        ',' | ';' | '.' => after.is_whitespace(),
        _ => false,
    }
}

/// The parenthesis that begins a text.
pub(super) fn parenthesis(text: &str) -> Option<&str> {
    let end = text.find([')', '）']).filter(|_| text.starts_with(['(', '（']))?;
    let close = text[end..].chars().next()?;
    Some(&text[..end + close.len_utf8()])
}

/// The text without the emoji that begins or ends it, if it has one and is a text besides.
pub(super) fn without_sign(text: &str) -> Option<&str> {
    let part = |c: char| {
        is_pictograph(c) || matches!(c, '\u{fe0f}' | '\u{200d}' | '\u{20e3}' | '\u{e0020}'..='\u{e007f}')
    };
    let rest = text.trim_matches(part);
    let sign = &text[..text.len() - text.trim_start_matches(part).len()];
    let sign = if sign.is_empty() { &text[rest.len()..] } else { sign };
    let name = rest.trim();
    (sign.contains(is_pictograph) && name.contains(char::is_alphanumeric)).then_some(name)
}

/// The text of a name without what stands in the midst of it: links, other tags, escaped characters.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for change in [without_links, without_tags, decoded] {
        if let Cow::Owned(changed) = change(&text) {
            text = Cow::Owned(changed);
        }
    }
    text
}

/// What a line that is a string of a program means: `"Toys \"R\" Us",`.
pub(super) fn unquoted_string(text: &str) -> Option<Cow<'_, str>> {
    let inside = without_tail(text).strip_prefix('"')?.strip_suffix('"')?;
    inside.contains("\\\"").then(|| decode(inside))
}

/// `[name](address)` becomes `name`, an image too.
fn without_links(text: &str) -> Cow<'_, str> {
    if !text.contains("](") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(middle) = rest.find("](") {
        let Some(open) = rest[..middle].rfind('[') else {
            out.push_str(&rest[..middle + 2]);
            rest = &rest[middle + 2..];
            continue;
        };
        out.push_str(rest[..open].trim_end_matches('!'));
        out.push_str(&rest[open + 1..middle]);
        let address = &rest[middle + 2..];
        rest = address.find(')').map_or("", |end| &address[end + 1..]);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// `<a href="…">name</a>` becomes `name`, and so on with tags that only dress.
fn without_tags(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for tag in ["a", "span", "font", "small", "p", "div"] {
        let close = format!("</{tag}>");
        if !text.contains(&close) || text.starts_with('`') {
            continue;
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = &*text;
        while let Some((before, inside)) = rest.split_once('<') {
            let attributes = inside.strip_prefix(tag).filter(|after| after.starts_with([' ', '>']));
            let end = attributes.and_then(|after| {
                after[..after.floor_char_boundary(1 << 10)].find('>').map(|end| tag.len() + end + 1)
            });
            out.push_str(before);
            out.push_str(if end.is_some() { "" } else { "<" });
            rest = &inside[end.unwrap_or(0)..];
        }
        out.push_str(rest);
        text = Cow::Owned(out.replace(&close, ""));
    }
    text
}

/// `AT&amp;T` becomes `AT&T`; `&amp;` alone stays.
fn decoded(text: &str) -> Cow<'_, str> {
    const NAMED: [(&str, &str); 12] = [
        ("lt", "<"),
        ("gt", ">"),
        ("quot", "\""),
        ("apos", "'"),
        ("nbsp", " "),
        ("ndash", "–"),
        ("mdash", "—"),
        ("rsquo", "’"),
        ("eacute", "é"),
        ("egrave", "è"),
        ("uuml", "ü"),
        ("amp", "&"),
    ];
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let inside = &rest[at + 1..];
        let head = &inside[..inside.floor_char_boundary(10)];
        let name = head.split_once(';').map(|(name, _)| name);
        let number = name.and_then(|name| name.strip_prefix('#')).and_then(|code| {
            let hex = code.strip_prefix(['x', 'X']);
            let value = hex.map_or_else(|| code.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok())?;
            char::from_u32(value)
        });
        let known = name.and_then(|name| NAMED.iter().find(|(known, _)| *known == name));
        out.push_str(&rest[..at]);
        match (known, number) {
            (Some((_, sign)), _) => out.push_str(sign),
            (None, Some(sign)) => out.push(sign),
            (None, None) => out.push('&'),
        }
        let length = name.filter(|_| known.is_some() || number.is_some()).map_or(0, |name| name.len() + 1);
        rest = &inside[length..];
    }
    out.push_str(rest);
    let alone = text.starts_with('&') && text.find(';') == Some(text.len() - 1);
    if out == text || alone { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

/// The name without marks that stand within it, and without the backslashes in front of others.
pub(super) fn unmarked(name: &str) -> String {
    let bold = name.matches("**").count();
    let loose = bold == 1 && name.ends_with("**");
    let name = if bold >= 2 || loose { name.replace("**", "") } else { name.to_owned() };
    ["\\*", "\\_", "\\#", "\\&"].iter().fold(name, |name, mark| name.replace(mark, &mark[1..]))
}

/// The text without what trails behind a name and says nothing: references, line breaks, list punctuation.
pub(super) fn without_tail(text: &str) -> &str {
    let mut rest = text;
    loop {
        let before = rest.len();
        rest = rest.trim();
        if !(rest.starts_with('&') && rest.find(';') == Some(rest.len() - 1)) {
            rest = rest.trim_end_matches([',', ';']);
        }
        for tag in ["<br>", "<br/>", "<br />", "\\"] {
            rest = rest.strip_suffix(tag).filter(|name| !name.is_empty()).unwrap_or(rest);
        }
        for (open, close) in [("[", "]"), ("【", "】")] {
            if let Some(at) = rest.strip_suffix(close).and_then(|inner| inner.rfind(open))
                && at > 0
                && is_reference(&rest[at + open.len()..rest.len() - close.len()])
            {
                rest = &rest[..at];
            }
        }
        if rest.len() == before {
            return rest;
        }
    }
}

fn is_reference(inside: &str) -> bool {
    inside.trim_start_matches('^').starts_with(|c: char| c.is_ascii_digit())
        && (inside.trim_start_matches('^').bytes().all(|b| b.is_ascii_digit()) || inside.contains('†'))
}

/// What an element such as `<li>` or `<item>` around a whole line holds.
pub(super) fn unwrap_tag(line: &str) -> Option<&str> {
    ["li", "item", "name", "entry", "answer", "attribute", "option", "dt", "p", "h2", "h3"].iter().find_map(
        |tag| {
            let open =
                line.strip_prefix('<')?.strip_prefix(tag).filter(|rest| rest.starts_with(['>', ' ']))?;
            let (_, inside) = open.split_once('>')?;
            let closed = inside.strip_suffix('>').and_then(|rest| rest.strip_suffix(tag)?.strip_suffix("</"));
            // Rows of lists are often left open.
            let inside = closed.or((*tag == "li").then_some(inside))?.trim();
            (!inside.is_empty()).then_some(inside)
        },
    )
}

/// The rows of a line of markup: `<ul><li>Louvre</li><li>Orsay</li></ul>` has four, `Louvre<br>Orsay` two.
pub(super) fn rows(line: &str) -> impl Iterator<Item = &str> {
    const STARTS: [&str; 10] =
        ["<li>", "<li ", "</ul>", "</ol>", "<item>", "</items>", "<option", "<dt>", "<dd>", "<p>"];
    const BREAKS: [&str; 3] = ["<br>", "<br/>", "<br />"];
    let elements = line.starts_with('<') && line.contains("</");
    let breaks =
        !line.contains('|') && BREAKS.iter().map(|tag| line.matches(tag).count()).sum::<usize>() >= 2;
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        let cut = text.match_indices('<').filter(|(at, _)| *at > 0).find_map(|(at, _)| {
            let tag = &text[at..];
            let tag_break = BREAKS.iter().find(|tag_break| breaks && tag.starts_with(**tag_break));
            let start = elements && STARTS.iter().any(|start| tag.starts_with(start));
            tag_break.map(|tag_break| (at, at + tag_break.len())).or_else(|| start.then_some((at, at)))
        });
        rest = cut.map(|(_, next)| &text[next..]);
        Some(cut.map_or(text, |(end, _)| &text[..end]))
    })
}
