//! Topics of which only the files know: the registry was put back to a state before them. And folders that are no topic's own.

use std::fmt::Write as _;

use igentai_core::coordinator::Coordinator;
use igentai_core::folder::TopicId;
use igentai_core::time::Monotonic;
use igentai_core::topic::Topic;
use igentai_shared::store::StoreError;
use tracing::{info, warn};

use super::topics::Topics;
use crate::files::{Folders, Written};

/// Topics that are named one by one.
const NAMED: usize = 5;

impl Topics<'_> {
    /// Notes topics whose folders say that they were written from this registry, and that it does not know. They are marked, so that nobody begins them anew unawares.
    ///
    /// # Errors
    /// When another leader is in force, or the store does not serve.
    pub(super) async fn note_lost(
        &mut self,
        folders: &Folders,
        topics: &[Topic],
        now: Monotonic,
    ) -> Result<(), StoreError> {
        let store = self.context.store.as_ref();
        for (id, written) in &folders.own {
            if topics.iter().any(|topic| topic.id == *id) {
                continue;
            }
            // One whose definition is there and cannot be read is another matter, which is told of by who reads them.
            match store.topic(id).await {
                Ok(None) => {}
                Err(error) if error.is_transient() => return Err(error),
                Ok(Some(_)) | Err(_) => continue,
            }
            let known = self.expected(id, written.head.run, Some(*written));
            match store.claim(id, self.epoch, known).await {
                Err(error) if error.is_transient() || self.troubles.ends_the_term(&error) => {
                    return Err(error);
                }
                Ok(_) | Err(_) => self.vouching.note_marked(id, lost_in_words(id, written), now),
            }
        }
        Ok(())
    }

    /// Tells no more of those whose folders were moved away. Their marks stay, so that nobody begins them anew unawares.
    pub(super) async fn look_after_lost(&mut self, core: &Coordinator, now: Monotonic) {
        let patience = self.context.options.lease_ttl / 4;
        for id in self.vouching.due_lost(core, now) {
            if let Some(None) = self.files.written(&id, patience).await {
                info!(topic = %id, "the files of a topic that the registry does not know were moved away");
                self.vouching.forget(&id);
            }
        }
    }

    /// Says once in a term what folders there are that are nobody's.
    pub(super) fn tell_of_strangers(&self, folders: &Folders, topics: &[Topic]) {
        for (id, name) in &folders.misplaced {
            let path = self.files.folder(id);
            warn!(
                path = %path.display(),
                name,
                "a folder says that it was written for a topic that stands elsewhere: it was copied or renamed, and counts for nothing"
            );
        }
        if let (true, Some(registry)) = (topics.is_empty(), folders.strangers.values().next()) {
            warn!(
                topics = folders.strangers.len(),
                registry,
                "the registry is empty, and the output folder holds topics of another one; if it was lost or emptied, `igentai repair --from files --foreign` brings \
                 them back; otherwise each is moved to .replaced/ when a topic of its name is started"
            );
        }
    }
}

fn lost_in_words(id: &TopicId, written: &Written) -> String {
    format!(
        "its files hold {}, written from this registry, which knows no such topic: it was put back to a state before it. Bring the newer registry back; or look at what \
         `igentai repair {id} --from files` would do (it comes back into the registry); or move its folder away if it is not wanted any more",
        written.head
    )
}

/// Of topics that nobody sees otherwise, since the registry does not know them.
pub(super) fn all_in_words<'a>(lost: impl Iterator<Item = &'a TopicId>) -> Option<String> {
    let mut lost = lost.peekable();
    lost.peek()?;
    let mut text = "the registry was put back to a state before topics of which the files tell; `igentai repair --from files` brings them back:".to_owned();
    let mut count = 0;
    for id in lost {
        count += 1;
        if count <= NAMED {
            write!(text, " {id}").unwrap_or_default();
        }
    }
    if count > NAMED {
        write!(text, " and {} more", count - NAMED).unwrap_or_default();
    }
    Some(text)
}
