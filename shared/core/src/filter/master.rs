//! The coordinator's own filter.

use serde::{Deserialize, Serialize};

use super::trail::Trail;
use super::{Bits, LAST_GENERATION, PIECE_WORDS, generation_for};
use crate::command::FilterReport;
use crate::ids::{LogIndex, Seq};
use crate::key::Fingerprint;
use crate::seeded::{Bug, is_on};
use crate::time::Monotonic;

/// How much larger than its attributes need a filter may become.
const MOST_AHEAD: u32 = 2;

/// New keys that must have been looked at before the rate of false positives says something.
const ENOUGH: u64 = 4_096;

/// A filter that takes more than one new key in so many for known is too small, whatever it was made for: at its fullest it should be one in 120.
const INTOLERABLE: u64 = 50;

/// How often new keys were taken for known, of late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// New keys that a filter was asked about.
    pub checked: u64,
    /// Those that it took for known.
    pub claimed: u64,
}

impl Measured {
    pub(super) fn take(&mut self, claimed: bool) {
        if self.checked >= 2 * ENOUGH {
            (self.checked, self.claimed) = (self.checked / 2, self.claimed / 2);
        }
        self.checked += 1;
        self.claimed += u64::from(claimed);
    }

    const fn is_intolerable(self) -> bool {
        self.checked >= ENOUGH && self.claimed * INTOLERABLE > self.checked
    }

    /// The rate of false positives; `None` before the first key.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    pub fn rate(self) -> Option<f64> {
        (self.checked > 0).then(|| self.claimed as f64 / self.checked as f64)
    }
}

/// How a replica compares with the leader's filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// The same bits at the same log entry.
    Same,
    /// Other bits at the same log entry.
    Different,
    /// It cannot be compared now: it has a hole, another generation, or is too far behind.
    Unknown,
}

/// A filter that is made anew, larger, from the log's beginning.
#[derive(Debug)]
struct Refill {
    bits: Bits,
    complete_to: LogIndex,
}

/// The coordinator's own filter, which follows the log entry by entry and is what snapshots are made of.
#[derive(Debug)]
pub struct Master {
    bits: Bits,
    attributes: Seq,
    complete_to: LogIndex,
    /// The generation that it is at least to have, whatever the attributes need.
    least: u32,
    refill: Option<Refill>,
    measured: Measured,
    trail: Trail,
}

/// What a [`Master`] can be made from again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterCheckpoint {
    pub(super) generation: u32,
    attributes: Seq,
    complete_to: LogIndex,
    least: u32,
    measured: Measured,
    pub(super) digest: u64,
    #[serde(with = "serde_bytes")]
    pub(super) words: Vec<u8>,
}

impl Master {
    /// For a log without entries, with room for as many attributes as there will be.
    #[must_use]
    pub fn new(expected: Seq) -> Self {
        Self {
            bits: Bits::empty(generation_for(expected)),
            attributes: 0,
            complete_to: 0,
            least: 0,
            refill: None,
            measured: Measured::default(),
            trail: Trail::default(),
        }
    }

    /// Adds what the next entry brought, of which was learned at `now`.
    pub fn entry(&mut self, index: LogIndex, new: &[Fingerprint], now: Monotonic) {
        self.complete_to = index;
        self.attributes += u64::try_from(new.len()).unwrap_or(u64::MAX);
        for fingerprint in new {
            let claimed = self.bits.insert(fingerprint);
            self.measured.take(claimed);
        }
        self.trail.note(index, self.bits.digest(), now);
        if self.refill.is_none() && self.measured.is_intolerable() {
            self.at_least(self.bits.generation() + 1);
        }
        self.look_at_size();
    }

    /// Has the filter made anew if its generation is below that one: a replica has it from an earlier leader. No larger than is sensible.
    pub fn at_least(&mut self, generation: u32) {
        let most = (generation_for(self.attributes) + MOST_AHEAD).min(LAST_GENERATION);
        self.least = self.least.max(generation.min(most));
        self.look_at_size();
    }

    fn look_at_size(&mut self) {
        let wanted = generation_for(self.attributes).max(self.least);
        let begun = self.refill.as_ref().map_or(self.bits.generation(), |refill| refill.bits.generation());
        if wanted > begun {
            self.refill = Some(Refill { bits: Bits::empty(wanted), complete_to: 0 });
        }
    }

    /// While the filter is made anew: the log entry behind which [`Master::refill`] goes on. Until that is done there are no snapshots, and what there
    /// is takes more new keys for known than it should.
    #[must_use]
    pub fn refills_after(&self) -> Option<LogIndex> {
        self.refill.as_ref().map(|refill| refill.complete_to)
    }

    /// Adds what an entry brought to the filter that is made anew.
    pub fn refill(&mut self, index: LogIndex, new: &[Fingerprint]) {
        let Some(refill) = self.refill.as_mut().filter(|refill| refill.complete_to + 1 == index) else {
            return;
        };
        for fingerprint in new {
            refill.bits.insert(fingerprint);
        }
        refill.complete_to = index;
        if index >= self.complete_to
            && let Some(refill) = self.refill.take()
        {
            self.bits = refill.bits;
            self.measured = Measured::default();
            self.trail.forget_digests();
        }
    }

    /// How a replica compares that reports this.
    #[must_use]
    pub fn audit(&self, report: &FilterReport) -> Audit {
        if report.generation != self.bits.generation() {
            return Audit::Unknown;
        }
        match report.digest.zip(self.trail.digest_at(report.complete_to)) {
            Some((theirs, ours)) if theirs == ours => Audit::Same,
            Some(_) => Audit::Different,
            None => Audit::Unknown,
        }
    }

    /// What it was like on the way here.
    #[must_use]
    pub const fn trail(&self) -> &Trail {
        &self.trail
    }

    /// How often it took new keys for known, of late.
    #[must_use]
    pub const fn measured(&self) -> Measured {
        self.measured
    }

    /// The bits.
    #[must_use]
    pub const fn bits(&self) -> &Bits {
        &self.bits
    }

    /// Number of attributes covered.
    #[must_use]
    pub const fn attributes(&self) -> Seq {
        self.attributes
    }

    /// Last entry covered.
    #[must_use]
    pub const fn complete_to(&self) -> LogIndex {
        self.complete_to
    }

    /// Number of pieces of a snapshot.
    #[must_use]
    pub fn pieces(&self) -> u32 {
        u32::try_from(self.bits.as_words().len().div_ceil(PIECE_WORDS)).unwrap_or(u32::MAX)
    }

    /// The bytes of one piece; `None` beyond the last.
    #[must_use]
    pub fn piece(&self, chunk: u32) -> Option<Vec<u8>> {
        let words = self.bits.as_words().chunks(PIECE_WORDS).nth(usize::try_from(chunk).ok()?)?;
        let mut piece = bytes_of(words);
        if is_on(Bug::SnapshotLacksBits) {
            piece.iter_mut().step_by(2).for_each(|byte| *byte = 0);
        }
        Some(piece)
    }

    /// What it can be made from again. A filter that is made anew is begun again.
    #[must_use]
    pub fn checkpoint(&self) -> MasterCheckpoint {
        MasterCheckpoint {
            generation: self.bits.generation(),
            attributes: self.attributes,
            complete_to: self.complete_to,
            least: self.least,
            measured: self.measured,
            digest: self.bits.digest(),
            words: bytes_of(self.bits.as_words()),
        }
    }

    /// The filter as it was; `None` when that is not what the checkpoint holds.
    #[must_use]
    pub fn restore(checkpoint: MasterCheckpoint) -> Option<Self> {
        let MasterCheckpoint { generation, attributes, complete_to, least, measured, digest, words } =
            checkpoint;
        if generation > LAST_GENERATION || words.len() % 8 != 0 {
            return None;
        }
        let words = words.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        let bits = Bits::from_words(generation, words).filter(|bits| bits.digest() == digest)?;
        let (refill, trail) = (None, Trail::default());
        let mut master = Self { bits, attributes, complete_to, least, refill, measured, trail };
        master.look_at_size();
        Some(master)
    }
}

fn bytes_of(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
