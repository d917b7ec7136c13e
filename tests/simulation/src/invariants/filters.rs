//! The filters: what the replicas claimed, and what the snapshots held.

use std::collections::BTreeMap;

use igentai_core::ids::LogIndex;
use igentai_core::log::Entry;
use igentai_shared::wire::FilterSnapshot;

use super::Check;
use crate::plan::FIRST_GENERATION;
use crate::system::Evidence;

/// A hole in a filter is open, and a filter outgrown, no longer than this when nothing goes wrong.
const HOLE_MS: u64 = 6_000;

/// After a fault it may take a leader's lease before somebody leads again.
const LEASE_MS: u64 = 5_000;

impl Check<'_> {
    pub(super) fn filters(&mut self) {
        let Evidence { log, seen, .. } = self.evidence;
        let mut brought = BTreeMap::new();
        for entry in log {
            for text in &entry.tail.new {
                brought.extend(self.thing(text).map(|thing| (thing, entry.index)));
            }
        }
        for batch in &seen.batches {
            for text in &batch.novel {
                let index = self.thing(text).and_then(|thing| brought.get(&thing));
                self.must(index.is_none_or(|index| *index > batch.claimed), || {
                    let (life, seq, claimed) = (&batch.life, batch.seq, batch.claimed);
                    format!("6: {life:?} claims entry {claimed} and does not know `{text}` in batch {seq}")
                });
            }
        }
    }

    pub(super) fn holes(&mut self) {
        let Evidence { log, seen, plan, .. } = self.evidence;
        let quiet = plan.faults_end().max(seen.resumed_at) + LEASE_MS + HOLE_MS;
        for stand in seen.stands.iter().filter(|stand| stand.at > quiet) {
            let Some(complete_to) = stand.complete_to else { continue };
            let before = stand.at - HOLE_MS;
            let is_old = |entry: &&Entry| seen.steps.made_at(entry.index).is_none_or(|at| at <= before);
            let old: Vec<_> = log.iter().take_while(is_old).collect();
            let expected: LogIndex = old.last().map_or(0, |entry| entry.index);
            self.must(complete_to >= expected, || {
                format!(
                    "6: at {} the filter of {:?} ends at {complete_to}, {expected} is old",
                    stand.at, stand.life
                )
            });
            let generation = generation_of(old.iter().map(|entry| entry.tail.new.len()).sum());
            self.must(stand.generation >= generation, || {
                format!(
                    "6: at {} the filter of {:?} is of generation {}, {generation} is old",
                    stand.at, stand.life, stand.generation
                )
            });
        }
    }

    pub(super) fn snapshots(&mut self) {
        let Evidence { log, seen, things, .. } = self.evidence;
        let mut pieces: Vec<&FilterSnapshot> = seen.snapshots.iter().collect();
        pieces.sort_by_key(|piece| piece.complete_to);
        let (mut filter, mut entries) = (Filter::default(), log.iter().peekable());
        for piece in pieces {
            while let Some(entry) = entries.next_if(|entry| entry.index <= piece.complete_to) {
                for thing in entry.tail.new.iter().filter_map(|text| self.thing(text)) {
                    filter.add(things.filter_hash(thing));
                }
            }
            let words: Vec<u8> = filter.words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let same = (piece.generation, piece.chunks) == (filter.generation, 1) && words == piece.words;
            self.must(same, || {
                format!("6: the snapshot up to entry {} is not what the log gives", piece.complete_to)
            });
        }
    }
}

/// The generation in force with so many attributes.
fn generation_of(attributes: usize) -> u32 {
    (0..20).find(|generation| attributes <= FIRST_GENERATION << generation).unwrap()
}

/// A filter as `igentai_core::filter` documents it, written a second time.
struct Filter {
    generation: u32,
    words: Vec<u64>,
    hashes: Vec<u64>,
}

impl Default for Filter {
    fn default() -> Self {
        Self { generation: 0, words: vec![0; 10 * FIRST_GENERATION / 64], hashes: Vec::new() }
    }
}

impl Filter {
    fn add(&mut self, hash: u64) {
        self.hashes.push(hash);
        let generation = generation_of(self.hashes.len());
        if generation == self.generation {
            set(&mut self.words, hash);
            return;
        }
        self.generation = generation;
        self.words = vec![0; ((10 * FIRST_GENERATION) << generation) / 64];
        self.hashes.iter().for_each(|hash| set(&mut self.words, *hash));
    }
}

fn set(words: &mut [u64], hash: u64) {
    let bits = u128::try_from(words.len() * 64).unwrap();
    let (mut a, b) = (hash, hash.wrapping_mul(0x517c_c1b7_2722_0a95));
    for _ in 0..7 {
        let bit = ((u128::from(a) * bits) >> 64) as usize;
        words[bit / 64] |= 1 << (bit % 64);
        a = a.rotate_left(5).wrapping_add(b);
    }
}
