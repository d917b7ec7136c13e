//! What a leader makes of producers that it has not heard yet, or cannot hear.

use super::*;

const TIMEOUT_MS: u64 = 5_000;

/// A topic whose cap is leased in full to `p1` and `p2`, whose requests are not all sent; and then another leader.
fn all_is_leased() -> World {
    let mut world = World::new(Limits { max_requests: Some(4), ..Limits::default() });
    world.beat("p1", 1, |_| {}, 0);
    world.beat("p2", 1, |_| {}, 0);
    world.settle(0);
    for at in 0..10 {
        world.beat("p1", 1, |_| {}, at);
        world.beat("p2", 1, |_| {}, at);
        world.settle(at);
    }
    let leased: u64 = ["p1", "p2"].map(|name| world.lease(name).requests).iter().sum();
    assert_eq!(leased, 4);
    world
}

#[test]
fn a_new_leader_does_not_call_a_cap_used_up_before_the_holders_of_its_leases_had_time_to_be_heard() {
    let mut world = all_is_leased();
    world.take_over(100);
    world.settle(200);
    assert_eq!(world.stored.state, TopicState::Running, "what is leased may yet be sent");
    world.beat("p1", 1, |_| {}, 300);
    world.settle(300);
    assert_eq!(world.stored.state, TopicState::Running);
    world.settle(101 + 2 * TIMEOUT_MS);
    assert_eq!(world.stored.state.reason(), Some(EndReason::MaxRequests), "both are dead");
}

#[test]
fn a_cap_that_comes_to_a_new_leader_is_leased_when_the_holders_of_older_leases_had_time_to_be_heard() {
    let mut world = World::new(Limits::default());
    for at in 0..3 {
        world.beat("p1", 1, |_| {}, at);
        world.beat("p2", 1, |_| {}, at);
        world.settle(at);
    }
    let window = Settings::default().window;
    assert_eq!(["p1", "p2"].map(|name| world.lease(name).requests), [window; 2]);
    world.take_over(100);
    let (limits, version) =
        (Limits { max_requests: Some(100), ..Limits::default() }, world.stored.version + 1);
    world.stored = Topic { limits, version, ..world.stored.clone() };
    world.coordinator.topic(world.stored.clone(), now(200));
    let used_one = |beat: &mut Heartbeat| {
        (beat.topics[0].sent, beat.topics[0].lease.requests) = (1, beat.topics[0].lease.requests.max(1));
    };
    for at in [300, 1_000, 2_000, 3_000, 4_000, 5_000] {
        world.beat("p1", 1, used_one, at);
        world.settle(at);
        assert_eq!(world.lease("p1").requests, u64::from(at > 300), "at {at}");
        assert_eq!(world.stored.state, TopicState::Running);
    }
    world.beat("p1", 1, used_one, 100 + TIMEOUT_MS);
    world.settle(100 + TIMEOUT_MS);
    assert!(world.lease("p1").requests > 1);
}

#[test]
fn a_new_leader_does_not_give_up_for_the_first_producer_that_it_hears() {
    let mut world = running(Limits::default());
    world.take_over(100);
    let hopeless = |beat: &mut Heartbeat| beat.topics[0].hopeless = Some("no key".into());
    world.beat("p1", 1, hopeless, 200);
    world.settle(200);
    assert_eq!(world.stored.state, TopicState::Running, "another one may have a key");
    world.beat("p1", 1, hopeless, 100 + TIMEOUT_MS);
    world.settle(100 + TIMEOUT_MS);
    assert_eq!(world.stored.state.reason(), Some(EndReason::NoProvider));
}

#[test]
fn who_could_not_be_heard_is_not_taken_for_dead() {
    let mut world = all_is_leased();
    world.take_over(100);
    world.beat("p1", 1, |_| {}, 200);
    for at in (1_000..60_000).step_by(1_000) {
        world.coordinator.deaf(now(at).monotonic);
        world.settle(at);
    }
    assert_eq!(world.stored.state, TopicState::Running);
    assert_eq!(world.coordinator.producers(), 1);
    let actions = world.settle(59_000 + TIMEOUT_MS + 1);
    assert!(
        actions.contains(&Action::Note(Note::Lost(producer("p1")))),
        "but then it should have been: {actions:?}"
    );
}

#[test]
fn a_producer_that_tells_of_an_older_run_does_not_hold_an_end_up() {
    let mut world = running(Limits::default());
    let again = StartRequest {
        name: "birds".into(),
        mode: crate::topic::StartMode::Fresh,
        ..StartRequest::default()
    };
    let ended = Topic { state: TopicState::Ended(EndReason::Dry), ..world.stored.clone() };
    world.stored = Topic::start(Some(&ended), id(), again, now(50).unix).unwrap();
    assert_eq!(world.stored.run, 2);
    world.coordinator.topic(world.stored.clone(), now(50));
    let old = |beat: &mut Heartbeat| {
        for report in &mut beat.topics {
            (report.run, report.in_flight, report.unresolved) = (1, 1, 1);
        }
    };
    world.beat("p1", 1, old, 60);
    world.settle(60);
    world.stored = world.stored.end(EndReason::Stopped).unwrap();
    world.coordinator.topic(world.stored.clone(), now(70));
    world.settle(70);
    assert!(!world.stored.state.is_ended(), "it has not heard of it yet");
    world.beat("p1", 1, old, 80);
    world.settle(80);
    assert_eq!(world.stored.state, TopicState::Ended(EndReason::Stopped));
}

#[test]
fn nothing_is_decided_on_a_part_of_the_log() {
    let mut world = running(Limits::default());
    world.answer("p1", Outcome::Answered, &["Wren"], 10);
    for _ in 0..Settings::default().dry_after {
        world.answer("p1", Outcome::Answered, &[], 20);
    }
    let mut bad = world.entries[0].clone();
    (bad.index, bad.tail.first_new) = (world.log + 1, 7);
    world.coordinator.entries(&id(), 1, &[bad], world.log + 1, now(20)).unwrap_err();
    world.settle(30);
    assert_eq!(world.stored.state, TopicState::Running);
}
