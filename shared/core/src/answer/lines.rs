//! Answers in lines of text: lists with bullets or numbers, with headings and talk, plain lines, lists in one line.

use std::borrow::Cow;

use super::inline::{self, InlineList};
use super::sink::{Entry, Origin, Sink};
use super::survey::{self, Line, Mark, Nesting, Place, Plan};

/// `text` without its last line, or the last piece of its only line, unless that was finished by a line break.
pub(super) fn without_unfinished(text: &str) -> &str {
    let end = text.rfind('\n').or_else(|| text.rfind([',', ';'])).map_or(0, |at| at + 1);
    &text[..end]
}

/// Takes the items of an answer in lines.
pub(super) fn read(text: &str, sink: &mut Sink) {
    let plan = Plan::of(text);
    sink.take(|f| each(text, plan, f));
}

/// Walks through the entries. A marked line waits for the next one, which may show that it is a heading.
fn each(text: &str, plan: Plan, f: &mut dyn FnMut(Entry<'_>)) {
    let mut nesting = Nesting::default();
    let mut waiting: Option<(Cow<'_, str>, Origin)> = None;
    for line in survey::lines(text) {
        let marked = match &line.mark {
            Mark::Number(_, strength, rest) if plan.is_numbering(*strength) => Some((true, rest.clone())),
            Mark::Bullet(rest) => Some((false, Cow::Borrowed(*rest))),
            Mark::Number(..) | Mark::Heading(_) | Mark::Element(_) | Mark::Tag | Mark::Plain => None,
        };
        let Some((numbered, name)) = marked else {
            flush(&mut waiting, f);
            if matches!(line.mark, Mark::Heading(_)) {
                nesting = Nesting::default();
            }
            unmarked(&line, plan, f);
            continue;
        };
        if let Some(list) = inline::labelled_list(&name).filter(|_| plan.labelled) {
            flush(&mut waiting, f);
            split(&list, f);
            continue;
        }
        let place = nesting.place(numbered, line.indent);
        let origin = if numbered { Origin::Numbered } else { Origin::Listed };
        if plan.fenced_only && !line.fenced {
            f(Entry { text: &name, origin: Origin::Talk });
        } else if place == Place::Top {
            flush(&mut waiting, f);
            waiting = Some((name, origin));
        } else if plan.leaves {
            if let Some((heading, _)) = waiting.take() {
                f(Entry { text: &heading, origin: Origin::Talk });
            }
            f(Entry { text: &name, origin });
        } else {
            flush(&mut waiting, f);
            f(Entry { text: &name, origin: Origin::Talk });
        }
        if let Mark::Number(count, ..) = line.mark
            && plan.single
            && let Some((text, _)) = waiting.take()
        {
            split_numbers(&text, count + 1, f);
        }
    }
    flush(&mut waiting, f);
}

fn flush(waiting: &mut Option<(Cow<'_, str>, Origin)>, f: &mut dyn FnMut(Entry<'_>)) {
    if let Some((text, origin)) = waiting.take() {
        f(Entry { text: &text, origin });
    }
}

fn unmarked(line: &Line<'_>, plan: Plan, f: &mut dyn FnMut(Entry<'_>)) {
    let (text, origin) = match &line.mark {
        Mark::Element(inside) => (*inside, Origin::Listed),
        Mark::Tag => (line.body, Origin::Talk),
        Mark::Heading(title) => (*title, if plan.headings { Origin::Listed } else { Origin::Talk }),
        Mark::Plain | Mark::Number(..) | Mark::Bullet(_) => {
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
            let talk = plan.marked_only || sentence || (plan.headings && !line.fenced);
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
