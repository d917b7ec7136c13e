//! The decisions of a topic's run that are not sure to be in the store, and those that stand with them.

use std::collections::BTreeMap;

use super::super::member::Member;
use super::Managed;
use crate::decision::{CHUNK, Chunk, Decision, Definition, Ending, RULES, Terms, What};
use crate::ids::{Epoch, LogIndex, WorkerId};
use crate::time::{Now, UnixMillis};
use crate::topic::{EndReason, Partition, Topic};

/// What is written of a decision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) at: UnixMillis,
    pub(super) log_index: LogIndex,
}

#[derive(Debug)]
pub(super) struct Journal {
    /// From the beginning of a chunk that is not sure to be in the store as it is here.
    tail: Chunk,
    /// The number behind the last one that is sure to be there.
    saved: u64,
    /// The definition that is sure to be there.
    saved_definition: Definition,
    /// The version of the topic that the definition is of; 0 where nobody has looked yet.
    version: u64,
    /// The newest of those before that is not of what a request asks for; 0 for none.
    other: u64,
    taken_up: bool,
    terms: Option<Terms>,
    /// The end that was written down, and the version of the topic that it was decided for.
    ending: Option<(EndReason, u64)>,
}

impl Default for Journal {
    fn default() -> Self {
        let tail = Chunk::default();
        let saved_definition = Definition::default();
        let (other, version, taken_up, terms, ending) = (0, 0, false, None, None);
        Self { saved: tail.end(), saved_definition, version, tail, other, taken_up, terms, ending }
    }
}

impl Journal {
    /// Goes on behind what the store has of a topic: an earlier leader may have written of its end.
    pub(super) fn found(&mut self, chunk: Chunk, topic: &Topic) {
        let last = chunk.decisions.last().filter(|decision| decision.at >= topic.started_at);
        let ending = last.and_then(|decision| match &decision.what {
            What::Ending(ending) => Some((ending.reason, topic.version)),
            What::TakenUp { .. }
            | What::Terms(_)
            | What::Routed(_)
            | What::Worded(_)
            | What::Measured(_)
            | What::Cared(_)
            | What::Asked(_)
            | What::Changed(_)
            | What::Dropped { .. } => None,
        });
        let (saved, first, saved_definition) = (chunk.end(), chunk.first, chunk.definition.clone());
        *self = Self { saved, saved_definition, tail: chunk, ending, ..Self::default() };
        self.saw(first);
    }

    /// The topic begins again.
    pub(super) fn begin(&mut self) {
        (self.taken_up, self.terms, self.ending) = (false, None, None);
    }

    /// The number of the next decision.
    pub(super) fn next(&self) -> u64 {
        self.tail.end()
    }

    /// Writes a decision down; its number.
    pub(super) fn note(&mut self, moment: Moment, what: What) -> u64 {
        let number = self.tail.end();
        self.tail.decisions.push(Decision { at: moment.at, log_index: moment.log_index, what });
        number
    }

    /// Before anything else: who decides.
    fn taken_up(&mut self, moment: Moment, epoch: Epoch) {
        if !std::mem::replace(&mut self.taken_up, true) {
            self.note(moment, What::TakenUp { epoch, rules: RULES });
        }
    }

    /// What of the topic's definition is otherwise than when decisions last told of it, whoever led then.
    fn definition(&mut self, moment: Moment, epoch: Epoch, topic: &Topic) {
        if std::mem::replace(&mut self.version, topic.version) == topic.version {
            return;
        }
        let before = std::mem::replace(&mut self.tail.definition, Definition::of(topic));
        let changed = before.changed(&self.tail.definition).filter(|_| !before.is_empty());
        if let Some(changed) = changed {
            self.taken_up(moment, epoch);
            self.note(moment, What::Changed(changed));
        }
    }

    /// Before anything is asked: who decides, and by what.
    pub(super) fn terms(&mut self, moment: Moment, epoch: Epoch, terms: Terms) {
        self.taken_up(moment, epoch);
        // Of who is away only that counts, since why is said in ever other words.
        let is_same = |known: &Terms| {
            let away = known.away.keys().eq(terms.away.keys());
            away && *known == Terms { away: known.away.clone(), ..terms.clone() }
        };
        if !self.terms.as_ref().is_some_and(is_same) {
            self.terms = Some(terms.clone());
            self.note(moment, What::Terms(terms));
        }
    }

    /// That the topic comes to its end is written once.
    pub(super) fn ending(&mut self, moment: Moment, ending: Ending, version: u64) {
        let reason = ending.reason;
        if !self.has_ending(reason) {
            self.note(moment, What::Ending(ending));
        }
        self.ending = Some((reason, version));
    }

    pub(super) fn has_ending(&self, reason: EndReason) -> bool {
        self.ending.is_some_and(|(written, _)| written == reason)
    }

    /// The topic runs in this version: an end that was decided for an earlier one did not come about.
    pub(super) fn runs(&mut self, version: u64) {
        self.ending = self.ending.filter(|(_, decided)| *decided == version);
    }

    /// Whether requests are told what to aim at, by what is written down.
    pub(super) fn is_directed(&self) -> bool {
        self.terms.as_ref().is_some_and(|terms| terms.partition != Partition::None)
    }

    /// Whether a decision is sure to be in the store.
    pub(super) const fn is_saved(&self, number: u64) -> bool {
        number < self.saved
    }

    /// The newest decision in the store that is not of what a request asks for; 0 for none.
    pub(super) const fn other(&self) -> u64 {
        self.other
    }

    /// What stands in the store is looked at from this number on.
    fn saw(&mut self, from: u64) {
        let numbered = (self.tail.first..self.saved).zip(&self.tail.decisions);
        let others = numbered.filter(|(_, decision)| !matches!(decision.what, What::Asked(_)));
        let newest = others.filter(|(number, _)| *number >= from).last();
        self.other = newest.map_or(self.other, |(number, _)| number);
    }

    /// What is to be saved: whole chunks, and the one that is open.
    pub(super) fn unsaved(&self) -> Option<Vec<Chunk>> {
        if self.saved >= self.tail.end() && self.saved_definition == self.tail.definition {
            return None;
        }
        let mut chunks: Vec<Chunk> = Vec::new();
        let mut first = self.tail.first;
        for decisions in self.tail.decisions.chunks(CHUNK) {
            let chunk = Chunk { first, decisions: decisions.to_vec(), ..Chunk::default() };
            first = chunk.end();
            chunks.push(chunk);
        }
        if chunks.last().is_none_or(|chunk| chunk.decisions.len() == CHUNK) {
            chunks.push(Chunk { first, ..Chunk::default() });
        }
        if let Some(open) = chunks.last_mut() {
            open.definition = self.tail.definition.clone();
            open.before = self.tail.standing(self.tail.decisions.len() / CHUNK * CHUNK);
        }
        Some(chunks)
    }

    /// What ends before this number is in the store.
    pub(super) fn saved(&mut self, end: u64) {
        let before = self.saved;
        self.saved = before.max(end.min(self.tail.end()));
        if self.saved == self.tail.end() {
            self.saved_definition.clone_from(&self.tail.definition);
        }
        self.saw(before);
        let whole = usize::try_from(self.saved.saturating_sub(self.tail.first)).unwrap_or(0) / CHUNK * CHUNK;
        self.tail.before = self.tail.standing(whole);
        self.tail.decisions.drain(..whole);
        self.tail.first += u64::try_from(whole).unwrap_or(0);
    }
}

impl Managed {
    /// What decisions go by besides the log.
    pub(super) fn terms(&self, members: &BTreeMap<WorkerId, Member>) -> Terms {
        Terms {
            items: self.topic.items_per_request,
            wanted: self.topic.limits.completeness,
            providers: self.askable(members),
            weights: self.unequal_weights(members),
            routing: self.topic.routing,
            away: self.away(members),
            partition: self.topic.partition,
            categories: self.topic.categories.clone(),
            ends: Some(self.ends()),
            probes: self.topic.probe_share,
        }
    }

    /// Writes down what an operator has changed.
    pub(super) fn note_definition(&mut self, epoch: Epoch, now: Now) {
        self.journal.definition(self.moment(now), epoch, &self.topic);
    }

    /// Writes them down where they are others than before.
    pub(super) fn note_terms(&mut self, members: &BTreeMap<WorkerId, Member>, epoch: Epoch, now: Now) {
        let (moment, terms) = (self.moment(now), self.terms(members));
        self.journal.terms(moment, epoch, terms);
    }
}
