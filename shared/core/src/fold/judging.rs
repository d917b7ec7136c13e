//! What a judge says of the items that one answer alone has named. What another answer names too is judged no more, and doubted no more.
//!
//! Among them a judge is shown a few that most answers name: who doubts one of those is believed nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::TopicFold;
use crate::batch::ResponseMeta;
use crate::frontier::Aim;
use crate::ids::Seq;
use crate::judging::{CONTROLS, MAX_JUDGED};

/// Judges that a run asks at most, each about up to [`MAX_JUDGED`] items.
pub const MAX_TASKS: u64 = 200;

/// Most items that are doubted at once; no judge is asked from there on, and nothing further doubted.
pub const MAX_DOUBTED: usize = 1_000;

/// An item that so many questions brought no verdict on is given up.
const TRIES: u8 = 2;

/// What so many answers have named is there.
const SURE: u32 = 4;

/// Of so many items that most answers have named, judges are shown some.
const AMONG: usize = 20;

/// The verdicts: a few bytes for each item that was judged and is named by one answer alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judging {
    tasks: u64,
    judged: BTreeSet<Seq>,
    doubted: BTreeSet<Seq>,
    /// Questions about an item without a verdict.
    tried: BTreeMap<Seq, u8>,
}

/// What the next judge is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Docket {
    /// Who is asked; `None`: any.
    pub provider: Option<String>,
    /// Items by their numbers, and their texts: what is to be judged, and a few to judge the judge by.
    pub items: Vec<(Seq, String)>,
}

impl Docket {
    /// How many items there are.
    #[must_use]
    pub fn asks_for(&self) -> u32 {
        u32::try_from(self.items.len()).unwrap_or(u32::MAX)
    }
}

impl Judging {
    /// Requests to judges, answered or not.
    #[must_use]
    pub const fn tasks(&self) -> u64 {
        self.tasks
    }

    /// Items named by one answer alone that a judge has seen.
    #[must_use]
    pub fn judged(&self) -> u64 {
        super::count(self.judged.len())
    }

    /// Those of them that it doubts.
    #[must_use]
    pub const fn doubted(&self) -> &BTreeSet<Seq> {
        &self.doubted
    }

    /// Whether an item waits for a judge, if only one answer has named it.
    fn waits(&self, seq: Seq) -> bool {
        !self.judged.contains(&seq) && self.tried.get(&seq).is_none_or(|tries| *tries < TRIES)
    }

    /// Another answer names it.
    pub(super) fn named_again(&mut self, seq: Seq) {
        self.judged.remove(&seq);
        self.doubted.remove(&seq);
        self.tried.remove(&seq);
    }

    /// A request to a judge has ended. Of what it says only items count that one answer alone has named, and nothing where it doubts what many have.
    pub(super) fn ended(&mut self, meta: &ResponseMeta, sightings: impl Fn(Seq) -> u32) {
        self.tasks += 1;
        let Some(said) = &meta.judged else { return };
        let asked = said.asked.iter().copied().take(MAX_JUDGED).filter(|seq| sightings(*seq) == 1);
        let is_believed = |doubted: &&Vec<Seq>| !doubted.iter().any(|seq| sightings(*seq) >= SURE);
        let doubted = said.doubted.as_ref().filter(is_believed);
        for seq in asked {
            match doubted {
                None => {
                    let tries = self.tried.entry(seq).or_default();
                    *tries = tries.saturating_add(1);
                }
                Some(doubted) => {
                    self.tried.remove(&seq);
                    self.judged.insert(seq);
                    if !doubted.contains(&seq) {
                        self.doubted.remove(&seq);
                    } else if self.doubted.len() < MAX_DOUBTED {
                        self.doubted.insert(seq);
                    }
                }
            }
        }
    }
}

impl TopicFold {
    /// What judges said.
    #[must_use]
    pub const fn judging(&self) -> &Judging {
        &self.judging
    }

    /// What the next judge is shown, where these providers can be asked and these items are before a judge already; `None` where nothing is left to judge, or
    /// too many were asked. Who has named an item does not judge it, where there is somebody else. Linear in the number of attributes whose texts are kept.
    #[must_use]
    pub fn next_docket(&self, providers: &[String], tasks: u64, under_way: &BTreeSet<Seq>) -> Option<Docket> {
        if self.judging.tasks + tasks >= MAX_TASKS || self.judging.doubted.len() >= MAX_DOUBTED {
            return None;
        }
        let texts = self.frontier.texts();
        let waits =
            |seq: &Seq| self.sightings.of(*seq) == 1 && self.judging.waits(*seq) && !under_way.contains(seq);
        let mut waiting = (1..).zip(texts).filter(|(seq, _)| waits(seq)).peekable();
        let first = waiting.peek()?.0;
        let named = |provider: &str, seq: Seq| {
            self.by_provider.all().get(provider).is_some_and(|sightings| sightings.of(seq) > 0)
        };
        let several = providers.len() > 1;
        // They take turns, so that what one has no verdict on comes before another.
        let turn = usize::try_from(self.judging.tasks + tasks).unwrap_or(0) % providers.len().max(1);
        let in_turn = providers.iter().cycle().skip(turn).take(providers.len());
        let provider = in_turn.clone().find(|provider| !named(provider, first)).or(in_turn.clone().next());
        let provider = provider.filter(|_| several);
        let is_others = |seq: Seq| seq == first || provider.is_none_or(|provider| !named(provider, seq));
        let items = waiting.filter(|(seq, _)| is_others(*seq)).take(MAX_JUDGED - CONTROLS);
        let mut items: Vec<(Seq, String)> = items.map(|(seq, text)| (seq, text.to_string())).collect();
        let every = items.len().div_ceil(CONTROLS + 1);
        for (number, control) in (1..).zip(self.controls(tasks)) {
            // Spread among the others, none of them first.
            items.insert((number * every + number - 1).min(items.len()), control);
        }
        Some(Docket { provider: provider.cloned(), items })
    }

    /// Of the items that most answers have named, the next few in turn.
    fn controls(&self, tasks: u64) -> Vec<(Seq, String)> {
        let sure = |(_, seen): &(Seq, u32)| *seen >= SURE;
        let mut best: Vec<(Seq, u32)> =
            (1..).zip(self.sightings.iter()).take(self.frontier.texts().len()).filter(sure).collect();
        best.sort_unstable_by_key(|(seq, seen)| (Reverse(*seen), *seq));
        best.truncate(AMONG);
        let turn = usize::try_from(self.judging.tasks + tasks).unwrap_or(0) * CONTROLS % best.len().max(1);
        let in_turn = best.iter().cycle().skip(turn).take(CONTROLS.min(best.len()));
        in_turn.filter_map(|(seq, _)| Some((*seq, self.frontier.text(*seq)?))).collect()
    }
}

/// Whether a response is that of a judge.
pub(super) fn is_judge(meta: &ResponseMeta) -> bool {
    Aim::of(meta) == Some(Aim::Judge)
}

#[cfg(test)]
mod tests;
