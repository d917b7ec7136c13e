#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap or match fails the test")]

use super::*;
use crate::batch::{BatchId, Committed, Named, Numbered, Outcome, ResponseMeta, Told, ToldNumbers, Verdict};
use crate::command::TopicOrder;
use crate::key::{Fingerprint, Key};

mod aims;
mod refused;

const T0: Monotonic = Monotonic(0);

fn named(text: &str) -> Named {
    Named { text: text.into(), fingerprint: Fingerprint::of(&Key::of(text).unwrap()) }
}

fn order(topic: &str, run: Run, requests: u64) -> TopicOrder {
    TopicOrder {
        phrasings: Vec::new(),
        topic: TopicId::from_name(topic).unwrap(),
        run,
        name: topic.into(),
        prompt: None,
        items_per_request: 50,
        max_attributes: None,
        provider_weights: BTreeMap::new(),
        shares: None,
        ask: true,
        abandon: false,
        lease: Lease { requests, cost: Cost::ZERO },
        capped_cost: false,
        rules: crate::rules::ItemRules::default(),
        aims: None,
    }
}

fn command(version: u64, topics: Vec<TopicOrder>) -> Command {
    Command {
        registry: "r".to_owned(),
        replaces: None,
        epoch: 1,
        version,
        incarnation: 5,
        topics,
        care: Vec::new(),
    }
}

fn worker(topics: Vec<TopicOrder>) -> Worker {
    let mut worker = Worker::new(WorkerId::parse("p").unwrap(), 5, 4);
    assert_eq!(worker.command(command(1, topics), T0), CommandVerdict::Followed);
    worker
}

fn answer(texts: &[&str]) -> Finished {
    let meta = ResponseMeta {
        provider: "small".into(),
        model: "m".into(),
        cell: None,
        probe: false,
        prompt_hash: 0,
        outcome: Outcome::Answered,
        latency_ms: 1,
        input_tokens: 1,
        output_tokens: 1,
        cost: Cost::from_picodollars(10),
        worst_case: Cost::from_picodollars(100),
        repeated: 0,
        rejected: 0,
        rejections: crate::batch::Rejections::default(),
        asked: 0,
        left_out: 0,
        copied: 0,
        phrasing: crate::phrasing::Phrasing::Plain,
        categories: Told::default(),
        judged: None,
    };
    Finished { meta, items: texts.iter().map(|text| named(text)).collect() }
}

fn ask_and_finish(worker: &mut Worker, texts: &[&str]) -> Batch {
    let ask = worker.next_ask().unwrap();
    assert!(worker.begin(&ask.order.topic, ask.order.run, Cost::from_picodollars(100)));
    worker.finish(&ask.order.topic, ask.order.run, answer(texts), T0).unwrap()
}

fn receipt(batch: &Batch, missing: Vec<Fingerprint>) -> Receipt {
    let committed = Committed { log_index: batch.id.seq, missing, ..Committed::default() };
    Receipt { id: batch.id.clone(), verdict: Verdict::Committed(committed), told: None }
}

#[test]
fn orders_of_another_registry_end_a_life_and_the_next_one_holds_nothing_of_it() {
    let mut worker = worker(vec![order("birds", 1, 10)]);
    let batch = ask_and_finish(&mut worker, &["robin"]);
    worker.drain();
    let elsewhere = |incarnation, version| Command {
        registry: "s".to_owned(),
        epoch: 0,
        incarnation,
        ..command(version, vec![order("birds", 1, 10)])
    };
    assert_eq!(
        worker.command(elsewhere(4, 1), T0),
        CommandVerdict::Refused,
        "it was meant for a life before"
    );
    let late = T0 + REGISTRY_PATIENCE;
    assert_eq!(worker.command(elsewhere(5, 1), late), CommandVerdict::OtherRegistry);
    assert!(worker.awaits(&batch.id), "the shell decides when the life is over");

    let unnamed = Command { registry: String::new(), ..elsewhere(5, 1) };
    assert_eq!(
        worker.command(unnamed, T0),
        CommandVerdict::Refused,
        "an older program's, which is of an older epoch"
    );

    worker.begin_anew(3);
    assert!(!worker.awaits(&batch.id) && worker.is_idle());
    assert_eq!(worker.command(elsewhere(5, 1), T0), CommandVerdict::Refused);
    assert_eq!(
        worker.command(elsewhere(6, 1), T0),
        CommandVerdict::Followed,
        "a later life, whatever the clock says"
    );
    let beat = worker.heartbeat(Vec::new(), |_| 4, T0);
    assert_eq!((beat.incarnation, beat.command, beat.topics[0].sent), (6, (0, 1), 0));
    assert!(worker.next_ask().is_none() && beat.draining, "it still leaves");
}

#[test]
fn a_producer_stays_with_its_registry_as_long_as_that_is_heard_unless_another_one_says_to_have_replaced_it() {
    let mut worker = worker(vec![order("birds", 1, 10)]);
    let elsewhere = Command { registry: "s".to_owned(), ..command(9, vec![]) };
    let at = |second: u64| Monotonic(1_000 * second);
    assert_eq!(worker.command(elsewhere.clone(), at(11)), CommandVerdict::Foreign);
    // What is known already, or too old, shows that its leader lives, too.
    assert_eq!(worker.command(command(1, vec![]), at(11)), CommandVerdict::Known);
    assert_eq!(worker.command(elsewhere.clone(), at(22)), CommandVerdict::Foreign);
    assert_eq!(worker.command(elsewhere.clone(), at(23)), CommandVerdict::OtherRegistry);
    let replacing = |registry: &str| Command { replaces: Some(registry.to_owned()), ..elsewhere.clone() };
    assert_eq!(worker.command(replacing("q"), at(12)), CommandVerdict::Foreign);
    assert_eq!(worker.command(replacing("r"), at(12)), CommandVerdict::OtherRegistry);
    assert_eq!(worker.follows(), (1, 1));
    worker.hears_again(at(30));
    assert_eq!(worker.command(elsewhere, at(31)), CommandVerdict::Foreign, "nobody could be heard");
}

/// Every provider of a process may have its word in it.
#[test]
fn a_reason_that_is_too_long_for_a_heartbeat_is_cut() {
    let topic = TopicId::from_name("birds").unwrap();
    let mut worker = worker(vec![order("birds", 1, 1)]);
    worker.hopeless(&topic, Some("é".repeat(30_000)));
    let beat = worker.heartbeat(Vec::new(), |_| 4, T0);
    let why = beat.topics.first().and_then(|report| report.hopeless.as_deref()).unwrap();
    assert!(why.len() <= 2_003 && why.ends_with("é…"), "{} bytes", why.len());
}

#[test]
fn an_older_command_or_one_for_an_earlier_life_is_refused() {
    let mut worker = worker(vec![order("birds", 1, 1)]);
    assert_eq!(worker.command(command(1, vec![]), T0), CommandVerdict::Known);
    assert_eq!(worker.command(Command { epoch: 0, ..command(9, vec![]) }, T0), CommandVerdict::Refused);
    assert_eq!(worker.command(Command { incarnation: 4, ..command(9, vec![]) }, T0), CommandVerdict::Refused);
    let of_a_later_life =
        |worker: &mut Worker, incarnation| worker.command(Command { incarnation, ..command(9, vec![]) }, T0);
    for (incarnation, anew) in [(6, true), (6, false), (7, true), (7, false)] {
        let verdict = of_a_later_life(&mut worker, incarnation);
        assert_eq!(verdict, CommandVerdict::Superseded { anew }, "{incarnation}");
    }
    assert!(worker.next_ask().is_some());
}

#[test]
fn no_more_requests_are_sent_than_were_leased() {
    let mut worker = worker(vec![order("birds", 1, 2)]);
    let first = ask_and_finish(&mut worker, &["Wren"]);
    let _second = ask_and_finish(&mut worker, &["Owl"]);
    assert_eq!(worker.next_ask(), None);
    worker.receipt(&receipt(&first, vec![]), T0);
    assert_eq!(worker.next_ask(), None, "a receipt grants nothing");
}

#[test]
fn a_request_whose_worst_case_is_not_covered_is_not_sent() {
    let mut capped = order("birds", 1, 100);
    capped.capped_cost = true;
    capped.lease.cost = Cost::from_picodollars(250);
    let mut worker = worker(vec![capped]);
    let topic = worker.next_ask().unwrap().order.topic;
    let cost = Cost::from_picodollars(100);
    assert!(worker.begin(&topic, 1, cost) && worker.begin(&topic, 1, cost));
    assert!(!worker.begin(&topic, 1, cost), "200 are at risk, 250 leased");
    worker.finish(&topic, 1, answer(&[]), T0).unwrap();
    assert!(worker.begin(&topic, 1, cost), "10 spent, 100 at risk");
    let report = &worker.heartbeat(vec![], |_| 4, T0).topics[0];
    assert_eq!((report.risked, report.request_cost), (Cost::from_picodollars(210), cost));
}

#[test]
fn a_request_that_costs_nothing_is_covered_by_any_lease() {
    let mut capped = order("birds", 1, 100);
    capped.capped_cost = true;
    let mut worker = worker(vec![order("birds", 1, 100)]);
    ask_and_finish(&mut worker, &[]);
    worker.command(command(2, vec![capped]), T0);
    let topic = worker.next_ask().unwrap().order.topic;
    assert!(!worker.begin(&topic, 1, Cost::from_picodollars(1)), "more is spent than is leased");
    assert!(worker.begin(&topic, 1, Cost::ZERO));
}

#[test]
fn under_a_cap_that_comes_late_the_price_of_the_cheapest_request_is_told_anew() {
    let mut capped = order("birds", 1, 100);
    capped.capped_cost = true;
    let mut worker = worker(vec![order("birds", 1, 100)]);
    ask_and_finish(&mut worker, &[]);
    let told = |worker: &mut Worker| {
        let report = worker.heartbeat(Vec::new(), |_| 4, T0).topics.remove(0);
        (report.capped_cost, report.request_cost, report.risked)
    };
    let (spent, first) = (Cost::from_picodollars(10), Cost::from_picodollars(100));
    assert_eq!(told(&mut worker), (false, first, spent));
    worker.command(command(2, vec![capped.clone()]), T0);
    assert_eq!(told(&mut worker), (true, Cost::ZERO, spent), "another provider may be cheaper");
    worker.price(&capped.topic, 1, &[first, Cost::from_picodollars(7)]);
    worker.command(command(3, vec![TopicOrder { lease: Lease::default(), ..capped }]), T0);
    assert_eq!(told(&mut worker), (true, Cost::from_picodollars(7), spent), "the cap was there before");
}

#[test]
fn a_lease_can_be_taken_back_but_not_what_was_spent_of_it() {
    let mut worker = worker(vec![order("birds", 1, 10)]);
    ask_and_finish(&mut worker, &[]);
    worker.command(command(2, vec![order("birds", 1, 0)]), T0);
    assert_eq!(worker.next_ask(), None);
    assert_eq!(worker.heartbeat(vec![], |_| 4, T0).topics[0].lease.requests, 1);
}

#[test]
fn who_will_not_ask_any_more_gives_the_rest_of_the_lease_back() {
    let mut worker = worker(vec![order("birds", 1, 10), order("fish", 1, 10)]);
    ask_and_finish(&mut worker, &[]);
    let told = TopicOrder { ask: false, ..order("birds", 1, 10) };
    worker.command(command(2, vec![told, order("fish", 1, 10)]), T0);
    let leases = |worker: &mut Worker| {
        worker.heartbeat(vec![], |_| 4, T0).topics.iter().map(|t| t.lease.requests).collect::<Vec<_>>()
    };
    assert_eq!(leases(&mut worker), [1, 10]);
    worker.drain();
    assert_eq!(leases(&mut worker), [1, 0]);
}

/// The filter holds what a log entry brought, whose number may be told.
fn holds(worker: &mut Worker, text: &str, entry: u64, first: Option<(u64, u64)>) {
    let fingerprints = vec![named(text).fingerprint];
    let delta = Delta { run: 1, generation: 0, from: entry, to: entry, fingerprints, first };
    worker.delta(&TopicId::from_name("birds").unwrap(), delta);
}

#[test]
fn a_filter_hit_is_sent_as_text_once_and_then_as_fingerprint() {
    let mut worker = worker(vec![order("birds", 1, 10)]);
    holds(&mut worker, "Wren", 1, None);
    let parts = |batch: Batch| match batch.body {
        BatchBody::Response { novel, spellings, sightings, .. } => (novel, spellings, sightings),
        BatchBody::Resolution { .. } => panic!("a response was expected"),
    };
    let none = Vec::<String>::new();
    let first = parts(ask_and_finish(&mut worker, &["Wren", "Owl"]));
    assert_eq!(first, (vec!["Owl".into()], vec!["Wren".into()], vec![]));
    let second = parts(ask_and_finish(&mut worker, &["Wren"]));
    assert_eq!(second, (none, vec![], vec![named("Wren").fingerprint]));
}

/// What of a batch is named by fingerprint, and what by number.
fn named_how(batch: &Batch) -> (Vec<Fingerprint>, Option<Numbered>) {
    let BatchBody::Response { novel, spellings, sightings, numbered, .. } = &batch.body else {
        panic!("a response was expected")
    };
    assert_eq!((novel.len(), spellings.len()), (0, 0));
    (sightings.clone(), numbered.as_deref().cloned())
}

#[test]
fn what_a_delta_gave_a_number_is_named_by_it_and_by_its_text_where_the_number_does_not_count() {
    let mut worker = worker(vec![order("birds", 1, 10)]);
    holds(&mut worker, "Wren", 1, Some((5, 1)));
    holds(&mut worker, "Owl", 300, Some((5, 300)));
    let spelled = ask_and_finish(&mut worker, &["Wren", "Owl"]);
    worker.receipt(&receipt(&spelled, vec![]), T0);
    let batch = ask_and_finish(&mut worker, &["Owl", "Wren"]);
    let numbers = Numbered::of(5, vec![(300, named("Owl").fingerprint), (1, named("Wren").fingerprint)]);
    assert_eq!(named_how(&batch), (vec![], numbers));
    assert_eq!(batch.elements(), 2);

    // The log is another one by now.
    let mut refused = receipt(&batch, vec![]);
    if let Verdict::Committed(committed) = &mut refused.verdict {
        committed.unnumbered = 2;
    }
    let resolution = worker.receipt(&refused, T0).unwrap();
    assert_eq!(resolution.body, BatchBody::Resolution { of: 2, texts: vec!["Owl".into(), "Wren".into()] });
    worker.receipt(&receipt(&resolution, vec![]), T0);
    let after = ask_and_finish(&mut worker, &["Wren"]);
    assert_eq!(
        named_how(&after),
        (vec![named("Wren").fingerprint], None),
        "nothing of the old log is believed"
    );
}

#[test]
fn what_a_receipt_gave_a_number_is_named_by_it() {
    let mut worker = worker(vec![order("birds", 1, 10)]);
    for (at, text) in (1..).zip(["Wren", "Owl", "Tit"]) {
        holds(&mut worker, text, at, None);
    }
    let spelled = ask_and_finish(&mut worker, &["Wren", "Owl"]);
    let told = |numbers| Some(ToldNumbers { edition: 5, numbers });
    worker.receipt(&Receipt { told: told(vec![7, 0]), ..receipt(&spelled, vec![]) }, T0);
    let again = ask_and_finish(&mut worker, &["Wren", "Owl"]);
    let wren = Numbered::of(5, vec![(7, named("Wren").fingerprint)]);
    assert_eq!(named_how(&again), (vec![named("Owl").fingerprint], wren.clone()));
    worker.receipt(&Receipt { told: told(vec![9, 9]), ..receipt(&again, vec![]) }, T0);
    let third = ask_and_finish(&mut worker, &["Wren", "Owl"]);
    assert_eq!(
        named_how(&third),
        (vec![named("Owl").fingerprint], wren),
        "two numbers do not fit one element"
    );
}

#[test]
fn a_false_positive_is_answered_with_its_text() {
    let mut worker = worker(vec![order("birds", 1, 10)]);
    holds(&mut worker, "Wren", 1, None);
    let first = ask_and_finish(&mut worker, &["Wren"]);
    worker.receipt(&receipt(&first, vec![]), T0);
    let second = ask_and_finish(&mut worker, &["Wren"]);
    let resolution = worker.receipt(&receipt(&second, vec![named("Wren").fingerprint]), T0).unwrap();
    assert_eq!(resolution.body, BatchBody::Resolution { of: 2, texts: vec!["Wren".into()] });
    assert_eq!((resolution.id.seq, worker.unresolved()), (3, 1));
    assert!(worker.receipt(&receipt(&second, vec![named("Wren").fingerprint]), T0).is_none(), "said twice");
    worker.receipt(&receipt(&resolution, vec![]), T0);
    assert!(worker.is_idle());
}

#[test]
fn a_batch_without_receipt_is_published_again_under_the_same_id_and_less_and_less_often() {
    let mut worker = worker(vec![order("birds", 1, 10)]);
    let first = ask_and_finish(&mut worker, &["Wren"]);
    let at = |seconds: u64| Monotonic(seconds * 1_000);
    assert!(worker.overdue(at(2)).is_empty());
    assert_eq!(worker.overdue(at(3)).first().map(|batch| &batch.id), Some(&first.id));
    assert!(worker.overdue(at(8)).is_empty(), "the second wait is twice as long");
    assert_eq!(worker.overdue(at(9)).len(), 1);
    worker.receipt(&receipt(&first, vec![]), at(10));
    assert!(worker.overdue(at(1_000)).is_empty());
}

#[test]
fn batches_tell_the_lowest_number_that_is_still_awaited() {
    let mut worker = worker(vec![order("birds", 1, 10)]);
    let first = ask_and_finish(&mut worker, &[]);
    let second = ask_and_finish(&mut worker, &[]);
    worker.receipt(&receipt(&first, vec![]), T0);
    let third = ask_and_finish(&mut worker, &[]);
    assert_eq!([first, second, third].map(|batch| batch.lowest_unresolved), [1, 1, 2]);
}

#[test]
fn asking_stops_when_a_few_batches_for_each_place_are_unresolved() {
    let mut worker = worker(vec![order("birds", 1, u64::MAX)]);
    let batches: Vec<_> = (0..8).map(|_| ask_and_finish(&mut worker, &[])).collect();
    assert_eq!(worker.next_ask(), None, "twice as many as it can have under way");
    worker.receipt(&receipt(&batches[3], vec![]), T0);
    assert!(worker.next_ask().is_some());
}

fn capped(items: u64) -> TopicOrder {
    TopicOrder { max_attributes: Some(items), ..order("birds", 1, 99) }
}

/// A receipt for so many new items from `first_new` on, and others beyond the cap.
fn taken(batch: &Batch, first_new: u64, new: u32, over_cap: u32) -> Receipt {
    let committed = Committed { log_index: 1, first_new, new, over_cap, ..Committed::default() };
    Receipt { id: batch.id.clone(), verdict: Verdict::Committed(committed), told: None }
}

#[test]
fn what_may_fill_the_cap_on_items_is_waited_for_before_the_next_request() {
    let mut worker = worker(vec![capped(3)]);
    let first = ask_and_finish(&mut worker, &["Wren", "Owl"]);
    assert!(worker.next_ask().is_some(), "two of three are on their way");
    let second = ask_and_finish(&mut worker, &["Kite"]);
    assert_eq!(worker.next_ask(), None, "all three are");
    worker.receipt(&taken(&first, 1, 2, 0), T0);
    assert_eq!(worker.next_ask(), None, "two are there, and one is on its way");
    worker.receipt(&taken(&second, 0, 0, 0), T0);
    assert!(worker.next_ask().is_some(), "somebody else had named it");
    let third = ask_and_finish(&mut worker, &["Tern"]);
    worker.receipt(&taken(&third, 3, 1, 0), T0);
    assert_eq!(worker.next_ask(), None, "all are there");
    worker.command(command(2, vec![capped(4)]), T0);
    assert!(worker.next_ask().is_some(), "the cap was raised");
}

#[test]
fn a_cap_that_others_have_filled_is_noticed_by_what_is_over_it_and_tried_again_later() {
    let mut worker = worker(vec![capped(50)]);
    let first = ask_and_finish(&mut worker, &["Wren"]);
    worker.receipt(&taken(&first, 0, 0, 1), T0);
    assert_eq!(worker.next_ask(), None);
    worker.overdue(Monotonic(4_900));
    assert_eq!(worker.next_ask(), None);
    worker.overdue(Monotonic(5_000));
    assert!(worker.next_ask().is_some(), "the receipt may have met a cap that was raised since");
}

#[test]
fn a_receipt_that_is_late_does_not_keep_a_capped_topic_from_being_asked_about() {
    let mut worker = worker(vec![capped(1)]);
    ask_and_finish(&mut worker, &["Wren"]);
    assert_eq!(worker.next_ask(), None);
    worker.overdue(Monotonic(3_000));
    assert!(worker.next_ask().is_some());
}

#[test]
fn topics_take_turns() {
    let mut worker = worker(vec![order("a", 1, 9), order("b", 1, 9), order("c", 1, 0)]);
    let turns: Vec<_> = (0..4).map(|_| worker.next_ask().unwrap().order.name).collect();
    assert_eq!(turns, ["a", "b", "a", "b"]);
}

#[test]
fn a_topic_that_is_named_no_more_is_forgotten_once_its_batches_are_resolved() {
    let mut worker = worker(vec![order("birds", 1, 9)]);
    let batch = ask_and_finish(&mut worker, &["Wren"]);
    worker.command(command(2, vec![]), T0);
    assert_eq!((worker.next_ask(), worker.heartbeat(vec![], |_| 4, T0).topics.len()), (None, 1));
    worker.receipt(&receipt(&batch, vec![]), T0);
    assert!(worker.heartbeat(vec![], |_| 4, T0).topics.is_empty());
}

#[test]
fn a_topic_taken_up_again_goes_on_counting_so_that_no_batch_number_is_used_twice() {
    let mut worker = worker(vec![order("birds", 1, 2)]);
    let batch = ask_and_finish(&mut worker, &["Wren"]);
    worker.receipt(&receipt(&batch, vec![]), T0);
    worker.command(command(2, vec![]), T0);
    worker.command(command(3, vec![order("birds", 1, 2)]), T0);
    assert_eq!(ask_and_finish(&mut worker, &["Owl"]).id.seq, 2);
    assert_eq!(worker.next_ask(), None, "the lease counts from the start of this life");
    worker.command(command(4, vec![order("birds", 2, 2)]), T0);
    assert_eq!(ask_and_finish(&mut worker, &["Owl"]).id.seq, 1, "a new run counts anew");
}

#[test]
fn an_answer_of_a_run_that_is_over_is_not_published() {
    let mut worker = worker(vec![order("birds", 1, 9)]);
    let ask = worker.next_ask().unwrap();
    assert!(worker.begin(&ask.order.topic, 1, Cost::ZERO));
    worker.command(command(2, vec![order("birds", 2, 9)]), T0);
    assert_eq!(worker.finish(&ask.order.topic, 1, answer(&["Wren"]), T0), None);
    assert_eq!(worker.in_flight(), 0);
}

#[test]
fn a_draining_worker_takes_no_new_work_and_says_when_it_has_left() {
    let mut worker = worker(vec![order("birds", 1, 9)]);
    let batch = ask_and_finish(&mut worker, &["Wren"]);
    worker.drain();
    assert_eq!(worker.next_ask(), None);
    assert!(!worker.heartbeat(vec![], |_| 4, T0).left);
    worker.receipt(&receipt(&batch, vec![]), T0);
    assert!(worker.heartbeat(vec![], |_| 4, T0).left);
}

#[test]
fn the_price_told_is_that_of_the_next_request_and_not_of_a_shorter_one_before() {
    let (topic, cents) = (TopicId::from_name("a").unwrap(), |cost: u64| Cost::from_picodollars(cost));
    let mut worker = worker(vec![order("a", 1, 5)]);
    let told = |worker: &mut Worker| {
        let report = worker.heartbeat(Vec::new(), |_| 4, T0).topics.remove(0);
        (report.request_cost, report.dearest_cost)
    };
    assert!(worker.price(&topic, 1, &[cents(90), cents(400)]));
    assert_eq!(told(&mut worker), (cents(90), cents(400)));
    assert!(worker.price(&topic, 1, &[cents(95), cents(390)]), "a longer question");
    assert_eq!(told(&mut worker), (cents(95), cents(400)));
    assert!(!worker.price(&topic, 1, &[cents(95), cents(390)]), "no news");
}
