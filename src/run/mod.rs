//! `igentai run`: everything in this one process.

use std::time::Duration;

use igentai_core::folder::TopicId;
use igentai_core::status::TopicStatus;
use igentai_core::time::Monotonic;
use igentai_core::topic::{EndReason, SeedList};
use igentai_producer::pool::NO_PRICE;
use igentai_producer::provider::demo;
use igentai_shared::config::providers::ProviderKind;
use igentai_shared::config::{Config, Keys};
use igentai_shared::registry;
use igentai_shared::shutdown::Shutdown;

use crate::cli::{self, Common, Run};
use crate::exit::{Exit, Failure};
use crate::{output, parts, rules, settings};

mod begin;
mod line;
mod show;
mod summary;
mod system;
mod terminal;
mod watch;
mod weights;

use show::Show;
use system::{Means, System};
use watch::{Watch, Watched};

/// How long producers may take to leave when their topic has ended: what they had under way is settled then.
const SETTLED: Duration = Duration::from_secs(3);

/// How much longer than its time and the answers under way a topic may take to end while nothing is heard of it; and how long after an interruption.
const SILENT_END: Duration = Duration::from_secs(15);

/// How long producers that leave at once are waited for: as long as they have for their last words and their farewell.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// How long the topic may take to end that is left at once.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Whoever sends SIGTERM sends SIGKILL after a while, Kubernetes after 30 s: by then everything must be told.
const PATIENCE_OF_SUPERVISORS: Duration = Duration::from_secs(20);

pub(crate) async fn run(arguments: Run, common: &Common) -> Result<Exit, Failure> {
    let items =
        settings::flag("--items-per-request", &["run", "items_per_request"], arguments.items_per_request);
    let flags: Vec<_> = settings::whole_system(arguments.producers, arguments.port, arguments.out.as_deref())
        .into_iter()
        .chain(items)
        .collect();
    let (mut config, environment) = settings::load(common, &flags, Keys::Needed)?;
    let show = Show::new(&arguments, common);
    settings::log(common, &config, &environment, "warn", show.log_sink())?;
    let notes = settings::find_providers(&mut config, &environment).await;
    settings::apply_weights(&mut config, &arguments.providers)?;
    if let Some(name) = &arguments.topic {
        TopicId::from_name(name)
            .map_err(|error| Failure::usage(format!("the topic's name cannot be used: {error}")))?;
        cli::partition(arguments.partition, &arguments.categories)?;
        cli::given(&arguments.categories)?;
        // What is to go on must be there first, which the store tells.
        if !arguments.resume {
            refuse_what_nobody_knows(&config, name)?;
        }
        if arguments.max_usd.is_some() {
            refuse_unknown_prices(&config)?;
        }
    }
    if arguments.rules.are_given() && arguments.topic.is_none() {
        return Err(Failure::usage("rules for items are a topic's; name one"));
    }
    if arguments.seeds.are_given() && arguments.topic.is_none() {
        return Err(Failure::usage("known items are a topic's; name one"));
    }
    arguments.rules.rules(&config.run.rules)?;
    let seeds = arguments.seeds.read()?;
    let shutdown = Shutdown::new();
    parts::listen(&shutdown, Some(PATIENCE_OF_SUPERVISORS))?;
    let (system, means) = System::open(&config, &arguments, shutdown).await?;
    for note in notes {
        show.note(&note);
    }
    let (outcome, patience) = match &arguments.topic {
        Some(name) => {
            (enumerate(&system, means, &config, (&arguments, seeds.as_ref()), name, &show).await, SETTLED)
        }
        None => (serve(&system, means, &config, &show).await, system.grace(&config)),
    };
    let lost = system.stop(patience).await;
    outcome.and_then(|exit| lost.map_or(Ok(exit), Err))
}

fn refuse_what_nobody_knows(config: &Config, name: &str) -> Result<(), Failure> {
    let asked = |weight: f64| weight > 0.0;
    let only_demo = config.providers.iter().filter(|p| asked(p.weight)).all(|p| p.kind == ProviderKind::Demo);
    if only_demo && !demo::knows(name) {
        return Err(Failure::new(
            Exit::NoProvider,
            format!("nobody here knows about “{name}”: {}", demo::advice()),
        ));
    }
    Ok(())
}

/// A cap on money holds only where prices are known.
fn refuse_unknown_prices(config: &Config) -> Result<(), Failure> {
    let asked = || config.providers.iter().filter(|provider| provider.weight > 0.0);
    for provider in asked().filter(|provider| !provider.price_known) {
        output::note(&format!("{}: {NO_PRICE}", provider.name));
    }
    if asked().all(|provider| !provider.price_known) {
        return Err(Failure::usage("--max-usd needs a provider with a known price; nothing was started"));
    }
    Ok(())
}

/// Starts the topic, sets everybody to work and shows it until it has ended.
async fn enumerate(
    system: &System,
    means: Means,
    config: &Config,
    (arguments, seeds): (&Run, Option<&SeedList>),
    name: &str,
    show: &Show,
) -> Result<Exit, Failure> {
    let started = system.clock.now().monotonic;
    let topic = begin::begin(system, config, arguments, name, seeds).await?;
    let says_none = arguments.rules.rules(&config.run.rules)?.is_none();
    if let Some(words) = topic.rules.in_words().filter(|_| says_none) {
        show.note(&rules::kept(&words));
    }
    let before = system.store.head(&topic.id).await?;
    let known = if before.run == topic.run { before.attributes } else { 0 };
    // Before anybody works, so that nothing is missed.
    let mut watch = Watch::new(system.bus.as_ref(), &system.id).await?;
    system.work(means, config)?;
    show.started(&topic, known, config, system.address);
    let mut interrupted: Option<Monotonic> = None;
    // Since then nothing is under way any more that an end would wait for.
    let mut idle: Option<Monotonic> = None;
    let mut last: Option<Box<TopicStatus>> = None;
    loop {
        let stop = system.shutdown.stop_token();
        let watched = tokio::select! {
            biased;
            () = stop.cancelled(), if interrupted.is_none() => {
                system.is_whole()?;
                interrupted = Some(system.clock.now().monotonic);
                idle = interrupted;
                show.stopping(system.pool.in_flight(), system.grace(config));
                if let Err(error) = registry::end(system.store.as_ref(), &topic.id, EndReason::Interrupted).await {
                    tracing::warn!(error = %error, "the topic could not be ended in good order");
                    system.is_whole()?;
                    return Ok(Exit::Interrupted);
                }
                continue;
            }
            () = system.shutdown.now_token().cancelled() => {
                system.is_whole()?;
                // What producers give up is committed as such, and their leases are given back.
                watch.until_ended(&topic, AT_ONCE).await;
                show.interrupted_at_once(&topic, &config.run.out);
                return Ok(Exit::Interrupted);
            }
            watched = watch.next(&topic.id, topic.run) => watched?,
        };
        match watched {
            Watched::New { first, texts } => show.attributes(&topic, first, &texts),
            Watched::Status(status) => {
                let seconds = system.clock.now().monotonic.since(started);
                if status.topic.state.is_ended() && status.topic.version > topic.version {
                    show.finished(&status, seconds, &config.run.out);
                    return Ok(exit_of(&status));
                }
                show.progress(&status, seconds);
                last = Some(status);
            }
            Watched::Silence => {
                let now = system.clock.now().monotonic;
                let (seconds, why) = (now.since(started), system.why_silent());
                if interrupted.is_some_and(|at| now.since(at) > SILENT_END) {
                    tracing::warn!(reason = why, "the topic could not be ended in good order");
                    return Ok(Exit::Interrupted);
                }
                let too_long = |limit| seconds > limit + system.grace(config) + SILENT_END;
                if arguments.time_limit.is_some_and(too_long) {
                    return Err(Failure::new(
                        Exit::Failed,
                        format!("the time is over, and the topic cannot be ended: {why}"),
                    ));
                }
                if let Some(status) = &mut last {
                    status.problem = Some(why);
                    show.progress(status, seconds);
                }
            }
        }
        let now = system.clock.now().monotonic;
        if let Some(since) = &mut idle {
            if system.pool.in_flight() > 0 {
                *since = now;
            }
            if now.since(*since) > SILENT_END {
                tracing::warn!(reason = system.why_silent(), "the topic could not be ended in good order");
                return Ok(Exit::Interrupted);
            }
        }
        if show.is_unread() && interrupted.is_none() {
            output::note("standard output was closed, so nobody reads on");
            system.shutdown.stop();
        }
    }
}

fn exit_of(status: &TopicStatus) -> Exit {
    let (nobody_answered, asked) = (status.totals.responses == 0, status.totals.failed_responses > 0);
    match status.topic.state.reason() {
        Some(EndReason::TimeLimit) if nobody_answered => Exit::NoProvider,
        Some(EndReason::MaxRequests | EndReason::MaxUsd) if nobody_answered && asked => Exit::NoProvider,
        Some(EndReason::NoProvider) => Exit::NoProvider,
        Some(EndReason::Interrupted) => Exit::Interrupted,
        Some(
            EndReason::Dry
            | EndReason::Complete
            | EndReason::LowYield
            | EndReason::MaxAttributes
            | EndReason::MaxRequests
            | EndReason::MaxUsd
            | EndReason::TimeLimit
            | EndReason::Stopped,
        )
        | None => Exit::Done,
    }
}

/// Serves until a signal. Topics that run go on where they were left when the process starts again.
async fn serve(system: &System, means: Means, config: &Config, show: &Show) -> Result<Exit, Failure> {
    let Some(address) = system.address else {
        return Err(Failure::usage(
            "there is nothing to do: give a topic, or leave --no-web out to start topics from the page",
        ));
    };
    let topics = system.store.topics().await?.len();
    system.work(means, config)?;
    show.serving(address, u64::try_from(topics).unwrap_or(u64::MAX));
    system.shutdown.stop_token().cancelled().await;
    system.is_whole()?;
    show.stopping(system.pool.in_flight(), system.grace(config));
    output::note("topics go on from here at the next start");
    Ok(Exit::Done)
}
