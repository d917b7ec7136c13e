//! What single requests aim at, where they are told.

use std::collections::BTreeMap;

use super::super::ledger::LiveLease;
use super::super::member::Member;
use super::Managed;
use crate::decision::What;
use crate::ids::{Epoch, WorkerId};
use crate::time::Now;

impl Managed {
    /// Tells requests what to aim at.
    pub(super) fn direct(
        &mut self,
        members: &BTreeMap<WorkerId, Member>,
        live: &[LiveLease],
        epoch: Epoch,
        now: Now,
    ) {
        let is_judged = self.judging.is_some();
        if !self.is_directed() && !is_judged {
            // Those that were told what to aim at know no more of it; new terms say so of all but judges.
            let dropped = self.tickets.give_back(self.journal.is_directed());
            if !dropped.is_empty() {
                self.journal.note(self.moment(now), What::Dropped { decisions: dropped });
            }
            if self.journal.is_directed() {
                self.note_terms(members, epoch, now);
            }
            return;
        }
        let (id, run) = (&self.topic.id, self.topic.run);
        let report = |producer: &WorkerId| members.get(producer).and_then(|member| member.report(id, run));
        let lease = |one: &LiveLease| self.ledger.order(&one.producer, one.incarnation).requests;
        let moment = self.moment(now);
        let dropped = self.tickets.review(live, self.is_somebody_ready(members), report);
        if !dropped.is_empty() {
            self.journal.note(moment, What::Dropped { decisions: dropped });
        }
        let terms = self.terms(members);
        self.journal.terms(moment, epoch, terms.clone());
        let journal = (&mut self.journal, moment);
        self.tickets.issue((&terms, is_judged), &self.fold, live, journal, lease, report);
    }
}
