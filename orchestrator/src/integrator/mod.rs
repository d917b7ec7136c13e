//! The integrator: commit → receipt → publish what is new → acknowledge. Any number of them may run; they share a queue and hold no state.
//!
//! Messages that are there are committed and told of together (`group`). While one group is at the store, the next is gathered and those before are
//! told of: one after the other is committed, so that what is told goes out in the order of the log.
//!
//! Nothing that one message does may hold its neighbours up:
//!
//! * What can never be integrated goes to the dead letters at the first attempt (`poison`), beside everything else (`burial`).
//! * What the store refuses for good is committed one by one, and the culprit is held aside (`parked`). Where too much is held already, it goes
//!   round the queue (`round`).
//! * What comes again may have crashed whoever had it. It is worked on alone, the attempt is noted in the store before, and what has crashed
//!   `ATTEMPTS` lone attempts goes to the dead letters.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{FuturesOrdered, FuturesUnordered};
use igentai_core::folder::TopicId;
use igentai_core::ids::Run;
use igentai_core::seeded::{Bug, is_on};
use igentai_shared::bus::trouble::consume_at_last;
use igentai_shared::bus::{BusError, Consumer, Delivery, DeliveryTag, Incoming, Source, WorkQueue};
use igentai_shared::store::{Commit, StoreError};
use igentai_shared::telemetry::catalogue;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use self::burial::Burials;
use self::group::{Committing, Ended, Group, Telling};
use self::parked::{Fate, Parked, Parking};
use self::poison::Poison;
use self::round::send_round;
use self::store::{Stopping, at_last};
use self::work::{Work, name_of};
use crate::Context;

mod burial;
mod group;
mod parked;
mod poison;
mod round;
mod store;
mod tell;
mod work;

/// How it is called where troubles are told.
const PART: &str = "the integrator";

/// Messages taken unacknowledged.
const PREFETCH: u16 = 512;

/// Messages committed in one go at most, and batches in them, from which on no further message is taken in.
const GROUP: usize = 64;
const GROUP_BATCHES: usize = 64;

/// Groups that are told of at once; with the one at the store and the one that is gathered they stay below what may be unacknowledged.
const TOLD_AT_ONCE: usize = 4;

/// Lone attempts that did not end after which a message is taken for the cause. A few may be chance: processes that were killed.
const ATTEMPTS: u32 = 5;

/// Runs of topics that are remembered as refused.
const TOLD: usize = 1_000;

/// Before messages come again for which there was no room.
const PAUSE: Duration = Duration::from_millis(400);

/// How long what is on its way to the dead letters may take when this process stops.
const LAST_BURIALS: Duration = Duration::from_secs(1);

enum Event {
    Heard(Result<Incoming, BusError>),
    Ended(Ended),
    Told(Vec<Work>),
    Retry,
    Buried(DeliveryTag),
}

struct Integrator<'a> {
    context: &'a Context,
    consumer: Box<dyn Consumer>,
    stop: &'a CancellationToken,
    /// The next group.
    gathered: Vec<Work>,
    /// One at most.
    committing: FuturesUnordered<Committing<'a>>,
    telling: FuturesOrdered<Telling<'a>>,
    parked: Parked,
    burials: Burials<'a>,
    /// Runs of topics that the store refuses to write to, so that each is told of once.
    refused: BTreeSet<(TopicId, Run)>,
    /// A message was sent round the queue: before more are taken it is time for a pause.
    sent_round: bool,
}

/// Integrates until `stop`; what was taken by then is finished or given back.
pub async fn run(context: Context, stop: CancellationToken) {
    let source = Source::Work(WorkQueue::Integrate);
    let (bus, troubles) = (context.bus.as_ref(), &context.troubles);
    let consumer = consume_at_last(bus, &source, PREFETCH, PART, troubles, &stop).await;
    let Some(consumer) = consumer else { return };
    info!("integrator is up");
    let (parked, refused) = (Parked::default(), BTreeSet::new());
    let mut integrator = Integrator {
        context: &context,
        consumer,
        stop: &stop,
        gathered: Vec::new(),
        committing: FuturesUnordered::new(),
        telling: FuturesOrdered::new(),
        parked,
        burials: Burials::default(),
        refused,
        sent_round: false,
    };
    integrator.work().await;
    for work in std::mem::take(&mut integrator.gathered) {
        settle(integrator.consumer.requeue(work.delivery.tag).await);
    }
    integrator.finish().await;
    tokio::time::timeout(LAST_BURIALS, integrator.finish_burials()).await.unwrap_or_default();
    for tag in integrator.parked.clear() {
        settle(integrator.consumer.requeue(tag).await);
    }
    info!("integrator is down");
}

impl Integrator<'_> {
    async fn work(&mut self) {
        loop {
            self.commit_gathered().await;
            let now = self.context.clock.now().monotonic;
            let until_due = self.parked.next_deadline().map(|due| due.since(now));
            let retry = async {
                match until_due {
                    Some(until_due) => tokio::time::sleep(until_due).await,
                    None => std::future::pending().await,
                }
            };
            let is_whole = is_whole(&self.gathered);
            let event = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = retry => Event::Retry,
                Some(tag) = self.burials.next() => Event::Buried(tag),
                Some(told) = self.telling.next() => Event::Told(told),
                Some(ended) = self.committing.next() => Event::Ended(ended),
                incoming = self.consumer.next(), if !is_whole => Event::Heard(incoming),
            };
            let troubles = &self.context.troubles;
            match event {
                Event::Retry => self.try_parked().await,
                Event::Told(works) => self.told(works).await,
                Event::Ended(ended) => self.ended(ended).await,
                Event::Buried(tag) => settle(self.consumer.ack(tag).await),
                Event::Heard(Ok(Incoming::Delivery(first))) => {
                    troubles.clear(PART);
                    self.gather(first).await;
                }
                Event::Heard(Ok(Incoming::Resumed)) => {
                    troubles.clear(PART);
                    // The broker delivers them again; these tags are good for nothing any more.
                    self.parked.clear();
                    self.burials.clear();
                }
                Event::Heard(Err(BusError::Closed)) => return,
                Event::Heard(Err(error)) => troubles.note(PART, &error.to_string()),
            }
            // Where nothing else waits, the same messages come again at once.
            if std::mem::take(&mut self.sent_round) {
                pause(self.stop).await;
            }
        }
    }

    /// Takes in what is there: new messages for the next group; those that come again are worked on at once, one by one.
    async fn gather(&mut self, first: Delivery) {
        let (mut next, mut messages) = (Some(first), 0);
        while let Some(delivery) = next.take() {
            messages += 1;
            if delivery.redelivered {
                self.again(delivery).await;
            } else if let Some(work) = self.prepare(delivery).await {
                self.gathered.push(work);
            }
            // What is sent round comes by again at once, so they are counted whatever becomes of them.
            if messages < GROUP && !is_whole(&self.gathered) {
                next = self.consumer.try_next();
            }
        }
    }

    /// Sets out to commit what is gathered, once the group before it is committed.
    async fn commit_gathered(&mut self) {
        if self.gathered.is_empty() || !self.committing.is_empty() || self.telling.len() >= TOLD_AT_ONCE {
            return;
        }
        let works = std::mem::take(&mut self.gathered);
        if is_on(Bug::AckBeforeCommit) {
            let tags: Vec<_> = works.iter().map(|work| work.delivery.tag).collect();
            settle(self.consumer.ack_all(&tags).await);
        }
        self.committing.push(Group(works).commit(self.context, self.stop));
    }

    /// Waits for all that was taken in.
    async fn finish(&mut self) {
        loop {
            self.commit_gathered().await;
            tokio::select! {
                biased;
                Some(told) = self.telling.next() => self.told(told).await,
                Some(ended) = self.committing.next() => self.ended(ended).await,
                else => return,
            }
        }
    }

    /// Works on a message that comes again, and on nothing else meanwhile: if it crashes this process, nothing else is to blame.
    async fn again(&mut self, delivery: Delivery) {
        self.finish().await;
        catalogue::REDELIVERIES_TOTAL.add(1, []);
        let tag = delivery.tag;
        if self.alone(delivery).await.is_err() {
            settle(self.consumer.requeue(tag).await);
        }
    }

    /// Works on a message that may have crashed whoever had it before.
    async fn alone(&mut self, delivery: Delivery) -> Result<(), Stopping> {
        let (context, stop) = (self.context, self.stop);
        let (store, name) = (context.store.as_ref(), name_of(&delivery));
        let before = at_last(context, stop, || store.attempts(&name)).await?.unwrap_or_else(|error| {
            warn!(error = %error, "attempts at messages cannot be read; one that crashes is not found out");
            0
        });
        if before >= ATTEMPTS {
            self.give_up(delivery, Poison::Crashes(before)).await;
            return Ok(());
        }
        let noted = at_last(context, stop, || store.note_attempts(&name, before + 1)).await?;
        if let Err(error) = noted {
            warn!(error = %error, "an attempt cannot be noted; a message that crashes is not found out");
        }
        let unfinished = match self.prepare(delivery).await {
            Some(work) => self.commit_one(work).await,
            None => None,
        };
        if let Some(work) = unfinished {
            settle(self.consumer.requeue(work.delivery.tag).await);
            // It did not end for our own reasons. What cannot be noted now counts against it, which is why one attempt is not enough.
            drop(store.note_attempts(&name, before).await);
            return Ok(());
        }
        if is_on(Bug::AttemptLeftBehind) {
            return Ok(());
        }
        if let Err(error) = at_last(context, stop, || store.note_attempts(&name, 0)).await? {
            warn!(error = %error, "the note of an attempt is left behind");
        }
        Ok(())
    }

    /// Reads a message; none where there is nothing to commit: it was put away, or is a copy of one that goes round.
    async fn prepare(&mut self, delivery: Delivery) -> Option<Work> {
        let now = self.context.clock.now();
        match poison::prepare(&delivery, now.unix) {
            Ok(commits) => {
                let work = Work { delivery, commits };
                if self.is_refused(&work) && self.parked.is_copy(&work, now.monotonic) {
                    settle(self.consumer.ack(work.delivery.tag).await);
                    return None;
                }
                Some(work)
            }
            Err(reason) => {
                self.give_up(delivery, reason).await;
                None
            }
        }
    }

    /// Has the messages of a group told of. Where the store refused it they are committed one by one, so that only the culprit waits.
    async fn ended(&mut self, Ended { works, outcome }: Ended) {
        let unfinished = match outcome {
            Ok(Ok(outcomes)) => {
                self.are_taken(&works);
                return self.telling.push_back(Group(works).tell(self.context, outcomes));
            }
            Ok(Err(error)) => self.one_by_one(works, &error).await,
            Err(Stopping) => works,
        };
        for work in unfinished {
            settle(self.consumer.requeue(work.delivery.tag).await);
        }
    }

    /// After a refusal of all; what is left is unfinished since this process stops.
    async fn one_by_one(&mut self, works: Vec<Work>, refusal: &StoreError) -> Vec<Work> {
        let mut unfinished = Vec::new();
        if works.len() > 1 {
            warn!(error = %refusal, "a commit is refused; its messages are committed one by one");
            for work in works {
                unfinished.extend(self.commit_one(work).await);
            }
        } else {
            for work in works {
                self.refuse(work, refusal).await;
            }
        }
        unfinished
    }

    /// Commits what one message asks for; the message, when it was not finished since this process stops.
    async fn commit_one(&mut self, work: Work) -> Option<Work> {
        let Ended { mut works, outcome } = Group(vec![work]).commit(self.context, self.stop).await;
        match outcome {
            Ok(Ok(outcomes)) => {
                self.are_taken(&works);
                let works = Group(works).tell(self.context, outcomes).await;
                self.told(works).await;
            }
            Ok(Err(error)) => {
                if let Some(work) = works.pop() {
                    self.refuse(work, &error).await;
                }
            }
            Err(Stopping) => return works.pop(),
        }
        None
    }

    /// The store has taken them. That is noted when it answers, not when they are told of: it may refuse others by then.
    fn are_taken(&mut self, works: &[Work]) {
        for commit in works.iter().flat_map(|work| &work.commits) {
            if !self.refused.is_empty() && self.refused.remove(&run_of(commit)) {
                info!(topic = %commit.id.topic, run = commit.id.run, "the store takes batches of this topic again");
            }
        }
    }

    /// What was committed and told of is done with.
    async fn told(&mut self, works: Vec<Work>) {
        for work in &works {
            self.parked.forget(work);
        }
        // The same ones whenever they come again: what is left out once only, the broker delivers anew.
        let is_left_out =
            |work: &&Work| is_on(Bug::NeverAcknowledged) && work.delivery.message_id.ends_with('7');
        let acknowledged = works.iter().filter(|work| !is_left_out(work));
        let tags: Vec<_> = acknowledged.map(|work| work.delivery.tag).collect();
        settle(self.consumer.ack_all(&tags).await);
    }

    /// Whether the store is known to refuse what the message asks for.
    fn is_refused(&self, work: &Work) -> bool {
        !self.refused.is_empty() && work.commits.iter().any(|commit| self.refused.contains(&run_of(commit)))
    }

    /// Holds a message aside that the store refuses, sends it round, or gives it up.
    async fn refuse(&mut self, work: Work, reason: &StoreError) {
        for (topic, run) in work.commits.iter().map(run_of) {
            if self.refused.len() < TOLD && self.refused.insert((topic.clone(), run)) {
                error!(%topic, run, error = %reason, "the store refuses batches of this topic; they wait, those of others go on");
            }
        }
        let now = self.context.clock.now().monotonic;
        let Parking { fate, superfluous } = self.parked.park(work, now);
        if let Some(tag) = superfluous {
            settle(self.consumer.ack(tag).await);
        }
        match fate {
            Fate::Held => {}
            Fate::GoesRound(Work { delivery, .. }) => {
                if self.send_round(&delivery).await {
                    self.parked.went_round(&delivery, now);
                }
            }
            Fate::GivenUp(work) => {
                self.give_up(work.delivery, Poison::StoreRefuses { error: reason.to_string() }).await;
            }
        }
    }

    async fn try_parked(&mut self) {
        let now = self.context.clock.now().monotonic;
        while let Some(work) = self.parked.take_due(now) {
            if let Some(work) = self.commit_one(work).await {
                settle(self.consumer.requeue(work.delivery.tag).await);
            }
        }
    }

    /// Puts a message to the end of its queue; whether it is there. Otherwise it comes again from the queue's head.
    async fn send_round(&mut self, delivery: &Delivery) -> bool {
        self.sent_round = true;
        let sent = send_round(self.context, delivery).await;
        let settled = if sent {
            self.consumer.ack(delivery.tag).await
        } else {
            self.consumer.requeue(delivery.tag).await
        };
        settle(settled);
        sent
    }

    /// Sets a message out to the dead letters. Where they take nothing and enough wait for them already, it goes round its queue.
    async fn give_up(&mut self, delivery: Delivery, reason: Poison) {
        if is_on(Bug::PoisonDropped) {
            return settle(self.consumer.ack(delivery.tag).await);
        }
        while !self.burials.fits(&delivery) {
            let buried = tokio::select! {
                biased;
                () = self.stop.cancelled() => None,
                buried = self.burials.next_unless_stuck() => buried,
            };
            let Some(tag) = buried else { break };
            settle(self.consumer.ack(tag).await);
        }
        if self.burials.fits(&delivery) {
            self.burials.begin(self.context, delivery, reason);
        } else {
            self.send_round(&delivery).await;
        }
    }

    async fn finish_burials(&mut self) {
        while let Some(tag) = self.burials.next().await {
            settle(self.consumer.ack(tag).await);
        }
    }
}

/// Whether a group takes in no further message.
fn is_whole(works: &[Work]) -> bool {
    works.len() >= GROUP || works.iter().map(|work| work.commits.len()).sum::<usize>() >= GROUP_BATCHES
}

fn run_of(commit: &Commit) -> (TopicId, Run) {
    (commit.id.topic.clone(), commit.id.run)
}

async fn pause(stop: &CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = tokio::time::sleep(PAUSE) => {}
    }
}

fn settle(result: Result<(), BusError>) {
    if let Err(error) = result {
        warn!(error = %error, "an acknowledgement failed; the message will come again and be absorbed");
    }
}

#[cfg(test)]
mod tests;
