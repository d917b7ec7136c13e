//! Looks at what files say of the registry. They take as long as the disk takes: whoever asks waits for a while, and what is not known by then is asked for again,
//! while the look goes on. Never is it taken for nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use igentai_core::folder::TopicId;
use tokio::task::JoinHandle;

use super::written::{Folders, Written, folders, written};

/// The looks that have not come to their end.
#[derive(Debug, Default)]
pub(super) struct Looks {
    all: Option<JoinHandle<Folders>>,
    one: BTreeMap<TopicId, Option<JoinHandle<Option<Written>>>>,
}

impl Looks {
    /// What all folders say; `None` while that is not known.
    pub(super) async fn all(
        &mut self,
        out: PathBuf,
        registry: String,
        patience: Duration,
    ) -> Option<Folders> {
        // What cannot be read is not written over either, which is told then.
        let look = move || folders(&out, &registry).unwrap_or_default();
        wait(&mut self.all, look, patience).await
    }

    /// What the files of a topic say, if they are from this registry; `None` while that is not known.
    pub(super) async fn one(
        &mut self,
        out: PathBuf,
        registry: String,
        topic: &TopicId,
        patience: Duration,
    ) -> Option<Option<Written>> {
        let id = topic.clone();
        let look = move || written(&out, &registry, &id).ok().flatten();
        let found = wait(self.one.entry(topic.clone()).or_default(), look, patience).await;
        if found.is_some() {
            self.one.remove(topic);
        }
        found
    }
}

/// Waits for a look, which begins if it has not begun; only then there is patience, so that who asks again and again is not held up each time.
async fn wait<T: Default + Send + 'static>(
    slot: &mut Option<JoinHandle<T>>,
    look: impl FnOnce() -> T + Send + 'static,
    patience: Duration,
) -> Option<T> {
    let patience = if slot.is_some() { Duration::ZERO } else { patience };
    let begun = slot.get_or_insert_with(|| tokio::task::spawn_blocking(look));
    let done = tokio::time::timeout(patience, begun).await.ok()?;
    *slot = None;
    Some(done.unwrap_or_default())
}
