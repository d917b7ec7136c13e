//! What the operator thinks of providers.

use super::listing::{about, numbered, of_each_letter, whole};
use super::voices::{by, two};
use super::*;
use crate::frontier::prior::turn_of;

/// Two that know as much, at such costs.
fn alike(costs: [u64; 2]) -> Log {
    let mut log = Log::default();
    for _ in 0..2 {
        for (provider, cost) in two().iter().zip(costs) {
            log.says(
                ResponseMeta { cost: Cost::from_picodollars(cost), ..by(provider, whole()) },
                &of_each_letter(2),
            );
        }
    }
    log
}

fn weighted(one: f64, other: f64) -> BTreeMap<String, f64> {
    two().into_iter().zip([one, other]).collect()
}

/// Who is asked next.
fn asked(log: &Log, wish: &Wish<'_>) -> (Aim, String) {
    let next = log.frontier().next(wish);
    let Outlook::Ask { aim, provider: Some(provider), .. } = next else { panic!("{next:?}") };
    (aim, provider)
}

#[test]
fn weights_stand_for_a_few_answers_of_each_and_then_what_is_got_for_the_price_counts() {
    let providers = two();
    let asked = |log: &Log, weights: &BTreeMap<String, f64>| {
        let (aim, provider) = asked(log, &Wish { providers: &providers, weights, ..PLAIN });
        assert!(matches!(aim, Aim::Part(_)), "{aim:?}");
        provider
    };
    let few = alike([100, 120]);
    assert_eq!(asked(&few, &BTreeMap::new()), "one", "it is cheaper");
    assert_eq!(asked(&few, &weighted(3.0, 3.0)), "one");
    assert_eq!(asked(&few, &weighted(0.2, 0.8)), "two");
    assert_eq!(asked(&alike([100, 1_000]), &weighted(0.2, 0.8)), "one", "so much dearer it is not worth it");
    let mut many = few;
    for number in 0..60 {
        let cost = Cost::from_picodollars(if number % 2 == 0 { 100 } else { 120 });
        let answer = by(if number % 2 == 0 { "one" } else { "two" }, whole());
        many.says(ResponseMeta { cost, ..answer }, &of_each_letter(2));
    }
    assert_eq!(asked(&many, &weighted(0.2, 0.8)), "one", "by now answers tell");
    let fixed = Wish { routing: Policy::Fixed, providers: &providers, weights: &weighted(0.2, 0.8), ..PLAIN };
    let mut of_two = 0;
    for turn in 0..100_u32 {
        let under_way = vec![(Aim::Judge, 0.0); turn as usize];
        let next = many.frontier().next(&Wish { under_way: &under_way, ..fixed });
        let Outlook::Ask { provider, .. } = next else { panic!("{next:?}") };
        of_two += u32::from(provider.as_deref() == Some("two"));
    }
    assert!((75..=85).contains(&of_two), "fixed shares are kept: {of_two}");
}

#[test]
fn each_is_asked_about_the_whole_at_first_and_then_the_more_of_whom_the_operator_thinks_more() {
    let (providers, weights) = (two(), weighted(0.1, 0.9));
    let wish = Wish { providers: &providers, weights: &weights, ..PLAIN };
    let whole_under_way = |requests: usize| vec![(Aim::Whole, 0.0); requests];
    let empty = Log::default();
    let first = [0, 1].map(|number| asked(&empty, &Wish { under_way: &whole_under_way(number), ..wish }).1);
    assert_eq!(first, ["one", "two"]);
    // All of it is listed, and that is to be made sure of.
    let mut small = Log::default();
    for provider in ["one", "two"] {
        small.says(by(provider, whole()), &numbered("ba", 0..9));
    }
    let sure = (0..3).map(|number| asked(&small, &Wish { under_way: &whole_under_way(number), ..wish }));
    let sure: Vec<(Aim, String)> = sure.collect();
    assert!(sure.iter().all(|(aim, _)| *aim == Aim::Whole), "{sure:?}");
    assert!(sure.iter().filter(|(_, provider)| provider == "two").count() >= 2, "{sure:?}");
}

#[test]
fn where_letters_tell_nothing_whoever_sends_a_request_draws_by_shares_that_are_learned() {
    let providers = two();
    let mut log = alike([100, 100]);
    for part in ["a-c", "d-f", "g-i"] {
        log.says(by("one", about(part)), &numbered("za", 0..30));
    }
    for _ in 0..3 {
        log.meta(super::categories::told(None, &[]), &[]);
    }
    let next = log.frontier().next(&Wish { providers: &providers, ..PLAIN });
    assert!(
        matches!(next, Outlook::Ask { aim: Aim::Whole, provider: None, why: Why::Uncut, .. }),
        "{next:?}"
    );
}

#[test]
fn turns_are_spread_evenly_by_the_shares() {
    let shares = [("none", 0.0), ("few", 1.0), ("most", 8.0), ("some", 3.0)];
    let of = |turns: std::ops::Range<u64>, wanted: &str| {
        turns.filter(|turn| turn_of(*turn, shares.into_iter()) == Some(wanted)).count()
    };
    assert_eq!(of(0..2_000, "none"), 0);
    for begin in [0, 7, 1_000_000] {
        let counts = ["few", "most", "some"].map(|name| of(begin..begin + 120, name));
        for (count, wanted) in counts.into_iter().zip([10_usize, 80, 30]) {
            assert!(count.abs_diff(wanted) <= 2, "{counts:?} from {begin} on");
        }
    }
    assert_eq!(turn_of(3, [("one", 0.0)].into_iter()), None);
    assert_eq!(turn_of(3, std::iter::empty::<(&str, f64)>()), None);
}
