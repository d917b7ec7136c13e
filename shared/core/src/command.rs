//! What the coordinator and the producers tell each other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cost::Cost;
use crate::folder::TopicId;
use crate::ids::{Epoch, Incarnation, LogIndex, Run, Seq, WorkerId};
use crate::phrasing::Phrasing;
use crate::rules::ItemRules;

/// The full desired state of one producer. A later one (by epoch, then version) replaces it; an older one is refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// The registry that the topics stand in: orders of another one begin a new life of the producer, once its own is silent or replaced, since nothing it
    /// holds is known there.
    #[serde(default)]
    pub registry: String,
    /// The registry whose place this one has taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// Term of the coordinator that decided it.
    pub epoch: Epoch,
    /// Grows with every change within the epoch.
    pub version: u64,
    /// Which life of the producer it is for: budget leased to an earlier one is not this one's.
    pub incarnation: Incarnation,
    /// Every topic the producer shall work on. A topic that is not named is dropped once its batches are resolved.
    pub topics: Vec<TopicOrder>,
    /// The providers that every producer has to be careful with; of all others each goes by what it finds out itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub care: Vec<Care>,
}

/// What every producer has to know of a provider, from the requests of all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Care {
    /// Its name.
    pub provider: String,
    /// Nobody asks it, but for a probe.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rests: bool,
    /// Number of the newest probe; they grow within an epoch, and 0 is none.
    #[serde(default)]
    pub probe: u64,
    /// That probe is this producer's: a single request, and nobody else may send one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub yours: bool,
    /// Nothing that uses its key is to start within so many milliseconds, as its service has asked another producer (`Retry-After`).
    #[serde(default)]
    pub key_waits_ms: u64,
}

/// Providers that a command tells to be careful with, at most.
pub const MOST_CARE: usize = 100;

/// A key is made to wait so long at most, in milliseconds.
pub const LONGEST_KEY_WAIT_MS: u64 = 3_600_000;

impl Care {
    /// Whether it says the same as another one, told so many milliseconds ago: what is left of a wait shrinks as time passes.
    #[must_use]
    pub fn is_as(&self, told: &Self, ago_ms: u64) -> bool {
        const NEAR_MS: u64 = 500;
        let left = told.key_waits_ms.saturating_sub(ago_ms);
        (&self.provider, self.rests, self.probe, self.yours)
            == (&told.provider, told.rests, told.probe, told.yours)
            && self.key_waits_ms.saturating_sub(left) < NEAR_MS
    }
}

/// What a producer shall do for one topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopicOrder {
    /// Topic.
    pub topic: TopicId,
    /// Its run.
    pub run: Run,
    /// What the user called it.
    pub name: String,
    /// The user's own prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Items to ask for in a request.
    pub items_per_request: u32,
    /// Items beyond which none is taken: who sees that they are there asks no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attributes: Option<u64>,
    /// Weight of each provider; empty means the producer's own configuration.
    #[serde(default)]
    pub provider_weights: BTreeMap<String, f64>,
    /// The decision that these weights are of, where they are not the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<OrderedShares>,
    /// Whether to ask at all; otherwise only finish what is under way.
    pub ask: bool,
    /// Whether to give up requests that are still under way, so that the topic can end.
    pub abandon: bool,
    /// The budget leased to this incarnation so far.
    pub lease: Lease,
    /// Whether the run has a cap on money, so that each request's worst case must be covered first.
    pub capped_cost: bool,
    /// What its items must be like: what is not is told of only in numbers.
    #[serde(default, skip_serializing_if = "ItemRules::is_empty")]
    pub rules: ItemRules,
    /// The ways to ask that take turns, the leading one first; none for the plain one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phrasings: Vec<Phrasing>,
    /// What single requests aim at: then only those are sent that are named here. `None`: all are about the whole topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aims: Option<Vec<OrderedAim>>,
}

/// Why providers are asked as often as they are: for people who read a producer's log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedShares {
    /// Number of the decision within the topic's run.
    pub decision: u64,
    /// What it goes by, in a few words.
    pub why: String,
}

/// What one request aims at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedAim {
    /// Number of the request in this life of the producer, from 0.
    pub number: u64,
    /// The part of the topic; `None` for the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<String>,
    /// The provider to ask, where it can be asked; else any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Items to ask for.
    pub items: u32,
    /// Known items to leave out; for a judge those that it is shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leave_out: Vec<String>,
    /// The numbers of what a judge is shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<Seq>,
}

/// What requests aim at may weigh so much in a command, over all its topics.
pub const AIMS_LOAD: usize = 128 * 1024;

/// What an aim weighs without its texts, and one of its items to leave out without its text. Both are more than they take in a command, by so much that
/// [`AIMS_LOAD`] bounds the number of values there, too.
const AIM: usize = 320;
const LEFT_OUT: usize = 24;

impl OrderedAim {
    /// What it weighs in a command, in bytes: no less than it takes there.
    #[must_use]
    pub fn load(&self) -> usize {
        let texts = self.leave_out.iter().map(|text| LEFT_OUT + text.len()).sum::<usize>();
        let provider = self.provider.as_ref().map_or(0, String::len);
        AIM + self.cell.as_ref().map_or(0, String::len) + provider + texts + LEFT_OUT * self.numbers.len()
    }
}

/// Budget leased to one incarnation of a producer for one run. Amounts are totals since the incarnation began, so that a repeated
/// command grants nothing twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Requests that may be sent.
    pub requests: u64,
    /// Money that may be risked: cost of settled requests plus the worst case of those under way.
    pub cost: Cost,
}

impl Lease {
    /// The lesser of both, in requests and in money.
    #[must_use]
    pub fn at_most(self, other: Self) -> Self {
        Self { requests: self.requests.min(other.requests), cost: self.cost.min(other.cost) }
    }
}

/// What a producer says of itself, every second and when something changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Who.
    pub producer: WorkerId,
    /// Which life.
    pub incarnation: Incarnation,
    /// Number of the heartbeat in this life.
    pub seq: u64,
    /// The registry whose orders it follows; `None` before the first.
    #[serde(default)]
    pub registry: Option<String>,
    /// Epoch and version of the command it follows; zeros before the first.
    pub command: (Epoch, u64),
    /// How many requests it can have under way at once.
    pub concurrency: u32,
    /// It takes no new work and will leave.
    pub draining: bool,
    /// It has left: nothing is under way, nothing unresolved; the rest of its leases is free.
    pub left: bool,
    /// Its topics.
    pub topics: Vec<TopicReport>,
    /// Its providers.
    pub providers: Vec<ProviderReport>,
}

/// What a producer says of a topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopicReport {
    /// Topic.
    pub topic: TopicId,
    /// Its run.
    pub run: Run,
    /// Requests sent so far in this life.
    pub sent: u64,
    /// Requests under way.
    pub in_flight: u32,
    /// Requests about the topic that it can have under way at once, by its own bound and its part of what its process may ask of the
    /// providers; 0 where that was not looked at.
    #[serde(default)]
    pub places: u32,
    /// Batches without a resolved receipt.
    pub unresolved: u32,
    /// Money settled plus the worst case under way, in this life.
    pub risked: Cost,
    /// The lease it acts on: what was granted, or less where some was taken back.
    pub lease: Lease,
    /// Whether its order has a cap on money: it covers each request's worst case by its lease before it sends it.
    #[serde(default)]
    pub capped_cost: bool,
    /// The smallest worst case of a request to any of its providers, as far as tried; zero when free.
    pub request_cost: Cost,
    /// The largest one.
    #[serde(default)]
    pub dearest_cost: Cost,
    /// Why no provider can ever serve this topic here, for people; `None` while one can or may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hopeless: Option<String>,
    /// How many of its batches were put to the dead letters, and none committed since, where it asks hardly anybody any more for that; else 0.
    #[serde(default)]
    pub refused: u32,
    /// Its filter.
    pub filter: FilterReport,
}

/// What a producer says of its filter for a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterReport {
    /// Generation it holds.
    pub generation: u32,
    /// It holds every log entry up to this one.
    pub complete_to: LogIndex,
    /// The newest log entry it has heard of.
    pub heard_of: LogIndex,
    /// It wants a snapshot: it is new, a hole stayed open, or the generation is not its own.
    pub wants_snapshot: bool,
    /// Digest of its bits, to be compared with the leader's after the entry `complete_to`; `None` while it holds entries beyond a hole.
    #[serde(default)]
    pub digest: Option<u64>,
    /// Items of answers that it took for known.
    #[serde(default)]
    pub hits: u64,
    /// Of those, the ones that the registry did not hold and whose text was sent afterwards.
    pub false_positives: u64,
    /// Keys that were new to the registry when the replica heard of them, of late: each is a question to which the right answer was "new".
    pub checked_new: u64,
    /// Of those, the ones that it took for known.
    #[serde(default)]
    pub claimed_new: u64,
}

/// How a provider does at a producer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderReport {
    /// Its name.
    pub name: String,
    /// The model asked.
    pub model: String,
    /// Its state.
    pub state: ProviderState,
    /// Why, for people; of one that is ready, why there was no list at last. Never holds a secret.
    #[serde(default)]
    pub detail: String,
    /// Its configured weight, in thousandths; `None` where that is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_millis: Option<u64>,
    /// It is left alone since a leader says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rests: bool,
    /// For so many milliseconds its key has to wait, as its service told this process (`Retry-After`).
    #[serde(default)]
    pub key_waits_ms: u64,
}

impl ProviderReport {
    /// Its configured weight.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "weights are below a million")]
    pub fn weight(&self) -> f64 {
        self.weight_millis.map_or(1.0, |millis| millis as f64 / 1e3)
    }
}

/// Whether a provider can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderState {
    /// Yes.
    Ready,
    /// Not now: rate limit or repeated failure; it is tried again.
    Waiting,
    /// Not before an operator changes something: wrong key, wrong model.
    Stopped,
}
