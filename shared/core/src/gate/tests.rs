#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::command::ProviderState;
use proptest::prelude::*;

mod heeding;
mod shares;
mod trouble;

const FAILURES: [Outcome; 4] =
    [Outcome::RateLimited, Outcome::Timeout, Outcome::ServerError, Outcome::Unreachable];

fn limits(name: &str) -> Limits {
    Limits {
        name: name.to_owned(),
        model: "m".to_owned(),
        weight: 1.0,
        max_concurrency: 4,
        requests_per_minute: None,
        key_group: 0,
    }
}

fn topic() -> TopicId {
    TopicId::from_name("Paris attractions").unwrap()
}

fn ended(outcome: Outcome) -> Ended<'static> {
    Ended { outcome, scope: Scope::Provider, retry_after: None, detail: "it said so" }
}

/// The gates with one topic, no topic weights, and a clock that the test moves.
struct Desk {
    gates: Gates,
    now: Monotonic,
}

impl Desk {
    fn new(limits: Vec<Limits>) -> Self {
        Self { gates: Gates::new(limits), now: Monotonic(1_000) }
    }

    fn pass(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    fn try_start(&mut self, random: f64) -> Result<Ticket, Wait> {
        self.gates.start(&topic(), &BTreeMap::new(), random, self.now, &|_| true)
    }

    fn start(&mut self) -> Option<Ticket> {
        self.try_start(0.5).ok()
    }

    /// Whether this provider may be asked.
    fn may_start(&self, index: usize) -> bool {
        self.gates.clone().start(&topic(), &BTreeMap::new(), 0.5, self.now, &|other| other == index).is_ok()
    }

    fn finish(&mut self, ticket: Ticket, ended: &Ended<'_>) -> Option<Change> {
        self.gates.finish(ticket, &topic(), ended, 1.0, self.now)
    }

    fn wait(&self) -> Wait {
        self.gates.clone().start(&topic(), &BTreeMap::new(), 0.5, self.now, &|_| true).unwrap_err()
    }

    /// Moves on to when something may be asked, and asks.
    fn start_when_ready(&mut self) -> Ticket {
        if let Some(ticket) = self.start() {
            return ticket;
        }
        if let Some(until) = self.wait().until {
            self.now = self.now.max(until);
        }
        self.start().unwrap()
    }

    fn state(&self) -> ProviderState {
        self.gates.report(self.now)[0].state
    }
}

#[test]
fn requests_under_way_are_bounded_and_an_abandoned_one_frees_its_place() {
    let mut desk = Desk::new(vec![limits("a")]);
    let mut tickets: Vec<Ticket> = std::iter::from_fn(|| desk.start()).collect();
    assert_eq!(tickets.len(), 4);
    assert_eq!(desk.wait(), Wait { until: None, reason: WaitReason::Busy });
    assert_eq!(desk.finish(tickets.pop().unwrap(), &ended(Outcome::Abandoned)), None);
    assert!(desk.start().is_some());
    assert_eq!(desk.gates.in_flight(), 4);
}

#[test]
fn a_service_that_fails_is_left_alone_for_longer_and_longer_and_told_of_once() {
    let mut desk = Desk::new(vec![limits("a")]);
    let mut pauses = Vec::new();
    let mut told = 0;
    for _ in 0..9 {
        let ticket = desk.start_when_ready();
        told += u32::from(desk.finish(ticket, &ended(Outcome::Unreachable)).is_some());
        pauses.push(desk.wait().until.unwrap().since(desk.now).as_secs());
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30, 30]);
    assert_eq!(told, 1);
    assert_eq!(desk.state(), ProviderState::Waiting);
}

#[test]
fn failures_of_requests_that_started_together_count_once() {
    let mut desk = Desk::new(vec![limits("a")]);
    let tickets: Vec<Ticket> = std::iter::from_fn(|| desk.start()).collect();
    for ticket in tickets {
        desk.finish(ticket, &ended(Outcome::ServerError));
    }
    assert_eq!(desk.wait().until.unwrap().since(desk.now).as_millis(), 1_000);
}

#[test]
fn after_repeated_failure_one_probe_goes_first_and_its_success_opens_the_gate() {
    let mut desk = Desk::new(vec![limits("a")]);
    for _ in 0..3 {
        let ticket = desk.start_when_ready();
        desk.finish(ticket, &ended(Outcome::Timeout));
    }
    let probe = desk.start_when_ready();
    assert!(desk.start().is_none(), "only one probe");
    assert_eq!(desk.wait().reason, WaitReason::Busy);
    assert_eq!(desk.finish(probe, &ended(Outcome::Answered)), Some(Change::Recovered));
    assert_eq!(std::iter::from_fn(|| desk.start()).count(), 4);
    assert_eq!(desk.state(), ProviderState::Ready);
}

#[test]
fn an_abandoned_probe_leaves_room_for_the_next() {
    let mut desk = Desk::new(vec![limits("a")]);
    for _ in 0..3 {
        let ticket = desk.start_when_ready();
        desk.finish(ticket, &ended(Outcome::Timeout));
    }
    let probe = desk.start_when_ready();
    desk.finish(probe, &ended(Outcome::Abandoned));
    assert!(desk.start().is_some());
    assert!(desk.start().is_none());
}

#[test]
fn a_wait_that_a_service_asks_for_holds_for_all_who_use_the_key_and_for_no_one_else() {
    let same_key = limits("b");
    let other_key = Limits { key_group: 1, ..limits("c") };
    let mut desk = Desk::new(vec![limits("a"), same_key, other_key]);
    let first = desk.try_start(0.0).unwrap();
    let wait = Ended { retry_after: Some(Duration::from_mins(10)), ..ended(Outcome::RateLimited) };
    assert!(matches!(desk.finish(first, &wait), Some(Change::Paused { .. })));
    desk.pass(600_000);
    for (index, may) in [(0, false), (1, false), (2, true)] {
        assert_eq!(desk.may_start(index), may, "{index}");
    }
    desk.pass(2);
    for index in [0, 1] {
        assert!(desk.may_start(index), "{index}");
    }
}

#[test]
fn a_wrong_key_stops_the_provider_with_its_message() {
    let mut desk = Desk::new(vec![limits("a")]);
    let ticket = desk.start().unwrap();
    assert_eq!(desk.finish(ticket, &ended(Outcome::WrongKey)), Some(Change::Stopped));
    desk.pass(3_600_000);
    assert!(desk.start().is_none());
    assert_eq!(desk.wait(), Wait { until: None, reason: WaitReason::Nobody("a: it said so".to_owned()) });
    assert_eq!(desk.state(), ProviderState::Stopped);
}

#[test]
fn a_key_that_worked_and_is_refused_once_is_tried_again() {
    let mut desk = Desk::new(vec![limits("small")]);
    let ticket = desk.start().unwrap();
    desk.finish(ticket, &ended(Outcome::Answered));
    for refusal in 1..=3 {
        let ticket = desk.start_when_ready();
        desk.finish(ticket, &ended(Outcome::WrongKey));
        assert_eq!(desk.state() == ProviderState::Stopped, refusal == 3, "after {refusal} refusals");
    }
}

#[test]
fn what_went_wrong_last_is_told_before_it_leads_to_anything_and_until_there_is_an_answer() {
    for (outcome, scope) in [
        (Outcome::BadRequest, Scope::Provider),
        (Outcome::BadRequest, Scope::Adapted),
        (Outcome::ServerError, Scope::Provider),
    ] {
        let mut desk = Desk::new(vec![limits("small")]);
        let ticket = desk.start().unwrap();
        desk.finish(ticket, &Ended { scope, ..ended(outcome) });
        desk.pass(1_000);
        let report = |desk: &Desk| desk.gates.report(desk.now).remove(0);
        let failed = report(&desk);
        assert_eq!(
            (failed.state, failed.detail.as_str()),
            (ProviderState::Ready, "it said so"),
            "{outcome:?}"
        );
        let ticket = desk.start().unwrap();
        desk.finish(ticket, &ended(Outcome::Answered));
        assert_eq!(report(&desk).detail, "");
    }
}

#[test]
fn what_an_answer_was_instead_of_a_list_is_told_until_there_is_a_list() {
    let mut desk = Desk::new(vec![limits("small")]);
    let remark = |desk: &Desk| desk.gates.report(desk.now)[0].detail.clone();
    for (outcome, told) in [(Outcome::Empty, "it said so"), (Outcome::Answered, "")] {
        let ticket = desk.start().unwrap();
        desk.finish(ticket, &ended(outcome));
        assert_eq!((desk.state(), remark(&desk).as_str()), (ProviderState::Ready, told));
    }
}

#[test]
fn a_provider_that_never_answered_stops_at_the_third_refused_request() {
    let mut desk = Desk::new(vec![limits("a")]);
    let changes: Vec<_> = (0..3)
        .map(|_| {
            let ticket = desk.start().unwrap();
            desk.finish(ticket, &ended(Outcome::BadRequest))
        })
        .collect();
    assert_eq!(changes, [None, None, Some(Change::Stopped)]);
}

#[test]
fn a_provider_that_has_answered_pauses_when_its_requests_are_refused() {
    let mut desk = Desk::new(vec![limits("a")]);
    let ticket = desk.start().unwrap();
    desk.finish(ticket, &ended(Outcome::Answered));
    for _ in 0..10 {
        let ticket = desk.start_when_ready();
        desk.finish(ticket, &ended(Outcome::BadRequest));
    }
    assert_eq!(desk.state(), ProviderState::Waiting);
    let ticket = desk.start_when_ready();
    assert_eq!(desk.finish(ticket, &ended(Outcome::Answered)), Some(Change::Recovered));
}

#[test]
fn a_refused_option_is_not_held_against_the_provider() {
    let mut desk = Desk::new(vec![limits("a")]);
    for _ in 0..10 {
        let ticket = desk.start().unwrap();
        let adapted = Ended { scope: Scope::Adapted, ..ended(Outcome::BadRequest) };
        assert_eq!(desk.finish(ticket, &adapted), None);
    }
    assert_eq!(desk.state(), ProviderState::Ready);
}

#[test]
fn a_provider_that_does_not_know_a_topic_is_asked_about_others_only() {
    let mut desk = Desk::new(vec![limits("demo")]);
    let ticket = desk.start().unwrap();
    let unable = Ended { scope: Scope::Topic, ..ended(Outcome::BadRequest) };
    assert_eq!(desk.finish(ticket, &unable), Some(Change::Unable));
    assert!(desk.start().is_none());
    assert_eq!(desk.wait().reason, WaitReason::Nobody("demo: it said so".to_owned()));
    let other = TopicId::from_name("countries").unwrap();
    assert!(desk.gates.start(&other, &BTreeMap::new(), 0.0, desk.now, &|_| true).is_ok());
}

#[test]
fn choices_follow_the_weights_of_the_topic_or_else_the_configured_ones() {
    let gates = Gates::new(vec![Limits { weight: 3.0, ..limits("a") }, limits("b")]);
    let share_of_a = |weights: &BTreeMap<String, f64>| {
        let tickets = (0..100).filter_map(|i| {
            gates.clone().start(&topic(), weights, f64::from(i) / 100.0, Monotonic::default(), &|_| true).ok()
        });
        tickets.filter(|ticket| ticket.index() == 0).count()
    };
    let weights = |pairs: &[(&str, f64)]| pairs.iter().map(|(name, w)| ((*name).to_owned(), *w)).collect();
    assert_eq!(share_of_a(&BTreeMap::new()), 75);
    assert_eq!(share_of_a(&weights(&[("a", 1.0), ("b", 9.0)])), 10);
    assert_eq!(share_of_a(&weights(&[("b", 0.1)])), 0);
    assert_eq!(share_of_a(&weights(&[("a", f64::NAN), ("b", -1.0)])), 0);
}

#[test]
fn a_provider_that_costs_more_than_is_left_is_no_reason_to_give_up() {
    let mut desk = Desk::new(vec![limits("a")]);
    let wait = desk.gates.start(&topic(), &BTreeMap::new(), 0.5, desk.now, &|_| false).unwrap_err();
    assert_eq!(wait, Wait { until: None, reason: WaitReason::TooDear });
}

#[test]
fn weights_for_names_that_do_not_exist_are_ignored_and_named() {
    let mut desk = Desk::new(vec![limits("a")]);
    let weights = BTreeMap::from([("typo".to_owned(), 1.0)]);
    assert_eq!(desk.gates.unknown(&weights).collect::<Vec<_>>(), ["typo"]);
    let wait = desk.gates.start(&topic(), &weights, 0.5, desk.now, &|_| true).unwrap_err();
    assert_eq!(wait.reason, WaitReason::Nobody("a: has no weight; typo: is not configured here".to_owned()));
}

/// The most starts in any 60 seconds, both ends included.
fn most_in_a_minute(starts: &[u64]) -> usize {
    let from = |i: usize| starts[i..].iter().take_while(|at| **at <= starts[i] + 60_000).count();
    (0..starts.len()).map(from).max().unwrap_or(0)
}

proptest! {
    // Each case is minutes of a busy provider.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_minute_sees_more_starts_than_allowed(
        rpm in 1_u32..400,
        idle_before in prop::collection::vec((0_usize..500, 0_u64..3_000), 0..8),
    ) {
        let free = Limits { requests_per_minute: Some(rpm), max_concurrency: 10_000, ..limits("a") };
        let mut desk = Desk::new(vec![free]);
        let mut starts = Vec::new();
        for i in 0..500 {
            let idle = idle_before.iter().filter(|(at, _)| *at == i).map(|(_, millis)| millis).sum();
            desk.pass(idle);
            let _ticket = desk.start_when_ready();
            starts.push(desk.now.0);
        }
        prop_assert!(most_in_a_minute(&starts) <= rpm as usize);
    }

    #[test]
    fn the_allowed_rate_is_used(rpm in 1_u32..2_000) {
        let mut desk = Desk::new(vec![Limits { requests_per_minute: Some(rpm), max_concurrency: u32::MAX, ..limits("a") }]);
        let end = desk.now + Duration::from_mins(4);
        let mut starts = 0_u32;
        while desk.now < end {
            match desk.start() {
                Some(_) => starts += 1,
                None => desk.now = desk.wait().until.unwrap(),
            }
        }
        prop_assert!(f64::from(starts) >= 0.97 * 4.0 * f64::from(rpm) - 1.0, "{starts} of {}", 4 * rpm);
    }
}

proptest! {
    #[test]
    fn bounds_hold_and_a_service_that_works_again_is_used_again(
        providers in prop::collection::vec((1_u32..5, prop::option::of(1_u32..200), 0_usize..2), 1..4),
        actions in prop::collection::vec((0_u8..4, 0_u64..5_000, any::<prop::sample::Index>(), prop::option::of(0_u64..30_000)), 1..300),
    ) {
        let all: Vec<Limits> = providers.iter().enumerate().map(|(i, (max_concurrency, requests_per_minute, key_group))| Limits {
            max_concurrency: *max_concurrency, requests_per_minute: *requests_per_minute, key_group: *key_group, ..limits(&i.to_string())
        }).collect();
        let mut desk = Desk::new(all.clone());
        let mut under_way: Vec<Ticket> = Vec::new();
        let mut not_before = [0_u64; 2];
        for (action, amount, which, retry_after) in actions {
            match action {
                0 => desk.pass(amount),
                1 | 2 => if let Some(ticket) = desk.start() {
                    prop_assert!(desk.now.0 >= not_before[all[ticket.index()].key_group]);
                    under_way.push(ticket);
                    for (i, limits) in all.iter().enumerate() {
                        let count = under_way.iter().filter(|ticket| ticket.index() == i).count();
                        prop_assert!(count <= limits.max_concurrency as usize);
                    }
                },
                _ => if !under_way.is_empty() {
                    let ticket = under_way.swap_remove(which.index(under_way.len()));
                    let group = all[ticket.index()].key_group;
                    let outcome = if amount % 2 == 0 { Outcome::Answered } else { FAILURES[which.index(4)] };
                    if outcome != Outcome::Answered && let Some(wait) = retry_after {
                        not_before[group] = not_before[group].max(desk.now.0 + wait);
                    }
                    desk.finish(ticket, &Ended { retry_after: retry_after.map(Duration::from_millis), ..ended(outcome) });
                },
            }
            prop_assert_eq!(desk.gates.in_flight() as usize, under_way.len());
        }
        for ticket in under_way {
            desk.finish(ticket, &ended(Outcome::Abandoned));
        }
        desk.pass(120_000);
        for index in 0..all.len() {
            let ticket = desk.gates.start(&topic(), &BTreeMap::new(), 0.5, desk.now, &|other| other == index);
            prop_assert!(ticket.is_ok(), "provider {} is tried again", index);
            desk.finish(ticket.unwrap(), &ended(Outcome::Answered));
        }
        for report in desk.gates.report(desk.now) {
            prop_assert_eq!(report.state, ProviderState::Ready);
        }
    }
}
