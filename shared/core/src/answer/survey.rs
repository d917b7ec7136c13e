//! Looks a plain-text answer over before anything is taken from it.

use std::borrow::Cow;

use super::inline::{inline_list, is_aside, is_sentence, labelled_list, words};
use super::markup::{self, Strength};
use super::noise;
use super::sequence::Sequence;
use super::sink::{Entry, Origin};

/// A line that says something.
pub(super) struct Line<'a> {
    pub(super) indent: usize,
    pub(super) body: &'a str,
    pub(super) fenced: bool,
    pub(super) mark: Mark<'a>,
}

pub(super) enum Mark<'a> {
    Bullet(&'a str),
    Number(u32, Strength, Cow<'a, str>),
    Heading(&'a str),
    /// The content of an element that holds the whole line.
    Element(&'a str),
    /// A lone tag around elements.
    Tag,
    Plain,
}

/// The lines of `text`, without blank ones, rules, fences and the marks of quotations.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut fenced = false;
    text.split(['\n', '\r', '\u{2028}', '\u{2029}']).filter_map(move |line| {
        let unquoted = line.trim_start().strip_prefix("> ").unwrap_or(line);
        let indent =
            unquoted.chars().take_while(|c| c.is_whitespace()).map(|c| if c == '\t' { 4 } else { 1 }).sum();
        let body = unquoted.trim();
        if body.starts_with("~~~") || body.strip_prefix("```").is_some_and(|info| !info.contains('`')) {
            fenced = !fenced;
            return None;
        }
        let rule = body.len() >= 3 && body.bytes().all(|b| matches!(b, b'-' | b'*' | b'_' | b'=' | b' '));
        (!body.is_empty() && !rule).then(|| Line { indent, body, fenced, mark: mark(body) })
    })
}

fn mark(body: &str) -> Mark<'_> {
    if let Some(inside) = markup::unwrap_tag(body) {
        return Mark::Element(inside);
    }
    if ["ul", "ol", "items", "list", "answer", "response", "result", "results"].iter().any(|tag| {
        body.strip_prefix('<')
            .and_then(|rest| rest.strip_suffix('>'))
            .is_some_and(|name| name.trim_start_matches('/') == *tag)
    }) {
        return Mark::Tag;
    }
    let title = body.trim_start_matches('#');
    let heading = (1..=6).contains(&(body.len() - title.len())) && title.starts_with(' ');
    let text = if heading { title.trim_matches([' ', '#']) } else { body };
    if !heading && let Some(rest) = markup::bullet(body) {
        return Mark::Bullet(rest);
    }
    if let Some((count, strength, rest)) = markup::number(text) {
        return Mark::Number(count, strength, rest);
    }
    let bold = body.starts_with("**") || body.starts_with("__");
    if heading && !text.is_empty()
        || bold && markup::set_apart(body).is_some_and(|(_, rest)| matches!(rest, "" | ":"))
    {
        return Mark::Heading(text);
    }
    Mark::Plain
}

/// What the parts of an answer mean, decided over the whole of it.
#[derive(Debug, Default, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent findings, not states")]
pub(super) struct Plan {
    strong: bool,
    weak: bool,
    /// Lines without a mark are talk.
    pub(super) marked_only: bool,
    /// Marked lines below marked lines are the items, and those above them headings.
    pub(super) leaves: bool,
    /// Headings are the items.
    pub(super) headings: bool,
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
}

impl Plan {
    pub(super) fn of(text: &str) -> Self {
        let mut plan = Self::default();
        plan.settle_numbering(text);
        plan.settle_structure(text);
        plan
    }

    pub(super) fn is_numbering(&self, strength: Strength) -> bool {
        match strength {
            Strength::Strong => self.strong,
            Strength::Weak => self.weak,
        }
    }

    fn settle_numbering(&mut self, text: &str) {
        let mut numbers = Sequence::default();
        let mut peers = 0;
        for line in lines(text) {
            match &line.mark {
                Mark::Number(count, strength, _) => {
                    numbers.observe(Some((*count, *strength)));
                    peers += 1;
                }
                Mark::Plain => peers += usize::from(!is_aside(line.body)),
                Mark::Bullet(_) | Mark::Heading(_) | Mark::Element(_) | Mark::Tag => {}
            }
        }
        self.strong = numbers.lines(Strength::Strong, peers);
        self.weak = numbers.lines(Strength::Weak, peers);
    }

    fn settle_structure(&mut self, text: &str) {
        let mut seen = Seen::default();
        let mut nesting = Nesting::default();
        for line in lines(text) {
            seen.lines += 1;
            seen.fenced += usize::from(line.fenced);
            match &line.mark {
                Mark::Number(_, strength, rest) if self.is_numbering(*strength) => {
                    seen.mark(nesting.place(true, line.indent), rest, line.fenced);
                }
                Mark::Bullet(rest) => seen.mark(nesting.place(false, line.indent), rest, line.fenced),
                Mark::Element(_) | Mark::Tag => seen.marked += 1,
                Mark::Heading(_) => {
                    nesting = Nesting::default();
                    seen.headings += 1;
                }
                Mark::Plain | Mark::Number(..) => seen.plain(line.body),
            }
        }
        self.single = seen.lines == 1;
        self.leaves = seen.children >= 2 * seen.parents && seen.details * 2 < seen.children;
        self.marked_only = seen.marked >= 2 && seen.marked * 6 >= seen.lines;
        self.fenced_only =
            seen.fenced >= 1 && seen.marked_outside < 2 && (seen.fenced >= 2 || seen.content <= 1);
        self.headings = seen.headings > 0 && seen.marked == 0 && seen.short < seen.headings.min(2);
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
    parents: usize,
    children: usize,
    details: usize,
    headings: usize,
    /// Lines without a mark that are no talk.
    content: usize,
    short: usize,
    sentences: usize,
    lists_of_three: usize,
    lists_of_four: usize,
    labelled: usize,
}

impl Seen {
    fn mark(&mut self, place: Place, rest: &str, fenced: bool) {
        self.marked += 1;
        self.labelled += usize::from(labelled_list(rest).is_some());
        self.marked_outside += usize::from(!fenced);
        self.parents += usize::from(place == Place::FirstChild);
        if place != Place::Top {
            self.children += 1;
            let detail = rest.contains(": ") || rest.contains(":*") || rest.ends_with('.') || words(rest) > 6;
            self.details += usize::from(detail);
        }
    }

    fn plain(&mut self, body: &str) {
        let list = inline_list(body);
        self.lists_of_three += usize::from(list.is_some_and(|list| list.separators >= 2));
        self.lists_of_four += usize::from(list.is_some_and(|list| list.separators >= 3));
        let sentence = is_sentence(body);
        if list.is_some() || !noise::is_talk(Entry { text: body, origin: Origin::Line }) {
            self.content += 1;
            self.labelled += usize::from(labelled_list(body).is_some());
            self.sentences += usize::from(sentence);
            self.short += usize::from(!sentence);
        }
    }
}

/// Where a marked line stands among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Top,
    FirstChild,
    Child,
}

/// Follows the indentation of marked lines: bullets under numbers, and what is indented under bullets.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    top: Option<(bool, usize)>,
    open: bool,
}

impl Nesting {
    pub(super) fn place(&mut self, numbered: bool, indent: usize) -> Place {
        let child = match self.top {
            Some((true, _)) => !numbered,
            Some((false, top)) => indent >= top + 2,
            None => false,
        };
        if !child {
            self.top = Some((numbered, indent));
        }
        let first = child && !self.open;
        self.open = child;
        match (child, first) {
            (false, _) => Place::Top,
            (true, true) => Place::FirstChild,
            (true, false) => Place::Child,
        }
    }
}
