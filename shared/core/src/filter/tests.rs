#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;

use super::replica::{KEPT_DELTAS, KEPT_FINGERPRINTS};
use super::*;
use crate::command::FilterReport;
use crate::key::Fingerprint;
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
    for n in 0..BASE_CAPACITY {
        filter.insert(&fingerprint(n));
    }
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
    Delta {
        run: 1,
        generation: 0,
        from,
        to,
        fingerprints: (from..=to).map(fingerprint).collect(),
        first: None,
    }
}

fn master(entries: u64, per_entry: u64) -> (Master, Vec<Fingerprint>) {
    let (mut master, mut all) = (Master::new(0), Vec::new());
    let new = |index| (0..per_entry).map(move |n| fingerprint((index - 1) * per_entry + n + 1));
    for index in 1..=entries {
        master.entry(index, &new(index).collect::<Vec<_>>(), Monotonic(index));
        all.extend(new(index));
        while let Some(after) = master.refills_after() {
            master.refill(after + 1, &new(after + 1).collect::<Vec<_>>());
        }
    }
    (master, all)
}

/// The only piece of a small filter.
fn piece_of<'a>(master: &Master, words: &'a [u8]) -> SnapshotPiece<'a> {
    SnapshotPiece {
        run: 1,
        generation: master.bits().generation(),
        complete_to: master.complete_to(),
        chunk: 0,
        chunks: 1,
        digest: Some(master.bits().digest()),
        repair: false,
        words,
    }
}

fn give(master: &Master, replica: &mut Replica) {
    for chunk in 0..master.pieces() {
        let piece = SnapshotPiece {
            run: 1,
            generation: master.bits().generation(),
            complete_to: master.complete_to(),
            chunk,
            chunks: master.pieces(),
            digest: Some(master.bits().digest()),
            repair: false,
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
    let piece = piece_of(&master, &words);
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
    let piece = piece_of(&master, &words);
    let mut replica = Replica::new(1);
    assert!(replica.snapshot(&SnapshotPiece { chunk: 1, ..piece }).is_err());
    assert!(replica.snapshot(&SnapshotPiece { chunks: 2, ..piece }).is_err());
    assert!(replica.snapshot(&SnapshotPiece { words: &words[..8], ..piece }).is_err());
    assert!(replica.snapshot(&SnapshotPiece { generation: 99, ..piece }).is_err());
    assert_eq!(replica.snapshot(&SnapshotPiece { run: 2, ..piece }), Ok(false));
}

#[test]
fn the_digest_is_the_sum_of_what_the_bits_stand_for() {
    let mut filter = Bits::empty(0);
    assert_eq!(filter.digest(), 0);
    for n in 0..2_000 {
        filter.insert(&fingerprint(n));
    }
    let expected = filter.as_words().iter().enumerate().fold(0_u64, |sum, (place, word)| {
        let set = (0..64).filter(|bit| word >> bit & 1 == 1);
        set.fold(sum, |sum, bit| {
            let mut z = (u64::try_from(place).unwrap() * 64 + bit + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            sum.wrapping_add(z ^ (z >> 31))
        })
    });
    assert_eq!(filter.digest(), expected);
    let again = Bits::from_words(0, filter.as_words().to_vec()).unwrap();
    assert_eq!((again.digest(), again.as_words()), (expected, filter.as_words()));
    assert!(Bits::from_words(1, filter.as_words().to_vec()).is_none());
}

#[test]
fn replicas_are_compared_where_they_stand_and_told_apart_by_what_they_lack() {
    let (mut master, _) = master(100, 3);
    let entry = |index: u64| Delta {
        fingerprints: (0..3).map(|n| fingerprint((index - 1) * 3 + n + 1)).collect(),
        ..delta(index, index)
    };
    let mut good = Replica::new(1);
    let mut bad = Replica::new(1);
    for index in 1..=100 {
        good.delta(entry(index));
        let mut torn = entry(index);
        if index == 50 {
            torn.fingerprints.pop();
        }
        bad.delta(torn);
        let audits = [&good, &bad].map(|replica| master.audit(&replica.report(Monotonic(0))));
        assert_eq!(audits, [Audit::Same, if index < 50 { Audit::Same } else { Audit::Different }]);
    }
    // Again, and overlapping, in one: it changes nothing.
    good.delta(Delta { fingerprints: (10..=90).map(fingerprint).collect(), ..delta(4, 30) });
    assert_eq!(master.audit(&good.report(Monotonic(0))), Audit::Same);
    good.delta(delta(102, 102));
    assert_eq!(
        master.audit(&good.report(Monotonic(0))),
        Audit::Unknown,
        "what lies beyond a hole is not compared"
    );
    let other = FilterReport { generation: 1, ..bad.report(Monotonic(0)) };
    assert_eq!(master.audit(&other), Audit::Unknown);

    // The leader repairs it although it says that it has everything.
    let words = master.piece(0).unwrap();
    bad.delta(entry(101));
    assert_eq!(bad.snapshot(&piece_of(&master, &words)), Ok(false), "it is overtaken");
    assert_eq!(bad.snapshot(&SnapshotPiece { repair: true, ..piece_of(&master, &words) }), Ok(true));
    master.entry(101, &entry(101).fingerprints, Monotonic(0));
    assert_eq!(master.audit(&bad.report(Monotonic(0))), Audit::Same);
}

#[test]
fn a_snapshot_that_mends_takes_nothing_away_that_came_behind_it() {
    let (master, _) = master(20, 1);
    let words = master.piece(0).unwrap();
    let mut replica = Replica::new(1);
    for index in 1..=30 {
        let lie = (index == 10).then(|| fingerprint(999));
        let fingerprints = [fingerprint(index)].into_iter().chain(lie).collect();
        replica.delta(Delta { fingerprints, ..delta(index, index) });
    }
    let mend = SnapshotPiece { repair: true, ..piece_of(&master, &words) };
    assert_eq!(replica.snapshot(&mend), Ok(true));
    assert_eq!(replica.report(Monotonic(0)).complete_to, 30);
    assert!((1..=30).all(|n| replica.contains(&fingerprint(n))));
    assert!(!replica.contains(&fingerprint(999)), "what was wrong is not put on top again");

    let (newer, _) = self::master(25, 1);
    let newer_words = newer.piece(0).unwrap();
    let mend_again = SnapshotPiece { repair: true, ..piece_of(&newer, &newer_words) };
    assert_eq!(replica.snapshot(&mend_again), Ok(true));
    assert_eq!(replica.snapshot(&mend), Ok(false), "one that comes late is older than what is in force");
    assert_eq!(replica.report(Monotonic(0)).complete_to, 30);
}

#[test]
fn a_larger_filter_has_what_came_before_the_old_one_was_known_to_be_too_small() {
    let (master, all) = master(164, 100);
    let mut replica = Replica::new(1);
    let entry = |index: u64, generation| {
        let from = usize::try_from(index - 1).unwrap() * 100;
        let fingerprints = all.get(from..from + 100).unwrap_or_default().to_vec();
        Delta { run: 1, generation, from: index, to: index, fingerprints, first: None }
    };
    // The integrators are ahead of the leader, and nobody has said yet that there is a larger filter.
    (1..=164).for_each(|index| replica.delta(entry(index, 0)));
    replica.delta(Delta { fingerprints: vec![fingerprint(99_999)], ..entry(165, 0) });
    assert!(!replica.report(Monotonic(0)).wants_snapshot);
    replica.delta(entry(164, 1));
    assert!(replica.report(Monotonic(0)).wants_snapshot);
    give(&master, &mut replica);
    assert_eq!(replica.report(Monotonic(0)).complete_to, 165);
    assert!(replica.contains(&fingerprint(99_999)));
}

#[test]
fn deltas_are_kept_within_bounds() {
    let mut replica = Replica::new(1);
    for index in 1..=300 {
        replica.delta(Delta { fingerprints: vec![fingerprint(index); 1_000], ..delta(index, index) });
    }
    assert_eq!(replica.kept(), (100, KEPT_FINGERPRINTS));
    for index in 301..=20_000 {
        replica.delta(Delta { fingerprints: Vec::new(), ..delta(index, index) });
    }
    assert_eq!(replica.kept(), (KEPT_DELTAS, 0));
}

#[test]
fn a_snapshot_whose_bits_are_not_what_its_digest_says_is_refused() {
    let (master, _) = master(3, 1);
    let mut words = master.piece(0).unwrap();
    words[17] ^= 4;
    let mut replica = Replica::new(1);
    assert!(replica.snapshot(&piece_of(&master, &words)).is_err());
    assert_eq!(replica.report(Monotonic(0)).complete_to, 0);
    words[17] ^= 4;
    assert_eq!(replica.snapshot(&piece_of(&master, &words)), Ok(true));
}

#[test]
fn new_keys_taken_for_known_are_measured_once_on_both_sides() {
    let (master, all) = master(163, 100);
    let mut replica = Replica::new(1);
    for (from, fingerprints) in std::iter::zip(1_u64.., all.chunks(100)) {
        let delta =
            Delta { run: 1, generation: 0, from, to: from, fingerprints: fingerprints.to_vec(), first: None };
        replica.delta(delta.clone());
        replica.delta(delta);
    }
    let report = replica.report(Monotonic(0));
    let measured = Measured { checked: report.checked_new, claimed: report.claimed_new };
    assert_eq!(measured, master.measured());
    let rate = measured.rate().unwrap();
    assert!((0.001..0.01).contains(&rate), "{rate}");
}

#[test]
fn a_filter_that_takes_far_too_much_for_known_moves_on_before_it_is_full() {
    // Fingerprints that share their first eight bytes share their bits.
    let alike = |n: u64| {
        let mut bytes = [7; 16];
        bytes[8..].copy_from_slice(&n.to_be_bytes());
        Fingerprint::from_bytes(bytes)
    };
    let mut master = Master::new(0);
    let mut entries = Vec::new();
    for index in 1..=50 {
        entries.push((0..100).map(|n| alike(index * 100 + n)).collect::<Vec<_>>());
        master.entry(index, entries.last().unwrap(), Monotonic(0));
    }
    assert_eq!((master.bits().generation(), master.refills_after()), (0, Some(0)));
    for (index, new) in std::iter::zip(1.., &entries) {
        master.refill(index, new);
    }
    assert_eq!((master.bits().generation(), master.refills_after()), (1, None));
    for _ in 0..1_000 {
        master.at_least(LAST_GENERATION);
    }
    let restored = Master::restore(master.checkpoint()).unwrap();
    for (index, new) in std::iter::zip(1.., &entries) {
        master.refill(index, new);
    }
    assert_eq!(master.bits().generation(), 2, "it grows no larger than is sensible");
    assert_eq!(restored.refills_after(), Some(0), "what was under way is begun again");
}

#[test]
fn a_filter_with_room_from_the_start_is_the_one_that_grew() {
    let (grown, all) = master(400, 100);
    let mut roomy = Master::new(40_000);
    for (index, new) in std::iter::zip(1.., all.chunks(100)) {
        roomy.entry(index, new, Monotonic(0));
    }
    assert_eq!(roomy.bits().generation(), 2);
    assert_eq!(roomy.bits().as_words(), grown.bits().as_words());
}

#[test]
fn a_filter_from_a_checkpoint_goes_on_as_the_one_that_was_saved() {
    let (mut master, _) = master(30, 10);
    let mut restored = Master::restore(master.checkpoint()).unwrap();
    for one in [&mut master, &mut restored] {
        one.entry(31, &[fingerprint(9_999)], Monotonic(0));
    }
    assert_eq!(restored.bits().as_words(), master.bits().as_words());
    assert_eq!(restored.checkpoint(), master.checkpoint());
    let torn = |change: fn(&mut MasterCheckpoint)| {
        let mut checkpoint = master.checkpoint();
        change(&mut checkpoint);
        Master::restore(checkpoint).is_none()
    };
    assert!(torn(|checkpoint| checkpoint.words[5] ^= 1));
    assert!(torn(|checkpoint| checkpoint.digest ^= 1));
    assert!(torn(|checkpoint| checkpoint.generation = 1));
    assert!(torn(|checkpoint| checkpoint.generation = 99));
    assert!(torn(|checkpoint| checkpoint.words.truncate(8)));
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
    fn what_a_replica_has_claimed_it_holds_whatever_snapshots_come(
        order in Just((1..=40_u64).collect::<Vec<_>>()).prop_shuffle(),
        snapshots in proptest::collection::vec((0..40_usize, 1..=40_u64, any::<bool>()), 0..6),
    ) {
        let (mut replica, mut claimed) = (Replica::new(1), 0);
        for (at, index) in order.into_iter().enumerate() {
            // Each second delta says something that is not so.
            let lie = (index % 2 == 0).then(|| fingerprint(1_000 + index));
            let fingerprints = [fingerprint(index)].into_iter().chain(lie).collect();
            replica.delta(Delta { fingerprints, ..delta(index, index) });
            for (_, to, repair) in snapshots.iter().filter(|(when, _, _)| *when == at) {
                let (master, _) = master(*to, 1);
                let words = master.piece(0).unwrap();
                let piece = SnapshotPiece { repair: *repair, ..piece_of(&master, &words) };
                replica.snapshot(&piece).unwrap();
            }
            let complete_to = replica.report(Monotonic(0)).complete_to;
            prop_assert!(complete_to >= claimed, "{} after {}", complete_to, claimed);
            claimed = complete_to;
            prop_assert!((1..=claimed).all(|n| replica.contains(&fingerprint(n))));
        }
        prop_assert_eq!(claimed, 40);
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
