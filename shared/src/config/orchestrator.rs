//! `[orchestrator]`: commits, leadership, files.

use super::reader::Section;

/// How the orchestrator works.
#[derive(Clone, Debug, PartialEq)]
pub struct OrchestratorConfig {
    /// The HTTP port of the role `orchestrator` (health and metrics); 0 picks one. The variable `PORT` sets it too.
    pub port: u16,
    /// A producer that was not heard for so long is gone, 500 to 600,000 ms; more than two heartbeats.
    pub producer_timeout_ms: u64,
    /// How long the lead is held without being renewed, 500 to 600,000 ms.
    pub lease_ttl_ms: u64,
    /// How long requests under way may take to be answered when a topic ends, before they are given up, 0 to 3,600,000 ms.
    pub end_grace_ms: u64,
    /// The longest wait before what is new is in the files, 50 to 60,000 ms.
    pub sync_interval_ms: u64,
    /// By how much a provider's share of requests about a whole topic is to change for producers to be told, 0 to 1.
    pub weight_change_threshold: f64,
}

impl Default for OrchestratorConfig {
    fn default() -> Self {
        Self {
            port: 9_000,
            producer_timeout_ms: 5_000,
            lease_ttl_ms: 5_000,
            end_grace_ms: 60_000,
            sync_interval_ms: 1_000,
            weight_change_threshold: 0.05,
        }
    }
}

impl OrchestratorConfig {
    /// `heartbeat_ms` is the producers', for the check that several fit into the timeout.
    pub(super) fn read(mut section: Section<'_>, heartbeat_ms: u64) -> Self {
        let default = Self::default();
        let config = Self {
            port: section.whole("port", 0..=65_535, default.port),
            producer_timeout_ms: section.whole(
                "producer_timeout_ms",
                500..=600_000,
                default.producer_timeout_ms,
            ),
            lease_ttl_ms: section.whole("lease_ttl_ms", 500..=600_000, default.lease_ttl_ms),
            end_grace_ms: section.whole("end_grace_ms", 0..=3_600_000, default.end_grace_ms),
            sync_interval_ms: section.whole("sync_interval_ms", 50..=60_000, default.sync_interval_ms),
            weight_change_threshold: section.number(
                "weight_change_threshold",
                0.0..=1.0,
                default.weight_change_threshold,
            ),
        };
        if config.producer_timeout_ms <= heartbeat_ms * 2 {
            section.complain(&format!(
                "producer_timeout_ms ({}) must be more than twice producer.heartbeat_ms ({heartbeat_ms})",
                config.producer_timeout_ms
            ));
        }
        section.finish();
        config
    }
}
