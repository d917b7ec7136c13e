//! What all readers of a server share: one ordered feed of live events, and who watches what.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use igentai_core::folder::TopicId;
use igentai_shared::wire::NewAttributes;
use tokio::sync::broadcast;

use super::cursor::Position;

/// Events that a reader may be behind before it must read from the registry.
const BACKLOG: usize = 1_024;

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum Live {
    /// New attributes.
    Attributes(Arc<Batch>),
    /// The registry's log of a topic stands here: whoever is not there yet reads from the registry. `rewound`: it has lost something.
    Head { topic: TopicId, position: Position, rewound: bool },
    /// A topic's definition, state or numbers changed: its view as JSON.
    Topic { topic: TopicId, json: Arc<str>, has_ended: bool },
    /// Something else than what a request asks for was decided: the event as JSON.
    Decided { topic: TopicId, json: Arc<str> },
}

/// New attributes with their JSON, made once for all readers.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) event: NewAttributes,
    pub(crate) json: String,
}

/// The feed and its watchers.
#[derive(Debug)]
pub(crate) struct Hub {
    sender: broadcast::Sender<Live>,
    watched: Mutex<BTreeMap<Option<TopicId>, usize>>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::Sender::new(BACKLOG), watched: Mutex::new(BTreeMap::new()) }
    }

    /// Begins to listen; `None` watches all topics.
    pub(crate) fn subscribe(self: &Arc<Self>, topic: Option<TopicId>) -> Subscription {
        *self.watched().entry(topic.clone()).or_default() += 1;
        Subscription { events: self.sender.subscribe(), hub: self.clone(), topic }
    }

    /// Tells all readers. Nobody may be there.
    pub(super) fn tell(&self, event: Live) {
        drop(self.sender.send(event));
    }

    /// Whether anybody watches anything.
    pub(super) fn is_watched(&self) -> bool {
        !self.watched().is_empty()
    }

    /// Whether anybody watches this topic.
    pub(super) fn watches(&self, topic: &TopicId) -> bool {
        let watched = self.watched();
        watched.contains_key(&None) || watched.contains_key(&Some(topic.clone()))
    }

    fn watched(&self) -> MutexGuard<'_, BTreeMap<Option<TopicId>, usize>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One reader's place at the feed.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) events: broadcast::Receiver<Live>,
    hub: Arc<Hub>,
    topic: Option<TopicId>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut watched = self.hub.watched();
        if let Some(readers) = watched.get_mut(&self.topic) {
            *readers -= 1;
            if *readers == 0 {
                watched.remove(&self.topic);
            }
        }
    }
}
