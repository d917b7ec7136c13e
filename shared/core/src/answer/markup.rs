//! Takes off what is wrapped around a name: thoughts, list markers, markdown, quotes.

use std::borrow::Cow;

/// The answer without thoughts and without the control tokens of chat templates.
pub(super) fn without_wrapping(text: &str) -> &str {
    const FINAL: &str = "<|channel|>final<|message|>";
    const THOUGHTS: [(&str, &str); 5] = [
        ("<think>", "</think>"),
        ("<thinking>", "</thinking>"),
        ("<thought>", "</thought>"),
        ("<reasoning>", "</reasoning>"),
        ("<reflection>", "</reflection>"),
    ];
    let mut rest =
        text.rfind(FINAL).map_or(text, |at| &text[at + FINAL.len()..]).trim_start_matches('\u{feff}');
    // Some templates open the thoughts in the prompt, so that only their end is in the answer.
    if let Some(at) = rest.rfind("</think>")
        && !rest.contains("<think>")
    {
        rest = &rest[at + "</think>".len()..];
    }
    while let Some((open, close)) = THOUGHTS.iter().find(|(open, _)| rest.trim_start().starts_with(open)) {
        let inside = &rest.trim_start()[open.len()..];
        rest = inside.find(close).map_or("", |at| &inside[at + close.len()..]);
    }
    let mut rest = rest.trim_start().strip_prefix("<s>").unwrap_or(rest);
    loop {
        let end = rest.trim_end();
        let Some(shorter) = end.strip_suffix("</s>").or_else(|| {
            let at = end.strip_suffix("|>")?.rfind("<|")?;
            (end.len() - at <= 32).then_some(&end[..at])
        }) else {
            return rest;
        };
        rest = shorter;
    }
}

/// What stands behind a bullet and its check box, if the line has a bullet.
pub(super) fn bullet(line: &str) -> Option<&str> {
    let mut chars = line.chars();
    let mark = chars.next()?;
    let rest = chars.as_str();
    let spaced = rest.starts_with(char::is_whitespace);
    let is_bullet = match mark {
        '-' | '–' | '—' => spaced || starts_like_a_word(rest),
        '*' | '+' | '~' | '→' | 'o' => spaced,
        '•' | '·' | '∙' | '▪' | '▫' | '◦' | '‣' | '●' | '○' | '■' | '□' | '▸' | '►' | '▶' | '➤' | '➢'
        | '✓' | '✔' | '✅' | '☐' | '☑' | '❖' | '◆' | '◇' | '👉' | '🔹' | '🔸' => true,
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

fn without_check_box(text: &str) -> &str {
    ["[ ]", "[x]", "[X]", "[✓]", "[✔]", "[]"]
        .iter()
        .find_map(|check| text.strip_prefix(check))
        .filter(|rest| rest.starts_with(' '))
        .map_or(text, str::trim_start)
}

/// How surely a number in front of a text counts the items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    /// `1. x`, `1) x`, `(1) x`.
    Strong,
    /// `1: x`, `1 - x`, `#1 x`, `1.x`, `1 x`, `Item 1: x`: also how a name can begin.
    Weak,
}

/// The number in front of a text and what follows it. Bold print that opens before the number is kept for the name.
pub(super) fn number(text: &str) -> Option<(u32, Strength, Cow<'_, str>)> {
    let lead = ["**", "__"].into_iter().find(|lead| text.starts_with(lead)).unwrap_or_default();
    let (count, strength, rest) = bare_number(&text[lead.len()..])?;
    let name = if lead.is_empty() {
        Cow::Borrowed(rest)
    } else if let Some(rest) = rest.strip_prefix(lead) {
        Cow::Borrowed(rest.trim_start())
    } else {
        Cow::Owned(format!("{lead}{rest}"))
    };
    (!name.is_empty()).then_some((count, strength, name))
}

/// `a) x`, `B. x`: letters count as well, but names begin with them too.
fn letter(text: &str) -> Option<(u32, Strength, &str)> {
    let (&letter, rest) = text.as_bytes().split_first().filter(|(letter, _)| letter.is_ascii_alphabetic())?;
    let spaced = matches!(rest, [b'.' | b')', b' ', ..]);
    let count = u32::from(letter.to_ascii_lowercase() - b'a') + 1;
    spaced.then(|| (count, Strength::Weak, text[3..].trim_start())).filter(|(_, _, name)| !name.is_empty())
}

fn bare_number(text: &str) -> Option<(u32, Strength, &str)> {
    if let Some(lettered) = letter(text) {
        return Some(lettered);
    }
    let labelled = ["Item ", "item ", "No. ", "Number ", "Entry ", "#"]
        .iter()
        .find_map(|label| text.strip_prefix(label));
    let opened = text.strip_prefix(['(', '[']);
    let digits = labelled.or(opened).unwrap_or(text);
    let after = digits.trim_start_matches(|c: char| c.is_ascii_digit());
    let length = digits.len() - after.len();
    if !(1..=4).contains(&length) {
        return None;
    }
    let count = digits[..length].parse().ok()?;
    let keycap = after.trim_start_matches('\u{fe0f}').strip_prefix('\u{20e3}');
    let after = keycap.unwrap_or(after);
    let after = after.strip_prefix('\\').filter(|rest| rest.starts_with(['.', ')'])).unwrap_or(after);
    let rest = after.trim_start_matches(['.', ')', ']', '、', '．']);
    let closed = rest.len() < after.len();
    let spaced = rest.starts_with(char::is_whitespace) || rest.starts_with("**") || rest.starts_with("__");
    let dashed = rest.trim_start().trim_start_matches([':', '-', '–', '—', '/']);
    let separated = dashed.len() < rest.trim_start().len() && dashed.starts_with(char::is_whitespace);
    if opened.is_some() && !after.starts_with([')', ']']) {
        return None;
    }
    let strength = match (labelled, closed || keycap.is_some()) {
        (None, true) if spaced || keycap.is_some() || after.starts_with('、') => Strength::Strong,
        (None, true) if rest.starts_with(|c: char| c.is_ascii_digit()) => return None,
        (_, true) => Strength::Weak,
        (_, false) if separated || spaced => Strength::Weak,
        _ => return None,
    };
    let name = if separated { dashed } else { rest }.trim_start();
    (!name.is_empty()).then_some((count, strength, name))
}

/// A name that markdown or quotes set apart at the beginning of a text, with what follows it.
pub(super) fn set_apart(text: &str) -> Option<(&str, &str)> {
    const PAIRS: [(&str, &str); 12] = [
        ("***", "***"),
        ("**", "**"),
        ("__", "__"),
        ("<b>", "</b>"),
        ("<strong>", "</strong>"),
        ("``", "``"),
        ("`", "`"),
        ("*", "*"),
        ("_", "_"),
        ("\"", "\""),
        ("“", "”"),
        ("«", "»"),
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

/// `[name](address)` becomes `name`, an image too.
pub(super) fn without_links(text: &str) -> Cow<'_, str> {
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

/// The text without what trails behind a name and says nothing: references, line breaks, list punctuation.
pub(super) fn without_tail(text: &str) -> &str {
    let mut rest = text;
    loop {
        let before = rest.len();
        rest = rest.trim().trim_end_matches([',', ';']);
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
    ["li", "item", "name", "entry", "answer", "attribute"].iter().find_map(|tag| {
        let inside = line.strip_prefix('<')?.strip_prefix(tag)?.strip_prefix('>')?;
        let inside = inside.strip_suffix('>')?.strip_suffix(tag)?.strip_suffix("</")?.trim();
        (!inside.is_empty()).then_some(inside)
    })
}
