//! Texts of models and servers, fit for a terminal.

use std::borrow::Cow;

/// The text on one line, without what a terminal obeys: control characters, and those that change the direction of writing. The server
/// cleans items already; this one trusts nobody.
pub(crate) fn inert(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_active) {
        Cow::Owned(text.chars().filter_map(replaced).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// What a formula begins with. A spreadsheet with an East Asian language takes the full-width ones for the same.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// A cell of a CSV file: inert, quoted where need be, and never a formula for a spreadsheet.
pub(crate) fn csv_cell(text: &str) -> String {
    let text = inert(text);
    let text = if text.starts_with(FORMULA) { Cow::Owned(format!("'{text}")) } else { text };
    if text.contains([',', '"', ';']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into_owned()
    }
}

/// What a cell of such a file holds; `None` where it is not one cell.
pub(crate) fn text_of_csv_cell(cell: &str) -> Option<String> {
    let text = match cell.strip_prefix('"') {
        None => Some(cell.to_owned()).filter(|cell| !cell.contains([',', '"'])),
        Some(quoted) => {
            let inside = quoted.strip_suffix('"')?;
            let is_whole = !inside.replace("\"\"", "").contains('"');
            is_whole.then(|| inside.replace("\"\"", "\""))
        }
    }?;
    let formula = text.strip_prefix('\'').filter(|rest| rest.starts_with(FORMULA));
    Some(formula.map(str::to_owned).unwrap_or(text))
}

fn replaced(c: char) -> Option<char> {
    match c {
        '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => Some(' '),
        c if is_active(c) => None,
        c => Some(c),
    }
}

fn is_active(c: char) -> bool {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_taken_out() {
        assert_eq!(inert("a\u{1b}[31mb\u{7}\u{9b}c\nd\te"), "a[31mbc d e");
        assert_eq!(inert("\u{202e}drowssap\u{2066}"), "drowssap");
        assert!(matches!(inert("Musée d’Orsay 👩‍🎨"), Cow::Borrowed("Musée d’Orsay 👩‍🎨")));
    }

    #[test]
    fn a_csv_cell_is_never_a_formula_and_always_one_cell() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+33 1", "'+33 1"),
            ("-5 °C", "'-5 °C"),
            ("@sum", "'@sum"),
            ("＝1+1", "'＝1+1"),
            ("＋1", "'＋1"),
            ("－1", "'－1"),
            ("＠sum", "'＠sum"),
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            ("\u{1b}=1", "'=1"),
        ] {
            assert_eq!(csv_cell(text), cell, "{text}");
        }
    }
}
