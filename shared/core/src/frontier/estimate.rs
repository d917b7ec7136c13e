//! How many names there are, from the ranges that are listed and those that are not.

use super::coming::ToCome;
use super::heard::{LEFT_OUT, MADE_UP};
use super::recall::by_times;
use super::view::View;
use super::voices::VOICES;
use super::{Frontier, Letters, Reach, Set, Stretch, Sums};
use crate::estimate::{Completeness, Estimate};

/// Names that are taken to be known of the whole alphabet, as usual letters go, so that none is taken for empty.
const USUAL: f64 = 6.0;

/// How the names of one first letter spread over second ones is known beforehand as if so many had been seen.
const SPREAD: f64 = 8.0;

/// With so many known names, their number says as much of a range that came back full as the new ones in the answer do.
const TRUST: f64 = 10.0;

/// While nothing is listed: so many names for each that answers about the whole name.
pub(super) const UNKNOWN: f64 = 3.0;

/// Below this completeness a number of names in all is not told.
pub(super) const TOLD_FROM: f64 = 0.7;

/// Answers about the whole before anything of it is told.
const LEAST_WHOLE: u64 = 2;

/// No more than this share of what answers about the whole name is taken for made up.
const MOST_MADE_UP: f64 = 0.1;

/// Names of a range vary more than by chance alone: letters are not drawn by lot.
pub(super) const ROOM: f64 = 2.0;

/// What models add to the lists of others is known about so well: a part of it may be missing, or too much.
pub(super) const DOUBT: f64 = 0.5;

/// Of the normal distribution, for 95 %.
pub(super) const QUANTILE: f64 = 1.96;

/// What is known of the topic by its listed ranges.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// The models that are worth asking.
    pub(super) useful: Set,
    /// Share of the names of a range that its list leaves out.
    pub(super) left_out: f64,
    /// Made-up names for each mention.
    pub(super) made_up: f64,
    /// Names for each one that answers about the whole name.
    pub(super) names_for_each: f64,
    /// Real names that are known, and those that are not, of listed ranges.
    listed: (f64, f64),
    /// So many more may be missing there of what one model alone knows.
    may_miss: f64,
    /// Share of those named by one answer about a part alone that are real, where it is listed.
    pub(super) listed_real: f64,
    /// What the above rest on: names looked for, and known ones of listed ranges.
    pub(super) looked_for: f64,
    known_of_listed: f64,
    /// Share of those named by one answer about the whole that are real.
    pub(super) once_real: f64,
    /// What each model that is worth asking may add to lists of others, by whose lists they are.
    pub(super) to_come: ToCome,
    /// Whether that is known of all of them.
    is_tested: bool,
}

impl Frontier {
    /// How many names there are in all.
    #[must_use]
    pub fn estimate(&self) -> Option<Completeness> {
        if self.is_by_categories() {
            return self.estimate_by_categories();
        }
        let view = self.view();
        view.estimate_by(&view.picture())
    }
}

impl View<'_> {
    pub(super) fn picture(&self) -> Picture {
        let useful = self.useful();
        let mut listed = Sums::default();
        let mut usual = 0.0;
        // What was given up says nothing of lists.
        let is_listed = |reach: Reach| reach.listed > 0 && reach.is_done(useful);
        for (stretch, sums) in self.stretches().filter(|(stretch, _)| is_listed(stretch.reach)) {
            listed.join(sums);
            usual += stretch.letters().usual() / 1_000.0;
        }
        let looked_for = listed.twice + LEFT_OUT.weight;
        let left_out = LEFT_OUT.with(listed.twice - listed.twice_listed, listed.twice);
        let mentions = share(listed.found(), self.found()) * count(self.whole_mentions);
        // Beyond a share of the mentions it is lists that lack what is real.
        let most_made_up = MOST_MADE_UP * mentions;
        let by_lists = listed.once_listed / (1.0 - left_out);
        let real = by_lists.max(listed.once - most_made_up).min(listed.once);
        let left_out = if real > by_lists {
            let lacking = listed.twice - listed.twice_listed + real - listed.once_listed;
            LEFT_OUT.with(lacking, listed.twice + real)
        } else {
            left_out
        };
        let shared = self.is_shared();
        let made_up = if shared { self.told().made_up } else { MADE_UP.with(listed.once - real, mentions) };
        let aimed_mentions =
            count(self.aimed_mentions) * if shared { self.share_of_aimed(&listed) } else { 1.0 };
        let made_up_here = (made_up * aimed_mentions).min(listed.listed_once);
        let by_lists = listed.listed_once - made_up_here + listed.listed;
        let known = listed.twice + real + by_lists;
        let missing = by_lists * left_out / (1.0 - left_out);
        // What one model alone knows can be in no other's list, so that more of it is left out than of what several know.
        let alone = self.listed_alone(useful) * share(by_lists, listed.listed_once + listed.listed);
        let forgotten = self.told().forgotten;
        let of_alone = alone * forgotten / (1.0 - forgotten);
        let known_of_listed = listed.twice + real;
        let once_real = if shared {
            self.told().once_real
        } else if listed.once > 0.0 {
            real / listed.once
        } else {
            1.0
        };
        let done = self.stretches.iter().filter(|stretch| is_listed(stretch.reach));
        let drawn: f64 =
            done.map(|stretch| self.drawn(stretch.letters(), |sums| seen(sums, once_real))).sum();
        let basis = (known_of_listed + drawn).max(0.0) + USUAL * usual;
        let to_come = self.comings(useful);
        // Nothing is to come of one that has listed all that others have.
        let has_all = |voice: Set| {
            let by_others = |stretch: &&Stretch| stretch.reach.listed > 0 && !stretch.reach.is_done(useful);
            self.stretches.iter().filter(by_others).all(|stretch| stretch.reach.listed_by & voice != 0)
        };
        let is_known = |voice| self.worth(voice, useful).is_tested || has_all(voice);
        let mut of_useful = (0..VOICES).map(|place| 1 << place).filter(|voice| useful & voice != 0);
        let is_tested = of_useful.all(is_known);
        let of_done = (basis >= 1.0 && known > 0.0).then(|| ((known + missing) / basis).max(1.0));
        // It takes long until several models have listed one: until then those that some have listed count, as far as much is known of them.
        let (mut names, mut whole) = (known + missing, basis);
        let real = |sums: &Sums| sums.found() - if shared { self.made_up_in(sums) } else { 0.0 };
        let by_some = |reach: Reach| reach.listed > 0 && !reach.is_done(useful);
        for (stretch, sums) in self.stretches().filter(|(stretch, _)| by_some(stretch.reach)) {
            names += real(sums) + self.to_come(&to_come, stretch.letters(), stretch.reach);
            whole += self.known_of(sums, stretch.letters(), once_real);
        }
        let of_some = if shared { (UNKNOWN * TRUST + names) / (TRUST + whole) } else { UNKNOWN };
        let at_least = of_done.unwrap_or(of_some);
        // Ranges with few names are listed first: those that came back full tell how much that misleads.
        let by_nobody = |reach: Reach| reach.listed == 0 && reach.full > 0 && !reach.is_done(useful);
        for (stretch, sums) in self.stretches().filter(|(stretch, _)| by_nobody(stretch.reach)) {
            let known = self.known_of(sums, stretch.letters(), once_real);
            names +=
                (known * at_least).max(real(sums) + self.by_full(sums, stretch.letters(), stretch.reach));
            whole += known;
        }
        let of_open = if whole > basis { names / whole } else { 1.0 };
        let names_for_each = match of_done {
            Some(of_done) => of_done.max(of_open),
            None => of_some.max(of_open),
        };
        Picture {
            useful,
            left_out,
            made_up,
            names_for_each,
            listed: (known, missing),
            may_miss: (of_alone - missing).max(0.0),
            listed_real: 1.0 - share(made_up_here, listed.listed_once),
            looked_for,
            known_of_listed: basis,
            once_real,
            to_come,
            is_tested,
        }
    }

    /// Names of a range that are made up, by how many mentions are.
    fn made_up_in(&self, sums: &Sums) -> f64 {
        let of_whole = share(sums.whole(), self.all().whole()) * count(self.whole_mentions);
        let of_lists = self.share_of_aimed(sums) * count(self.aimed_mentions);
        (self.told().made_up * (of_whole + of_lists)).min(sums.once - sums.once_listed + sums.listed_once)
    }

    /// The same of a range that is not listed, by what several models say or by one.
    pub(super) fn made_up_of(&self, picture: &Picture, sums: &Sums) -> f64 {
        if self.is_shared() {
            self.made_up_in(sums)
        } else {
            (1.0 - picture.once_real) * (sums.once - sums.once_listed)
        }
    }

    /// How much of the names of answers about parts is here.
    fn share_of_aimed(&self, sums: &Sums) -> f64 {
        share(sums.aimed(), self.all().aimed())
    }

    /// How many names a range has that is not done: as many for each known one as others; where it came back full, more than are known; where some have
    /// listed it, what the others add.
    pub(super) fn expected(&self, picture: &Picture, letters: Letters, reach: Reach) -> f64 {
        self.expected_of(picture, &self.sum(letters), letters, reach)
    }

    /// The same where its sums are at hand.
    pub(super) fn expected_of(&self, picture: &Picture, sums: &Sums, letters: Letters, reach: Reach) -> f64 {
        if reach.listed > 0 {
            return sums.found() + self.to_come(&picture.to_come, letters, reach);
        }
        let known = self.known_of(sums, letters, picture.once_real);
        let by_known = (known * picture.names_for_each - sums.found()).max(0.0);
        if reach.full == 0 {
            return sums.found() + by_known;
        }
        let weight = known / (known + TRUST);
        sums.found() + weight * by_known + (1.0 - weight) * self.by_full(sums, letters, reach)
    }

    /// What answers about the whole know of a range.
    fn known_of(&self, sums: &Sums, letters: Letters, once_real: f64) -> f64 {
        let of = |sums: &Sums| seen(sums, once_real);
        of(sums) + self.drawn(letters, of) + USUAL * letters.usual() / 1_000.0
    }

    /// What is still to come of a range whose last answer came back full, by what that says.
    pub(super) fn by_full(&self, sums: &Sums, letters: Letters, reach: Reach) -> f64 {
        let to_come = by_times(reach.full) * f64::from(reach.left) / 1_000.0;
        to_come * (sums.found() + self.drawn(letters, Sums::found))
    }

    /// By how much a number of names of a range is drawn towards its usual share of those with the same first letter: few say little of second letters. What
    /// is added to one part of a letter is taken from the others.
    fn drawn(&self, letters: Letters, of: impl Fn(&Sums) -> f64) -> f64 {
        let parts = letters.held_in_part().filter_map(|letter| Some((letter, letters.both(letter)?)));
        parts
            .map(|(letter, part)| {
                let (all, here) = (of(&self.sum(letter)), of(&self.sum(part)));
                SPREAD / (all + SPREAD) * (all * part.usual() / letter.usual() - here)
            })
            .sum()
    }

    /// How many names each stretch has.
    pub(super) fn all_expected(&self, picture: &Picture) -> Vec<f64> {
        let of = |(stretch, sums): (&Stretch, &Sums)| {
            self.expected_of(picture, sums, stretch.letters(), stretch.reach)
        };
        self.stretches().map(of).collect()
    }

    /// How many names there are in all.
    pub(super) fn estimate_by(&self, picture: &Picture) -> Option<Completeness> {
        self.estimate_of(picture, &self.all_expected(picture))
    }

    /// The same where it is known how many names each stretch has.
    pub(super) fn estimate_of(&self, picture: &Picture, expected: &[f64]) -> Option<Completeness> {
        if self.whole + self.aimed < LEAST_WHOLE {
            return None;
        }
        let useful = picture.useful;
        let (mut known, mut missing) = picture.listed;
        let shared = self.is_shared();
        let all = *self.all();
        let mut variance = 0.0;
        let (mut nothing_listed, mut made_up) = (true, 0.0);
        let (mut rest, mut missing_of_rest, mut missing_by_others) = (Sums::default(), 0.0, 0.0);
        for ((stretch, sums), expected) in self.stretches().zip(expected) {
            if stretch.reach.is_done(useful) && stretch.reach.listed > 0 {
                nothing_listed = false;
                continue;
            }
            let real = (sums.found() - self.made_up_of(picture, sums)).max(0.0);
            made_up += sums.found() - real;
            known += real;
            if stretch.reach.is_done(useful) {
                // Nobody could be brought to list it: nothing more is to be had there.
                nothing_listed = false;
            } else if stretch.reach.listed > 0 {
                nothing_listed = false;
                missing_by_others += expected - sums.found();
            } else {
                missing_of_rest += (expected - real).max(0.0);
            }
            rest.join(sums);
        }
        missing += missing_of_rest + missing_by_others;
        let whole = rest.whole() + USUAL * 0.1;
        let each = picture.names_for_each;
        if !nothing_listed {
            // Of a number in proportion to known ones: these vary, and so do those that the proportion is from.
            variance +=
                ROOM * (each + 1.0) * missing_of_rest * (1.0 + whole / picture.known_of_listed.max(1.0));
            variance += (DOUBT * missing_by_others).powi(2);
        }
        variance += picture.may_miss.powi(2);
        let by_lists = picture.listed.0;
        variance += by_lists.powi(2) * picture.left_out * (1.0 - picture.left_out) / picture.looked_for;
        let (mentions, looked_at) = if shared {
            (self.whole_mentions + self.aimed_mentions, self.told().looked_at)
        } else {
            (self.aimed_mentions, count(self.whole_mentions) + MADE_UP.weight)
        };
        variance += count(mentions).powi(2) * picture.made_up / looked_at;
        if shared {
            // Names of one model in one answer may be rare rather than made up.
            variance += (DOUBT * made_up).powi(2);
        }
        variance += missing;
        made_up = (all.found() - known).max(made_up).max(0.0);
        let total = known + missing;
        let spread = QUANTILE * variance.sqrt();
        let surely = all.twice + all.once_listed + all.listed;
        // What models add that were hardly asked is not known.
        let low = if picture.is_tested { total - spread } else { known.min(total - spread) };
        let high = known + at_most(missing, variance);
        let estimate = Estimate { total, low: low.max(surely).min(total), high, made_up };
        let completeness = (known / total.max(1.0)).clamp(0.0, 1.0);
        let at_least = nothing_listed || !picture.is_tested || completeness < TOLD_FROM;
        Some(Completeness { estimate, completeness, at_least })
    }
}

/// How many names are missing at most, in 95 of 100 cases. A number that is above nought is spread further upward than downward: it is taken for a lognormal
/// variable (Chao 1987), with a standard deviation of no more than itself, or for a normal one where that reaches further.
pub(super) fn at_most(missing: f64, variance: f64) -> f64 {
    let relative = (variance / missing.max(1.0).powi(2)).min(1.0);
    let upward = (QUANTILE * relative.ln_1p().sqrt()).exp();
    (missing + QUANTILE * variance.sqrt()).max(missing * upward)
}

/// Names that answers about the whole have seen, without made-up ones.
fn seen(sums: &Sums, once_real: f64) -> f64 {
    sums.twice + once_real * sums.once
}

impl Stretch {
    pub(super) const fn letters(&self) -> Letters {
        Letters { from: self.from, to: self.to }
    }
}

fn share(of: f64, all: f64) -> f64 {
    if all > 0.0 { of / all } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_at_most_is_further_up_than_a_normal_variable_would_be() {
        for (missing, deviation, most) in [(100.0, 20.0, 147.4), (100.0, 60.0, 296.5), (1.0, 10.0, 20.6)] {
            let is = at_most(missing, deviation * deviation);
            assert!((is - most).abs() < 0.1, "{is} of {missing}");
        }
    }
}
