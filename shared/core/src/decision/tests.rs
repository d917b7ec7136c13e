#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use super::*;
use crate::cost::Cost;
use crate::estimate::Completeness;
use crate::topic::EndReason;

fn asked(cell: Option<&str>, why: Why, new: f64) -> What {
    What::Asked(Asked {
        producer: WorkerId::parse("producer-1").unwrap(),
        incarnation: 1,
        request: 7,
        cell: cell.map(str::to_owned),
        provider: Some("small".to_owned()),
        items: 50,
        new,
        why,
    })
}

#[test]
fn decisions_say_in_words_what_was_decided_and_why() {
    let most = Why::Most { known: 47.2, has: 81.4, offers: 14 };
    let said = [
        asked(Some("s"), most, 34.2).to_string(),
        asked(None, Why::First, 0.0).to_string(),
        asked(Some("a-c"), Why::Again { turns: 1 }, 0.3).to_string(),
        What::Dropped { decisions: (1..=10).collect() }.to_string(),
        What::Terms(Terms {
            items: 50,
            wanted: Some(Share::new(0.995)),
            providers: vec!["small".to_owned(), "large".to_owned()],
            weights: BTreeMap::new(),
            routing: Policy::GoodUcb,
            away: BTreeMap::from([("other".to_owned(), "wrong key".to_owned())]),
            partition: Partition::Alphabetical,
            categories: Vec::new(),
            ends: Some(Ends {
                max_attributes: Some(1),
                max_requests: Some(200),
                max_cost: Some(Cost::from_usd(0.5)),
                time_limit_ms: Some(90_500),
                min_new_per_100_requests: Some(5),
                ..Ends::default()
            }),
            probes: ProbeShare::USUAL,
        })
        .to_string(),
        What::TakenUp { epoch: 3, rules: RULES }.to_string(),
    ];
    assert_eq!(
        said,
        [
            "producer-1 asks small for s, 50 items: 47 of about 81 there are known, the most to be had for its price among 14 choices; about 34 of what it says should be \
             new",
            "producer-1 asks small for the whole topic, 50 items: the first answers are about the whole, to learn how the topic falls into parts",
            "producer-1 asks small for a-c, 50 items: no part promises much any more; what lists leave out is looked for where most of it may be, since every part had its turn",
            "waited for no more, given back or lost: #1 #2 #3 #4 #5 #6 #7 #8 and 2 more",
            "from here on: at most 50 items a request, until 99.5 % are found, at most 1 item in all, at most 200 requests, at most $0.5, at most 90.5 s, as long as 100 requests bring 5 new \
             items, asked of small and large; not other: wrong key",
            "a leader has taken the topic up, in term 3",
        ]
    );
}

#[test]
fn terms_say_how_many_requests_are_a_sample_where_that_is_not_as_usual() {
    let said = |share: f64, partition| {
        let probes = ProbeShare::new(share).unwrap();
        Terms { items: 50, providers: vec!["small".into()], partition, probes, ..Terms::default() }
            .to_string()
    };
    let plain = "from here on: at most 50 items a request, asked of small";
    assert_eq!(said(0.05, Partition::Alphabetical), plain);
    assert_eq!(
        said(0.2, Partition::Alphabetical),
        plain.replace(", asked", ", 20 % as a sample of the whole, asked")
    );
    assert_eq!(
        said(0.0, Partition::Semantic),
        "from here on: at most 50 items a request about clusters of what was found, none as a sample of the whole, asked of small"
    );
    assert!(!said(0.2, Partition::None).contains("sample"), "there all are about the whole");
}

#[test]
fn a_decision_takes_little_room_and_is_read_as_it_was_written() {
    let what = asked(Some("sa-sm"), Why::Most { known: 47.25, has: 81.5, offers: 14 }, 34.25);
    let decision = Decision { at: UnixMillis(1_700_000_000_000), log_index: 123_456, what };
    let chunk = Chunk { first: 257, decisions: vec![decision; 100], ..Chunk::default() };
    let bytes = rmp_serde::to_vec(&chunk).unwrap();
    assert!(bytes.len() < 110 * 100, "{} bytes", bytes.len());
    assert_eq!(rmp_serde::from_slice::<Chunk>(&bytes).unwrap(), chunk);
    assert_eq!(chunk.end(), 357);
    assert_eq!(chunk.numbered().next_back().unwrap().0, 356);
}

/// As they were before weights counted.
#[derive(Serialize)]
struct OldTerms(u32, Option<Share>, Vec<String>, BTreeMap<String, String>, Partition);

#[test]
fn decisions_are_read_as_they_were_written_and_those_of_older_programs_too() {
    let terms = Terms {
        items: 50,
        wanted: Some(Share::new(0.9)),
        providers: vec!["small".to_owned()],
        away: BTreeMap::new(),
        partition: Partition::Category,
        categories: vec![Category::named("owl").unwrap()],
        weights: BTreeMap::from([("small".to_owned(), 0.5)]),
        routing: Policy::Fixed,
        ends: Some(Ends { max_requests: Some(7), dry_after: 30, ..Ends::default() }),
        probes: ProbeShare::new(0.2).unwrap(),
    };
    for terms in [Terms::default(), terms.clone()] {
        let written = rmp_serde::to_vec(&terms).unwrap();
        assert_eq!(rmp_serde::from_slice::<Terms>(&written).unwrap(), terms);
    }
    let taken_up = BTreeMap::from([("taken_up", (3_u64,))]);
    let read: What = rmp_serde::from_slice(&rmp_serde::to_vec(&taken_up).unwrap()).unwrap();
    assert_eq!(read, What::TakenUp { epoch: 3, rules: 0 });
    let old = OldTerms(50, terms.wanted, terms.providers.clone(), BTreeMap::new(), Partition::Category);
    let read: Terms = rmp_serde::from_slice(&rmp_serde::to_vec(&old).unwrap()).unwrap();
    let (categories, weights, routing, ends) = Default::default();
    let probes = ProbeShare::USUAL;
    assert_eq!(read, Terms { categories, weights, routing, ends, probes, ..terms });
}

/// As they were before they said which cap or floor was met.
#[derive(Serialize)]
struct OldEnding(EndReason, u64, u64, Cost, Option<Completeness>);

/// As it was before it held the topic's definition.
#[derive(Serialize)]
struct OldChunk(u64, Vec<Decision>);

#[test]
fn ends_and_chunks_are_read_as_they_were_written_and_those_of_older_programs_too() {
    let met = [
        Met::Items { cap: 3 },
        Met::Requests { cap: 3, beside: 1 },
        Met::Money { cap: Cost::from_usd(1.0), beside: Cost::ZERO, next: Cost::from_usd(0.1) },
        Met::Time { limit_ms: 5 },
        Met::Complete { wanted: Share::new(0.9) },
        Met::Dry { answers: 30 },
        Met::Unusable { answers: 30 },
        Met::Yield { least: 5, new: 3, answers: 100 },
    ];
    let ending = |met: Option<Met>| Ending {
        reason: met.map_or(EndReason::Stopped, Met::reason),
        found: 3,
        requests: 4,
        cost: Cost::ZERO,
        completeness: None,
        met,
    };
    for met in met.map(Some).into_iter().chain([None]) {
        let what = What::Ending(ending(met));
        assert_eq!(rmp_serde::from_slice::<What>(&rmp_serde::to_vec(&what).unwrap()).unwrap(), what);
    }
    let old = OldEnding(EndReason::Stopped, 3, 4, Cost::ZERO, None);
    let read: Ending = rmp_serde::from_slice(&rmp_serde::to_vec(&old).unwrap()).unwrap();
    assert_eq!(read, ending(None));

    let decision = Decision { at: UnixMillis(7), log_index: 3, what: What::Ending(ending(None)) };
    let old = OldChunk(1, vec![decision.clone()]);
    let read: Chunk = rmp_serde::from_slice(&rmp_serde::to_vec(&old).unwrap()).unwrap();
    assert_eq!(read, Chunk { decisions: vec![decision], ..Chunk::default() });
}

#[test]
fn an_end_says_which_cap_or_floor_was_met() {
    let usd = Cost::from_usd;
    let said = [
        Met::Items { cap: 1 },
        Met::Requests { cap: 200, beside: 0 },
        Met::Requests { cap: 200, beside: 6 },
        Met::Money { cap: usd(0.5), beside: Cost::ZERO, next: usd(0.02) },
        Met::Money { cap: usd(0.5), beside: usd(0.1), next: Cost::MAX },
        Met::Time { limit_ms: 1_500 },
        Met::Complete { wanted: Share::new(0.95) },
        Met::Dry { answers: 30 },
        Met::Unusable { answers: 31 },
        Met::Yield { least: 5, new: 3, answers: 100 },
    ];
    assert_eq!(
        said.map(|met| met.to_string()),
        [
            "the cap of 1 item",
            "the cap of 200 requests",
            "the cap of 200 requests, with 6 that may have been sent besides",
            "the cap of $0.5, where another request may cost $0.02",
            "the cap of $0.5, with $0.1 that may be charged besides",
            "the time limit of 1.5 s",
            "95 % wanted",
            "30 answers in a row without anything new",
            "31 answers in a row that could not be used",
            "fewer than 5 new items in 100 requests: 3 in the last 100",
        ]
    );
}

#[test]
fn what_a_program_with_other_rules_decided_is_taken_as_it_is_and_no_difference() {
    let decision = |what| Decision { at: UnixMillis(0), log_index: 0, what };
    let told = |rules: u32| {
        let mut replay = Replay::default();
        replay.decision(1, &decision(What::TakenUp { epoch: 1, rules })).unwrap();
        let terms = Terms { items: 50, providers: vec!["small".to_owned()], ..Terms::default() };
        replay.decision(2, &decision(What::Terms(terms))).unwrap();
        // The first question is about the whole.
        let comes_out = replay.decision(3, &decision(asked(Some("a-c"), Why::First, 0.0)));
        (comes_out.is_ok(), replay.decided(), replay.taken())
    };
    assert_eq!(told(RULES), (false, 0, 0));
    assert_eq!(told(0), (true, 0, 1));
    assert_eq!(told(RULES + 1), (true, 0, 1));
}
