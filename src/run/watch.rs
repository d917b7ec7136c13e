//! What happens to a topic, as the bus tells it.

use std::time::Duration;

use igentai_core::folder::TopicId;
use igentai_core::ids::{Run, Seq, WorkerId};
use igentai_core::status::TopicStatus;
use igentai_core::topic::Topic;
use igentai_shared::bus::{Bus, Consumer, Exchange, Incoming, Source};
use igentai_shared::wire::{self, DecodeError, Message, NewAttributes, StatusEvent};

use crate::exit::{Exit, Failure};

/// Something to show.
pub(crate) enum Watched {
    /// New attributes.
    New { first: Seq, texts: Vec<String> },
    /// Where the topic stands.
    Status(Box<TopicStatus>),
    /// Nobody has said anything for a while: the coordinator, which speaks every second, cannot.
    Silence,
}

/// How long the coordinator may be silent before that is worth a word.
const SILENCE: Duration = Duration::from_secs(3);

/// A subscription to a process's events.
pub(crate) struct Watch {
    consumer: Box<dyn Consumer>,
}

impl Watch {
    pub(crate) async fn new(bus: &dyn Bus, id: &WorkerId) -> Result<Self, Failure> {
        let bindings = vec![(Exchange::Events, "#".to_owned())];
        let source = Source::Broadcast { name: format!("igentai.watch.{id}"), bindings };
        let consumer = bus.consume(source, 256).await;
        let failed = |error| Failure::new(Exit::Failed, format!("events cannot be heard: {error}"));
        Ok(Self { consumer: consumer.map_err(failed)? })
    }

    /// The next event of the topic's run.
    pub(crate) async fn next(&mut self, topic: &TopicId, run: Run) -> Result<Watched, Failure> {
        loop {
            let Ok(heard) = tokio::time::timeout(SILENCE, self.consumer.next()).await else {
                return Ok(Watched::Silence);
            };
            let heard = heard
                .map_err(|error| Failure::new(Exit::Failed, format!("events cannot be heard: {error}")))?;
            let Incoming::Delivery(delivery) = heard else { continue };
            if let Err(error) = self.consumer.ack(delivery.tag).await {
                tracing::debug!(error = %error, "an event could not be acknowledged");
            }
            let (kind, payload) = (delivery.content_type.as_str(), &delivery.payload);
            match read(kind, payload) {
                Ok(Some(Event::New(new))) if new.topic == *topic && new.run == run => {
                    return Ok(Watched::New { first: new.first, texts: new.texts });
                }
                Ok(Some(Event::Status(status))) if status.topic.id == *topic && status.topic.run == run => {
                    return Ok(Watched::Status(status));
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(error = %error, "an event cannot be shown"),
            }
        }
    }
}

impl Watch {
    /// Waits for the topic's end, but not for long.
    pub(crate) async fn until_ended(&mut self, topic: &Topic, patience: Duration) {
        let ended = async {
            while let Ok(watched) = self.next(&topic.id, topic.run).await {
                let ends = |status: &TopicStatus| {
                    status.topic.state.is_ended() && status.topic.version > topic.version
                };
                if matches!(&watched, Watched::Status(status) if ends(status)) {
                    return;
                }
            }
        };
        tokio::time::timeout(patience, ended).await.unwrap_or_default();
    }
}

enum Event {
    New(NewAttributes),
    Status(Box<TopicStatus>),
}

fn read(content_type: &str, payload: &[u8]) -> Result<Option<Event>, DecodeError> {
    match wire::kind_of(content_type).map(|(name, _)| name) {
        Some(NewAttributes::KIND) => wire::decode(content_type, payload).map(|new| Some(Event::New(new))),
        Some(StatusEvent::KIND) => {
            let StatusEvent { status } = wire::decode(content_type, payload)?;
            Ok(Some(Event::Status(Box::new(status))))
        }
        _ => Ok(None),
    }
}
