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
    /// From which attribute on it was whom, up to the next.
    runs: Vec<(Seq, u8)>,
}

impl Firsts {
    /// Takes in what an entry names; how many of it another producer had named first.
    fn named(&mut self, producer: &WorkerId, entry: &Entry) -> u64 {
        let slot = self.slot(producer);
        let tail = &entry.tail;
        if !tail.new.is_empty() && self.runs.last().is_none_or(|(_, last)| *last != slot) {
            self.runs.push((tail.first_new, slot));
        }
        let is_another = |seq: &&Seq| {
            let run = self.runs.partition_point(|(from, _)| from <= *seq).checked_sub(1);
            let first = run.and_then(|run| self.runs.get(run)).map(|(_, first)| *first);
            first.is_some_and(|first| first != slot && first != UNKNOWN && slot != UNKNOWN)
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
