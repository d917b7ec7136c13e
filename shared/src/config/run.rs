//! `[run]`: what a run does unless its command line says otherwise.

use std::collections::BTreeSet;
use std::path::PathBuf;

use igentai_core::rules::{ItemRules, MAX_CHARS, RuleError, Script};
use igentai_core::topic::{MAX_NEW_PER_100_REQUESTS, Partition, ProbeShare, Share};

use super::reader::Section;

/// Defaults of runs.
#[derive(Clone, Debug, PartialEq)]
pub struct RunConfig {
    /// Producers that `run` and `up` start, 1 to 1,000.
    pub producers: u32,
    /// The output folder; a relative one begins at the working directory.
    pub out: PathBuf,
    /// Items that one request asks for, 1 to 500.
    pub items_per_request: u32,
    /// A topic is dry after so many answers in a row without anything new, 1 to 100,000.
    pub dry_after_answers: u32,
    /// How requests aim at parts of a topic.
    pub partition: Partition,
    /// So many percent of the requests of a topic that is cut are a sample of the whole, 0 to 50; at 0 none beyond those that an estimate takes.
    pub probe_share_percent: f64,
    /// A topic ends when so many percent are found of what its models would name, 1 to 100; at 100 not before nothing new comes.
    pub until_complete_percent: f64,
    /// A topic ends when its newest requests bring fewer new items in a hundred of them, 0 to 50,000; at 0 it does not.
    pub min_new_per_100_requests: u32,
    /// What items must be like.
    pub rules: ItemRules,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            producers: 4,
            out: PathBuf::from("outputs"),
            items_per_request: 50,
            dry_after_answers: 30,
            partition: Partition::Alphabetical,
            probe_share_percent: 5.0,
            until_complete_percent: 95.0,
            min_new_per_100_requests: 0,
            rules: ItemRules::default(),
        }
    }
}

impl RunConfig {
    /// The completeness at which a topic ends; `None` where it goes on for as long as something new comes.
    #[must_use]
    pub fn until_complete(&self) -> Option<Share> {
        Share::wanted(self.until_complete_percent / 100.0)
    }

    /// The share of requests that are a sample of the whole.
    #[must_use]
    pub fn probe_share(&self) -> ProbeShare {
        ProbeShare::new(self.probe_share_percent / 100.0).unwrap_or_default()
    }

    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let config = Self {
            producers: section.whole("producers", 1..=1_000, default.producers),
            out: section.text("out").map_or(default.out, |written| PathBuf::from(written.text)),
            items_per_request: section.whole("items_per_request", 1..=500, default.items_per_request),
            dry_after_answers: section.whole("dry_after_answers", 1..=100_000, default.dry_after_answers),
            partition: section
                .choice("partition", &Partition::ALL.map(|partition| (partition.as_str(), partition)))
                .unwrap_or(default.partition),
            probe_share_percent: section.number(
                "probe_share_percent",
                0.0..=ProbeShare::MOST * 100.0,
                default.probe_share_percent,
            ),
            until_complete_percent: section.number(
                "until_complete_percent",
                1.0..=100.0,
                default.until_complete_percent,
            ),
            min_new_per_100_requests: section.whole(
                "min_new_per_100_requests",
                0..=MAX_NEW_PER_100_REQUESTS,
                default.min_new_per_100_requests,
            ),
            rules: rules(&mut section),
        };
        let probes = config.probe_share_percent;
        if probes > 0.0 && probes < 1.0 {
            let meant = (probes * 1e6).round() / 1e4;
            section.complain(&format!(
                "probe_share_percent: {probes} is less than one percent; did you mean {meant}?"
            ));
        }
        section.finish();
        config
    }
}

fn rules(section: &mut Section<'_>) -> ItemRules {
    let range = || 1..=MAX_CHARS;
    let rules = ItemRules {
        matches: section.checked("accept", pattern),
        min_chars: section.optional_whole("min_chars", range()),
        max_chars: section.optional_whole("max_chars", range()),
        scripts: section.checked("script", scripts).unwrap_or_default(),
    };
    if let Some(error @ RuleError::MinAboveMax { .. }) = rules.errors().first() {
        section.complain(&error.to_string());
    }
    rules
}

fn pattern(text: &str) -> Result<String, String> {
    let rules = ItemRules { matches: Some(text.to_owned()), ..ItemRules::default() };
    rules.errors().first().map_or_else(|| Ok(text.to_owned()), |error| Err(error.to_string()))
}

fn scripts(text: &str) -> Result<BTreeSet<Script>, String> {
    text.split(',').map(Script::parse).collect()
}
