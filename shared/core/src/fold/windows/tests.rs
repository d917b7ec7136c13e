#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;

use super::*;
use crate::batch::{Rejections, ResponseMeta, Told};
use crate::cost::Cost;
use crate::fold::TopicFold;
use crate::log::Entry;
use crate::status::TopicStatus;
use crate::topic::{StartRequest, Topic};

const MINUTE: u64 = 60_000;

/// A log in the making.
#[derive(Default)]
struct Log {
    fold: TopicFold,
    entries: Vec<Entry>,
}

/// A request that ended.
#[derive(Clone, Copy)]
struct Asked<'a> {
    minute: u64,
    producer: &'a str,
    provider: &'a str,
    cell: Option<&'a str>,
    outcome: Outcome,
    new: u64,
    latency_ms: u64,
}

const PLAIN: Asked<'_> = Asked {
    minute: 0,
    producer: "p1",
    provider: "small",
    cell: None,
    outcome: Outcome::Answered,
    new: 1,
    latency_ms: 1_000,
};

impl Log {
    fn asked(&mut self, asked: Asked<'_>) {
        let before = self.fold.attributes();
        let new = (0..asked.new).map(|n| format!("item {}", before + n)).collect();
        self.named(asked, new, &[]);
    }

    fn named(&mut self, asked: Asked<'_>, new: Vec<String>, again: &[u64]) {
        let Asked { minute, producer, provider, cell, outcome, latency_ms, .. } = asked;
        let meta = ResponseMeta {
            provider: provider.into(),
            model: "m".into(),
            cell: cell.map(str::to_owned),
            probe: false,
            prompt_hash: 0,
            outcome,
            latency_ms,
            input_tokens: 10,
            output_tokens: 10,
            cost: Cost::from_picodollars(1_000),
            worst_case: Cost::from_picodollars(1_000),
            repeated: 0,
            rejected: 0,
            asked: 50,
            left_out: 4,
            copied: 1,
            phrasing: crate::phrasing::Phrasing::Plain,
            categories: Told::default(),
            rejections: Rejections::default(),
            judged: None,
        };
        let first_new = if new.is_empty() { 0 } else { self.fold.attributes() + 1 };
        let tail = EntryTail { first_new, new, again: again.to_vec(), ..EntryTail::default() };
        self.entry(minute, producer, EntryKind::Response(meta), tail);
    }

    fn entry(&mut self, minute: u64, producer: &str, kind: EntryKind, tail: EntryTail) {
        let index = self.fold.log_index() + 1;
        let producer = WorkerId::parse(producer).unwrap();
        let head = EntryHead { producer, incarnation: 1, seq: index, at: UnixMillis(minute * MINUTE), kind };
        self.entries.push(Entry { index, head, tail });
        self.fold.apply(self.entries.last().unwrap()).unwrap();
    }

    fn recent(&self, minute: u64) -> Recent {
        self.fold.windows().recent(UnixMillis(minute * MINUTE)).unwrap()
    }
}

#[test]
fn what_is_older_than_a_window_is_in_it_no_more() {
    let mut log = Log::default();
    for minute in 100..140 {
        log.asked(Asked { minute, new: minute, ..PLAIN });
    }
    let recent = log.recent(139);
    assert_eq!((recent.short.seconds, recent.long.seconds), (300, 1_800));
    assert_eq!(recent.short.all.totals.requests(), 5);
    assert_eq!(recent.short.all.totals.attributes, 135 + 136 + 137 + 138 + 139);
    assert_eq!(recent.long.all.totals.requests(), 30);
    assert_eq!(recent.long.all.totals.cost, Cost::from_picodollars(30_000));
    assert_eq!(recent.long.all.outcomes, BTreeMap::from([(Outcome::Answered, 30)]));

    let later = log.recent(160);
    assert_eq!(later.short.all, Flow::default(), "nothing came in the last five minutes");
    assert_eq!(later.long.all.totals.requests(), 9);
    assert_eq!(log.fold.windows().recent(UnixMillis(200 * MINUTE)), None);
}

#[test]
fn of_a_topic_that_has_ended_the_last_minutes_are_those_before_its_end() {
    let mut log = Log::default();
    log.asked(Asked { minute: 100, new: 7, ..PLAIN });
    let start = StartRequest { name: "T".to_owned(), ..StartRequest::default() };
    let running = Topic::start(None, "t".parse().unwrap(), start, UnixMillis(0)).unwrap();
    let ended = Topic { ended_at: Some(UnixMillis(101 * MINUTE)), ..running.clone() };
    let shown = |topic: &Topic| TopicStatus::of(topic.clone(), &log.fold, 1, UnixMillis(400 * MINUTE)).recent;
    assert_eq!(shown(&running), None, "nothing came for hours");
    assert_eq!(shown(&ended).map(|recent| recent.short.all.totals.attributes), Some(7));
    // A clock that is behind the one that ended it.
    let behind = TopicStatus::of(ended, &log.fold, 1, UnixMillis(100 * MINUTE)).recent;
    assert_eq!(behind.map(|recent| recent.short.all.totals.attributes), Some(7));
}

#[test]
fn each_provider_producer_and_part_has_its_own_and_all_together_are_the_whole() {
    let mut log = Log::default();
    log.asked(Asked { new: 3, ..PLAIN });
    log.asked(Asked { provider: "large", cell: Some("a-m"), new: 5, ..PLAIN });
    log.asked(Asked { provider: "large", producer: "p2", cell: Some("a-m"), new: 7, ..PLAIN });
    log.asked(Asked { producer: "p2", outcome: Outcome::Timeout, new: 0, ..PLAIN });
    log.asked(Asked { cell: Some("categories"), new: 0, ..PLAIN });

    let short = log.recent(1).short;
    let new = |flow: &Flow| flow.totals.attributes;
    assert_eq!((new(&short.all), new(&short.whole), new(&short.parts)), (15, 3, 12));
    assert_eq!(short.parts.totals.requests(), 2, "a task asks for no items");
    assert_eq!(new(&short.providers["large"]), 12);
    assert_eq!(
        short.providers["small"].outcomes,
        BTreeMap::from([(Outcome::Answered, 2), (Outcome::Timeout, 1)])
    );
    assert_eq!(new(&short.producers[&WorkerId::parse("p2").unwrap()]), 7);
    assert_eq!(new(&short.cells["a-m"]), 12);
    assert_eq!(short.rows.len(), 5);
    let row =
        short.rows.iter().find(|row| row.cell.as_deref() == Some("a-m") && row.producer.as_str() == "p2");
    assert_eq!(row.map(|row| (row.provider.as_str(), new(&row.flow))), Some(("large", 7)));
    assert_eq!(short.all.copied(), Some(0.25));
}

#[test]
fn a_text_that_comes_later_counts_for_whoever_was_asked() {
    let mut log = Log::default();
    log.asked(Asked { new: 2, ..PLAIN });
    let meta = log.entries.last().and_then(Entry::response).cloned().unwrap();
    let missing = EntryTail { missing: 1, ..EntryTail::default() };
    log.entry(0, "p1", EntryKind::Response(ResponseMeta { cell: Some("a-m".into()), ..meta }), missing);
    let text = EntryTail { first_new: 3, new: vec!["apple".into()], ..EntryTail::default() };
    log.entry(1, "p1", EntryKind::Resolution { of: 2 }, text);
    let short = log.recent(1).short;
    assert_eq!(short.cells["a-m"].totals.attributes, 1);
    assert_eq!(short.all.totals.requests(), 2, "a completion is no request");
    assert_eq!((short.all.totals.aimed, short.all.totals.fitting), (1, 1));
}

#[test]
fn what_is_in_its_part_and_what_others_had_named_is_counted() {
    let mut log = Log::default();
    let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    log.named(Asked { cell: Some("a-m"), ..PLAIN }, texts(&["apple", "melon", "quince"]), &[]);
    log.named(Asked { producer: "p2", cell: Some("n-z"), ..PLAIN }, texts(&["pear"]), &[1, 3]);
    log.named(Asked { producer: "p1", ..PLAIN }, Vec::new(), &[1, 2, 4]);
    let all = log.recent(1).short.all;
    assert_eq!((all.totals.aimed, all.totals.fitting), (6, 4));
    assert_eq!(all.fitting(), Some(4.0 / 6.0));
    assert_eq!(all.totals.of_others, 3, "p2 named what p1 had, and p1 the pear");
    assert_eq!(log.fold.cells()["n-z"].fitting, 2);
    assert_eq!(log.fold.producers()[&WorkerId::parse("p2").unwrap()].of_others, 2);
}

#[test]
fn where_it_goes_is_said_when_chance_does_not_explain_it() {
    let mut log = Log::default();
    let mut phase = |minute: u64, asked: &[(u64, u64)], failed: usize| {
        for (new, latency_ms) in asked {
            log.asked(Asked { minute, new: *new, latency_ms: *latency_ms, ..PLAIN });
        }
        for _ in 0..failed {
            log.asked(Asked { minute, new: 0, outcome: Outcome::ServerError, ..PLAIN });
        }
        log.recent(minute)
    };
    let first = phase(100, &[(20, 1_000), (22, 1_100), (18, 900), (21, 1_000), (19, 1_050)], 0);
    assert_eq!(first.trends, Trends::default(), "there is nothing before it");
    let same = phase(110, &[(21, 1_020), (19, 980), (20, 1_000), (22, 1_000)], 0).trends;
    assert_eq!((same.new_per_answer, same.latency), (Some(Trend::Steady), Some(Trend::Steady)));
    assert_eq!(same.answered, Some(Trend::Steady));
    let worse = phase(120, &[(2, 3_000), (3, 3_100), (1, 2_900), (2, 3_000)], 20);
    let Trends { new_per_answer, answered, latency } = worse.trends;
    assert_eq!(new_per_answer, Some(Trend::Falling));
    assert_eq!((answered, latency), (Some(Trend::Falling), Some(Trend::Rising)));
    assert_eq!(worse.provider_trends["small"], worse.trends);
}

#[test]
fn one_wrong_clock_does_not_push_the_others_out() {
    let mut log = Log::default();
    for minute in 100..200 {
        log.asked(Asked { minute, ..PLAIN });
        log.asked(Asked { minute: minute + 100_000, ..PLAIN });
    }
    assert_eq!(log.recent(199).long.all.totals.requests(), 30);
}

#[test]
fn memory_is_bounded_and_the_sums_stay_right() {
    let mut log = Log::default();
    for n in 0..1_000_u64 {
        let (producer, cell) = (format!("p{}", n % 150), format!("category: kind {n}"));
        log.asked(Asked { producer: &producer, cell: Some(&cell), minute: n / 200, ..PLAIN });
    }
    let windows = log.fold.windows();
    assert!(windows.0.iter().all(|bucket| bucket.rows.len() <= 2 * NAMED + 1));
    let short = log.recent(4).short;
    let requests =
        |flows: &mut dyn Iterator<Item = &Flow>| flows.map(|flow| flow.totals.requests()).sum::<u64>();
    assert_eq!(short.all.totals.requests(), 1_000);
    assert_eq!(requests(&mut short.producers.values()), 1_000);
    assert_eq!(requests(&mut short.cells.values()), 1_000);
    assert_eq!(requests(&mut short.rows.iter().map(|row| &row.flow)), 1_000);
    assert!(short.producers.len() <= 21 && short.cells.len() <= 21 && short.rows.len() <= 25);
    for minute in 10..1_000 {
        log.asked(Asked { minute, ..PLAIN });
    }
    assert_eq!(log.fold.windows().0.len(), KEPT);
}

proptest! {
    #[test]
    fn each_window_is_the_sum_of_what_came_within_it(
        all in prop::collection::vec((0_u64..60, 0_u64..3, 0_u64..3, prop::option::of(0_u64..3), any::<bool>(), 0_u64..9), 1..80),
    ) {
        let mut log = Log::default();
        for (minute, producer, provider, cell, is_answered, new) in &all {
            let (producer, provider) = (format!("p{producer}"), format!("m{provider}"));
            let cell = cell.map(|n| ["a-c", "d-m", "n-z"][usize::try_from(n).unwrap()]);
            let outcome = if *is_answered { Outcome::Answered } else { Outcome::Unreachable };
            let new = if *is_answered { *new } else { 0 };
            log.asked(Asked { minute: *minute, producer: &producer, provider: &provider, cell, outcome, new, latency_ms: 5 });
        }
        let Some(recent) = log.fold.windows().recent(UnixMillis(59 * MINUTE)) else {
            prop_assert!(all.iter().all(|(minute, ..)| *minute < 30));
            return Ok(());
        };
        for (window, from) in [(&recent.short, 55), (&recent.long, 30)] {
            let within = || all.iter().filter(|(minute, ..)| *minute >= from);
            let new: u64 = within().filter(|one| one.4).map(|one| one.5).sum();
            prop_assert_eq!(window.all.totals.attributes, new);
            prop_assert_eq!(window.all.totals.requests(), u64::try_from(within().count()).unwrap());
            let mut sum = window.whole.clone();
            sum += &window.parts;
            prop_assert_eq!(&sum, &window.all);
            let mut sum = Flow::default();
            window.rows.iter().for_each(|row| sum += &row.flow);
            prop_assert_eq!(&sum, &window.all);
        }
    }
}
