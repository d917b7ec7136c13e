//! What is known of one name, and of all names of a place.

use serde::{Deserialize, Serialize};

use super::letters::Place;
use super::sums::{Counts, Sums};
use super::voices::{Set, VOICES};

/// How often a name was named is told apart up to this.
const MANY: u8 = 3;

/// Bytes of a name.
pub(super) const BYTES: usize = 4;

/// How many bits of these hold its place and, above it, how often answers about the whole have named it, how often those about a part, and the models that
/// gave the first and the second ones.
const PLACE: usize = 10;
const COUNT: usize = 2;

/// What is known of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) place: Place,
    /// How often it was named, by answers about the whole and by those about a part.
    pub(super) whole: u8,
    pub(super) aimed: u8,
    /// The models that gave these.
    pub(super) whole_by: Set,
    pub(super) aimed_by: Set,
}

/// Some of so many names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Portion {
    pub(super) part: u32,
    pub(super) all: u32,
}

/// Names that one model has named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Own {
    /// When it was asked about the whole; those that no answer about a part has.
    pub(super) whole: u32,
    pub(super) unlisted: u32,
    /// In an answer about the whole, of which one has the name, or several; those that an answer about a part has, too.
    pub(super) once: Portion,
    pub(super) twice: Portion,
    /// In answers about a part; those that it named when it was asked about the whole, too.
    pub(super) aimed: Portion,
    /// The same of those that no other model has named.
    pub(super) alone: Portion,
}

/// What is known of the names of a place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Names {
    counts: Counts,
    /// How many were named by which models, in the order of these; and of those that no answer about a part has.
    by: Vec<(Set, u32)>,
    unlisted_by: Vec<(Set, u32)>,
    /// By model, up to the last one with any.
    own: Vec<Own>,
}

impl Name {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut rest = bytes.try_into().map_or(0, u32::from_be_bytes);
        let mut take = |bits: usize| {
            let taken = rest & ((1 << bits) - 1);
            rest >>= bits;
            u16::try_from(taken).unwrap_or_default()
        };
        let place = take(PLACE);
        let mut take = |bits: usize| u8::try_from(take(bits)).unwrap_or_default();
        let (whole, aimed) = (take(COUNT), take(COUNT));
        Self { place, whole, aimed, whole_by: take(VOICES), aimed_by: take(VOICES) }
    }

    pub(super) fn bytes(self) -> [u8; BYTES] {
        let mut all = u32::from(self.aimed_by);
        let mut put = |bits: usize, part: u32| all = all << bits | part;
        put(VOICES, self.whole_by.into());
        put(COUNT, self.aimed.into());
        put(COUNT, self.whole.into());
        put(PLACE, self.place.into());
        all.to_be_bytes()
    }

    /// Named once more by an answer about the whole, or about a part.
    pub(super) fn mentioned(mut self, is_whole: bool, voice: Set) -> Self {
        let (count, by) = if is_whole {
            (&mut self.whole, &mut self.whole_by)
        } else {
            (&mut self.aimed, &mut self.aimed_by)
        };
        *count = (*count + 1).min(MANY);
        *by |= voice;
        self
    }

    /// Whether this model has named it.
    pub(super) const fn is_by(self, voice: Set) -> bool {
        self.by() & voice != 0
    }

    const fn by(self) -> Set {
        self.whole_by | self.aimed_by
    }
}

/// Counts one more, or one less.
const fn count(number: &mut u32, is_more: bool) {
    *number = if is_more { number.saturating_add(1) } else { number.saturating_sub(1) };
}

impl Portion {
    const fn count(&mut self, is_part: bool, is_more: bool) {
        count(&mut self.all, is_more);
        if is_part {
            count(&mut self.part, is_more);
        }
    }

    pub(super) const fn add(&mut self, other: Self) {
        self.part += other.part;
        self.all += other.all;
    }
}

impl Own {
    fn count(&mut self, name: Name, voice: Set, is_more: bool) {
        let (is_whole, is_aimed) = (name.whole_by & voice != 0, name.aimed_by & voice != 0);
        if is_whole {
            count(&mut self.whole, is_more);
            let of = if name.whole == 1 { &mut self.once } else { &mut self.twice };
            of.count(name.aimed > 0, is_more);
        }
        if is_whole && name.aimed == 0 {
            count(&mut self.unlisted, is_more);
        }
        if is_aimed {
            self.aimed.count(is_whole, is_more);
        }
        if is_aimed && name.by() == voice {
            self.alone.count(is_whole, is_more);
        }
    }

    /// Takes in those of another place.
    pub(super) const fn add(&mut self, other: Self) {
        self.whole += other.whole;
        self.unlisted += other.unlisted;
        self.once.add(other.once);
        self.twice.add(other.twice);
        self.aimed.add(other.aimed);
        self.alone.add(other.alone);
    }
}

impl Names {
    /// Counts a name otherwise than before.
    pub(super) fn named(&mut self, before: Name, after: Name) {
        if before.whole + before.aimed > 0 {
            self.counts.take(before);
            self.count(before, false);
        }
        self.counts.put(after);
        self.count(after, true);
    }

    fn count(&mut self, name: Name, is_more: bool) {
        count(of(&mut self.by, name.by()), is_more);
        if name.aimed == 0 {
            count(of(&mut self.unlisted_by, name.whole_by), is_more);
        }
        let last = Set::BITS.saturating_sub(name.by().leading_zeros());
        let voices = usize::try_from(last).unwrap_or_default();
        if self.own.len() < voices {
            self.own.resize(voices, Own::default());
        }
        for (place, own) in (0..voices).zip(&mut self.own) {
            own.count(name, 1 << place, is_more);
        }
    }

    pub(super) fn sums(&self) -> Sums {
        self.counts.sums()
    }

    /// How many were named by which models.
    pub(super) fn by(&self) -> &[(Set, u32)] {
        &self.by
    }

    /// The same of those that no answer about a part has.
    pub(super) fn unlisted_by(&self) -> &[(Set, u32)] {
        &self.unlisted_by
    }

    /// By model, up to the last one with any.
    pub(super) fn own(&self) -> &[Own] {
        &self.own
    }
}

/// How many there are of these models.
#[expect(clippy::indexing_slicing, reason = "it was found or put there just now")]
fn of(all: &mut Vec<(Set, u32)>, models: Set) -> &mut u32 {
    let place = all.binary_search_by_key(&models, |(by, _)| *by).unwrap_or_else(|place| {
        all.insert(place, (models, 0));
        place
    });
    &mut all[place].1
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "small numbers")]

    use proptest::prelude::*;

    use super::super::letters::{self, PLACES};
    use super::*;

    #[test]
    fn a_name_is_what_its_four_bytes_say() {
        for place in [0, 351, PLACES - 1] {
            for bits in 0..1_u16 << 10 {
                let name = Name {
                    place: Place::try_from(place).unwrap(),
                    whole: u8::try_from(bits % 4).unwrap(),
                    aimed: u8::try_from(bits / 4 % 4).unwrap(),
                    whole_by: Set::try_from(bits / 16).unwrap(),
                    aimed_by: Set::try_from(63 - bits / 16).unwrap(),
                };
                assert_eq!(Name::of(&name.bytes()), name);
            }
        }
    }

    #[test]
    fn who_named_a_name_is_counted_by_how_they_were_asked() {
        let (one, two) = (1, 2);
        let unknown = Name { place: letters::place("Robin"), ..Name::default() };
        let by_one = unknown.mentioned(true, one);
        let (by_both, in_a_list) = (by_one.mentioned(true, two), by_one.mentioned(false, two));
        assert!(in_a_list.is_by(one) && in_a_list.is_by(two) && !by_one.is_by(two));
        let mut all = Names::default();
        all.named(unknown, by_one);
        all.named(unknown, by_one);
        all.named(by_one, by_both);
        all.named(by_one, in_a_list);
        let some = |all: &[(Set, u32)]| -> Vec<(Set, u32)> {
            all.iter().copied().filter(|(_, names)| *names > 0).collect()
        };
        assert_eq!(some(all.by()), [(one | two, 2)]);
        assert_eq!(some(all.unlisted_by()), [(one | two, 1)]);
        let portion = |part, all| Portion { part, all };
        let of_one =
            Own { whole: 2, unlisted: 1, once: portion(1, 1), twice: portion(0, 1), ..Own::default() };
        let of_two =
            Own { whole: 1, unlisted: 1, twice: portion(0, 1), aimed: portion(0, 1), ..Own::default() };
        assert_eq!(all.own(), [of_one, of_two]);
        let alone = by_one.mentioned(false, one);
        all.named(unknown, alone);
        assert_eq!((all.own()[0].alone, all.own()[0].aimed), (portion(1, 1), portion(1, 1)));
        all.named(alone, alone.mentioned(false, two));
        assert_eq!((all.own()[0].alone, all.own()[0].aimed), (portion(0, 0), portion(1, 1)));
        assert_eq!(
            format!("{:?}", all.sums()),
            format!("{:?}", Sums { twice: 1.0, once: 2.0, once_listed: 2.0, ..Sums::default() })
        );
        assert_eq!((0..9).fold(unknown, |name, _| name.mentioned(false, one)).aimed, MANY);
    }

    proptest! {
        /// However names were mentioned one after the other, they are counted as if each were counted once.
        #[test]
        fn what_is_counted_step_by_step_is_what_is_there(
            mentions in prop::collection::vec((0_usize..9, any::<bool>(), 0_u32..4), 0..80),
        ) {
            let mut all = Names::default();
            let mut each = [Name::default(); 9];
            for (number, is_whole, voice) in mentions {
                let after = each[number].mentioned(is_whole, 1 << voice);
                all.named(each[number], after);
                each[number] = after;
            }
            let mut anew = Names::default();
            for name in each.into_iter().filter(|name| name.whole + name.aimed > 0) {
                anew.named(Name::default(), name);
            }
            let some = |all: &[(Set, u32)]| -> Vec<(Set, u32)> {
                all.iter().copied().filter(|(_, names)| *names > 0).collect()
            };
            prop_assert_eq!(some(all.by()), some(anew.by()));
            prop_assert_eq!(some(all.unlisted_by()), some(anew.unlisted_by()));
            prop_assert_eq!(all.own(), anew.own());
            prop_assert_eq!(format!("{:?}", all.sums()), format!("{:?}", anew.sums()));
        }
    }
}
