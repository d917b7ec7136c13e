//! The gate of one provider.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::batch::Outcome;
use crate::command::{ProviderReport, ProviderState};
use crate::folder::TopicId;
use crate::time::Monotonic;

use super::heeding::Cared;
use super::pace::Pace;
use super::{Ended, Limits, Scope, backoff};

/// From so many failures in a row on, a single request probes before the others follow.
const PROBE_FROM: u32 = 3;
/// So many refused requests in a row, before any was answered, mean a wrong model name or the like.
const BAD_REQUESTS: u32 = 3;
/// A provider that may start fewer requests a minute than this keeps nobody waiting.
const WAITED_FOR_FROM_RPM: u32 = 30;
/// A full provider that has never answered is waited for so long.
const FIRST_PATIENCE: Duration = Duration::from_secs(10);
/// One that has is waited for at least so long.
const LEAST_PATIENCE: Duration = Duration::from_secs(5);
/// A pause of this length is worth a word even after one failure.
const LONG_PAUSE: Duration = Duration::from_secs(10);
/// Of so many requests the last counts as one in how well a provider does.
const LATELY: f64 = 4.0;
/// A provider of whose requests a smaller share is answered is drawn less.
const SOUND: f64 = 0.8;
/// It is never taken for worse than that, so that few answers show that it is well again.
const LEAST_ANSWERS: f64 = 0.2;
/// One that was not asked for so long is drawn as if it were sound, so that it is noticed when it is again.
const TRIED_AFTER: Duration = Duration::from_secs(15);
/// Topics remembered that a provider has nothing to say on; forgetting one costs one request.
const MAX_UNABLE: usize = 1_000;

/// A request under way; there is one for each start, and it ends once.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    index: usize,
    era: u64,
    probe: bool,
    started: Monotonic,
}

impl Ticket {
    /// Position of the provider.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }
}

/// A change worth a line in the log, told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is left alone for a while.
    Paused {
        /// How long.
        pause: Duration,
        /// Failures in a row.
        failures: u32,
    },
    /// It answers again.
    Recovered,
    /// It is not asked any more.
    Stopped,
    /// It is not asked about this topic any more.
    Unable,
}

/// Whether a provider may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    Ready,
    /// Not before a request under way has ended. It keeps up, so that is worth waiting for, but not beyond `patience`.
    Full {
        patience: Monotonic,
    },
    /// Not before this, by its rate limit, which is worth waiting for.
    Soon(Monotonic),
    /// Not before this, and then only if nothing else happens.
    At(Monotonic),
    /// Not before a request under way has ended, which may take long.
    Busy,
    Stopped,
}

#[derive(Clone, Debug)]
pub(super) struct Gate {
    limits: Limits,
    in_flight: u32,
    /// When a request started last.
    started: Monotonic,
    /// How long an answer takes, lately.
    usual: Option<Duration>,
    pace: Option<Pace>,
    /// Share of its requests that is answered, the last ones counting most.
    answers: f64,
    /// Failures in a row.
    failures: u32,
    /// Grows with each pause. What a request from before a pause tells is older than the pause, and changes nothing but the share of answers.
    era: u64,
    paused_until: Monotonic,
    probing: bool,
    bad_requests: u32,
    /// Refusals of the key in a row, after it had been accepted.
    refusals: u32,
    ever_answered: bool,
    /// People were told of the pauses.
    announced: bool,
    /// Why it is never asked again.
    stopped: Option<String>,
    /// What went wrong last.
    detail: String,
    /// What the last answer was instead of a list, or the option that was refused last.
    remark: String,
    unable: BTreeMap<TopicId, String>,
    /// What the leader says of it.
    care: Cared,
}

impl Gate {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            pace: limits.requests_per_minute.map(Pace::new),
            limits,
            in_flight: 0,
            started: Monotonic::default(),
            usual: None,
            answers: 1.0,
            failures: 0,
            era: 0,
            paused_until: Monotonic::default(),
            probing: false,
            bad_requests: 0,
            refusals: 0,
            ever_answered: false,
            announced: false,
            stopped: None,
            detail: String::new(),
            remark: String::new(),
            unable: BTreeMap::new(),
            care: Cared::default(),
        }
    }

    /// Does as the leader says. Who is asked by all again has failed nobody: what was learned of it before is over.
    pub(super) fn heed(&mut self, rests: bool, probe: u64, yours: bool) {
        if rests != self.care.rests {
            self.era += 1;
            if !rests {
                (self.failures, self.paused_until) = (0, Monotonic::default());
                self.answers = self.answers.max(SOUND);
            }
        }
        self.care.heed(rests, probe, yours);
    }

    /// Another leader counts probes anew.
    pub(super) fn forget_probes(&mut self) {
        self.care = Cared::resting(self.care.rests);
    }

    /// Whether it is this process that tries a provider which is left alone by all, and has not yet.
    pub(super) fn is_to_probe(&self) -> bool {
        self.care.rests && self.care.probe_due
    }

    pub(super) fn rests(&self) -> bool {
        self.care.rests
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    pub(super) fn stopped_detail(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    pub(super) fn is_unable(&self, topic: &TopicId) -> bool {
        self.unable.contains_key(topic)
    }

    pub(super) fn unable_detail(&self, topic: &TopicId) -> Option<&str> {
        self.unable.get(topic).map(String::as_str)
    }

    /// How much of its weight a provider has: all while most of its requests are answered. Its pauses alone would let one that fails more often than not
    /// come back after each answer.
    pub(super) fn soundness(&self, now: Monotonic) -> f64 {
        if now.since(self.started) >= TRIED_AFTER {
            return 1.0;
        }
        (self.answers / SOUND).min(1.0).powi(8)
    }

    /// `heeded_until` is how long the leader's word counts.
    pub(super) fn readiness(
        &self,
        blocked_until: Monotonic,
        heeded_until: Monotonic,
        now: Monotonic,
    ) -> Readiness {
        if self.stopped.is_some() {
            return Readiness::Stopped;
        }
        if self.rests() && heeded_until > now {
            let at = blocked_until.max(self.pace.as_ref().map(Pace::next).unwrap_or_default());
            return match self.is_to_probe() && self.in_flight < self.limits.max_concurrency.max(1) {
                true if at <= now => Readiness::Ready,
                true => Readiness::At(at),
                false => Readiness::At(heeded_until),
            };
        }
        if self.probing {
            return Readiness::Busy;
        }
        let paused = self.paused_until.max(blocked_until);
        let at = paused.max(self.pace.as_ref().map(Pace::next).unwrap_or_default());
        if paused > now {
            return Readiness::At(at);
        }
        let healthy = self.failures == 0;
        if self.in_flight >= self.limits.max_concurrency.max(1) {
            // No request has ended since the last start: that one filled it.
            let patience = self.started + self.patience();
            return if healthy && patience > now { Readiness::Full { patience } } else { Readiness::Busy };
        }
        if at <= now {
            Readiness::Ready
        } else if healthy && self.limits.requests_per_minute >= Some(WAITED_FOR_FROM_RPM) {
            Readiness::Soon(at)
        } else {
            Readiness::At(at)
        }
    }

    pub(super) fn start(&mut self, index: usize, now: Monotonic) -> Ticket {
        self.in_flight += 1;
        self.started = now;
        if let Some(pace) = &mut self.pace {
            pace.start(now);
        }
        let probe = self.failures >= PROBE_FROM || self.rests();
        self.care.probe_due = false;
        self.probing = probe;
        Ticket { index, era: self.era, probe, started: now }
    }

    #[expect(clippy::needless_pass_by_value, reason = "a ticket is used up, so that a request ends once")]
    pub(super) fn finish(
        &mut self,
        ticket: Ticket,
        topic: &TopicId,
        ended: &Ended<'_>,
        random: f64,
        now: Monotonic,
        blocked_until: Monotonic,
    ) -> Option<Change> {
        self.in_flight = self.in_flight.saturating_sub(1);
        if ticket.probe {
            self.probing = false;
        }
        match ended.scope {
            Scope::Adapted => {
                ended.detail.clone_into(&mut self.remark);
                return None;
            }
            Scope::Topic => return self.learn_unable(topic, ended.detail),
            Scope::Provider => {}
        }
        match ended.outcome {
            Outcome::Answered | Outcome::Empty | Outcome::Refused | Outcome::Unparsable => {
                self.remark =
                    if ended.outcome == Outcome::Answered { String::new() } else { ended.detail.to_owned() };
                self.answers += (1.0 - self.answers) / LATELY;
                self.succeed(&ticket, now)
            }
            Outcome::RateLimited | Outcome::Timeout | Outcome::ServerError | Outcome::Unreachable => {
                self.answers = (self.answers - self.answers / LATELY).max(LEAST_ANSWERS);
                self.fail(&ticket, ended.detail, random, now, blocked_until)
            }
            Outcome::WrongKey if !self.ever_answered => self.stop(ended.detail),
            // A key that worked may be refused for one request, for what it asks or where it came from.
            Outcome::WrongKey => {
                self.refusals = self.refusals.saturating_add(1);
                if self.refusals < BAD_REQUESTS {
                    self.fail(&ticket, ended.detail, random, now, blocked_until)
                } else {
                    self.stop(ended.detail)
                }
            }
            Outcome::BadRequest => {
                self.bad_requests = self.bad_requests.saturating_add(1);
                ended.detail.clone_into(&mut self.detail);
                if self.bad_requests < BAD_REQUESTS {
                    None
                } else if self.ever_answered {
                    self.fail(&ticket, ended.detail, random, now, blocked_until)
                } else {
                    self.stop(ended.detail)
                }
            }
            Outcome::Abandoned => None,
        }
    }

    /// `told` is until when the service has told this process to wait, `heeded_until` how long the leader's word counts.
    pub(super) fn report(
        &self,
        (blocked_until, told): (Monotonic, Monotonic),
        heeded_until: Monotonic,
        now: Monotonic,
    ) -> ProviderReport {
        let rests = self.rests() && heeded_until > now;
        let wait = self.paused_until.max(blocked_until).since(now);
        let (state, detail) = if let Some(detail) = &self.stopped {
            (ProviderState::Stopped, detail.clone())
        } else if rests {
            let why = if self.detail.is_empty() { "others have met failures" } else { self.detail.as_str() };
            (ProviderState::Waiting, format!("left alone by all producers: {why}"))
        } else if !wait.is_zero() || self.probing {
            let seconds = wait.as_millis().div_ceil(1_000);
            let cause = if self.failures == 0 { "its key has to wait" } else { self.detail.as_str() };
            (ProviderState::Waiting, format!("asked again in {seconds} s: {cause}"))
        } else {
            let failed_last = self.failures > 0 || self.bad_requests > 0;
            (ProviderState::Ready, if failed_last { &self.detail } else { &self.remark }.clone())
        };
        let (name, model) = (self.limits.name.clone(), self.limits.model.clone());
        let weight_millis = Some(self.limits.weight_millis());
        let key_waits_ms = u64::try_from(told.since(now).as_millis()).unwrap_or(u64::MAX);
        ProviderReport { name, model, state, detail, weight_millis, rests, key_waits_ms }
    }

    fn succeed(&mut self, ticket: &Ticket, now: Monotonic) -> Option<Change> {
        let took = now.since(ticket.started);
        self.usual = Some(self.usual.map_or(took, |usual| (usual * 7 + took) / 8));
        self.ever_answered = true;
        self.bad_requests = 0;
        self.refusals = 0;
        if ticket.era != self.era {
            return None;
        }
        self.failures = 0;
        std::mem::take(&mut self.announced).then_some(Change::Recovered)
    }

    fn fail(
        &mut self,
        ticket: &Ticket,
        detail: &str,
        random: f64,
        now: Monotonic,
        blocked_until: Monotonic,
    ) -> Option<Change> {
        if self.stopped.is_some() || ticket.era != self.era {
            return None;
        }
        self.era += 1;
        self.failures = self.failures.saturating_add(1);
        self.paused_until = now + backoff::pause(self.failures, random);
        detail.clone_into(&mut self.detail);
        let pause = self.paused_until.max(blocked_until).since(now);
        let tell = !self.announced && (self.failures >= PROBE_FROM || pause >= LONG_PAUSE);
        self.announced |= tell;
        tell.then_some(Change::Paused { pause, failures: self.failures })
    }

    /// How long a full provider may go without an end of a request before the others are asked: twice what is usual.
    fn patience(&self) -> Duration {
        self.usual.map_or(FIRST_PATIENCE, |usual| LEAST_PATIENCE.max(usual * 2))
    }

    fn stop(&mut self, detail: &str) -> Option<Change> {
        if self.stopped.is_some() {
            return None;
        }
        self.stopped = Some(detail.to_owned());
        Some(Change::Stopped)
    }

    fn learn_unable(&mut self, topic: &TopicId, detail: &str) -> Option<Change> {
        if self.unable.len() >= MAX_UNABLE {
            self.unable.pop_first();
        }
        let first = self.unable.insert(topic.clone(), detail.to_owned()).is_none();
        first.then_some(Change::Unable)
    }
}
