//! What a producer decides: which topic to ask about next, what to publish, what to publish again, when it is done.
//!
//! It owns no truth. A batch is kept, with every text in it, until its receipt is resolved; so nothing that was confirmed can be lost, and a
//! false positive of the filter can be answered with its text.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::batch::{Batch, BatchBody, BatchId, Receipt};
use crate::command::{Command, Heartbeat, Lease, ProviderReport, TopicOrder};
use crate::cost::Cost;
use crate::filter::{Delta, SnapshotError, SnapshotPiece};
use crate::folder::TopicId;
use crate::ids::{Epoch, Incarnation, Run, WorkerId};
use crate::numbers::Numbers;
use crate::seeded::{Bug, is_on};
use crate::status::cut;
use crate::time::Monotonic;

mod filling;
mod publish_queue;
mod pulse;
mod refused;
mod topic;

pub use publish_queue::{BATCHES_IN_A_MESSAGE, MESSAGES_AT_ONCE, PublishQueue};
pub use pulse::{Beat, Pulse};
pub use topic::{Ask, Finished};
use topic::{Counters, TopicWork};

/// A batch whose receipt has not come in this time is published again; the time doubles with every attempt.
pub const RECEIPT_PATIENCE: Duration = Duration::from_secs(3);

/// The longest wait between two attempts.
pub const RECEIPT_PATIENCE_MAX: Duration = Duration::from_secs(30);

/// A producer leaves its registry for another one when it has not been commanded from there for so long: the longest handover between two leaders, and several of
/// the repeated commands of a live one.
pub const REGISTRY_PATIENCE: Duration = Duration::from_secs(12);

/// Attributes whose numbers a producer remembers in each of two generations: what tables of 2¹⁸ places take before they grow. Both are some 11 MB.
pub const NUMBERS: usize = 229_376;

/// A producer.
#[derive(Debug)]
pub struct Worker {
    id: WorkerId,
    incarnation: Incarnation,
    concurrency: u32,
    /// The registry whose orders it follows; `None` before the first.
    registry: Option<String>,
    /// When it was commanded from there last.
    commanded: Monotonic,
    command: (Epoch, u64),
    topics: BTreeMap<TopicId, TopicWork>,
    /// How far this life has counted in topics it was dismissed from: it goes on from there, so that no batch number is used twice.
    counters: BTreeMap<TopicId, Counters>,
    /// The topic asked about last: the next one in order comes next.
    last_asked: Option<TopicId>,
    heartbeats: u64,
    draining: bool,
    /// The later life that was heard of last.
    superseded_by: Option<Incarnation>,
    /// What it was told of attributes.
    numbers: Numbers,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandVerdict {
    /// It is followed.
    Followed,
    /// It is the one followed already.
    Known,
    /// It is older than what is followed, or meant for an earlier life.
    Refused,
    /// It is of another registry than those before, which is silent or replaced by it. That one knows nothing of what is held here: this life is over, and
    /// another one has to follow.
    OtherRegistry,
    /// It is of another registry than the one that is followed, and that was heard of just now.
    Foreign,
    /// It is meant for a later life under the same id, which has all the work now.
    Superseded {
        /// The first one for that life.
        anew: bool,
    },
}

impl Worker {
    /// A producer without work. `concurrency` is the most requests it has under way.
    #[must_use]
    pub fn new(id: WorkerId, incarnation: Incarnation, concurrency: u32) -> Self {
        Self {
            id,
            incarnation,
            concurrency,
            registry: None,
            commanded: Monotonic(0),
            command: (0, 0),
            topics: BTreeMap::new(),
            counters: BTreeMap::new(),
            last_asked: None,
            heartbeats: 0,
            draining: false,
            superseded_by: None,
            numbers: Numbers::new(NUMBERS),
        }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> &WorkerId {
        &self.id
    }

    /// Which of its lives this is.
    #[must_use]
    pub const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Follows a command, unless it is an older one.
    pub fn command(&mut self, command: Command, now: Monotonic) -> CommandVerdict {
        let version = (command.epoch, command.version);
        if command.incarnation > self.incarnation {
            let known = self.superseded_by.replace(command.incarnation);
            return CommandVerdict::Superseded { anew: known != Some(command.incarnation) };
        }
        if command.incarnation != self.incarnation {
            return CommandVerdict::Refused;
        }
        // A leader of an earlier version does not name its registry.
        let names_another = |registry: &String| !registry.is_empty() && *registry != command.registry;
        if !command.registry.is_empty() && self.registry.as_ref().is_some_and(names_another) {
            let is_over = command.replaces.is_some() && command.replaces == self.registry
                || now.since(self.commanded) >= REGISTRY_PATIENCE;
            return if is_over { CommandVerdict::OtherRegistry } else { CommandVerdict::Foreign };
        }
        self.commanded = now;
        if version < self.command {
            return CommandVerdict::Refused;
        }
        if version == self.command {
            return CommandVerdict::Known;
        }
        self.command = version;
        self.registry = Some(command.registry);
        for work in self.topics.values_mut() {
            work.dismiss();
        }
        for order in command.topics {
            match self.topics.get_mut(&order.topic) {
                Some(work) if work.run() == order.run => work.follow(order),
                Some(work) if work.run() > order.run => {}
                Some(_) | None => {
                    let counters =
                        self.counters.remove(&order.topic).filter(|counters| counters.run() == order.run);
                    let work = TopicWork::new(order, counters, self.concurrency);
                    self.topics.insert(work.id().clone(), work);
                }
            }
        }
        self.forget_finished();
        CommandVerdict::Followed
    }

    /// Commands are heard again, after a time in which none could be: that there was silence says nothing of the registry.
    pub const fn hears_again(&mut self, now: Monotonic) {
        self.commanded = now;
    }

    /// The next request to send, if there is room and budget for one. Topics take turns. Nothing is counted until [`Worker::begin`].
    pub fn next_ask(&mut self) -> Option<Ask> {
        if self.draining || self.in_flight() >= self.concurrency {
            return None;
        }
        let after = self.last_asked.take();
        let turn = |topic: &TopicId| after.as_ref().is_none_or(|last| topic > last);
        let ready = |(_, work): &(&TopicId, &TopicWork)| work.may_ask();
        let next = self.topics.iter().filter(|(topic, _)| turn(topic)).find(ready);
        let ask = next.or_else(|| self.topics.iter().find(ready)).map(|(_, work)| work.ask());
        self.last_asked = ask.as_ref().map_or(after, |ask| Some(ask.order.topic.clone()));
        ask
    }

    /// Counts a request that is about to be sent and may cost up to `worst_case`. `false`: the lease does not cover it, and it must not
    /// be sent.
    pub fn begin(&mut self, topic: &TopicId, run: Run, worst_case: Cost) -> bool {
        self.work(topic, run).is_some_and(|work| work.begin(worst_case))
    }

    /// Takes the end of a request in; the answer is the batch to publish. `None` when its run is over.
    pub fn finish(&mut self, topic: &TopicId, run: Run, finished: Finished, now: Monotonic) -> Option<Batch> {
        let by = (self.id.clone(), self.incarnation);
        let work = self.topics.get_mut(topic).filter(|work| work.run() == run)?;
        Some(work.finish(by, finished, &mut self.numbers, now))
    }

    /// Notes what the next request about a topic may cost at each provider, so that the coordinator leases enough for it; the answer says
    /// whether that is news.
    pub fn price(&mut self, topic: &TopicId, run: Run, worst_cases: &[Cost]) -> bool {
        self.work(topic, run).is_some_and(|work| work.price(worst_cases))
    }

    /// Number of topics.
    #[must_use]
    pub fn topics(&self) -> usize {
        self.topics.len()
    }

    /// Notes why no provider can ever serve a topic here, or that one can.
    pub fn hopeless(&mut self, topic: &TopicId, why: Option<String>) {
        if let Some(work) = self.topics.get_mut(topic) {
            work.hopeless = why.map(cut);
        }
    }

    /// Whether the receipt of this batch is awaited.
    #[must_use]
    pub fn awaits(&self, id: &BatchId) -> bool {
        let ours = id.producer == self.id && id.incarnation == self.incarnation;
        ours && self.topics.get(&id.topic).is_some_and(|work| work.awaits(id))
    }

    /// Takes a receipt in; the answer is a batch to publish when the registry asks for texts. A receipt that is not awaited is ignored.
    pub fn receipt(&mut self, receipt: &Receipt, now: Monotonic) -> Option<Batch> {
        let id = &receipt.id;
        if id.producer != self.id || id.incarnation != self.incarnation {
            return None;
        }
        // Somebody has replayed what was refused while the topic was still worked on.
        if !self.topics.contains_key(&id.topic)
            && let Some(counters) = self.counters.remove(&id.topic)
        {
            if counters.knows(id) {
                self.topics.insert(id.topic.clone(), counters.taken_up(self.concurrency));
            } else {
                self.counters.insert(id.topic.clone(), counters);
            }
        }
        let work = self.topics.get_mut(&id.topic).filter(|work| work.run() == id.run)?;
        let batch = work.receipt(receipt, &mut self.numbers, now);
        self.forget_finished();
        batch
    }

    /// Batches to publish again since their receipts are late.
    pub fn overdue(&mut self, now: Monotonic) -> Vec<Batch> {
        let publishes_again = !is_on(Bug::NeverPublishedAgain);
        self.topics.values_mut().flat_map(|work| work.overdue(now)).filter(|_| publishes_again).collect()
    }

    /// Takes a filter delta in.
    pub fn delta(&mut self, topic: &TopicId, delta: Delta) {
        let Some(work) = self.topics.get_mut(topic).filter(|work| work.run() == delta.run) else { return };
        if let Some((edition, first)) = delta.first {
            self.numbers.learn(topic, (delta.run, edition), delta.fingerprints.iter().copied().zip(first..));
        }
        work.replica.delta(delta);
    }

    /// Takes a piece of a filter snapshot in.
    pub fn snapshot(&mut self, topic: &TopicId, piece: &SnapshotPiece<'_>) -> Result<bool, SnapshotError> {
        self.work(topic, piece.run).map_or(Ok(false), |work| work.replica.snapshot(piece))
    }

    /// Begins its next life, without work and with nothing of what it held.
    pub fn begin_anew(&mut self, incarnation: Incarnation) {
        let anew = Self::new(self.id.clone(), incarnation.max(self.incarnation + 1), self.concurrency);
        *self = Self { draining: self.draining, ..anew };
    }

    /// Takes no new work from now on.
    pub const fn drain(&mut self) {
        self.draining = true;
    }

    /// Whether nothing is under way and every batch is resolved.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.topics.values().all(TopicWork::is_idle)
    }

    /// Topics whose requests under way are to be given up.
    pub fn abandoned(&self) -> impl Iterator<Item = (&TopicId, Run)> {
        self.topics.iter().filter(|(_, work)| work.abandons()).map(|(topic, work)| (topic, work.run()))
    }

    /// Whether this run of the topic is worked on.
    #[must_use]
    pub fn works_on(&self, topic: &TopicId, run: Run) -> bool {
        self.topics.get(topic).is_some_and(|work| work.run() == run)
    }

    /// Requests under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.topics.values().map(TopicWork::in_flight).sum()
    }

    /// Batches without a resolved receipt.
    #[must_use]
    pub fn unresolved(&self) -> usize {
        self.topics.values().map(TopicWork::unresolved).sum()
    }

    /// Epoch and version of the command that is followed; zeros before the first.
    #[must_use]
    pub const fn follows(&self) -> (Epoch, u64) {
        self.command
    }

    /// What to say of itself. `places` tells how many requests its part of the providers allows for an order at once.
    pub fn heartbeat(
        &mut self,
        providers: Vec<ProviderReport>,
        places: impl Fn(&TopicOrder) -> u32,
        now: Monotonic,
    ) -> Heartbeat {
        self.heartbeats += 1;
        for work in self.topics.values_mut() {
            work.replica.tick(now);
        }
        Heartbeat {
            producer: self.id.clone(),
            incarnation: self.incarnation,
            seq: self.heartbeats,
            registry: self.registry.clone(),
            command: self.command,
            concurrency: self.concurrency,
            draining: self.draining,
            left: self.draining && self.is_idle(),
            topics: self.topics.values().map(|work| work.report(self.draining, &places, now)).collect(),
            providers,
        }
    }

    fn work(&mut self, topic: &TopicId, run: Run) -> Option<&mut TopicWork> {
        self.topics.get_mut(topic).filter(|work| work.run() == run)
    }

    fn forget_finished(&mut self) {
        let done = |_: &TopicId, work: &mut TopicWork| work.is_dismissed() && work.is_idle();
        for (topic, work) in self.topics.extract_if(.., done) {
            self.numbers.forget(&topic);
            self.counters.insert(topic, work.into_counters());
        }
    }
}

/// The most that may be used of what is granted, given what is used already: a lease can be taken back, but not what was spent of it.
fn effective(granted: Lease, used: Lease) -> Lease {
    Lease { requests: granted.requests.max(used.requests), cost: granted.cost.max(used.cost) }
}

/// Whether a batch is one response rather than the completion of one.
const fn is_response(batch: &Batch) -> bool {
    matches!(batch.body, BatchBody::Response { .. })
}

#[cfg(test)]
mod tests;
