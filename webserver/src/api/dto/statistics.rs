//! What was asked and came back in the last minutes, and what came of decisions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Sums;

/// The last minutes of a topic's run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Statistics {
    /// The run.
    pub run: u64,
    /// When they were taken; absent before the first request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub at: Option<String>,
    /// Five minutes.
    pub short: WindowView,
    /// Thirty.
    pub long: WindowView,
    /// The first beside the rest of the second.
    pub trends: TrendsView,
    /// The same of each provider that was asked within the long window.
    pub provider_trends: BTreeMap<String, TrendsView>,
    /// What came of the last decisions on shares and wordings, the newest last.
    pub measured: Vec<MeasuredView>,
}

/// What was asked and came back within some time. Time is counted in pieces of half a minute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WindowView {
    /// How long that is, at most.
    pub seconds: u64,
    /// Everything.
    pub all: FlowView,
    /// Requests about the whole topic.
    pub whole: FlowView,
    /// Requests for items of parts of it.
    pub parts: FlowView,
    /// By provider. Where there are more than 20, those with the most requests; the sums over the rest stand under `others`. Likewise by producer and by part.
    pub providers: BTreeMap<String, FlowView>,
    /// By producer.
    pub producers: BTreeMap<String, FlowView>,
    /// By part of the topic.
    pub cells: BTreeMap<String, FlowView>,
    /// By all three at once: the 24 with the most requests, and the rest as `others`.
    pub rows: Vec<RowView>,
}

/// What was asked of one provider by one producer for one part of the topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RowView {
    /// Provider.
    pub provider: String,
    /// Producer.
    pub producer: String,
    /// Part of the topic; absent: the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<String>,
    /// What came of it.
    pub flow: FlowView,
}

/// What was asked and came back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlowView {
    /// The sums.
    pub sums: Sums,
    /// Requests by how they ended.
    pub outcomes: BTreeMap<String, u64>,
    /// New items of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_per_answer: Option<f64>,
    /// US dollars for each new item; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_new: Option<f64>,
    /// Seconds until an answer is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_per_answer: Option<f64>,
    /// Share of requests that a model answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<f64>,
    /// Of the items of answers about parts of the alphabet, the share that is in its part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fitting: Option<f64>,
    /// Of the items named, the share that another producer had named before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_others: Option<f64>,
    /// Of what questions said to leave out, the share that the answers named all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied: Option<f64>,
}

/// Where a number goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrendName {
    /// Up, by more than chance explains.
    Rising,
    /// Down, by more than chance explains.
    Falling,
    /// Neither.
    Steady,
}

/// Where numbers go; absent where too little was asked to say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrendsView {
    /// New items of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_per_answer: Option<TrendName>,
    /// Share of requests that are answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<TrendName>,
    /// Time until an answer is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<TrendName>,
}

/// What requests brought before and after a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MeasuredView {
    /// The number of the decision.
    pub of: u64,
    /// Its kind: `routed` or `worded`.
    pub kind: String,
    /// The newest requests before.
    pub before: YieldView,
    /// The newest requests after. Less comes the further a list is.
    pub after: YieldView,
    /// New items for their price by the new shares, by that of the old ones, at one moment: above 1 is better. Absent where shares were not what changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<f64>,
    /// The same in words.
    pub text: String,
}

/// What some requests brought and took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct YieldView {
    /// Requests, answered or not.
    pub requests: u64,
    /// Answers with items.
    pub answers: u64,
    /// Items that were new.
    pub new: u64,
    /// US dollars.
    pub usd: f64,
    /// Sum of the times until they ended.
    pub latency_ms: u64,
}
