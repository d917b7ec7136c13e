//! Decides again what was decided, from the log and what it went by.

use std::collections::BTreeMap;

use super::{Asked, Decision, Ending, Met, RULES, Terms, What, Why, spent};
use crate::effect::Watch;
use crate::fold::{FoldError, TopicFold};
use crate::frontier::{Aim, Outlook};
use crate::ids::{Incarnation, LogIndex, Seq, WorkerId};
use crate::judging::is_to;
use crate::log::Entry;
use crate::phrasing::Wording;
use crate::routing::Routed;
use crate::topic::{EndReason, Partition};

/// Two numbers that differ by less are the same, computed on different machines.
const SAME: f64 = 1e-9;

/// Shares are told in thousandths, which may be rounded otherwise on another machine.
const ROUNDED: f64 = 0.0015;

/// A decision that comes out otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("decision {number} goes by the log up to {log_index}; it was: {was}; it is: {is}")]
pub struct Differs {
    /// Its number.
    pub number: u64,
    /// The log's last entry that it goes by.
    pub log_index: LogIndex,
    /// As it stands written.
    pub was: String,
    /// As it comes out.
    pub is: String,
}

#[derive(Clone, Debug)]
struct Open {
    producer: WorkerId,
    incarnation: Incarnation,
    aim: Aim,
    new: f64,
    /// What a judge is shown.
    shown: Vec<Seq>,
}

/// Takes in a run's log and its decisions in their order: before a decision, the log up to the entry that it goes by.
#[derive(Debug, Default)]
pub struct Replay {
    fold: TopicFold,
    terms: Terms,
    under_way: BTreeMap<u64, Open>,
    watch: Watch,
    decided: u64,
    /// Decisions were made by other rules since a leader took the topic up.
    by_other_rules: bool,
    taken: u64,
}

impl Replay {
    /// The log up to where it was taken in.
    #[must_use]
    pub const fn log_index(&self) -> LogIndex {
        self.fold.log_index()
    }

    /// Decisions that came out the same: of those that follow from the log. What only tells of the world (who has taken a topic up, who can be asked, what was lost,
    /// that somebody stopped it) is taken as it is.
    #[must_use]
    pub const fn decided(&self) -> u64 {
        self.decided
    }

    /// Decisions of programs with other [`RULES`], taken as they are.
    #[must_use]
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// Takes in the next entry of the log.
    ///
    /// # Errors
    /// When it is not the next one.
    pub fn entry(&mut self, entry: &Entry) -> Result<(), FoldError> {
        self.fold.apply(entry)?;
        let Some(meta) = entry.response() else { return Ok(()) };
        let Some(aim) = Aim::of(meta) else { return Ok(()) };
        let is_its = |open: &Open| {
            (&open.producer, open.incarnation, &open.aim)
                == (&entry.head.producer, entry.head.incarnation, &aim)
                && is_to(meta, &open.shown)
        };
        let answered = self.under_way.iter().find(|(_, open)| is_its(open)).map(|(number, _)| *number);
        if let Some(number) = answered {
            self.under_way.remove(&number);
        }
        Ok(())
    }

    /// Decides the next decision again.
    ///
    /// # Errors
    /// When it comes out otherwise.
    pub fn decision(&mut self, number: u64, decision: &Decision) -> Result<(), Differs> {
        if let What::TakenUp { rules, .. } = &decision.what {
            self.by_other_rules = *rules != RULES;
        }
        if self.by_other_rules {
            self.take(number, &decision.what);
        } else {
            self.decide(number, decision)?;
        }
        self.watch.decided(number, &decision.what, &self.fold);
        Ok(())
    }

    /// Takes in a decision as it is.
    fn take(&mut self, number: u64, what: &What) {
        match what {
            What::TakenUp { .. } => self.under_way.clear(),
            What::Terms(terms) => self.terms = terms.clone(),
            What::Asked(asked) => {
                self.taken += 1;
                if let Some(aim) = asked.aim() {
                    self.is_under_way(number, asked, aim, Vec::new());
                }
            }
            What::Dropped { decisions } => self.under_way.retain(|number, _| !decisions.contains(number)),
            What::Routed(_) | What::Worded(_) | What::Measured(_) => self.taken += 1,
            What::Cared(_) | What::Ending(_) | What::Changed(_) => {}
        }
    }

    fn is_under_way(&mut self, number: u64, asked: &Asked, aim: Aim, shown: Vec<Seq>) {
        let (producer, incarnation) = (asked.producer.clone(), asked.incarnation);
        self.under_way.insert(number, Open { producer, incarnation, aim, new: asked.new, shown });
    }

    /// Decides again what follows from the log.
    fn decide(&mut self, number: u64, decision: &Decision) -> Result<(), Differs> {
        match &decision.what {
            What::TakenUp { .. } => self.under_way.clear(),
            What::Terms(terms) => {
                self.terms = terms.clone();
                // Nobody is told what to ask for any more, and whoever was forgets it.
                if self.terms.partition == Partition::None {
                    self.under_way.retain(|_, open| open.aim == Aim::Judge);
                }
            }
            What::Routed(routed) => {
                let again = Routed::by(routed.policy, &self.fold, &routed.prior);
                if again.has_moved(routed, ROUNDED) {
                    return Err(self.differs(number, &decision.what, again.to_string()));
                }
                self.decided += 1;
            }
            What::Worded(wording) => {
                let again = Wording::next(&wording.before, self.fold.phrasings());
                if again.as_ref().map(|again| &again.used) != Some(&wording.used) {
                    let is = again.map_or_else(|| "nothing changes".to_owned(), |again| again.to_string());
                    return Err(self.differs(number, &decision.what, is));
                }
                self.decided += 1;
            }
            What::Measured(measured) => {
                let again = self.watch.measured(&self.fold, Some(&measured.kind));
                if again.as_ref() != Some(measured) {
                    let is =
                        again.map_or_else(|| "nothing to tell yet".to_owned(), |again| again.to_string());
                    return Err(self.differs(number, &decision.what, is));
                }
                self.decided += 1;
            }
            // When requests fail, what time it is, and what an operator wants, is the world's.
            What::Cared(_) | What::Changed(_) => {}
            What::Dropped { decisions } => {
                for dropped in decisions {
                    self.under_way.remove(dropped);
                }
            }
            What::Asked(asked) => {
                let (again, shown) = self.ask(asked);
                if !again.as_ref().is_some_and(|again| is_same(again, asked)) {
                    let is = again
                        .map_or_else(|| "nothing is asked for now".to_owned(), |again| again.to_string());
                    return Err(self.differs(number, &decision.what, is));
                }
                self.decided += 1;
                if let Some(aim) = asked.aim() {
                    self.is_under_way(number, asked, aim, shown);
                }
            }
            What::Ending(ending) => {
                if let Some(is) = self.end(ending) {
                    return Err(self.differs(number, &decision.what, is));
                }
            }
        }
        Ok(())
    }

    fn differs(&self, number: u64, was: &What, is: String) -> Differs {
        Differs { number, log_index: self.fold.log_index(), was: was.to_string(), is }
    }

    /// What comes out, and what a judge is shown.
    fn ask(&self, asked: &Asked) -> (Option<Asked>, Vec<Seq>) {
        if asked.why != Why::Judge {
            return (self.ask_frontier(asked), Vec::new());
        }
        let judges = || self.under_way.values().filter(|open| open.aim == Aim::Judge);
        let tasks = u64::try_from(judges().count()).unwrap_or(u64::MAX);
        let before = judges().flat_map(|open| open.shown.iter().copied()).collect();
        let Some(docket) = self.fold.next_docket(&self.terms.providers, tasks, &before) else {
            return (None, Vec::new());
        };
        let (cell, items) = (Aim::Judge.cell(), docket.asks_for());
        let shown = docket.items.into_iter().map(|(seq, _)| seq).collect();
        (Some(Asked { cell, provider: docket.provider, items, new: 0.0, ..asked.clone() }), shown)
    }

    fn ask_frontier(&self, asked: &Asked) -> Option<Asked> {
        let under_way: Vec<(Aim, f64)> =
            self.under_way.values().map(|open| (open.aim.clone(), open.new)).collect();
        match self.fold.frontier().next(&self.terms.wish(&under_way)) {
            Outlook::Ask { aim, provider, items, new, why } => {
                let cell = aim.cell();
                Some(Asked { cell, provider, items, new, why, ..asked.clone() })
            }
            Outlook::Wait => None,
        }
    }

    /// What is otherwise, of an end that follows from the log.
    fn end(&mut self, ending: &Ending) -> Option<String> {
        let totals = self.fold.totals();
        let (found, requests) = (self.fold.attributes(), totals.requests());
        if (found, requests) != (ending.found, ending.requests) {
            return Some(format!("{found} items after {requests} requests"));
        }
        if self.terms.ends.is_none() {
            return self.end_by_older_terms(ending);
        }
        if spent(&self.fold) != ending.cost {
            return Some(format!("{} were spent", spent(&self.fold)));
        }
        // An operator's end, or a leader's that could not write it down: the log may have grown since.
        let met = ending.met?;
        let again = self.terms.again(met, &self.fold).filter(|again| again.reason() == ending.reason);
        if again != Some(met) {
            return Some(
                again.map_or_else(|| "no cap or floor is met".to_owned(), |again| again.to_string()),
            );
        }
        self.decided += u64::from(met.is_of_the_log());
        None
    }

    /// The same where a program decided that wrote down of its terms only which completeness is wanted.
    fn end_by_older_terms(&mut self, ending: &Ending) -> Option<String> {
        if ending.reason == EndReason::Complete {
            if Met::complete(self.terms.wanted, &self.fold).is_none() {
                return Some("it is not as complete as was wanted".to_owned());
            }
            self.decided += 1;
        }
        None
    }
}

fn is_same(one: &Asked, other: &Asked) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= SAME * a.abs().max(b.abs()).max(1.0);
    let aims = |asked: &Asked| (asked.cell.clone(), asked.provider.clone(), asked.items);
    let why = match (one.why, other.why) {
        (Why::Most { known, has, offers }, Why::Most { known: known2, has: has2, offers: offers2 }) => {
            near(known, known2) && near(has, has2) && offers == offers2
        }
        (why, why2) => why == why2,
    };
    aims(one) == aims(other) && near(one.new, other.new) && why
}
