//! Requests and answers of the API. Clients may use these types: they read what they write.

use std::collections::BTreeMap;

use igentai_core::cost::Cost;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// Where a topic ends at the latest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Unique items; exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub max_attributes: Option<u64>,
    /// Requests sent to models, answered or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub max_requests: Option<u64>,
    /// US dollars over the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0, maximum = 1_000_000)]
    pub max_usd: Option<f64>,
    /// Seconds from the last start or resume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0, maximum = 315_360_000)]
    pub time_limit_seconds: Option<f64>,
}

impl Limits {
    #[expect(clippy::cast_precision_loss, reason = "a time limit is far below 2^53 ms")]
    pub(crate) fn of(limits: igentai_core::topic::Limits) -> Self {
        Self {
            max_attributes: limits.max_attributes,
            max_requests: limits.max_requests,
            max_usd: limits.max_cost.map(Cost::usd),
            time_limit_seconds: limits.time_limit_ms.map(|ms| ms as f64 / 1e3),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "float-to-integer casts saturate"
    )]
    pub(crate) fn to_core(&self) -> igentai_core::topic::Limits {
        igentai_core::topic::Limits {
            max_attributes: self.max_attributes,
            max_requests: self.max_requests,
            max_cost: self.max_usd.map(Cost::from_usd),
            time_limit_ms: self.time_limit_seconds.map(|seconds| (seconds * 1e3).ceil() as u64),
        }
    }
}

/// Whether a start continues the last run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Afresh after a natural end, else on from where it was.
    #[default]
    Auto,
    /// Afresh: a new run with an empty set.
    Fresh,
    /// On from where it was, even after a natural end.
    Resume,
}

/// Starts a topic. What is left out keeps what an earlier run of the topic had, or its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartTopic {
    /// What to enumerate.
    #[schema(min_length = 1, max_length = 300, example = "Paris attractions")]
    pub name: String,
    /// What models are asked to list, in your own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 8_000)]
    pub prompt: Option<String>,
    /// Weight of each provider; an empty map means the producers' own configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_weights: Option<BTreeMap<String, f64>>,
    /// Replaces all limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Items asked for in a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 500)]
    pub items_per_request: Option<u32>,
    /// Afresh or on.
    #[serde(default)]
    pub mode: Mode,
}

/// Changes a topic, running or not, as a JSON merge patch (RFC 7396): what is left out stays, `null` takes it away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeTopic {
    /// See [`StartTopic::prompt`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 8_000)]
    pub prompt: Option<Option<String>>,
    /// Weights by provider; `null` for one takes it away, `null` for all goes back to the producers' own configuration.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, Option<f64>>>)]
    pub provider_weights: Option<Option<BTreeMap<String, Option<f64>>>>,
    /// Limits; `null` for all takes all of them away.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ChangeLimits>)]
    pub limits: Option<Option<ChangeLimits>>,
    /// Items asked for in a request; `null` for the default.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 500)]
    pub items_per_request: Option<Option<u32>>,
}

/// Changes limits: what is left out stays, `null` takes it away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeLimits {
    /// See [`Limits::max_attributes`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, minimum = 1)]
    pub max_attributes: Option<Option<u64>>,
    /// See [`Limits::max_requests`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, minimum = 1)]
    pub max_requests: Option<Option<u64>>,
    /// See [`Limits::max_usd`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, exclusive_minimum = 0, maximum = 1_000_000)]
    pub max_usd: Option<Option<f64>>,
    /// See [`Limits::time_limit_seconds`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, exclusive_minimum = 0, maximum = 315_360_000)]
    pub time_limit_seconds: Option<Option<f64>>,
}

/// Tells `null` from absence.
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a merge patch")]
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Where a topic stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    /// Wanted, not yet taken up by the coordinator.
    Starting,
    /// Producers ask.
    Running,
    /// Producers ask no more; answers under way are still taken.
    Ending,
    /// Nothing happens any more.
    Ended,
}

impl StateName {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Ending => "ending",
            Self::Ended => "ended",
        }
    }
}

/// A topic: definition, state and newest numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TopicView {
    /// Its folder and its place in this API.
    pub id: String,
    /// What the user called it.
    pub name: String,
    /// The user's own prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Weight of each provider; empty means the producers' own configuration.
    pub provider_weights: BTreeMap<String, f64>,
    /// Where it ends at the latest.
    pub limits: Limits,
    /// Items asked for in a request.
    pub items_per_request: u32,
    /// Grows with every fresh start, from 1.
    pub run: u64,
    /// Where it stands.
    pub state: StateName,
    /// Why it ended or is ending: `dry`, `max_attributes`, `max_requests`, `max_usd`, `time_limit`, `stopped`, `interrupted`, `no_provider`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_text: Option<String>,
    /// When it was first created.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When the run was started afresh.
    #[schema(format = DateTime)]
    pub run_started_at: String,
    /// When it was last started or resumed.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
    /// Grows with every change; the `ETag`.
    pub version: u64,
    /// Zeros before the run has any.
    pub numbers: Numbers,
}

/// The numbers of a topic's run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Numbers {
    /// When they were taken; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub at: Option<String>,
    /// Log entries that they cover: responses, failed ones included, and the completions of some.
    pub log_index: u64,
    /// Unique items.
    pub attributes: u64,
    /// Over everything.
    pub totals: Sums,
    /// Probability that the next mention is of a known item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// New items in the last minute.
    pub attributes_per_minute: f64,
    /// Producers that work on it.
    pub active_producers: u32,
    /// Why nothing moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// By provider.
    pub providers: BTreeMap<String, ProviderNumbers>,
    /// By producer.
    pub producers: BTreeMap<String, Sums>,
    /// By part of the topic.
    pub cells: BTreeMap<String, Sums>,
}

/// Whether a provider can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderStateName {
    /// Yes.
    Ready,
    /// Not now; it is tried again.
    Waiting,
    /// Not before somebody changes something.
    Stopped,
}

/// The numbers of a provider, and how it does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderNumbers {
    /// Its sums.
    pub sums: Sums,
    /// The model asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its state, the worst that a producer reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ProviderStateName>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Sums over responses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sums {
    /// Requests sent, answered or not.
    pub requests: u64,
    /// Requests that a model answered.
    pub responses: u64,
    /// Requests without an answer.
    pub failed_responses: u64,
    /// Items that models named, the repeated ones included.
    pub candidates: u64,
    /// Items that were new.
    pub attributes: u64,
    /// Items that were known, or named twice in one answer.
    pub duplicates: u64,
    /// Strings of answers that are no items.
    pub rejected: u64,
    /// New items beyond the cap.
    pub over_cap: u64,
    /// Sightings that the registry did not hold.
    pub false_positives: u64,
    /// Of these, those whose text was sent afterwards.
    pub resolved: u64,
    /// Tokens of prompts.
    pub input_tokens: u64,
    /// Tokens of answers.
    pub output_tokens: u64,
    /// US dollars that answered requests cost.
    pub usd: f64,
    /// US dollars that unanswered requests may have cost at worst.
    pub usd_at_risk: f64,
    /// Sum of the latencies of answered requests.
    pub latency_ms: u64,
}

/// A page of topics, ordered by id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TopicList {
    /// The topics.
    pub items: Vec<TopicView>,
    /// `after` of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_after: Option<String>,
}

/// How items are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A page of numbered items.
    Json,
    /// One item a line.
    Text,
}

/// An item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attribute {
    /// Its number: gapless, from 1.
    pub seq: u64,
    /// Its text, on one line. It comes from a model: show it as text, never as markup.
    pub text: String,
}

/// A page of items, ordered by number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttributePage {
    /// The items; empty when there are no more yet.
    pub items: Vec<Attribute>,
    /// `after` of the next page.
    pub next_after: u64,
    /// The run they belong to: when it changes between pages, begin again.
    pub run: u64,
}

/// How the set grew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Curve {
    /// The run.
    pub run: u64,
    /// Points in order, thinned out evenly.
    pub points: Vec<CurvePoint>,
}

/// A point of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CurvePoint {
    /// Log entries up to here: responses, failed ones included, and the completions of some.
    pub log_index: u64,
    /// Unique items up to here.
    pub attributes: u64,
    /// Milliseconds since the Unix epoch at which the response was committed.
    pub at_ms: u64,
}

/// SSE event `hello`: the first of every stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hello {
    /// Which server.
    pub server: String,
    /// Where the stream begins.
    pub cursor: String,
}

/// SSE event `attributes`: new items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttributesEvent {
    /// Topic.
    pub topic: String,
    /// Its run.
    pub run: u64,
    /// Number of the first text.
    pub first: u64,
    /// Texts, numbered from there.
    pub texts: Vec<String>,
}

/// SSE event `reset`: forget what is known of this topic's items; they are told anew from number 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reset {
    /// Topic.
    pub topic: String,
    /// The run that is told from now on.
    pub run: u64,
    /// Why.
    pub reason: ResetReason,
}

/// Why a stream begins a topic anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResetReason {
    /// The topic was started afresh.
    NewRun,
    /// The registry holds less than the reader was told.
    Rewound,
}
