//! A topic: what is enumerated, how far, and where it stands.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cost::Cost;
use crate::folder::TopicId;
use crate::frontier::Category;
use crate::ids::{Epoch, Run};
use crate::phrasing::Phrasing;
use crate::routing::Policy;
use crate::rules::ItemRules;
use crate::time::UnixMillis;

mod caps;
mod load;
mod met;
mod probes;
mod seeds;
mod share;
#[cfg(test)]
mod tests;

pub use caps::UsedUp;
pub use load::{MAX_LOAD, MAX_UNDER_WAY, Overload};
pub use probes::ProbeShare;
pub use seeds::{FIRST_SEED, MAX_SEEDS, NoItem, SEEDER, SEEDS_IN_PART, SeedList, Seeds, TooManySeeds};
pub use share::Share;

/// Where a topic ends at the latest. Attributes, requests and cost count over the whole run, resumed or not; time counts from the last
/// start or resume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Unique items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attributes: Option<u64>,
    /// Requests sent to models, answered or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_requests: Option<u64>,
    /// Money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<Cost>,
    /// Wall-clock time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit_ms: Option<u64>,
    /// Completeness at which it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completeness: Option<Share>,
    /// Fewest new items that the newest requests bring, in a hundred of them, for it to go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_new_per_100_requests: Option<u32>,
}

/// The highest floor: a request names no more than 500 items.
pub const MAX_NEW_PER_100_REQUESTS: u32 = 50_000;

/// How a topic is cut into parts that single requests aim at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Partition {
    /// Not at all: every request is about the whole.
    #[default]
    None,
    /// By the letters that names begin with.
    Alphabetical,
    /// By categories, which are given, or told by a model.
    Category,
    /// By clusters of what was found, named by a model.
    Semantic,
}

impl Partition {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::None, Self::Alphabetical, Self::Category, Self::Semantic];

    /// A stable name for files and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Alphabetical => "alphabetical",
            Self::Category => "category",
            Self::Semantic => "semantic",
        }
    }
}

/// Why a topic ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The models named nothing new for a while.
    Dry,
    /// It is as complete as was wanted.
    Complete,
    /// The newest requests brought fewer new items than were wanted.
    LowYield,
    /// The cap on items is reached.
    MaxAttributes,
    /// The cap on requests is used up.
    MaxRequests,
    /// What is left of the cap on money does not cover another request.
    MaxUsd,
    /// The time is over.
    TimeLimit,
    /// An operator stopped it.
    Stopped,
    /// The process that ran it was interrupted.
    Interrupted,
    /// No provider can serve: wrong keys, wrong model names, or nothing answers.
    NoProvider,
}

impl EndReason {
    /// Whether the topic came to its own end, so that starting it again means starting afresh.
    #[must_use]
    pub const fn is_natural(self) -> bool {
        matches!(self, Self::Dry | Self::Complete | Self::LowYield)
    }

    /// A stable name for files, messages and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dry => "dry",
            Self::Complete => "complete",
            Self::LowYield => "low_yield",
            Self::MaxAttributes => "max_attributes",
            Self::MaxRequests => "max_requests",
            Self::MaxUsd => "max_usd",
            Self::TimeLimit => "time_limit",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
            Self::NoProvider => "no_provider",
        }
    }

    /// In words, for people.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Dry => "the models named nothing new for a while",
            Self::Complete => "it is as complete as was wanted, by what these models say",
            Self::LowYield => "the newest requests brought fewer new items than were wanted",
            Self::MaxAttributes => "the cap on attributes is reached",
            Self::MaxRequests => "the cap on requests is used up",
            Self::MaxUsd => "the rest of the money does not cover another request",
            Self::TimeLimit => "the time is over",
            Self::Stopped => "it was stopped",
            Self::Interrupted => "it was interrupted",
            Self::NoProvider => "no provider can serve",
        }
    }
}

/// Where a topic stands.
///
/// | state | operator starts | operator stops | coordinator |
/// |---|---|---|---|
/// | `Starting` | refused: it runs | `Ending(Stopped)` | opens the run: `Running`, or `Ending(reason)` when a cap is used up |
/// | `Running` | refused: it runs | `Ending(Stopped)` | a limit or the end: `Ending(reason)` |
/// | `Ending(r)` | refused: it is ending | stays | all work is in: `Ended(r)` |
/// | `Ended(r)` | `Starting` | stays | nothing |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "state", content = "reason", rename_all = "snake_case")]
pub enum TopicState {
    /// Wanted, not yet opened by the coordinator.
    Starting,
    /// Producers ask.
    Running,
    /// Producers ask no more; answers under way are still committed.
    Ending(EndReason),
    /// Nothing happens any more.
    Ended(EndReason),
}

impl TopicState {
    /// Whether it is neither ended nor ending.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Starting | Self::Running)
    }

    /// Whether nothing happens any more.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Ended(_))
    }

    /// A stable name for files and labels, without the reason.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Ending(_) => "ending",
            Self::Ended(_) => "ended",
        }
    }

    /// Why it ended or is ending.
    #[must_use]
    pub const fn reason(self) -> Option<EndReason> {
        match self {
            Self::Starting | Self::Running => None,
            Self::Ending(reason) | Self::Ended(reason) => Some(reason),
        }
    }
}

/// Whether a start continues the last run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartMode {
    /// Afresh after a natural end, else on from where it was.
    #[default]
    Auto,
    /// Afresh: a new run with an empty set.
    Fresh,
    /// On from where it was, even after a natural end.
    Resume,
}

/// A topic's definition and state as the registry holds it. Changed by compare-and-set on `version` only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    /// Folder, store key and routing key.
    pub id: TopicId,
    /// What the user called it.
    pub name: String,
    /// What models are asked to list, in the user's own words; `None` lets the producer phrase it from the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Weight of each provider; empty means the producers' own configuration.
    #[serde(default)]
    pub provider_weights: BTreeMap<String, f64>,
    /// How requests about the whole are shared among providers.
    #[serde(default)]
    pub routing: Policy,
    /// How models are asked; `None`: the ways to ask compete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phrasing: Option<Phrasing>,
    /// Where it ends at the latest.
    #[serde(default)]
    pub limits: Limits,
    /// Items asked for in a request.
    pub items_per_request: u32,
    /// How it is cut into parts.
    #[serde(default)]
    pub partition: Partition,
    /// How many of its requests are a sample that aims at no part.
    #[serde(default)]
    pub probe_share: ProbeShare,
    /// The categories that it is cut into, where these are given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Category>,
    /// What its items must be like.
    #[serde(default, skip_serializing_if = "ItemRules::is_empty")]
    pub rules: ItemRules,
    /// Whether a judge is shown what only one answer has named, before the topic comes to its end by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub judge: bool,
    /// What is known besides what was found; a run that goes on knows what it was told before, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<Seeds>,
    /// Current run, from 1.
    pub run: Run,
    /// Where it stands.
    #[serde(flatten)]
    pub state: TopicState,
    /// When it was first created.
    pub created_at: UnixMillis,
    /// When the current run was started afresh.
    pub run_started_at: UnixMillis,
    /// When it was last started or resumed; the time limit counts from here.
    pub started_at: UnixMillis,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<UnixMillis>,
    /// Why it could not go on, for people, where that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Grows with every change, from 1; the compare-and-set key and the `ETag`.
    pub version: u64,
    /// Epoch of the last coordinator that changed it; 0 while only operators did.
    #[serde(default)]
    pub epoch: Epoch,
}

/// What an operator asks for when starting a topic. Every start states its own limits; other fields that are left out keep what the
/// topic has, or its defaults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StartRequest {
    /// What to enumerate.
    pub name: String,
    /// See [`Topic::prompt`].
    pub prompt: Option<String>,
    /// See [`Topic::provider_weights`].
    pub provider_weights: Option<BTreeMap<String, f64>>,
    /// See [`Topic::routing`].
    pub routing: Option<Policy>,
    /// See [`Topic::phrasing`].
    pub phrasing: Option<Option<Phrasing>>,
    /// See [`Topic::limits`]; left out, the topic has none from now on, whatever an earlier start said.
    pub limits: Option<Limits>,
    /// See [`Topic::items_per_request`].
    pub items_per_request: Option<u32>,
    /// What a new topic takes for it when it is left out; [`DEFAULT_ITEMS_PER_REQUEST`] where this is left out, too.
    pub configured_items: Option<u32>,
    /// See [`Topic::partition`]; naming it takes away categories that are not named with it.
    pub partition: Option<Partition>,
    /// What a new topic takes for it when it is left out.
    pub configured_partition: Partition,
    /// See [`Topic::probe_share`].
    pub probe_share: Option<ProbeShare>,
    /// What a new topic takes for it when it is left out.
    pub configured_probe_share: ProbeShare,
    /// See [`Topic::categories`]; all of them, where any is named.
    pub categories: Option<Vec<Category>>,
    /// See [`Topic::rules`]; all of them, where any is named.
    pub rules: Option<ItemRules>,
    /// See [`Topic::judge`].
    pub judge: Option<bool>,
    /// See [`Topic::seeds`]; an empty list for none.
    pub seeds: Option<Seeds>,
    /// Afresh or on.
    pub mode: StartMode,
}

/// Longest prompt: every command to a producer holds the prompts of all its topics, which have a bound together as well ([`MAX_LOAD`]).
pub const MAX_PROMPT_BYTES: usize = 8 * 1024;

/// Items asked for in a request when nobody says otherwise.
pub const DEFAULT_ITEMS_PER_REQUEST: u32 = 50;

/// Why a start is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// It runs.
    #[error("the topic is already running; stop it first, or change it while it runs")]
    AlreadyRunning,
    /// It is being stopped.
    #[error("the topic is just ending; try again in a moment")]
    Ending,
    /// The prompt is too long.
    #[error("the prompt is longer than {MAX_PROMPT_BYTES} bytes; shorten it")]
    PromptTooLong,
    /// There is nothing to resume.
    #[error("there is no earlier run to resume; leave `resume` out to start it")]
    NothingToResume,
}

impl Topic {
    /// What the topic becomes when `request` starts it: `current` as the registry has it (`None`: a new topic under `id`). The answer
    /// has the version to store.
    pub fn start(
        current: Option<&Self>,
        id: TopicId,
        request: StartRequest,
        now: UnixMillis,
    ) -> Result<Self, StartError> {
        if request.prompt.as_ref().is_some_and(|prompt| prompt.len() > MAX_PROMPT_BYTES) {
            return Err(StartError::PromptTooLong);
        }
        let Some(current) = current else {
            if request.mode == StartMode::Resume {
                return Err(StartError::NothingToResume);
            }
            return Ok(Self {
                id,
                name: request.name,
                prompt: request.prompt,
                provider_weights: request.provider_weights.unwrap_or_default(),
                routing: request.routing.unwrap_or_default(),
                phrasing: request.phrasing.unwrap_or_default(),
                limits: request.limits.unwrap_or_default(),
                items_per_request: request
                    .items_per_request
                    .or(request.configured_items)
                    .unwrap_or(DEFAULT_ITEMS_PER_REQUEST),
                partition: request.partition.unwrap_or(request.configured_partition),
                probe_share: request.probe_share.unwrap_or(request.configured_probe_share),
                categories: request.categories.unwrap_or_default(),
                rules: request.rules.unwrap_or_default(),
                judge: request.judge.unwrap_or_default(),
                seeds: request.seeds.filter(|seeds| seeds.count > 0),
                run: 1,
                state: TopicState::Starting,
                created_at: now,
                run_started_at: now,
                started_at: now,
                ended_at: None,
                problem: None,
                version: 1,
                epoch: 0,
            });
        };
        let reason = match current.state {
            TopicState::Starting | TopicState::Running => return Err(StartError::AlreadyRunning),
            TopicState::Ending(_) => return Err(StartError::Ending),
            TopicState::Ended(reason) => reason,
        };
        let fresh = match request.mode {
            StartMode::Auto => reason.is_natural(),
            StartMode::Fresh => true,
            StartMode::Resume => false,
        };
        let mut topic = current.clone();
        if request.prompt.is_some() {
            topic.prompt = request.prompt;
        }
        if let Some(weights) = request.provider_weights {
            topic.provider_weights = weights;
        }
        topic.routing = request.routing.unwrap_or(topic.routing);
        topic.phrasing = request.phrasing.unwrap_or(topic.phrasing);
        topic.limits = request.limits.unwrap_or_default();
        topic.items_per_request = request.items_per_request.unwrap_or(topic.items_per_request);
        topic.probe_share = request.probe_share.unwrap_or(topic.probe_share);
        // Who says how it is cut says with which categories.
        match (request.partition, request.categories) {
            (Some(partition), categories) => {
                (topic.partition, topic.categories) = (partition, categories.unwrap_or_default());
            }
            (None, Some(categories)) => topic.categories = categories,
            (None, None) => {}
        }
        topic.rules = request.rules.unwrap_or(topic.rules);
        topic.judge = request.judge.unwrap_or(topic.judge);
        topic.seeds = request.seeds.or(topic.seeds).filter(|seeds| seeds.count > 0);
        if fresh {
            topic.run += 1;
            topic.run_started_at = now;
        }
        topic.state = TopicState::Starting;
        topic.started_at = now;
        topic.ended_at = None;
        topic.problem = None;
        topic.version += 1;
        Ok(topic)
    }

    /// What the topic becomes when the only process that worked on it is gone, whatever its state says: ended as it was about to, or else
    /// interrupted. `None` when it has ended.
    #[must_use]
    pub fn abandoned(&self, now: UnixMillis) -> Option<Self> {
        let reason = match self.state {
            TopicState::Starting | TopicState::Running => EndReason::Interrupted,
            TopicState::Ending(reason) => reason,
            TopicState::Ended(_) => return None,
        };
        let (state, version) = (TopicState::Ended(reason), self.version + 1);
        Some(Self { state, ended_at: Some(now), version, ..self.clone() })
    }

    /// What the topic becomes when it is asked to end for `reason`; `None` when it is ending or ended already.
    #[must_use]
    pub fn end(&self, reason: EndReason) -> Option<Self> {
        self.state.is_live().then(|| Self {
            state: TopicState::Ending(reason),
            version: self.version + 1,
            ..self.clone()
        })
    }
}
