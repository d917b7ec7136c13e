//! What people are shown of a topic.

use std::collections::BTreeMap;

use super::super::member::Member;
use super::Managed;
use crate::command::ProviderReport;
use crate::command::ProviderState::Ready;
use crate::ids::{Epoch, WorkerId};
use crate::status::TopicStatus;
use crate::time::{Monotonic, Now};

impl Managed {
    pub(in crate::coordinator) fn status(
        &self,
        members: &BTreeMap<WorkerId, Member>,
        epoch: Epoch,
        now: Now,
    ) -> TopicStatus {
        let active = self.topic.state.is_live();
        let reports = if active { worst_reports(members) } else { Vec::new() };
        let status = TopicStatus::of(self.topic.clone(), &self.fold, epoch, now.unix);
        let ended_for = self.ended_for.clone().or_else(|| status.problem.clone());
        TopicStatus {
            attributes_per_minute: if active { self.rate(now.monotonic) } else { 0.0 },
            active_producers: if active { u32::try_from(members.len()).unwrap_or(u32::MAX) } else { 0 },
            problem: if active { self.problem(members, &reports) } else { ended_for },
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
        let waiting = !providers.is_empty() && providers.iter().all(|provider| provider.state != Ready);
        waiting.then(|| {
            let details: Vec<_> = providers.iter().map(|p| format!("{}: {}", p.name, p.detail)).collect();
            details.join("; ")
        })
    }
}

/// The worst report of each provider over all producers.
pub(super) fn worst_reports(members: &BTreeMap<WorkerId, Member>) -> Vec<ProviderReport> {
    let mut worst: BTreeMap<&str, &ProviderReport> = BTreeMap::new();
    for report in members.values().filter_map(Member::last).flat_map(|last| &last.providers) {
        let known = worst.entry(&report.name).or_insert(report);
        if report.state > known.state {
            *known = report;
        }
    }
    worst.into_values().cloned().collect()
}
