//! Starts that would end at once.

use igentai_core::cost::Cost;
use igentai_core::status::TopicStatus;
use igentai_core::topic::{Topic, UsedUp};

use super::RegistryError;
use crate::store::{Store, checkpoints};

pub(super) async fn refuse_used_up(store: &dyn Store, topic: &Topic) -> Result<(), RegistryError> {
    let head = store.head(&topic.id).await?;
    let attributes = if head.run == topic.run { head.attributes } else { 0 };
    let saved = store.checkpoint(&topic.id, topic.run, checkpoints::STATUS).await?;
    // Numbers that cannot be read refuse nothing: they are for showing.
    let status = saved.and_then(|bytes| checkpoints::decode::<TopicStatus>(&bytes).ok());
    // What ended producers may have sent or spent counts as well.
    let requests = status.as_ref().map_or(0, |status| status.totals.requests() + status.lost.requests);
    let cost = status.map_or(Cost::ZERO, |status| status.totals.cost + status.cost_at_risk());
    let used_up = topic.limits.used_up(attributes, requests, cost);
    if used_up.is_empty() { Ok(()) } else { Err(RegistryError::UsedUp(used_up)) }
}

pub(super) fn in_words(used_up: &[UsedUp]) -> String {
    used_up.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
