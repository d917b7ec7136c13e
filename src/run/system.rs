//! The parts of the one process, from the first that is opened to the last that is closed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use igentai_core::ids::WorkerId;
use igentai_orchestrator::Context as Orchestrator;
use igentai_producer::pool::ProviderPool;
use igentai_shared::bus::Bus;
use igentai_shared::bus::memory::MemoryBus;
use igentai_shared::bus::trouble::Troubles;
use igentai_shared::clock::{Clock, SystemClock};
use igentai_shared::config::Config;
use igentai_shared::id;
use igentai_shared::shutdown::Shutdown;
use igentai_shared::store::Store;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::telemetry::metrics::Metrics;
use rand::rngs::StdRng;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::cli::Run;
use crate::exit::{Exit, Failure};
use crate::output::counted;
use crate::parts::{self, Door};

use super::LAST_WORDS;

/// How long the rest may take after them.
const REST_DEADLINE: Duration = Duration::from_secs(5);

/// An embedded system, its parts in the order in which they are stopped.
pub(super) struct System {
    pub(super) shutdown: Shutdown,
    producers: TaskTracker,
    stop_producers: CancellationToken,
    stop_web: CancellationToken,
    stop_orchestrator: CancellationToken,
    orchestrator: TaskTracker,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) store: Arc<dyn Store>,
    /// The same, as the file that it is.
    file: Arc<EmbeddedStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) id: WorkerId,
    /// Of page and API, if they are served.
    pub(super) address: Option<SocketAddr>,
    pub(super) pool: ProviderPool,
    /// What keeps the orchestrator from its work.
    troubles: Troubles,
    /// Answers that producers had when they left, and nobody had committed.
    uncommitted: Arc<AtomicUsize>,
}

/// What those need who work.
pub(super) struct Means {
    metrics: Metrics,
    listener: Option<TcpListener>,
    random: StdRng,
}

impl System {
    /// Opens everything that can refuse to be opened. Nobody works yet.
    pub(super) async fn open(
        config: &Config,
        arguments: &Run,
        shutdown: Shutdown,
    ) -> Result<(Self, Means), Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let mut random = parts::random()?;
        let id = parts::worker_id("run", None, &mut random)?;
        let pool = parts::pool(config, &clock, &mut random)?;
        let file = EmbeddedStore::open(&config.run.out.join(".igentai"));
        let file = file.map_err(|error| Failure::unopened(&error))?;
        let store: Arc<dyn Store> = Arc::clone(&file) as Arc<dyn Store>;
        let bus: Arc<dyn Bus> = MemoryBus::new();
        let metrics = parts::metrics(&shutdown, clock.as_ref())?;
        let door = Door { bind: config.web.bind, port: config.web.port, or_any: arguments.port.is_none() };
        let (listener, address) = if arguments.no_web {
            (None, None)
        } else {
            let (listener, address) = parts::open(&door).await?;
            if let Err(error) = file.serves(&format!("http://{}", reachable(address))) {
                warn!(error = %error, "whoever finds the registry in use is not told where to ask");
            }
            (Some(listener), Some(address))
        };
        parts::watch_dependencies(&shutdown, Arc::clone(&bus), Some(Arc::clone(&store)));
        leave_when_the_store_has_failed(&shutdown, Arc::clone(&file));
        let system = Self {
            producers: TaskTracker::new(),
            stop_producers: CancellationToken::new(),
            stop_web: CancellationToken::new(),
            stop_orchestrator: CancellationToken::new(),
            orchestrator: TaskTracker::new(),
            bus,
            store,
            file,
            clock,
            id,
            address,
            pool,
            troubles: Troubles::default(),
            uncommitted: Arc::default(),
            shutdown,
        };
        Ok((system, Means { metrics, listener, random }))
    }

    /// Serves page and API, and sets orchestrator and producers to work.
    pub(super) fn work(&self, means: Means, config: &Config) -> Result<(), Failure> {
        let Means { metrics, listener, mut random } = means;
        let (bus, store, clock) = (&self.bus, &self.store, &self.clock);
        if let Some(listener) = listener {
            let (stop, id) = (self.stop_web.clone(), self.id.clone());
            parts::serve_web(&self.shutdown, stop, listener, id, bus, store, clock, &metrics, config);
        }
        let options = igentai_orchestrator::Options { sole: true, ..parts::orchestrator_options(config) };
        let context = Orchestrator {
            id: self.id.clone(),
            new_registry_id: id::random_suffix(&mut random),
            bus: Arc::clone(bus),
            store: Arc::clone(store),
            clock: Arc::clone(clock),
            options,
            troubles: self.troubles.clone(),
        };
        let stop = self.stop_orchestrator.clone();
        let run = igentai_orchestrator::run(context, stop.clone());
        self.orchestrator.spawn(self.shutdown.vital("orchestrator", stop, run));
        for number in 1..=config.run.producers {
            let id = parts::worker_id("producer", Some(&format!("producer-{number}")), &mut random)?;
            let name = id.to_string();
            let (bus, clock, pool) = (Arc::clone(bus), Arc::clone(clock), self.pool.clone());
            let mut context = parts::producer(id, bus, clock, pool, config, &mut random, Troubles::default());
            context.options.sharers = config.run.producers;
            let (stop, now) = (self.stop_producers.clone(), self.shutdown.now_token().clone());
            let (asked, uncommitted) = (stop.clone(), Arc::clone(&self.uncommitted));
            let run = async move {
                uncommitted.fetch_add(igentai_producer::run(context, asked, now).await, Ordering::Relaxed);
            };
            self.producers.spawn(self.shutdown.vital(&name, stop, run));
        }
        Ok(())
    }

    /// Refuses to go on with a part less, or with a store that is not used any more: nobody could count on what is left.
    pub(super) fn is_whole(&self) -> Result<(), Failure> {
        if let Some(error) = self.file.failure() {
            return Err(error.into());
        }
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

    /// Why nothing is heard of a topic.
    pub(super) fn why_silent(&self) -> String {
        let known = self.troubles.reasons(self.clock.now().monotonic).into_iter().next();
        known.unwrap_or_else(|| "the coordinator is silent; its messages in the log say why".to_owned())
    }

    /// How long requests under way are waited for.
    pub(super) fn grace(&self, config: &Config) -> Duration {
        let grace = Duration::from_millis(config.orchestrator.end_grace_ms);
        self.shutdown.patience().map_or(grace, |patience| patience.min(grace))
    }

    /// Producers first, so that what they have under way is still committed; the store last. What is lost by it is a failure, unless somebody has
    /// asked to leave at once.
    pub(super) async fn stop(self, patience: Duration) -> Option<Failure> {
        self.stop_producers.cancel();
        self.producers.close();
        let hurry = self.shutdown.now_token().cancelled();
        let left = tokio::select! {
            biased;
            () = hurry => false,
            left = tokio::time::timeout(patience, self.producers.wait()) => left.is_ok(),
        };
        let hurried = self.shutdown.now_token().is_cancelled();
        if !left {
            self.shutdown.now();
            if tokio::time::timeout(LAST_WORDS, self.producers.wait()).await.is_err() {
                tracing::warn!("producers did not leave in time; what they had not published is lost");
            }
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
        let uncommitted = u64::try_from(self.uncommitted.load(Ordering::Relaxed)).unwrap_or(u64::MAX);
        (uncommitted > 0 && !hurried).then(|| {
            let what = counted(uncommitted, "answer");
            let what = format!("{what} could not be committed and must be asked for again");
            let troubles = self.troubles.reasons(self.clock.now().monotonic);
            let all: Vec<String> = std::iter::once(what).chain(troubles).collect();
            Failure::new(Exit::Failed, all.join("; "))
        })
    }
}

/// An address that this machine can ask.
fn reachable(address: SocketAddr) -> SocketAddr {
    let own = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(own, address.port())
}

/// Nothing can be committed any more then, so that nothing is waited for.
fn leave_when_the_store_has_failed(shutdown: &Shutdown, file: Arc<EmbeddedStore>) {
    let (stop, shutdown_now) = (shutdown.stop_token().clone(), shutdown.clone());
    shutdown.spawn("store failure", async move {
        tokio::select! {
            biased;
            () = file.failed() => shutdown_now.now(),
            () = stop.cancelled() => {}
        }
    });
}
