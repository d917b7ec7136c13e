//! The integrator: commit → receipt → publish what is new → acknowledge. Any number of them may run; they share a queue and hold no state.
//!
//! Messages that are there are committed and told of together (`group`). While some groups are at the store, the next is gathered and those before are
//! told of. The entries of a group usually stand together, and readers bear any order of what is told.
//!
//! Nothing that one message does may hold its neighbours up:
//!
//! * What can never be integrated goes to the dead letters at the first attempt (`poison`), beside everything else (`burial`).
//! * What the store refuses for good is committed one by one, and the culprit is held aside (`parked`). Where too much is held already, it goes
//!   round the queue (`round`). What follows of the same run is not put into a group any more (`refused`).
//! * What comes again may have crashed whoever had it, and is worked on alone (`lone`).

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use igentai_core::seeded::{Bug, is_on};
use igentai_core::time::Monotonic;
use igentai_shared::bus::trouble::consume_at_last;
use igentai_shared::bus::{BusError, Consumer, Delivery, DeliveryTag, Incoming, Source, WorkQueue};
use igentai_shared::store::{Commit, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::aside::WAITING;
use self::burial::{Burials, Buried};
use self::group::{Committed, Committing, Ended, Group, Telling, Told};
use self::hearing::hear;
use self::lone::{Attempt, part};
use self::notes::Notes;
use self::owed::Owed;
use self::parked::Parked;
use self::poison::Poison;
use self::refused::Refused;
use self::round::{Rounds, Sent};
use self::store::Stopping;
use self::untold::Untold;
use self::work::Work;
use crate::Context;

mod aside;
mod burial;
mod group;
mod hearing;
mod lone;
mod notes;
mod owed;
mod parked;
mod poison;
mod refused;
mod round;
mod store;
mod tell;
mod untold;
mod work;

/// How it is called where troubles are told.
const PART: &str = "the integrator";

/// Messages taken unacknowledged.
const PREFETCH: u16 = 512;

/// Messages committed in one go at most, and batches in them, from which on no further message is taken in.
const GROUP: usize = 64;
const GROUP_BATCHES: usize = 64;

/// Groups that are committed at once: while the store works on one, the next is on its way to it.
const COMMITTED_AT_ONCE: usize = 3;

/// How long what is on its way to the coordinator may take when this process stops, and what is on its way to the dead letters.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Told of each batch as soon as it is known to be committed.
pub type Watch = dyn Fn(&Commit) + Send + Sync;

enum Event {
    Heard(Result<Incoming, BusError>),
    Ended(Ended),
    Told(Told),
    Noted,
    Acknowledge,
    Tell,
    Retry,
    Round,
    Sent(Sent),
    Buried(Buried),
}

struct Integrator<'a> {
    context: &'a Context,
    consumer: Box<dyn Consumer>,
    stop: &'a CancellationToken,
    watch: &'a Watch,
    /// The next group.
    gathered: Vec<Work>,
    committing: FuturesUnordered<Committing<'a>>,
    /// Since when the store has answered nothing, where groups are committed.
    asked: Monotonic,
    untold: Untold,
    /// One at most: what is committed meanwhile is told of together.
    telling: FuturesUnordered<Telling<'a>>,
    notes: Notes<'a>,
    owed: Owed,
    parked: Parked,
    burials: Burials<'a>,
    rounds: Rounds<'a>,
    refused: Refused,
    /// How many messages wait by what was told last.
    told_waiting: usize,
}

/// Integrates until `stop`; what was taken by then is finished or given back.
pub async fn run(context: Context, stop: CancellationToken) {
    run_watched(context, stop, &|_| {}).await;
}

/// The same, watched.
pub async fn run_watched(context: Context, stop: CancellationToken, watch: &Watch) {
    let source = Source::Work(WorkQueue::Integrate);
    let (bus, troubles) = (context.bus.as_ref(), &context.troubles);
    let consumer = consume_at_last(bus, &source, PREFETCH, PART, troubles, &stop).await;
    let Some(consumer) = consumer else { return };
    info!("integrator is up");
    let mut integrator = Integrator::of(&context, consumer, &stop, watch);
    integrator.work().await;
    for work in std::mem::take(&mut integrator.gathered) {
        settle(integrator.consumer.requeue(work.delivery.tag).await);
    }
    integrator.finish().await;
    tokio::time::timeout(LAST_WORDS, integrator.notes.flush()).await.unwrap_or_default();
    tokio::time::timeout(LAST_WORDS, integrator.finish_burials()).await.unwrap_or_default();
    for tag in integrator.parked.clear().into_iter().chain(integrator.rounds.clear()) {
        settle(integrator.consumer.requeue(tag).await);
    }
    context.troubles.warn(WAITING, None);
    info!("integrator is down");
}

impl<'a> Integrator<'a> {
    fn of(
        context: &'a Context,
        consumer: Box<dyn Consumer>,
        stop: &'a CancellationToken,
        watch: &'a Watch,
    ) -> Self {
        Self {
            context,
            consumer,
            stop,
            watch,
            gathered: Vec::new(),
            committing: FuturesUnordered::new(),
            asked: Monotonic(0),
            untold: Untold::default(),
            telling: FuturesUnordered::new(),
            notes: Notes::of(context),
            owed: Owed::default(),
            parked: Parked::default(),
            burials: Burials::default(),
            rounds: Rounds::default(),
            refused: Refused::default(),
            told_waiting: 0,
        }
    }
}

impl Integrator<'_> {
    async fn work(&mut self) {
        loop {
            self.set_out().await;
            let now = self.context.clock.now().monotonic;
            self.tell_waiting(now);
            // Not by a timer alone, which a busy loop never sees go off.
            if self.owed.due().is_some_and(|due| due <= now) {
                self.acknowledge().await;
            }
            self.notes.set_out(now);
            let until = |due: Option<Monotonic>| async move {
                match due {
                    Some(due) => tokio::time::sleep(due.since(now)).await,
                    None => std::future::pending().await,
                }
            };
            let tell = until(self.untold.due().filter(|_| self.telling.is_empty()));
            let (retry, acknowledge) = (until(self.parked.next_deadline()), until(self.owed.due()));
            let (round, note) = (until(self.rounds.due()), until(self.refused.next_note()));
            let is_whole = is_whole(&self.gathered);
            let asked = (!self.committing.is_empty()).then_some(self.asked);
            let event = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = retry => Event::Retry,
                () = acknowledge => Event::Acknowledge,
                () = tell => Event::Tell,
                () = round => Event::Round,
                () = note => Event::Noted,
                Some(sent) = self.rounds.next() => Event::Sent(sent),
                Some(buried) = self.burials.next() => Event::Buried(buried),
                Some(told) = self.telling.next() => Event::Told(told),
                Some(ended) = self.committing.next() => Event::Ended(ended),
                () = self.notes.sent() => Event::Noted,
                incoming = hear(self.consumer.as_mut(), asked, now), if !is_whole => Event::Heard(incoming),
            };
            let troubles = &self.context.troubles;
            match event {
                Event::Retry => self.try_parked().await,
                Event::Told(told) => self.told(told),
                Event::Noted | Event::Tell => {}
                Event::Round => self.rounds.set_out(self.context, self.context.clock.now().monotonic),
                Event::Sent(sent) => self.sent(sent).await,
                Event::Acknowledge => self.acknowledge().await,
                Event::Ended(ended) => {
                    self.asked = self.context.clock.now().monotonic;
                    self.ended(ended).await;
                }
                Event::Buried(buried) => self.buried(buried).await,
                Event::Heard(Ok(Incoming::Delivery(first))) => {
                    troubles.clear(PART);
                    self.gather(first).await;
                }
                Event::Heard(Ok(Incoming::Resumed)) => {
                    troubles.clear(PART);
                    // The broker delivers them again; these tags are good for nothing any more.
                    self.parked.clear();
                    self.rounds.clear();
                    self.burials.clear();
                    self.owed.drain();
                }
                Event::Heard(Err(BusError::Closed)) => return,
                Event::Heard(Err(error)) => troubles.note(PART, &error.to_string()),
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
                self.take(work).await;
            }
            // Counted whatever becomes of them.
            if messages < GROUP && !is_whole(&self.gathered) {
                next = self.consumer.try_next();
            }
        }
    }

    /// Sets out to commit what is gathered, and to tell of what is committed.
    async fn set_out(&mut self) {
        let now = self.context.clock.now().monotonic;
        if self.telling.is_empty()
            && let Some(committed) = self.untold.take_due(now)
        {
            self.telling.push(committed.tell(self.context));
        }
        let is_full = self.committing.len() >= COMMITTED_AT_ONCE || self.untold.is_full();
        if self.gathered.is_empty() || is_full {
            return;
        }
        let works = std::mem::take(&mut self.gathered);
        if is_on(Bug::AckBeforeCommit) {
            let tags: Vec<_> = works.iter().map(|work| work.delivery.tag).collect();
            settle(self.consumer.ack_all(&tags).await);
        }
        if self.committing.is_empty() {
            self.asked = now;
        }
        self.committing.push(Group(works).commit(self.context, self.stop));
    }

    /// Waits for all that was taken in.
    async fn finish(&mut self) {
        loop {
            self.untold.hurry();
            self.set_out().await;
            tokio::select! {
                biased;
                Some(told) = self.telling.next() => self.told(told),
                Some(ended) = self.committing.next() => self.ended(ended).await,
                else => break,
            }
        }
        self.acknowledge().await;
    }

    /// Reads a message; none where there is nothing to commit: it was put away, or is a copy of one that goes round.
    async fn prepare(&mut self, delivery: Delivery) -> Option<Work> {
        let now = self.context.clock.now();
        match poison::prepare(&delivery, now.unix) {
            Ok(commits) => {
                let work = Work { delivery, commits };
                // One that has gone round may be here before the broker has confirmed that it is: it is the only one then.
                let waits = !round::goes_round(&work.delivery) && self.rounds.holds(&work.name());
                let is_copy =
                    self.refused.any(&work.commits) && (waits || self.parked.is_copy(&work, now.monotonic));
                if is_copy {
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
                return self.untold.push(works, outcomes);
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
                unfinished.extend(self.commit_one(work, None).await);
            }
        } else {
            for work in works {
                self.refuse(work, refusal).await;
            }
        }
        unfinished
    }

    /// Commits what one message asks for; the message, when it was not finished since this process stops.
    async fn commit_one(&mut self, work: Work, attempt: Option<&Attempt>) -> Option<Work> {
        let committing = Group(vec![work]).attempt(attempt, self.context, self.stop);
        let Ended { mut works, outcome } = committing.await;
        match outcome {
            Ok(Ok(outcomes)) => {
                self.are_taken(&works);
                let mut committed = Committed::default();
                committed.push(works, outcomes);
                let told = committed.tell(self.context).await;
                self.told(told);
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
            (self.watch)(commit);
            self.refused.take(commit);
        }
    }

    /// What was committed and told of is done with.
    fn told(&mut self, Told { works, published }: Told) {
        self.notes.take(published);
        for work in &works {
            self.parked.forget(work);
        }
        // The same ones whenever they come again: what is left out once only, the broker delivers anew.
        let is_left_out =
            |work: &&Work| is_on(Bug::NeverAcknowledged) && work.delivery.message_id.ends_with('7');
        let acknowledged = works.iter().filter(|work| !is_left_out(work));
        self.owed.take(acknowledged.map(|work| work.delivery.tag), self.context.clock.now().monotonic);
    }

    async fn acknowledge(&mut self) {
        let tags = self.owed.drain();
        if !tags.is_empty() {
            settle(self.consumer.ack_all(&tags).await);
        }
    }

    /// Sets a message out to the dead letters. Where they take nothing and enough wait for them already, it goes round its queue.
    async fn give_up(&mut self, delivery: Delivery, reason: Poison) {
        if is_on(Bug::PoisonDropped) {
            return settle(self.consumer.ack(delivery.tag).await);
        }
        // Only the culprit of several batches. What crashes whoever reads it is not read for that.
        if !matches!(reason, Poison::Crashes(_))
            && let Some(is_parted) = part(self.context, self.stop, &delivery).await
        {
            return self.parted(delivery.tag, is_parted).await;
        }
        while !self.burials.fits(&delivery) {
            let buried = tokio::select! {
                biased;
                () = self.stop.cancelled() => None,
                buried = self.burials.next_unless_stuck() => buried,
            };
            let Some(buried) = buried else { break };
            self.buried(buried).await;
        }
        if self.burials.fits(&delivery) {
            self.burials.begin(self.context, delivery, reason);
        } else {
            self.rounds.wait(delivery, self.context.clock.now().monotonic);
        }
    }

    async fn parted(&mut self, tag: DeliveryTag, is_parted: bool) {
        settle(if is_parted { self.consumer.ack(tag).await } else { self.consumer.requeue(tag).await });
    }

    async fn finish_burials(&mut self) {
        while let Some(buried) = self.burials.next().await {
            self.buried(buried).await;
        }
    }
}

/// Whether a group takes in no further message.
fn is_whole(works: &[Work]) -> bool {
    works.len() >= GROUP || works.iter().map(|work| work.commits.len()).sum::<usize>() >= GROUP_BATCHES
}

fn settle(result: Result<(), BusError>) {
    if let Err(error) = result {
        warn!(error = %error, "an acknowledgement failed; the message will come again and be absorbed");
    }
}

#[cfg(test)]
mod tests;
