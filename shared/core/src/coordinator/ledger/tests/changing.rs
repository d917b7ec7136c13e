//! Caps that come, go, rise and fall while producers spend.

use super::*;

/// A life of a producer. Commands reach it late, and what it says of itself reaches the coordinator late.
#[derive(Clone, Debug, Default)]
struct Life {
    incarnation: Incarnation,
    order: Option<Order>,
    sent: u64,
    under_way: u64,
    risked: Cost,
}

/// A command; a greater number is a later one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Order {
    number: u64,
    incarnation: Incarnation,
    lease: Lease,
    capped_cost: bool,
    /// How often the caps had changed when it was sent.
    caps: u64,
}

impl Life {
    fn may_send(&self) -> bool {
        self.order.is_some_and(|order| {
            let covered = !order.capped_cost || self.risked + PRICE <= order.lease.cost;
            self.sent < order.lease.requests && covered
        })
    }

    fn has_heard_of(&self, caps: u64) -> bool {
        self.order.is_none_or(|order| order.caps == caps)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Cap(Option<u64>, Option<u64>),
    Plan,
    Hear(usize),
    Beat(usize),
    Send(usize),
    Answer(usize, u64),
    Die(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..3_usize;
    prop_oneof![
        1 => (proptest::option::of(1..60_u64), proptest::option::of(0..5_000_u64)).prop_map(|(requests, cost)| Step::Cap(requests, cost)),
        6 => Just(Step::Plan),
        6 => who.clone().prop_map(Step::Hear),
        6 => who.clone().prop_map(Step::Beat),
        12 => who.clone().prop_map(Step::Send),
        6 => (who.clone(), 1..=100_u64).prop_map(|(p, cost)| Step::Answer(p, cost)),
        1 => who.prop_map(Step::Die),
    ]
}

#[derive(Debug, Default)]
struct World {
    ledger: Ledger,
    fold: TopicFold,
    budget: Budget,
    caps: u64,
    lives: Vec<Life>,
    /// What the coordinator last heard of each, and what it last sent.
    live: Vec<Option<LiveLease>>,
    orders: Vec<Order>,
    sent: u64,
    spent_by_the_dead: Cost,
}

impl World {
    fn new() -> Self {
        Self {
            budget: Budget { window: 20, ..Budget::default() },
            lives: vec![Life::default(); 3],
            live: vec![None; 3],
            orders: vec![Order::default(); 3],
            ..Self::default()
        }
    }

    fn plan(&mut self) {
        let live: Vec<LiveLease> = self
            .live
            .iter()
            .flatten()
            .map(|one| {
                let settled = self.fold.settled(&one.producer, one.incarnation);
                let settled = Lease { requests: settled.requests, cost: settled.cost };
                let used = Lease { requests: one.used.requests.max(settled.requests), ..one.used };
                LiveLease { used, settled, ..one.clone() }
            })
            .collect();
        self.ledger.plan(&self.fold, self.budget, &live);
        let numbered: Vec<usize> = (0..3).filter(|n| self.live[*n].is_some()).collect();
        for (n, one) in numbered.into_iter().zip(live) {
            let order = &mut self.orders[n];
            let next = Order {
                incarnation: one.incarnation,
                lease: self.ledger.order(&one.producer, one.incarnation),
                capped_cost: self.budget.cost.is_some(),
                caps: self.caps,
                ..*order
            };
            if next != *order {
                *order = Order { number: order.number + 1, ..next };
            }
        }
    }

    fn hear(&mut self, n: usize) {
        let (life, order) = (&mut self.lives[n], self.orders[n]);
        if order.number > 0 && order.incarnation == life.incarnation {
            life.order = Some(order);
        }
    }

    fn beat(&mut self, n: usize) {
        let life = &self.lives[n];
        let used = Lease { requests: life.sent, cost: life.risked };
        self.live[n] = Some(LiveLease {
            producer: id(n),
            incarnation: life.incarnation,
            places: 4,
            used,
            settled: Lease::default(),
            request_cost: PRICE,
            dearest_cost: PRICE,
            idle: life.under_way == 0,
            waits: false,
            stuck: false,
            is_poor: false,
        });
        let Some(order) = life.order else { return };
        let acts_on = Lease {
            requests: order.lease.requests.max(used.requests),
            cost: order.lease.cost.max(used.cost),
        };
        let final_word = order.number == self.orders[n].number;
        self.ledger.reported(&id(n), life.incarnation, acts_on, final_word);
        self.ledger.covers_cost(&id(n), life.incarnation, order.capped_cost, final_word);
    }

    fn send(&mut self, n: usize) -> bool {
        let life = &mut self.lives[n];
        let sends = life.may_send();
        if sends {
            life.sent += 1;
            life.under_way += 1;
            life.risked += PRICE;
            self.sent += 1;
        }
        sends
    }

    fn answer(&mut self, n: usize, cost: Cost) {
        let life = &mut self.lives[n];
        if life.under_way > 0 {
            life.under_way -= 1;
            life.risked = life.risked.saturating_sub(PRICE.saturating_sub(cost));
            settle(&mut self.fold, n, life.incarnation, cost);
        }
    }

    /// What a life risked without a cap on money, and had not told when it died, nobody knows.
    fn die(&mut self, n: usize) {
        let life = &self.lives[n];
        let told = self.ledger.lease(&id(n), life.incarnation).cost;
        let covers = life.order.is_some_and(|order| order.capped_cost) && !self.is_uncovered(n);
        self.spent_by_the_dead += if covers { life.risked } else { life.risked.min(told) };
        self.lives[n] = Life { incarnation: life.incarnation + 1, ..Life::default() };
    }

    fn is_uncovered(&self, n: usize) -> bool {
        self.ledger.uncovered.contains_key(&id(n))
    }

    fn spent(&self) -> Cost {
        self.spent_by_the_dead + self.lives.iter().map(|life| life.risked).sum()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn nothing_beyond_a_cap_is_sent_once_everybody_has_heard_of_it(
        steps in proptest::collection::vec(step(), 0..300),
    ) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Cap(requests, cost) => {
                    let cost = cost.map(Cost::from_picodollars);
                    world.budget = Budget { requests, cost, ..world.budget };
                    world.caps += 1;
                }
                Step::Plan => world.plan(),
                Step::Hear(n) => world.hear(n),
                Step::Beat(n) => world.beat(n),
                Step::Send(n) => {
                    let heard = world.lives.iter().all(|life| life.has_heard_of(world.caps));
                    if world.send(n) && heard {
                        let (sent, spent, budget) = (world.sent, world.spent(), world.budget);
                        prop_assert!(budget.requests.is_none_or(|cap| sent <= cap), "{sent} of {budget:?}");
                        prop_assert!(budget.cost.is_none_or(|cap| spent <= cap), "{spent} of {budget:?}");
                    }
                }
                Step::Answer(n, cost) => world.answer(n, Cost::from_picodollars(cost)),
                Step::Die(n) => world.die(n),
            }
        }
    }
}

/// Two producers of whom the coordinator knows less than they have risked by the time they hear of the cap.
fn two_that_have_risked_more_than_is_known() -> World {
    let mut world = World::new();
    let step = |world: &mut World, n: usize| {
        world.beat(n);
        world.plan();
        world.hear(n);
    };
    step(&mut world, 0);
    step(&mut world, 1);
    assert!((0..2).all(|_| world.send(0)));
    world.beat(0);
    world.beat(1);
    world.budget.cost = Some(Cost::from_picodollars(250));
    world.plan();
    assert!((0..3).all(|_| world.send(1)), "it has not heard of the cap yet");
    world
}

#[test]
fn nobody_spends_what_a_cheap_answer_gives_back_before_all_have_said_what_they_risked_without_a_cap() {
    let mut world = two_that_have_risked_more_than_is_known();
    world.hear(0);
    world.hear(1);
    (0..2).for_each(|_| world.answer(0, Cost::from_picodollars(1)));
    assert!(!world.send(0), "300 are at risk elsewhere");
}

#[test]
fn what_is_left_of_a_cap_that_came_late_is_leased_once_all_have_said_what_they_risked() {
    let mut world = two_that_have_risked_more_than_is_known();
    for _ in 0..3 {
        (0..2).for_each(|n| world.hear(n));
        (0..2).for_each(|n| world.answer(n, Cost::from_picodollars(1)));
        (0..2).for_each(|n| world.beat(n));
        world.plan();
    }
    (0..2).for_each(|n| world.hear(n));
    assert!(world.send(0) || world.send(1), "{world:?}");
}
