//! What is known before anybody is asked: said in questions, given room in answers, and counted nowhere.

use super::listing::{about, begun, numbered, of_each_letter, whole};
use super::part as letters;
use super::*;
use crate::frontier::next::Load;
use crate::topic::FIRST_SEED;

impl Log {
    /// These are known.
    fn knows(&mut self, texts: &[String]) {
        let first_new = FIRST_SEED + self.fold.seeding().count();
        self.append(EntryKind::Seeded, EntryTail { first_new, new: texts.to_vec(), ..EntryTail::default() });
    }

    /// An answer that names these, which are new, and the first so many of what is known.
    fn says_with_known(&mut self, meta: ResponseMeta, texts: &[String], known: u64) {
        let first_new = if texts.is_empty() { 0 } else { self.fold.attributes() + 1 };
        let again = (FIRST_SEED..FIRST_SEED + known).collect();
        self.append(
            EntryKind::Response(meta),
            EntryTail { first_new, new: texts.to_vec(), again, ..EntryTail::default() },
        );
    }

    fn leaves_out(&self, part: &str) -> Vec<String> {
        self.frontier().leave_out(&Aim::Part(letters(part)), None)
    }

    /// The parts of all of it, as they are cut.
    fn cut(&self) -> usize {
        let (frontier, mut parts) = (self.frontier(), Vec::new());
        let view = frontier.view();
        let picture = view.picture();
        let stretch = Stretch { from: Letters::ALL.from, to: Letters::ALL.to, reach: Reach::default() };
        view.cut(&stretch, &picture, (37.5, view.spares(true), None), &mut parts);
        parts.len()
    }
}

#[test]
fn questions_about_a_part_leave_out_what_is_known_of_it() {
    let mut log = Log::default();
    log.knows(&[numbered("sa", 0..30), numbered("ta", 0..10)].concat());
    assert_eq!(log.leaves_out("s"), numbered("sa", 0..30));
    assert_eq!(log.leaves_out("s-t").len(), 40);
    assert_eq!(log.leaves_out("u-z"), Vec::<String>::new());
    log.says(about("s"), &numbered("sb", 0..50));
    assert_eq!(log.leaves_out("s").len(), 80, "with what was found");
    log.knows(&numbered("sc", 0..1));
    assert_eq!(log.leaves_out("s"), numbered("sb", 0..50), "all together they are too many");
    log.says(about("s"), &numbered("sd", 0..31));
    assert_eq!(log.leaves_out("s"), Vec::<String>::new());
}

#[test]
fn a_long_list_is_not_said_where_not_all_its_words_are_kept() {
    let mut log = Log::default();
    log.knows(&numbered("aa", 0..30));
    assert_eq!(log.leaves_out("a").len(), 30);
    log.knows(&numbered("mm", 0..u32::try_from(TEXTS).unwrap()));
    assert_eq!(log.leaves_out("a"), Vec::<String>::new());
    log.says(about("a"), &numbered("ab", 0..5));
    assert_eq!(log.leaves_out("a"), numbered("ab", 0..5));
}

#[test]
fn what_is_known_and_cannot_be_said_takes_room_in_answers_until_models_do_not_know_it() {
    let mut log = begun();
    let before = log.cut();
    log.knows(&of_each_letter(100));
    let after = log.cut();
    assert!(after >= 26 && after > before, "{before}, {after}");
    for part in ["a", "b", "c"] {
        log.says(about(part), &numbered(&format!("{part}o"), 0..10));
    }
    let unknown = log.cut();
    assert!(unknown < after, "{after}, {unknown}: three hundred known items are in none of three lists");
}

#[test]
fn what_is_known_and_can_be_said_takes_little_room() {
    let mut log = begun();
    let before = log.cut();
    log.knows(&of_each_letter(10));
    assert!(log.cut() <= before + 3, "{before}, {}", log.cut());
}

#[test]
fn known_items_fill_an_answer_and_count_for_its_part_alone() {
    let mut log = begun();
    log.knows(&[numbered("ca", 0..30), numbered("za", 0..10)].concat());
    let reach_of = |log: &Log| {
        let stretches = log.frontier().stretches.clone();
        stretches.into_iter().find(|stretch| stretch.letters().overlaps(letters("c"))).unwrap().reach
    };
    let estimate = log.frontier().estimate();
    let before = log.frontier().found_in(Letters::ALL);
    log.says_with_known(about("c"), &numbered("cb", 0..10), 40);
    assert_eq!((reach_of(&log).full, reach_of(&log).listed), (1, 0), "forty of fifty are in it");
    assert!((log.frontier().found_in(Letters::ALL) - before - 10.0).abs() < 1e-9);
    assert!(log.frontier().estimate() != estimate);
    // Thirty known ones of the part, ten of another.
    log.says_with_known(about("c"), &[], 40);
    assert_eq!((reach_of(&log).full, reach_of(&log).listed), (1, 1));
}

#[test]
fn answers_that_go_through_the_alphabet_say_less_of_the_whole_than_those_from_all_over_it() {
    let answers = |of: &dyn Fn(usize) -> Vec<String>, many: usize| {
        let mut log = Log::default();
        (0..many).for_each(|number| log.says(whole(), &of(number)));
        log.frontier().has_enough_of_whole()
    };
    let all = of_each_letter(4);
    let all_over = |number: usize| all.iter().skip(number % 4).step_by(4).cloned().collect();
    let a_piece = |number: usize| all.iter().skip(number * 12).take(26).cloned().collect();
    assert!(!answers(&all_over, 4) && answers(&all_over, 5));
    assert!(!answers(&a_piece, 5) && !answers(&a_piece, 7) && answers(&a_piece, 8));
}

#[test]
fn a_topic_is_not_complete_before_enough_names_came_of_answers_about_all_of_it() {
    let mut log = Log::default();
    let few = |log: &mut Log| log.says(whole(), &of_each_letter(1)[..10]);
    (0..8).for_each(|_| few(&mut log));
    assert!(log.frontier().has_enough_of_whole(), "eighty mentions of ten names");
    log.says(about("a"), &numbered("ab", 0..200));
    assert!(!log.frontier().has_enough_of_whole(), "eighty mentions, and two hundred names");
    (0..3).for_each(|_| few(&mut log));
    assert!(log.frontier().has_enough_of_whole());
    log.says(about("b"), &numbered("bb", 0..2_000));
    assert!(!log.frontier().has_enough_of_whole());
    (0..9).for_each(|_| few(&mut log));
    assert!(log.frontier().has_enough_of_whole(), "two hundred are enough for any topic");

    // Answers that are full of what is known name little, and are not asked for for ever.
    let mut log = Log::default();
    log.knows(&numbered("ka", 0..50));
    for _ in 0..39 {
        log.says_with_known(whole(), &[], 50);
    }
    log.says(about("b"), &numbered("bb", 0..10));
    assert!(!log.frontier().has_enough_of_whole());
    log.says_with_known(whole(), &[], 50);
    assert!(log.frontier().has_enough_of_whole());
}

#[test]
fn a_short_full_answer_leaves_more_for_each_new_name() {
    let left = |items: u32| {
        let mut log = Log::default();
        (0..2).for_each(|_| {
            log.says(ResponseMeta { asked: items, ..whole() }, &of_each_letter(2)[..items as usize]);
        });
        log.says(ResponseMeta { asked: items, ..about("c") }, &numbered("cb", 0..items));
        let view = log.frontier().view();
        let picture = view.picture();
        let reach = log.frontier().stretches.iter().find(|stretch| stretch.reach.full > 0).unwrap().reach;
        let has = view.expected(&picture, letters("c"), reach);
        (has - view.sum(letters("c")).found()) / f64::from(items)
    };
    let (ten, twenty, fifty) = (left(10), left(20), left(50));
    assert!(ten > twenty && twenty > fifty && fifty > 0.0, "{ten}, {twenty}, {fifty}");
}

#[test]
fn of_few_names_second_letters_are_drawn_towards_what_is_usual() {
    let expected = |each: u32| {
        let mut log = Log::default();
        let said =
            [numbered("ca", 0..each), numbered("cz", 0..each), numbered("t", 0..50 - 2 * each)].concat();
        (0..2).for_each(|_| log.says(whole(), &said));
        let view = log.frontier().view();
        let picture = view.picture();
        let of = |part| view.expected(&picture, letters(part), Reach::default());
        [of("c"), of("c'-cm"), of("cn-cz"), of("ca"), of("cz")]
    };
    // As many were named of both, but nearly a quarter of names with C begin with "ca" and hardly any with "cz".
    let [all, first, second, usual, rare] = expected(1);
    assert!(usual > 2.0 * rare, "{usual} {rare}");
    assert!(
        (first + second - all).abs() < 0.01,
        "what one part gains, the other loses: {first} {second} {all}"
    );
    let [.., usual, rare] = expected(20);
    assert!((0.8..1.25).contains(&(usual / rare)), "many speak for themselves: {usual} {rare}");
}

#[test]
fn a_place_that_is_full_of_what_is_known_is_given_up() {
    let mut log = begun();
    log.knows(&numbered("ca", 0..410));
    let reach_of = |log: &Log| {
        let stretches = log.frontier().stretches.clone();
        stretches.into_iter().find(|stretch| stretch.letters().overlaps(letters("ca"))).unwrap().reach
    };
    log.says_with_known(about("c"), &[], 50);
    assert_eq!((reach_of(&log).full, reach_of(&log).useless), (1, 0), "it can be cut");
    (0..2).for_each(|_| log.says_with_known(about("ca"), &[], 50));
    assert!(reach_of(&log).is_done(1));
    log.says_with_known(about("cb"), &numbered("cb", 0..1), 0);
    assert!(log.leaves_out("ca").is_empty(), "so many are too many");
}

#[test]
fn a_place_that_cannot_be_cut_is_listed_by_who_has_nothing_new_there() {
    let mut log = begun();
    let told = |part: &str, left_out| ResponseMeta { left_out, ..about(part) };
    let is_done = |log: &Log, part| {
        let stretches = log.frontier().stretches.iter();
        stretches.filter(|stretch| stretch.letters().overlaps(letters(part))).all(|one| one.reach.is_done(1))
    };
    log.says(about("c"), &numbered("ca", 0..50));
    log.says(told("ca", 0), &numbered("ca", 0..50));
    assert!(!is_done(&log, "ca"), "it was not told what to leave out");
    log.says(told("ca", 50), &numbered("ca", 50..100));
    assert!(!is_done(&log, "ca"));
    log.says(told("ca", 100), &numbered("ca", 50..100));
    assert!(is_done(&log, "ca"));
    assert_eq!(log.leaves_out("ca").len(), 100, "all of them are told where nothing can be cut");
    log.says(about("d"), &numbered("da", 0..50));
    log.says(told("d", 50), &numbered("da", 0..50));
    assert!(!is_done(&log, "d"), "that can be cut");
}

#[test]
fn a_part_without_known_items_joins_one_that_has_some() {
    let some = Load { gives: 5.0, left_out: 5.0, with_known: Some(false) };
    let none = Load { gives: 5.0, left_out: 5.0, with_known: None };
    let said = Load { gives: 5.0, left_out: 5.0, with_known: Some(true) };
    let fits = |one: Load, other: Load| one.with(other, 20.0).is_some();
    assert!(fits(some, none) && fits(none, some) && fits(none, said) && fits(said, said));
    assert!(!fits(some, said) && !fits(none.with(said, 20.0).unwrap(), some));
    assert!(some.with(none, 9.0).is_none(), "an answer has no room for both");
}

#[test]
fn questions_about_categories_say_nothing_of_what_is_known() {
    let mut log = begun();
    log.knows(&numbered("ca", 0..5));
    let category = Category::parse("Owls").unwrap();
    assert_eq!(log.frontier().leave_out(&Aim::Category(category), None), Vec::<String>::new());
}

#[test]
fn what_lists_lack_of_what_is_said_of_the_whole_is_made_up_in_a_small_part_only() {
    let mut log = Log::default();
    for answer in 0..5 {
        let of = |letter: char| (0..2).map(move |number| format!("{letter}b{answer}{number}"));
        log.says(whole(), &('a'..='y').flat_map(of).collect::<Vec<_>>());
    }
    for letter in 'a'..='z' {
        log.says(about(&letter.to_string()), &numbered(&format!("{letter}a"), 0..7));
    }
    // A tenth of 250 mentions may be made up; the others are real, and lists have none of them.
    let said = log.frontier().estimate().unwrap();
    assert!(said.completeness < 0.8 && said.estimate.made_up < 60.0, "{said:?}");
}
