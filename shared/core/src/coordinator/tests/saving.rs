//! No lease is granted before it is saved.

use proptest::prelude::*;

use super::*;

fn capped() -> Limits {
    Limits { max_requests: Some(40), ..Limits::default() }
}

fn granted(world: &World, name: &str) -> u64 {
    let command = world.commands.get(&producer(name));
    let order = command.and_then(|command| command.topics.first());
    order.map_or(0, |order| order.lease.requests)
}

#[test]
fn a_lease_that_could_not_be_saved_is_not_granted_however_long_that_takes() {
    let mut world = World::new(capped());
    world.saves = false;
    for at in (0..20_000).step_by(500) {
        world.beat("p1", 1, |_| {}, at);
        let tried = world.settle(at).iter().any(|action| matches!(action, Action::SaveLedger { .. }));
        assert!(tried || at == 0, "it is tried until it succeeds");
        assert_eq!(granted(&world, "p1"), 0, "at {at}");
    }
    world.saves = true;
    world.settle(20_000);
    assert!(granted(&world, "p1") > 0);
}

#[test]
fn a_lease_is_not_granted_on_the_strength_of_a_ledger_that_a_write_of_unknown_outcome_may_have_replaced() {
    let mut world = running(capped());
    let before = granted(&world, "p1");
    // It says that it acts on less and takes nothing new, and is heard; that is saved, but nobody says so.
    world.answers = false;
    let acts_on_less = |beat: &mut Heartbeat| {
        beat.draining = true;
        beat.topics.iter_mut().for_each(|topic| topic.lease.requests = before - 3);
    };
    world.beat("p1", 1, acts_on_less, 10);
    world.settle(10);
    assert_eq!(world.ledger.as_ref().unwrap().lease(&producer("p1"), 1).requests, before - 3);
    // It says that it acts on all of it after all, following no command that is known.
    let acts_on_all = |beat: &mut Heartbeat| {
        beat.command = (0, 0);
        beat.topics.iter_mut().for_each(|topic| topic.lease.requests = before);
    };
    world.saves = false;
    world.beat("p1", 1, acts_on_all, 20);
    world.settle(20);
    assert_eq!(granted(&world, "p1"), before - 3);
    (world.saves, world.answers) = (true, true);
    world.settle(30);
    assert_eq!(granted(&world, "p1"), before);
}

#[test]
fn a_cap_that_is_set_in_mid_run_takes_nothing_back_before_the_ledger_is_saved() {
    let mut world = running(Limits::default());
    let before = granted(&world, "p1");
    assert_eq!(before, Settings::default().window);
    let limits = Limits { max_requests: Some(10_000), ..Limits::default() };
    let version = world.stored.version + 1;
    world.stored = Topic { limits, version, ..world.stored.clone() };
    world.saves = false;
    world.coordinator.topic(world.stored.clone(), now(10));
    world.settle(10);
    assert_eq!(granted(&world, "p1"), before);
}

#[derive(Clone, Debug)]
enum Step {
    Beat(usize),
    Send(usize),
    Answer(usize),
    Decide { saves: bool, answers: bool },
    TakeOver,
    Restart(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..2_usize;
    prop_oneof![
        6 => who.clone().prop_map(Step::Beat),
        6 => who.clone().prop_map(Step::Send),
        4 => who.clone().prop_map(Step::Answer),
        6 => any::<(bool, bool)>().prop_map(|(saves, answers)| Step::Decide { saves, answers }),
        1 => Just(Step::TakeOver),
        1 => who.prop_map(Step::Restart),
    ]
}

const NAMES: [&str; 2] = ["p1", "p2"];

proptest! {
    /// Whenever a command leaves, the store has a ledger that covers it; so no sequence of lost writes, lost answers and new leaders sends more
    /// than the cap.
    #[test]
    fn whatever_is_granted_stands_in_the_store(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new(capped());
        let (mut sent, mut answered, mut lives) = ([0_u64; 2], [0_u64; 2], [1_u64; 2]);
        let (mut total, mut at) = (0_u64, 0);
        for step in steps {
            at += 100;
            match step {
                Step::Beat(p) => world.beat(
                    NAMES[p],
                    lives[p],
                    |beat| beat.topics.iter_mut().for_each(|topic| topic.sent = sent[p]),
                    at,
                ),
                Step::Send(p) => {
                    let command = world.commands.get(&producer(NAMES[p]));
                    let current = command.is_some_and(|command| command.incarnation == lives[p]);
                    if current && world.stored.state == TopicState::Running && sent[p] < granted(&world, NAMES[p]) {
                        sent[p] += 1;
                        total += 1;
                    }
                }
                // The log knows the first lives only; what the others sent is never settled.
                Step::Answer(p) if lives[p] == 1 && answered[p] < sent[p] && world.coordinator.is_open(&id()) => {
                    answered[p] += 1;
                    world.answer(NAMES[p], Outcome::Answered, &[], at);
                }
                Step::Answer(_) => {}
                Step::Decide { saves, answers } => {
                    (world.saves, world.answers) = (saves, answers);
                    for action in world.settle(at) {
                        let Action::Send { producer, command } = action else { continue };
                        for order in command.topics {
                            let saved = world.ledger.as_ref().map_or(0, |ledger| {
                                ledger.lease(&producer, command.incarnation).requests
                            });
                            prop_assert!(order.lease.requests <= saved, "{order:?}, saved: {saved}");
                        }
                    }
                }
                Step::TakeOver => world.take_over(at),
                Step::Restart(p) => {
                    lives[p] += 1;
                    sent[p] = 0;
                }
            }
            prop_assert!(total <= 40, "{total} requests were sent");
        }
    }
}
