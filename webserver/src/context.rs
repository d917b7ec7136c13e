//! What the server needs of the process around it.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use igentai_core::ids::WorkerId;
use igentai_core::topic::{Partition, ProbeShare};
use igentai_shared::bus::{Bus, BusState};
use igentai_shared::clock::Clock;
use igentai_shared::store::Store;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::leader::Leader;
use crate::stream::Hub;

/// Renders the process's metrics in the Prometheus text format.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;

/// Says whether the process can do its work now. Liveness never asks this: a broker that is down must not restart anybody.
#[async_trait]
pub trait Readiness: Debug + Send + Sync {
    /// Why it is not ready, for people; empty when it is.
    async fn reasons(&self) -> Vec<String>;

    /// What does not keep it from its work, but should be known; empty when there is nothing.
    async fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Ready when the bus is connected and the store answers and can be trusted.
#[derive(Clone, Debug)]
pub struct DependencyReadiness {
    /// The bus.
    pub bus: Arc<dyn Bus>,
    /// The store.
    pub store: Arc<dyn Store>,
}

const CHECK_DEADLINE: Duration = Duration::from_secs(2);

#[async_trait]
impl Readiness for DependencyReadiness {
    async fn reasons(&self) -> Vec<String> {
        let bus = match self.bus.state() {
            BusState::Connected => None,
            BusState::Disconnected(why) => Some(format!("the bus is not connected: {why}")),
            BusState::Blocked(why) => Some(format!("the bus takes no messages: {why}")),
        };
        let store = match tokio::time::timeout(CHECK_DEADLINE, self.store.check()).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("the store did not answer within {} s", CHECK_DEADLINE.as_secs())),
        };
        bus.into_iter().chain(store).collect()
    }
}

/// What [`serve`](crate::serve) works with.
#[derive(Clone)]
pub struct WebContext {
    /// The registry.
    pub store: Arc<dyn Store>,
    /// Live events come in here, hints to the coordinator go out.
    pub bus: Arc<dyn Bus>,
    /// Time, for records.
    pub clock: Arc<dyn Clock>,
    /// Who this server is: part of its queue's name and of its routing key.
    pub id: WorkerId,
    /// For `/metrics`.
    pub metrics: MetricsText,
    /// For `/health/ready`.
    pub readiness: Arc<dyn Readiness>,
    /// Providers that weights may name; empty when they are not known here.
    pub known_providers: Vec<String>,
    /// Items that a request asks for where a topic does not say.
    pub items_per_request: u32,
    /// How requests aim at parts of a topic that is new and does not say.
    pub partition: Partition,
    /// How many requests of a topic that is new and does not say are a sample of the whole.
    pub probe_share: ProbeShare,
    /// How long the coordinator's lease may stand still before it is taken over; what lasts longer is told as the absence of a leader.
    pub lease_ttl: Duration,
    /// Host names, without port, under which a server on a loopback address may be asked besides `localhost` and addresses. Anything
    /// else is refused there, so that a foreign page cannot reach it by a name of its own (DNS rebinding).
    pub allowed_hosts: Vec<String>,
    /// Cancelled when the process ends.
    pub shutdown: CancellationToken,
}

impl Debug for WebContext {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebContext").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What [`serve_probes`](crate::serve_probes) works with.
#[derive(Clone)]
pub struct ProbeContext {
    /// For `/metrics`.
    pub metrics: MetricsText,
    /// For `/health/ready`.
    pub readiness: Arc<dyn Readiness>,
    /// Cancelled when the process ends.
    pub shutdown: CancellationToken,
}

impl Debug for ProbeContext {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeContext").finish_non_exhaustive()
    }
}

/// What the handlers share.
pub(crate) struct App {
    pub(crate) context: WebContext,
    pub(crate) hub: Arc<Hub>,
    pub(crate) leader: Arc<Leader>,
    /// Starts are taken one by one. The registry takes an identical record for the same call again, and two equal starts within a millisecond
    /// would be just that; those of two servers can still be, and are then both told that the one topic was started.
    pub(crate) starting: Mutex<()>,
    /// Work that outlives its request.
    pub(crate) tasks: TaskTracker,
}

pub(crate) type AppRef = Arc<App>;
