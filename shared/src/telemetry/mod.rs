//! What a process says about itself: logs on standard error, metrics for Prometheus.

pub mod catalogue;
pub mod logging;
pub mod metrics;
