//! A topic in the coordinator's hands.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::ledger::{Budget, Ledger, LiveLease};
use super::member::Member;
use super::{Action, LINGER, Note, Settings};
use crate::command::ProviderState::Ready;
use crate::command::{Lease, ProviderReport, TopicOrder, TopicReport};
use crate::cost::Cost;
use crate::fold::{FoldError, TopicFold};
use crate::ids::{Epoch, Incarnation, LogIndex, Seq, WorkerId};
use crate::log::Entry;
use crate::status::TopicStatus;
use crate::time::{Monotonic, Now, UnixMillis};
use crate::topic::{EndReason, Topic, TopicState};

/// How far the rate of new attributes looks back.
const RATE_WINDOW: Duration = Duration::from_mins(1);

/// Failed requests without an answer in between that are needed before a topic is given up.
const FAILURES_TO_GIVE_UP: u64 = 10;

/// So many answers in a row without a list are told of.
const UNUSABLE_WORTH_A_WORD: u64 = 5;

/// Whether the store knows the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    No,
    WithCap(Option<u64>),
}

#[derive(Debug)]
pub(super) struct Managed {
    pub(super) topic: Topic,
    pub(super) fold: TopicFold,
    pub(super) ledger: Ledger,
    open: Open,
    head: LogIndex,
    /// Answers and failures there were when the topic was last started.
    baseline: Option<(u64, u64)>,
    /// When it was started, on this process's monotonic clock.
    started: Monotonic,
    /// How long it had run before this process knew of it.
    ran_before: Duration,
    last_answer: Monotonic,
    failures_at_last_answer: u64,
    ending_since: Option<Monotonic>,
    /// Since when it is known, where an earlier leader had it running: producers that are not heard yet may have answers under way.
    inherited: Option<Monotonic>,
    saved: Option<Ledger>,
    samples: VecDeque<(Monotonic, Seq)>,
}

impl Managed {
    pub(super) fn new(topic: Topic, now: Now) -> Self {
        let ran_before = Duration::from_millis(now.unix.0.saturating_sub(topic.started_at.0));
        let under_way = matches!(topic.state, TopicState::Running | TopicState::Ending(_));
        Self {
            inherited: under_way.then_some(now.monotonic),
            topic,
            fold: TopicFold::default(),
            ledger: Ledger::default(),
            open: Open::No,
            head: 0,
            baseline: None,
            started: now.monotonic,
            ran_before,
            last_answer: now.monotonic,
            failures_at_last_answer: 0,
            ending_since: None,
            saved: None,
            samples: VecDeque::new(),
        }
    }

    pub(super) fn update(&mut self, topic: Topic, now: Now) {
        if topic.version <= self.topic.version {
            return;
        }
        if topic.started_at != self.topic.started_at {
            self.inherited = None;
            self.started = now.monotonic;
            self.ran_before = Duration::ZERO;
            self.last_answer = now.monotonic;
            self.baseline = None;
            self.open = Open::No;
            self.fold = TopicFold::default();
            self.head = 0;
            self.samples.clear();
        }
        self.topic = topic;
        self.ending_since = match self.topic.state {
            TopicState::Ending(_) => self.ending_since.or(Some(now.monotonic)),
            TopicState::Starting | TopicState::Running | TopicState::Ended(_) => None,
        };
    }

    pub(super) fn opened(&mut self, max_attributes: Option<u64>, ledger: Option<Ledger>) {
        self.open = Open::WithCap(max_attributes);
        if let (None, Some(ledger)) = (&self.saved, ledger) {
            self.saved = Some(ledger.clone());
            self.ledger = ledger;
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self.open, Open::WithCap(_))
    }

    pub(super) fn entries(&mut self, entries: &[Entry], head: LogIndex, now: Now) -> Result<(), FoldError> {
        let answers = self.fold.totals().responses;
        for entry in entries {
            self.fold.apply(entry)?;
        }
        self.head = self.head.max(head).max(self.fold.log_index());
        if self.fold.totals().responses > answers || self.baseline.is_none() {
            self.last_answer = now.monotonic;
            self.failures_at_last_answer = self.fold.totals().failed_responses;
        }
        Ok(())
    }

    const fn caught_up(&self) -> bool {
        self.fold.log_index() >= self.head
    }

    pub(super) fn sample(&mut self, now: Monotonic) {
        let due = self.samples.back().is_none_or(|(at, _)| now.since(*at) >= Duration::from_secs(1));
        if due && self.is_open() && self.caught_up() {
            self.samples.push_back((now, self.fold.attributes()));
        }
        while self.samples.len() > 1
            && self.samples.front().is_some_and(|(at, _)| now.since(*at) > RATE_WINDOW)
        {
            self.samples.pop_front();
        }
    }

    pub(super) fn decide(
        &mut self,
        members: &BTreeMap<WorkerId, Member>,
        settings: &Settings,
        epoch: Epoch,
        now: Now,
    ) -> Vec<Action> {
        let wanted_cap = self.topic.limits.max_attributes;
        match self.topic.state {
            TopicState::Ended(_) if !self.is_open() && self.has_ended_lately(now) => {
                let (topic, run) = (self.topic.id.clone(), self.topic.run);
                vec![Action::Open { topic, run, max_attributes: wanted_cap }]
            }
            TopicState::Ended(_) => Vec::new(),
            TopicState::Starting | TopicState::Running | TopicState::Ending(_)
                if self.open != Open::WithCap(wanted_cap) =>
            {
                let (topic, run) = (self.topic.id.clone(), self.topic.run);
                vec![Action::Open { topic, run, max_attributes: wanted_cap }]
            }
            TopicState::Starting => vec![self.put(TopicState::Running, None, epoch, now)],
            TopicState::Running => self.decide_running(members, settings, epoch, now),
            TopicState::Ending(reason) => {
                let since = *self.ending_since.get_or_insert(now.monotonic);
                let overdue = now.monotonic.since(since) >= settings.end_grace + settings.end_deadline;
                let (id, run) = (&self.topic.id, self.topic.run);
                let heard_all =
                    self.inherited.is_none_or(|at| now.monotonic.since(at) >= settings.producer_timeout);
                let settled = heard_all
                    && self.caught_up()
                    && members.values().all(|member| member.has_settled(id, run));
                let unsaved = self.saved.as_ref().is_some_and(|saved| !saved.grants_as(&self.ledger));
                if (settled || overdue) && unsaved {
                    // What was given back is free for the next start.
                    return vec![self.save_ledger()];
                }
                if settled || overdue {
                    vec![self.put(TopicState::Ended(reason), self.topic.problem.clone(), epoch, now)]
                } else {
                    Vec::new()
                }
            }
        }
    }

    /// Whether answers may still come: from a producer that could not be heard when the topic ended.
    fn has_ended_lately(&self, now: Now) -> bool {
        let since = |at: UnixMillis| Duration::from_millis(now.unix.0.saturating_sub(at.0));
        self.topic.epoch > 0 && self.topic.ended_at.is_some_and(|at| since(at) < LINGER)
    }

    fn decide_running(
        &mut self,
        members: &BTreeMap<WorkerId, Member>,
        settings: &Settings,
        epoch: Epoch,
        now: Now,
    ) -> Vec<Action> {
        if !self.caught_up() {
            return Vec::new();
        }
        let totals = self.fold.totals();
        self.baseline.get_or_insert((totals.responses, totals.failed_responses));
        let live = self.live(members, now.monotonic);
        let limits = self.topic.limits;
        let budget = Budget { requests: limits.max_requests, cost: limits.max_cost, window: settings.window };
        self.ledger.plan(&self.fold, budget, &live);
        if let Some(reason) = self.end(members, &live, budget, settings, now.monotonic) {
            let note = Action::Note(Note::Ending(self.topic.id.clone(), reason));
            let tells = matches!(reason, EndReason::NoProvider | EndReason::TimeLimit);
            let problem = if tells { self.problem(members, &self.worst_reports(members)) } else { None };
            return vec![self.put(TopicState::Ending(reason), problem, epoch, now), note];
        }
        let capped = budget.requests.is_some() || budget.cost.is_some();
        if capped && !self.saved.as_ref().is_some_and(|saved| saved.grants_as(&self.ledger)) {
            return vec![self.save_ledger()];
        }
        Vec::new()
    }

    fn save_ledger(&mut self) -> Action {
        self.saved = Some(self.ledger.clone());
        let (topic, run) = (self.topic.id.clone(), self.topic.run);
        Action::SaveLedger { topic, run, ledger: self.ledger.clone() }
    }

    /// The first rule that ends the topic now.
    fn end(
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
        if let Some(reason) = self.used_up(members, live, budget) {
            return Some(reason);
        }
        if limits.time_limit_ms.is_some_and(|limit| ran >= Duration::from_millis(limit)) {
            return Some(EndReason::TimeLimit);
        }
        if dry >= settings.dry_after {
            let unusable = self.fold.unusable_answers() >= settings.dry_after;
            return Some(if unusable { EndReason::NoProvider } else { EndReason::Dry });
        }
        self.is_hopeless(members, live, settings, now).then_some(EndReason::NoProvider)
    }

    fn used_up(
        &self,
        members: &BTreeMap<WorkerId, Member>,
        live: &[LiveLease],
        budget: Budget,
    ) -> Option<EndReason> {
        let (left_requests, _) = self.ledger.left(&self.fold, budget);
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

    fn reports<'a>(
        &'a self,
        members: &'a BTreeMap<WorkerId, Member>,
    ) -> impl Iterator<Item = Option<&'a TopicReport>> {
        members.values().map(|member| member.report(&self.topic.id, self.topic.run))
    }

    fn live(&self, members: &BTreeMap<WorkerId, Member>, now: Monotonic) -> Vec<LiveLease> {
        let (id, run) = (&self.topic.id, self.topic.run);
        let takes_work = |member: &Member| member.last().is_some_and(|last| !last.draining);
        members
            .iter()
            .filter(|(_, member)| takes_work(member))
            .map(|(producer, member)| {
                let report = member.report(id, run);
                let incarnation = member.incarnation();
                let settled = self.fold.settled(producer, incarnation);
                let used = report.map_or(Lease::default(), |r| Lease { requests: r.sent, cost: r.risked });
                let hopeless = report.is_some_and(|report| report.hopeless.is_some());
                let request_cost = report.map_or(Cost::ZERO, |r| r.request_cost);
                LiveLease {
                    producer: producer.clone(),
                    incarnation,
                    concurrency: member.last().map_or(1, |last| last.concurrency),
                    used: Lease { requests: used.requests.max(settled.requests), cost: used.cost },
                    // Who has nobody to ask can pay nobody.
                    request_cost: if hopeless { Cost::MAX } else { request_cost },
                    dearest_cost: report.map_or(Cost::ZERO, |r| r.dearest_cost),
                    idle: report.is_none_or(|report| report.in_flight == 0),
                    stuck: hopeless || member.is_stuck(id, now),
                }
            })
            .collect()
    }

    fn put(&self, state: TopicState, problem: Option<String>, epoch: Epoch, now: Now) -> Action {
        let ended_at = state.is_ended().then_some(now.unix);
        let expected = self.topic.version;
        let topic = Topic { state, ended_at, problem, epoch, version: expected + 1, ..self.topic.clone() };
        Action::Put { topic: Box::new(topic), expected }
    }

    /// What a producer shall do; `None`: not to be named in its command.
    pub(super) fn order(
        &self,
        producer: &WorkerId,
        incarnation: Incarnation,
        settings: &Settings,
        now: Monotonic,
    ) -> Option<TopicOrder> {
        let ask = match self.topic.state {
            TopicState::Running => self.is_open(),
            TopicState::Ending(_) => false,
            TopicState::Starting | TopicState::Ended(_) => return None,
        };
        Some(TopicOrder {
            topic: self.topic.id.clone(),
            run: self.topic.run,
            name: self.topic.name.clone(),
            prompt: self.topic.prompt.clone(),
            items_per_request: self.topic.items_per_request,
            provider_weights: self.topic.provider_weights.clone(),
            ask,
            abandon: self.ending_since.is_some_and(|since| now.since(since) >= settings.end_grace),
            lease: self.ledger.order(producer, incarnation),
            capped_cost: self.topic.limits.max_cost.is_some(),
        })
    }

    pub(super) fn status(&self, members: &BTreeMap<WorkerId, Member>, epoch: Epoch, now: Now) -> TopicStatus {
        let active = self.topic.state.is_live();
        let reports = if active { self.worst_reports(members) } else { Vec::new() };
        let status = TopicStatus::of(self.topic.clone(), &self.fold, epoch, now.unix);
        TopicStatus {
            attributes_per_minute: if active { self.rate(now.monotonic) } else { 0.0 },
            active_producers: if active { u32::try_from(members.len()).unwrap_or(u32::MAX) } else { 0 },
            problem: if active { self.problem(members, &reports) } else { status.problem.clone() },
            provider_reports: reports,
            ..status
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "for showing")]
    fn rate(&self, now: Monotonic) -> f64 {
        let Some((since, had)) = self.samples.front() else { return 0.0 };
        let seconds = now.since(*since).as_secs_f64();
        if seconds < 0.5 { 0.0 } else { (self.fold.attributes() - had) as f64 * 60.0 / seconds }
    }

    /// The worst report over all producers of each provider that the topic asks.
    fn worst_reports(&self, members: &BTreeMap<WorkerId, Member>) -> Vec<ProviderReport> {
        let weights = &self.topic.provider_weights;
        let asked = |name: &str| weights.is_empty() || weights.get(name).is_some_and(|weight| *weight > 0.0);
        let mut worst: BTreeMap<&str, &ProviderReport> = BTreeMap::new();
        for report in members.values().filter_map(Member::last).flat_map(|last| &last.providers) {
            let known = worst.entry(&report.name).or_insert(report);
            if report.state > known.state {
                *known = report;
            }
        }
        worst.into_values().filter(|report| asked(&report.name)).cloned().collect()
    }

    fn problem(&self, members: &BTreeMap<WorkerId, Member>, providers: &[ProviderReport]) -> Option<String> {
        if members.is_empty() {
            return Some("no producer is connected".to_owned());
        }
        if let Some(why) = self.reports(members).flatten().find_map(|report| report.hopeless.clone()) {
            return Some(why);
        }
        let details: Vec<_> = providers
            .iter()
            .filter(|provider| !provider.detail.is_empty())
            .map(|provider| format!("{}: {}", provider.name, provider.detail))
            .collect();
        let details = details.join("; ");
        let unusable = self.fold.unusable_answers();
        if unusable >= UNUSABLE_WORTH_A_WORD {
            let problem = format!("the last {unusable} answers were refusals or held no list");
            return Some(if details.is_empty() { problem } else { format!("{problem} ({details})") });
        }
        let waiting = !providers.is_empty() && providers.iter().all(|provider| provider.state != Ready);
        waiting.then_some(details)
    }
}
