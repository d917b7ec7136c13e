//! The producer: asks models, reads their answers, publishes one batch for each, and keeps every text until its receipt is resolved.
//!
//! What to ask and what to publish is decided by [`igentai_core::worker`]; this is the shell that knows the bus, the providers and the clock.

use std::sync::Arc;
use std::time::Duration;

use igentai_core::ids::{Incarnation, WorkerId};
use igentai_shared::bus::Bus;
use igentai_shared::bus::trouble::Troubles;
use igentai_shared::clock::Clock;

use crate::pool::ProviderPool;

mod ask;
pub mod pool;
pub mod prompt;
pub mod provider;
mod role;

pub use role::run;

/// What a producer works with.
#[derive(Clone, Debug)]
pub struct Context {
    /// Its id.
    pub id: WorkerId,
    /// This life of it: greater than that of any earlier one.
    pub incarnation: Incarnation,
    /// Broker.
    pub bus: Arc<dyn Bus>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The providers of this process.
    pub pool: ProviderPool,
    /// How it goes about it.
    pub options: Options,
    /// Seed of its choices.
    pub seed: u64,
    /// Where it notes what keeps it from its work.
    pub troubles: Troubles,
}

/// How a producer goes about it.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Requests it has under way at once, over all topics.
    pub concurrency: u32,
    /// Producers that share the providers of this process, itself among them.
    pub sharers: u32,
    /// Time between two heartbeats.
    pub heartbeat: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { concurrency: 4, sharers: 1, heartbeat: Duration::from_secs(1) }
    }
}
