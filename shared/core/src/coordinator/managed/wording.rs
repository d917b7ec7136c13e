//! Which ways to ask are used: decided by what they brought, and told to producers when that is written down.

use std::collections::BTreeMap;

use super::super::member::Member;
use super::Managed;
use crate::decision::{Chunk, What};
use crate::ids::{Epoch, LogIndex, WorkerId};
use crate::phrasing::{Phrasing, Wording};
use crate::time::Now;

/// The ways to ask.
#[derive(Debug)]
pub(super) struct Wordings {
    used: Vec<Phrasing>,
    /// The decision on them, and what was in use before.
    last: Option<(u64, Vec<Phrasing>)>,
    looked_at: LogIndex,
}

impl Default for Wordings {
    fn default() -> Self {
        Self { used: Wording::all(), last: None, looked_at: 0 }
    }
}

impl Managed {
    /// Decides which ways to ask are used, where they compete.
    pub(super) fn word(&mut self, members: &BTreeMap<WorkerId, Member>, epoch: Epoch, now: Now) {
        if self.topic.phrasing.is_some() || self.fold.log_index() == self.wordings.looked_at {
            return;
        }
        self.wordings.looked_at = self.fold.log_index();
        let Some(next) = Wording::next(&self.wordings.used, self.fold.phrasings()) else { return };
        let number = self.note_change(members, epoch, now, What::Worded(next.clone()));
        let before = self.phrasings();
        self.wordings.used = next.used;
        self.wordings.last = Some((number, before));
    }

    /// Goes on with what earlier leaders decided: the chunk is the end of what the store has of the decisions of this run, and says what stands of those before it.
    pub(in crate::coordinator) fn found_decisions(&mut self, chunk: Chunk) {
        let standing = chunk.standing(chunk.decisions.len());
        for what in &standing {
            if let What::Worded(wording) = what {
                self.wordings = Wordings { used: wording.used.clone(), ..Wordings::default() };
            }
        }
        self.effects.found(&standing);
        self.journal.found(chunk, &self.topic);
    }

    /// The ways to ask that are in force.
    pub(super) fn phrasings(&self) -> Vec<Phrasing> {
        if let Some(phrasing) = self.topic.phrasing {
            return vec![phrasing];
        }
        match &self.wordings.last {
            Some((number, before)) if !self.journal.is_saved(*number) => before.clone(),
            Some(_) | None => self.wordings.used.clone(),
        }
    }
}
