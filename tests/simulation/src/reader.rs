//! A reader of the events, as the bus's documentation wants one: it orders by number, ignores repeats, and fills holes from the registry.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use igentai_core::folder::TopicId;
use igentai_core::ids::{LogIndex, Seq};
use igentai_shared::bus::memory::MemoryBus;
use igentai_shared::bus::{Bus, Delivery, Exchange, Incoming, Source};
use igentai_shared::store::Store;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::wire::{self, Message, NewAttributes, StatusEvent};

/// How long a hole may stay open before the registry is asked.
const PATIENCE: Duration = Duration::from_millis(400);

/// What a reader has seen.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// In order, without a hole.
    pub(crate) texts: Vec<String>,
    /// What events alone said, where it differs from another event.
    pub(crate) contradictions: Vec<String>,
    pub(crate) last_status: Option<StatusEvent>,
    pub(crate) filled_from_registry: u64,
    said: BTreeMap<Seq, String>,
    announced: Seq,
    last_log_index: (u64, LogIndex),
}

impl Read {
    fn attributes(&mut self, event: NewAttributes) {
        for (seq, text) in (event.first..).zip(event.texts) {
            self.announced = self.announced.max(seq);
            let before = self.said.entry(seq).or_insert_with(|| text.clone());
            if *before != text {
                self.contradictions.push(format!("attribute {seq} is `{before}` and `{text}`"));
            }
        }
        self.advance();
    }

    fn status(&mut self, event: StatusEvent) {
        self.announced = self.announced.max(event.status.attributes);
        let at = (event.status.epoch, event.status.log_index);
        if at >= self.last_log_index {
            self.last_log_index = at;
            self.last_status = Some(event);
        }
    }

    fn advance(&mut self) {
        while let Some(text) = self.said.get(&(self.count() + 1)) {
            self.texts.push(text.clone());
        }
    }

    fn count(&self) -> Seq {
        u64::try_from(self.texts.len()).unwrap()
    }

    pub(crate) fn has_hole(&self) -> bool {
        self.count() < self.announced
    }
}

/// Reads for ever. One that `looks` does not wait for an event to tell it of a hole: where events are lost, the last may be.
pub(crate) async fn read(
    bus: Arc<MemoryBus>,
    store: Arc<EmbeddedStore>,
    topic: TopicId,
    looks: bool,
    read: Arc<Mutex<Read>>,
) {
    let bindings = vec![(Exchange::Events, "#".to_owned())];
    let source = Source::Broadcast { name: "igentai.webserver.reader".to_owned(), bindings };
    let mut consumer = bus.consume(source, 100).await.unwrap();
    loop {
        match tokio::time::timeout(PATIENCE, consumer.next()).await {
            Ok(Ok(Incoming::Delivery(delivery))) => take(&delivery, &mut read.lock().unwrap()),
            Ok(Ok(Incoming::Resumed)) => {}
            Ok(Err(_)) => return,
            Err(_) => {
                let after = {
                    let read = read.lock().unwrap();
                    (looks || read.has_hole()).then(|| read.count())
                };
                let Some(after) = after else { continue };
                let filled = store.attributes(&topic, 1, after, 1_000).await.unwrap();
                let mut read = read.lock().unwrap();
                for attribute in filled {
                    read.filled_from_registry += 1;
                    let event = NewAttributes {
                        topic: topic.clone(),
                        run: 1,
                        first: attribute.seq,
                        texts: vec![attribute.text],
                    };
                    read.attributes(event);
                }
            }
        }
    }
}

fn take(delivery: &Delivery, read: &mut Read) {
    let (kind, payload) = (delivery.content_type.as_str(), &delivery.payload);
    match wire::kind_of(kind).map(|(kind, _)| kind) {
        Some(NewAttributes::KIND) => read.attributes(wire::decode(kind, payload).unwrap()),
        Some(StatusEvent::KIND) => read.status(wire::decode(kind, payload).unwrap()),
        other => panic!("an event of kind {other:?}"),
    }
}
