//! Looks a plain-text answer over before anything is taken from it.

use super::edges::{self, Edges};
use super::enumerator::{Number, Style, number, position};
use super::inline::{inline_list, is_aside, is_sentence, labelled_list, words};
use super::markup;
use super::nesting::{Levels, Nesting};
use super::noise;
use super::sequence::{Peers, Sequence};
use super::sink::{Entry, Origin};

/// A line that says something.
pub(super) struct Line<'a> {
    pub(super) indent: usize,
    pub(super) body: &'a str,
    pub(super) fenced: bool,
    /// It begins the text, or stands behind a blank line.
    pub(super) apart: bool,
    /// The text of a heading or of a line in bold, which may begin with a number.
    pub(super) title: Option<&'a str>,
    pub(super) mark: Mark<'a>,
}

pub(super) enum Mark<'a> {
    Bullet(&'a str),
    Number(Number<'a>),
    Heading(&'a str),
    /// The content of an element that holds the whole line.
    Element(&'a str),
    /// A lone tag around elements, or what typesets a list.
    Tag,
    Plain,
}

/// The lines of `text`, without blank ones, rules, fences and the marks of quotations.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut fenced = false;
    let mut apart = true;
    let mut rows =
        text.split(['\n', '\r', '\u{2028}', '\u{2029}', '\u{b}', '\u{c}']).flat_map(markup::rows).peekable();
    std::iter::from_fn(move || {
        loop {
            let line = rows.next()?;
            let unquoted = line.trim_start().strip_prefix("> ").unwrap_or(line);
            let indent = unquoted
                .chars()
                .take_while(|c| c.is_whitespace())
                .map(|c| if c == '\t' { 4 } else { 1 })
                .sum();
            let body = unquoted.trim();
            if body.starts_with("~~~") || body.strip_prefix("```").is_some_and(|info| !info.contains('`')) {
                fenced = !fenced;
                continue;
            }
            let rule = body.len() >= 3 && body.bytes().all(|b| matches!(b, b'-' | b'*' | b'_' | b'=' | b' '));
            if body.is_empty() || rule {
                apart = true;
                continue;
            }
            let underlined = rows.peek().is_some_and(|next| {
                let next = next.trim();
                next.len() >= 3 && next.bytes().all(|b| b == b'=')
            });
            let title = if underlined { Some(body) } else { title(body) };
            let line = Line { indent, body, fenced, apart, title, mark: mark(body, title) };
            apart = false;
            return Some(line);
        }
    })
}

/// What a heading says, or a line that is bold from end to end.
fn title(body: &str) -> Option<&str> {
    let title = body.trim_start_matches('#');
    if (1..=6).contains(&(body.len() - title.len())) && title.starts_with(' ') {
        return Some(title.trim_matches([' ', '#'])).filter(|title| !title.is_empty());
    }
    let bold = body.starts_with("**") || body.starts_with("__");
    let whole = || markup::set_apart(body).is_some_and(|(_, rest)| matches!(rest, "" | ":" | "："));
    (bold && whole()).then_some(body)
}

fn mark<'a>(body: &'a str, title: Option<&'a str>) -> Mark<'a> {
    if let Some(inside) = markup::unwrap_tag(body) {
        return Mark::Element(inside);
    }
    if is_lone_tag(body) {
        return Mark::Tag;
    }
    if title.is_none()
        && let Some(rest) = markup::bullet(body)
    {
        return Mark::Bullet(rest);
    }
    match (number(title.unwrap_or(body)), title) {
        (Some(number), _) => Mark::Number(number),
        (None, Some(title)) => Mark::Heading(title),
        (None, None) => Mark::Plain,
    }
}

fn is_lone_tag(body: &str) -> bool {
    const TAGS: [&str; 12] =
        ["ul", "ol", "dl", "items", "list", "answer", "response", "result", "results", "html", "body", "div"];
    let typeset = ["\\begin{", "\\end{", "<dd>"].iter().any(|start| body.starts_with(start));
    let tag = body.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    typeset || tag.is_some_and(|name| TAGS.contains(&name.trim_start_matches('/')))
}

/// What the parts of an answer mean, decided over the whole of it.
#[derive(Debug, Default, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent findings, not states")]
pub(super) struct Plan {
    /// Which styles of numbers count lines.
    numbering: [bool; Style::ALL.len()],
    /// Lines without a mark are talk.
    pub(super) marked_only: bool,
    /// Marked lines say something about the lines above them.
    pub(super) details: bool,
    /// The level of marked lines that are items: those above with some below are headings, those below details.
    pub(super) level: usize,
    /// Headings are the items.
    pub(super) headings: bool,
    /// Single letters are headings.
    pub(super) letters: bool,
    /// Lone tags are markup, not names of tags.
    pub(super) tags: bool,
    /// Only what stands in fences counts.
    pub(super) fenced_only: bool,
    /// Whole sentences are items.
    pub(super) sentences: bool,
    /// Each line holds a list of its own.
    pub(super) inline: bool,
    /// Each line holds a list behind a label.
    pub(super) labelled: bool,
    /// The whole answer is one line.
    pub(super) single: bool,
    /// Talk before and behind plain lines.
    pub(super) edges: Edges,
}

impl Plan {
    /// Of the numbers alone: which of them count lines.
    pub(super) fn of_numbers(text: &str) -> Self {
        let mut plan = Self::default();
        plan.settle_numbering(text);
        plan
    }

    pub(super) fn of(text: &str) -> Self {
        let mut plan = Self::of_numbers(text);
        plan.settle_structure(text);
        if !plan.marked_only {
            plan.edges = edges::of(text);
        }
        plan
    }

    /// Whether the number counts its line.
    pub(super) fn counts(&self, number: &Number<'_>) -> bool {
        self.numbering[number.style as usize]
            || (number.roman.is_some() && self.numbering[Style::Roman as usize])
    }

    fn settle_numbering(&mut self, text: &str) {
        let mut numbers = Sequence::default();
        let mut peers = Peers::default();
        let (mut strong, mut titles, mut headings) = (0, 0, 0);
        for line in lines(text) {
            match &line.mark {
                Mark::Number(number) => {
                    numbers.observe(number);
                    peers.all += 1;
                    titles += usize::from(line.title.is_some());
                    strong += usize::from(number.style == Style::Strong);
                }
                Mark::Plain => peers.all += usize::from(!is_aside(line.body)),
                Mark::Heading(_) => headings += 1,
                Mark::Bullet(_) | Mark::Element(_) | Mark::Tag => {}
            }
        }
        peers.all += if titles == peers.all { headings } else { 0 };
        let counted = numbers.counts_lines(Style::Strong, peers);
        peers.unnumbered = peers.all - if counted { strong } else { 0 };
        self.numbering = Style::ALL.map(|style| numbers.counts_lines(style, peers));
    }

    fn settle_structure(&mut self, text: &str) {
        let mut seen = Seen::default();
        let mut nesting = Nesting::default();
        for line in lines(text) {
            seen.lines += 1;
            seen.fenced += usize::from(line.fenced);
            seen.letters.follow(&line);
            match &line.mark {
                Mark::Number(number) if self.counts(number) => {
                    let level = nesting.place(Some(number.style), line.indent, number.count == 1);
                    seen.mark(level, &number.rest, line.fenced);
                }
                Mark::Bullet(rest) => seen.mark(nesting.place(None, line.indent, false), rest, line.fenced),
                Mark::Element(_) => {
                    seen.marked += 1;
                    seen.elements += 1;
                }
                Mark::Tag => {
                    seen.elements += usize::from(!line.body.starts_with('<') || line.body.contains('/'));
                }
                Mark::Plain | Mark::Number(_) if line.title.is_none() => {
                    seen.levels.reset();
                    seen.plain(line.body);
                }
                Mark::Heading(_) | Mark::Plain | Mark::Number(_) => {
                    nesting.reset();
                    seen.levels.reset();
                    seen.headings += 1;
                }
            }
        }
        self.single = seen.lines == 1;
        self.level = seen.levels.of_items();
        self.details = seen.levels.are_details() && seen.headings.max(seen.short) >= 2;
        self.tags = seen.elements > 0;
        self.marked_only = seen.marked >= 2 && seen.marked * 6 >= seen.lines && !self.details;
        self.fenced_only =
            seen.fenced >= 1 && seen.marked_outside < 2 && (seen.fenced >= 2 || seen.content <= 1);
        self.headings =
            seen.headings > 0 && (seen.marked == 0 || self.details) && seen.short < seen.headings.min(2);
        self.letters = seen.letters.are_headings();
        self.sentences = seen.sentences >= 3 && seen.sentences * 2 > seen.content && seen.headings == 0;
        self.inline = match seen.content {
            0 => false,
            1 => seen.lists_of_three == 1,
            several => seen.lists_of_four == several,
        } && !self.marked_only;
        let labels = if self.marked_only { seen.marked } else { seen.content };
        self.labelled = labels >= 2 && seen.labelled == labels;
    }
}

#[derive(Default)]
struct Seen {
    lines: usize,
    fenced: usize,
    marked: usize,
    marked_outside: usize,
    elements: usize,
    headings: usize,
    /// Lines without a mark that are no talk.
    content: usize,
    short: usize,
    sentences: usize,
    lists_of_three: usize,
    lists_of_four: usize,
    labelled: usize,
    levels: Levels,
    letters: Letters,
}

impl Seen {
    fn mark(&mut self, level: usize, rest: &str, fenced: bool) {
        self.marked += 1;
        self.labelled += usize::from(labelled_list(rest).is_some());
        self.marked_outside += usize::from(!fenced);
        self.levels.learn(level, rest);
    }

    fn plain(&mut self, body: &str) {
        let list = inline_list(body);
        self.lists_of_three += usize::from(list.is_some_and(|list| list.separators >= 2));
        self.lists_of_four += usize::from(list.is_some_and(|list| list.separators >= 3));
        let closed = body.ends_with('?') || (words(body) >= 4 && body.ends_with(['.', '!', '…']));
        let sentence = is_sentence(body) || closed;
        if list.is_some() || !noise::is_talk(Entry { text: body, origin: Origin::Line }) {
            self.content += 1;
            self.labelled += usize::from(labelled_list(body).is_some());
            self.sentences += usize::from(sentence);
            self.short += usize::from(!is_sentence(body));
        }
    }
}

/// Follows single letters on lines of their own, and whether names with that letter come behind them.
#[derive(Default)]
struct Letters {
    seen: usize,
    /// Each is the next letter of the alphabet.
    steps: usize,
    /// Each stands behind a blank line.
    apart: usize,
    followed: usize,
    first: u32,
    last: u32,
    open: Option<char>,
}

/// The letter that is all of a line: `B`, `B.`, `B:`.
pub(super) fn lone_letter(body: &str) -> Option<char> {
    let mut chars = body.trim_end_matches(['.', ':']).chars();
    chars.next().filter(|c| c.is_uppercase() && chars.next().is_none())
}

impl Letters {
    fn follow(&mut self, line: &Line<'_>) {
        let body = match &line.mark {
            Mark::Bullet(rest) | Mark::Element(rest) => *rest,
            Mark::Number(number) => &*number.rest,
            Mark::Heading(_) | Mark::Tag | Mark::Plain => line.body,
        };
        if let Some(letter) = self.open.take() {
            let first = body.chars().find(|c| c.is_alphanumeric());
            self.followed += usize::from(first.is_some_and(|c| c.to_uppercase().eq([letter])));
        }
        if let Some(letter) = lone_letter(body) {
            let place = position(letter).unwrap_or(0);
            self.steps += usize::from(self.seen > 0 && place == self.last + 1);
            self.apart += usize::from(line.apart);
            self.first = if self.seen == 0 { place } else { self.first };
            self.last = place;
            self.seen += 1;
            self.open = Some(letter);
        }
    }

    /// `A`, names with A, `B`, names with B: but `C`, `C++`, `D`, `Dart` are languages.
    fn are_headings(&self) -> bool {
        let apart = self.apart == self.seen || (self.seen >= 4 && self.first == 1);
        self.seen >= 2 && self.followed == self.seen && self.steps + 1 == self.seen && apart
    }
}
