//! Quotes, of forecasts that are made up and of logs.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;

use super::*;

const SPENT: Spent =
    Spent { of: 50.0, for_each_answer: 1.0, providers: 1, usd: 0.01, usd_spread: 0.002, seconds: Some(2.0) };

/// Each answer brings nine tenths of what the one before has brought: 20, 38, 54.2, … 200 in all.
const NEWEST: Newest = Newest { requests: 16, new: 41, cost: Cost::from_picodollars(12_345_000_000) };

fn forecast(found: u64) -> Forecast {
    let new = |answers: f64| 200.0 * (1.0 - 0.9_f64.powf(answers));
    let curve = steps(60.0)
        .map(|answers| point(answers, [0.9, 1.0, 1.1].map(|by| by * new(answers)), answers * 0.01))
        .collect();
    Forecast {
        found,
        curve,
        left: Some(200.0),
        blind: None,
        spent: Some(SPENT),
        is_cut: false,
        newest: NEWEST,
    }
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
fn requests_that_may_be_needed_count_by_how_likely_they_are() {
    let steps =
        [(1.0, 10.0), (1.0, 8.0), (0.4, 2.0), (0.1, 0.5)].map(|(requests, new)| Step { requests, new });
    let curve = walked(&steps, 0.01, ENDS);
    let ends = |[answers, _, new, _, usd]: [f64; 5]| [answers, new, usd];
    let (first, last) = (curve.first().copied().map(ends), curve.last().copied().map(ends));
    assert_eq!((first, last), (Some([1.0, 10.0, 0.01]), Some([2.5, 20.5, 0.025])));
    assert!(curve.is_sorted_by(|one, next| one[0] < next[0] && one[2] < next[2]), "{curve:?}");
}

#[test]
fn the_curve_is_read_forwards_for_what_requests_bring() {
    let forecast = forecast(500);
    assert_eq!(forecast.tellable(), Some((1, 8)), "120 items are brought by 8.7 answers");
    for (requests, items) in [(1, 20.0), (2, 38.0), (6, 93.7)] {
        let Outlook { new, usd, seconds, .. } = forecast.outlook(requests).unwrap();
        assert!((new.about - items).abs() < 3.0, "{requests} requests bring {new:?}");
        assert!(new.low < 0.8 * items && items * 1.2 < new.high && new.high < items * 2.0, "{new:?}");
        let wanted = count(requests);
        assert!((usd.about / wanted - 0.01).abs() < 1e-9 && usd.low < usd.about && usd.about < usd.high);
        assert!((seconds.unwrap().about / wanted - 2.0).abs() < 1e-9);
    }
    let often = Spent { for_each_answer: 2.0, ..SPENT };
    let failing = Forecast { spent: Some(often), ..forecast.clone() };
    assert_eq!(failing.tellable(), Some((1, 17)), "every second one is not answered");
    let (told, half) = (failing.outlook(4).unwrap().new, forecast.outlook(2).unwrap().new);
    assert!((told.about - half.about).abs() < 1e-9 && told.low < half.low && half.high < told.high);
}

#[test]
fn what_requests_bring_is_refused_where_there_is_no_quote() {
    let outlook = |changed: Forecast| changed.outlook(9).unwrap_err();
    assert_eq!(outlook(forecast(500)), NoQuote::TooManyRequests(8));
    for (blind, why) in
        [(Blind::Shared, NoQuote::Shared(NEWEST)), (Blind::Categories, NoQuote::Categories(NEWEST))]
    {
        let blind = Forecast { blind: Some(blind), ..forecast(500) };
        assert_eq!((blind.tellable(), blind.outlook(1)), (None, Err(why)));
    }
    assert_eq!(outlook(Forecast { curve: Vec::new(), left: None, ..forecast(500) }), NoQuote::TooEarly);
    assert_eq!(outlook(Forecast { spent: None, ..forecast(500) }), NoQuote::TooEarly);
    assert_eq!(outlook(Forecast { left: Some(0.4), ..forecast(500) }), NoQuote::Dry);
    assert_eq!(outlook(Forecast { left: Some(1.6), ..forecast(500) }), NoQuote::Few { left: 1.6 });
    let cut = Forecast { is_cut: true, ..forecast(500) };
    assert_eq!((cut.tellable(), cut.outlook(5).is_ok()), (Some((5, 8)), true));
    let few = cut.outlook(4).unwrap_err();
    assert_eq!(few, NoQuote::TooFewRequests { least: 5, most: 8 });
    assert!(
        few.to_string().ends_with("from one to the next: from 5 to 8 of the next requests can be told of")
    );
    let near = Forecast { left: Some(100.0), ..cut };
    assert_eq!(
        (near.tellable(), near.outlook(5)),
        (None, Err(NoQuote::TooFewRequests { least: 5, most: 3 }))
    );
    // One answer brings more than there is, or than six tenths of what is left.
    assert_eq!(outlook(forecast(10)), NoQuote::TooEarly);
    assert_eq!(outlook(Forecast { left: Some(9.0), ..forecast(500) }), NoQuote::Few { left: 9.0 });
}

#[test]
fn where_nothing_can_be_told_of_the_next_items_it_is_told_what_the_last_requests_brought() {
    let refused = NoQuote::Shared(NEWEST).to_string();
    assert!(
        refused.ends_with("well enough; the last 16 requests brought 41 new items for $0.012345"),
        "{refused}"
    );
    let one = Newest { requests: 1, new: 1, cost: Cost::ZERO };
    assert!(
        NoQuote::Categories(one).to_string().ends_with("; the last request brought 1 new item for $0.00")
    );
    assert!(NoQuote::Shared(Newest::default()).to_string().ends_with("well enough"));
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
    assert_eq!(blind(Blind::Shared), Err(NoQuote::Shared(NEWEST)));
    assert_eq!(blind(Blind::Categories), Err(NoQuote::Categories(NEWEST)));
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
    assert_eq!(
        look(&TopicFold::default(), 50, ProbeShare::USUAL, UnixMillis(0)).1.quote(1),
        Err(NoQuote::TooEarly)
    );
}

#[test]
fn a_quote_reads_like_one() {
    let range = |about: f64| Range { about, low: about * 0.75, high: about * 1.3 };
    let requests = Range { about: 12.0, low: 9.0, high: 16.0 };
    let quote = Quote { items: 100, requests, usd: range(0.4), seconds: Some(range(180.0)), is_rough: false };
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
    let rough = Quote { is_rough: true, ..quote };
    assert_eq!(rough.to_string(), "the next 100 items: $0.30 to 0.52, 9 to 16 requests, 2 min to 4 min");
    let one = Range { about: 1.0, low: 1.0, high: 1.0 };
    let seconds = Some(Range { about: 2.0, low: 1.6, high: 2.4 });
    let few = Quote { usd: range(0.0), requests: one, seconds, ..rough };
    assert_eq!(few.to_string(), "the next 100 items: $0, 1 request, 2 s");
    let two = Range { about: 2.0, low: 2.0, high: 2.0 };
    assert_eq!(
        Quote { requests: two, seconds: None, ..few }.to_string(),
        "the next 100 items: $0, 2 requests"
    );
}

#[test]
fn what_is_likeliest_is_told_only_where_it_is_well_known() {
    // Not cut: by how far the ends are apart.
    let within = |share: f64| {
        let all = forecast(500);
        let by = |[answers, _, new, _, usd]: &[f64; 5]| {
            [*answers, new * (1.0 - share), *new, new * (1.0 + share), *usd]
        };
        Forecast { curve: all.curve.iter().map(by).collect(), ..all }
    };
    assert!(!within(0.05).quote(100).unwrap().is_rough, "{:?}", within(0.05).quote(100));
    assert!(within(0.4).quote(100).unwrap().is_rough, "{:?}", within(0.4).quote(100));
    // Cut: by how much of it is known. Two hundred are left.
    for (found, is_rough) in [(120, false), (133, false), (134, true), (500, true)] {
        let cut = Forecast { is_cut: true, ..forecast(found) };
        assert_eq!(cut.quote(20).unwrap().is_rough, is_rough, "{found}");
    }
}

#[test]
fn what_requests_bring_reads_like_it() {
    let range = |about: f64| Range { about, low: about * 0.75, high: about * 1.3 };
    let new = Range { about: 35.2, low: 20.4, high: 54.3 };
    let outlook = Outlook { requests: 20, new, usd: range(0.01), seconds: Some(range(180.0)) };
    assert_eq!(
        outlook.to_string(),
        "the next 20 requests: about 35 new items (20 to 55), about $0.010 (0.007 to 0.013), 3 min"
    );
    let one = Outlook {
        requests: 1,
        new: Range { about: 1.1, low: 0.0, high: 3.0 },
        usd: range(0.0),
        seconds: None,
    };
    assert_eq!(one.to_string(), "the next request: about 1 new item (0 to 3), $0");
}

proptest! {
    /// More requests never bring less, and what is told is in order.
    #[test]
    fn more_requests_do_not_bring_less(
        grows in prop::collection::vec((1.0_f64..40.0, 0.0_f64..60.0), 1..24),
        found in 0_u64..3_000,
        left in prop::option::of(0.0_f64..3_000.0),
        for_each_answer in 1.0_f64..3.0,
        requests in 1_u64..300,
    ) {
        let (mut answers, mut new) = (0.0, 0.0);
        let curve = grows.into_iter().map(|(further, brings)| {
            (answers, new) = (answers + further, new + brings);
            point(answers, [new * 0.8, new, new * 1.3], answers * 0.01)
        });
        let spent = Some(Spent { for_each_answer, ..SPENT });
        let forecast = Forecast { found, curve: curve.collect(), left, blind: None, spent, is_cut: false, newest: NEWEST };
        let most = forecast.tellable().map_or(0, |(_, most)| most);
        prop_assert!(forecast.outlook(most + 1).is_err());
        if requests <= most {
            let (less, more) = (forecast.outlook(requests).unwrap(), forecast.outlook(most).unwrap());
            prop_assert!(less.new.about <= more.new.about + 1e-9 && less.usd.about <= more.usd.about + 1e-9);
            for one in [less.new, less.usd, more.new, more.usd] {
                prop_assert!(0.0 <= one.low && one.low <= one.about && one.about <= one.high && one.high.is_finite());
            }
            let bound = forecast.quote(floor(more.new.about));
            prop_assert!(more.new.about < 1.0 || bound.is_ok(), "no more is told of than a quote is given for: {bound:?}");
        }
    }

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
        let forecast = Forecast { found, curve: curve.collect(), left, blind: None, spent: Some(SPENT), is_cut: false, newest: NEWEST };
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
