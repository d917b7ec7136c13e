//! Talk before and behind a list of plain lines: what is unlike all lines between.

use super::inline::words;
use super::nesting::key;
use super::noise;
use super::phrase::{Kind, Phrase};
use super::survey::{Mark, lines};

/// Whether the first and the last line are talk.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Edges {
    pub(super) first: bool,
    pub(super) last: bool,
    /// How many lines there are.
    pub(super) lines: usize,
}

/// What was counted of lines.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    lines: usize,
    words: usize,
    length: usize,
    closed: usize,
    labelled: usize,
    bracketed: usize,
}

impl Counts {
    fn of(body: &str) -> Self {
        let body = body.trim_matches(['*', '_', ' ']);
        let closed = body.ends_with(['.', '!', '?', '…', '。', '！', '？']);
        Self {
            lines: 1,
            words: words(body),
            length: body.chars().count(),
            closed: usize::from(closed),
            labelled: usize::from(key(body).is_some()),
            bracketed: usize::from(is_bracketed(body)),
        }
    }

    fn add(&mut self, other: Self) {
        self.lines += other.lines;
        self.words += other.words;
        self.length += other.length;
        self.closed += other.closed;
        self.labelled += other.labelled;
        self.bracketed += other.bracketed;
    }
}

/// `(3 items)`, `[list continues]`: but `[Untitled]` is a name.
fn is_bracketed(body: &str) -> bool {
    let inside = body.strip_prefix(['(', '[', '（']).and_then(|rest| rest.strip_suffix([')', ']', '）']));
    inside.is_some_and(|inside| {
        inside.starts_with(|c: char| c.is_lowercase() || c.is_numeric())
            && inside.contains(char::is_whitespace)
    })
}

pub(super) fn of(text: &str) -> Edges {
    let mut between = Counts::default();
    let mut first = None;
    let mut held = None;
    let mut count = 0;
    for line in lines(text) {
        let plain = matches!(line.mark, Mark::Plain).then_some(line.body);
        if count == 0 {
            first = plain;
        } else if let Some((body, _)) = held.replace((line.body, plain)) {
            between.add(Counts::of(body));
        }
        count += 1;
    }
    let talk = |body: Option<&str>| body.is_some_and(|body| is_talk(body, between));
    Edges { first: talk(first), last: talk(held.and_then(|(_, plain)| plain)), lines: count }
}

/// Whether a line is talk, for what it has and hardly any of the `others` has.
fn is_talk(body: &str, others: Counts) -> bool {
    if others.lines < 2 {
        return false;
    }
    let own = Counts::of(body);
    let text = body.trim_matches(['*', '_', ' ']);
    let prose = Phrase::of(text).kind == Kind::Prose;
    let rare = |count: usize| count * 5 <= others.lines;
    let longer = own.length * others.lines > others.length;
    // One word that is prose is a sentence in a script without spaces.
    let sentence = own.closed > 0 && prose && !(2..=3).contains(&own.words) && longer;
    (sentence && rare(others.closed))
        || (noise::opens_talk(text) && prose && own.words >= 5 && others.words <= 4 * others.lines)
        || (own.bracketed > 0 && rare(others.bracketed))
        || (own.labelled > 0 && rare(others.labelled) && noise::is_about_the_list(text))
}
