//! The whole system under seeded faults, in virtual time: three producers, two orchestrators, a model that keeps a journal.
//!
//! A seed gives a topic, a model and a plan of faults. The faults come, end, the topic runs to its end, and then the
//! invariants must hold. The same seed gives the same run, message by message.
//!
//! In some runs the registry is nearly full of a filter's first generation when they begin, so that it is outgrown; others have caps.
//!
//! # Faults that are made
//!
//! * A publish fails before anything was sent; its confirmation is lost; it is lost itself and its outcome unknown.
//! * Messages are late, overtake one another, come twice.
//! * Broadcasts arrive nowhere: commands, receipts, filter deltas, snapshots, events. Heartbeats and notes for the coordinator, too.
//! * No connection to the broker for a while, for one process or for all; connections that are lost and made anew at once, with redelivery.
//! * Filters that claim keys which the registry does not hold.
//! * Writes to the store whose outcome is unknown, done or not; a store that is unavailable or slow, for one process or for all, or slower for
//!   one orchestrator than the lease has to live; what such a store was sent it does, whether somebody still waits for that or not.
//! * Producers and orchestrators that die at any call to bus or store, and come back in a new life, under the same or another name.
//! * Processes whose calls hang for longer than the lease lives, before or after they were done, as if they were paused.
//! * Wall clocks that differ between processes and jump by up to an hour, forwards and backwards.
//! * Poison: what does not decode, is over the limits, newer, or rests on another canonical form. It and nothing else ends at the dead letters.
//! * An operator who stops the topic and starts it again, changes weights and items per request, or caps in mid-run.
//! * A model that is slow, rate limited, times out, fails, declines.
//!
//! # Bugs on purpose
//!
//! What the invariants are worth is tried with bugs that are switched on one at a time ([`bugs`]).
//!
//! # Faults that are not made
//!
//! * Processes that stand still between two calls: in one that is paused here, what needs no call goes on.
//! * Disks that are full, torn files: no files are written here.
//! * A wall clock that was set back before a producer comes back under its name: its lives are in order.
//! * A store that loses what it confirmed; a broker that loses what it confirmed.
//! * Operators who start a topic afresh while it runs; several topics at once. A store that is replaced by another.
//! * What only real adapters do: RabbitMQ, Redis, threads and a real clock have their own tests.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a simulation that panics says what is wrong"
)]

use std::collections::BTreeMap;

use igentai_core::folder::TopicId;
use igentai_shared::store::{checkpoints, rows};

use crate::faults::Kind;
use crate::plan::Plan;
use crate::system::simulate;

pub mod bugs;
mod deeds;
mod faults;
mod history;
mod invariants;
mod model;
mod plan;
mod reader;
pub mod stage;
mod steps;
mod system;
mod things;
mod witness;

/// What came of a seed.
#[derive(Debug)]
pub struct Verdict {
    /// The seed.
    pub seed: u64,
    /// Everything that is not as it must be.
    pub violations: Vec<String>,
    /// The plan, in words for programmers.
    pub plan: String,
    /// Batches in the log.
    pub batches: usize,
    /// How often each kind of fault struck.
    pub struck: BTreeMap<String, u64>,
    /// How often it came to what faults are to lead to.
    pub reached: BTreeMap<&'static str, u64>,
    /// The whole history in one number: every call to bus and store with its time and its answer.
    pub digest: u64,
    /// The history line by line, where it was wanted.
    pub history: Vec<String>,
}

/// Runs the plan of a seed from its beginning to its end, and judges it.
#[must_use]
pub fn run(seed: u64, keep_history: bool) -> Verdict {
    let evidence = simulate(Plan::of(seed), keep_history);
    let violations = invariants::violations(&evidence);
    let reached = BTreeMap::from([
        ("a filter was outgrown", evidence.seen.outgrown()),
        ("a false positive was resolved", evidence.seen.resolutions),
        ("a batch named attributes by number", evidence.seen.numbered),
        ("an attribute was read to fill a hole in the feed", evidence.read.filled_from_registry),
    ]);
    let (digest, history) = evidence.trace;
    Verdict {
        seed,
        violations,
        plan: format!("{:?}", evidence.plan),
        batches: evidence.log.len(),
        struck: evidence.struck.iter().map(|(kind, times)| (format!("{kind:?}"), *times)).collect(),
        reached,
        digest,
        history,
    }
}

/// What the system says to itself and to its store: good input for everything that decodes it.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// Messages by their kind.
    pub messages: BTreeMap<String, Vec<Vec<u8>>>,
    /// The topic's id.
    pub topic: TopicId,
    /// Its record.
    pub record: Vec<u8>,
    /// Entries of the log.
    pub entries: Vec<Vec<u8>>,
    /// Checkpoints of the coordinator's ledger.
    pub ledger: Vec<u8>,
    /// Checkpoints of the topic's status.
    pub status: Vec<u8>,
}

/// What is said in the run of a seed.
#[must_use]
#[expect(clippy::missing_panics_doc, reason = "entries and topics can always be written into memory")]
pub fn corpus(seed: u64) -> Corpus {
    let evidence = simulate(Plan::of(seed), false);
    let entries = evidence.log.iter().map(|entry| rows::encode_entry(&entry.head, &entry.tail).unwrap());
    Corpus {
        messages: evidence.seen.messages.clone(),
        topic: evidence.topic.id.clone(),
        record: rows::encode_topic(&evidence.topic).unwrap(),
        entries: entries.collect(),
        ledger: checkpoints::encode(&evidence.seen.ledger),
        status: checkpoints::encode(&evidence.status),
    }
}

/// Names of all kinds of fault.
#[must_use]
pub fn kinds() -> Vec<String> {
    Kind::ALL.iter().map(|kind| format!("{kind:?}")).collect()
}
