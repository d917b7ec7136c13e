//! `[producer]`: the workers that ask.

use super::reader::Section;

/// How one producer works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerConfig {
    /// Requests under way at once in one producer, 1 to 256.
    pub concurrency: u32,
    /// Between two heartbeats, 100 to 60,000 ms.
    pub heartbeat_ms: u64,
    /// The HTTP port of the role `producer` (health and metrics); 0 picks one. The variable `PORT` sets it too.
    pub port: u16,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self { concurrency: 4, heartbeat_ms: 1_000, port: 9_001 }
    }
}

impl ProducerConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let config = Self {
            concurrency: section.whole("concurrency", 1..=256, default.concurrency),
            heartbeat_ms: section.whole("heartbeat_ms", 100..=60_000, default.heartbeat_ms),
            port: section.whole("port", 0..=65_535, default.port),
        };
        section.finish();
        config
    }
}
