#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap or match fails the test")]

use std::collections::BTreeMap;

use super::*;
use crate::batch::{Outcome, ResponseMeta};
use crate::command::{FilterReport, Lease, ProviderReport, ProviderState, TopicReport};
use crate::cost::Cost;
use crate::log::{EntryHead, EntryKind, EntryTail};
use crate::time::UnixMillis;
use crate::topic::{Limits, StartRequest, TopicState};

mod ending;
mod handover;
mod patched;
mod saving;

fn now(ms: u64) -> Now {
    Now { monotonic: Monotonic(ms), unix: UnixMillis(1_000_000 + ms) }
}

fn id() -> TopicId {
    TopicId::from_name("birds").unwrap()
}

fn producer(name: &str) -> WorkerId {
    WorkerId::parse(name).unwrap()
}

struct World {
    coordinator: Coordinator,
    entries: Vec<Entry>,
    stored: Topic,
    commands: BTreeMap<WorkerId, Command>,
    log: LogIndex,
    beats: u64,
    /// What an answer costs.
    price: Cost,
    /// What the store has of the ledger, whether it takes one, and whether it says so.
    ledger: Option<Ledger>,
    saves: bool,
    answers: bool,
}

impl World {
    fn new(limits: Limits) -> Self {
        let request = StartRequest { name: "birds".into(), limits: Some(limits), ..StartRequest::default() };
        let stored = Topic::start(None, id(), request, now(0).unix).unwrap();
        let mut coordinator = Coordinator::new(3, Settings::default());
        coordinator.topic(stored.clone(), now(0));
        Self {
            coordinator,
            entries: Vec::new(),
            stored,
            commands: BTreeMap::new(),
            log: 0,
            beats: 0,
            price: Cost::ZERO,
            ledger: None,
            saves: true,
            answers: true,
        }
    }

    /// Carries actions out as the shell does, until there are none.
    fn settle(&mut self, at: u64) -> Vec<Action> {
        let mut done = Vec::new();
        for _ in 0..10 {
            let actions = self.coordinator.decide(now(at));
            if actions.is_empty() {
                return done;
            }
            let tries_to_save = |action: &Action| matches!(action, Action::SaveLedger { .. });
            let stuck = !(self.saves && self.answers) && actions.iter().all(tries_to_save);
            for action in &actions {
                self.carry_out(action.clone(), at);
            }
            done.extend(actions);
            if stuck {
                return done;
            }
        }
        panic!("it does not come to rest: {done:?}")
    }

    fn carry_out(&mut self, action: Action, at: u64) {
        match action {
            Action::Open { topic, run, max_attributes } => {
                self.coordinator.entries(&topic, run, &self.entries, self.log, now(at)).unwrap();
                self.coordinator.opened(&topic, run, max_attributes, self.ledger.clone());
            }
            Action::Put { topic, expected } => {
                assert_eq!(self.stored.version, expected);
                self.stored = *topic;
                self.coordinator.topic(self.stored.clone(), now(at));
            }
            Action::SaveLedger { topic, run, ledger } => {
                if self.saves {
                    self.ledger = Some(ledger.clone());
                }
                if self.saves && self.answers {
                    self.coordinator.ledger_saved(&topic, run, ledger);
                }
            }
            Action::Send { producer, command } => {
                self.commands.insert(producer, command);
            }
            Action::Snapshot { .. } | Action::Note(_) => {}
        }
    }

    /// Another leader begins, and opens the topic.
    fn take_over(&mut self, at: u64) {
        self.coordinator = Coordinator::new(self.coordinator.epoch() + 1, Settings::default());
        self.coordinator.topic(self.stored.clone(), now(at));
        self.settle(at);
    }

    fn beat(&mut self, name: &str, incarnation: Incarnation, change: impl FnOnce(&mut Heartbeat), at: u64) {
        self.beats += 1;
        let command = self.commands.get(&producer(name)).filter(|command| command.incarnation == incarnation);
        let report = |order: &crate::command::TopicOrder| TopicReport {
            topic: order.topic.clone(),
            run: order.run,
            sent: 0,
            in_flight: 0,
            places: 0,
            unresolved: 0,
            risked: Cost::ZERO,
            lease: order.lease,
            capped_cost: order.capped_cost,
            request_cost: Cost::ZERO,
            dearest_cost: Cost::ZERO,
            hopeless: None,
            filter: FilterReport::default(),
        };
        let mut heartbeat = Heartbeat {
            producer: producer(name),
            incarnation,
            seq: self.beats,
            command: command.map_or((0, 0), |command| (command.epoch, command.version)),
            concurrency: 4,
            draining: false,
            left: false,
            topics: command.map_or_else(Vec::new, |command| command.topics.iter().map(report).collect()),
            providers: Vec::new(),
        };
        change(&mut heartbeat);
        self.coordinator.heartbeat(heartbeat, now(at));
    }

    fn answer(&mut self, name: &str, outcome: Outcome, new: &[&str], at: u64) {
        self.log += 1;
        let meta = ResponseMeta {
            provider: "small".into(),
            model: "m".into(),
            cell: None,
            probe: false,
            prompt_hash: 0,
            outcome,
            latency_ms: 1,
            input_tokens: 1,
            output_tokens: 1,
            cost: self.price,
            worst_case: self.price,
            repeated: 0,
            rejected: 0,
        };
        let kind = EntryKind::Response(meta);
        let head =
            EntryHead { producer: producer(name), incarnation: 1, seq: self.log, at: UnixMillis(0), kind };
        let known = self.coordinator.status(&id(), now(at)).unwrap().attributes;
        let tail = EntryTail {
            first_new: if new.is_empty() { 0 } else { known + 1 },
            new: new.iter().map(|text| (*text).to_owned()).collect(),
            ..EntryTail::default()
        };
        self.entries.push(Entry { index: self.log, head, tail });
        self.coordinator.entries(&id(), 1, &self.entries, self.log, now(at)).unwrap();
    }

    fn lease(&self, name: &str) -> Lease {
        self.commands.get(&producer(name)).unwrap().topics.first().unwrap().lease
    }
}

fn running(limits: Limits) -> World {
    let mut world = World::new(limits);
    world.beat("p1", 1, |_| {}, 0);
    world.settle(0);
    assert_eq!(world.stored.state, TopicState::Running);
    world.beat("p1", 1, |_| {}, 0);
    world
}

#[test]
fn a_topic_is_opened_then_runs_then_is_ordered_with_a_lease() {
    let world = running(Limits::default());
    let order = world.commands.get(&producer("p1")).unwrap().topics.first().unwrap();
    assert!(order.ask && !order.abandon);
    assert_eq!(order.lease.requests, Settings::default().window);
    assert_eq!(world.stored.epoch, 3);
}

#[test]
fn deciding_twice_changes_nothing() {
    let mut world = running(Limits { max_requests: Some(100), ..Limits::default() });
    world.settle(10);
    assert_eq!(world.coordinator.decide(now(10)), []);
}

#[test]
fn a_lease_is_saved_before_it_is_granted() {
    let mut world = World::new(Limits { max_requests: Some(100), ..Limits::default() });
    world.beat("p1", 1, |_| {}, 0);
    let actions = world.settle(0);
    let saved = actions.iter().position(|action| matches!(action, Action::SaveLedger { .. })).unwrap();
    let granted = |action: &Action| matches!(action, Action::Send { command, .. } if command.topics.iter().any(|t| t.lease.requests > 0));
    assert!(actions.iter().position(granted).unwrap() > saved);
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
fn a_topic_that_has_ended_lately_is_followed_by_the_next_leader_too() {
    let mut world = running(Limits::default());
    world.stored = Topic {
        state: TopicState::Ended(EndReason::Dry),
        epoch: 1,
        ended_at: Some(now(100).unix),
        ..world.stored.clone()
    };
    let opens = |at: u64| {
        let mut next = Coordinator::new(2, Settings::default());
        next.topic(world.stored.clone(), now(at));
        next.decide(now(at)).iter().any(|action| matches!(action, Action::Open { .. }))
    };
    assert!(opens(200), "a producer that could not be heard may still bring answers");
    assert!(!opens(u64::try_from(LINGER.as_millis()).unwrap() + 101));
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
fn a_dead_producer_is_charged_in_full_and_its_work_goes_on_elsewhere() {
    let mut world = World::new(Limits { max_requests: Some(20), ..Limits::default() });
    world.beat("p1", 1, |_| {}, 0);
    world.beat("p2", 1, |_| {}, 0);
    world.settle(0);
    world.beat("p1", 1, |_| {}, 10);
    world.beat("p2", 1, |_| {}, 10);
    let lost = world.lease("p1").requests;
    assert!(lost > 0);
    let mut settled = 0;
    for at in (1_000..60_000).step_by(1_000) {
        let leased = world.lease("p2").requests;
        while settled < leased {
            world.answer("p2", Outcome::Answered, &[], at);
            settled += 1;
        }
        world.beat("p2", 1, |beat| beat.topics.iter_mut().for_each(|topic| topic.sent = settled), at);
        world.settle(at);
        if world.stored.state != TopicState::Running {
            break;
        }
    }
    assert_eq!(world.stored.state.reason(), Some(EndReason::MaxRequests));
    assert_eq!(settled + lost, 20);
}

#[test]
fn a_producer_that_comes_back_in_a_new_life_gets_a_new_lease() {
    let mut world = running(Limits::default());
    world.beat("p1", 2, |_| {}, 100);
    let actions = world.settle(100);
    assert!(actions.contains(&Action::Note(Note::Restarted(producer("p1")))));
    assert_eq!(world.commands.get(&producer("p1")).unwrap().incarnation, 2);
}

#[test]
fn a_command_that_is_not_heard_back_is_sent_again_as_it_was() {
    let mut world = running(Limits::default());
    let first = world.commands.get(&producer("p1")).unwrap().clone();
    world.beat("p1", 1, |beat| beat.command = (0, 0), 1_000);
    assert_eq!(world.settle(1_000), []);
    world.beat("p1", 1, |beat| beat.command = (0, 0), 2_500);
    assert_eq!(world.settle(2_500), [Action::Send { producer: producer("p1"), command: first }]);
}

#[test]
fn a_topic_that_no_provider_can_serve_ends_and_says_so() {
    let mut world = running(Limits::default());
    let why = "provider small: the key in OPENAI_API_KEY is not accepted";
    world.beat("p1", 1, |beat| beat.topics[0].hopeless = Some(why.into()), 10);
    assert_eq!(world.coordinator.status(&id(), now(10)).unwrap().problem.as_deref(), Some(why));
    world.settle(10);
    assert_eq!(world.stored.state.reason(), Some(EndReason::NoProvider));
    assert_eq!(
        world.coordinator.status(&id(), now(10)).unwrap().problem.as_deref(),
        Some(why),
        "still, when it has ended"
    );

    let mut world = running(Limits::default());
    for at in 0..130 {
        world.answer("p1", Outcome::Unreachable, &[], at * 1_000);
        world.beat("p1", 1, |_| {}, at * 1_000);
        world.settle(at * 1_000);
    }
    assert_eq!(world.stored.state.reason(), Some(EndReason::NoProvider));
}

#[test]
fn a_standstill_is_told_of_the_providers_that_the_topic_asks_and_kept_with_its_end() {
    let limits = Limits { time_limit_ms: Some(60_000), ..Limits::default() };
    let mut world = running(limits);
    let weights = [("asked".to_owned(), 1.0), ("not asked".to_owned(), 0.0)];
    world.stored.provider_weights = weights.into_iter().collect();
    world.stored.version += 1;
    world.coordinator.topic(world.stored.clone(), now(5));
    let report = |name: &str, state, detail: &str| ProviderReport {
        name: name.into(),
        model: "m".into(),
        state,
        detail: detail.into(),
    };
    let reports = vec![
        report("asked", ProviderState::Waiting, "asked again in 9 s: 500: boom"),
        report("not asked", ProviderState::Ready, ""),
    ];
    world.beat("p1", 1, |beat| beat.providers.clone_from(&reports), 10);
    let problem = Some("asked: asked again in 9 s: 500: boom");
    assert_eq!(world.coordinator.status(&id(), now(10)).unwrap().problem.as_deref(), problem);
    world.beat("p1", 1, |beat| beat.providers = reports, 60_000);
    world.settle(60_001);
    assert_eq!(world.stored.state.reason(), Some(EndReason::TimeLimit));
    assert_eq!(world.stored.problem.as_deref(), problem);
}

#[test]
fn what_many_providers_say_is_cut_to_what_a_message_can_carry() {
    let mut world = running(Limits::default());
    let report = |number: u32| ProviderReport {
        name: format!("p{number}"),
        model: "m".into(),
        state: ProviderState::Waiting,
        detail: "w".repeat(200),
    };
    world.beat("p1", 1, |beat| beat.providers = (0..900).map(report).collect(), 10);
    let status = world.coordinator.status(&id(), now(10)).unwrap();
    assert!(status.problem.is_some_and(|why| why.len() <= 2_003));
    assert_eq!(status.provider_reports.len(), crate::status::NAMED);
}

#[test]
fn a_topic_whose_answers_are_no_lists_ends_as_one_that_nobody_can_serve() {
    let mut world = running(Limits::default());
    let small = |detail: &str| ProviderReport {
        name: "small".into(),
        model: "m".into(),
        state: ProviderState::Ready,
        detail: detail.into(),
    };
    for _ in 0..Settings::default().dry_after {
        world.answer("p1", Outcome::Empty, &[], 20);
    }
    world.beat("p1", 1, |beat| beat.providers = vec![small("raise max_output_tokens")], 20);
    world.settle(30);
    assert_eq!(world.stored.state, TopicState::Ending(EndReason::NoProvider));
    let problem = world.coordinator.status(&id(), now(30)).unwrap().problem.unwrap();
    assert!(problem.contains("30 answers") && problem.contains("raise max_output_tokens"), "{problem}");
}

#[test]
fn a_run_whose_requests_all_failed_tells_the_last_failure_however_it_ends() {
    for outcome in [Outcome::BadRequest, Outcome::Answered] {
        let mut world = running(Limits { max_requests: Some(2), ..Limits::default() });
        let small = ProviderReport {
            name: "small".into(),
            model: "m".into(),
            state: ProviderState::Ready,
            detail: "404: no such model".into(),
        };
        world.answer("p1", Outcome::BadRequest, &[], 20);
        world.answer("p1", outcome, &[], 20);
        world.beat("p1", 1, |beat| beat.providers = vec![small], 20);
        world.settle(30);
        assert_eq!(world.stored.state.reason(), Some(EndReason::MaxRequests));
        let problem = (outcome == Outcome::BadRequest).then_some("small: 404: no such model");
        assert_eq!(world.stored.problem.as_deref(), problem);
    }
}

#[test]
fn a_filter_that_is_behind_gets_a_snapshot_at_most_once_a_second() {
    let mut world = running(Limits::default());
    let behind = |beat: &mut Heartbeat| beat.topics[0].filter.wants_snapshot = true;
    let sent = Action::Snapshot { producer: producer("p1"), topic: id() };
    world.beat("p1", 1, behind, 1_000);
    assert!(world.settle(1_000).contains(&sent));
    world.beat("p1", 1, behind, 1_500);
    assert!(!world.settle(1_500).contains(&sent));
    world.beat("p1", 1, behind, 2_000);
    assert!(world.settle(2_000).contains(&sent));
}

#[test]
fn a_changed_cap_is_told_to_the_store() {
    let mut world = running(Limits::default());
    let mut changed = world.stored.clone();
    changed.limits.max_attributes = Some(9);
    changed.version += 1;
    world.stored = changed.clone();
    world.coordinator.topic(changed, now(10));
    let open = Action::Open { topic: id(), run: 1, max_attributes: Some(9) };
    assert!(world.settle(10).contains(&open));
}

#[test]
fn a_producer_that_waits_for_money_is_not_stuck_and_gets_what_others_leave() {
    let (price, cap) = (Cost::from_picodollars(100), Cost::from_picodollars(150));
    let mut world = World::new(Limits { max_cost: Some(cap), ..Limits::default() });
    let poor = |beat: &mut Heartbeat| {
        for report in &mut beat.topics {
            (report.request_cost, report.dearest_cost) = (price, price);
        }
    };
    world.settle(0);
    world.beat("p1", 1, poor, 0);
    world.beat("p2", 1, poor, 0);
    world.settle(0);
    for at in (0..20_000).step_by(500) {
        world.beat("p1", 1, poor, at);
        world.beat("p2", 1, poor, at);
        world.settle(at);
    }
    let lease = |world: &World, name| world.commands[&producer(name)].topics[0].lease.cost;
    assert_eq!((lease(&world, "p1"), lease(&world, "p2")), (cap, Cost::ZERO));
    let leaves = |beat: &mut Heartbeat| {
        beat.left = true;
        beat.topics[0].lease = Lease::default();
    };
    world.beat("p1", 1, leaves, 20_000);
    world.beat("p2", 1, poor, 20_000);
    world.settle(20_000);
    assert_eq!(world.stored.state.reason(), None, "there is money for one more");
    assert!(lease(&world, "p2") >= price);
}

#[test]
fn a_new_leader_ends_nothing_before_it_can_have_heard_of_every_producer() {
    let mut world = World::new(Limits::default());
    world.settle(0);
    world.take_over(10);
    let version = world.stored.version + 1;
    world.stored = Topic { state: TopicState::Ending(EndReason::Stopped), version, ..world.stored.clone() };
    world.coordinator.topic(world.stored.clone(), now(20));
    world.settle(20);
    assert!(!world.stored.state.is_ended(), "a producer that was not heard yet may have answers under way");
    world.settle(11 + u64::try_from(Settings::default().producer_timeout.as_millis()).unwrap());
    assert!(world.stored.state.is_ended());
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
