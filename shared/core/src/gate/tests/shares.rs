//! How requests are shared among providers that work.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::*;

const MINUTE: u64 = 60_000;

/// A provider and how long each of its answers takes.
fn provider(name: &str, weight: f64, max_concurrency: u32, latency_ms: u64) -> (Limits, u64) {
    (Limits { weight, max_concurrency, ..limits(name) }, latency_ms)
}

pub(super) fn random(seed: u64, number: usize) -> f64 {
    let bits = u32::try_from(xxh3_64_with_seed(&number.to_le_bytes(), seed) >> 32).unwrap();
    f64::from(bits) / 4_294_967_296.0
}

/// What came of asking as often as possible.
struct Tally {
    /// Starts by provider.
    starts: Vec<u32>,
    millis: u64,
}

impl Tally {
    fn share(&self, index: usize) -> f64 {
        f64::from(self.starts[index]) / f64::from(self.starts.iter().sum::<u32>())
    }
}

/// Asks as often as possible, with so many places for requests under way, until there were so many requests or the time is over.
fn ask_all(providers: &[(Limits, u64)], places: usize, requests: u32, millis: u64, seed: u64) -> Tally {
    let mut desk = Desk::new(providers.iter().map(|(limits, _)| limits.clone()).collect());
    let begin = desk.now.0;
    let mut under_way: Vec<(u64, Ticket)> = Vec::new();
    let mut starts = vec![0; providers.len()];
    let mut tries = 0;
    while starts.iter().sum::<u32>() < requests && desk.now.0 < begin + millis {
        let mut until = None;
        while under_way.len() < places {
            tries += 1;
            match desk.try_start(random(seed, tries)) {
                Ok(ticket) => {
                    starts[ticket.index()] += 1;
                    under_way.push((desk.now.0 + providers[ticket.index()].1, ticket));
                }
                Err(wait) => {
                    assert!(
                        !under_way.is_empty() || wait.until.is_some(),
                        "somebody is asked sooner or later"
                    );
                    until = wait.until.map(|until| until.0);
                    break;
                }
            }
        }
        let first_end = under_way.iter().map(|(end, _)| *end).min();
        desk.now.0 = first_end.into_iter().chain(until).min().unwrap();
        for (_, ticket) in under_way.extract_if(.., |(end, _)| *end <= desk.now.0).collect::<Vec<_>>() {
            desk.finish(ticket, &ended(Outcome::Answered));
        }
    }
    Tally { starts, millis: desk.now.0 - begin }
}

#[test]
fn a_heavier_provider_that_is_full_does_not_lose_its_share_to_a_lighter_one_that_is_free() {
    // Sixteen places against eight of each provider.
    let both = [provider("small", 0.9, 8, 300), provider("large", 0.1, 8, 300)];
    let outcome = ask_all(&both, 16, 2_000, 60 * MINUTE, 1);
    assert!((outcome.share(0) - 0.9).abs() < 0.03, "{:?}", outcome.starts);
    // All places of the heavier one are used while the lighter one waits for its turn.
    let at_best = u64::from(outcome.starts[0]) * 300 / 8;
    assert!(at_best > outcome.millis * 95 / 100, "{} ms for {at_best}", outcome.millis);
}

#[test]
fn a_rate_limit_keeps_the_shares_unless_it_is_so_low_that_others_would_stand_still() {
    let limited = |requests_per_minute| {
        let (limits, latency) = provider("limited", 1.0, 8, 200);
        [
            (Limits { requests_per_minute: Some(requests_per_minute), ..limits }, latency),
            provider("free", 1.0, 8, 200),
        ]
    };
    let kept = ask_all(&limited(600), 16, u32::MAX, 5 * MINUTE, 2);
    assert!((kept.share(0) - 0.5).abs() < 0.03, "{:?}", kept.starts);
    let kept = ask_all(&limited(30), 16, u32::MAX, 20 * MINUTE, 3);
    assert!((kept.share(0) - 0.5).abs() < 0.05, "{:?}", kept.starts);
    let outpaced = ask_all(&limited(29), 16, u32::MAX, 20 * MINUTE, 4);
    assert!(
        (20 * 28..=20 * 29).contains(&outpaced.starts[0]),
        "it is asked as often as it may: {:?}",
        outpaced.starts
    );
    let at_best = 8 * 20 * MINUTE / 200;
    assert!(u64::from(outpaced.starts[1]) > at_best * 9 / 10, "{:?} of {at_best}", outpaced.starts);
}

#[test]
fn a_provider_whose_requests_are_stuck_is_waited_for_no_longer_than_twice_its_usual_time() {
    for (usual_ms, patience) in [(None, 10_000), (Some(300), 5_000), (Some(9_000), 18_000)] {
        let mut desk = Desk::new(vec![Limits { max_concurrency: 1, ..limits("stuck") }, limits("other")]);
        if let Some(usual) = usual_ms {
            let ticket = desk.try_start(0.0).unwrap();
            desk.pass(usual);
            desk.finish(ticket, &ended(Outcome::Answered));
        }
        let _stuck = desk.try_start(0.0).unwrap();
        let since = desk.now;
        desk.pass(1_000);
        let wait = desk.try_start(0.0).unwrap_err();
        let patience = Duration::from_millis(patience);
        assert_eq!(wait, Wait { until: Some(since + patience), reason: WaitReason::Busy }, "{usual_ms:?}");
        desk.now = since + patience;
        assert_eq!(desk.try_start(0.0).map(|ticket| ticket.index()), Ok(1), "{usual_ms:?}");
        assert_eq!(desk.try_start(0.0).map(|ticket| ticket.index()), Ok(1), "it is not waited for again");
    }
}

#[test]
fn a_draw_is_kept_until_it_is_served_and_holds_up_no_other_topic() {
    let mut desk = Desk::new(vec![Limits { max_concurrency: 1, ..limits("a") }, limits("b")]);
    let first = desk.try_start(0.0).unwrap();
    assert_eq!(desk.try_start(0.0).unwrap_err().reason, WaitReason::Busy);
    for random in [0.9, 0.5, 0.99] {
        assert!(desk.try_start(random).is_err(), "whoever asks about the topic waits for the same provider");
    }
    let other = TopicId::from_name("countries").unwrap();
    let mut start_other = |random| desk.gates.start(&other, &BTreeMap::new(), random, desk.now, &|_| true);
    assert_eq!(start_other(0.9).map(|ticket| ticket.index()), Ok(1));
    desk.finish(first, &ended(Outcome::Answered));
    assert_eq!(desk.try_start(0.9).map(|ticket| ticket.index()), Ok(0));
    assert_eq!(desk.try_start(0.9).map(|ticket| ticket.index()), Ok(1), "then it is drawn anew");
}

#[test]
fn a_provider_that_is_waited_for_and_fails_is_waited_for_no_more() {
    let mut desk = Desk::new(vec![Limits { max_concurrency: 2, ..limits("a") }, limits("b")]);
    let (first, _second) = (desk.try_start(0.0).unwrap(), desk.try_start(0.0).unwrap());
    assert!(desk.try_start(0.0).is_err());
    desk.finish(first, &ended(Outcome::Timeout));
    assert_eq!(desk.try_start(0.0).map(|ticket| ticket.index()), Ok(1));
    // After the pause it is asked again, and, full of requests that may be stuck as well, not waited for.
    desk.pass(1_000);
    assert_eq!(desk.try_start(0.0).map(|ticket| ticket.index()), Ok(0));
    assert_eq!(desk.try_start(0.0).map(|ticket| ticket.index()), Ok(1));
}

#[test]
fn a_provider_that_is_too_dear_at_the_moment_is_not_waited_for() {
    let mut desk = Desk::new(vec![Limits { max_concurrency: 1, ..limits("dear") }, limits("b")]);
    let _ticket = desk.try_start(0.0).unwrap();
    let affordable = |index| index == 1;
    let ticket = desk.gates.start(&topic(), &BTreeMap::new(), 0.0, desk.now, &affordable);
    assert_eq!(ticket.map(|ticket| ticket.index()), Ok(1));
}

proptest! {
    // Each case is a thousand requests.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn shares_are_the_weights_whatever_the_limits_and_the_speed_of_providers_that_work(
        providers in prop::collection::vec((1_u32..20, 1_u32..12, 50_u64..4_000, prop::option::of(30_u32..2_000)), 2..5),
        places in 1_usize..40,
        seed in any::<u64>(),
    ) {
        let providers: Vec<(Limits, u64)> = providers.iter().enumerate().map(|(i, (weight, max_concurrency, latency, requests_per_minute))| {
            let (limits, latency) = provider(&i.to_string(), f64::from(*weight), *max_concurrency, *latency);
            (Limits { requests_per_minute: *requests_per_minute, ..limits }, latency)
        }).collect();
        let outcome = ask_all(&providers, places, 1_000, u64::MAX / 2, seed);
        let total: f64 = providers.iter().map(|(limits, _)| limits.weight).sum();
        for (index, (limits, _)) in providers.iter().enumerate() {
            let expected = limits.weight / total;
            // Five standard deviations of a thousand draws.
            let deviation = 5.0 * (expected * (1.0 - expected) / 1_000.0).sqrt();
            prop_assert!((outcome.share(index) - expected).abs() < deviation, "{index} of {expected}: {:?}", outcome.starts);
        }
    }
}
