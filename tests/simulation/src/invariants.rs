//! What must be true after every run, by the numbers of the project's invariants:
//!
//! 1. what a surviving producer was answered is in the set, and nothing that no model named;
//! 2. the set, the distinct texts of the log, and what a reader of the events saw are the same, numbered without a gap;
//! 3. each response is in the log once, and the folds of the log equal the sums over the model's journal;
//! 6. filters: no false negative at the version claimed, bits equal to a rebuild from the log, holes heal;
//! 7. no write under an older epoch after one under a newer;
//! 8. nothing is left waiting when all is quiet;
//! 10. the topic ends soon after the last fault;
//! 11. the counts of sightings equal an independent fold of the log and the journal's count;
//! 12. decisions stand written, each once, and follow from the log.
//!
//! And the caps are never exceeded, and nobody takes a lease that was renewed within its time to live.
//!
//! Which texts name the same thing is what the [things](crate::things) say, sums are counted here, and the filters' bits are set here as their
//! documentation says: what the system thinks of its own work is compared with that, and never trusted.

use std::collections::{BTreeMap, BTreeSet};

use igentai_core::batch::Outcome;
use igentai_core::cost::Cost;
use igentai_core::ids::Seq;
use igentai_core::log::{Entry, EntryKind};
use igentai_core::topic::{EndReason, FIRST_SEED, Partition};
use igentai_shared::bus::WorkQueue;
use igentai_shared::store::Replayed;

use crate::faults::Kind;
use crate::model::Asked;
use crate::system::{Evidence, PATIENCE};
use crate::things::Thing;
use crate::witness::LifeId;

mod filters;
mod numbers;

/// Lone attempts that did not end after which an integrator takes a message for the cause.
const ATTEMPTS: u64 = 5;

/// A producer that was not heard for so long is taken for dead.
const UNHEARD_MS: u64 = 5_000;

/// Everything that is not as it must be.
pub(crate) fn violations(evidence: &Evidence) -> Vec<String> {
    let mut check = Check { evidence, found: evidence.seen.violations.clone() };
    check.found.extend(evidence.panics.iter().map(|panic| format!("a panic: {panic}")));
    check.ended_in_time();
    check.quiet();
    check.announced();
    check.set_log_and_events();
    check.responses();
    check.confirmed();
    check.sightings();
    check.folds();
    check.filters();
    check.holes();
    check.snapshots();
    check.caps();
    check.decisions();
    check.found
}

struct Check<'a> {
    evidence: &'a Evidence,
    found: Vec<String>,
}

impl Check<'_> {
    fn must(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds && self.found.len() < 20 {
            self.found.push(otherwise());
        }
    }

    /// What a text names. Each that names nothing is told.
    fn thing(&mut self, text: &str) -> Option<Thing> {
        let thing = self.evidence.things.named_by(text);
        self.must(thing.is_some(), || format!("1: no model has said `{text}`"));
        thing
    }

    fn ended_in_time(&mut self) {
        let state = self.evidence.topic.state;
        self.must(self.evidence.ended_at.is_some(), || {
            format!("10: the topic is {state:?} {} s after the last fault", PATIENCE.as_secs())
        });
        let limits = self.evidence.plan.limits;
        let reason = match state.reason() {
            None | Some(EndReason::Dry) => true,
            Some(EndReason::MaxAttributes) => limits.max_attributes.is_some(),
            Some(EndReason::MaxRequests) => limits.max_requests.is_some(),
            Some(EndReason::MaxUsd) => limits.max_cost.is_some(),
            Some(_) => false,
        };
        self.must(reason, || format!("10: the topic is {state:?} without a reason for that"));
        self.must(self.evidence.ended_by_themselves.is_empty(), || {
            "10: a process ended by itself".to_owned()
        });
        self.must(self.evidence.stopped_in_time, || "10: the processes do not stop".to_owned());
    }

    fn decisions(&mut self) {
        match &self.evidence.replayed {
            Err(error) => self.must(false, || format!("12: {error}")),
            Ok(Replayed { differs: Some(differs), .. }) => self.must(false, || format!("12: {differs}")),
            Ok(Replayed { same, decisions, .. }) => {
                // Each request that was sent was told what it is about first, and the end is written, too.
                let sent = self.evidence.journal.iter().filter(|asked| asked.at > 0).count() as u64;
                let asked = if self.evidence.plan.partition == Partition::None { 0 } else { sent };
                self.must(*same >= asked && *decisions > *same, || {
                    format!(
                        "12: {decisions} decisions, of which {same} follow, and at least {asked} requests"
                    )
                });
            }
        }
    }

    fn quiet(&mut self) {
        let quiet = &self.evidence.quiet;
        for (queue, depth) in &quiet.depths {
            let allowed = match queue {
                // Heartbeats go on.
                WorkQueue::Coordinate => 10,
                // They are compared one by one.
                WorkQueue::Dead => u64::MAX,
                WorkQueue::Integrate | WorkQueue::Tasks | WorkQueue::Unrouted => 0,
            };
            self.must(*depth <= allowed, || format!("8: {depth} messages wait in {}", queue.name()));
        }
        self.must(quiet.in_hand == 0, || format!("8: {} messages are not acknowledged", quiet.in_hand));
        // Who dies behind an acknowledgement leaves the note of its attempt behind.
        let crashes = self.evidence.struck.get(&Kind::CrashOrchestrator).copied().unwrap_or(0);
        let attempted = self.evidence.seen.attempted.len();
        self.must(attempted as u64 <= crashes, || format!("8: attempts at {attempted} messages stay noted"));
        let dead = &quiet.dead;
        let poison = &self.evidence.seen.poison;
        for lost in poison.difference(dead) {
            self.must(false, || format!("8: the poison {lost} is not among the dead letters"));
        }
        let (innocent, mistaken) = (dead.difference(poison).count(), usize::from(self.mistaken()));
        self.must(innocent <= mistaken, || format!("8: {innocent} dead letters are no poison: {dead:?}"));
        let Some(ended_at) = self.evidence.ended_at else { return };
        let late = ended_at.max(self.evidence.plan.faults_end()) + 10_000;
        for asked in self.evidence.journal.iter().filter(|asked| asked.at > late) {
            self.must(false, || {
                format!("8: {:?} asks at {}, the topic ended at {ended_at}", asked.life, asked.at)
            });
        }
        let last: BTreeMap<&LifeId, _> =
            self.evidence.seen.stands.iter().map(|stand| (&stand.life, stand)).collect();
        for (life, stand) in last {
            let idle = stand.in_flight == 0 && stand.unresolved == 0;
            self.must(idle || self.evidence.killed.contains(life), || format!("8: {stand:?} is not idle"));
        }
    }

    /// Everything in the log was made known, whoever died then.
    fn announced(&mut self) {
        let Evidence { log, attributes, seen, ended_at, .. } = self.evidence;
        let (entry, attribute) = seen.steps.untold(log.len() as u64, attributes.len() as u64);
        let untold = ended_at.is_some() && (entry.is_some() || attribute.is_some());
        self.must(!untold, || format!("6: entry {entry:?}, attribute {attribute:?} was never made known"));
    }

    /// Integrators that are killed over the same message again and again make it look like poison.
    fn mistaken(&self) -> bool {
        self.evidence.struck.get(&Kind::CrashOrchestrator) >= Some(&ATTEMPTS)
    }

    fn set_log_and_events(&mut self) {
        let Evidence { log, attributes, read, .. } = self.evidence;
        for (index, entry) in (1..).zip(log) {
            self.must(entry.index == index, || format!("2: log entry {index} is numbered {}", entry.index));
        }
        let (seeds, logged): (Vec<_>, Vec<_>) =
            log.iter().flat_map(Entry::attributes).partition(|(seq, _)| *seq >= FIRST_SEED);
        let wanted = self.evidence.topic.seeds.is_some();
        self.must(wanted != seeds.is_empty(), || format!("2: {} seeds are in the log", seeds.len()));
        let stored: Vec<(Seq, &str)> = attributes.iter().map(|one| (one.seq, one.text.as_str())).collect();
        self.must(logged == stored, || {
            format!("2: the log has {} attributes, the set {}", logged.len(), stored.len())
        });
        let gapless = (1..).zip(&stored).all(|(seq, one)| one.0 == seq);
        self.must(gapless, || "2: the set is not numbered without a gap".to_owned());
        let mut things = BTreeSet::new();
        for (_, text) in seeds.iter().chain(&stored) {
            let thing = self.thing(text);
            self.must(thing.is_none_or(|thing| things.insert(thing)), || {
                format!("2: `{text}` is in the set twice")
            });
        }
        let texts: Vec<&str> = stored.iter().map(|one| one.1).collect();
        self.must(read.texts == texts, || {
            format!("2: the events' reader saw {} of {} attributes, or others", read.texts.len(), texts.len())
        });
        for contradiction in &read.contradictions {
            self.must(false, || format!("2: {contradiction}"));
        }
    }

    /// Log entries and journal, one by one.
    fn responses(&mut self) {
        let Evidence { log, journal, killed, .. } = self.evidence;
        let by_number: BTreeMap<u64, &Asked> = journal.iter().map(|asked| (asked.number, asked)).collect();
        let mut in_log = BTreeSet::new();
        let mut failures: BTreeMap<(LifeId, &str, Outcome), i64> = BTreeMap::new();
        for entry in log {
            let EntryKind::Response(meta) = &entry.head.kind else { continue };
            let life = life_of(entry);
            if !meta.outcome.is_answer() {
                *failures.entry((life, &meta.provider, meta.outcome)).or_default() -= 1;
                continue;
            }
            let Some(asked) = by_number.get(&meta.output_tokens) else {
                self.must(false, || format!("3: entry {} answers nothing that was asked", entry.index));
                continue;
            };
            let same = asked.life == life
                && asked.provider == meta.provider
                && asked.delivered
                && asked.price == meta.cost;
            self.must(same, || format!("3: entry {} is not {asked:?}", entry.index));
            self.must(in_log.insert(asked.number), || {
                format!("3: response {} is in the log twice", asked.number)
            });
        }
        for asked in journal.iter().filter(|asked| !killed.contains(&asked.life)) {
            if asked.delivered && asked.outcome == Outcome::Answered {
                self.must(in_log.contains(&asked.number), || format!("1: response {asked:?} is lost"));
            } else {
                let outcome = if asked.delivered { asked.outcome } else { Outcome::Abandoned };
                *failures.entry((asked.life.clone(), asked.provider, outcome)).or_default() += 1;
            }
        }
        for ((life, provider, outcome), difference) in failures {
            let fits = difference == 0 || killed.contains(&life);
            self.must(fits, || {
                format!("3: {difference} of {outcome:?} of {life:?} at {provider} are not in the log")
            });
        }
    }

    /// What the broker has confirmed, whoever died then.
    fn confirmed(&mut self) {
        let Evidence { log, seen, .. } = self.evidence;
        let logged: BTreeSet<(LifeId, u64)> =
            log.iter().map(|entry| (life_of(entry), entry.head.seq)).collect();
        for batch in seen.confirmed.difference(&logged) {
            self.must(false, || format!("1: batch {batch:?} was confirmed and is not in the log"));
        }
    }

    /// Nothing is sent beyond caps that came in mid-run, once everybody had heard of them. Lives that never did, or so late that they were taken
    /// for dead, are nobody's to command.
    fn late_caps(&mut self, limits_at: u64) {
        let Evidence { journal, seen, plan, .. } = self.evidence;
        let mut heard: BTreeMap<&LifeId, Option<u64>> = BTreeMap::new();
        for stand in seen.stands.iter().filter(|stand| stand.complete_to.is_some()) {
            let at = heard.entry(&stand.life).or_default();
            *at = at.filter(|_| stand.capped_cost).or(stand.capped_cost.then_some(stand.at));
        }
        heard.retain(|_, at| at.is_some_and(|at| at < limits_at + UNHEARD_MS));
        let all_heard = heard.values().flatten().max().copied().unwrap_or(0);
        let (mut requests, mut bill) = (0, Cost::ZERO);
        for asked in journal.iter().filter(|asked| heard.contains_key(&asked.life)) {
            (requests, bill) = (requests + 1, bill + asked.bill());
            let limits = plan.limits;
            let over = limits.max_requests.is_some_and(|cap| requests > cap)
                || limits.max_cost.is_some_and(|cap| bill > cap);
            self.must(asked.at <= all_heard || !over, || {
                format!("cap: {requests} requests for {bill} were sent at {}, all had heard of {limits:?} at {all_heard}", asked.at)
            });
        }
    }

    fn caps(&mut self) {
        let Evidence { journal, attributes, plan, .. } = self.evidence;
        if let Some(limits_at) = plan.limits_at {
            return self.late_caps(limits_at);
        }
        let requests = u64::try_from(journal.len()).unwrap();
        let bill: Cost = journal.iter().map(Asked::bill).sum();
        let items = u64::try_from(attributes.len()).unwrap();
        let limits = plan.limits;
        let over = limits.max_requests.is_some_and(|cap| requests > cap);
        self.must(!over, || format!("cap: {requests} requests were sent, {:?} allowed", limits.max_requests));
        let over = limits.max_cost.is_some_and(|cap| bill > cap);
        self.must(!over, || format!("cap: {bill} may be charged, {:?} allowed", limits.max_cost));
        let over = limits.max_attributes.is_some_and(|cap| items > cap);
        self.must(!over, || format!("cap: {items} items, {:?} allowed", limits.max_attributes));
    }
}

fn life_of(entry: &Entry) -> LifeId {
    (entry.head.producer.to_string(), entry.head.incarnation)
}
