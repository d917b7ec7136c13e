//! What models show of themselves that are told to leave out what others have given, and what several share from the beginning.

use super::listing::{about, of_each_letter, whole};
use super::part as letters;
use super::voices::{ask, by, two};
use super::*;

const PARTS: [&str; 4] = ["a-h", "i-q", "r-z", "other"];

fn within(part: &str, names: &[String]) -> Vec<String> {
    names.iter().filter(|name| letters(part).holds(name)).cloned().collect()
}

fn of_each_letter_but(known: u32, all: u32) -> Vec<String> {
    of_each_letter(all).into_iter().filter(|name| !of_each_letter(known).contains(name)).collect()
}

/// Both have named two of each letter. Both list everything; the second may be told to leave out so much of what the first has given.
fn listed(first: &[String], second: &[String], told: impl Fn(&str) -> u32) -> Log {
    let mut log = Log::default();
    for provider in two() {
        log.says(by(&provider, whole()), &of_each_letter(2));
    }
    for part in PARTS {
        log.says(ResponseMeta { asked: 200, ..by("one", about(part)) }, &within(part, first));
        let answer = ResponseMeta { asked: 200, left_out: told(part), ..by("two", about(part)) };
        log.says(answer, &within(part, second));
    }
    log
}

fn given(part: &str) -> u32 {
    count(within(part, &of_each_letter(4)).len())
}

#[test]
fn who_is_told_to_leave_out_what_others_gave_does_not_show_that_these_know_more() {
    let log = listed(&of_each_letter(4), &of_each_letter_but(4, 5), given);
    let (one, both) = (log.frontier().set_of("one"), 3);
    let view = log.frontier().view();
    let worth = view.worth(one, both);
    assert!(!worth.is_tested && worth.adds < 0.3, "nobody was asked whether it knows that, too: {worth:?}");
    let worth = view.worth(both & !one, both);
    assert!(worth.is_tested && (0.1..0.25).contains(&worth.adds), "it gave a fifth more: {worth:?}");
    let knows = view.knowing(both & !one).unwrap().knows;
    assert!(knows > 0.5, "it may know all that it was to leave out: {knows}");
    // A list that was to leave nothing out does show it.
    let mut log = log;
    for part in PARTS {
        log.says(ResponseMeta { asked: 200, ..by("two", about(part)) }, &within(part, &of_each_letter(3)));
    }
    let view = log.frontier().view();
    assert!(
        view.worth(one, both).is_tested && view.worth(one, both).adds > 0.1,
        "{:?}",
        view.worth(one, both)
    );
    let log = listed(&of_each_letter(4), &of_each_letter(2), |_| 0);
    let view = log.frontier().view();
    let worth = view.worth(one, both);
    assert!(worth.is_tested && worth.adds > 0.4, "{worth:?}");
    assert!(view.knowing(both & !one).unwrap().knows < 0.6);
}

#[test]
fn what_a_list_was_to_leave_out_is_known_to_who_gave_it() {
    // The first does not come to an end, so that it has listed nothing.
    let full = || {
        let mut log = Log::default();
        for provider in two() {
            log.says(by(&provider, whole()), &of_each_letter(2));
        }
        log.says(ResponseMeta { asked: 48, ..by("one", about("a-h")) }, &within("a-h", &of_each_letter(6)));
        log
    };
    let own = ResponseMeta { left_out: 16, ..by("two", about("a-h")) };
    let rest = ResponseMeta { left_out: 48, ..by("two", about("a-h")) };
    for (answer, known) in [(own, 16.0), (rest, 48.0)] {
        let mut log = full();
        log.says(answer, &[]);
        let view = log.frontier().view();
        let stretch = view.stretches.iter().find(|stretch| stretch.letters().holds("ba")).unwrap();
        assert_eq!(stretch.reach.listed_by, view.set_of("two"));
        assert!((view.known_to_listed(stretch.letters()) - known).abs() < 0.1, "{:?}", stretch.reach);
    }
}

#[test]
fn who_has_listed_all_that_others_have_need_not_be_known_better() {
    let log = listed(&of_each_letter(4), &of_each_letter_but(4, 5), given);
    assert_eq!(log.frontier().view().useful(), 3, "both add something, as far as is known");
    let said = log.frontier().estimate().unwrap();
    assert!(!said.at_least, "nothing is to come of either: {said:?}");
}

#[test]
fn who_names_nothing_of_what_others_name_is_taken_to_know_less() {
    let knows = |of_two: &[String]| {
        let mut log = Log::default();
        log.says(by("one", whole()), &of_each_letter(2));
        log.says(by("two", whole()), of_two);
        let (Aim::Part(part), Some(provider)) = ask(&log, &two()) else { panic!("it is cut") };
        let voice = log.frontier().set_of(&provider);
        (log.frontier().view().knowing(voice).unwrap().knows, usize::from(part.to - part.from))
    };
    let (of_same, same) = knows(&of_each_letter(2));
    let (of_others, others) = knows(&of_each_letter_but(2, 4));
    assert!(of_same > 0.7 && of_others < 0.4, "{of_same} and {of_others}");
    assert!(others > same, "what it knows less of is cut into larger parts: {others} places and {same}");
}

#[test]
fn more_may_be_missing_of_what_one_model_alone_knows() {
    let upward = |log: &Log| {
        let estimate = log.frontier().estimate().unwrap().estimate;
        (estimate.high - estimate.total) / estimate.total
    };
    // The first forgets a quarter of what is well known, and the second lists that.
    let of_first = |each| -> Vec<String> {
        let forgets = |name: &&String| name.ends_with("a0") && name.as_str() < "n";
        of_each_letter(each).into_iter().filter(|name| !forgets(&name)).collect()
    };
    let rest: Vec<String> =
        of_each_letter(8).into_iter().filter(|name| !of_first(4).contains(name)).collect();
    let by_both = listed(&of_first(8), &of_each_letter(8), |_| 0);
    let by_two = listed(&of_first(4), &rest, given);
    assert!(upward(&by_two) > 1.5 * upward(&by_both), "{} and {}", upward(&by_two), upward(&by_both));
}
