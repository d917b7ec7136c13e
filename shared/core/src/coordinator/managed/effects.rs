//! What came of decisions: told when enough requests have shown it.

use std::collections::{BTreeMap, VecDeque};

use super::super::member::Member;
use super::Managed;
use crate::decision::What;
use crate::effect::{Measured, SHOWN, Watch};
use crate::ids::{Epoch, WorkerId};
use crate::time::Now;

/// What is waited for, and what was told.
#[derive(Debug, Default)]
pub(super) struct Effects {
    watch: Watch,
    told: VecDeque<Measured>,
}

impl Effects {
    /// Goes on with what an earlier leader told.
    pub(super) fn found(&mut self, standing: &[What]) {
        *self = Self::default();
        for what in standing {
            if let What::Measured(measured) = what {
                self.keep(measured.clone());
            }
        }
    }

    fn keep(&mut self, measured: Measured) {
        if self.told.len() >= SHOWN {
            self.told.pop_front();
        }
        self.told.push_back(measured);
    }

    /// What came of the last ones, the newest last.
    pub(super) fn told(&self) -> impl Iterator<Item = &Measured> {
        self.told.iter()
    }
}

impl Managed {
    /// Writes down what came of decisions; of one of a kind of which the next is about to be made, too.
    pub(super) fn measure(
        &mut self,
        members: &BTreeMap<WorkerId, Member>,
        epoch: Epoch,
        now: Now,
        next: Option<&str>,
    ) {
        while let Some(measured) = self.effects.watch.measured(&self.fold, next) {
            self.note_terms(members, epoch, now);
            let moment = self.moment(now);
            self.journal.note(moment, What::Measured(measured.clone()));
            self.effects.keep(measured);
        }
    }

    /// Writes a change down, whose outcome is waited for; its number.
    pub(super) fn note_change(
        &mut self,
        members: &BTreeMap<WorkerId, Member>,
        epoch: Epoch,
        now: Now,
        what: What,
    ) -> u64 {
        self.measure(members, epoch, now, Some(what.kind()));
        self.note_terms(members, epoch, now);
        let moment = self.moment(now);
        self.effects.watch.decided(self.journal.next(), &what, &self.fold);
        self.journal.note(moment, what)
    }
}
