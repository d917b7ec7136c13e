//! What people are shown of a topic.

use std::collections::BTreeMap;

use super::super::member::Member;
use super::Managed;
use crate::command::ProviderReport;
use crate::command::ProviderState::Ready;
use crate::ids::{Epoch, WorkerId};
use crate::status::{NAMED, TopicStatus, cut};
use crate::time::{Monotonic, Now};

/// So many answers in a row without a list are told of.
const UNUSABLE_WORTH_A_WORD: u64 = 5;

impl Managed {
    pub(in crate::coordinator) fn status(
        &self,
        members: &BTreeMap<WorkerId, Member>,
        epoch: Epoch,
        now: Now,
    ) -> TopicStatus {
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
        waiting.then(|| cut(details))
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
        worst.into_values().filter(|report| asked(&report.name)).take(NAMED).cloned().collect()
    }
}
