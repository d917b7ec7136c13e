//! `igentai run`: everything in this one process.

use std::sync::Arc;
use std::time::Duration;

use igentai_core::cost::Cost;
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::status::TopicStatus;
use igentai_core::topic::{EndReason, Limits, StartError, StartMode, StartRequest, Topic, TopicState};
use igentai_orchestrator::Context as Orchestrator;
use igentai_producer::pool::NO_PRICE;
use igentai_producer::provider::demo;
use igentai_shared::bus::Bus;
use igentai_shared::bus::memory::MemoryBus;
use igentai_shared::bus::trouble::Troubles;
use igentai_shared::clock::{Clock, SystemClock};
use igentai_shared::config::providers::ProviderKind;
use igentai_shared::config::{Config, Flag, Keys};
use igentai_shared::registry::{self, RegistryError};
use igentai_shared::shutdown::Shutdown;
use igentai_shared::store::Store;
use igentai_shared::store::embedded::EmbeddedStore;
use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::{Common, Run};
use crate::exit::{Exit, Failure};
use crate::parts::{self, Door};
use crate::{output, settings};

mod line;
mod show;
mod summary;
mod terminal;
mod watch;

use show::Show;
use watch::{Watch, Watched};

/// How long producers may finish what is under way when the process stops.
const PRODUCERS_DEADLINE: Duration = Duration::from_secs(12);

/// How long the rest may take after them.
const REST_DEADLINE: Duration = Duration::from_secs(5);

/// The parts of an embedded system, in the order in which they are stopped.
struct System {
    shutdown: Shutdown,
    producers: TaskTracker,
    stop_producers: CancellationToken,
    stop_web: CancellationToken,
    stop_orchestrator: CancellationToken,
    orchestrator: TaskTracker,
    bus: Arc<dyn Bus>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    id: WorkerId,
    address: Option<String>,
}

pub(crate) async fn run(arguments: Run, common: &Common) -> Result<Exit, Failure> {
    let (mut config, environment) = settings::load(common, &flags(&arguments), Keys::Needed)?;
    let show = Show::new(&arguments, common);
    settings::log(common, &config, &environment, "warn", show.log_sink())?;
    let notes = settings::find_providers(&mut config, &environment).await;
    settings::apply_weights(&mut config, &arguments.providers)?;
    if let Some(name) = &arguments.topic {
        TopicId::from_name(name)
            .map_err(|error| Failure::usage(format!("the topic's name cannot be used: {error}")))?;
        // What is to go on must be there first, which the store tells.
        if !arguments.resume {
            refuse_what_nobody_knows(&config, name)?;
        }
        if arguments.max_usd.is_some() {
            refuse_unknown_prices(&config)?;
        }
    }
    let shutdown = Shutdown::new();
    parts::listen(&shutdown)?;
    let system = System::start(&config, &arguments, shutdown).await?;
    for note in notes {
        show.note(&note);
    }
    let outcome = match &arguments.topic {
        Some(name) => enumerate(&system, &config, &arguments, name, &show).await,
        None => serve(&system, &show).await,
    };
    system.stop().await;
    outcome
}

fn flags(arguments: &Run) -> Vec<Flag> {
    let out = arguments.out.as_ref().map(|out| out.display().to_string());
    [
        settings::flag("--producers", &["run", "producers"], arguments.producers),
        settings::flag("--port", &["web", "port"], arguments.port),
        settings::flag("--out", &["run", "out"], out),
    ]
    .into_iter()
    .flatten()
    .collect()
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

impl System {
    async fn start(config: &Config, arguments: &Run, shutdown: Shutdown) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let mut random = parts::random()?;
        let id = parts::worker_id("run", None, &mut random)?;
        let pool = parts::pool(config, &clock, &mut random)?;
        let store = EmbeddedStore::open(&config.run.out.join(".igentai"));
        let store: Arc<dyn Store> = store.map_err(|error| Failure::unopened(&error))?;
        let bus: Arc<dyn Bus> = MemoryBus::new();
        let metrics = parts::metrics(&shutdown, clock.as_ref())?;
        parts::watch_dependencies(&shutdown, Arc::clone(&bus), Some(Arc::clone(&store)));
        let mut system = Self {
            producers: TaskTracker::new(),
            stop_producers: CancellationToken::new(),
            stop_web: CancellationToken::new(),
            stop_orchestrator: CancellationToken::new(),
            orchestrator: TaskTracker::new(),
            bus,
            store,
            clock,
            id,
            address: None,
            shutdown,
        };
        if !arguments.no_web {
            let or_any = arguments.port.is_none();
            let door = Door { bind: config.web.bind, port: config.web.port, or_any };
            let (listener, address) = parts::open(&door).await?;
            let System { bus, store, clock, id, stop_web, shutdown, .. } = &system;
            parts::serve_web(
                shutdown,
                stop_web.clone(),
                listener,
                id.clone(),
                bus,
                store,
                clock,
                &metrics,
                config,
            );
            system.address = Some(format!("http://{address}"));
        }
        if arguments.topic.is_some() {
            system.leave_other_topics().await?;
        }
        system.start_workers(config, &pool, &mut random)?;
        Ok(system)
    }

    fn start_workers(
        &self,
        config: &Config,
        pool: &igentai_producer::pool::ProviderPool,
        random: &mut StdRng,
    ) -> Result<(), Failure> {
        let (bus, clock) = (Arc::clone(&self.bus), Arc::clone(&self.clock));
        let options = igentai_orchestrator::Options { sole: true, ..parts::orchestrator_options(config) };
        let context = Orchestrator {
            id: self.id.clone(),
            bus: Arc::clone(&bus),
            store: Arc::clone(&self.store),
            clock,
            options,
            troubles: Troubles::default(),
        };
        let stop = self.stop_orchestrator.clone();
        let run = igentai_orchestrator::run(context, stop.clone());
        self.orchestrator.spawn(self.shutdown.vital("orchestrator", stop, run));
        for number in 1..=config.run.producers {
            let id = parts::worker_id("producer", Some(&format!("producer-{number}")), random)?;
            let clock = Arc::clone(&self.clock);
            let name = id.to_string();
            let (bus, pool) = (Arc::clone(&bus), pool.clone());
            let context = parts::producer(id, bus, clock, pool, config, random, Troubles::default());
            let (stop, now) = (self.stop_producers.clone(), self.shutdown.now_token().clone());
            let run = igentai_producer::run(context, stop.clone(), now);
            self.producers.spawn(self.shutdown.vital(&name, stop, run));
        }
        Ok(())
    }

    /// Topics that an earlier process was interrupted in do not go on beside the one that is asked for now.
    async fn leave_other_topics(&self) -> Result<(), Failure> {
        for topic in self.store.topics().await? {
            let reason = match topic.state {
                TopicState::Starting | TopicState::Running => EndReason::Interrupted,
                TopicState::Ending(reason) => reason,
                TopicState::Ended(_) => continue,
            };
            let ended = Topic {
                state: TopicState::Ended(reason),
                ended_at: Some(self.clock.now().unix),
                version: topic.version + 1,
                ..topic.clone()
            };
            self.store.put_topic(&registry::by_operator(ended), Some(topic.version)).await?;
        }
        Ok(())
    }

    /// Refuses to go on with a part less: nobody could count on what is left.
    fn is_whole(&self) -> Result<(), Failure> {
        let ended = self.shutdown.ended_early();
        if ended.is_empty() {
            return Ok(());
        }
        let what = format!(
            "stopped since this ended by itself: {}; what was confirmed is kept, start again to go on from there",
            ended.join(", ")
        );
        Err(Failure::new(Exit::Failed, what))
    }

    /// Producers first, so that what they have under way is still committed; the store last.
    async fn stop(self) {
        self.stop_producers.cancel();
        self.producers.close();
        let hurry = self.shutdown.now_token();
        let patient = tokio::time::timeout(PRODUCERS_DEADLINE, self.producers.wait());
        tokio::select! {
            biased;
            () = hurry.cancelled() => {}
            done = patient => if done.is_err() {
                tracing::warn!("producers did not finish in time; what they had not published is lost");
            },
        }
        self.stop_orchestrator.cancel();
        self.stop_web.cancel();
        self.orchestrator.close();
        if tokio::time::timeout(REST_DEADLINE, self.orchestrator.wait()).await.is_err() {
            tracing::warn!("the orchestrator did not stop in time; the files catch up at the next start");
        }
        self.shutdown.stop();
        let report = self.shutdown.finish(REST_DEADLINE, Duration::from_millis(200)).await;
        if !report.is_clean() {
            tracing::debug!(report = %report, "not every task ended by itself");
        }
        self.bus.close().await;
        self.store.close().await;
    }
}

/// Starts the topic and shows it until it has ended.
async fn enumerate(
    system: &System,
    config: &Config,
    arguments: &Run,
    name: &str,
    show: &Show,
) -> Result<Exit, Failure> {
    let started = system.clock.now().monotonic;
    let mut watch = Watch::new(system.bus.as_ref(), &system.id).await?;
    let now = system.clock.now().unix;
    let request = request(config, arguments, name);
    if arguments.resume && system.store.topics().await?.iter().any(|topic| topic.name == request.name) {
        refuse_what_nobody_knows(config, name)?;
    }
    let started_topic = registry::start(system.store.as_ref(), &request, now).await;
    let topic = started_topic.map_err(|error| cannot_start(&error, name))?;
    if let Err(error) = registry::hint(system.bus.as_ref(), &system.id, &topic).await {
        tracing::debug!(error = %error, "the coordinator was not told; it looks by itself");
    }
    let before = system.store.head(&topic.id).await?;
    let known = if before.run == topic.run { before.attributes } else { 0 };
    show.started(&topic, known, config, system.address.as_deref());
    let mut interrupted = false;
    loop {
        let stop = system.shutdown.stop_token();
        let watched = tokio::select! {
            biased;
            () = stop.cancelled(), if !interrupted => {
                system.is_whole()?;
                interrupted = true;
                show.stopping();
                if let Err(error) = registry::end(system.store.as_ref(), &topic.id, EndReason::Interrupted).await {
                    tracing::warn!(error = %error, "the topic could not be ended in good order");
                    return Ok(Exit::Interrupted);
                }
                continue;
            }
            () = system.shutdown.now_token().cancelled() => {
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
            }
        }
        if show.is_unread() && !interrupted {
            output::note("standard output was closed, so nobody reads on");
            system.shutdown.stop();
        }
    }
}

fn request(config: &Config, arguments: &Run, name: &str) -> StartRequest {
    let limits = Limits {
        max_attributes: arguments.max_attributes,
        max_requests: arguments.max_requests,
        max_cost: arguments.max_usd.map(Cost::from_usd),
        time_limit_ms: arguments.time_limit.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)),
    };
    let given = !arguments.providers.is_empty();
    StartRequest {
        name: name.trim().to_owned(),
        prompt: arguments.prompt.clone(),
        provider_weights: given.then(|| arguments.providers.iter().cloned().collect()),
        limits: Some(limits),
        items_per_request: Some(config.run.items_per_request),
        configured_items: None,
        mode: match (arguments.fresh, arguments.resume) {
            (true, _) => StartMode::Fresh,
            (_, true) => StartMode::Resume,
            _ => StartMode::Auto,
        },
    }
}

fn cannot_start(error: &RegistryError, name: &str) -> Failure {
    let text = error.to_string();
    match error {
        RegistryError::State(StartError::NothingToResume) => Failure::usage(format!(
            "there is no earlier run of “{name}” to resume; leave out --resume to start it"
        )),
        RegistryError::Name(_)
        | RegistryError::State(_)
        | RegistryError::UsedUp(_)
        | RegistryError::Overload(_)
        | RegistryError::Namesakes(_) => Failure::usage(text),
        RegistryError::Store(_) | RegistryError::Contended => Failure::new(Exit::Failed, text),
    }
}

fn exit_of(status: &TopicStatus) -> Exit {
    match status.topic.state.reason() {
        Some(EndReason::TimeLimit) if status.totals.responses == 0 => Exit::NoProvider,
        Some(EndReason::NoProvider) => Exit::NoProvider,
        Some(EndReason::Interrupted) => Exit::Interrupted,
        Some(
            EndReason::Dry
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
async fn serve(system: &System, show: &Show) -> Result<Exit, Failure> {
    let Some(address) = &system.address else {
        return Err(Failure::usage(
            "there is nothing to do: give a topic, or leave --no-web out to start topics from the page",
        ));
    };
    let topics = system.store.topics().await?.len();
    show.serving(address, u64::try_from(topics).unwrap_or(u64::MAX));
    system.shutdown.stop_token().cancelled().await;
    system.is_whole()?;
    output::note("stopping; topics go on from here at the next start");
    Ok(Exit::Done)
}
