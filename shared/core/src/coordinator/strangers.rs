//! Producers that follow another registry than the one that is led here: whoever led them has seen it emptied or exchanged, or two systems share one broker.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Action, Coordinator};
use crate::command::Command;
use crate::ids::{Incarnation, WorkerId};
use crate::time::Monotonic;

/// Those beyond are passed over until others are silent.
const KNOWN: usize = 1_000;

#[derive(Debug)]
struct Stranger {
    incarnation: Incarnation,
    registry: String,
    heard: Monotonic,
    /// It was heard since it was told last.
    due: bool,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Strangers(BTreeMap<WorkerId, Stranger>);

impl Strangers {
    pub(super) fn heard(
        &mut self,
        producer: WorkerId,
        incarnation: Incarnation,
        registry: String,
        now: Monotonic,
    ) {
        if self.0.len() < KNOWN || self.0.contains_key(&producer) {
            self.0.insert(producer, Stranger { incarnation, registry, heard: now, due: true });
        }
    }

    /// It follows this registry, or has left.
    pub(super) fn forget(&mut self, producer: &WorkerId) {
        self.0.remove(producer);
    }

    pub(super) fn forget_silent(&mut self, now: Monotonic, timeout: Duration) {
        self.0.retain(|_, stranger| now.since(stranger.heard) <= timeout);
    }

    /// Those that are to be told now: producer, life, and the registry that it follows.
    pub(super) fn take_due(&mut self) -> impl Iterator<Item = (&WorkerId, Incarnation, &str)> {
        let due = self.0.iter_mut().filter_map(|(producer, stranger)| {
            std::mem::take(&mut stranger.due).then_some((producer, stranger))
        });
        due.map(|(producer, stranger)| (producer, stranger.incarnation, stranger.registry.as_str()))
    }

    /// How many there are whose registry is not `replaced`, and one of them with it.
    pub(super) fn count(&self, replaced: Option<&str>) -> Option<(usize, &WorkerId, &str)> {
        let stay = |(_, stranger): &(&WorkerId, &Stranger)| Some(stranger.registry.as_str()) != replaced;
        let mut those = self.0.iter().filter(stay);
        let (producer, stranger) = those.next()?;
        Some((1 + those.count(), producer, &stranger.registry))
    }
}

impl Coordinator {
    /// Tells those that follow another registry of this one. A producer whose own is silent, or replaced by this one, begins a new life then. Nothing is leased to
    /// the life that ends.
    pub(super) fn command_strangers(&mut self, actions: &mut Vec<Action>) {
        for (producer, incarnation, followed) in self.strangers.take_due() {
            self.version += 1;
            let command = Self::command(&self.registry, (self.epoch, self.version), incarnation, Vec::new());
            let replaces = self.replaced.clone().filter(|replaced| replaced == followed);
            actions
                .push(Action::Send { producer: producer.clone(), command: Command { replaces, ..command } });
        }
    }

    /// How many producers that are heard follow another registry that may be there still, and one of them with it.
    #[must_use]
    pub fn strangers(&self) -> Option<(usize, &WorkerId, &str)> {
        self.strangers.count(self.replaced.as_deref())
    }
}
