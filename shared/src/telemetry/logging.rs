//! Logs, on standard error.
//!
//! `tracing-subscriber` makes escape sequences inert in messages only, not in fields, and field values come from models and
//! people. Hence every line passes through a writer that lets no control character through but the line's own end.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::sync::Arc;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{LogConfig, LogFormat, is_bidi_control};

/// What libraries may say; directives of the user's own for the same target prevail.
const LIBRARIES: &str = "amq_protocol=warn,async_rs=warn,hyper=warn,hyper_util=warn,h2=warn,reqwest=warn,rustls=warn,\
                         redis=warn,tower=warn,tower_http=warn,mio=warn";

/// The client of the broker calls every lost connection several errors. What happened is said by whoever holds the connection, so its own
/// words are for those who look closer.
const fn broker_client(closer: bool) -> &'static str {
    if closer { "lapin=warn" } else { "lapin=off" }
}

/// Whether everybody's debug lines are wanted.
fn looks_closer(level: &str) -> bool {
    let mut levels = level.split(',').map(str::trim);
    levels.any(|level| ["debug", "trace"].iter().any(|closer| level.eq_ignore_ascii_case(closer)))
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The level is neither a level nor directives.
    #[error("log.level is not valid; use error, warn, info, debug, trace, off or directives")]
    Level(#[source] tracing_subscriber::filter::ParseError),
    /// This process has a logger already.
    #[error("logging is set up already")]
    Twice(#[source] tracing::subscriber::SetGlobalDefaultError),
}

/// Takes a finished line, its end included.
pub type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// Logs to standard error from here on. With `interactive` (it is a terminal) warnings and errors are coloured in text format.
pub fn init(config: &LogConfig, interactive: bool) -> Result<(), LoggingError> {
    init_to(config, interactive, standard_error())
}

/// Like [`init`], with a place of the caller's own for the lines: a progress bar steps aside for them.
pub fn init_to(config: &LogConfig, interactive: bool, sink: Sink) -> Result<(), LoggingError> {
    tracing::subscriber::set_global_default(subscriber(config, interactive, sink)?)
        .map_err(LoggingError::Twice)
}

/// Writes whole lines to standard error; one that cannot be written is lost, since there is nowhere to say so.
#[must_use]
pub fn standard_error() -> Sink {
    Arc::new(|line| io::stderr().lock().write_all(line.as_bytes()).unwrap_or_default())
}

fn subscriber(
    config: &LogConfig,
    interactive: bool,
    sink: Sink,
) -> Result<Box<dyn Subscriber + Send + Sync>, LoggingError> {
    let directives = format!("{LIBRARIES},{},{}", broker_client(looks_closer(&config.level)), config.level);
    let filter = EnvFilter::builder().parse(directives).map_err(LoggingError::Level)?;
    let format = config.format;
    let lines = Lines { sink, format, colour: interactive && format == LogFormat::Text };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(lines);
    Ok(match format {
        LogFormat::Text => Box::new(builder.finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).with_span_list(false).finish()),
    })
}

struct Lines {
    sink: Sink,
    format: LogFormat,
    colour: bool,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Inert<'a>;

    fn make_writer(&'a self) -> Inert<'a> {
        Inert { lines: self, colour: None }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Inert<'a> {
        let colour = match *metadata.level() {
            Level::ERROR => Some("\u{1b}[31m"),
            Level::WARN => Some("\u{1b}[33m"),
            _ => None,
        };
        Inert { lines: self, colour: colour.filter(|_| self.colour) }
    }
}

/// A writer that is given one whole event at a time and passes it on without control characters.
struct Inert<'a> {
    lines: &'a Lines,
    colour: Option<&'static str>,
}

impl Write for Inert<'_> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let mut line = String::with_capacity(text.len() + 16);
        line.push_str(self.colour.unwrap_or_default());
        // Writing to a string cannot fail.
        push_inert(&mut line, text, self.lines.format).unwrap_or_default();
        line.push_str(self.colour.map_or("\n", |_| "\u{1b}[0m\n"));
        (self.lines.sink)(&line);
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn push_inert(line: &mut String, text: &str, format: LogFormat) -> fmt::Result {
    for c in text.chars() {
        if !(c.is_control() || is_bidi_control(c)) {
            line.push(c);
        } else if format == LogFormat::Json {
            // Such a character stands only within a JSON string, where this is its escape.
            write!(line, "\\u{:04x}", u32::from(c))?;
        } else {
            write!(line, "{}", c.escape_unicode())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
