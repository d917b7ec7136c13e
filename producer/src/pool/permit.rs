//! The right to send one request.

use std::sync::Arc;
use std::time::Duration;

use igentai_core::batch::Outcome;
use igentai_core::cost::{Cost, Price};
use igentai_core::folder::TopicId;
use igentai_core::gate::{Change, Ended, Scope, Ticket};

use super::{Entry, Shared};
use crate::provider::{Question, Reply};

/// The right to send one request to one provider. Dropped before or while asking, it counts as abandoned and its place is free.
#[derive(Debug)]
#[must_use = "a permit holds a place at its provider"]
pub struct Permit {
    shared: Arc<Shared>,
    /// Taken when the request has ended.
    ticket: Option<Ticket>,
    index: usize,
    topic: TopicId,
}

/// A request that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Provider asked.
    pub provider: String,
    /// Model asked.
    pub model: String,
    /// What came of it.
    pub reply: Reply,
    /// From sending to the end.
    pub latency: Duration,
    /// What it cost by the tokens that the service counted; nothing without an answer.
    pub cost: Cost,
}

impl Permit {
    pub(super) fn new(shared: Arc<Shared>, ticket: Ticket, topic: TopicId) -> Self {
        Self { shared, index: ticket.index(), ticket: Some(ticket), topic }
    }

    /// Name of the provider.
    #[must_use]
    pub fn provider_name(&self) -> &str {
        self.entry().map_or("", |entry| &entry.name)
    }

    /// The model that is asked.
    #[must_use]
    pub fn model(&self) -> &str {
        self.entry().map_or("", |entry| &entry.model)
    }

    /// What the provider charges.
    #[must_use]
    pub fn price(&self) -> Price {
        self.entry().map_or_else(Price::default, |entry| entry.price)
    }

    /// The most that a question can cost here.
    #[must_use]
    pub fn worst_case(&self, question: &Question) -> Cost {
        self.entry().map_or(Cost::ZERO, |entry| entry.worst_case(question))
    }

    /// Sends the one request.
    pub async fn ask(mut self, question: &Question) -> Asked {
        let start = self.shared.clock.now().monotonic;
        let reply = match self.shared.entries.get(self.index) {
            Some(entry) => entry.provider.ask(question).await,
            None => Reply::failed(Outcome::Abandoned, String::new()),
        };
        let latency = self.shared.clock.now().monotonic.since(start);
        let is_answer = reply.outcome.is_answer();
        let cost =
            if is_answer { self.price().of(reply.input_tokens, reply.output_tokens) } else { Cost::ZERO };
        self.end(&Ended {
            outcome: reply.outcome,
            scope: reply.scope,
            retry_after: reply.retry_after,
            detail: &reply.detail,
        });
        let (provider, model) = (self.provider_name().to_owned(), self.model().to_owned());
        Asked { provider, model, reply, latency, cost }
    }

    fn entry(&self) -> Option<&Entry> {
        self.shared.entries.get(self.index)
    }

    /// Tells the gate, once.
    fn end(&mut self, ended: &Ended<'_>) {
        let Some(ticket) = self.ticket.take() else { return };
        let change = {
            let mut state = self.shared.state();
            let random = state.random();
            let now = self.shared.clock.now().monotonic;
            let change = state.gates.finish(ticket, &self.topic, ended, random, now);
            self.shared.ended.send_modify(|count| *count = count.wrapping_add(1));
            change
        };
        let provider = self.provider_name();
        let detail = ended.detail;
        match change {
            Some(Change::Paused { pause, failures }) => {
                let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(
                    provider,
                    pause_ms,
                    failures,
                    detail,
                    "a provider fails and is left alone for a while"
                );
            }
            Some(Change::Recovered) => tracing::info!(provider, "a provider answers again"),
            Some(Change::Stopped) => tracing::warn!(provider, detail, "a provider is not asked any more"),
            Some(Change::Unable) => {
                tracing::warn!(provider, topic = %self.topic, detail, "a provider has nothing to say on a topic");
            }
            None => {}
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let detail = "";
        self.end(&Ended { outcome: Outcome::Abandoned, scope: Scope::Provider, retry_after: None, detail });
    }
}
