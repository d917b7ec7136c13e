//! What the next items cost.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the next items cost, by what was seen until now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuoteView {
    /// The run.
    pub run: u64,
    /// Log entries that it goes by.
    pub log_index: u64,
    /// How many items.
    pub items: u64,
    /// Requests, failed ones included.
    pub requests: RangeView,
    /// US dollars.
    pub usd: RangeView,
    /// Seconds, at the pace of the newest requests; absent where the topic has not had any since it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<RangeView>,
    /// The same in words.
    pub text: String,
}

/// A number, and the interval in which it probably is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RangeView {
    /// The likeliest.
    pub about: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}
