//! Answers as a markdown table: the items are the first column that says something.

use std::iter::Peekable;

use super::sink::{Entry, Origin, Sink};

/// More columns than any table is meant to have.
const MAX_COLUMNS: usize = 16;

/// Headers of a column that only counts, or sorts, the rows.
const ORDINALS: [&str; 9] = ["", "#", "no", "no.", "nr", "rank", "number", "index", "id"];
const GROUPS: [&str; 5] = ["category", "type", "group", "section", "region"];
const NAMES: [&str; 8] = ["name", "title", "item", "entity", "attribute", "example", "entry", "term"];

/// Takes the items of the table in `text`, if there is one.
pub(super) fn read(text: &str, sink: &mut Sink) -> bool {
    let Some(column) = column(text) else { return false };
    sink.take(|f| {
        for row in rows(text) {
            match row {
                Row::Cells(line) => {
                    let cell = cells(line).nth(column).unwrap_or_default().replace("\\|", "|");
                    f(Entry { text: &cell, origin: Origin::Listed });
                }
                Row::Outside(line) => f(Entry { text: line, origin: Origin::Talk }),
                Row::Header(_) => {}
            }
        }
    });
    true
}

enum Row<'a> {
    Header(&'a str),
    Cells(&'a str),
    Outside(&'a str),
}

/// The rows of all tables, told apart by the lines of dashes under the headers.
fn rows(text: &str) -> impl Iterator<Item = Row<'_>> {
    let mut inside = false;
    let mut lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("```")).peekable();
    std::iter::from_fn(move || {
        loop {
            let line = lines.next()?;
            if is_divider(line) {
                continue;
            }
            inside = (inside || next_is_divider(&mut lines)) && line.contains('|');
            return Some(match (inside, next_is_divider(&mut lines)) {
                (true, true) => Row::Header(line),
                (true, false) => Row::Cells(line),
                (false, _) => Row::Outside(line),
            });
        }
    })
}

fn next_is_divider<'a>(lines: &mut Peekable<impl Iterator<Item = &'a str>>) -> bool {
    lines.peek().is_some_and(|line| is_divider(line))
}

fn is_divider(line: &str) -> bool {
    line.contains('|')
        && line.contains("--")
        && line.bytes().all(|b| matches!(b, b'|' | b'-' | b':' | b'+' | b' '))
}

fn cells(line: &str) -> impl Iterator<Item = &str> {
    let line = line.strip_prefix('|').unwrap_or(line);
    let mut rest = Some(line.strip_suffix('|').filter(|inner| !inner.ends_with('\\')).unwrap_or(line));
    std::iter::from_fn(move || {
        let line = rest?;
        let end = line.match_indices('|').map(|(at, _)| at).find(|at| !line[..*at].ends_with('\\'));
        rest = end.map(|at| &line[at + 1..]);
        Some(line[..end.unwrap_or(line.len())].trim())
    })
}

#[derive(Default)]
struct Column {
    filled: usize,
    numeric: usize,
    ordinal: bool,
    group: bool,
    name: bool,
}

fn column(text: &str) -> Option<usize> {
    let mut columns: [Column; MAX_COLUMNS] = Default::default();
    let mut data = 0_usize;
    for row in rows(text) {
        match row {
            Row::Header(line) => {
                for (column, header) in columns.iter_mut().zip(cells(line)) {
                    let header = header.trim_matches(['*', '_', '`']).to_lowercase();
                    column.ordinal |= ORDINALS.contains(&header.as_str());
                    column.group |= GROUPS.contains(&header.as_str());
                    column.name |= NAMES.contains(&header.as_str());
                }
            }
            Row::Cells(line) => {
                data += 1;
                for (column, cell) in columns.iter_mut().zip(cells(line)) {
                    let cell = cell.trim_matches(['*', '_', '.', ')']);
                    column.filled += usize::from(!cell.is_empty());
                    column.numeric +=
                        usize::from(!cell.is_empty() && cell.chars().all(|c| c.is_numeric() || c == ','));
                }
            }
            Row::Outside(_) => {}
        }
    }
    if data == 0 {
        return None;
    }
    let telling =
        |column: &Column| column.filled * 2 > data && column.numeric * 2 <= column.filled && !column.ordinal;
    let find = |wanted: &dyn Fn(&Column) -> bool| columns.iter().position(wanted);
    find(&|column| column.name && column.filled * 2 > data)
        .or_else(|| find(&|column| telling(column) && !column.group))
        .or_else(|| find(&telling))
        .or_else(|| find(&|column| column.filled > 0))
}
