//! The part that brings most for what it costs.

use super::super::coming::Knowing;
use super::super::estimate::Picture;
use super::super::letters::PLACES;
use super::super::prior::turn_of;
use super::super::unanswered::LEFT_TO_OTHERS;
use super::super::view::View;
use super::super::voices::{Set, Worth};
use super::super::{Reach, Stretch};
use super::{AT_ONCE, LEAST_NEW, Letters, PARTS_TRIED_EVERY, Spares, Wish, whole_count};

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
    spares: Spares,
    /// The share of what it is asked for that it gives, where it stops long before that.
    delivers: f64,
    /// What an answer costs, less for whom the operator would rather ask.
    cost: f64,
    preference: f64,
    /// The parts that it was asked for last and did not answer.
    failed_with: Vec<Letters>,
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
    /// Of what a usual answer costs, the share for the request and for each name.
    per_request: f64,
    per_name: f64,
}

/// A part that models can be asked for.
#[derive(Clone, Copy, Debug)]
struct Part {
    letters: Letters,
    reach: Reach,
    /// Names that are known there, and that there are.
    known: f64,
    has: f64,
}

impl Part {
    fn missing(self) -> f64 {
        self.has - self.known
    }

    /// Whether any model may bring so many new names. Where some have listed it, each may bring more than is missing if the others bring nothing.
    fn may_bring(self, new: f64) -> bool {
        self.reach.listed > 0 || self.missing() >= new
    }
}

impl Choice {
    /// What so many new names are worth in an answer with so many names.
    fn value(self, one: &Askable<'_>, part: Part, new: f64, gives: f64) -> f64 {
        // Before a topic can end it must be known what each model adds; and the sooner it is, the less is asked of one that adds nothing.
        // One that fails would be asked again and again for that.
        let is_open = self.several && !one.worth.is_seen && part.reach.listed > 0;
        let is_left = self.several && one.failed_with.iter().any(|failed| failed.overlaps(part.letters));
        if is_left {
            return LEFT_TO_OTHERS * new / one.cost;
        }
        if is_open && one.is_sound && !self.is_testing {
            return part.known * AT_ONCE;
        }
        new / (one.cost * (self.per_request + self.per_name * gives.min(self.items)))
    }
}

/// Keeps the one whose turn it is by the operator's weights, of those that are asked for anything.
fn keep_whose_turn_it_is(askable: &mut Vec<Askable<'_>>, turn: u64) {
    askable.retain(|one| one.best.is_some());
    if askable.iter().any(|one| one.is_sound) {
        askable.retain(|one| one.is_sound);
    }
    let next = turn_of(turn, askable.iter().map(|one| (one.provider, one.preference)));
    askable.retain(|one| Some(one.provider) == next);
}

impl View<'_> {
    /// Whether a model has listed some of a part.
    pub(super) fn is_listed(&self, part: Letters) -> bool {
        self.within(part).any(|stretch| stretch.reach.listed > 0)
    }

    /// Whether these models have listed all of a part, or it was given up.
    pub(super) fn is_done(&self, part: Letters, useful: Set) -> bool {
        self.within(part).all(|stretch| stretch.reach.is_done(useful))
    }

    /// The stretches that a part has a share in.
    fn within(&self, part: Letters) -> impl Iterator<Item = &Stretch> {
        let first = self.stretches.partition_point(|stretch| stretch.to < part.from);
        self.stretches.iter().skip(first).take_while(move |stretch| stretch.letters().overlaps(part))
    }

    /// Takes a part in that a model can be asked for, of which it knows this share and names so many; false if it brings nothing.
    fn consider(
        &self,
        choice: Choice,
        picture: &Picture,
        one: &mut Askable<'_>,
        part: Part,
        (share, gives): (f64, f64),
    ) -> bool {
        let Part { letters, reach, known, has } = part;
        let new = match (choice.several, reach.listed) {
            (false, _) => part.missing(),
            (true, 0) => part.missing() * share,
            (true, _) => self.adds(picture, one.voice, letters, reach),
        };
        let new = new.clamp(0.0, choice.items);
        if new < LEAST_NEW {
            return false;
        }
        let value = choice.value(one, part, new, gives);
        if value > one.most {
            one.most = value;
            one.best = Some(Offer { letters, new, gives, known, has, value });
        }
        true
    }

    /// What brings most for what it costs, and of how many.
    pub(super) fn best(
        &self,
        wish: &Wish<'_>,
        picture: &Picture,
        expected: &[f64],
    ) -> (Option<(Offer, Option<String>)>, u32) {
        let several = wish.providers.len() > 1;
        // A list of one that is not told apart from others is nobody's, and finishes nothing. Of one that has not answered nobody knows what an answer costs:
        // it was asked about the whole.
        let counts = |provider: &String| self.set_of(provider) != 0;
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
            let preference = self.preference(wish, provider);
            let cost = if several { self.cost_of(voice) / sound / preference } else { 1.0 };
            let worth = self.worth(voice, picture.useful | voice);
            let is_sound = sound > 0.5;
            askable.push(Askable {
                provider,
                voice,
                worth,
                knowing: self.knowing(voice),
                spares: self.spares(worth.is_seen),
                delivers: self.fullness(voice).delivers(),
                cost,
                preference,
                failed_with: self.unanswered.parts(provider),
                is_sound,
                best: None,
                most: f64::NEG_INFINITY,
            });
        }
        let choice = Choice {
            several,
            is_testing: wish.parts().any(|part| self.is_listed(part)),
            items: f64::from(wish.items),
            per_name: if several { (1.0 - PER_REQUEST) / self.names_in_an_answer().max(1.0) } else { 0.0 },
            per_request: if several { PER_REQUEST } else { 1.0 },
        };
        let size = self.size(wish);
        let (busy, mut parts, mut offers) = (Busy::of(wish), Vec::new(), 0);
        let is_open = |stretch: &Stretch| !stretch.reach.is_done(picture.useful);
        let stretches = self.stretches().zip(expected).filter(|((stretch, _), _)| is_open(stretch));
        for ((stretch, sums), has_all) in stretches {
            let (whole, reach) = (stretch.letters(), stretch.reach);
            let not_listed = askable.iter_mut().filter(|one| reach.listed_by & one.voice == 0);
            if whole.is_one() {
                // There is nothing to cut, and there may be hundreds of these.
                let part = Part { letters: whole, reach, known: sums.found(), has: *has_all };
                if busy.is_free(whole) && part.may_bring(LEAST_NEW) {
                    for one in not_listed {
                        let share = self.share_of(one.knowing, part.has, whole);
                        let gives = one.spares.of(part.has, share, sums, true).gives;
                        offers += u32::from(self.consider(choice, picture, one, part, (share, gives)));
                    }
                }
                continue;
            }
            for one in not_listed {
                // Which parts there are goes by how much the model knows of them, and by what it is told to leave out.
                self.cut(stretch, picture, (size * one.delivers, one.spares, one.knowing), &mut parts);
                for (letters, load) in parts.drain(..).filter(|(letters, _)| busy.is_free(*letters)) {
                    let sums = self.sum(letters);
                    let has = self.expected_of(picture, &sums, letters, reach);
                    let share = self.share_of(one.knowing, has, letters);
                    let part = Part { letters, reach, known: sums.found(), has };
                    offers += u32::from(self.consider(choice, picture, one, part, (share, load.gives)));
                }
            }
        }
        if wish.has_fixed_shares() {
            let turn = self.whole + self.aimed + whole_count(wish.under_way.len());
            keep_whose_turn_it_is(&mut askable, turn);
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
