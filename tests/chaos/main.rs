//! The real program by role over real servers, under load, while faults are made by chance, several at once; then a checker that shares no
//! code with it compares everything (`tests/checker`).
//!
//! `IGENTAI_CHAOS_FAULTS` is how many faults are made, `IGENTAI_CHAOS_SEED` where chance begins, `IGENTAI_CHAOS_ONLY` the kinds, by name with
//! commas between them, `IGENTAI_CHAOS_KEEP` a folder to leave everything in. [`faults::Kind`] lists the kinds: all of them come up before
//! any comes up twice. Timing is the machine's, so a seed repeats the faults and not what comes of them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stdout, reason = "what was made and measured is the result")]
#![expect(
    clippy::disallowed_methods,
    reason = "real processes live in real time, and the size of a round comes from the environment"
)]

mod checker;
mod faults;
mod poison;
mod rounds;
#[cfg(feature = "seeded-bugs")]
mod seeded;
mod system;

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde_json::Value;

use crate::faults::Made;
use crate::system::{Role, System};

/// Faults of a short round.
const SHORT: usize = 60;

/// Half of all recoveries take no longer.
const MEDIAN: Duration = Duration::from_secs(1);

/// Which faults are made.
struct Plan {
    seed: u64,
    faults: usize,
    /// At once, at most.
    at_once: usize,
    /// Names of the kinds; empty for all.
    only: Vec<String>,
    /// All of `only` in every round, in that order.
    together: bool,
    /// A bug that the program is built with and shall have.
    bug: Option<&'static str>,
}

/// What came of it.
struct Played {
    system: System,
    made: Vec<Made>,
    /// Why it was given up before its end.
    stuck: Option<String>,
    report: Value,
    said: String,
}

/// Starts everything, makes the faults, lets it come to rest, and has it checked.
async fn play(plan: &Plan) -> Played {
    let mut system = System::start(plan.bug).await;
    let scene = checker::write_scene(&system, plan.seed, &[]);
    let watch = checker::Watch::start(&scene).await;
    system.start_topics().await;
    let (made, stuck) = rounds::run(&mut system, plan).await;
    let stuck = stuck.or(system.stop_topics().await);
    watch.end().await;
    let scene = checker::write_scene(&system, plan.seed, &made);
    let (report, said) = checker::check(&scene);
    keep(&system);
    Played { system, made, stuck, report, said }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_hung_or_cut_off_nothing_is_lost_or_twice_and_it_goes_on_within_seconds() {
    let seed = setting("IGENTAI_CHAOS_SEED").unwrap_or(1);
    let faults = setting("IGENTAI_CHAOS_FAULTS").map_or(SHORT, |count| usize::try_from(count).unwrap());
    let only = std::env::var("IGENTAI_CHAOS_ONLY").unwrap_or_default();
    let only: Vec<String> = only.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let chosen = !only.is_empty();
    println!("chaos: {faults} faults, seed {seed}");
    let Played { mut system, made, stuck, report, said } =
        play(&Plan { seed, faults, at_once: 3, only, together: false, bug: None }).await;
    println!("{said}");
    for (kind, count) in rounds::by_kind(&made) {
        println!("{count:>4} {kind}");
    }
    println!("{} faults made; {}", made.len(), Recovery::of(&report));
    let again =
        format!("run it again with: IGENTAI_CHAOS_SEED={seed} IGENTAI_CHAOS_FAULTS={faults} tests/run chaos");
    assert_eq!(stuck, None, "{again}\n{}", system.tails());
    assert_eq!(report["verdict"], 0, "{again}\n{}", system.tails());
    // How long the worst may take is judged by the checker, fault by fault; the median is that of all kinds.
    let is_soon = chosen || Recovery::of(&report).median() <= MEDIAN;
    assert!(is_soon, "{}; {again}", Recovery::of(&report));
    for role in [Role::Producer, Role::Webserver, Role::Orchestrator] {
        for place in system.places(role) {
            assert_eq!(system.terminate(place).await, Ok(()), "{again}");
        }
    }
}

#[test]
fn the_checker_notices_whatever_is_broken_and_passes_nothing_that_is_empty() {
    let (notices, said) = checker::self_test();
    assert!(notices, "{said}");
}

/// Times from the end of a fault to the first commit of an answer that was asked for after it, in order.
struct Recovery(Vec<Duration>);

impl Recovery {
    fn of(report: &Value) -> Self {
        let found = report["recoveries"].as_array().into_iter().flatten();
        let times = found.filter_map(|one| one["recovered_after_ms"].as_u64());
        let mut times: Vec<Duration> = times.map(Duration::from_millis).collect();
        times.sort_unstable();
        Self(times)
    }

    /// For ever where nothing was measured.
    fn median(&self) -> Duration {
        self.0.get(self.0.len() / 2).copied().unwrap_or(Duration::MAX)
    }
}

impl Display for Recovery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.last() {
            Some(worst) => {
                write!(f, "recovery after a fault: median {:?}, worst {worst:?}", self.median())
            }
            None => write!(f, "no recovery was measured"),
        }
    }
}

/// Leaves everything behind that was looked at, where somebody wants to look at it.
fn keep(system: &System) {
    if let Ok(folder) = std::env::var("IGENTAI_CHAOS_KEEP") {
        std::process::Command::new("cp").arg("-r").arg(system.folder.path()).arg(folder).status().unwrap();
    }
}
