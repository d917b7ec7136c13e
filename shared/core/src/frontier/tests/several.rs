//! Categories that several models are asked for, and topics that letters cannot cut.

use super::categories::{about, given, told};
use super::*;

const TWO: &str = "two";

/// Both have answered about the whole, and lists are shorter than that.
fn begun() -> Log {
    let mut log = Log::default();
    for model in [ONE, TWO, ONE, TWO] {
        log.answer(model, None, 50, &all(&names("ab", 25)));
    }
    log
}

impl Log {
    /// What is asked for, of whom, by a single request at a time.
    fn both(&self, categories: &[Category]) -> (Aim, Option<String>) {
        let providers = providers(&[ONE, TWO]);
        let partition = Partition::Category;
        match self.frontier().next(&Wish { partition, categories, providers: &providers, ..PLAIN }) {
            Outlook::Ask { aim, provider, .. } => (aim, provider),
            Outlook::Wait => panic!("it waits for nothing"),
        }
    }

    fn lists(&mut self, model: &str, category: &str, names: &[String]) -> &mut Self {
        self.answer(model, Some(&format!("category: {category}")), 50, &all(names))
    }
}

#[test]
fn what_one_model_fills_with_what_is_known_another_is_asked_for_and_not_the_same_again() {
    let (mut log, categories) = (begun(), given(&["Owls"]));
    log.lists(ONE, "Owls", &names("o", 50)).lists(ONE, "Owls", &names("o", 50));
    assert_eq!(log.both(&categories), (about("Owls"), Some(TWO.to_owned())), "it may know others");
    log.lists(TWO, "Owls", &[names("o", 40), names("w", 10)].concat());
    assert_eq!(log.both(&categories), (about("Owls"), Some(TWO.to_owned())), "it goes on giving");
    log.lists(TWO, "Owls", &[names("o", 40), names("w", 10)].concat());
    assert_eq!(log.both(&categories).0, Aim::Whole, "neither brings anything more");
}

#[test]
fn what_a_model_adds_is_found_out_as_soon_as_another_has_listed_a_category_and_nothing_is_certain_before() {
    let (mut log, categories) = (begun(), given(&["Owls", "Ducks", "Geese"]));
    log.lists(ONE, "Owls", &names("a", 25)).lists(ONE, "Ducks", &names("b", 25));
    assert_eq!(log.both(&categories).1.as_deref(), Some(TWO), "before the third is asked for at all");
    let before = log.frontier().estimate().unwrap();
    assert!(before.at_least, "{before:?}");
    log.lists(TWO, "Owls", &names("a", 25)).lists(TWO, "Ducks", &names("b", 25));
    assert_eq!(log.both(&categories).0, about("Geese"));
    log.lists(ONE, "Geese", &[]);
    let known = log.frontier().estimate().unwrap();
    assert!(!known.at_least && known.completeness > 0.9, "{known:?}");
}

#[test]
fn a_list_of_one_model_is_no_list_of_another_that_adds_something() {
    let listed = |more: usize| {
        let mut log = begun();
        log.meta(told(None, &["Owls", "Ducks"]), &[]);
        log.lists(ONE, "Owls", &names("a", 25)).lists(ONE, "Ducks", &names("b", 25));
        log.lists(TWO, "Owls", &[names("a", 20), names("x", more)].concat());
        log.frontier().estimate().unwrap().estimate
    };
    let (nothing, much) = (listed(0), listed(20));
    assert!(nothing.total < 53.0, "{nothing:?}");
    assert!(much.total > 80.0, "of the other category it may have as many: {much:?}");
}

#[test]
fn questions_about_a_category_leave_out_others_each_time_where_too_many_are_known() {
    let mut log = Log::default();
    log.answer(ONE, None, 50, &all(&names("ab", 25))).answer(ONE, None, 50, &all(&names("ab", 25)));
    let left_out = |log: &Log| log.frontier().leave_out(&about("Owls"), None);
    log.about("Owls", &names("o", 50));
    assert_eq!(left_out(&log), names("o", 50), "all that are known");
    log.about("Owls", &names("w", 50));
    let first = left_out(&log);
    assert_eq!(first, [names("o", 50), names("w", 30)].concat(), "no more than eighty");
    log.about("Owls", &names("w", 50));
    assert_eq!(left_out(&log), names("w", 50)[30..], "and then the others");
}

#[test]
fn what_was_cut_into_parts_goes_on_counting_for_what_is_in_none_of_them() {
    let told_in_all = |last: &[String]| {
        let mut log = Log::default();
        log.answer(ONE, None, 50, &all(&names("ab", 25))).answer(ONE, None, 50, &all(&names("ab", 25)));
        log.about("Owls", &names("a", 50)).about("Owls", &names("o", 50));
        log.meta(told(Some("Owls"), &["Barn owls"]), &[]);
        log.about("Owls > Barn owls", &names("ab", 20)).about("Owls", last);
        log.frontier().estimate().unwrap().estimate.total
    };
    let (nothing_new, half_new) =
        (told_in_all(&names("o", 50)), told_in_all(&[names("o", 25), names("x", 25)].concat()));
    assert!(half_new > nothing_new + 60.0, "{nothing_new} and {half_new}");
}

/// In an alphabet that has no letters from a to z.
fn foreign(count: u32) -> Vec<String> {
    (0..count).map(|number| format!("птица {number}")).collect()
}

#[test]
fn a_topic_that_letters_do_not_cut_is_cut_by_categories_and_estimated_by_them() {
    let asked = |log: &Log| match log.frontier().next(&Wish { providers: &providers(&[ONE]), ..PLAIN }) {
        Outlook::Ask { aim, why, .. } => (aim, why),
        Outlook::Wait => panic!("it waits for nothing"),
    };
    let mut log = Log::default();
    log.answer(ONE, None, 50, &all(&foreign(50))).answer(ONE, None, 50, &all(&foreign(50)));
    let (task, why) = asked(&log);
    assert_eq!((task.cell().as_deref(), why), (Some("categories"), Why::Parts));
    let mut untold = Log::default();
    untold.answer(ONE, None, 50, &all(&foreign(50))).answer(ONE, None, 50, &all(&foreign(50)));
    log.meta(told(None, &["Owls", "Ducks"]), &[]);
    assert_eq!(asked(&log).0, about("Owls"));
    log.about("Owls", &foreign(30)).about("Ducks", &foreign(48)[30..]);
    assert!(log.frontier().is_used());
    assert_eq!(log.fold.completeness(), log.frontier().estimate());
    assert!(log.fold.completeness().is_some_and(|said| said.completeness > 0.95 && !said.at_least));
    // Where no model tells of any the whole is asked for.
    for _ in 0..3 {
        assert_eq!(asked(&untold).1, Why::Parts);
        untold.meta(told(None, &[]), &[]);
    }
    assert_eq!(asked(&untold), (Aim::Whole, Why::Uncut));
}

#[test]
fn who_does_not_keep_to_letters_is_asked_for_categories() {
    let mut log = Log::default();
    let known = names("abcdefghijklmnopqrst", 2);
    log.answer(ONE, None, 50, &all(&known)).answer(ONE, None, 50, &all(&known));
    for cell in ["a-c", "d-f", "g-i", "j-l"] {
        log.answer(ONE, Some(cell), 50, &all(&known));
    }
    assert!(log.frontier().share_within().unwrap() < 0.3);
    assert!(!log.frontier().is_used());
    assert!(matches!(next(log.frontier(), &[]), Outlook::Ask { aim: Aim::Parts { of: None, .. }, .. }));
    assert_eq!(log.fold.completeness(), log.fold.incidence().estimate());
}

#[test]
fn names_that_begin_alike_are_not_told_apart_by_letters() {
    let sights: Vec<String> = (0..60).map(|number| format!("Sight No {number}")).collect();
    let mut log = Log::default();
    log.answer(ONE, None, 50, &all(&sights[..45])).answer(ONE, None, 50, &all(&sights[15..]));
    assert!(matches!(next(log.frontier(), &[]), Outlook::Ask { aim: Aim::Parts { of: None, .. }, .. }));
}

#[test]
fn who_is_free_beside_others_or_keeps_everybody_waiting_is_not_asked_for_everything() {
    let cost_of_two = |usd: u64, seconds: u64| {
        let mut log = Log::default();
        for (model, cost, latency_ms) in [(ONE, 1_000, 1_000), (TWO, usd, seconds * 1_000)] {
            let cost = Cost::from_picodollars(cost);
            log.meta(ResponseMeta { latency_ms, cost, ..meta(model) }, &["a"]);
        }
        log.frontier().cost_of(log.frontier().set_of(TWO))
    };
    let is = |cost: f64, expected: f64| (cost - expected).abs() < 1e-9;
    assert!(is(cost_of_two(500, 4), 500.0), "four times as long is nothing");
    assert!(is(cost_of_two(500, 40), 5_000.0));
    assert!(is(cost_of_two(0, 1), 50.0), "a twentieth of what others cost");
    assert!(is(cost_of_two(0, 400), 5_000.0));
}
