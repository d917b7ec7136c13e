//! What files say of the registry that they were written from: the other memory of how far it had come.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use igentai_core::folder::TopicId;
use igentai_core::ids::Epoch;
use igentai_shared::store::Head;

use super::owner::{Found, Sign};
use super::place;

/// How far a registry had come by the files of a topic, without the entries of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Run and attributes.
    pub head: Head,
    /// In which term they were written.
    pub epoch: Epoch,
}

impl Written {
    /// What a topic whose run is `run` must hold at least. What was written of an earlier run means nothing to a later one.
    #[must_use]
    pub fn expected_of(written: Option<Self>, run: u64) -> Head {
        written.map(|written| written.head).filter(|head| head.run >= run).unwrap_or_default()
    }
}

/// What the files of a topic say of the registry of this id; `None` when they are not from it. The lines of the list count, too, for which it is read from end to
/// end where there may be more than the sign says: whoever was cut off may not have come to say so.
///
/// # Errors
/// The folder cannot be read.
pub fn written(out: &Path, registry: &str, topic: &TopicId) -> io::Result<Option<Written>> {
    let folder = place::folder(out, topic);
    let found = Found::look(&folder)?;
    if !found.is_of(registry) {
        return Ok(None);
    }
    let found = if found.says_all { found } else { Found::look_closely(&folder)? };
    let epoch = found.sign.as_ref().map_or(0, |sign| sign.epoch);
    Ok(found.written(registry).map(|head| Written { head, epoch }))
}

/// What all folders of topics say.
#[derive(Debug, Default)]
pub(crate) struct Folders {
    /// How far this registry had come.
    pub(crate) own: BTreeMap<TopicId, Written>,
    /// What other registries have written, by topic: their ids.
    pub(crate) strangers: BTreeMap<TopicId, String>,
    /// What was copied or renamed: the folder, and the name of the topic that it was written for.
    pub(crate) misplaced: BTreeMap<TopicId, String>,
}

/// Looks at all folders of topics.
///
/// # Errors
/// They cannot be listed. What a single one says counts for nothing where it cannot be read.
pub(super) fn folders(out: &Path, registry: &str) -> io::Result<Folders> {
    let mut all = Folders::default();
    for Signed { topic, sign, misplaced } in signed(out)? {
        if misplaced {
            all.misplaced.insert(topic, sign.current_topic);
        } else if sign.registry != registry {
            all.strangers.insert(topic, sign.registry);
        } else if let Ok(Some(written)) = written(out, registry, &topic) {
            all.own.insert(topic, written);
        }
    }
    Ok(all)
}

/// A topic's folder, and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Signed {
    pub(super) topic: TopicId,
    pub(super) sign: Sign,
    /// It was written for another topic, and copied or renamed.
    pub(super) misplaced: bool,
}

/// The folders of topics that say which registry they were written from, by id.
pub(super) fn signed(out: &Path) -> io::Result<Vec<Signed>> {
    let folders = match fs::read_dir(out) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        folders => folders?,
    };
    let mut all = Vec::new();
    for folder in folders {
        let name = folder?.file_name();
        let Some(topic) = name.to_str().and_then(|name| TopicId::parse(name).ok()) else { continue };
        let Found { sign, misplaced, .. } = Found::look(&place::folder(out, &topic))?;
        let sign = sign.map(|sign| (sign, false)).or(misplaced.map(|sign| (sign, true)));
        all.extend(sign.map(|(sign, misplaced)| Signed { topic, sign, misplaced }));
    }
    all.sort_by(|a, b| a.topic.cmp(&b.topic));
    Ok(all)
}
