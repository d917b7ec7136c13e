//! The batch: one response of a model, on its way to the registry, and the receipt that comes back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cost::Cost;
use crate::folder::TopicId;
use crate::ids::{Incarnation, LogIndex, Run, Seq, WorkerId};
use crate::judging::Judged;
use crate::key::{Fingerprint, Rejection};
use crate::numbers::Edition;
use crate::phrasing::Phrasing;

mod numbered;

pub use numbered::{Ascending, Numbered, NumbersError};

/// Most elements (texts, fingerprints and numbers together) in one batch.
pub const MAX_ELEMENTS: usize = 1_000;

/// How a request to a model ended. Every request that was sent ends in exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Items were found in the answer.
    Answered,
    /// The answer holds no text.
    Empty,
    /// The model declined.
    Refused,
    /// There is text, but no items in it.
    Unparsable,
    /// The service asks for fewer requests (429).
    RateLimited,
    /// No complete answer in time.
    Timeout,
    /// The service failed (5xx) or sent what is not its protocol.
    ServerError,
    /// No connection to the service.
    Unreachable,
    /// The service does not accept the key (401, 403).
    WrongKey,
    /// The service does not accept the request (other 4xx): wrong model name, wrong option.
    BadRequest,
    /// This process gave the request up, for example on shutdown.
    Abandoned,
}

impl Outcome {
    /// Every outcome, for metrics.
    pub const ALL: [Self; 11] = [
        Self::Answered,
        Self::Empty,
        Self::Refused,
        Self::Unparsable,
        Self::RateLimited,
        Self::Timeout,
        Self::ServerError,
        Self::Unreachable,
        Self::WrongKey,
        Self::BadRequest,
        Self::Abandoned,
    ];

    /// Whether the model answered at all (and was paid), whatever the answer was worth.
    #[must_use]
    pub const fn is_answer(self) -> bool {
        matches!(self, Self::Answered | Self::Empty | Self::Refused | Self::Unparsable)
    }

    /// A stable name for labels and files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Empty => "empty",
            Self::Refused => "refused",
            Self::Unparsable => "unparsable",
            Self::RateLimited => "rate_limited",
            Self::Timeout => "timeout",
            Self::ServerError => "server_error",
            Self::Unreachable => "unreachable",
            Self::WrongKey => "wrong_key",
            Self::BadRequest => "bad_request",
            Self::Abandoned => "abandoned",
        }
    }
}

/// How many strings were rejected for what; only reasons that occurred are named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::box_collection, reason = "most responses have none, which takes eight bytes in each")]
pub struct Rejections(Option<Box<BTreeMap<Rejection, u32>>>);

impl Rejections {
    /// So many more.
    pub fn add(&mut self, reason: Rejection, count: u32) {
        if count > 0 {
            let sum = self.0.get_or_insert_default().entry(reason).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    /// Reasons that occurred, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (Rejection, u32)> {
        self.0.iter().flat_map(|all| all.iter()).map(|(reason, count)| (*reason, *count))
    }

    /// Those that did not fit the topic's rules.
    #[must_use]
    pub fn by_rule(&self) -> u32 {
        let by_rule = self.iter().filter(|(reason, _)| reason.is_by_rule());
        by_rule.fold(0, |sum, (_, count)| sum.saturating_add(count))
    }
}

/// The categories that the answer to a task tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::box_collection, reason = "most responses tell none, which takes eight bytes in each")]
pub struct Told(Option<Box<Vec<String>>>);

impl Told {
    /// Each as it was said.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|all| all.iter()).map(String::as_str)
    }
}

impl FromIterator<String> for Told {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        let names: Vec<String> = names.into_iter().collect();
        Self((!names.is_empty()).then(|| Box::new(names)))
    }
}

/// What is known of a response besides its items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseMeta {
    /// Provider asked.
    pub provider: String,
    /// Model asked.
    pub model: String,
    /// Part of the topic the prompt aimed at; `None` for the whole topic.
    #[serde(default)]
    pub cell: Option<String>,
    /// Whether the request belongs to the unconditioned sample (no cell, no exclusions).
    #[serde(default)]
    pub probe: bool,
    /// XXH3-64 of the prompt sent.
    pub prompt_hash: u64,
    /// How the request ended.
    pub outcome: Outcome,
    /// From sending to the end of the answer.
    pub latency_ms: u64,
    /// Tokens of the prompt as the service counted them; 0 without an answer.
    pub input_tokens: u64,
    /// Tokens of the answer as the service counted them; 0 without an answer.
    pub output_tokens: u64,
    /// Price × tokens.
    pub cost: Cost,
    /// The most the request can have cost; covered by the producer's lease before it was sent.
    #[serde(default)]
    pub worst_case: Cost,
    /// Items of the answer that named a key already named in the same answer.
    #[serde(default)]
    pub repeated: u32,
    /// Strings of the answer that are no items (chatter, template echoes, too long).
    #[serde(default)]
    pub rejected: u32,
    /// Items asked for, less those that did not fit the topic's rules; 0 where the answer was cut off, so that nobody knows how many there could have been.
    #[serde(default)]
    pub asked: u32,
    /// Known items that the question said to leave out.
    #[serde(default)]
    pub left_out: u32,
    /// Of those, the ones that the answer named all the same.
    #[serde(default)]
    pub copied: u32,
    /// The categories that a task asked for; then there are no items.
    #[serde(default)]
    pub categories: Told,
    /// How it was asked.
    #[serde(default)]
    pub phrasing: Phrasing,
    /// What was rejected, by reason: the strings that are no items, and the items that did not fit the topic's rules.
    #[serde(default)]
    pub rejections: Rejections,
    /// What a judge was shown, and what it said; then there are no items. `None` where no judge was asked. The last one: an entry is stored without names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Box<Judged>>,
}

impl ResponseMeta {
    /// What the request takes from a cap on money: its cost, or its worst case where the service may charge without our knowing how much.
    #[must_use]
    pub const fn charge(&self) -> Cost {
        let counted = self.input_tokens > 0 || self.output_tokens > 0;
        match self.outcome {
            Outcome::Answered | Outcome::Empty | Outcome::Refused | Outcome::Unparsable if counted => {
                self.cost
            }
            Outcome::RateLimited | Outcome::Unreachable | Outcome::WrongKey | Outcome::BadRequest => {
                Cost::ZERO
            }
            Outcome::Answered
            | Outcome::Empty
            | Outcome::Refused
            | Outcome::Unparsable
            | Outcome::Timeout
            | Outcome::ServerError
            | Outcome::Abandoned => self.worst_case,
        }
    }
}

/// Identifies a batch for ever: a redelivery carries the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BatchId {
    /// Topic.
    pub topic: TopicId,
    /// Run of the topic.
    pub run: Run,
    /// Who asked.
    pub producer: WorkerId,
    /// Which life of the producer.
    pub incarnation: Incarnation,
    /// Number of the batch in this topic, run and incarnation, from 1.
    pub seq: u64,
}

/// A text with the fingerprint of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// One clean line.
    pub text: String,
    /// Of the text's key.
    pub fingerprint: Fingerprint,
}

/// What a batch says.
#[expect(clippy::large_enum_variant, reason = "nearly all are responses")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchBody {
    /// A response.
    Response {
        /// About the request.
        meta: ResponseMeta,
        /// Texts whose fingerprint the producer's filter does not hold.
        #[serde(default)]
        novel: Vec<String>,
        /// Texts whose fingerprint the filter holds, in a spelling this producer has not met before.
        #[serde(default)]
        spellings: Vec<String>,
        /// Fingerprints the filter holds, already met in that spelling.
        #[serde(default)]
        sightings: Vec<Fingerprint>,
        /// The same where the producer was told their numbers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        numbered: Option<Box<Numbered>>,
    },
    /// The texts of an earlier response's sightings that turned out to be false positives of the filter.
    Resolution {
        /// The batch that it completes.
        of: u64,
        /// The texts, one for each fingerprint the receipt named.
        texts: Vec<String>,
    },
}

/// One response of a model, or the completion of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Identity.
    pub id: BatchId,
    /// The producer's lowest batch number in this topic and run whose receipt is still awaited: receipts below may be forgotten.
    pub lowest_unresolved: u64,
    /// Version of the canonical form that the fingerprints rest on.
    pub key_version: u16,
    /// Content.
    pub body: BatchBody,
}

impl Batch {
    /// Number of elements that the registry must look up.
    #[must_use]
    pub fn elements(&self) -> usize {
        match &self.body {
            BatchBody::Response { novel, spellings, sightings, numbered, .. } => {
                let numbered = numbered.as_ref().map_or(0, |numbered| numbered.numbers.len());
                novel.len() + spellings.len() + sightings.len() + numbered
            }
            BatchBody::Resolution { texts, .. } => texts.len(),
        }
    }

    /// Number of texts that may be new.
    #[must_use]
    pub fn novel(&self) -> usize {
        match &self.body {
            BatchBody::Response { novel, .. } => novel.len(),
            BatchBody::Resolution { texts, .. } => texts.len(),
        }
    }
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is in the log, now or since an earlier delivery.
    Committed(Committed),
    /// It was committed, and its receipt resolved, before; nothing more is known.
    Settled,
    /// It belongs to a run that is over: counted, not committed.
    Stale,
    /// It was put to the dead letters, from which only a person can bring it back: publishing it again is of no use.
    Refused {
        /// Why, for people.
        reason: String,
    },
}

/// The part of a receipt that the registry stores with the batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// Number of the log entry.
    pub log_index: LogIndex,
    /// Number of the first new attribute; those of one batch are contiguous. 0 when there is none.
    pub first_new: Seq,
    /// New attributes.
    pub new: u32,
    /// Elements that were known.
    pub known: u32,
    /// Texts that were new but over the topic's item cap.
    pub over_cap: u32,
    /// Sightings that the registry does not hold: false positives of the filter, whose texts it wants.
    #[serde(default)]
    pub missing: Vec<Fingerprint>,
    /// Elements that were named by numbers which the registry has not told, or not for its log as it is: none of the batch's numbers counts, and it wants
    /// their texts.
    #[serde(default)]
    pub unnumbered: u32,
}

impl Committed {
    /// Elements of which the registry wants the texts.
    #[must_use]
    pub fn wanting(&self) -> u32 {
        u32::try_from(self.missing.len()).unwrap_or(u32::MAX).saturating_add(self.unnumbered)
    }
}

/// The numbers of elements that a batch did not name by number: what is said of them the next time can be short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldNumbers {
    /// The edition of the log that they are of.
    pub edition: Edition,
    /// Of the batch's spellings, then of its sightings; 0 for what has none.
    pub numbers: Vec<Seq>,
}

/// The answer to a batch, sent to its producer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which batch.
    pub id: BatchId,
    /// What became of it.
    pub verdict: Verdict,
    /// What its producer may remember; `None` where nothing is to be learnt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<ToldNumbers>,
}
