//! What is known of the names of each place in the alphabet, and of those that the same models have listed. It is counted as names are named, so that
//! no decision has to.

use serde::{Deserialize, Serialize};

use super::name::{Name, Own, Portion, count};
use super::sums::Counts;
use super::voices::{Set, VOICES, place_of};
use super::{Letters, Stretch};

/// Names by who has named them; or by that and by who has in an answer about a part.
type By<T = Set> = Vec<(T, u32)>;

/// What is known of the names of all places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Places {
    /// By their numbers, up to the last one with names.
    each: Vec<Names>,
    listed: Vec<Listed>,
    /// Of names that several answers about the whole had, and that a model gave in one of its own, those that its list has where it was the first to list.
    first: Portion,
    /// Of the names that other models named when they were asked about the whole, those that a model named then, too.
    shared: [Portion; VOICES],
}

/// The models that have listed a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Listers {
    pub(super) all: Set,
    /// Those of them that were told what others had given there: whether they know that was not seen.
    pub(super) told: Set,
}

/// What is known of the names of a place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Names {
    counts: Counts,
    heard: Heard,
    /// The models that have listed it.
    listers: Listers,
    /// How many were named by which models, and by which of these in answers about a part, in the order of these.
    by: By<(Set, Set)>,
    /// By model, up to the last one with any.
    own: Vec<Own>,
}

/// What each of several models has named of a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Heard {
    /// Where some models have listed the range: names that one of these has named at all, or was to leave out.
    pub(super) known: u32,
    /// By [`How`] they named them, and by model.
    named: [[u32; VOICES]; 4],
}

/// How models have named names.
#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// When they were asked about the whole.
    Whole,
    /// In answers about a part.
    Aimed,
    /// Where others have listed the range, and neither these know them nor any answer about a part has them.
    Beyond,
    /// The same, but in an answer about a part.
    Given,
}

/// Names in all ranges that the same models have listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listed {
    pub(super) by: Listers,
    /// By who named them at all.
    pub(super) named: By,
    /// By model.
    pub(super) own: [Own; VOICES],
}

impl Places {
    pub(super) fn each(&self) -> &[Names] {
        &self.each
    }

    /// By the models that have listed them; some may hold nothing any more.
    pub(super) fn listed(&self) -> &[Listed] {
        &self.listed
    }

    /// Counts a name otherwise than before.
    pub(super) fn named(&mut self, before: Name, after: Name, stretches: &[Stretch]) {
        let place = usize::from(after.place);
        while self.each.len() <= place {
            let next = stretches.partition_point(|stretch| usize::from(stretch.to) < self.each.len());
            let listers = stretches.get(next).map_or(Listers::default(), |stretch| stretch.reach.listers());
            self.each.push(Names { listers, ..Names::default() });
        }
        let Some(names) = self.each.get_mut(place) else { return };
        let mut listed = listed_by_these(&mut self.listed, names.listers);
        let mut take_in = |name: Name, is_more: bool| {
            names.count(name, is_more);
            if let Some(listed) = listed.as_deref_mut() {
                listed.count(name, is_more);
            }
        };
        if before.is_named() {
            take_in(before, false);
        }
        take_in(after, true);
        if before.whole_by != after.whole_by {
            for (place, shared) in (0..).zip(&mut self.shared) {
                let (voice, others) = (1 << place, !(1 << place));
                for (name, is_more) in [(before, false), (after, true)] {
                    if name.whole_by & others != 0 {
                        shared.count(name.whole_by & voice != 0, is_more);
                    }
                }
            }
        }
    }

    /// A model lists a range that nobody has listed before.
    pub(super) fn lists_first(&mut self, Letters { from, to }: Letters, by: Set) {
        let Some(place) = place_of(by) else { return };
        let within = self.each.iter().take(usize::from(to) + 1).skip(from.into());
        for own in within.filter_map(|names| names.own.get(place)) {
            self.first.join(own.twice, true);
        }
    }

    /// Names that others named when they were asked about the whole, and those of them that a model named then, too.
    pub(super) fn shared(&self, place: usize) -> Portion {
        self.shared.get(place).copied().unwrap_or_default()
    }

    /// Names that a first list of a range was to have, and has.
    pub(super) const fn first(&self) -> Portion {
        self.first
    }

    /// Who has listed a part may have changed.
    pub(super) fn see_who_listed(&mut self, part: Letters, stretches: &[Stretch]) {
        for stretch in stretches {
            let Some(Letters { from, to }) = stretch.letters().both(part) else { continue };
            let by = stretch.reach.listers();
            let within = self.each.iter_mut().take(usize::from(to) + 1).skip(from.into());
            for names in within.filter(|names| names.listers != by) {
                if let Some(listed) = listed_by_these(&mut self.listed, names.listers) {
                    listed.join(names, false);
                }
                names.are_listed_by(by);
                if let Some(listed) = listed_by_these(&mut self.listed, by) {
                    listed.join(names, true);
                }
            }
        }
    }
}

/// What these have listed; `None` of nobody.
#[expect(clippy::indexing_slicing, reason = "it was found or put there just now")]
fn listed_by_these(all: &mut Vec<Listed>, by: Listers) -> Option<&mut Listed> {
    if by.all == 0 {
        return None;
    }
    let place = all.binary_search_by_key(&by, |listed| listed.by).unwrap_or_else(|place| {
        all.insert(place, Listed { by, ..Listed::default() });
        place
    });
    Some(&mut all[place])
}

impl Listed {
    fn count(&mut self, name: Name, is_more: bool) {
        count(of(&mut self.named, name.by()), is_more);
        (0..).zip(&mut self.own).for_each(|(place, own)| own.count(name, 1 << place, is_more));
    }

    /// Takes in the names of a place, or leaves them out.
    fn join(&mut self, names: &Names, is_more: bool) {
        for ((by, _), some) in &names.by {
            let all = of(&mut self.named, *by);
            *all = if is_more { *all + some } else { all.saturating_sub(*some) };
        }
        self.own.iter_mut().zip(&names.own).for_each(|(all, own)| all.join(*own, is_more));
    }
}

impl Names {
    fn count(&mut self, name: Name, is_more: bool) {
        if is_more {
            self.counts.put(name);
        } else {
            self.counts.take(name);
        }
        count(of(&mut self.by, (name.by(), name.aimed_by)), is_more);
        let last = Set::BITS.saturating_sub(name.by().leading_zeros());
        let voices = usize::try_from(last).unwrap_or_default();
        if self.own.len() < voices {
            self.own.resize(voices, Own::default());
        }
        (0..voices).zip(&mut self.own).for_each(|(place, own)| own.count(name, 1 << place, is_more));
        self.heard.count(name, self.listers, is_more);
    }

    fn are_listed_by(&mut self, listers: Listers) {
        self.listers = listers;
        self.heard = self.heard.of_all();
        for (by, names) in &self.by {
            self.heard.put(*by, listers, |all| *all += names);
        }
    }

    /// Those that a model has named.
    pub(super) fn by(&self, voice: Set) -> u32 {
        self.by.iter().filter(|((by, _), _)| by & voice != 0).map(|(_, names)| names).sum()
    }

    /// Those that a model has named and answers about a part have.
    pub(super) fn given(&self, voice: Set) -> u32 {
        let given = self.by.iter().filter(|((by, aimed_by), _)| by & voice != 0 && *aimed_by != 0);
        given.map(|(_, names)| names).sum()
    }

    pub(super) const fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) const fn heard(&self) -> &Heard {
        &self.heard
    }
}

impl Heard {
    fn count(&mut self, name: Name, listers: Listers, is_more: bool) {
        self.each(How::Whole, name.whole_by, |all| count(all, is_more));
        self.each(How::Aimed, name.aimed_by, |all| count(all, is_more));
        self.put((name.by(), name.aimed_by), listers, |all| count(all, is_more));
    }

    /// Puts names of these models, which some of them gave in answers about a part, where they belong, if some have listed the range.
    fn put(&mut self, (by, aimed_by): (Set, Set), listers: Listers, mut put: impl FnMut(&mut u32)) {
        // Who lists what others have not given has the rest from them.
        if by & listers.all != 0 || listers.told != 0 && aimed_by != 0 {
            put(&mut self.known);
        } else if listers.all != 0 {
            let (how, by) = if aimed_by == 0 { (How::Beyond, by) } else { (How::Given, aimed_by) };
            self.each(how, by, put);
        }
    }

    #[expect(clippy::indexing_slicing, reason = "there is one for each way")]
    fn each(&mut self, how: How, by: Set, put: impl FnMut(&mut u32)) {
        let these = (0..).zip(&mut self.named[how as usize]).filter(|(place, _)| by & 1 << place != 0);
        these.map(|(_, names)| names).for_each(put);
    }

    /// Without what depends on who has listed the range.
    const fn of_all(&self) -> Self {
        let [whole, aimed, ..] = self.named;
        Self { known: 0, named: [whole, aimed, [0; VOICES], [0; VOICES]] }
    }

    /// Names of a model.
    #[expect(clippy::indexing_slicing, reason = "there is one for each way")]
    pub(super) fn of(&self, how: How, place: usize) -> u32 {
        self.named[how as usize].get(place).copied().unwrap_or_default()
    }

    /// Takes in those of another place.
    pub(super) fn join(&mut self, other: &Self) {
        self.known += other.known;
        let all = self.named.as_flattened_mut().iter_mut().zip(other.named.as_flattened());
        all.for_each(|(all, other)| *all += other);
    }
}

/// How many there are of these models.
#[expect(clippy::indexing_slicing, reason = "it was found or put there just now")]
fn of<T: Copy + Ord>(all: &mut By<T>, models: T) -> &mut u32 {
    let place = all.binary_search_by_key(&models, |(by, _)| *by).unwrap_or_else(|place| {
        all.insert(place, (models, 0));
        place
    });
    &mut all[place].1
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "they are there")]

    use proptest::prelude::*;

    use super::super::letters::{self, PLACES, Place};
    use super::super::name::Portion;
    use super::super::sums::Sums;
    use super::super::{Aim, Came, Frontier};
    use super::*;

    /// Without what counts nothing.
    fn some<T: Copy>(by: &By<T>) -> By<T> {
        by.iter().copied().filter(|(_, names)| *names > 0).collect()
    }

    impl Places {
        /// The same without what counts nothing.
        fn told(&self) -> Self {
            let each = self.each.iter().map(|names| Names { by: some(&names.by), ..names.clone() });
            let listed =
                self.listed.iter().map(|listed| Listed { named: some(&listed.named), ..listed.clone() });
            let listed = listed.filter(|listed| !listed.named.is_empty()).collect();
            Self { each: each.collect(), listed, first: Portion::default(), shared: self.shared }
        }
    }

    #[test]
    fn who_named_a_name_is_counted_by_how_they_were_asked() {
        let (one, two) = (1, 2);
        let unknown = Name { place: letters::place("Robin"), ..Name::default() };
        let by_one = unknown.mentioned(true, one);
        let (by_both, in_a_list) = (by_one.mentioned(true, two), by_one.mentioned(false, two));
        let mut all = Places::default();
        for (before, after) in [(unknown, by_one), (unknown, by_one), (by_one, by_both), (by_one, in_a_list)]
        {
            all.named(before, after, &[]);
        }
        let names = |all: &Places| all.each[usize::from(unknown.place)].clone();
        assert_eq!(some(&names(&all).by), [((one | two, 0), 1), ((one | two, two), 1)]);
        let portion = |part, all| Portion { part, all };
        let of_one = Own { once: portion(1, 1), twice: portion(0, 1), ..Own::default() };
        let of_two = Own { twice: portion(0, 1), aimed: portion(0, 1), ..Own::default() };
        assert_eq!(names(&all).own, [of_one, of_two]);
        let heard = names(&all).heard;
        let of = |how| [heard.of(how, 0), heard.of(how, 1)];
        assert_eq!((of(How::Whole), of(How::Aimed), heard.known), ([2, 1], [0, 1], 0));
        let alone = by_one.mentioned(false, one);
        all.named(unknown, alone, &[]);
        assert_eq!((names(&all).own[0].alone, names(&all).own[0].aimed), (portion(1, 1), portion(1, 1)));
        all.named(alone, alone.mentioned(false, two), &[]);
        assert_eq!((names(&all).own[0].alone, names(&all).own[0].aimed), (portion(0, 0), portion(1, 1)));
        let sums = Sums { twice: 1.0, once: 2.0, once_listed: 2.0, ..Sums::default() };
        assert_eq!(format!("{:?}", names(&all).counts.sums()), format!("{sums:?}"));
    }

    #[test]
    fn what_others_know_beyond_a_list_is_counted_from_when_it_is_there() {
        let (one, two) = (1, 2);
        let mut frontier = Frontier::default();
        frontier.learn(["Robin", "Rook", "Wren"].into_iter());
        let mention = |frontier: &mut Frontier, name, by| {
            frontier.mention(std::iter::once(name), &Aim::Whole, by);
        };
        mention(&mut frontier, 1, one);
        mention(&mut frontier, 2, two);
        let part = Letters::parse("r").unwrap_or_else(|| unreachable!("a letter"));
        let heard = |frontier: &Frontier| {
            let mut sum = Heard::default();
            frontier.of(part).for_each(|names| sum.join(names.heard()));
            (sum.known, sum.of(How::Beyond, 0), sum.of(How::Beyond, 1))
        };
        assert_eq!(heard(&frontier), (0, 0, 0));
        frontier.reach(part, Came::Listed { by: one, is_rest: false });
        assert_eq!(heard(&frontier), (1, 0, 1));
        mention(&mut frontier, 1, two);
        assert_eq!(heard(&frontier), (1, 0, 1));
        mention(&mut frontier, 2, one);
        assert_eq!(heard(&frontier), (2, 0, 0));
        assert_eq!(frontier.places.listed.len(), 1);
        assert_eq!(some(&frontier.places.listed[0].named), [(one | two, 2)]);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Mention { name: u64, is_whole: bool, voice: u32 },
        Listed { from: Place, to: Place, voice: u32, is_rest: bool },
    }

    fn step() -> impl Strategy<Value = Step> {
        let last = Place::try_from(PLACES - 1).unwrap_or_default();
        prop_oneof![
            3 => (1_u64..=9, any::<bool>(), 0_u32..4)
                .prop_map(|(name, is_whole, voice)| Step::Mention { name, is_whole, voice }),
            1 => (0..=last, 0..=last, 0_u32..4, any::<bool>())
                .prop_map(|(one, other, voice, is_rest)| Step::Listed { from: one.min(other), to: one.max(other), voice, is_rest }),
        ]
    }

    proptest! {
        /// However names were mentioned and ranges listed one after the other, they are counted as if each were counted once.
        #[test]
        fn what_is_counted_step_by_step_is_what_is_there(steps in prop::collection::vec(step(), 0..80)) {
            let mut frontier = Frontier::default();
            frontier.learn(["Auk", "Avocet", "Bee", "Crane", "Heron", "Ibis", "Ruff", "Swan", "Swift"].into_iter());
            for step in steps {
                match step {
                    Step::Mention { name, is_whole, voice } => {
                        let part = Aim::Part(Letters::ALL);
                        let aim = if is_whole { Aim::Whole } else { part };
                        frontier.mention(std::iter::once(name), &aim, 1 << voice);
                    }
                    Step::Listed { from, to, voice, is_rest } => {
                        frontier.reach(Letters { from, to }, Came::Listed { by: 1 << voice, is_rest });
                    }
                }
            }
            let mut anew = Places::default();
            for name in (1..=9).filter_map(|number| frontier.name(number)).filter(|name| name.is_named()) {
                anew.named(Name::default(), name, &frontier.stretches);
            }
            prop_assert_eq!(frontier.places.told(), anew.told());
        }
    }
}
