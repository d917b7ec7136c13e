//! Messages on their way to the dead letters. They are put there several at once and beside everything else, as often as it takes: where that
//! queue takes nothing, because it is full for example, nobody waits for it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use igentai_core::batch::BatchId;
use igentai_shared::bus::{Delivery, DeliveryTag, WorkQueue};
use igentai_shared::wire;
use tokio::sync::watch;
use tracing::{info, warn};

use super::poison::{Poison, bury};
use super::tell::tell_refused;
use super::work::name_of;
use super::{Integrator, settle};
use crate::Context;

/// Messages under way at once: a quarter of what may be unacknowledged.
pub(super) const UNDER_WAY: usize = super::PREFETCH as usize / 4;

/// Their bytes, unless it is one alone: each is copied on its way.
const BYTES: usize = 16 << 20;

/// Between two tries of a message.
const PAUSE: Duration = Duration::from_secs(5);

/// How it is called where warnings are told.
const BURYING: &str = "the dead letters";

/// A message that is among the dead letters.
#[derive(Debug)]
pub(super) struct Buried {
    tag: DeliveryTag,
    bytes: usize,
    /// The batch whose producer is still to be told, and why it is there.
    untold: Option<(BatchId, String)>,
}

type Burial<'a> = Pin<Box<dyn Future<Output = Buried> + Send + 'a>>;

/// The burials under way.
#[derive(Default)]
pub(super) struct Burials<'a> {
    under_way: FuturesUnordered<Burial<'a>>,
    bytes: usize,
    /// Whether the last try failed.
    stuck: watch::Sender<bool>,
}

impl<'a> Burials<'a> {
    /// Whether there is room for one more.
    pub(super) fn fits(&self, delivery: &Delivery) -> bool {
        let room = self.under_way.len() < UNDER_WAY && self.bytes + delivery.payload.len() <= BYTES;
        self.under_way.is_empty() || room
    }

    pub(super) fn begin(&mut self, context: &'a Context, delivery: Delivery, reason: Poison) {
        self.bytes += delivery.payload.len();
        self.under_way.push(Box::pin(at_last(context, delivery, reason, self.stuck.clone())));
    }

    /// The next message that is among the dead letters; none while nothing is under way.
    pub(super) async fn next(&mut self) -> Option<Buried> {
        let buried = self.under_way.next().await?;
        self.bytes -= buried.bytes;
        Some(buried)
    }

    /// The same while waiting is not in vain.
    pub(super) async fn next_unless_stuck(&mut self) -> Option<Buried> {
        let mut stuck = self.stuck.subscribe();
        tokio::select! {
            biased;
            buried = self.next() => buried,
            _ = stuck.wait_for(|stuck| *stuck) => None,
        }
    }

    /// Gives up what is under way: the messages come again.
    pub(super) fn clear(&mut self) {
        self.under_way.clear();
        self.bytes = 0;
    }
}

impl Integrator<'_> {
    /// A message is among the dead letters.
    pub(super) async fn buried(&mut self, Buried { tag, untold, .. }: Buried) {
        settle(self.consumer.ack(tag).await);
        if let Some((id, reason)) = untold {
            tell_refused(self.context, vec![id], &reason).await;
        }
    }
}

/// Puts a message to the dead letters, as often as it takes.
async fn at_last(
    context: &Context,
    delivery: Delivery,
    reason: Poison,
    stuck: watch::Sender<bool>,
) -> Buried {
    warn!(reason = %reason, message_id = delivery.message_id, "a message is put to the dead letters");
    while let Err(error) = bury(context, &delivery, &reason).await {
        let queue = WorkQueue::Dead.name();
        let what = format!(
            "messages that cannot be integrated wait, since they cannot be put to the dead letters: {error}; look into the queue {queue}, and empty it where it is full"
        );
        if !stuck.send_replace(true) {
            warn!("{what}");
        }
        context.troubles.warn(BURYING, Some(what));
        tokio::time::sleep(PAUSE).await;
    }
    if stuck.send_replace(false) {
        info!("messages can be put to the dead letters again");
        context.troubles.warn(BURYING, None);
    }
    let crashes = matches!(reason, Poison::Crashes(_));
    if !crashes {
        tell_refused(
            context,
            wire::batch_ids(&delivery.content_type, &delivery.payload),
            &reason.to_string(),
        )
        .await;
    } else if let Err(error) = context.store.note_attempts(&name_of(&delivery), 0).await {
        warn!(error = %error, "the note of an attempt is left behind");
    }
    // Of what crashes everybody nothing is read any more, and nobody is told before it is out of the way: that may be just what crashes.
    let untold = wire::batch_of(&delivery.message_id).filter(|_| crashes).map(|id| (id, reason.to_string()));
    Buried { tag: delivery.tag, bytes: delivery.payload.len(), untold }
}
