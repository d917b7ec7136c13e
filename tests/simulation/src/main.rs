//! Runs seeds of the simulation on all cores until they are through, the time is over, or one fails.

#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use igentai_core::seeded::Bug;
use igentai_simulation::{Verdict, bugs, kinds, run};

/// The whole system in virtual time under seeded faults.
#[derive(Debug, Parser)]
struct Options {
    /// How many seeds are run.
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// How many are run at once; as many as there are cores unless said.
    #[arg(long)]
    threads: Option<usize>,
    /// Run this seed alone, and show every call to bus and store with its time, and what the system logs.
    #[arg(long)]
    seed: Option<u64>,
    /// Switch each bug on purpose on in turn, and run seeds until one fails: every bug that can show here must be noticed.
    #[arg(long)]
    seeded_bugs: bool,
    /// Do so with this bug alone; with `--seed`, show that run.
    #[arg(long, value_name = "NAME", value_parser = bug)]
    seeded_bug: Option<Bug>,
}

fn bug(name: &str) -> Result<Bug, String> {
    let all = || Bug::ALL.iter().map(|bug| bug.name()).collect::<Vec<_>>().join(", ");
    bugs::named(name).ok_or_else(|| format!("there is none of this name; there are {}", all()))
}

/// How often is told how far it has come.
const PROGRESS: Duration = Duration::from_secs(10);

/// So many seeds make every kind of fault.
const ENOUGH: u64 = 300;

/// Batches and faults of a run that counts.
const BATCHES: usize = 200;
const FAULTS: u64 = 5;

#[derive(Debug, Default)]
struct Sums {
    /// Runs with enough batches and faults to show something; those that were over before, for their caps, come on top.
    full: u64,
    short: u64,
    batches: usize,
    faults: u64,
    struck: BTreeMap<String, u64>,
    reached: BTreeMap<&'static str, u64>,
    failed: Vec<Verdict>,
    told: Option<Instant>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match (options.seed, options.seeded_bug) {
        (Some(seed), bug) => replay(seed, bug),
        (None, Some(bug)) => seeded(&options, &[bug]),
        (None, None) if options.seeded_bugs => seeded(&options, Bug::ALL),
        (None, None) => many(&options),
    }
}

/// Runs seeds with each bug, and tells whether it is noticed.
fn seeded(options: &Options, all: &[Bug]) -> ExitCode {
    let (next, missed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(bug) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (name, began) = (bug.name(), now());
            if let Some(why) = bugs::shows_elsewhere(*bug) {
                println!("{name:>28}  left out: {why}");
                continue;
            }
            let noticed = bugs::notice(*bug, options.first, options.seeds);
            let took = began.elapsed().as_secs_f64();
            if let Some(Verdict { seed, violations, .. }) = noticed {
                println!("{name:>28}  noticed at seed {seed}, {took:.1} s: {}", violations[0]);
            } else {
                missed.fetch_add(1, Ordering::Relaxed);
                println!("{name:>28}  NOT NOTICED, {took:.1} s");
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads(options) {
            scope.spawn(work);
        }
    });
    if missed.into_inner() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn replay(seed: u64, bug: Option<Bug>) -> ExitCode {
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG);
    subscriber.without_time().with_ansi(false).init();
    let verdict = bug.map_or_else(|| run(seed, true), |bug| bugs::run_with(bug, seed, true));
    println!("{}", verdict.history.join("\n"));
    println!("{} batches, digest {:016x}, faults {:?}", verdict.batches, verdict.digest, verdict.struck);
    tell(&verdict)
}

fn tell(verdict: &Verdict) -> ExitCode {
    let Verdict { seed, violations, plan, .. } = verdict;
    if violations.is_empty() {
        println!("seed {seed}: everything is as it must be");
        return ExitCode::SUCCESS;
    }
    println!("seed {seed}:\n  {}\nplan: {plan}", violations.join("\n  "));
    println!("run it again with: cargo run -p igentai-simulation -- --seed {seed}");
    ExitCode::FAILURE
}

fn many(options: &Options) -> ExitCode {
    let began = now();
    let (next, sums) = (AtomicU64::new(options.first), Mutex::new(Sums::default()));
    let (next, sums) = (&next, &sums);
    let work = || {
        loop {
            let verdict = run(next.fetch_add(1, Ordering::Relaxed), false);
            let Ok(mut sums) = sums.lock() else { return };
            if sums.full >= options.seeds || !sums.failed.is_empty() {
                return;
            }
            sums.add(verdict);
            if sums.told.unwrap_or(began).elapsed() >= PROGRESS {
                sums.told = Some(now());
                println!("{} of {} seeds, {} s", sums.full, options.seeds, began.elapsed().as_secs());
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads(options) {
            scope.spawn(work);
        }
    });
    sums.lock().map_or(ExitCode::FAILURE, |sums| sums.tell(options.seeds, began.elapsed()))
}

fn threads(options: &Options) -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    options.threads.unwrap_or(cores).max(1)
}

impl Sums {
    fn add(&mut self, verdict: Verdict) {
        let faults: u64 = verdict.struck.values().sum();
        if verdict.batches >= BATCHES && faults >= FAULTS {
            self.full += 1;
        } else {
            self.short += 1;
        }
        self.batches += verdict.batches;
        self.faults += faults;
        for (kind, times) in &verdict.struck {
            *self.struck.entry(kind.clone()).or_default() += times;
        }
        for (what, times) in &verdict.reached {
            *self.reached.entry(what).or_default() += times;
        }
        if !verdict.violations.is_empty() {
            self.failed.push(verdict);
        }
    }

    fn tell(&self, wanted: u64, took: Duration) -> ExitCode {
        let Self { full, short, batches, faults, .. } = self;
        println!(
            "{full} seeds of at least {BATCHES} batches and {FAULTS} faults, {short} shorter ones, in {:.1} s: {batches} batches, {faults} faults",
            took.as_secs_f64()
        );
        for (kind, times) in &self.struck {
            println!("  {times:>9}  {kind}");
        }
        for (what, times) in &self.reached {
            println!("  {times:>9}  times {what}");
        }
        if let Some(verdict) = self.failed.iter().min_by_key(|verdict| verdict.seed) {
            return tell(verdict);
        }
        let mut missing: Vec<String> =
            kinds().into_iter().filter(|kind| !self.struck.contains_key(kind)).collect();
        let unmet = self.reached.iter().filter(|(_, times)| **times == 0);
        missing.extend(unmet.map(|(what, _)| (*what).to_owned()));
        if wanted >= ENOUGH && !missing.is_empty() {
            println!("this never happened: {missing:?}");
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }
}

#[expect(clippy::disallowed_methods, reason = "it tells how long it took")]
fn now() -> Instant {
    Instant::now()
}
