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
use serde_json::Value;
use tracing::warn;

use super::atomic::Draft;
use super::output::OutputFile;
use super::owner::{self, Before, Found, Lines, Refusal, if_there};
use super::trouble::Trouble;
use super::{Style, atomic, reports};

/// The file of all topics.
pub(super) const GLOBAL: &str = "global_state.json";

/// The files of a topic.
const NAMES: [&str; 4] = ["output.txt", "topic.txt", "metrics.json", "state.json"];

/// Tries to say over a predecessor who says otherwise in the same moment.
const TRIES: usize = 3;

/// So many lists that somebody has changed are kept of each topic.
const COPIES: usize = 5;

/// Moves a list that somebody has changed to where he finds it. When there is no room for another, the last is replaced: what was moved there first may be what
/// somebody has worked on. `None` when there is none any more.
pub(super) fn keep_changed(style: &Style, topic: &TopicId) -> Result<Option<PathBuf>, Trouble> {
    fence(style, topic)?;
    let list = list_path(&folder(&style.out, topic));
    if if_there(fs::symlink_metadata(&list))?.is_none() {
        return Ok(None);
    }
    let replaced = style.out.join(".replaced");
    let place = |number: usize| match number {
        1 => replaced.join(format!("{topic}.changed")),
        later => replaced.join(format!("{topic}.changed-{later}")),
    };
    let is_free = |number: &usize| fs::symlink_metadata(list_path(&place(*number))).is_err();
    let place = place((1..COPIES).find(is_free).unwrap_or(COPIES));
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
    let found = Found::look_closely(&folder)?;
    let before = found.before(style, held, may_take);
    let sign = |folder: &Path| {
        let nothing_yet = TopicStatus::of(topic.clone(), &TopicFold::default(), style.epoch, at);
        fs::create_dir_all(folder)?;
        reports::put_up_sign(folder, &nothing_yet, style, may_take)
    };
    match &before {
        Before::Nothing => fs::create_dir_all(&folder)?,
        Before::Sign => sign(&folder)?,
        Before::SetAside(why) => {
            let replacing = replacing(&style.out, &topic.id)?;
            sign(&replacing)?;
            let place = set_aside(&style.out, &folder, &topic.id)?;
            // At once: waiting for the disk in between would leave others a long look at no folder.
            fs::rename(&replacing, &folder)?;
            atomic::sync_folder(&place)?;
            atomic::sync_folder(&folder)?;
            if let Some(reason) = why {
                let (path, to) = (folder.display(), place.display());
                warn!(path = %path, to = %to, reason, "what stood in a topic's folder was moved aside");
            }
        }
        Before::Refuse(why) => return Err(why.clone().into()),
    }
    take_over(style, &topic.id, found.lines)?;
    let text = reports::topic_text(topic, 0, &style.default_weights);
    replace(&folder.join("topic.txt"), text.as_bytes(), style)?;
    Ok(OutputFile::create(&list_path(&folder), style.epoch)?)
}

/// Lets a list that is complete take its place. A predecessor who is paused within this has passed the fence before the sign was raised, so that what he has built
/// was there to be removed; whoever comes to the fence later is refused. The same holds for [`replace`].
pub(super) fn put_in_place(style: &Style, topic: &TopicId, file: &mut OutputFile) -> Result<(), Trouble> {
    fence(style, topic)?;
    take_over(style, topic, 0)?;
    Ok(file.settle()?)
}

/// Replaces a file in a topic's folder, durably, unless somebody else writes there since.
pub(super) fn replace(path: &Path, content: &[u8], style: &Style) -> Result<(), Trouble> {
    unless(Draft::write(path, content, style.epoch)?, path, |found| found.refusal(style))
}

/// Puts up a sign, durably, unless a later leader has, or another registry whose folder may not be taken: it may have made room there in this very moment.
pub(super) fn put_up(sign: &Path, content: &[u8], style: &Style, may_take: bool) -> Result<(), Trouble> {
    let draft = Draft::write(sign, content, style.epoch)?;
    let is_in_the_way = |why: &Refusal| !may_take || matches!(why, Refusal::LaterEpoch { .. });
    unless(draft, sign, |found| found.refusal(style).filter(is_in_the_way))
}

fn unless(draft: Draft, path: &Path, refusal: impl FnOnce(Found) -> Option<Refusal>) -> Result<(), Trouble> {
    match refusal(Found::look(path.parent().unwrap_or(path))?) {
        None => Ok(draft.settle()?),
        Some(why) => {
            draft.discard()?;
            Err(why.into())
        }
    }
}

/// Replaces the file of all topics; the first time in a term, what earlier ones have begun of it is removed. Who is late with it is overwritten within a second.
pub(super) fn replace_global(style: &Style, content: &[u8], first: bool) -> io::Result<()> {
    fs::create_dir_all(&style.out)?;
    Draft::write(&style.out.join(GLOBAL), content, style.epoch)?.settle()?;
    if first { atomic::remove_earlier(&style.out, &[GLOBAL], style.epoch) } else { Ok(()) }
}

/// Ends the terms before this one in a folder, where the list has at least so many lines.
fn take_over(style: &Style, topic: &TopicId, lines: Seq) -> Result<(), Trouble> {
    let folder = folder(&style.out, topic);
    let is_earlier =
        || Ok::<_, Trouble>(Found::look(&folder)?.sign.is_some_and(|sign| sign.epoch < style.epoch));
    for _ in 0..TRIES {
        if is_earlier()? {
            let sign = folder.join("state.json");
            put_up(&sign, &signed(&sign, style, lines)?, style, false)?;
        }
        atomic::remove_earlier(&folder, &NAMES, style.epoch)?;
        // Between the two, one of them may have put up the sign that he had ready. He has no other now.
        if !is_earlier()? {
            break;
        }
    }
    Ok(())
}

/// Says in a folder that it is this registry's, in this term, whatever it said before; the rest of its state stays as it is.
pub(super) fn sign_anew(folder: &Path, style: &Style) -> io::Result<()> {
    let path = folder.join("state.json");
    Draft::write(&path, &signed(&path, style, 0)?, style.epoch)?.settle()
}

/// What stands in `state.json`, as of this registry and this term, and with so many lines at least.
fn signed(path: &Path, style: &Style, lines: Seq) -> io::Result<Vec<u8>> {
    let mut state: Value = serde_json::from_slice(&fs::read(path)?)?;
    state["registry"] = style.registry.as_str().into();
    state["epoch"] = style.epoch.into();
    if state["last_sequence"].as_u64().unwrap_or_default() < lines {
        state["last_sequence"] = lines.into();
    }
    Ok(format!("{state:#}\n").into_bytes())
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
/// Where a folder is signed before it takes the place of another: whoever still writes in that one never finds an empty folder that would be his. Empty.
fn replacing(out: &Path, topic: &TopicId) -> io::Result<PathBuf> {
    let place = out.join(".replaced").join(format!("{topic}.next"));
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    Ok(place)
}

/// Moves a folder to `.replaced/`; that this lasts is the caller's to see to.
fn set_aside(out: &Path, folder: &Path, topic: &TopicId) -> io::Result<PathBuf> {
    let replaced = out.join(".replaced");
    fs::create_dir_all(&replaced)?;
    let place = replaced.join(topic.as_str());
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::rename(folder, &place)?;
    Ok(place)
}
