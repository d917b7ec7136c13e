//! What a producer's requests and answers came to, for Prometheus.

use igentai_core::batch::Batch;
use igentai_core::worker::Finished;
use igentai_shared::telemetry::catalogue::{
    FILTER_LOOKUPS_TOTAL, RESPONSES_TOTAL, SPEND_USD_TOTAL, TOKENS_TOTAL,
};

/// What a request came to.
pub(super) fn count(finished: &Finished) {
    let meta = &finished.meta;
    RESPONSES_TOTAL.add(1, [&meta.provider, meta.outcome.as_str()]);
    TOKENS_TOTAL.add(meta.input_tokens, [&meta.provider, "input"]);
    TOKENS_TOTAL.add(meta.output_tokens, [&meta.provider, "output"]);
    SPEND_USD_TOTAL.add(meta.cost, [&meta.provider]);
}

/// What the filter said of the items of an answer.
pub(super) fn count_lookups(batch: &Batch) {
    let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    FILTER_LOOKUPS_TOTAL.add(count(batch.novel()), ["miss"]);
    FILTER_LOOKUPS_TOTAL.add(count(batch.elements() - batch.novel()), ["hit"]);
}
