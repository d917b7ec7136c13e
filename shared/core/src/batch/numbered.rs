//! Attributes named by their numbers, where a producer was told them: two or three bytes instead of a fingerprint's sixteen.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::MAX_ELEMENTS;
use crate::ids::{FIRST_INEXACT, Seq};
use crate::key::Fingerprint;
use crate::numbers::Edition;

/// Bits of a gap in each of its bytes.
const BITS: u32 = 7;

/// Attributes that the registry holds, named by their numbers in one edition of a topic's log.
///
/// Numbers only grow, and an attribute keeps its own: where the largest of them stands for the fingerprint that it was told for, all do. The commit checks
/// that; where it does not hold, none of them counts, and the receipt asks for the texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered {
    /// The edition of the log in which they were told.
    pub edition: Edition,
    /// The numbers.
    pub numbers: Ascending,
    /// The fingerprint of the attribute with the largest of them.
    pub largest: Fingerprint,
}

impl Numbered {
    /// For attributes with their numbers; `None` without any. Of two with the same number one counts.
    #[must_use]
    pub fn of(edition: Edition, mut attributes: Vec<(Seq, Fingerprint)>) -> Option<Self> {
        attributes.sort_unstable();
        let (_, largest) = *attributes.last()?;
        let mut numbers: Vec<Seq> = attributes.into_iter().map(|(number, _)| number).collect();
        numbers.dedup();
        Some(Self { edition, numbers: Ascending(numbers), largest })
    }
}

/// Numbers from 1, each larger than the one before; written as the gaps between them, seven bits a byte, lowest first, the highest bit set in all but the last
/// (LEB128, DWARF 5, section 7.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ascending(Vec<Seq>);

/// Why bytes are not such numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumbersError {
    /// A number is there twice, or is 0.
    #[error("a number of an attribute is 0, or given twice")]
    Repeated,
    /// The last number has no end.
    #[error("the numbers of attributes end in the middle of one")]
    Torn,
    /// No attribute can have such a number.
    #[error("a number of an attribute is out of range, it must be below 2^53")]
    OutOfRange,
    /// More than a batch may have elements.
    #[error("there are more than {MAX_ELEMENTS} numbers of attributes")]
    TooMany,
}

impl Ascending {
    /// The numbers.
    #[must_use]
    pub fn as_slice(&self) -> &[Seq] {
        &self.0
    }

    /// The largest; 0 without any.
    #[must_use]
    pub fn largest(&self) -> Seq {
        self.0.last().copied().unwrap_or_default()
    }

    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(3 * self.0.len());
        let mut before = 0;
        for number in &self.0 {
            let mut gap = number - before;
            while gap >> BITS > 0 {
                bytes.push(0x80 | u8::try_from(gap & 0x7f).unwrap_or_default());
                gap >>= BITS;
            }
            bytes.push(u8::try_from(gap).unwrap_or_default());
            before = *number;
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, NumbersError> {
        let (mut numbers, mut before, mut gap, mut shift) = (Vec::new(), 0, 0, 0);
        for byte in bytes {
            gap |= Seq::from(byte & 0x7f) << shift;
            if byte & 0x80 > 0 {
                shift += BITS;
                // Eight bytes hold all that is in range.
                if shift >= 8 * BITS {
                    return Err(NumbersError::OutOfRange);
                }
                continue;
            }
            before += gap;
            if gap == 0 {
                return Err(NumbersError::Repeated);
            } else if before >= FIRST_INEXACT {
                return Err(NumbersError::OutOfRange);
            } else if numbers.len() == MAX_ELEMENTS {
                return Err(NumbersError::TooMany);
            }
            numbers.push(before);
            (gap, shift) = (0, 0);
        }
        if shift > 0 { Err(NumbersError::Torn) } else { Ok(Self(numbers)) }
    }
}

impl Serialize for Ascending {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.to_bytes())
    }
}

impl<'de> Deserialize<'de> for Ascending {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes: &serde_bytes::Bytes = Deserialize::deserialize(deserializer)?;
        Self::from_bytes(bytes).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use proptest::prelude::*;

    use super::*;

    fn print(number: u64) -> Fingerprint {
        Fingerprint::from_bytes(std::array::from_fn(|index| number.to_be_bytes()[index % 8]))
    }

    #[test]
    fn they_are_in_order_and_the_largest_is_named() {
        let numbered = Numbered::of(7, vec![(9, print(9)), (300, print(300)), (2, print(2))]).unwrap();
        assert_eq!(numbered.numbers.as_slice(), [2, 9, 300]);
        assert_eq!((numbered.largest, numbered.numbers.largest()), (print(300), 300));
        assert_eq!(Numbered::of(7, Vec::new()), None);
        assert_eq!(numbered.numbers.to_bytes(), [2, 7, 0xa3, 0x02], "2, 2 + 7, 9 + 291");
    }

    #[test]
    fn what_cannot_be_numbers_of_attributes_is_refused() {
        assert_eq!(Ascending::from_bytes(&[3, 0]), Err(NumbersError::Repeated));
        assert_eq!(Ascending::from_bytes(&[0]), Err(NumbersError::Repeated));
        assert_eq!(Ascending::from_bytes(&[3, 0x80]), Err(NumbersError::Torn));
        assert_eq!(Ascending::from_bytes(&[0xff; 12]), Err(NumbersError::OutOfRange));
        let most = Ascending(vec![FIRST_INEXACT - 1]);
        assert_eq!(Ascending::from_bytes(&most.to_bytes()), Ok(most));
        assert_eq!(
            Ascending::from_bytes(&Ascending(vec![FIRST_INEXACT]).to_bytes()),
            Err(NumbersError::OutOfRange)
        );
        assert_eq!(Ascending::from_bytes(&[1; MAX_ELEMENTS + 1]), Err(NumbersError::TooMany));
        assert_eq!(Ascending::from_bytes(&[1; MAX_ELEMENTS]).unwrap().largest(), 1_000);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(numbers in prop::collection::btree_set(1..FIRST_INEXACT, 0..100)) {
            let numbers = Ascending(numbers.into_iter().collect());
            prop_assert_eq!(Ascending::from_bytes(&numbers.to_bytes()), Ok(numbers));
        }

        #[test]
        fn any_bytes_are_numbers_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(numbers) = Ascending::from_bytes(&bytes) {
                prop_assert!(numbers.as_slice().is_sorted_by(|a, b| a < b));
            }
        }
    }
}
