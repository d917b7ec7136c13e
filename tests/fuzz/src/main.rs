//! Broken input for everything that decodes: nothing may panic, hang, or take much more memory than its input.
//!
//! Good input, said by the system itself in its simulation, is changed by chance. A seed and a number give an input, so that each can be made again.
//! Each decoder has a process of its own, in which every allocation is counted.

#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use peak_alloc::PeakAlloc;

mod mutate;
mod one;
mod targets;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Broken input for everything in igentai that decodes.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// How many inputs are made, over all decoders.
    #[arg(long, default_value_t = 1_000_000)]
    inputs: u64,
    /// Go on for so long instead.
    #[arg(long)]
    minutes: Option<u64>,
    /// Another seed makes other inputs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this decoder.
    #[arg(long)]
    target: Option<String>,
    /// Only `--inputs` inputs from this one on: with `--target`, to make one again.
    #[arg(long)]
    from: Option<u64>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let corpus = igentai_simulation::corpus(1);
    let targets = targets::all(&corpus);
    if let (Some(name), Some(from)) = (&options.target, options.from) {
        let Some(target) = targets.iter().find(|target| target.name == name) else {
            println!("there is no decoder `{name}`");
            return ExitCode::from(2);
        };
        return one::run(target, options.seed, from..from + options.inputs);
    }
    let wanted: Vec<&targets::Target> = targets
        .iter()
        .filter(|target| options.target.as_ref().is_none_or(|name| name == target.name))
        .collect();
    let began = now();
    let until = options.minutes.map(|minutes| began + Duration::from_secs(60 * minutes));
    let mut rounds = 0;
    loop {
        let failed = round(&wanted, &options, rounds);
        rounds += 1;
        if failed {
            return ExitCode::FAILURE;
        }
        if until.is_none_or(|until| now() >= until) {
            let all = rounds * options.inputs;
            let seconds = began.elapsed().as_secs_f64();
            println!("{all} inputs in {seconds:.1} s: nothing panics, nothing takes too much memory");
            return ExitCode::SUCCESS;
        }
    }
}

/// Each decoder once, as many at a time as there are cores. Whether one failed.
fn round(targets: &[&targets::Target], options: &Options, number: u64) -> bool {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let shares: u64 = targets.iter().map(|target| target.share).sum();
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(false));
    let work = || {
        while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
            let inputs = (options.inputs * target.share).div_ceil(shares.max(1));
            let from = number * inputs;
            if !child(target.name, options.seed, from, inputs) {
                println!(
                    "{}: run it again with: cargo run -p igentai-fuzz -- --target {} --seed {} --from {from} --inputs {inputs}",
                    target.name, target.name, options.seed
                );
                if let Ok(mut failed) = failed.lock() {
                    *failed = true;
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    failed.lock().is_ok_and(|failed| *failed)
}

/// A process for one decoder, so that its memory is its own and whatever becomes of it is seen. Whether all went well.
fn child(target: &str, seed: u64, from: u64, inputs: u64) -> bool {
    let Ok(program) = std::env::current_exe() else { return false };
    let [seed, from, inputs] = [seed, from, inputs].map(|number| number.to_string());
    let arguments = ["--target", target, "--seed", &seed, "--from", &from, "--inputs", &inputs];
    let run = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let Ok(run) = run else { return false };
    print!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    run.status.success()
}

#[expect(clippy::disallowed_methods, reason = "it tells how long it took")]
fn now() -> Instant {
    Instant::now()
}
