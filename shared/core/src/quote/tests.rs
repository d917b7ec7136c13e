//! Quotes, of forecasts that are made up and of logs.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;

use super::*;

const SPENT: Spent =
    Spent { of: 50.0, for_each_answer: 1.0, providers: 1, usd: 0.01, usd_spread: 0.002, seconds: Some(2.0) };

/// Each answer brings nine tenths of what the one before has brought: 20, 38, 54.2, … 200 in all.
fn forecast(found: u64) -> Forecast {
    let new = |answers: f64| 200.0 * (1.0 - 0.9_f64.powf(answers));
    let curve = steps(60.0)
        .map(|answers| point(answers, [0.9, 1.0, 1.1].map(|by| by * new(answers)), answers * 0.01))
        .collect();
    Forecast { found, curve, left: Some(200.0), blind: None, spent: Some(SPENT) }
}

#[test]
fn the_curve_is_read_backwards() {
    let forecast = forecast(500);
    for (items, answers) in [(20, 1.0), (38, 2.0), (100, 6.6), (120, 8.7)] {
        let Quote { requests, usd, seconds, .. } = forecast.quote(items).unwrap();
        assert!((requests.about - answers).abs() <= 1.0, "{items} items by {requests:?}");
        assert!(
            (usd.about / requests.about - 0.01).abs() < 1e-9 && usd.low <= usd.about && usd.about <= usd.high
        );
        assert!((seconds.unwrap().about / requests.about - 2.0).abs() < 1e-9);
    }
}

#[test]
fn requests_that_fail_are_paid_for_too() {
    let forecast = Forecast { spent: Some(Spent { for_each_answer: 2.0, ..SPENT }), ..forecast(500) };
    assert!((forecast.quote(38).unwrap().requests.about - 4.0).abs() <= 1.0);
}

#[test]
fn where_the_estimate_does_not_hold_there_is_no_quote() {
    assert_eq!(forecast(500).quote(121), Err(NoQuote::MoreThanIsLeft { left: 200.0, most: 120 }));
    assert!(forecast(500).quote(120).is_ok());
    let blind = |blind| Forecast { blind: Some(blind), ..forecast(500) }.quote(20);
    assert_eq!(blind(Blind::Shared), Err(NoQuote::Shared));
    assert_eq!(blind(Blind::Categories), Err(NoQuote::Categories));
    assert_eq!(forecast(60).quote(61), Err(NoQuote::TooFar(60)));
    assert!(forecast(60).quote(60).is_ok());
    let unbounded = Forecast { left: None, ..forecast(500) };
    assert_eq!(unbounded.quote(400), Err(NoQuote::TooFar(199)));
    let early = Forecast { curve: Vec::new(), left: None, ..forecast(500) };
    assert_eq!(early.quote(1), Err(NoQuote::TooEarly));
    let listed = Forecast { curve: Vec::new(), left: Some(0.0), ..forecast(500) };
    assert_eq!(listed.quote(1), Err(NoQuote::Dry));
    for (left, said) in [(0.7, "one more item is"), (1.6, "2 more items are")] {
        let nearly = Forecast { left: Some(left), ..forecast(500) }.quote(1).unwrap_err();
        assert_eq!(nearly, NoQuote::Few { left });
        assert!(nearly.to_string().starts_with(&format!("about {said} thought to be left: ")), "{nearly}");
    }
    assert_eq!(Forecast { left: Some(0.4), ..forecast(500) }.quote(1), Err(NoQuote::Dry));
    let unpaid = Forecast { spent: None, ..forecast(500) };
    assert_eq!(unpaid.quote(1), Err(NoQuote::TooEarly));
    let dry = Forecast { left: None, curve: vec![[9.0, 0.0, 0.3, 0.9, 0.1]], ..forecast(500) };
    assert_eq!(dry.quote(1), Err(NoQuote::Dry));
    assert_eq!(look(&TopicFold::default(), 50, UnixMillis(0)).1.quote(1), Err(NoQuote::TooEarly));
}

#[test]
fn a_quote_reads_like_one() {
    let range = |about: f64| Range { about, low: about * 0.75, high: about * 1.3 };
    let requests = Range { about: 12.0, low: 9.0, high: 16.0 };
    let quote = Quote { items: 100, requests, usd: range(0.4), seconds: Some(range(180.0)) };
    assert_eq!(
        quote.to_string(),
        "the next 100 items: about $0.40 (0.30 to 0.52), 12 requests (9 to 16), 3 min"
    );
    let free = Quote { usd: range(0.0), seconds: None, ..quote };
    assert_eq!(free.to_string(), "the next 100 items: $0, 12 requests (9 to 16)");
    let one = Quote { items: 1, requests: Range { about: 1.0, low: 1.0, high: 1.0 }, ..free };
    assert_eq!(one.to_string(), "the next item: $0, 1 request (1 to 1)");
    let cheap = Quote { usd: range(0.004), seconds: Some(range(7_200.0)), ..quote };
    assert_eq!(
        cheap.to_string(),
        "the next 100 items: about $0.0040 (0.0030 to 0.0052), 12 requests (9 to 16), 2.0 h"
    );
}

proptest! {
    /// More items never cost less, whatever was foreseen, and what is told is in order.
    #[test]
    fn more_items_do_not_cost_less(
        grows in prop::collection::vec((1.0_f64..40.0, 0.0_f64..60.0), 1..24),
        found in 0_u64..3_000,
        left in prop::option::of(0.0_f64..3_000.0),
        items in 1_u64..2_000,
        more in 1_u64..500,
    ) {
        let (mut answers, mut new) = (0.0, 0.0);
        let curve = grows.into_iter().map(|(further, brings)| {
            (answers, new) = (answers + further, new + brings);
            point(answers, [new * 0.8, new, new * 1.3], answers * 0.01)
        });
        let forecast = Forecast { found, curve: curve.collect(), left, blind: None, spent: Some(SPENT) };
        if let Ok(dearer) = forecast.quote(items + more) {
            let quote = forecast.quote(items);
            prop_assert!(quote.is_ok(), "{quote:?} of fewer items");
            let quote = quote.unwrap();
            for (less, more) in [(quote.requests, dearer.requests), (quote.usd, dearer.usd)] {
                prop_assert!(less.about <= more.about, "{less:?} {more:?}");
                prop_assert!(less.low <= less.about && less.about <= less.high && less.high.is_finite());
            }
        }
        prop_assert!(forecast.quote(forecast.most() + 1).is_err());
    }
}
