//! Batches that were put to the dead letters.

use super::*;

#[test]
fn a_batch_that_was_refused_is_published_no_more_and_the_next_ones_are_asked_for() {
    let mut worker = worker(vec![order("birds", 1, 5)]);
    let batch = ask_and_finish(&mut worker, &["Owl"]);
    assert!(worker.awaits(&batch.id) && !worker.awaits(&BatchId { seq: 2, ..batch.id.clone() }));
    let verdict = Verdict::Refused { reason: "poison".to_owned() };
    let refused = Receipt { id: batch.id.clone(), verdict, told: None };
    assert_eq!(worker.receipt(&refused, T0), None);
    assert!(!worker.awaits(&batch.id));
    assert!(worker.overdue(Monotonic(1_000_000)).is_empty());
    let next = ask_and_finish(&mut worker, &["Emu"]);
    assert_eq!((next.id.seq, next.lowest_unresolved), (2, 1), "it may be replayed");
}

#[test]
fn what_is_among_the_dead_letters_keeps_its_number_open_until_it_is_replayed() {
    let mut worker = worker(vec![order("birds", 1, 10)]);
    let refused = ask_and_finish(&mut worker, &["robin"]);
    let verdict = Verdict::Refused { reason: "no room".to_owned() };
    let refusal = Receipt { id: refused.id.clone(), verdict, told: None };
    assert_eq!(worker.receipt(&refusal, T0), None);
    assert!(worker.is_idle() && !worker.awaits(&refused.id) && worker.overdue(Monotonic(100_000)).is_empty());
    let next = ask_and_finish(&mut worker, &["wren"]);
    assert_eq!((next.id.seq, next.lowest_unresolved), (2, 1));
    worker.receipt(&receipt(&next, vec![]), T0);
    // Also where the topic was dropped meanwhile.
    worker.command(command(2, vec![]), T0);
    assert_eq!(worker.topics(), 0);
    worker.command(command(3, vec![order("birds", 1, 10)]), T0);
    let next = ask_and_finish(&mut worker, &["owl"]);
    assert_eq!((next.id.seq, next.lowest_unresolved), (3, 1));
    worker.receipt(&receipt(&next, vec![]), T0);
    worker.receipt(&receipt(&refused, vec![]), T0);
    assert_eq!(ask_and_finish(&mut worker, &["tit"]).lowest_unresolved, 4);
}

#[test]
fn nothing_is_spent_on_a_topic_of_which_only_refusals_come_but_for_a_try_now_and_then() {
    let mut worker = worker(vec![order("birds", 1, 100)]);
    let mut last = None;
    let mut asked = 0;
    while worker.next_ask().is_some() && asked < 50 {
        let batch = ask_and_finish(&mut worker, &["Owl"]);
        worker.receipt(&refusal(&batch), T0);
        (asked, last) = (asked + 1, Some(batch));
    }
    assert_eq!(asked, 8, "as many as may be open at once");
    let reported = |worker: &mut Worker, at| worker.heartbeat(Vec::new(), |_| 4, at).topics[0].refused;
    assert_eq!(reported(&mut worker, T0), 8);
    // Copies of what is refused already are no more of them.
    worker.receipt(&refusal(last.as_ref().unwrap()), Monotonic(200_000));
    worker.overdue(Monotonic(299_999));
    assert!(worker.next_ask().is_none());
    worker.overdue(Monotonic(300_000));
    worker.receipt(&refusal(last.as_ref().unwrap()), Monotonic(300_000));
    assert_eq!(reported(&mut worker, Monotonic(300_000)), 8, "until one is taken");
    let tried = ask_and_finish(&mut worker, &["Emu"]);
    assert!(worker.next_ask().is_none(), "one at a time");
    worker.receipt(&refusal(&tried), Monotonic(300_001));
    worker.overdue(Monotonic(300_002));
    assert!(worker.next_ask().is_none());
    // One of them is replayed, and taken.
    worker.receipt(&receipt(&last.unwrap(), vec![]), Monotonic(300_003));
    assert!(worker.next_ask().is_some());
    assert_eq!(reported(&mut worker, Monotonic(300_004)), 0);
}

#[test]
fn copies_of_one_refused_batch_stop_nothing() {
    let mut worker = worker(vec![order("birds", 1, 100)]);
    let batch = ask_and_finish(&mut worker, &["Owl"]);
    for _ in 0..20 {
        worker.receipt(&refusal(&batch), T0);
    }
    assert!(worker.next_ask().is_some());
}

#[test]
fn a_letter_that_is_replayed_when_its_topic_is_over_still_gets_the_texts_that_the_registry_asks_for() {
    let mut worker = worker(vec![order("birds", 1, 10)]);
    let batch = ask_and_finish(&mut worker, &["robin"]);
    worker.receipt(&receipt(&batch, vec![]), T0);
    let fingerprint = named("robin").fingerprint;
    let topic = batch.id.topic.clone();
    let first = Delta { run: 1, generation: 0, from: 1, to: 1, fingerprints: vec![fingerprint], first: None };
    worker.delta(&topic, first);
    let refused = ask_and_finish(&mut worker, &["robin"]);
    worker.receipt(&refusal(&refused), T0);
    worker.command(command(2, vec![]), T0);
    assert_eq!(worker.topics(), 0);
    let replayed = receipt(&refused, vec![fingerprint]);
    let resolution = worker.receipt(&replayed, T0).unwrap();
    assert_eq!((resolution.id.seq, worker.unresolved()), (3, 1));
    assert!(worker.next_ask().is_none());
    worker.receipt(&receipt(&resolution, vec![]), T0);
    assert_eq!((worker.topics(), worker.receipt(&replayed, T0)), (0, None), "once");
    worker.command(command(3, vec![order("birds", 1, 10)]), T0);
    assert_eq!(ask_and_finish(&mut worker, &["owl"]).lowest_unresolved, 4);
}

#[test]
fn a_number_is_kept_open_for_a_bounded_number_of_batches() {
    let mut worker = worker(vec![order("birds", 1, 100_000)]);
    let refused = ask_and_finish(&mut worker, &["robin"]);
    worker.receipt(&refusal(&refused), T0);
    let mut last = 1;
    for seq in 2..=50_002 {
        let batch = ask_and_finish(&mut worker, &[]);
        assert_eq!(batch.lowest_unresolved, if seq <= 50_001 { 1 } else { seq });
        worker.receipt(&receipt(&batch, vec![]), T0);
        last = batch.id.seq;
    }
    assert_eq!(last, 50_002);
    assert_eq!(worker.receipt(&receipt(&refused, vec![]), T0), None);
}

fn refusal(batch: &Batch) -> Receipt {
    let verdict = Verdict::Refused { reason: "no room".to_owned() };
    Receipt { id: batch.id.clone(), verdict, told: None }
}
