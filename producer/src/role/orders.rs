//! What becomes of a producer's orders.

use std::collections::BTreeMap;

use igentai_core::command::{Command, OrderedShares, TopicOrder};
use igentai_core::folder::TopicId;
use igentai_core::ids::Run;
use igentai_core::time::Monotonic;
use igentai_core::worker::{CommandVerdict, REGISTRY_PATIENCE};
use igentai_shared::id;
use tracing::{error, info, warn};

use super::Role;

const SUPERSEDED: &str = "another process has taken this producer's id and gets its work; give each producer an id of its own with --producer-id";

const TWO_REGISTRIES: &str = "orders of another registry than the one that this producer follows are heard on this broker, and not followed; two registries need two virtual hosts";

/// How it is called where warnings are told.
const FOREIGN: &str = "orders of another registry";

/// By which decisions the providers of topics are asked, and how often each, in words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shares(BTreeMap<(TopicId, Run), (u64, String)>);

impl Shares {
    fn of(orders: &[TopicOrder]) -> Self {
        let decided = |order: &TopicOrder| {
            let OrderedShares { decision, why } = order.shares.as_ref()?;
            let weights = order.provider_weights.iter();
            let all: Vec<String> = weights.map(|(name, share)| format!("{name} {share:.3}")).collect();
            let what =
                format!("providers' shares changed: {}, by decision #{decision}: {why}", all.join(", "));
            Some(((order.topic.clone(), order.run), (*decision, what)))
        };
        Self(orders.iter().filter_map(decided).collect())
    }

    /// What is new against those before.
    fn differ(&self, before: &Self) -> Vec<(TopicId, String)> {
        let known = |of| before.0.get(of).map(|(decision, _)| *decision);
        let new = self.0.iter().filter(|(of, (decision, _))| known(of) != Some(*decision));
        new.map(|((topic, _), (_, what))| (topic.clone(), what.clone())).collect()
    }
}

impl Role<'_> {
    pub(super) fn command(&mut self, command: Command) {
        let now = self.context.clock.now().monotonic;
        let (care, version) = (command.care.clone(), (command.epoch, command.version));
        let shares = Shares::of(&command.topics);
        match self.worker.command(command, now) {
            CommandVerdict::Followed => {
                self.wait = None;
                self.context.pool.heed(&care, version);
                for (topic, what) in shares.differ(&self.shares) {
                    info!(producer = %self.context.id, topic = %topic, "{what}");
                }
                self.shares = shares;
                for (topic, run) in self.worker.abandoned() {
                    // A token that is used up must not meet the requests of a topic that goes on later.
                    if let Some(token) = self.given_up.remove(&(topic.clone(), run)) {
                        token.cancel();
                    }
                }
                self.given_up.retain(|(topic, run), _| self.worker.works_on(topic, *run));
                self.heartbeat();
            }
            CommandVerdict::Known => {
                self.context.pool.trust();
                self.heartbeat();
            }
            CommandVerdict::Refused => {}
            CommandVerdict::OtherRegistry => self.begin_anew(),
            CommandVerdict::Foreign => {
                if self.foreign.replace(now).is_none() {
                    warn!(producer = %self.context.id, "{TWO_REGISTRIES}");
                    self.context.troubles.warn(FOREIGN, Some(TWO_REGISTRIES.to_owned()));
                }
            }
            CommandVerdict::Superseded { anew } => {
                self.context.troubles.warn("the producer's id", Some(SUPERSEDED.to_owned()));
                if anew {
                    error!(producer = %self.context.id, "{SUPERSEDED}");
                }
            }
        }
    }

    /// Begins another life. What is under way was asked for, and what is unresolved is to be kept, for a registry that is not there any more.
    fn begin_anew(&mut self) {
        let (unresolved, in_flight) = (self.worker.unresolved(), self.worker.in_flight());
        warn!(producer = %self.context.id, unresolved, in_flight, "the orders are of another registry than before; this producer begins anew");
        self.give_all_up();
        self.due.clear();
        self.wait = None;
        self.worker.begin_anew(id::incarnation(self.context.clock.now().unix, &mut self.random));
        self.heartbeat();
    }

    /// Commands are heard on a subscription that was made anew: what was silence before was nobody's.
    pub(super) fn hears_again(&mut self) {
        self.worker.hears_again(self.context.clock.now().monotonic);
        self.hears();
    }

    /// Commands can be heard.
    pub(super) fn hears(&mut self) {
        if std::mem::take(&mut self.deaf) {
            self.context.troubles.clear(self.context.id.as_str());
        }
    }

    /// Ends the warning when no more of them are heard.
    pub(super) fn forget_foreign(&mut self, now: Monotonic) {
        if self.foreign.is_some_and(|heard| now.since(heard) >= REGISTRY_PATIENCE) {
            self.foreign = None;
            self.context.troubles.warn(FOREIGN, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::order;
    use super::*;

    #[test]
    fn new_shares_are_told_once_with_the_decision_and_its_reason() {
        let orders = |decision: u64, small: f64| {
            let shares = OrderedShares { decision, why: "by the weights".to_owned() };
            let provider_weights =
                BTreeMap::from([("dear".to_owned(), 1.0 - small), ("small".to_owned(), small)]);
            vec![TopicOrder { shares: Some(shares), provider_weights, ..order(1) }]
        };
        let words = |now: &Shares, before: &Shares| {
            now.differ(before).into_iter().map(|(_, what)| what).collect::<Vec<_>>()
        };
        let (first, next) = (Shares::of(&orders(12, 0.9)), Shares::of(&orders(15, 0.8)));
        let said = "providers' shares changed: dear 0.100, small 0.900, by decision #12: by the weights";
        assert_eq!(words(&first, &Shares::default()), [said]);
        assert_eq!((words(&first, &first).len(), words(&next, &first).len()), (0, 1));
        assert_eq!(Shares::of(&[order(1)]), Shares::default(), "the operator's weights are no decision");
    }
}
