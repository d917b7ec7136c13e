//! What clients ask for.

use std::collections::BTreeMap;

use igentai_core::cost::Cost;
use igentai_core::phrasing;
use igentai_core::routing::Policy;
use igentai_core::topic::Share;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::rules::{ChangeRules, Rules};
use super::schemas;

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
    /// Share of all items that these models would name at which it is done: 0.95 for 95 %. By an estimate, so that a little more or less may be there.
    /// 1 is the same as none: it goes on until the other limits, or until so many answers in a row name nothing new as the orchestrator is configured to wait for (30).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0, maximum = 1)]
    pub completeness: Option<f64>,
    /// Fewest new items that the newest requests bring, in a hundred of them, for it to go on: 50 for one in every second request. As many answers are looked
    /// at as may be under way at once, at least 8 and at most 1,024.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 50_000)]
    pub min_new_per_100_requests: Option<u32>,
}

impl Limits {
    #[expect(clippy::cast_precision_loss, reason = "a time limit is far below 2^53 ms")]
    pub(crate) fn of(limits: igentai_core::topic::Limits) -> Self {
        Self {
            max_attributes: limits.max_attributes,
            max_requests: limits.max_requests,
            max_usd: limits.max_cost.map(Cost::usd),
            time_limit_seconds: limits.time_limit_ms.map(|ms| ms as f64 / 1e3),
            completeness: limits.completeness.map(Share::get),
            min_new_per_100_requests: limits.min_new_per_100_requests,
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
            completeness: self.completeness.and_then(Share::wanted),
            min_new_per_100_requests: self.min_new_per_100_requests,
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

/// How requests aim at parts of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Partition {
    /// All are about the whole.
    #[default]
    None,
    /// By the letters that names begin with.
    Alphabetical,
    /// By categories, which are given, or told by a model.
    Category,
    /// By clusters of what was found, which a model names.
    Semantic,
}

impl Partition {
    pub(crate) const WORDS: [(&str, Self); 4] = [
        ("none", Self::None),
        ("alphabetical", Self::Alphabetical),
        ("category", Self::Category),
        ("semantic", Self::Semantic),
    ];

    /// In words, for people.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::None => "the whole topic",
            Self::Alphabetical => "parts of the alphabet",
            Self::Category => "categories",
            Self::Semantic => "clusters of what was found",
        }
    }

    /// As the core has it.
    #[must_use]
    pub const fn of(partition: igentai_core::topic::Partition) -> Self {
        match partition {
            igentai_core::topic::Partition::None => Self::None,
            igentai_core::topic::Partition::Alphabetical => Self::Alphabetical,
            igentai_core::topic::Partition::Category => Self::Category,
            igentai_core::topic::Partition::Semantic => Self::Semantic,
        }
    }

    pub(crate) const fn to_core(self) -> igentai_core::topic::Partition {
        match self {
            Self::None => igentai_core::topic::Partition::None,
            Self::Alphabetical => igentai_core::topic::Partition::Alphabetical,
            Self::Category => igentai_core::topic::Partition::Category,
            Self::Semantic => igentai_core::topic::Partition::Semantic,
        }
    }
}

/// How requests are shared among providers. Weights count like four answers of each provider and fade as answers come in, but with `fixed`. Where a topic is cut
/// into parts, `fixed` has providers take turns by weight, each with the part that is best for it, and both others ask who brings most new items for its price. A
/// topic that letters cannot cut is cut by categories instead; only where models tell of none all requests are about the whole, with shares learned as where
/// `partition` is `none`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// By what each may still have that nobody has named, for its price; from the weights on.
    #[default]
    GoodUcb,
    /// By what the newest answers of each brought, for its price; from the weights on.
    Ewma,
    /// By the weights.
    Fixed,
}

impl Routing {
    pub(crate) const WORDS: [(&str, Self); 3] =
        [("good_ucb", Self::GoodUcb), ("ewma", Self::Ewma), ("fixed", Self::Fixed)];

    /// As the core has it.
    #[must_use]
    pub const fn of(policy: Policy) -> Self {
        match policy {
            Policy::GoodUcb => Self::GoodUcb,
            Policy::Ewma => Self::Ewma,
            Policy::Fixed => Self::Fixed,
        }
    }

    pub(crate) const fn to_core(self) -> Policy {
        match self {
            Self::GoodUcb => Policy::GoodUcb,
            Self::Ewma => Policy::Ewma,
            Self::Fixed => Policy::Fixed,
        }
    }
}

/// How models are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phrasing {
    /// The ways to ask take turns, and who brings less for its price is used no more.
    #[default]
    Compete,
    /// With the question, and no more.
    Plain,
    /// For what is rarely named, too.
    Rare,
    /// For particular items.
    Exact,
    /// For items of different kinds.
    Broad,
}

impl Phrasing {
    pub(crate) const WORDS: [(&str, Self); 5] = [
        ("compete", Self::Compete),
        ("plain", Self::Plain),
        ("rare", Self::Rare),
        ("exact", Self::Exact),
        ("broad", Self::Broad),
    ];

    /// Of what the core has.
    #[must_use]
    pub const fn of(phrasing: Option<phrasing::Phrasing>) -> Self {
        match phrasing {
            None => Self::Compete,
            Some(phrasing::Phrasing::Plain) => Self::Plain,
            Some(phrasing::Phrasing::Rare) => Self::Rare,
            Some(phrasing::Phrasing::Exact) => Self::Exact,
            Some(phrasing::Phrasing::Broad) => Self::Broad,
        }
    }

    /// As the core has it; `None` where they compete.
    #[must_use]
    pub const fn to_core(self) -> Option<phrasing::Phrasing> {
        match self {
            Self::Compete => None,
            Self::Plain => Some(phrasing::Phrasing::Plain),
            Self::Rare => Some(phrasing::Phrasing::Rare),
            Self::Exact => Some(phrasing::Phrasing::Exact),
            Self::Broad => Some(phrasing::Phrasing::Broad),
        }
    }
}

/// Starts a topic. Every start states its own limits; what else is left out keeps what the topic had, or its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartTopic {
    /// What to enumerate.
    #[schema(min_length = 1, max_length = 300, example = "Paris attractions")]
    pub name: String,
    /// What models are asked to list, in your own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 8_192)]
    pub prompt: Option<String>,
    /// Weight of each provider, where it begins: see [`Routing`]. An empty map means the producers' own configuration; providers that are not named are not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::weights)]
    pub provider_weights: Option<BTreeMap<String, f64>>,
    /// How requests are shared among providers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing: Option<Routing>,
    /// How models are asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phrasing: Option<Phrasing>,
    /// Where it ends at the latest. Left out, there are no limits, whatever an earlier start said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Items asked for in a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 500)]
    pub items_per_request: Option<u32>,
    /// How requests aim at parts of the topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Partition>,
    /// The share of requests that are a sample of the whole, where it is cut into parts: 0.05 for one in twenty, counted over the whole run. It says how far
    /// what was aimed is off. 0 for none but those that the estimate takes: the first ones, and those that make it sure before the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 0.5)]
    pub probe_share: Option<f64>,
    /// The categories that requests aim at, where `partition` is `category` or left out; without them a model tells which there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 40, example = json!(["museums", "parks"]))]
    pub categories: Option<Vec<String>>,
    /// What its items must be like; an empty object for nothing. A start that names any rule states all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Rules>,
    /// Whether, before the topic ends by itself, a model is asked about what only one answer has named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<bool>,
    /// Items that are known already: they are neither found nor counted. An empty list takes them back for a run that begins afresh; one that goes on knows
    /// what it was told before, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 100_000)]
    pub seeds: Option<Vec<String>>,
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
    #[schema(value_type = Option<String>, min_length = 1, max_length = 8_192)]
    pub prompt: Option<Option<String>>,
    /// Weights by provider; `null` for one takes it away, `null` for all goes back to the producers' own configuration.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::changed_weights)]
    pub provider_weights: Option<Option<BTreeMap<String, Option<f64>>>>,
    /// How requests are shared among providers; `null` for the default.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Routing>)]
    pub routing: Option<Option<Routing>>,
    /// How models are asked; `null` for the default.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Phrasing>)]
    pub phrasing: Option<Option<Phrasing>>,
    /// Limits; `null` for all takes all of them away.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ChangeLimits>)]
    pub limits: Option<Option<ChangeLimits>>,
    /// Items asked for in a request; `null` for the default.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 500)]
    pub items_per_request: Option<Option<u32>>,
    /// How requests aim at parts of the topic; `null` for the default.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Partition>)]
    pub partition: Option<Option<Partition>>,
    /// See [`StartTopic::probe_share`]; `null` for the default.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 0.5)]
    pub probe_share: Option<Option<f64>>,
    /// The categories that requests aim at; `null` to have a model tell them. Another partition takes them away.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, min_items = 1, max_items = 40)]
    pub categories: Option<Option<Vec<String>>>,
    /// What its items must be like, for answers that come from then on; `null` for nothing. Items that are there stay.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ChangeRules>)]
    pub rules: Option<Option<ChangeRules>>,
    /// See [`StartTopic::judge`]; `null` for no.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    pub judge: Option<Option<bool>>,
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
    /// See [`Limits::completeness`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, exclusive_minimum = 0, maximum = 1)]
    pub completeness: Option<Option<f64>>,
    /// See [`Limits::min_new_per_100_requests`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 50_000)]
    pub min_new_per_100_requests: Option<Option<u32>>,
}

/// Tells `null` from absence.
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a merge patch")]
pub(super) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
