#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use super::what_if::{Answers, Unanswered};
use super::*;
use crate::batch::{Outcome, Rejections, ResponseMeta, Told};
use crate::cost::Cost;
use crate::ids::WorkerId;
use crate::log::{Entry, EntryHead, EntryKind, EntryTail};
use crate::time::UnixMillis;

/// A log in the making: items are numbers, each answer names some of them.
#[derive(Default)]
struct Log {
    fold: TopicFold,
    entries: Vec<Entry>,
    known: BTreeMap<u64, u64>,
}

impl Log {
    fn asked(&mut self, provider: &str, microdollars: u64, latency_ms: u64, outcome: Outcome, items: &[u64]) {
        let (mut new, mut again) = (Vec::new(), Vec::new());
        let before = self.fold.attributes();
        for item in items {
            let next = u64::try_from(self.known.len()).unwrap() + 1;
            let number = *self.known.entry(*item).or_insert(next);
            if number > before { new.push(format!("item {item}")) } else { again.push(number) }
        }
        let first_new = if new.is_empty() { 0 } else { before + 1 };
        let index = self.fold.log_index() + 1;
        let kind = EntryKind::Response(ResponseMeta {
            provider: provider.into(),
            model: "m".into(),
            cell: None,
            probe: false,
            prompt_hash: 0,
            outcome,
            latency_ms,
            input_tokens: 10,
            output_tokens: 10,
            cost: Cost::from_picodollars(microdollars * 1_000_000),
            worst_case: Cost::from_picodollars(microdollars * 1_000_000),
            repeated: 0,
            rejected: 0,
            asked: 50,
            left_out: 0,
            copied: 0,
            phrasing: crate::phrasing::Phrasing::Plain,
            categories: Told::default(),
            judged: None,
            rejections: Rejections::default(),
        });
        let producer = WorkerId::parse("p").unwrap();
        let head = EntryHead { producer, incarnation: 1, seq: index, at: UnixMillis(0), kind };
        let tail = EntryTail { first_new, new, again, ..EntryTail::default() };
        self.entries.push(Entry { index, head, tail });
        self.fold.apply(self.entries.last().unwrap()).unwrap();
    }

    fn answered(&mut self, provider: &str, microdollars: u64, items: impl Iterator<Item = u64>) {
        self.asked(provider, microdollars, 1_000, Outcome::Answered, &items.collect::<Vec<_>>());
    }

    fn shares(&self, policy: Policy, prior: &[(&str, f64)]) -> BTreeMap<String, f64> {
        let prior = prior.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
        Routed::by(policy, &self.fold, &prior).weights
    }
}

const BOTH: [(&str, f64); 2] = [("a", 1.0), ("b", 1.0)];

#[test]
fn before_anything_is_known_the_operators_weights_hold_and_fixed_they_hold_for_good() {
    let mut log = Log::default();
    let prior = [("a", 3.0), ("b", 1.0), ("c", 0.0)];
    let expected = BTreeMap::from([("a".to_owned(), 0.75), ("b".to_owned(), 0.25)]);
    assert_eq!(log.shares(Policy::GoodUcb, &prior), expected);
    (0..30).for_each(|_| log.answered("a", 10, 0..20));
    assert_eq!(log.shares(Policy::GoodUcb, &prior), expected, "of b nothing is known");
    (0..30).for_each(|turn| log.answered("b", 10, 100 + turn * 20..120 + turn * 20));
    assert_eq!(log.shares(Policy::Fixed, &prior), expected);
}

#[test]
fn who_repeats_itself_is_asked_less_than_who_names_what_nobody_has_named() {
    for policy in [Policy::GoodUcb, Policy::Ewma] {
        let mut log = Log::default();
        for turn in 0..20 {
            log.answered("a", 10, 0..20);
            log.answered("b", 10, 100 + turn * 20..120 + turn * 20);
        }
        let shares = log.shares(policy, &BOTH);
        assert!(shares["b"] > 0.75 && shares["a"] >= 0.04, "{policy:?} {shares:?}");
    }
}

#[test]
fn of_two_that_know_the_same_the_cheap_one_is_asked_and_where_none_costs_the_quick_one() {
    for policy in [Policy::GoodUcb, Policy::Ewma] {
        let (mut priced, mut free) = (Log::default(), Log::default());
        for turn in 0..20 {
            let (own, other) = (turn * 40..turn * 40 + 20, turn * 40 + 20..turn * 40 + 40);
            priced.answered("a", 100, own.clone());
            priced.answered("b", 10, other.clone());
            free.asked("a", 0, 4_000, Outcome::Answered, &own.collect::<Vec<_>>());
            free.asked("b", 0, 400, Outcome::Answered, &other.collect::<Vec<_>>());
        }
        for (log, what) in [(priced, "money"), (free, "time")] {
            let shares = log.shares(policy, &BOTH);
            assert!(shares["b"] > 0.8, "{policy:?} {what} {shares:?}");
        }
    }
}

#[test]
fn who_fails_keeps_its_share_so_that_it_has_it_at_once_when_it_is_well_again() {
    let mut log = Log::default();
    let mut next = 0;
    let mut turn = |log: &mut Log, fails: bool| {
        for name in ["a", "b"] {
            let outcome = if fails && name == "a" { Outcome::ServerError } else { Outcome::Answered };
            let items: Vec<u64> = if outcome.is_answer() { (next..next + 20).collect() } else { Vec::new() };
            next += 20;
            // A service that breaks down is charged as if it had answered at length.
            log.asked(name, if outcome.is_answer() { 10 } else { 50 }, 1_000, outcome, &items);
        }
    };
    (0..20).for_each(|_| turn(&mut log, false));
    let sound = log.shares(Policy::GoodUcb, &BOTH)["a"];
    assert!((0.4..0.6).contains(&sound), "{sound}");
    (0..30).for_each(|number| turn(&mut log, number % 5 < 3));
    let failing = log.shares(Policy::GoodUcb, &BOTH)["a"];
    assert!((0.3..0.6).contains(&failing), "{failing}");
    (0..30).for_each(|_| turn(&mut log, true));
    let gone = log.shares(Policy::GoodUcb, &BOTH)["a"];
    assert!((0.3..0.6).contains(&gone), "{gone}");
    (0..5).for_each(|_| turn(&mut log, false));
    let healed = log.shares(Policy::GoodUcb, &BOTH)["a"];
    assert!((0.3..0.6).contains(&healed), "{healed}");
}

#[test]
fn what_one_provider_alone_has_named_is_counted_until_somebody_else_names_it() {
    let mut log = Log::default();
    log.answered("a", 10, 0..10);
    log.answered("b", 10, 5..20);
    let once = |log: &Log, name: &str| log.fold.worths()[name].once();
    assert_eq!((once(&log, "a"), once(&log, "b")), (5, 10));
    log.answered("a", 10, 0..12);
    assert_eq!((once(&log, "a"), once(&log, "b")), (0, 8));
    assert_eq!(log.fold.worths()["a"].mentions(), 22);
}

#[test]
fn a_change_is_worth_telling_where_a_share_moves_by_as_much_as_is_said_or_the_operator_says_otherwise() {
    let routed = |a: f64, prior: f64, policy| Routed {
        policy,
        prior: BTreeMap::from([("a".to_owned(), prior)]),
        weights: BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), 1.0 - a)]),
        expected: BTreeMap::new(),
    };
    let before = routed(0.5, 1.0, Policy::GoodUcb);
    assert!(!routed(0.54, 1.0, Policy::GoodUcb).differs(&before, 0.05));
    assert!(routed(0.56, 1.0, Policy::GoodUcb).differs(&before, 0.05));
    assert!(routed(0.5, 2.0, Policy::GoodUcb).differs(&before, 0.05));
    assert!(routed(0.5, 1.0, Policy::Ewma).differs(&before, 0.05));
}

#[test]
fn another_policy_is_tried_with_the_answers_that_the_run_has() {
    let mut log = Log::default();
    // One that repeats itself, at the price of one that does not.
    for turn in 0..40 {
        log.answered("a", 10, 0..20);
        log.answered("b", 10, 100 + turn * 20..120 + turn * 20);
    }
    let mut answers = Answers::default();
    log.entries.iter().for_each(|entry| answers.entry(entry));
    let equal = answers.under(Policy::Fixed, &BTreeMap::new()).unwrap();
    assert_eq!((equal.reached, &equal.out_of), (equal.was_then, &None), "as it was");
    assert_eq!((equal.reached.requests, equal.reached.items), (80, 820));
    assert_eq!(equal.reached.cost, Cost::from_picodollars(80 * 10_000_000));

    let better = answers.under(Policy::GoodUcb, &BTreeMap::new()).unwrap();
    assert_eq!(better.out_of.as_deref(), Some("b"), "{better:?}");
    assert_eq!((better.reached.items, better.asked["b"]), (820, 40));
    assert!(better.reached.requests < 60 && better.was_then.items < 700, "{better:?}");
    assert_eq!(better.was_there.unwrap().requests, 80);

    let weights = BTreeMap::from([("a".to_owned(), 1.0)]);
    assert_eq!(answers.under(Policy::Ewma, &weights), Err(Unanswered::One("a, b".to_owned())));
    let weights = BTreeMap::from([("a".to_owned(), 1.0), ("bb".to_owned(), 1.0)]);
    let unknown = Unanswered::Unknown("bb".to_owned(), "a, b".to_owned());
    assert_eq!(answers.under(Policy::Ewma, &weights), Err(unknown));
    let mut aimed = log.entries[0].clone();
    let EntryKind::Response(meta) = &mut aimed.head.kind else { unreachable!("it is one") };
    meta.cell = Some("a-f".into());
    answers.entry(&aimed);
    assert_eq!(answers.under(Policy::Ewma, &BTreeMap::new()), Err(Unanswered::Aimed));
}

#[test]
fn what_completes_a_response_belongs_to_its_answer_and_seeds_to_none() {
    let mut log = Log::default();
    log.answered("a", 10, 0..3);
    log.answered("b", 10, 0..2);
    let mut answers = Answers::default();
    let mut incomplete = log.entries[0].clone();
    incomplete.tail.missing = 1;
    let mut seeds = log.entries[0].clone();
    (seeds.head.kind, seeds.tail.first_new) = (EntryKind::Seeded, crate::topic::FIRST_SEED);
    let mut rest = log.entries[1].clone();
    rest.head.kind = EntryKind::Resolution { of: incomplete.head.seq };
    rest.tail = EntryTail { first_new: 4, new: vec!["late".into()], ..EntryTail::default() };
    let mut named = log.entries[1].clone();
    named.tail.again = vec![4, crate::topic::FIRST_SEED];
    for entry in [&seeds, &incomplete, &rest, &named] {
        answers.entry(entry);
    }
    let all = answers.under(Policy::Fixed, &BTreeMap::new()).unwrap();
    assert_eq!((all.reached.requests, all.reached.items, all.was_then), (2, 4, all.reached));
}

#[test]
fn what_judges_were_asked_is_left_out_and_counted() {
    let mut log = Log::default();
    log.answered("a", 10, 0..20);
    log.answered("b", 10, 10..30);
    let mut judge = log.entries[0].clone();
    let EntryKind::Response(meta) = &mut judge.head.kind else { unreachable!("it is one") };
    meta.cell = Some("judge".into());
    judge.tail = EntryTail::default();
    let mut answers = Answers::default();
    for entry in [&log.entries[0], &judge, &log.entries[1]] {
        answers.entry(entry);
    }
    let found = answers.under(Policy::Fixed, &BTreeMap::new()).unwrap();
    assert_eq!((found.reached.requests, found.reached.items, found.was_then), (2, 30, found.reached));
    assert_eq!(found.judged.requests, 1);
    assert_eq!(found.judged.cost, Cost::from_picodollars(10_000_000));
}

#[test]
fn a_provider_that_has_no_weight_need_not_have_been_asked() {
    let mut log = Log::default();
    log.answered("a", 10, 0..20);
    log.answered("b", 10, 10..30);
    let mut answers = Answers::default();
    log.entries.iter().for_each(|entry| answers.entry(entry));
    let weights = [("a", 1.0), ("b", 1.0), ("c", 0.0)].map(|(name, weight)| (name.to_owned(), weight));
    let found = answers.under(Policy::Fixed, &BTreeMap::from(weights)).unwrap();
    assert_eq!(found.asked.keys().collect::<Vec<_>>(), ["a", "b"]);
}

/// What is known of the others is not kept from counting by one that answered twice and then never again.
#[test]
fn one_that_is_gone_early_does_not_hold_the_others_at_their_weights() {
    let mut log = Log::default();
    let three = [("a", 1.0), ("b", 1.0), ("c", 1.0)];
    let mut next = 0;
    for turn in 0..60 {
        log.answered("a", 10, next..next + 20);
        // It names the same again and again.
        log.answered("b", 10, 0..20);
        next += 20;
        if turn < 2 {
            log.answered("c", 10, next..next + 20);
            next += 20;
        } else {
            log.asked("c", 10, 1_000, Outcome::ServerError, &[]);
        }
    }
    let shares = log.shares(Policy::GoodUcb, &three);
    assert!(shares["b"] < 0.1, "{shares:?}");
}
