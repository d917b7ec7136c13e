//! Building the parts of a process: the only place, with the roles, that names concrete adapters.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use igentai_core::coordinator::Settings;
use igentai_core::ids::{Incarnation, WorkerId};
use igentai_core::topic::Share;
use igentai_orchestrator::Options;
use igentai_producer::pool::{self, ProviderPool};
use igentai_shared::bus::trouble::Troubles;
use igentai_shared::bus::{Bus, BusState};
use igentai_shared::clock::Clock;
use igentai_shared::config::{Config, OrchestratorConfig};
use igentai_shared::id;
use igentai_shared::shutdown::Shutdown;
use igentai_shared::store::Store;
use igentai_shared::telemetry::catalogue;
use igentai_shared::telemetry::metrics::{self, Metrics};
use igentai_webserver::{DependencyReadiness, ProbeContext, Readiness, WebContext};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::net::TcpListener;

use crate::exit::{Exit, Failure};
use crate::{output, settings};

/// Between two upkeeps of the metrics' histograms.
const UPKEEP: Duration = Duration::from_secs(5);

/// Randomness from the system.
pub(crate) fn random() -> Result<StdRng, Failure> {
    id::system_rng()
        .map_err(|error| Failure::new(Exit::Failed, format!("the system gives no randomness: {error}")))
}

/// The id given, or a random one for the role.
pub(crate) fn worker_id(role: &str, given: Option<&str>, random: &mut StdRng) -> Result<WorkerId, Failure> {
    match given {
        Some(id) => WorkerId::parse(id).map_err(|error| Failure::usage(error.to_string())),
        None => Ok(WorkerId::of_role(role, id::random_suffix(random))),
    }
}

/// Sets the metrics up, and looks after them.
pub(crate) fn metrics(shutdown: &Shutdown, clock: &dyn Clock) -> Result<Metrics, Failure> {
    let installed = metrics::install();
    let metrics =
        installed.map_err(|error| Failure::new(Exit::Failed, format!("metrics cannot start: {error}")))?;
    metrics::record_start(env!("CARGO_PKG_VERSION"), clock.now().unix);
    let (upkeep, stop) = (metrics.clone(), shutdown.stop_token().clone());
    shutdown.spawn("metrics", async move {
        while tokio::time::timeout(UPKEEP, stop.cancelled()).await.is_err() {
            upkeep.run_upkeep();
        }
    });
    Ok(metrics)
}

/// Measures now and then how the process stands to what it depends on. A producer has no store.
pub(crate) fn watch_dependencies(shutdown: &Shutdown, bus: Arc<dyn Bus>, store: Option<Arc<dyn Store>>) {
    let stop = shutdown.stop_token().clone();
    shutdown.spawn("dependencies", async move {
        loop {
            catalogue::BUS_CONNECTED.set_flag(bus.state() == BusState::Connected, []);
            if let Some(store) = &store {
                let up = tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    up = tokio::time::timeout(UPKEEP, store.lease()) => up,
                };
                catalogue::STORE_UP.set_flag(matches!(up, Ok(Ok(_))), []);
            }
            if tokio::time::timeout(UPKEEP, stop.cancelled()).await.is_ok() {
                return;
            }
        }
    });
}

/// Listens to signals. After one that a kill follows the process leaves at once when `patience` is over.
pub(crate) fn listen(shutdown: &Shutdown, patience: Option<Duration>) -> Result<(), Failure> {
    shutdown.listen(patience).map_err(|error| Failure::new(Exit::Failed, error.to_string()))
}

/// How the orchestrator goes about it, by the configuration.
pub(crate) fn orchestrator_options(config: &Config) -> Options {
    let OrchestratorConfig {
        producer_timeout_ms,
        lease_ttl_ms,
        end_grace_ms,
        sync_interval_ms,
        weight_change_threshold,
        ..
    } = config.orchestrator;
    Options {
        settings: Settings {
            producer_timeout: Duration::from_millis(producer_timeout_ms),
            dry_after: u64::from(config.run.dry_after_answers),
            end_grace: Duration::from_millis(end_grace_ms),
            weight_change_threshold: Share::new(weight_change_threshold),
            ..Settings::default()
        },
        lease_ttl: Duration::from_millis(lease_ttl_ms),
        out: Some(config.run.out.clone()),
        sync_interval: Duration::from_millis(sync_interval_ms),
        default_weights: settings::weights(config),
        ..Options::default()
    }
}

/// The providers of this process.
pub(crate) fn pool(
    config: &Config,
    clock: &Arc<dyn Clock>,
    random: &mut StdRng,
) -> Result<ProviderPool, Failure> {
    pool::build(&config.providers, random.random(), Arc::clone(clock))
        .map_err(|error| Failure::usage(format!("the providers cannot be set up: {error}")))
}

/// A producer of this process.
pub(crate) fn producer(
    id: WorkerId,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    pool: ProviderPool,
    config: &Config,
    random: &mut StdRng,
    troubles: Troubles,
) -> igentai_producer::Context {
    let incarnation: Incarnation = id::incarnation(clock.now().unix, random);
    let options = igentai_producer::Options {
        concurrency: config.producer.concurrency,
        sharers: 1,
        heartbeat: Duration::from_millis(config.producer.heartbeat_ms),
    };
    igentai_producer::Context { id, incarnation, bus, clock, pool, options, seed: random.random(), troubles }
}

/// What a port is for, and what to say when it cannot be had.
pub(crate) struct Door {
    pub(crate) bind: std::net::IpAddr,
    pub(crate) port: u16,
    /// Take another port when this one is in use.
    pub(crate) or_any: bool,
}

/// Opens a port.
pub(crate) async fn open(door: &Door) -> Result<(TcpListener, SocketAddr), Failure> {
    let address = SocketAddr::new(door.bind, door.port);
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) if door.or_any && error.kind() == std::io::ErrorKind::AddrInUse => {
            let other = TcpListener::bind(SocketAddr::new(door.bind, 0)).await;
            let other = other.map_err(|error| refused(address, &error))?;
            if let Ok(taken) = other.local_addr() {
                output::note(&format!("port {} is in use, taking {} instead", door.port, taken.port()));
            }
            other
        }
        Err(error) => return Err(refused(address, &error)),
    };
    let address = listener.local_addr().map_err(|error| refused(address, &error))?;
    Ok((listener, address))
}

fn refused(address: SocketAddr, error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Failed,
        format!("cannot listen on {address}: {error}; choose another port with --port (0 picks one)"),
    )
}

/// Serves API and page.
#[expect(clippy::too_many_arguments, reason = "the composition root puts everything together")]
pub(crate) fn serve_web(
    shutdown: &Shutdown,
    stop: tokio_util::sync::CancellationToken,
    listener: TcpListener,
    id: WorkerId,
    bus: &Arc<dyn Bus>,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    metrics: &Metrics,
    config: &Config,
) {
    let context = WebContext {
        store: Arc::clone(store),
        bus: Arc::clone(bus),
        clock: Arc::clone(clock),
        id,
        metrics: metrics.renderer(),
        readiness: Arc::new(DependencyReadiness { bus: Arc::clone(bus), store: Arc::clone(store) }),
        known_providers: config.providers.iter().map(|provider| provider.name.clone()).collect(),
        items_per_request: config.run.items_per_request,
        partition: config.run.partition,
        probe_share: config.run.probe_share(),
        lease_ttl: Duration::from_millis(config.orchestrator.lease_ttl_ms),
        allowed_hosts: config.web.allowed_hosts.clone(),
        shutdown: stop.clone(),
    };
    let vital = shutdown.vital("webserver", stop, async move {
        if let Err(error) = igentai_webserver::serve(listener, context).await {
            tracing::error!(error = %error, "the web server ended");
        }
    });
    shutdown.spawn("webserver", vital);
}

/// Serves health and metrics of another role.
pub(crate) fn serve_probes(
    shutdown: &Shutdown,
    stop: tokio_util::sync::CancellationToken,
    listener: TcpListener,
    metrics: &Metrics,
    readiness: Arc<dyn Readiness>,
) {
    let context = ProbeContext { metrics: metrics.renderer(), readiness, shutdown: stop };
    shutdown.spawn("probes", async move {
        if let Err(error) = igentai_webserver::serve_probes(listener, context).await {
            tracing::error!(error = %error, "health and metrics are not served any more");
        }
    });
}
