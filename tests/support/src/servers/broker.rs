//! A place on a RabbitMQ for one test.

use std::{
    env,
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{QueueInfo, RabbitMq, ServerError, management::Management};

/// Names the RabbitMQ shared by the tests of a run, as `amqp://user:password@host:port`.
pub const AMQP_URL_VARIABLE: &str = "IGENTAI_TEST_AMQP_URL";
/// Names its management interface, as `http://host:port`; the port is 15672 on the same host unless said.
pub const MANAGEMENT_URL_VARIABLE: &str = "IGENTAI_TEST_RABBITMQ_MANAGEMENT_URL";

/// A virtual host of the test's own, on the RabbitMQ shared by the run or, when none is, on a private one.
///
/// On drop the virtual host is deleted, with its queues and connections. A test that harms its broker (kills,
/// pauses, fills it) takes a [`RabbitMq`] instead.
#[derive(Debug)]
pub struct Broker {
    url: String,
    vhost: String,
    management: Management,
    private: Option<RabbitMq>,
}

impl Broker {
    /// Makes a virtual host: some milliseconds on a shared RabbitMQ, some seconds without.
    pub async fn for_test() -> Result<Self, ServerError> {
        match set(AMQP_URL_VARIABLE) {
            Some(url) => Self::shared(&url, set(MANAGEMENT_URL_VARIABLE).as_deref()).await,
            None => Self::private().await,
        }
    }

    async fn shared(url: &str, management_url: Option<&str>) -> Result<Self, ServerError> {
        let vhost = unique_name();
        let (base, management) = parse(url, management_url).ok_or_else(|| ServerError::Answer {
            asked: format!("{AMQP_URL_VARIABLE}, which should be amqp://user:password@host:port"),
            answer: "(a value of another form)".into(),
        })?;
        management.add_vhost(&vhost).await?;
        Ok(Self { url: format!("{base}/{vhost}"), vhost, management, private: None })
    }

    async fn private() -> Result<Self, ServerError> {
        let server = RabbitMq::start().await?;
        let vhost = unique_name();
        let url = server.vhost(&vhost).await?;
        let management = server
            .management()
            .ok_or(ServerError::Missing { program: "the management plugin", package: "rabbitmq-server" })?;
        Ok(Self { url, vhost, management, private: Some(server) })
    }

    /// The URL of the test's virtual host.
    #[must_use]
    pub fn amqp_url(&self) -> &str {
        &self.url
    }

    /// The name of the test's virtual host.
    #[must_use]
    pub fn vhost(&self) -> &str {
        &self.vhost
    }

    /// The test's queues, by name. Counts of quorum queues are up to 200 ms old.
    pub async fn queues(&self) -> Result<Vec<QueueInfo>, ServerError> {
        self.management.queues(&self.vhost).await
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.private.is_none() {
            // There is nobody to tell; what is left goes with the shared server.
            self.management.delete_vhost_blocking(&self.vhost).ok();
        }
    }
}

fn set(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|value| !value.is_empty())
}

/// The URL without its virtual host, and the management interface that goes with it.
fn parse(url: &str, management_url: Option<&str>) -> Option<(String, Management)> {
    let rest = url.strip_prefix("amqp://")?;
    let authority = rest.split('/').next()?;
    let (credentials, host_and_port) = authority.rsplit_once('@').unwrap_or(("guest:guest", authority));
    let (user, password) = credentials.split_once(':')?;
    let address = match management_url {
        Some(url) => url.strip_prefix("http://")?.trim_end_matches('/').to_owned(),
        None => format!("{}:15672", host_and_port.rsplit_once(':').map_or(host_and_port, |(host, _)| host)),
    };
    Some((format!("amqp://{authority}"), Management::new(address, user, password)))
}

/// Differs between the tests of a run, each in its process or not.
fn unique_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    format!("test-{}-{nanos:08x}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_management_interface_is_expected_on_the_brokers_host() {
        let (base, management) = parse("amqp://me:secret@broker.test:5673/%2f", None).expect("a URL");
        assert_eq!(base, "amqp://me:secret@broker.test:5673");
        assert!(format!("{management:?}").contains("broker.test:15672"), "{management:?}");
    }

    #[test]
    fn another_scheme_is_refused() {
        assert!(parse("http://broker.test", None).is_none());
    }

    #[tokio::test]
    async fn tests_on_a_shared_rabbitmq_have_virtual_hosts_that_go_with_them() -> Result<(), ServerError> {
        let server = RabbitMq::start().await?;
        let management_url = server.management_url();
        let first = Broker::shared(&server.amqp_url(), management_url.as_deref()).await?;
        let second = Broker::shared(&server.amqp_url(), management_url.as_deref()).await?;
        assert_ne!(first.vhost(), second.vhost());
        assert_eq!(first.queues().await?, []);
        let gone = first.vhost().to_owned();
        drop(first);
        let vhosts = server.ctl(&["list_vhosts", "-q"]).await?;
        assert!(vhosts.contains(second.vhost()) && !vhosts.contains(&gone), "{vhosts}");
        Ok(())
    }
}
