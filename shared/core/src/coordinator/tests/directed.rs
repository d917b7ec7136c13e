//! What single requests aim at.

use super::*;
use crate::command::OrderedAim;
use crate::frontier::Letters;
use crate::topic::{Partition, Share};

/// A topic whose requests aim at parts, with a provider that can be asked.
pub(super) fn directed(limits: Limits) -> World {
    let mut world = World::new(limits);
    world.stored.partition = Partition::Alphabetical;
    world.coordinator = Coordinator::new("r".to_owned(), 3, Settings::default());
    world.coordinator.topic(world.stored.clone(), now(0));
    ready(&mut world, "p1", 0, 0);
    world.settle(0);
    ready(&mut world, "p1", 0, 0);
    world.settle(0);
    world
}

/// A heartbeat of a producer that has sent so many, and waits for none.
pub(super) fn ready(world: &mut World, name: &str, sent: u64, at: u64) {
    waiting(world, name, (sent, 0), at);
}

fn ready_report() -> Vec<ProviderReport> {
    let small = ProviderReport {
        name: "small".to_owned(),
        model: "m".to_owned(),
        state: ProviderState::Ready,
        detail: String::new(),
        weight_millis: None,
        rests: false,
        key_waits_ms: 0,
    };
    vec![small]
}

pub(super) fn waiting(world: &mut World, name: &str, (sent, in_flight): (u64, u32), at: u64) {
    let say = |beat: &mut Heartbeat| {
        beat.providers = ready_report();
        for report in &mut beat.topics {
            (report.sent, report.in_flight) = (sent, in_flight);
        }
    };
    world.beat(name, 1, say, at);
}

pub(super) fn aims(world: &World, name: &str) -> Vec<OrderedAim> {
    world.commands[&producer(name)].topics[0].aims.clone().unwrap()
}

fn cells(aims: &[OrderedAim]) -> Vec<&str> {
    aims.iter().filter_map(|aim| aim.cell.as_deref()).collect()
}

/// Forty names each, half of them known to both.
pub(super) fn first_answers(world: &mut World) {
    let names: Vec<String> =
        ('a'..='z').flat_map(|letter| ["a", "e", "i"].map(|second| format!("{letter}{second}"))).collect();
    let texts: Vec<&str> = names.iter().map(String::as_str).collect();
    world.answer("p1", Outcome::Answered, &texts[..50], 10);
    world.answer("p1", Outcome::Answered, &texts[50..], 20);
}

#[test]
fn a_topic_that_is_not_cut_leaves_its_requests_free() {
    let world = running(Limits::default());
    assert_eq!(world.commands[&producer("p1")].topics[0].aims, None);
}

#[test]
fn the_first_requests_are_about_the_whole_and_the_next_about_parts_that_do_not_overlap() {
    let mut world = directed(Limits::default());
    let first = aims(&world, "p1");
    assert_eq!(first.iter().map(|aim| aim.number).collect::<Vec<_>>(), [0, 1]);
    assert!(cells(&first).is_empty() && first.iter().all(|aim| aim.items == 50));
    first_answers(&mut world);
    for at in [30, 40] {
        ready(&mut world, "p1", 2, at);
        world.settle(at);
    }
    for at in [50, 60] {
        ready(&mut world, "p2", 0, at);
        world.settle(at);
    }
    let (one, two) = (aims(&world, "p1"), aims(&world, "p2"));
    // As many as it has places, and half as many again.
    assert_eq!(one.iter().map(|aim| aim.number).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7]);
    assert_eq!(two.first().unwrap().number, 0);
    let all: Vec<Letters> =
        cells(&one).into_iter().chain(cells(&two)).map(|cell| Letters::parse(cell).unwrap()).collect();
    assert!(all.len() > 6);
    for (place, letters) in all.iter().enumerate() {
        assert!(all.iter().skip(place + 1).all(|other| !letters.overlaps(*other)), "{all:?}");
    }
}

#[test]
fn tickets_of_a_producer_that_is_lost_are_issued_again() {
    let mut world = directed(Limits::default());
    first_answers(&mut world);
    ready(&mut world, "p1", 2, 30);
    world.settle(30);
    let before: Vec<String> = cells(&aims(&world, "p1")).into_iter().map(str::to_owned).collect();
    ready(&mut world, "p2", 0, 9_000);
    world.settle(9_000);
    ready(&mut world, "p2", 0, 9_000);
    world.settle(9_000);
    assert_eq!(world.coordinator.producers(), 1);
    let after = aims(&world, "p2");
    assert!(cells(&after).iter().any(|cell| before.iter().any(|one| one == cell)), "{before:?} {after:?}");
}

/// What it said that a request costs stays what it says when the cap on money is gone.
#[test]
fn without_a_cap_on_money_nobody_waits_for_any() {
    let mut world = directed(Limits { max_requests: Some(60), ..Limits::default() });
    first_answers(&mut world);
    for turn in 1..60 {
        let at = 100 * turn;
        ready(&mut world, "p1", 2, at);
        let price = Cost::from_picodollars(5_000);
        let say = |beat: &mut Heartbeat| {
            beat.providers = ready_report();
            beat.topics.iter_mut().for_each(|report| report.request_cost = price);
        };
        world.beat("p2", 1, say, at);
        world.settle(at);
    }
    assert!(!aims(&world, "p2").is_empty());
}

/// What a producer does not wait for any more is not under way, and is asked for again.
#[test]
fn tickets_that_nobody_waits_for_are_issued_again() {
    let mut world = directed(Limits::default());
    first_answers(&mut world);
    ready(&mut world, "p1", 2, 30);
    world.settle(30);
    waiting(&mut world, "p1", (8, 6), 40);
    world.settle(40);
    let while_waiting = aims(&world, "p1").len();
    ready(&mut world, "p1", 8, 50);
    world.settle(50);
    let again = aims(&world, "p1");
    assert_eq!(again.iter().map(|aim| aim.number).min(), Some(8));
    assert!(again.len() > while_waiting, "{while_waiting} {again:?}");
}

#[test]
fn a_new_leader_goes_on_with_numbers_that_were_not_sent() {
    let mut world = directed(Limits::default());
    first_answers(&mut world);
    ready(&mut world, "p1", 2, 30);
    world.settle(30);
    world.commands.clear();
    world.take_over(40);
    world.beat("p1", 1, |_| {}, 50);
    world.settle(50);
    waiting(&mut world, "p1", (5, 3), 60);
    world.settle(60);
    let numbers: Vec<u64> = aims(&world, "p1").iter().map(|aim| aim.number).collect();
    assert!(!numbers.is_empty() && numbers.iter().all(|number| *number >= 5), "{numbers:?}");
    assert!(!cells(&aims(&world, "p1")).is_empty());
}

#[test]
fn a_topic_ends_when_it_is_as_complete_as_was_wanted_and_not_before_enough_answers() {
    let months = ["january", "february", "march", "april", "may", "june", "july"];
    let wanted = |share: f64| Limits { completeness: Some(Share::new(share)), ..Limits::default() };
    for limits in [wanted(0.95), Limits::default()] {
        let mut world = running(limits);
        world.answer("p1", Outcome::Answered, &months, 10);
        for answer in 2..=10_u64 {
            world.settle(10 + answer * 1_100);
            world.beat("p1", 1, |_| {}, 10 + answer * 1_100);
            let is_complete = world.stored.state.reason() == Some(EndReason::Complete);
            assert_eq!(is_complete, limits.completeness.is_some() && answer > 8, "{answer}");
            world.again("p1", months.len(), 20 + answer * 1_100);
        }
    }
}
