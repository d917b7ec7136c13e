//! One producer's copy of a topic's filter.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Bits, Measured, PIECE_WORDS, Ranges, words};
use crate::command::FilterReport;
use crate::ids::{LogIndex, Run, Seq};
use crate::key::Fingerprint;
use crate::numbers::Edition;
use crate::seeded::{Bug, is_on};
use crate::time::Monotonic;

/// How long a hole may stay open before a snapshot is asked for.
const HOLE_PATIENCE: Duration = Duration::from_millis(1_500);

/// Fingerprints of the deltas of late that are kept, 1.6 MB: a snapshot is older than what came meanwhile, and must take nothing of that away. Beyond,
/// the oldest are forgotten, and another snapshot fills the hole.
pub(super) const KEPT_FINGERPRINTS: usize = 100_000;

/// The same for deltas: many bring nothing.
pub(super) const KEPT_DELTAS: usize = 10_000;

/// What a range of the log adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// Run.
    pub run: Run,
    /// Generation in force after the range.
    pub generation: u32,
    /// First entry.
    pub from: LogIndex,
    /// Last entry.
    pub to: LogIndex,
    /// Added.
    pub fingerprints: Vec<Fingerprint>,
    /// The edition of the log, and the number in it of the first that was added; the others follow. `None` where that is not told.
    pub first: Option<(Edition, Seq)>,
}

/// A piece of a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotPiece<'a> {
    /// Run.
    pub run: Run,
    /// Generation.
    pub generation: u32,
    /// The snapshot holds every entry up to this one.
    pub complete_to: LogIndex,
    /// Number of the piece, from 0.
    pub chunk: u32,
    /// Number of pieces.
    pub chunks: u32,
    /// Digest of the whole; `None` from a leader that does not tell.
    pub digest: Option<u64>,
    /// The leader has found that the replica's bits are not those of the log: what it has is worth nothing.
    pub repair: bool,
    /// Little-endian words.
    pub words: &'a [u8],
}

/// A piece that does not fit its snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("piece {chunk} of a filter snapshot of generation {generation} does not fit the others")]
pub struct SnapshotError {
    chunk: u32,
    generation: u32,
}

#[derive(Debug)]
struct Assembly {
    generation: u32,
    complete_to: LogIndex,
    digest: Option<u64>,
    repair: bool,
    words: Vec<u64>,
    missing: std::collections::BTreeSet<u32>,
}

/// A replica: bits, and which part of the log they cover. Deltas may come in any order and more than once.
#[derive(Debug)]
pub struct Replica {
    run: Run,
    bits: Bits,
    held: Ranges,
    heard_of: LogIndex,
    /// How far the snapshot goes that is in force.
    installed: LogIndex,
    /// The last deltas that came, as far as they go beyond that: they go on top of the next one, too.
    kept: VecDeque<Delta>,
    kept_fingerprints: usize,
    outgrown: bool,
    hole_since: Option<Monotonic>,
    assembly: Option<Assembly>,
    measured: Measured,
}

impl Replica {
    /// An empty replica, right for a log without entries.
    #[must_use]
    pub fn new(run: Run) -> Self {
        Self {
            run,
            bits: Bits::empty(0),
            held: Ranges::default(),
            heard_of: 0,
            installed: 0,
            kept: VecDeque::new(),
            kept_fingerprints: 0,
            outgrown: false,
            hole_since: None,
            assembly: None,
            measured: Measured::default(),
        }
    }

    /// The run whose log it follows.
    #[must_use]
    pub const fn run(&self) -> Run {
        self.run
    }

    /// Whether the key is probably in the registry.
    #[must_use]
    pub fn contains(&self, fingerprint: &Fingerprint) -> bool {
        self.bits.contains(fingerprint)
    }

    /// The bits.
    #[must_use]
    pub const fn bits(&self) -> &Bits {
        &self.bits
    }

    /// Takes a delta in. One of another run is ignored; one whose range is empty (`from = to + 1`) only tells how far the log has come.
    pub fn delta(&mut self, delta: Delta) {
        if delta.run != self.run || delta.from == 0 {
            return;
        }
        self.heard_of(delta.to);
        if delta.from > delta.to {
            return;
        }
        self.outgrown |= delta.generation > self.bits.generation() && !is_on(Bug::GenerationIgnored);
        self.take(&delta);
        self.keep(delta);
    }

    fn take(&mut self, delta: &Delta) {
        // What comes a second time is known for good reason.
        let anew = !self.held.meets(delta.from, delta.to);
        for fingerprint in &delta.fingerprints {
            let claimed = self.bits.insert(fingerprint);
            if anew {
                self.measured.take(claimed);
            }
        }
        self.held.insert(delta.from, delta.to);
    }

    fn keep(&mut self, delta: Delta) {
        if delta.to <= self.installed || is_on(Bug::DeltasForgotten) {
            return;
        }
        self.kept_fingerprints += delta.fingerprints.len();
        self.kept.push_back(delta);
        while self.kept_fingerprints > KEPT_FINGERPRINTS || self.kept.len() > KEPT_DELTAS {
            let Some(oldest) = self.kept.pop_front() else { return };
            self.kept_fingerprints -= oldest.fingerprints.len();
        }
    }

    /// Takes note that the log has come to `index`.
    pub fn heard_of(&mut self, index: LogIndex) {
        self.heard_of = self.heard_of.max(index);
    }

    /// Looks after holes; call it about every second.
    pub fn tick(&mut self, now: Monotonic) {
        if self.held.complete_to() >= self.heard_of {
            self.hole_since = None;
        } else if self.hole_since.is_none() {
            self.hole_since = Some(now);
        }
    }

    /// Takes a piece of a snapshot in; the answer says whether the snapshot is complete and in force.
    pub fn snapshot(&mut self, piece: &SnapshotPiece<'_>) -> Result<bool, SnapshotError> {
        let error = SnapshotError { chunk: piece.chunk, generation: piece.generation };
        let total = words(piece.generation);
        if piece.run != self.run || piece.generation < self.bits.generation() {
            return Ok(false);
        }
        if piece.generation > super::LAST_GENERATION
            || usize::try_from(piece.chunks) != Ok(total.div_ceil(PIECE_WORDS))
        {
            return Err(error);
        }
        let same = |assembly: &Assembly| {
            (assembly.generation, assembly.complete_to, assembly.digest)
                == (piece.generation, piece.complete_to, piece.digest)
        };
        let mut assembly = self.assembly.take().filter(same).unwrap_or_else(|| Assembly {
            generation: piece.generation,
            complete_to: piece.complete_to,
            digest: piece.digest,
            repair: false,
            words: vec![0; total],
            missing: (0..piece.chunks).collect(),
        });
        let start = usize::try_from(piece.chunk).unwrap_or(usize::MAX).saturating_mul(PIECE_WORDS);
        let place =
            assembly.words.get_mut(start..total.min(start.saturating_add(PIECE_WORDS))).ok_or(error)?;
        if piece.words.len() != place.len() * 8 {
            return Err(error);
        }
        for (word, bytes) in place.iter_mut().zip(piece.words.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        assembly.missing.remove(&piece.chunk);
        assembly.repair |= piece.repair;
        if !assembly.missing.is_empty() {
            self.assembly = Some(assembly);
            return Ok(false);
        }
        let bits = Bits::from_words(assembly.generation, assembly.words).ok_or(error)?;
        if assembly.digest.is_some_and(|digest| digest != bits.digest()) {
            return Err(error);
        }
        // One that is older than what is in force would take away what that brought.
        let here = if assembly.repair { self.installed } else { self.held.complete_to() };
        let overtaken = bits.generation() == self.bits.generation() && assembly.complete_to < here;
        if !overtaken {
            self.install(bits, assembly.complete_to);
        }
        Ok(!overtaken)
    }

    fn install(&mut self, bits: Bits, complete_to: LogIndex) {
        self.bits = bits;
        self.held = Ranges::default();
        self.held.insert(1, complete_to);
        self.installed = complete_to;
        self.heard_of(complete_to);
        self.measured = Measured::default();
        self.outgrown = false;
        self.hole_since = None;
        self.kept_fingerprints = 0;
        // What the snapshot holds is not put on top of it: it may be what was wrong.
        for delta in std::mem::take(&mut self.kept).into_iter().filter(|delta| delta.to > complete_to) {
            self.outgrown |= delta.generation > self.bits.generation();
            self.take(&delta);
            self.keep(delta);
        }
    }

    /// Deltas that are kept, and the fingerprints in them.
    #[cfg(test)]
    pub(super) fn kept(&self) -> (usize, usize) {
        (self.kept.len(), self.kept_fingerprints)
    }

    /// What to tell the coordinator.
    #[must_use]
    pub fn report(&self, now: Monotonic) -> FilterReport {
        let complete_to = if is_on(Bug::HoleUnseen) { self.held.last() } else { self.held.complete_to() };
        let late = self.hole_since.is_some_and(|since| now.since(since) >= HOLE_PATIENCE);
        let empty = complete_to == 0 && self.heard_of > 0 && self.held.is_empty();
        FilterReport {
            generation: self.bits.generation(),
            complete_to,
            heard_of: self.heard_of,
            wants_snapshot: self.outgrown || late || empty,
            // Of what lies beyond a hole the leader has no digest.
            digest: (self.held.last() == complete_to).then_some(self.bits.digest()),
            checked_new: self.measured.checked,
            claimed_new: self.measured.claimed,
            ..FilterReport::default()
        }
    }
}
