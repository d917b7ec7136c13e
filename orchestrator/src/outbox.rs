//! What is published of a commit: the filter delta for producers, the new attributes for webservers.
//!
//! The log is the outbox. Integrators publish what they committed; the leader publishes again what a dead integrator left out. Readers order by
//! number and ignore repeats.

use futures::future::join;
use igentai_core::filter::generation_for;
use igentai_core::folder::TopicId;
use igentai_core::ids::{LogIndex, Run, Seq};
use igentai_core::key::Fingerprint;
use igentai_core::numbers::Edition;
use igentai_core::seeded::{Bug, is_on};
use igentai_shared::bus::Exchange;
use igentai_shared::wire::{FilterDelta, NewAttributes};

use crate::Context;
use crate::send::{SendError, send};

/// Most attributes in one message.
const MAX_ATTRIBUTES: usize = 1_000;

/// A contiguous range of a topic's log and the attributes it brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Portion {
    pub(crate) topic: TopicId,
    pub(crate) run: Run,
    pub(crate) from: LogIndex,
    pub(crate) to: LogIndex,
    /// Number of the first new attribute; meaningless when there is none.
    pub(crate) first: Seq,
    /// The edition of the log that it is of.
    pub(crate) edition: Edition,
    pub(crate) texts: Vec<String>,
    pub(crate) fingerprints: Vec<Fingerprint>,
    /// Whether they are known from the beginning, and no attributes: filters hold them, and nobody is told of them.
    pub(crate) seeded: bool,
}

impl Portion {
    /// Takes `next` in if it follows directly; otherwise gives it back.
    pub(crate) fn extend(&mut self, next: Self) -> Result<(), Box<Self>> {
        let end = self.first + u64::try_from(self.texts.len()).unwrap_or(u64::MAX);
        let same = (&self.topic, self.run, self.edition) == (&next.topic, next.run, next.edition)
            && !self.seeded
            && !next.seeded;
        let follows = same && next.from == self.to + 1;
        let contiguous = self.texts.is_empty() || next.texts.is_empty() || next.first == end;
        if !follows || !contiguous || self.texts.len() + next.texts.len() > MAX_ATTRIBUTES {
            return Err(Box::new(next));
        }
        if self.texts.is_empty() {
            self.first = next.first;
        }
        self.to = next.to;
        self.texts.extend(next.texts);
        self.fingerprints.extend(next.fingerprints);
        Ok(())
    }

    /// Publishes it; repeating that is harmless.
    pub(crate) async fn publish(self, context: &Context) -> Result<(), SendError> {
        let attributes_after = self.first + u64::try_from(self.texts.len()).unwrap_or(u64::MAX);
        let is_news = !self.texts.is_empty() && !self.seeded;
        let name = |what: &str| format!("{what}-{}-{}-{}-{}", self.topic, self.run, self.from, self.to);
        let mut delta = FilterDelta {
            topic: self.topic.clone(),
            run: self.run,
            generation: if is_news { generation_for(attributes_after - 1) } else { 0 },
            from: self.from,
            to: self.to,
            fingerprints: self.fingerprints,
            edition: self.edition,
            first: if self.seeded { 0 } else { self.first },
        };
        if is_on(Bug::DeltaLacksOne) {
            delta.fingerprints.pop();
        }
        let key = format!("delta.{}", self.topic);
        let delta = async {
            if is_on(Bug::DeltaDropped) {
                return Ok(());
            }
            send(context, Exchange::Filters, key, name("delta"), &delta).await
        };
        if !is_news {
            return delta.await;
        }
        let attributes =
            NewAttributes { topic: self.topic.clone(), run: self.run, first: self.first, texts: self.texts };
        let key = format!("attributes.{}", self.topic);
        let attributes = send(context, Exchange::Events, key, name("attributes"), &attributes);
        let (delta, attributes) = join(delta, attributes).await;
        delta.and(attributes)
    }
}

/// Merges portions that follow one another.
pub(crate) fn merge(portions: impl IntoIterator<Item = Portion>) -> Vec<Portion> {
    let mut merged: Vec<Portion> = Vec::new();
    for portion in portions {
        let Some(last) = merged.last_mut() else {
            merged.push(portion);
            continue;
        };
        if let Err(portion) = last.extend(portion) {
            merged.push(*portion);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use std::sync::Arc;

    use igentai_core::ids::WorkerId;
    use igentai_shared::bus::memory::MemoryBus;
    use igentai_shared::bus::trouble::Troubles;
    use igentai_shared::clock::SystemClock;
    use igentai_shared::store::embedded::EmbeddedStore;

    use super::*;
    use crate::Options;

    fn portion(topic: &str, entry: LogIndex, first: Seq, texts: &[&str]) -> Portion {
        Portion {
            topic: TopicId::from_name(topic).unwrap(),
            run: 1,
            from: entry,
            to: entry,
            first,
            edition: 1,
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
            fingerprints: vec![Fingerprint::from_bytes([0; 16]); texts.len()],
            seeded: false,
        }
    }

    #[test]
    fn only_what_follows_directly_is_merged() {
        let merged = merge([
            portion("birds", 1, 0, &[]),
            portion("birds", 2, 1, &["Wren"]),
            portion("birds", 3, 0, &[]),
            portion("birds", 4, 2, &["Owl"]),
            portion("birds", 6, 3, &["Tit"]),
            portion("fish", 7, 4, &["Eel"]),
        ]);
        let shape: Vec<_> = merged.iter().map(|p| (p.from, p.to, p.first, p.texts.len())).collect();
        assert_eq!(shape, [(1, 4, 1, 2), (6, 6, 3, 1), (7, 7, 4, 1)]);
    }

    #[tokio::test]
    async fn a_portion_that_brings_nothing_new_is_published_too() {
        let context = Context {
            id: WorkerId::parse("o1").unwrap(),
            new_registry_id: "registry".to_owned(),
            bus: MemoryBus::new(),
            store: EmbeddedStore::in_memory().unwrap(),
            clock: Arc::new(SystemClock::new()),
            options: Options::default(),
            troubles: Troubles::default(),
        };
        // A response without anything new has no first number.
        portion("birds", 1, 0, &[]).publish(&context).await.unwrap();
    }
}
