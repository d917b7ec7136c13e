//! Parts by what items are.

use super::*;
use crate::frontier::{Category, GivenError, MAX_PARTS, NameError};

pub(super) fn given(names: &[&str]) -> Vec<Category> {
    Category::given(names.iter().copied()).unwrap()
}

pub(super) fn about(name: &str) -> Aim {
    Aim::named(Some(&format!("category: {name}"))).unwrap()
}

pub(super) fn told(of: Option<&str>, categories: &[&str]) -> ResponseMeta {
    let cell = of.map_or_else(|| "categories".to_owned(), |of| format!("categories of: {of}"));
    let categories = categories.iter().map(|name| (*name).to_owned()).collect();
    ResponseMeta { cell: Some(cell), categories, ..meta(ONE) }
}

impl Log {
    fn choose(&self, partition: Partition, categories: &[Category], under_way: &[(Aim, f64)]) -> Outlook {
        let providers = [ONE.to_owned()];
        let (items, wanted) = (50, Some(0.95));
        self.frontier().next(&Wish {
            items,
            wanted,
            partition,
            categories,
            providers: &providers,
            under_way,
            ..PLAIN
        })
    }

    /// What is asked for, and why, by a single request at a time.
    fn chosen(&self, categories: &[Category]) -> (Aim, Why) {
        match self.choose(Partition::Category, categories, &[]) {
            Outlook::Ask { aim, why, .. } => (aim, why),
            Outlook::Wait => panic!("it waits for nothing"),
        }
    }

    pub(super) fn about(&mut self, category: &str, names: &[String]) -> &mut Self {
        self.answer(ONE, Some(&format!("category: {category}")), 50, &all(names))
    }

    /// Two answers about the whole.
    fn begun() -> Self {
        let mut log = Self::default();
        for _ in 0..2 {
            log.answer(ONE, None, 50, &all(&names("ab", 25)));
        }
        log
    }
}

#[test]
fn who_fills_an_answer_up_with_what_is_known_has_listed_the_category() {
    let mut log = Log::begun();
    let (owls, all) = (given(&["owls"]), [names("ab", 25), names("ow", 25)].concat());
    log.about("owls", &all);
    assert_eq!(log.chosen(&owls).0, about("owls"));
    let is_at_least = |log: &Log| log.frontier().estimate().unwrap().at_least;
    assert!(is_at_least(&log), "nothing is listed");
    log.about("owls", &all);
    assert_eq!(log.chosen(&owls), (Aim::Whole, Why::Sure));
    assert!(!is_at_least(&log));
}

#[test]
fn while_categories_are_asked_for_that_nobody_has_listed_nothing_else_is() {
    let (mut log, two) = (Log::begun(), given(&["owls", "ducks"]));
    let under_way = [(about("owls"), 20.0), (about("ducks"), 20.0)];
    assert_eq!(log.choose(Partition::Category, &two, &under_way), Outlook::Wait);
    log.about("owls", &names("ow", 10)).about("ducks", &names("d", 10));
    // Both are listed: what lists leave out is asked for without a wait.
    let again = [(about("owls"), 0.1)];
    assert!(matches!(log.choose(Partition::Category, &two, &again), Outlook::Ask { .. }));
}

#[test]
fn names_of_cells_are_read_as_they_are_written() {
    for cell in [
        "category: owls",
        "category: owls > barn owls",
        "categories",
        "categories of: owls",
        "clusters",
        "clusters of: owls > barn owls",
    ] {
        assert_eq!(Aim::named(Some(cell)).and_then(|aim| aim.cell()).as_deref(), Some(cell));
    }
    for cell in
        ["category: ", "category: a > b > c > d", "category:owls", "categories of: ", "categories owls"]
    {
        assert_eq!(Aim::named(Some(cell)), None, "{cell}");
    }
    assert!(matches!(Aim::named(Some("c")), Some(Aim::Part(_))), "a letter is no category");
}

#[test]
fn what_is_no_name_is_refused_and_one_that_is_given_twice_counts_once() {
    assert_eq!(given(&["Owls", "  owls ", "Ducks"]).len(), 2);
    let wrong = |names: &[&str]| Category::given(names.iter().copied()).unwrap_err();
    let name = |name: &str, why| GivenError::Name { name: name.to_owned(), why };
    assert_eq!(wrong(&["Owls", " "]), name(" ", NameError::Empty));
    assert_eq!(wrong(&["Owls > Barn owls"]), name("Owls > Barn owls", NameError::Within));
    assert_eq!(wrong(&[&"x".repeat(61)]), name(&"x".repeat(60), NameError::TooLong));
    let many: Vec<String> = (0..=MAX_PARTS).map(|n| format!("kind {n}")).collect();
    assert_eq!(wrong(&all(&many)), GivenError::TooMany);
}

#[test]
fn a_model_is_asked_once_which_categories_there_are_and_those_are_asked_for() {
    let mut log = Log::default();
    assert_eq!(log.chosen(&[]), (Aim::Whole, Why::First));
    log = Log::begun();
    let (task, why) = log.chosen(&[]);
    assert_eq!((task.cell().as_deref(), why), (Some("categories"), Why::Parts));
    assert!(task.is_task());
    assert_eq!(log.choose(Partition::Category, &[], &[(task, 0.0)]), Outlook::Wait, "it is under way");
    log.meta(told(None, &["Owls", "Ducks", "owls", "", "Geese > Ducks"]), &[]);
    assert_eq!(log.frontier().tasks(), 1);
    assert_eq!(log.chosen(&[]).0, about("Owls"));
    let under_way = [(about("Owls"), 20.0)];
    let Outlook::Ask { aim, .. } = log.choose(Partition::Category, &[], &under_way) else {
        panic!("it waits")
    };
    assert_eq!(aim, about("Ducks"));
}

#[test]
fn who_tells_of_no_categories_is_asked_again_and_then_the_whole_is_asked_for() {
    let mut log = Log::begun();
    for _ in 0..3 {
        assert_eq!(log.chosen(&[]).1, Why::Parts);
        log.meta(ResponseMeta { outcome: Outcome::Refused, ..told(None, &[]) }, &[]);
    }
    assert_eq!(log.chosen(&[]), (Aim::Whole, Why::Uncut));
    assert_eq!(log.frontier().tasks(), 0, "none was answered");
}

#[test]
fn a_task_is_no_answer_without_anything_new() {
    let mut log = Log::begun();
    let (dry, mentions) = (log.fold.dry_answers(), log.fold.incidence().responses);
    log.meta(told(None, &["Owls", "Ducks"]), &[]);
    assert_eq!((log.fold.dry_answers(), log.fold.incidence().responses), (dry, mentions));
    assert_eq!(log.fold.totals().responses, 3, "it is a request as others are");
}

#[test]
fn given_categories_are_asked_for_without_asking_a_model_for_them() {
    let (log, categories) = (Log::begun(), given(&["Owls", "Ducks"]));
    assert_eq!(log.chosen(&categories).0, about("Owls"));
}

#[test]
fn what_is_listed_is_not_asked_for_again_before_the_rest_is() {
    let (mut log, categories) = (Log::begun(), given(&["Owls", "Ducks", "Geese"]));
    log.about("Owls", &names("o", 12)).about("Ducks", &names("d", 46));
    assert_eq!(log.chosen(&categories).0, about("Geese"), "it may have as many as others");
    log.about("Geese", &names("g", 9));
    let (aim, why) = log.chosen(&categories);
    assert_eq!(aim, about("Ducks"), "the only one that came back full");
    assert!(matches!(why, Why::Most { known, .. } if (known - 46.0).abs() < 1e-9), "{why:?}");
    let known = log.frontier().leave_out(&aim, None);
    assert_eq!(known, names("d", 46), "it is told what is known");
    log.about("Ducks", &names("q", 10));
    assert_eq!(log.chosen(&categories), (Aim::Whole, Why::Sure), "all are listed");
}

#[test]
fn a_category_that_goes_on_giving_is_cut_into_its_parts() {
    let (mut log, categories) = (Log::begun(), given(&["Owls", "Ducks"]));
    log.about("Owls", &names("o", 50)).about("Ducks", &names("d", 9)).about("Owls", &names("w", 50));
    let (task, why) = log.chosen(&categories);
    assert_eq!((task.cell().as_deref(), why), (Some("categories of: Owls"), Why::Split));
    log.meta(told(Some("Owls"), &["Barn owls", "owls", "Eagle owls"]), &[]);
    let aims: Vec<Aim> = (0..2).fold(Vec::new(), |mut aims, _| {
        let under_way: Vec<(Aim, f64)> = aims.iter().map(|aim: &Aim| (aim.clone(), 5.0)).collect();
        if let Outlook::Ask { aim, .. } = log.choose(Partition::Category, &categories, &under_way) {
            aims.push(aim);
        }
        aims
    });
    assert!(aims.contains(&about("Owls > Barn owls")), "{aims:?}");
    log.about("Owls > Barn owls", &names("b", 50)).about("Owls > Barn owls", &names("x", 50));
    assert_eq!(log.chosen(&categories).0.cell().as_deref(), Some("categories of: Owls > Barn owls"));
}

#[test]
fn clusters_are_of_what_was_found() {
    let log = Log::begun();
    let Outlook::Ask { aim, .. } = log.choose(Partition::Semantic, &[], &[]) else { panic!("it waits") };
    assert_eq!(aim.cell().as_deref(), Some("clusters"));
    let shown = log.frontier().leave_out(&aim, None);
    assert_eq!(shown, names("ab", 25), "both answers had the same");
    let mut large = Log::begun();
    large.answer(ONE, None, 900, &all(&names("cdefghij", 100)));
    let shown = large.frontier().leave_out(&aim, None);
    assert!(
        (50..=60).contains(&shown.len()) && shown.iter().any(|name| name.starts_with('j')),
        "{}",
        shown.len()
    );
}

#[test]
fn more_categories_are_asked_for_where_lists_of_all_leave_out_what_answers_about_the_whole_agree_on() {
    let mut log = Log::begun();
    log.meta(told(None, &["Owls"]), &[]).about("Owls", &names("a", 25));
    for _ in 0..6 {
        log.answer(ONE, None, 50, &all(&names("ab", 25)));
    }
    let (task, why) = log.chosen(&[]);
    assert_eq!((task.cell().as_deref(), why), (Some("categories"), Why::Missed));
    assert_eq!(log.frontier().leave_out(&task, None), ["Owls"]);
    log.meta(told(None, &["Ducks"]), &[]);
    assert_eq!(log.chosen(&[]).0, about("Ducks"));
}

#[test]
fn what_no_list_has_and_what_is_still_open_count_as_missing() {
    let (mut log, categories) = (Log::begun(), given(&["Owls", "Ducks"]));
    log.about("Owls", &names("a", 25)).about("Ducks", &names("d", 20));
    let half = log.fold.completeness().unwrap();
    assert!(half.completeness < 0.85, "half of what is agreed on is in no list: {half:?}");
    log.about("Ducks", &names("b", 25));
    let listed = log.fold.completeness().unwrap();
    assert!(listed.completeness > 0.95 && !listed.at_least, "{listed:?}");
    assert!(listed.estimate.low <= listed.estimate.total && listed.estimate.total <= listed.estimate.high);
    assert_eq!(log.chosen(&categories), (Aim::Whole, Why::Sure));
}

/// Of a hundred names that two answers agree on lists have eighty. Of those that one alone has they have fewer: these are rare, or made up.
#[test]
fn what_lists_hardly_have_and_one_answer_alone_had_may_be_made_up() {
    let told = |listed_once: usize| {
        let (twice, once) = (names("t", 100), names("o", 100));
        let mut log = Log::default();
        log.answer(ONE, None, 200, &all(&[twice.clone(), once].concat())).answer(
            ONE,
            None,
            100,
            &all(&twice),
        );
        log.about("tools", &[names("t", 80), names("o", listed_once)].concat());
        log.frontier().estimate().unwrap().estimate
    };
    let (as_often, less, hardly) = (told(80), told(60), told(30));
    let is = |number: f64, expected: f64| (number - expected).abs() < 1.5;
    assert!(is(as_often.total, 200.0) && is(as_often.low, 200.0), "{as_often:?}");
    assert!(is(less.total, 200.0) && is(less.low, 190.0), "three times as rare, or nine made up: {less:?}");
    assert!(as_often.high > 200.0 && less.high > 200.0);
    assert!((hardly.total - 191.0).abs() < 1e-9, "no more than three of a hundred mentions are: {hardly:?}");
}

#[test]
fn answers_that_are_no_lists_give_a_category_up() {
    let (mut log, categories) = (Log::begun(), given(&["Owls"]));
    for _ in 0..2 {
        assert_eq!(log.chosen(&categories).0, about("Owls"));
        let cell = Some("category: Owls".to_owned());
        log.meta(ResponseMeta { cell, outcome: Outcome::Refused, ..meta(ONE) }, &[]);
    }
    assert_eq!(log.chosen(&categories), (Aim::Whole, Why::Sure));
}

#[test]
fn of_two_models_each_is_asked_about_a_category_as_long_as_it_adds_something() {
    let (mut log, categories) = (Log::begun(), given(&["Owls", "Ducks"]));
    let providers = [ONE.to_owned(), "two".to_owned()];
    let chosen = |log: &Log| {
        let (items, wanted, partition) = (50, Some(0.95), Partition::Category);
        let wish = Wish {
            items,
            wanted,
            partition,
            categories: &categories,
            providers: &providers,
            under_way: &[],
            ..PLAIN
        };
        match log.frontier().next(&wish) {
            Outlook::Ask { aim, provider, .. } => (aim, provider),
            Outlook::Wait => panic!("it waits for nothing"),
        }
    };
    log.answer("two", None, 50, &all(&names("ab", 25)));
    log.about("Owls", &names("o", 30)).about("Ducks", &names("d", 30));
    let (aim, provider) = chosen(&log);
    assert_eq!((aim, provider.as_deref()), (about("Owls"), Some("two")));
    log.answer("two", Some("category: Owls"), 50, &all(&names("o", 30)));
    log.answer("two", Some("category: Ducks"), 50, &all(&names("d", 30)));
    assert_eq!(chosen(&log).0, Aim::Whole, "it has added nothing");
}

#[test]
fn each_category_that_is_given_is_asked_about_however_little_others_brought() {
    let names_of: Vec<String> = (0..30).map(|number| format!("kind {number}")).collect();
    let (mut log, categories) = (Log::begun(), given(&all(&names_of)));
    for name in &names_of {
        assert_eq!(log.chosen(&categories).0, about(name));
        log.about(name, &[]);
    }
    assert_eq!(log.chosen(&categories).0, Aim::Whole, "each was");
}

#[test]
fn categories_that_bring_nothing_do_not_make_a_topic_complete() {
    let mut log = Log::default();
    let everything = names("abcdefghij", 40);
    for turn in 0..10 {
        // Twenty that come to mind each time, and thirty others.
        let others = everything.iter().skip(20).cycle().skip(turn * 30).take(30);
        let named: Vec<String> = everything.iter().take(20).chain(others).cloned().collect();
        log.answer(ONE, None, 50, &all(&named));
    }
    for number in 0..30 {
        log.about(&format!("kind {number}"), &[]);
    }
    let said = log.fold.completeness().unwrap();
    assert!(said.at_least, "{said:?}");
    log.about("kind 30", &everything[..20]).about("kind 31", &everything[20..40]);
    let said = log.fold.completeness().unwrap();
    assert!(said.at_least, "lists have a tenth of it: {said:?}");
}

/// Where lists of categories leave out most of what answers about the whole agree on, there is more than categories.
#[test]
fn a_topic_that_categories_do_not_cover_is_cut_by_letters() {
    let categories = given(&["owls", "geese"]);
    let known = names("bcdfgh", 8);
    let after = |of_owls: &[String]| {
        let mut log = Log::default();
        for _ in 0..8 {
            log.answer(ONE, None, 50, &all(&known));
        }
        log.about("owls", of_owls).about("geese", &names("e", 3));
        log
    };
    let few = after(&names("a", 3));
    assert!(matches!(few.chosen(&categories).0, Aim::Part(_)), "{:?}", few.chosen(&categories));
    assert!(few.frontier().is_by_categories(), "as long as no letter was asked for");
    let under_way = [(about("owls"), 1.0)];
    assert_eq!(
        few.choose(Partition::Category, &categories, &under_way),
        Outlook::Wait,
        "it may have the rest"
    );
    let most = after(&known[..30]);
    assert!(!matches!(most.chosen(&categories).0, Aim::Part(_)), "{:?}", most.chosen(&categories));
    // From then on letters say how complete it is.
    let mut cut = few;
    cut.answer(ONE, Some("b-d"), 50, &all(&known[..24]));
    assert!(!cut.frontier().is_by_categories());
    assert!(matches!(cut.chosen(&categories).0, Aim::Part(_)), "{:?}", cut.chosen(&categories));
}
