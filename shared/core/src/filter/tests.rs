#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;

use super::*;
use crate::time::Monotonic;

fn fingerprint(n: u64) -> Fingerprint {
    Fingerprint::from_bytes(xxhash_rust::xxh3::xxh3_128(&n.to_le_bytes()).to_be_bytes())
}

/// The layout as the module's documentation states it, written a second time.
fn bits_by_the_book(h: u64, bits: u64) -> Vec<u64> {
    let index = |x: u64| u64::try_from((u128::from(x) * u128::from(bits)) >> 64).unwrap();
    let mut all = vec![index(h)];
    let (mut a, b) = (h, h.wrapping_mul(0x517c_c1b7_2722_0a95));
    for _ in 1..HASHES {
        a = a.rotate_left(5).wrapping_add(b);
        all.push(index(a));
    }
    all
}

#[test]
fn the_bits_are_where_the_documentation_says() {
    for generation in [0, 1, 3] {
        let mut filter = Bits::empty(generation);
        let mut expected = vec![0_u64; words(generation)];
        for n in 0..500 {
            filter.insert(&fingerprint(n));
            for bit in bits_by_the_book(fingerprint(n).hash64(), capacity(generation) * BITS_PER_ATTRIBUTE) {
                expected[usize::try_from(bit / 64).unwrap()] |= 1 << (bit % 64);
            }
        }
        assert_eq!(filter.as_words(), expected);
    }
}

#[test]
fn a_full_filter_is_wrong_in_less_than_one_percent_of_cases() {
    let mut filter = Bits::empty(0);
    (0..BASE_CAPACITY).for_each(|n| filter.insert(&fingerprint(n)));
    let wrong =
        (BASE_CAPACITY..BASE_CAPACITY + 100_000).filter(|n| filter.contains(&fingerprint(*n))).count();
    assert!((500..1_000).contains(&wrong), "{wrong} of 100,000");
}

#[test]
fn the_generation_grows_with_the_set() {
    assert_eq!(generation_for(0), 0);
    assert_eq!(generation_for(BASE_CAPACITY), 0);
    assert_eq!(generation_for(BASE_CAPACITY + 1), 1);
    assert_eq!(generation_for(u64::MAX), LAST_GENERATION);
}

fn delta(from: u64, to: u64) -> Delta {
    Delta { run: 1, generation: 0, from, to, fingerprints: (from..=to).map(fingerprint).collect() }
}

fn master(entries: u64, per_entry: u64) -> (Master, Vec<Fingerprint>) {
    let (mut master, mut all) = (Master::new(), Vec::new());
    for index in 1..=entries {
        let new: Vec<_> = (0..per_entry).map(|n| fingerprint((index - 1) * per_entry + n + 1)).collect();
        all.extend_from_slice(&new);
        master.entry(index, &new, || all.clone());
    }
    (master, all)
}

fn give(master: &Master, replica: &mut Replica) {
    for chunk in 0..master.pieces() {
        let piece = SnapshotPiece {
            run: 1,
            generation: master.bits().generation(),
            complete_to: master.complete_to(),
            chunk,
            chunks: master.pieces(),
            words: &master.piece(chunk).unwrap(),
        };
        assert_eq!(replica.snapshot(&piece).unwrap(), chunk + 1 == master.pieces());
    }
}

#[test]
fn a_replica_that_joins_late_gets_a_snapshot_and_loses_no_delta_in_between() {
    let (master, all) = master(100, 1);
    let mut replica = Replica::new(1);
    replica.heard_of(100);
    assert!(replica.report(Monotonic(0)).wants_snapshot);
    replica.delta(delta(103, 104));
    give(&master, &mut replica);
    assert!(all.iter().chain([&fingerprint(103)]).all(|f| replica.contains(f)));
    assert_eq!(replica.report(Monotonic(0)).complete_to, 100);
    replica.delta(delta(101, 102));
    let report = replica.report(Monotonic(0));
    assert_eq!((report.complete_to, report.wants_snapshot), (104, false));
}

#[test]
fn a_snapshot_that_comes_after_newer_deltas_takes_nothing_away() {
    let (master, _) = master(3, 1);
    let mut replica = Replica::new(1);
    replica.delta(delta(1, 5));
    let words = master.piece(0).unwrap();
    let piece = SnapshotPiece { run: 1, generation: 0, complete_to: 3, chunk: 0, chunks: 1, words: &words };
    assert_eq!(replica.snapshot(&piece), Ok(false));
    assert_eq!(replica.report(Monotonic(0)).complete_to, 5);
    assert!(replica.contains(&fingerprint(5)));
}

#[test]
fn an_outgrown_replica_asks_for_the_next_generation() {
    let (master, all) = master(BASE_CAPACITY / 100 + 1, 100);
    assert_eq!(master.bits().generation(), 1);
    let mut replica = Replica::new(1);
    replica.delta(Delta { generation: 1, ..delta(1, 1) });
    assert!(replica.report(Monotonic(0)).wants_snapshot);
    give(&master, &mut replica);
    assert_eq!(replica.report(Monotonic(0)).generation, 1);
    assert!(all.iter().all(|f| replica.contains(f)));
    assert_eq!(replica.bits().as_words(), master.bits().as_words());
}

#[test]
fn a_hole_that_stays_open_is_noticed() {
    let mut replica = Replica::new(1);
    replica.delta(delta(1, 5));
    replica.delta(delta(8, 9));
    replica.tick(Monotonic(1_000));
    assert!(!replica.report(Monotonic(2_000)).wants_snapshot);
    assert!(replica.report(Monotonic(2_500)).wants_snapshot);
    replica.delta(delta(6, 7));
    replica.tick(Monotonic(2_500));
    assert!(!replica.report(Monotonic(9_000)).wants_snapshot);
}

#[test]
fn a_piece_that_does_not_fit_is_refused() {
    let (master, _) = master(3, 1);
    let words = master.piece(0).unwrap();
    let piece = SnapshotPiece { run: 1, generation: 0, complete_to: 3, chunk: 0, chunks: 1, words: &words };
    let mut replica = Replica::new(1);
    assert!(replica.snapshot(&SnapshotPiece { chunk: 1, ..piece }).is_err());
    assert!(replica.snapshot(&SnapshotPiece { chunks: 2, ..piece }).is_err());
    assert!(replica.snapshot(&SnapshotPiece { words: &words[..8], ..piece }).is_err());
    assert!(replica.snapshot(&SnapshotPiece { generation: 99, ..piece }).is_err());
    assert_eq!(replica.snapshot(&SnapshotPiece { run: 2, ..piece }), Ok(false));
}

proptest! {
    #[test]
    fn deltas_in_any_order_and_more_than_once_give_the_same_filter(
        order in Just((1..=40_u64).collect::<Vec<_>>()).prop_shuffle(),
        repeated in proptest::collection::vec(1..=40_u64, 0..20),
    ) {
        let mut replica = Replica::new(1);
        for index in order.into_iter().chain(repeated) {
            replica.delta(delta(index, index));
        }
        let (master, _) = master(40, 1);
        prop_assert_eq!(replica.bits().as_words(), master.bits().as_words());
        prop_assert_eq!(replica.report(Monotonic(0)).complete_to, 40);
    }

    #[test]
    fn ranges_hold_exactly_what_was_inserted(inserts in proptest::collection::vec((1..60_u64, 0..6_u64), 0..30)) {
        let (mut ranges, mut numbers) = (Ranges::default(), std::collections::BTreeSet::new());
        for (from, length) in inserts {
            ranges.insert(from, from + length);
            numbers.extend(from..=from + length);
        }
        let complete = (1..100).take_while(|n| numbers.contains(n)).last().unwrap_or(0);
        let starts = numbers.iter().filter(|n| !numbers.contains(&(*n - 1))).count();
        prop_assert_eq!(ranges.complete_to(), complete);
        prop_assert_eq!(ranges.len(), starts);
        prop_assert_eq!(ranges.last(), numbers.last().copied().unwrap_or(0));
    }
}
