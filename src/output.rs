//! The only place that writes to standard output and standard error. A reader that went away is no reason to fail.

use std::io::{self, Write};

/// A line on standard output.
pub(crate) fn line(text: &str) {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush())
        .unwrap_or_default();
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

/// Why the process ends.
pub(crate) fn error(text: &str) {
    note(&format!("igentai: {text}"));
}
