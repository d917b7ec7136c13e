//! Definitions of topics that cannot be read: they are left out, so that the others go on, and each is told of once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use igentai_core::topic::Topic;
use tracing::{error, info};

use super::StoreError;
use super::rows::{corrupt, decode_topic};

/// Longest part of an id that is shown: it comes from whoever wrote the record.
const SHOWN: usize = 100;

/// What could not be read when the definitions were read last, by id.
#[derive(Debug, Default)]
pub(super) struct Unreadable(Mutex<BTreeMap<Vec<u8>, String>>);

impl Unreadable {
    /// The topics among the records, ordered by id.
    pub(super) fn left_out(&self, records: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Vec<Topic> {
        let (mut topics, mut unreadable) = (Vec::new(), BTreeMap::new());
        for (id, record) in records {
            match read(&id, &record) {
                Ok(topic) => topics.push(topic),
                Err(error) => drop(unreadable.insert(id, error.to_string())),
            }
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, why) in unreadable.iter().filter(|(id, _)| !known.contains_key(*id)) {
            error!(
                topic = shown(id),
                error = why,
                "the definition of a topic cannot be read; it is left out until it is restored or removed"
            );
        }
        for id in known.keys().filter(|id| !unreadable.contains_key(*id)) {
            info!(topic = shown(id), "the definition of a topic is no longer in the way");
        }
        *known = unreadable;
        topics.sort_by(|a: &Topic, b| a.id.cmp(&b.id));
        topics
    }
}

fn read(id: &[u8], record: &[u8]) -> Result<Topic, StoreError> {
    let topic = decode_topic(record)?;
    if topic.id.as_str().as_bytes() == id {
        Ok(topic)
    } else {
        Err(corrupt(format!("the record is that of the topic {}", topic.id)))
    }
}

fn shown(id: &[u8]) -> String {
    String::from_utf8_lossy(id).escape_debug().take(SHOWN).collect()
}
