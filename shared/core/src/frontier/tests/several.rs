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
    log.lists(TWO, "Owls", &[names("o", 30), names("w", 20)].concat());
    assert_eq!(log.both(&categories), (about("Owls"), Some(TWO.to_owned())), "it goes on giving");
    log.lists(TWO, "Owls", &names("w", 50));
    log.lists(TWO, "Owls", &names("w", 50));
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
    let untold = log.fold.clone();
    log.meta(told(None, &["Owls", "Ducks"]), &[]);
    assert_eq!(asked(&log).0, about("Owls"));
    log.about("Owls", &foreign(30)).about("Ducks", &foreign(48)[30..]);
    assert!(log.frontier().is_used());
    assert_eq!(log.fold.completeness(), log.frontier().estimate());
    assert!(log.fold.is_complete(0.9), "{:?}", log.fold.completeness());
    // Where no model tells of any the whole is asked for.
    let mut log = Log { fold: untold, ..Log::default() };
    log.entries = vec![log_entry(&log)];
    for _ in 0..3 {
        assert_eq!(asked(&log).1, Why::Parts);
        log.meta(told(None, &[]), &[]);
    }
    assert_eq!(asked(&log), (Aim::Whole, Why::Uncut));
}
