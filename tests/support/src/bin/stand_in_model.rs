//! The stand-in model service as a program, for tests with processes and for trying things by hand.

use std::{
    error::Error,
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use clap::Parser;
use igentai_test_support::model::{Behaviour, ModelService, Plan, Script};
use tokio::signal::unix::{SignalKind, signal};

/// A stand-in for an OpenAI-compatible model service: names items of a catalogue, the popular ones more often.
#[derive(Debug, Parser)]
struct Arguments {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// A file with an item a line, the most popular first.
    #[arg(long)]
    catalogue: PathBuf,
    /// A file that a line of JSON is appended to for every request.
    #[arg(long)]
    journal: Option<PathBuf>,
    /// Names the random numbers.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Before every answer.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// The share of requests that fail, with 429, 500, or a cut-off answer.
    #[arg(long, default_value_t = 0.0)]
    failure_rate: f64,
    /// With which probability an item is left out that the prompt names.
    #[arg(long, default_value_t = 0.0)]
    obedience: f64,
    /// Of Zipf's law; 0 makes all items equally popular.
    #[arg(long, default_value_t = 1.0)]
    exponent: f64,
    /// If given, other keys get a 401.
    #[arg(long)]
    key: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let catalogue = std::fs::read_to_string(&arguments.catalogue)
        .map_err(|error| format!("the catalogue {} can't be read: {error}", arguments.catalogue.display()))?;
    let share = arguments.failure_rate / 3.0;
    let failures = [Behaviour::too_many_requests("1"), Behaviour::status(500), Behaviour::TruncatedJson];
    let script = Script {
        exponent: arguments.exponent,
        seed: arguments.seed,
        obedience: arguments.obedience,
        latency: Duration::from_millis(arguments.latency_ms),
        plan: Plan::Random(failures.map(|failure| (share, failure)).to_vec()),
        key: arguments.key,
        journal: arguments.journal,
        ..Script::new(catalogue.lines().map(str::trim).filter(|line| !line.is_empty()))
    };
    let service = ModelService::start_at(arguments.port, script).await?;
    writeln!(io::stdout(), "listening on {}", service.base_url())?;
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    writeln!(io::stdout(), "{} requests, {} answered", service.requests(), service.answered())?;
    Ok(())
}
