//! Which ways to ask are used.

use super::decisions::{replay, replay_changed};
use super::*;
use crate::decision::{CHUNK, What};
use crate::phrasing::{Phrasing, Wording};

fn phrasings(world: &World) -> &[Phrasing] {
    &world.commands[&producer("p1")].topics[0].phrasings
}

/// So many answers of each in turn, about the whole topic or a part of it, of which each brings so many new items.
fn answers(world: &mut World, turns: u64, cell: Option<&str>, all: &[(Phrasing, u64)], at: u64) {
    for turn in 0..turns {
        for (phrasing, new) in all {
            let (phrasing, cell) = (*phrasing, cell.map(str::to_owned));
            let meta = ResponseMeta { cell, phrasing, ..world.meta(Outcome::Answered) };
            let names: Vec<String> =
                (0..new + turn % 2).map(|n| format!("{at} {turn} {phrasing:?} {n}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            world.answer_to("p1", meta, (&names, 0), at);
        }
    }
}

fn worded(world: &World) -> Vec<Wording> {
    let mut all = Vec::new();
    for decision in world.decisions.values().flat_map(|chunk| &chunk.decisions) {
        if let What::Worded(wording) = &decision.what {
            all.push(wording.clone());
        }
    }
    all
}

#[test]
fn the_way_that_brings_most_leads_when_that_is_written_down_and_under_the_next_leader() {
    let mut world = running(Limits::default());
    assert_eq!(phrasings(&world), Phrasing::ALL);
    answers(&mut world, 12, None, &[(Phrasing::Plain, 5), (Phrasing::Rare, 14), (Phrasing::Exact, 1)], 10);
    world.saves = false;
    world.settle(40);
    assert_eq!(phrasings(&world), Phrasing::ALL, "it is not written down");
    assert_eq!(world.coordinator.status(&id(), now(45)).unwrap().wording(), None, "nor told");
    world.saves = true;
    world.settle(50);
    let expected = [Phrasing::Rare, Phrasing::Broad];
    assert_eq!(phrasings(&world), expected);
    let told = world.coordinator.status(&id(), now(50)).unwrap();
    assert_eq!((told.wordings.as_slice(), told.phrased[&Phrasing::Rare].answers), (expected.as_slice(), 12));
    let words = told.wording().unwrap().in_short();
    assert!(
        words.starts_with("“rare” (14.5 new items an answer, 12 answers) leads; used no more: “plain”"),
        "{words}"
    );
    world.take_over(60);
    world.beat("p1", 1, |_| {}, 60);
    world.settle(60);
    assert_eq!((phrasings(&world), worded(&world).len()), (expected.as_slice(), 1));

    assert!(replay(&world).unwrap() >= 1);
    let differs = replay_changed(&world, |what| {
        if let What::Worded(wording) = what {
            wording.used.truncate(1);
        }
    });
    assert!(differs.unwrap_err().contains("it is: of the ways to ask “rare”"));
}

/// A leader reads no more than the end of what was decided.
#[test]
fn the_ways_that_are_used_are_known_to_a_leader_that_finds_many_decisions_since() {
    let mut world = running(Limits::default());
    answers(&mut world, 12, None, &[(Phrasing::Plain, 5), (Phrasing::Rare, 14), (Phrasing::Exact, 1)], 10);
    world.settle(50);
    answers(&mut world, 20, None, &[(Phrasing::Rare, 3), (Phrasing::Broad, 3)], 60);
    world.settle(70);
    let measured =
        |world: &World, at: u64| world.coordinator.status(&id(), now(at)).unwrap().measured.clone();
    assert_eq!(measured(&world, 80).len(), 1);
    let expected = [Phrasing::Rare];
    assert_eq!((phrasings(&world), worded(&world).len()), (expected.as_slice(), 2));
    for change in 1..=2 * CHUNK as u64 {
        // What is not saved for a while is saved with more than a chunk at once.
        world.saves = change < 40 || change.is_multiple_of(CHUNK as u64);
        world.stored.limits.max_requests = Some(10_000 + change);
        world.stored.version += 1;
        world.coordinator.topic(world.stored.clone(), now(100 + change));
        world.settle(100 + change);
        if change.is_multiple_of(CHUNK as u64) {
            world.take_over(100 + change);
            world.beat("p1", 1, |_| {}, 100 + change);
            world.settle(100 + change);
            assert_eq!(phrasings(&world), expected, "after {change} changes");
            assert_eq!(measured(&world, 100 + change).len(), 1, "after {change} changes");
        }
    }
    assert!(world.decisions.len() > 2 && worded(&world).len() == 2);
    replay(&world).unwrap();
}

#[test]
fn of_a_topic_that_is_cut_only_answers_about_parts_count() {
    let mut world = running(Limits::default());
    let of_parts = [(Phrasing::Plain, 2), (Phrasing::Rare, 9)];
    let of_whole = [(Phrasing::Plain, 20), (Phrasing::Rare, 1)];
    answers(&mut world, 12, None, &of_whole, 10);
    answers(&mut world, 12, Some("a"), &of_parts, 20);
    answers(&mut world, 12, None, &of_whole, 30);
    world.settle(40);
    assert_eq!(phrasings(&world).first(), Some(&Phrasing::Rare));
}

#[test]
fn an_operator_says_how_models_are_asked() {
    let mut world = running(Limits::default());
    world.stored.phrasing = Some(Phrasing::Exact);
    world.stored.version += 1;
    world.coordinator.topic(world.stored.clone(), now(1));
    answers(&mut world, 20, None, &[(Phrasing::Plain, 1), (Phrasing::Rare, 20)], 10);
    world.settle(30);
    assert_eq!((phrasings(&world), worded(&world).len()), ([Phrasing::Exact].as_slice(), 0));
    let told = world.coordinator.status(&id(), now(30)).unwrap();
    assert!(told.wordings.is_empty() && told.phrased.is_empty(), "there is nothing to compare");
}
