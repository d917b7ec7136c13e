//! What else an entry says of the items that it names: whether they are in the part that was asked for, and who named them first.

use serde::{Deserialize, Serialize};

use super::named;
use crate::frontier::{Aim, Frontier};
use crate::ids::{Seq, WorkerId};
use crate::log::Entry;

/// The producer of attributes of which nobody knows who named them first: there were too many producers.
const UNKNOWN: u8 = u8::MAX;

/// Of the items that one entry names, those from the beginning left out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    /// Named by an answer about a part of the alphabet.
    pub(super) aimed: u64,
    /// Of those, in that part.
    pub(super) fitting: u64,
    /// Named by another producer first.
    pub(super) of_others: u64,
}

impl Marks {
    /// Of an entry without seeds, whose texts the frontier has learnt, and whose response was asked for this part.
    pub(super) fn of(entry: &Entry, cell: Option<&str>, frontier: &Frontier, firsts: &mut Firsts) -> Self {
        let of_others = firsts.named(&entry.head.producer, entry);
        let Some(Aim::Part(part)) = Aim::named(cell) else { return Self { of_others, ..Self::default() } };
        let (mut aimed, mut fitting) = (0, 0);
        for number in named(entry) {
            aimed += 1;
            fitting += u64::from(frontier.is_within(number, part));
        }
        Self { aimed, fitting, of_others }
    }
}

/// Which producer named each attribute first. Attributes are numbered in the order of the log, and those of one answer are all of one producer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Firsts {
    producers: Vec<WorkerId>,
    /// Of each attribute in the order of their numbers. Stored as runs: those of one answer follow one another.
    #[serde(with = "runs")]
    of: Vec<u8>,
}

impl Firsts {
    /// Takes in what an entry names; how many of it another producer had named first.
    fn named(&mut self, producer: &WorkerId, entry: &Entry) -> u64 {
        let slot = self.slot(producer);
        let tail = &entry.tail;
        self.of.resize(self.of.len() + tail.new.len(), slot);
        let is_another = |seq: &&Seq| {
            let place = seq.checked_sub(1).and_then(|place| usize::try_from(place).ok());
            let first = place.and_then(|place| self.of.get(place));
            first.is_some_and(|first| *first != slot && *first != UNKNOWN && slot != UNKNOWN)
        };
        super::count(tail.again.iter().filter(is_another).count())
    }

    fn slot(&mut self, producer: &WorkerId) -> u8 {
        let known = self.producers.iter().position(|known| known == producer);
        let place = known.unwrap_or(self.producers.len());
        let slot = u8::try_from(place).unwrap_or(UNKNOWN);
        if known.is_none() && slot < UNKNOWN {
            self.producers.push(producer.clone());
        }
        slot
    }
}

/// Equal bytes that follow one another, as how many there are and which.
mod runs {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(bytes.chunk_by(PartialEq::eq).map(|run| (run.len(), run.first())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let runs = Vec::<(usize, u8)>::deserialize(from)?;
        let mut bytes = Vec::new();
        for (run, byte) in runs {
            bytes.resize(bytes.len() + run, byte);
        }
        Ok(bytes)
    }
}
