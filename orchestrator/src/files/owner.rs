//! Whose files stand in a topic's folder, and what that means for whoever is to write there.
//!
//! A folder says in its `state.json`, its *sign*, which registry it is written from. It says so before anything else stands in it, so that no
//! crash leaves a list of which nobody knows where it came from. Runs and epochs are numbers of one registry: between two they mean nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, Run, Seq};
use igentai_shared::registry::may_stand_in;
use igentai_shared::store::Head;
use serde::Deserialize;

use super::Style;

/// What a sign says of a topic that has ended.
const ENDED: &str = "ended";

/// What a folder's `state.json` says.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Sign {
    pub(super) registry: String,
    pub(super) current_topic: String,
    pub(super) run: Run,
    pub(super) epoch: Epoch,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) last_sequence: Option<Seq>,
    pub(super) provider_weights: BTreeMap<String, f64>,
}

/// What was found in a folder.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Found {
    /// Its sign, if it names a registry, and this folder.
    pub(super) sign: Option<Sign>,
    /// The sign of another folder, of which this one is a copy, or which has got another name.
    pub(super) misplaced: Option<Sign>,
    /// Whether the sign was put up last, for a topic that has ended: then there is no more than it says.
    pub(super) says_all: bool,
    /// Whether a list stands there that is not empty.
    pub(super) list: bool,
    /// Its whole lines that hold something, if they were counted.
    pub(super) lines: Seq,
}

/// What is to be done before the files of a run are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing: what stands there is of this run.
    Nothing,
    /// The sign is put up: what stands there, if anything, is nothing to keep.
    Sign,
    /// What stands there is moved aside, and then the sign is put up. The text says why, unless somebody has asked for it.
    SetAside(Option<String>),
    /// They are not to be written.
    Refuse(Refusal),
}

/// Why nothing may be written in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Another registry, of this id, has written there.
    Another(String),
    /// A later leader of the same registry has.
    LaterEpoch { written: Epoch, this: Epoch },
    /// They hold more than the registry that they were written from.
    PutBack { written: Head, held: Head },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Another(registry) => write!(
                f,
                "another registry, {registry}, writes there since; give each registry an output folder of its own"
            ),
            Self::LaterEpoch { written, this } => write!(
                f,
                "they were written in epoch {written}, and this is epoch {this}; if no other orchestrator leads, the registry was put back \
                 to an older state: `igentai repair` says more"
            ),
            Self::PutBack { written, held } => write!(
                f,
                "they hold {written}, and the registry holds {held}: it was put back to an older state, which `igentai repair` mends"
            ),
        }
    }
}

impl Found {
    /// Looks at a folder. One that is not there holds nothing.
    pub(super) fn look(folder: &Path) -> io::Result<Self> {
        let list = if_there(fs::metadata(folder.join("output.txt")))?;
        let signed = if_there(fs::metadata(folder.join("state.json")))?;
        let sign = if_there(fs::read(folder.join("state.json")))?;
        let sign = sign.and_then(|bytes| serde_json::from_slice::<Sign>(&bytes).ok());
        let sign = sign.filter(|sign| !sign.registry.is_empty());
        let id = folder.file_name().and_then(|name| TopicId::parse(name.to_str()?).ok());
        let misplaced = sign.as_ref().is_some_and(|sign| {
            let name = &sign.current_topic;
            !name.is_empty() && id.is_some_and(|id| !may_stand_in(&id, name))
        });
        let at = |file: &Option<fs::Metadata>| file.as_ref().and_then(|file| file.modified().ok());
        let is_last =
            list.is_none() || at(&list).is_some_and(|list| at(&signed).is_some_and(|sign| list <= sign));
        let says_all = is_last && sign.as_ref().is_some_and(|sign| sign.state == ENDED);
        let (sign, misplaced) = if misplaced { (None, sign) } else { (sign, None) };
        Ok(Self { sign, misplaced, says_all, list: list.is_some_and(|list| list.len() > 0), lines: 0 })
    }

    /// The same with the lines of the list counted, for which it is read from end to end.
    pub(super) fn look_closely(folder: &Path) -> io::Result<Self> {
        let lines = lines(&folder.join("output.txt"))?.map_or(0, |lines| lines.items);
        Ok(Self { lines, ..Self::look(folder)? })
    }

    /// Whether it was written from the registry of this id.
    pub(super) fn is_of(&self, registry: &str) -> bool {
        self.sign.as_ref().is_some_and(|sign| sign.registry == registry)
    }

    /// How far the registry had come that all of it was written from, if this is that one.
    pub(super) fn written(&self, registry: &str) -> Option<Head> {
        let sign = self.sign.as_ref().filter(|sign| sign.registry == registry)?;
        let attributes = sign.last_sequence.unwrap_or_default().max(self.lines);
        Some(Head { run: sign.run, log_index: 0, attributes })
    }

    /// The sign of another registry, if the folder has one.
    pub(super) fn anothers(&self, style: &Style) -> Option<&Sign> {
        self.sign.as_ref().filter(|sign| sign.registry != style.registry)
    }

    /// What is to be done before the files of a run are written, of which the registry holds so much. What another registry has written makes room only for one who `may_take` the folder.
    pub(super) fn before(&self, style: &Style, held: Head, may_take: bool) -> Before {
        let aside = |why: String| if self.list { Before::SetAside(Some(why)) } else { Before::Sign };
        let Some(sign) = &self.sign else {
            return aside(match &self.misplaced {
                Some(sign) => {
                    format!("it is a copy of the folder of “{}”, or was renamed", sign.current_topic)
                }
                None => "nothing there says which registry it was written from".to_owned(),
            });
        };
        if let Some(sign) = self.anothers(style).filter(|_| may_take) {
            return aside(format!(
                "it was written from another registry, {}, for “{}”",
                sign.registry, sign.current_topic
            ));
        }
        // Whatever became of an earlier run, and in which term: nobody else opens a later one.
        if self.is_of(&style.registry) && sign.run < held.run {
            return Before::SetAside(None);
        }
        let refusal = self.refusal(style).or_else(|| self.put_back(style, held));
        refusal.map_or(Before::Nothing, Before::Refuse)
    }

    /// Why nothing may be written where this was found, from a registry that holds less.
    pub(super) fn put_back(&self, style: &Style, held: Head) -> Option<Refusal> {
        let written = self.written(&style.registry)?;
        // How many entries that took, files do not say.
        let held = Head { log_index: 0, ..held };
        held.is_less_than(&written).then_some(Refusal::PutBack { written, held })
    }

    /// Why nothing may be written where this was found, by one who has begun there already.
    pub(super) fn refusal(&self, style: &Style) -> Option<Refusal> {
        let sign = self.sign.as_ref()?;
        if sign.registry != style.registry {
            return Some(Refusal::Another(sign.registry.clone()));
        }
        let (written, this) = (sign.epoch, style.epoch);
        (written > this).then_some(Refusal::LaterEpoch { written, this })
    }
}

/// What a list is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lines {
    /// Whole lines that hold something.
    pub(super) items: u64,
    /// Whole lines that hold nothing: nobody writes those here, but an editor may leave them.
    pub(super) blank: u64,
    /// Whether there is nothing behind the last end of a line.
    pub(super) whole: bool,
}

/// Counts the lines of a list; `None` when there is no file.
pub(super) fn lines(path: &Path) -> io::Result<Option<Lines>> {
    let Some(file) = if_there(fs::File::open(path))? else { return Ok(None) };
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut lines = Lines { items: 0, blank: 0, whole: true };
    let mut is_blank = true;
    loop {
        let bytes = reader.fill_buf()?;
        let Some(last) = bytes.last() else { return Ok(Some(lines)) };
        lines.whole = *last == b'\n';
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            is_blank &= part.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
            if part.ends_with(b"\n") {
                let count = if is_blank { &mut lines.blank } else { &mut lines.items };
                *count += 1;
                is_blank = true;
            }
        }
        let length = bytes.len();
        reader.consume(length);
    }
}

/// What was read, or `None` where there is nothing.
pub(super) fn if_there<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
