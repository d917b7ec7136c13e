//! The stand-in model service as a program, for tests with processes and for trying things by hand.

use std::{
    error::Error,
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::Parser;
use igentai_test_support::model::{Behaviour, ModelService, Plan, Script, Speaker};
use igentai_test_support::world::taxonomy::{Taxonomy, TaxonomyError};
use igentai_test_support::world::{Family, World};
use tokio::signal::unix::{SignalKind, signal};

/// A stand-in for an OpenAI-compatible model service: names items of a catalogue or of a taxonomy, the popular ones more often.
#[derive(Debug, Parser)]
struct Arguments {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// A file with an item a line, the most popular first.
    #[arg(long, required_unless_present = "taxonomy")]
    catalogue: Option<PathBuf>,
    /// A taxonomy instead: models that are asked for letters, kinds and the like answer as they should, and have faults of their own.
    #[arg(long, conflicts_with = "catalogue")]
    taxonomy: Option<String>,
    /// Which models know the taxonomy: one, same, collapsed, complementary.
    #[arg(long, default_value = "one", value_parser = Family::named)]
    models: Family,
    /// How much of the time that such a model takes is really taken.
    #[arg(long, default_value_t = 1.0)]
    slowness: f64,
    /// Requests to a model within any minute; those beyond get a 429.
    #[arg(long)]
    requests_per_minute: Option<usize>,
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
    let catalogue = match &arguments.catalogue {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| format!("the catalogue {} can't be read: {error}", path.display()))?,
        None => String::new(),
    };
    let speaker = |name: &String| {
        let taxonomy = Taxonomy::load(name)?;
        let world = World::new(taxonomy, arguments.models.models(), arguments.exponent, arguments.seed);
        Ok::<_, TaxonomyError>(Speaker { world: Arc::new(world), slowness: arguments.slowness })
    };
    let world = arguments.taxonomy.as_ref().map(speaker).transpose()?;
    let share = arguments.failure_rate / 3.0;
    let failures = [Behaviour::too_many_requests("1"), Behaviour::status(500), Behaviour::TruncatedJson];
    let script = Script {
        exponent: arguments.exponent,
        seed: arguments.seed,
        obedience: arguments.obedience,
        world,
        requests_per_minute: arguments.requests_per_minute,
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
