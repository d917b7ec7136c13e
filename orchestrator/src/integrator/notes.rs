//! Notes to the coordinator: of what was published, and of runs that the store refuses. They are gathered for a moment, so that they are few however many groups are committed: each
//! is a message that the broker keeps. One that is lost costs a range of the log published once more.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, join, join_all};
use igentai_core::filter::Ranges;
use igentai_core::folder::TopicId;
use igentai_core::ids::Run;
use igentai_core::time::Monotonic;
use igentai_shared::bus::Exchange;
use igentai_shared::wire::{Published, Refused};
use tracing::warn;

use crate::Context;
use crate::send::send;

/// Between two notes.
const INTERVAL: Duration = Duration::from_millis(50);

/// What is to be noted.
pub(super) struct Notes<'a> {
    context: &'a Context,
    ranges: BTreeMap<(TopicId, Run), Ranges>,
    refused: Vec<Refused>,
    /// Before which nothing is sent.
    not_before: Monotonic,
    sending: Option<BoxFuture<'a, ()>>,
}

impl<'a> Notes<'a> {
    pub(super) fn of(context: &'a Context) -> Self {
        let (ranges, refused) = (BTreeMap::new(), Vec::new());
        Self { context, ranges, refused, not_before: Monotonic(0), sending: None }
    }

    /// Takes in what was published.
    pub(super) fn take(&mut self, published: Vec<Published>) {
        for Published { topic, run, from, to } in published {
            self.ranges.entry((topic, run)).or_default().insert(from, to);
        }
    }

    /// Takes in what is refused. Of what was not told yet, only the last counts.
    pub(super) fn refused(&mut self, runs: Vec<Refused>) {
        self.refused = runs;
    }

    fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.refused.is_empty()
    }

    /// Begins to send what is due.
    pub(super) fn set_out(&mut self, now: Monotonic) {
        if self.sending.is_none() && !self.is_empty() && self.not_before <= now {
            self.begin();
        }
    }

    /// Sends what is due; ends when something was sent, and never where nothing is. Dropping it loses nothing.
    pub(super) async fn sent(&mut self) {
        if self.sending.is_none() {
            if self.is_empty() {
                return std::future::pending().await;
            }
            tokio::time::sleep(self.not_before.since(self.context.clock.now().monotonic)).await;
            self.begin();
        }
        if let Some(sending) = &mut self.sending {
            sending.await;
            self.sending = None;
        }
    }

    /// Sends everything now.
    pub(super) async fn flush(&mut self) {
        self.not_before = Monotonic(0);
        while self.sending.is_some() || !self.is_empty() {
            self.sent().await;
        }
    }

    fn begin(&mut self) {
        self.not_before = self.context.clock.now().monotonic + INTERVAL;
        let notes: Vec<_> = std::mem::take(&mut self.ranges)
            .into_iter()
            .flat_map(|((topic, run), ranges)| {
                let note = move |(from, to)| Published { topic: topic.clone(), run, from, to };
                ranges.iter().map(note).collect::<Vec<_>>()
            })
            .collect();
        let context = self.context;
        let published = notes.into_iter().map(move |note| async move {
            let Published { topic, run, from, to } = &note;
            let name = format!("published-{topic}-{run}-{from}-{to}");
            let sent = send(context, Exchange::Status, format!("orchestrator.{}", context.id), name, &note);
            if let Err(error) = sent.await {
                warn!(error = %error, "the coordinator is not told what was published; it publishes that once more");
            }
        });
        let refused = std::mem::take(&mut self.refused).into_iter().map(move |refused| async move {
            let Refused { topic, run, .. } = &refused;
            let name = format!("refused-{topic}-{run}");
            // The next one comes in a few seconds.
            drop(
                send(context, Exchange::Status, format!("orchestrator.{}", context.id), name, &refused).await,
            );
        });
        let sent = join(join_all(published), join_all(refused));
        self.sending = Some(async move { drop(sent.await) }.boxed());
    }
}
