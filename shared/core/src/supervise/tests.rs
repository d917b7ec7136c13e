#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::Action::{AllReady, Done, GiveUp, Kill, Spawn, Terminate, WillRestart};
use super::*;

const fn at(ms: u64) -> Monotonic {
    Monotonic(ms)
}

const HALF: Duration = Duration::from_millis(500);

/// An orchestrator, a webserver, two producers, all ready.
fn up() -> Supervisor {
    let mut supervisor = Supervisor::new([0, 1, 2, 2]);
    assert_eq!(supervisor.handle(Event::Start, at(0)), [Spawn(0)]);
    assert_eq!(supervisor.handle(Event::Ready(0), at(0)), [Spawn(1)]);
    assert_eq!(supervisor.handle(Event::Ready(1), at(0)), [Spawn(2), Spawn(3)]);
    assert_eq!(supervisor.handle(Event::Ready(2), at(0)), []);
    assert_eq!(supervisor.handle(Event::Ready(3), at(0)), [AllReady]);
    supervisor
}

#[test]
fn stages_stop_in_reverse_and_each_waits_for_the_one_before() {
    let mut supervisor = up();
    assert_eq!(supervisor.handle(Event::Stop, at(10)), [Terminate(2), Terminate(3)]);
    assert_eq!(supervisor.handle(Event::Gone(3, Ended::Code(0)), at(20)), []);
    assert_eq!(supervisor.handle(Event::Gone(2, Ended::Code(0)), at(30)), [Terminate(1)]);
    assert_eq!(supervisor.handle(Event::Gone(1, Ended::Code(0)), at(40)), [Terminate(0)]);
    assert_eq!(supervisor.handle(Event::Gone(0, Ended::Code(0)), at(50)), [Done]);
    assert!(!supervisor.killed() && supervisor.failed().is_none());
}

#[test]
fn a_child_that_dies_is_started_again_and_nobody_else() {
    let mut supervisor = up();
    assert_eq!(supervisor.handle(Event::Gone(0, Ended::Broken), at(1_000)), [WillRestart(0, HALF)]);
    assert_eq!(supervisor.next_deadline(), Some(at(1_500)));
    assert_eq!(supervisor.handle(Event::Tick, at(1_499)), []);
    assert_eq!(supervisor.handle(Event::Tick, at(1_500)), [Spawn(0)]);
    assert_eq!(supervisor.handle(Event::Ready(0), at(1_600)), [], "that all are ready is said once");
}

#[test]
fn the_pause_doubles_to_its_bound_and_shrinks_with_health() {
    let mut supervisor = up();
    let mut now = 0;
    let mut pauses = Vec::new();
    for _ in 0..9 {
        let actions = supervisor.handle(Event::Gone(2, Ended::Code(1)), at(now));
        let [WillRestart(2, pause)] = actions[..] else { unreachable!("{actions:?}") };
        pauses.push(pause.as_millis());
        now += u64::try_from(pause.as_millis()).unwrap();
        assert_eq!(supervisor.handle(Event::Tick, at(now)), [Spawn(2)]);
    }
    assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    now += 7 * 60_000;
    let two_failures_left = Duration::from_secs(2);
    assert_eq!(
        supervisor.handle(Event::Gone(2, Ended::Code(1)), at(now)),
        [WillRestart(2, two_failures_left)]
    );
}

#[test]
fn a_wrong_configuration_stops_everything_in_order() {
    let mut supervisor = up();
    let actions = supervisor.handle(Event::Gone(2, Ended::Code(2)), at(10));
    assert_eq!(actions, [GiveUp(2, 2), Terminate(3)]);
    assert_eq!(supervisor.handle(Event::Gone(3, Ended::Code(0)), at(20)), [Terminate(1)]);
    assert_eq!(supervisor.failed(), Some((2, 2)));
}

#[test]
fn what_has_not_started_is_not_started_when_the_first_gives_up() {
    let mut supervisor = Supervisor::new([0, 1, 2]);
    assert_eq!(supervisor.handle(Event::Start, at(0)), [Spawn(0)]);
    assert_eq!(supervisor.handle(Event::Gone(0, Ended::Code(4)), at(10)), [GiveUp(0, 4), Done]);
}

#[test]
fn who_does_not_stop_in_time_is_killed() {
    let mut supervisor = up();
    assert_eq!(supervisor.handle(Event::Stop, at(0)), [Terminate(2), Terminate(3)]);
    assert_eq!(supervisor.handle(Event::Gone(2, Ended::Code(0)), at(10)), []);
    assert_eq!(supervisor.next_deadline(), Some(at(25_000)));
    assert_eq!(supervisor.handle(Event::Tick, at(25_000)), [Kill(3)]);
    assert_eq!(supervisor.handle(Event::Gone(3, Ended::Broken), at(25_001)), [Terminate(1)]);
    assert!(supervisor.killed());
}

#[test]
fn at_once_means_at_once() {
    let mut supervisor = up();
    assert_eq!(supervisor.handle(Event::Stop, at(0)), [Terminate(2), Terminate(3)]);
    assert_eq!(supervisor.handle(Event::StopNow, at(1)), [Kill(0), Kill(1), Kill(2), Kill(3)]);
}

#[test]
fn a_child_that_pauses_when_the_end_comes_does_not_come_back() {
    let mut supervisor = Supervisor::new([0]);
    assert_eq!(supervisor.handle(Event::Start, at(0)), [Spawn(0)]);
    assert_eq!(supervisor.handle(Event::Gone(0, Ended::Code(1)), at(10)), [WillRestart(0, HALF)]);
    assert_eq!(supervisor.handle(Event::Stop, at(20)), [Done]);
    assert_eq!(supervisor.handle(Event::Tick, at(60_000)), []);
}

fn event(children: usize) -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..children).prop_map(Event::Ready),
        3 => (0..children, prop_oneof![Just(Ended::Broken), (0..6).prop_map(Ended::Code)])
            .prop_map(|(child, ended)| Event::Gone(child, ended)),
        3 => Just(Event::Tick),
        1 => Just(Event::Stop),
        1 => Just(Event::StopNow),
    ]
}

proptest! {
    /// Whatever happens: no child is started twice at once, none after the end was asked for, none is signalled that is gone, and when it is
    /// over none runs.
    #[test]
    fn no_child_runs_twice_or_is_left_behind(events in prop::collection::vec((event(4), 0_u64..40_000), 0..80)) {
        let mut supervisor = Supervisor::new([0, 1, 2, 2]);
        let (mut runs, mut stopping, mut now) = ([false; 4], false, 0);
        let mut actions = supervisor.handle(Event::Start, at(now));
        for (event, later) in events {
            for action in actions {
                match action {
                    Spawn(child) => {
                        prop_assert!(!runs[child] && !stopping);
                        runs[child] = true;
                    }
                    Terminate(child) | Kill(child) => prop_assert!(runs[child]),
                    GiveUp(..) => stopping = true,
                    Done => prop_assert!(runs == [false; 4]),
                    WillRestart(..) | AllReady => {}
                }
            }
            now += later;
            match event {
                Event::Gone(child, _) if !runs[child] => {
                    actions = Vec::new();
                    continue;
                }
                Event::Gone(child, _) => runs[child] = false,
                Event::Stop | Event::StopNow => stopping = true,
                Event::Start | Event::Ready(_) | Event::Tick => {}
            }
            actions = supervisor.handle(event, at(now));
        }
    }
}
