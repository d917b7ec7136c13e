//! What is asked for next.

use crate::topic::{Partition, ProbeShare};
use proptest::prelude::*;

use super::listing::{about, aim_of, numbered, of_each_letter, whole};
use super::part as letters;
use super::*;

#[test]
fn the_first_questions_are_about_the_whole_and_the_next_waits_for_their_answers() {
    let mut log = Log::default();
    let open = (Aim::Whole, 0.0);
    assert_eq!(aim_of(&log.next()), Aim::Whole);
    assert_eq!(aim_of(&log.next_while(std::slice::from_ref(&open), None)), Aim::Whole);
    assert_eq!(log.next_while(&[open.clone(), open.clone()], None), Outlook::Wait);
    log.says(whole(), &of_each_letter(2));
    assert_eq!(log.next_while(std::slice::from_ref(&open), None), Outlook::Wait, "how large parts are");
    log.says(whole(), &of_each_letter(2));
    assert!(matches!(aim_of(&log.next_while(&[], None)), Aim::Part(_)));
}

#[test]
fn of_twenty_questions_one_stays_about_the_whole() {
    let mut log = Log::default();
    for _ in 0..2 {
        log.says(whole(), &of_each_letter(2));
    }
    let mut about_whole = 2;
    for number in 2..120_u32 {
        let aim = aim_of(&log.next());
        let part = if let Aim::Part(part) = aim { Some(part) } else { None };
        about_whole += u32::from(part.is_none());
        // From all over it, so that it can be cut.
        let pairs = ('a'..='z').flat_map(|first| ('a'..='z').map(move |second| format!("{first}{second}")));
        let within: Vec<String> = pairs.filter(|pair| part.is_none_or(|part| part.holds(pair))).collect();
        let named: Vec<String> = (0..50_usize)
            .map(|name| format!("{}{}", within[name * within.len() / 50], number * 100 + name as u32))
            .collect();
        log.says(ResponseMeta { cell: part.map(|part| part.to_string()), ..whole() }, &named);
        assert!(about_whole >= number / 20, "{about_whole} of {number}");
    }
    assert!(about_whole < 20, "{about_whole}");
}

/// Why each of so many requests asks what it does, one after the other, of a topic that never ends: what is about the whole, by how many were asked before.
fn about_whole(partition: Partition, probes: ProbeShare, requests: u32) -> Vec<(u32, Why)> {
    let providers = providers(&[ONE]);
    let categories = ["Owls", "Ducks", "Geese"].map(|name| Category::named(name).unwrap());
    let categories = if partition == Partition::Category { categories.as_slice() } else { &[] };
    let wish = Wish { partition, categories, probes, providers: &providers, ..PLAIN };
    let (mut log, mut all) = (Log::default(), Vec::new());
    let mut number = 0;
    while number < requests {
        let Outlook::Ask { aim, why, .. } = log.frontier().next(&wish) else {
            unreachable!("nothing is under way")
        };
        if aim == Aim::Whole {
            all.push((number, why));
        }
        let named = match &aim {
            Aim::Whole => {
                let of = |letter: char| numbered(&format!("{letter}a"), number * 2..number * 2 + 2);
                ('a'..='z').flat_map(of).collect()
            }
            Aim::Part(part) => numbered(&part.begin(), number * 100..number * 100 + 50),
            Aim::Category(_) | Aim::Parts { .. } | Aim::Judge => {
                numbered("m", number * 100..number * 100 + 50)
            }
        };
        // Questions for categories are none about items.
        let is_task = matches!(aim, Aim::Parts { .. });
        let named = if is_task { Vec::new() } else { named };
        log.says(ResponseMeta { cell: aim.cell(), ..whole() }, &named);
        number += u32::from(!is_task);
    }
    all
}

#[test]
fn as_many_requests_are_a_sample_as_is_wanted() {
    for partition in [Partition::Alphabetical, Partition::Category] {
        for (share, every) in [(0.05, 20), (0.2, 5), (0.5, 2)] {
            let all = about_whole(partition, ProbeShare::new(share).unwrap(), 100);
            let samples: Vec<u32> =
                all.iter().filter(|(_, why)| *why == Why::Sample).map(|(number, _)| *number).collect();
            let whole: Vec<u32> = (1..100 / every).map(|turn| turn * every).collect();
            // The first two are a sample, too.
            assert_eq!(samples, whole[2..], "{partition:?}, {share}: {all:?}");
        }
    }
}

#[test]
fn where_no_sample_is_wanted_only_what_an_estimate_takes_is_about_the_whole() {
    let off = ProbeShare::new(0.0).unwrap();
    for partition in [Partition::Alphabetical, Partition::Category] {
        assert_eq!(about_whole(partition, off, 100), [(0, Why::First), (1, Why::First)], "{partition:?}");
    }
    let mut small = Log::default();
    let providers = providers(&[ONE]);
    let wish = Wish { probes: off, wanted: Some(0.95), providers: &providers, ..PLAIN };
    for _ in 0..2 {
        small.says(whole(), &of_each_letter(1));
    }
    assert!(matches!(small.frontier().next(&wish), Outlook::Ask { aim: Aim::Whole, why: Why::Sure, .. }));
}

#[test]
fn a_share_of_samples_is_at_most_a_half() {
    assert_eq!([-0.01, 0.51, f64::NAN].map(ProbeShare::new), [None; 3]);
    let read = |text: &str| serde_json::from_str::<ProbeShare>(text).unwrap();
    assert_eq!(["0", "0.05", "0.5", "9"].map(read).map(Some), [0.0, 0.05, 0.5, 0.5].map(ProbeShare::new));
    assert!(read("0").is_off() && !read("0.05").is_off());
    assert_eq!((ProbeShare::default(), ProbeShare::USUAL), (read("0.05"), read("0.05")));
    // One in twenty, whatever the number.
    for all in (0..200).chain([u64::MAX / 1_000_000]) {
        let least = all / 20;
        let lacks = |whole| ProbeShare::USUAL.lacks(whole, all);
        assert_eq!((least.checked_sub(1).is_none_or(lacks), lacks(least)), (true, false), "{all}");
    }
}

#[test]
fn a_small_topic_is_asked_about_as_a_whole_and_then_once_more() {
    let mut log = Log::default();
    for _ in 0..5 {
        assert_eq!(aim_of(&log.next()), Aim::Whole);
        log.says(whole(), &numbered("ca", 0..20));
    }
    assert!(matches!(aim_of(&log.next()), Aim::Part(_)));
    assert_eq!(log.next_while(&[(Aim::Whole, 0.0)], Some(0.99)), Outlook::Wait);
    // Where it shall go on for as long as anything new comes, nobody waits.
    let mut under_way = Vec::new();
    for _ in 0..20 {
        under_way.push((aim_of(&log.next_while(&under_way, None)), 0.0));
    }
    assert!(under_way.iter().any(|(aim, _)| *aim == Aim::Whole));
}

#[test]
fn a_question_for_the_last_few_asks_for_fewer_and_then_it_waits() {
    let mut log = Log::default();
    for _ in 0..8 {
        log.says(whole(), &of_each_letter(2));
    }
    for part in ["a-d", "e-h", "i-l", "m-p", "q-t", "u-z"] {
        let first = part.get(..1).unwrap();
        let known: Vec<String> =
            of_each_letter(2).into_iter().filter(|name| letters(part).holds(name)).collect();
        log.says(about(part), &[known, numbered(&format!("{first}b"), 0..20)].concat());
    }
    let said = log.frontier().estimate().unwrap();
    assert!(!said.at_least && said.completeness > 0.9, "{said:?}");
    let under_way = [(Aim::Part(letters("a-d")), 1.0)];
    assert_eq!(log.next_while(&under_way, Some(said.completeness - 0.01)), Outlook::Wait);
    assert_ne!(log.next_while(&under_way, None), Outlook::Wait, "as long as nothing is wanted");
    assert_ne!(log.next_while(&[], Some(0.5)), Outlook::Wait, "it never stands still");
}

/// What is under way about parts shows what is left of them: nobody fills the time with questions that bring little.
#[test]
fn while_parts_are_asked_for_that_nobody_has_listed_nothing_else_is() {
    let mut log = Log::default();
    (0..2).for_each(|_| log.says(whole(), &of_each_letter(2)));
    let mut under_way = Vec::new();
    while let Outlook::Ask { aim, new, .. } = log.next_while(&under_way, Some(0.95)) {
        assert!(matches!(aim, Aim::Part(_)) && under_way.len() < 20, "{aim:?} beside {under_way:?}");
        under_way.push((aim, new));
    }
    assert!(under_way.len() > 2);
    assert_ne!(log.next_while(&under_way, None), Outlook::Wait, "as long as nothing is wanted");
}

/// What comes of a request: names in its part or elsewhere, nothing, or a failure.
fn any_turn() -> impl Strategy<Value = (u8, u8, u32, bool)> {
    (0..12_u8, 0..4_u8, 0..60_u32, any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Requests are sent and answered in any order, whatever comes of them.
    #[test]
    fn whatever_happens_no_two_parts_overlap_and_something_is_asked_when_nothing_is_under_way(
        turns in prop::collection::vec(any_turn(), 1..40),
        providers in 0..4_usize,
        wanted in prop_oneof![Just(None), (0.0..1.0).prop_map(Some)],
    ) {
        let providers: Vec<String> = (0..providers).map(|number| format!("model {number}")).collect();
        let mut log = Log::default();
        let mut under_way: Vec<(Aim, f64)> = Vec::new();
        let mut asked: Vec<Option<String>> = Vec::new();
        for (what, places, count, takes_first) in turns {
            while under_way.len() <= usize::from(places) {
                let wish = Wish { items: 50, partition: Partition::Alphabetical, categories: &[], wanted, providers: &providers, under_way: &under_way, ..PLAIN };
                let Outlook::Ask { aim, provider, items, new, .. } = log.frontier().next(&wish) else { break };
                prop_assert!((1..=50).contains(&items) && new.is_finite() && new >= 0.0, "{items}, {new}");
                prop_assert!(provider.as_ref().is_none_or(|provider| providers.contains(provider)));
                if let Aim::Part(part) = aim {
                    prop_assert!(part.from <= part.to);
                    prop_assert_eq!(Letters::parse(&part.to_string()), Some(part));
                    let left_out = log.frontier().leave_out(&Aim::Part(part), provider.as_deref());
                    let most = if part.is_one() { 400 } else { 80 };
                    prop_assert!(left_out.len() <= most && left_out.iter().all(|text| part.holds(text)));
                    for (other, _) in &under_way {
                        prop_assert!(!matches!(other, Aim::Part(other) if other.overlaps(part)));
                    }
                }
                under_way.push((aim, new));
                asked.push(provider);
            }
            prop_assert!(!under_way.is_empty(), "it stands still");
            let place = if takes_first { 0 } else { under_way.len() - 1 };
            let ((aim, _), provider) = (under_way.remove(place), asked.remove(place));
            let part = if let Aim::Part(part) = aim { Some(part) } else { None };
            let begin = part.map_or(String::new(), Letters::begin);
            let given = match (what, part) {
                (0..=2, _) => Vec::new(),
                (3 | 4, _) => numbered("za", 0..count),
                (_, None) => of_each_letter(count / 20),
                (_, Some(_)) => numbered(&begin, 0..count),
            };
            let outcome = match what {
                0 => Outcome::Timeout,
                1 => Outcome::Refused,
                2 => Outcome::Empty,
                3.. => Outcome::Answered,
            };
            let (part, provider) = (part.map(|part| part.to_string()), provider.unwrap_or("model 0".into()));
            log.says(ResponseMeta { cell: part, outcome, provider, ..whole() }, &given);
        }
    }
}
