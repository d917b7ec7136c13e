//! What operators do to topics: compare-and-set on the registry, followed by a hint to the coordinator. Used by whoever speaks for an
//! operator, be it the HTTP API or the command line.

use std::collections::BTreeMap;

use igentai_core::folder::{TopicId, TopicIdError};
use igentai_core::ids::WorkerId;
use igentai_core::time::UnixMillis;
use igentai_core::topic::{EndReason, StartError, StartRequest, Topic, UsedUp};

use crate::bus::{Bus, Exchange, Outgoing, PublishError};
use crate::store::{Store, StoreError};
use crate::wire::{self, Hint};

mod caps;

/// How often a change is tried while somebody else changes the same topic.
const ATTEMPTS: usize = 10;

/// Names that may share a folder before a start is given up.
const MAX_NAMESAKES: usize = 8;

/// Why a topic was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The name cannot be used.
    #[error(transparent)]
    Name(#[from] TopicIdError),
    /// Its state does not allow it.
    #[error(transparent)]
    State(#[from] StartError),
    /// It would end at once; never empty.
    #[error("{}; raise or leave out what is used up, or begin afresh", caps::in_words(.0))]
    UsedUp(Vec<UsedUp>),
    /// The registry does not serve.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too many other names take the same folder.
    #[error("too many other topics take the folder of `{0}`; choose another name")]
    Namesakes(String),
    /// Others keep changing it.
    #[error("others keep changing the topic; try again")]
    Contended,
}

/// Starts a topic, new or ended. Of two starts at once the second finds it running.
pub async fn start(
    store: &dyn Store,
    request: &StartRequest,
    now: UnixMillis,
) -> Result<Topic, RegistryError> {
    let base = TopicId::from_name(&request.name)?;
    let mut tried = None;
    for _ in 0..ATTEMPTS {
        let topics = store.topics().await?;
        let (id, current) = place(&topics, &base, &request.name)?;
        if let Some(current) = current
            && tried.as_ref() == Some(current)
        {
            return Ok(current.clone());
        }
        let topic = by_operator(Topic::start(current, id, request.clone(), now)?);
        if current.is_some_and(|current| current.run == topic.run) {
            caps::refuse_used_up(store, &topic).await?;
        }
        match store.put_topic(&topic, current.map(|current| current.version)).await {
            Ok(()) => return Ok(topic),
            Err(StoreError::Conflict { .. }) => {}
            Err(StoreError::Unknown(_)) => tried = Some(topic),
            Err(error) => return Err(error.into()),
        }
    }
    Err(RegistryError::Contended)
}

/// Asks a topic to end. One that is ending or ended stays as it is; `None` when there is none.
pub async fn end(store: &dyn Store, id: &TopicId, reason: EndReason) -> Result<Option<Topic>, RegistryError> {
    for _ in 0..ATTEMPTS {
        let Some(current) = store.topic(id).await? else { return Ok(None) };
        let Some(next) = current.end(reason) else { return Ok(Some(current)) };
        let next = by_operator(next);
        match store.put_topic(&next, Some(current.version)).await {
            Ok(()) => return Ok(Some(next)),
            Err(StoreError::Conflict { .. } | StoreError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(RegistryError::Contended)
}

/// The id under which a topic of this name stands or may stand, and the topic if it is there. A name that would take the folder of another gets
/// a hash behind it.
pub fn place<'a>(
    topics: &'a [Topic],
    base: &TopicId,
    name: &str,
) -> Result<(TopicId, Option<&'a Topic>), RegistryError> {
    if let Some(topic) = topics.iter().find(|topic| topic.name == name) {
        return Ok((topic.id.clone(), Some(topic)));
    }
    let mut id = base.clone();
    let mut salted = name.to_owned();
    for _ in 0..MAX_NAMESAKES {
        if topics.iter().all(|topic| topic.id != id) {
            return Ok((id, None));
        }
        id = base.with_hash(&salted);
        salted.push('\'');
    }
    Err(RegistryError::Namesakes(name.to_owned()))
}

/// An operator's write is not fenced by any epoch.
#[must_use]
pub fn by_operator(topic: Topic) -> Topic {
    Topic { epoch: 0, ..topic }
}

/// Tells the coordinator of a change, which looks by itself too: this only makes it quicker.
pub async fn hint(bus: &dyn Bus, teller: &WorkerId, topic: &Topic) -> Result<(), PublishError> {
    let hint = Hint { topic: topic.id.clone() };
    bus.publish(Outgoing {
        exchange: Exchange::Status,
        routing_key: format!("webserver.{teller}"),
        content_type: wire::content_type::<Hint>(),
        message_id: format!("hint-{teller}-{}-{}", topic.id, topic.version),
        headers: BTreeMap::new(),
        payload: wire::encode(&hint),
    })
    .await
}
