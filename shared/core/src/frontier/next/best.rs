//! The part that brings most for what it costs.

use super::super::coming::Knowing;
use super::super::estimate::Picture;
use super::super::letters::PLACES;
use super::super::view::View;
use super::super::voices::{Set, VOICES, Worth};
use super::super::{Reach, Stretch};
use super::{AT_ONCE, LEAST_NEW, Letters, PARTS_TRIED_EVERY, Wish, whole_count};

/// This share of what an answer costs is not for its names.
const PER_REQUEST: f64 = 0.3;

/// What could be asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub(super) letters: Letters,
    /// New names, and all that it may give.
    pub(super) new: f64,
    pub(super) gives: f64,
    /// Names that are known there, and that there are.
    pub(super) known: f64,
    pub(super) has: f64,
    /// New names for what it costs.
    pub(super) value: f64,
}

/// Who can be asked, and the best that there is to ask for.
#[derive(Debug)]
struct Askable<'a> {
    provider: &'a String,
    voice: Set,
    worth: Worth,
    knowing: Option<Knowing>,
    /// What an answer costs.
    cost: f64,
    /// It answers lately, or is tried now.
    is_sound: bool,
    best: Option<Offer>,
    most: f64,
}

/// Places that requests under way are about: how many there are before each.
#[derive(Debug)]
pub(super) struct Busy(Vec<u16>);

impl Busy {
    pub(super) fn of(wish: &Wish<'_>) -> Self {
        let mut busy = vec![0_u16; PLACES + 1];
        for part in wish.parts() {
            let within = busy.iter_mut().skip(usize::from(part.from) + 1);
            within.take(usize::from(part.to - part.from) + 1).for_each(|place| *place = 1);
        }
        let mut before = 0;
        for place in &mut busy {
            before += *place;
            *place = before;
        }
        Self(busy)
    }

    pub(super) fn is_free(&self, letters: Letters) -> bool {
        let before = |place: usize| self.0.get(place).copied().unwrap_or_default();
        before(usize::from(letters.from)) == before(usize::from(letters.to) + 1)
    }
}

/// What a choice goes by besides the part and the model.
#[derive(Clone, Copy, Debug)]
struct Choice {
    several: bool,
    /// It is being found out already what a model adds.
    is_testing: bool,
    items: f64,
    /// Names in an answer.
    usual: f64,
}

/// A part that a model can be asked for.
#[derive(Clone, Copy, Debug)]
struct Chance {
    reach: Reach,
    /// Names that are known there, and that there are.
    known: f64,
    has: f64,
    /// Names in an answer.
    gives: f64,
    /// The share of all names that the model knows; and where others have listed the part, new names that it adds.
    share: f64,
    adds: f64,
}

impl Choice {
    /// How many new names a model brings, and what they are worth.
    fn weigh(self, one: &Askable<'_>, chance: &Chance) -> (f64, f64) {
        let missing = chance.has - chance.known;
        let new = match (self.several, chance.reach.listed) {
            (false, _) => missing,
            (true, 0) => missing * chance.share,
            (true, _) => chance.adds,
        };
        let new = new.clamp(0.0, self.items);
        // Before a topic can end it must be known what each model adds; and the sooner it is, the less is asked of one that adds nothing.
        // One that fails would be asked again and again for that.
        let is_open = self.several && !one.worth.is_seen && chance.reach.listed > 0;
        let tests = is_open && one.is_sound && !self.is_testing;
        (new, if tests { chance.known * AT_ONCE } else { new / self.cost(one, chance.gives) })
    }

    /// What an answer of a model with so many names costs.
    fn cost(self, one: &Askable<'_>, names: f64) -> f64 {
        let length = if self.several { names.min(self.items) / self.usual } else { 1.0 };
        one.cost * (PER_REQUEST + (1.0 - PER_REQUEST) * length)
    }
}

impl View<'_> {
    /// Whether a model has listed some of a part.
    pub(super) fn is_listed(&self, part: Letters) -> bool {
        let first = self.stretches.partition_point(|stretch| stretch.to < part.from);
        let mut within =
            self.stretches.iter().skip(first).take_while(|stretch| stretch.letters().overlaps(part));
        within.any(|stretch| stretch.reach.listed > 0)
    }

    /// What brings most for what it costs, and of how many.
    pub(super) fn best(
        &self,
        wish: &Wish<'_>,
        picture: &Picture,
        expected: &[f64],
    ) -> (Option<(Offer, Option<String>)>, u32) {
        let several = wish.providers.len() > 1;
        // A list of one that is not told apart from others is nobody's, and finishes nothing.
        let counts = |provider: &String| self.set_of(provider) != 0 || self.voices.len() < VOICES;
        let any_counts = wish.providers.iter().any(counts);
        // Now and then one that fails is tried.
        let tries = (self.aimed + whole_count(wish.under_way.len())).is_multiple_of(PARTS_TRIED_EVERY);
        let mut askable: Vec<Askable<'_>> = Vec::new();
        for provider in wish.providers {
            let voice = self.set_of(provider);
            let adds_nothing = voice != 0 && voice & picture.useful == 0;
            if several && (adds_nothing || any_counts && !counts(provider)) {
                continue;
            }
            let sound = if tries { 1.0 } else { self.soundness(voice) };
            let cost = if several { self.cost_of(voice) / sound } else { 1.0 };
            let worth = self.worth(voice, picture.useful | voice);
            let is_sound = sound > 0.5;
            askable.push(Askable {
                provider,
                voice,
                worth,
                knowing: self.knowing(voice),
                cost,
                is_sound,
                best: None,
                most: f64::NEG_INFINITY,
            });
        }
        let choice = Choice {
            several,
            is_testing: wish.parts().any(|part| self.is_listed(part)),
            items: f64::from(wish.items),
            usual: self.names_in_an_answer().max(1.0),
        };
        let (busy, mut parts, mut offers) = (Busy::of(wish), Vec::new(), 0);
        let (said, silent) = (self.spares(true), self.spares(false));
        let is_open = |stretch: &Stretch| !stretch.reach.is_done(picture.useful);
        let stretches = self.stretches().zip(expected).filter(|((stretch, _), _)| is_open(stretch));
        for ((stretch, sums), has_all) in stretches {
            let (whole, reach) = (stretch.letters(), stretch.reach);
            for one in askable.iter_mut().filter(|one| reach.listed_by & one.voice == 0) {
                // Which parts there are goes by how much the model knows of them, and by what it is told to leave out.
                let (leaves_out, mut of_whole) = (one.worth.is_seen, None);
                if whole.from == whole.to {
                    // There is nothing to cut, and there may be hundreds of these.
                    let spares = if leaves_out { said } else { silent };
                    of_whole = Some(self.share_of(one.knowing, *has_all, whole));
                    parts.push((whole, spares.of(*has_all, of_whole.unwrap_or(1.0), sums)));
                } else {
                    self.cut(stretch, picture, (self.size(wish), leaves_out, one.knowing), &mut parts);
                }
                for (letters, load) in parts.drain(..).filter(|(letters, _)| busy.is_free(*letters)) {
                    let sums = self.sum(letters);
                    let has = if letters == whole {
                        *has_all
                    } else {
                        self.expected_of(picture, &sums, letters, reach)
                    };
                    let (known, gives) = (sums.found(), load.gives);
                    let share = of_whole.unwrap_or_else(|| self.share_of(one.knowing, has, letters));
                    let adds = self.adds(picture, one.voice, letters, reach);
                    let (new, value) = choice.weigh(one, &Chance { reach, known, has, gives, share, adds });
                    offers += u32::from(new >= LEAST_NEW);
                    if new >= LEAST_NEW && value > one.most {
                        one.most = value;
                        one.best = Some(Offer { letters, new, gives, known, has, value });
                    }
                }
            }
        }
        let mut best: Option<(Offer, &String)> = None;
        for Askable { provider, best: offer, .. } in askable {
            if let Some(offer) = offer.filter(|offer| best.is_none_or(|(best, _)| offer.value > best.value)) {
                best = Some((offer, provider));
            }
        }
        (best.map(|(offer, provider)| (offer, several.then(|| provider.clone()))), offers)
    }
}
