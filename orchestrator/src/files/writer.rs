//! The thread that writes.

use std::time::Duration;

use igentai_shared::clock::Clock;
use tokio::sync::oneshot;
use tracing::debug;

use super::desk::{Desk, Left};
use super::mail::{End, Post};

/// Does what is wanted until told to end. The disk's pace is this thread's alone; the registry is asked on the runtime that the thread was started from.
pub(super) async fn write(mut desk: Desk, post: &Post, clock: &dyn Clock, interval: Duration) {
    let mut due = tokio::time::interval(interval);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut waiting: Vec<oneshot::Sender<bool>> = Vec::new();
    let mut more = false;
    loop {
        let tick = tokio::select! {
            biased;
            _ = due.tick() => true,
            () = post.news() => false,
            () = std::future::ready(()), if more => false,
        };
        let mut mail = post.take();
        let (end, now) = (mail.end, clock.now());
        if end == End::Now {
            return;
        }
        let flushes = std::mem::take(&mut mail.flushes);
        desk.take_in(mail, !flushes.is_empty(), now.monotonic);
        if end == End::HandedOver {
            desk.hand_over();
        }
        waiting.extend(flushes);
        let ends = matches!(end, End::Done | End::HandedOver);
        let all = tick || ends || !waiting.is_empty();
        let left = desk.round(all, now).await;
        more = left.more;
        if left.quiet {
            answer(&mut waiting, left);
        }
        if ends && !left.more {
            answer(&mut waiting, left);
            return;
        }
    }
}

fn answer(waiting: &mut Vec<oneshot::Sender<bool>>, left: Left) {
    for done in waiting.drain(..) {
        if done.send(left.complete).is_err() {
            debug!("nobody waits for the files any more");
        }
    }
}
