//! A walk over MessagePack bytes that allocates nothing, before a decoder trusts the lengths in them.
//!
//! A decoder reserves what a length prefix promises; sixteen megabytes of empty strings become hundreds of megabytes of vectors.
//! This walk finds everything that is over a limit, cut off, or left behind.

/// Deepest nesting of lists and maps.
pub const MAX_DEPTH: usize = 16;

/// Most elements of a list or entries of a map.
pub const MAX_ELEMENTS: u64 = 1_000;

/// Most values in a message, all levels together.
pub const MAX_VALUES: u64 = 40_000;

/// Longest text. Attributes are bound more tightly where they are checked.
pub const MAX_TEXT_BYTES: u64 = 16 * 1024;

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// It ends in the middle of a value.
    #[error("it is cut off")]
    CutOff,
    /// There is more behind the message.
    #[error("{0} bytes are left behind its end")]
    Trailing(usize),
    /// Too deep.
    #[error("it is nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// A list or map is too long.
    #[error("a list has {0} elements, at most {MAX_ELEMENTS} are taken")]
    TooManyElements(u64),
    /// Too many values altogether.
    #[error("it has more than {MAX_VALUES} values")]
    TooManyValues,
    /// A text is too long.
    #[error("a text has {0} bytes, at most {MAX_TEXT_BYTES} are taken")]
    TextTooLong(u64),
    /// A byte that starts no value.
    #[error("it is not MessagePack")]
    NotMessagePack,
}

/// Checks one whole message.
pub fn scan(bytes: &[u8]) -> Result<(), ScanError> {
    walk(bytes, Most { elements: MAX_ELEMENTS, values: MAX_VALUES, text: MAX_TEXT_BYTES })
}

/// Checks one whole value of our own store, which may be as long as it likes: what it promises must be there.
pub fn scan_own(bytes: &[u8]) -> Result<(), ScanError> {
    walk(bytes, Most { elements: u64::MAX, values: u64::MAX, text: u64::MAX })
}

/// What is taken.
#[derive(Clone, Copy, Debug)]
struct Most {
    elements: u64,
    values: u64,
    text: u64,
}

fn walk(bytes: &[u8], most: Most) -> Result<(), ScanError> {
    let mut reader = Reader { rest: bytes, most };
    let mut open = [0_u64; MAX_DEPTH];
    let mut depth = 0_usize;
    let mut values = 0_u64;
    loop {
        values += 1;
        if values > most.values {
            return Err(ScanError::TooManyValues);
        }
        let children = reader.value()?;
        if children > 0 {
            let slot = open.get_mut(depth).ok_or(ScanError::TooDeep)?;
            *slot = children;
            depth += 1;
            continue;
        }
        while let Some(left) = depth.checked_sub(1).and_then(|index| open.get_mut(index)) {
            *left -= 1;
            if *left > 0 {
                break;
            }
            depth -= 1;
        }
        if depth == 0 {
            return if reader.rest.is_empty() { Ok(()) } else { Err(ScanError::Trailing(reader.rest.len())) };
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    most: Most,
}

impl Reader<'_> {
    /// Passes one value's own bytes; the answer is the number of values inside it.
    fn value(&mut self) -> Result<u64, ScanError> {
        match self.number(1)? {
            0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => Ok(0),
            marker @ 0x80..=0x8f => self.elements(marker & 0x0f, 2),
            marker @ 0x90..=0x9f => self.elements(marker & 0x0f, 1),
            marker @ 0xa0..=0xbf => self.text(marker & 0x1f),
            marker @ 0xc4..=0xc6 => {
                let length = self.number(1 << (marker - 0xc4))?;
                self.skip(length)
            }
            0xcc | 0xd0 => self.skip(1),
            0xcd | 0xd1 => self.skip(2),
            0xca | 0xce | 0xd2 => self.skip(4),
            0xcb | 0xcf | 0xd3 => self.skip(8),
            marker @ 0xd9..=0xdb => {
                let length = self.number(1 << (marker - 0xd9))?;
                self.text(length)
            }
            marker @ (0xdc | 0xdd) => {
                let length = self.number(2 << (marker - 0xdc))?;
                self.elements(length, 1)
            }
            marker @ (0xde | 0xdf) => {
                let length = self.number(2 << (marker - 0xde))?;
                self.elements(length, 2)
            }
            // 0xc1 is never used; 0xc7–0xc9 and 0xd4–0xd8 are extensions, which our messages do not have.
            _ => Err(ScanError::NotMessagePack),
        }
    }

    /// Each takes a byte at least.
    fn elements(&self, length: u64, each: u64) -> Result<u64, ScanError> {
        if length > self.most.elements {
            return Err(ScanError::TooManyElements(length));
        }
        let values = length.saturating_mul(each);
        if usize::try_from(values).is_ok_and(|values| values <= self.rest.len()) {
            Ok(values)
        } else {
            Err(ScanError::CutOff)
        }
    }

    fn text(&mut self, length: u64) -> Result<u64, ScanError> {
        if length > self.most.text { Err(ScanError::TextTooLong(length)) } else { self.skip(length) }
    }

    fn number(&mut self, width: usize) -> Result<u64, ScanError> {
        let (head, rest) = self.rest.split_at_checked(width).ok_or(ScanError::CutOff)?;
        self.rest = rest;
        Ok(head.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn skip(&mut self, length: u64) -> Result<u64, ScanError> {
        let length = usize::try_from(length).map_err(|_| ScanError::CutOff)?;
        self.rest = self.rest.get(length..).ok_or(ScanError::CutOff)?;
        Ok(0)
    }
}
