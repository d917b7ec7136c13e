//! `[bus]`: the broker.

use super::address::ServiceUrl;
use super::reader::Section;

/// Which broker the roles talk through.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct BusConfig {
    /// `amqp_url`, or the variable `AMQP_URL`: RabbitMQ's address. `None` for the broker within the process.
    pub amqp_url: Option<ServiceUrl>,
}

impl BusConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let allowed = "must be an address such as amqp://user:password@host:5672/%2f (or amqps://)";
        let amqp_url =
            section.parsed("amqp_url", allowed, |text| ServiceUrl::parse(text, &["amqp", "amqps"]));
        section.finish();
        Self { amqp_url }
    }
}
