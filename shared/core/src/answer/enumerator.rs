//! What counts the lines of a list: numbers, letters and signs of many scripts.

use std::borrow::Cow;

/// How a line is counted, and so how surely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `1. x`, `1) x`, `(1) x`, `١. x`, `１．x`.
    Strong,
    /// `1: x`, `1 - x`, `#1 x`, `1.x`, `Item 1: x`: also how a name can begin.
    Weak,
    /// `1 x`: how many names begin.
    Bare,
    /// `1.2 x`: the second part of the first.
    Dotted,
    /// `① x`, `一、x`.
    Sign,
    /// `a) x`, `Б) x`.
    Letter,
    /// `A. x`, `가. x`: how the name of an author can begin.
    Initial,
    /// `iv. x`.
    Roman,
}

impl Style {
    pub(super) const ALL: [Self; 8] = [
        Self::Strong,
        Self::Weak,
        Self::Bare,
        Self::Dotted,
        Self::Sign,
        Self::Letter,
        Self::Initial,
        Self::Roman,
    ];
}

/// A count in front of a text, and the text.
#[derive(Debug, Clone)]
pub(super) struct Number<'a> {
    pub(super) count: u32,
    pub(super) style: Style,
    /// For a letter that is a Roman number too.
    pub(super) roman: Option<u32>,
    pub(super) rest: Cow<'a, str>,
}

/// The number in front of a text. Bold print that opens before the number is kept for the name.
pub(super) fn number(text: &str) -> Option<Number<'_>> {
    let lead = ["**", "__"].into_iter().find(|lead| text.starts_with(lead)).unwrap_or_default();
    let found = bare_number(&text[lead.len()..])?;
    let rest = if lead.is_empty() {
        Cow::Borrowed(found.rest)
    } else if let Some(rest) = found.rest.strip_prefix(lead) {
        Cow::Borrowed(rest.trim_start())
    } else {
        Cow::Owned(format!("{lead}{}", found.rest))
    };
    (!rest.is_empty()).then_some(Number { count: found.count, style: found.style, roman: found.roman, rest })
}

struct Found<'a> {
    count: u32,
    style: Style,
    roman: Option<u32>,
    rest: &'a str,
}

fn bare_number(text: &str) -> Option<Found<'_>> {
    let first = text.chars().next()?;
    if first.is_alphabetic() || matches!(first, '(' | '[' | '（' | '【' | '〔') {
        return lettered(text).or_else(|| han(text)).or_else(|| digits(text));
    }
    let ten = text.strip_prefix('🔟').map(str::trim_start).filter(|rest| !rest.is_empty());
    if let Some(rest) = ten {
        return Some(Found { count: 10, style: Style::Strong, roman: None, rest });
    }
    circled(text).or_else(|| digits(text))
}

/// What closes a count: the rest, and whether a name may follow without a space.
fn closed(text: &str) -> Option<(&str, bool)> {
    let mark = text.chars().next()?;
    let wide = matches!(mark, '、' | '．' | '）' | '】' | '〕');
    (wide || matches!(mark, '.' | ')' | ']')).then_some((&text[mark.len_utf8()..], wide))
}

fn opened(text: &str) -> (&str, bool) {
    text.strip_prefix(['(', '[', '（', '【', '〔']).map_or((text, false), |inside| (inside, true))
}

/// `a) x`, `B. x`, `(c) x`, `в) x`, `ii. x`. A further initial shows that the first one belongs to a name.
fn lettered(text: &str) -> Option<Found<'_>> {
    let (inside, bracket) = opened(text);
    let letter = inside.chars().next()?;
    let roman_length = inside.bytes().take(9).take_while(|b| b"ivxlcdmIVXLCDM".contains(b)).count();
    let roman = roman(&inside[..roman_length]);
    let long = roman.filter(|_| roman_length > 1);
    let length = if long.is_some() { roman_length } else { letter.len_utf8() };
    let count = long.or_else(|| position(letter))?;
    let after = &inside[length..];
    let (rest, wide) = closed(after)?;
    let dotted = after.starts_with('.');
    let style = match (long, dotted) {
        (Some(_), _) => Style::Roman,
        (None, false) => Style::Letter,
        (None, true) => Style::Initial,
    };
    if (bracket && dotted) || !(wide || rest.starts_with(char::is_whitespace)) {
        return None;
    }
    let rest = rest.trim_start();
    let roman = roman.filter(|_| roman_length == 1);
    if rest.is_empty() {
        None
    } else if long.is_none() && dotted && starts_with_initial(rest) {
        roman.map(|count| Found { count, style: Style::Roman, roman: None, rest })
    } else {
        Some(Found { count, style, roman, rest })
    }
}

/// `S. Lewis`, `R.R. Tolkien`.
pub(super) fn starts_with_initial(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(char::is_uppercase) && chars.next() == Some('.')
}

/// The value of a Roman number below 40, in one case and in its usual spelling: longer lists are not numbered so.
fn roman(text: &str) -> Option<u32> {
    const UNITS: [&str; 10] = ["", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"];
    let lower = text.to_ascii_lowercase();
    if text != lower && text != text.to_ascii_uppercase() {
        return None;
    }
    let units = lower.trim_start_matches('x');
    let tens = lower.len() - units.len();
    let unit = UNITS.iter().position(|known| *known == units)?;
    let value = u32::try_from(tens * 10 + unit).ok()?;
    (1..40).contains(&value).then_some(value)
}

/// Where a letter stands in its alphabet, from 1.
pub(super) fn position(letter: char) -> Option<u32> {
    const ALPHABETS: [&str; 6] = [
        "abcdefghijklmnopqrstuvwxyz",
        "абвгдежзиклмнопрстуфхцчшщэюя",
        "αβγδεζηθικλμνξοπρστυφχψω",
        "가나다라마바사아자차카타파하",
        "אבגדהוזחטיכלמנסעפצקרשת",
        "أبجدهوزحطيكلمنسعفصقرشتثخذضظغ",
    ];
    let small = letter.to_lowercase().next()?;
    let at = ALPHABETS.iter().find_map(|alphabet| alphabet.chars().position(|c| c == small))?;
    u32::try_from(at + 1).ok()
}

/// `一、x`, `（二）x`.
fn han(text: &str) -> Option<Found<'_>> {
    const DIGITS: &str = "一二三四五六七八九";
    let (inside, _) = opened(text);
    let mut count = 0;
    let mut pending = 0;
    let mut length = 0;
    for c in inside.chars().take(4) {
        if let Some(digit) = DIGITS.chars().position(|known| known == c) {
            pending = u32::try_from(digit + 1).ok()?;
        } else if c == '十' {
            count += pending.max(1) * 10;
            pending = 0;
        } else {
            break;
        }
        length += c.len_utf8();
    }
    let (rest, wide) = closed(&inside[length..]).filter(|_| length > 0)?;
    let rest = rest.trim_start();
    (wide && !rest.is_empty()).then_some(Found {
        count: count + pending,
        style: Style::Sign,
        roman: None,
        rest,
    })
}

/// `① x`, `❷ x`.
fn circled(text: &str) -> Option<Found<'_>> {
    const FIRSTS: [(char, u32, u32); 9] = [
        ('①', 1, 20),
        ('㉑', 21, 15),
        ('㊱', 36, 15),
        ('⑴', 1, 20),
        ('⒈', 1, 20),
        ('❶', 1, 10),
        ('⓫', 11, 10),
        ('➀', 1, 10),
        ('➊', 1, 10),
    ];
    let sign = text.chars().next()?;
    let count = FIRSTS.iter().find_map(|(first, value, length)| {
        let offset = u32::from(sign).checked_sub(u32::from(*first))?;
        (offset < *length).then_some(value + offset)
    })?;
    let rest = text[sign.len_utf8()..].trim_start_matches(['.', '、', '\u{fe0f}', ' ']);
    (!rest.is_empty()).then_some(Found { count, style: Style::Sign, roman: None, rest })
}

/// The value of a decimal digit of any script.
fn digit(c: char) -> Option<u32> {
    /// The zeros of scripts that models number with; nine digits follow each.
    const ZEROS: [char; 17] =
        ['٠', '۰', '߀', '०', '০', '੦', '૦', '୦', '௦', '౦', '೦', '൦', '๐', '໐', '၀', '០', '０'];
    c.to_digit(10).or_else(|| {
        ZEROS.iter().find_map(|zero| u32::from(c).checked_sub(u32::from(*zero)).filter(|value| *value < 10))
    })
}

/// Up to four digits at the beginning of a text, and what is behind all digits.
fn leading_digits(text: &str) -> Option<(u32, &str)> {
    let after = text.trim_start_matches(|c| digit(c).is_some());
    let digits = &text[..text.len() - after.len()];
    let count = digits.chars().take(5).count();
    let value = digits.chars().take(4).filter_map(digit).fold(0, |value, digit| value * 10 + digit);
    (1..=4).contains(&count).then_some((value, after))
}

fn digits(text: &str) -> Option<Found<'_>> {
    let labelled = ["Item ", "item ", "No. ", "Number ", "Entry ", "#"]
        .iter()
        .find_map(|label| text.strip_prefix(label));
    let (inside, bracket) = opened(text);
    let (count, after) = leading_digits(labelled.unwrap_or(inside))?;
    let keycap = after.trim_start_matches('\u{fe0f}').strip_prefix('\u{20e3}');
    let after = keycap.unwrap_or(after);
    let after = after.strip_prefix('\\').filter(|rest| rest.starts_with(['.', ')'])).unwrap_or(after);
    let close = closed(after);
    if bracket && (close.is_none() || after.starts_with('.')) {
        return None;
    }
    let wide = close.is_some_and(|(_, wide)| wide);
    let rest = close.map_or(after, |(rest, _)| rest.trim_start_matches(['.', ')', ']']));
    let spaced = rest.starts_with(char::is_whitespace) || rest.starts_with("**") || rest.starts_with("__");
    let dashed = rest.trim_start().trim_start_matches([':', '：', '-', '–', '—', '/']);
    let separated = dashed.len() < rest.trim_start().len()
        && (dashed.starts_with(char::is_whitespace) || rest.starts_with('：'));
    // In scripts without spaces between words, none follows the number either.
    let unspaced = rest.chars().next().is_some_and(|c| !c.is_ascii() && c.is_alphabetic() && !has_case(c));
    if let Some((count, rest)) = dotted(rest).filter(|_| labelled.is_none() && after.starts_with('.')) {
        return Some(Found { count, style: Style::Dotted, roman: None, rest });
    }
    let style = match (labelled, close.is_some() || keycap.is_some()) {
        (None, true) if spaced || keycap.is_some() || wide || unspaced => Style::Strong,
        (None, true) if rest.starts_with(|c| digit(c).is_some()) => return None,
        (Some(_), _) if close.is_some() || separated || spaced => Style::Weak,
        (None, true) => Style::Weak,
        (None, false) if separated => Style::Weak,
        (None, false) if spaced => Style::Bare,
        _ => return None,
    };
    let rest = if separated { dashed } else { rest }.trim_start();
    (!rest.is_empty()).then_some(Found { count, style, roman: None, rest })
}

/// What follows the first dot of `1.2 x` or `1.2.3. x`: the last number, and the text.
fn dotted(text: &str) -> Option<(u32, &str)> {
    let (mut count, mut rest) = leading_digits(text)?;
    while let Some((next, after)) = rest.strip_prefix('.').and_then(leading_digits) {
        (count, rest) = (next, after);
    }
    let rest = rest.strip_prefix(['.', ')']).unwrap_or(rest);
    let name = rest.trim_start();
    (name.len() < rest.len() && !name.is_empty()).then_some((count, name))
}

fn has_case(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase()
}
