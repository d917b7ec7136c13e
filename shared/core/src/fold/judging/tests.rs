#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeSet;

use super::*;
use crate::batch::Outcome;
use crate::fold::tests::{found, response};
use crate::judging::Judged;
use crate::log::{Entry, EntryKind, EntryTail};

fn of(provider: &str, entry: Entry) -> Entry {
    let mut entry = entry;
    let EntryKind::Response(meta) = &mut entry.head.kind else { return entry };
    meta.provider = provider.to_owned();
    entry
}

fn judge(index: u64, asked: &[Seq], doubted: Option<&[Seq]>) -> Entry {
    let outcome = if doubted.is_some() { Outcome::Answered } else { Outcome::Unparsable };
    let mut entry = response(index, outcome, EntryTail::default());
    let EntryKind::Response(meta) = &mut entry.head.kind else { return entry };
    meta.cell = Aim::Judge.cell();
    meta.judged = Some(Box::new(Judged { asked: asked.to_vec(), doubted: doubted.map(<[Seq]>::to_vec) }));
    entry
}

/// Five items, of which two answers have named the second.
fn log() -> TopicFold {
    let mut fold = TopicFold::default();
    fold.apply(&of("a", response(1, Outcome::Answered, found(1, &["one", "two", "three"], &[], 0)))).unwrap();
    fold.apply(&of("b", response(2, Outcome::Answered, found(4, &["four", "five"], &[2], 0)))).unwrap();
    fold
}

fn shown(fold: &TopicFold, providers: &[&str], under_way: &[Seq]) -> Option<(Option<String>, Vec<Seq>)> {
    let providers: Vec<String> = providers.iter().map(|name| (*name).to_owned()).collect();
    let under_way: BTreeSet<Seq> = under_way.iter().copied().collect();
    let docket = fold.next_docket(&providers, 0, &under_way)?;
    assert_eq!(usize::try_from(docket.asks_for()).unwrap(), docket.items.len());
    Some((docket.provider, docket.items.into_iter().map(|(seq, _)| seq).collect()))
}

#[test]
fn a_judge_is_shown_what_one_answer_alone_has_named_and_no_judge_has_seen() {
    let mut fold = log();
    assert_eq!(shown(&fold, &["a"], &[]), Some((None, vec![1, 3, 4, 5])));
    assert_eq!(shown(&fold, &["a"], &[1, 5]), Some((None, vec![3, 4])));
    fold.apply(&judge(3, &[1, 3], Some(&[3]))).unwrap();
    assert_eq!(shown(&fold, &["a"], &[]), Some((None, vec![4, 5])));
    fold.apply(&judge(4, &[4, 5], Some(&[]))).unwrap();
    assert_eq!(shown(&fold, &["a"], &[]), None);
    assert_eq!((fold.judging().judged(), fold.judging().doubted()), (4, &BTreeSet::from([3])));
}

#[test]
fn who_has_named_an_item_does_not_judge_it_where_there_is_somebody_else() {
    let fold = log();
    assert_eq!(shown(&fold, &["a", "b"], &[]), Some((Some("b".to_owned()), vec![1, 3])));
    assert_eq!(shown(&fold, &["a", "b"], &[1, 3]), Some((Some("a".to_owned()), vec![4, 5])));
    assert_eq!(shown(&fold, &["a", "c"], &[]), Some((Some("c".to_owned()), vec![1, 3, 4, 5])));
}

#[test]
fn a_doubt_is_lifted_when_another_answer_names_the_item() {
    let mut fold = log();
    fold.apply(&judge(3, &[1, 3], Some(&[1, 3]))).unwrap();
    fold.apply(&response(4, Outcome::Answered, found(0, &[], &[3], 0))).unwrap();
    assert_eq!((fold.judging().judged(), fold.judging().doubted()), (1, &BTreeSet::from([1])));
    // A judge that was asked about it, too, has the last word.
    fold.apply(&judge(5, &[1], Some(&[]))).unwrap();
    assert_eq!((fold.judging().judged(), fold.judging().doubted().len()), (1, 0));
    fold.apply(&judge(6, &[1], Some(&[1]))).unwrap();
    // And one that came after the question is not doubted by its answer.
    fold.apply(&response(7, Outcome::Answered, found(0, &[], &[4], 0))).unwrap();
    fold.apply(&judge(8, &[4], Some(&[4]))).unwrap();
    assert_eq!(*fold.judging().doubted(), BTreeSet::from([1]));
}

#[test]
fn what_two_judges_have_no_verdict_on_is_given_up_and_so_are_too_many_questions() {
    let mut fold = log();
    fold.apply(&judge(3, &[1, 3, 4, 5], None)).unwrap();
    assert_eq!(shown(&fold, &["a"], &[]), Some((None, vec![1, 3, 4, 5])));
    fold.apply(&judge(4, &[1, 3], None)).unwrap();
    assert_eq!(shown(&fold, &["a"], &[]), Some((None, vec![4, 5])));
    let none = BTreeSet::new();
    assert!(fold.next_docket(&[], MAX_TASKS - 3, &none).is_some());
    assert!(fold.next_docket(&[], MAX_TASKS - 2, &none).is_none());
}

/// Ten items of one answer, and three that five answers have named.
fn with_controls() -> TopicFold {
    let mut fold = TopicFold::default();
    let single = ["d", "e", "f", "g", "h", "i", "j", "k", "l", "m"];
    fold.apply(&response(1, Outcome::Answered, found(1, &["a", "b", "c"], &[], 0))).unwrap();
    for index in 2..6 {
        fold.apply(&response(index, Outcome::Answered, found(0, &[], &[1, 2, 3], 0))).unwrap();
    }
    fold.apply(&response(6, Outcome::Answered, found(4, &single, &[], 0))).unwrap();
    fold
}

#[test]
fn what_most_answers_name_stands_among_what_is_judged_in_turn() {
    let mut fold = with_controls();
    assert_eq!(shown(&fold, &["a"], &[]), Some((None, vec![4, 5, 6, 7, 1, 8, 9, 10, 11, 2, 12, 13])));
    fold.apply(&judge(7, &[4, 5, 6, 7, 1, 8, 9, 10, 11, 2, 12], Some(&[12]))).unwrap();
    assert_eq!(
        shown(&fold, &["a"], &[]),
        Some((None, vec![13, 3, 1])),
        "the next in turn, none of them first"
    );
}

#[test]
fn who_doubts_what_most_answers_name_is_believed_nothing() {
    let mut fold = with_controls();
    fold.apply(&judge(7, &[4, 5, 1, 6, 2], Some(&[1, 5]))).unwrap();
    assert_eq!((fold.judging().judged(), fold.judging().doubted()), (0, &BTreeSet::new()));
    fold.apply(&judge(8, &[4, 5, 3, 6], Some(&[5]))).unwrap();
    assert_eq!((fold.judging().judged(), fold.judging().doubted()), (3, &BTreeSet::from([5])));
    // Twice is enough.
    fold.apply(&judge(9, &[7, 8, 1], Some(&[1]))).unwrap();
    fold.apply(&judge(10, &[7, 8, 2], Some(&[2]))).unwrap();
    let (_, shown) = shown(&fold, &["a"], &[]).unwrap();
    assert!(!shown.contains(&7) && !shown.contains(&8) && shown.contains(&9), "{shown:?}");
}

#[test]
fn a_verdict_counts_only_for_what_the_judge_was_shown_and_there_is() {
    let mut fold = log();
    fold.apply(&judge(3, &[1, 2, 99], Some(&[1, 2, 3, 99]))).unwrap();
    assert_eq!((fold.judging().judged(), fold.judging().doubted()), (1, &BTreeSet::from([1])));
}

#[test]
fn a_judges_answer_is_none_about_the_topic() {
    let (mut fold, before) = (log(), log());
    fold.apply(&judge(3, &[1, 3], Some(&[3]))).unwrap();
    assert_eq!(fold.incidence(), before.incidence());
    assert_eq!(fold.completeness(), before.completeness());
    assert_eq!((fold.dry_answers(), fold.unusable_answers()), (before.dry_answers(), 0));
    assert_eq!((fold.newest(), fold.worths()), (before.newest(), before.worths()));
    assert_eq!((fold.phrasings(), fold.sightings()), (before.phrasings(), before.sightings()));
    assert_eq!(fold.totals().requests(), before.totals().requests() + 1, "but it is paid");
}
