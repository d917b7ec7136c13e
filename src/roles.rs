//! The roles of the distributed shape: each a process of its own over RabbitMQ and Redis.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use igentai_core::ids::WorkerId;
use igentai_orchestrator::Context as Orchestrator;
use igentai_shared::bus::amqp::{AmqpBus, AmqpConfig};
use igentai_shared::bus::trouble::Troubles;
use igentai_shared::bus::{Bus, BusState};
use igentai_shared::clock::{Clock, SystemClock};
use igentai_shared::config::{Config, Environment, Flag, Keys};
use igentai_shared::id;
use igentai_shared::shutdown::Shutdown;
use igentai_shared::store::redis::{RedisConfig, RedisStore};
use igentai_shared::store::{Store, StoreError};
use igentai_shared::telemetry::logging;
use igentai_shared::telemetry::metrics::Metrics;
use igentai_webserver::{DependencyReadiness, Readiness};
use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cli::{self, Common, Producer, Supervised, Webserver};
use crate::exit::{Exit, Failure};
use crate::parts::{self, Door};
use crate::settings;

/// How long a role may finish what it has under way: longer than most model calls, shorter than what comes with a SIGKILL at its end.
const GRACE: Duration = Duration::from_secs(20);

/// How long a child may finish when its supervisor is gone: its siblings leave at the same time, so that nobody may be there to answer.
const ORPHAN_GRACE: Duration = Duration::from_secs(3);

/// How long a role may take to leave at once.
const LAST: Duration = Duration::from_secs(2);

/// How long who leaves at once waits for the servers' goodbye.
const GOODBYE: Duration = Duration::from_millis(300);

/// Between two looks at a store that does not serve yet.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What every role starts with.
struct Base {
    config: Config,
    shutdown: Shutdown,
    clock: Arc<dyn Clock>,
    random: StdRng,
    id: WorkerId,
    metrics: Metrics,
    notes: Vec<String>,
    /// Somebody counts on this very port.
    port_by_variable: bool,
}

impl Base {
    async fn start(
        role: &str,
        id: Option<&str>,
        common: &Common,
        flags: &[Option<Flag>],
        keys: Keys,
        supervised: Supervised,
    ) -> Result<Self, Failure> {
        let flags: Vec<Flag> = flags.iter().flatten().cloned().collect();
        let asks = matches!(keys, Keys::Needed);
        let (mut config, environment): (Config, Environment) = settings::load(common, &flags, keys)?;
        // Who asks models keeps nothing.
        refuse_missing_servers(&config, !asks)?;
        settings::log(common, &config, &environment, "info", logging::standard_error())?;
        let notes = if asks { settings::find_providers(&mut config, &environment).await } else { Vec::new() };
        let port_by_variable = environment.get("PORT").is_some();
        let shutdown = Shutdown::new();
        parts::listen(&shutdown, None)?;
        if supervised.stop_with_stdin {
            stop_with_stdin(&shutdown)?;
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let metrics = parts::metrics(&shutdown, clock.as_ref())?;
        let mut random = parts::random()?;
        let id = parts::worker_id(role, id, &mut random)?;
        Ok(Self { config, shutdown, clock, random, id, metrics, notes, port_by_variable })
    }

    fn bus(&self) -> Result<Arc<dyn Bus>, Failure> {
        let config = broker(&self.config, self.id.as_str())?;
        info!(address = config.address(), "connecting to RabbitMQ");
        Ok(AmqpBus::connect(config))
    }

    fn store(&self) -> Result<Arc<dyn Store>, Failure> {
        let store = RedisStore::connect(&registry(&self.config)?);
        store.map(|store| store as Arc<dyn Store>).map_err(|error| bad_registry(&error))
    }

    /// Waits for a store that is not up yet; refuses one that cannot be trusted. Whether it is up: `false` when stopped while waiting.
    async fn until_up(&self, store: &dyn Store) -> Result<bool, Failure> {
        let mut said = false;
        loop {
            let checked = tokio::select! {
                biased;
                () = self.shutdown.stop_token().cancelled() => return Ok(false),
                checked = store.check() => checked,
            };
            match checked {
                Ok(check) => {
                    info!(product = check.product, "the store is up");
                    for warning in check.warnings.iter().chain(&check.refuses_writes) {
                        warn!(warning, "the store is not as safe as it could be");
                    }
                    return Ok(true);
                }
                Err(error @ (StoreError::Unavailable(_) | StoreError::Unknown(_))) => {
                    if !std::mem::replace(&mut said, true) {
                        let address = registry(&self.config)?.redacted_url();
                        warn!(address, error = %error, "waiting for Redis");
                    }
                }
                Err(error) => return Err(error.into()),
            }
            tokio::select! {
                biased;
                () = self.shutdown.stop_token().cancelled() => return Ok(false),
                () = tokio::time::sleep(STORE_PAUSE) => {}
            }
        }
    }

    /// Starts what this process is there for: without it the process ends. Health is served as long as it works.
    fn spawn_role(
        &self,
        name: &str,
        web_stop: CancellationToken,
        role: impl Future<Output = ()> + Send + 'static,
    ) {
        let serves = web_stop.drop_guard();
        let vital = self.shutdown.vital(name, self.shutdown.stop_token().clone(), async move {
            let _serves = serves;
            role.await;
        });
        self.shutdown.spawn(name, vital);
    }

    /// Ends a start that is refused: the connections end before the program does.
    async fn refuse(&self, refused: Failure, bus: &Arc<dyn Bus>, store: &Arc<dyn Store>) -> Failure {
        self.shutdown.now();
        self.close(bus, Some(store)).await;
        refused
    }

    /// Waits for the end, and for the tasks.
    async fn finish(self, bus: Arc<dyn Bus>, store: Option<Arc<dyn Store>>) -> Result<Exit, Failure> {
        parts::watch_dependencies(&self.shutdown, Arc::clone(&bus), store.clone());
        let report = self.shutdown.finish(GRACE, LAST).await;
        self.close(&bus, store.as_ref()).await;
        if report.is_clean() {
            info!("stopped");
            return Ok(Exit::Done);
        }
        Err(Failure::new(Exit::Failed, report.to_string()))
    }

    /// Ends the connections in good order; who is to leave at once waits no longer for servers that do not answer.
    async fn close(&self, bus: &Arc<dyn Bus>, store: Option<&Arc<dyn Store>>) {
        let closing = async {
            bus.close().await;
            if let Some(store) = store {
                store.close().await;
            }
        };
        let at_once = async {
            self.shutdown.now_token().cancelled().await;
            tokio::time::sleep(GOODBYE).await;
        };
        tokio::select! {
            biased;
            () = closing => {}
            () = at_once => warn!("left without a goodbye: broker or store do not answer"),
        }
    }
}

/// Names every server that is missing, or whose address cannot be used, at once and before anything starts.
pub(crate) fn refuse_missing_servers(config: &Config, store: bool) -> Result<(), Failure> {
    let broker = broker(config, "check").err();
    let store = if store { registry(config).err() } else { None };
    let missing: Vec<String> = broker.iter().chain(&store).map(Failure::to_string).collect();
    if missing.is_empty() { Ok(()) } else { Err(Failure::usage(missing.join("\n"))) }
}

/// The broker's address, under which name this process is known there.
fn broker(config: &Config, name: &str) -> Result<AmqpConfig, Failure> {
    let Some(url) = &config.bus.amqp_url else {
        return Err(Failure::usage(
            "no broker is configured: set AMQP_URL, for example amqp://user:password@127.0.0.1:5672/%2f, or `amqp_url` in the section [bus]",
        ));
    };
    AmqpConfig::new(url.expose(), format!("igentai {name}"))
        .map_err(|error| Failure::usage(format!("AMQP_URL cannot be used: {error}")))
}

/// The store's address.
pub(crate) fn registry(config: &Config) -> Result<RedisConfig, Failure> {
    let Some(url) = &config.store.redis_url else {
        return Err(Failure::usage(
            "no store is configured: set REDIS_URL, for example redis://127.0.0.1:6379, or `redis_url` in the section [store]",
        ));
    };
    let config = RedisConfig { layout: config.store.redis_layout, ..RedisConfig::new(url.expose()) };
    RedisStore::connect(&config).map(|_| config).map_err(|error| bad_registry(&error))
}

fn bad_registry(error: &igentai_shared::store::redis::RedisConfigError) -> Failure {
    Failure::usage(format!("REDIS_URL cannot be used: {error}"))
}

/// The child of a supervisor ends with it, however that ends: their pipe is closed then.
fn stop_with_stdin(shutdown: &Shutdown) -> Result<(), Failure> {
    let ours = shutdown.clone();
    let body = move || {
        let ended = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        info!(ended = ended.is_ok(), "standard input has ended; stopping");
        ours.stop();
        std::thread::sleep(ORPHAN_GRACE);
        ours.now();
    };
    let thread = std::thread::Builder::new().name("stdin".to_owned()).spawn(body);
    thread
        .map(drop)
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot watch standard input: {error}")))
}

pub(crate) async fn orchestrator(role: cli::Orchestrator, common: &Common) -> Result<Exit, Failure> {
    let out = role.out.as_ref().map(|out| out.display().to_string());
    let flags = [
        settings::flag("--port", &["orchestrator", "port"], role.port),
        settings::flag("--out", &["run", "out"], out),
    ];
    let mut base =
        Base::start("orchestrator", role.id.as_deref(), common, &flags, Keys::NotNeeded, role.supervised)
            .await?;
    // Before anything is connected: a port that cannot be had ends the process.
    let (listener, address) =
        open_probes(&base, base.config.orchestrator.port, role.port.is_none() && !base.port_by_variable)
            .await?;
    let (bus, store) = (base.bus()?, base.store()?);
    info!(id = %base.id, address = %address, "orchestrator: health and metrics are served");
    let troubles = Troubles::default();
    let dependencies = Arc::new(DependencyReadiness { bus: Arc::clone(&bus), store: Arc::clone(&store) });
    let (clock, stopping) = (Arc::clone(&base.clock), base.shutdown.stop_token().clone());
    let readiness = Arc::new(Untroubled { dependencies, troubles: troubles.clone(), clock, stopping });
    let web_stop = CancellationToken::new();
    parts::serve_probes(&base.shutdown, web_stop.clone(), listener, &base.metrics, readiness);
    match base.until_up(store.as_ref()).await {
        Ok(true) => {}
        Ok(false) => {
            web_stop.cancel();
            return base.finish(bus, Some(store)).await;
        }
        Err(refused) => return Err(base.refuse(refused, &bus, &store).await),
    }
    let context = Orchestrator {
        id: base.id.clone(),
        new_registry_id: id::random_suffix(&mut base.random),
        bus: Arc::clone(&bus),
        store: Arc::clone(&store),
        clock: Arc::clone(&base.clock),
        options: parts::orchestrator_options(&base.config),
        troubles,
    };
    let stop = base.shutdown.stop_token().clone();
    base.spawn_role("orchestrator", web_stop, igentai_orchestrator::run(context, stop));
    base.finish(bus, Some(store)).await
}

pub(crate) async fn producer(role: Producer, common: &Common) -> Result<Exit, Failure> {
    let flags = [settings::flag("--port", &["producer", "port"], role.port)];
    let mut base =
        Base::start("producer", role.id.as_deref(), common, &flags, Keys::Needed, role.supervised).await?;
    for note in std::mem::take(&mut base.notes) {
        info!(note, "providers");
    }
    // Before anything is connected: a port that cannot be had, or providers that cannot be set up, end the process.
    let (listener, address) =
        open_probes(&base, base.config.producer.port, role.port.is_none() && !base.port_by_variable).await?;
    let pool = parts::pool(&base.config, &base.clock, &mut base.random)?;
    let bus = base.bus()?;
    info!(id = %base.id, address = %address, "producer: health and metrics are served");
    let (web_stop, troubles) = (CancellationToken::new(), Troubles::default());
    let dependencies = Arc::new(BusReadiness { bus: Arc::clone(&bus) });
    let (clock, stopping) = (Arc::clone(&base.clock), base.shutdown.stop_token().clone());
    let readiness = Arc::new(Untroubled { dependencies, troubles: troubles.clone(), clock, stopping });
    parts::serve_probes(&base.shutdown, web_stop.clone(), listener, &base.metrics, readiness);
    let (id, clock) = (base.id.clone(), Arc::clone(&base.clock));
    let context =
        parts::producer(id, Arc::clone(&bus), clock, pool, &base.config, &mut base.random, troubles);
    let (stop, now) = (base.shutdown.stop_token().clone(), base.shutdown.now_token().clone());
    let run = async move {
        let unconfirmed = igentai_producer::run(context, stop, now).await;
        if unconfirmed > 0 {
            warn!(unconfirmed, "a producer left before all its answers were known to be committed");
        }
    };
    base.spawn_role("producer", web_stop, run);
    base.finish(bus, None).await
}

pub(crate) async fn webserver(role: Webserver, common: &Common) -> Result<Exit, Failure> {
    let flags = [settings::flag("--port", &["web", "port"], role.port)];
    let base = Base::start("webserver", role.id.as_deref(), common, &flags, Keys::NotNeeded, role.supervised)
        .await?;
    // Before anything is connected: a port that cannot be had ends the process.
    let door = Door { bind: base.config.web.bind, port: base.config.web.port, or_any: false };
    let (listener, address) = parts::open(&door).await?;
    let (bus, store) = (base.bus()?, base.store()?);
    info!(id = %base.id, address = %address, "webserver: page and API are served");
    let stop = base.shutdown.stop_token().clone();
    let (id, clock) = (base.id.clone(), &base.clock);
    parts::serve_web(&base.shutdown, stop, listener, id, &bus, &store, clock, &base.metrics, &base.config);
    if let Err(refused) = base.until_up(store.as_ref()).await {
        return Err(base.refuse(refused, &bus, &store).await);
    }
    base.finish(bus, Some(store)).await
}

async fn open_probes(
    base: &Base,
    port: u16,
    or_any: bool,
) -> Result<(tokio::net::TcpListener, std::net::SocketAddr), Failure> {
    parts::open(&Door { bind: base.config.web.bind, port, or_any }).await
}

/// Ready when what it depends on is, no part of the process has trouble of its own, and nobody has asked it to stop: from then on it takes no
/// new work, though it may have some to finish.
#[derive(Debug)]
struct Untroubled {
    dependencies: Arc<dyn Readiness>,
    troubles: Troubles,
    clock: Arc<dyn Clock>,
    stopping: CancellationToken,
}

#[async_trait]
impl Readiness for Untroubled {
    async fn reasons(&self) -> Vec<String> {
        let mut reasons = self.dependencies.reasons().await;
        reasons.extend(self.troubles.reasons(self.clock.now().monotonic));
        if self.stopping.is_cancelled() {
            reasons.push("it is stopping, and finishes what is under way".to_owned());
        }
        reasons
    }

    async fn warnings(&self) -> Vec<String> {
        let mut warnings = self.dependencies.warnings().await;
        warnings.extend(self.troubles.warnings());
        warnings
    }
}

/// A producer is ready when it hears commands; it knows no store.
#[derive(Debug)]
struct BusReadiness {
    bus: Arc<dyn Bus>,
}

#[async_trait]
impl Readiness for BusReadiness {
    async fn reasons(&self) -> Vec<String> {
        match self.bus.state() {
            BusState::Connected => Vec::new(),
            BusState::Disconnected(why) => vec![format!("the bus is not connected: {why}")],
            BusState::Blocked(why) => vec![format!("the bus takes no messages: {why}")],
        }
    }
}
