//! One term of leadership.

use std::pin::pin;
use std::time::Duration;

use futures::future::{join, join_all};
use igentai_core::command::{Command, Heartbeat};
use igentai_core::coordinator::{Action, Coordinator, Ledger};
use igentai_core::decision::Chunk;
use igentai_core::folder::TopicId;
use igentai_core::ids::{Run, WorkerId};
use igentai_core::time::{Monotonic, Now};
use igentai_core::topic::{Topic, TopicState};
use igentai_shared::bus::trouble::consume_at_last;
use igentai_shared::bus::{BusError, BusState, Consumer, Delivery, Exchange, Incoming, Source, WorkQueue};
use igentai_shared::store::StoreError;
use igentai_shared::wire::{self, Hint, Message, Published, Refused};
use tokio_util::sync::CancellationToken;
use tracing::{info, trace, warn};

use super::topics::Topics;
use super::trouble::Step;
use super::vouching::{CLAIMING, Seen, Vouching};
use super::{PART, Taken, TermEnd, lease, notes, telling};
use crate::Context;
use crate::files::Files;
use crate::send::SendError;

/// How often decisions are taken.
const TICK: Duration = Duration::from_millis(50);

/// How often the definitions are read although nobody hinted at a change.
const REREAD: Duration = Duration::from_millis(500);

/// How often everybody is told where the topics stand.
const TELL: Duration = Duration::from_secs(1);

/// How long a leader that leaves goes on telling: somebody waits to lead.
const TELL_PATIENCE: Duration = Duration::from_millis(500);

const PREFETCH: u16 = 256;

enum Event {
    /// From now on producers are heard; `None`: they never will be.
    Hears(Option<Box<dyn Consumer>>),
    Heard(Result<Incoming, BusError>),
    Tick,
}

struct Term<'a> {
    context: &'a Context,
    core: Coordinator,
    topics: Topics<'a>,
    /// The definitions were read once in this term. Before, nothing is decided: everybody would be ordered to drop everything.
    knows: bool,
    /// When they were read last; `None` when they must be read at once.
    reread: Option<Monotonic>,
    /// Producers are heard.
    hears: bool,
    told: Monotonic,
    warned_of_strangers: bool,
}

/// How it is called where warnings are told.
const STRANGERS: &str = "producers of another registry";

/// Leads until the lease that was taken is lost or `stop`.
pub(super) async fn lead(
    context: &Context,
    taken: Taken,
    seen: &mut Seen,
    stop: &CancellationToken,
) -> TermEnd {
    let Taken { epoch, since, registry } = taken;
    let files = Files::start(context, registry.clone(), epoch);
    let seen_before = seen.take(&registry, context.clock.now().monotonic);
    let mut term = Term {
        context,
        core: Coordinator::new(registry.clone(), epoch, context.options.settings)
            .replacing(seen.replaced.clone()),
        topics: Topics::new(context, epoch, files, Vouching::after(seen_before)),
        knows: false,
        reread: None,
        hears: false,
        told: context.clock.now().monotonic,
        warned_of_strangers: false,
    };
    // Beside everything else, so that nothing the term waits for costs the lease.
    let mut kept = pin!(lease::keep(context, epoch, since));
    let end = tokio::select! {
        biased;
        lost = &mut kept => TermEnd::Lost(lost),
        end = term.serve(stop) => end,
    };
    let until = context.clock.now().monotonic + context.options.lease_ttl * 2;
    *seen = Seen { registry, heads: term.topics.heads(&term.core), until, replaced: seen.replaced.take() };
    let stopped = matches!(end, TermEnd::Stopped);
    let mut leaving = pin!(term.leave(stopped));
    if stopped {
        tokio::select! {
            biased;
            () = &mut leaving => return end,
            lost = &mut kept => warn!(reason = lost, "the lease is lost while this process leaves"),
        }
    }
    leaving.await;
    end
}

impl Term<'_> {
    /// Works until the term is lost or `stop`. What is under way then is broken off, wherever it waits: whoever leads next waits for this process, and
    /// reads how far it has come.
    async fn serve(&mut self, stop: &CancellationToken) -> TermEnd {
        tokio::select! {
            biased;
            () = stop.cancelled() => TermEnd::Stopped,
            end = self.work(stop) => end,
        }
    }

    async fn work(&mut self, stop: &CancellationToken) -> TermEnd {
        let (context, source) = (self.context, Source::Work(WorkQueue::Coordinate));
        let (bus, troubles) = (context.bus.as_ref(), &context.troubles);
        // Beside everything else: a broker that refuses the queue keeps no topic from being followed, or stopped.
        let mut hearing = pin!(consume_at_last(bus, &source, PREFETCH, PART, troubles, stop));
        let mut consumer: Option<Box<dyn Consumer>> = None;
        let mut tick = tokio::time::interval(TICK);
        loop {
            let event = tokio::select! {
                biased;
                heard_by = &mut hearing, if consumer.is_none() => Event::Hears(heard_by),
                _ = tick.tick() => Event::Tick,
                heard = next(consumer.as_deref_mut()) => Event::Heard(heard),
            };
            match event {
                Event::Hears(None) | Event::Heard(Err(BusError::Closed)) => return TermEnd::Stopped,
                Event::Hears(heard_by) => (consumer, self.hears) = (heard_by, true),
                Event::Heard(Ok(Incoming::Delivery(delivery))) => {
                    self.hears();
                    if let Some(consumer) = consumer.as_deref_mut() {
                        self.hear(consumer, delivery).await;
                    }
                }
                Event::Heard(Ok(Incoming::Resumed)) => self.hears(),
                Event::Heard(Err(error)) => {
                    self.hears = false;
                    context.troubles.note(PART, &error.to_string());
                }
                Event::Tick => {
                    match self.tick().await {
                        Ok(()) => {}
                        Err(error @ StoreError::Fenced { current, .. }) => {
                            return TermEnd::Fenced(error, current);
                        }
                        Err(error) => return TermEnd::Lost(error.to_string()),
                    }
                    // Not before everything is claimed: what files of a later epoch tell is compared with the epoch that the registry has.
                    if let Some(followed) = self.core.overtaken().filter(|_| self.knows) {
                        return TermEnd::Overtaken(followed);
                    }
                    // However long it took, there is time to hear now: silence is seen only where there was some.
                    tick.reset();
                }
            }
        }
    }

    /// Says and saves the last, where the term ends in order, and brings the files to their end.
    async fn leave(mut self, in_order: bool) {
        self.context.troubles.clear(CLAIMING);
        self.context.troubles.warn(STRANGERS, None);
        let saves = in_order && self.knows;
        if saves {
            let told = self.topics.tell(&self.core, self.context.clock.now());
            match tokio::time::timeout(TELL_PATIENCE, told).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => warn!(error = %error, "the last state of the topics could not be saved"),
                Err(_) => warn!("there was no time to tell the last state of the topics"),
            }
        }
        let files = self.topics.files.finish(in_order && !self.context.options.sole);
        let folds = async {
            if saves {
                self.topics.save_all_folds(&self.core, self.context.clock.now().monotonic).await;
            }
        };
        join(folds, files.said()).await;
    }

    async fn hear(&mut self, consumer: &mut dyn Consumer, delivery: Delivery) {
        let now = self.context.clock.now();
        let (content_type, payload) = (&delivery.content_type, &delivery.payload);
        let heard = match wire::kind_of(content_type).map(|(kind, _)| kind) {
            Some(Heartbeat::KIND) => wire::decode(content_type, payload).map(|beat| {
                trace!(heartbeat = ?beat, "a producer is heard");
                if !self.core.is_foreign(&beat) {
                    self.topics.hear_filters(&beat, now.monotonic);
                }
                self.core.heartbeat(beat, now);
            }),
            Some(Published::KIND) => wire::decode(content_type, payload).map(|note: Published| {
                if !self.topics.published(&note) {
                    self.core.late(&note.topic, note.run);
                }
            }),
            Some(Refused::KIND) => wire::decode(content_type, payload)
                .map(|refused| self.topics.refusals.hear(refused, now.monotonic)),
            Some(Hint::KIND) => wire::decode::<Hint>(content_type, payload).map(|_| self.reread = None),
            _ => Err(wire::DecodeError::UnknownKind(content_type.chars().take(100).collect())),
        };
        if let Err(error) = heard {
            warn!(error = %error, routing_key = delivery.routing_key, "a status message is dropped");
        }
        if let Err(error) = consumer.ack(delivery.tag).await {
            warn!(error = %error, "a status message could not be acknowledged");
        }
    }

    /// # Errors
    /// When another leader is in force. What else fails concerns one topic, or passes.
    async fn tick(&mut self) -> Result<(), StoreError> {
        let now = self.context.clock.now();
        self.listen(now.monotonic);
        self.topics.troubles.forget_old(now.monotonic);
        self.read_definitions(now).await?;
        if !self.knows {
            return Ok(());
        }
        self.topics.watch_store(&self.core, now.monotonic).await?;
        self.topics.follow(&mut self.core, now).await?;
        self.topics.refill(now.monotonic).await?;
        // What could be saved may be granted and told at once: first leases, then what they are used for.
        for _ in 0..3 {
            if !self.act(now).await? {
                break;
            }
        }
        self.topics.publish_left_out(now.monotonic).await?;
        self.topics.save_folds(&self.core, now.monotonic).await?;
        if now.monotonic.since(self.told) >= TELL {
            self.told = now.monotonic;
            self.topics.close_ended(&mut self.core, now.monotonic);
            self.topics.look_for_late(&mut self.core).await?;
            self.topics.tell(&self.core, now).await?;
            self.warn_of_strangers();
        }
        Ok(())
    }

    fn warn_of_strangers(&mut self) {
        let text = self.core.strangers().map(|(count, producer, registry)| {
            format!(
                "producers on this broker follow another registry than the one led here: {producer} follows {registry} ({count} in all); two registries need two virtual \
                 hosts, since messages meant for one reach the other"
            )
        });
        if let Some(text) = text.as_ref().filter(|_| !self.warned_of_strangers) {
            warn!("{text}");
        }
        self.warned_of_strangers = text.is_some();
        self.context.troubles.warn(STRANGERS, text);
    }

    fn hears(&mut self) {
        if !std::mem::replace(&mut self.hears, true) {
            self.context.troubles.clear(PART);
        }
    }

    /// Looks whether anybody can be heard at all.
    fn listen(&mut self, now: Monotonic) {
        let why = match self.context.bus.state() {
            BusState::Connected if self.hears => None,
            BusState::Connected => {
                self.context.troubles.reason(PART).map(|why| format!("producers are not heard: {why}"))
            }
            BusState::Disconnected(why) => Some(format!("no connection to the broker: {why}")),
            BusState::Blocked(why) => Some(format!("the broker takes no messages: {why}")),
        };
        match (&self.topics.deaf, &why) {
            (None, Some(why)) => warn!(reason = why, "nobody can be told or heard"),
            (Some(_), None) => info!("everybody can be told and heard again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        if why.is_some() {
            self.core.deaf(now);
        }
        self.topics.deaf = why;
    }

    async fn read_definitions(&mut self, now: Now) -> Result<(), StoreError> {
        let at = now.monotonic;
        let due = self.reread.is_none_or(|read| at.since(read) >= REREAD);
        if due && !self.topics.troubles.rests(None, Step::Definitions, at) {
            let read = async {
                if self.knows || self.topics.claim_all(&self.core, at).await? {
                    return self.context.store.topics().await.map(Some);
                }
                Ok(None)
            };
            let read = read.await;
            let Some(Some(topics)) = self.topics.troubles.note(None, Step::Definitions, read, at)? else {
                return Ok(());
            };
            self.core.only(|id| topics.iter().any(|topic| topic.id == *id));
            for topic in topics {
                self.core.topic(topic, now);
            }
            (self.knows, self.reread) = (true, Some(at));
        }
        if self.knows {
            self.topics.check_ended_files(&self.core);
        }
        Ok(())
    }

    /// Carries out what there is to do; the answer says whether leases or decisions were saved, so that there is more to do.
    async fn act(&mut self, now: Now) -> Result<bool, StoreError> {
        let (mut commands, mut snapshots, mut saved) = (Vec::new(), Vec::new(), false);
        for action in self.core.decide(now) {
            match action {
                Action::Open { topic, run, max_attributes } => {
                    if !self.topics.troubles.rests(Some(&topic), Step::Open, now.monotonic) {
                        let opened = self.topics.open(&mut self.core, &topic, run, max_attributes, now).await;
                        self.topics.troubles.note(Some(&topic), Step::Open, opened, now.monotonic)?;
                        self.end_refused(&topic, now).await?;
                    }
                }
                Action::Put { topic, expected } => {
                    if !self.topics.troubles.rests(Some(&topic.id), Step::Put, now.monotonic) {
                        self.put(*topic, expected, now).await?;
                    }
                }
                Action::SaveLedger { topic, run, ledger } => {
                    saved |= self.save_ledger(topic, run, ledger, now.monotonic).await?;
                }
                Action::SaveDecisions { topic, run, chunks } => {
                    saved |= self.save_decisions(&topic, run, &chunks, now.monotonic).await?;
                }
                Action::Send { producer, command } => commands.push((producer, command)),
                Action::Snapshot { producer, topic } => snapshots.push((producer, topic)),
                Action::Note(note) => notes::say(&note),
            }
        }
        if self.topics.deaf.is_none() {
            let snapshots = self.topics.snapshots(snapshots);
            let commands = commands.iter().map(|(producer, command)| self.command(producer, command));
            let topics = &self.topics;
            let snapshots = snapshots.iter().map(|wanted| topics.send_snapshot(wanted));
            let (told, _) = join(join_all(commands), join_all(snapshots)).await;
            self.note_commands(&told);
        }
        Ok(saved)
    }

    async fn save_ledger(
        &mut self,
        topic: TopicId,
        run: Run,
        ledger: Ledger,
        now: Monotonic,
    ) -> Result<bool, StoreError> {
        if self.topics.troubles.rests(Some(&topic), Step::SaveLedger, now) {
            return Ok(false);
        }
        let saved = self.topics.save_ledger(&topic, run, &ledger).await;
        let saved = self.topics.troubles.note(Some(&topic), Step::SaveLedger, saved, now)?.is_some();
        if saved {
            self.core.ledger_saved(&topic, run, ledger);
        }
        Ok(saved)
    }

    async fn save_decisions(
        &mut self,
        topic: &TopicId,
        run: Run,
        chunks: &[Chunk],
        now: Monotonic,
    ) -> Result<bool, StoreError> {
        if self.topics.troubles.rests(Some(topic), Step::SaveDecisions, now) {
            return Ok(false);
        }
        let saved = self.topics.save_decisions(topic, run, chunks).await;
        let saved = self.topics.troubles.note(Some(topic), Step::SaveDecisions, saved, now)?.is_some();
        if let Some(last) = chunks.last().filter(|_| saved) {
            self.core.decisions_saved(topic, run, last.end());
        }
        Ok(saved)
    }

    async fn put(&mut self, topic: Topic, expected: u64, now: Now) -> Result<(), StoreError> {
        let id = topic.id.clone();
        let stored = self.store(topic, expected, now).await;
        let stored = self.topics.troubles.note(Some(&id), Step::Put, stored, now.monotonic)?;
        if let Some(Some(current)) = stored {
            self.core.topic(current, now);
            self.topics.tell_one(&self.core, &id, now).await?;
        }
        Ok(())
    }

    /// A topic that is not opened since its registry was put back has nothing under way: when it is asked to end, it has ended.
    async fn end_refused(&mut self, id: &TopicId, now: Now) -> Result<(), StoreError> {
        let refused = self.core.topics().find(|topic| topic.id == *id);
        let refused = refused.filter(|_| self.topics.vouching.problem(id).is_some());
        let Some(topic) = refused.filter(|topic| matches!(topic.state, TopicState::Ending(_))) else {
            return Ok(());
        };
        let Some(ended) = topic.abandoned(now.unix) else { return Ok(()) };
        let (ended, expected) = (Topic { epoch: self.topics.epoch, ..ended }, topic.version);
        let stored = match self.context.store.put_topic(&ended, Some(expected)).await {
            // It is read again soon.
            Err(StoreError::Conflict { .. }) => return Ok(()),
            stored => stored,
        };
        if self.topics.troubles.note(Some(id), Step::Put, stored, now.monotonic)?.is_some() {
            self.core.topic(ended, now);
            self.topics.tell_one(&self.core, id, now).await?;
        }
        Ok(())
    }

    /// Stores a topic, unless somebody else was quicker; the answer is what stands there now.
    async fn store(&mut self, topic: Topic, expected: u64, now: Now) -> Result<Option<Topic>, StoreError> {
        if topic.state.is_ended() {
            self.topics.finish(&self.core, &topic, now).await?;
        }
        let store = self.context.store.as_ref();
        match store.put_topic(&topic, Some(expected)).await {
            Ok(()) => Ok(Some(topic)),
            Err(StoreError::Conflict { .. }) => store.topic(&topic.id).await,
            Err(error) => Err(error),
        }
    }

    /// A command that nobody would read leaves every topic where it is, so that every topic says so.
    fn note_commands(&mut self, told: &[Result<(), SendError>]) {
        let unreadable = told.iter().find_map(|told| match told {
            Err(SendError::OverLimits(error)) => {
                Some(format!("producers cannot be told what to do: {error}"))
            }
            Ok(()) | Err(SendError::Publish(_)) => None,
        });
        if unreadable.is_some() || told.iter().any(Result::is_ok) {
            self.topics.untold = unreadable;
        }
    }

    /// A command that does not arrive is sent again by the core, so failing is no error here.
    async fn command(&self, producer: &WorkerId, command: &Command) -> Result<(), SendError> {
        trace!(producer = %producer, command = ?command, "a producer is told");
        let name = format!("command-{producer}-{}-{}", command.epoch, command.version);
        let key = format!("producer.{producer}");
        let told = telling::say(self.context, Exchange::Commands, key, name, command).await;
        if let Err(SendError::Publish(error)) = &told {
            warn!(producer = %producer, error = %error, "a command is not sent yet");
        }
        told
    }
}

async fn next(consumer: Option<&mut (dyn Consumer + 'static)>) -> Result<Incoming, BusError> {
    match consumer {
        Some(consumer) => consumer.next().await,
        None => std::future::pending().await,
    }
}
