//! The frontier, by logs that are made up and by worlds whose truth is known.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers, and a failed unwrap or match fails the test"
)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::cost::Cost;
use crate::decision::Why;
use crate::fold::TopicFold;
use crate::ids::WorkerId;
use crate::log::{EntryHead, EntryKind, EntryTail};
use crate::routing::Policy;
use crate::time::UnixMillis;
use crate::topic::{Partition, ProbeShare};

mod ahead;
mod categories;
mod known;
mod letters;
mod listing;
mod lists;
mod next;
mod parts;
mod prior;
mod recall;
mod rest;
mod rules;
mod several;
mod shared;
mod unanswered;
mod voices;

const ONE: &str = "one";

/// What tests say nothing of.
const PLAIN: Wish<'static> = Wish {
    items: 50,
    wanted: None,
    partition: Partition::Alphabetical,
    categories: &[],
    providers: &[],
    weights: &BTreeMap::new(),
    routing: Policy::GoodUcb,
    probes: ProbeShare::USUAL,
    under_way: &[],
};

/// A log that is being written, and what is folded of it.
#[derive(Default)]
struct Log {
    fold: TopicFold,
    numbers: BTreeMap<String, u64>,
    entries: Vec<Entry>,
}

impl Log {
    /// An answer of a model about a part, or the whole, that names these.
    fn answer(&mut self, provider: &str, cell: Option<&str>, asked: u32, named: &[&str]) -> &mut Self {
        self.meta(ResponseMeta { cell: cell.map(str::to_owned), asked, ..meta(provider) }, named)
    }

    fn meta(&mut self, meta: ResponseMeta, named: &[&str]) -> &mut Self {
        self.write(EntryKind::Response(meta), named, 0)
    }

    /// An entry that names these, and so many that the registry does not hold.
    fn write(&mut self, kind: EntryKind, named: &[&str], missing: u32) -> &mut Self {
        let known = self.numbers.len() as u64;
        let (mut new, mut again) = (Vec::new(), Vec::new());
        for text in named {
            if let Some(number) = self.numbers.get(*text) {
                again.push(*number);
            } else {
                self.numbers.insert((*text).to_owned(), known + new.len() as u64 + 1);
                new.push((*text).to_owned());
            }
        }
        let first_new = if new.is_empty() { 0 } else { known + 1 };
        self.append(kind, EntryTail { first_new, new, again, missing, ..EntryTail::default() })
    }

    fn append(&mut self, kind: EntryKind, tail: EntryTail) -> &mut Self {
        let index = self.entries.len() as u64 + 1;
        let (producer, at) = (WorkerId::of_role("producer", 1), UnixMillis(index));
        let head = EntryHead { producer, incarnation: 1, seq: index, at, kind };
        let entry = Entry { index, head, tail };
        self.fold.apply(&entry).unwrap();
        self.entries.push(entry);
        self
    }

    fn frontier(&self) -> &Frontier {
        self.fold.frontier()
    }
}

fn meta(provider: &str) -> ResponseMeta {
    ResponseMeta {
        provider: provider.to_owned(),
        model: "m".to_owned(),
        cell: None,
        probe: false,
        prompt_hash: 0,
        outcome: Outcome::Answered,
        latency_ms: 1_000,
        input_tokens: 100,
        output_tokens: 100,
        cost: Cost::from_usd(0.001),
        worst_case: Cost::from_usd(0.01),
        repeated: 0,
        rejected: 0,
        rejections: crate::batch::Rejections::default(),
        asked: 50,
        left_out: 0,
        copied: 0,
        phrasing: crate::phrasing::Phrasing::Plain,
        categories: crate::batch::Told::default(),
        judged: None,
    }
}

/// Names that begin with each of these letters, so many of each.
fn names(letters: &str, each: usize) -> Vec<String> {
    let seconds = ["a", "e", "i", "o", "u"];
    let one = |letter: char| (0..each).map(move |n| format!("{letter}{}{n}", seconds[n % seconds.len()]));
    letters.chars().flat_map(one).collect()
}

fn all(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn providers(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn next(frontier: &Frontier, under_way: &[(Aim, f64)]) -> Outlook {
    frontier.next(&Wish {
        items: 50,
        partition: Partition::Alphabetical,
        categories: &[],
        wanted: None,
        providers: &providers(&[ONE]),
        under_way,
        ..PLAIN
    })
}

fn part(cell: &str) -> Letters {
    Letters::parse(cell).unwrap()
}

/// An answer that is clearly shorter than those about the whole has listed its range; a full one has not, and is cut smaller, or leaves out what is known.
#[test]
fn a_short_answer_lists_a_range_and_a_full_one_does_not() {
    let (known, listed) = (names("abcmsz", 8), names("abc", 10));
    let mut log = Log::default();
    log.answer(ONE, None, 50, &all(&known)).answer(ONE, None, 50, &all(&names("abcmsz", 9)));
    assert!(matches!(next(log.frontier(), &[]), Outlook::Ask { aim: Aim::Part(_), .. }));
    log.answer(ONE, Some("a-c"), 50, &all(&listed));
    let mut under_way = Vec::new();
    while let Outlook::Ask { aim: Aim::Part(letters), .. } = next(log.frontier(), &under_way) {
        assert!(!letters.overlaps(part("a-c")) || under_way.len() > 3, "{letters}");
        assert!(under_way.len() < 40);
        under_way.push((Aim::Part(letters), 1.0));
    }
    assert!(!under_way.is_empty());

    let full = names("m", 50);
    log.answer(ONE, Some("m"), 50, &all(&full));
    let again = next(log.frontier(), &[(Aim::Part(part("s-z")), 9.0), (Aim::Part(part("d-l")), 9.0)]);
    let Outlook::Ask { aim: Aim::Part(letters), .. } = again else { unreachable!("{again:?}") };
    assert!(letters.overlaps(part("m")), "{letters}");
    let left_out = log.frontier().leave_out(&Aim::Part(part("m")), None);
    assert!(left_out.len() >= 50 && left_out.iter().all(|name| name.starts_with('m')));
    assert!(
        log.frontier().leave_out(&Aim::Part(part("s")), None).is_empty(),
        "no answer about a part has given them"
    );
}

#[test]
fn nothing_is_cut_before_the_first_answers_and_no_two_requests_look_for_the_same() {
    let frontier = Frontier::default();
    let whole = (Aim::Whole, 0.0);
    assert!(matches!(next(&frontier, &[]), Outlook::Ask { aim: Aim::Whole, items: 50, .. }));
    assert!(matches!(next(&frontier, std::slice::from_ref(&whole)), Outlook::Ask { aim: Aim::Whole, .. }));
    assert_eq!(next(&frontier, &[whole.clone(), whole]), Outlook::Wait);
    let mut log = Log::default();
    log.answer(ONE, None, 50, &all(&names("abcdefghijklmnopqrst", 2)));
    log.answer(ONE, None, 50, &all(&names("bcdefghijklmnopqrstu", 2)));
    let mut under_way: Vec<(Aim, f64)> = Vec::new();
    while let Outlook::Ask { aim, new, why, .. } = next(log.frontier(), &under_way) {
        if matches!(why, Why::Again { .. }) {
            break;
        }
        if let Aim::Part(letters) = aim {
            let overlaps = |(aim, _): &(Aim, f64)| matches!(aim, Aim::Part(part) if part.overlaps(letters));
            assert!(!under_way.iter().any(overlaps), "{letters} in {under_way:?}");
        }
        under_way.push((aim, new));
        assert!(under_way.len() < 200);
    }
    assert!(under_way.len() > 3, "{under_way:?}");
}

/// A list that a model cuts short, once, is not all there is.
#[test]
fn an_answer_about_the_whole_that_is_new_throughout_has_not_listed_it() {
    let mut log = Log::default();
    log.answer(ONE, None, 50, &all(&names("abcdef", 3)));
    log.answer(ONE, None, 50, &all(&names("ghijkl", 3)));
    assert!(matches!(next(log.frontier(), &[]), Outlook::Ask { aim: Aim::Part(_), .. }));
    let small = names("jfmasond", 2);
    let mut log = Log::default();
    log.answer(ONE, None, 50, &all(&small)).answer(ONE, None, 50, &all(&small));
    assert!(matches!(next(log.frontier(), &[]), Outlook::Ask { aim: Aim::Whole, .. }));
}

#[test]
fn a_part_that_only_refusals_come_of_is_given_up() {
    let mut log = Log::default();
    let known = names("ab", 20);
    log.answer(ONE, None, 50, &all(&known)).answer(ONE, None, 50, &all(&known));
    let refused =
        |cell: &str| ResponseMeta { cell: Some(cell.to_owned()), outcome: Outcome::Refused, ..meta(ONE) };
    for _ in 0..2 {
        log.meta(refused("a"), &[]);
    }
    for _ in 0..20 {
        if let Outlook::Ask { aim: Aim::Part(letters), .. } = next(log.frontier(), &[]) {
            assert!(!letters.overlaps(part("a")), "{letters}");
            log.answer(ONE, Some(&letters.to_string()), 50, &[]);
        }
    }
}

/// Where models give what they are told to leave out, they are not told any more.
#[test]
fn what_is_to_be_left_out_is_told_only_where_that_helps() {
    let mut log = Log::default();
    let known = names("abcdef", 8);
    log.answer(ONE, None, 50, &all(&known)).answer(ONE, None, 50, &all(&known));
    log.answer(ONE, Some("a-c"), 24, &all(&names("abc", 8)));
    assert_eq!(log.frontier().leave_out(&Aim::Part(part("a-c")), None).len(), 24);
    let copies = |copied| ResponseMeta { cell: Some("a-c".to_owned()), left_out: 24, copied, ..meta(ONE) };
    log.meta(copies(2), &["az1"]);
    assert!(!log.frontier().leave_out(&Aim::Part(part("a-c")), None).is_empty());
    log.meta(copies(24), &all(&names("abc", 8))).meta(copies(24), &all(&names("abc", 8)));
    assert!(log.frontier().leave_out(&Aim::Part(part("a-c")), None).is_empty());
}

/// Three models: `cheap` and `dear` know the same, `other` knows what they do not.
#[test]
fn a_model_that_adds_nothing_is_not_asked_and_one_that_does_lists_everything() {
    let (known, others) = (names("abcdefgh", 10), names("abcdefgh", 20));
    let dear = |cell: Option<&str>| ResponseMeta {
        cell: cell.map(str::to_owned),
        cost: Cost::from_usd(0.1),
        asked: 100,
        ..meta("dear")
    };
    let mut log = Log::default();
    log.answer("cheap", None, 50, &all(&known[..40]));
    log.meta(ResponseMeta { asked: 40, ..dear(None) }, &all(&known[..40]));
    log.answer("other", None, 50, &all(&others[10..50]));
    log.answer("cheap", Some("a-d"), 100, &all(&known[..40]));
    assert!(log.frontier().estimate().is_none_or(|said| said.at_least), "nobody knows what the others add");
    log.meta(dear(Some("a-d")), &all(&known[..40]));
    let alone: Vec<&str> =
        others[..80].iter().map(String::as_str).filter(|name| !known.iter().any(|one| one == name)).collect();
    log.answer("other", Some("a-d"), 100, &alone);
    let frontier = log.frontier();
    let (cheap, dear, other) = (frontier.set_of("cheap"), frontier.set_of("dear"), frontier.set_of("other"));
    assert_eq!(
        frontier.view().useful(),
        cheap | other,
        "{:?}",
        frontier.view().worth(dear, cheap | dear | other)
    );
    let available = providers(&["cheap", "dear", "other"]);
    let mut asked = BTreeMap::new();
    let mut under_way = Vec::new();
    loop {
        let wish = Wish {
            items: 50,
            partition: Partition::Alphabetical,
            categories: &[],
            wanted: None,
            providers: &available,
            under_way: &under_way,
            ..PLAIN
        };
        let Outlook::Ask { aim, provider, new, why, .. } = frontier.next(&wish) else { break };
        if matches!(why, Why::Again { .. }) {
            break;
        }
        *asked.entry(provider.unwrap()).or_insert(0) += 1;
        under_way.push((aim, new));
        assert!(under_way.len() < 100);
    }
    assert!(!asked.contains_key("dear"), "{asked:?}");
}

#[test]
fn one_that_fails_is_asked_less() {
    let mut log = Log::default();
    let known = names("abcdefgh", 6);
    log.answer("a", None, 48, &all(&known)).answer("b", None, 48, &all(&known));
    let sound = log.frontier().soundness(log.frontier().set_of("a"));
    for _ in 0..10 {
        log.meta(ResponseMeta { outcome: Outcome::ServerError, ..meta("a") }, &[]);
        log.meta(ResponseMeta { outcome: Outcome::Abandoned, ..meta("b") }, &[]);
    }
    let soundness = |provider| log.frontier().soundness(log.frontier().set_of(provider));
    assert!((sound - 1.0).abs() < 1e-9 && soundness("a") < 0.05 && soundness("b") > 0.99);
    for _ in 0..10 {
        log.answer("a", None, 48, &all(&known));
    }
    assert!(log.frontier().soundness(log.frontier().set_of("a")) > 0.9);
}

#[test]
fn more_models_than_are_told_apart_do_no_harm() {
    let mut log = Log::default();
    let known = names("abcdefgh", 6);
    let many: Vec<String> = (0..12).map(|number| format!("p{number}")).collect();
    for provider in &many {
        log.answer(provider, None, 48, &all(&known)).answer(provider, Some("a-c"), 50, &all(&known[..18]));
    }
    let wish = Wish {
        items: 50,
        partition: Partition::Alphabetical,
        categories: &[],
        wanted: Some(0.95),
        providers: &many,
        under_way: &[],
        ..PLAIN
    };
    assert!(matches!(log.frontier().next(&wish), Outlook::Ask { .. }));
    assert!(log.frontier().estimate().is_some());
}

/// Uniform numbers in `0..1`.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }
}

/// A model that knows names of popularity `1 / rank`, and gives what it is asked for but for one in fifty that it makes up.
fn said(
    known: &[String],
    letters: Option<Letters>,
    items: usize,
    barred: &[String],
    chance: &mut Chance,
) -> Vec<String> {
    let mut drawn: Vec<(f64, String)> = Vec::new();
    for (rank, name) in known.iter().enumerate() {
        let is_barred = barred.contains(name) && chance.next() < 0.9;
        if letters.is_none_or(|letters| letters.holds(name)) && !is_barred {
            let made_up = chance.next() < 0.02;
            let name = if made_up { format!("{}{}", &name[..2], chance.0) } else { name.clone() };
            drawn.push((-chance.next().ln() * (rank + 1) as f64, name));
        }
    }
    drawn.sort_by(|a, b| a.0.total_cmp(&b.0));
    drawn.into_iter().take(items).map(|(_, name)| name).collect()
}

/// With eight requests under way at once: to nine tenths in half of what a plain loop needs, and an end near what was wanted.
#[test]
fn a_topic_is_listed_with_half_of_the_requests_of_a_loop_and_ends_near_what_was_wanted() {
    let (mut ends, mut near) = (0, 0);
    for seed in 1..=40_u64 {
        let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let known: Vec<String> = (0..600)
            .map(|number| {
                let letter =
                    |chance: &mut Chance, power| char::from(b'a' + (26.0 * chance.next().powf(power)) as u8);
                let (first, second) = (letter(&mut chance, 1.3), letter(&mut chance, 1.0));
                format!("{first}{second}{number}")
            })
            .collect();
        let found = |log: &Log| known.iter().filter(|name| log.numbers.contains_key(*name)).count();
        let (mut loops, mut log) = (0, Log::default());
        while found(&log) < 540 {
            log.answer(ONE, None, 50, &all(&said(&known, None, 50, &[], &mut chance)));
            loops += 1;
        }
        let (mut log, mut requests, mut to_ninety) = (Log::default(), 0, 0);
        let mut under_way: Vec<(Aim, u32, f64)> = Vec::new();
        let end = loop {
            while under_way.len() < 8 {
                let open: Vec<(Aim, f64)> =
                    under_way.iter().map(|(aim, _, new)| (aim.clone(), *new)).collect();
                let one = providers(&[ONE]);
                let wish = Wish {
                    items: 50,
                    partition: Partition::Alphabetical,
                    categories: &[],
                    wanted: Some(0.95),
                    providers: &one,
                    under_way: &open,
                    ..PLAIN
                };
                let Outlook::Ask { aim, items, new, .. } = log.frontier().next(&wish) else { break };
                under_way.push((aim, items, new));
            }
            let (aim, items, _) = under_way.remove(0);
            let letters = match aim {
                Aim::Whole => None,
                Aim::Part(letters) => Some(letters),
                Aim::Category(_) | Aim::Parts { .. } | Aim::Judge => panic!("it is cut by letters"),
            };
            let barred =
                letters.map_or(Vec::new(), |letters| log.frontier().leave_out(&Aim::Part(letters), None));
            let named = said(&known, letters, items as usize, &barred, &mut chance);
            let copied = barred.iter().filter(|name| named.contains(name)).count() as u32;
            let (cell, left_out) = (letters.map(|letters| letters.to_string()), barred.len() as u32);
            log.meta(ResponseMeta { cell, asked: items, left_out, copied, ..meta(ONE) }, &all(&named));
            requests += 1;
            to_ninety += usize::from(found(&log) < 540);
            let said = log.frontier().estimate();
            let is_complete = said.is_some_and(|said| !said.at_least && said.completeness >= 0.95);
            if is_complete && log.frontier().has_enough_of_whole() || requests > 200 {
                break found(&log) as f64 / 600.0;
            }
        };
        assert!(requests <= 200 && to_ninety * 2 <= loops, "{to_ninety} of {loops}, {requests} in all");
        ends += 1;
        assert!(end >= 0.91, "{end}");
        near += usize::from(end <= 0.99);
    }
    assert!(near * 10 >= ends * 7, "{near} of {ends}");
}

proptest! {
    /// Whatever answers say, something is asked for when nothing is under way, and nothing twice at once.
    #[test]
    fn it_never_stands_still(
        answers in proptest::collection::vec((0_usize..4, 0_u16..703, 0_u16..200, 0_usize..60, any::<u64>()), 0..60),
    ) {
        let mut log = Log::default();
        for (provider, from, length, count, seed) in answers {
            let mut chance = Chance(seed | 1);
            let named: Vec<String> = (0..count)
                .map(|_| {
                    let letter = |chance: &mut Chance| char::from(b'a' + (26.0 * chance.next()) as u8);
                    format!("{}{}", letter(&mut chance), letter(&mut chance))
                })
                .collect();
            let letters = Letters { from, to: (from + length).min(702) };
            let cell = (length % 3 > 0).then(|| letters.to_string());
            let mut once = all(&named);
            once.sort_unstable();
            once.dedup();
            log.answer(["a", "b", "c", "d"][provider], cell.as_deref(), u32::from(length % 60), &once);
        }
        let some = providers(&["a", "b"]);
        let mut under_way: Vec<(Aim, f64)> = Vec::new();
        for asked in 0..60 {
            let wish = Wish { items: 50, partition: Partition::Alphabetical, categories: &[], wanted: Some(0.9), providers: &some, under_way: &under_way, ..PLAIN };
            match log.frontier().next(&wish) {
                Outlook::Ask { aim, items, new, .. } => {
                    prop_assert!((1..=50).contains(&items) && new.is_finite());
                    under_way.push((aim, new));
                }
                Outlook::Wait => {
                    prop_assert!(asked > 0);
                    break;
                }
            }
        }
        if let Some(said) = log.frontier().estimate() {
            prop_assert!(said.estimate.low <= said.estimate.total && said.estimate.total <= said.estimate.high);
            prop_assert!((0.0..=1.0).contains(&said.completeness) && said.estimate.made_up >= 0.0);
        }
    }
}
