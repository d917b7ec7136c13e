//! The ledger of a run's leases: how a cap holds however many producers spend at once, and whatever becomes of them.
//!
//! A producer spends only what it was leased. What is leased to a life of a producer counts against the cap until the log has settled it;
//! what a dead one had left is never leased again, since its last requests may have been sent. So
//!
//! ```text
//! settled by the log + leased and not settled ≤ cap
//! ```
//!
//! holds at every moment, and with it the cap. Money works the same way: a request's worst case is covered before it is sent.
//!
//! What a life that ended has left of its leases is lost to the cap, so little is leased ahead: what the producer can have under way at once,
//! and a lead, so that the next request need not wait for the commit of an answer. The lead is a small part of what is left to all.
//!
//! A cap may come, or fall, while there is more leased than it allows. Then everything that is not used is taken back before anything is leased
//! anew, so that nothing beyond it is sent once its holders have heard of it. Who was free to ask without covering the cost has to say that
//! it covers it before anybody may spend.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::command::Lease;
use crate::cost::Cost;
use crate::decision::spent;
use crate::fold::TopicFold;
use crate::ids::{Incarnation, WorkerId};
use crate::seeded::{Bug, is_on};

/// Leases granted, by producer and life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    grants: BTreeMap<WorkerId, BTreeMap<Incarnation, Lease>>,
    /// What is being taken back: it counts as leased until the producer says that it acts on no more than this.
    #[serde(skip)]
    recalls: BTreeMap<WorkerId, (Incarnation, Lease)>,
    /// Live producers that may ask without covering what a request costs, since there was no cap on money when they were last told.
    #[serde(skip)]
    uncovered: BTreeMap<WorkerId, Incarnation>,
}

/// A cap on requests and money; `None` is no cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Requests.
    pub requests: Option<u64>,
    /// Money.
    pub cost: Option<Cost>,
    /// Requests leased ahead to a producer where there is no cap.
    pub window: u64,
}

impl Budget {
    /// With nothing left of what is capped.
    #[must_use]
    pub fn exhausted(self) -> Self {
        Self { requests: self.requests.map(|_| 0), cost: self.cost.map(|_| Cost::ZERO), ..self }
    }
}

/// A live producer, as the ledger sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each of them may hold by itself")]
pub struct LiveLease {
    /// Who.
    pub producer: WorkerId,
    /// Which life.
    pub incarnation: Incarnation,
    /// Requests that it can have under way at once.
    pub places: u32,
    /// What it says it has used.
    pub used: Lease,
    /// What of that is over.
    pub settled: Lease,
    /// The least a request may cost it.
    pub request_cost: Cost,
    /// The most a request may cost it.
    pub dearest_cost: Cost,
    /// Nothing is under way.
    pub idle: bool,
    /// It is told what to ask for, and has nothing to ask now.
    pub waits: bool,
    /// It has had budget for a while and sent nothing, or has nobody to ask: its budget goes to others when it runs short.
    pub stuck: bool,
    /// It has waited for money for a while, and others do not.
    pub is_poor: bool,
}

/// A producer's lead is one part in so many of what it may get at once of what is left.
const LEAD_OF_A_SHARE: u64 = 8;

impl LiveLease {
    fn unused_cost(&self, lease: Lease) -> Cost {
        lease.cost.saturating_sub(self.used.cost)
    }
}

impl Ledger {
    /// What a life may act on, to be told to it.
    #[must_use]
    pub fn order(&self, producer: &WorkerId, incarnation: Incarnation) -> Lease {
        let recalled = self.recalls.get(producer).filter(|(life, _)| *life == incarnation);
        recalled.map_or_else(|| self.lease(producer, incarnation), |(_, lease)| *lease)
    }

    /// What is leased to a life and counts against the caps.
    #[must_use]
    pub fn lease(&self, producer: &WorkerId, incarnation: Incarnation) -> Lease {
        self.grants.get(producer).and_then(|lives| lives.get(&incarnation)).copied().unwrap_or_default()
    }

    /// Whether both have leased the same.
    #[must_use]
    pub fn grants_as(&self, other: &Self) -> bool {
        self.grants == other.grants
    }

    /// The lesser of both for every life.
    #[must_use]
    pub fn at_most(&self, other: &Self) -> Self {
        let mut least = Self::default();
        for (producer, lives) in &self.grants {
            for (incarnation, lease) in lives {
                let lesser = lease.at_most(other.lease(producer, *incarnation));
                if lesser != Lease::default() {
                    *least.lease_mut(producer, *incarnation) = lesser;
                }
            }
        }
        least
    }

    fn lease_mut(&mut self, producer: &WorkerId, incarnation: Incarnation) -> &mut Lease {
        self.grants.entry(producer.clone()).or_default().entry(incarnation).or_default()
    }

    /// A producer says what lease it acts on. `final_word`: it follows the last command, or has left, so that it can act on no more than that.
    pub fn reported(
        &mut self,
        producer: &WorkerId,
        incarnation: Incarnation,
        acts_on: Lease,
        final_word: bool,
    ) {
        let lease = self.lease_mut(producer, incarnation);
        if final_word {
            *lease = acts_on;
            self.recalls.remove(producer);
        } else {
            lease.requests = lease.requests.max(acts_on.requests);
            lease.cost = lease.cost.max(acts_on.cost);
        }
    }

    /// A producer says whether it covers what its requests cost by its lease. `final_word`: it follows the last command.
    pub fn covers_cost(
        &mut self,
        producer: &WorkerId,
        incarnation: Incarnation,
        covers: bool,
        final_word: bool,
    ) {
        if !covers {
            self.uncovered.insert(producer.clone(), incarnation);
        } else if final_word {
            self.uncovered.remove(producer);
        }
    }

    /// What counts against the caps: what is settled, and what is leased and not settled.
    fn taken(&self, fold: &TopicFold) -> (u64, Cost) {
        let (mut requests, mut cost) = (fold.totals().requests(), spent(fold));
        for (producer, lives) in self.grants.iter().filter(|_| !is_on(Bug::LeasedUncounted)) {
            for (incarnation, lease) in lives {
                let settled = fold.settled(producer, *incarnation);
                requests = requests.saturating_add(lease.requests.saturating_sub(settled.requests));
                cost += lease.cost.saturating_sub(settled.cost);
            }
        }
        (requests, cost)
    }

    /// What is left to lease. No money is while somebody does not cover what its requests cost.
    #[must_use]
    pub fn left(&self, fold: &TopicFold, budget: Budget) -> (u64, Cost) {
        let (requests, taken_cost) = self.taken(fold);
        let left_requests = budget.requests.map_or(u64::MAX, |cap| cap.saturating_sub(requests));
        let cost = if self.uncovered.is_empty() { taken_cost } else { Cost::MAX };
        let left_cost = budget.cost.map_or(Cost::MAX, |cap| cap.saturating_sub(cost));
        (left_requests, left_cost)
    }

    /// Leases more where it is needed and there is some left; where there is none, takes back from who does not use it. The answer says
    /// whether anything changed.
    pub fn plan(&mut self, fold: &TopicFold, budget: Budget, live: &[LiveLease]) -> bool {
        let before = self.clone();
        let current = |producer: &WorkerId| {
            live.iter().find(|one| one.producer == *producer).map(|one| one.incarnation)
        };
        self.recalls.retain(|producer, (life, _)| current(producer) == Some(*life));
        self.uncovered.retain(|producer, life| current(producer) == Some(*life));
        if budget.cost.is_none() {
            self.uncovered.extend(live.iter().map(|one| (one.producer.clone(), one.incarnation)));
        }
        self.recall_excess(fold, budget, live);
        let share = u64::try_from(live.len().max(1)).unwrap_or(u64::MAX).saturating_mul(2);
        let (mut left_requests, mut left_cost) = self.left(fold, budget);
        let mut free: Vec<&LiveLease> =
            live.iter().filter(|one| !one.stuck && !self.recalls.contains_key(&one.producer)).collect();
        // Who has used most comes first, or the last requests would go back and forth between those who do not use them.
        free.sort_by_key(|one| (one.waits, Reverse(one.used.requests)));
        for one in &free {
            let lease = self.lease_mut(&one.producer, one.incarnation);
            if budget.requests.is_some() && !one.is_poor {
                let more = more_requests(one, *lease, left_requests, share);
                lease.requests += more;
                left_requests -= more;
            } else if budget.requests.is_none() {
                let unused = lease.requests.saturating_sub(one.used.requests);
                lease.requests += if unused < budget.window.div_ceil(2) { budget.window - unused } else { 0 };
            }
            // Money is of no use without a request to spend it on.
            if budget.cost.is_some() && lease.requests > one.used.requests {
                let more = more_cost(one, *lease, left_cost, share);
                lease.cost += more;
                left_cost = left_cost.saturating_sub(more);
            }
        }
        if budget.requests.is_some() && left_requests == 0 {
            for one in live.iter().filter(|one| one.stuck || one.is_poor) {
                self.recall(one, |lease| lease.requests = one.used.requests);
            }
        }
        if budget.cost.is_some() && self.uncovered.is_empty() {
            self.gather_cost(&free, live, left_cost);
        }
        *self != before
    }

    /// Takes back what is not used where the caps do not allow what is leased. Money that is reserved for a request under way is not to be spent
    /// again when that turns out cheaper, so the lease is cut to nothing: what is used stays used.
    fn recall_excess(&mut self, fold: &TopicFold, budget: Budget, live: &[LiveLease]) {
        let (requests, cost) = self.taken(fold);
        let too_many = budget.requests.is_some_and(|cap| requests > cap);
        let too_dear = budget.cost.is_some_and(|cap| cost > cap || !self.uncovered.is_empty());
        for one in live {
            let lease = self.lease(&one.producer, one.incarnation);
            if too_many && lease.requests > one.used.requests {
                self.recall(one, |lease| lease.requests = 0);
            }
            if too_dear && !(one.idle && one.unused_cost(lease).is_zero()) {
                self.recall(one, |lease| lease.cost = Cost::ZERO);
            }
        }
    }

    /// What is left of the leases is less than a request for each, or is with those who have no request to spend it on, but may be enough for
    /// one together: it is taken back from all but the first who could then send one.
    fn gather_cost(&mut self, free: &[&LiveLease], live: &[LiveLease], left: Cost) {
        let unused = |one: &LiveLease| one.unused_cost(self.lease(&one.producer, one.incarnation));
        let idle_unused = |one: &LiveLease| if one.idle { unused(one) } else { Cost::ZERO };
        let together = left + live.iter().map(idle_unused).sum();
        let may_send =
            |one: &LiveLease| self.lease(&one.producer, one.incarnation).requests > one.used.requests;
        let needy = |one: &&&LiveLease| {
            one.idle && !one.waits && may_send(one) && unused(one) + left < one.request_cost
        };
        let Some(first) = free.iter().filter(needy).find(|one| together >= one.request_cost) else { return };
        let spare = |one: &&LiveLease| {
            let idles = one.stuck || one.waits || !may_send(one) || unused(one) + left < one.request_cost;
            one.producer != first.producer && one.idle && idles && !unused(one).is_zero()
        };
        let from: Vec<&LiveLease> = live.iter().filter(spare).collect();
        for one in from {
            self.recall(one, |lease| lease.cost = one.used.cost);
        }
    }

    /// Begins to take back what `cut` takes away.
    fn recall(&mut self, one: &LiveLease, cut: impl FnOnce(&mut Lease)) {
        let lease = self.order(&one.producer, one.incarnation);
        let (_, recalled) = self.recalls.entry(one.producer.clone()).or_insert((one.incarnation, lease));
        cut(recalled);
    }

    /// What lives that are over hold still: it may have been spent, and the log does not say so. `lives` are those that go on.
    #[must_use]
    pub fn lost(&self, fold: &TopicFold, lives: &BTreeMap<WorkerId, Incarnation>) -> Lease {
        let mut lost = Lease::default();
        for (producer, leases) in &self.grants {
            for (incarnation, lease) in leases.iter().filter(|(life, _)| lives.get(producer) != Some(life)) {
                let settled = fold.settled(producer, *incarnation);
                lost.requests += lease.requests.saturating_sub(settled.requests);
                lost.cost += lease.cost.saturating_sub(settled.cost);
            }
        }
        lost
    }

    /// Whether a live producer could still send a request, or has one that is not settled. One that is among the dead letters is: nobody waits for it.
    #[must_use]
    pub fn requests_open(&self, live: &[LiveLease]) -> bool {
        live.iter().any(|one| self.lease(&one.producer, one.incarnation).requests > one.settled.requests)
    }

    /// Whether what is left, and what live producers have not used, could still pay a request of one of them. Producers that have not told
    /// a price yet could pay one; so could those that do not cover their requests yet. Where some have something to ask, those do not count that have nothing.
    #[must_use]
    pub fn cost_open(&self, fold: &TopicFold, budget: Budget, live: &[LiveLease]) -> bool {
        let together = self.together(fold, budget, live);
        together.is_none_or(|together| asking(live).any(|one| together >= one.request_cost))
    }

    /// What is left of the money, with what live producers have not used; `None` while somebody does not cover its requests.
    fn together(&self, fold: &TopicFold, budget: Budget, live: &[LiveLease]) -> Option<Cost> {
        let (_, left) = self.left(fold, budget);
        let unused = |one: &LiveLease| one.unused_cost(self.lease(&one.producer, one.incarnation));
        self.uncovered.is_empty().then(|| left + live.iter().map(unused).sum())
    }

    /// Requests that count against the cap besides those in the log, when live producers have settled theirs.
    #[must_use]
    pub fn requests_beside(&self, fold: &TopicFold) -> u64 {
        self.taken(fold).0.saturating_sub(fold.totals().requests())
    }

    /// Of a cap on money, what cannot be spent any more besides what is in the log.
    #[must_use]
    pub fn cost_beside(&self, fold: &TopicFold, budget: Budget, live: &[LiveLease]) -> Cost {
        let together = self.together(fold, budget, live).zip(budget.cost);
        together
            .map_or(Cost::ZERO, |(together, cap)| cap.saturating_sub(together).saturating_sub(spent(fold)))
    }
}

/// Those that have something to ask; all where nobody has.
pub(super) fn asking(live: &[LiveLease]) -> impl Iterator<Item = &LiveLease> {
    let all_wait = live.iter().all(|one| one.waits);
    live.iter().filter(move |one| all_wait || !one.waits)
}

/// Requests to lease to a producer; it gets one part in `share` of what is left at once.
fn more_requests(one: &LiveLease, lease: Lease, left: u64, share: u64) -> u64 {
    let places = u64::from(one.places).max(1);
    let lead = (left / (share * LEAD_OF_A_SHARE)).clamp(1, places);
    let missing = (places + lead).saturating_sub(lease.requests.saturating_sub(one.settled.requests));
    if missing < lead.div_ceil(2) { 0 } else { missing.min((left / share).max(1)).min(left) }
}

/// The same for money. A request that cost less than its worst case leaves the rest of it to the next one, so the lead may be small, or none.
fn more_cost(one: &LiveLease, lease: Lease, left: Cost, share: u64) -> Cost {
    let part = |of: u64| Cost::from_picodollars(left.picodollars() / of);
    let under_way = one.dearest_cost.times(u64::from(one.places).max(1));
    let lead = part(share.saturating_mul(LEAD_OF_A_SHARE)).min(under_way);
    let open = lease.cost.saturating_sub(one.settled.cost);
    if open >= under_way + Cost::from_picodollars(lead.picodollars() / 2) {
        return Cost::ZERO;
    }
    let fair = part(share).max(one.request_cost);
    let more = (under_way + lead).saturating_sub(open).min(fair).min(left);
    if open + more >= one.request_cost { more } else { Cost::ZERO }
}

#[cfg(test)]
mod tests;
