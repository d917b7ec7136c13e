#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;

use super::*;
use crate::batch::{Outcome, ResponseMeta, Told};
use crate::log::{Entry, EntryHead, EntryKind, EntryTail};
use crate::time::UnixMillis;

mod changing;

const PRICE: Cost = Cost::from_picodollars(100);

fn id(n: usize) -> WorkerId {
    WorkerId::of_role("p", n)
}

fn settle(fold: &mut TopicFold, producer: usize, incarnation: Incarnation, cost: Cost) {
    let meta = ResponseMeta {
        provider: "small".into(),
        model: "m".into(),
        cell: None,
        probe: false,
        prompt_hash: 0,
        outcome: Outcome::Answered,
        latency_ms: 1,
        input_tokens: 1,
        output_tokens: 1,
        cost,
        worst_case: PRICE,
        repeated: 0,
        rejected: 0,
        rejections: crate::batch::Rejections::default(),
        asked: 0,
        left_out: 0,
        copied: 0,
        phrasing: crate::phrasing::Phrasing::Plain,
        categories: Told::default(),
        judged: None,
    };
    let head = EntryHead {
        producer: id(producer),
        incarnation,
        seq: 1,
        at: UnixMillis(0),
        kind: EntryKind::Response(meta),
    };
    fold.apply(&Entry { index: fold.log_index() + 1, head, tail: EntryTail::default() }).unwrap();
}

/// A producer that obeys its lease, in a world where commands arrive late, lives end without a word, and answers get lost with them.
#[derive(Clone, Debug, Default)]
struct Spender {
    incarnation: Incarnation,
    lease: Lease,
    sent: u64,
    risked: Cost,
    under_way: u64,
}

#[derive(Clone, Debug)]
enum Step {
    Plan,
    Hear(usize),
    Send(usize),
    Answer(usize, u64),
    Die(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..3_usize;
    prop_oneof![
        4 => Just(Step::Plan),
        4 => who.clone().prop_map(Step::Hear),
        8 => who.clone().prop_map(Step::Send),
        6 => (who.clone(), 1..=100_u64).prop_map(|(p, cost)| Step::Answer(p, cost)),
        1 => who.prop_map(Step::Die),
    ]
}

fn live(fold: &TopicFold, spenders: &[Spender]) -> Vec<LiveLease> {
    let settled = |n, incarnation| {
        let settled = fold.settled(&id(n), incarnation);
        Lease { requests: settled.requests, cost: settled.cost }
    };
    let one = |(n, spender): (usize, &Spender)| LiveLease {
        producer: id(n),
        incarnation: spender.incarnation,
        places: 4,
        used: Lease { requests: spender.sent, cost: spender.risked },
        settled: settled(n, spender.incarnation),
        request_cost: PRICE,
        dearest_cost: PRICE,
        idle: spender.under_way == 0,
        waits: false,
        stuck: spender.under_way == 0 && spender.lease.requests > spender.sent,
        is_poor: false,
    };
    spenders.iter().enumerate().map(one).collect()
}

proptest! {
    #[test]
    fn no_cap_is_ever_overrun_whoever_dies_and_whatever_is_lost(
        steps in proptest::collection::vec(step(), 0..300),
        cap in 1..40_u64,
        money in 0..3_000_u64,
    ) {
        let budget = Budget { requests: Some(cap), cost: Some(Cost::from_picodollars(money)), window: 256 };
        let (mut ledger, mut fold) = (Ledger::default(), TopicFold::default());
        let mut spenders = vec![Spender::default(); 3];
        let (mut sent, mut spent) = (0_u64, Cost::ZERO);
        for step in steps {
            match step {
                Step::Plan => { ledger.plan(&fold, budget, &live(&fold, &spenders)); }
                Step::Hear(n) => {
                    let granted = ledger.order(&id(n), spenders[n].incarnation);
                    let spender = &mut spenders[n];
                    spender.lease = Lease {
                        requests: granted.requests.max(spender.sent),
                        cost: granted.cost.max(spender.risked),
                    };
                    ledger.reported(&id(n), spender.incarnation, spender.lease, true);
                }
                Step::Send(n) => {
                    let spender = &mut spenders[n];
                    if spender.sent < spender.lease.requests && spender.risked + PRICE <= spender.lease.cost {
                        spender.sent += 1;
                        spender.under_way += 1;
                        spender.risked += PRICE;
                        sent += 1;
                        spent += PRICE;
                    }
                }
                Step::Answer(n, cost) => {
                    let spender = &mut spenders[n];
                    if spender.under_way > 0 {
                        spender.under_way -= 1;
                        let saved = PRICE.saturating_sub(Cost::from_picodollars(cost));
                        spender.risked = spender.risked.saturating_sub(saved);
                        spent = spent.saturating_sub(saved);
                        settle(&mut fold, n, spender.incarnation, Cost::from_picodollars(cost));
                    }
                }
                Step::Die(n) => {
                    spenders[n] = Spender { incarnation: spenders[n].incarnation + 1, ..Spender::default() };
                }
            }
            prop_assert!(sent <= cap, "{} requests of {}", sent, cap);
            prop_assert!(spent <= Cost::from_picodollars(money), "{} of {}", spent, money);
        }
    }
}

#[test]
fn a_cap_is_used_up_to_the_last_request_when_nobody_dies() {
    let budget = Budget { requests: Some(23), cost: None, window: 256 };
    let (mut ledger, mut fold) = (Ledger::default(), TopicFold::default());
    let mut spenders = vec![Spender::default(); 3];
    for _ in 0..100 {
        ledger.plan(&fold, budget, &live(&fold, &spenders));
        for (n, spender) in spenders.iter_mut().enumerate() {
            while spender.sent < ledger.lease(&id(n), 0).requests {
                spender.sent += 1;
                settle(&mut fold, n, 0, Cost::ZERO);
            }
        }
    }
    assert_eq!(fold.totals().requests(), 23);
    assert!(!ledger.requests_open(&live(&fold, &spenders)));
}

#[test]
fn budget_that_somebody_sits_on_moves_to_those_who_use_it() {
    let budget = Budget { requests: Some(8), cost: None, window: 256 };
    let (mut ledger, mut fold) = (Ledger::default(), TopicFold::default());
    let mut spenders = vec![Spender::default(); 2];
    ledger.plan(&fold, budget, &live(&fold, &spenders));
    for _ in 0..20 {
        spenders[0].lease = ledger.order(&id(0), 0);
        while spenders[1].sent < ledger.lease(&id(1), 0).requests {
            spenders[1].sent += 1;
            settle(&mut fold, 1, 0, Cost::ZERO);
        }
        ledger.plan(&fold, budget, &live(&fold, &spenders));
        ledger.reported(&id(0), 0, ledger.order(&id(0), 0), true);
    }
    assert_eq!(fold.totals().requests(), 8, "all of it was used by the one that works");
}

#[test]
fn requests_of_who_waits_for_money_move_to_those_who_have_some() {
    let budget = Budget { requests: Some(8), cost: Some(Cost::from_picodollars(10_000)), window: 256 };
    let (mut ledger, mut fold) = (Ledger::default(), TopicFold::default());
    let mut spenders = vec![Spender::default(); 2];
    let live = |fold: &TopicFold, spenders: &[Spender]| -> Vec<LiveLease> {
        let live = live(fold, spenders).into_iter();
        live.map(|one| LiveLease { stuck: false, is_poor: one.producer == id(0), ..one }).collect()
    };
    let none_poor = live(&fold, &spenders).into_iter().map(|one| LiveLease { is_poor: false, ..one });
    ledger.plan(&fold, budget, &none_poor.collect::<Vec<_>>());
    assert!(ledger.lease(&id(0), 0).requests > 0);
    for _ in 0..20 {
        while spenders[1].sent < ledger.lease(&id(1), 0).requests {
            spenders[1].sent += 1;
            settle(&mut fold, 1, 0, Cost::ZERO);
        }
        ledger.plan(&fold, budget, &live(&fold, &spenders));
        (0..2).for_each(|n| ledger.reported(&id(n), 0, ledger.order(&id(n), 0), true));
    }
    assert_eq!(fold.totals().requests(), 8);
}

#[test]
fn money_is_used_up_but_for_less_than_one_request() {
    let budget = Budget { requests: None, cost: Some(Cost::from_picodollars(1_050)), window: 256 };
    let (mut ledger, mut fold) = (Ledger::default(), TopicFold::default());
    let mut spenders = vec![Spender::default(); 3];
    let live = |fold: &TopicFold, spenders: &[Spender]| -> Vec<LiveLease> {
        live(fold, spenders).into_iter().map(|one| LiveLease { stuck: false, ..one }).collect()
    };
    for round in 0..100 {
        ledger.plan(&fold, budget, &live(&fold, &spenders));
        for (n, spender) in spenders.iter_mut().enumerate() {
            spender.lease = ledger.order(&id(n), 0);
            ledger.reported(&id(n), 0, spender.lease, true);
            while spender.risked + PRICE <= spender.lease.cost {
                let cost = Cost::from_picodollars(31 + round % 7);
                spender.risked += cost;
                spender.sent += 1;
                settle(&mut fold, n, 0, cost);
            }
        }
    }
    let unspent = Cost::from_picodollars(1_050).saturating_sub(fold.totals().cost);
    assert!(unspent < PRICE, "{unspent} of the cap were never used");
    assert!(!ledger.cost_open(&fold, budget, &live(&fold, &spenders)));
}

#[test]
fn money_moves_to_those_who_have_requests_to_spend_it_on() {
    let budget = Budget { requests: Some(9), cost: Some(Cost::from_picodollars(250)), window: 256 };
    let (mut ledger, mut fold) = (Ledger::default(), TopicFold::default());
    let mut spenders = vec![Spender::default(); 2];
    let lease = |requests, cost| Lease { requests, cost: Cost::from_picodollars(cost) };
    ledger.reported(&id(0), 0, lease(4, 150), true);
    ledger.reported(&id(1), 0, lease(5, 100), true);
    for n in [0, 0, 0, 0, 1] {
        spenders[n].sent += 1;
        spenders[n].risked += Cost::from_picodollars(10);
        settle(&mut fold, n, 0, Cost::from_picodollars(10));
    }
    // The first has 110 and no request, the second has requests and 90.
    for _ in 0..4 {
        let live: Vec<LiveLease> =
            live(&fold, &spenders).into_iter().map(|one| LiveLease { stuck: false, ..one }).collect();
        ledger.plan(&fold, budget, &live);
        (0..2)
            .for_each(|n| ledger.reported(&id(n), 0, at_least(ledger.order(&id(n), 0), &spenders[n]), true));
    }
    assert!(ledger.lease(&id(1), 0).cost >= spenders[1].risked + PRICE, "{ledger:?}");
}

fn at_least(lease: Lease, spender: &Spender) -> Lease {
    Lease { requests: lease.requests.max(spender.sent), cost: lease.cost.max(spender.risked) }
}

#[test]
fn planning_twice_changes_nothing() {
    let budget = Budget { requests: Some(100), cost: Some(Cost::from_picodollars(5_000)), window: 256 };
    let (mut ledger, fold) = (Ledger::default(), TopicFold::default());
    let spenders = vec![Spender::default(); 3];
    assert!(ledger.plan(&fold, budget, &live(&fold, &spenders)));
    assert!(!ledger.plan(&fold, budget, &live(&fold, &spenders)));
}

/// All of a process's producers, each with so many places; all they can have under way is under way, and then the process dies.
fn what_a_death_costs(producers: usize, places: u32, budget: Budget) -> Lease {
    let (mut ledger, fold) = (Ledger::default(), TopicFold::default());
    let mut spenders = vec![Spender::default(); producers];
    for _ in 0..20 {
        let live = live(&fold, &spenders);
        ledger.plan(
            &fold,
            budget,
            &live.into_iter().map(|one| LiveLease { places, ..one }).collect::<Vec<_>>(),
        );
        for (n, spender) in spenders.iter_mut().enumerate() {
            spender.lease = ledger.order(&id(n), 0);
            ledger.reported(&id(n), 0, spender.lease, true);
            while spender.under_way < u64::from(places) && spender.sent < spender.lease.requests {
                spender.under_way += 1;
                spender.sent += 1;
                spender.risked += PRICE;
            }
        }
    }
    ledger.lost(&fold, &BTreeMap::new())
}

#[test]
fn a_death_costs_a_cap_what_can_have_been_under_way_and_little_more() {
    let budget = Budget { requests: Some(60), cost: None, window: 256 };
    assert_eq!(what_a_death_costs(4, 2, budget).requests, 12, "8 are under way");
    let budget = Budget { requests: Some(10_000), cost: None, window: 256 };
    assert_eq!(what_a_death_costs(4, 2, budget).requests, 16);
    let cost = Some(Cost::from_picodollars(2_000));
    let budget = Budget { requests: None, cost, window: 256 };
    let lost = what_a_death_costs(4, 2, budget).cost.picodollars();
    assert!((800..=900).contains(&lost), "{lost} of 2000, 800 are under way");
}

#[test]
fn a_producer_is_leased_more_as_soon_as_an_answer_is_settled() {
    let budget = Budget { requests: Some(60), cost: None, window: 256 };
    let (mut ledger, mut fold) = (Ledger::default(), TopicFold::default());
    let mut spenders = vec![Spender::default()];
    ledger.plan(&fold, budget, &live(&fold, &spenders));
    let before = ledger.lease(&id(0), 0).requests;
    (spenders[0].sent, spenders[0].under_way) = (4, 4);
    assert!(!ledger.plan(&fold, budget, &live(&fold, &spenders)), "nothing of what it has sent is over");
    settle(&mut fold, 0, 0, Cost::ZERO);
    settle(&mut fold, 0, 0, Cost::ZERO);
    ledger.plan(&fold, budget, &live(&fold, &spenders));
    assert_eq!(ledger.lease(&id(0), 0).requests, before + 2);
}
