//! The only place that writes to standard output and standard error. A reader that went away is no reason to fail; what cannot be written for another
//! reason (a full disk) is said at once, and the process fails by it in the end.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::exit::{Exit, Failure};

/// Something was not written.
static LOST: AtomicBool = AtomicBool::new(false);

/// A line on standard output.
pub(crate) fn line(text: &str) {
    line_read(text);
}

/// A line on standard output; `false` when its reader has gone.
pub(crate) fn line_read(text: &str) -> bool {
    let mut out = io::stdout().lock();
    let written =
        out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    drop(out);
    written.map_or_else(|error| !has_no_reader(&error), |()| true)
}

/// Whether the reader has gone; any other failure is noted, and said when it is the first.
pub(crate) fn has_no_reader(failure: &io::Error) -> bool {
    let gone = failure.kind() == io::ErrorKind::BrokenPipe;
    if !gone && !LOST.swap(true, Ordering::Relaxed) {
        error(&format!("standard output cannot be written: {failure}"));
    }
    gone
}

/// Whether something that belonged on standard output is not there, though somebody may read it.
pub(crate) fn is_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// Standard output, for what is longer than a line; who writes there decides what a reader that went away means.
pub(crate) fn standard_output() -> io::Stdout {
    io::stdout()
}

/// Writes a whole text; a reader that went away has seen enough.
pub(crate) fn write_all(out: &mut dyn Write, text: &str) -> Result<(), Failure> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Failed, format!("the output cannot be written: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A line on standard error.
pub(crate) fn note(text: &str) {
    let mut err = io::stderr().lock();
    err.write_all(text.as_bytes()).and_then(|()| err.write_all(b"\n")).unwrap_or_default();
}

/// As it is, on standard error: for what draws there.
pub(crate) fn draw(text: &str) -> io::Result<()> {
    let mut err = io::stderr().lock();
    err.write_all(text.as_bytes())?;
    err.flush()
}

/// `1 answer`, `2 answers`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

/// In percent, rounded down to a tenth: all is never said while something is missing.
pub(crate) fn percent(share: f64) -> f64 {
    (share * 1_000.0).floor() / 10.0
}

/// Columns below each other, two spaces in, the first row as their heads; numbers stand at the right of their column.
pub(crate) fn table<const N: usize>(rows: &[[String; N]], is_number: impl Fn(usize) -> bool) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    let mut text = String::new();
    for row in rows {
        let mut line = String::from("  ");
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let gap = " ".repeat(width - cell.chars().count());
            let (before, after) = if is_number(column) { (gap.as_str(), "") } else { ("", gap.as_str()) };
            line.extend([before, cell, after, "  "]);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Coverage by the unconditioned sample: what was asked for skews the other one.
pub(crate) fn free_coverage(coverage: f64, newest: u64) -> String {
    let percent = percent(coverage);
    format!(
        "{percent:.1} % by the newest {newest} answers about the whole topic that were to leave nothing out"
    )
}

/// Why the process ends.
pub(crate) fn error(text: &str) {
    note(&format!("igentai: {text}"));
}
