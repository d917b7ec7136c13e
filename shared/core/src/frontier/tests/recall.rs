//! What an answer that came back full says of what its range still has.

use super::listing::{about, numbered, of_each_letter, whole};
use super::part as letters;
use super::voices::by;
use super::*;

/// Answers about the whole have named eight of `m`; then one about it gives so many of these and other ones, fifty in all.
fn asked(again: u32) -> Log {
    let mut log = Log::default();
    for from in [0, 2, 4, 6] {
        let names = of_each_letter(8).into_iter();
        let of_m = numbered("ma", from..from + 2);
        let names: Vec<String> = names.filter(|name| !name.starts_with('m')).chain(of_m).collect();
        log.says(whole(), &names);
    }
    log.says(about("m"), &full(again, 100));
    log
}

fn full(again: u32, from: u32) -> Vec<String> {
    [numbered("ma", 0..again), numbered("mb", from..from + 50 - again)].concat()
}

/// Names of `m` that are still to come, by the full answers about it alone.
fn left(log: &Log) -> f64 {
    let view = log.frontier().view();
    let (stretch, sums) = view.stretches().find(|(stretch, _)| stretch.letters() == letters("m")).unwrap();
    view.by_full(sums, stretch.letters(), stretch.reach)
}

#[test]
fn what_a_full_answer_misses_of_what_was_known_tells_how_much_is_left() {
    let [all, most, few] = [8, 6, 2].map(|again| left(&asked(again)));
    assert!(all < 0.35 * 50.0, "all that was known is in it: {all}");
    assert!(most > 1.4 * all && few > 2.0 * most, "{all}, {most}, {few}");
}

#[test]
fn what_it_was_told_to_leave_out_is_not_missed() {
    let mut told = asked(8);
    let answer = ResponseMeta { left_out: 50, ..about("m") };
    told.says(answer, &full(0, 200));
    let mut not_told = asked(8);
    not_told.says(about("m"), &full(0, 200));
    let (told, not_told) = (left(&told), left(&not_told));
    assert!(told < 0.4 * not_told, "{told}, {not_told}");
}

#[test]
fn what_it_gave_though_it_was_to_leave_it_out_was_not_looked_for() {
    let after = |copied| {
        let mut log = asked(8);
        log.says(ResponseMeta { left_out: 50, copied, ..about("m") }, &full(8, 200));
        left(&log)
    };
    assert!(after(8) > 1.5 * after(0), "{}, {}", after(8), after(0));
}

#[test]
fn a_range_that_came_back_full_again_has_less_left_than_at_the_first_time() {
    let mut again = asked(8);
    again.says(ResponseMeta { left_out: 50, ..about("m") }, &full(0, 200));
    // Nothing was looked for: 0.7 for each of fifty, but it is the second time.
    let again = left(&again);
    assert!((20.0..27.0).contains(&again), "{again}");
}

#[test]
fn what_others_gave_is_not_taken_for_its_own() {
    let after = |left_out| {
        let mut log = asked(8);
        log.says(by("two", whole()), &numbered("mc", 0..8));
        let named = [numbered("mc", 0..2), numbered("mb", 200..248)].concat();
        log.says(ResponseMeta { left_out, ..by("two", about("m")) }, &named);
        left(&log)
    };
    assert!(after(50) > 0.9 * after(0), "{}, {}", after(50), after(0));
}
