//! The models that are asked, and what each of them adds to what the others know.
//!
//! A list of one model is no list of another. So a range is done when every model has listed it that adds anything; which ones do is seen in the
//! ranges that several have listed: names that one of them alone has.

use serde::{Deserialize, Serialize};

use super::Frontier;
use super::fullness::Fullness;
use super::heard::Told;
use super::keeping::Keeping;
use super::places::Listers;
use super::view::View;
use crate::batch::{Outcome, ResponseMeta};
use crate::routing::{FREE, SLOW};

/// Models that are told apart; what others say counts as nobody's.
pub(super) const VOICES: usize = 6;

/// A set of models.
pub(super) type Set = u8;

/// So many names in ranges that another model has listed too show what a model adds.
const TESTED: f64 = 40.0;

/// In a topic with fewer, this share of all.
const OF_ALL: f64 = 0.9;

/// The same of names that a model gave when it was asked about the whole, in ranges that others have listed.
const SAMPLED: f64 = 20.0;

/// Answers about the whole name what is well known, to others too, so that less than it is seems to be added: of what lists forget no more than this share
/// is taken off that.
const OF_SAMPLED: f64 = 0.5;

/// Before any was, it is as if so many had been.
const BEFORE: f64 = 3.0;

/// A model that adds less than this share of the names of a range adds nothing.
const ADDS: f64 = 0.06;

/// Of so many requests the last counts as one.
const LATELY: u16 = 5;

/// A model that answers a smaller share of its requests is asked less.
const SOUND: f64 = 0.8;

/// What a model that is not tested yet is taken to add.
const MAY_ADD: f64 = 0.3;

/// A model, by its answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Voice {
    provider: String,
    answers: u64,
    pub(super) fullness: Fullness,
    pub(super) keeping: Keeping,
    /// In picodollars, and where all is free in milliseconds.
    spent: u64,
    waited: u64,
    /// Lately answered requests among a thousand, the last ones counting most.
    healthy: u16,
}

impl Voice {
    pub(super) fn provider(&self) -> &str {
        &self.provider
    }

    /// Of that much the share of an answer.
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    fn each(&self, all: u64) -> f64 {
        all as f64 / self.answers.max(1) as f64
    }
}

/// The place of a model; none where it has not said anything.
pub(super) fn place_of(voice: Set) -> Option<usize> {
    usize::try_from(voice.trailing_zeros()).ok().filter(|_| voice != 0)
}

/// What a model is worth asking for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worth {
    /// Share of the names of a range that it adds to what others have listed.
    pub(super) adds: f64,
    /// The same with what may be made up: how much that is, is not known well, and nobody is left out for it.
    pub(super) at_most: f64,
    /// How much of that the others know, but left out.
    pub(super) forgotten: f64,
    /// It is known by lists of the same ranges, as well as it can be.
    pub(super) is_tested: bool,
    /// It is known at all, by lists or by what it named of ranges that others have listed.
    pub(super) is_seen: bool,
}

/// How many names were found in ranges, how many of them a model named, and how many of these no other did.
#[derive(Clone, Copy, Debug, Default)]
struct Named {
    found: f64,
    known: f64,
    alone: f64,
    /// Those that the lists of the others may have left out though these know them.
    forgotten: f64,
    /// Those that the model named when it was asked about the whole, and in answers about parts.
    whole: u32,
    aimed: u32,
}

impl Named {
    /// Those that no other model named and that are not made up.
    fn real(&self, told: &Told) -> f64 {
        told.real(self.alone, self.whole.into(), self.aimed.into())
    }
}

impl Frontier {
    /// The model's place among those that are told apart.
    pub(super) fn voice(&mut self, meta: &ResponseMeta) -> Set {
        let known = self.voices.iter().position(|voice| voice.provider == meta.provider);
        let place = known.unwrap_or(self.voices.len());
        if known.is_none() && self.voices.len() < VOICES {
            self.voices.push(Voice { provider: meta.provider.clone(), healthy: 1_000, ..Voice::default() });
        }
        let Some(voice) = self.voices.get_mut(place) else { return 0 };
        voice.answers += 1;
        voice.spent = voice.spent.saturating_add(meta.charge().picodollars());
        voice.waited = voice.waited.saturating_add(meta.latency_ms);
        1 << place
    }

    /// Takes in whether a request was answered.
    pub(super) fn health(&mut self, meta: &ResponseMeta) {
        let Some(voice) = self.voices.iter_mut().find(|voice| voice.provider == meta.provider) else {
            return;
        };
        // Given up by ourselves says nothing of the model.
        if meta.outcome == Outcome::Abandoned {
            return;
        }
        let now = if meta.outcome.is_answer() { 1_000 } else { 0 };
        voice.healthy = (voice.healthy * (LATELY - 1) + now) / LATELY;
    }

    /// The model that is this set.
    pub(super) fn voice_of(&mut self, voice: Set) -> Option<&mut Voice> {
        place_of(voice).and_then(|place| self.voices.get_mut(place))
    }

    /// How much less a model is to be asked since it fails: 1 for a sound one.
    pub(super) fn soundness(&self, voice: Set) -> f64 {
        let healthy =
            place_of(voice).and_then(|place| self.voices.get(place)).map_or(1_000, |voice| voice.healthy);
        (f64::from(healthy) / 1_000.0 / SOUND).min(1.0).powi(4)
    }

    /// The model alone, as a set.
    pub(crate) fn set_of(&self, provider: &str) -> Set {
        self.voices.iter().position(|voice| voice.provider == provider).map_or(0, |place| 1 << place)
    }

    /// Whether a model would be told apart from others and has not answered yet.
    pub(crate) fn is_new(&self, provider: &str) -> bool {
        self.set_of(provider) == 0 && self.voices.len() < VOICES
    }

    /// What an answer of a model costs: in money, or in time where money is none. Who is free beside others costs somebody something all the same, and who keeps
    /// everybody waiting costs more. 1 where it has given none.
    pub(super) fn cost_of(&self, voice: Set) -> f64 {
        let Some(one) = place_of(voice).and_then(|place| self.voices.get(place)) else { return 1.0 };
        let priced = self.voices.iter().map(|voice| voice.each(voice.spent)).filter(|money| *money > 0.0);
        let (money, count) = priced.fold((0.0, 0.0), |(sum, count), money| (sum + money, count + 1.0));
        let waits = one.each(one.waited.max(1));
        if money <= 0.0 {
            return waits;
        }
        let mut all: Vec<f64> = self.voices.iter().map(|voice| voice.each(voice.waited)).collect();
        all.sort_by(f64::total_cmp);
        let usual = all.get(all.len().saturating_sub(1) / 2).copied().unwrap_or_default();
        let slow = (SLOW * usual).max(1.0);
        one.each(one.spent).max(FREE * money / count) * (waits / slow).max(1.0)
    }
}

impl Frontier {
    /// The places of the models, those first whose answers cost most.
    pub(super) fn dearest_first(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.voices.len()).collect();
        places.sort_by(|a, b| self.cost_of(1 << b).total_cmp(&self.cost_of(1 << a)));
        places
    }
}

impl View<'_> {
    /// The models that add something to the others.
    pub(super) fn useful(&self) -> Set {
        let mut useful: Set = (0..self.voices.len()).fold(0, |all, place| all | 1 << place);
        // Of two that know the same the dearer one goes.
        for voice in self.dearest_first().into_iter().map(|place| 1 << place) {
            if useful.count_ones() > 1 {
                let worth = self.worth(voice, useful);
                if worth.is_seen && worth.at_most - worth.forgotten < ADDS {
                    useful &= !voice;
                }
            }
        }
        useful
    }

    /// What a model adds to the others of a set.
    pub(super) fn worth(&self, voice: Set, among: Set) -> Worth {
        let others = among & !voice;
        // Whoever was told to leave out what the model had given did not show whether it knows that.
        let shows = |listed: Listers| listed.all & voice != 0 && listed.all & !listed.told & others != 0;
        let by_lists = self.named_in(shows, voice, others);
        if by_lists.found >= TESTED.min(OF_ALL * self.found()).max(1.0) {
            let Named { found, alone, forgotten, .. } = by_lists;
            let adds = by_lists.real(self.told()) / found;
            let (at_most, forgotten) = (alone / found, forgotten / found);
            return Worth { adds, at_most, forgotten, is_tested: true, is_seen: true };
        }
        // What it named when it was asked about the whole, in ranges that others have listed.
        let by_others = |listed: Listers| listed.all & voice == 0 && listed.all & others != 0;
        let named = self.named_in(by_others, voice, others);
        let Named { known, alone, forgotten, .. } = named;
        // Of as many names as the others have.
        let share = |alone: f64| {
            let unknown = (alone + MAY_ADD * BEFORE) / (known + BEFORE);
            unknown / (1.0 + unknown)
        };
        let (adds, at_most) = (share(named.real(self.told())), share(alone));
        let is_tested = others == 0;
        let forgotten = OF_SAMPLED * forgotten / (known + BEFORE);
        Worth { adds, at_most, forgotten, is_tested, is_seen: is_tested || known >= SAMPLED }
    }

    /// Names in ranges that were listed by such models.
    fn named_in(&self, is_meant: impl Fn(Listers) -> bool, voice: Set, others: Set) -> Named {
        let mut sum = Named::default();
        for listed in self.places.listed().iter().filter(|listed| is_meant(listed.by)) {
            let by_others = i32::try_from((listed.by.all & others).count_ones()).unwrap_or_default();
            // What the lists of the others leave out that know it.
            let left_out = self.told().forgotten.powi(by_others);
            let has_listed = listed.by.all & voice != 0;
            for (by, names) in &listed.named {
                let names = f64::from(*names);
                sum.found += names;
                sum.known += if by & voice != 0 { names } else { 0.0 };
                sum.alone += if by & (others | voice) == voice { names } else { 0.0 };
                // A model that has not listed the range shows only what it has named.
                let of = if has_listed { by & others != 0 } else { by & others != 0 && by & voice != 0 };
                sum.forgotten += if of { names * left_out / (1.0 - left_out) } else { 0.0 };
            }
            let own = (0..).zip(&listed.own).filter(|(place, _)| voice & 1 << place != 0);
            for (_, own) in own {
                sum.whole += own.whole();
                sum.aimed += own.aimed.all;
            }
        }
        sum
    }
}
