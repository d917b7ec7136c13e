//! What single requests aim at.

use super::*;
use crate::command::OrderedAim;

fn aim(number: u64, cell: Option<&str>) -> OrderedAim {
    let cell = cell.map(str::to_owned);
    OrderedAim { number, cell, provider: None, items: 20, leave_out: vec!["owl".to_owned()], numbers: vec![] }
}

fn aimed(requests: u64, aims: &[OrderedAim]) -> TopicOrder {
    TopicOrder { aims: Some(aims.to_vec()), ..order("birds", 1, requests) }
}

/// The parts of the requests that are sent, as long as any may be.
fn sent(worker: &mut Worker) -> Vec<Option<String>> {
    let mut sent = Vec::new();
    while let Some(ask) = worker.next_ask() {
        assert!(worker.begin(&ask.order.topic, ask.order.run, Cost::ZERO));
        sent.push(ask.aim.and_then(|aim| aim.cell));
    }
    sent
}

fn cells(cells: &[&str]) -> Vec<Option<String>> {
    cells.iter().map(|cell| Some((*cell).to_owned())).collect()
}

#[test]
fn only_requests_that_have_an_aim_are_sent_in_the_order_of_their_numbers() {
    let aims = [aim(1, Some("g")), aim(0, Some("a-f")), aim(3, Some("z"))];
    let mut worker = worker(vec![aimed(10, &aims)]);
    let ask = worker.next_ask().unwrap();
    assert_eq!((ask.number, ask.aim.as_ref()), (0, aims.get(1)));
    assert_eq!(ask.order.aims, None, "it is told once");
    assert_eq!(sent(&mut worker), cells(&["a-f", "g"]), "nobody has said what the third aims at");
}

#[test]
fn a_command_says_anew_what_requests_aim_at() {
    let mut worker = worker(vec![aimed(10, &[aim(0, Some("a")), aim(1, Some("b"))])]);
    let ask = worker.next_ask().unwrap();
    assert!(worker.begin(&ask.order.topic, 1, Cost::ZERO));
    let next = [aim(1, Some("c")), aim(2, None)];
    assert_eq!(worker.command(command(2, vec![aimed(10, &next)]), T0), CommandVerdict::Followed);
    assert_eq!(sent(&mut worker), [Some("c".to_owned()), None]);
}

#[test]
fn an_aim_does_not_replace_a_lease() {
    let mut worker = worker(vec![aimed(1, &[aim(0, None), aim(1, None)])]);
    assert_eq!(sent(&mut worker).len(), 1);
}

#[test]
fn what_is_not_directed_is_free() {
    let mut worker = worker(vec![order("birds", 1, 3)]);
    assert!(worker.next_ask().unwrap().aim.is_none());
    assert_eq!(sent(&mut worker), [None, None, None]);
    let mut directed = order("birds", 1, 9);
    directed.aims = Some(Vec::new());
    assert_eq!(worker.command(command(2, vec![directed]), T0), CommandVerdict::Followed);
    assert_eq!(sent(&mut worker), [], "without an aim it waits");
    assert_eq!(worker.command(command(3, vec![order("birds", 1, 4)]), T0), CommandVerdict::Followed);
    assert_eq!(sent(&mut worker), [None]);
}
