//! What is seen on the wires, whatever becomes of it there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use igentai_core::batch::{Batch, BatchBody};
use igentai_core::command::{Command, Heartbeat};
use igentai_core::coordinator::Ledger;
use igentai_core::ids::{Epoch, Incarnation, LogIndex, WorkerId};
use igentai_core::worker::BATCHES_IN_A_MESSAGE;
use igentai_shared::bus::DeliveryTag;
use igentai_shared::clock::Clock;
use igentai_shared::wire::FilterSnapshot;

use crate::steps::Steps;

/// Messages of a kind that are kept.
const KEPT: usize = 40;

/// What is published so soon after the end of another message has waited for it.
const AT_ONCE_MS: u64 = 10;

/// A life of a producer.
pub(crate) type LifeId = (String, Incarnation);

/// A response as a producer first published it.
#[derive(Debug)]
pub(crate) struct SeenBatch {
    pub(crate) life: LifeId,
    pub(crate) seq: u64,
    /// The log entry up to which the producer had said that its filter holds everything.
    pub(crate) claimed: LogIndex,
    /// Texts that its filter did not hold.
    pub(crate) novel: Vec<String>,
}

/// How a producer said it stood.
#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) at: u64,
    pub(crate) life: LifeId,
    /// `None` when it does not work on the topic.
    pub(crate) complete_to: Option<LogIndex>,
    /// Generation of its filter.
    pub(crate) generation: u32,
    /// It goes by a cap on money.
    pub(crate) capped_cost: bool,
    pub(crate) in_flight: u32,
    pub(crate) unresolved: u32,
}

/// How a life publishes its batches: what is made while a message is under way waits for its end.
#[derive(Debug, Default)]
struct Queue {
    under_way: usize,
    ended_at: Option<u64>,
    /// What the life had said of its filter before the batches of the last message were made, at least.
    claimed: LogIndex,
    /// What it had said when it published that message: what is in none before was made later, unless there was no room in it.
    at_last: LogIndex,
    was_full: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) batches: Vec<SeenBatch>,
    pub(crate) stands: Vec<Stand>,
    pub(crate) snapshots: Vec<FilterSnapshot>,
    pub(crate) resolutions: u64,
    /// Batches that named attributes by number.
    pub(crate) numbered: u64,
    /// Messages of each kind, the first ones.
    pub(crate) messages: BTreeMap<String, Vec<Vec<u8>>>,
    /// Batches that the broker has confirmed: the life and the batch's number.
    pub(crate) confirmed: BTreeSet<(LifeId, u64)>,
    pub(crate) violations: Vec<String>,
    /// What was judged step by step.
    pub(crate) steps: Steps,
    /// When an operator last let the topic go on.
    pub(crate) resumed_at: u64,
    /// Messages that nobody can integrate.
    pub(crate) poison: BTreeSet<String>,
    claims: BTreeMap<LifeId, LogIndex>,
    /// Messages of batches that each life has under way.
    queues: BTreeMap<LifeId, Queue>,
    followed: BTreeMap<LifeId, (Epoch, u64)>,
    known: BTreeSet<(LifeId, u64)>,
    written: Epoch,
    pub(crate) ledger: Ledger,
    /// When the lease was last taken or renewed; `None` while it is free.
    lease_moved: Option<u64>,
    /// Which life of which process took the lease last.
    lease_holder: Option<(usize, u64)>,
    /// Messages of which it is noted that work on them was begun alone, and did not end.
    pub(crate) attempted: BTreeSet<String>,
    /// Messages with batches that were handed out and neither settled nor lost with their connection.
    pub(crate) in_hand: BTreeSet<(u64, DeliveryTag)>,
    consumers: u64,
}

impl Seen {
    /// Lives of producers whose filter was in use and was then replaced by one of the next generation.
    pub(crate) fn outgrown(&self) -> u64 {
        let used = self.stands.iter().filter(|stand| stand.generation == 0 && stand.complete_to > Some(0));
        let used: BTreeSet<&LifeId> = used.map(|stand| &stand.life).collect();
        let next = self.stands.iter().filter(|stand| stand.generation > 0 && used.contains(&stand.life));
        next.map(|stand| &stand.life).collect::<BTreeSet<_>>().len() as u64
    }
}

/// Listens to every process.
#[derive(Debug)]
pub(crate) struct Witness {
    clock: Arc<dyn Clock>,
    /// Whether the topic has a cap that is leased.
    capped: bool,
    seen: Mutex<Seen>,
}

impl Witness {
    pub(crate) fn new(clock: Arc<dyn Clock>, capped: bool) -> Arc<Self> {
        Arc::new(Self { clock, capped, seen: Mutex::default() })
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Judges a step.
    pub(crate) fn step(&self, judge: impl FnOnce(&mut Steps, u64) -> Result<(), String>) {
        let mut seen = self.seen();
        let now = self.clock.now().monotonic.0;
        if let Err(violation) = judge(&mut seen.steps, now)
            && seen.violations.len() < 20
        {
            seen.violations.push(format!("at {now}: {violation}"));
        }
    }

    /// A message is put to the dead letters.
    pub(crate) fn buried(&self, message: &str) {
        self.seen().steps.buried(message);
    }

    /// An operator lets the topic go on: filters begin anew.
    pub(crate) fn resumed(&self) {
        self.seen().resumed_at = self.clock.now().monotonic.0;
    }

    /// A message was sent that nobody can integrate.
    pub(crate) fn poisoned(&self, seq: u64, message: &str) {
        let mut seen = self.seen();
        seen.steps.strange(seq, message);
        seen.poison.insert(message.to_owned());
    }

    /// Keeps the first messages of each kind.
    pub(crate) fn message(&self, kind: &str, payload: &[u8]) {
        let mut seen = self.seen();
        let kept = seen.messages.entry(kind.to_owned()).or_default();
        if kept.len() < KEPT {
            kept.push(payload.to_vec());
        }
    }

    pub(crate) fn heartbeat(&self, heartbeat: &Heartbeat) {
        let life = (heartbeat.producer.to_string(), heartbeat.incarnation);
        let report = heartbeat.topics.first();
        let mut seen = self.seen();
        let now = self.clock.now().monotonic.0;
        let claim = report.map_or(0, |report| report.filter.complete_to);
        let claimed = seen.claims.insert(life.clone(), claim).unwrap_or(0);
        if let Some(queue) = seen.queues.get_mut(&life) {
            queue.claimed = queue.claimed.min(claim);
            queue.at_last = queue.at_last.min(claim);
        }
        if claim < claimed && report.is_some() && seen.resumed_at == 0 {
            seen.violations
                .push(format!("6: the filter of {life:?} went back from {claimed} to {claim} at {now}"));
        }
        let before = seen.followed.insert(life.clone(), heartbeat.command).unwrap_or_default();
        if before > heartbeat.command {
            seen.violations.push(format!("7: {life:?} went back from command {before:?}"));
        }
        seen.stands.push(Stand {
            at: now,
            life,
            complete_to: report.map(|report| report.filter.complete_to),
            generation: report.map_or(0, |report| report.filter.generation),
            capped_cost: report.is_some_and(|report| report.capped_cost),
            in_flight: report.map_or(0, |report| report.in_flight),
            unresolved: report.map_or(0, |report| report.unresolved),
        });
    }

    /// A life of a producer sets out to publish batches.
    pub(crate) fn batches(&self, batches: Vec<Batch>) {
        let Some(life) = life_of(&batches) else { return };
        let mut seen = self.seen();
        let (now, claimed) = (self.clock.now().monotonic.0, seen.claims.get(&life).copied().unwrap_or(0));
        let queue = seen.queues.entry(life.clone()).or_default();
        let has_waited = queue.under_way > 0 || queue.ended_at.is_some_and(|at| now <= at + AT_ONCE_MS);
        if !has_waited {
            queue.claimed = claimed;
        } else if !queue.was_full {
            queue.claimed = queue.at_last;
        }
        (queue.at_last, queue.was_full) = (claimed, batches.len() >= BATCHES_IN_A_MESSAGE);
        queue.under_way += 1;
        let claimed = queue.claimed;
        for batch in batches {
            // For the first time.
            if !seen.known.insert((life.clone(), batch.id.seq)) {
                continue;
            }
            match batch.body {
                BatchBody::Response { novel, numbered, .. } => {
                    seen.numbered += u64::from(numbered.is_some());
                    let (life, seq) = (life.clone(), batch.id.seq);
                    seen.batches.push(SeenBatch { life, seq, claimed, novel });
                }
                BatchBody::Resolution { .. } => seen.resolutions += 1,
            }
        }
    }

    /// It is done with that, whatever came of it.
    pub(crate) fn published(&self, batches: &[Batch]) {
        let Some(life) = life_of(batches) else { return };
        let now = self.clock.now().monotonic.0;
        if let Some(queue) = self.seen().queues.get_mut(&life) {
            queue.under_way -= 1;
            queue.ended_at = Some(now);
        }
    }

    /// The broker has confirmed a batch.
    pub(crate) fn confirmed(&self, batch: &Batch) {
        let life = (batch.id.producer.to_string(), batch.id.incarnation);
        self.seen().confirmed.insert((life, batch.id.seq));
    }

    /// A piece of a filter is on its way.
    pub(crate) fn snapshot(&self, piece: FilterSnapshot) {
        self.seen().snapshots.push(piece);
    }

    pub(crate) fn command(&self, command: &Command) {
        let mut seen = self.seen();
        if command.topics.len() > 1 {
            seen.violations.push("a command names a topic that there is not".to_owned());
        }
    }

    /// A command is on its way from a coordinator.
    pub(crate) fn granted(&self, routing_key: &str, command: &Command) {
        let Some(producer) = routing_key.strip_prefix("producer.").filter(|_| self.capped) else { return };
        let producer = WorkerId::parse(producer).unwrap();
        let mut seen = self.seen();
        for order in &command.topics {
            let saved = seen.ledger.lease(&producer, command.incarnation);
            if order.lease.at_most(saved) != order.lease {
                let text = format!("cap: {producer} was granted {:?}, the store has {saved:?}", order.lease);
                seen.violations.push(text);
            }
        }
    }

    /// The store has a ledger of leases.
    pub(crate) fn ledger(&self, ledger: Ledger) {
        self.seen().ledger = ledger;
    }

    /// The lease was renewed, or released.
    pub(crate) fn lease_moved(&self, held: bool) {
        self.seen().lease_moved = held.then(|| self.clock.now().monotonic.0);
    }

    /// The lease was taken.
    pub(crate) fn lease_taken(&self, holder: (usize, u64), time_to_live: Duration) {
        let now = self.clock.now().monotonic.0;
        let mut seen = self.seen();
        // Whoever lost it to a store that was away may find its own last term there still, and nobody led since.
        let own = seen.lease_holder.replace(holder) == Some(holder);
        if let Some(moved) = seen.lease_moved.replace(now)
            && !own
            && Duration::from_millis(now - moved) < time_to_live
        {
            let text = format!("7: {holder:?} took a lease that was renewed {} ms before", now - moved);
            seen.violations.push(text);
        }
    }

    /// Attempts at a message are noted.
    pub(crate) fn attempts(&self, message: &str, attempts: u32) {
        let mut seen = self.seen();
        if attempts == 0 {
            seen.attempted.remove(message);
        } else {
            seen.attempted.insert(message.to_owned());
        }
    }

    /// A number for whoever begins to consume.
    pub(crate) fn consumer(&self) -> u64 {
        let mut seen = self.seen();
        seen.consumers += 1;
        seen.consumers
    }

    /// A write under this epoch was done.
    pub(crate) fn wrote(&self, epoch: Epoch) {
        let mut seen = self.seen();
        if epoch < seen.written {
            let text = format!("7: a write under epoch {epoch} after one under {}", seen.written);
            seen.violations.push(text);
        }
        seen.written = seen.written.max(epoch);
    }
}

fn life_of(batches: &[Batch]) -> Option<LifeId> {
    batches.first().map(|batch| (batch.id.producer.to_string(), batch.id.incarnation))
}
