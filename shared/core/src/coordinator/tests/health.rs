//! Providers that fail, over the requests of all producers.

use super::decisions::replay;
use super::directed::{aims, directed, first_answers};
use super::*;
use crate::command::Care;
use crate::decision::{Cared, Treated, What};
use crate::frontier::Letters;

const PRODUCERS: [&str; 3] = ["p1", "p2", "p3"];

fn report(name: &str) -> ProviderReport {
    ProviderReport {
        name: name.to_owned(),
        model: "m".to_owned(),
        state: ProviderState::Ready,
        detail: String::new(),
        weight_millis: None,
        rests: false,
        key_waits_ms: 0,
    }
}

/// All are heard, with these providers.
fn beat(world: &mut World, providers: &[&str], at: u64) {
    for name in PRODUCERS {
        world.beat(name, 1, |beat| beat.providers = providers.iter().map(|name| report(name)).collect(), at);
    }
}

/// A topic with three producers and two providers, each of which has answered a few times.
fn well(providers: &[&str]) -> World {
    let mut world = running(Limits::default());
    beat(&mut world, providers, 1);
    world.settle(1);
    for at in 2..8 {
        for provider in providers {
            ended(&mut world, provider, Outcome::Answered, at);
        }
    }
    beat(&mut world, providers, 8);
    world.settle(8);
    world
}

/// A request of a producer has ended that took 100 ms.
fn ended(world: &mut World, provider: &str, outcome: Outcome, at: u64) {
    let text = format!("{provider} {at}");
    let new = [text.as_str()];
    let meta = ResponseMeta { provider: provider.into(), latency_ms: 100, ..world.meta(outcome) };
    world.answer_to("p1", meta, (if outcome.is_answer() { &new } else { &[] }, 0), at);
}

/// What each producer is told of the provider.
fn told(world: &World, provider: &str) -> Vec<Care> {
    let care = |name: &&str| {
        let command = &world.commands[&producer(name)];
        command.care.iter().find(|care| care.provider == provider).cloned()
    };
    PRODUCERS.iter().filter_map(care).collect()
}

fn rest(world: &World) -> Vec<bool> {
    told(world, "a").iter().map(|care| care.rests).collect()
}

/// Who may probe.
fn prober(world: &World) -> Option<&'static str> {
    let told = told(world, "a");
    let mut probers = PRODUCERS.iter().zip(&told).filter(|(_, care)| care.yours);
    let prober = probers.next().map(|(name, _)| *name);
    assert_eq!(probers.next(), None, "more than one probes: {told:?}");
    prober
}

/// Lets time pass until one may probe; when that is.
fn probed(world: &mut World, from: u64, until: u64) -> u64 {
    for at in (from..until).step_by(50) {
        if at % 1_000 == 0 {
            beat(world, &["a", "b"], at);
        }
        world.settle(at);
        if prober(world).is_some() {
            return at;
        }
    }
    panic!("nobody probes from {from} to {until}")
}

fn cared(world: &World) -> Vec<Cared> {
    let mut all = Vec::new();
    for decision in world.decisions.values().flat_map(|chunk| &chunk.decisions) {
        if let What::Cared(cared) = &decision.what {
            all.push(cared.clone());
        }
    }
    all
}

#[test]
fn what_one_producer_meets_spares_the_others_and_one_at_a_time_tries_it_again() {
    let mut world = well(&["a", "b"]);
    assert!(told(&world, "a").is_empty());
    ended(&mut world, "a", Outcome::Unreachable, 1_000);
    world.settle(1_000);
    assert_eq!(rest(&world), [true; 3], "it hardly ever fails");
    ended(&mut world, "a", Outcome::Unreachable, 1_100);
    let said = world.settle(1_100);
    let is_said = |action: &Action| {
        matches!(action, Action::Note(Note::Cared(Cared { treated: Treated::Rests { failures: 2, .. }, .. })))
    };
    assert_eq!(said.iter().filter(|action| is_said(action)).count(), 1, "{said:?}");
    assert!(told(&world, "b").is_empty());
    let treated = |world: &World| {
        let all = world.coordinator.treated();
        all.map(|(name, rests)| (name.to_owned(), rests)).collect::<Vec<_>>()
    };
    assert_eq!(treated(&world), [("a".to_owned(), true), ("b".to_owned(), false)]);
    assert_eq!((rest(&world), prober(&world)), (vec![true; 3], None));
    let status = world.coordinator.status(&id(), now(1_100)).unwrap();
    let shown = &status.provider_reports[0];
    assert_eq!(shown.state, ProviderState::Waiting);
    assert!(shown.detail.contains("tried again in") && shown.detail.contains("unreachable"), "{shown:?}");

    // Probes that fail: pauses grow, to half a minute, and each is another producer's.
    let (mut at, mut pauses, mut probers) = (1_100, Vec::new(), Vec::new());
    for _ in 0..5 {
        let probe = probed(&mut world, at, at + 40_000);
        pauses.push(probe - at);
        probers.push(prober(&world).unwrap());
        at = probe + 700;
        ended(&mut world, "a", Outcome::Unreachable, at);
        world.settle(at);
        assert_eq!(prober(&world), None);
    }
    assert_eq!(probers, ["p1", "p2", "p3", "p1", "p2"]);
    for (pause, longest) in pauses.iter().zip([6_000, 18_000, 30_000, 30_000, 30_000]) {
        assert!((longest * 7 / 10..=longest + 50).contains(pause), "{pauses:?}");
    }

    // It is well again.
    for answers in 1..=3 {
        at = probed(&mut world, at, at + 40_000) + 700;
        ended(&mut world, "a", Outcome::Answered, at);
        world.settle(at);
        assert_eq!(rest(&world).is_empty(), answers == 3);
    }
    let kinds = cared(&world);
    assert!(matches!(kinds[0].treated, Treated::Doubted { outcome: Outcome::Unreachable }), "{kinds:?}");
    assert!(matches!(kinds[1].treated, Treated::Rests { failures: 2, .. }), "{kinds:?}");
    let tried = kinds.iter().filter(|cared| matches!(cared.treated, Treated::Probed { .. })).count();
    assert!((8..=9).contains(&tried), "{tried}: {kinds:?}");
    assert_eq!(kinds.last().unwrap().treated, Treated::Back { answers: 3 });
    replay(&world).unwrap();
}

#[test]
fn a_single_failure_is_forgotten_when_another_request_is_answered_or_a_probe_is() {
    let mut world = well(&["a", "b"]);
    ended(&mut world, "a", Outcome::Timeout, 1_000);
    world.settle(1_000);
    assert_eq!(rest(&world), [true; 3]);
    ended(&mut world, "a", Outcome::Answered, 1_050);
    world.settle(1_050);
    assert!(rest(&world).is_empty());
    for at in 2_000..2_010 {
        ended(&mut world, "a", Outcome::Answered, at);
    }
    ended(&mut world, "a", Outcome::Timeout, 3_000);
    let at = probed(&mut world, 3_000, 5_000);
    ended(&mut world, "a", Outcome::Answered, at + 100);
    world.settle(at + 100);
    assert!(rest(&world).is_empty());
}

#[test]
fn who_fails_now_and_then_is_not_left_alone_for_two_failures_in_a_row() {
    let mut world = well(&["a", "b"]);
    let mut at = 1_000;
    for outcome in [Outcome::RateLimited, Outcome::Answered, Outcome::ServerError, Outcome::ServerError] {
        ended(&mut world, "a", outcome, at);
        world.settle(at);
        assert!(rest(&world).is_empty(), "{outcome:?}");
        at += 100;
    }
    ended(&mut world, "a", Outcome::ServerError, at);
    world.settle(at);
    assert_eq!(rest(&world), [true; 3]);
}

#[test]
fn one_that_fails_more_often_than_not_rests_though_it_answers_in_between() {
    let mut world = well(&["a", "b"]);
    let mut at = 1_000;
    let rested = |world: &World| {
        cared(world).iter().filter(|cared| matches!(cared.treated, Treated::Rests { .. })).count()
    };
    for _ in 0..8 {
        for outcome in [Outcome::ServerError, Outcome::ServerError, Outcome::Answered] {
            if rested(&world) == 0 {
                at += 100;
                ended(&mut world, "a", outcome, at);
                world.settle(at);
            }
        }
    }
    assert_eq!(rested(&world), 1);
}

#[test]
fn where_nobody_else_can_be_asked_it_is_tried_often_and_one_answer_is_enough() {
    is_tried_often(well(&["a"]), &["a"]);
}

#[test]
fn whom_a_topic_may_not_ask_is_nobody_else_for_it() {
    let mut world = well(&["a", "b"]);
    world.stored.provider_weights = BTreeMap::from([("a".to_owned(), 1.0), ("b".to_owned(), 0.0)]);
    world.stored.version += 1;
    world.coordinator.topic(world.stored.clone(), now(900));
    world.settle(900);
    is_tried_often(world, &["a", "b"]);
}

#[test]
fn a_long_pause_is_cut_short_when_a_topic_is_confined_to_who_rests() {
    let mut world = well(&["a", "b"]);
    let mut at = 1_000;
    ended(&mut world, "a", Outcome::ServerError, at);
    for _ in 0..3 {
        ended(&mut world, "a", Outcome::ServerError, at);
        at = probed(&mut world, at, at + 31_000) + 500;
    }
    ended(&mut world, "a", Outcome::ServerError, at);
    world.stored.provider_weights = BTreeMap::from([("a".to_owned(), 1.0)]);
    world.stored.version += 1;
    world.coordinator.topic(world.stored.clone(), now(at));
    let probe = probed(&mut world, at, at + 6_000);
    assert!(probe > at, "not at once");
}

fn is_tried_often(mut world: World, providers: &[&str]) {
    ended(&mut world, "a", Outcome::ServerError, 1_000);
    world.settle(1_000);
    assert!(rest(&world).is_empty(), "the gates see to a single failure");
    for _ in 0..2 {
        ended(&mut world, "a", Outcome::ServerError, 1_000);
    }
    let mut at = 1_000;
    for longest in [1_000, 3_000, 5_000, 5_000] {
        let probe = (at..at + 9_000).step_by(50).find(|at| {
            if at % 1_000 == 0 {
                beat(&mut world, providers, *at);
            }
            world.settle(*at);
            prober(&world).is_some()
        });
        let probe = probe.unwrap();
        assert!(probe - at <= longest + 50, "{longest}: {}", probe - at);
        at = probe + 500;
        ended(&mut world, "a", Outcome::ServerError, at);
        world.settle(at);
    }
    ended(&mut world, "a", Outcome::Answered, at + 5_000);
    beat(&mut world, providers, at + 5_000);
    world.settle(at + 5_000);
    assert!(rest(&world).is_empty());
}

#[test]
fn a_probe_that_its_producer_does_not_come_to_or_takes_with_it_is_handed_on() {
    let mut world = well(&["a", "b"]);
    ended(&mut world, "a", Outcome::ServerError, 1_000);
    ended(&mut world, "a", Outcome::ServerError, 1_000);
    let at = probed(&mut world, 1_000, 9_000);
    assert_eq!(prober(&world), Some("p1"));
    for later in (1..=10).map(|seconds| at + seconds * 1_000) {
        beat(&mut world, &["a", "b"], later);
        world.settle(later);
    }
    assert_eq!(prober(&world), Some("p2"));
    world.beat("p2", 1, |beat| beat.left = true, at + 10_100);
    world.settle(at + 10_100);
    assert!(world.commands[&producer("p3")].care[0].yours);
}

#[test]
fn a_request_of_the_time_before_it_was_left_alone_is_no_probe() {
    let mut world = well(&["a", "b"]);
    ended(&mut world, "a", Outcome::ServerError, 1_000);
    ended(&mut world, "a", Outcome::ServerError, 1_000);
    world.settle(1_000);
    for at in 1_010..1_030 {
        ended(&mut world, "a", Outcome::Answered, at);
    }
    world.settle(1_030);
    assert_eq!(rest(&world), [true; 3]);
    assert!(probed(&mut world, 1_050, 9_000) >= 5_000);
}

#[test]
fn a_key_that_one_was_told_to_wait_with_waits_at_all_and_is_not_told_of_again_and_again() {
    let mut world = well(&["a", "b"]);
    let waits = |world: &mut World, ms: u64, at: u64| {
        let a = ProviderReport { key_waits_ms: ms, ..report("a") };
        world.beat("p1", 1, |beat| beat.providers = vec![a, report("b")], at);
    };
    waits(&mut world, 60_000, 1_000);
    world.settle(1_000);
    let told_then = told(&world, "a");
    assert_eq!(told_then.iter().map(|care| care.key_waits_ms).collect::<Vec<_>>(), [60_000; 3]);
    let before = world.commands.clone();
    for at in [1_500, 2_000] {
        waits(&mut world, 61_000 - at, at);
        world.settle(at);
    }
    assert_eq!(world.commands, before);
    // Longer than was thought.
    waits(&mut world, 90_000, 2_500);
    world.settle(2_500);
    assert_eq!(told(&world, "a")[1].key_waits_ms, 90_000);
    beat(&mut world, &["a", "b"], 92_000);
    world.settle(95_600);
    assert!(told(&world, "a").is_empty());
}

#[test]
fn another_leader_goes_on_leaving_it_alone() {
    let mut world = well(&["a", "b"]);
    ended(&mut world, "a", Outcome::ServerError, 1_000);
    ended(&mut world, "a", Outcome::ServerError, 1_000);
    world.settle(1_000);
    world.take_over(2_000);
    for name in PRODUCERS {
        let a = ProviderReport { rests: true, state: ProviderState::Waiting, ..report("a") };
        world.beat(name, 1, |beat| beat.providers = vec![a, report("b")], 2_000);
    }
    world.settle(2_000);
    assert_eq!(rest(&world), [true; 3]);
    let at = probed(&mut world, 2_050, 9_000);
    // What the log held before is of another time: one answer is not three.
    ended(&mut world, "a", Outcome::Answered, at + 200);
    world.settle(at + 200);
    assert_eq!(rest(&world), [true; 3]);
}

#[test]
fn what_a_provider_was_to_be_asked_that_has_died_is_asked_of_another_at_once() {
    let mut world = directed(Limits::default());
    let beat = |world: &mut World, sent: u64, in_flight: u32, at: u64| {
        let say = |beat: &mut Heartbeat| {
            beat.providers = vec![report("small"), report("other")];
            for report in &mut beat.topics {
                (report.sent, report.in_flight) = (sent, in_flight);
            }
        };
        world.beat("p1", 1, say, at);
        world.settle(at);
    };
    beat(&mut world, 2, 2, 5);
    first_answers(&mut world);
    beat(&mut world, 2, 0, 30);
    let before = aims(&world, "p1");
    let dead = before.iter().find_map(|aim| aim.provider.clone()).unwrap();
    beat(&mut world, 4, 2, 40);
    let known = aims(&world, "p1").iter().map(|aim| aim.number).max().unwrap();
    for aim in &before[..2] {
        let cell = aim.cell.clone();
        let meta = ResponseMeta {
            provider: dead.clone(),
            cell,
            latency_ms: 100,
            ..world.meta(Outcome::Unreachable)
        };
        world.answer_to("p1", meta, (&[], 0), 1_000);
    }
    world.settle(1_000);
    let anew: Vec<_> = aims(&world, "p1").into_iter().filter(|aim| aim.number > known).collect();
    assert!(anew.iter().all(|aim| aim.provider.as_ref() != Some(&dead)), "{dead}: {anew:?}");
    // The other may be asked for smaller parts of it.
    let part = |cell: Option<&str>| cell.and_then(Letters::parse);
    for failed in &before[..2] {
        let failed = part(failed.cell.as_deref());
        let is_it = |cell: Option<&str>| match (part(cell), failed) {
            (Some(anew), Some(failed)) => anew.overlaps(failed),
            (anew, failed) => anew == failed,
        };
        assert!(anew.iter().any(|aim| is_it(aim.cell.as_deref())), "{failed:?}: {anew:?}");
    }
}
