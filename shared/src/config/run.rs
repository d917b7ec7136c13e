//! `[run]`: what a run does unless its command line says otherwise.

use std::path::PathBuf;

use super::reader::Section;

/// Defaults of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunConfig {
    /// Producers that `run` and `up` start, 1 to 1,000.
    pub producers: u32,
    /// The output folder; a relative one begins at the working directory.
    pub out: PathBuf,
    /// Items that one request asks for, 1 to 500.
    pub items_per_request: u32,
    /// A topic is dry after so many answers in a row without anything new, 1 to 100,000.
    pub dry_after_answers: u32,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self { producers: 4, out: PathBuf::from("outputs"), items_per_request: 50, dry_after_answers: 30 }
    }
}

impl RunConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let config = Self {
            producers: section.whole("producers", 1..=1_000, default.producers),
            out: section.text("out").map_or(default.out, |written| PathBuf::from(written.text)),
            items_per_request: section.whole("items_per_request", 1..=500, default.items_per_request),
            dry_after_answers: section.whole("dry_after_answers", 1..=100_000, default.dry_after_answers),
        };
        section.finish();
        config
    }
}
