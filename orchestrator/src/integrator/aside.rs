//! What the store refuses is put aside: held, or sent round the queue, while its neighbours go on.

use igentai_core::time::Monotonic;
use igentai_shared::store::StoreError;

use super::parked::{Fate, Parking};
use super::poison::Poison;
use super::round::Sent;
use super::work::Work;
use super::{Integrator, settle};

/// How it is called where warnings are told.
pub(super) const WAITING: &str = "messages that the store refuses";

impl Integrator<'_> {
    /// Takes a message into the next group. One that the store is known to refuse is tried by itself, now and then.
    pub(super) async fn take(&mut self, work: Work) {
        if !self.refused.any(&work.commits) {
            return self.gathered.push(work);
        }
        let now = self.context.clock.now().monotonic;
        if let Some(why) = self.refused.why(&work.commits, now) {
            self.put_aside(work, why, now).await;
        } else if let Some(work) = self.commit_one(work, None).await {
            settle(self.consumer.requeue(work.delivery.tag).await);
        }
    }

    /// The store has refused a message.
    pub(super) async fn refuse(&mut self, work: Work, reason: &StoreError) {
        let now = self.context.clock.now().monotonic;
        self.refused.refuse(&work.commits, reason, now);
        self.put_aside(work, reason.to_string(), now).await;
    }

    /// Holds a message aside that the store refuses, has it go round, or gives it up.
    async fn put_aside(&mut self, work: Work, error: String, now: Monotonic) {
        let Parking { fate, superfluous } = self.parked.park(work, now);
        if let Some(tag) = superfluous {
            settle(self.consumer.ack(tag).await);
        }
        match fate {
            Fate::Held => {}
            Fate::GoesRound(Work { delivery, .. }) => self.rounds.wait(delivery, now),
            Fate::GivenUp(work) => self.give_up(work.delivery, Poison::StoreRefuses { error }).await,
        }
    }

    pub(super) async fn try_parked(&mut self) {
        let now = self.context.clock.now().monotonic;
        while let Some(work) = self.parked.take_due(now) {
            self.take(work).await;
        }
    }

    pub(super) async fn sent(&mut self, Sent { delivery, sent }: Sent) {
        let settled = if sent {
            self.parked.went_round(&delivery, self.context.clock.now().monotonic);
            self.consumer.ack(delivery.tag).await
        } else {
            self.consumer.requeue(delivery.tag).await
        };
        settle(settled);
    }

    /// Says how many messages wait for the store to take them.
    pub(super) fn tell_waiting(&mut self, now: Monotonic) {
        let due = self.refused.due(now);
        if !due.is_empty() {
            self.notes.refused(due);
        }
        let waiting = self.parked.len() + self.rounds.len();
        if self.refused.changed(now) || waiting != self.told_waiting {
            self.told_waiting = waiting;
            self.context.troubles.warn(WAITING, self.refused.in_words(waiting));
        }
    }
}
