//! What a run would have come to had its requests been shared otherwise, by its own answers: a simulation.
//!
//! Where a topic is cut into parts the run is made anew ([`anew`]). Else each time a provider is drawn, what it is taken to answer is the next of its answers in the log, until one is drawn that has none left. So an answer
//! stands for whatever that provider would have said then, which holds where answers do not depend on those before: requests about the whole topic, asked alike (the replay method of
//! Li, L., Chu, W., Langford, J. and Wang, X. (2011), "Unbiased offline evaluation of contextual-bandit-based news article recommendation algorithms", WSDM, 297–306, with a provider's answers in
//! their order). What a judge was asked names no item, and whom it is asked of is not shared: such requests are left out, and counted.

use std::collections::{BTreeMap, VecDeque};

use super::{EVERY, Policy, Routed};
use crate::batch::ResponseMeta;
use crate::cost::Cost;
use crate::fold::{FoldError, TopicFold};
use crate::frontier::Aim;
use crate::ids::{Incarnation, LogIndex, Seq, WorkerId};
use crate::log::{Entry, EntryHead, EntryKind, EntryTail};
use crate::topic::FIRST_SEED;

pub mod anew;
mod like;
mod models;
mod pace;
#[cfg(test)]
mod tests;

use anew::Anew;
use pace::Pace;

/// Nothing is simulated beyond so many requests, or so many items named in them: time and memory are bounded.
pub const MOST_REQUESTS: usize = 100_000;
/// See [`MOST_REQUESTS`].
pub const MOST_NAMED: usize = 5_000_000;

/// How far something came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Requests, answered or not.
    pub requests: u64,
    /// Unique items.
    pub items: u64,
    /// What it cost, with what may have been charged.
    pub cost: Cost,
}

/// What a policy would have come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Where it came to.
    pub reached: Reached,
    /// Whose answers ran out first; `None` where all of the run was used.
    pub out_of: Option<String>,
    /// The weights that it began with, of all who could be asked.
    pub weights: BTreeMap<String, f64>,
    /// Requests by provider.
    pub asked: BTreeMap<String, u64>,
    /// How far the run came.
    pub was: Reached,
    /// How far it had come after as many requests.
    pub was_then: Reached,
    /// When the run had as many items.
    pub was_there: Option<Reached>,
    /// What judges were asked, which is in none of the others.
    pub judged: Reached,
    /// How the run that was made anew went, where it was.
    pub anew: Option<Anew>,
}

/// Why a log does not say what another policy would have come to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// Requests aimed at parts.
    #[error(
        "its requests aimed at parts of the topic: what another provider would have said about them is in no answer"
    )]
    Aimed,
    /// Requests aimed at other parts than letters.
    #[error(
        "its requests aimed at categories or clusters, and who knows what of these cannot be told from its answers well enough; requests about the whole, and about letters, can be simulated"
    )]
    Categories,
    /// Nothing was asked.
    #[error("nothing was asked yet")]
    Nothing,
    /// It ended by its cap on items.
    #[error(
        "it ended by its cap on items: what its last answers named beyond that is not in its log, so that nobody can be taken to know more; runs that ended otherwise can be simulated"
    )]
    Capped,
    /// There is nobody else.
    #[error(
        "only one provider that has a weight was asked, so that nothing can be shared otherwise; asked were {0}"
    )]
    One(String),
    /// A weight is for nobody.
    #[error("no provider `{0}` was asked; there are {1}")]
    Unknown(String, String),
    /// It is too long.
    #[error(
        "its log is too long to be simulated: that takes at most {MOST_REQUESTS} requests, and {MOST_NAMED} items named in them"
    )]
    TooLong,
    /// It contradicts itself.
    #[error(transparent)]
    Log(#[from] FoldError),
}

#[derive(Debug)]
struct Answer {
    index: LogIndex,
    head: EntryHead,
    meta: ResponseMeta,
    /// With seeds.
    items: Vec<Seq>,
}

/// The answers of a run.
#[derive(Debug, Default)]
pub struct Answers {
    all: Vec<Answer>,
    /// Where those stand that may be completed.
    incomplete: BTreeMap<(WorkerId, Incarnation, u64), usize>,
    /// How far the run had come after each.
    was: Vec<Reached>,
    reached: Reached,
    judged: Reached,
    is_aimed: bool,
    named: usize,
    /// The words of the items, and what was known beforehand.
    texts: Vec<Box<str>>,
    seeded: Vec<Entry>,
    pace: Pace,
}

impl Answers {
    /// Takes in the next entry of the log.
    pub fn entry(&mut self, entry: &Entry) {
        if self.is_too_long() {
            return;
        }
        let tail = &entry.tail;
        let new = entry.attributes().map(|(seq, _)| seq);
        let items = new.chain(tail.again.iter().copied());
        self.named += tail.new.len() + tail.again.len();
        if entry.is_seeded() {
            self.seeded.push(entry.clone());
            return;
        }
        self.texts.extend(tail.new.iter().map(|text| text.as_str().into()));
        let number = |seq: u64| (entry.head.producer.clone(), entry.head.incarnation, seq);
        match &entry.head.kind {
            EntryKind::Response(meta) if is_judge(meta) => {
                self.judged.requests += 1;
                self.judged.cost += meta.charge();
                return;
            }
            EntryKind::Response(meta) => {
                self.is_aimed |= meta.cell.is_some();
                if tail.missing > 0 {
                    self.incomplete.insert(number(entry.head.seq), self.all.len());
                }
                self.reached.requests += 1;
                self.reached.cost += meta.charge();
                let items = items.collect();
                let (index, head, meta) = (entry.index, entry.head.clone(), meta.clone());
                self.all.push(Answer { index, head, meta, items });
            }
            EntryKind::Resolution { of } => {
                let at = self.incomplete.get(&number(*of));
                if let Some(answer) = at.and_then(|at| self.all.get_mut(*at)) {
                    answer.items.extend(items);
                }
            }
            EntryKind::Seeded => return,
        }
        self.reached.items += u64::try_from(tail.new.len()).unwrap_or(u64::MAX);
        match (&entry.head.kind, self.was.last_mut()) {
            (EntryKind::Resolution { .. }, Some(last)) => *last = self.reached,
            _ => self.was.push(self.reached),
        }
    }

    /// Whether there is more than is simulated; nothing further is taken in then.
    #[must_use]
    pub const fn is_too_long(&self) -> bool {
        self.all.len() > MOST_REQUESTS || self.named > MOST_NAMED
    }

    /// How far the run came, without what judges were asked.
    #[must_use]
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// When the run had so many items.
    #[must_use]
    pub fn when(&self, items: u64) -> Option<Reached> {
        there(&self.was, items)
    }

    /// Whether requests aimed at parts of the topic.
    #[must_use]
    pub const fn is_aimed(&self) -> bool {
        self.is_aimed
    }

    /// What a policy would have come to that begins with the operator's weights; equal ones where none are given.
    ///
    /// # Errors
    /// When the log does not say.
    pub fn under(&self, policy: Policy, weights: &BTreeMap<String, f64>) -> Result<Outcome, Unanswered> {
        if self.is_aimed {
            return Err(Unanswered::Aimed);
        }
        self.is_enough()?;
        let mut queues: BTreeMap<&str, VecDeque<&Answer>> = BTreeMap::new();
        for answer in &self.all {
            queues.entry(&answer.meta.provider).or_default().push_back(answer);
        }
        let weight =
            |name: &str| if weights.is_empty() { 1.0 } else { weights.get(name).copied().unwrap_or(0.0) };
        let prior: BTreeMap<String, f64> = queues
            .keys()
            .map(|name| ((*name).to_owned(), weight(name)))
            .filter(|(_, one)| *one > 0.0)
            .collect();
        let names = || queues.keys().copied().collect::<Vec<_>>().join(", ");
        // A weight of 0 says that a provider is not asked, which holds of one that never was.
        let mut wanted = weights.iter().filter(|(_, weight)| **weight > 0.0).map(|(name, _)| name);
        if let Some(unknown) = wanted.find(|name| !queues.contains_key(name.as_str())) {
            return Err(Unanswered::Unknown(unknown.clone(), names()));
        }
        if prior.len() < 2 {
            return Err(Unanswered::One(names()));
        }
        let mut course = Course::default();
        let mut credits: BTreeMap<String, f64> = BTreeMap::new();
        let mut shares = BTreeMap::new();
        let out_of = loop {
            if course.fold.log_index() % EVERY == 0 {
                shares = Routed::by(policy, &course.fold, &prior).weights;
            }
            for (name, share) in &shares {
                *credits.entry(name.clone()).or_default() += share;
            }
            // The one whose turn is most overdue; of several the first.
            let due = credits.iter().rev().max_by(|a, b| a.1.total_cmp(b.1)).map(|(name, _)| name.clone());
            let Some(due) = due else { break None };
            let Some(answer) = queues.get_mut(due.as_str()).and_then(VecDeque::pop_front) else {
                break queues.values().any(|queue| !queue.is_empty()).then_some(due);
            };
            *credits.entry(due).or_default() -= 1.0;
            course.take(answer)?;
        };
        Ok(Outcome { out_of, ..self.outcome(course.reached, course.asked, prior) })
    }

    /// Whether the log says enough, and not too much.
    fn is_enough(&self) -> Result<(), Unanswered> {
        if self.is_too_long() {
            return Err(Unanswered::TooLong);
        }
        if self.all.is_empty() {
            return Err(Unanswered::Nothing);
        }
        if self.pace.is_capped() {
            return Err(Unanswered::Capped);
        }
        Ok(())
    }

    /// Beside what the run was.
    fn outcome(
        &self,
        reached: Reached,
        asked: BTreeMap<String, u64>,
        weights: BTreeMap<String, f64>,
    ) -> Outcome {
        let requests = usize::try_from(reached.requests).unwrap_or(usize::MAX);
        Outcome {
            was_then: requests.checked_sub(1).and_then(|at| self.was.get(at)).copied().unwrap_or_default(),
            was: self.reached,
            was_there: there(&self.was, reached.items),
            reached,
            weights,
            asked,
            out_of: None,
            judged: self.judged,
            anew: None,
        }
    }
}

/// When something had so many items.
fn there(course: &[Reached], items: u64) -> Option<Reached> {
    course.iter().find(|then| then.items >= items).copied()
}

fn is_judge(meta: &ResponseMeta) -> bool {
    meta.cell.is_some() && Aim::named(meta.cell.as_deref()) == Some(Aim::Judge)
}

/// A run in the making.
#[derive(Debug, Default)]
struct Course {
    fold: TopicFold,
    /// New numbers of the items, by those that they had.
    numbers: BTreeMap<Seq, Seq>,
    reached: Reached,
    asked: BTreeMap<String, u64>,
}

impl Course {
    fn take(&mut self, answer: &Answer) -> Result<(), FoldError> {
        let (mut new, mut again) = (Vec::new(), Vec::new());
        let before = self.fold.attributes();
        for item in answer.items.iter().filter(|seq| **seq < FIRST_SEED) {
            let next = u64::try_from(self.numbers.len()).unwrap_or(u64::MAX) + 1;
            match *self.numbers.entry(*item).or_insert(next) {
                number if number > before && number == next => new.push(String::new()),
                number => again.push(number),
            }
        }
        let index: LogIndex = self.fold.log_index() + 1;
        let first_new = if new.is_empty() { 0 } else { before + 1 };
        self.reached.requests += 1;
        self.reached.items += u64::try_from(new.len()).unwrap_or(u64::MAX);
        self.reached.cost += answer.meta.charge();
        *self.asked.entry(answer.meta.provider.clone()).or_default() += 1;
        let head =
            EntryHead { kind: EntryKind::Response(answer.meta.clone()), seq: index, ..answer.head.clone() };
        let tail = EntryTail { first_new, new, again, ..EntryTail::default() };
        self.fold.apply(&Entry { index, head, tail })
    }
}
