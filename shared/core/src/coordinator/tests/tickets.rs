//! What single requests aim at, from the first ticket to the end of a topic.

use std::collections::BTreeSet;

use super::*;
use crate::command::{OrderedAim, TopicOrder};
use crate::decision::{Terms, What};
use crate::frontier::Letters;
use crate::topic::{Partition, Share};

/// A world with producers that count what they have sent, and hold back what they shall.
struct Directed {
    world: World,
    sent: BTreeMap<String, u64>,
    in_flight: BTreeMap<String, u32>,
    known: BTreeMap<String, u64>,
    /// What a request to each provider may cost.
    prices: Vec<(&'static str, Cost)>,
    /// Entries that the leader has heard of.
    heard: usize,
    at: u64,
}

fn directed(limits: Limits, names: &[&str]) -> Directed {
    directed_at(limits, names, &[("small", 0)])
}

fn directed_at(limits: Limits, names: &[&str], prices: &[(&'static str, u64)]) -> Directed {
    let prices = prices.iter().map(|(name, price)| (*name, Cost::from_picodollars(*price)));
    let mut world = World::new(limits);
    world.stored.partition = Partition::Alphabetical;
    world.coordinator = Coordinator::new("r".to_owned(), 3, Settings::default());
    world.coordinator.topic(world.stored.clone(), now(0));
    let zero = names.iter().map(|name| ((*name).to_owned(), 0));
    let mut directed = Directed {
        world,
        sent: zero.collect(),
        in_flight: BTreeMap::new(),
        known: BTreeMap::new(),
        prices: prices.collect(),
        heard: 0,
        at: 0,
    };
    (0..3).for_each(|_| directed.beat());
    directed
}

impl Directed {
    /// Every producer says where it is, and is commanded.
    fn beat(&mut self) {
        self.at += 100;
        for (name, sent) in &self.sent {
            let in_flight = self.in_flight.get(name).copied().unwrap_or(0);
            let next = self.world.commands.get(&producer(name)).and_then(|command| command.topics.first());
            let next = next.and_then(|order| order.aims.iter().flatten().find(|aim| aim.number == *sent));
            let whom = next.and_then(|aim| aim.provider.as_deref());
            let asked = self.prices.iter().filter(|(name, _)| whom.is_none_or(|whom| whom == *name));
            let price = asked.map(|(_, price)| *price).min().unwrap_or_default();
            let providers = self.prices.iter().map(|(name, _)| ready(name)).collect();
            let change = |beat: &mut Heartbeat| {
                for topic in &mut beat.topics {
                    (topic.sent, topic.in_flight) = (*sent, in_flight);
                    (topic.request_cost, topic.dearest_cost) = (price, topic.dearest_cost.max(price));
                }
                beat.providers = providers;
            };
            self.world.beat(name, 1, change, self.at);
        }
        self.world.settle(self.at);
    }

    fn order(&self, name: &str) -> &TopicOrder {
        self.world.commands.get(&producer(name)).unwrap().topics.first().unwrap()
    }

    fn aims(&self, name: &str) -> Vec<OrderedAim> {
        self.order(name).aims.clone().unwrap()
    }

    /// The producer sends its next request; what it aims at, if it may send one.
    fn send(&mut self, name: &str) -> Option<OrderedAim> {
        let sent = self.sent.get_mut(name).unwrap();
        let aim = self.world.commands.get(&producer(name))?.topics.first()?.aims.clone()?;
        let aim = aim.into_iter().find(|aim| aim.number == *sent)?;
        *sent += 1;
        *self.in_flight.entry(name.to_owned()).or_default() += 1;
        Some(aim)
    }

    /// Its answer is committed.
    fn answered(&mut self, name: &str, aim: &OrderedAim, texts: &[String]) {
        let first_new = u64::try_from(self.known.len()).unwrap() + 1;
        let (mut new, mut again) = (Vec::new(), Vec::new());
        for text in texts {
            let next = u64::try_from(self.known.len()).unwrap() + 1;
            if let Some(number) = self.known.get(text) {
                again.push(*number);
            } else {
                self.known.insert(text.clone(), next);
                new.push(text.clone());
            }
        }
        let first_new = if new.is_empty() { 0 } else { first_new };
        let meta = self.world.meta(Outcome::Answered);
        let kind = EntryKind::Response(ResponseMeta { cell: aim.cell.clone(), asked: aim.items, ..meta });
        self.world.log += 1;
        let (index, at) = (self.world.log, UnixMillis(0));
        let head = EntryHead { producer: producer(name), incarnation: 1, seq: index, at, kind };
        let tail = EntryTail { first_new, new, again, ..EntryTail::default() };
        self.world.entries.push(Entry { index, head, tail });
    }

    /// What was committed reaches the leader, and its producer has a receipt.
    fn hears(&mut self) {
        let (new, log) = (self.world.entries.split_off(self.heard), self.world.log);
        self.world.coordinator.entries(&id(), 1, &new, log, now(self.at)).unwrap();
        for entry in &new {
            *self.in_flight.get_mut(entry.head.producer.as_str()).unwrap() -= 1;
        }
        self.world.entries.extend(new);
        self.heard = self.world.entries.len();
    }

    fn ended(&self) -> Option<EndReason> {
        self.world.stored.state.reason()
    }

    /// Everybody works until it ends, or so many requests were sent; how many that were.
    fn work(&mut self, knows: &[String], most: usize) -> usize {
        let mut requests = 0;
        let mut idle = 0;
        while self.ended().is_none() && requests < most && idle < 5 {
            let names: Vec<String> = self.sent.keys().cloned().collect();
            let before = requests;
            for name in names {
                if let Some(aim) = self.send(&name) {
                    requests += 1;
                    self.answered(&name, &aim, &given(knows, &aim, requests));
                    self.hears();
                }
            }
            self.beat();
            idle = if requests == before { idle + 1 } else { 0 };
        }
        requests
    }
}

fn ready(name: &str) -> ProviderReport {
    let detail = String::new();
    ProviderReport {
        name: name.into(),
        model: "m".into(),
        state: ProviderState::Ready,
        detail,
        weight_millis: None,
        rests: false,
        key_waits_ms: 0,
    }
}

/// Items of each letter.
fn items(each: usize) -> Vec<String> {
    let of = |letter: char| (0..each).map(move |number| format!("{letter}a{number}"));
    ('a'..='z').flat_map(of).collect()
}

/// What a model says that knows these, beginning elsewhere each time it is asked about the whole.
fn given(knows: &[String], aim: &OrderedAim, turn: usize) -> Vec<String> {
    let most = usize::try_from(aim.items).unwrap();
    match &aim.cell {
        None => knows.iter().cycle().skip(turn * 37).step_by(7).take(most).cloned().collect::<BTreeSet<_>>(),
        Some(cell) => {
            let part = Letters::parse(cell).unwrap();
            let new = knows.iter().filter(|text| part.holds(text) && !aim.leave_out.contains(text));
            new.take(most).cloned().collect()
        }
    }
    .into_iter()
    .collect()
}

fn until(completeness: f64) -> Limits {
    Limits { completeness: Some(Share::new(completeness)), ..Limits::default() }
}

fn cells(aims: &[OrderedAim]) -> Vec<Letters> {
    aims.iter().filter_map(|aim| aim.cell.as_deref()).map(|cell| Letters::parse(cell).unwrap()).collect()
}

#[test]
fn the_first_requests_are_about_the_whole_and_the_next_wait_for_their_answers() {
    let mut directed = directed(Limits::default(), &["p1", "p2"]);
    let aims = [directed.aims("p1"), directed.aims("p2")].concat();
    assert_eq!(aims.len(), 2, "{aims:?}");
    assert!(aims.iter().all(|aim| aim.cell.is_none() && aim.number == 0 && aim.items == 50), "{aims:?}");
    let parts = |directed: &Directed| cells(&[directed.aims("p1"), directed.aims("p2")].concat());
    for (turn, name) in [(1, "p1"), (2, "p2")] {
        assert_eq!(parts(&directed), [], "after {} answers", turn - 1);
        let aim = directed.send(name).unwrap();
        directed.answered(name, &aim, &given(&items(9), &aim, turn));
        directed.hears();
        directed.beat();
    }
    assert!(parts(&directed).len() > 2, "{:?}", parts(&directed));
}

#[test]
fn tickets_are_issued_ahead_for_each_producer_in_order_and_no_two_overlap() {
    let mut directed = directed(Limits::default(), &["p1", "p2"]);
    directed.work(&items(40), 10);
    let (one, two) = (directed.aims("p1"), directed.aims("p2"));
    for (name, aims) in [("p1", &one), ("p2", &two)] {
        let first = *directed.sent.get(name).unwrap();
        let numbers: Vec<u64> = aims.iter().map(|aim| aim.number).collect();
        let count = u64::try_from(aims.len()).unwrap();
        assert_eq!(numbers, (first..first + count).collect::<Vec<_>>(), "{name}");
        assert!((1..=6).contains(&count), "{name}: {count} for four places");
        assert!(aims.iter().all(|aim| aim.leave_out.is_empty() || aim.cell.is_some()));
    }
    let parts = cells(&[one, two].concat());
    assert!(parts.len() > 2, "{parts:?}");
    for (place, part) in parts.iter().enumerate() {
        let others = parts.iter().skip(place + 1);
        assert!(others.clone().all(|other| part.to_string() != other.to_string()), "{parts:?}");
        let begins = |text: &str| part.holds(text);
        let texts = items(1);
        let both = texts.iter().filter(|text| begins(text) && others.clone().any(|other| other.holds(text)));
        assert_eq!(both.count(), 0, "{parts:?}");
    }
}

#[test]
fn a_ticket_stands_until_its_answer_is_in_the_log() {
    let mut directed = directed(Limits::default(), &["p1"]);
    directed.work(&items(40), 4);
    let before = directed.aims("p1");
    let sent: Vec<OrderedAim> = (0..2).map(|_| directed.send("p1").unwrap()).collect();
    directed.beat();
    let after = directed.aims("p1");
    assert_eq!(before.get(2..).unwrap(), after, "none is issued as long as as many are open");
    let first = sent.first().unwrap();
    directed.answered("p1", first, &given(&items(40), first, 9));
    directed.beat();
    assert_eq!(directed.aims("p1"), after, "the log has it, and the leader has not heard");
    directed.hears();
    // What the producer says is from before it had the receipt.
    directed.in_flight.insert("p1".to_owned(), 2);
    directed.beat();
    assert_eq!(directed.aims("p1").len(), after.len() + 1);
}

#[test]
fn a_request_that_came_to_nothing_is_asked_for_again() {
    let mut directed = directed(Limits::default(), &["p1"]);
    directed.work(&items(40), 6);
    let open = directed.aims("p1");
    let lost = directed.send("p1").unwrap();
    assert!(lost.cell.is_some());
    // It waits for nothing, and the log has nothing either.
    directed.in_flight.insert("p1".to_owned(), 0);
    directed.beat();
    let now_open = directed.aims("p1");
    assert_eq!(now_open.len(), open.len());
    let issued = now_open.last().unwrap();
    assert_eq!(issued.number, open.last().unwrap().number + 1);
    let (again, before) = (cells(std::slice::from_ref(issued)), cells(&[lost]));
    assert!(again[0].both(before[0]).is_some(), "{again:?} of {before:?}");
}

#[test]
fn what_a_lost_producer_held_is_asked_of_another_one() {
    let mut directed = directed(Limits::default(), &["p1", "p2"]);
    directed.work(&items(40), 8);
    let lost = cells(&directed.aims("p2"));
    assert!(!lost.is_empty());
    directed.sent.remove("p2");
    let mut asked = BTreeSet::new();
    for turn in 0..150 {
        directed.beat();
        if let Some(aim) = directed.send("p1") {
            directed.answered("p1", &aim, &given(&items(40), &aim, turn));
            directed.hears();
            asked.extend(cells(&[aim]));
        }
    }
    let held = items(1).into_iter().filter(|text| lost.iter().any(|part| part.holds(text)));
    for text in held {
        assert!(asked.iter().any(|part| part.holds(&text)), "{text} of {lost:?}: {asked:?}");
    }
}

#[test]
fn who_holds_tickets_and_sends_nothing_gives_them_back() {
    let mut directed = directed(until(0.9), &["p1", "p2"]);
    directed.work(&items(40), 8);
    assert!(!cells(&directed.aims("p2")).is_empty());
    let mut turn = 0;
    while directed.ended().is_none() && turn < 300 {
        turn += 1;
        directed.beat();
        if let Some(aim) = directed.send("p1") {
            directed.answered("p1", &aim, &given(&items(40), &aim, turn));
            directed.hears();
        }
    }
    assert_eq!(directed.ended(), Some(EndReason::Complete), "after {turn}: {:?}", directed.aims("p2"));
}

/// Requests are sent in the order of their numbers: without one of them a producer would wait for ever.
#[test]
fn no_number_is_left_out_when_an_answer_comes_late_or_a_log_is_read_twice() {
    let mut directed = directed(Limits::default(), &["p1"]);
    let lost = directed.send("p1").unwrap();
    directed.in_flight.insert("p1".to_owned(), 0);
    directed.beat();
    let numbers = |directed: &Directed| directed.aims("p1").iter().map(|aim| aim.number).collect::<Vec<_>>();
    assert_eq!(numbers(&directed), [1, 2], "it is asked for again");
    directed.in_flight.insert("p1".to_owned(), 1);
    let next = directed.send("p1").unwrap();
    for aim in [&next, &lost] {
        directed.answered("p1", aim, &given(&items(40), aim, 3));
    }
    directed.hears();
    directed.beat();
    let after = numbers(&directed);
    assert!(after.len() > 2 && after.iter().copied().eq((2..).take(after.len())), "{after:?}");

    directed.heard = 0;
    directed.in_flight.insert("p1".to_owned(), 2);
    directed.hears();
    directed.beat();
    assert_eq!(numbers(&directed), after);
}

#[test]
fn who_waits_for_what_others_find_is_not_stuck() {
    let mut directed = directed(Limits::default(), &["p1", "p2", "p3"]);
    let sent = [directed.send("p1").unwrap(), directed.send("p2").unwrap()];
    for _ in 0..40 {
        directed.beat();
        assert!(directed.aims("p3").is_empty(), "two answers about the whole come first");
    }
    for (name, aim) in ["p1", "p2"].into_iter().zip(&sent) {
        directed.answered(name, aim, &given(&items(40), aim, 3));
    }
    directed.hears();
    directed.beat();
    assert!(!directed.aims("p3").is_empty());
}

#[test]
fn a_producer_in_a_new_life_counts_from_the_beginning() {
    let mut directed = directed(Limits::default(), &["p1"]);
    directed.work(&items(40), 6);
    assert_eq!(directed.aims("p1").first().unwrap().number, 6);
    directed.at += 100;
    for _ in 0..2 {
        directed.world.beat("p1", 2, |beat| beat.providers = vec![ready("small")], directed.at);
        directed.world.settle(directed.at);
    }
    assert_eq!(directed.order("p1").lease.requests, Settings::default().window);
    assert_eq!(directed.aims("p1").first().unwrap().number, 0);
}

#[test]
fn another_leader_goes_on_where_the_log_and_the_producers_are() {
    let mut directed = directed(until(0.95), &["p1", "p2"]);
    directed.work(&items(40), 12);
    directed.at += 100;
    directed.world.take_over(directed.at);
    (0..2).for_each(|_| directed.beat());
    for name in ["p1", "p2"] {
        let aims = directed.aims(name);
        assert_eq!(aims.first().unwrap().number, *directed.sent.get(name).unwrap());
    }
    directed.work(&items(40), 300);
    assert_eq!(directed.ended(), Some(EndReason::Complete));
}

#[test]
fn a_topic_ends_when_it_is_as_complete_as_is_wanted() {
    let knows = items(40);
    let mut directed = directed(until(0.9), &["p1", "p2"]);
    let requests = directed.work(&knows, 300);
    assert_eq!(directed.ended(), Some(EndReason::Complete), "after {requests}");
    let found = f64::from(u32::try_from(directed.known.len()).unwrap()) / 1_040.0;
    assert!((0.85..=1.0).contains(&found), "{found}");
    let about_whole = |entry: &&Entry| entry.response().is_some_and(|meta| meta.cell.is_none());
    assert!(directed.world.entries.iter().filter(about_whole).count() >= 8);
}

#[test]
fn a_topic_without_that_limit_goes_on_though_it_is_complete() {
    let mut directed = directed(Limits::default(), &["p1"]);
    let knows = items(4);
    directed.work(&knows, 20);
    let status = directed.world.coordinator.status(&id(), now(directed.at)).unwrap();
    assert!(status.completeness.is_some());
    assert_eq!((directed.known.len(), directed.ended()), (knows.len(), None));
    directed.work(&knows, 100);
    assert_eq!(directed.ended(), Some(EndReason::Dry));
}

#[test]
fn a_small_topic_does_not_end_before_five_answers_about_the_whole() {
    let mut directed = directed(until(0.5), &["p1"]);
    let knows = items(1);
    assert_eq!(directed.work(&knows, 4), 4);
    assert_eq!(directed.ended(), None);
    assert!(directed.work(&knows, 30) <= 4);
    assert_eq!(directed.ended(), Some(EndReason::Complete));
    let about_whole = |entry: &&Entry| entry.response().is_some_and(|meta| meta.cell.is_none());
    assert!(directed.world.entries.iter().filter(about_whole).count() >= 5);
}

#[test]
fn a_topic_that_is_not_cut_into_parts_ends_when_it_is_complete_too() {
    let mut directed = directed(until(0.9), &["p1"]);
    directed.world.stored.partition = Partition::None;
    directed.world.take_over(100);
    directed.beat();
    assert_eq!(directed.order("p1").aims, None);
    let knows: Vec<String> = items(1);
    for turn in 0..12 {
        let whole = OrderedAim {
            number: turn,
            cell: None,
            provider: None,
            items: 50,
            leave_out: vec![],
            numbers: vec![],
        };
        *directed.sent.get_mut("p1").unwrap() += 1;
        directed.in_flight.insert("p1".to_owned(), 1);
        directed.answered("p1", &whole, &knows);
        directed.hears();
        directed.at += 1_000;
        directed.beat();
        assert_eq!(directed.ended().is_some(), turn >= 7, "{turn}");
    }
    assert_eq!(directed.ended(), Some(EndReason::Complete));
}

#[test]
fn who_is_too_dear_for_the_rest_of_the_money_is_passed_over_where_somebody_is_cheaper() {
    let limits = || Limits { max_cost: Some(Cost::from_picodollars(1_000)), ..Limits::default() };
    let mut directed = directed_at(limits(), &["p1"], &[("dear", 5_000), ("small", 10)]);
    (0..80).for_each(|_| directed.beat());
    assert_eq!(directed.ended(), None);
    let asked: Vec<Option<String>> = directed.aims("p1").into_iter().map(|aim| aim.provider).collect();
    assert!(!asked.is_empty() && !asked.contains(&Some("dear".to_owned())), "{asked:?}");
    assert!(directed.send("p1").is_some());
    let decisions: Vec<_> = directed.world.decisions.values().flat_map(|chunk| &chunk.decisions).collect();
    let says_so = |terms: &Terms| terms.away.get("dear").is_some_and(|why| why.contains("rest of the money"));
    assert!(decisions.iter().any(|one| matches!(&one.what, What::Terms(terms) if says_so(terms))));
    // Where nobody is cheaper, the money is used up.
    let mut directed = directed_at(limits(), &["p1"], &[("dear", 5_000), ("small", 5_000)]);
    (0..80).for_each(|_| directed.beat());
    assert_eq!(directed.ended(), Some(EndReason::MaxUsd));
}

#[test]
fn no_more_is_asked_for_than_a_cap_on_items_allows() {
    let asked = |cap: Option<u64>| {
        let limits = Limits { max_attributes: cap, ..Limits::default() };
        let mut directed = directed(limits, &["p1", "p2", "p3"]);
        directed.work(&items(20), 4);
        (0..3).for_each(|_| directed.beat());
        ["p1", "p2", "p3"].iter().map(|name| directed.aims(name).len()).sum::<usize>()
    };
    let (without, with) = (asked(None), asked(Some(300)));
    assert!(0 < with && with < without, "{with} of {without}");
}
