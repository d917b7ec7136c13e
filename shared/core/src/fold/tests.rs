#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::iter;

use proptest::prelude::*;

use super::*;
use crate::batch::{Outcome, ResponseMeta, Told};
use crate::key::Rejection;
use crate::log::{EntryHead, EntryTail};
use crate::time::UnixMillis;
use crate::topic::{FIRST_SEED, SeedList, Seeds};

pub(super) fn response(index: LogIndex, outcome: Outcome, tail: EntryTail) -> Entry {
    Entry {
        index,
        head: EntryHead {
            producer: WorkerId::parse("p").unwrap(),
            incarnation: 7,
            seq: index,
            at: UnixMillis(0),
            kind: EntryKind::Response(ResponseMeta {
                provider: "small".into(),
                model: "m".into(),
                cell: None,
                probe: false,
                prompt_hash: 0,
                outcome,
                latency_ms: 10,
                input_tokens: 100,
                output_tokens: 50,
                cost: if outcome.is_answer() { Cost::from_picodollars(1_000) } else { Cost::ZERO },
                worst_case: Cost::from_picodollars(5_000),
                repeated: 1,
                rejected: 2,
                rejections: crate::batch::Rejections::default(),
                asked: 0,
                left_out: 0,
                copied: 0,
                phrasing: crate::phrasing::Phrasing::Plain,
                categories: Told::default(),
                judged: None,
            }),
        },
        tail,
    }
}

pub(super) fn found(first_new: Seq, new: &[&str], again: &[Seq], missing: u32) -> EntryTail {
    EntryTail {
        first_new,
        new: new.iter().map(|text| (*text).to_owned()).collect(),
        again: again.to_vec(),
        missing,
        ..EntryTail::default()
    }
}

#[test]
fn every_candidate_is_new_a_duplicate_or_an_unresolved_false_positive() {
    let mut fold = TopicFold::default();
    fold.apply(&response(1, Outcome::Answered, found(1, &["a", "b"], &[], 0))).unwrap();
    fold.apply(&response(2, Outcome::Answered, found(3, &["c"], &[1, 2], 2))).unwrap();
    let mut resolution = response(3, Outcome::Answered, found(4, &["d"], &[3], 0));
    resolution.head.kind = EntryKind::Resolution { of: 2 };
    fold.apply(&resolution).unwrap();
    fold.apply(&response(4, Outcome::Timeout, EntryTail::default())).unwrap();

    let totals = fold.totals();
    assert_eq!((totals.responses, totals.failed_responses, totals.requests()), (2, 1, 3));
    assert_eq!((totals.attributes, fold.attributes()), (4, 4));
    assert_eq!(totals.false_positives, totals.resolved);
    assert_eq!(totals.candidates, totals.attributes + totals.duplicates);
    assert_eq!(fold.sightings().iter().collect::<Vec<_>>(), [2, 2, 2, 1]);
    assert_eq!(fold.sightings().frequencies().collect::<Vec<_>>(), [(1, 1), (2, 3)]);
    let settled = fold.settled(&WorkerId::parse("p").unwrap(), 7);
    assert_eq!((settled.requests, settled.cost), (3, Cost::from_picodollars(7_000)));
    assert_eq!(
        (totals.cost, totals.cost_at_risk),
        (Cost::from_picodollars(2_000), Cost::from_picodollars(5_000))
    );
    assert_eq!(fold.providers().get("small").unwrap().responses, 2);
}

#[test]
fn coverage_is_the_share_of_mentions_that_are_not_singletons() {
    let mut fold = TopicFold::default();
    assert_eq!(fold.coverage(), None);
    fold.apply(&response(1, Outcome::Answered, found(1, &["a", "b"], &[], 0))).unwrap();
    assert_eq!(fold.coverage(), Some(0.0));
    fold.apply(&response(2, Outcome::Answered, found(0, &[], &[1, 2], 0))).unwrap();
    assert_eq!(fold.coverage(), Some(1.0));
    let beyond = EntryTail { over_cap: 4, ..EntryTail::default() };
    fold.apply(&response(3, Outcome::Answered, beyond)).unwrap();
    assert_eq!(fold.coverage(), Some(0.5), "what a cap kept out is not known");
}

#[test]
fn an_entry_folded_twice_counts_once_and_a_hole_is_refused() {
    let mut fold = TopicFold::default();
    let first = response(1, Outcome::Answered, found(1, &["a"], &[], 0));
    fold.apply(&first).unwrap();
    let before = fold.clone();
    fold.apply(&first).unwrap();
    assert_eq!(fold, before);
    let third = response(3, Outcome::Answered, EntryTail::default());
    assert_eq!(fold.apply(&third), Err(FoldError::Hole { last: 1, found: 3 }));
    let wrong = response(2, Outcome::Answered, found(5, &["x"], &[], 0));
    assert_eq!(fold.apply(&wrong), Err(FoldError::Numbers(2)));
    assert_eq!(fold, before);
}

#[test]
fn answers_that_are_no_lists_are_told_from_lists_without_anything_new() {
    let mut fold = TopicFold::default();
    let mut index = 0;
    let mut answer = |fold: &mut TopicFold, outcome, tail| {
        index += 1;
        fold.apply(&response(index, outcome, tail)).unwrap();
        fold.unusable_answers()
    };
    assert_eq!(answer(&mut fold, Outcome::Empty, EntryTail::default()), 1);
    assert_eq!(answer(&mut fold, Outcome::Refused, EntryTail::default()), 2);
    assert_eq!(answer(&mut fold, Outcome::Timeout, EntryTail::default()), 2);
    assert_eq!(answer(&mut fold, Outcome::Answered, found(1, &["a"], &[], 0)), 0);
    assert_eq!(answer(&mut fold, Outcome::Empty, EntryTail::default()), 0, "it may know no more");
    assert_eq!(answer(&mut fold, Outcome::Unparsable, EntryTail::default()), 1);
}

#[test]
fn dry_answers_count_answers_in_a_row_without_anything_new_and_ignore_failures() {
    let mut fold = TopicFold::default();
    fold.apply(&response(1, Outcome::Answered, found(1, &["a"], &[], 0))).unwrap();
    fold.apply(&response(2, Outcome::Answered, found(0, &[], &[1], 0))).unwrap();
    fold.apply(&response(3, Outcome::ServerError, EntryTail::default())).unwrap();
    fold.apply(&response(4, Outcome::Empty, EntryTail::default())).unwrap();
    assert_eq!(fold.dry_answers(), 2);
    fold.apply(&response(5, Outcome::Answered, found(2, &["b"], &[], 0))).unwrap();
    assert_eq!(fold.dry_answers(), 0);
}

#[test]
fn the_newest_answers_have_brought_what_was_new_of_them_also_where_that_is_known_later() {
    let mut fold = TopicFold::default();
    fold.apply(&response(1, Outcome::Answered, found(1, &["a", "b", "c"], &[], 0))).unwrap();
    fold.apply(&response(2, Outcome::Timeout, EntryTail::default())).unwrap();
    fold.apply(&response(3, Outcome::Refused, EntryTail::default())).unwrap();
    fold.apply(&response(4, Outcome::Answered, found(4, &["d"], &[1], 2))).unwrap();
    fold.apply(&response(5, Outcome::Empty, EntryTail::default())).unwrap();
    let brought = |fold: &TopicFold, answers, behind| {
        fold.newest().of(answers, behind).map(|brought| (brought.new, brought.answers))
    };
    assert_eq!(brought(&fold, 1, 0), Some((0, 1)));
    assert_eq!(brought(&fold, 2, 0), Some((3, 2)), "what is to come may well be new");
    assert_eq!(brought(&fold, 3, 0), Some((6, 3)), "failures and refusals are not looked at");
    assert_eq!(brought(&fold, 4, 0), None, "there were no more");
    assert_eq!(
        (brought(&fold, 2, 3), brought(&fold, 2, 4)),
        (Some((3, 2)), None),
        "only what is behind counts"
    );
    let mut resolution = response(6, Outcome::Answered, found(5, &["e"], &[3], 0));
    resolution.head.kind = EntryKind::Resolution { of: 4 };
    fold.apply(&resolution).unwrap();
    fold.apply(&resolution).unwrap();
    assert_eq!(brought(&fold, 2, 0), Some((2, 2)), "one of the two was known");
    assert_eq!(brought(&fold, 3, 0), Some((fold.attributes(), 3)));
}

#[test]
fn so_many_answers_are_remembered_and_no_more() {
    let mut fold = TopicFold::default();
    let more = u64::try_from(REMEMBERED).unwrap() + 5;
    for index in 1..=more {
        fold.apply(&response(index, Outcome::Answered, found(index, &["a"], &[], 0))).unwrap();
    }
    assert_eq!(fold.newest().0.len(), REMEMBERED);
    let all = fold.newest().of(usize::MAX, 0).unwrap();
    assert_eq!((all.new, all.answers), (more - 5, more - 5));
    assert_eq!(fold.newest().of(REMEMBERED, 5), Some(all));
    assert_eq!(fold.newest().of(REMEMBERED, 6), None);
    assert!(!all.is_below(100) && all.is_below(101));
}

#[test]
fn what_was_rejected_is_counted_by_reason_and_by_rules_apart() {
    let mut fold = TopicFold::default();
    for index in 1..=2 {
        let mut entry = response(index, Outcome::Answered, EntryTail::default());
        if let EntryKind::Response(meta) = &mut entry.head.kind {
            meta.rejections.add(Rejection::Chatter, 2);
            meta.rejections.add(Rejection::OtherScript, 3);
            meta.rejections.add(Rejection::NoMatch, u32::MAX);
            meta.rejections.add(Rejection::TooLong, 0);
        }
        fold.apply(&entry).unwrap();
    }
    let most = u64::from(u32::MAX);
    let expected = [(Rejection::Chatter, 4), (Rejection::NoMatch, 2 * most), (Rejection::OtherScript, 6)];
    assert_eq!(*fold.rejections(), BTreeMap::from(expected));
    let totals = fold.totals();
    assert_eq!((totals.rejected, totals.rejected_by_rule, totals.candidates), (4, 2 * most, 2));
    assert_eq!(fold.providers().get("small").unwrap().rejected_by_rule, 2 * most);
}

#[test]
fn no_count_of_a_service_makes_a_sum_fall() {
    let mut fold = TopicFold::default();
    for index in 1..=3 {
        let mut entry = response(index, Outcome::Answered, EntryTail::default());
        if let EntryKind::Response(meta) = &mut entry.head.kind {
            (meta.input_tokens, meta.output_tokens, meta.latency_ms) = (u64::MAX, u64::MAX - 1, u64::MAX);
        }
        fold.apply(&entry).unwrap();
    }
    let totals = fold.totals();
    assert_eq!(
        (totals.input_tokens, totals.output_tokens, totals.latency_ms),
        (u64::MAX, u64::MAX, u64::MAX)
    );
}

/// The same response as two entries: one with false positives, one that completes it.
#[test]
fn what_completes_a_response_counts_for_where_that_was_asked() {
    let in_cell = |mut entry: Entry| {
        if let EntryKind::Response(meta) = &mut entry.head.kind {
            meta.cell = Some("north".into());
        }
        entry
    };
    let mut whole = TopicFold::default();
    whole.apply(&in_cell(response(1, Outcome::Answered, found(1, &["a", "b", "c"], &[], 0)))).unwrap();
    let mut parted = TopicFold::default();
    parted.apply(&in_cell(response(1, Outcome::Answered, found(1, &["a"], &[], 2)))).unwrap();
    let mut resolution = response(2, Outcome::Answered, found(2, &["b", "c"], &[], 0));
    resolution.head.kind = EntryKind::Resolution { of: 1 };
    parted.apply(&resolution).unwrap();

    assert_eq!(parted.sightings(), whole.sightings());
    assert_eq!(parted.sightings_by_provider(), whole.sightings_by_provider());
    assert_eq!(parted.sightings_by_cell(), whole.sightings_by_cell());
    assert_eq!(parted.providers().get("small").unwrap().attributes, 3);
    assert_eq!(parted.cells().get("north").unwrap().resolved, 2);
    assert_eq!(parted.incomplete, Incomplete::default(), "nothing is kept of what is complete");
    resolution.index = 3;
    resolution.head.kind = EntryKind::Resolution { of: 9 };
    resolution.tail = found(0, &[], &[1], 0);
    parted.apply(&resolution).unwrap();
    assert_eq!(
        parted.sightings().of(1),
        2,
        "what completes nothing that is known is a sighting all the same"
    );
}

#[test]
fn the_first_providers_have_counts_of_their_own_and_the_rest_have_none() {
    let mut fold = TopicFold::default();
    for index in 1..=20 {
        let mut entry = response(index, Outcome::Answered, found(index, &["a"], &[], 0));
        if let EntryKind::Response(meta) = &mut entry.head.kind {
            meta.provider = format!("{}", index % 10);
        }
        fold.apply(&entry).unwrap();
    }
    let names: Vec<&String> = fold.sightings_by_provider().keys().collect();
    assert_eq!(names, ["1", "2", "3", "4", "5", "6", "7", "8"]);
    assert!(fold.sightings_by_provider().values().all(|sightings| sightings.singletons() == 2));
    assert_eq!(fold.sightings().singletons(), 20);
}

proptest! {
    #[test]
    fn sightings_are_those_of_a_plain_count(named in proptest::collection::vec(1..12_u64, 0..3_000)) {
        let (mut sightings, mut counts) = (Sightings::default(), BTreeMap::<Seq, u32>::new());
        for seq in &named {
            let before = counts.entry(*seq).or_default();
            prop_assert_eq!(sightings.add(*seq), *before);
            *before += 1;
        }
        let mut frequencies = BTreeMap::<u32, u64>::new();
        for times in counts.values() {
            *frequencies.entry(*times).or_default() += 1;
        }
        prop_assert_eq!(sightings.frequencies().collect::<BTreeMap<_, _>>(), frequencies);
        prop_assert_eq!(sightings.mentions(), u64::try_from(named.len()).unwrap());
        prop_assert_eq!(sightings.last(), named.iter().max().copied().unwrap_or_default());
        for (seq, times) in iter::zip(1.., sightings.iter()) {
            prop_assert_eq!(times, counts.get(&seq).copied().unwrap_or_default());
        }
    }
}

#[test]
fn what_is_named_very_often_is_counted_as_exactly() {
    let mut sightings = Sightings::default();
    let named = |seq: Seq| u32::try_from(70_000 / seq.pow(3)).unwrap();
    for seq in 1..=40 {
        for before in 0..named(seq) {
            assert_eq!(sightings.add(seq), before);
        }
    }
    assert!(
        iter::zip(1.., sightings.iter())
            .all(|(seq, times)| times == named(seq) && times == sightings.of(seq))
    );
    let mut frequencies = BTreeMap::<u32, u64>::new();
    (1..=40).for_each(|seq| *frequencies.entry(named(seq)).or_default() += 1);
    assert_eq!(sightings.frequencies().collect::<Vec<_>>(), frequencies.into_iter().collect::<Vec<_>>());
    let kept = rmp_serde::to_vec_named(&sightings).unwrap();
    assert_eq!(rmp_serde::from_slice::<Sightings>(&kept).unwrap(), sightings);
}

fn seeds(index: LogIndex, first: Seq, texts: &[&str]) -> Entry {
    let mut entry = response(index, Outcome::Answered, found(first, texts, &[], 0));
    (entry.head.kind, entry.head.incarnation) = (EntryKind::Seeded, 9);
    entry
}

/// What was known from the beginning is as if nobody had named it, but for the counts of what was known and of what was named.
#[test]
fn seeds_are_neither_found_nor_part_of_any_estimate() {
    let (mut fold, mut without) = (TopicFold::default(), TopicFold::default());
    fold.apply(&seeds(1, FIRST_SEED, &["x", "y"])).unwrap();
    fold.apply(&seeds(2, FIRST_SEED + 2, &["z"])).unwrap();
    without.apply(&response(1, Outcome::Timeout, EntryTail::default())).unwrap();
    without.apply(&response(2, Outcome::Timeout, EntryTail::default())).unwrap();
    assert_eq!((fold.attributes(), fold.totals().requests(), fold.producers().len()), (0, 0, 0));

    for (index, again, seeds) in [(3, vec![], vec![0, 2]), (4, vec![1, 2], vec![0])] {
        let new: &[&str] = if index == 3 { &["a", "b"] } else { &["c"] };
        let first = if index == 3 { 1 } else { 3 };
        let named: Vec<Seq> =
            again.iter().copied().chain(seeds.iter().map(|seed| FIRST_SEED + seed)).collect();
        fold.apply(&response(index, Outcome::Answered, found(first, new, &named, 0))).unwrap();
        without.apply(&response(index, Outcome::Answered, found(first, new, &again, 0))).unwrap();
    }
    assert_eq!((fold.attributes(), fold.sightings()), (3, without.sightings()));
    assert_eq!((fold.incidence(), fold.completeness()), (without.incidence(), without.completeness()));
    let totals = fold.totals();
    // Two attributes again, three seeds, and in each answer one item twice.
    assert_eq!((totals.attributes, totals.duplicates), (3, 2 + 3 + 2));
    assert_eq!(totals.candidates, totals.attributes + totals.duplicates);
    assert_eq!(fold.providers().get("small").unwrap().duplicates, totals.duplicates);
    assert_eq!((fold.seeding().count(), fold.seeding().met(), fold.seeding().named().mentions()), (3, 2, 3));
    // One of eight mentions was of what only one answer has named, and is no seed.
    assert_eq!((fold.coverage(), without.coverage()), (Some(0.875), Some(0.8)));
    let list = |life: u128, count: u32| Seeds { list: format!("{:032x}", life << 80), count };
    let has_all = |list: Seeds| fold.seeding().has_all(&list);
    assert!(has_all(list(9, 1_000)) && !has_all(list(9, 1_001)) && !has_all(list(8, 3)));
}

#[test]
fn a_seed_that_is_not_there_and_seeds_out_of_order_are_refused() {
    let mut fold = TopicFold::default();
    assert_eq!(fold.apply(&seeds(1, 1, &["x"])), Err(FoldError::Numbers(1)));
    assert_eq!(fold.apply(&seeds(1, FIRST_SEED + 1, &["x"])), Err(FoldError::Numbers(1)));
    fold.apply(&seeds(1, FIRST_SEED, &["x"])).unwrap();
    let named = |seq| response(2, Outcome::Answered, found(0, &[], &[seq], 0));
    assert_eq!(fold.apply(&named(FIRST_SEED + 1)), Err(FoldError::Numbers(2)));
    assert_eq!(fold.apply(&named(1)), Err(FoldError::Numbers(2)));
    fold.apply(&named(FIRST_SEED)).unwrap();
    let list = SeedList::of(["x"]).unwrap().seeds();
    let mut of_list = seeds(3, FIRST_SEED + 1, &["v"]);
    of_list.head.incarnation = list.incarnation();
    fold.apply(&of_list).unwrap();
    assert!(fold.seeding().has_all(&list));
}

#[test]
fn an_answer_that_is_full_of_seeds_has_listed_nothing() {
    let spent = |fold: &TopicFold| fold.frontier().estimate().map(|said| said.at_least);
    let of = |seeded: u64| {
        let mut fold = TopicFold::default();
        let names: Vec<String> = (0..60).map(|number| format!("a{number:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        fold.apply(&seeds(1, FIRST_SEED, &names)).unwrap();
        let answer = |index: LogIndex, tail: EntryTail, cell: Option<&str>| {
            let mut entry = response(index, Outcome::Answered, tail);
            let EntryKind::Response(meta) = &mut entry.head.kind else { unreachable!("it is one") };
            (meta.asked, meta.cell) = (20, cell.map(str::to_owned));
            entry
        };
        let seeds_named: Vec<Seq> = (0..seeded).map(|seed| FIRST_SEED + seed).collect();
        for index in 2..6 {
            let new: &[&str] = if index == 2 { &["b1", "b2", "b3"] } else { &[] };
            let again: &[Seq] = if index == 2 { &[] } else { &[1, 2, 3] };
            let first = u64::from(index == 2);
            let cell = if index > 3 { Some("a-z") } else { None };
            let mut tail = found(first, new, again, 0);
            tail.again.extend(&seeds_named);
            fold.apply(&answer(index, tail, cell)).unwrap();
        }
        fold
    };
    assert_eq!(spent(&of(2)), Some(false), "five of twenty: all there is");
    assert_eq!(spent(&of(17)), Some(true), "twenty of twenty, seventeen of them seeds");
}
