//! Rounds of faults by chance, several at once, and the progress after each.

use std::collections::BTreeMap;
use std::time::Duration;

use igentai_test_support::eventually;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::faults::{Fault, Kind, Made};
use crate::system::{System, now_ms};
use crate::{Plan, poison};

/// Without any progress for so long it is given up: what else would it wait for.
const STUCK: Duration = Duration::from_secs(30);

/// Makes the faults of a plan. Every kind comes up once before any comes up twice. The second answer is why it was given up.
pub(crate) async fn run(system: &mut System, plan: &Plan) -> (Vec<Made>, Option<String>) {
    let mut random = StdRng::seed_from_u64(plan.seed);
    let mut deck: Vec<Kind> = Vec::new();
    let mut made: Vec<Made> = Vec::new();
    let mut stuck = moves(system, 0).await;
    let mut rounds = 0;
    while made.len() < plan.faults && stuck.is_none() {
        let round = if plan.together {
            let kinds = Kind::all(system);
            let named = |name: &String| kinds.iter().find(|kind| kind.name() == *name);
            plan.only.iter().filter_map(named).map(|kind| Fault::of(*kind, system, &mut random)).collect()
        } else {
            let at_once = random.random_range(1..=plan.at_once).min(plan.faults - made.len());
            draw(&mut deck, at_once, &plan.only, system, &mut random)
        };
        let ended_ms = make(system, &round, &mut random).await;
        made.extend(round.iter().map(|fault| Made { kind: fault.kind, ended_ms }));
        let (before, begun) = (system.entries().await.unwrap_or_default(), now_ms());
        stuck = moves(system, before).await;
        for (place, fault) in round.iter().enumerate() {
            let left = fault.replace(system).await;
            let mut others = round.iter().enumerate().filter(|(other, _)| *other != place);
            // With nothing wrong that it works with there is no reason not to leave in order.
            if others.all(|(_, other)| other.kind.is_of_one_alone()) {
                stuck = stuck.or(left.err());
            }
        }
        let names: Vec<String> = round.iter().map(|fault| fault.kind.name()).collect();
        println!("{:>4} {} ms to a commit after: {}", made.len(), now_ms() - begun, names.join(" + "));
        system.until_all_ready().await;
        if stuck.is_none() && rounds % poison::EVERY == 0 {
            stuck = poison::send(system).await;
        }
        rounds += 1;
    }
    (made, stuck)
}

/// Waits for a commit beyond so many; the answer is why there is none.
async fn moves(system: &System, before: u64) -> Option<String> {
    let more = || async { system.entries().await > Some(before) };
    eventually(STUCK, more).await.err().map(|_| format!("nothing moves beyond {before} log entries"))
}

/// The next kinds of the deck that do not meet at the same thing.
fn draw(
    deck: &mut Vec<Kind>,
    count: usize,
    only: &[String],
    system: &System,
    random: &mut StdRng,
) -> Vec<Fault> {
    let mut round: Vec<Fault> = Vec::new();
    let mut later = Vec::new();
    while round.len() < count {
        let kind = deck.pop().or_else(|| {
            let mut all = Kind::all(system);
            all.retain(|kind| !later.contains(kind) && (only.is_empty() || only.contains(&kind.name())));
            all.shuffle(random);
            deck.extend(all);
            deck.pop()
        });
        let Some(kind) = kind else { break };
        let fault = Fault::of(kind, system, random);
        if round.iter().any(|other| other.target == fault.target) {
            later.push(kind);
            if later.len() > 3 {
                break;
            }
        } else {
            round.push(fault);
        }
    }
    deck.extend(later);
    round
}

/// Begins the faults one after the other, ends each when its time is over; the answer is when the last had ended.
async fn make(system: &mut System, round: &[Fault], random: &mut StdRng) -> u64 {
    let mut ends: BTreeMap<u64, usize> = BTreeMap::new();
    for (place, fault) in round.iter().enumerate() {
        fault.begin(system).await;
        let lasts = u64::try_from(fault.lasts.as_millis()).unwrap();
        // No two at the same moment.
        ends.insert((now_ms() + lasts) * 10 + place as u64, place);
        pause(Duration::from_millis(random.random_range(0..300))).await;
    }
    for (end, place) in ends {
        pause(Duration::from_millis((end / 10).saturating_sub(now_ms()))).await;
        round[place].end(system).await;
    }
    now_ms()
}

/// Lets a fault last. This is no waiting for a condition, so there is nothing to poll.
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// How many faults there were of each kind.
pub(crate) fn by_kind(made: &[Made]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for one in made {
        *counts.entry(one.kind.name()).or_default() += 1;
    }
    counts
}
