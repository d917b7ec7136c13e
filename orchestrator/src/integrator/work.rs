//! A message at work.

use std::hash::{DefaultHasher, Hash, Hasher};

use igentai_shared::bus::Delivery;
use igentai_shared::store::Commit;

/// A message and what it asks for.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) delivery: Delivery,
    pub(super) commits: Vec<Commit>,
}

impl Work {
    pub(super) fn name(&self) -> String {
        name_of(&self.delivery)
    }
}

/// Tells a message from others. One without an id is told by what it holds.
pub(super) fn name_of(delivery: &Delivery) -> String {
    if delivery.message_id.is_empty() {
        let mut hasher = DefaultHasher::new();
        delivery.payload.hash(&mut hasher);
        return format!("unnamed-{:016x}", hasher.finish());
    }
    delivery.message_id.clone()
}
