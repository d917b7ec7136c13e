//! What a simulation is good for only if it holds.

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..26 {
        let [one, other] = [(), ()].map(|()| igentai_simulation::run(seed, true));
        let differ = one.history.iter().zip(&other.history).position(|(one, other)| one != other);
        assert_eq!(differ.map(|at| (&one.history[at], &other.history[at])), None, "seed {seed}");
        assert_eq!((one.digest, one.batches), (other.digest, other.batches), "seed {seed}");
    }
}
