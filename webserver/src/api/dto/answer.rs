//! What clients are told.

use std::collections::BTreeMap;

use igentai_core::estimate::{Completeness, Estimate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::parts::ProbesView;
use super::request::{Limits, Partition, Phrasing, Routing};
use super::rules::Rules;

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
    /// How requests aim at parts of the topic.
    #[serde(default)]
    pub partition: Partition,
    /// The share of requests that are a sample of the whole, where it is cut into parts.
    #[serde(default = "super::schemas::usual_probe_share")]
    pub probe_share: f64,
    /// How requests are shared among providers.
    #[serde(default)]
    pub routing: Routing,
    /// How models are asked.
    #[serde(default)]
    pub phrasing: Phrasing,
    /// The categories that were given for that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// What its items must be like; absent where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Rules>,
    /// Whether a model is asked about what only one answer has named, before the topic ends by itself.
    #[serde(default)]
    pub judge: bool,
    /// Grows with every fresh start, from 1.
    pub run: u64,
    /// Where it stands.
    pub state: StateName,
    /// Why it ended or is ending: `dry`, `complete`, `low_yield`, `max_attributes`, `max_requests`, `max_usd`, `time_limit`, `stopped`, `interrupted`, `no_provider`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same in words, with the limit that was met: `the cap on requests is used up (40 requests)`.
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
    /// Those that only one answer has named and a judge was shown.
    #[serde(default)]
    pub judged: u64,
    /// Those of them that do not exist or do not belong, by what the judge says; they are among the items all the same.
    #[serde(default)]
    pub doubted: u64,
    /// What it knew from the beginning.
    #[serde(default)]
    pub seeds: SeedNumbers,
    /// Over everything.
    pub totals: Sums,
    /// Requests that producers which ended without a word may have sent. They count against `max_requests`; 0 where there is no such cap.
    pub requests_at_risk: u64,
    /// How many items were named how often.
    #[serde(default)]
    pub frequencies: FrequencyCounts,
    /// The filter that tells producers what is known, and their copies of it; absent before somebody leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterView>,
    /// Probability that the next mention is of a known item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// The same by answers that were asked for without conditions: how far that is from `coverage` is how far what was asked for skews it.
    #[serde(default)]
    pub probes: ProbesView,
    /// How complete it is by an estimate, and how many items there are in all; absent where nothing can be said. It is another number than coverage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completeness: Option<CompletenessView>,
    /// Number of the newest decision that is not of what a request asks for; 0 for none.
    #[serde(default)]
    pub decided: u64,
    /// New items in the last minute.
    pub attributes_per_minute: f64,
    /// Producers that work on it.
    pub active_producers: u32,
    /// Why nothing moves, or why its files are not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// By provider.
    pub providers: BTreeMap<String, ProviderNumbers>,
    /// What each way to ask brought, where they compete: those that are used, the leading one first, then the others. Of a topic that is cut into parts by its
    /// answers about parts alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phrasings: Vec<PhrasingNumbers>,
    /// By producer. Where there are more than 200, those with the most requests; the sums over the rest stand under `others`. Likewise by provider and
    /// by part.
    pub producers: BTreeMap<String, Sums>,
    /// By part of the topic.
    pub cells: BTreeMap<String, Sums>,
    /// Requests by how they ended: `answered`, `empty`, `refused`, `unparsable`, and without an answer `rate_limited`, `timeout`, `server_error`,
    /// `unreachable`, `wrong_key`, `bad_request`, `abandoned`.
    pub outcomes: BTreeMap<String, u64>,
    /// Strings of answers that were rejected, by reason: `empty`, `too_long`, `refusal`, `chatter`, `template_echo`, `repeats_topic`, `over_limit`, and by the
    /// topic's rules `no_match`, `too_few_chars`, `too_many_chars`, `other_script`.
    #[serde(default)]
    pub rejections: BTreeMap<String, u64>,
}

/// Items that a topic knew from the beginning, and that are not among what it found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeedNumbers {
    /// How many.
    pub known: u64,
    /// How many of them models have named.
    pub named: u64,
}

/// How complete a topic is: of what these models would name, which is no more than a part of the world.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CompletenessView {
    /// Found ÷ estimated total, without items that are made up.
    pub completeness: f64,
    /// Estimated number of items in all.
    pub total: f64,
    /// Lower end of the interval that holds the number with a probability of 95 %, as far as the model of how items are named holds.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How many of the found items are made up, by the estimate.
    pub made_up: f64,
    /// It is too early for more than a lower bound: there are at least `low`.
    pub at_least: bool,
}

impl CompletenessView {
    /// For people, behind the number of items that were found.
    #[must_use]
    pub fn in_words(&self) -> String {
        let Self { completeness, total, low, high, made_up, at_least } = *self;
        Completeness { estimate: Estimate { total, low, high, made_up }, completeness, at_least }.to_string()
    }
}

/// A topic's filter and the producers' copies of it. What is counted is counted since the present leader leads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FilterView {
    /// Grows as the filter does.
    pub generation: u32,
    /// Share of the items new of late that it took for known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub false_positive_rate: Option<f64>,
    /// Copies that were heard of in the last seconds.
    pub replicas: u32,
    /// Log entries that the copy furthest behind lacks.
    pub behind_entries: u64,
    /// For how long it has lacked some.
    pub behind_ms: u64,
    /// Comparisons of a copy with what the log gives.
    pub audits: u64,
    /// Of those, the ones that found a difference; such a copy is replaced.
    pub differences: u64,
    /// Whole filters sent.
    pub snapshots: u64,
}

/// How many items were named how often: what estimates of what is missing rest on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FrequencyCounts {
    /// By the number of responses that named them, up to 20: the number of items.
    pub named: BTreeMap<u32, u64>,
    /// Items that more responses named.
    pub more: u64,
    /// All of it together: pairs of a response and an item that it named.
    pub mentions: u64,
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
    /// How many items its responses named how often; absent but for the first eight providers that were asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequencies: Option<FrequencyCounts>,
    /// The model asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its share of requests about the whole topic, where that is not by the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Its state, the worst that a producer reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ProviderStateName>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Whether a way to ask is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PhrasingState {
    /// In every second request, or in all where it is the only one.
    Leading,
    /// In turn with others.
    Used,
    /// No more: it brought less, or no more, for its price.
    Retired,
}

/// What a way to ask brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PhrasingNumbers {
    /// Which.
    pub phrasing: Phrasing,
    /// Whether it is used.
    pub state: PhrasingState,
    /// Answers to it.
    pub answers: u64,
    /// New items in them.
    pub new: u64,
    /// US dollars that one of them cost.
    pub usd_per_answer: f64,
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
    /// Items that did not fit the topic's rules.
    #[serde(default)]
    pub rejected_by_rule: u64,
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
    /// US dollars that may be charged at worst without our knowing: for requests without an answer, and in the topic's totals for what producers
    /// that ended without a word may have spent.
    pub usd_at_risk: f64,
    /// Sum of the latencies of answered requests.
    pub latency_ms: u64,
    /// Items that answers about a part of the alphabet named.
    #[serde(default)]
    pub aimed: u64,
    /// Of those, the ones that are in their part.
    #[serde(default)]
    pub fitting: u64,
    /// Items named again that another producer had named first.
    #[serde(default)]
    pub of_others: u64,
    /// Known items that questions said to leave out.
    #[serde(default)]
    pub left_out: u64,
    /// Of those, the ones that the answers named all the same.
    #[serde(default)]
    pub copied: u64,
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

/// Which items are told, by what judges said of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoubtedItems {
    /// All.
    #[default]
    With,
    /// Those that no judge doubts.
    Without,
    /// Those that one does.
    Only,
}

impl DoubtedItems {
    /// Whether an item is among them.
    #[must_use]
    pub const fn has(self, doubted: bool) -> bool {
        match self {
            Self::With => true,
            Self::Without => !doubted,
            Self::Only => doubted,
        }
    }
}

/// An item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attribute {
    /// Its number: gapless, from 1.
    pub seq: u64,
    /// Its text, on one line. It comes from a model: show it as text, never as markup.
    pub text: String,
    /// Whether it does not exist or does not belong, by what a judge says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubted: bool,
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

/// SSE event `decided`: something else than what a request asks for was decided; `GET /topics/{id}/decisions` tells what, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecidedEvent {
    /// Topic.
    pub topic: String,
    /// Its run.
    pub run: u64,
    /// Number of the newest such decision; there may be several since the last event.
    pub number: u64,
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
    /// It had ended and went on while nobody listened, and the cursor does not tell where the reader was.
    Uncertain,
}
