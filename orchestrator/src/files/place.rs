//! Where a topic's files stand, and what stands there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use igentai_core::fold::TopicFold;
use igentai_core::folder::TopicId;
use igentai_core::ids::Seq;
use igentai_core::status::TopicStatus;
use igentai_core::time::UnixMillis;
use igentai_core::topic::{EndReason, Topic};
use igentai_shared::store::Head;
use tracing::warn;

use super::output::OutputFile;
use super::owner::{self, Before, Found, Lines, Refusal, if_there};
use super::trouble::Trouble;
use super::{Style, atomic, reports};

/// Moves a list that somebody has changed to where he finds it, in place of the one that was moved there before. `None` when there is none any more.
pub(super) fn keep_changed(style: &Style, topic: &TopicId) -> Result<Option<PathBuf>, Trouble> {
    fence(style, topic)?;
    let list = list_path(&folder(&style.out, topic));
    if if_there(fs::symlink_metadata(&list))?.is_none() {
        return Ok(None);
    }
    let place = style.out.join(".replaced").join(format!("{topic}.changed"));
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(&place)?;
    let kept = list_path(&place);
    fs::rename(&list, &kept)?;
    atomic::sync_folder(&kept)?;
    atomic::sync_folder(&list)?;
    Ok(Some(kept))
}

/// How the files of a topic that has ended compare with its registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// As they should be; or as another leader wants them.
    Right,
    Wrong,
    /// They are those of this other registry.
    Anothers(String),
    /// They hold more than the registry.
    Refused(Refusal),
}

pub(super) fn folder(out: &Path, topic: &TopicId) -> PathBuf {
    out.join(topic.as_str())
}

fn list_path(folder: &Path) -> PathBuf {
    folder.join("output.txt")
}

/// Makes room for the files of a run, of which the registry holds so many attributes: what stands there of an earlier run, or of another registry whose folder may be taken, is moved to `.replaced/`, one
/// generation. Whenever this is broken off, doing it again does what is left.
pub(super) fn prepare(
    style: &Style,
    topic: &Topic,
    attributes: Seq,
    may_take: bool,
    at: UnixMillis,
) -> Result<OutputFile, Trouble> {
    let folder = folder(&style.out, &topic.id);
    let held = Head { run: topic.run, log_index: 0, attributes };
    let before = Found::look_closely(&folder)?.before(style, held, may_take);
    match &before {
        Before::Refuse(why) => return Err(why.clone().into()),
        Before::SetAside(why) => {
            let place = set_aside(&style.out, &folder, &topic.id)?;
            if let Some(reason) = why {
                let (path, to) = (folder.display(), place.display());
                warn!(path = %path, to = %to, reason, "what stood in a topic's folder was moved aside");
            }
        }
        Before::Nothing | Before::Sign => {}
    }
    fs::create_dir_all(&folder)?;
    if before != Before::Nothing {
        let nothing_yet = TopicStatus::of(topic.clone(), &TopicFold::default(), style.epoch, at);
        reports::write_state(&folder, &nothing_yet, style)?;
    }
    let text = reports::topic_text(topic, 0, &style.default_weights);
    atomic::replace(&folder.join("topic.txt"), text.as_bytes())?;
    Ok(OutputFile::create(&list_path(&folder))?)
}

/// Refuses to go on where somebody else writes since: a later leader, or another registry.
pub(super) fn fence(style: &Style, topic: &TopicId) -> Result<(), Trouble> {
    let refusal = Found::look(&folder(&style.out, topic))?.refusal(style);
    refusal.map_or(Ok(()), |why| Err(why.into()))
}

/// How the files of a topic that has ended compare with its registry, which holds so many attributes.
pub(super) fn standing(style: &Style, topic: &Topic, attributes: Seq) -> io::Result<Standing> {
    let folder = folder(&style.out, &topic.id);
    // What cannot be looked at cannot be written either, which is told then.
    let found = Found::look_closely(&folder).unwrap_or_default();
    if let Some(sign) = found.anothers(style) {
        return Ok(Standing::Anothers(sign.registry.clone()));
    }
    let Some(sign) = &found.sign else { return Ok(Standing::Wrong) };
    if sign.epoch > style.epoch {
        return Ok(Standing::Right);
    }
    if let Some(refusal) = found.put_back(style, Head { run: topic.run, log_index: 0, attributes }) {
        return Ok(Standing::Refused(refusal));
    }
    let right = sign.run == topic.run
        && sign.state == topic.state.as_str()
        && sign.reason.as_deref() == topic.state.reason().map(EndReason::as_str)
        && sign.last_sequence == Some(attributes)
        && folder.join("topic.txt").exists()
        && folder.join("metrics.json").exists()
        && owner::lines(&list_path(&folder))? == Some(Lines { items: attributes, blank: 0, whole: true });
    Ok(if right { Standing::Right } else { Standing::Wrong })
}

/// Moves a folder to `.replaced/`, in place of what was moved there before.
fn set_aside(out: &Path, folder: &Path, topic: &TopicId) -> io::Result<PathBuf> {
    let replaced = out.join(".replaced");
    fs::create_dir_all(&replaced)?;
    let place = replaced.join(topic.as_str());
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::rename(folder, &place)?;
    atomic::sync_folder(&place)?;
    atomic::sync_folder(folder)?;
    Ok(place)
}
