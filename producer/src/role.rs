//! The producer's loop: the world becomes one event, the worker decides, the shell does it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use igentai_core::batch::{Batch, Outcome, Receipt, Verdict};
use igentai_core::command::{Command, Heartbeat, TopicOrder};
use igentai_core::filter::{Delta, SnapshotPiece};
use igentai_core::folder::TopicId;
use igentai_core::gate::WaitReason;
use igentai_core::ids::{Incarnation, Run};
use igentai_core::time::Monotonic;
use igentai_core::worker::{Beat, Finished, PublishQueue, Pulse, Worker};
use igentai_shared::bus::trouble::consume_at_last;
use igentai_shared::bus::{
    Bus, BusError, BusState, Consumer, Delivery, Exchange, Incoming, Outgoing, PublishError, Source,
};
use igentai_shared::telemetry::catalogue;
use igentai_shared::wire::{self, Batches, DecodeError, FilterDelta, FilterSnapshot, Message, Receipts};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::{self, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::Context;
use crate::ask::Prepared;
use crate::pool::{Budget, Permit, Wait};

mod counting;
mod orders;

use counting::{count, count_lookups};
use orders::Shares;

/// How often time itself is looked at.
const TICK: std::time::Duration = std::time::Duration::from_millis(100);

const PREFETCH: u16 = 512;

/// How long who leaves at once may tell what becomes of the requests under way.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_millis(500);

/// How long the farewell may take.
const FAREWELL: std::time::Duration = std::time::Duration::from_secs(2);

enum Event {
    Heard(Result<Incoming, BusError>),
    Answered(Answered),
    Published(Ended),
    Tick,
    ProvidersChanged,
    Stop,
    Now,
}

/// How the task of a request ended.
type Answered = Result<(task::Id, Finished), JoinError>;

/// Whose request a task sends.
struct Begun {
    /// The life of the producer that has sent it.
    life: Incarnation,
    topic: TopicId,
    run: Run,
    /// What it comes to if its task ends badly.
    lost: Finished,
}

/// What became of a message, and of which topic's batches it was.
type Ended = (Option<TopicId>, Result<(), PublishError>);
type Publishing<'a> = std::pin::Pin<Box<dyn Future<Output = Ended> + Send + 'a>>;

struct Role<'a> {
    context: &'a Context,
    worker: Worker,
    /// Requests under way.
    asks: JoinSet<Finished>,
    begun: HashMap<task::Id, Begun>,
    /// Batches that are not on their way yet.
    due: PublishQueue,
    publishing: FuturesUnordered<Publishing<'a>>,
    /// Gives the requests of a topic's run up.
    given_up: BTreeMap<(TopicId, Run), CancellationToken>,
    random: StdRng,
    wait: Option<Wait>,
    heartbeat_at: Option<Monotonic>,
    publish_failed: bool,
    pulse: Pulse,
    /// Commands cannot be heard, so that nothing is asked: nobody could stop it.
    deaf: bool,
    /// When orders of another registry were heard that are not followed.
    foreign: Option<Monotonic>,
    /// How providers are asked by the newest orders.
    shares: Shares,
}

/// Runs a producer. After `stop` it takes no new work, finishes and publishes what is under way, waits for the receipts, and leaves; after
/// `now` it gives up what is under way, says so, and leaves at once. The answer is the number of batches whose receipts had not come by then.
pub async fn run(context: Context, stop: CancellationToken, now: CancellationToken) -> usize {
    let id = &context.id;
    let source = Source::Broadcast {
        name: format!("igentai.producer.{id}"),
        bindings: vec![
            (Exchange::Commands, "all".to_owned()),
            (Exchange::Commands, format!("producer.{id}")),
            (Exchange::Filters, "delta.#".to_owned()),
            (Exchange::Filters, format!("snapshot.{id}")),
        ],
    };
    let (bus, troubles) = (context.bus.as_ref(), &context.troubles);
    // `now` implies `stop`.
    let consumer = consume_at_last(bus, &source, PREFETCH, id.as_str(), troubles, &stop).await;
    let Some(mut consumer) = consumer else { return 0 };
    info!(producer = %id, "a producer is up");
    let mut role = Role {
        worker: Worker::new(id.clone(), context.incarnation, context.options.concurrency),
        asks: JoinSet::new(),
        begun: HashMap::new(),
        due: PublishQueue::default(),
        publishing: FuturesUnordered::new(),
        given_up: BTreeMap::new(),
        random: StdRng::seed_from_u64(context.seed),
        wait: None,
        heartbeat_at: None,
        publish_failed: false,
        pulse: Pulse::default(),
        deaf: false,
        foreign: None,
        shares: Shares::default(),
        context: &context,
    };
    role.heartbeat();
    role.work(consumer.as_mut(), &stop, &now).await;
    role.leave().await;
    info!(producer = %id, "a producer is down");
    role.worker.unresolved()
}

impl<'a> Role<'a> {
    async fn work(&mut self, consumer: &mut dyn Consumer, stop: &CancellationToken, now: &CancellationToken) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut draining = false;
        let mut leaves_by: Option<Monotonic> = None;
        loop {
            let event = {
                let (pool, wait) = (&self.context.pool, &self.wait);
                let changed = async {
                    match wait {
                        Some(wait) => pool.changed(wait).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    biased;
                    () = now.cancelled(), if leaves_by.is_none() => Event::Now,
                    () = stop.cancelled(), if !draining => Event::Stop,
                    _ = tick.tick() => Event::Tick,
                    Some(published) = self.publishing.next() => Event::Published(published),
                    Some(answered) = self.asks.join_next_with_id() => Event::Answered(answered),
                    heard = consumer.next() => Event::Heard(heard),
                    () = changed => Event::ProvidersChanged,
                }
            };
            match event {
                Event::Heard(Err(BusError::Closed)) => return,
                Event::Stop => {
                    draining = true;
                    self.worker.drain();
                    self.heartbeat();
                }
                Event::Now => {
                    draining = true;
                    self.worker.drain();
                    self.give_all_up();
                    leaves_by = Some(self.context.clock.now().monotonic + LAST_WORDS);
                }
                Event::Tick => self.tick(),
                Event::Published(published) => self.published(published),
                Event::Answered(answered) => self.answered(answered),
                Event::Heard(Ok(Incoming::Delivery(delivery))) => {
                    self.hears();
                    self.hear(&delivery);
                    if let Err(error) = consumer.ack(delivery.tag).await {
                        warn!(error = %error, "a command could not be acknowledged");
                    }
                }
                Event::Heard(Ok(Incoming::Resumed)) => {
                    self.hears_again();
                    self.heartbeat();
                }
                Event::Heard(Err(error)) => {
                    self.deaf = true;
                    let why = format!("it cannot hear commands, and asks no model: {error}");
                    self.context.troubles.note(self.context.id.as_str(), &why);
                }
                Event::ProvidersChanged => self.wait = None,
            }
            self.publish_due();
            let is_late = leaves_by.is_some_and(|at| self.context.clock.now().monotonic >= at);
            if is_late || draining && self.worker.is_idle() && self.publishing.is_empty() {
                return;
            }
            self.ask();
        }
    }

    fn tick(&mut self) {
        let now = self.context.clock.now().monotonic;
        self.forget_foreign(now);
        for batch in self.worker.overdue(now) {
            self.due.push(batch);
        }
        let due = |at: Monotonic| now.since(at) >= self.context.options.heartbeat;
        if self.heartbeat_at.is_none_or(due) {
            self.heartbeat();
        }
    }

    fn hear(&mut self, delivery: &Delivery) {
        let (content_type, payload) = (delivery.content_type.as_str(), &delivery.payload);
        let heard = match wire::kind_of(content_type).map(|(kind, _)| kind) {
            Some(Command::KIND) => wire::decode(content_type, payload).map(|command| self.command(command)),
            Some(Receipts::KIND) => {
                wire::decode(content_type, payload).map(|receipts| self.receipts(&receipts))
            }
            Some(FilterDelta::KIND) => wire::decode(content_type, payload).map(|delta| self.delta(delta)),
            Some(FilterSnapshot::KIND) => {
                wire::decode(content_type, payload).map(|piece| self.snapshot(&piece))
            }
            _ => Err(DecodeError::UnknownKind(content_type.chars().take(100).collect())),
        };
        if let Err(error) = heard {
            warn!(error = %error, routing_key = delivery.routing_key, "a message is dropped");
        }
    }

    /// Requests that are given up are told as such: they may have been paid for.
    fn give_all_up(&mut self) {
        for token in std::mem::take(&mut self.given_up).into_values() {
            token.cancel();
        }
    }

    fn receipts(&mut self, receipts: &Receipts) {
        let now = self.context.clock.now().monotonic;
        // A topic with too many unresolved batches may be asked about again.
        self.wait = None;
        for Receipt { id, verdict, .. } in &receipts.receipts {
            if let Verdict::Refused { reason } = verdict
                && self.worker.awaits(id)
            {
                catalogue::BATCHES_REFUSED_TOTAL.add(1, []);
                warn!(topic = %id.topic, batch = id.seq, reason, "a batch was put to the dead letters and is not published again; it stays there until somebody replays or drops it");
            }
        }
        let batches: Vec<Batch> =
            receipts.receipts.iter().filter_map(|receipt| self.worker.receipt(receipt, now)).collect();
        for batch in batches {
            self.due.push(batch);
        }
    }

    fn delta(&mut self, delta: FilterDelta) {
        let FilterDelta { topic, run, generation, from, to, fingerprints, edition, first } = delta;
        let first = (first > 0).then_some((edition, first));
        self.worker.delta(&topic, Delta { run, generation, from, to, fingerprints, first });
    }

    fn snapshot(&mut self, piece: &FilterSnapshot) {
        let FilterSnapshot { topic, run, generation, complete_to, chunk, chunks, digest, repair, words } =
            piece;
        let piece = SnapshotPiece {
            run: *run,
            generation: *generation,
            complete_to: *complete_to,
            chunk: *chunk,
            chunks: *chunks,
            digest: *digest,
            repair: *repair,
            words,
        };
        match self.worker.snapshot(topic, &piece) {
            Ok(true) => info!(topic = %topic, complete_to, "a filter is complete"),
            Ok(false) => {}
            Err(error) => warn!(topic = %topic, error = %error, "a filter snapshot is dropped"),
        }
    }

    /// Sends requests as long as there is work, budget, and somebody to ask.
    fn ask(&mut self) {
        if self.deaf || self.wait.is_some() || self.context.bus.state() != BusState::Connected {
            return;
        }
        let mut in_vain = 0;
        let mut waits: Option<Wait> = None;
        while let Some(ask) = self.worker.next_ask() {
            if !self.broker_answers() {
                return;
            }
            let prepared = Prepared::of(&ask);
            match self.permit(&prepared, &ask) {
                Ok(permit) => {
                    let worst_case = permit.worst_case(&prepared.question);
                    if !self.worker.begin(&prepared.topic, prepared.run, worst_case) {
                        return;
                    }
                    self.worker.hopeless(&prepared.topic, None);
                    let given_up =
                        self.given_up.entry((prepared.topic.clone(), prepared.run)).or_default().clone();
                    let (topic, run, lost) = (prepared.topic.clone(), prepared.run, prepared.lost(&permit));
                    let begun = Begun { life: self.worker.incarnation(), topic, run, lost };
                    let clock = Arc::clone(&self.context.clock);
                    let task =
                        self.asks.spawn(async move { prepared.send(permit, given_up, clock.as_ref()).await });
                    self.begun.insert(task.id(), begun);
                    (in_vain, waits) = (0, None);
                }
                Err(wait) => {
                    let why = match &wait.reason {
                        WaitReason::Nobody(why) => Some(why.clone()),
                        WaitReason::Busy | WaitReason::Paused | WaitReason::TooDear => None,
                    };
                    self.worker.hopeless(&prepared.topic, why);
                    in_vain += 1;
                    let first = waits.take().map_or_else(|| wait.clone(), |waits| waits.or(&wait));
                    if in_vain >= self.worker.topics() {
                        self.wait = Some(first);
                        return;
                    }
                    waits = Some(first);
                }
            }
        }
    }

    /// Whether the broker has confirmed something just now; otherwise a heartbeat asks it.
    fn broker_answers(&mut self) -> bool {
        match self.pulse.look(self.publishing.len(), self.context.clock.now().monotonic) {
            Beat::Ask => true,
            Beat::Wait => false,
            Beat::Probe => {
                self.heartbeat();
                false
            }
        }
    }

    fn permit(&mut self, prepared: &Prepared, ask: &igentai_core::worker::Ask) -> Result<Permit, Wait> {
        let pool = &self.context.pool;
        let preferred = ask.aim.as_ref().and_then(|aim| aim.provider.as_deref());
        let weights = &pool.preferring(&ask.order.provider_weights, preferred);
        let random = self.random.random::<f64>();
        let Some(left) = ask.left else { return pool.try_start(&prepared.topic, weights, random) };
        let question = &prepared.question;
        let budget = Budget { question, left };
        let permit = pool.try_start_within(&prepared.topic, weights, random, budget, preferred);
        if matches!(&permit, Err(Wait { reason: WaitReason::TooDear, .. })) {
            let worst_cases = pool.worst_cases(&prepared.topic, weights, question, preferred);
            if self.worker.price(&prepared.topic, prepared.run, &worst_cases) {
                self.heartbeat();
            }
        }
        permit
    }

    fn answered(&mut self, answered: Answered) {
        // The permit was free a moment ago; what the request had reserved of the lease is free only now.
        self.wait = None;
        let task = answered.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
        let Some(Begun { life, topic, run, lost }) = self.begun.remove(&task) else { return };
        let finished = answered.map_or_else(
            |error| {
                error!(error = %error, topic = %topic, "a request ended badly and counts as abandoned");
                lost
            },
            |(_, finished)| finished,
        );
        count(&finished);
        // Its service may have asked for a pause, which is for all who use the key.
        if finished.meta.outcome == Outcome::RateLimited {
            self.heartbeat();
        }
        if life != self.worker.incarnation() {
            return;
        }
        let now = self.context.clock.now().monotonic;
        if let Some(batch) = self.worker.finish(&topic, run, finished, now) {
            count_lookups(&batch);
            self.due.push(batch);
        }
    }

    /// Publishes what is due, as far as the broker keeps up.
    fn publish_due(&mut self) {
        while let Some(batches) = self.due.next_message() {
            self.publish(batches);
        }
    }

    /// Publishes batches of one topic.
    fn publish(&mut self, batches: Vec<Batch>) {
        let Some(topic) = batches.first().map(|batch| batch.id.topic.clone()) else { return };
        let message_id = wire::batches_id(&batches);
        let sent = self.send(Exchange::Batches, topic.to_string(), message_id, &Batches { batches });
        self.sent(Some(topic), sent);
    }

    /// Sends a message out; none where whoever reads it would drop it.
    fn send<M: Message>(
        &self,
        exchange: Exchange,
        routing_key: String,
        message_id: String,
        message: &M,
    ) -> Option<impl Future<Output = Result<(), PublishError>> + Send + 'a> {
        let payload = match wire::encode_within_limits(message) {
            Ok(payload) => payload,
            Err(error) => {
                let (part, now) = (format!("sending `{}`", M::KIND), self.context.clock.now().monotonic);
                self.context.troubles.met(&part, &error.to_string(), now);
                return None;
            }
        };
        let content_type = wire::content_type::<M>();
        let headers = BTreeMap::new();
        let outgoing = Outgoing { exchange, routing_key, content_type, message_id, headers, payload };
        let bus: &'a dyn Bus = self.context.bus.as_ref();
        Some(async move { bus.publish(outgoing).await })
    }

    fn sent(
        &mut self,
        topic: Option<TopicId>,
        sent: Option<impl Future<Output = Result<(), PublishError>> + Send + 'a>,
    ) {
        match (sent, topic) {
            (Some(sent), topic) => self.publishing.push(Box::pin(async move { (topic, sent.await) })),
            (None, Some(topic)) => self.due.settled(&topic),
            (None, None) => {}
        }
    }

    /// What was not published is kept by the worker and published again when its receipt is late.
    fn published(&mut self, (topic, published): Ended) {
        if let Some(topic) = topic {
            self.due.settled(&topic);
        }
        let failed = published.is_err();
        if !failed {
            self.pulse.confirmed(self.context.clock.now().monotonic);
        }
        if let Err(error) = published
            && !self.publish_failed
        {
            warn!(error = %error, "cannot publish; nothing is lost, and no model is asked until it works again");
        }
        self.publish_failed = failed;
    }

    fn heartbeat(&mut self) {
        let now = self.context.clock.now().monotonic;
        self.heartbeat_at = Some(now);
        if self.context.bus.state() == BusState::Connected {
            let (pool, sharers) = (&self.context.pool, self.context.options.sharers);
            let places = |order: &TopicOrder| pool.places(&order.topic, &order.provider_weights, sharers);
            let heartbeat = self.worker.heartbeat(pool.report(), places, now);
            self.send_heartbeat(&heartbeat);
        }
    }

    fn send_heartbeat(&mut self, heartbeat: &Heartbeat) {
        let Heartbeat { producer, incarnation, seq, .. } = heartbeat;
        let message_id = format!("heartbeat-{producer}-{incarnation}-{seq}");
        let sent = self.send(Exchange::Status, format!("producer.{producer}"), message_id, heartbeat);
        self.sent(None, sent);
    }

    /// Gives up what is under way, tells how it stands, and says good-bye.
    async fn leave(&mut self) {
        self.asks.shutdown().await;
        while let Some(batches) = self.due.at_once() {
            self.publish(batches);
        }
        self.heartbeat();
        let farewell = async { while self.publishing.next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            let unresolved = self.worker.unresolved();
            warn!(unresolved, "a producer leaves without knowing whether its last messages arrived");
        }
    }
}

#[cfg(test)]
mod tests;
