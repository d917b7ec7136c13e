//! Several models.

use super::listing::{about, numbered, of_each_letter, whole};
use super::part as letters;
use super::*;
use crate::frontier::voices::VOICES;
use crate::topic::Partition;

pub(super) fn two() -> Vec<String> {
    vec!["one".to_owned(), "two".to_owned()]
}

pub(super) fn by(provider: &str, answer: ResponseMeta) -> ResponseMeta {
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
    assert_eq!(log.frontier().view().useful(), log.frontier().set_of("one"));
    let log = listed_by_both(0, 10);
    assert_eq!(
        log.frontier().view().useful(),
        log.frontier().set_of("two"),
        "of two alike the dearer one goes"
    );
    let log = listed_by_both(3, 5_000_000_000);
    let two = log.frontier().set_of("two");
    assert!(log.frontier().view().useful() & two != 0, "it adds something");
}

#[test]
fn what_a_model_adds_is_seen_from_what_it_named_before_it_lists_anything() {
    let said = |by_two: &[String]| {
        let mut log = Log::default();
        log.says(by("one", whole()), &of_each_letter(1));
        log.says(by("two", whole()), by_two);
        let all = of_each_letter(4);
        let within = |part: &str| -> Vec<String> {
            all.iter().filter(|name| letters(part).holds(name)).cloned().collect()
        };
        for part in ["a-h", "i-q", "r-z"] {
            log.says(ResponseMeta { asked: 200, ..about(part) }, &within(part));
        }
        let (view, two) = (log.frontier().view(), log.frontier().set_of("two"));
        (view.useful() & two != 0, log.frontier().estimate().unwrap())
    };
    let (is_useful, estimate) = said(&of_each_letter(2));
    assert!(!is_useful, "all that it named is in the lists of the other");
    assert!(estimate.estimate.total < 1.1 * 104.0, "{estimate:?}");
    let others: Vec<String> = of_each_letter(2).into_iter().chain(numbered("zb", 0..26)).collect();
    let (is_useful, estimate) = said(&others);
    assert!(is_useful, "a third of what it named is not");
    assert!(estimate.at_least, "no list of it says how much it adds: {estimate:?}");
    assert!(estimate.estimate.total > 1.15 * 130.0, "{estimate:?}");
}

#[test]
fn ranges_that_some_have_listed_tell_how_many_names_others_hold() {
    let mut log = Log::default();
    // Each answer about the whole knows half of the names, and the lists have the other half.
    let half = of_each_letter(2);
    log.says(by("one", whole()), &half);
    log.says(by("two", whole()), &numbered("zb", 0..30));
    let all = of_each_letter(4);
    let listed: Vec<String> = all.iter().filter(|name| letters("a-m").holds(name)).cloned().collect();
    log.says(ResponseMeta { asked: 200, ..about("a-m") }, &listed);
    let picture = log.frontier().view().picture();
    assert_eq!(picture.useful.count_ones(), 2, "nothing is done before both have listed it");
    assert!((1.8..2.8).contains(&picture.names_for_each), "{picture:?}");
}

#[test]
fn a_list_of_one_model_is_no_list_of_another() {
    let mut log = Log::default();
    for _ in 0..2 {
        log.says(by("one", whole()), &of_each_letter(2));
        log.says(by("two", whole()), &of_each_letter(3));
    }
    log.says(
        ResponseMeta { asked: 100, ..about("a-z") },
        &[of_each_letter(2), numbered("ba", 3..20)].concat(),
    );
    log.says(about("other"), &[]);
    let wish = Wish {
        items: 50,
        partition: Partition::Alphabetical,
        categories: &[],
        wanted: None,
        providers: &two(),
        under_way: &[],
        ..PLAIN
    };
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
    let left_out = |provider| log.frontier().leave_out(&Aim::Part(letters("s")), Some(provider));
    assert_eq!(left_out("one"), numbered("sb", 0..10));
    assert_eq!(left_out("two"), numbered("sc", 0..10));
    assert_eq!(log.frontier().leave_out(&Aim::Part(letters("s")), None).len(), 20);
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
        let wish = Wish {
            items: 50,
            partition: Partition::Alphabetical,
            categories: &[],
            wanted: None,
            providers: &two(),
            under_way: &[],
            ..PLAIN
        };
        let next = log.frontier().next(&wish);
        let Outlook::Ask { aim: Aim::Part(_), provider, .. } = next else { panic!("{next:?}") };
        provider
    };
    assert_eq!(asked((100, 10), (900, 1)).as_deref(), Some("one"));
    assert_eq!(asked((900, 1), (100, 10)).as_deref(), Some("two"));
    assert_eq!(asked((0, 10), (0, 90)).as_deref(), Some("one"));
    assert_eq!(asked((0, 90), (0, 10)).as_deref(), Some("two"));
}

#[test]
fn a_model_that_has_not_answered_yet_is_not_asked_for_parts_unless_it_is_alone() {
    let mut log = Log::default();
    for _ in 0..2 {
        log.says(
            ResponseMeta { cost: Cost::from_picodollars(900), ..by("one", whole()) },
            &of_each_letter(2),
        );
    }
    let (aim, provider) = ask(&log, &two());
    assert!(matches!(aim, Aim::Part(_)) && provider.as_deref() == Some("one"), "{aim:?} {provider:?}");
    let (aim, _) = ask(&log, &providers(&["two"]));
    assert!(matches!(aim, Aim::Part(_)), "{aim:?}");
    assert!(!log.frontier().is_new("one") && log.frontier().is_new("two"));
    (0..VOICES - 1).for_each(|number| log.says(by(&format!("more {number}"), whole()), &of_each_letter(2)));
    assert!(!log.frontier().is_new("two"), "it would not be told apart from others");
}

/// One lists everything first, and leaves out each tenth name; the other, at a higher price, others.
#[test]
fn what_lists_forget_is_nothing_that_another_model_adds() {
    let is_useful = |forgets_known: bool| {
        let all = of_each_letter(10);
        let known = of_each_letter(2);
        let mut log = Log::default();
        let dear = |meta| ResponseMeta { cost: Cost::from_usd(0.1), ..by("two", meta) };
        for _ in 0..2 {
            log.says(by("one", whole()), &known);
            log.says(dear(whole()), &known);
        }
        let without = |skipped: &dyn Fn(usize) -> usize| -> Vec<String> {
            let each = all.iter().enumerate().filter(|(number, _)| number % 10 != skipped(number / 10));
            each.map(|(_, name)| name.clone()).collect()
        };
        // Of each letter one name is left out; of every fifth it is one of those that are known from elsewhere.
        let of_one = without(&|letter| if forgets_known && letter.is_multiple_of(5) { 1 } else { 5 });
        let of_two = without(&|_| 7);
        for part in ["a-h", "i-q", "r-z"] {
            let within = |names: &[String]| -> Vec<String> {
                names.iter().filter(|name| letters(part).holds(name)).cloned().collect()
            };
            log.says(ResponseMeta { asked: 200, ..about(part) }, &within(&of_one));
            log.says(ResponseMeta { asked: 200, ..dear(about(part)) }, &within(&of_two));
        }
        let (view, two) = (log.frontier().view(), log.frontier().set_of("two"));
        assert!(view.worth(two, 3).is_tested);
        view.useful() & two != 0
    };
    assert!(is_useful(false), "names that one knows are in its lists: it knows no others");
    assert!(!is_useful(true), "its lists leave out as many of those that it knows");
}

#[test]
fn what_lists_forget_takes_less_off_what_is_known_from_samples_alone() {
    let is_useful = |beyond: u32| {
        let known = of_each_letter(2);
        let mut log = Log::default();
        let of_two = [known[..44].to_vec(), numbered("zo", 0..beyond)].concat();
        for _ in 0..2 {
            log.says(by("one", whole()), &known);
        }
        log.says(ResponseMeta { asked: 40, cost: Cost::from_usd(0.1), ..by("two", whole()) }, &of_two);
        // Five of those that it knows are in no list.
        let listed = of_each_letter(4).into_iter().filter(|name| !known[10..15].contains(name));
        log.says(ResponseMeta { asked: 200, ..about("a-z") }, &listed.collect::<Vec<_>>());
        let (view, two) = (log.frontier().view(), log.frontier().set_of("two"));
        let worth = view.worth(two, 3);
        assert!(worth.is_seen && !worth.is_tested && worth.forgotten > 0.03, "{worth:?}");
        view.useful() & two != 0
    };
    assert!(is_useful(6) && !is_useful(2));
}

#[test]
fn a_short_answer_about_the_whole_is_a_list_of_what_its_model_knows() {
    let mut log = Log::default();
    let of_two = numbered("zo", 0..30);
    for _ in 0..2 {
        log.says(by("one", whole()), &of_each_letter(2));
        log.says(ResponseMeta { asked: 30, ..by("two", whole()) }, &of_two);
    }
    for part in ["a-m", "n-z", "other"] {
        let known = of_each_letter(3).into_iter().filter(|name| letters(part).holds(name));
        log.says(ResponseMeta { asked: 100, ..about(part) }, &known.collect::<Vec<_>>());
    }
    let left_out = |log: &Log| log.frontier().view().picture().left_out;
    log.says(by("two", whole()), &of_two);
    assert!(log.frontier().stretches.iter().all(|stretch| stretch.reach.listed == 2));
    assert!(left_out(&log) < 0.02, "all that two named are in a list: {}", left_out(&log));
}

pub(super) fn ask(log: &Log, available: &[String]) -> (Aim, Option<String>) {
    let wish = Wish {
        items: 50,
        partition: Partition::Alphabetical,
        categories: &[],
        wanted: None,
        providers: available,
        under_way: &[],
        ..PLAIN
    };
    match log.frontier().next(&wish) {
        Outlook::Ask { aim, provider, .. } => (aim, provider),
        Outlook::Wait => panic!("it waits"),
    }
}

/// Two models that know different names, by what both have listed from A to C.
pub(super) fn two_that_add() -> Log {
    let mut log = Log::default();
    for provider in ["one", "two"] {
        for _ in 0..2 {
            log.says(by(provider, whole()), &of_each_letter(2));
        }
    }
    let known: Vec<String> =
        of_each_letter(2).into_iter().filter(|name| letters("a-c").holds(name)).collect();
    for (provider, own) in [("one", "bo"), ("two", "bu")] {
        let names = [known.clone(), numbered("ba", 2..16), numbered(own, 0..10)].concat();
        log.says(by(provider, about("a-c")), &names);
    }
    let both = log.frontier().set_of("one") | log.frontier().set_of("two");
    assert_eq!(log.frontier().view().useful(), both);
    assert!(log.frontier().view().worth(log.frontier().set_of("two"), both).is_tested);
    log
}

#[test]
fn a_model_is_not_asked_for_what_it_has_listed_while_the_other_is_away() {
    let mut log = two_that_add();
    log.says(by("one", about("d-m")), &numbered("fa", 0..36));
    let one = log.frontier().set_of("one");
    let has_rest = |log: &Log| {
        let mut rest = log.frontier().stretches.iter().filter(|stretch| stretch.reach.listed_by & one == 0);
        rest.any(|stretch| stretch.letters() != Letters::ELSEWHERE)
    };
    let mut asked = Vec::new();
    while has_rest(&log) {
        let (Aim::Part(part), _) = ask(&log, &providers(&["one"])) else { panic!("after {asked:?}") };
        assert!(!part.overlaps(letters("a-m")), "{part}");
        let known: Vec<String> = of_each_letter(2).into_iter().filter(|name| part.holds(name)).collect();
        log.says(by("one", about(&part.to_string())), &known);
        assert!(!asked.contains(&part), "{part} again");
        asked.push(part);
    }
    let (aim, provider) = ask(&log, &two());
    assert!(matches!(aim, Aim::Part(_)) && provider.as_deref() == Some("two"), "it is back, and knows more");
}

#[test]
fn nothing_is_certain_before_it_is_known_what_every_model_adds() {
    let mut log = Log::default();
    for _ in 0..4 {
        log.says(by("one", whole()), &of_each_letter(2));
        // Too few to say anything of what it adds.
        log.says(ResponseMeta { asked: 15, ..by("two", whole()) }, &of_each_letter(2)[..15]);
    }
    let list = |log: &mut Log, provider: &str, part: &str| {
        let known: Vec<String> =
            of_each_letter(3).into_iter().filter(|name| letters(part).holds(name)).collect();
        log.says(by(provider, about(part)), &known);
    };
    let rest = ["d-h", "i-q", "r-z", "other"];
    list(&mut log, "one", "a-c");
    for part in rest {
        list(&mut log, "one", part);
    }
    list(&mut log, "two", "a-c");
    let said = log.frontier().estimate().unwrap();
    assert!(said.at_least, "nine names are few: {said:?}");
    let (aim, provider) = ask(&log, &two());
    assert!(matches!(aim, Aim::Part(_)) && provider.as_deref() == Some("two"), "{aim:?} {provider:?}");
    for part in rest {
        list(&mut log, "two", part);
    }
    let said = log.frontier().estimate().unwrap();
    assert!(!said.at_least && said.completeness > 0.95, "it adds nothing: {said:?}");
}

#[test]
fn a_model_that_adds_is_asked_for_all_that_it_has_not_listed() {
    let mut log = two_that_add();
    let mut asked: BTreeMap<String, Vec<Letters>> = BTreeMap::new();
    for _ in 0..80 {
        let (aim, provider) = ask(&log, &two());
        let Aim::Part(part) = aim else {
            log.says(by(&provider.unwrap(), whole()), &of_each_letter(2));
            continue;
        };
        let provider = provider.unwrap();
        let own: Vec<String> =
            ('a'..='z').flat_map(|letter| numbered(&format!("{letter}o{provider}"), 0..1)).collect();
        let known = [of_each_letter(2), own].concat().into_iter().filter(|name| part.holds(name));
        log.says(by(&provider, about(&part.to_string())), &known.collect::<Vec<_>>());
        asked.entry(provider).or_default().push(part);
    }
    for provider in two() {
        let parts = &asked[&provider];
        let all = ('d'..='z').filter(|letter| parts.iter().any(|part| part.holds(&format!("{letter}a"))));
        assert_eq!(all.count(), 23, "{provider}: {parts:?}");
    }
}

#[test]
fn what_more_models_say_than_are_told_apart_counts_as_nobodys() {
    let many: Vec<String> = (0..VOICES + 3).map(|number| format!("model {number}")).collect();
    let mut log = Log::default();
    for provider in &many {
        log.says(by(provider, whole()), &of_each_letter(2));
    }
    let known = numbered("ba", 0..50);
    for provider in &many {
        log.says(ResponseMeta { asked: 100, ..by(provider, about("a-c")) }, &known);
    }
    assert_eq!(log.frontier().voices.len(), VOICES);
    assert_eq!(log.frontier().set_of(many.last().unwrap()), 0);
    let useful = log.frontier().view().useful();
    assert_eq!(useful.count_ones(), 1, "all know the same: {useful:b}");
    let reach = log.frontier().stretches.iter().find(|stretch| stretch.letters().holds("ba")).unwrap().reach;
    assert!(reach.is_done(useful));
    let mut asked: Vec<Letters> = Vec::new();
    for _ in 0..60 {
        let (aim, provider) = ask(&log, &many);
        let provider = provider.unwrap_or_else(|| many[0].clone());
        let Aim::Part(part) = aim else {
            log.says(by(&provider, whole()), &of_each_letter(2));
            continue;
        };
        let known: Vec<String> = of_each_letter(2).into_iter().filter(|name| part.holds(name)).collect();
        log.says(by(&provider, about(&part.to_string())), &known);
        asked.push(part);
        let said = log.frontier().estimate().unwrap();
        if !said.at_least && said.completeness > 0.95 {
            return;
        }
    }
    panic!("it comes to no end: {asked:?}");
}

/// However dear it is: that has to be known before the topic can end.
#[test]
fn what_a_model_adds_is_tried_as_soon_as_another_has_listed_a_part() {
    let dear = |answer| ResponseMeta { cost: Cost::from_usd(0.1), ..by("two", answer) };
    let mut log = Log::default();
    for _ in 0..2 {
        log.says(by("one", whole()), &of_each_letter(2));
        log.says(dear(whole()), &of_each_letter(2));
    }
    let (_, provider) = ask(&log, &two());
    assert_eq!(provider.as_deref(), Some("one"), "nothing is listed");
    log.says(by("one", about("a-c")), &numbered("ba", 0..30));
    let (Aim::Part(part), provider) = ask(&log, &two()) else { unreachable!() };
    assert_eq!(provider.as_deref(), Some("two"));
    assert!(letters("a-c").overlaps(part), "{part}");
    let under_way = [(Aim::Part(part), 1.0)];
    let wish = Wish {
        items: 50,
        partition: Partition::Alphabetical,
        categories: &[],
        wanted: None,
        providers: &two(),
        under_way: &under_way,
        ..PLAIN
    };
    let Outlook::Ask { aim: Aim::Part(next), provider, .. } = log.frontier().next(&wish) else {
        unreachable!()
    };
    assert_eq!(provider.as_deref(), Some("one"), "one trial at a time");
    assert!(!letters("a-c").overlaps(next), "{next}");
    log.says(dear(about("a-c")), &numbered("ba", 0..30));
    log.says(by("one", about("d-f")), &numbered("ea", 0..30));
    let (_, provider) = ask(&log, &two());
    assert_eq!(provider.as_deref(), Some("two"), "it was tried with too few names");
    log.says(dear(about("d-f")), &numbered("ea", 0..30));
    assert_eq!(log.frontier().view().useful(), log.frontier().set_of("one"));
}

#[test]
fn what_a_model_adds_is_not_tried_while_it_fails() {
    let mut log = Log::default();
    for _ in 0..2 {
        log.says(by("one", whole()), &of_each_letter(2));
        log.says(by("two", whole()), &of_each_letter(2));
    }
    log.says(by("one", about("a-c")), &numbered("ba", 0..30));
    assert_eq!(ask(&log, &two()).1.as_deref(), Some("two"));
    for _ in 0..5 {
        log.says(ResponseMeta { outcome: Outcome::ServerError, ..by("two", about("a-c")) }, &[]);
    }
    assert_eq!(ask(&log, &two()).1.as_deref(), Some("one"));
}

/// Tasks name no items; a log in which one does all the same is folded without counting them twice.
#[test]
fn what_completes_a_task_is_no_answer_that_names_anything() {
    let mut log = Log::default();
    let task = ResponseMeta { cell: Some("categories".to_owned()), ..meta(ONE) };
    log.answer(ONE, None, 50, &["ba"]);
    log.write(EntryKind::Response(task), &[], 1);
    log.write(EntryKind::Resolution { of: 2 }, &["aa"], 0);
    assert!((log.frontier().view().found() - 1.0).abs() < 0.5);
    log.answer(ONE, None, 50, &["aa"]);
    assert!((log.frontier().view().found() - 2.0).abs() < 0.5);
}
