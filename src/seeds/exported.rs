//! Lists that igentai itself has exported: the items in them, without the numbers.

use std::path::Path;

use igentai_webserver::api::dto::Attribute;

use crate::topics::inert::text_of_csv_cell;

/// The first line of an export as CSV.
pub(crate) const CSV_HEADER: &str = "seq,text";

/// A line that does not fit the form that the file has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// Its number, from 1.
    pub(super) line: usize,
    pub(super) wanted: &'static str,
}

/// The items of an export, known by its header, by its shape, or by its name with the shape; `None` where it is another list.
pub(super) fn items(file: &Path, text: &str) -> Option<Result<Vec<String>, Misfit>> {
    let is_named = |ending: &str| file.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()).peekable();
    let (_, first) = lines.peek().copied()?;
    if first.trim_end() == CSV_HEADER || is_named("csv") && row(first).is_some() {
        // A header stands again where exports were put behind one another.
        let rows = lines.filter(|(_, line)| line.trim_end() != CSV_HEADER);
        return Some(all(rows, row, "a number, a comma and an item"));
    }
    (is_named("jsonl") || object(first).is_some())
        .then(|| all(lines, object, "a JSON object such as {\"seq\":1,\"text\":\"Wren\"}"))
}

fn all<'a>(
    mut lines: impl Iterator<Item = (usize, &'a str)>,
    read: fn(&str) -> Option<String>,
    wanted: &'static str,
) -> Result<Vec<String>, Misfit> {
    lines.try_fold(Vec::new(), |mut items, (line, text)| {
        items.push(read(text).ok_or(Misfit { line, wanted })?);
        Ok(items)
    })
}

fn row(line: &str) -> Option<String> {
    let (number, cell) = line.split_once(',')?;
    number.parse::<u64>().ok()?;
    text_of_csv_cell(cell.trim_end_matches('\r'))
}

fn object(line: &str) -> Option<String> {
    serde_json::from_str::<Attribute>(line).ok().map(|item| item.text)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::topics::inert::csv_cell;

    fn read(file: &str, text: &str) -> Option<Result<Vec<String>, Misfit>> {
        items(Path::new(file), text)
    }

    #[test]
    fn what_was_exported_is_read_as_it_was_found() {
        let texts = ["Wren", "Tit, blue", "The \"Owl\"", "=1+1", "-5 °C", "'s-Hertogenbosch", "1984", " x "];
        let rows = texts.iter().zip(1..).map(|(text, seq)| format!("{seq},{}\r\n", csv_cell(text)));
        let csv = rows.collect::<Vec<_>>().concat();
        let jsonl: String = texts
            .iter()
            .zip(1..)
            .map(|(text, seq)| {
                let item = Attribute { seq, text: (*text).to_owned(), doubted: seq == 2 };
                serde_json::to_string(&item).unwrap() + "\n"
            })
            .collect();
        for (file, text) in [
            ("known", format!("{CSV_HEADER}\r\n{csv}")),
            ("known.CSV", csv.clone()),
            ("known.txt", jsonl.clone()),
            ("known.jsonl", format!("\n{jsonl}")),
        ] {
            assert_eq!(read(file, &text).unwrap().unwrap(), texts, "{file}");
        }
    }

    #[test]
    fn another_list_is_left_alone_and_a_line_that_does_not_fit_is_told() {
        for (file, text) in [
            ("known.csv", "Wren,small\nOwl,large\n"),
            ("known.csv", "1,Wren,small\n2,Owl,large\n"),
            ("known.txt", "1,Wren\n2,Owl\n"),
            ("known.txt", "{Wren}\n"),
            ("known.txt", ""),
            ("known.jsonl", "\n"),
        ] {
            assert_eq!(read(file, text), None, "{file}: {text}");
        }
        let line = |file: &str, text: &str| read(file, text).unwrap().unwrap_err().line;
        assert_eq!(line("a", "seq,text\n1,Wren\nOwl\n"), 3);
        assert_eq!(line("a", "seq,text\n1,\"Wren\n"), 2);
        assert_eq!(line("a.jsonl", "{\"seq\":1,\"text\":\"Wren\"}\n\n\"Owl\"\n"), 3);
        assert_eq!(line("a.jsonl", "Wren\n"), 1);
    }
}
