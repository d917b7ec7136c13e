//! The only place that writes to standard output and standard error. A reader that went away is no reason to fail.

use std::io::{self, Write};

/// A line on standard output.
pub(crate) fn line(text: &str) {
    line_read(text);
}

/// A line on standard output; `false` when its reader has gone.
pub(crate) fn line_read(text: &str) -> bool {
    let mut out = io::stdout().lock();
    let written =
        out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    written.map_or_else(|error| error.kind() != io::ErrorKind::BrokenPipe, |()| true)
}

/// Standard output, for what is longer than a line; who writes there decides what a reader that went away means.
pub(crate) fn standard_output() -> io::Stdout {
    io::stdout()
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

/// Why the process ends.
pub(crate) fn error(text: &str) {
    note(&format!("igentai: {text}"));
}
