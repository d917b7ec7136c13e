//! When a topic comes to its end.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::ledger::{Budget, LiveLease, asking};
use super::super::member::Member;
use super::super::{Action, Settings};
use super::Managed;
use crate::command::TopicReport;
use crate::cost::Cost;
use crate::decision::{Ending, Ends, Met, spent};
use crate::ids::{Epoch, WorkerId};
use crate::time::{Monotonic, Now};
use crate::topic::{EndReason, TopicState};

/// Failed requests without an answer in between that are needed before a topic is given up.
const FAILURES_TO_GIVE_UP: u64 = 10;

/// Why a topic ends, and the cap or floor that it meets, where it meets one.
pub(super) type End = (EndReason, Option<Met>);

impl Managed {
    /// Whether every producer that an earlier leader had at work has had its time to be heard. One that was not may hold a lease it has not
    /// used, have requests under way, or be the only one that can ask.
    pub(super) fn heard_all(&self, settings: &Settings, now: Monotonic) -> bool {
        self.inherited.is_none_or(|at| now.since(at) >= settings.producer_timeout)
    }

    /// What there is to do for a topic that is ending: nothing until all producers have settled, or do not within their time. Requests under
    /// way may take `end_grace`; when there is none any more, what is left is commits and receipts.
    pub(super) fn decide_ending(
        &mut self,
        reason: EndReason,
        members: &BTreeMap<WorkerId, Member>,
        settings: &Settings,
        epoch: Epoch,
        now: Now,
    ) -> Vec<Action> {
        let at = now.monotonic;
        // Somebody stopped it, or an earlier leader was about to.
        if self.caught_up() && !self.journal.has_ending(reason) {
            self.note_definition(epoch, now);
            let met = self.met(reason, &self.live(members, at), settings);
            self.note_ending((reason, met), members, epoch, now);
        }
        let (id, run) = (&self.topic.id, self.topic.run);
        let heard_all = self.heard_all(settings, at);
        let settled = heard_all && self.caught_up() && members.values().all(|one| one.has_settled(id, run));
        let quiet = heard_all && members.values().all(|one| one.asks_nobody(id, run));
        let since = *self.ending_since.get_or_insert(at);
        self.quiet_since = self.quiet_since.or(Some(at)).filter(|_| quiet);
        let overdue = at.since(since) >= settings.end_grace + settings.end_deadline
            || self.quiet_since.is_some_and(|quiet| at.since(quiet) >= settings.end_deadline);
        let decisions = self.save_decisions();
        if !settled && !overdue {
            return decisions.into_iter().collect();
        }
        if self.saved.as_ref().is_some_and(|saved| !saved.grants_as(&self.ledger)) {
            // What was given back is free for the next start.
            return vec![self.save_ledger()];
        }
        let problem = self.topic.problem.clone().or_else(|| self.left_out(members));
        let put = self.put(TopicState::Ended(reason), problem, epoch, now);
        match decisions {
            // Why it ended stands written before it has.
            Some(save) if !overdue => vec![save],
            decisions => decisions.into_iter().chain([put]).collect(),
        }
    }

    /// Writes down why the topic comes to its end, by what, and where it stands.
    pub(super) fn note_ending(
        &mut self,
        (reason, met): End,
        members: &BTreeMap<WorkerId, Member>,
        epoch: Epoch,
        now: Now,
    ) {
        self.note_terms(members, epoch, now);
        let ending = Ending {
            reason,
            found: self.fold.attributes(),
            requests: self.fold.totals().requests(),
            cost: spent(&self.fold),
            completeness: self.fold.completeness(),
            met,
        };
        self.journal.ending(self.moment(now), ending, self.topic.version);
    }

    /// What an end meets that was decided elsewhere, by the log as far as it is known here.
    fn met(&self, reason: EndReason, live: &[LiveLease], settings: &Settings) -> Option<Met> {
        let ends = self.ends();
        let met = match reason {
            EndReason::MaxAttributes => ends.items(&self.fold),
            EndReason::MaxRequests => ends.requests(&self.fold, self.ledger.requests_beside(&self.fold)),
            EndReason::MaxUsd => self.money(live, self.budget(settings)),
            EndReason::TimeLimit => ends.time(),
            EndReason::Complete => Met::complete(self.topic.limits.completeness, &self.fold),
            EndReason::Dry | EndReason::NoProvider => ends.dry(&self.fold),
            EndReason::LowYield => ends.newest(&self.fold, answers_at_once(live)),
            EndReason::Stopped | EndReason::Interrupted => None,
        };
        met.filter(|met| met.reason() == reason)
    }

    /// What a topic that ends does not have although models answered.
    fn left_out(&self, members: &BTreeMap<WorkerId, Member>) -> Option<String> {
        let left: u32 = self.reports(members).flatten().map(|report| report.unresolved).sum();
        let answers = if left == 1 { "1 answer was" } else { &format!("{left} answers were") };
        (left > 0).then(|| format!("{answers} not committed when the topic ended"))
    }

    /// What is the matter with a topic that ends although nobody asked for that, or that nobody answered.
    pub(super) fn problem_at_end(
        &self,
        reason: EndReason,
        members: &BTreeMap<WorkerId, Member>,
    ) -> Option<String> {
        let nobody_answered = self.is_unanswered();
        let stood_still = matches!(reason, EndReason::NoProvider | EndReason::TimeLimit);
        if !stood_still && !nobody_answered {
            return None;
        }
        let problem = self.problem(members, &self.worst_reports(members));
        let before = self.baseline.unwrap_or_default();
        let failures = self.fold.totals().failed_responses.saturating_sub(before.failures);
        problem.or_else(|| nobody_answered.then(|| format!("none of {failures} requests was answered")))
    }

    /// The first rule that ends the topic now.
    pub(super) fn end(
        &self,
        members: &BTreeMap<WorkerId, Member>,
        live: &[LiveLease],
        budget: Budget,
        settings: &Settings,
        now: Monotonic,
    ) -> Option<End> {
        let by = |met: Met| Some((met.reason(), Some(met)));
        let ends = self.ends();
        if let Some(met) = ends.items(&self.fold) {
            return by(met);
        }
        let heard_all = self.heard_all(settings, now);
        if let Some(met) = self.used_up(members, live, budget, now).filter(|_| heard_all) {
            return by(met);
        }
        let ran = self.ran_before + now.since(self.started);
        if self.topic.limits.time_limit_ms.is_some_and(|limit| ran >= Duration::from_millis(limit)) {
            return Some((EndReason::TimeLimit, ends.time()));
        }
        // Where nothing is cut, requests would go on meanwhile.
        let waits = self.fold.frontier().is_used() && self.tickets.wait_for_who_is_new(&self.fold);
        if let Some(met) = self.complete().filter(|_| !waits) {
            return by(met);
        }
        let newest = || heard_all.then(|| ends.newest(&self.fold, answers_at_once(live))).flatten();
        if let Some(met) = ends.dry(&self.fold).or_else(newest) {
            return by(met);
        }
        let hopeless = heard_all && self.is_hopeless(members, live, settings, now);
        hopeless.then_some((EndReason::NoProvider, None))
    }

    /// Where it ends, besides by its completeness.
    pub(super) fn ends(&self) -> Ends {
        let before = self.baseline.unwrap_or_else(|| self.here());
        // Answers to an earlier start say nothing, as somebody who resumes a topic wants to see more of it.
        let was_resumed = self.topic.started_at != self.topic.run_started_at;
        let newest_behind = if was_resumed { before.index } else { 0 };
        Ends::by(self.topic.limits, self.dry_after, before.answers, newest_behind)
    }

    /// The end that comes now, of one that a rule calls for: what would end by itself is shown to judges before, as far as somebody answers.
    pub(super) fn unless_judged(
        &mut self,
        end: Option<End>,
        members: &BTreeMap<WorkerId, Member>,
        live: &[LiveLease],
        settings: &Settings,
        now: Monotonic,
    ) -> Option<End> {
        let is_due = self.topic.judge
            && end.is_some_and(|(reason, _)| reason.is_natural())
            && self.tickets.has_to_judge(&self.fold)
            && !self.is_hopeless(members, live, settings, now);
        let since = self.judging.unwrap_or(now);
        let stands_still = now.since(self.last_answer.max(since)) >= settings.give_up_after;
        if is_due && !stands_still {
            self.judging = Some(since);
            return None;
        }
        if end.is_none() {
            self.judging = None;
        }
        end
    }

    /// Whether it is as complete as is wanted, as far as that is known.
    fn complete(&self) -> Option<Met> {
        let (_, said) = self.completeness;
        let (said, wanted) = said.zip(self.topic.limits.completeness)?;
        // What was estimated some answers ago is estimated anew, so that the log up to here says it.
        let is_near = !said.at_least && said.completeness >= wanted.get();
        is_near.then(|| Met::complete(Some(wanted), &self.fold)).flatten()
    }

    fn used_up(
        &self,
        members: &BTreeMap<WorkerId, Member>,
        live: &[LiveLease],
        budget: Budget,
        now: Monotonic,
    ) -> Option<Met> {
        // A cap may come that is passed already: no answer that is still to come gives a request back.
        let ends = self.ends();
        if let Some(met) = ends.requests(&self.fold, 0) {
            return Some(met);
        }
        if !self.is_quiet(members) {
            return None;
        }
        if !self.ledger.requests_open(live)
            && let Some(met) = ends.requests(&self.fold, self.ledger.requests_beside(&self.fold))
        {
            return Some(met);
        }
        // Who has nobody to ask lacks more than money.
        let can_ask = live.iter().any(|one| one.request_cost < Cost::MAX);
        let broke =
            can_ask && !self.too_dear.is_news(now) && !self.ledger.cost_open(&self.fold, budget, live);
        broke.then(|| self.money(live, budget)).flatten()
    }

    /// Whether nothing is under way.
    pub(super) fn is_quiet(&self, members: &BTreeMap<WorkerId, Member>) -> bool {
        self.reports(members).flatten().all(|report| report.in_flight == 0 && report.unresolved == 0)
    }

    /// What is met of the cap on money where producers have nothing under way.
    fn money(&self, live: &[LiveLease], budget: Budget) -> Option<Met> {
        let beside = self.ledger.cost_beside(&self.fold, budget, live);
        let next = asking(live).map(|one| one.request_cost).min().unwrap_or(Cost::ZERO);
        self.ends().money(&self.fold, beside, next)
    }

    /// Whether no producer can ever ask, or nothing has been answered for too long.
    fn is_hopeless(
        &self,
        members: &BTreeMap<WorkerId, Member>,
        live: &[LiveLease],
        settings: &Settings,
        now: Monotonic,
    ) -> bool {
        let before = self.baseline.unwrap_or_default();
        let failures = self.fold.totals().failed_responses;
        let failed = failures - self.failures_at_last_answer.max(before.failures).min(failures);
        let given_up = failed >= FAILURES_TO_GIVE_UP && now.since(self.last_answer) >= settings.give_up_after;
        let hopeless = |report: Option<&TopicReport>| {
            report.is_some_and(|report| report.hopeless.is_some() && report.in_flight == 0)
        };
        given_up || (!live.is_empty() && self.reports(members).all(hopeless))
    }
}

/// Answers that may be under way at once.
fn answers_at_once(live: &[LiveLease]) -> u64 {
    live.iter().map(|one| u64::from(one.places)).sum()
}
