//! The parts of the one process, from the first that is opened to the last that is closed.

use std::net::SocketAddr;
use std::sync::Arc;
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

use crate::cli::Run;
use crate::exit::{Exit, Failure};
use crate::parts::{self, Door};

/// How long producers may finish what is under way when the process stops.
const PRODUCERS_DEADLINE: Duration = Duration::from_secs(12);

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
    pub(super) clock: Arc<dyn Clock>,
    pub(super) id: WorkerId,
    /// Of page and API, if they are served.
    pub(super) address: Option<SocketAddr>,
}

/// What those need who work.
pub(super) struct Means {
    pool: ProviderPool,
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
        let store = EmbeddedStore::open(&config.run.out.join(".igentai"));
        let store: Arc<dyn Store> = store.map_err(|error| Failure::unopened(&error))?;
        let bus: Arc<dyn Bus> = MemoryBus::new();
        let metrics = parts::metrics(&shutdown, clock.as_ref())?;
        let door = Door { bind: config.web.bind, port: config.web.port, or_any: arguments.port.is_none() };
        let (listener, address) = if arguments.no_web {
            (None, None)
        } else {
            let (listener, address) = parts::open(&door).await?;
            (Some(listener), Some(address))
        };
        parts::watch_dependencies(&shutdown, Arc::clone(&bus), Some(Arc::clone(&store)));
        let system = Self {
            producers: TaskTracker::new(),
            stop_producers: CancellationToken::new(),
            stop_web: CancellationToken::new(),
            stop_orchestrator: CancellationToken::new(),
            orchestrator: TaskTracker::new(),
            bus,
            store,
            clock,
            id,
            address,
            shutdown,
        };
        Ok((system, Means { pool, metrics, listener, random }))
    }

    /// Serves page and API, and sets orchestrator and producers to work.
    pub(super) fn work(&self, means: Means, config: &Config) -> Result<(), Failure> {
        let Means { pool, metrics, listener, mut random } = means;
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
            troubles: Troubles::default(),
        };
        let stop = self.stop_orchestrator.clone();
        let run = igentai_orchestrator::run(context, stop.clone());
        self.orchestrator.spawn(self.shutdown.vital("orchestrator", stop, run));
        for number in 1..=config.run.producers {
            let id = parts::worker_id("producer", Some(&format!("producer-{number}")), &mut random)?;
            let name = id.to_string();
            let (bus, clock, pool) = (Arc::clone(bus), Arc::clone(clock), pool.clone());
            let context = parts::producer(id, bus, clock, pool, config, &mut random, Troubles::default());
            let (stop, now) = (self.stop_producers.clone(), self.shutdown.now_token().clone());
            let run = igentai_producer::run(context, stop.clone(), now);
            self.producers.spawn(self.shutdown.vital(&name, stop, run));
        }
        Ok(())
    }

    /// Refuses to go on with a part less: nobody could count on what is left.
    pub(super) fn is_whole(&self) -> Result<(), Failure> {
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
    pub(super) async fn stop(self) {
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
