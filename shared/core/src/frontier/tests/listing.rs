//! What answers make of the alphabet.

use crate::topic::Partition;
use proptest::prelude::*;

use super::part as letters;
use super::*;

/// So many names that begin so.
pub(super) fn numbered(begin: &str, numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("{begin}{number}")).collect()
}

/// As many names with each letter of the alphabet.
pub(super) fn of_each_letter(each: u32) -> Vec<String> {
    ('a'..='z').flat_map(|letter| numbered(&format!("{letter}a"), 0..each)).collect()
}

pub(super) fn whole() -> ResponseMeta {
    meta(ONE)
}

pub(super) fn about(part: &str) -> ResponseMeta {
    ResponseMeta { cell: Some(part.to_owned()), ..meta(ONE) }
}

impl Log {
    pub(super) fn says(&mut self, meta: ResponseMeta, names: &[String]) {
        self.meta(meta, &all(names));
    }

    /// What the model is asked next, while nothing is under way.
    pub(super) fn next(&self) -> Outlook {
        self.next_while(&[], None)
    }

    pub(super) fn next_while(&self, under_way: &[(Aim, f64)], wanted: Option<f64>) -> Outlook {
        self.frontier().next(&Wish {
            items: 50,
            partition: Partition::Alphabetical,
            categories: &[],
            wanted,
            providers: &providers(&[ONE]),
            under_way,
            ..PLAIN
        })
    }

    /// All parts that would be asked for at once, one after the other, at most so many.
    fn parts(&self, most: usize) -> Vec<Letters> {
        let mut under_way: Vec<(Aim, f64)> = Vec::new();
        while under_way.len() < most {
            let Outlook::Ask { aim, new, .. } = self.next_while(&under_way, None) else { break };
            if under_way.iter().any(|(before, _)| *before == aim) {
                break;
            }
            under_way.push((aim, new));
        }
        let part = |(aim, _)| if let Aim::Part(part) = aim { Some(part) } else { None };
        under_way.into_iter().filter_map(part).collect()
    }
}

impl Letters {
    /// What a name in it begins with.
    pub(super) fn begin(self) -> String {
        match self.to_string().as_str() {
            "other" => "7".to_owned(),
            name => name.split('-').next().unwrap().replace('\'', " "),
        }
    }
}

pub(super) fn aim_of(outlook: &Outlook) -> Aim {
    let Outlook::Ask { aim, .. } = outlook else { panic!("it waits") };
    aim.clone()
}

/// Two full answers about the whole, three names of each letter in the second.
pub(super) fn begun() -> Log {
    let mut log = Log::default();
    log.says(whole(), &of_each_letter(2));
    log.says(whole(), &of_each_letter(3));
    log
}

fn reach_of(log: &Log, name: &str) -> Reach {
    let stretches = &log.frontier().stretches;
    stretches.iter().find(|stretch| stretch.letters().holds(name)).unwrap().reach
}

#[test]
fn an_answer_that_is_shorter_than_what_was_asked_for_has_listed_its_range() {
    let mut log = begun();
    log.says(about("a-f"), &numbered("ba", 0..30));
    assert_eq!((reach_of(&log, "a").listed, reach_of(&log, "fz").listed), (1, 1));
    assert_eq!((reach_of(&log, "g").listed, reach_of(&log, "7").listed), (0, 0));
    let parts = log.parts(30);
    assert!(!parts.is_empty());
    assert!(parts.iter().all(|part| !part.overlaps(letters("a-f"))), "{parts:?}");
}

#[test]
fn an_answer_that_comes_back_full_has_not_and_what_is_left_is_cut_smaller() {
    let mut log = begun();
    let width = |log: &Log| {
        let parts = log.parts(60);
        let in_s = parts.iter().filter(|part| part.overlaps(letters("s")));
        in_s.map(|part| part.to - part.from + 1).max().unwrap()
    };
    let before = width(&log);
    let mut given = numbered("sa", 0..20);
    given.extend(numbered("st", 0..30));
    log.says(about("s"), &given);
    let reach = reach_of(&log, "s");
    assert_eq!((reach.listed, reach.full), (0, 1));
    assert!(width(&log) < before, "{} of {before}", width(&log));
}

#[test]
fn an_answer_that_was_cut_off_lists_nothing() {
    let mut log = begun();
    log.says(ResponseMeta { asked: 0, ..about("c") }, &numbered("ca", 0..3));
    assert_eq!((reach_of(&log, "c").listed, reach_of(&log, "c").full), (0, 1));
}

#[test]
fn a_short_answer_about_the_whole_lists_everything() {
    let mut log = Log::default();
    log.says(whole(), &numbered("ca", 0..20));
    log.says(whole(), &numbered("ca", 0..20));
    assert_eq!(log.frontier().stretches.len(), 1);
    assert_eq!((reach_of(&log, "x").listed, reach_of(&log, "3").listed), (1, 1));
}

#[test]
fn an_answer_that_does_not_keep_to_its_letters_is_useless_and_two_give_the_part_up() {
    let mut log = begun();
    for part in ["a-b", "c-d", "e-f", "g-h"] {
        log.says(about(part), &numbered(part.get(..1).unwrap(), 0..40));
    }
    for useless in 1..=2 {
        let reach = reach_of(&log, "k");
        assert!(!reach.is_done(1) && reach.listed == 0, "{useless}");
        log.says(about("k"), &numbered(if useless == 1 { "za" } else { "zb" }, 0..20));
        assert_eq!(reach_of(&log, "k").useless, useless);
    }
    assert!(reach_of(&log, "k").is_done(1));
    assert!(log.parts(30).iter().all(|part| !part.overlaps(letters("k"))));
    log.says(ResponseMeta { outcome: Outcome::Refused, ..about("q") }, &[]);
    log.says(ResponseMeta { outcome: Outcome::Unparsable, ..about("q") }, &[]);
    assert!(reach_of(&log, "q").is_done(1), "refusals are no lists");
}

#[test]
fn an_answer_that_is_filled_up_lists_its_part_where_its_model_keeps_to_parts() {
    let known = of_each_letter(3);
    let filled_up = [numbered("ka", 0..4), known[..40].to_vec()].concat();
    let mut log = begun();
    log.says(about("k"), &filled_up);
    assert_eq!((reach_of(&log, "k").listed, reach_of(&log, "k").useless), (0, 1), "it may not know letters");
    for part in ["a-b", "c-d"] {
        log.says(about(part), &numbered(part.get(..1).unwrap(), 0..20));
    }
    log.says(about("k"), &filled_up);
    assert_eq!((reach_of(&log, "k").listed, reach_of(&log, "k").useless), (1, 1));
    // Far more of it than of others, beside how rare it is, is not by chance.
    let many: Vec<String> = ('a'..='h').flat_map(|letter| numbered(&format!("{letter}x"), 0..4)).collect();
    let rich = [numbered("qa", 0..10), many].concat();
    log.says(about("q"), &rich);
    assert_eq!((reach_of(&log, "q").listed, reach_of(&log, "q").useless), (1, 0));
    // Whoever has run out of names says nothing against letters.
    for part in ["l", "m", "n", "o", "p"] {
        log.says(about(part), &known[..40]);
    }
    assert!(log.frontier().is_used());
    for part in ["q", "r", "s", "t", "u", "v", "w"] {
        log.says(about(part), &numbered(&format!("x{part}"), 0..20));
    }
    assert!(!log.frontier().is_used(), "others that are new do");
}

#[test]
fn what_was_given_up_says_nothing_of_what_lists_leave_out() {
    let mut log = begun();
    (0..4).for_each(|_| log.says(whole(), &of_each_letter(2)));
    for part in ["a-j", "l-z", "other"] {
        let within = |name: &String| letters(part).holds(name);
        let known = of_each_letter(5).into_iter().filter(within).collect::<Vec<_>>();
        log.says(ResponseMeta { asked: 200, ..about(part) }, &known);
    }
    (0..2).for_each(|_| log.says(ResponseMeta { asked: 20, ..whole() }, &numbered("ka", 0..20)));
    (0..2).for_each(|_| log.says(ResponseMeta { outcome: Outcome::Refused, ..about("k") }, &[]));
    let said = log.frontier().estimate().unwrap();
    assert!(
        (140.0..158.0).contains(&said.estimate.total),
        "twenty of these are where nothing is listed: {said:?}"
    );
    assert!(said.completeness > 0.99, "nothing more is to be had there: {said:?}");
}

#[test]
fn a_part_that_was_given_up_is_not_what_is_asked_for_again_when_all_is_listed() {
    let mut log = begun();
    (0..6).for_each(|_| log.says(whole(), &of_each_letter(2)));
    for part in ["a-j", "l-r", "s-z"] {
        let within = |name: &String| letters(part).holds(name);
        log.says(about(part), &of_each_letter(3).into_iter().filter(within).collect::<Vec<_>>());
    }
    log.says(about("other"), &[]);
    (0..2).for_each(|_| log.says(ResponseMeta { outcome: Outcome::Refused, ..about("k") }, &[]));
    let Aim::Part(part) = aim_of(&log.next()) else { panic!("the whole is known") };
    assert!(!part.overlaps(letters("k")), "{part}");
}

#[test]
fn an_empty_answer_about_a_part_lists_it_and_a_failed_request_says_nothing() {
    let mut log = begun();
    log.says(ResponseMeta { outcome: Outcome::Timeout, ..about("x") }, &[]);
    assert_eq!(reach_of(&log, "x"), Reach::default());
    log.says(ResponseMeta { outcome: Outcome::Empty, ..about("x") }, &[]);
    assert_eq!(reach_of(&log, "x").listed, 1);
}

#[test]
fn models_that_never_keep_to_letters_are_asked_for_categories() {
    let mut log = begun();
    for (number, part) in ["a-c", "d-f", "g-i"].into_iter().enumerate() {
        assert!(matches!(log.next(), Outlook::Ask { aim: Aim::Part(_), .. }), "{number}");
        log.says(about(part), &numbered("za", 0..30));
    }
    assert!(!log.frontier().is_used());
    assert_eq!(log.frontier().share_within(), Some(0.0));
    assert_eq!(aim_of(&log.next()), Aim::Parts { of: None, by_items: false });
}

#[test]
fn names_that_begin_alike_are_asked_for_by_category() {
    let mut log = begun();
    assert!(matches!(aim_of(&log.next()), Aim::Part(_)));
    log.says(whole(), &numbered("The ", 0..100));
    let categories = Aim::Parts { of: None, by_items: false };
    assert_eq!(aim_of(&log.next()), categories, "letters do not tell them apart");
}

#[test]
fn a_cell_of_another_kind_says_nothing_of_letters() {
    let mut log = begun();
    let before = log.frontier().clone();
    log.says(about("in Europe"), &numbered("ba", 0..3));
    assert_eq!(log.frontier().stretches, before.stretches);
    assert_eq!((log.frontier().aimed, log.frontier().whole), (before.aimed, before.whole));
}

#[test]
fn questions_leave_out_what_answers_about_parts_gave_in_that_range() {
    let mut log = begun();
    log.says(about("s"), &[numbered("sa", 0..30), numbered("st", 0..20), numbered("ta", 9..10)].concat());
    assert_eq!(log.frontier().leave_out(&Aim::Part(letters("st")), None), numbered("st", 0..20));
    let whole = log.frontier().leave_out(&Aim::Part(letters("s-z")), None);
    assert_eq!(whole.len(), 51, "it is named with the part or not");
    assert!(whole.contains(&"ta9".to_owned()));
    assert_eq!(log.frontier().leave_out(&Aim::Part(letters("c")), None), Vec::<String>::new());
    log.says(about("s"), &numbered("su", 0..31));
    assert_eq!(
        log.frontier().leave_out(&Aim::Part(letters("s")), None),
        Vec::<String>::new(),
        "they are too many"
    );
    assert_eq!(log.frontier().leave_out(&Aim::Part(letters("su")), None).len(), 31);
}

#[test]
fn nothing_is_left_out_where_not_all_words_are_kept() {
    let mut log = begun();
    log.says(about("a"), &numbered("aa", 0..30));
    assert!(!log.frontier().leave_out(&Aim::Part(letters("a")), None).is_empty());
    log.says(whole(), &numbered("mm", 0..u32::try_from(TEXTS).unwrap()));
    assert_eq!(log.frontier().texts.len(), TEXTS);
    assert_eq!(log.frontier().leave_out(&Aim::Part(letters("a")), None), Vec::<String>::new());
}

#[test]
fn a_resolution_counts_for_where_its_response_was_asked() {
    let mut resolved = begun();
    let (known, late) = (numbered("ca", 0..15), numbered("cz", 0..15));
    resolved.write(EntryKind::Response(about("c")), &all(&known), 15);
    let of = u64::try_from(resolved.entries.len()).unwrap();
    assert_eq!(reach_of(&resolved, "c").listed, 1, "what is missing is taken to be within");
    assert_eq!(resolved.frontier().aimed_mentions, 15);
    resolved.write(EntryKind::Resolution { of }, &all(&late), 0);

    let mut at_once = begun();
    at_once.says(about("c"), &[known, late].concat());
    assert_eq!(resolved.frontier(), at_once.frontier());
}

#[test]
fn a_full_answer_stays_full_where_the_registry_has_yet_to_hear_its_names() {
    let mut log = begun();
    log.write(EntryKind::Response(about("c")), &all(&numbered("ca", 0..25)), 25);
    assert_eq!((reach_of(&log, "c").full, reach_of(&log, "c").listed), (1, 0));
}

/// Any answer, about any range.
fn any_answer() -> impl Strategy<Value = (Option<Letters>, u8, Vec<String>, u32)> {
    let part = prop_oneof![
        1 => Just(None),
        4 => (0..703_u16, 0..703_u16).prop_map(|(one, other)| {
            let (from, to) = (one.min(other), one.max(other));
            Some(if to == 702 { Letters::ELSEWHERE } else { Letters { from, to } })
        }),
    ];
    (part, 0..8_u8, prop::collection::vec("[a-e][a-c]?[0-9]", 0..60), prop_oneof![Just(0), 5..60_u32])
}

fn tell(log: &mut Log, (part, outcome, texts, asked): &(Option<Letters>, u8, Vec<String>, u32)) {
    let (outcome, texts): (_, &[String]) = match outcome {
        0 => (Outcome::Refused, &[]),
        1 => (Outcome::Timeout, &[]),
        2 => (Outcome::Empty, &[]),
        3.. => (Outcome::Answered, texts),
    };
    let texts: std::collections::BTreeSet<String> = texts.iter().cloned().collect();
    let part = part.map(|part| part.to_string());
    let texts: Vec<String> = texts.into_iter().collect();
    log.says(ResponseMeta { cell: part, asked: *asked, outcome, ..whole() }, &texts);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_overlaps_or_nests_the_stretches_are_the_alphabet_in_order(
        answers in prop::collection::vec(any_answer(), 0..30),
    ) {
        let mut log = Log::default();
        for answer in &answers {
            tell(&mut log, answer);
            let stretches = &log.frontier().stretches;
            prop_assert_eq!(stretches.first().unwrap().from, Letters::ALL.from);
            prop_assert_eq!(stretches.last().unwrap().to, Letters::ALL.to);
            for pair in stretches.windows(2) {
                prop_assert_eq!(pair[0].to + 1, pair[1].from);
                prop_assert!(pair[0].from <= pair[0].to && pair[0].reach != pair[1].reach);
            }
            let attributes = f64::from(u32::try_from(log.fold.attributes()).unwrap());
            prop_assert!((log.frontier().view().found() - attributes).abs() < 0.5);
            if let Some(said) = log.frontier().estimate() {
                let (low, total, high) = (said.estimate.low, said.estimate.total, said.estimate.high);
                prop_assert!(0.0 <= low && low <= total && total <= high && high.is_finite(), "{said:?}");
                prop_assert!((0.0..=1.0).contains(&said.completeness), "{said:?}");
            }
        }
    }

    #[test]
    fn a_log_folded_twice_or_taken_from_a_checkpoint_says_the_same(
        answers in prop::collection::vec(any_answer(), 0..20), cut in 0..20_usize,
    ) {
        let mut log = Log::default();
        for answer in &answers {
            tell(&mut log, answer);
        }
        let (mut again, cut) = (TopicFold::default(), cut.min(log.entries.len()));
        log.entries[..cut].iter().for_each(|entry| again.apply(entry).unwrap());
        let kept = rmp_serde::to_vec_named(&again).unwrap();
        let mut again: TopicFold = rmp_serde::from_slice(&kept).unwrap();
        log.entries.iter().for_each(|entry| again.apply(entry).unwrap());
        prop_assert_eq!(&again, &log.fold);
        let wish = Wish { items: 50, partition: Partition::Alphabetical, categories: &[], wanted: Some(0.9), providers: &["one".to_owned()], under_way: &[], ..PLAIN };
        prop_assert_eq!(again.frontier().next(&wish), log.frontier().next(&wish));
    }
}

/// How many of fifty names a list may have goes by what its model gives when there are far more, and not by what others give.
#[test]
fn a_list_is_what_is_clearly_shorter_than_its_models_answers_about_the_whole() {
    let listed = |whole: usize, aimed: usize| {
        let mut log = Log::default();
        let known = names("abcdefghijklmnopqrst", 5);
        log.answer(ONE, None, 50, &all(&known[..whole])).answer(ONE, None, 50, &all(&known[50..50 + whole]));
        log.answer("two", None, 50, &all(&known[..40])).answer("two", None, 50, &all(&known[..50]));
        log.answer(ONE, Some("m"), 50, &all(&names("m", aimed)));
        let stretches = &log.frontier().stretches;
        stretches.iter().find(|stretch| stretch.letters().overlaps(part("m"))).unwrap().reach.listed > 0
    };
    assert!(listed(50, 45) && !listed(50, 46));
    assert!(listed(44, 39) && !listed(44, 40));
}

/// A model that stops after thirty of fifty, whatever there is, has listed nothing by that; one that repeats the same thirty has, unless it gives many more when
/// it is asked for a part: then it says the same each time, and knows more.
#[test]
fn a_model_that_stops_early_lists_nothing_by_that() {
    let known = names("abcdefghijklmnopqrst", 9);
    let listed = |second: &[String], aimed: usize| {
        let mut log = Log::default();
        log.answer(ONE, None, 50, &all(&known[..30])).answer(ONE, None, 50, &all(second));
        log.answer(ONE, Some("m"), 50, &all(&names("m", aimed)));
        let stretches = &log.frontier().stretches;
        stretches.iter().find(|stretch| stretch.letters().overlaps(part("m"))).unwrap().reach.listed
    };
    assert_eq!((listed(&known[30..60], 30), listed(&known[..30], 30)), (0, 0));
    assert_eq!((listed(&known[..30], 3), listed(&known[..30], 29)), (2, 0));
    let mut log = Log::default();
    log.answer(ONE, None, 50, &all(&known[..30])).answer("two", None, 50, &all(&known[30..60]));
    let models = providers(&[ONE, "two"]);
    let next = |under_way: &[(Aim, f64)]| {
        let (partition, providers) = (Partition::Alphabetical, models.as_slice());
        let wish =
            Wish { items: 50, wanted: None, partition, categories: &[], providers, under_way, ..PLAIN };
        log.frontier().next(&wish)
    };
    let whole = (Aim::Whole, 0.0);
    let is_whole = |outlook: Outlook| matches!(outlook, Outlook::Ask { aim: Aim::Whole, .. });
    assert!(is_whole(next(&[])) && is_whole(next(std::slice::from_ref(&whole))), "does either have more?");
    assert!(!is_whole(next(&[whole.clone(), whole])), "both are asked again");
}

/// What is said twice, or is no name, was given, too; and a model that nobody has asked about the whole may stop as early as others.
#[test]
fn how_long_an_answer_is_goes_by_all_that_was_given_and_of_who_is_not_known_by_others() {
    let known = names("abcdefghijklmnopqrst", 9);
    let listed = |whole: usize, meta: ResponseMeta, aimed: usize| {
        let mut log = Log::default();
        log.answer(ONE, None, 50, &all(&known[..whole])).answer(ONE, None, 50, &all(&known[60..60 + whole]));
        log.says(meta, &names("m", aimed));
        let stretches = &log.frontier().stretches;
        stretches.iter().find(|stretch| stretch.letters().overlaps(part("m"))).unwrap().reach.listed > 0
    };
    assert!(listed(50, about("m"), 42));
    assert!(!listed(50, ResponseMeta { repeated: 3, rejected: 2, ..about("m") }, 42));
    let two = |part: &str| ResponseMeta { provider: "two".to_owned(), ..about(part) };
    assert!(listed(50, two("m"), 30) && !listed(30, two("m"), 30));
}
