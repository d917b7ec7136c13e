//! Repair: a registry that was put back to an older state and the files that were written from it are brought together again.
//!
//! * *From the files*: what only they hold comes back into the registry under its old numbers. Where the two disagree about a number, since the registry has
//!   given it anew, the files' item keeps it, and the registry's own follow behind: neither is lost. Its log is built beside the old one and takes its place in
//!   one step (`rebuild`), so that whoever breaks off leaves it as it was, and the next attempt begins anew.
//! * *From the registry*: the folder is moved to `.replaced/`, where nothing is ever deleted by it, and written anew.
//!
//! A repair leads while it writes (`authority`): it holds the lease, or, where an orchestrator leads, touches only topics that this one refuses to work on.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, Seq};
use igentai_core::topic::Topic;
use igentai_shared::clock::Clock;
use igentai_shared::store::{Head, Store, StoreError};
use serde::Serialize;

use crate::files::Style;
use crate::files::trouble::Trouble;

mod authority;
mod carry_out;
mod list;
mod rebuild;
mod survey;
#[cfg(test)]
mod tests;

pub use authority::{Authority, authority, held};
pub use survey::all_topics;

/// Which of the two is right where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// The files: what only they hold comes back into the registry.
    Files,
    /// The registry: files are written anew from it.
    Registry,
}

/// What a repair works with.
#[derive(Clone, Debug)]
pub struct Workshop {
    /// Registry.
    pub store: Arc<dyn Store>,
    /// Its id.
    pub registry: String,
    /// Folder of the files.
    pub out: PathBuf,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Weights of the configured providers, to be shown where a topic has none of its own.
    pub default_weights: BTreeMap<String, f64>,
    /// Take what was written from another registry, too.
    pub foreign: bool,
}

/// Why a repair did not come about.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The registry did not do as asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be read or written.
    #[error("the files cannot be used: {0}")]
    Files(#[from] io::Error),
    /// The list is none that was ever written from a registry.
    #[error("{0}")]
    List(String),
    /// Somebody works on it.
    #[error("an orchestrator, {0}, leads and works on this topic; stop all orchestrators first")]
    Led(String),
    /// The lease was lost on the way.
    #[error("the lease was lost, so that nothing more was done; try again")]
    Lost,
}

impl std::convert::From<Trouble> for RepairError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Registry(error) => Self::Store(error),
            Trouble::Later(error) | Trouble::Broken(error) => Self::Files(error),
            Trouble::Gone | Trouble::Refused(_) => Self::Files(io::Error::other(trouble.to_string())),
        }
    }
}

/// What is to be done about a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Nothing: the two agree, or there is only one of them.
    Nothing,
    /// Nothing: the files are from another registry, which has to be asked for.
    Foreign,
    /// Nothing: the folder was written for another topic, and copied or renamed.
    Misplaced,
    /// Items that only the files hold come back into the registry.
    Restore,
    /// The registry holds all that the files hold: it is said that it may go on.
    Settle,
    /// The files are set aside, and written anew.
    WriteAnew,
}

impl Deed {
    /// Whether there is anything to do.
    #[must_use]
    pub const fn is_work(self) -> bool {
        match self {
            Self::Nothing | Self::Foreign | Self::Misplaced => false,
            Self::Restore | Self::Settle | Self::WriteAnew => true,
        }
    }
}

/// A number that stands for two items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The number.
    pub seq: Seq,
    /// Its item by the list.
    pub in_files: String,
    /// Its item by the registry.
    pub in_registry: String,
}

/// What files say of themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// The name of the topic that they are of.
    pub name: String,
    /// The id of the registry that they are from.
    pub registry: String,
    /// Run.
    pub run: u64,
    /// In which term they were written.
    pub epoch: Epoch,
    /// Whole lines of the list.
    pub items: u64,
}

/// Conflicts that are told one by one.
const CONFLICTS: usize = 10;

/// How the two stand about a topic, and what is done about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Topic.
    pub topic: TopicId,
    /// What is to be done, or was done.
    pub deed: Deed,
    /// Whether it was done.
    pub done: bool,
    /// What the registry holds.
    pub registry: Head,
    /// What the files hold; `None` when there are none.
    pub files: Option<Said>,
    /// Items, from the first on, that are the same in both.
    pub same: Seq,
    /// How many of those behind the first difference are the same, too, under the same numbers.
    pub same_behind: u64,
    /// First and last number of the items that come back, or that are left out.
    pub only_in_files: Option<(Seq, Seq)>,
    /// Items of the registry that get a number behind those of the files.
    pub renumbered: u64,
    /// How many numbers stand for two items.
    pub conflicts: u64,
    /// The first of them.
    pub first_conflicts: Vec<Conflict>,
    /// What the registry is known to have held, when it was found to hold less.
    pub known: Option<Head>,
    /// Where the old files are, or would be.
    pub moved_to: Option<PathBuf>,
}

impl Workshop {
    fn style(&self, epoch: Epoch) -> Style {
        Style {
            out: self.out.clone(),
            registry: self.registry.clone(),
            epoch,
            default_weights: self.default_weights.clone(),
        }
    }

    /// The record of a topic, and how far its log has come.
    async fn in_registry(&self, topic: &TopicId) -> Result<(Option<Topic>, Head), StoreError> {
        Ok((self.store.topic(topic).await?, self.store.head(topic).await?))
    }

    /// Looks at a topic and changes nothing.
    ///
    /// # Errors
    /// It cannot be looked at, or its list is none.
    pub async fn look(&self, topic: &TopicId, from: From) -> Result<Finding, RepairError> {
        Ok(survey::survey(self, topic, from).await?.finding)
    }

    /// Does what there is to do about a topic.
    ///
    /// # Errors
    /// It did not come about. Whatever it was that ended it, it can be asked for again.
    pub async fn repair(
        &self,
        topic: &TopicId,
        from: From,
        authority: &Authority,
    ) -> Result<Finding, RepairError> {
        let survey = survey::survey(self, topic, from).await?;
        if !survey.finding.deed.is_work() {
            return Ok(survey.finding);
        }
        carry_out::carry_out(self, survey, authority).await
    }
}
