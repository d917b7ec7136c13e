//! Answers as a table, in markdown or separated by commas: the items are the column that holds names.

use std::collections::BTreeSet;
use std::iter::Peekable;

use xxhash_rust::xxh3::xxh3_64;

use super::fields;
use super::inline;
use super::sink::{Entry, Origin, Sink};
use super::topic::Topic;

/// More columns than any table is meant to have.
const MAX_COLUMNS: usize = 16;

/// Headers of a column that only counts, or sorts, the rows.
const ORDINALS: [&str; 8] = ["", "#", "no", "no.", "nr", "rank", "number", "index"];

/// Takes the items of the table in `text`, if there is one.
pub(super) fn read(text: &str, sink: &mut Sink<'_>) -> bool {
    if let Some((column, separator)) = separated(text) {
        sink.take(|f| {
            for line in plain_rows(text).skip(1) {
                let cell = inline::pieces(line, separator).nth(column).unwrap_or_default();
                f(Entry { text: cell, origin: Origin::Value });
            }
        });
        return true;
    }
    let Some(column) = column(text, sink.topic()) else { return false };
    sink.take(|f| {
        for row in rows(text) {
            match row {
                Row::Cells(line) => {
                    let cell = cells(line).nth(column).unwrap_or_default().replace("\\|", "|");
                    f(Entry { text: &cell, origin: Origin::Value });
                }
                Row::Outside(line) => f(Entry { text: line, origin: Origin::Talk }),
                Row::Header(_) => {}
            }
        }
    });
    true
}

fn plain_rows(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("```"))
}

/// The column of the names and the separator, where a header names the columns and all rows have as many.
fn separated(text: &str) -> Option<(usize, char)> {
    let header = plain_rows(text).next()?;
    let separator = [',', ';', '\t'].into_iter().find(|separator| header.contains(*separator))?;
    let width = |line: &str| inline::pieces(line, separator).take(MAX_COLUMNS).count();
    let columns = width(header);
    let even = plain_rows(text).all(|line| width(line) == columns);
    let name = |header: &str| fields::is_name(header.trim().trim_matches('"'));
    let at = inline::pieces(header, separator).position(name)?;
    (columns >= 2 && even && plain_rows(text).nth(2).is_some()).then_some((at, separator))
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
    /// What the header is worth as that of names.
    tier: usize,
    values: BTreeSet<u64>,
}

fn column(text: &str, topic: &Topic) -> Option<usize> {
    let mut columns: [Column; MAX_COLUMNS] = Default::default();
    let mut data = 0_usize;
    for row in rows(text) {
        match row {
            Row::Header(line) => {
                for (column, header) in columns.iter_mut().zip(cells(line)) {
                    let header = header.trim_matches(['*', '_', '`']).to_lowercase();
                    column.ordinal |= ORDINALS.contains(&header.as_str());
                    column.tier = fields::tier(&header, "", topic);
                }
            }
            Row::Cells(line) => {
                data += 1;
                for (column, cell) in columns.iter_mut().zip(cells(line)) {
                    let cell = cell.trim_matches(['*', '_', '.', ')']);
                    column.filled += usize::from(!cell.is_empty());
                    column.numeric +=
                        usize::from(!cell.is_empty() && cell.chars().all(|c| c.is_numeric() || c == ','));
                    column.values.insert(xxh3_64(cell.as_bytes()));
                }
            }
            Row::Outside(_) => {}
        }
    }
    if data == 0 {
        return None;
    }
    let telling = |column: &Column| {
        let numbers = column.numeric * 2 > column.filled && column.tier >= fields::OTHER;
        column.filled * 2 > data && !numbers && !column.ordinal
    };
    let cost = |column: &Column| column.tier + 100 * usize::from(data > 1 && column.values.len() * 2 <= data);
    let best = columns
        .iter()
        .enumerate()
        .filter(|(_, column)| telling(column))
        .min_by_key(|(_, column)| cost(column));
    best.map(|(at, _)| at).or_else(|| columns.iter().position(|column| column.filled > 0))
}
