//! The unconditioned sample: answers to questions about the whole topic that said nothing of what to leave out. What all answers together say of coverage is
//! skewed by what they were asked for; these say by how much.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Sightings, count};
use crate::ids::{LogIndex, Seq};

/// Answers that are kept, the newest.
const PROBES: usize = 8;

/// The newest probes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probes {
    newest: VecDeque<Probe>,
    answers: u64,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Probe {
    at: LogIndex,
    named: Vec<Seq>,
    /// Items that were known beforehand.
    seeds: u32,
    /// Items that count nowhere else: beyond a cap.
    beyond: u32,
}

/// What the newest probes say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// All probes that were answered.
    pub answers: u64,
    /// The newest of them, of which the rest is told.
    pub newest: u64,
    /// Items that these named, each as often as it was.
    pub mentions: u64,
    /// Of those, the ones that another answer has named too, or that were known beforehand.
    pub known: u64,
}

impl Probed {
    /// Share of the mentions whose item is known without them; `None` before the second, as a single one has nothing to be held against.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub fn coverage(self) -> Option<f64> {
        (self.newest > 1 && self.mentions > 0)
            .then(|| (self.known as f64 / self.mentions as f64 * 1e6).round() / 1e6)
    }
}

impl Probes {
    pub(super) fn answered(
        &mut self,
        at: LogIndex,
        named: impl Iterator<Item = Seq>,
        seeds: usize,
        beyond: u32,
    ) {
        self.answers += 1;
        if self.newest.len() >= PROBES {
            self.newest.pop_front();
        }
        let seeds = u32::try_from(seeds).unwrap_or(u32::MAX);
        self.newest.push_back(Probe { at, named: named.collect(), seeds, beyond });
    }

    /// Items of a probe whose texts had to be sent once more.
    pub(super) fn completed(&mut self, at: LogIndex, named: impl Iterator<Item = Seq>) {
        if let Some(probe) = self.newest.iter_mut().find(|probe| probe.at == at) {
            probe.named.extend(named);
        }
    }

    /// What they say by now.
    #[must_use]
    pub fn probed(&self, sightings: &Sightings) -> Probed {
        let mut probed =
            Probed { answers: self.answers, newest: count(self.newest.len()), ..Probed::default() };
        for Probe { named, seeds, beyond, .. } in &self.newest {
            let again = named.iter().filter(|seq| sightings.of(**seq) > 1).count();
            probed.mentions += count(named.len()) + u64::from(*seeds) + u64::from(*beyond);
            probed.known += count(again) + u64::from(*seeds);
        }
        probed
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::super::TopicFold;
    use super::super::tests::{found, response};
    use super::*;
    use crate::batch::Outcome;
    use crate::log::{Entry, EntryKind, EntryTail};

    fn probe(index: LogIndex, tail: EntryTail) -> Entry {
        let mut entry = response(index, Outcome::Answered, tail);
        if let EntryKind::Response(meta) = &mut entry.head.kind {
            meta.probe = true;
        }
        entry
    }

    #[test]
    fn what_another_answer_has_named_too_is_known_without_a_probe() {
        let mut fold = TopicFold::default();
        assert_eq!((fold.probed(), fold.probed().coverage()), (Probed::default(), None));
        fold.apply(&response(1, Outcome::Answered, found(1, &["a", "b"], &[], 0))).unwrap();
        fold.apply(&probe(2, EntryTail { over_cap: 1, ..found(3, &["c", "d"], &[1], 0) })).unwrap();
        // Neither what came of other questions nor a failed one is a probe.
        fold.apply(&probe(3, EntryTail::default())).unwrap();
        fold.apply(&response(4, Outcome::Answered, found(5, &["e"], &[], 0))).unwrap();
        let probed = fold.probed();
        assert_eq!((probed.answers, probed.newest, probed.mentions, probed.known), (2, 2, 4, 1));
        assert_eq!(probed.coverage(), Some(0.25));
        // What comes later tells more of it.
        fold.apply(&response(5, Outcome::Answered, found(0, &[], &[3], 0))).unwrap();
        assert_eq!(fold.probed().coverage(), Some(0.5));
    }

    #[test]
    fn texts_that_are_sent_once_more_are_counted_and_the_newest_are_kept() {
        let mut fold = TopicFold::default();
        fold.apply(&probe(1, found(1, &["a"], &[], 2))).unwrap();
        let mut rest = response(2, Outcome::Answered, found(2, &["b"], &[1], 0));
        rest.head.kind = EntryKind::Resolution { of: 1 };
        fold.apply(&rest).unwrap();
        let probed = fold.probed();
        assert_eq!((probed.answers, probed.mentions, probed.known), (1, 3, 2));
        for index in 3..=10 {
            fold.apply(&probe(index, found(0, &[], &[1], 0))).unwrap();
        }
        let probed = fold.probed();
        assert_eq!((probed.answers, probed.newest, probed.mentions, probed.known), (9, 8, 8, 8));
    }
}
