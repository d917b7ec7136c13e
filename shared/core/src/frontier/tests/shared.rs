//! A topic that several models share: what each knows of it, what it has named of that, and what it makes up.

use super::listing::{about, numbered, of_each_letter, whole};
use super::part as letters;
use super::voices::{ask, by, two, two_that_add};
use super::*;
use crate::frontier::voices::Set;

/// Those that begin with letters of a part.
fn within(part: &str, names: &[String]) -> Vec<String> {
    names.iter().filter(|name| letters(part).holds(name)).cloned().collect()
}

fn part_of(log: &Log, available: &[String]) -> Letters {
    let (Aim::Part(part), _) = ask(log, available) else { panic!("it is cut") };
    part
}

fn wish<'a>(providers: &'a [String], wanted: f64, under_way: &'a [(Aim, f64)]) -> Wish<'a> {
    let wanted = Some(wanted);
    Wish {
        items: 50,
        partition: Partition::Alphabetical,
        categories: &[],
        wanted,
        providers,
        under_way,
        ..PLAIN
    }
}

/// The completeness at which so many names more are needed.
fn needs(log: &Log, names: f64) -> f64 {
    let said = log.frontier().estimate().unwrap();
    said.completeness + names / said.estimate.total
}

#[test]
fn what_a_model_has_named_already_is_not_still_to_come_of_it() {
    let missing = |named: u32| {
        let mut log = Log::default();
        let of_one = of_each_letter(4);
        // The second knows as many others, and has named some of each letter of these.
        let of_two = |each: u32| -> Vec<String> {
            ('a'..='z').flat_map(|letter| numbered(&format!("{letter}o"), 0..each)).collect()
        };
        for _ in 0..2 {
            log.says(by("one", whole()), &of_each_letter(2));
            log.says(ResponseMeta { asked: 20, ..by("two", whole()) }, &of_two(named));
        }
        for part in ["a-h", "i-q", "r-z"] {
            log.says(by("one", about(part)), &within(part, &of_one));
        }
        log.says(ResponseMeta { asked: 100, ..by("two", about("a-h")) }, &within("a-h", &of_two(4)));
        let said = log.frontier().estimate().unwrap();
        (said.estimate.total * (1.0 - said.completeness), 18.0 * f64::from(4 - named))
    };
    for named in 1..4 {
        let (said, truth) = missing(named);
        assert!((0.6 * truth..1.4 * truth).contains(&said), "{said:.0} instead of {truth}");
    }
    let (said, _) = missing(4);
    assert!(said < 8.0, "there is nothing, and it says {said:.0}");
}

#[test]
fn what_a_model_makes_up_is_nothing_that_it_adds() {
    let adds = |made_up: u32| {
        let mut log = Log::default();
        let all = of_each_letter(4);
        // Both know the same. Each makes up some of its lists, and as much when it is asked about the whole.
        let invented = |provider: &str, begin: &str, round: u32, many: u32| -> Vec<String> {
            numbered(&format!("{begin}{provider}"), round * many..round * many + many)
        };
        for provider in two() {
            for round in 0..2 {
                let names = [of_each_letter(2), invented(&provider, "ox", round, made_up)].concat();
                log.says(ResponseMeta { asked: 60, ..by(&provider, whole()) }, &names);
            }
            for (round, part) in (0..).zip(["a-h", "i-q", "r-z"]) {
                let names = [within(part, &all), within(part, &invented(&provider, "my", round, 9))].concat();
                log.says(ResponseMeta { asked: 100, ..by(&provider, about(part)) }, &names);
            }
        }
        let frontier = log.frontier();
        let (view, two) = (frontier.view(), frontier.set_of("two"));
        view.worth(two, frontier.set_of("one") | two).adds
    };
    let (makes_up, does_not) = (adds(6), adds(0));
    assert!(does_not > 0.06, "nothing says that it makes things up: {does_not}");
    assert!(makes_up < 0.5 * does_not, "{makes_up}, {does_not}");
}

#[test]
fn one_answer_that_is_filled_up_does_not_say_that_models_do_not_keep_to_parts() {
    let mut log = Log::default();
    for _ in 0..2 {
        log.says(whole(), &of_each_letter(2));
    }
    for part in ["x", "y", "z"] {
        log.says(about(part), &numbered(&format!("{part}a"), 0..3));
    }
    log.says(about("q"), &numbered("ma", 0..45));
    assert!(log.frontier().share_within().unwrap() < 0.3);
    assert!(log.frontier().is_used(), "three of four keep to them");
    for (part, others) in [("u", "sa"), ("v", "sb"), ("w", "sc")] {
        log.says(about(part), &numbered(others, 0..5));
    }
    assert!(!log.frontier().is_used(), "four of seven do not");
}

#[test]
fn a_model_that_knows_little_is_asked_for_more_at_once() {
    let mut log = Log::default();
    for _ in 0..2 {
        log.says(by("one", whole()), &of_each_letter(3));
        let of_two: Vec<String> = ('a'..='z').map(|letter| format!("{letter}o")).collect();
        log.says(ResponseMeta { asked: 20, ..by("two", whole()) }, &of_two);
    }
    log.says(by("one", about("a-c")), &numbered("ba", 0..36));
    log.says(by("two", about("a-c")), &numbered("bo", 0..12));
    let size = |part: Letters| part.to - part.from;
    let (of_one, of_two) = (part_of(&log, &providers(&["one"])), part_of(&log, &providers(&["two"])));
    assert!(size(of_two) > size(of_one), "{of_one} {of_two}");
}

#[test]
fn models_take_turns_in_looking_for_what_lists_have_left_out() {
    let mut log = two_that_add();
    let mut list = |provider: &str| {
        for part in ["a-c", "d-h", "i-q", "r-z", "other"] {
            let cost = Cost::from_usd(if provider == "one" { 0.001 } else { 0.002 });
            let known = within(part, &of_each_letter(2));
            log.says(ResponseMeta { cost, ..by(provider, about(part)) }, &known);
        }
        for _ in 0..2 {
            log.says(by("one", whole()), &of_each_letter(2));
        }
        ask(&log, &two())
    };
    list("one");
    let turns: Vec<Option<String>> = ["two", "one", "two"].map(|provider| list(provider).1).to_vec();
    assert!(turns.contains(&Some("one".to_owned())) && turns.contains(&Some("two".to_owned())), "{turns:?}");
}

#[test]
fn an_answer_full_of_what_others_have_listed_lists_it_too() {
    let listed_by = |log: &Log| -> Set {
        let frontier = log.frontier();
        frontier.stretches.iter().find(|stretch| stretch.letters().holds("ea")).unwrap().reach.listed_by
    };
    let mut log = two_that_add();
    let known = numbered("ea", 0..30);
    log.says(by("one", about("d-f")), &known);
    let one = log.frontier().set_of("one");
    assert_eq!(listed_by(&log), one);
    log.says(
        ResponseMeta { asked: 31, ..by("two", about("d-f")) },
        &[known.clone(), numbered("eo", 0..1)].concat(),
    );
    assert_eq!(listed_by(&log), one, "it has one that is new, and may have more");
    log.says(ResponseMeta { asked: 31, ..by("two", about("d-f")) }, &known);
    assert_eq!(listed_by(&log), one | log.frontier().set_of("two"));
    log.says(ResponseMeta { asked: 31, ..by("two", about("g-i")) }, &numbered("ha", 0..30));
    log.says(ResponseMeta { asked: 31, ..by("two", about("g-i")) }, &numbered("ha", 0..30));
    let reach = log.frontier().stretches.iter().find(|stretch| stretch.letters().holds("ha")).unwrap().reach;
    assert_eq!((reach.listed, reach.full), (0, 2), "nobody has listed that");
}

#[test]
fn what_others_have_listed_is_asked_for_as_a_whole() {
    let mut log = two_that_add();
    for part in ["d-m", "n-z", "other"] {
        log.says(by("one", about(part)), &within(part, &of_each_letter(2)));
    }
    for _ in 0..5 {
        log.says(by("one", whole()), &of_each_letter(2));
    }
    let (available, wanted) = (two(), needs(&log, 2.0));
    let Outlook::Ask { aim: Aim::Part(part), provider, items, .. } =
        log.frontier().next(&wish(&available, wanted, &[]))
    else {
        panic!("two have been left")
    };
    assert_eq!((provider.as_deref(), items), (Some("two"), 50), "{part}");
}

#[test]
fn nobody_asks_more_at_once_than_the_last_names_are_worth() {
    let mut log = Log::default();
    for _ in 0..4 {
        log.says(whole(), &of_each_letter(2));
    }
    for part in ["a-f", "g-m"] {
        log.says(about(part), &within(part, &of_each_letter(4)));
    }
    let under_way = [(Aim::Part(letters("n-q")), 0.0), (Aim::Part(letters("r-s")), 0.0)];
    let available = providers(&[ONE]);
    let next = |names: f64| log.frontier().next(&wish(&available, needs(&log, names), &under_way));
    assert!(matches!(next(17.0), Outlook::Ask { .. }));
    assert_eq!(next(15.0), Outlook::Wait, "two requests for fifteen names");
    let idle = log.frontier().next(&wish(&available, needs(&log, 1.0), &[]));
    assert!(matches!(idle, Outlook::Ask { .. }));
}

#[test]
fn an_answer_full_of_what_is_well_known_may_hide_more() {
    let mut log = two_that_add();
    let known = numbered("ea", 0..60);
    log.says(ResponseMeta { asked: 100, ..by("one", about("d-f")) }, &known);
    let listed_by = |log: &Log| -> Set {
        let frontier = log.frontier();
        frontier.stretches.iter().find(|stretch| stretch.letters().holds("ea")).unwrap().reach.listed_by
    };
    let (one, two) = (log.frontier().set_of("one"), log.frontier().set_of("two"));
    let half = ResponseMeta { asked: 30, ..by("two", about("d-f")) };
    log.says(half.clone(), &known[..30]);
    assert_eq!(listed_by(&log), one, "it gave the half that is well known");
    log.says(ResponseMeta { left_out: 30, ..half }, &known[30..]);
    assert_eq!(listed_by(&log), one | two, "it was told one half, and gave the other");
}

#[test]
fn a_model_that_gave_a_full_answer_about_a_range_is_not_asked_for_as_much_of_it_again() {
    let mut log = two_that_add();
    log.says(ResponseMeta { asked: 200, ..by("one", about("d-f")) }, &numbered("ea", 0..90));
    let share = |log: &Log| {
        let frontier = log.frontier();
        let (view, two) = (frontier.view(), frontier.set_of("two"));
        view.share_of(view.knowing(two), 110.0, letters("d-f"))
    };
    let before = share(&log);
    // With new ones it is no list, which would say it, too.
    let names = [numbered("ea", 0..85), numbered("eo", 0..20)].concat();
    log.says(ResponseMeta { asked: 105, ..by("two", about("d-f")) }, &names);
    assert!(before < 0.9 && share(&log) > 0.93, "{before} {}", share(&log));
}

#[test]
fn who_fails_is_not_asked_again_for_what_lists_leave_out() {
    let parts = ["a-c", "d-h", "i-q", "r-z", "other"];
    let asked = |failures: usize| {
        let mut log = two_that_add();
        for (provider, part) in two().iter().flat_map(|provider| parts.map(|part| (provider, part))) {
            log.says(by(provider, about(part)), &within(part, &of_each_letter(2)));
        }
        for _ in 0..5 {
            log.says(by("one", whole()), &of_each_letter(2));
        }
        for _ in 0..failures {
            log.says(ResponseMeta { outcome: Outcome::ServerError, ..by("two", about("a-c")) }, &[]);
        }
        let mut asked = Vec::new();
        for part in [parts, parts].concat() {
            asked.extend(ask(&log, &two()).1);
            log.says(by("one", about(part)), &within(part, &of_each_letter(2)));
        }
        asked
    };
    let is_asked = |failures: usize| asked(failures).contains(&"two".to_owned());
    assert!(is_asked(0) && !is_asked(6), "{:?} {:?}", asked(0), asked(6));
}

#[test]
fn what_others_gave_is_said_to_a_model_only_when_it_is_known_what_it_adds() {
    let mut log = Log::default();
    for provider in two() {
        log.says(by(&provider, whole()), &of_each_letter(2));
    }
    let full = numbered("ea", 0..50);
    log.says(by("one", about("d-f")), &full);
    let said =
        |log: &Log, provider| log.frontier().leave_out(&Aim::Part(letters("d-f")), Some(provider)).len();
    let is_seen = |log: &Log| log.frontier().view().worth(log.frontier().set_of("two"), 3).is_seen;
    // Otherwise its list would lack what it was told, and others would seem to add that.
    assert!(!is_seen(&log) && said(&log, "two") < 10 && said(&log, "one") < 60, "{}", said(&log, "two"));
    for part in ["a-c", "g-z"] {
        log.says(ResponseMeta { asked: 200, ..by("one", about(part)) }, &within(part, &of_each_letter(2)));
        log.says(ResponseMeta { asked: 200, ..by("two", about(part)) }, &within(part, &of_each_letter(2)));
    }
    assert!(is_seen(&log) && said(&log, "two") >= 50, "{}", said(&log, "two"));
}
