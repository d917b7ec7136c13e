//! How much a provider is asked that fails.

use super::shares::random;
use super::*;

/// Three providers of equal weight are asked eight times a second for six minutes. The first fails a share of its requests from the first minute to the third.
/// The answer is when it was asked, in milliseconds.
fn asked(failures: f64, seed: u64) -> Vec<u64> {
    let free = |name: &str| Limits { max_concurrency: 50, ..limits(name) };
    let mut desk = Desk::new(vec![free("a"), free("b"), free("c")]);
    let mut under_way: Vec<(u64, bool, Ticket)> = Vec::new();
    let mut asked = Vec::new();
    for number in 0..8 * 360 {
        desk.pass(125);
        let now = desk.now.0;
        for (_, fails, ticket) in under_way.extract_if(.., |(end, ..)| *end <= now).collect::<Vec<_>>() {
            desk.finish(ticket, &ended(if fails { Outcome::ServerError } else { Outcome::Answered }));
        }
        let Ok(ticket) = desk.try_start(random(seed, number)) else { continue };
        let is_first = ticket.index() == 0;
        let in_trouble = is_first && (60_000..180_000).contains(&now);
        let fails = in_trouble && random(seed + 1_000, number) < failures;
        if is_first {
            asked.push(now);
        }
        under_way.push((now + if fails { 300 } else { 1_000 }, fails, ticket));
    }
    asked
}

/// Its share of all requests between two seconds.
fn share(asked: &[u64], from: u64, to: u64) -> f64 {
    let count = asked.iter().filter(|at| (from * 1_000..to * 1_000).contains(at)).count();
    f64::from(u32::try_from(count).unwrap()) / f64::from(8 * u32::try_from(to - from).unwrap())
}

#[test]
fn a_provider_that_fails_more_often_than_not_has_little_of_its_share_and_all_of_it_when_it_is_well() {
    for seed in 0..20 {
        let asked = asked(0.6, seed);
        assert!(share(&asked, 0, 60) > 0.25, "seed {seed}: {}", share(&asked, 0, 60));
        for from in [90, 120, 150] {
            let share = share(&asked, from, from + 30);
            assert!(share < 0.1, "seed {seed}: {share} from {from} s on");
        }
        // Its longest pause is half a minute.
        let back = share(&asked, 225, 240);
        assert!(back > 0.16, "seed {seed}: {back}");
        assert!(share(&asked, 260, 360) > 0.25, "seed {seed}: {}", share(&asked, 260, 360));
    }
}

#[test]
fn a_provider_that_fails_now_and_then_keeps_its_share() {
    for seed in 0..20 {
        let share = share(&asked(0.03, seed), 60, 180);
        assert!(share > 0.25, "seed {seed}: {share}");
    }
}

#[test]
fn a_provider_that_is_gone_is_only_tried() {
    for seed in 0..20 {
        let tried = asked(1.0, seed).iter().filter(|at| (62_000..180_000).contains(*at)).count();
        assert!((2..=14).contains(&tried), "seed {seed}: {tried}");
    }
}

#[test]
fn one_that_is_alone_is_asked_however_it_does() {
    let mut desk = Desk::new(vec![limits("a")]);
    for _ in 0..30 {
        let ticket = desk.start_when_ready();
        desk.finish(ticket, &ended(Outcome::ServerError));
    }
    assert_eq!(desk.state(), ProviderState::Waiting);
    desk.start_when_ready();
}

/// Whoever names the provider that a request shall go to names none that cannot be asked, and a probe is a request.
#[test]
fn one_that_has_paused_long_enough_says_that_it_can_be_asked_until_it_is_probed() {
    let mut desk = Desk::new(vec![limits("a")]);
    for _ in 0..5 {
        let ticket = desk.start_when_ready();
        desk.finish(ticket, &ended(Outcome::ServerError));
        assert_eq!(desk.state(), ProviderState::Waiting);
    }
    desk.pass(60_000);
    assert_eq!(desk.state(), ProviderState::Ready);
    let probe = desk.start().unwrap();
    assert_eq!(desk.state(), ProviderState::Waiting);
    desk.finish(probe, &ended(Outcome::Answered));
    assert_eq!(desk.state(), ProviderState::Ready);
}
