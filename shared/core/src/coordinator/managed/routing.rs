//! How requests are shared among providers where all of them are about the whole topic, because it shall not be cut or cannot be: decided now and then, by what
//! the log says, and told to producers when that is written down.

use std::collections::BTreeMap;

use super::super::Settings;
use super::super::member::Member;
use super::Managed;
use crate::command::{OrderedShares, ProviderReport, ProviderState};
use crate::decision::{Cared, What};
use crate::ids::{Epoch, LogIndex, WorkerId};
use crate::routing::{EVERY, Policy, Routed};
use crate::time::Now;
use crate::topic::TopicState;

/// Shares that were decided.
#[derive(Debug, Default)]
pub(super) struct Routing {
    /// The last ones, and the number of the decision.
    last: Option<(u64, Routed)>,
    /// Those before, which are in force until the last ones are written down.
    before: Option<(u64, Routed)>,
    /// Where the log stood at the last look.
    looked_at: Option<LogIndex>,
}

impl Managed {
    /// Decides how requests are shared, where more than one provider can be asked about the whole topic.
    pub(super) fn route(
        &mut self,
        members: &BTreeMap<WorkerId, Member>,
        settings: &Settings,
        epoch: Epoch,
        now: Now,
    ) {
        self.measure(members, epoch, now, None);
        let (policy, prior) = (self.topic.routing, self.prior(members));
        let asks_for_parts = self.is_directed() && !self.tickets.is_uncut();
        if asks_for_parts || prior.len() < 2 {
            self.routing = Routing::default();
            return;
        }
        let index = self.fold.log_index();
        let as_before = self
            .routing
            .last
            .as_ref()
            .is_some_and(|(_, last)| (last.policy, &last.prior) == (policy, &prior));
        let is_due = self.routing.looked_at.is_none_or(|at| index >= at + EVERY);
        if !is_due && (as_before || self.routing.last.is_none()) {
            return;
        }
        self.routing.looked_at = Some(index);
        let next = Routed::by(policy, &self.fold, &prior);
        let threshold = settings.weight_change_threshold.get();
        let is_worth_it = match &self.routing.last {
            Some((_, last)) => next.differs(last, threshold),
            // By the operator's weights requests are shared anyway.
            None => next.has_moved(&Routed::by(Policy::Fixed, &self.fold, &prior), threshold),
        };
        if is_worth_it {
            let number = self.note_change(members, epoch, now, What::Routed(next.clone()));
            self.routing.before = self.routing.told(|number| self.journal.is_saved(number)).cloned();
            self.routing.last = Some((number, next));
        }
    }

    /// Takes in how all producers together treat providers; what is news of those that the topic asks is written down.
    pub(in crate::coordinator) fn cares(
        &mut self,
        news: &[Cared],
        resting: &BTreeMap<String, String>,
        members: &BTreeMap<WorkerId, Member>,
        epoch: Epoch,
        now: Now,
    ) {
        self.resting.clone_from(resting);
        if self.topic.state != TopicState::Running || !self.is_open() || !self.caught_up() {
            return;
        }
        let weights = &self.topic.provider_weights;
        let asks = |name: &str| weights.is_empty() || weights.get(name).is_some_and(|weight| *weight > 0.0);
        let news: Vec<Cared> = news.iter().filter(|cared| asks(&cared.provider)).cloned().collect();
        for cared in news {
            self.note_terms(members, epoch, now);
            self.journal.note(self.moment(now), What::Cared(cared));
        }
    }

    /// The providers that a running topic is confined to by its weights; none where it asks all.
    pub(in crate::coordinator) fn confined_to(&self) -> Option<Vec<String>> {
        let is_running = self.topic.state == TopicState::Running && self.is_open();
        let asked = self.topic.provider_weights.iter().filter(|(_, weight)| **weight > 0.0);
        is_running.then(|| asked.map(|(name, _)| name.clone()).collect())
    }

    /// The operator's weights of the providers that can be asked: the topic's, or what producers are configured with, on average.
    fn prior(&self, members: &BTreeMap<WorkerId, Member>) -> BTreeMap<String, f64> {
        let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        let reports = members.values().filter_map(Member::last).flat_map(|last| &last.providers);
        for report in reports.filter(|report| report.state != ProviderState::Stopped) {
            let weight = if self.topic.provider_weights.is_empty() {
                report.weight()
            } else {
                self.topic.provider_weights.get(&report.name).copied().unwrap_or_default()
            };
            let (sum, count) = sums.entry(&report.name).or_default();
            (*sum, *count) = (*sum + weight, *count + 1.0);
        }
        // Rounded, so that the same weights at another number of producers are the same.
        let mean = |sum: f64, count: f64| (sum / count * 1e6).round() / 1e6;
        let means = sums.into_iter().map(|(name, (sum, count))| (name.to_owned(), mean(sum, count)));
        means.filter(|(_, weight)| *weight > 0.0).collect()
    }

    /// The same where they are not equal.
    pub(super) fn unequal_weights(&self, members: &BTreeMap<WorkerId, Member>) -> BTreeMap<String, f64> {
        let mut weights = self.prior(members);
        let first = weights.values().next().copied().unwrap_or_default();
        if weights.values().all(|weight| weight.total_cmp(&first).is_eq()) {
            weights.clear();
        }
        weights
    }

    /// The weights that a producer goes by which has these providers: as decided, or else the operator's.
    pub(super) fn weights(
        &self,
        reports: &[ProviderReport],
    ) -> (BTreeMap<String, f64>, Option<OrderedShares>) {
        let told = self.routing.told(|number| self.journal.is_saved(number));
        // Shares are told in thousandths, and weights may be smaller.
        let told = told.filter(|(_, routed)| routed.policy != Policy::Fixed);
        let own = |name: &str| reports.iter().any(|report| report.name == name);
        let shares: BTreeMap<String, f64> = told
            .iter()
            .flat_map(|(_, routed)| &routed.weights)
            .filter(|(name, share)| own(name) && **share > 0.0)
            .map(|(name, share)| (name.clone(), *share))
            .collect();
        match told {
            Some((decision, routed)) if !shares.is_empty() => {
                let why = routed.policy.in_words().to_owned();
                (shares, Some(OrderedShares { decision: *decision, why }))
            }
            Some(_) | None => (self.topic.provider_weights.clone(), None),
        }
    }

    /// The shares in force, for showing.
    pub(super) fn routed(&self) -> Option<&Routed> {
        self.routing.told(|number| self.journal.is_saved(number)).map(|(_, routed)| routed)
    }
}

impl Routing {
    fn told(&self, is_saved: impl Fn(u64) -> bool) -> Option<&(u64, Routed)> {
        match &self.last {
            Some(last) if is_saved(last.0) => Some(last),
            Some(_) | None => self.before.as_ref(),
        }
    }
}
