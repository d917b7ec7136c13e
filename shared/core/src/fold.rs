//! The fold of a topic's log: every number that is shown or decided on comes from here, so that it can be rebuilt, resumed from a log
//! index and compared with an independent count.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::batch::Outcome;
use crate::cost::Cost;
use crate::estimate::{Completeness, Incidence};
use crate::frontier::{Aim, Category, Frontier, Part};
use crate::ids::{Incarnation, LogIndex, Seq, WorkerId};
use crate::key::Rejection;
use crate::log::{Entry, EntryKind};
use crate::phrasing::Phrasings;
use crate::seeded::{Bug, is_on, strikes};
use crate::topic::Share;

mod judging;
mod lately;
mod marks;
mod newest;
mod probes;
mod seeding;
mod sightings;
mod strata;
mod totals;
mod windows;
mod worths;

use judging::is_judge;
pub use judging::{Docket, Judging, MAX_DOUBTED, MAX_TASKS};
pub use lately::{Lately, Spent, Yield};
use marks::{Firsts, Marks};
pub use newest::{Brought, Newest, REMEMBERED};
pub use probes::{Probed, Probes};
pub use seeding::Seeding;
pub use sightings::Sightings;
pub use strata::STRATA;
use strata::{Incomplete, Origin, Strata};
pub use totals::Totals;
pub use windows::{Flow, Recent, Row, Trend, Trends, Window, Windows};
pub use worths::Worth;
use worths::Worths;

/// Fewer answers about the whole topic do not say how complete it is.
const LEAST_ANSWERS: u64 = 8;

/// What one life of a producer has used up, by the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Requests.
    pub requests: u64,
    /// Money, with the worst case of requests whose cost is not known.
    pub cost: Cost,
}

/// The fold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicFold {
    log_index: LogIndex,
    totals: Totals,
    providers: BTreeMap<String, Totals>,
    producers: BTreeMap<WorkerId, Totals>,
    cells: BTreeMap<String, Totals>,
    outcomes: BTreeMap<Outcome, u64>,
    rejections: BTreeMap<Rejection, u64>,
    settled: BTreeMap<WorkerId, BTreeMap<Incarnation, Settled>>,
    sightings: Sightings,
    by_provider: Strata,
    by_cell: Strata,
    incomplete: Incomplete,
    dry_answers: u64,
    unusable_answers: u64,
    newest: Newest,
    probes: Probes,
    seeding: Seeding,
    worths: Worths,
    phrasings: Phrasings,
    lately: Lately,
    firsts: Firsts,
    windows: Windows,
    judging: Judging,
    frontier: Frontier,
}

/// An entry that does not follow what is folded already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// There is a hole.
    #[error("log entry {found} does not follow {last}")]
    Hole {
        /// Last entry folded.
        last: LogIndex,
        /// Entry at hand.
        found: LogIndex,
    },
    /// The numbers in the entry contradict those before it.
    #[error("log entry {0} names attributes that cannot exist")]
    Numbers(LogIndex),
}

impl TopicFold {
    /// Takes one entry in. An entry that was taken in already is ignored.
    ///
    /// # Errors
    /// When an entry is left out, or its sequence numbers are not those that follow.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), FoldError> {
        if entry.index <= self.log_index {
            return Ok(());
        }
        if entry.index != self.log_index + 1 {
            return Err(FoldError::Hole { last: self.log_index, found: entry.index });
        }
        self.check_numbers(entry)?;
        self.log_index = entry.index;
        if entry.is_seeded() {
            self.seeding.learn(entry);
            self.frontier.learn_known(entry.attributes().map(|(_, text)| text));
            return Ok(());
        }
        let (head, kind, tail) = (&entry.head, &entry.head.kind, &entry.tail);
        let all = entry;
        let (entry, seeds) = self.seeding.without_seeds(all);
        let entry = &*entry;
        self.frontier.learn(entry.attributes().map(|(_, text)| text));
        let origin = self.origin(all);
        let cell = origin.as_ref().and_then(|origin| origin.cell.as_deref());
        let marks = Marks::of(entry, cell, &self.frontier, &mut self.firsts);
        self.totals.add(kind, tail, marks);
        if strikes(Bug::EntryFoldedTwice, 50) {
            self.totals.add(kind, tail, marks);
        }
        self.producers.entry(head.producer.clone()).or_default().add(kind, tail, marks);
        if let Some(origin) = &origin {
            self.windows.add(head, &origin.provider, origin.cell.as_deref(), tail, marks);
        }
        let (kind, tail) = (&entry.head.kind, &entry.tail);
        match kind {
            EntryKind::Response(meta) => {
                if is_judge(meta) {
                    self.judging.ended(meta, |seq| self.sightings.of(seq));
                } else {
                    self.worths.ended(meta, count(tail.new.len()) + u64::from(tail.missing));
                }
                self.see(entry, Some(&meta.provider));
                self.frontier.answered(entry, meta, &seeds);
                self.lately.spent(
                    head.at,
                    entry.index,
                    meta,
                    count(tail.new.len()) + u64::from(tail.missing),
                );
                *self.outcomes.entry(meta.outcome).or_default() += 1;
                for (reason, count) in meta.rejections.iter() {
                    *self.rejections.entry(reason).or_default() += u64::from(count);
                }
                let lives = self.settled.entry(head.producer.clone()).or_default();
                let settled = lives.entry(head.incarnation).or_default();
                settled.requests += 1;
                settled.cost += meta.charge();
                if meta.outcome.is_answer() && !Aim::of(meta).is_some_and(|aim| aim.is_task()) {
                    self.dry_answers = if tail.new.is_empty() { self.dry_answers + 1 } else { 0 };
                    // A model that has named everything may well answer with an empty list.
                    let unusable = matches!(meta.outcome, Outcome::Refused | Outcome::Unparsable)
                        || (meta.outcome == Outcome::Empty && self.is_nothing_named());
                    self.phrasings.answered(meta, count(tail.new.len()) + u64::from(tail.missing));
                    self.unusable_answers = if unusable { self.unusable_answers + 1 } else { 0 };
                    if meta.probe && !unusable {
                        self.probes.answered(all.index, named(entry), seeds.len(), tail.over_cap);
                    }
                    if !unusable {
                        let new = u32::try_from(tail.new.len()).unwrap_or(u32::MAX);
                        self.newest.answered(entry.index, new.saturating_add(tail.missing));
                    }
                }
                if let Some(origin) = origin {
                    self.credit(all, entry, &origin, marks);
                    if tail.missing > 0 {
                        self.incomplete.remember(&head.producer, head.incarnation, head.seq, origin);
                    }
                }
            }
            EntryKind::Resolution { .. } => {
                if !tail.new.is_empty() {
                    self.dry_answers = 0;
                }
                self.see(entry, origin.as_ref().map(|origin| origin.provider.as_str()));
                if let Some(origin) = origin {
                    self.credit(all, entry, &origin, marks);
                    let known = u32::try_from(all.tail.again.len()).unwrap_or(u32::MAX);
                    self.newest.were_known(origin.at, known);
                    self.probes.completed(origin.at, named(entry));
                    self.lately.were_known(origin.at, known);
                    let voice = self.frontier.set_of(&origin.provider);
                    if let Some(aim) = Aim::named(origin.cell.as_deref()) {
                        self.frontier.mention(named(entry), &aim, voice);
                    }
                }
            }
            EntryKind::Seeded => {}
        }
        Ok(())
    }

    /// Whether it is sure to be as complete as is wanted.
    #[must_use]
    pub fn is_complete(&self, wanted: Share) -> bool {
        let frontier = &self.frontier;
        let enough = if frontier.is_used() {
            frontier.has_enough_of_whole()
        } else {
            self.totals.responses >= LEAST_ANSWERS
        };
        let is_sure = |said: Completeness| !said.at_least && said.completeness >= wanted.get();
        enough && self.completeness().is_some_and(is_sure)
    }

    /// Counts what an entry named, by a provider if that is known.
    fn see(&mut self, entry: &Entry, provider: Option<&str>) {
        for seq in named(entry) {
            let before = self.sightings.add(seq);
            if before == 1 {
                self.judging.named_again(seq);
            }
            if let Some(provider) = provider
                && before <= 1
            {
                self.worths.first_named(provider, seq, before, &self.by_provider);
            }
        }
        if let Some(provider) = provider {
            self.worths.named(provider, count(named(entry).count()));
        }
    }

    /// Where the response was asked that an entry is, or completes.
    fn origin(&mut self, entry: &Entry) -> Option<Origin> {
        let (head, tail) = (&entry.head, &entry.tail);
        match &head.kind {
            EntryKind::Response(meta) => Some(Origin::of(meta, entry.index, tail.missing)),
            EntryKind::Resolution { of } => {
                let texts = u32::try_from(tail.new.len() + tail.again.len()).unwrap_or(u32::MAX);
                let texts = texts.saturating_add(tail.over_cap);
                self.incomplete.complete(&head.producer, head.incarnation, *of, texts)
            }
            EntryKind::Seeded => None,
        }
    }

    /// Counts what an entry brought for where its response was asked; sightings without those of seeds.
    fn credit(&mut self, all: &Entry, entry: &Entry, origin: &Origin, marks: Marks) {
        let (kind, tail) = (&all.head.kind, &all.tail);
        self.providers.entry(origin.provider.clone()).or_default().add(kind, tail, marks);
        self.by_provider.add(&origin.provider, named(entry));
        if let Some(cell) = &origin.cell {
            self.cells.entry(cell.clone()).or_default().add(kind, tail, marks);
            self.by_cell.add(cell, named(entry));
        }
    }

    fn check_numbers(&self, entry: &Entry) -> Result<(), FoldError> {
        let tail = &entry.tail;
        let known = self.attributes();
        let follows = tail.new.is_empty() || tail.first_new == known + 1;
        let end = known + count(tail.new.len());
        let is_known = |seq: Seq| (1..=end).contains(&seq) || self.seeding.holds(seq);
        let fits = if entry.is_seeded() { self.seeding.is_next(tail) } else { follows };
        if fits && tail.again.iter().all(|seq| is_known(*seq)) {
            Ok(())
        } else {
            Err(FoldError::Numbers(entry.index))
        }
    }

    fn is_nothing_named(&self) -> bool {
        self.sightings.mentions() + self.seeding.named().mentions() == 0
    }

    /// Last entry taken in.
    #[must_use]
    pub const fn log_index(&self) -> LogIndex {
        self.log_index
    }

    /// Number of attributes.
    #[must_use]
    pub fn attributes(&self) -> Seq {
        self.sightings.last()
    }

    /// Over everything.
    #[must_use]
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// By provider.
    #[must_use]
    pub const fn providers(&self) -> &BTreeMap<String, Totals> {
        &self.providers
    }

    /// By producer.
    #[must_use]
    pub const fn producers(&self) -> &BTreeMap<WorkerId, Totals> {
        &self.producers
    }

    /// By cell.
    #[must_use]
    pub const fn cells(&self) -> &BTreeMap<String, Totals> {
        &self.cells
    }

    /// Responses and failed requests by how they ended.
    #[must_use]
    pub const fn outcomes(&self) -> &BTreeMap<Outcome, u64> {
        &self.outcomes
    }

    /// Strings of answers that were rejected, by reason.
    #[must_use]
    pub const fn rejections(&self) -> &BTreeMap<Rejection, u64> {
        &self.rejections
    }

    /// What one life of a producer has used up.
    #[must_use]
    pub fn settled(&self, producer: &WorkerId, incarnation: Incarnation) -> Settled {
        self.settled.get(producer).and_then(|lives| lives.get(&incarnation)).copied().unwrap_or_default()
    }

    /// Answers in a row, up to the last, that named nothing new.
    #[must_use]
    pub const fn dry_answers(&self) -> u64 {
        self.dry_answers
    }

    /// Answers in a row, up to the last, that were no lists at all: refusals, texts without items, and nothing where nothing was ever
    /// named.
    #[must_use]
    pub const fn unusable_answers(&self) -> u64 {
        self.unusable_answers
    }

    /// What was known from the beginning.
    #[must_use]
    pub const fn seeding(&self) -> &Seeding {
        &self.seeding
    }

    /// What the newest answers brought.
    #[must_use]
    pub const fn newest(&self) -> &Newest {
        &self.newest
    }

    /// What the newest answers say that were asked for without conditions.
    #[must_use]
    pub fn probed(&self) -> Probed {
        self.probes.probed(&self.sightings)
    }

    /// What the newest requests took.
    #[must_use]
    pub const fn lately(&self) -> &Lately {
        &self.lately
    }

    /// What was asked and came back in the last minutes.
    #[must_use]
    pub const fn windows(&self) -> &Windows {
        &self.windows
    }

    /// What requests to each provider brought and took.
    #[must_use]
    pub const fn worths(&self) -> &BTreeMap<String, Worth> {
        self.worths.all()
    }

    /// What the ways to ask have brought.
    #[must_use]
    pub const fn phrasings(&self) -> &Phrasings {
        &self.phrasings
    }

    /// Responses that named each attribute.
    #[must_use]
    pub const fn sightings(&self) -> &Sightings {
        &self.sightings
    }

    /// The same by provider, for the first [`STRATA`].
    #[must_use]
    pub const fn sightings_by_provider(&self) -> &BTreeMap<String, Sightings> {
        self.by_provider.all()
    }

    /// The same by cell, for the first [`STRATA`].
    #[must_use]
    pub const fn sightings_by_cell(&self) -> &BTreeMap<String, Sightings> {
        self.by_cell.all()
    }

    /// What is known of the parts of the topic.
    #[must_use]
    pub const fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// How many items were named by how many answers.
    #[must_use]
    pub fn incidence(&self) -> Incidence {
        let answered = self.outcomes.get(&Outcome::Answered).copied().unwrap_or_default();
        Incidence::of(answered.saturating_sub(self.frontier.tasks()), &self.sightings)
    }

    /// How many items there are in all, by what these models say; `None` before anything can be said. Where requests aimed at parts of the topic, the parts are
    /// summed up; else the whole is looked at.
    #[must_use]
    pub fn completeness(&self) -> Option<Completeness> {
        if self.frontier.is_used() { self.frontier.estimate() } else { self.incidence().estimate() }
    }

    /// How far each part of the topic is, in their order, those that were given as categories among them; where there are more than so many, those of which
    /// most is missing.
    #[must_use]
    pub fn parts(&self, given: &[Category], most: usize) -> Vec<Part> {
        Part::most_missing(self.frontier.parts(given, &self.sightings), most)
    }

    /// The probability that the next mention of an item is of a known one, estimated as `1 - f1 / n` with `f1` the attributes
    /// named once and `n` all mentions (Good, I. J. (1953), "The population frequencies of species and the estimation of population
    /// parameters", Biometrika 40, 237–264), to six places and only 1 when none is. `None` before the first mention.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn coverage(&self) -> Option<f64> {
        // Items beyond a cap were mentioned and are not known.
        let (unknown, mentions) = (
            self.sightings.singletons() / if is_on(Bug::CoverageWrong) { 2 } else { 1 }
                + self.totals.over_cap,
            self.sightings.mentions() + self.seeding.named().mentions() + self.totals.over_cap,
        );
        let millionth = |share: f64| (share * 1e6).round() / 1e6;
        (mentions > 0).then(|| match unknown {
            0 => 1.0,
            _ => millionth((mentions - unknown) as f64 / mentions as f64).min(0.999_999),
        })
    }
}

/// The attributes that an entry names.
pub(crate) fn named(entry: &Entry) -> impl Iterator<Item = Seq> + Clone {
    entry.attributes().map(|(seq, _)| seq).chain(entry.tail.again.iter().copied())
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
