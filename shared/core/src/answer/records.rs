//! Answers in blocks of fields: `name: Louvre`, `type: museum`, and again, as YAML or forms have them.

use super::fields;
use super::nesting;
use super::sink::{Entry, Origin};
use super::survey::{Line, Mark, lines};

/// The field that holds the names, in lower case, if the answer consists of records.
pub(super) fn key(text: &str) -> Option<String> {
    let mut best: Option<(String, usize)> = None;
    let (mut all, mut keyed) = (0_usize, 0_usize);
    for line in lines(text) {
        all += 1;
        let Some((key, _)) = field(&line) else { continue };
        keyed += 1;
        if !fields::is_name(&key) {
            continue;
        }
        match &mut best {
            Some((best, count)) if *best == key => *count += 1,
            Some(_) => {}
            None => best = Some((key, 1)),
        }
    }
    best.filter(|(_, count)| *count >= 2 && keyed * 3 >= all * 2).map(|(key, _)| key)
}

/// Walks through the names; all else is talk.
pub(super) fn each(text: &str, name: &str, f: &mut dyn FnMut(Entry<'_>)) {
    for line in lines(text) {
        match field(&line) {
            Some((key, value)) if key == name => f(Entry { text: value, origin: Origin::Value }),
            _ => f(Entry { text: line.body, origin: Origin::Talk }),
        }
    }
}

/// The field of a line, its key in lower case.
fn field<'a>(line: &'a Line<'_>) -> Option<(String, &'a str)> {
    let text = match &line.mark {
        Mark::Bullet(rest) | Mark::Element(rest) | Mark::Heading(rest) => rest,
        Mark::Number(number) => &*number.rest,
        Mark::Tag | Mark::Plain => line.body,
    };
    let key = nesting::key(text)?;
    let (_, value) = text.split_once([':', '：'])?;
    Some((key.to_lowercase(), value.trim_matches(['*', '_', ' ', ','])))
}
