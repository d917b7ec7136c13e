//! Caps that an operator sets or lowers while the topic runs, with real workers, in virtual time.

use super::*;
use crate::batch::{Committed, Receipt, Told, Verdict};
use crate::worker::{Finished, Worker};

const NAMES: [&str; 3] = ["p1", "p2", "p3"];
const STEP_MS: u64 = 50;
const WORST: Cost = Cost::from_picodollars(100);
const COST: Cost = Cost::from_picodollars(30);

/// How long an answer, a command and a heartbeat take.
const ANSWER_MS: u64 = 800;
const COMMAND_MS: [u64; 3] = [50, 100, 400];
const HEARTBEAT_MS: u64 = 1_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Spending {
    requests: u64,
    /// With the worst case of what is under way.
    risked: Cost,
}

struct Field {
    world: World,
    at: u64,
    workers: Vec<Worker>,
    under_way: Vec<(u64, usize)>,
    commands: Vec<(u64, usize, Command)>,
    spending: Spending,
}

impl Field {
    fn new(limits: Limits) -> Self {
        let workers = NAMES.map(|name| Worker::new(producer(name), 1, 4)).into();
        let (under_way, commands) = (Vec::new(), Vec::new());
        let spending = Spending::default();
        Self { world: World::new(limits), at: 0, workers, under_way, commands, spending }
    }

    fn step(&mut self) {
        self.at += STEP_MS;
        for (_, who, command) in self.commands.extract_if(.., |(at, ..)| *at <= self.at) {
            self.workers[who].command(command, Monotonic(self.at));
            let heartbeat = self.workers[who].heartbeat(Vec::new(), |_| 4, Monotonic(self.at));
            self.world.coordinator.heartbeat(heartbeat, now(self.at));
        }
        let answered: Vec<_> = self.under_way.extract_if(.., |(at, _)| *at <= self.at).collect();
        for (_, who) in answered {
            self.answer(who);
        }
        for who in 0..NAMES.len() {
            self.ask(who);
            if self.at.is_multiple_of(HEARTBEAT_MS) {
                self.beat(who);
            }
        }
        for action in self.world.settle(self.at) {
            let Action::Send { producer, command } = action else { continue };
            let who = NAMES.iter().position(|name| *name == producer.as_str()).unwrap();
            self.commands.push((self.at + COMMAND_MS[who], who, command));
        }
    }

    fn beat(&mut self, who: usize) {
        let heartbeat = self.workers[who].heartbeat(Vec::new(), |_| 4, Monotonic(self.at));
        self.world.coordinator.heartbeat(heartbeat, now(self.at));
    }

    fn ask(&mut self, who: usize) {
        while let Some(ask) = self.workers[who].next_ask() {
            if ask.left.is_some_and(|left| left < WORST) {
                if self.workers[who].price(&id(), 1, &[WORST]) {
                    self.beat(who);
                }
                return;
            }
            assert!(self.workers[who].begin(&id(), 1, WORST));
            self.under_way.push((self.at + ANSWER_MS, who));
            self.spending.requests += 1;
            self.spending.risked += WORST;
        }
    }

    fn answer(&mut self, who: usize) {
        let meta = ResponseMeta {
            provider: "small".into(),
            model: "m".into(),
            cell: None,
            probe: false,
            prompt_hash: 0,
            outcome: Outcome::Answered,
            latency_ms: ANSWER_MS,
            input_tokens: 1,
            output_tokens: 1,
            cost: COST,
            worst_case: WORST,
            repeated: 0,
            rejected: 0,
            rejections: crate::batch::Rejections::default(),
            asked: 0,
            left_out: 0,
            copied: 0,
            phrasing: crate::phrasing::Phrasing::Plain,
            categories: Told::default(),
            judged: None,
        };
        let finished = Finished { meta: meta.clone(), items: Vec::new() };
        let batch = self.workers[who].finish(&id(), 1, finished, Monotonic(self.at)).unwrap();
        let kind = EntryKind::Response(meta);
        let head = EntryHead {
            producer: producer(NAMES[who]),
            incarnation: 1,
            seq: batch.id.seq,
            at: UnixMillis(0),
            kind,
        };
        self.world.log += 1;
        let log = self.world.log;
        let tail = EntryTail { first_new: log, new: vec![format!("Bird {log}")], ..EntryTail::default() };
        self.world.entries.push(Entry { index: log, head, tail });
        let entries = &self.world.entries[self.world.entries.len() - 1..];
        self.world.coordinator.entries(&id(), 1, entries, log, now(self.at)).unwrap();
        let verdict = Verdict::Committed(Committed { log_index: log, ..Committed::default() });
        self.workers[who].receipt(&Receipt { id: batch.id, verdict, told: None }, Monotonic(self.at));
        self.spending.risked = self.spending.risked.saturating_sub(WORST.saturating_sub(COST));
    }

    fn run_until(&mut self, ms: u64) {
        while self.at < ms {
            self.step();
        }
    }

    fn patch(&mut self, limits: Limits) {
        let version = self.world.stored.version + 1;
        self.world.stored = Topic { limits, version, ..self.world.stored.clone() };
        self.world.coordinator.topic(self.world.stored.clone(), now(self.at));
    }

    /// Goes on until every worker follows a command that was sent after this moment.
    fn until_heard(&mut self) {
        let sent = self.world.coordinator.version;
        while self.workers.iter().any(|worker| worker.follows().1 <= sent) {
            self.step();
            assert!(self.at < 120_000, "the cap is never heard of");
        }
    }

    /// Sends nothing beyond the cap from now on, and ends. The answer is how much was spent.
    fn ends_within(&mut self, limits: Limits, reason: EndReason) -> Spending {
        let heard = self.spending;
        let deadline = self.at + 30_000;
        while !self.world.stored.state.is_ended() {
            let before = self.spending;
            self.step();
            let Spending { requests, risked } = self.spending;
            if requests > before.requests {
                assert!(limits.max_requests.is_none_or(|cap| requests <= cap), "{requests} of {limits:?}");
                assert!(limits.max_cost.is_none_or(|cap| risked <= cap), "{risked} of {limits:?}; {heard:?}");
            }
            assert!(self.at < deadline, "it does not end: {:?}", self.world.stored.state);
        }
        assert_eq!(self.world.stored.state.reason(), Some(reason), "{limits:?}");
        self.spending
    }
}

fn requests(cap: u64) -> Limits {
    Limits { max_requests: Some(cap), ..Limits::default() }
}

fn cost(cap: u64) -> Limits {
    Limits { max_cost: Some(Cost::from_picodollars(cap)), ..Limits::default() }
}

/// A topic that ran for a while, and then got other limits that every worker has heard of.
fn patched(before: Limits, after: Limits) -> Field {
    let mut field = Field::new(before);
    field.run_until(4_300);
    assert!(field.spending.requests > 24, "{:?}", field.spending);
    field.patch(after);
    field.until_heard();
    field
}

#[test]
fn a_cap_that_comes_in_mid_run_is_used_up_and_not_passed() {
    for before in [Limits::default(), requests(3_000)] {
        let mut field = patched(before, requests(150));
        assert_eq!(field.ends_within(requests(150), EndReason::MaxRequests).requests, 150);
    }
    for before in [Limits::default(), cost(500_000)] {
        let mut field = patched(before, cost(7_000));
        let Spending { risked, .. } = field.ends_within(cost(7_000), EndReason::MaxUsd);
        assert!(cost(7_000).max_cost.is_some_and(|cap| cap.saturating_sub(risked) < WORST), "{risked}");
    }
}

#[test]
fn a_cap_that_is_passed_when_it_comes_ends_the_topic_and_nothing_more_is_sent() {
    for before in [Limits::default(), requests(3_000)] {
        let mut field = patched(before, requests(10));
        let heard = field.spending.requests;
        assert_eq!(field.ends_within(requests(10), EndReason::MaxRequests).requests, heard);
    }
    for before in [Limits::default(), cost(500_000)] {
        let mut field = patched(before, cost(200));
        let heard = field.spending.requests;
        assert_eq!(field.ends_within(cost(200), EndReason::MaxUsd).requests, heard);
    }
}

#[test]
fn a_cap_on_requests_that_is_passed_when_it_comes_does_not_wait_for_answers_under_way() {
    let field = patched(Limits::default(), requests(10));
    assert_eq!(field.world.stored.state, TopicState::Ending(EndReason::MaxRequests));
    assert!(!field.under_way.is_empty());
}

#[test]
fn a_cap_that_is_taken_away_and_set_again_holds() {
    let mut field = patched(cost(500_000), Limits::default());
    field.run_until(field.at + 3_000);
    field.patch(cost(9_000));
    field.until_heard();
    field.ends_within(cost(9_000), EndReason::MaxUsd);
}
