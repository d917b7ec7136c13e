//! What is known of one name, and of all names of a place.

use serde::{Deserialize, Serialize};

use super::letters::Place;
use super::sums::{Counts, Sums};
use super::voices::{SETS, Set, VOICES};

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

/// Which models named a name, in answers about the whole and in those about a part; and whether one answer about the whole did, and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct By {
    pub(super) whole: Set,
    pub(super) aimed: Set,
    pub(super) is_once: bool,
}

/// The same in a number.
type Key = u16;

const ONCE: Key = 1 << (2 * VOICES);

/// What is known of the names of a place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Names {
    counts: Counts,
    /// How many were named by whom, in the order of these.
    by: Vec<(Key, u32)>,
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
        (self.whole_by | self.aimed_by) & voice != 0
    }

    fn key(self) -> Key {
        let once = if self.whole == 1 { ONCE } else { 0 };
        Key::from(self.whole_by) | Key::from(self.aimed_by) << VOICES | once
    }
}

impl By {
    fn of(key: Key) -> Self {
        let set = |bits: Key| Set::try_from(usize::from(bits) % SETS).unwrap_or_default();
        Self { whole: set(key), aimed: set(key >> VOICES), is_once: key & ONCE != 0 }
    }
}

impl Names {
    /// Counts a name otherwise than before.
    pub(super) fn named(&mut self, before: Name, after: Name) {
        if before.whole + before.aimed > 0 {
            self.counts.take(before);
            let named_by = self.named_by(before.key());
            *named_by = named_by.saturating_sub(1);
        }
        self.counts.put(after);
        *self.named_by(after.key()) += 1;
    }

    pub(super) fn sums(&self) -> Sums {
        self.counts.sums()
    }

    /// How many were named by whom.
    pub(super) fn by(&self) -> impl Iterator<Item = (By, u32)> {
        self.by.iter().map(|(key, names)| (By::of(*key), *names))
    }

    #[expect(clippy::indexing_slicing, reason = "it was found or put there just now")]
    fn named_by(&mut self, key: Key) -> &mut u32 {
        let place = self.by.binary_search_by_key(&key, |(by, _)| *by).unwrap_or_else(|place| {
            self.by.insert(place, (key, 0));
            place
        });
        &mut self.by[place].1
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "small numbers")]

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
        let by: Vec<(By, u32)> = all.by().filter(|(_, names)| *names > 0).collect();
        let expected = [
            (By { whole: one | two, aimed: 0, is_once: false }, 1),
            (By { whole: one, aimed: two, is_once: true }, 1),
        ];
        assert_eq!(by, expected);
        assert_eq!(
            format!("{:?}", all.sums()),
            format!("{:?}", Sums { twice: 1.0, once: 1.0, once_listed: 1.0, ..Sums::default() })
        );
        assert_eq!((0..9).fold(unknown, |name, _| name.mentioned(false, one)).aimed, MANY);
    }
}
