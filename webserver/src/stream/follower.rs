//! One reader of the event stream.

use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use axum::response::sse::Event;
use igentai_core::folder::TopicId;
use igentai_core::ids::{Run, Seq};
use igentai_core::seeded::{Bug, is_on};
use igentai_core::topic::Topic;
use igentai_shared::store::{Store, StoreError, StoredAttribute};
use igentai_shared::wire::NewAttributes;
use tokio::sync::broadcast::error::RecvError;

use super::begin::{Start, head};
use super::cursor::Position;
use super::hub::{Batch, Live, Subscription};
use super::told::Told;
use crate::api::dto::{Hello, Reset, ResetReason};
use crate::context::AppRef;
use crate::view;

/// Attributes read from the registry at once, and the most in one event of a replay.
const PAGE: usize = 500;

/// How long a browser waits before it connects again.
const RECONNECT: Duration = Duration::from_secs(1);

/// Before asking a registry again that did not answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// A reader: what it has been told, and what it still has to be told.
pub(crate) struct Follower {
    app: AppRef,
    topic: Option<TopicId>,
    live: Subscription,
    told: Told,
    /// Topics that are not expected to go on.
    ended: BTreeSet<TopicId>,
    /// Topics to read from the registry before going on live.
    behind: VecDeque<TopicId>,
    ready: VecDeque<Event>,
    /// Live events were missed: the list of topics must be looked at before going on.
    lost: bool,
}

impl Follower {
    /// Begins a stream of one topic or of all. It listens before it looks, so that nothing falls in between.
    pub(crate) async fn open(app: AppRef, topic: Option<TopicId>, start: &Start) -> Result<Self, StoreError> {
        let live = app.hub.subscribe(topic.clone());
        let (told, ended, behind, ready) =
            (Told::default(), BTreeSet::new(), VecDeque::new(), VecDeque::new());
        let mut follower = Self { app, topic, live, told, ended, behind, ready, lost: false };
        let topics = follower.topics().await?;
        let places = start.places(follower.store(), &topics, follower.topic.is_some()).await?;
        for (topic, place) in places {
            follower.told.move_to(&topic, place.position);
            if !place.is_head {
                follower.behind.push_back(topic);
            }
        }
        for topic in &topics {
            follower.note(&topic.id, topic.state.is_ended());
        }
        let hello = Hello { server: follower.app.context.id.to_string(), cursor: follower.cursor() };
        let event = follower.event("hello", &view::json(&hello)).retry(RECONNECT);
        follower.ready.push_back(event);
        follower.show().await?;
        Ok(follower)
    }

    /// The next event; `None` when the server ends.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        let shutdown = self.app.context.shutdown.clone();
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let step = tokio::select! {
                biased;
                () = shutdown.cancelled() => return None,
                step = self.step() => step,
            };
            match step {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    tracing::debug!(error = %error, "a stream waits for the registry");
                    tokio::select! {
                        () = shutdown.cancelled() => return None,
                        () = tokio::time::sleep(PATIENCE) => {}
                    }
                }
            }
        }
    }

    /// One step towards the next event; `false` when there will be none.
    async fn step(&mut self) -> Result<bool, StoreError> {
        if self.lost {
            self.recover().await?;
        } else if let Some(topic) = self.behind.front().cloned() {
            self.replay(topic).await?;
        } else {
            match self.live.events.recv().await {
                Ok(event) => self.live_event(event),
                Err(RecvError::Lagged(missed)) => {
                    tracing::debug!(missed, "a slow reader goes on from the registry");
                    self.lost = true;
                }
                Err(RecvError::Closed) => return Ok(false),
            }
        }
        Ok(true)
    }

    fn store(&self) -> &dyn Store {
        self.app.context.store.as_ref()
    }

    async fn topics(&self) -> Result<Vec<Topic>, StoreError> {
        match &self.topic {
            Some(topic) => Ok(self.store().topic(topic).await?.into_iter().collect()),
            None => self.store().topics().await,
        }
    }

    /// Whether a topic has ended, so that it may rest; not before it was read to its end.
    fn note(&mut self, topic: &TopicId, has_ended: bool) {
        if has_ended {
            self.ended.insert(topic.clone());
        } else {
            self.ended.remove(topic);
            self.told.wake(topic);
        }
        if has_ended && !self.behind.contains(topic) {
            self.told.rest(topic);
        }
    }

    /// After events were missed: every topic is read on from the registry.
    async fn recover(&mut self) -> Result<(), StoreError> {
        for topic in self.topics().await? {
            self.look(topic.id);
        }
        self.show().await?;
        self.lost = false;
        Ok(())
    }

    /// Tells how the one topic stands, so that a change of state that was missed is known.
    async fn show(&mut self) -> Result<(), StoreError> {
        let Some(id) = self.topic.clone() else {
            return Ok(());
        };
        if let Some(topic) = self.app.context.store.topic(&id).await? {
            let view = view::load(&self.app, topic).await?;
            let event = self.event("topic", &view::json(&view));
            self.ready.push_back(event);
        }
        Ok(())
    }

    /// Reads the next page of a topic from the registry.
    async fn replay(&mut self, topic: TopicId) -> Result<(), StoreError> {
        let told = self.told.position(&topic);
        let page = match told.run {
            0 => Vec::new(),
            run => self.store().attributes(&topic, run, told.seq, PAGE).await?,
        };
        if page.is_empty() {
            let head = head(self.store(), &topic).await?;
            // A run that was started is not in the registry before the coordinator opens it.
            let to_come = head.run < told.run && told.seq == 0;
            if to_come || (head.run == told.run && head.seq >= told.seq) {
                self.caught_up(&topic);
            } else {
                let reason = if told.is_uncertain() {
                    ResetReason::Uncertain
                } else if head.run > told.run {
                    ResetReason::NewRun
                } else {
                    ResetReason::Rewound
                };
                self.restart(&topic, head.run, reason);
            }
            return Ok(());
        }
        check(&page, told.seq)?;
        let whole = page.len() < PAGE;
        let mut texts: Vec<String> = page.into_iter().map(|attribute| attribute.text).collect();
        if is_on(Bug::ToldTwice) {
            texts.extend(texts.last().cloned());
        }
        let event = NewAttributes { topic, run: told.run, first: told.seq + 1, texts };
        self.tell(&event);
        if whole {
            self.caught_up(&event.topic);
        }
        Ok(())
    }

    fn caught_up(&mut self, topic: &TopicId) {
        self.behind.pop_front();
        if self.ended.contains(topic) {
            self.told.rest(topic);
        }
    }

    fn live_event(&mut self, event: Live) {
        match event {
            Live::Attributes(batch) => self.live_attributes(&batch),
            Live::Head { topic, position, rewound } => {
                if !self.wants(&topic) {
                    return;
                }
                let told = self.told.position(&topic);
                if position.run > told.run {
                    self.restart(&topic, position.run, ResetReason::NewRun);
                }
                if rewound || position > told {
                    self.look(topic);
                }
            }
            Live::Topic { topic, json, has_ended } => {
                if self.wants(&topic) {
                    self.note(&topic, has_ended);
                    let event = self.event("topic", &json);
                    self.ready.push_back(event);
                }
            }
            Live::Decided { topic, json } => {
                if self.wants(&topic) {
                    let event = self.event("decided", &json);
                    self.ready.push_back(event);
                }
            }
        }
    }

    fn live_attributes(&mut self, batch: &Batch) {
        let event = &batch.event;
        if !self.wants(&event.topic) {
            return;
        }
        let told = self.told.position(&event.topic);
        if event.run < told.run {
            return;
        }
        let told = if event.run > told.run {
            self.restart(&event.topic, event.run, ResetReason::NewRun);
            Position { run: event.run, seq: 0 }
        } else {
            told
        };
        let last = event.first - 1 + event.texts.len() as u64;
        if last <= told.seq {
            return;
        }
        match event.first.cmp(&(told.seq + 1)) {
            Ordering::Greater => self.look(event.topic.clone()),
            Ordering::Equal => {
                self.told.move_to(&event.topic, Position { run: event.run, seq: last });
                let event = self.event("attributes", &batch.json);
                self.ready.push_back(event);
            }
            Ordering::Less => {
                let known = usize::try_from(told.seq + 1 - event.first).unwrap_or(usize::MAX);
                let texts = event.texts.iter().skip(known).cloned().collect();
                self.tell(&NewAttributes { first: told.seq + 1, texts, ..event.clone() });
            }
        }
    }

    fn wants(&self, topic: &TopicId) -> bool {
        self.topic.as_ref().is_none_or(|own| own == topic)
    }

    fn look(&mut self, topic: TopicId) {
        if !self.behind.contains(&topic) {
            self.behind.push_back(topic);
        }
    }

    fn tell(&mut self, event: &NewAttributes) {
        let seq = event.first - 1 + event.texts.len() as u64;
        self.told.move_to(&event.topic, Position { run: event.run, seq });
        let event = self.event("attributes", &view::attributes_json(event));
        self.ready.push_back(event);
    }

    /// Another run, or a log that is shorter than it was. A reader who has seen nothing need not be told.
    fn restart(&mut self, topic: &TopicId, run: Run, reason: ResetReason) {
        let told = self.told.position(topic);
        self.told.move_to(topic, Position { run, seq: 0 });
        if told.run != 0 {
            let reset = Reset { topic: topic.to_string(), run, reason };
            let event = self.event("reset", &view::json(&reset));
            self.ready.push_back(event);
        }
    }

    fn cursor(&self) -> String {
        self.told.cursor(self.topic.is_some())
    }

    /// An event whose id says what the reader knows after it.
    fn event(&self, name: &str, json: &str) -> Event {
        Event::default().event(name).id(self.cursor()).data(json)
    }
}

/// The registry's numbers are gapless; a reader must not take a hole for nothing.
fn check(page: &[StoredAttribute], after: Seq) -> Result<(), StoreError> {
    match page.iter().zip(after + 1..).find(|(attribute, seq)| attribute.seq != *seq) {
        Some((attribute, seq)) => {
            Err(StoreError::Corrupt(format!("attribute {} stands where {seq} should", attribute.seq)))
        }
        None => Ok(()),
    }
}
