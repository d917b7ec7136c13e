//! The orchestrator: the integrator commits batches, the coordinator decides, the projections write files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use igentai_core::coordinator::Settings;
use igentai_core::ids::WorkerId;
use igentai_shared::bus::Bus;
use igentai_shared::bus::trouble::Troubles;
use igentai_shared::clock::Clock;
use igentai_shared::store::Store;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::error;

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
    /// Made of chance: the registry's id from now on, if it has none yet.
    pub new_registry_id: String,
    /// Broker.
    pub bus: Arc<dyn Bus>,
    /// Registry.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How it goes about it.
    pub options: Options,
    /// Where it notes what keeps it from its work.
    pub troubles: Troubles,
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
    /// Entries that a topic's log must have grown by before its numbers are saved again, so that the next leader need not read them.
    pub checkpoint_after: u64,
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
            checkpoint_after: 1_000,
            default_weights: BTreeMap::new(),
        }
    }
}

/// Pause before a part that panicked begins anew.
const PANIC_PAUSE: Duration = Duration::from_secs(1);

/// Runs integrator and coordinator until `stop`; returns when both have finished what they had begun. When one of them ends by itself the
/// other is stopped, too: half an orchestrator is of no use.
pub async fn run(context: Context, stop: CancellationToken) {
    let stop = stop.child_token();
    let integrator = async {
        again_after_panic("integrator", &stop, || integrator::run(context.clone(), stop.clone())).await;
        stop.cancel();
    };
    let coordinator = async {
        again_after_panic("coordinator", &stop, || coordinator::run(context.clone(), stop.clone())).await;
        stop.cancel();
    };
    futures::future::join(integrator, coordinator).await;
}

/// Runs a part as a task of its own. One that panics gives back what it held, and begins anew.
async fn again_after_panic<F>(name: &str, stop: &CancellationToken, part: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let mut task = JoinSet::new();
        task.spawn(part());
        match task.join_next().await {
            Some(Err(error)) if error.is_panic() => {
                error!(part = name, "a part of the orchestrator panicked and begins anew");
            }
            _ => return,
        }
        if tokio::time::timeout(PANIC_PAUSE, stop.cancelled()).await.is_ok() {
            return;
        }
    }
}
