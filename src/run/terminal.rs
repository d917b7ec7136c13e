//! The terminal that the bar is drawn on.

use std::fmt::Write as _;
use std::io;
use std::sync::{Mutex, PoisonError};

use indicatif::TermLike;

use crate::output;

/// Columns at the right that stay free. The cursor waits behind the bar, where a terminal shows the `^C` of whoever presses it: were there no room,
/// it would go to the next line, and the bar above it would never be cleared.
const FREE: u16 = 3;

/// What a terminal has that does not say it.
const USUAL: u16 = 80;

/// Columns that the bar may take.
pub(super) fn columns() -> u16 {
    let size = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
    let all = if size == 0 { USUAL } else { size };
    all.saturating_sub(FREE).max(1)
}

/// Standard error; what is drawn is shown at once, when it is whole.
#[derive(Debug, Default)]
pub(super) struct Terminal {
    drawn: Mutex<String>,
}

impl Terminal {
    fn put(&self, what: std::fmt::Arguments<'_>) -> io::Result<()> {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        drawn.write_fmt(what).map_err(io::Error::other)
    }

    /// To move by none would be to move by one.
    fn go(&self, count: usize, way: char) -> io::Result<()> {
        if count == 0 { Ok(()) } else { self.put(format_args!("\u{1b}[{count}{way}")) }
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        columns()
    }

    fn move_cursor_up(&self, count: usize) -> io::Result<()> {
        self.go(count, 'A')
    }

    fn move_cursor_down(&self, count: usize) -> io::Result<()> {
        self.go(count, 'B')
    }

    fn move_cursor_right(&self, count: usize) -> io::Result<()> {
        self.go(count, 'C')
    }

    fn move_cursor_left(&self, count: usize) -> io::Result<()> {
        self.go(count, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.put(format_args!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.put(format_args!("{text}"))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.put(format_args!("\r\u{1b}[2K"))
    }

    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.drawn.lock().unwrap_or_else(PoisonError::into_inner));
        output::draw(&drawn)
    }
}
