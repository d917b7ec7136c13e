//! What only one answer has named is shown to a judge before a topic ends by itself.

use super::decisions::replay;
use super::directed::{aims, ready};
use super::*;
use crate::command::OrderedAim;
use crate::decision::{What, Why};
use crate::ids::Seq;
use crate::judging::Judged;

/// A topic with a judge that is dry: "a" was named often, "b" and "c" once. Requests of before are settled.
fn dry(limits: Limits) -> World {
    let mut world = World::new(limits);
    world.stored.judge = true;
    world.coordinator = Coordinator::new("r".to_owned(), 3, Settings::default());
    world.coordinator.topic(world.stored.clone(), now(0));
    ready(&mut world, "p1", 0, 0);
    world.settle(0);
    ready(&mut world, "p1", 0, 0);
    world.answer("p1", Outcome::Answered, &["a", "b", "c"], 10);
    asked(&mut world, 1, 10);
    names_nothing_new(&mut world, 1, 20);
    world
}

/// As many answers as make a topic dry, after so many that were sent before.
fn names_nothing_new(world: &mut World, before: u64, at: u64) {
    for sent in 1..=Settings::default().dry_after {
        world.again("p1", 1, at);
        asked(world, before + sent, at);
    }
}

/// The producer has asked so often, and the coordinator is heard again.
fn asked(world: &mut World, sent: u64, at: u64) {
    for _ in 0..2 {
        ready(world, "p1", sent, at);
        world.settle(at);
    }
}

/// What a judge says of what it was shown.
fn says(world: &mut World, shown: &OrderedAim, doubted: Option<&[Seq]>, at: u64) {
    let outcome = if doubted.is_some() { Outcome::Answered } else { Outcome::Unparsable };
    let said = Judged { asked: shown.numbers.clone(), doubted: doubted.map(<[Seq]>::to_vec) };
    let meta = ResponseMeta { cell: shown.cell.clone(), judged: Some(Box::new(said)), ..world.meta(outcome) };
    world.answer_to("p1", meta, (&[], 0), at);
}

fn judge(world: &World) -> OrderedAim {
    let [judge] = aims(world, "p1").try_into().unwrap();
    assert_eq!(judge.cell.as_deref(), Some("judge"));
    judge
}

fn doubted(world: &World, at: u64) -> (u64, Vec<Seq>) {
    let judging = world.coordinator.status(&id(), now(at)).unwrap().judging;
    (judging.judged, judging.doubted)
}

fn judged_by(world: &World) -> usize {
    let is_judge = |what: &What| matches!(what, What::Asked(asked) if asked.why == Why::Judge);
    world.decided().iter().filter(|(_, decision)| is_judge(&decision.what)).count()
}

#[test]
fn a_dry_topic_ends_when_what_was_named_once_is_judged() {
    let mut world = dry(Limits::default());
    assert_eq!(world.stored.state, TopicState::Running);
    let shown = judge(&world);
    let texts: Vec<&str> = shown.leave_out.iter().map(String::as_str).collect();
    assert_eq!((texts, shown.numbers.as_slice()), (vec!["b", "a", "c"], [2, 1, 3].as_slice()));
    says(&mut world, &shown, Some(&[3]), 40);
    asked(&mut world, 32, 40);
    assert_eq!(world.stored.state, TopicState::Ended(EndReason::Dry));
    assert_eq!(doubted(&world, 40), (2, vec![3]));
    let all = world.decided();
    let told = all.iter().map(|(_, decision)| decision.what.to_string()).find(|told| told.contains("judge"));
    assert_eq!(
        told.as_deref(),
        Some(
            "p1 asks to judge 3 items: the topic would come to its end, and before that a model looks at what only one answer has named"
        )
    );
    assert_eq!(judged_by(&world), 1);
    assert!(replay(&world).unwrap() >= 1);
}

#[test]
fn without_a_judge_it_ends_at_once() {
    let mut world = running(Limits::default());
    world.answer("p1", Outcome::Answered, &["a", "b", "c"], 10);
    (0..Settings::default().dry_after).for_each(|_| world.again("p1", 1, 20));
    world.settle(30);
    assert_eq!(world.stored.state, TopicState::Ending(EndReason::Dry));
}

#[test]
fn two_judges_without_a_verdict_are_enough() {
    let mut world = dry(Limits::default());
    for (sent, at) in [(32, 40), (33, 50)] {
        let shown = judge(&world);
        assert_eq!(world.stored.state, TopicState::Running);
        // The second doubts what nearly all answers have named.
        says(&mut world, &shown, (sent == 33).then_some(&[1, 2]), at);
        asked(&mut world, sent, at);
    }
    assert_eq!(world.stored.state, TopicState::Ended(EndReason::Dry));
    assert_eq!(doubted(&world, 50), (0, vec![]));
    assert_eq!(replay(&world).map(|_| judged_by(&world)), Ok(2));
}

#[test]
fn judges_that_nobody_answers_for_do_not_keep_it_running() {
    let mut world = dry(Limits::default());
    let patience = u64::try_from(Settings::default().give_up_after.as_millis()).unwrap();
    for at in (1_000..patience).step_by(1_000) {
        asked(&mut world, 32, at);
        assert_eq!(world.stored.state, TopicState::Running, "at {at}");
    }
    asked(&mut world, 32, patience + 1_000);
    assert_eq!(world.stored.state, TopicState::Ended(EndReason::Dry));
}

#[test]
fn a_cap_comes_before_a_judge() {
    let mut world = dry(Limits { max_requests: Some(32), ..Limits::default() });
    let shown = judge(&world);
    says(&mut world, &shown, None, 40);
    asked(&mut world, 32, 40);
    assert_eq!(world.stored.state, TopicState::Ended(EndReason::MaxRequests));
}

#[test]
fn something_new_on_the_way_makes_it_go_on_as_before() {
    let mut world = dry(Limits::default());
    judge(&world);
    world.answer("p1", Outcome::Answered, &["d"], 40);
    asked(&mut world, 31, 40);
    assert_eq!(world.stored.state, TopicState::Running);
    assert_eq!(world.commands[&producer("p1")].topics[0].aims, None, "requests are free again");
    assert!(world.decided().iter().any(|(_, decision)| matches!(decision.what, What::Dropped { .. })));
    asked(&mut world, 32, 40);
    names_nothing_new(&mut world, 32, 50);
    assert_eq!(judge(&world).numbers, [2, 1, 3, 4], "the one that is new, too");
    assert_eq!(replay(&world).map(|_| judged_by(&world)), Ok(2));
}

#[test]
fn another_leader_asks_the_judge_that_was_not_answered_and_ends_the_topic() {
    let mut world = dry(Limits::default());
    judge(&world);
    world.take_over(100);
    asked(&mut world, 31, 101);
    names_nothing_new(&mut world, 31, 6_001);
    let shown = judge(&world);
    assert_eq!(shown.numbers, [2, 1, 3]);
    says(&mut world, &shown, Some(&[]), 6_002);
    asked(&mut world, 62, 6_003);
    assert_eq!(world.stored.state, TopicState::Ended(EndReason::Dry));
    assert_eq!(doubted(&world, 6_003), (2, vec![]));
    assert_eq!(replay(&world).map(|_| judged_by(&world)), Ok(2));
}
