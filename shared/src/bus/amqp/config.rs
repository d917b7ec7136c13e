//! Where the broker is and how long things may take.

use std::fmt::{self, Debug, Formatter};
use std::time::Duration;

use lapin::uri::{AMQPScheme, AMQPUri};

/// An address that is not an AMQP URI. It never repeats the address, which may contain a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an AMQP address; write amqp://user:password@host:port/vhost or amqps://…, special characters as %xx"
)]
pub struct BadAddress;

/// How to reach the broker. Every deadline is the project's own: the client library would wait for ever.
#[derive(Clone)]
pub struct AmqpConfig {
    uri: AMQPUri,
    /// The name shown by the broker's management page, for example `igentai.producer.<id>`.
    pub connection_name: String,
    /// Certificates of authorities trusted besides those of the system, as PEM; for `amqps` only.
    pub extra_authorities_pem: Option<String>,
    /// From the call of `publish` to the confirmation; 10 s.
    pub confirm_deadline: Duration,
    /// From the name lookup to the established connection, encryption included, and as long again for the broker's greeting; 5 s.
    pub connect_deadline: Duration,
    /// For an answer to a declaration, a subscription, an acknowledgement; 5 s.
    pub answer_deadline: Duration,
    /// For unconfirmed messages and the goodbye when the bus is closed; 3 s.
    pub close_deadline: Duration,
    /// Between two heartbeats, whole seconds; the connection is given up after two to two and a half of them; 5 s.
    pub heartbeat: Duration,
    /// Between two checks that the broker answers and that queues and bindings are there; 3 s.
    pub check_interval: Duration,
    /// How long a reader of work waits for a message before its subscription is made anew, since it may be one that hears nothing any
    /// more; 1 s. Ten times as long while it holds messages, which then come again.
    pub renew_interval: Duration,
    /// The first pause before connecting again; 50 ms.
    pub reconnect_min: Duration,
    /// The longest pause before connecting again; 1 s, so that work goes on within 2 s after the broker is back.
    pub reconnect_max: Duration,
    /// Messages sent and not yet confirmed; 512.
    pub in_flight: u16,
}

impl AmqpConfig {
    /// The usual deadlines for the broker at `uri`, which may contain a password.
    pub fn new(uri: &str, connection_name: impl Into<String>) -> Result<Self, BadAddress> {
        Ok(Self {
            uri: uri.parse().map_err(|_: String| BadAddress)?,
            connection_name: connection_name.into(),
            extra_authorities_pem: None,
            confirm_deadline: Duration::from_secs(10),
            connect_deadline: Duration::from_secs(5),
            answer_deadline: Duration::from_secs(5),
            close_deadline: Duration::from_secs(3),
            heartbeat: Duration::from_secs(5),
            check_interval: Duration::from_secs(3),
            renew_interval: Duration::from_secs(1),
            reconnect_min: Duration::from_millis(50),
            reconnect_max: Duration::from_secs(1),
            in_flight: 512,
        })
    }

    /// The address without the secret, for people.
    #[must_use]
    pub fn address(&self) -> String {
        let authority = &self.uri.authority;
        let scheme = &self.uri.scheme;
        let vhost = if self.uri.vhost == "/" { "%2f" } else { &self.uri.vhost };
        format!("{scheme}://{}@{}:{}/{vhost}", authority.userinfo.username, authority.host, authority.port)
    }

    /// The address for the client library, with our heartbeat unless the URI asks for its own.
    pub(super) fn uri(&self) -> AMQPUri {
        let mut uri = self.uri.clone();
        // Zero would adopt the server's, usually 60 s: far too long to notice a half-open connection.
        if uri.query.heartbeat.is_none_or(|seconds| seconds == 0) {
            let seconds = self.heartbeat.as_secs().max(1);
            uri.query.heartbeat = Some(u16::try_from(seconds).unwrap_or(u16::MAX));
        }
        uri
    }

    /// For something that takes several answers one after the other.
    pub(super) fn several_answers(&self) -> Duration {
        self.answer_deadline * 4
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.uri.scheme == AMQPScheme::AMQPS
    }
}

impl Debug for AmqpConfig {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpConfig")
            .field("address", &self.address())
            .field("connection_name", &self.connection_name)
            .field("confirm_deadline", &self.confirm_deadline)
            .field("connect_deadline", &self.connect_deadline)
            .field("answer_deadline", &self.answer_deadline)
            .field("close_deadline", &self.close_deadline)
            .field("heartbeat", &self.heartbeat)
            .field("check_interval", &self.check_interval)
            .field("renew_interval", &self.renew_interval)
            .field("reconnect_min", &self.reconnect_min)
            .field("reconnect_max", &self.reconnect_max)
            .field("in_flight", &self.in_flight)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::{AmqpConfig, BadAddress};

    #[test]
    fn neither_debug_nor_the_address_shows_the_password() {
        let config = AmqpConfig::new("amqp://igentai:s3cr%2ft@broker:5673/%2f", "test").unwrap();
        let shown = format!("{config:?} {}", config.address());
        assert!(!shown.contains("s3cr"), "{shown}");
        assert_eq!(config.address(), "amqp://igentai@broker:5673/%2f");
    }

    #[test]
    fn a_bad_address_is_refused_without_repeating_it() {
        let error = AmqpConfig::new("amqp:user:s3cret@host", "test").unwrap_err();
        assert_eq!(error, BadAddress);
        assert!(!error.to_string().contains("s3cret"));
    }

    #[test]
    fn the_heartbeat_of_the_server_is_never_adopted() {
        let heartbeat = |uri: &str| AmqpConfig::new(uri, "test").unwrap().uri().query.heartbeat;
        assert_eq!(heartbeat("amqp://host/%2f"), Some(5));
        assert_eq!(heartbeat("amqp://host/%2f?heartbeat=0"), Some(5));
        assert_eq!(heartbeat("amqp://host/%2f?heartbeat=7"), Some(7));
    }
}
