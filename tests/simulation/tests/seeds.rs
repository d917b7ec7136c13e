//! What a simulation is good for only if it holds.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..26 {
        let [one, other] = [(), ()].map(|()| igentai_simulation::run(seed, true));
        let differ = one.history.iter().zip(&other.history).position(|(one, other)| one != other);
        assert_eq!(differ.map(|at| (&one.history[at], &other.history[at])), None, "seed {seed}");
        assert_eq!((one.digest, one.batches), (other.digest, other.batches), "seed {seed}");
    }
}

/// Each for another invariant; `--seeded-bugs` tries all.
#[test]
fn bugs_on_purpose_are_noticed_within_a_few_seeds() {
    for name in [
        "ack-before-commit",
        "receipt-not-stored",
        "watermark-hole",
        "hole-unseen",
        "outbox-never-repeated",
        "unconfirmed-taken-for-done",
        "leased-uncounted",
        "entry-folded-twice",
        "never-acknowledged",
        "poison-dropped",
    ] {
        let bug = igentai_simulation::bugs::named(name).unwrap();
        let noticed = igentai_simulation::bugs::notice(bug, 0, 20);
        assert!(noticed.is_some(), "{name} is not noticed");
    }
}
