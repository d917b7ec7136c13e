//! How requests about the whole topic are shared among providers.

use super::decisions::{replay, replay_changed};
use super::*;
use crate::decision::What;
use crate::routing::{Policy, Routed};

const BOTH: [(&str, u64); 2] = [("dear", 1_000), ("small", 1_000)];

/// A heartbeat of a producer with these providers, of such weights in thousandths.
fn beat(world: &mut World, name: &str, providers: &[(&str, u64)], at: u64) {
    let report = |(name, weight): &(&str, u64)| ProviderReport {
        name: (*name).to_owned(),
        model: "m".to_owned(),
        state: ProviderState::Ready,
        detail: String::new(),
        weight_millis: Some(*weight),
        rests: false,
        key_waits_ms: 0,
    };
    let providers = providers.iter().map(report).collect();
    world.beat(name, 1, |beat| beat.providers = providers, at);
}

/// So many answers of each, the dear one's at ten times the price.
fn answers(world: &mut World, turns: u64, at: u64) {
    for turn in 0..turns {
        for (provider, price) in [("dear", 10_000), ("small", 1_000)] {
            let meta = ResponseMeta {
                provider: provider.into(),
                cost: Cost::from_picodollars(price),
                ..world.meta(Outcome::Answered)
            };
            let names: Vec<String> = (0..5).map(|n| format!("{provider} {at} {turn} {n}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            world.answer_to("p1", meta, (&names, 0), at);
        }
    }
}

fn weights<'a>(world: &'a World, name: &str) -> &'a BTreeMap<String, f64> {
    &world.commands[&producer(name)].topics[0].provider_weights
}

fn routed(world: &World) -> Vec<&Routed> {
    let decisions = world.decisions.values().flat_map(|chunk| &chunk.decisions);
    let mut all = Vec::new();
    for decision in decisions {
        if let What::Routed(routed) = &decision.what {
            all.push(routed);
        }
    }
    all
}

#[test]
fn who_costs_less_for_what_it_brings_is_asked_more_when_that_is_written_down() {
    let mut world = running(Limits::default());
    beat(&mut world, "p1", &BOTH, 1);
    world.settle(1);
    assert!(weights(&world, "p1").is_empty(), "nothing is known");
    answers(&mut world, 8, 10);
    world.saves = false;
    world.settle(10);
    assert!(weights(&world, "p1").is_empty() && routed(&world).is_empty(), "it is not written down");
    let decided = |world: &World, at| world.coordinator.status(&id(), now(at)).unwrap().decided;
    let (before, order) =
        (decided(&world, 10), |world: &World, name| world.commands[&producer(name)].topics[0].shares.clone());
    assert_eq!(order(&world, "p1"), None);
    world.saves = true;
    world.settle(20);
    let shares = weights(&world, "p1").clone();
    assert!(shares["small"] > 0.6 && shares["dear"] < 0.4 && shares["dear"] > 0.0, "{shares:?}");
    let by = order(&world, "p1").unwrap();
    let what = world.decisions.values().flat_map(Chunk::numbered).find(|(number, _)| *number == by.decision);
    assert!(
        matches!(what.unwrap().1.what, What::Routed(_)) && by.why.starts_with("by what each may"),
        "{by:?}"
    );
    assert!(
        before < by.decision && decided(&world, 20) >= by.decision,
        "it is told that something was decided"
    );
    assert_eq!(
        routed(&world)[0].prior,
        BTreeMap::from([("dear".to_owned(), 1.0), ("small".to_owned(), 1.0)])
    );
    assert_eq!(world.coordinator.status(&id(), now(20)).unwrap().routed.unwrap().weights, shares);

    // A producer goes by those that it has.
    beat(&mut world, "p2", &[("dear", 1_000)], 30);
    beat(&mut world, "p3", &[("other", 1_000)], 30);
    beat(&mut world, "p1", &BOTH, 30);
    world.settle(30);
    assert_eq!(weights(&world, "p2").keys().collect::<Vec<_>>(), ["dear"]);
    assert_eq!(weights(&world, "p3").keys().collect::<Vec<_>>(), ["other"]);
}

#[test]
fn shares_that_move_by_less_than_the_threshold_are_not_told() {
    let mut world = running(Limits::default());
    for at in 1..40 {
        beat(&mut world, "p1", &BOTH, at * 10);
        answers(&mut world, 4, at * 10);
        world.settle(at * 10);
    }
    let told = routed(&world);
    assert!((1..8).contains(&told.len()), "{} changes for 39 looks", told.len());
    let threshold = Settings::default().weight_change_threshold.get();
    assert!(told.windows(2).all(|two| two[1].has_moved(two[0], threshold)));
}

#[test]
fn the_operator_says_from_where_it_begins_and_may_forbid_it() {
    let mut world = running(Limits::default());
    world.stored.provider_weights = BTreeMap::from([("dear".to_owned(), 3.0), ("small".to_owned(), 1.0)]);
    world.stored.version += 1;
    world.coordinator.topic(world.stored.clone(), now(1));
    beat(&mut world, "p1", &BOTH, 1);
    answers(&mut world, 10, 10);
    world.settle(10);
    let weights_then = BTreeMap::from([("dear".to_owned(), 3.0), ("small".to_owned(), 1.0)]);
    assert_eq!(routed(&world).last().unwrap().prior, weights_then);
    assert!(weights(&world, "p1")["small"] > 0.3);

    world.stored.routing = Policy::Fixed;
    world.stored.version += 1;
    world.coordinator.topic(world.stored.clone(), now(20));
    world.settle(20);
    let shares = weights(&world, "p1");
    assert_eq!(shares, &world.stored.provider_weights);
    assert_eq!(routed(&world).last().unwrap().policy, Policy::Fixed);
}

#[test]
fn shares_follow_from_the_log_again_under_another_leader_and_in_a_replay() {
    let mut world = running(Limits::default());
    beat(&mut world, "p1", &BOTH, 1);
    answers(&mut world, 8, 10);
    world.settle(10);
    let before = weights(&world, "p1").clone();
    world.take_over(20);
    beat(&mut world, "p1", &BOTH, 20);
    world.settle(20);
    assert_eq!(weights(&world, "p1"), &before);

    assert!(replay(&world).unwrap() >= 1);
    let differs = replay_changed(&world, |what| {
        if let What::Routed(routed) = what {
            *routed.weights.get_mut("dear").unwrap() += 0.01;
        }
    });
    assert!(differs.unwrap_err().contains("it was: requests are shared: dear "));
}

#[test]
fn what_came_of_new_shares_is_written_down_shown_and_made_again() {
    let mut world = running(Limits::default());
    beat(&mut world, "p1", &BOTH, 1);
    answers(&mut world, 8, 10);
    world.settle(10);
    let told = |world: &World| {
        let status = world.coordinator.status(&id(), now(1_000)).unwrap();
        status.measured.iter().map(|measured| (measured.of, measured.after.requests)).collect::<Vec<_>>()
    };
    let written = |world: &World| {
        let all = world.decided();
        let kinds = all.iter().filter(|(_, decision)| decision.what.kind() == "measured");
        kinds.count()
    };
    answers(&mut world, 3, 20);
    world.settle(20);
    assert_eq!((told(&world).len(), written(&world)), (0, 0), "six answers are not enough");
    answers(&mut world, 13, 30);
    world.settle(30);
    let first = told(&world);
    assert_eq!((first.len(), written(&world)), (1, 1));
    assert!(first[0].1 >= 8, "{first:?}");
    assert_eq!(world.decided()[usize::try_from(first[0].0).unwrap() - 1].1.what.kind(), "routed");
    assert!(replay(&world).is_ok());
    let differs = replay_changed(&world, |what| {
        if let What::Measured(measured) = what {
            measured.after.new += 1;
        }
    });
    assert!(differs.unwrap_err().contains("what came of #"));

    // Who leads next goes on with what was told, and waits for what comes of its own changes alone.
    world.take_over(40);
    beat(&mut world, "p1", &BOTH, 40);
    world.settle(40);
    assert_eq!(told(&world), first);
    answers(&mut world, 20, 50);
    world.settle(50);
    assert!(replay(&world).is_ok());
}

/// The terms that decisions went by last.
fn last_terms(world: &World) -> &crate::decision::Terms {
    let decisions = world.decisions.values().flat_map(|chunk| &chunk.decisions);
    let mut last = None;
    for decision in decisions {
        if let What::Terms(terms) = &decision.what {
            last = Some(terms);
        }
    }
    last.unwrap()
}

fn cut_by_letters() -> World {
    let mut world = running(Limits::default());
    world.stored.partition = crate::topic::Partition::Alphabetical;
    world.stored.version += 1;
    world.coordinator.topic(world.stored.clone(), now(1));
    beat(&mut world, "p1", &BOTH, 1);
    world.settle(1);
    world
}

#[test]
fn where_a_topic_is_cut_the_operators_weights_are_written_down_with_what_decisions_go_by() {
    let mut world = cut_by_letters();
    assert_eq!(last_terms(&world).weights, BTreeMap::new(), "they are equal");
    beat(&mut world, "p1", &[("dear", 9_000), ("small", 1_000)], 10);
    world.settle(10);
    let weights = BTreeMap::from([("dear".to_owned(), 9.0), ("small".to_owned(), 1.0)]);
    assert_eq!((&last_terms(&world).weights, last_terms(&world).routing), (&weights, Policy::GoodUcb));
    let said = last_terms(&world).to_string();
    assert!(said.ends_with("asked of dear (weight 9) and small (weight 1)"), "{said}");
    world.stored.routing = Policy::Fixed;
    world.stored.version += 1;
    world.coordinator.topic(world.stored.clone(), now(20));
    world.settle(20);
    let said = last_terms(&world).to_string();
    assert!(said.ends_with("(weight 1), by these weights"), "{said}");
    answers(&mut world, 3, 30);
    world.settle(30);
    assert!(replay(&world).unwrap() > 0);
}

#[test]
fn a_topic_that_cannot_be_cut_has_learned_shares_as_one_that_is_not_to_be() {
    let mut world = cut_by_letters();
    let names: Vec<String> = (0..60).map(|number| format!("sight {number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for provider in ["dear", "small"] {
        let meta = ResponseMeta { provider: provider.into(), ..world.meta(Outcome::Answered) };
        world.answer_to("p1", meta, (&names, 0), 10);
    }
    answers(&mut world, 6, 20);
    assert!(routed(&world).is_empty(), "which categories there are can still be told");
    for at in 30..33 {
        let cell = Some("categories".to_owned());
        let meta = ResponseMeta { provider: "small".into(), cell, ..world.meta(Outcome::Answered) };
        world.answer_to("p1", meta, (&[], 0), at);
        world.settle(at);
    }
    beat(&mut world, "p1", &BOTH, 40);
    world.settle(40);
    assert_eq!(routed(&world).len(), 1);
    assert!(weights(&world, "p1")["small"] > 0.6, "{:?}", weights(&world, "p1"));
    assert!(replay(&world).unwrap() > 0);
}
