//! What the leader says of providers.

use super::*;
use crate::command::Care;
use crate::worker::REGISTRY_PATIENCE;

fn rests(probe: u64, yours: bool) -> [Care; 1] {
    [Care { provider: "a".to_owned(), rests: true, probe, yours, key_waits_ms: 0 }]
}

fn desk() -> Desk {
    Desk::new(vec![limits("a"), Limits { key_group: 1, ..limits("b") }])
}

#[test]
fn who_rests_for_all_is_not_asked_but_for_the_one_probe_that_is_this_process_s() {
    let mut desk = desk();
    desk.gates.heed(&rests(1, false), (1, 1), desk.now);
    assert!(!desk.may_start(0) && desk.may_start(1));
    let report = &desk.gates.report(desk.now)[0];
    assert!(report.rests && report.state == ProviderState::Waiting, "{report:?}");

    desk.gates.heed(&rests(2, true), (1, 2), desk.now);
    let probe = desk.try_start(0.99).unwrap();
    assert_eq!(probe.index(), 0, "whoever would have been drawn");
    assert!(!desk.may_start(0), "it is one");
    // The same word again is no other probe.
    desk.gates.heed(&rests(2, true), (1, 3), desk.now);
    desk.finish(probe, &ended(Outcome::Answered));
    assert!(!desk.may_start(0));
    desk.gates.heed(&rests(3, true), (1, 4), desk.now);
    assert!(desk.may_start(0));
    // It was handed on.
    desk.gates.heed(&rests(4, false), (1, 5), desk.now);
    assert!(!desk.may_start(0));

    desk.gates.heed(&[], (1, 6), desk.now);
    assert!(desk.may_start(0));
}

#[test]
fn a_probe_goes_out_though_this_process_has_met_failures_itself_and_who_is_back_has_its_whole_weight() {
    let mut desk = desk();
    for _ in 0..4 {
        desk.pass(40_000);
        let ticket = desk.gates.start(&topic(), &BTreeMap::new(), 0.5, desk.now, &|index| index == 0);
        desk.finish(ticket.unwrap(), &ended(Outcome::ServerError));
    }
    desk.gates.heed(&rests(1, true), (1, 1), desk.now);
    let probe = desk.start().unwrap();
    assert_eq!(probe.index(), 0);
    desk.finish(probe, &ended(Outcome::Answered));
    desk.gates.heed(&[], (1, 2), desk.now);
    assert_eq!(desk.try_start(0.4).unwrap().index(), 0, "half of the weight is its own");
}

#[test]
fn the_producers_of_a_process_share_what_they_are_told() {
    let mut desk = desk();
    // The second of them is told after the first that the probe is not its own.
    desk.gates.heed(&rests(1, true), (1, 1), desk.now);
    desk.gates.heed(&rests(1, false), (1, 2), desk.now);
    assert!(desk.may_start(0));
    // An older word comes late.
    desk.gates.heed(&[], (1, 3), desk.now);
    desk.gates.heed(&rests(1, false), (1, 2), desk.now);
    assert!(desk.may_start(0));
    // Another leader counts anew.
    desk.gates.heed(&rests(1, true), (2, 1), desk.now);
    assert_eq!(desk.try_start(0.99).unwrap().index(), 0);
}

#[test]
fn the_word_of_a_leader_that_is_heard_no_more_ends() {
    let mut desk = desk();
    desk.gates.heed(&rests(0, false), (5, 1), desk.now);
    desk.pass(11_000);
    assert!(!desk.may_start(0));
    desk.gates.trust(desk.now);
    desk.now += REGISTRY_PATIENCE / 2;
    assert!(!desk.may_start(0));
    let alone = desk.gates.clone().start(&topic(), &BTreeMap::new(), 0.5, desk.now, &|index| index == 0);
    let until = alone.unwrap_err().until.unwrap();
    desk.now = until;
    assert!(desk.may_start(0));
    // Nor does it keep a leader of another registry, with lower epochs, from being heeded.
    desk.gates.heed(&rests(0, false), (1, 1), desk.now);
    assert!(!desk.may_start(0));
}

#[test]
fn a_key_waits_as_another_process_was_told_and_only_what_this_one_was_told_is_told_on() {
    let same_key = Limits { name: "c".to_owned(), ..limits("c") };
    let mut desk = Desk::new(vec![limits("a"), Limits { key_group: 1, ..limits("b") }, same_key]);
    let care = Care { provider: "a".to_owned(), key_waits_ms: 3_000, ..Care::default() };
    desk.gates.heed(&[care], (1, 1), desk.now);
    assert!(!desk.may_start(0) && desk.may_start(1) && !desk.may_start(2));
    assert_eq!(desk.gates.report(desk.now)[0].key_waits_ms, 0);
    desk.pass(3_010);
    assert!(desk.may_start(0) && desk.may_start(2));

    let ticket = desk.gates.start(&topic(), &BTreeMap::new(), 0.5, desk.now, &|index| index == 0).unwrap();
    let retry_after = Some(Duration::from_secs(7));
    desk.finish(ticket, &Ended { retry_after, ..ended(Outcome::RateLimited) });
    let told: Vec<u64> =
        desk.gates.report(desk.now).iter().map(|report| report.key_waits_ms / 1_000).collect();
    assert_eq!(told, [7, 0, 7]);
}
