//! Single lines: lists within one line, sentences, prose.

use super::habits;
use super::noise;
use super::sink::{Entry, Origin};

/// A line that is itself a list, behind its introduction.
#[derive(Debug, Clone, Copy)]
pub(super) struct InlineList<'a> {
    pub(super) text: &'a str,
    pub(super) separator: char,
    pub(super) separators: usize,
}

/// The list within a line of its own.
pub(super) fn inline_list(body: &str) -> Option<InlineList<'_>> {
    let introduced = body.split_once([':', '：']).filter(|(before, rest)| {
        !rest.trim().is_empty() && !before.contains(',') && noise::is_introduction(before)
    });
    let text = introduced.map_or(body, |(_, rest)| rest).trim();
    let text = without_brackets(text);
    let text = if introduced.is_none() { spoken(text).unwrap_or(text) } else { text };
    if introduced.is_none() && noise::is_talk(Entry { text: body, origin: Origin::Line }) {
        return None;
    }
    split_evenly(text)
}

/// What follows `Some attractions are` in a sentence that lists things.
fn spoken(text: &str) -> Option<&str> {
    let sentence = text.ends_with('.') && (text.contains(" and ") || text.contains(" or "));
    let first = pieces(text, ',').next().filter(|_| sentence)?;
    let (before, end) = [" are ", " include ", " includes ", " such as "]
        .iter()
        .filter_map(|verb| first.rfind(verb).map(|at| (&first[..at], at + verb.len())))
        .next_back()?;
    let told = before.split_whitespace().skip(1).any(|word| word.starts_with(char::is_lowercase));
    told.then(|| &text[end..])
}

/// `[Louvre, Orsay]` and `("Louvre", "Orsay")` without what stands around all of it.
fn without_brackets(text: &str) -> &str {
    [('[', ']'), ('(', ')'), ('{', '}')]
        .iter()
        .find_map(|(open, close)| text.strip_prefix(*open)?.strip_suffix(*close))
        .filter(|inside| !inside.contains(['[', '(', '{', ']', ')', '}']))
        .unwrap_or(text)
}

/// The list behind a label: `Museums: Louvre, Orsay, Cluny`, but not `Louvre: large, old, famous`.
pub(super) fn labelled_list(body: &str) -> Option<InlineList<'_>> {
    let (label, rest) = body.split_once([':', '：'])?;
    let text = rest.trim_start_matches(['*', '_', ' ']).trim_end();
    let list = split_evenly(text).filter(|_| words(label) <= 4 && !label.contains(','))?;
    let names = |piece: &str| !without_conjunction(piece.trim()).starts_with(char::is_lowercase);
    pieces(list.text, list.separator).all(names).then_some(list)
}

pub(super) fn split_evenly(text: &str) -> Option<InlineList<'_>> {
    [';', '；', '؛', '、', '|', '•', '·', '，', '،', ','].into_iter().find_map(|separator| {
        let separators = pieces(text, separator).count() - 1;
        let short = words(text) <= 5 * (separators + 1);
        (separators >= 2 && short).then_some(InlineList { text, separator, separators })
    })
}

/// A piece without the word that joins the last one to the others.
pub(super) fn without_conjunction(piece: &str) -> &str {
    ["and ", "or ", "& ", "und ", "et ", "y ", "e ", "и ", "و "]
        .iter()
        .find_map(|word| piece.strip_prefix(word))
        .unwrap_or(piece)
}

/// The entries of a text that is a list.
pub(super) fn entries(text: &str) -> impl Iterator<Item = &str> {
    let list = split_evenly(text);
    list.into_iter()
        .flat_map(|list| pieces(list.text, list.separator))
        .map(|piece| without_conjunction(piece.trim()))
        .filter(|piece| !piece.is_empty())
}

/// The pieces between separators that stand neither in quotes nor in parentheses, nor within a number.
pub(super) fn pieces(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut quoted, mut depth, mut before) = (false, 0_usize, ' ');
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|(_, next)| *next);
            match c {
                '"' => quoted = !quoted,
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            let number = before.is_ascii_digit() && next.is_some_and(|c| c.is_ascii_digit());
            if c == separator && !quoted && depth == 0 && !(number && c == ',') {
                rest = Some(&text[at + c.len_utf8()..]).filter(|rest| !rest.trim().is_empty());
                return Some(&text[..at]);
            }
            before = c;
        }
        rest = None;
        Some(text)
    })
}

/// A line that is a whole sentence, and not a name with its description.
pub(super) fn is_sentence(body: &str) -> bool {
    if habits::describes(body) || inline_list(body).is_some() {
        return false;
    }
    let count = words(body);
    count >= 14 || (count >= 8 && body.ends_with(['.', '!', '?', '…']))
}

/// Several sentences in a row.
pub(super) fn is_prose(body: &str) -> bool {
    words(body) >= 12
        && body.match_indices(". ").any(|(at, stop)| body[at + stop.len()..].starts_with(char::is_uppercase))
}

/// A plain line that is no peer of numbered ones.
pub(super) fn is_aside(body: &str) -> bool {
    is_sentence(body) || words(body) > 8 || noise::is_talk(Entry { text: body, origin: Origin::Line })
}

/// Words of a text; a long text is not counted to its end.
pub(super) fn words(text: &str) -> usize {
    text.split_whitespace().take(10_000).count()
}
