//! How requests are read from JSON: the same forms that they serialize to, with every mistake told.

use igentai_core::frontier::{MAX_NAME_CHARS, MAX_PARTS};
use igentai_core::topic::MAX_SEEDS;

use super::request::{ChangeLimits, ChangeTopic, Limits, Mode, Partition, Phrasing, Routing, StartTopic};
use super::rules::{ChangeRules, Rules};
use crate::api::allowed;
use crate::fields::{Fields, FromFields, Given};

impl FromFields for StartTopic {
    fn read(fields: &mut Fields<'_>) -> Self {
        let name = fields.text("name", allowed::NAME);
        if matches!(name, Given::Absent | Given::Null) {
            fields.missing("name", allowed::NAME);
        }
        Self {
            name: name.value().unwrap_or_default(),
            prompt: fields.text("prompt", allowed::PROMPT).value(),
            provider_weights: fields.numbers("provider_weights", false).value().map(|weights| {
                weights.into_iter().filter_map(|(provider, weight)| Some((provider, weight?))).collect()
            }),
            routing: fields.word("routing", &Routing::WORDS).value(),
            phrasing: fields.word("phrasing", &Phrasing::WORDS).value(),
            limits: fields.object("limits").value(),
            items_per_request: fields.count("items_per_request", allowed::ITEMS).value(),
            partition: fields.word("partition", &Partition::WORDS).value(),
            probe_share: fields.amount("probe_share", allowed::PROBES).value(),
            categories: fields.texts("categories", MAX_PARTS, MAX_NAME_CHARS, allowed::CATEGORIES).value(),
            rules: fields.object("rules").value(),
            judge: fields.yes_or_no("judge").value(),
            seeds: fields.all_texts("seeds", MAX_SEEDS, allowed::SEEDS).value(),
            mode: fields
                .word("mode", &[("auto", Mode::Auto), ("fresh", Mode::Fresh), ("resume", Mode::Resume)])
                .value()
                .unwrap_or_default(),
        }
    }
}

impl FromFields for Limits {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            max_attributes: fields.count("max_attributes", allowed::COUNT).value(),
            max_requests: fields.count("max_requests", allowed::COUNT).value(),
            max_usd: fields.amount("max_usd", allowed::USD).value(),
            time_limit_seconds: fields.amount("time_limit_seconds", allowed::SECONDS).value(),
            completeness: fields.amount("completeness", allowed::SHARE).value(),
            min_new_per_100_requests: fields.count("min_new_per_100_requests", allowed::YIELD).value(),
        }
    }
}

impl FromFields for ChangeTopic {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            prompt: fields.text("prompt", allowed::PROMPT).patch(),
            provider_weights: fields.numbers("provider_weights", true).patch(),
            limits: fields.object("limits").patch(),
            items_per_request: fields.count("items_per_request", allowed::ITEMS).patch(),
            routing: fields.word("routing", &Routing::WORDS).patch(),
            phrasing: fields.word("phrasing", &Phrasing::WORDS).patch(),
            partition: fields.word("partition", &Partition::WORDS).patch(),
            probe_share: fields.amount("probe_share", allowed::PROBES).patch(),
            categories: fields.texts("categories", MAX_PARTS, MAX_NAME_CHARS, allowed::CATEGORIES).patch(),
            rules: fields.object("rules").patch(),
            judge: fields.yes_or_no("judge").patch(),
        }
    }
}

impl FromFields for ChangeLimits {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            max_attributes: fields.count("max_attributes", allowed::COUNT).patch(),
            max_requests: fields.count("max_requests", allowed::COUNT).patch(),
            max_usd: fields.amount("max_usd", allowed::USD).patch(),
            time_limit_seconds: fields.amount("time_limit_seconds", allowed::SECONDS).patch(),
            completeness: fields.amount("completeness", allowed::SHARE).patch(),
            min_new_per_100_requests: fields.count("min_new_per_100_requests", allowed::YIELD).patch(),
        }
    }
}

/// Names of scripts: so many, and none so long.
const SCRIPTS: (usize, usize) = (26, 100);

impl FromFields for Rules {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            matches: fields.text("matches", allowed::PATTERN).value(),
            min_chars: fields.count("min_chars", allowed::CHARS).value(),
            max_chars: fields.count("max_chars", allowed::CHARS).value(),
            scripts: fields.texts("scripts", SCRIPTS.0, SCRIPTS.1, allowed::SCRIPTS).value(),
        }
    }
}

impl FromFields for ChangeRules {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            matches: fields.text("matches", allowed::PATTERN).patch(),
            min_chars: fields.count("min_chars", allowed::CHARS).patch(),
            max_chars: fields.count("max_chars", allowed::CHARS).patch(),
            scripts: fields.texts("scripts", SCRIPTS.0, SCRIPTS.1, allowed::SCRIPTS).patch(),
        }
    }
}
