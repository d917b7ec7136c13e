//! Where a topic's files stand, and what stands there.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, Run, Seq};
use igentai_core::topic::Topic;
use serde::Deserialize;

use super::output::OutputFile;
use super::{Style, atomic, reports};

/// What a `state.json` says that was found.
#[derive(Debug, Default, Deserialize)]
pub(super) struct OldState {
    run: Run,
    epoch: Epoch,
    #[serde(default)]
    state: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    last_sequence: Option<Seq>,
}

pub(super) fn folder(out: &Path, topic: &TopicId) -> PathBuf {
    out.join(topic.as_str())
}

fn list_path(folder: &Path) -> PathBuf {
    folder.join("output.txt")
}

/// Makes room for a run's files. The folder of an earlier run is moved to `.replaced/`, one generation.
pub(super) fn prepare(style: &Style, topic: &Topic) -> io::Result<OutputFile> {
    let folder = folder(&style.out, &topic.id);
    let old = old_state(&folder);
    refuse_newer(style, old.as_ref())?;
    if old.is_some_and(|old| old.run < topic.run) {
        set_aside(&style.out, &folder, &topic.id)?;
    }
    fs::create_dir_all(&folder)?;
    atomic::replace(
        &folder.join("topic.txt"),
        reports::topic_text(topic, 0, &style.default_weights).as_bytes(),
    )?;
    OutputFile::create(&list_path(&folder))
}

/// Files of a later epoch are another leader's.
pub(super) fn fence(style: &Style, topic: &TopicId) -> io::Result<()> {
    refuse_newer(style, old_state(&folder(&style.out, topic)).as_ref())
}

/// Whether the files of a topic that has ended are those of its registry, which holds so many attributes. Files of another leader are as he wants them.
pub(super) fn stands(style: &Style, topic: &Topic, attributes: Seq) -> io::Result<bool> {
    let folder = folder(&style.out, &topic.id);
    let Some(old) = old_state(&folder) else { return Ok(false) };
    if old.epoch > style.epoch {
        return Ok(true);
    }
    let reason = topic.state.reason().map(igentai_core::topic::EndReason::as_str);
    Ok(old.run == topic.run
        && old.state == topic.state.as_str()
        && old.reason.as_deref() == reason
        && old.last_sequence == Some(attributes)
        && folder.join("topic.txt").exists()
        && folder.join("metrics.json").exists()
        && whole_lines(&list_path(&folder))? == Some(attributes))
}

/// Number of lines; `None` when there is no file, or its last line has no end.
fn whole_lines(path: &Path) -> io::Result<Option<u64>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let (mut lines, mut whole) = (0, true);
    loop {
        let bytes = reader.fill_buf()?;
        let Some(last) = bytes.last() else { return Ok(whole.then_some(lines)) };
        whole = *last == b'\n';
        lines += u64::try_from(bytes.split(|byte| *byte == b'\n').count() - 1).unwrap_or(u64::MAX);
        let length = bytes.len();
        reader.consume(length);
    }
}

fn old_state(folder: &Path) -> Option<OldState> {
    fs::read(folder.join("state.json")).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
}

fn refuse_newer(style: &Style, old: Option<&OldState>) -> io::Result<()> {
    match old {
        Some(old) if old.epoch > style.epoch => {
            let text = format!("they were written in epoch {}, this is epoch {}", old.epoch, style.epoch);
            Err(io::Error::other(text))
        }
        Some(_) | None => Ok(()),
    }
}

fn set_aside(out: &Path, folder: &Path, topic: &TopicId) -> io::Result<()> {
    let replaced = out.join(".replaced");
    fs::create_dir_all(&replaced)?;
    let place = replaced.join(topic.as_str());
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::rename(folder, &place)
}
