//! Feeds the hub: with what the bus says as it comes, from the registry where it said nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, Run};
use igentai_core::status::TopicStatus;
use igentai_core::topic::Topic;
use igentai_shared::store::{Store, StoreError};
use igentai_shared::wire::NewAttributes;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::cursor::Position;
use super::hub::{Batch, Hub, Live};
use super::inbox::FromBus;
use crate::api::dto::{DecidedEvent, Numbers, StateName, TopicView};
use crate::leader::Leader;
use crate::view;

/// How often the registry is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Attributes read from the registry at once.
const PAGE: usize = 500;

/// Messages handled together, so that those of several integrators are put in order before a hole is seen.
const GROUP: usize = 128;

/// What is known of a topic.
#[derive(Debug, Default)]
struct Known {
    /// What readers were told; `None` while that is nothing.
    position: Option<Position>,
    /// Newest version of the definition that readers were told.
    version: u64,
    /// Newest epoch that spoke of it.
    epoch: Epoch,
    /// Newest numbers that readers were told, and of which run: the stored ones may be older, and numbers must not fall.
    numbers: Option<(Run, Numbers)>,
    /// The topic has ended and was read to its end.
    settled: bool,
}

/// Puts events in order.
#[derive(Debug)]
pub(super) struct Pump {
    hub: Arc<Hub>,
    store: Arc<dyn Store>,
    known: BTreeMap<TopicId, Known>,
    holes: BTreeSet<TopicId>,
    leader: Arc<Leader>,
    /// What readers were told of the leader.
    absence: Option<String>,
    blind: bool,
}

impl Pump {
    pub(super) fn new(hub: Arc<Hub>, store: Arc<dyn Store>, leader: Arc<Leader>) -> Self {
        let (known, holes) = (BTreeMap::new(), BTreeSet::new());
        Self { hub, store, known, holes, leader, absence: None, blind: false }
    }

    pub(super) async fn run(mut self, mut messages: mpsc::Receiver<FromBus>, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut group = Vec::with_capacity(GROUP);
        let mut open = true;
        loop {
            let look = tokio::select! {
                () = shutdown.cancelled() => return,
                received = messages.recv_many(&mut group, GROUP), if open => {
                    open = received > 0;
                    false
                }
                _ = ticks.tick() => true,
            };
            let missed = self.take(std::mem::take(&mut group));
            let looked = if look || missed { self.look().await } else { Ok(()) };
            let filled = self.fill().await;
            self.note(looked.and(filled));
        }
    }

    /// Takes a group of messages; says whether to look at the registry at once.
    fn take(&mut self, group: Vec<FromBus>) -> bool {
        let mut missed = false;
        let mut batches = Vec::new();
        for message in group {
            match message {
                FromBus::Attributes(event) => batches.push(event),
                FromBus::Status(status) => self.status(*status),
                FromBus::Missed => missed = true,
            }
        }
        batches.sort_by_key(|event| (event.run, event.first));
        for event in batches {
            self.attributes(event);
        }
        missed
    }

    fn attributes(&mut self, event: NewAttributes) {
        let NewAttributes { topic, run, first, texts } = event;
        let Some(before) = first.checked_sub(1) else {
            return;
        };
        let known = self.known.entry(topic.clone()).or_default();
        let position = known.position.get_or_insert(Position { run, seq: before });
        if run > position.run {
            *position = Position { run, seq: 0 };
            known.settled = false;
            self.hub.tell(Live::Head { topic: topic.clone(), position: *position, rewound: false });
        }
        if run < position.run {
            return;
        }
        if before > position.seq {
            self.holes.insert(topic);
            return;
        }
        let repeats = usize::try_from(position.seq - before).unwrap_or(usize::MAX);
        let texts: Vec<String> = texts.into_iter().skip(repeats).collect();
        tell_new(&self.hub, topic, position, texts);
    }

    fn status(&mut self, status: TopicStatus) {
        let known = self.known.entry(status.topic.id.clone()).or_default();
        if status.epoch < known.epoch || status.topic.version < known.version {
            return;
        }
        known.settled &= known.version == status.topic.version;
        known.epoch = status.epoch;
        known.version = status.topic.version;
        let topic = status.topic.id.clone();
        let view = view::of_status(status);
        // Whoever begins to listen reads the decisions himself, and a new leader may know of fewer than an earlier one did.
        let before = known.numbers.as_ref().filter(|(run, _)| *run == view.run);
        let decided = before.is_some_and(|(_, numbers)| numbers.decided < view.numbers.decided);
        known.numbers = Some((view.run, view.numbers.clone()));
        self.hub.tell(told(topic.clone(), &view));
        if decided {
            let (id, run, number) = (topic.to_string(), view.run, view.numbers.decided);
            let json = view::json(&DecidedEvent { topic: id, run, number });
            self.hub.tell(Live::Decided { topic, json });
        }
    }

    /// Compares what readers were told with the registry.
    async fn look(&mut self) -> Result<(), StoreError> {
        if !self.hub.is_watched() {
            return Ok(());
        }
        let absence = self.leader.absence();
        let turned = absence != self.absence;
        for topic in self.store.topics().await? {
            let known = self.known.get(&topic.id);
            let changed =
                known.is_none_or(|known| known.version < topic.version) || turned && !topic.state.is_ended();
            let settled = known.is_some_and(|known| known.settled);
            if self.hub.watches(&topic.id) && (changed || !settled) {
                self.look_at(topic, changed).await?;
            }
        }
        self.absence = absence;
        Ok(())
    }

    async fn look_at(&mut self, topic: Topic, changed: bool) -> Result<(), StoreError> {
        let head = self.store.head(&topic.id).await?;
        let found = Position { run: head.run, seq: head.attributes };
        let known = self.known.entry(topic.id.clone()).or_default();
        let is_new = known.version == 0;
        let before = known.position.unwrap_or_default();
        let rewound = found < before;
        if known.position.is_none() || rewound {
            known.position = Some(found);
            self.hub.tell(Live::Head { topic: topic.id.clone(), position: found, rewound });
        } else if found.run > before.run {
            let position = Position { run: found.run, seq: 0 };
            known.position = Some(position);
            self.hub.tell(Live::Head { topic: topic.id.clone(), position, rewound });
        }
        if known.position.is_some_and(|position| found > position) {
            self.holes.insert(topic.id.clone());
        }
        known.settled = topic.state.is_ended();
        if changed {
            known.version = topic.version;
            if !is_new || !topic.state.is_ended() {
                let id = topic.id.clone();
                let mut view = view::stored(self.store.as_ref(), topic).await?;
                if let Some((run, numbers)) = &known.numbers
                    && *run == view.run
                    && numbers.log_index > view.numbers.log_index
                {
                    view.numbers = numbers.clone();
                }
                self.leader.correct(&mut view);
                self.hub.tell(told(id, &view));
            }
        }
        Ok(())
    }

    /// Reads from the registry what is missing.
    async fn fill(&mut self) -> Result<(), StoreError> {
        while let Some(topic) = self.holes.first().cloned() {
            let Some(position) = self.known.get_mut(&topic).and_then(|known| known.position.as_mut()) else {
                self.holes.remove(&topic);
                continue;
            };
            let page = self.store.attributes(&topic, position.run, position.seq, PAGE).await?;
            let full = page.len() == PAGE;
            let texts = page.into_iter().map(|attribute| attribute.text).collect();
            tell_new(&self.hub, topic.clone(), position, texts);
            if !full {
                self.holes.remove(&topic);
            }
        }
        Ok(())
    }

    /// Says once that the registry cannot be read, and once that it can again. Holes stay noted meanwhile.
    fn note(&mut self, outcome: Result<(), StoreError>) {
        match outcome {
            Err(error) if !self.blind => {
                self.blind = true;
                tracing::warn!(error = %error, "live streams cannot be completed from the registry");
            }
            Ok(()) if self.blind => {
                self.blind = false;
                tracing::info!("live streams are completed from the registry again");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

fn told(topic: TopicId, view: &TopicView) -> Live {
    Live::Topic { topic, json: view::json(view), has_ended: view.state == StateName::Ended }
}

/// Tells readers what follows `position`, and moves it.
fn tell_new(hub: &Hub, topic: TopicId, position: &mut Position, texts: Vec<String>) {
    if texts.is_empty() {
        return;
    }
    let event = NewAttributes { topic, run: position.run, first: position.seq + 1, texts };
    position.seq += event.texts.len() as u64;
    let json = view::attributes_json(&event);
    hub.tell(Live::Attributes(Arc::new(Batch { event, json })));
}
