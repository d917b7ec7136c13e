//! Messages that come again, and may have crashed whoever had them: each is worked on alone, the attempt is noted in the store before, and what has
//! crashed `ATTEMPTS` lone attempts goes to the dead letters. One of several batches is parted before, so that the innocent among them live.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use futures::StreamExt;
use futures::stream;
use igentai_core::seeded::{Bug, is_on};
use igentai_shared::bus::{Delivery, Exchange, Outgoing};
use igentai_shared::store::Store;
use igentai_shared::telemetry::catalogue;
use igentai_shared::wire::{self, Batches};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::poison::Poison;
use super::store::{Stopping, at_last};
use super::work::name_of;
use super::{Integrator, settle};
use crate::Context;

/// Lone attempts that did not end after which a message is taken for the cause. A few may be chance: processes that were killed.
pub(super) const ATTEMPTS: u32 = 5;

/// Of them, those after which a message of several batches is parted.
const WHOLE_ATTEMPTS: u32 = 2;

/// Batches that are published at once where a message is parted.
const PARTED_AT_ONCE: usize = 64;

/// An attempt at a message that may crash whoever works on it.
#[derive(Debug)]
pub(super) struct Attempt {
    message: String,
    /// How many before it have not ended.
    before: u32,
    is_noted: AtomicBool,
}

impl Attempt {
    /// Notes it, so that whoever comes after a crash knows. What cannot be noted is not found out this time.
    pub(super) async fn begins(&self, store: &dyn Store) {
        if !self.is_noted.swap(true, Relaxed) {
            drop(store.note_attempts(&self.message, self.before + 1).await);
        }
    }

    /// It did not end for reasons that are not the message's, so that nothing speaks against it. What cannot be noted now does, which is why one attempt is not enough.
    pub(super) async fn came_to_nothing(&self, store: &dyn Store) {
        if self.is_noted.swap(false, Relaxed) {
            drop(store.note_attempts(&self.message, self.before).await);
        }
    }
}

impl Integrator<'_> {
    /// Works on a message that comes again, and on nothing else meanwhile: if it crashes this process, nothing else is to blame.
    pub(super) async fn again(&mut self, delivery: Delivery) {
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
        if before >= WHOLE_ATTEMPTS
            && let Some(is_parted) = part(context, stop, &delivery).await
        {
            self.parted(delivery.tag, is_parted).await;
            drop(store.note_attempts(&name, if is_parted { 0 } else { before }).await);
            return Ok(());
        }
        let attempt = Attempt { message: name.clone(), before, is_noted: AtomicBool::new(true) };
        let unfinished = match self.prepare(delivery).await {
            Some(work) => self.commit_one(work, Some(&attempt)).await,
            None => None,
        };
        if let Some(work) = unfinished {
            settle(self.consumer.requeue(work.delivery.tag).await);
            attempt.came_to_nothing(store).await;
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
}

/// Publishes each batch of a message by itself, with the message's headers; whether all of them are confirmed, which they are not where this process stops
/// before, and nothing where there is one only, or where they cannot be read.
pub(super) async fn part(context: &Context, stop: &CancellationToken, delivery: &Delivery) -> Option<bool> {
    let Batches { batches } = wire::decode(&delivery.content_type, &delivery.payload).ok()?;
    if batches.len() < 2 {
        return None;
    }
    warn!(
        message = delivery.message_id,
        batches = batches.len(),
        "something is wrong with a message of several batches; they go on one by one"
    );
    let parted = stream::iter(batches).map(|batch| {
        let message = Outgoing {
            exchange: Exchange::Batches,
            routing_key: delivery.routing_key.clone(),
            content_type: wire::content_type::<Batches>(),
            message_id: wire::batches_id(std::slice::from_ref(&batch)),
            headers: delivery.headers.clone(),
            payload: wire::encode(&Batches { batches: vec![batch] }),
        };
        context.bus.publish(message)
    });
    let mut parted = parted.buffer_unordered(PARTED_AT_ONCE);
    loop {
        let published = tokio::select! {
            biased;
            () = stop.cancelled() => return Some(false),
            published = parted.next() => published,
        };
        match published {
            None => return Some(true),
            Some(Ok(())) => {}
            Some(Err(error)) => {
                warn!(error = %error, "a batch could not be parted from others; their message is given back to the broker");
                return Some(false);
            }
        }
    }
}
