//! What the filters must never change, and that somebody else's program finds their bits.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use igentai_core::batch::{Outcome, ResponseMeta, Told};
use igentai_core::cost::Cost;

mod bits;
mod frequencies;

fn meta(provider: String) -> ResponseMeta {
    ResponseMeta {
        provider,
        model: "m".into(),
        cell: None,
        probe: false,
        prompt_hash: 0,
        outcome: Outcome::Answered,
        latency_ms: 1,
        input_tokens: 1,
        output_tokens: 1,
        cost: Cost::ZERO,
        worst_case: Cost::ZERO,
        repeated: 0,
        rejected: 0,
        rejections: igentai_core::batch::Rejections::default(),
        asked: 0,
        left_out: 0,
        copied: 0,
        phrasing: igentai_core::phrasing::Phrasing::Plain,
        categories: Told::default(),
        judged: None,
    }
}
