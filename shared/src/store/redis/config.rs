//! Where the Redis is.

use std::fmt;
use std::time::Duration;

use crate::config::{MASK, without_credentials};

pub use crate::config::RedisLayout;

/// Where the Redis is and how long to wait for it.
#[derive(Clone)]
pub struct RedisConfig {
    /// `redis://[user][:password@]host[:port][/database]`. Never shown with its password.
    pub url: String,
    /// For a connection, and for an answer. Far above what a commit takes: after a timeout its outcome is unknown.
    pub response_timeout: Duration,
    /// Connections at most.
    pub pool_size: usize,
    /// How the sets of runs that are opened from now on are kept.
    pub layout: RedisLayout,
}

impl RedisConfig {
    /// Waits five seconds, with eight connections.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            response_timeout: Duration::from_secs(5),
            pool_size: 8,
            layout: RedisLayout::default(),
        }
    }

    /// The URL with `***` for user name and password, and for what stands behind a `?` or `#`.
    #[must_use]
    pub fn redacted_url(&self) -> String {
        if self.url.contains("://") { without_credentials(&self.url) } else { MASK.to_owned() }
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConfig")
            .field("url", &self.redacted_url())
            .field("response_timeout", &self.response_timeout)
            .field("pool_size", &self.pool_size)
            .field("layout", &self.layout)
            .finish()
    }
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("`{url}` is no address of a Redis ({error}); write redis://host:port")]
pub struct RedisConfigError {
    pub(super) url: String,
    pub(super) error: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_never_shown() {
        for url in [
            "redis://:s3cret@host:1",
            "redis://me:s3cret@host/2",
            "redis://me:s3@cret@host",
            "redis://host:1/abc?password=s3cret",
            "redis://me@host/2?password=s3@cret#cret",
            "s3cret",
        ] {
            let config = RedisConfig::new(url);
            let refused = super::super::RedisStore::connect(&config).err();
            let shown = format!("{config:?} {}", refused.map(|error| error.to_string()).unwrap_or_default());
            assert!(!shown.contains("cret"), "{shown}");
        }
        assert_eq!(RedisConfig::new("redis://host:1/2").redacted_url(), "redis://host:1/2");
    }
}
