//! What the roles of igentai share: the wire protocol, the ports and their adapters, configuration, telemetry, shutdown.

pub mod bus;
pub mod clock;
pub mod config;
pub mod dead_letters;
pub mod id;
pub mod registry;
pub mod shutdown;
pub mod store;
pub mod telemetry;
pub mod wire;
