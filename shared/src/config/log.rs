//! `[log]`: what is logged and how it looks.

use tracing_subscriber::EnvFilter;

use super::reader::Section;

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// Its word in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// Logging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, `trace`, `off`, or directives such as `info,igentai_producer=debug`. The variable `LOG_LEVEL` sets
    /// it too.
    pub level: String,
    /// The variable `LOG_FORMAT` sets it too.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::default() }
    }
}

impl LogConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let allowed = "must be error, warn, info, debug, trace or off, or directives such as info,igentai_producer=debug";
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        let config = Self {
            level: section.parsed("level", allowed, level).unwrap_or(default.level),
            format: section.choice("format", &formats).unwrap_or(default.format),
        };
        section.finish();
        config
    }
}

fn level(text: &str) -> Option<String> {
    let text = text.trim();
    let simple = ["error", "warn", "info", "debug", "trace", "off"];
    let directives = text.contains(['=', ',']) && EnvFilter::builder().parse(text).is_ok();
    if simple.iter().any(|level| level.eq_ignore_ascii_case(text)) {
        Some(text.to_ascii_lowercase())
    } else {
        directives.then(|| text.to_owned())
    }
}
