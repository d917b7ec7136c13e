#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use super::*;
use crate::batch::{Outcome, Rejections, ResponseMeta, Told};
use crate::cost::Cost;
use crate::ids::WorkerId;
use crate::log::{Entry, EntryHead, EntryKind, EntryTail};
use crate::time::UnixMillis;

fn ask(fold: &mut TopicFold, provider: &str, price: u64, new: u64, times: u64) {
    for _ in 0..times {
        let index = fold.log_index() + 1;
        let kind = EntryKind::Response(ResponseMeta {
            provider: provider.into(),
            model: "m".into(),
            cell: None,
            probe: false,
            prompt_hash: 0,
            outcome: Outcome::Answered,
            latency_ms: 1_000,
            input_tokens: 10,
            output_tokens: 10,
            cost: Cost::from_picodollars(price),
            worst_case: Cost::from_picodollars(price),
            repeated: 0,
            rejected: 0,
            asked: 50,
            left_out: 0,
            copied: 0,
            phrasing: crate::phrasing::Phrasing::Plain,
            categories: Told::default(),
            rejections: Rejections::default(),
            judged: None,
        });
        let producer = WorkerId::parse("p").unwrap();
        let head = EntryHead { producer, incarnation: 1, seq: index, at: UnixMillis(0), kind };
        let new: Vec<String> = (0..new).map(|n| format!("item {index} {n}")).collect();
        let first_new = if new.is_empty() { 0 } else { fold.attributes() + 1 };
        fold.apply(&Entry { index, head, tail: EntryTail { first_new, new, ..EntryTail::default() } })
            .unwrap();
    }
}

fn shares(one: f64, two: f64) -> BTreeMap<String, f64> {
    BTreeMap::from([("cheap".to_owned(), one), ("dear".to_owned(), two)])
}

fn routed(cheap: f64) -> What {
    What::Routed(Routed {
        policy: Policy::GoodUcb,
        prior: shares(0.5, 0.5),
        weights: shares(cheap, 1.0 - cheap),
        expected: BTreeMap::new(),
    })
}

#[test]
fn what_came_before_and_after_is_told_when_there_is_enough_of_it() {
    let (mut fold, mut watch) = (TopicFold::default(), Watch::default());
    ask(&mut fold, "cheap", 1_000_000, 10, 20);
    ask(&mut fold, "dear", 4_000_000, 10, 20);
    watch.decided(7, &routed(0.9), &fold);
    ask(&mut fold, "cheap", 1_000_000, 5, 31);
    assert_eq!(watch.measured(&fold, None), None, "one is lacking");
    ask(&mut fold, "dear", 4_000_000, 5, 1);
    let measured = watch.measured(&fold, None).unwrap();
    assert_eq!((measured.of, measured.kind.as_str()), (7, "routed"));
    assert_eq!((measured.before.requests, measured.before.new), (32, 320));
    assert_eq!(measured.before.cost, Cost::from_picodollars(12 * 1_000_000 + 20 * 4_000_000));
    assert_eq!((measured.after.requests, measured.after.new), (32, 160));
    assert_eq!(measured.after.cost, Cost::from_picodollars(31 * 1_000_000 + 4_000_000));
    let gain = measured.gain.unwrap();
    assert!(gain > 1.5, "less comes of each by now, and more for its price: {gain}");
    assert_eq!(watch.measured(&fold, None), None, "it is told once");
    assert_eq!(
        measured.to_string().split(';').next().unwrap(),
        "what came of #7: 320 new items of 32 requests for $0.000092 before, 160 new items of 32 requests for $0.000035 after"
    );
}

#[test]
fn a_change_for_the_worse_is_told_as_that() {
    let (mut fold, mut watch) = (TopicFold::default(), Watch::default());
    ask(&mut fold, "cheap", 1_000_000, 10, 20);
    ask(&mut fold, "dear", 4_000_000, 10, 20);
    watch.decided(1, &routed(0.9), &fold);
    watch.decided(2, &routed(0.2), &fold);
    ask(&mut fold, "dear", 4_000_000, 10, 40);
    let measured = watch.measured(&fold, None).unwrap();
    assert_eq!(measured.of, 2);
    assert!(measured.gain.unwrap() < 0.5);
    assert!(measured.to_string().contains("% less for its price"), "{measured}");
}

#[test]
fn the_next_change_of_its_kind_cuts_it_short_and_a_new_leader_ends_it() {
    let (mut fold, mut watch) = (TopicFold::default(), Watch::default());
    ask(&mut fold, "cheap", 1_000_000, 10, 10);
    watch.decided(1, &routed(0.9), &fold);
    ask(&mut fold, "cheap", 1_000_000, 10, 8);
    assert_eq!(watch.measured(&fold, Some("worded")), None);
    let measured = watch.measured(&fold, Some("routed")).unwrap();
    assert_eq!((measured.of, measured.after.requests), (1, 8));
    assert_eq!(measured.gain, None, "nothing is known of the dear one");
    watch.decided(2, &routed(0.8), &fold);
    watch.decided(3, &What::TakenUp { epoch: 2, rules: crate::decision::RULES }, &fold);
    ask(&mut fold, "cheap", 1_000_000, 10, 40);
    assert_eq!(watch.measured(&fold, None), None);
}
