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
    /// Share of the mentions whose item is known without them.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub fn coverage(self) -> Option<f64> {
        (self.mentions > 0).then(|| (self.known as f64 / self.mentions as f64 * 1e6).round() / 1e6)
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
