//! What models that have not listed a range may add to the lists of those that have.

use super::estimate::Picture;
use super::places::How;
use super::view::View;
use super::voices::{Set, VOICES, place_of};
use super::{Letters, Reach};

/// How many names a model adds to those of others differs from range to range as if so many had been seen beforehand, where lists say how many these are in
/// general, and where they do not.
const SEEN: f64 = 3.0;
const UNSEEN: f64 = 1.0;

/// Fewer names than this for each of the others are none.
const NONE: f64 = 0.001;

/// For each name beyond the others' lists in an answer that lists nothing, so many more are to come at least.
const MORE: f64 = 0.4;

/// No model is taken to know less of a range than this share.
const LEAST_KNOWN: f64 = 0.25;

/// What a model may add to the lists of others.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Coming {
    /// Names that it knows and they do not, for each that they know.
    beyond: f64,
    /// How much that says of a range, in names.
    weight: f64,
    /// The share of these names that it named when it was asked about the whole.
    named: f64,
}

/// What models may add, by whose lists it is.
#[derive(Clone, Debug, Default)]
pub(super) struct ToCome {
    all: Vec<Comings>,
    /// The place of what is added to the lists of these, plus one.
    places: Vec<u8>,
}

/// What models may add to the lists of these others.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Comings {
    /// Each of those that have not listed; and the same besides what dearer ones may add.
    each: [(Coming, Coming); VOICES],
    /// Of what they have named already, the share that is left when what several have named counts once.
    once: f64,
}

impl ToCome {
    pub(super) fn to_lists_of(&self, listed_by: Set) -> Option<&Comings> {
        let place = self.places.get(usize::from(listed_by))?.checked_sub(1)?;
        self.all.get(usize::from(place))
    }

    fn put(&mut self, listed_by: Set, comings: &Comings) {
        self.places.resize(1 << VOICES, 0);
        self.all.push(*comings);
        if let (Some(place), Ok(last)) =
            (self.places.get_mut(usize::from(listed_by)), self.all.len().try_into())
        {
            *place = last;
        }
    }
}

impl Coming {
    /// New names in a range of which the others know so many. It has named so many more when it was asked about the whole: how many there are in all is
    /// taken to be a Poisson variable, the mean of which is spread like a gamma variable around what is expected. So many it gave in answers about parts.
    fn names(self, known: f64, named: f64, given: f64) -> f64 {
        let expected = self.beyond * known;
        if self.beyond < NONE || known <= 0.0 {
            return 0.0;
        }
        let hidden = (1.0 - self.named) * (self.weight + named) / (self.weight / expected + self.named);
        (hidden - given).max(MORE * given)
    }
}

/// How much of a range a model knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Knowing {
    pub(super) place: usize,
    /// Of all names, and the share of these that it named when it was asked about the whole.
    pub(super) knows: f64,
    pub(super) named: f64,
}

impl View<'_> {
    /// The share of the names of a range that a model knows, of so many that it has.
    pub(super) fn share_of(&self, knowing: Option<Knowing>, has: f64, letters: Letters) -> f64 {
        let Some(Knowing { place, knows, named }) = knowing else { return 1.0 };
        let has = has.max(1.0);
        // Of `knows * has` names it would have named a share, `named`, about the whole: as if SEEN of those had been seen before.
        let known = knows * (SEEN + self.heard(letters, How::Whole, place)) / (SEEN + named * knows * has);
        known.max(self.heard(letters, How::Aimed, place) / has).clamp(LEAST_KNOWN, 1.0)
    }

    /// What each of these models may add to lists, by whose these are.
    pub(super) fn comings(&self, useful: Set) -> ToCome {
        let mut all = ToCome::default();
        if !self.is_shared() {
            return all;
        }
        let order = self.dearest_first();
        let is_open = |reach: Reach| reach.listed > 0 && !reach.is_done(useful);
        for stretch in self.stretches.iter().filter(|stretch| is_open(stretch.reach)) {
            let by = stretch.reach.listed_by;
            if all.to_lists_of(by).is_some() {
                continue;
            }
            let others = useful & !by;
            let mut comings = Comings { once: self.share_once(by, others), ..Comings::default() };
            let mut before = by;
            for place in order.iter().copied().filter(|place| others & 1 << place != 0) {
                if let Some(each) = comings.each.get_mut(place) {
                    *each = (self.coming_of(place, by), self.coming_of(place, before));
                }
                before |= 1 << place;
            }
            all.put(by, &comings);
        }
        all
    }

    fn coming_of(&self, place: usize, others: Set) -> Coming {
        let worth = self.worth(1 << place, others | 1 << place);
        let adds = worth.adds.min(0.95);
        let weight = if worth.is_tested { SEEN } else { UNSEEN };
        Coming { beyond: adds / (1.0 - adds), weight, named: self.share_named(place, others) }
    }

    /// New names that models add which have not listed this range, where others have: at least what lists leave out.
    pub(super) fn to_come(&self, all: &ToCome, letters: Letters, reach: Reach) -> f64 {
        let Some(Comings { each, once }) = all.to_lists_of(reach.listed_by) else { return 0.0 };
        let known = self.known_to_listed(letters);
        let others = each.iter().enumerate().filter(|(_, (_, coming))| coming.beyond >= NONE);
        let names = others.map(|(place, (_, coming))| {
            let (named, given) = self.named_beyond(letters, place);
            coming.names(known, once * named, given)
        });
        let left_out = self.told().left_out;
        names.sum::<f64>().max(known * left_out / (1.0 - left_out))
    }

    /// New names that a model adds where others have listed a range.
    pub(super) fn adds(&self, picture: &Picture, voice: Set, letters: Letters, reach: Reach) -> f64 {
        let comings = picture.to_come.to_lists_of(reach.listed_by);
        let Some((comings, place)) = comings.zip(place_of(voice)) else { return 0.0 };
        let Some((coming, _)) = comings.each.get(place) else { return 0.0 };
        let (named, given) = self.named_beyond(letters, place);
        coming.names(self.known_to_listed(letters), named, given)
    }

    /// Names of a range that a model has named when it was asked about the whole and that nobody has listed, without made-up ones, and those that it gave
    /// beyond others' lists when it was asked about a part.
    fn named_beyond(&self, letters: Letters, place: usize) -> (f64, f64) {
        let of = |how| self.heard(letters, how, place);
        (self.told().real(of(How::Beyond), of(How::Whole), 0.0), of(How::Given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_come_of_a_model_goes_by_others_ranges_and_by_what_it_named_of_this_one() {
        let is = |coming: Coming, known: f64, named: f64, expected: f64| {
            let names = coming.names(known, named, 0.0);
            assert!((names - expected).abs() < 0.01 * (1.0 + expected), "{names} instead of {expected}");
        };
        // Ten are expected, of which it named half.
        let known_well = Coming { beyond: 0.5, weight: 1e6, named: 0.5 };
        is(known_well, 20.0, 5.0, 5.0);
        is(known_well, 20.0, 0.0, 5.0);
        // Only what it named says anything.
        let hardly_known = Coming { beyond: 0.5, weight: 1e-6, named: 0.25 };
        is(hardly_known, 20.0, 4.0, 12.0);
        is(hardly_known, 20.0, 0.0, 0.0);
        let between = Coming { beyond: 0.5, weight: 3.0, named: 0.5 };
        assert!(between.names(20.0, 0.0, 0.0) < between.names(20.0, 5.0, 0.0));
        is(between, 20.0, 5.0, 5.0);
        // Nothing is to come of one that adds nothing, that has named all, or where nothing is listed.
        is(Coming { beyond: 0.0, ..between }, 20.0, 5.0, 0.0);
        is(Coming { named: 1.0, ..between }, 20.0, 5.0, 0.0);
        is(between, 0.0, 0.0, 0.0);
        // What it gave when it was asked about the range is not to come; but if that was no list, there is more.
        assert!((between.names(20.0, 5.0, 2.0) - 3.0).abs() < 0.01);
        assert!((between.names(20.0, 5.0, 8.0) - 3.2).abs() < 0.01);
    }
}
