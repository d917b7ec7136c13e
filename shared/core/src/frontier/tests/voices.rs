//! Several models.

use super::listing::{about, numbered, of_each_letter, whole};
use super::part as letters;
use super::*;

fn two() -> Vec<String> {
    vec!["one".to_owned(), "two".to_owned()]
}

fn by(provider: &str, answer: ResponseMeta) -> ResponseMeta {
    ResponseMeta { provider: provider.to_owned(), ..answer }
}

/// Both have listed everything: of each letter, the second has so many names that the first has not.
fn listed_by_both(more: u32, cost_of_two: u64) -> Log {
    let mut log = Log::default();
    let all = of_each_letter(4 + more);
    let common = of_each_letter(4);
    for _ in 0..4 {
        log.says(by("one", whole()), &common);
        log.says(ResponseMeta { cost: Cost::from_picodollars(cost_of_two), ..by("two", whole()) }, &all);
    }
    for part in ["a-h", "i-q", "r-z"] {
        let within = |names: &[String]| -> Vec<String> {
            names.iter().filter(|name| letters(part).holds(name)).cloned().collect()
        };
        log.says(ResponseMeta { asked: 200, ..about(part) }, &within(&common));
        log.says(
            ResponseMeta { asked: 200, cost: Cost::from_picodollars(cost_of_two), ..by("two", about(part)) },
            &within(&all),
        );
    }
    log
}

#[test]
fn a_model_that_adds_nothing_to_a_cheaper_one_is_not_worth_asking() {
    let log = listed_by_both(0, 5_000_000_000);
    assert_eq!(log.frontier().useful(), log.frontier().set_of("one"));
    let log = listed_by_both(0, 10);
    assert_eq!(log.frontier().useful(), log.frontier().set_of("two"), "of two alike the dearer one goes");
    let log = listed_by_both(3, 5_000_000_000);
    let two = log.frontier().set_of("two");
    assert!(log.frontier().useful() & two != 0, "it adds something");
}

#[test]
fn a_list_of_one_model_is_no_list_of_another() {
    let mut log = Log::default();
    for _ in 0..2 {
        log.says(by("one", whole()), &of_each_letter(2));
        log.says(by("two", whole()), &of_each_letter(2));
    }
    log.says(about("a-z"), &numbered("ba", 0..20));
    log.says(about("other"), &[]);
    let wish = Wish { items: 50, wanted: None, providers: &two(), under_way: &[] };
    let Outlook::Ask { aim: Aim::Part(_), provider, .. } = log.frontier().next(&wish) else {
        panic!("the other model may know more: {:?}", log.frontier().next(&wish))
    };
    assert_eq!(provider.as_deref(), Some("two"));
}

#[test]
fn a_model_that_is_not_tested_is_told_to_leave_out_only_what_it_has_said() {
    let mut log = Log::default();
    for _ in 0..2 {
        log.says(by("one", whole()), &of_each_letter(2));
        log.says(by("two", whole()), &of_each_letter(2));
    }
    log.says(about("s"), &numbered("sb", 0..10));
    log.says(by("two", about("s")), &numbered("sc", 0..10));
    let left_out = |provider| log.frontier().leave_out(letters("s"), Some(provider));
    assert_eq!(left_out("one"), numbered("sb", 0..10));
    assert_eq!(left_out("two"), numbered("sc", 0..10));
    assert_eq!(log.frontier().leave_out(letters("s"), None).len(), 20);
}

#[test]
fn the_cheaper_of_two_that_know_as_much_is_asked_for_parts_and_where_both_are_free_the_faster() {
    let asked = |one: (u64, u64), two_is: (u64, u64)| {
        let mut log = Log::default();
        for _ in 0..2 {
            for (provider, (cost, latency_ms)) in [("one", one), ("two", two_is)] {
                log.says(
                    ResponseMeta { cost: Cost::from_picodollars(cost), latency_ms, ..by(provider, whole()) },
                    &of_each_letter(2),
                );
            }
        }
        let wish = Wish { items: 50, wanted: None, providers: &two(), under_way: &[] };
        let next = log.frontier().next(&wish);
        let Outlook::Ask { aim: Aim::Part(_), provider, .. } = next else { panic!("{next:?}") };
        provider
    };
    assert_eq!(asked((100, 10), (900, 1)).as_deref(), Some("one"));
    assert_eq!(asked((900, 1), (100, 10)).as_deref(), Some("two"));
    assert_eq!(asked((0, 10), (0, 90)).as_deref(), Some("one"));
    assert_eq!(asked((0, 90), (0, 10)).as_deref(), Some("two"));
}
