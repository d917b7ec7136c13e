//! A topic in the coordinator's hands.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::ledger::{Budget, Ledger, LiveLease};
use super::member::Member;
use super::{Action, LINGER, Note, Settings};
use crate::command::{Lease, ProviderReport, TopicOrder, TopicReport};
use crate::cost::Cost;
use crate::decision::spent;
use crate::estimate::Completeness;
use crate::fold::{FoldError, TopicFold};
use crate::frontier::Part;
use crate::ids::{Epoch, Incarnation, LogIndex, Seq, WorkerId};
use crate::log::Entry;
use crate::quote::{self, Forecast};
use crate::status::NAMED;
use crate::time::{Monotonic, Now, UnixMillis};
use crate::topic::{Partition, Topic, TopicState, UsedUp};

mod affording;
mod directing;
mod effects;
mod ending;
mod journal;
mod routing;
mod showing;
mod tickets;
mod wording;

use affording::{TooDear, poor_beside_others};
use effects::Effects;
use journal::{Journal, Moment};
use routing::Routing;
use tickets::Tickets;
use wording::Wordings;

/// How far the rate of new attributes looks back.
const RATE_WINDOW: Duration = Duration::from_mins(1);

/// How complete a topic is, is looked at again when the log has grown by one part in so many.
const WORTH_A_LOOK: LogIndex = 20;

/// Whether the store knows the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    No,
    WithCap(Option<u64>),
}

/// Where a log stood.
#[derive(Clone, Copy, Debug, Default)]
struct Baseline {
    index: LogIndex,
    answers: u64,
    failures: u64,
}

#[derive(Debug)]
pub(super) struct Managed {
    pub(super) topic: Topic,
    /// So many answers in a row without anything new end it.
    dry_after: u64,
    pub(super) fold: TopicFold,
    pub(super) ledger: Ledger,
    open: Open,
    /// Something was committed to it when it had ended, and nobody follows it.
    late: bool,
    /// It was followed for its while after the end.
    lingered: bool,
    head: LogIndex,
    /// Where its log stood when the topic was last started.
    baseline: Option<Baseline>,
    /// When it was started, on this process's monotonic clock.
    started: Monotonic,
    /// How long it had run before this process knew of it.
    ran_before: Duration,
    last_answer: Monotonic,
    failures_at_last_answer: u64,
    ending_since: Option<Monotonic>,
    /// Since when it is ending and no producer has a request under way.
    quiet_since: Option<Monotonic>,
    /// Since when only judges are asked, before it comes to its end.
    judging: Option<Monotonic>,
    /// Since when it is known, where an earlier leader had it running: producers that are not heard yet may have answers under way.
    inherited: Option<Monotonic>,
    /// What the store is known to have of the ledger, whichever of those that were sent to it without an answer it took.
    saved: Option<Ledger>,
    /// An earlier leader had saved a ledger.
    found_ledger: bool,
    samples: VecDeque<(Monotonic, Seq)>,
    tickets: Tickets,
    journal: Journal,
    routing: Routing,
    wordings: Wordings,
    effects: Effects,
    /// Providers that all producers leave alone, and why.
    resting: BTreeMap<String, String>,
    /// Those whose requests the rest of the money does not cover.
    too_dear: TooDear,
    /// How complete it is, by the log up to the entry named.
    completeness: (LogIndex, Option<Completeness>),
    /// How far its parts are, by the same.
    parts: Vec<Part>,
    /// What further items cost, by the same.
    forecast: Option<Forecast>,
}

impl Managed {
    pub(super) fn new(topic: Topic, settings: &Settings, now: Now) -> Self {
        let ran_before = Duration::from_millis(now.unix.0.saturating_sub(topic.started_at.0));
        let under_way = matches!(topic.state, TopicState::Running | TopicState::Ending(_));
        Self {
            inherited: under_way.then_some(now.monotonic),
            topic,
            dry_after: settings.dry_after,
            fold: TopicFold::default(),
            ledger: Ledger::default(),
            open: Open::No,
            late: false,
            lingered: false,
            head: 0,
            baseline: None,
            started: now.monotonic,
            ran_before,
            last_answer: now.monotonic,
            failures_at_last_answer: 0,
            ending_since: None,
            quiet_since: None,
            judging: None,
            saved: None,
            found_ledger: false,
            samples: VecDeque::new(),
            tickets: Tickets::default(),
            journal: Journal::default(),
            routing: Routing::default(),
            wordings: Wordings::default(),
            effects: Effects::default(),
            resting: BTreeMap::new(),
            too_dear: TooDear::default(),
            completeness: (0, None),
            parts: Vec::new(),
            forecast: None,
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
            self.judging = None;
            self.close();
            self.lingered = false;
        }
        self.topic = topic;
        let ending = matches!(self.topic.state, TopicState::Ending(_));
        self.ending_since = self.ending_since.or(Some(now.monotonic)).filter(|_| ending);
        self.quiet_since = self.quiet_since.filter(|_| ending);
    }

    /// What its log says is told by whoever asks the registry; here it is forgotten until somebody follows it again.
    pub(super) fn close(&mut self) {
        (self.open, self.late, self.lingered) = (Open::No, false, true);
        self.fold = TopicFold::default();
        self.head = 0;
        self.samples.clear();
        (self.tickets, self.routing) = (Tickets::default(), Routing::default());
        (self.wordings, self.effects) = (Wordings::default(), Effects::default());
        self.journal.begin();
        (self.completeness, self.forecast) = ((0, None), None);
        self.parts = Vec::new();
    }

    pub(super) fn decisions_saved(&mut self, end: u64) {
        self.journal.saved(end);
    }

    fn save_decisions(&self) -> Option<Action> {
        let (topic, run) = (self.topic.id.clone(), self.topic.run);
        self.journal.unsaved().map(|chunks| Action::SaveDecisions { topic, run, chunks })
    }

    const fn moment(&self, now: Now) -> Moment {
        Moment { at: now.unix, log_index: self.fold.log_index() }
    }

    /// Something was committed to the run: where it has ended, it is tried once to follow it again.
    pub(super) fn late(&mut self) {
        self.late = self.topic.state.is_ended() && !self.is_open();
    }

    pub(super) fn opened(&mut self, max_attributes: Option<u64>, ledger: Option<Ledger>) {
        (self.open, self.late) = (Open::WithCap(max_attributes), false);
        if let (None, Some(ledger)) = (&self.saved, ledger) {
            self.saved = Some(ledger.clone());
            self.ledger = ledger;
            self.found_ledger = true;
        }
    }

    pub(super) fn ledger_saved(&mut self, ledger: Ledger) {
        self.saved = Some(ledger);
    }

    /// Producers could not be heard until now: the time in which those that an earlier leader knew must come forward begins anew.
    pub(super) fn deaf(&mut self, now: Monotonic) {
        self.inherited = self.inherited.map(|_| now);
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self.open, Open::WithCap(_))
    }

    pub(super) fn restore(&mut self, fold: TopicFold) {
        self.head = self.head.max(fold.log_index());
        self.failures_at_last_answer = fold.totals().failed_responses;
        self.fold = fold;
    }

    pub(super) fn entries(&mut self, entries: &[Entry], head: LogIndex, now: Now) -> Result<(), FoldError> {
        // First of all, so that nothing is decided on a part of the log when an entry cannot be taken in.
        self.head = self.head.max(head);
        let answers = self.fold.totals().responses;
        for entry in entries {
            let is_new = entry.index > self.fold.log_index();
            self.fold.apply(entry)?;
            if is_new {
                self.tickets.settle(entry);
            }
        }
        self.head = self.head.max(self.fold.log_index());
        if self.fold.totals().responses > answers || self.baseline.is_none() {
            self.last_answer = now.monotonic;
            self.failures_at_last_answer = self.fold.totals().failed_responses;
        }
        Ok(())
    }

    const fn caught_up(&self) -> bool {
        self.fold.log_index() >= self.head
    }

    /// Estimates anew how complete it is, when the log has grown by a twentieth or for a second; toward its end always, since what is told then stays.
    fn estimate(&mut self, is_due: bool) {
        let (until, _) = self.completeness;
        let index = self.fold.log_index();
        let grown = index - until.min(index);
        let is_at_end = !matches!(self.topic.state, TopicState::Running);
        if grown > until / WORTH_A_LOOK || grown > 0 && (is_due || is_at_end) {
            let Topic { items_per_request: items, probe_share: probes, started_at: since, .. } = self.topic;
            let (completeness, forecast) = quote::look(&self.fold, items, probes, since);
            (self.completeness, self.forecast) = ((index, completeness), Some(forecast));
            self.parts = self.fold.parts(&self.topic.categories, NAMED);
        }
    }

    pub(super) fn sample(&mut self, now: Monotonic) {
        let due = self.samples.back().is_none_or(|(at, _)| now.since(*at) >= Duration::from_secs(1));
        if self.is_open() && self.caught_up() {
            self.estimate(due);
        }
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
            TopicState::Ended(_)
                if !self.is_open() && (std::mem::take(&mut self.late) || self.has_ended_lately(now)) =>
            {
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
            TopicState::Starting => self.decide_starting(epoch, now),
            TopicState::Running => self.decide_running(members, settings, epoch, now),
            TopicState::Ending(reason) => self.decide_ending(reason, members, settings, epoch, now),
        }
    }

    /// A run that goes on with a cap that is used up asks nobody.
    fn decide_starting(&self, epoch: Epoch, now: Now) -> Vec<Action> {
        if !self.caught_up() {
            return Vec::new();
        }
        let (found, requests) = (self.fold.attributes(), self.fold.totals().requests());
        let used_up = self.topic.limits.used_up(found, requests, spent(&self.fold));
        match used_up.first().map(UsedUp::reason) {
            Some(reason) => {
                let note = Action::Note(Note::Ending(self.topic.id.clone(), reason));
                vec![self.put(TopicState::Ending(reason), None, epoch, now), note]
            }
            None => vec![self.put(TopicState::Running, None, epoch, now)],
        }
    }

    /// Whether answers may still come: from a producer that could not be heard when the topic ended.
    fn has_ended_lately(&self, now: Now) -> bool {
        let since = |at: UnixMillis| Duration::from_millis(now.unix.0.saturating_sub(at.0));
        !self.lingered && self.topic.epoch > 0 && self.topic.ended_at.is_some_and(|at| since(at) < LINGER)
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
        self.journal.runs(self.topic.version);
        let here = self.here();
        self.baseline.get_or_insert(here);
        self.note_definition(epoch, now);
        let live = self.live(members, now.monotonic);
        let budget = self.budget(settings);
        // What an earlier leader leased without a cap is saved nowhere: who holds it has to be heard before anything of a cap is leased.
        let known = self.found_ledger || self.heard_all(settings, now.monotonic);
        self.ledger.plan(&self.fold, if known { budget } else { budget.exhausted() }, &live);
        self.pass_over_who_is_too_dear(members, &live, budget, now);
        let end = self.end(members, &live, budget, settings, now.monotonic);
        if let Some(end) = self.unless_judged(end, members, &live, settings, now.monotonic) {
            let (reason, _) = end;
            self.note_ending(end, members, epoch, now);
            let note = Action::Note(Note::Ending(self.topic.id.clone(), reason));
            let problem = self.problem_at_end(reason, members);
            let put = self.put(TopicState::Ending(reason), problem, epoch, now);
            return self.save_decisions().into_iter().chain([put, note]).collect();
        }
        if self.is_capped() && !self.saved.as_ref().is_some_and(|saved| saved.grants_as(&self.ledger)) {
            return vec![self.save_ledger()];
        }
        self.direct(members, &live, epoch, now);
        self.route(members, settings, epoch, now);
        self.word(members, epoch, now);
        self.save_decisions().into_iter().collect()
    }

    /// Where its log stands.
    const fn here(&self) -> Baseline {
        let totals = self.fold.totals();
        let (answers, failures) = (totals.responses, totals.failed_responses);
        Baseline { index: self.fold.log_index(), answers, failures }
    }

    const fn budget(&self, settings: &Settings) -> Budget {
        let limits = self.topic.limits;
        Budget { requests: limits.max_requests, cost: limits.max_cost, window: settings.window }
    }

    const fn is_directed(&self) -> bool {
        !matches!(self.topic.partition, Partition::None)
    }

    fn save_ledger(&mut self) -> Action {
        // Until an answer says otherwise, the store may have this one or the one before.
        self.saved = self.saved.take().map(|saved| saved.at_most(&self.ledger));
        let (topic, run) = (self.topic.id.clone(), self.topic.run);
        Action::SaveLedger { topic, run, ledger: self.ledger.clone() }
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
        let live = members
            .iter()
            .filter(|(_, member)| takes_work(member))
            .map(|(producer, member)| {
                let report = member.report(id, run);
                let incarnation = member.incarnation();
                let settled = self.fold.settled(producer, incarnation);
                let used = report.map_or(Lease::default(), |r| Lease { requests: r.sent, cost: r.risked });
                let used = Lease {
                    requests: used.requests.max(settled.requests),
                    cost: used.cost.max(settled.cost),
                };
                // Who waits for nothing has lost what the log does not have: it must not keep a place for ever.
                let rests = report.is_some_and(|report| report.in_flight == 0 && report.unresolved == 0);
                let in_log = Lease { requests: settled.requests, cost: settled.cost };
                let hopeless = report.is_some_and(|report| report.hopeless.is_some());
                let request_cost = report.map_or(Cost::ZERO, |r| r.request_cost);
                let concurrency = member.last().map_or(1, |last| last.concurrency);
                let places = report.map_or(0, |report| report.places);
                LiveLease {
                    producer: producer.clone(),
                    incarnation,
                    places: if places == 0 { concurrency } else { places.min(concurrency) },
                    used,
                    settled: if rests { used } else { in_log },
                    // Who has nobody to ask can pay nobody.
                    request_cost: if hopeless { Cost::MAX } else { request_cost },
                    dearest_cost: report.map_or(Cost::ZERO, |r| r.dearest_cost),
                    idle: report.is_none_or(|report| report.in_flight == 0),
                    waits: self.is_directed() && !self.tickets.has_next(producer, used.requests),
                    stuck: hopeless || member.is_stuck(id, now),
                    is_poor: member.is_poor(id, now),
                }
            })
            .collect::<Vec<_>>();
        poor_beside_others(live)
    }

    fn put(&self, state: TopicState, problem: Option<String>, epoch: Epoch, now: Now) -> Action {
        let ended_at = state.is_ended().then_some(now.unix);
        let expected = self.topic.version;
        let topic = Topic { state, ended_at, problem, epoch, version: expected + 1, ..self.topic.clone() };
        Action::Put { topic: Box::new(topic), expected }
    }

    const fn is_capped(&self) -> bool {
        self.topic.limits.max_requests.is_some() || self.topic.limits.max_cost.is_some()
    }

    /// What a life may be told to act on: under a cap no more than the store has for it, or, before it has anything, than it was told already.
    fn grant(&self, producer: &WorkerId, incarnation: Incarnation, told: Lease) -> Lease {
        let planned = self.ledger.order(producer, incarnation);
        if !self.is_capped() {
            return planned;
        }
        let saved = self.saved.as_ref().map_or(told, |saved| saved.lease(producer, incarnation));
        planned.at_most(saved)
    }

    /// What a producer shall do; `None`: not to be named in its command. `told` is the lease in the last command it was sent, `report` what it said of the topic
    /// last, `providers` how its providers do; what its requests aim at may take `room` bytes.
    pub(super) fn order(
        &self,
        producer: &WorkerId,
        incarnation: Incarnation,
        (told, report, providers): (Lease, Option<&TopicReport>, &[ProviderReport]),
        settings: &Settings,
        room: usize,
        now: Monotonic,
    ) -> Option<TopicOrder> {
        let ask = match self.topic.state {
            TopicState::Running => self.is_open(),
            TopicState::Ending(_) => false,
            TopicState::Starting | TopicState::Ended(_) => return None,
        };
        let (provider_weights, shares) = self.weights(providers);
        Some(TopicOrder {
            topic: self.topic.id.clone(),
            run: self.topic.run,
            name: self.topic.name.clone(),
            prompt: self.topic.prompt.clone(),
            items_per_request: self.topic.items_per_request,
            max_attributes: self.topic.limits.max_attributes,
            provider_weights,
            shares,
            ask,
            abandon: self.ending_since.is_some_and(|since| now.since(since) >= settings.end_grace),
            lease: self.grant(producer, incarnation, told),
            capped_cost: self.topic.limits.max_cost.is_some(),
            rules: self.topic.rules.clone(),
            phrasings: self.phrasings(),
            aims: (self.is_directed() || self.judging.is_some()).then(|| {
                let sent = report.map_or(0, |report| report.sent);
                if ask { self.tickets.of(producer, sent, room, &self.journal) } else { Vec::new() }
            }),
        })
    }
}
