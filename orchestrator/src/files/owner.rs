//! Whose files stand in a topic's folder, and what that means for whoever is to write there.
//!
//! A folder says in its `state.json`, its *sign*, which registry it is written from. It says so before anything else stands in it, so that no
//! crash leaves a list of which nobody knows where it came from. Runs and epochs are numbers of one registry: between two they mean nothing.

use std::cmp::Ordering;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use igentai_core::ids::{Epoch, Run, Seq};
use serde::Deserialize;

use super::Style;

/// What a folder's `state.json` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Sign {
    pub(super) registry: String,
    pub(super) current_topic: String,
    pub(super) run: Run,
    pub(super) epoch: Epoch,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) last_sequence: Option<Seq>,
}

/// What was found in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Its sign, if it names a registry.
    pub(super) sign: Option<Sign>,
    /// Whether a list stands there that is not empty.
    pub(super) list: bool,
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
                 to an older state: move the folder away to have it written anew"
            ),
        }
    }
}

impl Found {
    /// Looks at a folder. One that is not there holds nothing.
    pub(super) fn look(folder: &Path) -> io::Result<Self> {
        let list = if_there(fs::metadata(folder.join("output.txt")))?;
        let sign = if_there(fs::read(folder.join("state.json")))?;
        let sign = sign.and_then(|bytes| serde_json::from_slice::<Sign>(&bytes).ok());
        Ok(Self {
            sign: sign.filter(|sign| !sign.registry.is_empty()),
            list: list.is_some_and(|list| list.len() > 0),
        })
    }

    /// The sign of another registry, if the folder has one.
    pub(super) fn anothers(&self, style: &Style) -> Option<&Sign> {
        self.sign.as_ref().filter(|sign| sign.registry != style.registry)
    }

    /// What is to be done before the files of `run` are written. What another registry has written makes room only for one who `may_take` the folder.
    pub(super) fn before(&self, style: &Style, run: Run, may_take: bool) -> Before {
        let aside = |why: String| if self.list { Before::SetAside(Some(why)) } else { Before::Sign };
        let Some(sign) = &self.sign else {
            return aside("nothing there says which registry it was written from".to_owned());
        };
        if let Some(sign) = self.anothers(style).filter(|_| may_take) {
            return aside(format!(
                "it was written from another registry, {}, for “{}”",
                sign.registry, sign.current_topic
            ));
        }
        if let Some(why) = self.refusal(style) {
            return Before::Refuse(why);
        }
        match sign.run.cmp(&run) {
            Ordering::Less => Before::SetAside(None),
            Ordering::Equal => Before::Nothing,
            Ordering::Greater => {
                aside(format!("it is of run {}, of which the registry does not know", sign.run))
            }
        }
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

fn if_there<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
