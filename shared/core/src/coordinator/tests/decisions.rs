//! Decisions, kept before they take effect, and made again from the log.

use super::directed::{aims, directed, first_answers, ready, waiting};
use super::*;
use crate::command::OrderedAim;
use crate::decision::{Asked, CHUNK, Decision, Replay, What, Why};
use crate::frontier::Letters;
use crate::topic::{Partition, Share};

impl World {
    /// What the store has, each with its number.
    pub(super) fn decided(&self) -> Vec<(u64, Decision)> {
        let all = self.decisions.values().flat_map(|chunk| {
            chunk.numbered().map(|(number, decision)| (number, decision.clone())).collect::<Vec<_>>()
        });
        all.collect()
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.decided().iter().map(|(_, decision)| decision.what.kind()).collect()
    }

    /// An answer to a request about a part, or the whole.
    fn answer_about(&mut self, name: &str, aim: &OrderedAim, new: &[&str], at: u64) {
        let meta = ResponseMeta { cell: aim.cell.clone(), asked: aim.items, ..self.meta(Outcome::Answered) };
        self.answer_to(name, meta, (new, 0), at);
    }
}

/// Decides everything again; how many decisions came out the same.
pub(super) fn replay(world: &World) -> Result<u64, String> {
    replay_changed(world, |_| {})
}

/// The same, with what stands written changed.
pub(super) fn replay_changed(world: &World, change: impl Fn(&mut What)) -> Result<u64, String> {
    let mut replay = Replay::default();
    let mut entries = world.entries.iter().peekable();
    for (place, (number, mut decision)) in world.decided().into_iter().enumerate() {
        assert_eq!(number, place as u64 + 1, "none is left out");
        while let Some(entry) = entries.next_if(|entry| entry.index <= decision.log_index) {
            replay.entry(entry).unwrap();
        }
        assert_eq!(replay.log_index(), decision.log_index);
        change(&mut decision.what);
        replay.decision(number, &decision).map_err(|differs| differs.to_string())?;
    }
    Ok(replay.decided())
}

/// Two producers ask what they are told; each part has some names, of which an answer gives those that nobody gave before. One producer is lost, and a leader.
fn a_run() -> World {
    let mut world = directed(Limits { completeness: Some(Share::new(0.9)), ..Limits::default() });
    first_answers(&mut world);
    let mut sent = BTreeMap::from([("p1", 2), ("p2", 0)]);
    let names: Vec<String> = ('a'..='z')
        .flat_map(|one| ('a'..='z').flat_map(move |two| (0..3).map(move |n| format!("{one}{two}x {n}"))))
        .collect();
    let mut given = std::collections::BTreeSet::new();
    for round in 0..60_u64 {
        let at = 100 + round * 300;
        for name in ["p1", "p2"] {
            if name == "p2" && (20..50).contains(&round) {
                continue;
            }
            let told = world.commands.get(&producer(name)).and_then(|command| command.topics.first());
            let next = sent[name];
            let told =
                told.and_then(|order| order.aims.as_ref()?.iter().find(|aim| aim.number == next).cloned());
            // What p1 asks for in the tenth round is never answered.
            if let Some(aim) = told {
                *sent.get_mut(name).unwrap() += 1;
                let part = aim.cell.as_deref().map(|cell| Letters::parse(cell).unwrap());
                let fits =
                    |text: &&String| part.is_none_or(|part| part.holds(text)) && !given.contains(*text);
                let new: Vec<&str> =
                    names.iter().filter(fits).step_by(2).take(50).map(String::as_str).collect();
                if (round, name) != (10, "p1") {
                    world.answer_about(name, &aim, &new, at);
                    given.extend(names.iter().filter(|text| new.contains(&text.as_str())));
                }
            }
            ready(&mut world, name, sent[name], at);
        }
        if round == 30 {
            world.take_over(at);
        }
        world.settle(at);
    }
    world
}

#[test]
fn every_decision_is_made_again_from_the_log() {
    let world = a_run();
    let kinds = world.kinds();
    let count = |kind: &str| kinds.iter().filter(|one| **one == kind).count();
    assert_eq!(count("taken_up"), 2);
    assert!(count("dropped") > 0 && count("terms") >= 2 && count("asked") > 60, "{kinds:?}");
    assert!(kinds.len() > CHUNK / 4);
    let decided = replay(&world).unwrap();
    assert!(decided >= count("asked") as u64, "{decided}");
    let parts = world.decided().into_iter().filter(|(_, decision)| {
        matches!(&decision.what, What::Asked(Asked { why: Why::Most { .. }, cell: Some(_), .. }))
    });
    assert!(parts.count() > 20);
}

#[test]
fn a_decision_that_does_not_follow_from_the_log_is_found() {
    let change = |change: &dyn Fn(&mut Asked)| {
        let mut world = a_run();
        let all = world.decisions.values_mut().flat_map(|chunk| &mut chunk.decisions);
        let mut asked = all.filter_map(|decision| match &mut decision.what {
            What::Asked(asked) if asked.cell.is_some() => Some(asked),
            What::Asked(_)
            | What::TakenUp { .. }
            | What::Terms(_)
            | What::Routed(_)
            | What::Worded(_)
            | What::Measured(_)
            | What::Cared(_)
            | What::Dropped { .. }
            | What::Changed(_)
            | What::Ending(_) => None,
        });
        change(asked.nth(30).unwrap());
        replay(&world).unwrap_err()
    };
    let other = change(&|asked| asked.cell = Some("qa-qc".to_owned()));
    assert!(other.contains("for qa-qc") && other.contains("it is:"), "{other}");
    change(&|asked| asked.items += 1);
    change(&|asked| asked.new += 0.01);
    change(&|asked| asked.provider = Some("other".to_owned()));
    change(&|asked| asked.why = Why::Sample);
    let mut world = a_run();
    world.decisions.values_mut().flat_map(|chunk| &mut chunk.decisions).for_each(|decision| {
        if let What::Dropped { decisions } = &mut decision.what {
            decisions.clear();
        }
    });
    assert!(replay(&world).is_err(), "what is under way counts");
}

#[test]
fn nobody_is_told_what_the_store_may_not_have() {
    let mut world = directed(Limits::default());
    first_answers(&mut world);
    world.saves = false;
    ready(&mut world, "p1", 2, 30);
    world.settle(30);
    assert_eq!(aims(&world, "p1"), []);
    // It has them, and could not say so.
    (world.saves, world.answers) = (true, false);
    world.settle(40);
    assert_eq!(aims(&world, "p1"), []);
    world.answers = true;
    world.settle(50);
    assert_eq!(aims(&world, "p1").len(), 6);
    replay(&world).unwrap();
}

#[test]
fn decisions_are_kept_in_chunks_and_a_new_leader_goes_on_with_their_numbers() {
    let mut world = directed(Limits::default());
    first_answers(&mut world);
    for round in 0..200_u64 {
        // What is asked for is given back each time.
        waiting(&mut world, "p1", (2 + round, 1), 30 + round);
        ready(&mut world, "p1", 3 + round, 30 + round);
        world.settle(30 + round);
        if round == 150 {
            world.take_over(30 + round);
        }
    }
    let whole: Vec<u64> = world.decisions.keys().copied().collect();
    assert!(whole.len() > 1, "{whole:?}");
    for (place, (first, chunk)) in world.decisions.iter().enumerate() {
        assert_eq!(*first, place as u64 * CHUNK as u64 + 1);
        assert!(chunk.decisions.len() == CHUNK || place + 1 == whole.len());
    }
    replay(&world).unwrap();
}

#[test]
fn an_end_is_written_down_once_with_where_the_topic_stood() {
    let mut world = running(Limits { max_requests: Some(3), ..Limits::default() });
    for answer in 0..3 {
        world.answer("p1", Outcome::Answered, &[["robin", "wren", "owl"][answer]], 10);
    }
    world.settle(20);
    assert_eq!(world.stored.state.reason(), Some(EndReason::MaxRequests));
    world.beat("p1", 1, |_| {}, 30);
    world.settle(30);
    let decided = world.decided();
    assert_eq!(world.kinds(), ["taken_up", "terms", "ending"]);
    let Some((3, decision)) = decided.last() else { panic!("{decided:?}") };
    let What::Ending(ending) = &decision.what else { panic!("{decision:?}") };
    assert_eq!((ending.found, ending.requests, ending.reason), (3, 3, EndReason::MaxRequests));
    replay(&world).unwrap();
    let words = decision.what.to_string();
    assert!(
        words
            .starts_with("comes to its end: the cap on requests is used up (the cap of 3 requests); 3 items"),
        "{words}"
    );

    let mut world = running(Limits::default());
    let stopped = world.stored.end(EndReason::Stopped).unwrap();
    world.stored = stopped.clone();
    world.coordinator.topic(stopped, now(40));
    world.settle(40);
    assert_eq!(world.kinds(), ["taken_up", "terms", "ending"]);
}

#[test]
fn each_end_is_written_down_once_whoever_leads() {
    let mut world = running(Limits { max_requests: Some(3), ..Limits::default() });
    for _ in 0..3 {
        world.answer("p1", Outcome::Answered, &[], 10);
    }
    // A request is under way, so that it does not end at once.
    world.beat("p1", 1, |beat| beat.topics.iter_mut().for_each(|report| report.in_flight = 1), 15);
    world.settle(20);
    assert_eq!(world.stored.state, TopicState::Ending(EndReason::MaxRequests));
    assert_eq!(world.kinds(), ["taken_up", "terms", "ending"]);
    world.take_over(30);
    assert_eq!(world.kinds(), ["taken_up", "terms", "ending"], "the one before has written it");
    world.beat("p1", 1, |_| {}, 40);
    world.settle(20_000);
    assert_eq!(world.stored.state, TopicState::Ended(EndReason::MaxRequests));
    let again = StartRequest {
        name: "birds".into(),
        mode: crate::topic::StartMode::Resume,
        limits: Some(Limits { max_requests: Some(3), ..Limits::default() }),
        ..StartRequest::default()
    };
    world.stored = Topic::start(Some(&world.stored), id(), again, now(30_000).unix).unwrap();
    world.coordinator.topic(world.stored.clone(), now(30_000));
    world.settle(30_000);
    assert!(matches!(world.stored.state.reason(), Some(EndReason::MaxRequests)));
    let ends = world.kinds().into_iter().filter(|kind| *kind == "ending").count();
    assert_eq!(ends, 2, "another start, another end");
}

/// Nobody could do better with what a producer cannot ask about: it keeps its tickets until there is somebody again.
#[test]
fn nothing_is_decided_anew_while_there_is_nobody_to_ask() {
    let mut world = directed(Limits::default());
    first_answers(&mut world);
    ready(&mut world, "p1", 2, 30);
    world.settle(30);
    let before = world.decided().len();
    for round in 0..60_u64 {
        let at = 100 + round * 500;
        ready(&mut world, "p1", 2, at);
        let Some(mut last) = world.coordinator.members.get(&producer("p1")).unwrap().last().cloned() else {
            panic!("it was heard")
        };
        last.seq += 1;
        world.beats += 1;
        last.providers[0].state = ProviderState::Waiting;
        last.providers[0].detail = "asked again in 600 s: rate limited".to_owned();
        world.coordinator.heartbeat(last, now(at));
        world.settle(at);
    }
    let decided = world.decided();
    let [(_, away)] = &decided[before..] else { panic!("{:?}", &decided[before..]) };
    let words = away.what.to_string();
    assert!(
        words.contains("nobody who can be asked; not small: asked again in 600 s: rate limited"),
        "{words}"
    );
    replay(&world).unwrap();
}

#[test]
fn an_end_by_another_completeness_than_before_follows_from_the_log_too() {
    let mut world = directed(Limits { completeness: Some(Share::new(0.99)), ..Limits::default() });
    for answer in 0..10_u64 {
        let names = ["robin", "wren", "owl"];
        world.answer_again("p1", Outcome::Answered, (if answer == 0 { &names } else { &[] }, 3), 10 + answer);
    }
    ready(&mut world, "p1", 10, 2_000);
    world.stored.limits.completeness = Some(Share::new(0.5));
    world.stored.partition = Partition::None;
    world.stored.version += 1;
    world.coordinator.topic(world.stored.clone(), now(2_100));
    world.settle(4_000);
    assert_eq!(world.stored.state.reason(), Some(EndReason::Complete));
    assert!(replay(&world).unwrap() > 0);
    assert_eq!(world.kinds().last(), Some(&"ending"));
}

#[test]
fn what_is_under_way_when_a_topic_is_not_cut_any_more_is_forgotten_by_a_replay_too() {
    let mut world = directed(Limits::default());
    first_answers(&mut world);
    ready(&mut world, "p1", 2, 1_000);
    world.settle(1_000);
    let asked = |world: &World| world.kinds().into_iter().filter(|kind| *kind == "asked").count();
    let before = asked(&world);
    assert!(before > 2, "{before}");
    for (partition, at) in [(Partition::None, 2_000), (Partition::Alphabetical, 3_000)] {
        world.stored.partition = partition;
        world.stored.version += 1;
        world.coordinator.topic(world.stored.clone(), now(at));
        ready(&mut world, "p1", 2, at);
        world.settle(at);
    }
    assert!(asked(&world) > before);
    replay(&world).unwrap();
}

/// An operator was quicker: the cap was raised, and the topic comes to its end later.
#[test]
fn an_end_that_did_not_come_about_is_no_reason_not_to_write_the_next_one() {
    let mut world = running(Limits { max_requests: Some(1), ..Limits::default() });
    world.answer("p1", Outcome::Answered, &["robin"], 10);
    let ends = |world: &World| world.kinds().into_iter().filter(|kind| *kind == "ending").count();
    let actions = world.coordinator.decide(now(20));
    for action in actions {
        if !matches!(action, Action::Put { .. }) {
            world.carry_out(action, 20);
        }
    }
    assert_eq!(ends(&world), 1);
    world.stored.limits.max_requests = Some(2);
    world.stored.version += 1;
    world.coordinator.topic(world.stored.clone(), now(30));
    world.settle(30);
    assert_eq!(world.stored.state, TopicState::Running);
    world.answer("p1", Outcome::Answered, &["wren"], 40);
    world.settle(50);
    assert_eq!(world.stored.state.reason(), Some(EndReason::MaxRequests));
    assert_eq!(ends(&world), 2);
}
