//! How far each part of a topic is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CompletenessView, Partition};

/// How far the parts of a topic are, and what came of asking for parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PartsView {
    /// The run.
    pub run: u64,
    /// When it was looked at; absent before the first request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub at: Option<String>,
    /// How requests aim at parts.
    pub partition: Partition,
    /// Unique items of the whole topic.
    pub attributes: u64,
    /// Probability that the next mention is of a known item, by all answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// The same by answers that were asked for without conditions.
    pub probes: ProbesView,
    /// How complete the whole topic is; absent where nothing can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completeness: Option<CompletenessView>,
    /// Requests about the whole.
    pub whole: BroughtView,
    /// Requests for items of a part.
    pub aimed: BroughtView,
    /// Items that questions said to leave out, each as often as one said so.
    pub left_out: u64,
    /// Of those, the ones that answers gave all the same.
    pub left_out_and_given: u64,
    /// Each part, in their order; where there are more than 200, those of which most is missing. Empty where requests do not aim at parts.
    pub parts: Vec<PartView>,
}

/// What requests of a kind brought.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BroughtView {
    /// Requests, answered or not.
    pub requests: u64,
    /// Answers.
    pub answers: u64,
    /// Items that they named.
    pub candidates: u64,
    /// Of those, the ones that were new.
    pub attributes: u64,
    /// US dollars that they cost.
    pub usd: f64,
    /// New items for each answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_per_answer: Option<f64>,
    /// US dollars for each new item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_new: Option<f64>,
    /// Share of their items that are in the part which was asked for; absent but of parts of the alphabet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fitting: Option<f64>,
}

/// The unconditioned sample: answers to questions about the whole topic which said nothing of what to leave out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProbesView {
    /// Such answers.
    pub answers: u64,
    /// The newest of them, of which the rest is told: eight at most.
    pub newest: u64,
    /// Items that these named, each as often as it was.
    pub mentions: u64,
    /// Of those, the ones that another answer has named too, or that were known from the beginning.
    pub known: u64,
    /// `known` ÷ `mentions`: how far it is from `coverage` is how far what was asked for skews that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
}

/// How far a part of a topic is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PartView {
    /// The part, as requests name it: letters, or a category.
    pub cell: String,
    /// What was done about it.
    pub state: PartStateName,
    /// Items of it that were found. Categories have items in common.
    pub found: u64,
    /// Probability that the next mention of one of its items is of a known one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// How complete it is; absent where nothing can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completeness: Option<CompletenessView>,
    /// How many answers each of its letters was in, those about larger parts that it was cut from included; about a category, how many there were.
    pub answers: u32,
    /// Providers that have listed it.
    pub listed_by: Vec<String>,
}

/// What was done about a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartStateName {
    /// Nobody was asked for it.
    Unasked,
    /// More is to be had there.
    Open,
    /// Every model that adds anything has listed it.
    Listed,
    /// Models cannot be brought to list it.
    GivenUp,
}

impl PartStateName {
    /// In words.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Unasked => "not asked",
            Self::Open => "open",
            Self::Listed => "listed",
            Self::GivenUp => "given up",
        }
    }
}
