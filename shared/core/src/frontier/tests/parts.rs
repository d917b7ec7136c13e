//! How far each part is.

use super::listing::{about, numbered, of_each_letter, whole};
use super::voices::{by, two_that_add};
use super::*;
use crate::estimate::{Completeness, Estimate};
use crate::frontier::{Part, PartState};

fn of(log: &Log) -> Vec<Part> {
    log.fold.parts(&[], 1_000)
}

fn one<'a>(parts: &'a [Part], cell: &str) -> &'a Part {
    let names: Vec<&str> = parts.iter().map(|part| part.cell.as_str()).collect();
    parts.iter().find(|part| part.cell == cell).unwrap_or_else(|| panic!("{cell} is not among {names:?}"))
}

fn within(cell: &str, names: &[String]) -> Vec<String> {
    names.iter().filter(|name| part(cell).holds(name)).cloned().collect()
}

/// Answers about the whole with half of the names, and lists of some parts.
fn listed(providers: &[&str], parts: &[&str]) -> Log {
    let mut log = Log::default();
    let all = of_each_letter(4);
    for (index, provider) in providers.iter().cycle().take(6).enumerate() {
        let some: Vec<String> = all.iter().skip(index % 3).step_by(2).cloned().collect();
        log.says(by(provider, whole()), &some);
    }
    for provider in providers {
        for cell in parts {
            log.says(ResponseMeta { asked: 200, ..by(provider, about(cell)) }, &within(cell, &all));
        }
    }
    log
}

fn sums(parts: &[Part]) -> (f64, f64) {
    let said = |part: &Part| part.completeness.map_or((0.0, 0.0), |said| (known(&said), said.estimate.total));
    let add = |(known, total): (f64, f64), (more, of): (f64, f64)| (known + more, total + of);
    parts.iter().map(said).fold((0.0, 0.0), add)
}

fn known(said: &Completeness) -> f64 {
    said.completeness * said.estimate.total
}

#[test]
fn parts_of_one_model_add_up_to_the_whole() {
    let log = listed(&[ONE], &["a-f", "g-m"]);
    let (parts, all) = (of(&log), log.fold.completeness().unwrap());
    let found: u64 = parts.iter().map(|part| part.found).sum();
    assert_eq!(found, log.fold.attributes());
    let (sum_known, total) = sums(&parts);
    assert!((total - all.estimate.total).abs() < 1.0, "{total} instead of {}", all.estimate.total);
    assert!((sum_known - known(&all)).abs() < 1.0, "{sum_known} instead of {}", known(&all));
    for part in parts.iter().filter_map(|part| part.completeness) {
        let Estimate { total, low, high, .. } = part.estimate;
        assert!(low <= total && total <= high && (0.0..=1.0).contains(&part.completeness), "{part:?}");
    }
}

#[test]
fn a_part_is_listed_open_or_given_up_and_says_by_whom() {
    let mut log = two_that_add();
    log.says(by("two", about("d-m")), &[within("d-m", &of_each_letter(2)), numbered("du", 0..9)].concat());
    for _ in 0..2 {
        log.says(ResponseMeta { outcome: Outcome::Refused, ..about("n-z") }, &[]);
    }
    let parts = of(&log);
    let listed = one(&parts, "a-c");
    assert_eq!((listed.state, listed.answers, listed.found), (PartState::Listed, 2, 40));
    assert_eq!(listed.listed_by, [ONE, "two"]);
    let half = one(&parts, "d-m");
    assert_eq!(half.listed_by, ["two"]);
    assert_eq!((half.state, half.answers), (PartState::Open, 1));
    assert_eq!(one(&parts, "n-z").state, PartState::GivenUp);
    let nobody = one(&parts, "other");
    assert_eq!((nobody.state, nobody.found, nobody.completeness), (PartState::Unasked, 0, None));
}

#[test]
fn what_is_known_of_a_part_is_covered_by_how_often_its_own_items_were_named() {
    let mut log = listed(&[ONE], &["a-f"]);
    log.says(about("a-f"), &numbered("ae", 0..9));
    let (mut mentions, mut once) = (0_u32, 0_u32);
    for (text, number) in &log.numbers {
        if part("a-f").holds(text) {
            let times = log.fold.sightings().of(*number);
            mentions += times;
            once += u32::from(times == 1);
        }
    }
    let coverage = one(&of(&log), "a-f").coverage.unwrap();
    assert!((coverage - (1.0 - f64::from(once) / f64::from(mentions))).abs() < 1e-5, "{coverage}");
    assert!(
        (coverage - log.fold.coverage().unwrap()).abs() > 0.01,
        "that is another number than of the whole"
    );
}

#[test]
fn of_many_parts_those_are_told_of_which_most_is_missing() {
    let log = listed(&[ONE], &["a-f", "g-m", "g-m"]);
    let (all, few) = (of(&log), log.fold.parts(&[], 2));
    assert!(all.len() > 2);
    assert_eq!(few.len(), 2);
    let least = few.iter().filter_map(Part::missing).fold(f64::INFINITY, f64::min);
    for left_out in all.iter().filter(|part| !few.contains(part)) {
        assert!(left_out.missing().unwrap() <= least, "{left_out:?}");
    }
    let order: Vec<usize> =
        few.iter().map(|part| all.iter().position(|other| other == part).unwrap()).collect();
    assert!(order.is_sorted(), "they stay in their order");
}

#[test]
fn categories_are_told_those_that_nobody_asked_for_yet_too() {
    let mut log = Log::default();
    for _ in 0..2 {
        log.answer(ONE, None, 50, &all(&names("ab", 25)));
    }
    log.meta(super::categories::told(None, &["owls", "geese", "gulls"]), &[]);
    log.about("owls", &names("ao", 10));
    log.about("geese", &names("ghklm", 10));
    let given = super::categories::given(&["waders"]);
    let parts = log.fold.parts(&given, 100);
    let cells: Vec<&str> = parts.iter().map(|part| part.cell.as_str()).collect();
    assert_eq!(cells, ["category: waders", "category: owls", "category: geese", "category: gulls"]);
    let owls = one(&parts, "category: owls");
    assert_eq!(
        (owls.state, owls.found, owls.listed_by.as_slice()),
        (PartState::Listed, 20, &[ONE.to_owned()][..])
    );
    assert!(owls.completeness.unwrap().completeness > 0.8, "{owls:?}");
    let geese = one(&parts, "category: geese");
    assert_eq!((geese.state, geese.found), (PartState::Open, 50));
    assert!(geese.missing().unwrap() > owls.missing().unwrap(), "it came back full");
    for unasked in ["category: waders", "category: gulls"] {
        let part = one(&parts, unasked);
        assert_eq!((part.state, part.found, part.completeness), (PartState::Unasked, 0, None));
    }
}

#[test]
fn a_topic_that_is_not_cut_has_no_parts() {
    let mut log = Log::default();
    for _ in 0..4 {
        log.says(whole(), &of_each_letter(1));
    }
    assert_eq!(of(&log), []);
}
