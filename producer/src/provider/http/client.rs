//! The one HTTP client of a process.

use std::time::Duration;

use igentai_shared::config::providers::KeySource;
use reqwest::redirect::Policy;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A provider that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Its address is none.
    #[error("providers.{provider}.base_url is not an http or https address: correct it")]
    Url {
        /// Which.
        provider: String,
    },
    /// Its key cannot be sent.
    #[error(
        "providers.{provider}: the key in the {key_source} has characters that cannot be sent: set it anew"
    )]
    Key {
        /// Which.
        provider: String,
        /// Where the key is.
        key_source: KeySource,
    },
    /// The HTTP client cannot be made.
    #[error("cannot make the HTTP client for model services")]
    Client(#[source] reqwest::Error),
}

/// Connections to model services, shared by all providers. It follows no redirects and never repeats a request.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    without_authorities: bool,
}

impl Client {
    /// Reads the machine's certificate authorities. A machine without any still reaches services over plain HTTP.
    pub fn new() -> Result<Self, SetupError> {
        // Whoever is first in the process chooses; every choice serves.
        drop(rustls::crypto::ring::default_provider().install_default());
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("igentai/", env!("CARGO_PKG_VERSION")))
                .redirect(Policy::none())
                .retry(reqwest::retry::never())
                .connect_timeout(CONNECT_TIMEOUT)
        };
        if let Ok(http) = builder().build() {
            return Ok(Self { http, without_authorities: false });
        }
        let http = builder().tls_certs_only([]).build().map_err(SetupError::Client)?;
        Ok(Self { http, without_authorities: true })
    }

    pub(super) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// What may help where no connection is made.
    pub(super) fn advice(&self) -> &'static str {
        if self.without_authorities {
            " (this machine has no certificate authorities: install ca-certificates)"
        } else {
            ""
        }
    }
}
