//! Every kind of end: what it met is written down, and follows from the log and the terms.

use super::decisions::{replay, replay_changed};
use super::*;
use crate::decision::{Ending, Ends, Met, Terms, What};
use crate::topic::Share;

impl World {
    /// The end that was written down last.
    pub(super) fn ending(&self) -> Ending {
        let mut ends = self.decided().into_iter().filter_map(|(_, decision)| match decision.what {
            What::Ending(ending) => Some(ending),
            What::TakenUp { .. }
            | What::Terms(_)
            | What::Routed(_)
            | What::Worded(_)
            | What::Measured(_)
            | What::Cared(_)
            | What::Asked(_)
            | What::Changed(_)
            | What::Dropped { .. } => None,
        });
        ends.next_back().unwrap()
    }
}

fn answers(world: &mut World, outcome: Outcome, number: usize) {
    for _ in 0..number {
        world.answer("p1", outcome, &[], 20);
    }
}

fn items() -> World {
    let mut world = running(Limits { max_attributes: Some(3), ..Limits::default() });
    world.answer("p1", Outcome::Answered, &["robin", "wren", "owl"], 10);
    world.settle(20);
    world
}

fn requests() -> World {
    let mut world = running(Limits { max_requests: Some(3), ..Limits::default() });
    answers(&mut world, Outcome::Answered, 2);
    world.answer("p1", Outcome::Timeout, &[], 20);
    world.settle(20);
    world
}

/// A producer is lost with what it was leased.
fn requests_and_lost_ones() -> World {
    let mut world = running(Limits { max_requests: Some(7), ..Limits::default() });
    answers(&mut world, Outcome::Answered, 1);
    world.settle(6_000);
    world.beat("p1", 2, |_| {}, 7_000);
    world.settle(7_000);
    world.settle(20_000);
    world
}

const PRICE: Cost = Cost::from_picodollars(100);

fn paid(cap: u64) -> World {
    let limits = Limits { max_cost: Some(Cost::from_picodollars(cap)), ..Limits::default() };
    let mut world = World::new(limits);
    world.price = PRICE;
    priced(&mut world, 1, 0..5_000);
    world
}

fn priced(world: &mut World, life: u64, at: std::ops::Range<u64>) {
    for at in at.step_by(1_000) {
        let price = |beat: &mut Heartbeat| {
            for report in &mut beat.topics {
                (report.request_cost, report.dearest_cost) = (PRICE, PRICE);
            }
        };
        world.beat("p1", life, price, at);
        world.settle(at);
    }
}

fn money() -> World {
    let mut world = paid(250);
    answers(&mut world, Outcome::Answered, 2);
    priced(&mut world, 1, 5_000..9_000);
    world
}

/// A producer is lost with nearly all of it.
fn money_and_lost_one() -> World {
    let mut world = paid(450);
    answers(&mut world, Outcome::Answered, 1);
    world.settle(15_000);
    priced(&mut world, 2, 16_000..30_000);
    world
}

fn time() -> World {
    let mut world = running(Limits { time_limit_ms: Some(1_000), ..Limits::default() });
    answers(&mut world, Outcome::Answered, 1);
    world.settle(1_500);
    world
}

fn complete() -> World {
    let mut world = running(Limits { completeness: Some(Share::new(0.5)), ..Limits::default() });
    for answer in 0..10_u64 {
        let names = ["robin", "wren", "owl"];
        world.answer_again("p1", Outcome::Answered, (if answer == 0 { &names } else { &[] }, 3), 10 + answer);
    }
    world.settle(4_000);
    world
}

fn dry() -> World {
    let mut world = running(Limits::default());
    world.answer("p1", Outcome::Answered, &["robin"], 10);
    answers(&mut world, Outcome::Answered, 31);
    world.settle(30);
    world
}

fn unusable() -> World {
    let mut world = running(Limits::default());
    answers(&mut world, Outcome::Refused, 30);
    world.settle(30);
    world
}

fn low_yield() -> World {
    let mut world = running(Limits { min_new_per_100_requests: Some(50), ..Limits::default() });
    world.answer("p1", Outcome::Answered, &["robin", "wren", "owl"], 10);
    answers(&mut world, Outcome::Answered, 7);
    world.settle(30);
    world
}

type Case = (World, Met, fn(&mut Ends));

/// Every end that follows from the log, with what it meets, and what of its terms makes it another.
fn all() -> [Case; 9] {
    let picos = Cost::from_picodollars;
    [
        (items(), Met::Items { cap: 3 }, |ends| ends.max_attributes = Some(4)),
        (requests(), Met::Requests { cap: 3, beside: 0 }, |ends| ends.max_requests = Some(4)),
        (requests_and_lost_ones(), Met::Requests { cap: 7, beside: 6 }, |ends| ends.max_requests = Some(8)),
        (money(), Met::Money { cap: picos(250), beside: Cost::ZERO, next: PRICE }, |ends| {
            ends.max_cost = Some(Cost::from_picodollars(300));
        }),
        (money_and_lost_one(), Met::Money { cap: picos(450), beside: picos(307), next: PRICE }, |ends| {
            ends.max_cost = Some(Cost::from_picodollars(600));
        }),
        (dry(), Met::Dry { answers: 31 }, |ends| ends.answers_before = 2),
        (unusable(), Met::Unusable { answers: 30 }, |ends| ends.dry_after = 31),
        (low_yield(), Met::Yield { least: 50, new: 3, answers: 8 }, |ends| ends.newest_behind = 1),
        (low_yield(), Met::Yield { least: 50, new: 3, answers: 8 }, |ends| {
            ends.min_new_per_100_requests = Some(37);
        }),
    ]
}

fn with_terms(change: impl Fn(&mut Terms)) -> impl Fn(&mut What) {
    move |what| {
        if let What::Terms(terms) = what {
            change(terms);
        }
    }
}

fn with_ending(change: impl Fn(&mut Ending)) -> impl Fn(&mut What) {
    move |what| {
        if let What::Ending(ending) = what {
            change(ending);
        }
    }
}

#[test]
fn every_end_that_follows_from_the_log_says_what_it_met_and_is_made_again() {
    for (world, met, other) in all() {
        let ending = world.ending();
        assert_eq!((ending.reason, ending.met), (met.reason(), Some(met)), "{ending}");
        assert_eq!(world.stored.state.reason(), Some(met.reason()));
        assert!(ending.to_string().contains(&format!(" ({met}); ")), "{ending}");
        assert_eq!(replay(&world), Ok(1), "{ending}");
        let otherwise = replay_changed(&world, with_terms(|terms| other(terms.ends.as_mut().unwrap())));
        assert!(otherwise.is_err(), "{ending}: it follows from its terms");
        let without = replay_changed(
            &world,
            with_terms(|terms| terms.ends = Some(Ends { dry_after: 99, ..Ends::default() })),
        );
        assert!(without.is_err(), "{ending}: {without:?}");
        for change in [
            |ending: &mut Ending| ending.found += 1,
            |ending: &mut Ending| ending.requests += 1,
            |ending: &mut Ending| ending.cost += Cost::from_picodollars(1),
            |ending: &mut Ending| ending.reason = EndReason::TimeLimit,
        ] {
            assert!(replay_changed(&world, with_ending(change)).is_err(), "{ending}: where it stood follows");
        }
        let older = replay_changed(&world, with_terms(|terms| terms.ends = None));
        assert_eq!(older, Ok(0), "of a program that wrote no such terms it is taken as it is");
    }
}

#[test]
fn an_end_by_completeness_and_one_by_what_is_no_more_paid_for_say_what_they_met() {
    let world = complete();
    let met = Met::Complete { wanted: Share::new(0.5) };
    assert_eq!(world.ending().met, Some(met));
    assert_eq!(replay(&world), Ok(1));
    let other = |terms: &mut Terms| terms.wanted = None;
    assert!(replay_changed(&world, with_terms(other)).is_err());
    // An older program did not say what was met, and which completeness was wanted.
    let older = |what: &mut What| match what {
        What::Terms(terms) => terms.ends = None,
        What::Ending(ending) => ending.met = None,
        What::TakenUp { .. }
        | What::Routed(_)
        | What::Worded(_)
        | What::Measured(_)
        | What::Cared(_)
        | What::Asked(_)
        | What::Changed(_)
        | What::Dropped { .. } => {}
    };
    assert_eq!(replay_changed(&world, older), Ok(1));

    let asked_too_much = |ending: &mut Ending| {
        if let Some(Met::Money { next, .. }) = &mut ending.met {
            *next = Cost::from_picodollars(50);
        }
    };
    assert!(replay_changed(&money(), with_ending(asked_too_much)).is_err(), "the rest would do for that");
    let none_are_lost = |ending: &mut Ending| {
        if let Some(Met::Requests { beside, .. }) = &mut ending.met {
            *beside -= 1;
        }
    };
    assert!(replay_changed(&requests_and_lost_ones(), with_ending(none_are_lost)).is_err());
}

#[test]
fn what_time_it_is_and_what_an_operator_wants_does_not_follow_from_the_log() {
    let world = time();
    assert_eq!(world.ending().met, Some(Met::Time { limit_ms: 1_000 }));
    assert_eq!(replay(&world), Ok(0));
    let other = |terms: &mut Terms| terms.ends.as_mut().unwrap().time_limit_ms = None;
    assert!(replay_changed(&world, with_terms(other)).is_err(), "there was no such limit");

    let mut world = running(Limits { max_requests: Some(9), ..Limits::default() });
    world.stored = world.stored.end(EndReason::Stopped).unwrap();
    world.coordinator.topic(world.stored.clone(), now(40));
    world.settle(40);
    assert_eq!((world.ending().reason, world.ending().met), (EndReason::Stopped, None));
    assert_eq!(replay(&world), Ok(0));
}

/// It could not write it down, and answers came since: what it met then does not follow from the log as it is now.
#[test]
fn the_end_that_an_earlier_leader_decided_is_told_with_what_it_meets_by_then_or_nothing() {
    for (late, met) in [(&["wren"][..], None), (&[], Some(Met::Requests { cap: 40, beside: 0 }))] {
        let capped = met.is_some();
        let limits = Limits { max_requests: capped.then_some(40), ..Limits::default() };
        let mut world = running(limits);
        answers(&mut world, Outcome::Answered, if capped { 39 } else { 30 });
        let reason = if capped { EndReason::MaxRequests } else { EndReason::Dry };
        world.stored = world.stored.end(reason).unwrap();
        world.decisions.clear();
        world.answer("p1", Outcome::Answered, late, 30);
        world.take_over(40);
        world.settle(6_000);
        let ending = world.ending();
        assert_eq!((ending.reason, ending.met), (reason, met));
        assert_eq!(replay(&world), Ok(u64::from(met.is_some())));
    }
}

#[test]
fn after_a_resumption_and_under_a_new_leader_ends_are_made_again_too() {
    let mut world = dry();
    world.beat("p1", 1, |_| {}, 40);
    world.settle(40);
    let again = StartRequest {
        name: "birds".into(),
        limits: Some(Limits { min_new_per_100_requests: Some(100), ..Limits::default() }),
        mode: crate::topic::StartMode::Resume,
        ..StartRequest::default()
    };
    world.stored = Topic::start(Some(&world.stored), id(), again, now(50).unix).unwrap();
    world.coordinator.topic(world.stored.clone(), now(50));
    world.settle(50);
    answers(&mut world, Outcome::Answered, 3);
    world.settle(60);
    world.take_over(70);
    world.beat("p1", 1, |_| {}, 80);
    world.settle(80);
    answers(&mut world, Outcome::Answered, 7);
    world.beat("p1", 1, |_| {}, 5_200);
    world.settle(5_200);
    assert!(world.stored.state.is_live(), "seven answers say nothing");
    answers(&mut world, Outcome::Answered, 1);
    world.settle(5_300);
    let ending = world.ending();
    assert_eq!(ending.met, Some(Met::Yield { least: 100, new: 0, answers: 8 }));
    assert_eq!(replay(&world), Ok(2));
}
