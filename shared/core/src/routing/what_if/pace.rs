//! On which terms a run went, and how many of its requests were open at once, by its decisions.

use std::collections::BTreeMap;

use super::Answers;
use crate::decision::{Decision, Terms, What, Why};
use crate::topic::EndReason;

/// How many requests are given something to ask for at once where no decision tells.
const AT_ONCE: usize = 12;

/// What decisions tell.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The last terms, and the weights of all that were named since they are unequal.
    terms: Option<Terms>,
    weights: BTreeMap<String, f64>,
    /// Who could be asked last, now or when it is back.
    providers: Vec<String>,
    /// Requests asked, and waited for no more, since a leader took the topic up, and answers by then.
    asked: usize,
    dropped: usize,
    before: usize,
    /// How many were open whenever one was added.
    open: Vec<usize>,
    /// Whether it ended by its cap on items, and nothing was asked since.
    is_capped: bool,
}

impl Pace {
    /// The terms that the run went by, if any are written down, with weights of those only who could be asked.
    pub(super) fn terms(&self) -> Option<Terms> {
        let terms = self.terms.clone()?;
        let (providers, mut weights) = (self.providers.clone(), self.weights.clone());
        weights.retain(|name, _| providers.is_empty() || providers.contains(name));
        Some(Terms { providers, weights, ..terms })
    }

    /// Whether items are missing that were named beyond a cap.
    pub(super) const fn is_capped(&self) -> bool {
        self.is_capped
    }

    /// Requests open at once: as many as in a quarter of the run at least.
    pub(super) fn at_once(&self) -> usize {
        let mut open = self.open.clone();
        open.sort_unstable();
        open.get(open.len() * 3 / 4).copied().unwrap_or(AT_ONCE)
    }
}

impl Answers {
    /// Takes in the next decision, after the log.
    pub fn decision(&mut self, decision: &Decision) {
        let answered = self.all.partition_point(|answer| answer.index <= decision.log_index);
        let pace = &mut self.pace;
        match &decision.what {
            What::TakenUp { .. } => (pace.asked, pace.dropped, pace.before) = (0, 0, answered),
            What::Terms(terms) => {
                if terms.weights.is_empty() {
                    pace.weights.clear();
                }
                pace.weights.extend(terms.weights.clone());
                // Nobody is there when a run was left by all producers: that takes nobody off the topic.
                let known = terms.providers.iter().chain(terms.away.keys());
                let known: Vec<String> = known.cloned().collect();
                if !known.is_empty() {
                    pace.providers = known;
                }
                pace.terms = Some(terms.clone());
            }
            What::Asked(asked) if asked.why != Why::Judge => {
                pace.asked += 1;
                let ended = pace.dropped + answered.saturating_sub(pace.before);
                pace.open.push(pace.asked.saturating_sub(ended).max(1));
            }
            What::Ending(ending) => pace.is_capped = ending.reason == EndReason::MaxAttributes,
            What::Dropped { decisions } => pace.dropped += decisions.len(),
            What::Asked(_)
            | What::Routed(_)
            | What::Worded(_)
            | What::Measured(_)
            | What::Cared(_)
            | What::Changed(_) => {}
        }
    }
}
