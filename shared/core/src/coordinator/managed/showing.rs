//! What people are shown of a topic.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Settings;
use super::super::member::Member;
use super::Managed;
use crate::command::ProviderState::Ready;
use crate::command::{Lease, ProviderReport, ProviderState};
use crate::cost::Cost;
use crate::decision::AWAY_CHARS;
use crate::ids::{Epoch, WorkerId};
use crate::status::{NAMED, TopicStatus, cut};
use crate::time::{Monotonic, Now};
use crate::topic::EndReason;

/// So many answers in a row without a list are told of.
const UNUSABLE_WORTH_A_WORD: u64 = 5;

/// Why a provider is passed over that is sound.
const TOO_DEAR: &str = "the rest of the money does not cover a request to it";

impl Managed {
    pub(in crate::coordinator) fn status(
        &self,
        members: &BTreeMap<WorkerId, Member>,
        settings: &Settings,
        epoch: Epoch,
        now: Now,
    ) -> TopicStatus {
        let heard_all = self.heard_all(settings, now.monotonic);
        let active = self.topic.state.is_live();
        let reports = if active { self.worst_reports(members) } else { Vec::new() };
        let status = TopicStatus::of(self.topic.clone(), &self.fold, epoch, now.unix);
        let lost = self.lost(members, heard_all);
        let own = self.topic.problem.clone();
        let competes = self.topic.phrasing.is_none() && self.is_open();
        // Of what is not followed, the log says nothing here.
        let kept =
            if self.is_open() { own.or_else(|| self.lost_to_the_cap(lost)).or(status.problem) } else { own };
        TopicStatus {
            attributes_per_minute: if active { self.rate(now.monotonic) } else { 0.0 },
            active_producers: if active { u32::try_from(members.len()).unwrap_or(u32::MAX) } else { 0 },
            problem: if active { self.problem(members, &reports) } else { kept },
            provider_reports: reports,
            completeness: self.completeness.1,
            parts: self.parts.clone(),
            forecast: self.forecast.clone(),
            wordings: if competes { self.phrasings() } else { Vec::new() },
            routed: self.routed().cloned().filter(|_| active),
            decided: self.journal.other(),
            measured: self.effects.told().cloned().collect(),
            lost,
            ..status
        }
    }

    /// What producers that ended without a word hold of the caps, as far as there are caps. Before every producer had its time to be heard,
    /// nobody knows which those are.
    fn lost(&self, members: &BTreeMap<WorkerId, Member>, heard_all: bool) -> Lease {
        let lives = members.iter().map(|(producer, member)| (producer.clone(), member.incarnation()));
        let lost = if heard_all { self.ledger.lost(&self.fold, &lives.collect()) } else { Lease::default() };
        let limits = self.topic.limits;
        Lease {
            requests: limits.max_requests.map_or(0, |_| lost.requests),
            cost: limits.max_cost.map_or(Cost::ZERO, |_| lost.cost),
        }
    }

    /// Why a cap is used up by more than what the log shows.
    fn lost_to_the_cap(&self, lost: Lease) -> Option<String> {
        let (what, done) = match self.topic.state.reason() {
            Some(EndReason::MaxRequests) if lost.requests > 0 => {
                (format!("{} requests", lost.requests), "sent")
            }
            Some(EndReason::MaxUsd) if !lost.cost.is_zero() => (lost.cost.to_string(), "spent"),
            _ => return None,
        };
        Some(format!(
            "{what} count against the cap since producers that ended without a word may have {done} as much"
        ))
    }

    #[expect(clippy::cast_precision_loss, reason = "for showing")]
    fn rate(&self, now: Monotonic) -> f64 {
        let Some((since, had)) = self.samples.front() else { return 0.0 };
        let seconds = now.since(*since).as_secs_f64();
        let rate = (self.fold.attributes() - had) as f64 * 60.0 / seconds;
        if seconds < 0.5 { 0.0 } else { (rate * 10.0).round() / 10.0 }
    }

    pub(super) fn problem(
        &self,
        members: &BTreeMap<WorkerId, Member>,
        providers: &[ProviderReport],
    ) -> Option<String> {
        if members.is_empty() {
            return Some("no producer is connected".to_owned());
        }
        if let Some(why) = self.reports(members).flatten().find_map(|report| report.hopeless.clone()) {
            return Some(why);
        }
        let refused: Vec<u64> =
            self.reports(members).flatten().map(|report| u64::from(report.refused)).collect();
        let (least, refused) = (refused.iter().min().copied().unwrap_or(0), refused.iter().sum::<u64>());
        if least > 0 {
            return Some(format!(
                "the last {refused} answers were refused and are among the dead letters, where `igentai dead-letters` tells why; hardly anybody is asked until one is taken"
            ));
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
            return Some(if details.is_empty() { problem } else { cut(format!("{problem} ({details})")) });
        }
        let waiting = !providers.is_empty() && providers.iter().all(|provider| provider.state != Ready);
        let nothing = self.is_unanswered() && !details.is_empty();
        (waiting || nothing).then(|| cut(details))
    }

    /// Whether all requests since the start have failed, and there were some.
    pub(super) fn is_unanswered(&self) -> bool {
        let before = self.baseline.unwrap_or_default();
        let totals = self.fold.totals();
        totals.responses == before.answers && totals.failed_responses > before.failures
    }

    /// Providers of the topic by their names, of which some producer says that it can ask them now, or those that any has.
    fn providers(&self, members: &BTreeMap<WorkerId, Member>, is_ready: bool) -> BTreeSet<String> {
        let weights = &self.topic.provider_weights;
        let has_weight =
            |name: &str| weights.is_empty() || weights.get(name).is_some_and(|weight| *weight > 0.0);
        let asked = |name: &str| has_weight(name) && !self.too_dear.holds(name);
        let can = |report: &ProviderReport| report.state == Ready && !self.resting.contains_key(&report.name);
        let fits = |report: &&ProviderReport| asked(&report.name) && (!is_ready || can(report));
        let reports = members.values().filter_map(Member::last).flat_map(|last| &last.providers);
        reports.filter(fits).map(|report| report.name.clone()).collect()
    }

    pub(super) fn is_somebody_ready(&self, members: &BTreeMap<WorkerId, Member>) -> bool {
        !self.providers(members, true).is_empty()
    }

    /// Providers of the topic that some producer can ask now; all of them where none can, since one that fails is tried again.
    pub(super) fn askable(&self, members: &BTreeMap<WorkerId, Member>) -> Vec<String> {
        let ready = self.providers(members, true);
        let askable = if ready.is_empty() { self.providers(members, false) } else { ready };
        askable.into_iter().collect()
    }

    /// Providers of the topic that nobody can ask now, and why.
    pub(super) fn away(&self, members: &BTreeMap<WorkerId, Member>) -> BTreeMap<String, String> {
        let ready = self.providers(members, true);
        let away = self.worst_reports(members).into_iter().filter(|report| !ready.contains(&report.name));
        let why = |report: &ProviderReport| report.detail.chars().take(AWAY_CHARS).collect();
        away.map(|report| (report.name.clone(), why(&report))).collect()
    }

    /// The worst report over all producers of each provider that the topic asks.
    pub(super) fn worst_reports(&self, members: &BTreeMap<WorkerId, Member>) -> Vec<ProviderReport> {
        let weights = &self.topic.provider_weights;
        let asked = |name: &str| weights.is_empty() || weights.get(name).is_some_and(|weight| *weight > 0.0);
        let mut worst: BTreeMap<&str, &ProviderReport> = BTreeMap::new();
        for report in members.values().filter_map(Member::last).flat_map(|last| &last.providers) {
            let known = worst.entry(&report.name).or_insert(report);
            if report.state > known.state {
                *known = report;
            }
        }
        let told = |report: &ProviderReport| match self.resting.get(&report.name) {
            Some(why) if report.state != ProviderState::Stopped => {
                ProviderReport { state: ProviderState::Waiting, detail: why.clone(), ..report.clone() }
            }
            None if self.too_dear.holds(&report.name) => {
                ProviderReport { detail: TOO_DEAR.to_owned(), ..report.clone() }
            }
            Some(_) | None => report.clone(),
        };
        worst.into_values().filter(|report| asked(&report.name)).take(NAMED).map(told).collect()
    }
}
