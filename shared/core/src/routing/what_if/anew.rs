//! A run made anew, where requests aim at parts of the topic: the frontier says what is asked next and of whom, as in a run, and models answer that know what
//! their providers have named in the log, and no more.
//!
//! It is over when the run's requests are used up, when as many items are found as the run had, or by the rules that end a run. As many requests are open at once
//! as there were, and each takes as long as its provider's do.

use std::collections::{BTreeMap, BTreeSet};

use super::models::{Models, Said};
use super::{Answers, Outcome, Reached, Unanswered, there};
use crate::batch::{Outcome as Ended, Rejections, ResponseMeta};
use crate::cost::Cost;
use crate::decision::{Ends, Met, Terms};
use crate::fold::TopicFold;
use crate::frontier::{Aim, Outlook};
use crate::ids::{Seq, WorkerId};
use crate::log::{Entry, EntryHead, EntryKind, EntryTail};
use crate::phrasing::Phrasing;
use crate::routing::{EVERY, Policy, Routed};
use crate::time::UnixMillis;

/// Who has failed so often and never answered is waited for no more.
const TRIES: u64 = 2;

/// Why a run that was made anew is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// As many requests as the run had.
    Requests,
    /// As many items as the run had.
    Items,
    /// It is as complete as is wanted.
    Complete,
    /// Nothing new comes any more, or too little, or there is nothing to ask.
    Dry,
    /// The topic's cap on money.
    Money,
}

/// How a run that was made anew went.
#[derive(Clone, Debug, PartialEq)]
pub struct Anew {
    /// Why it is over.
    pub over: Over,
    /// The same with the run's own policy and weights: how far such a simulation is from what was.
    pub same: Reached,
    /// Why that is over.
    pub same_over: Over,
    /// When that had as many items as the other.
    pub same_there: Option<Reached>,
    /// Items that each provider named in the run.
    pub named: BTreeMap<String, u64>,
    /// Those that were named by somebody who is asked here: no more can be found.
    pub named_by_asked: u64,
}

impl Over {
    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Items => "items",
            Self::Complete => "complete",
            Self::Dry => "dry",
            Self::Money => "money",
        }
    }

    /// For people.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Requests => "then as many requests are used up as the run had",
            Self::Items => "then there are as many items as the run had",
            Self::Complete => "then it is as complete as is wanted",
            Self::Dry => "then nothing new comes any more",
            Self::Money => "then the cap on money is met",
        }
    }
}

impl Answers {
    /// What the run would have come to by another policy and other weights; the run's own ones where none are given. `terms` are the topic's, for what no decision
    /// tells.
    ///
    /// # Errors
    /// When the log does not say.
    pub fn anew(
        &self,
        policy: Policy,
        weights: &BTreeMap<String, f64>,
        terms: &Terms,
    ) -> Result<Outcome, Unanswered> {
        self.is_enough()?;
        if self.all.iter().any(|answer| !is_by_letters(&answer.meta)) {
            return Err(Unanswered::Categories);
        }
        let models = Models::of(self);
        let own = self.pace.terms().unwrap_or_else(|| terms.clone());
        // Made anew, it was never taken up: no answer is of an earlier start.
        let never = || Ends { dry_after: u64::MAX, ..Ends::default() };
        let ends = own.ends.clone().or_else(|| terms.ends.clone()).unwrap_or_else(never);
        let own = Terms { ends: Some(Ends { answers_before: 0, newest_behind: 0, ..ends }), ..own };
        let own_weights = own_weights(&own, &models)?;
        let weights = if weights.is_empty() { &own_weights } else { weights };
        let terms = shared(&own, policy, weights, &models)?;
        let own = shared(&own, own.routing, &own_weights, &models)?;
        if models.models.len() < 2 {
            return Err(Unanswered::One(models.names()));
        }
        let other = Course::of(self, &models, &terms)?;
        let same = if terms == own { other.clone() } else { Course::of(self, &models, &own)? };
        let named = models.models.iter().map(|(name, model)| ((*name).to_owned(), model.names())).collect();
        let anew = Anew {
            over: other.over,
            same: same.reached,
            same_over: same.over,
            same_there: there(&same.was, other.reached.items),
            named,
            named_by_asked: models.named_by(&terms.providers),
        };
        let weights = weights.iter().filter(|(_, weight)| **weight > 0.0);
        let weights = weights.map(|(name, weight)| (name.clone(), *weight)).collect();
        Ok(Outcome { anew: Some(anew), ..self.outcome(other.reached, other.asked, weights) })
    }
}

fn is_by_letters(meta: &ResponseMeta) -> bool {
    matches!(Aim::of(meta), Some(Aim::Whole | Aim::Part(_)))
}

impl Models<'_> {
    fn names(&self) -> String {
        self.models.keys().copied().collect::<Vec<_>>().join(", ")
    }
}

/// The weights that the run itself went by, of all that it could ask and did: also where they are equal, for who was taken off is in the log still.
fn own_weights(own: &Terms, models: &Models<'_>) -> Result<BTreeMap<String, f64>, Unanswered> {
    let is_known = |name: &str| models.models.contains_key(name);
    let is_named = own.weights.iter().any(|(name, weight)| *weight > 0.0 && is_known(name));
    let weight = |name: &str| if is_named { own.weights.get(name).copied().unwrap_or_default() } else { 1.0 };
    let may_be = |name: &str| own.providers.is_empty() || own.providers.iter().any(|one| one == name);
    let asked = models.models.keys().filter(|name| may_be(name));
    let mut weights: BTreeMap<String, f64> = asked.map(|name| ((*name).to_owned(), weight(name))).collect();
    weights.retain(|_, weight| *weight > 0.0);
    match own.providers.first() {
        Some(never) if weights.is_empty() => Err(Unanswered::Unknown(never.clone(), models.names())),
        Some(_) | None => Ok(weights),
    }
}

/// The terms with other weights.
fn shared(
    terms: &Terms,
    routing: Policy,
    weights: &BTreeMap<String, f64>,
    models: &Models<'_>,
) -> Result<Terms, Unanswered> {
    let is_wanted = |name: &str| weights.is_empty() || weights.get(name).is_some_and(|weight| *weight > 0.0);
    let mut wanted = weights.iter().filter(|(_, weight)| **weight > 0.0);
    if let Some((unknown, _)) = wanted.find(|(name, _)| !models.models.contains_key(name.as_str())) {
        return Err(Unanswered::Unknown(unknown.clone(), models.names()));
    }
    // In their order, which settles what is as good either way.
    let known = terms.providers.iter().filter(|name| models.models.contains_key(name.as_str())).cloned();
    let mut providers: Vec<String> = known.collect();
    let others = models.models.keys().filter(|name| !terms.providers.iter().any(|known| known == *name));
    providers.extend(others.map(|name| (*name).to_owned()));
    providers.retain(|name| is_wanted(name));
    if providers.is_empty() {
        return Err(Unanswered::One(models.names()));
    }
    let mut weights: BTreeMap<String, f64> =
        weights.iter().filter(|(_, weight)| **weight > 0.0).map(|(name, one)| (name.clone(), *one)).collect();
    // As a leader tells them: not at all where they are equal.
    let first = weights.values().next().copied().unwrap_or_default();
    if weights.values().all(|weight| weight.total_cmp(&first).is_eq()) {
        weights.clear();
    }
    Ok(Terms { providers, away: BTreeMap::new(), weights, routing, ..terms.clone() })
}

/// A request that has no answer yet.
#[derive(Debug)]
struct Open {
    aim: Aim,
    new: f64,
    provider: String,
    meta: ResponseMeta,
    said: Said,
    /// When its answer comes; `None` before it is sent.
    ends: Option<u64>,
}

/// A run in the making.
#[derive(Clone, Debug)]
struct Course<'a> {
    models: &'a Models<'a>,
    answers: &'a Answers,
    terms: &'a Terms,
    fold: TopicFold,
    /// New numbers of the items.
    numbers: BTreeMap<usize, Seq>,
    /// Questions to each provider, and those of them that have an answer.
    questions: BTreeMap<String, u64>,
    asked: BTreeMap<String, u64>,
    credits: BTreeMap<String, f64>,
    shares: BTreeMap<String, f64>,
    reached: Reached,
    was: Vec<Reached>,
    at: u64,
    draws: u64,
    over: Over,
}

impl<'a> Course<'a> {
    fn of(answers: &'a Answers, models: &'a Models<'a>, terms: &'a Terms) -> Result<Self, Unanswered> {
        let mut course = Self {
            models,
            answers,
            terms,
            fold: TopicFold::default(),
            numbers: BTreeMap::new(),
            questions: BTreeMap::new(),
            asked: BTreeMap::new(),
            credits: BTreeMap::new(),
            shares: BTreeMap::new(),
            reached: Reached::default(),
            was: Vec::new(),
            at: 0,
            draws: 0,
            over: Over::Dry,
        };
        for entry in &answers.seeded {
            let index = course.fold.log_index() + 1;
            course.fold.apply(&Entry { index, ..entry.clone() })?;
        }
        course.run()?;
        Ok(course)
    }

    fn run(&mut self) -> Result<(), Unanswered> {
        let at_once = self.answers.pace.at_once();
        let places = (at_once * 2 / 3).max(1);
        let mut open: Vec<Open> = Vec::new();
        loop {
            while open.len() < at_once {
                let Some(one) = self.ask(&open)? else { break };
                open.push(one);
            }
            for one in open.iter_mut().take(places).filter(|one| one.ends.is_none()) {
                one.ends = Some(self.at + one.meta.latency_ms);
            }
            let first = open.iter().enumerate().min_by_key(|(_, one)| one.ends.unwrap_or(u64::MAX));
            let Some((first, _)) = first else { return Ok(()) };
            let one = open.remove(first);
            self.at = one.ends.unwrap_or(self.at);
            self.take(one)?;
            if let Some(over) = self.over(&open, places) {
                self.over = over;
                return Ok(());
            }
        }
    }

    /// The next request, if there is one.
    fn ask(&mut self, open: &[Open]) -> Result<Option<Open>, Unanswered> {
        let under_way: Vec<(Aim, f64)> = open.iter().map(|one| (one.aim.clone(), one.new)).collect();
        let wish = self.terms.wish(&under_way);
        let Outlook::Ask { aim, provider, items, new, .. } = self.fold.frontier().next(&wish) else {
            return Ok(None);
        };
        let leave_out = self.fold.frontier().leave_out(&aim, provider.as_deref());
        let Some(provider) = provider.or_else(|| self.whose_turn()) else { return Ok(None) };
        let (meta, said) = self.answer(&provider, &aim, items, &leave_out)?;
        Ok(Some(Open { aim, new, provider, meta, said, ends: None }))
    }

    /// Who is asked where nobody is named: by shares.
    fn whose_turn(&mut self) -> Option<String> {
        if self.shares.is_empty() || self.fold.log_index().is_multiple_of(EVERY) {
            let weight = |name: &String| self.terms.weights.get(name).copied().unwrap_or(1.0);
            let prior = self.terms.providers.iter().map(|name| (name.clone(), weight(name))).collect();
            self.shares = Routed::by(self.terms.routing, &self.fold, &prior).weights;
        }
        for (name, share) in &self.shares {
            *self.credits.entry(name.clone()).or_default() += share;
        }
        // The one whose turn is most overdue; of several the first.
        let due =
            self.credits.iter().rev().max_by(|a, b| a.1.total_cmp(b.1)).map(|(name, _)| name.clone())?;
        *self.credits.entry(due.clone()).or_default() -= 1.0;
        Some(due)
    }

    /// What comes of a request.
    fn answer(
        &mut self,
        provider: &str,
        aim: &Aim,
        asked: u32,
        leave_out: &[String],
    ) -> Result<(ResponseMeta, Said), Unanswered> {
        let questions = self.questions.entry(provider.to_owned()).or_default();
        let number = *questions;
        *questions += 1;
        let Some(model) = self.models.models.get(provider) else {
            return Err(Unanswered::Unknown(provider.to_owned(), self.models.names()));
        };
        let mut meta = ResponseMeta { provider: provider.to_owned(), cell: aim.cell(), asked, ..blank() };
        let failure = model.like.failure(number).and_then(|place| self.answers.all.get(place));
        if let Some(failure) = failure {
            let ResponseMeta { outcome, latency_ms, input_tokens, output_tokens, cost, worst_case, .. } =
                failure.meta;
            meta =
                ResponseMeta { outcome, latency_ms, input_tokens, output_tokens, cost, worst_case, ..meta };
            return Ok((meta, Said::default()));
        }
        let mut said = Said::default();
        // Which categories there are, where letters do not tell its names apart, nobody has said.
        if !aim.is_task() {
            let items = &self.models.items;
            let leave_out: BTreeSet<usize> = leave_out.iter().filter_map(|text| items.named(text)).collect();
            meta.left_out = count(leave_out.len());
            let question = (aim, asked, number);
            said = model.say(items, question, &leave_out, &mut self.draws).ok_or(Unanswered::TooLong)?;
            meta.copied = count(said.copied);
            let of_each = |share: f64| rounded(share * f64::from(count(said.items.len())));
            meta.rejected = of_each(model.like.besides);
            meta.asked = asked.saturating_sub(of_each(model.like.misfits)).max(1);
            meta.outcome = if said.items.is_empty() { Ended::Empty } else { Ended::Answered };
        }
        let items = said.items.len();
        meta.cost = Cost::from_picodollars(model.like.cost.at(items));
        (meta.worst_case, meta.latency_ms) = (meta.cost, model.like.latency.at(items));
        Ok((meta, said))
    }

    /// Takes in an answer.
    fn take(&mut self, one: Open) -> Result<(), Unanswered> {
        let before = self.fold.attributes();
        let (mut new, mut again) = (Vec::new(), Vec::new());
        for item in one.said.items {
            if let Some(seed) = self.models.items.seed(item) {
                again.push(seed);
                continue;
            }
            let next = u64::try_from(self.numbers.len()).unwrap_or(u64::MAX) + 1;
            let number = *self.numbers.entry(item).or_insert(next);
            if number == next {
                new.push(self.models.items.text(item).to_owned());
            } else {
                again.push(number);
            }
        }
        let index = self.fold.log_index() + 1;
        self.reached.requests += 1;
        self.reached.items += u64::try_from(new.len()).unwrap_or(u64::MAX);
        self.reached.cost += one.meta.charge();
        self.was.push(self.reached);
        *self.asked.entry(one.provider).or_default() += 1;
        let first_new = if new.is_empty() { 0 } else { before + 1 };
        let tail = EntryTail { first_new, new, again, ..EntryTail::default() };
        let (producer, kind) = (WorkerId::of_role("producer", 1), EntryKind::Response(one.meta));
        let head = EntryHead { producer, incarnation: 1, seq: index, at: UnixMillis(self.at), kind };
        self.fold.apply(&Entry { index, head, tail })?;
        Ok(())
    }

    /// Whether it is over.
    fn over(&self, open: &[Open], places: usize) -> Option<Over> {
        let ends = self.terms.ends.as_ref()?;
        let was = self.answers.reached;
        if self.reached.items >= was.items {
            return Some(Over::Items);
        }
        if self.reached.requests >= was.requests {
            return Some(Over::Requests);
        }
        if ends.money(&self.fold, Cost::ZERO, Cost::ZERO).is_some() {
            return Some(Over::Money);
        }
        let failed = |name: &str| self.fold.providers().get(name).map_or(0, |totals| totals.failed_responses);
        let is_new = |one: &Open| self.fold.frontier().is_new(&one.provider) && failed(&one.provider) < TRIES;
        let waits = self.fold.frontier().is_used() && open.iter().any(is_new);
        if !waits && Met::complete(self.terms.wanted, &self.fold).is_some() {
            return Some(Over::Complete);
        }
        let places = u64::try_from(places).unwrap_or(u64::MAX);
        ends.dry(&self.fold).or_else(|| ends.newest(&self.fold, places)).map(|_| Over::Dry)
    }
}

/// What is said of every answer.
fn blank() -> ResponseMeta {
    ResponseMeta {
        provider: String::new(),
        model: String::new(),
        cell: None,
        probe: false,
        prompt_hash: 0,
        outcome: Ended::Answered,
        latency_ms: 0,
        input_tokens: 1,
        output_tokens: 1,
        cost: Cost::ZERO,
        worst_case: Cost::ZERO,
        repeated: 0,
        rejected: 0,
        asked: 0,
        left_out: 0,
        copied: 0,
        categories: crate::batch::Told::default(),
        phrasing: Phrasing::Plain,
        rejections: Rejections::default(),
        judged: None,
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is small and not negative")]
fn rounded(number: f64) -> u32 {
    number.round() as u32
}
