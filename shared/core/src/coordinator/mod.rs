//! What the coordinator decides: who works on what with which budget, and when a topic ends.
//!
//! The shell feeds it topics, log entries and heartbeats, and carries out what [`Coordinator::decide`] answers, in order. Deciding twice without
//! news in between answers nothing the second time, except what time itself brings.
//!
//! # Invariants
//!
//! 1. The budget leased to all lives of all producers, and what the log has settled, never exceed a cap together ([`Ledger`]).
//! 2. A lease is saved before the command that grants it is sent.
//! 3. A topic is `Ended` only when no live producer has anything under way for it, or the deadline for that has passed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::command::{AIMS_LOAD, Command, Heartbeat, TopicOrder};
use crate::decision::{Cared, Chunk};
use crate::fold::{FoldError, TopicFold};
use crate::folder::TopicId;
use crate::ids::{EPOCH_BELIEVED, Epoch, Incarnation, LogIndex, Run, Seq, WorkerId};
use crate::log::Entry;
use crate::status::TopicStatus;
use crate::time::{Monotonic, Now};
use crate::topic::{EndReason, Seeds, Share, Topic, TopicState};

mod health;
mod ledger;
mod managed;
mod member;
mod strangers;

use health::Health;
pub use ledger::{Budget, Ledger, LiveLease};
use managed::Managed;
use member::Member;
use strangers::Strangers;

/// A topic that has ended is followed for so long, since a producer that could not be heard may still bring answers. It is longer than any
/// producer waits before it publishes a batch again.
pub const LINGER: Duration = Duration::from_mins(5);

/// What the coordinator goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A producer that was not heard for so long is taken for dead.
    pub producer_timeout: Duration,
    /// So many answers in a row without anything new end a topic.
    pub dry_after: u64,
    /// Requests leased ahead to a producer where there is no cap.
    pub window: u64,
    /// How long requests under way may take to finish when a topic ends, before they are given up.
    pub end_grace: Duration,
    /// How long producers may take to settle when none is under way any more.
    pub end_deadline: Duration,
    /// A topic ends when no request was answered for so long, and at least ten failed.
    pub give_up_after: Duration,
    /// A command that was not heard back is sent again after this.
    pub command_patience: Duration,
    /// By how much a provider's share of requests is to differ for it to be told.
    pub weight_change_threshold: Share,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            producer_timeout: Duration::from_secs(5),
            dry_after: 30,
            window: 256,
            end_grace: Duration::from_mins(1),
            end_deadline: Duration::from_secs(10),
            give_up_after: Duration::from_mins(2),
            command_patience: Duration::from_secs(2),
            weight_change_threshold: Share::new(0.05),
        }
    }
}

/// What the shell shall do, in the order given.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Open the run in the store with this cap, read its log, and say [`Coordinator::opened`].
    Open {
        /// Topic.
        topic: TopicId,
        /// Its run.
        run: Run,
        /// Its cap.
        max_attributes: Option<u64>,
    },
    /// Store the topic, if the one stored has version `expected`. When the state is `Ended`, bring the files up to date first.
    Put {
        /// As it shall be.
        topic: Box<Topic>,
        /// As it is.
        expected: u64,
    },
    /// Save the ledger of leases, and say [`Coordinator::ledger_saved`]; until then nothing is granted of what it has more.
    SaveLedger {
        /// Topic.
        topic: TopicId,
        /// Its run.
        run: Run,
        /// To be saved.
        ledger: Ledger,
    },
    /// Save decisions, and say [`Coordinator::decisions_saved`]; until then nobody is told of them. The last chunk is the one that is open, those before it are whole.
    SaveDecisions {
        /// Topic.
        topic: TopicId,
        /// Its run.
        run: Run,
        /// To be saved.
        chunks: Vec<Chunk>,
    },
    /// Send a command.
    Send {
        /// To whom.
        producer: WorkerId,
        /// What.
        command: Command,
    },
    /// Send a snapshot of the topic's filter.
    Snapshot {
        /// To whom.
        producer: WorkerId,
        /// Of which topic.
        topic: TopicId,
    },
    /// Tell people.
    Note(Note),
}

/// What people should hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A producer is there.
    Joined(WorkerId),
    /// A producer came back in a new life; what the old one had leased stays charged.
    Restarted(WorkerId),
    /// A producer left in good order.
    Left(WorkerId),
    /// A producer was not heard in time; what it had leased stays charged.
    Lost(WorkerId),
    /// A topic comes to its end.
    Ending(TopicId, EndReason),
    /// Producers treat a provider otherwise.
    Cared(Cared),
}

/// The coordinator of one term.
#[derive(Debug)]
pub struct Coordinator {
    registry: String,
    epoch: Epoch,
    settings: Settings,
    members: BTreeMap<WorkerId, Member>,
    topics: BTreeMap<TopicId, Managed>,
    version: u64,
    overtaken: Option<Epoch>,
    /// The registry that this process led before, and that is not there any more.
    replaced: Option<String>,
    strangers: Strangers,
    health: Health,
    notes: Vec<Note>,
}

impl Coordinator {
    /// For the term `epoch` over the topics of a registry.
    #[must_use]
    pub fn new(registry: String, epoch: Epoch, settings: Settings) -> Self {
        Self {
            registry,
            epoch,
            settings,
            members: BTreeMap::new(),
            topics: BTreeMap::new(),
            version: 0,
            overtaken: None,
            replaced: None,
            strangers: Strangers::default(),
            health: Health::new(epoch),
            notes: Vec::new(),
        }
    }

    /// The registry has taken the place of another one, which is not there any more: who follows that one need not wait for it.
    #[must_use]
    pub fn replacing(self, registry: Option<String>) -> Self {
        Self { replaced: registry, ..self }
    }

    /// The term.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// An epoch that a producer follows although no command of this term can have told it to: the registry, which the epochs are counted in, was put back
    /// or emptied. Such a producer refuses what this term commands, until one above that epoch is taken.
    #[must_use]
    pub const fn overtaken(&self) -> Option<Epoch> {
        self.overtaken
    }

    /// Takes a topic in as the registry has it now. An older version than the one known is ignored.
    pub fn topic(&mut self, topic: Topic, now: Now) {
        match self.topics.get_mut(&topic.id) {
            Some(managed) if managed.topic.run == topic.run => managed.update(topic, now),
            Some(managed) if managed.topic.run > topic.run => {}
            Some(_) | None => {
                self.topics.insert(topic.id.clone(), Managed::new(topic, &self.settings, now));
            }
        }
    }

    /// Drops the topics that the registry does not know any more, unless their run is open: what it knows of one later counts, whichever version that has.
    pub fn only(&mut self, known: impl Fn(&TopicId) -> bool) {
        self.topics.retain(|id, managed| managed.is_open() || known(id));
    }

    /// The run is open in the store with this cap, and its log was given to [`Coordinator::entries`] from the first to the last; `ledger` is
    /// what an earlier term saved.
    pub fn opened(&mut self, topic: &TopicId, run: Run, max_attributes: Option<u64>, ledger: Option<Ledger>) {
        if let Some(managed) = self.topics.get_mut(topic).filter(|managed| managed.topic.run == run) {
            managed.opened(max_attributes, ledger);
        }
    }

    /// Something was committed to a run that may have ended, and is followed no more: then it is opened again.
    pub fn late(&mut self, topic: &TopicId, run: Run) {
        if let Some(managed) = self.topics.get_mut(topic).filter(|managed| managed.topic.run == run) {
            managed.late();
        }
    }

    /// A topic that has ended is followed no more.
    pub fn closed(&mut self, topic: &TopicId) {
        if let Some(managed) = self.topics.get_mut(topic).filter(|managed| managed.topic.state.is_ended()) {
            managed.close();
        }
    }

    /// Takes up the numbers of a topic's run where a checkpoint has left them; what follows in the log goes to [`Coordinator::entries`]. `false` when
    /// that does not fit in any more, since the run is another or its log was begun already.
    pub fn restore(&mut self, topic: &TopicId, run: Run, fold: TopicFold) -> bool {
        let fresh = |managed: &&mut Managed| managed.topic.run == run && managed.fold.log_index() == 0;
        let managed = self.topics.get_mut(topic).filter(fresh);
        managed.map(|managed| managed.restore(fold)).is_some()
    }

    /// The numbers of a topic's run.
    #[must_use]
    pub fn fold(&self, topic: &TopicId) -> Option<&TopicFold> {
        self.topics.get(topic).map(|managed| &managed.fold)
    }

    /// The store has this ledger of the run: what it leases may be granted.
    pub fn ledger_saved(&mut self, topic: &TopicId, run: Run, ledger: Ledger) {
        if let Some(managed) = self.topics.get_mut(topic).filter(|managed| managed.topic.run == run) {
            managed.ledger_saved(ledger);
        }
    }

    /// What the store has of the decisions of a run, as far as they are not in whole chunks: to be told before [`Coordinator::opened`].
    pub fn found_decisions(&mut self, topic: &TopicId, run: Run, chunk: Chunk) {
        if let Some(managed) = self.topics.get_mut(topic).filter(|managed| managed.topic.run == run) {
            managed.found_decisions(chunk);
        }
    }

    /// The store has the decisions of the run whose numbers are below `end`.
    pub fn decisions_saved(&mut self, topic: &TopicId, run: Run, end: u64) {
        if let Some(managed) = self.topics.get_mut(topic).filter(|managed| managed.topic.run == run) {
            managed.decisions_saved(end);
        }
    }

    /// Nothing could be heard until now, for example without a connection to the broker: that a producer was silent tells nothing of it.
    pub fn deaf(&mut self, now: Monotonic) {
        self.members.values_mut().for_each(|member| member.deaf(now));
        self.topics.values_mut().for_each(|managed| managed.deaf(now));
    }

    /// Takes log entries in, in order; `head` is the newest entry the store has.
    pub fn entries(
        &mut self,
        topic: &TopicId,
        run: Run,
        entries: &[Entry],
        head: LogIndex,
        now: Now,
    ) -> Result<(), FoldError> {
        match self.topics.get_mut(topic).filter(|managed| managed.topic.run == run) {
            Some(managed) => {
                let until = if managed.is_open() { managed.fold.log_index() } else { LogIndex::MAX };
                managed.entries(entries, head, now)?;
                // What was in the log before it was opened tells of another time.
                self.health.entries(entries.iter().filter(|entry| entry.index > until), now.monotonic);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether a producer works for another registry: what it says of topics is nothing to those of this one, whatever they are called.
    #[must_use]
    pub fn is_foreign(&self, heartbeat: &Heartbeat) -> bool {
        heartbeat.registry.as_ref().is_some_and(|registry| !registry.is_empty() && *registry != self.registry)
    }

    /// Takes a heartbeat in; an older one than the last is ignored.
    pub fn heartbeat(&mut self, heartbeat: Heartbeat, now: Now) {
        if self.is_foreign(&heartbeat) {
            let Heartbeat { producer, incarnation, registry, left, .. } = heartbeat;
            if left {
                self.strangers.forget(&producer);
            } else {
                self.strangers.heard(producer, incarnation, registry.unwrap_or_default(), now.monotonic);
            }
            return;
        }
        let producer = heartbeat.producer.clone();
        self.strangers.forget(&producer);
        match self.members.get(&producer) {
            Some(member) if member.is_newer(&heartbeat) => return,
            Some(member) if member.incarnation() != heartbeat.incarnation => {
                self.notes.push(Note::Restarted(producer.clone()));
                self.members.remove(&producer);
            }
            Some(_) => {}
            None if heartbeat.left => return,
            None => self.notes.push(Note::Joined(producer.clone())),
        }
        let (epoch, _) = heartbeat.command;
        if heartbeat.command > (self.epoch, self.version) && epoch <= EPOCH_BELIEVED {
            self.overtaken = self.overtaken.max(Some(epoch));
        }
        self.health.heard(&heartbeat, now.monotonic);
        let incarnation = heartbeat.incarnation;
        let current =
            self.members.get(&producer).is_some_and(|member| member.follows(&heartbeat, self.epoch));
        for report in &heartbeat.topics {
            if let Some(managed) = self.topics.get_mut(&report.topic).filter(|m| m.topic.run == report.run) {
                let final_word = current || heartbeat.left;
                managed.ledger.reported(&producer, incarnation, report.lease, final_word);
                managed.ledger.covers_cost(&producer, incarnation, report.capped_cost, final_word);
            }
        }
        if heartbeat.left {
            self.members.remove(&producer);
            self.notes.push(Note::Left(producer));
        } else {
            self.members
                .entry(producer)
                .or_insert_with(|| Member::new(incarnation))
                .heard(heartbeat, now.monotonic);
        }
    }

    /// Everything there is to do now.
    pub fn decide(&mut self, now: Now) -> Vec<Action> {
        self.bury_the_dead(now.monotonic);
        let mut actions = Vec::new();
        self.look_at_health(now);
        for managed in self.topics.values_mut() {
            managed.sample(now.monotonic);
            actions.extend(managed.decide(&self.members, &self.settings, self.epoch, now));
        }
        self.command_strangers(&mut actions);
        self.command_all(now.monotonic, &mut actions);
        self.answer_snapshots(now.monotonic, &mut actions);
        for note in std::mem::take(&mut self.notes) {
            actions.push(Action::Note(note));
        }
        actions
    }

    fn bury_the_dead(&mut self, now: Monotonic) {
        let timeout = self.settings.producer_timeout;
        self.strangers.forget_silent(now, timeout);
        let dead = |_: &WorkerId, member: &mut Member| member.silent_for(now) > timeout;
        self.notes.extend(self.members.extract_if(.., dead).map(|(id, _)| Note::Lost(id)));
    }

    fn command(
        registry: &str,
        (epoch, version): (Epoch, u64),
        incarnation: Incarnation,
        topics: Vec<TopicOrder>,
    ) -> Command {
        Command {
            registry: registry.to_owned(),
            replaces: None,
            epoch,
            version,
            incarnation,
            topics,
            care: Vec::new(),
        }
    }

    fn command_all(&mut self, now: Monotonic, actions: &mut Vec<Action>) {
        let live: Vec<(WorkerId, Incarnation)> =
            self.members.iter().map(|(id, member)| (id.clone(), member.incarnation())).collect();
        let asked = self.topics.values().filter(|managed| managed.topic.state == TopicState::Running).count();
        let room = AIMS_LOAD / asked.max(1);
        for (producer, incarnation) in live {
            let Some(member) = self.members.get_mut(&producer) else { continue };
            let orders = self.topics.values().filter_map(|managed| {
                let (topic, run) = (&managed.topic.id, managed.topic.run);
                let (told, report) = (member.told(topic, run), member.report(topic, run));
                let providers = member.last().map_or(&[][..], |last| &last.providers);
                let heard = (told, report, providers);
                managed.order(&producer, incarnation, heard, &self.settings, room, now)
            });
            let orders = orders.collect();
            let care = self.health.care(&producer, now);
            let command = Self::command(&self.registry, (self.epoch, self.version + 1), incarnation, orders);
            let command = Command { care, ..command };
            if let Some(command) = member.command_due(command, self.settings.command_patience, now) {
                self.version = self.version.max(command.version);
                actions.push(Action::Send { producer, command });
            }
        }
    }

    fn answer_snapshots(&mut self, now: Monotonic, actions: &mut Vec<Action>) {
        for (producer, member) in &mut self.members {
            for topic in member.wants_snapshots(now) {
                if self.topics.get(&topic).is_some_and(Managed::is_open) {
                    actions.push(Action::Snapshot { producer: producer.clone(), topic });
                }
            }
        }
    }

    /// Topics whose log is to be followed: open ones. Those that have ended, too, since a producer that could not be heard may still bring
    /// answers.
    pub fn followed(&self) -> impl Iterator<Item = (&TopicId, Run, LogIndex)> {
        self.topics
            .iter()
            .filter(|(_, managed)| managed.is_open())
            .map(|(id, managed)| (id, managed.topic.run, managed.fold.log_index()))
    }

    /// Topics known.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.values().map(|managed| &managed.topic)
    }

    /// Whether the topic's run is open and its log followed.
    #[must_use]
    pub fn is_open(&self, topic: &TopicId) -> bool {
        self.topics.get(topic).is_some_and(Managed::is_open)
    }

    /// Number of attributes that the topic's fold has seen.
    #[must_use]
    pub fn attributes(&self, topic: &TopicId) -> Seq {
        self.topics.get(topic).map_or(0, |managed| managed.fold.attributes())
    }

    /// Whether the topic's fold has seen all of a list that the run is to know.
    #[must_use]
    pub fn has_seeds(&self, topic: &TopicId, seeds: &Seeds) -> bool {
        self.topics.get(topic).is_some_and(|managed| managed.fold.seeding().has_all(seeds))
    }

    /// Batches of the run that its producers have published and know nothing of.
    #[must_use]
    pub fn unresolved(&self, topic: &TopicId, run: Run) -> u64 {
        let reports = self.members.values().filter_map(|member| member.report(topic, run));
        reports.map(|report| u64::from(report.unresolved)).sum()
    }

    /// Last log entry that the topic's fold has seen.
    #[must_use]
    pub fn log_index(&self, topic: &TopicId) -> LogIndex {
        self.topics.get(topic).map_or(0, |managed| managed.fold.log_index())
    }

    /// Live producers.
    #[must_use]
    pub fn producers(&self) -> usize {
        self.members.len()
    }

    /// Where a topic stands.
    #[must_use]
    pub fn status(&self, topic: &TopicId, now: Now) -> Option<TopicStatus> {
        let managed = self.topics.get(topic)?;
        Some(managed.status(&self.members, &self.settings, self.epoch, now))
    }
}

#[cfg(test)]
mod tests;
