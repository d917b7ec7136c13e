#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use super::*;
use crate::batch::{Outcome, Rejections, ResponseMeta, Told};
use crate::command::AIMS_LOAD;
use crate::cost::Cost;
use crate::decision::Chunk;
use crate::folder::TopicId;
use crate::frontier::Letters;
use crate::log::{EntryHead, EntryKind, EntryTail};
use crate::phrasing::Phrasing;
use crate::time::UnixMillis;
use crate::topic::{MAX_UNDER_WAY, StartRequest, Topic};

fn holding(tickets: u64, left_out: usize) -> Tickets {
    let ticket = |number| Ticket {
        number,
        decision: number + 1,
        aim: Aim::Part(Letters::parse("sa-sm").unwrap()),
        provider: Some("p".repeat(64)),
        items: 1_000,
        new: 1.0,
        leave_out: vec!["n".repeat(300); left_out],
        numbers: Vec::new(),
        settled: false,
    };
    let holder = Holder { incarnation: 1, next: tickets, open: (0..tickets).map(ticket).collect() };
    Tickets { holders: BTreeMap::from([(producer(), holder)]), uncut: false }
}

fn producer() -> WorkerId {
    WorkerId::parse("p").unwrap()
}

fn all_saved() -> Journal {
    let mut journal = Journal::default();
    let request = StartRequest { name: "birds".into(), ..StartRequest::default() };
    let topic = Topic::start(None, TopicId::from_name("birds").unwrap(), request, UnixMillis(0)).unwrap();
    journal.found(Chunk { first: u64::MAX, ..Chunk::default() }, &topic);
    journal
}

fn bytes(aims: &[OrderedAim]) -> usize {
    rmp_serde::to_vec_named(aims).unwrap().len()
}

#[test]
fn what_a_command_says_of_aims_is_bounded_and_the_next_request_has_one_however_little_room_there_is() {
    for (topics, left_out) in [(1, 80), (1, 0), (20, 80), (MAX_UNDER_WAY, 80), (MAX_UNDER_WAY, 0)] {
        let room = AIMS_LOAD / topics;
        let aims = holding(2_000, left_out).of(&producer(), 5, room, &all_saved());
        assert_eq!(aims.first().unwrap().number, 5, "{topics}, {left_out}");
        assert!(bytes(&aims) <= room, "{} of {room}: {topics}, {left_out}", bytes(&aims));
    }
}

#[test]
fn who_is_asked_and_has_never_answered_is_waited_for_but_no_judge() {
    let mut tickets = holding(1, 0);
    let mut fold = TopicFold::default();
    assert!(tickets.wait_for_who_is_new(&fold));
    let change = |tickets: &mut Tickets, settled: bool, aim: Aim| {
        let ticket = tickets.holders.values_mut().flat_map(|holder| &mut holder.open).next().unwrap();
        (ticket.settled, ticket.aim) = (settled, aim);
    };
    change(&mut tickets, true, Aim::Whole);
    assert!(!tickets.wait_for_who_is_new(&fold), "that failed, or was answered");
    change(&mut tickets, false, Aim::Judge);
    assert!(!tickets.wait_for_who_is_new(&fold));
    change(&mut tickets, false, Aim::Whole);
    assert!(tickets.wait_for_who_is_new(&fold));
    for index in 1..=2 {
        assert!(tickets.wait_for_who_is_new(&fold), "{index}");
        let (at, kind) = (UnixMillis(0), EntryKind::Response(timeout("p".repeat(64))));
        let head = EntryHead { producer: producer(), incarnation: 1, seq: index, at, kind };
        fold.apply(&Entry { index, head, tail: EntryTail::default() }).unwrap();
    }
    assert!(!tickets.wait_for_who_is_new(&fold), "it only fails");
}

fn timeout(provider: String) -> ResponseMeta {
    ResponseMeta {
        provider,
        model: "m".to_owned(),
        cell: None,
        probe: false,
        prompt_hash: 0,
        outcome: Outcome::Timeout,
        latency_ms: 1,
        input_tokens: 0,
        output_tokens: 0,
        cost: Cost::default(),
        worst_case: Cost::default(),
        repeated: 0,
        rejected: 0,
        asked: 0,
        left_out: 0,
        copied: 0,
        categories: Told::default(),
        phrasing: Phrasing::Plain,
        rejections: Rejections::default(),
        judged: None,
    }
}
