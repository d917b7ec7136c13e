//! When a topic comes to its end.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::Settings;
use super::super::ledger::{Budget, LiveLease};
use super::super::member::Member;
use super::Managed;
use crate::command::TopicReport;
use crate::ids::WorkerId;
use crate::time::Monotonic;
use crate::topic::EndReason;

/// Failed requests without an answer in between that are needed before a topic is given up.
const FAILURES_TO_GIVE_UP: u64 = 10;

impl Managed {
    /// Whether every producer that an earlier leader had at work has had its time to be heard. One that was not may hold a lease it has not
    /// used, have requests under way, or be the only one that can ask.
    pub(super) fn heard_all(&self, settings: &Settings, now: Monotonic) -> bool {
        self.inherited.is_none_or(|at| now.since(at) >= settings.producer_timeout)
    }

    /// The first rule that ends the topic now.
    pub(super) fn end(
        &self,
        members: &BTreeMap<WorkerId, Member>,
        live: &[LiveLease],
        budget: Budget,
        settings: &Settings,
        now: Monotonic,
    ) -> Option<EndReason> {
        let limits = self.topic.limits;
        let ran = self.ran_before + now.since(self.started);
        let (answers_before, _) = self.baseline.unwrap_or_default();
        let dry = self.fold.dry_answers().min(self.fold.totals().responses - answers_before);
        if limits.max_attributes.is_some_and(|cap| self.fold.attributes() >= cap) {
            return Some(EndReason::MaxAttributes);
        }
        let heard_all = self.heard_all(settings, now);
        if let Some(reason) = self.used_up(members, live, budget).filter(|_| heard_all) {
            return Some(reason);
        }
        if limits.time_limit_ms.is_some_and(|limit| ran >= Duration::from_millis(limit)) {
            return Some(EndReason::TimeLimit);
        }
        if dry >= settings.dry_after {
            let unusable = self.fold.unusable_answers() >= settings.dry_after;
            return Some(if unusable { EndReason::NoProvider } else { EndReason::Dry });
        }
        let hopeless = heard_all && self.is_hopeless(members, live, settings, now);
        hopeless.then_some(EndReason::NoProvider)
    }

    fn used_up(
        &self,
        members: &BTreeMap<WorkerId, Member>,
        live: &[LiveLease],
        budget: Budget,
    ) -> Option<EndReason> {
        let (left_requests, _) = self.ledger.left(&self.fold, budget);
        // A cap may come that is passed already: no answer that is still to come gives a request back.
        if budget.requests.is_some_and(|cap| self.fold.totals().requests() >= cap) {
            return Some(EndReason::MaxRequests);
        }
        let quiet =
            self.reports(members).flatten().all(|report| report.in_flight == 0 && report.unresolved == 0);
        if !quiet {
            return None;
        }
        if budget.requests.is_some() && left_requests == 0 && !self.ledger.requests_open(&self.fold, live) {
            return Some(EndReason::MaxRequests);
        }
        let broke = !live.is_empty() && !self.ledger.cost_open(&self.fold, budget, live);
        (budget.cost.is_some() && broke).then_some(EndReason::MaxUsd)
    }

    /// Whether no producer can ever ask, or nothing has been answered for too long.
    fn is_hopeless(
        &self,
        members: &BTreeMap<WorkerId, Member>,
        live: &[LiveLease],
        settings: &Settings,
        now: Monotonic,
    ) -> bool {
        let (_, failures_before) = self.baseline.unwrap_or_default();
        let failures = self.fold.totals().failed_responses;
        let failed = failures - self.failures_at_last_answer.max(failures_before).min(failures);
        let given_up = failed >= FAILURES_TO_GIVE_UP && now.since(self.last_answer) >= settings.give_up_after;
        let hopeless = |report: Option<&TopicReport>| {
            report.is_some_and(|report| report.hopeless.is_some() && report.in_flight == 0)
        };
        given_up || (!live.is_empty() && self.reports(members).all(hopeless))
    }
}
