//! How providers do, over the requests of all producers: what one has found out spares the others to find it out themselves.
//!
//! Each producer's gates see to what only it meets ([`crate::gate`]). What several meet is seen in the logs, where every request ends:
//!
//! 1. A provider that fails twice in a row, three times where it fails now and then anyway, or answers fewer than half of its newest requests, *rests*: nobody asks it.
//!    After the first failure of one that hardly ever fails nobody asks it until another of its requests has ended.
//! 2. One producer at a time is told to *probe* it, with one request, after a pause that grows from failure to failure, to 30 s at most. Who does not come to it in time
//!    hands the probe on to the next.
//! 3. After three answers in a row it is *back*. Where a running topic can ask nobody else, one is enough, and pauses are a sixth.
//! 4. A key that a service has told to wait (`Retry-After`) waits at every producer.
//!
//! A log does not say which request was a probe: whatever began after the provider was left alone is one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::managed::Managed;
use super::member::Member;
use super::{Coordinator, Note};
use crate::batch::Outcome;
use crate::command::{Care, Heartbeat, LONGEST_KEY_WAIT_MS, MOST_CARE, ProviderState};
use crate::decision::{Cared, Treated};
use crate::ids::{Epoch, Incarnation, WorkerId};
use crate::log::Entry;
use crate::time::{Monotonic, Now};

/// Of so many requests the last counts as one in how well a provider does.
const LATELY: f64 = 8.0;
/// Who answers a larger share hardly ever fails.
const CLEAN: f64 = 0.95;
/// Who answers a smaller share rests as soon as a request fails.
const POOR: f64 = 0.5;
/// Failures in a row after which a provider rests, where it hardly ever fails, and where it does now and then.
const FAILURES: u32 = 2;
const MORE_FAILURES: u32 = 3;
/// Pauses before each probe; the last one from then on. Up to three tenths of each are left out.
const PAUSES: [Duration; 3] = [Duration::from_secs(6), Duration::from_secs(18), Duration::from_secs(30)];
const SPREAD: f64 = 0.3;
/// How long it takes until producers have heard that a provider is left alone: what began before is no probe.
const HEARD_WITHIN: Duration = Duration::from_millis(500);
/// How long what becomes of other requests is waited for after a first failure.
const DOUBT: Duration = Duration::from_millis(1_500);
/// Answers in a row after which a provider is back.
const ANSWERS: u32 = 3;
/// Where nobody else can be asked, pauses are so many times shorter.
const ALONE: u32 = 6;
/// A probe without an end is handed on after this; a request may take longer, and counts all the same.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);
/// After so many answers of one that is back, the next pause is a short one again.
const WELL: u32 = 20;

#[derive(Clone, Debug)]
struct Probe {
    producer: WorkerId,
    incarnation: Incarnation,
    granted: Monotonic,
}

#[derive(Clone, Debug)]
struct Rest {
    since: Monotonic,
    /// When it may be probed.
    next: Monotonic,
    probe: Option<Probe>,
    /// Answers in a row since.
    answers: u32,
    /// It has failed once, and what becomes of others is waited for.
    is_doubt: bool,
}

#[derive(Clone, Debug)]
struct Record {
    /// Share of its requests that is answered, the last ones counting most.
    answered: f64,
    /// Failures in a row, probes among them.
    failures: u32,
    /// Answers since it was back.
    answers: u32,
    /// Pauses since it was well.
    pauses: usize,
    rest: Option<Rest>,
    /// Somebody else can be asked, by every running topic that may ask this one.
    has_others: bool,
    /// Whether it rested when this term began does not matter any more.
    is_known: bool,
    /// Number of its newest probe, and who had it.
    probe: u64,
    prober: Option<WorkerId>,
    key_waits_until: Monotonic,
    /// Why it is left alone, for people.
    why: String,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            answered: 1.0,
            failures: 0,
            answers: 0,
            pauses: 0,
            rest: None,
            has_others: false,
            is_known: false,
            probe: 0,
            prober: None,
            key_waits_until: Monotonic::default(),
            why: String::new(),
        }
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Health {
    epoch: Epoch,
    records: BTreeMap<String, Record>,
    news: Vec<Cared>,
}

impl Health {
    pub(super) fn new(epoch: Epoch) -> Self {
        Self { epoch, ..Self::default() }
    }

    /// Takes in how requests have ended.
    pub(super) fn entries<'a>(&mut self, entries: impl Iterator<Item = &'a Entry>, now: Monotonic) {
        for meta in entries.filter_map(Entry::response) {
            let began = Monotonic(now.0.saturating_sub(meta.latency_ms));
            self.ended(&meta.provider, meta.outcome, began, now);
        }
    }

    fn ended(&mut self, provider: &str, outcome: Outcome, began: Monotonic, now: Monotonic) {
        let fails = match outcome {
            Outcome::Answered | Outcome::Empty | Outcome::Refused | Outcome::Unparsable => false,
            Outcome::RateLimited | Outcome::Timeout | Outcome::ServerError | Outcome::Unreachable => true,
            // These tell of a producer's own settings, or of nothing.
            Outcome::WrongKey | Outcome::BadRequest | Outcome::Abandoned => return,
        };
        let Some(record) = self.records.get_mut(provider) else { return };
        let treated = record.ended(fails.then_some(outcome), began, jitter(provider, self.epoch, now), now);
        self.tell(provider, treated);
    }

    /// Takes in what a producer says of its providers.
    pub(super) fn heard(&mut self, heartbeat: &Heartbeat, now: Monotonic) {
        for report in &heartbeat.providers {
            if self.records.len() >= MOST_CARE && !self.records.contains_key(&report.name) {
                continue;
            }
            let record = self.records.entry(report.name.clone()).or_default();
            let wait = Duration::from_millis(report.key_waits_ms.min(LONGEST_KEY_WAIT_MS));
            if !wait.is_zero() {
                record.key_waits_until = record.key_waits_until.max(now + wait);
            }
            let by_another = report.rests && heartbeat.command.0 < self.epoch;
            if by_another && !std::mem::replace(&mut record.is_known, true) {
                let pause = record.pause(jitter(&report.name, self.epoch, now));
                let treated = record.rests(None, pause, now);
                self.tell(&report.name, Some(treated));
            }
        }
    }

    /// Grants the probes that are due; the answer is how providers are treated otherwise than at the last look. `choices` are the providers that running topics are
    /// confined to; an empty one is all that there are.
    pub(super) fn look(
        &mut self,
        choices: &BTreeSet<Vec<String>>,
        members: &BTreeMap<WorkerId, Member>,
        now: Monotonic,
    ) -> Vec<Cared> {
        let reports = members.values().filter_map(Member::last).flat_map(|last| &last.providers);
        let rests = |name: &str| self.records.get(name).is_some_and(|record| record.rest.is_some());
        let ready = reports.filter(|report| report.state == ProviderState::Ready && !rests(&report.name));
        let ready: BTreeSet<String> = ready.map(|report| report.name.clone()).collect();
        for (name, record) in &mut self.records {
            let is_another = |other: &String| other != name && ready.contains(other);
            // What one topic may ask helps another one nothing.
            record.has_others = choices.iter().all(|choice| match choice.as_slice() {
                [] => ready.iter().any(is_another),
                all => !all.contains(name) || all.iter().any(is_another),
            });
            let longest = PAUSES.last().copied().unwrap_or_default() / ALONE;
            if let Some(rest) = record.rest.as_mut().filter(|_| !record.has_others) {
                rest.next = rest.next.min(now + longest);
            }
            if let Some(by) = record.grant(name, members, now) {
                self.news.push(Cared { provider: name.clone(), treated: Treated::Probed { by } });
            }
        }
        std::mem::take(&mut self.news)
    }

    /// What a producer has to be told.
    pub(super) fn care(&self, producer: &WorkerId, now: Monotonic) -> Vec<Care> {
        let care = |(name, record): (&String, &Record)| {
            let wait = record.key_waits_until.since(now).as_millis();
            let probe = record.rest.as_ref().and_then(|rest| rest.probe.as_ref());
            Care {
                provider: name.clone(),
                rests: record.rest.is_some(),
                probe: if record.rest.is_some() { record.probe } else { 0 },
                yours: probe.is_some_and(|probe| probe.producer == *producer),
                key_waits_ms: u64::try_from(wait).unwrap_or(LONGEST_KEY_WAIT_MS),
            }
        };
        self.records.iter().map(care).filter(|care| care.rests || care.key_waits_ms > 0).collect()
    }

    /// Who is left alone, until when and why, for people.
    pub(super) fn resting(&self, now: Monotonic) -> BTreeMap<String, String> {
        let of = |(name, record): (&String, &Record)| {
            let rest = record.rest.as_ref()?;
            let seconds = rest.next.max(record.key_waits_until).since(now).as_millis().div_ceil(1_000);
            let until = match &rest.probe {
                Some(probe) => format!("{} tries it alone", probe.producer),
                None => format!("tried again in {seconds} s"),
            };
            Some((name.clone(), format!("left alone by all producers, {until}: {}", record.why)))
        };
        self.records.iter().filter_map(of).collect()
    }

    fn tell(&mut self, provider: &str, treated: Option<Treated>) {
        let cared = treated.map(|treated| Cared { provider: provider.to_owned(), treated });
        self.news.extend(cared);
    }
}

impl Record {
    /// A request has ended, well or with a failure.
    fn ended(
        &mut self,
        failure: Option<Outcome>,
        began: Monotonic,
        jitter: f64,
        now: Monotonic,
    ) -> Option<Treated> {
        let doubted = match &self.rest {
            Some(rest) if !rest.is_doubt && began < rest.since + HEARD_WITHIN => return None,
            Some(rest) => rest.is_doubt,
            None => false,
        };
        let was_clean = self.answered >= CLEAN || doubted;
        let ended = if failure.is_some() { 0.0 } else { 1.0 };
        self.answered += (ended - self.answered) / LATELY;
        let Some(outcome) = failure else { return self.answered(doubted, now) };
        self.failures = self.failures.saturating_add(1);
        self.answers = 0;
        let enough = if was_clean { FAILURES } else { MORE_FAILURES };
        if self.rest.is_some() || self.failures >= enough || self.answered < POOR {
            let pause = self.pause(jitter);
            return Some(self.rests(Some(outcome), pause, now));
        }
        // To be asked for less is no failure that others need not meet.
        if !was_clean || !self.has_others || outcome == Outcome::RateLimited {
            return None;
        }
        let next = now + DOUBT;
        self.rest = Some(Rest { since: now, next, probe: None, answers: 0, is_doubt: true });
        self.why =
            format!("one of its requests has failed ({}), which hardly ever happens", outcome.as_str());
        Some(Treated::Doubted { outcome })
    }

    fn answered(&mut self, doubted: bool, now: Monotonic) -> Option<Treated> {
        self.failures = 0;
        let enough = if doubted || !self.has_others { 1 } else { ANSWERS };
        let Some(rest) = &mut self.rest else {
            self.answers = self.answers.saturating_add(1);
            if self.answers >= WELL {
                self.pauses = 0;
            }
            return None;
        };
        rest.answers += 1;
        (rest.probe, rest.next) = (None, now);
        let answers = rest.answers;
        if answers < enough {
            return None;
        }
        (self.rest, self.answers) = (None, 0);
        Some(Treated::Back { answers })
    }

    /// The next pause; `jitter` is uniform in `0..1`.
    fn pause(&mut self, jitter: f64) -> Duration {
        let pause = PAUSES.get(self.pauses).or(PAUSES.last()).copied().unwrap_or_default();
        self.pauses += 1;
        let pause = if self.has_others { pause } else { pause / ALONE };
        pause.mul_f64(1.0 - SPREAD * jitter)
    }

    fn rests(&mut self, outcome: Option<Outcome>, pause: Duration, now: Monotonic) -> Treated {
        let since = self.rest.as_ref().filter(|rest| !rest.is_doubt).map_or(now, |rest| rest.since);
        self.rest = Some(Rest { since, next: now + pause, probe: None, answers: 0, is_doubt: false });
        self.is_known = true;
        self.why = match outcome {
            Some(outcome) => format!("{} failures in a row, the last: {}", self.failures, outcome.as_str()),
            None => "so an earlier leader had decided".to_owned(),
        };
        Treated::Rests {
            failures: self.failures,
            outcome,
            answered: thousandths(self.answered),
            pause_ms: u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Who may probe now, if that is news: the next producer behind the last one that has the provider.
    fn grant(
        &mut self,
        name: &str,
        members: &BTreeMap<WorkerId, Member>,
        now: Monotonic,
    ) -> Option<WorkerId> {
        let rest = self.rest.as_mut()?;
        let is_there = |probe: &Probe| {
            now.since(probe.granted) < PROBE_PATIENCE
                && members.get(&probe.producer).is_some_and(|one| one.incarnation() == probe.incarnation)
        };
        if rest.next.max(self.key_waits_until) > now || rest.probe.as_ref().is_some_and(is_there) {
            return None;
        }
        let may = |member: &Member| {
            member.last().is_some_and(|last| {
                let has = |report: &crate::command::ProviderReport| {
                    report.name == name && report.state != ProviderState::Stopped
                };
                !last.draining && !last.topics.is_empty() && last.providers.iter().any(has)
            })
        };
        let able = || members.iter().filter(|(_, member)| may(member));
        let is_behind = |id: &WorkerId| self.prober.as_ref().is_none_or(|last| id > last);
        let (id, member) = able().find(|(id, _)| is_behind(id)).or_else(|| able().next())?;
        self.probe += 1;
        self.prober = Some(id.clone());
        rest.probe = Some(Probe { producer: id.clone(), incarnation: member.incarnation(), granted: now });
        Some(id.clone())
    }
}

impl Coordinator {
    /// Looks at how providers do, and writes down for each topic what is news of those that it asks.
    pub(super) fn look_at_health(&mut self, now: Now) {
        let choices = self.topics.values().filter_map(Managed::confined_to).collect();
        let news = self.health.look(&choices, &self.members, now.monotonic);
        let resting = self.health.resting(now.monotonic);
        for managed in self.topics.values_mut() {
            managed.cares(&news, &resting, &self.members, self.epoch, now);
        }
        self.notes.extend(news.into_iter().map(Note::Cared));
    }

    /// Providers of which something is known, and whether all producers leave them alone.
    pub fn treated(&self) -> impl Iterator<Item = (&str, bool)> {
        self.health.records.iter().map(|(name, record)| (name.as_str(), record.rest.is_some()))
    }
}

/// Spreads pauses, the same for the same moment.
#[expect(clippy::cast_precision_loss, reason = "a part of the bits is enough")]
fn jitter(provider: &str, epoch: Epoch, now: Monotonic) -> f64 {
    (xxh3_64_with_seed(provider.as_bytes(), epoch ^ now.0.rotate_left(32)) >> 11) as f64
        / (1_u64 << 53) as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share")]
fn thousandths(share: f64) -> u16 {
    (share.clamp(0.0, 1.0) * 1e3).round() as u16
}
