//! Answers in lines of text: lists with bullets or numbers, with headings and talk, plain lines, lists in one line.

use std::borrow::Cow;

use super::inline::{self, InlineList};
use super::nesting::Nesting;
use super::sink::{Entry, Origin, Sink};
use super::survey::{self, Line, Mark, Plan};
use super::{markup, noise, records};

/// `text` without its last line, or the last piece of its only line, unless that was finished by a line break.
pub(super) fn without_unfinished(text: &str) -> &str {
    let end = text.rfind('\n').or_else(|| text.rfind([',', ';'])).map_or(0, |at| at + 1);
    &text[..end]
}

/// Takes the items of an answer in lines.
pub(super) fn read(text: &str, sink: &mut Sink<'_>) {
    if let Some(key) = records::key(text) {
        return sink.take(|f| records::each(text, &key, f));
    }
    let plan = Plan::of(text);
    sink.take(|f| each(text, plan, f));
}

/// Walks through the entries. A marked line waits for the next one, which may show that it is a heading.
fn each(text: &str, plan: Plan, f: &mut dyn FnMut(Entry<'_>)) {
    let mut nesting = Nesting::default();
    let mut waiting = Waiting::default();
    let mut offered = false;
    for (index, line) in survey::lines(text).enumerate() {
        let counter = match &line.mark {
            Mark::Number(number) if plan.counts(number) => Some(Some(number)),
            Mark::Bullet(_) => Some(None),
            Mark::Number(_) | Mark::Heading(_) | Mark::Element(_) | Mark::Tag | Mark::Plain => None,
        };
        let Some(number) = counter else {
            waiting.flush(f);
            if line.title.is_some() {
                nesting.reset();
            }
            let edge = (index == 0 && plan.edges.first) || (index + 1 == plan.edges.lines && plan.edges.last);
            offered |= index > 1 && plan.marked_only && noise::is_offer(line.body);
            unmarked(&line, plan, edge, f);
            continue;
        };
        let name = match (number, &line.mark) {
            (Some(number), _) => Cow::Owned(markup::without_check_box(&number.rest).to_owned()),
            (None, Mark::Bullet(rest)) => Cow::Borrowed(*rest),
            (None, _) => Cow::Borrowed(line.body),
        };
        if let Some(list) = inline::labelled_list(&name).filter(|_| plan.labelled) {
            waiting.flush(f);
            split(&list, f);
            continue;
        }
        let first = number.is_some_and(|number| number.count == 1);
        let level = nesting.place(number.map(|number| number.style), line.indent, first);
        let origin = if number.is_some() { Origin::Numbered } else { Origin::Listed };
        let talk = (plan.fenced_only && !line.fenced) || plan.details || offered || level > plan.level;
        if talk || (plan.letters && survey::lone_letter(&name).is_some()) {
            if level > plan.level {
                waiting.flush(f);
            }
            f(Entry { text: &name, origin: Origin::Talk });
        } else {
            waiting.put(name, level, origin, f);
        }
        if let Some(number) = number
            && plan.single
            && let Some(text) = waiting.text.take()
        {
            split_numbers(&text, number.count + 1, f);
        }
    }
    waiting.flush(f);
}

/// A marked line that waits for the next one.
#[derive(Default)]
struct Waiting<'a> {
    text: Option<Cow<'a, str>>,
    level: usize,
    origin: Option<Origin>,
}

impl<'a> Waiting<'a> {
    /// Hands on the line that waits: as a heading if the new one stands below it.
    fn put(&mut self, text: Cow<'a, str>, level: usize, origin: Origin, f: &mut dyn FnMut(Entry<'_>)) {
        if level > self.level
            && let Some(heading) = self.text.take()
        {
            f(Entry { text: &heading, origin: Origin::Talk });
        }
        self.flush(f);
        *self = Self { text: Some(text), level, origin: Some(origin) };
    }

    fn flush(&mut self, f: &mut dyn FnMut(Entry<'_>)) {
        if let Some(text) = self.text.take() {
            f(Entry { text: &text, origin: self.origin.unwrap_or(Origin::Listed) });
        }
    }
}

fn unmarked(line: &Line<'_>, plan: Plan, edge: bool, f: &mut dyn FnMut(Entry<'_>)) {
    let (text, origin) = match &line.mark {
        Mark::Element(inside) => (*inside, Origin::Listed),
        Mark::Tag => (line.body, if plan.tags { Origin::Talk } else { Origin::Line }),
        Mark::Heading(_) | Mark::Number(_) | Mark::Plain if line.title.is_some() => {
            (line.title.unwrap_or(line.body), if plan.headings { Origin::Listed } else { Origin::Talk })
        }
        Mark::Heading(_) | Mark::Plain | Mark::Number(_) | Mark::Bullet(_) => {
            let list = if plan.labelled {
                inline::labelled_list(line.body)
            } else {
                inline::inline_list(line.body).filter(|_| plan.inline)
            };
            if let Some(list) = list {
                return split(&list, f);
            }
            let sentence =
                if plan.sentences { inline::is_prose(line.body) } else { inline::is_sentence(line.body) };
            let letter = plan.letters && survey::lone_letter(line.body).is_some();
            let talk = plan.marked_only || sentence || letter || edge || (plan.headings && !line.fenced);
            (line.body, if talk { Origin::Talk } else { Origin::Line })
        }
    };
    let outside = plan.fenced_only && !line.fenced;
    f(Entry { text, origin: if outside { Origin::Talk } else { origin } });
}

fn split(list: &InlineList<'_>, f: &mut dyn FnMut(Entry<'_>)) {
    inline::pieces(list.text, list.separator)
        .map(|piece| inline::without_conjunction(piece.trim()))
        .filter(|piece| !piece.is_empty())
        .for_each(|text| f(Entry { text, origin: Origin::Listed }));
}

/// `1. Louvre 2. Orsay 3. Pompidou` in one line, whose first number is gone already.
fn split_numbers(text: &str, next: u32, f: &mut dyn FnMut(Entry<'_>)) {
    let ends = [". ", ") "];
    let end = ends.into_iter().find(|end| text.contains(&format!(" {next}{end}"))).unwrap_or_default();
    let mut rest = text;
    for number in next.. {
        let Some((name, after)) = rest.split_once(&format!(" {number}{end}")).filter(|_| !end.is_empty())
        else {
            break;
        };
        f(Entry { text: name, origin: Origin::Numbered });
        rest = after;
    }
    f(Entry { text: rest, origin: Origin::Numbered });
}
