//! Providers whose requests the rest of the money does not cover, where others are cheaper: those are asked instead.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::ledger::{Budget, LiveLease, asking};
use super::super::member::Member;
use super::Managed;
use crate::cost::Cost;
use crate::decision::What;
use crate::ids::WorkerId;
use crate::time::{Monotonic, Now};

/// As long as this nobody says that the money is used up: producers have to hear first that they are to ask somebody else, and to say what that takes.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

/// Who is asked no more since that is too dear.
#[derive(Debug, Default)]
pub(super) struct TooDear {
    /// Under which cap.
    cap: Option<Cost>,
    providers: BTreeSet<String>,
    since: Option<Monotonic>,
}

impl TooDear {
    pub(super) fn holds(&self, provider: &str) -> bool {
        self.providers.contains(provider)
    }

    /// Whether that was found out a moment ago.
    pub(super) fn is_news(&self, now: Monotonic) -> bool {
        self.since.is_some_and(|since| now.since(since) < HEARD_WITHIN)
    }
}

impl Managed {
    /// Where nothing is under way and no producer can pay what it is to ask next, whoever that is of is asked no more under this cap, if there is anybody else.
    pub(super) fn pass_over_who_is_too_dear(
        &mut self,
        members: &BTreeMap<WorkerId, Member>,
        live: &[LiveLease],
        budget: Budget,
        now: Now,
    ) {
        if self.too_dear.cap != budget.cost {
            self.too_dear = TooDear { cap: budget.cost, ..TooDear::default() };
        }
        let is_quiet = self.is_quiet(members) && !live.is_empty();
        if !is_quiet
            || self.too_dear.is_news(now.monotonic)
            || self.ledger.cost_open(&self.fold, budget, live)
        {
            return;
        }
        let next = asking(live).filter_map(|one| self.tickets.asks_next(&one.producer, one.used.requests));
        let wanted: BTreeSet<String> = next.map(str::to_owned).collect();
        let is_other = |name: &String| !wanted.contains(name);
        if wanted.is_empty() || !self.askable(members).iter().any(is_other) {
            return;
        }
        self.too_dear.providers.extend(wanted);
        self.too_dear.since = Some(now.monotonic);
        let dropped = self.tickets.give_back(false);
        if !dropped.is_empty() {
            self.journal.note(self.moment(now), What::Dropped { decisions: dropped });
        }
    }
}

/// Where all wait for money, nobody is poor beside others.
pub(super) fn poor_beside_others(mut live: Vec<LiveLease>) -> Vec<LiveLease> {
    if live.iter().all(|one| one.is_poor || one.stuck) {
        for one in &mut live {
            one.is_poor = false;
        }
    }
    live
}
