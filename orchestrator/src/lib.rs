//! The orchestrator: the integrator commits batches, the coordinator decides, the projections write files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use igentai_core::coordinator::Settings;
use igentai_core::ids::WorkerId;
use igentai_shared::bus::Bus;
use igentai_shared::clock::Clock;
use igentai_shared::store::Store;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub mod coordinator;
pub mod files;
pub mod integrator;
mod outbox;
mod send;

/// What an orchestrator works with.
#[derive(Clone, Debug)]
pub struct Context {
    /// Its id.
    pub id: WorkerId,
    /// Broker.
    pub bus: Arc<dyn Bus>,
    /// Registry.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How it goes about it.
    pub options: Options,
}

/// How an orchestrator goes about it.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the coordinator goes by.
    pub settings: Settings,
    /// A lease that was not seen to move for so long is taken over.
    pub lease_ttl: Duration,
    /// Nobody else can hold the lease, since this process holds the store alone: it is taken at once.
    pub sole: bool,
    /// Where the files go; `None` writes none.
    pub out: Option<PathBuf>,
    /// Longest time between a commit and its line on disk.
    pub sync_interval: Duration,
    /// Weights of the configured providers, to be shown where a topic has none of its own.
    pub default_weights: BTreeMap<String, f64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            lease_ttl: Duration::from_secs(5),
            sole: false,
            out: None,
            sync_interval: Duration::from_secs(1),
            default_weights: BTreeMap::new(),
        }
    }
}

/// Runs integrator and coordinator until `stop`; returns when both have finished what they had begun. Dropping the future ends both, and a
/// panic of one ends the other and goes on to the caller: half an orchestrator would look alive and do nothing.
pub async fn run(context: Context, stop: CancellationToken) {
    let mut tasks = JoinSet::new();
    tasks.spawn(integrator::run(context.clone(), stop.clone()));
    tasks.spawn(coordinator::run(context, stop));
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
}
