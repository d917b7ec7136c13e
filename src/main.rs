//! `igentai`: enumerates a topic with many language models.

mod bench;
mod cli;
mod config;
mod dead_letters;
mod doctor;
mod exit;
mod output;
mod parts;
mod registry;
mod repair;
mod roles;
mod rules;
mod run;
mod seeds;
mod settings;
mod topics;
mod up;
mod why;

use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::exit::{Exit, Failure};

/// A batch is some hundred small allocations, which this one makes in half of the time that the system's takes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(feature = "seeded-bugs")]
    if let Some(bug) = igentai_shared::config::Environment::of_process().get("IGENTAI_SEEDED_BUG")
        && !igentai_core::seeded::plant(bug)
    {
        output::error(&format!("there is no seeded bug `{bug}`"));
        return Exit::Usage.into();
    }
    let exit = cli::parse().map_or_else(|answer| answer, |cli| ended(work(cli)));
    let exit = if exit == Exit::Done && output::is_lost() { Exit::Failed } else { exit };
    exit.into()
}

fn ended(work: Result<Exit, Failure>) -> Exit {
    work.unwrap_or_else(|failure| {
        output::error(&failure.to_string());
        failure.exit
    })
}

/// A file that may not grow any more (`ulimit -f`) is an error of whoever writes to it, as a full disk is, instead of the end without a word.
fn outlive_full_files() -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use rustix::process::Signal;
        use tokio::signal::unix::{SignalKind, signal};
        // Once it is listened to it does not end the process any more, whether or not anybody goes on listening.
        let listening = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()));
        drop(listening.map_err(|error| {
            Failure::new(Exit::Failed, format!("the handler for SIGXFSZ could not be installed: {error}"))
        })?);
    }
    Ok(())
}

fn work(cli: Cli) -> Result<Exit, Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("igentai").build().map_err(
            |error| Failure::new(Exit::Failed, format!("the async runtime cannot start: {error}")),
        )?;
    let exit = runtime.block_on(async {
        outlive_full_files()?;
        match cli.command {
            Command::Run(arguments) => run::run(*arguments, &cli.common).await,
            Command::Orchestrator(arguments) => roles::orchestrator(arguments, &cli.common).await,
            Command::Producer(arguments) => roles::producer(arguments, &cli.common).await,
            Command::Webserver(arguments) => roles::webserver(arguments, &cli.common).await,
            Command::Up(arguments) => up::up(arguments, &cli.common).await,
            Command::Topics(arguments) => topics::topics(arguments).await,
            Command::Why(arguments) => why::why(arguments, &cli.common).await,
            Command::Quote(arguments) => why::quote::quote(arguments, &cli.common).await,
            Command::Stats(arguments) => why::stats::stats(arguments, &cli.common).await,
            Command::Parts(arguments) => why::parts::parts(arguments, &cli.common).await,
            Command::Replay(arguments) => why::replay(arguments, &cli.common).await,
            Command::DeadLetters(arguments) => dead_letters::dead_letters(arguments).await,
            Command::Repair(arguments) => repair::repair(arguments, &cli.common).await,
            Command::Doctor(arguments) => doctor::doctor(arguments, &cli.common).await,
            Command::Bench(arguments) => bench::bench(arguments, &cli.common).await,
            Command::Config(arguments) => config::config(arguments, &cli.common).await,
        }
    });
    // What is still at work, a request in a blocking call or a thread that waits for a store that hangs, ends with the process. Ended with the
    // runtime it would hold the process up, or panic.
    std::mem::forget(runtime);
    exit
}
