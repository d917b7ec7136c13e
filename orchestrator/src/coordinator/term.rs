//! One term of leadership.

use std::time::Duration;

use igentai_core::command::{Command, Heartbeat};
use igentai_core::coordinator::{Action, Coordinator, Note};
use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, WorkerId};
use igentai_core::time::{Monotonic, Now};
use igentai_core::topic::Topic;
use igentai_shared::bus::{Bus, BusError, Consumer, Delivery, Exchange, Incoming, Source, WorkQueue};
use igentai_shared::store::{Store, StoreError};
use igentai_shared::wire::{self, Hint, Message, Published};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, trace, warn};

use super::TermEnd;
use super::topics::Topics;
use crate::Context;
use crate::files::Files;
use crate::send::send;

/// How often decisions are taken.
const TICK: Duration = Duration::from_millis(50);

/// How often the definitions are read although nobody hinted at a change.
const REREAD: Duration = Duration::from_millis(500);

/// How often everybody is told where the topics stand.
const TELL: Duration = Duration::from_secs(1);

const PREFETCH: u16 = 256;

enum Event {
    Stop,
    Heard(Result<Incoming, BusError>),
    Tick,
}

struct Term<'a> {
    context: &'a Context,
    epoch: Epoch,
    core: Coordinator,
    topics: Topics<'a>,
    renewed: Monotonic,
    /// When the definitions were read last; `None` when they must be read at once.
    reread: Option<Monotonic>,
    told: Monotonic,
}

/// Leads until the lease is lost or `stop`.
pub(super) async fn lead(context: &Context, epoch: Epoch, stop: &CancellationToken) -> TermEnd {
    let source = Source::Work(WorkQueue::Coordinate);
    let mut consumer = match context.bus.consume(source, PREFETCH).await {
        Ok(consumer) => consumer,
        Err(error) => {
            let reason = format!("cannot hear producers: {error}");
            context.troubles.note("the coordinator", &reason);
            return TermEnd::Lost(reason);
        }
    };
    context.troubles.clear("the coordinator");
    let now = context.clock.now().monotonic;
    let files = Files::start(context, epoch);
    let mut term = Term {
        context,
        epoch,
        core: Coordinator::new(epoch, context.options.settings),
        topics: Topics::new(context, epoch, files),
        renewed: now,
        reread: None,
        told: now,
    };
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut first = true;
    let end = loop {
        let event = tokio::select! {
            biased;
            () = stop.cancelled() => Event::Stop,
            _ = tick.tick() => Event::Tick,
            heard = consumer.next() => Event::Heard(heard),
        };
        match event {
            Event::Stop | Event::Heard(Err(BusError::Closed)) => break TermEnd::Stopped,
            Event::Heard(Ok(Incoming::Delivery(delivery))) => term.hear(consumer.as_mut(), delivery).await,
            Event::Heard(Ok(Incoming::Resumed)) => {}
            Event::Heard(Err(error)) => warn!(error = %error, "cannot hear producers"),
            Event::Tick => match term.tick(std::mem::take(&mut first)).await {
                Ok(()) => {}
                Err(StoreError::Fenced { current, .. }) => {
                    break TermEnd::Lost(format!("epoch {current} is in force"));
                }
                Err(error) if error.is_transient() => warn!(error = %error, "the store does not serve"),
                Err(error) => error!(error = %error, "the coordinator cannot go on as it should"),
            },
        }
        if context.clock.now().monotonic.since(term.renewed) >= context.options.lease_ttl {
            break TermEnd::Lost("the lease could not be renewed in time".to_owned());
        }
    };
    let now = context.clock.now();
    let told = if matches!(end, TermEnd::Stopped) { term.topics.tell(&term.core, now).await } else { Ok(()) };
    if let Err(error) = told {
        warn!(error = %error, "the last state of the topics could not be saved");
    }
    term.topics.close().await;
    end
}

impl Term<'_> {
    async fn hear(&mut self, consumer: &mut dyn Consumer, delivery: Delivery) {
        let now = self.context.clock.now();
        let (content_type, payload) = (&delivery.content_type, &delivery.payload);
        let heard = match wire::kind_of(content_type).map(|(kind, _)| kind) {
            Some(Heartbeat::KIND) => wire::decode(content_type, payload).map(|beat| {
                trace!(heartbeat = ?beat, "a producer is heard");
                self.core.heartbeat(beat, now);
            }),
            Some(Published::KIND) => {
                wire::decode(content_type, payload).map(|note| self.topics.published(&note))
            }
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

    async fn tick(&mut self, first: bool) -> Result<(), StoreError> {
        let now = self.context.clock.now();
        let ttl = self.context.options.lease_ttl;
        if now.monotonic.since(self.renewed) >= ttl.div_f64(4.0) {
            match self.context.store.renew_lease(&self.context.id, self.epoch).await? {
                Some(_) => self.renewed = now.monotonic,
                None => return Err(StoreError::Fenced { held: self.epoch, current: self.epoch + 1 }),
            }
        }
        if self.reread.is_none_or(|at| now.monotonic.since(at) >= REREAD) {
            for topic in self.context.store.topics().await? {
                self.core.topic(topic, now);
            }
            self.reread = Some(now.monotonic);
        }
        if first {
            self.topics.restore_missing_files(&self.core).await?;
        }
        self.topics.follow(&mut self.core, now).await?;
        for action in self.core.decide(now) {
            self.carry_out(action, now).await?;
        }
        self.topics.publish_left_out(now.monotonic).await;
        if now.monotonic.since(self.told) >= TELL {
            self.told = now.monotonic;
            self.topics.tell(&self.core, now).await?;
        }
        Ok(())
    }

    async fn carry_out(&mut self, action: Action, now: Now) -> Result<(), StoreError> {
        let store = self.context.store.as_ref();
        match action {
            Action::Open { topic, run, max_attributes } => {
                self.topics.open(&mut self.core, &topic, run, max_attributes, now).await?;
            }
            Action::Put { topic, expected } => self.put(store, *topic, expected, now).await?,
            Action::SaveLedger { topic, run, ledger } => {
                self.topics.save_ledger(&topic, run, &ledger).await?;
            }
            Action::Send { producer, command } => self.command(&producer, &command).await,
            Action::Snapshot { producer, topic } => self.topics.send_snapshot(&producer, &topic).await,
            Action::Note(note) => say(&note),
        }
        Ok(())
    }

    async fn put(
        &mut self,
        store: &dyn Store,
        topic: Topic,
        expected: u64,
        now: Now,
    ) -> Result<(), StoreError> {
        if topic.state.is_ended() {
            self.topics.finish(&self.core, &topic, now).await?;
        }
        match store.put_topic(&topic, Some(expected)).await {
            Ok(()) => {
                let id = topic.id.clone();
                self.core.topic(topic, now);
                self.topics.tell_one(&self.core, &id, now).await
            }
            Err(StoreError::Conflict { .. }) => {
                if let Some(current) = store.topic(&topic.id).await? {
                    self.core.topic(current, now);
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// A command that does not arrive is sent again by the core, so failing is no error here.
    async fn command(&self, producer: &WorkerId, command: &Command) {
        trace!(producer = %producer, command = ?command, "a producer is told");
        let bus: &dyn Bus = self.context.bus.as_ref();
        let name = format!("command-{producer}-{}-{}", command.epoch, command.version);
        if let Err(error) = send(bus, Exchange::Commands, format!("producer.{producer}"), name, command).await
        {
            warn!(producer = %producer, error = %error, "a command is not sent yet");
        }
    }
}

fn say(note: &Note) {
    match note {
        Note::Joined(producer) => info!(producer = %producer, "a producer joined"),
        Note::Restarted(producer) => warn!(producer = %producer, "a producer came back in a new life"),
        Note::Left(producer) => info!(producer = %producer, "a producer left"),
        Note::Lost(producer) => {
            warn!(producer = %producer, "a producer is not heard any more; its work goes on elsewhere");
        }
        Note::Ending(topic, reason) => say_ending(topic, reason.in_words()),
    }
}

fn say_ending(topic: &TopicId, reason: &str) {
    info!(topic = %topic, reason, "a topic comes to its end");
}
