//! What is known of one name, and how names of a model are counted.

use serde::{Deserialize, Serialize};

use super::letters::Place;
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
    /// When it was asked about the whole, and one answer or several have the name; those that an answer about a part has, too. It need not be its own, since
    /// it is told to leave out what others have listed.
    pub(super) once: Portion,
    pub(super) twice: Portion,
    /// In answers about a part; those that it named when it was asked about the whole, too.
    pub(super) aimed: Portion,
    /// The same of those that no other model has named.
    pub(super) alone: Portion,
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

    /// Whether it was named at all.
    pub(super) const fn is_named(self) -> bool {
        self.whole + self.aimed > 0
    }

    /// Whether this model has named it.
    pub(super) const fn is_by(self, voice: Set) -> bool {
        self.by() & voice != 0
    }

    /// The models that have named it.
    pub(super) const fn by(self) -> Set {
        self.whole_by | self.aimed_by
    }
}

/// Counts one more, or one less.
pub(super) const fn count(number: &mut u32, is_more: bool) {
    *number = if is_more { number.saturating_add(1) } else { number.saturating_sub(1) };
}

impl Portion {
    pub(super) const fn count(&mut self, is_part: bool, is_more: bool) {
        count(&mut self.all, is_more);
        if is_part {
            count(&mut self.part, is_more);
        }
    }

    /// Takes in others, or leaves them out.
    pub(super) const fn join(&mut self, other: Self, is_more: bool) {
        if is_more {
            self.part += other.part;
            self.all += other.all;
        } else {
            self.part = self.part.saturating_sub(other.part);
            self.all = self.all.saturating_sub(other.all);
        }
    }
}

impl Own {
    pub(super) fn count(&mut self, name: Name, voice: Set, is_more: bool) {
        let (is_whole, is_aimed) = (name.whole_by & voice != 0, name.aimed_by & voice != 0);
        if is_whole {
            let of = if name.whole == 1 { &mut self.once } else { &mut self.twice };
            of.count(name.aimed > 0, is_more);
        }
        if is_aimed {
            self.aimed.count(is_whole, is_more);
        }
        if is_aimed && name.by() == voice {
            self.alone.count(is_whole, is_more);
        }
    }

    /// Takes in those of another range, or leaves them out.
    pub(super) const fn join(&mut self, other: Self, is_more: bool) {
        self.once.join(other.once, is_more);
        self.twice.join(other.twice, is_more);
        self.aimed.join(other.aimed, is_more);
        self.alone.join(other.alone, is_more);
    }

    /// Names that it named when it was asked about the whole.
    pub(super) const fn whole(&self) -> u32 {
        self.once.all + self.twice.all
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "small numbers")]

    use super::super::letters::PLACES;
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
}
