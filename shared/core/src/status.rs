//! Where a topic stands, in numbers: what the coordinator tells everybody who watches.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::batch::Outcome;
use crate::command::{Lease, ProviderReport};
use crate::cost::Cost;
use crate::effect::Measured;
use crate::estimate::Completeness;
use crate::fold::{Probed, Recent, Sightings, TopicFold, Totals};
use crate::frontier::Part;
use crate::ids::{Epoch, LogIndex, Seq, WorkerId};
use crate::key::Rejection;
use crate::phrasing::{Phrased, Phrasing, Wording};
use crate::quote::Forecast;
use crate::routing::Routed;
use crate::time::UnixMillis;
use crate::topic::{EndReason, Topic};

/// Providers, producers and cells, of each kind, that are named in a snapshot: those with the most requests. Producers that get a new id with every
/// start become ever more, and whoever reads a message takes only so much.
pub const NAMED: usize = 200;

/// Under this name stand the sums over the rest.
pub const OTHERS: &str = "others";

/// Frequencies of frequencies are told one by one up to attributes that were named so often.
pub const FREQUENCIES: u32 = 20;

/// Longest text for people, in bytes.
const MAX_TEXT_BYTES: usize = 2_000;

/// A snapshot of a topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopicStatus {
    /// Definition and state.
    pub topic: Topic,
    /// Term of the coordinator that says it.
    pub epoch: Epoch,
    /// When it was taken.
    pub at: UnixMillis,
    /// Log entries it covers.
    pub log_index: LogIndex,
    /// Unique items.
    pub attributes: Seq,
    /// What it knew from the beginning.
    #[serde(default)]
    pub seeds: SeedNumbers,
    /// Over everything.
    pub totals: Totals,
    /// Leased to producers that ended without a word, and not settled by the log. It may have been spent, so it counts against the caps; zero
    /// where there is none.
    #[serde(default)]
    pub lost: Lease,
    /// By provider.
    pub providers: BTreeMap<String, Totals>,
    /// By producer.
    pub producers: BTreeMap<WorkerId, Totals>,
    /// How many producers have worked on it, those among the [`OTHERS`] included.
    #[serde(default)]
    pub producers_ever: u32,
    /// By cell.
    pub cells: BTreeMap<String, Totals>,
    /// Responses and failed requests by how they ended.
    #[serde(default)]
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Strings of answers that were rejected, by reason.
    #[serde(default)]
    pub rejections: BTreeMap<Rejection, u64>,
    /// How many items were named how often.
    #[serde(default)]
    pub frequencies: Frequencies,
    /// The same by provider, for those that were asked first.
    #[serde(default)]
    pub provider_frequencies: BTreeMap<String, Frequencies>,
    /// The same by cell.
    #[serde(default)]
    pub cell_frequencies: BTreeMap<String, Frequencies>,
    /// Its filter and the producers' replicas of it; `None` while nobody leads it.
    #[serde(default)]
    pub filter: Option<FilterNumbers>,
    /// Probability that the next mention is of a known item.
    pub coverage: Option<f64>,
    /// What the newest answers say of it that were asked for without conditions.
    #[serde(default)]
    pub probed: Probed,
    /// How complete it is, and how many items there are in all; `None` where that is not known, or was not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completeness: Option<Completeness>,
    /// How far each of its parts is, in their order; those of which most is missing where there are more than [`NAMED`], and none where it is not cut.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// What further items cost; `None` where that was not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// What judges said of items that one answer alone has named.
    #[serde(default)]
    pub judging: JudgingNumbers,
    /// How requests about the whole are shared among providers, and why; `None` where that is by the operator's weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routed: Option<Routed>,
    /// The ways to ask that are used, the leading one first; the others of [`Phrasing::ALL`] are used no more. Empty where the operator says how it is asked,
    /// and while nobody leads it.
    #[serde(default)]
    pub wordings: Vec<Phrasing>,
    /// What each of them brought, those that are used no more included; empty where the operator says how it is asked.
    #[serde(default)]
    pub phrased: BTreeMap<Phrasing, Phrased>,
    /// What was asked and came back in the last minutes, of a topic that has ended before its end; `None` where that is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recent: Option<Box<Recent>>,
    /// Number of the newest decision that stands written and is not of what a request asks for; 0 for none.
    #[serde(default)]
    pub decided: u64,
    /// What came of the last decisions on shares and wordings, the newest last.
    #[serde(default)]
    pub measured: Vec<Measured>,
    /// New items in the last minute.
    pub attributes_per_minute: f64,
    /// Producers that work on it.
    pub active_producers: u32,
    /// How its providers do, the worst report of each.
    pub provider_reports: Vec<ProviderReport>,
    /// Why nothing moves, or why its files are not written, for people; `None` when all is well.
    pub problem: Option<String>,
}

impl TopicStatus {
    /// From the fold; what only the coordinator knows is left empty, and so is what takes an estimate.
    #[must_use]
    pub fn of(topic: Topic, fold: &TopicFold, epoch: Epoch, at: UnixMillis) -> Self {
        let ended = topic.ended_at;
        let phrased = if topic.phrasing.is_none() { fold.phrasings().all().clone() } else { BTreeMap::new() };
        Self {
            problem: topic.problem.clone().or_else(|| never_affordable(&topic, fold.totals())),
            topic,
            epoch,
            at,
            log_index: fold.log_index(),
            attributes: fold.attributes(),
            seeds: SeedNumbers { known: fold.seeding().count(), named: fold.seeding().met() },
            totals: *fold.totals(),
            lost: Lease::default(),
            providers: named(fold.providers(), OTHERS.to_owned()),
            producers: named(fold.producers(), WorkerId::others()),
            producers_ever: u32::try_from(fold.producers().len()).unwrap_or(u32::MAX),
            cells: named(fold.cells(), OTHERS.to_owned()),
            outcomes: fold.outcomes().clone(),
            rejections: fold.rejections().clone(),
            frequencies: Frequencies::of(fold.sightings()),
            provider_frequencies: frequencies(fold.sightings_by_provider()),
            cell_frequencies: frequencies(fold.sightings_by_cell()),
            filter: None,
            coverage: fold.coverage(),
            probed: fold.probed(),
            completeness: None,
            parts: Vec::new(),
            forecast: None,
            judging: JudgingNumbers {
                judged: fold.judging().judged(),
                doubted: fold.judging().doubted().iter().copied().collect(),
            },
            routed: None,
            wordings: Vec::new(),
            phrased,
            recent: fold.windows().recent(ended.map_or(at, |ended| ended.min(at))).map(Box::new),
            decided: 0,
            measured: Vec::new(),
            attributes_per_minute: 0.0,
            active_producers: 0,
            provider_reports: Vec::new(),
        }
    }

    /// What was decided of the ways to ask, all of them looked at; `None` where that is nothing.
    #[must_use]
    pub fn wording(&self) -> Option<Wording> {
        Wording::standing(&self.wordings, &self.phrased)
    }

    /// What may be on the bill besides what answered requests cost, at worst.
    #[must_use]
    pub fn cost_at_risk(&self) -> Cost {
        self.totals.cost_at_risk + self.lost.cost
    }
}

/// Items that a topic knew from the beginning, and that are not among what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedNumbers {
    /// How many.
    pub known: u64,
    /// How many of them models have named.
    pub named: u64,
}

/// Items that one answer alone has named, and that a judge was shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgingNumbers {
    /// How many.
    pub judged: u64,
    /// Those of them that do not belong to the topic, or do not exist, by what it says: their numbers, in order, at most [`MAX_DOUBTED`](crate::fold::MAX_DOUBTED).
    pub doubted: Vec<Seq>,
}

/// A topic's filter and the producers' replicas of it. What is counted is counted since the present leader leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FilterNumbers {
    /// Its generation.
    pub generation: u32,
    /// Share of the keys new of late that it took for known; `None` before the first.
    pub false_positive_rate: Option<f64>,
    /// Producers with a replica that were heard of late.
    pub replicas: u32,
    /// Log entries that the replica furthest behind lacks.
    pub behind_entries: u64,
    /// For how long it has lacked some, in milliseconds.
    pub behind_ms: u64,
    /// Comparisons of a replica's bits with what the log gives.
    pub audits: u64,
    /// Of those, the ones that found a difference; such a replica is replaced.
    pub differences: u64,
    /// Snapshots sent.
    pub snapshots: u64,
}

/// How many items were named how often: what estimates of what is missing rest on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frequencies {
    /// By the number of responses that named them, up to [`FREQUENCIES`]: the number of items.
    pub named: BTreeMap<u32, u64>,
    /// Items that more responses named.
    pub more: u64,
    /// All of it together: pairs of a response and an item that it named.
    pub mentions: u64,
}

impl Frequencies {
    /// Of these sightings.
    #[must_use]
    pub fn of(sightings: &Sightings) -> Self {
        let is_told = |(times, _): &(u32, u64)| *times <= FREQUENCIES;
        let more = sightings.frequencies().filter(|one| !is_told(one));
        Self {
            named: sightings.frequencies().take_while(is_told).collect(),
            more: more.map(|(_, items)| items).sum(),
            mentions: sightings.mentions(),
        }
    }
}

fn frequencies(strata: &BTreeMap<String, Sightings>) -> BTreeMap<String, Frequencies> {
    strata.iter().map(|(name, sightings)| (name.clone(), Frequencies::of(sightings))).collect()
}

/// Those with the most requests, and the rest as one.
fn named<K: Ord + Clone>(all: &BTreeMap<K, Totals>, others: K) -> BTreeMap<K, Totals> {
    if all.len() <= NAMED {
        return all.clone();
    }
    let mut order: Vec<(&K, &Totals)> = all.iter().collect();
    order.sort_by_key(|(_, totals)| Reverse(totals.requests()));
    let (first, rest) = order.split_at(NAMED);
    let mut named: BTreeMap<K, Totals> =
        first.iter().map(|(name, totals)| ((*name).clone(), **totals)).collect();
    let sum = named.entry(others).or_default();
    for (_, totals) in rest {
        *sum += **totals;
    }
    named
}

/// A text for people, cut where it is longer than a message should carry.
pub(crate) fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT_BYTES {
        text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
        text.push('…');
    }
    text
}

/// A cap on money that is below the worst case of a single request ends the topic before the first.
fn never_affordable(topic: &Topic, totals: &Totals) -> Option<String> {
    let nothing_sent = topic.state.reason() == Some(EndReason::MaxUsd) && totals.requests() == 0;
    nothing_sent.then(|| {
        "no request was sent: the cap on money does not cover the worst case of one; raise it, or lower the provider's \
         `max_output_tokens`"
            .to_owned()
    })
}
