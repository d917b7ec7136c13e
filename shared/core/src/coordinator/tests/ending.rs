//! How a topic ends: when it is dry or a cap is reached, at once where a cap is used up already, with what producers still owe, and what is said of it.

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
            weight_millis: None,
            rests: false,
            key_waits_ms: 0,
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

#[test]
fn a_topic_ends_when_answers_stay_dry_and_only_after_the_producers_have_settled() {
    let mut world = running(Limits::default());
    world.answer("p1", Outcome::Answered, &["Wren"], 10);
    for _ in 0..Settings::default().dry_after {
        world.answer("p1", Outcome::Answered, &[], 20);
    }
    world.settle(30);
    assert_eq!(world.stored.state, TopicState::Ending(EndReason::Dry));
    assert!(!world.commands.get(&producer("p1")).unwrap().topics.first().unwrap().ask);
    world.beat("p1", 1, |beat| beat.topics[0].in_flight = 1, 40);
    world.settle(40);
    assert!(!world.stored.state.is_ended(), "a request is under way");
    world.beat("p1", 1, |_| {}, 50);
    world.settle(50);
    assert_eq!(world.stored.state, TopicState::Ended(EndReason::Dry));
    assert_eq!(world.stored.ended_at, Some(now(50).unix));
    world.beat("p1", 1, |_| {}, 60);
    world.settle(60);
    assert!(world.commands.get(&producer("p1")).unwrap().topics.is_empty());
}

#[test]
fn dry_answers_of_an_earlier_start_do_not_end_a_resumed_topic() {
    let mut world = running(Limits::default());
    (0..30).for_each(|_| world.answer("p1", Outcome::Answered, &[], 20));
    world.settle(30);
    world.beat("p1", 1, |_| {}, 40);
    world.settle(40);
    let again = StartRequest {
        name: "birds".into(),
        mode: crate::topic::StartMode::Resume,
        ..StartRequest::default()
    };
    world.stored = Topic::start(Some(&world.stored), id(), again, now(50).unix).unwrap();
    world.coordinator.topic(world.stored.clone(), now(50));
    world.settle(50);
    assert_eq!((world.stored.state, world.stored.run), (TopicState::Running, 1));
    world.answer("p1", Outcome::Answered, &[], 60);
    world.settle(60);
    assert_eq!(world.stored.state, TopicState::Running);
}

fn floor(new: u32) -> Limits {
    Limits { min_new_per_100_requests: Some(new), ..Limits::default() }
}

#[test]
fn a_topic_ends_when_the_newest_requests_bring_less_than_is_wanted() {
    let mut world = running(floor(50));
    world.answer("p1", Outcome::Answered, &["Wren", "Owl", "Kite", "Rook"], 10);
    for _ in 0..7 {
        world.settle(20);
        assert!(world.stored.state.is_live(), "fewer than eight answers say nothing");
        world.again("p1", 1, 20);
    }
    world.answer("p1", Outcome::Timeout, &[], 30);
    world.answer("p1", Outcome::Refused, &[], 30);
    world.settle(30);
    assert!(world.stored.state.is_live(), "four in eight are as many as are wanted");
    world.again("p1", 1, 40);
    world.settle(40);
    assert_eq!(world.stored.state, TopicState::Ending(EndReason::LowYield));
    world.beat("p1", 1, |_| {}, 50);
    world.settle(50);
    assert_eq!(world.stored.state, TopicState::Ended(EndReason::LowYield));
    let again = StartRequest { name: "birds".into(), ..StartRequest::default() };
    assert_eq!(
        Topic::start(Some(&world.stored), id(), again, now(60).unix).unwrap().run,
        2,
        "it is its own end"
    );

    let mut world = running(floor(50));
    for _ in 0..20 {
        world.answer("p1", Outcome::Refused, &[], 10);
    }
    world.settle(20);
    assert!(world.stored.state.is_live(), "refusals say nothing of what there is");
}

#[test]
fn as_many_answers_are_looked_at_as_may_be_under_way_at_once() {
    let mut world = running(floor(100));
    world.beat("p1", 1, |beat| beat.concurrency = 6, 10);
    world.beat("p2", 1, |beat| beat.concurrency = 5, 10);
    for answer in 1..=11 {
        world.settle(20);
        assert!(world.stored.state.is_live(), "{answer}");
        world.again("p1", 0, 20);
    }
    world.settle(30);
    assert_eq!(world.stored.state, TopicState::Ending(EndReason::LowYield));
}

#[test]
fn answers_to_an_earlier_start_do_not_end_a_resumed_topic_for_its_yield_and_those_before_a_new_leader_do() {
    let mut world = running(Limits::default());
    (0..8).for_each(|_| world.again("p1", 0, 20));
    stop(&mut world, 30);
    world.beat("p1", 1, |_| {}, 40);
    world.settle(40);
    go_on(&mut world, floor(100), 50);
    for answer in 1..=8 {
        world.settle(60);
        assert_eq!(world.stored.state, TopicState::Running, "{answer}");
        world.again("p1", 0, 60);
    }
    world.settle(70);
    assert_eq!(world.stored.state, TopicState::Ending(EndReason::LowYield));

    let mut world = running(floor(100));
    (0..7).for_each(|_| world.again("p1", 0, 20));
    world.take_over(30);
    world.beat("p1", 1, |_| {}, 40);
    world.again("p1", 0, 50);
    world.settle(60);
    assert!(world.stored.state.is_live(), "others may be at work that this leader has not heard yet");
    world.beat("p1", 1, |_| {}, 5_100);
    world.settle(5_100);
    assert_eq!(world.stored.state, TopicState::Ending(EndReason::LowYield), "the log says it to any leader");
}

#[test]
fn requests_under_way_are_given_up_after_the_grace_and_a_silent_producer_does_not_hold_the_end_up() {
    let mut world = running(Limits::default());
    let stopped = world.stored.end(EndReason::Stopped).unwrap();
    world.stored = stopped.clone();
    world.coordinator.topic(stopped, now(100));
    world.settle(100);
    let abandons =
        |world: &World| world.commands.get(&producer("p1")).unwrap().topics.first().unwrap().abandon;
    for at in (1_000..=61_000).step_by(1_000) {
        world.beat("p1", 1, |beat| beat.topics[0].in_flight = 1, at);
        world.settle(at);
        assert_eq!(abandons(&world), at > 60_000, "at {at}");
    }
    assert_eq!(world.stored.state, TopicState::Ending(EndReason::Stopped));
    world.settle(67_000);
    assert_eq!(world.stored.state, TopicState::Ended(EndReason::Stopped));
}

#[test]
fn every_cap_ends_its_topic() {
    let mut world = running(Limits { max_attributes: Some(1), ..Limits::default() });
    world.answer("p1", Outcome::Answered, &["Wren"], 10);
    world.settle(10);
    assert_eq!(world.stored.state.reason(), Some(EndReason::MaxAttributes));

    let mut world = running(Limits { time_limit_ms: Some(5_000), ..Limits::default() });
    world.settle(4_900);
    assert!(world.stored.state.is_live());
    world.settle(5_000);
    assert_eq!(world.stored.state.reason(), Some(EndReason::TimeLimit));

    let mut world = running(Limits { max_requests: Some(2), ..Limits::default() });
    world.answer("p1", Outcome::Timeout, &[], 10);
    world.settle(10);
    assert!(world.stored.state.is_live());
    world.answer("p1", Outcome::Answered, &["Wren"], 20);
    world.beat("p1", 1, |beat| beat.topics[0].sent = 2, 20);
    world.settle(20);
    assert_eq!(world.stored.state.reason(), Some(EndReason::MaxRequests));

    let price = Cost::from_picodollars(100);
    let mut world = running(Limits { max_cost: Some(Cost::from_picodollars(99)), ..Limits::default() });
    world.settle(10);
    assert!(world.stored.state.is_live(), "no price is known yet");
    let tell_price =
        |beat: &mut Heartbeat| (beat.topics[0].request_cost, beat.topics[0].dearest_cost) = (price, price);
    world.beat("p1", 1, tell_price, 20);
    world.settle(20);
    assert_eq!(world.stored.state.reason(), Some(EndReason::MaxUsd));
}

#[test]
fn a_topic_that_ends_for_want_of_money_before_its_first_request_says_so() {
    let mut world = World::new(Limits { max_cost: Some(Cost::from_picodollars(99)), ..Limits::default() });
    let dear = |beat: &mut Heartbeat| {
        for report in &mut beat.topics {
            (report.request_cost, report.dearest_cost) =
                (Cost::from_picodollars(100), Cost::from_picodollars(100));
        }
    };
    world.settle(0);
    for at in [0, 10, 20, 30, 40] {
        world.beat("p1", 1, dear, at);
        world.settle(at);
    }
    assert_eq!(world.stored.state, TopicState::Ended(EndReason::MaxUsd));
    let problem = world.coordinator.status(&id(), now(40)).unwrap().problem.unwrap();
    assert!(problem.contains("worst case"), "{problem}");
}

#[test]
fn a_topic_that_has_ended_lately_is_followed_by_the_next_leader_too() {
    let mut world = running(Limits::default());
    world.stored = Topic {
        state: TopicState::Ended(EndReason::Dry),
        epoch: 1,
        ended_at: Some(now(100).unix),
        ..world.stored.clone()
    };
    let opens = |at: u64| {
        let mut next = Coordinator::new("r".to_owned(), 2, Settings::default());
        next.topic(world.stored.clone(), now(at));
        next.decide(now(at)).iter().any(|action| matches!(action, Action::Open { .. }))
    };
    assert!(opens(200), "a producer that could not be heard may still bring answers");
    assert!(!opens(u64::try_from(LINGER.as_millis()).unwrap() + 101));
}

#[test]
fn what_comes_to_a_topic_that_ended_long_ago_has_it_followed_once_more() {
    let mut world = running(Limits::default());
    world.answer("p1", Outcome::Answered, &["Wren"], 10);
    let id = world.stored.id.clone();
    world.coordinator.late(&id, 1);
    world.coordinator.closed(&id);
    assert!(world.coordinator.is_open(&id), "it runs");
    let long_ago = Topic {
        state: TopicState::Ended(EndReason::Dry),
        version: world.stored.version + 1,
        ended_at: Some(now(100).unix),
        ..world.stored.clone()
    };
    world.coordinator.topic(long_ago, now(100));
    world.coordinator.closed(&id);
    assert_eq!((world.coordinator.attributes(&id), world.coordinator.followed().count()), (0, 0));
    // The clock may be behind the one that told when it ended.
    let again = world.coordinator.decide(now(100));
    assert!(!again.iter().any(|action| matches!(action, Action::Open { .. })), "it had its while");
    assert_eq!(world.coordinator.status(&id, now(100)).unwrap().problem, None);
    let at = now(u64::try_from(LINGER.as_millis()).unwrap() + 101);
    let opens = |world: &mut World| {
        world.coordinator.decide(at).iter().any(|action| matches!(action, Action::Open { .. }))
    };
    world.coordinator.late(&id, 2);
    assert!(!opens(&mut world), "that is another run");
    world.coordinator.late(&id, 1);
    assert!(opens(&mut world));
    assert!(!opens(&mut world), "whoever sees that it is behind says so again");
    world.coordinator.opened(&id, 1, None, None);
    assert!(!opens(&mut world));
    world.coordinator.closed(&id);
    assert!(!opens(&mut world));
}

#[test]
fn an_answer_among_the_dead_letters_holds_no_capped_topic_up() {
    let mut world = World::new(Limits { max_requests: Some(3), ..Limits::default() });
    world.beat("p1", 1, |_| {}, 0);
    world.settle(0);
    let mut answered = 0;
    for at in (1_000..20_000).step_by(1_000) {
        if world.stored.state != TopicState::Running {
            break;
        }
        let leased = world.lease("p1").requests;
        while answered < leased.min(2) {
            world.answer("p1", Outcome::Answered, &[], at);
            answered += 1;
        }
        world.beat("p1", 1, |beat| beat.topics.iter_mut().for_each(|topic| topic.sent = leased), at);
        world.settle(at);
    }
    assert_eq!((answered, world.stored.state.reason()), (2, Some(EndReason::MaxRequests)));
}
