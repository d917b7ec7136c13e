//! What the next items cost.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the next items cost, or what the next requests bring, by what was seen until now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuoteView {
    /// The run.
    pub run: u64,
    /// Log entries that it goes by.
    pub log_index: u64,
    /// How many items; where a number of requests was asked for, about how many.
    pub items: u64,
    /// New items that the next requests bring, where a number of them was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_items: Option<RangeView>,
    /// Requests, failed ones included.
    pub requests: RangeView,
    /// US dollars.
    pub usd: RangeView,
    /// Seconds, at the pace of the newest requests; absent where the topic has not had any since it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<RangeView>,
    /// What is likeliest is off by more than a fifth too often, at this point of the topic: only the ends of the intervals say something.
    #[serde(default)]
    pub is_rough: bool,
    /// From so many of the next requests on it can be told what they bring; 0 where of no number of them.
    #[serde(default)]
    pub least_requests: u64,
    /// Up to so many of the next requests it can be told what they bring; 0 where of no number of them.
    #[serde(default)]
    pub most_requests: u64,
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

impl RangeView {
    /// A number that is known.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "it is far below 2^53")]
    pub const fn exactly(number: u64) -> Self {
        let about = number as f64;
        Self { about, low: about, high: about }
    }
}
