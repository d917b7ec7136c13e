//! Questions that were not answered.

use super::categories::{about as category, given};
use super::listing::{about, of_each_letter, whole};
use super::voices::{by, two};
use super::*;

fn failed(answer: ResponseMeta) -> ResponseMeta {
    ResponseMeta { outcome: Outcome::Timeout, ..answer }
}

/// Who is asked for what next.
fn asked(log: &Log, wish: &Wish<'_>) -> (Aim, Option<String>) {
    match log.frontier().next(wish) {
        Outlook::Ask { aim, provider, .. } => (aim, provider),
        Outlook::Wait => panic!("it waits for nothing"),
    }
}

fn begun() -> Log {
    let mut log = Log::default();
    for (model, cost) in [("one", 100), ("two", 150), ("one", 100), ("two", 150)] {
        let cost = Cost::from_picodollars(cost);
        log.says(ResponseMeta { cost, ..by(model, whole()) }, &of_each_letter(2));
    }
    log
}

#[test]
fn a_part_that_one_has_failed_with_is_asked_of_another_and_of_itself_where_there_is_none() {
    let (mut log, providers) = (begun(), two());
    let both = Wish { providers: &providers, ..PLAIN };
    let alone = Wish { providers: &providers[..1], ..PLAIN };
    let (of_one, _) = asked(&log, &alone);
    let (aim, first) = asked(&log, &both);
    let (Aim::Part(part), Some("one")) = (&aim, first.as_deref()) else { panic!("{aim:?} of {first:?}") };
    log.says(failed(about(&part.to_string())), &[]);
    let (again, second) = asked(&log, &both);
    assert!(
        !matches!((&again, second.as_deref()), (Aim::Part(of), Some("one")) if of.overlaps(*part)),
        "{again:?}"
    );
    let parts = (0..40).fold(Vec::new(), |mut under_way: Vec<(Aim, f64)>, _| {
        if let Outlook::Ask { aim, provider, .. } =
            log.frontier().next(&Wish { under_way: &under_way, ..both })
        {
            if let Aim::Part(of) = &aim
                && of.overlaps(*part)
            {
                assert_eq!(provider.as_deref(), Some("two"), "{of}");
            }
            under_way.push((aim, 1.0));
        }
        under_way
    });
    assert!(parts.iter().any(|(aim, _)| matches!(aim, Aim::Part(of) if of.overlaps(*part))), "{parts:?}");
    assert_eq!(asked(&log, &alone).0, of_one, "nobody else can be asked");
    log.says(by("two", about(&part.to_string())), &[]);
    assert_eq!(asked(&log, &both).1.as_deref(), Some("one"), "the other has answered it");
}

#[test]
fn what_was_given_up_by_ourselves_is_nobodys_failure() {
    let (mut log, providers) = (begun(), two());
    let both = Wish { providers: &providers, ..PLAIN };
    let before = asked(&log, &both);
    let Aim::Part(part) = &before.0 else { panic!("{before:?}") };
    log.says(ResponseMeta { outcome: Outcome::Abandoned, ..about(&part.to_string()) }, &[]);
    assert_eq!(asked(&log, &both), before);
}

#[test]
fn the_whole_and_a_category_go_to_another_too() {
    let providers = two();
    let mut log = Log::default();
    log.says(failed(whole()), &[]);
    assert_eq!(asked(&log, &Wish { providers: &providers, ..PLAIN }), (Aim::Whole, Some("two".to_owned())));
    log.says(by("two", whole()), &of_each_letter(2));
    assert!(!log.frontier().unanswered.is_whole("one"), "it was answered since");

    let (mut log, categories) = (begun(), given(&["Owls"]));
    let wish =
        Wish { partition: Partition::Category, categories: &categories, providers: &providers, ..PLAIN };
    assert_eq!(asked(&log, &wish), (category("Owls"), Some("one".to_owned())));
    let cell = category("Owls").cell();
    log.says(failed(ResponseMeta { cell, ..whole() }), &[]);
    assert_eq!(asked(&log, &wish), (category("Owls"), Some("two".to_owned())));
}

#[test]
fn only_the_newest_failures_are_borne_in_mind() {
    let mut log = Log::default();
    for number in 0..100 {
        log.says(failed(by(&format!("provider {number}"), whole())), &[]);
    }
    let forgotten = |number: u32| !log.frontier().unanswered.is_whole(&format!("provider {number}"));
    assert!(forgotten(0) && forgotten(35) && !forgotten(36) && !forgotten(99));
}
