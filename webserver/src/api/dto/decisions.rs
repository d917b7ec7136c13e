//! Decisions and why they were made.

use std::collections::BTreeMap;

use igentai_core::decision::What;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CompletenessView, MeasuredView, Routing};

/// A page of decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DecisionPage {
    /// The run.
    pub run: u64,
    /// How many there are, of all kinds.
    pub total: u64,
    /// The newest first.
    pub decisions: Vec<DecisionView>,
    /// Where to go on with `before`; absent when there are no older ones. A page may be short, or empty, before that: no more than 16,384 decisions are
    /// looked through for those of a kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_before: Option<u64>,
}

/// A decision for a topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DecisionView {
    /// Its number within the run, from 1.
    pub number: u64,
    /// Milliseconds since the Unix epoch at which it was made.
    pub at_ms: u64,
    /// The log's last entry that it goes by.
    pub log_index: u64,
    /// What kind it is.
    pub kind: DecisionKind,
    /// What was decided, and why, in words.
    pub text: String,
    /// Of a request: what it was given to ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<AskedView>,
    /// Of shares: how requests are shared among providers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routed: Option<RoutedView>,
    /// Of what came of an earlier decision: that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<MeasuredView>,
    /// Of an end: where the topic stood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<EndingView>,
    /// Of a change: what an operator changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Vec<ChangeView>>,
}

/// Kinds of decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionKind {
    /// A leader has taken the topic up.
    TakenUp,
    /// What the next ones go by: items, what is wanted, who can be asked.
    Terms,
    /// Requests about the whole topic are shared among providers.
    Routed,
    /// Of the ways to ask some are used no more, or another one leads.
    Worded,
    /// What came of an earlier decision.
    Measured,
    /// A provider is left alone by all producers, tried by one, or asked by all again.
    Cared,
    /// A request was given something to ask for.
    Asked,
    /// Requests are waited for no more.
    Dropped,
    /// The topic comes to its end.
    Ending,
    /// An operator has changed the topic.
    Changed,
}

impl DecisionKind {
    pub(crate) const WORDS: [(&str, Self); 10] = [
        ("asked", Self::Asked),
        ("routed", Self::Routed),
        ("worded", Self::Worded),
        ("cared", Self::Cared),
        ("terms", Self::Terms),
        ("measured", Self::Measured),
        ("dropped", Self::Dropped),
        ("ending", Self::Ending),
        ("changed", Self::Changed),
        ("taken_up", Self::TakenUp),
    ];

    /// Reads one as people write it.
    ///
    /// # Errors
    /// In words, with the known ones.
    pub fn parse(text: &str) -> Result<Self, String> {
        let given = text.trim().to_lowercase().replace('-', "_");
        let found = Self::WORDS.iter().find(|(word, _)| *word == given);
        found.map(|(_, kind)| *kind).ok_or_else(|| {
            let known: Vec<&str> = Self::WORDS.iter().map(|(word, _)| *word).collect();
            format!("`{text}` is no kind of decision; known are {}", known.join(", "))
        })
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }

    /// Of a decision.
    #[must_use]
    pub const fn of(what: &What) -> Self {
        match what {
            What::TakenUp { .. } => Self::TakenUp,
            What::Terms(_) => Self::Terms,
            What::Routed(_) => Self::Routed,
            What::Worded(_) => Self::Worded,
            What::Measured(_) => Self::Measured,
            What::Cared(_) => Self::Cared,
            What::Asked(_) => Self::Asked,
            What::Dropped { .. } => Self::Dropped,
            What::Ending(_) => Self::Ending,
            What::Changed(_) => Self::Changed,
        }
    }
}

/// How requests about the whole topic are shared among providers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RoutedView {
    /// How that was decided.
    pub policy: Routing,
    /// By provider.
    pub providers: BTreeMap<String, ShareView>,
}

/// A provider's share, and what was known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShareView {
    /// Its share of requests.
    pub share: f64,
    /// The operator's weight, from which it began.
    pub weight: f64,
    /// New items of a request, of late; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_per_request: Option<f64>,
    /// US dollars that a request takes, of late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_request: Option<f64>,
    /// Seconds until an answer is there, of late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Share of requests that are answered, of late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<f64>,
}

/// What a request was given to ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AskedView {
    /// By whom.
    pub producer: String,
    /// The part of the topic; absent: the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<String>,
    /// Which provider; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// How many items.
    pub items: u32,
    /// How many new ones it was thought to bring.
    pub expected_new: f64,
    /// Why this.
    pub why: WhyName,
    /// Items of the part that were known, where that was weighed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<f64>,
    /// Items that the part was thought to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<f64>,
}

/// Why a request was given what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhyName {
    /// The first answers are about the whole.
    First,
    /// The topic does not fall into parts that models keep to.
    Uncut,
    /// Which categories there are is asked of a model.
    Parts,
    /// A category goes on giving new items: which parts it has is asked of a model.
    Split,
    /// Every category is listed, but answers about the whole name what is in none: more are asked for.
    Missed,
    /// Every category is listed, but answers about the whole name what is in none: the whole is asked for.
    Elsewhere,
    /// Now and then the whole is asked for.
    Sample,
    /// It takes more answers about the whole to say how complete the list is.
    Sure,
    /// Most is to be had there for its price.
    Most,
    /// Everything is listed; most that lists leave out is thought to be there.
    Again,
    /// The topic would come to its end, and a judge is shown what only one answer has named before.
    Judge,
}

/// Where a topic stood when its end was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndingView {
    /// Why it ended.
    pub reason: String,
    /// Unique items.
    pub attributes: u64,
    /// Requests, answered or not.
    pub requests: u64,
    /// US dollars, with what may have been charged.
    pub usd: f64,
    /// How complete it was, where that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completeness: Option<CompletenessView>,
    /// Which cap or floor it met, in words; absent where it met none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met: Option<String>,
}

/// One thing that an operator changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangeView {
    /// What, as it is called where topics are changed: `prompt`, `limits.max_requests`, `provider_weights.small`.
    pub field: String,
    /// What it was, as text, the first 1,000 characters of it; absent where it was not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}
