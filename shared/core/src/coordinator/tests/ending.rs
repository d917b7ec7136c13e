//! How a topic ends: at once where a cap is used up already, with what producers still owe, and what is said of it.

use super::*;

fn stop(world: &mut World, at: u64) {
    world.stored = world.stored.end(EndReason::Stopped).unwrap();
    world.coordinator.topic(world.stored.clone(), now(at));
    world.settle(at);
}

fn go_on(world: &mut World, limits: Limits, at: u64) -> Vec<Action> {
    let again = StartRequest {
        name: "birds".into(),
        limits: Some(limits),
        mode: crate::topic::StartMode::Resume,
        ..StartRequest::default()
    };
    world.stored = Topic::start(Some(&world.stored), id(), again, now(at).unix).unwrap();
    world.coordinator.topic(world.stored.clone(), now(at));
    world.settle(at)
}

#[test]
fn a_run_that_goes_on_with_a_cap_that_is_used_up_ends_without_asking_anybody() {
    let limits = [
        Limits { max_attributes: Some(2), ..Limits::default() },
        Limits { max_requests: Some(2), ..Limits::default() },
        Limits { max_cost: Some(Cost::from_picodollars(200)), ..Limits::default() },
    ];
    for (limits, reason) in
        limits.into_iter().zip([EndReason::MaxAttributes, EndReason::MaxRequests, EndReason::MaxUsd])
    {
        let mut world = running(Limits::default());
        world.price = Cost::from_picodollars(100);
        world.answer("p1", Outcome::Answered, &["Wren"], 10);
        world.answer("p1", Outcome::Answered, &["Owl"], 20);
        stop(&mut world, 30);
        world.beat("p1", 1, |_| {}, 40);
        world.settle(40);
        assert_eq!(world.stored.state, TopicState::Ended(EndReason::Stopped));
        let actions = go_on(&mut world, limits, 50);
        assert_eq!(world.stored.state, TopicState::Ending(reason));
        let asks = |action: &Action| matches!(action, Action::Send { command, .. } if command.topics.iter().any(|t| t.ask));
        assert!(!actions.iter().any(asks), "{actions:?}");
        world.beat("p1", 1, |_| {}, 60);
        world.settle(60);
        assert_eq!(world.stored.state, TopicState::Ended(reason));
    }
}

#[test]
fn answers_that_nobody_commits_hold_an_end_up_for_ten_seconds_only_and_are_told_of() {
    let mut world = running(Limits::default());
    stop(&mut world, 100);
    let owes = |beat: &mut Heartbeat| beat.topics[0].unresolved = 3;
    for at in (1_000..=10_000).step_by(1_000) {
        world.beat("p1", 1, owes, at);
        world.settle(at);
        assert_eq!(world.stored.state, TopicState::Ending(EndReason::Stopped), "at {at}");
    }
    world.beat("p1", 1, owes, 11_000);
    world.settle(11_000);
    assert_eq!(world.stored.state, TopicState::Ended(EndReason::Stopped));
    let problem = world.coordinator.status(&id(), now(11_000)).unwrap().problem.unwrap();
    assert_eq!(problem, "3 answers were not committed when the topic ended");
}

#[test]
fn a_cap_that_is_used_up_without_an_answer_says_what_was_the_matter() {
    let mut world = running(Limits { max_requests: Some(2), ..Limits::default() });
    let tells = |beat: &mut Heartbeat| {
        beat.topics[0].sent = 2;
        beat.providers = vec![ProviderReport {
            name: "small".into(),
            model: "m".into(),
            state: ProviderState::Waiting,
            detail: "connection refused".into(),
        }];
    };
    world.answer("p1", Outcome::Unreachable, &[], 10);
    world.answer("p1", Outcome::Unreachable, &[], 20);
    world.beat("p1", 1, tells, 30);
    world.settle(30);
    assert_eq!(world.stored.state, TopicState::Ending(EndReason::MaxRequests));
    assert_eq!(world.stored.problem.as_deref(), Some("small: connection refused"));

    let mut world = running(Limits { max_requests: Some(2), ..Limits::default() });
    world.answer("p1", Outcome::Unreachable, &[], 10);
    world.answer("p1", Outcome::Unreachable, &[], 20);
    world.beat("p1", 1, |beat| beat.topics[0].sent = 2, 30);
    world.settle(30);
    assert_eq!(world.stored.problem.as_deref(), Some("none of 2 requests was answered"));

    let mut world = running(Limits { max_requests: Some(1), ..Limits::default() });
    world.answer("p1", Outcome::Answered, &["Wren"], 10);
    world.beat("p1", 1, tells, 30);
    world.settle(30);
    assert_eq!(world.stored.problem, None, "there was an answer");
}

#[test]
fn what_a_producer_that_died_may_have_spent_is_shown() {
    let mut world = World::new(Limits { max_requests: Some(7), ..Limits::default() });
    world.beat("p1", 1, |_| {}, 0);
    world.settle(0);
    world.beat("p1", 1, |_| {}, 10);
    world.settle(10);
    let leased = world.lease("p1").requests;
    world.answer("p1", Outcome::Answered, &[], 20);
    let lost = |world: &World, at| world.coordinator.status(&id(), now(at)).unwrap().lost;
    assert_eq!(lost(&world, 30), Lease::default(), "it lives");
    world.settle(6_000);
    assert_eq!(lost(&world, 6_000), Lease { requests: leased - 1, cost: Cost::ZERO });
    world.beat("p1", 2, |_| {}, 7_000);
    world.settle(7_000);
    assert_eq!(lost(&world, 7_000).requests, leased - 1, "the next life has leases of its own");
    let rest = world.lease("p1").requests;
    assert_eq!(leased + rest, 7);
    world.settle(20_000);
    assert_eq!(world.stored.state.reason(), Some(EndReason::MaxRequests), "both lives are over");
    let status = world.coordinator.status(&id(), now(20_000)).unwrap();
    assert_eq!(status.lost.requests, 6);
    let problem = status.problem.unwrap();
    assert!(problem.starts_with("6 requests count against the cap"), "{problem}");
}

#[test]
fn a_new_leader_calls_nothing_lost_before_its_holder_had_time_to_be_heard() {
    let mut world = running(Limits { max_requests: Some(7), ..Limits::default() });
    world.settle(10);
    let leased = world.lease("p1").requests;
    world.take_over(100);
    let lost = |world: &World, at| world.coordinator.status(&id(), now(at)).unwrap().lost.requests;
    assert_eq!(lost(&world, 200), 0);
    assert_eq!(lost(&world, 5_100), leased);
}
