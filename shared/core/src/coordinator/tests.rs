#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap or match fails the test")]

use std::collections::BTreeMap;

use super::*;
use crate::batch::{Outcome, ResponseMeta, Told};
use crate::command::{FilterReport, Lease, ProviderReport, ProviderState, TopicReport};
use crate::cost::Cost;
use crate::decision::Chunk;
use crate::log::{EntryHead, EntryKind, EntryTail};
use crate::time::UnixMillis;
use crate::topic::{Limits, StartRequest, TopicState};

mod changed;
mod decisions;
mod directed;
mod ending;
mod ends;
mod handover;
mod health;
mod hopeless;
mod judging;
mod patched;
mod routing;
mod saving;
mod tickets;
mod wording;

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
    /// What it has of the decisions.
    decisions: BTreeMap<u64, Chunk>,
}

impl World {
    fn new(limits: Limits) -> Self {
        let request = StartRequest { name: "birds".into(), limits: Some(limits), ..StartRequest::default() };
        let stored = Topic::start(None, id(), request, now(0).unix).unwrap();
        let mut coordinator = Coordinator::new("r".to_owned(), 3, Settings::default());
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
            decisions: BTreeMap::new(),
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
            let tries_to_save =
                |action: &Action| matches!(action, Action::SaveLedger { .. } | Action::SaveDecisions { .. });
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
                if let Some((_, chunk)) = self.decisions.last_key_value() {
                    self.coordinator.found_decisions(&topic, run, chunk.clone());
                }
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
            Action::SaveDecisions { topic, run, chunks } => {
                let end = chunks.last().unwrap().end();
                if self.saves {
                    self.decisions.extend(chunks.into_iter().map(|chunk| (chunk.first, chunk)));
                }
                if self.saves && self.answers {
                    self.coordinator.decisions_saved(&topic, run, end);
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
        let epoch = self.coordinator.epoch() + 1;
        self.coordinator = Coordinator::new("r".to_owned(), epoch, Settings::default());
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
            refused: 0,
            filter: FilterReport::default(),
        };
        let mut heartbeat = Heartbeat {
            producer: producer(name),
            incarnation,
            seq: self.beats,
            registry: command.map(|command| command.registry.clone()),
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

    fn meta(&self, outcome: Outcome) -> ResponseMeta {
        ResponseMeta {
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
            rejections: crate::batch::Rejections::default(),
            asked: 0,
            left_out: 0,
            copied: 0,
            phrasing: crate::phrasing::Phrasing::Plain,
            categories: Told::default(),
            judged: None,
        }
    }

    fn answer(&mut self, name: &str, outcome: Outcome, new: &[&str], at: u64) {
        self.answer_again(name, outcome, (new, 0), at);
    }

    /// An answer that names the first so many again.
    fn again(&mut self, name: &str, again: usize, at: u64) {
        self.answer_again(name, Outcome::Answered, (&[], again), at);
    }

    fn answer_again(&mut self, name: &str, outcome: Outcome, named: (&[&str], usize), at: u64) {
        self.answer_to(name, self.meta(outcome), named, at);
    }

    fn answer_to(&mut self, name: &str, meta: ResponseMeta, (new, again): (&[&str], usize), at: u64) {
        self.log += 1;
        let kind = EntryKind::Response(meta);
        let head =
            EntryHead { producer: producer(name), incarnation: 1, seq: self.log, at: UnixMillis(0), kind };
        let known = self.coordinator.status(&id(), now(at)).unwrap().attributes;
        let tail = EntryTail {
            first_new: if new.is_empty() { 0 } else { known + 1 },
            new: new.iter().map(|text| (*text).to_owned()).collect(),
            again: (1..=again as u64).collect(),
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
fn a_producer_that_follows_what_was_never_commanded_in_this_term_shows_that_the_epochs_were_put_back() {
    let overtaken_by = |command| {
        let mut world = running(Limits::default());
        assert_eq!(world.coordinator.overtaken(), None);
        world.beat("p2", 1, |beat| beat.command = command, 10);
        world.beat("p3", 1, |beat| beat.command = (1, 500), 10);
        world.coordinator.overtaken()
    };
    assert_eq!(overtaken_by((2, 900)), None, "an earlier term's");
    assert_eq!(overtaken_by((3, 1)), None, "one of this term");
    assert_eq!(overtaken_by((3, 900)), Some(3), "as many were never given in this term");
    assert_eq!(overtaken_by((7, 1)), Some(7));
    assert_eq!(overtaken_by((u64::MAX, 1)), None, "nobody has led so often");
}

#[test]
fn a_producer_of_another_registry_is_leased_nothing_before_it_has_begun_anew() {
    let mut world = World::new(Limits { max_requests: Some(3), ..Limits::default() });
    let elsewhere = |beat: &mut Heartbeat| {
        (beat.registry, beat.command) = (Some("s".to_owned()), (9, 1));
    };
    world.beat("p1", 1, elsewhere, 0);
    world.settle(0);
    let told = world.commands.get(&producer("p1")).unwrap();
    assert_eq!((told.registry.as_str(), told.incarnation, told.topics.len()), ("r", 1, 0));
    assert_eq!(world.coordinator.overtaken(), None, "it begins anew, whatever epoch it follows");
    assert_eq!(world.coordinator.producers(), 0);
    assert_eq!(world.coordinator.strangers(), Some((1, &producer("p1"), "s")));
    world.beat("p1", 2, |_| {}, 10);
    assert_eq!(world.coordinator.strangers(), None);
    world.settle(10);
    assert_eq!((world.stored.state, world.lease("p1").requests), (TopicState::Running, 3));
}

#[test]
fn a_producer_of_a_registry_that_was_replaced_is_told_so_and_others_are_not_as_long_as_they_are_heard() {
    let elsewhere = |beat: &mut Heartbeat| beat.registry = Some("s".to_owned());
    let replaces = |replaced: Option<&str>| {
        let mut world = World::new(Limits::default());
        world.coordinator =
            Coordinator::new("r".to_owned(), 3, Settings::default()).replacing(replaced.map(str::to_owned));
        world.beat("p1", 1, elsewhere, 0);
        world.settle(0);
        let strangers = world.coordinator.strangers().map(|(count, ..)| count);
        (world.commands.remove(&producer("p1")).unwrap().replaces, strangers)
    };
    assert_eq!(replaces(Some("s")), (Some("s".to_owned()), None));
    assert_eq!(replaces(Some("q")), (None, Some(1)));
    assert_eq!(replaces(None), (None, Some(1)));

    let mut world = World::new(Limits::default());
    world.beat("p1", 1, elsewhere, 0);
    world.beat("p2", 1, elsewhere, 4_000);
    world.settle(5_001);
    assert_eq!(world.coordinator.strangers(), Some((1, &producer("p2"), "s")), "the other one is silent");
    world.beat("p2", 1, |beat| (beat.registry, beat.left) = (Some("s".to_owned()), true), 5_001);
    assert_eq!(world.coordinator.strangers(), None);
}

#[test]
fn a_producer_is_commanded_often_enough_to_know_that_its_leader_lives() {
    let mut world = running(Limits::default());
    let first = world.commands.get(&producer("p1")).unwrap().clone();
    let again = Action::Send { producer: producer("p1"), command: first };
    let told: Vec<u64> = (1..=12)
        .filter(|second| {
            world.beat("p1", 1, |_| {}, second * 1_000);
            world.settle(second * 1_000).contains(&again)
        })
        .collect();
    assert_eq!(told, [3, 6, 9, 12]);
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
fn a_topic_that_the_registry_forgot_counts_again_in_whichever_version_it_comes_back() {
    let mut world = World::new(Limits::default());
    let ended = Topic { version: 9, state: TopicState::Ended(EndReason::Dry), ..world.stored.clone() };
    world.coordinator.topic(ended, now(0));
    world.coordinator.topic(world.stored.clone(), now(1));
    assert!(world.coordinator.topics().all(|topic| topic.version == 9), "an older version is ignored");
    world.coordinator.only(|_| true);
    assert_eq!(world.coordinator.topics().count(), 1);
    world.coordinator.only(|_| false);
    world.coordinator.topic(world.stored.clone(), now(2));
    assert!(world.coordinator.topics().all(|topic| topic.version == world.stored.version));
    // One that is open has its log followed: what became of that is for who follows it to say.
    world.settle(3);
    assert!(world.coordinator.is_open(&id()));
    world.coordinator.only(|_| false);
    assert_eq!(world.coordinator.topics().count(), 1);
}
