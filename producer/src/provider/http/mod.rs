//! One request over HTTP: sent once, bounded in time and size, its end told apart.

mod client;
mod fetch;
mod retry_after;
mod text;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use igentai_core::batch::Outcome;
use igentai_shared::clock::Clock;
use igentai_shared::config::providers::{KeySource, ProviderConfig, ProviderKind, Secret};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;

pub use client::{Client, SetupError};
pub use fetch::fetch;
use retry_after::retry_after;

/// Longest answer read; more is a service that does not speak the protocol.
const MAX_ANSWER_BYTES: usize = 4 << 20;
/// So much of an error's body is read; the rest is left.
const MAX_ERROR_BYTES: usize = 8 << 10;
/// The status of an error is known: its text is worth a short wait only.
const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(1);

/// A request that came to nothing.
#[derive(Debug)]
pub(super) struct Failure {
    /// How it ended.
    pub(super) outcome: Outcome,
    /// The wait that the service asks for.
    pub(super) retry_after: Option<Duration>,
    /// For people: one bounded line without the key.
    pub(super) detail: String,
    /// The status that says so, where one does.
    pub(super) status: Option<u16>,
    /// What the service sent with it, cut; for the adapters to look into, never shown.
    pub(super) body: String,
}

impl Failure {
    /// What the service says against the request, if anything. Some complain of an option that they do not know as of a fault of
    /// their own.
    pub(super) fn complaint(&self) -> &str {
        let is_complaint = self.outcome == Outcome::BadRequest || matches!(self.status, Some(500 | 501));
        if is_complaint { &self.body } else { "" }
    }
}

/// Where a provider's requests go.
pub(super) struct Endpoint {
    client: Client,
    url: Url,
    headers: HeaderMap,
    timeout: Duration,
    key: Option<Secret>,
    key_source: KeySource,
    model: String,
    /// What to look at where nothing is found.
    address_hint: &'static str,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may hold a password.
        f.debug_struct("Endpoint").field("origin", &self.origin()).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// The address is the configured one, changed by `path`. The key goes into the header `key_header`, after `key_prefix`.
    pub(super) fn new(
        config: &ProviderConfig,
        client: &Client,
        clock: &Arc<dyn Clock>,
        path: impl FnOnce(&mut Vec<String>),
        (key_header, key_prefix): (&'static str, &str),
    ) -> Result<Self, SetupError> {
        let bad_url = || SetupError::Url { provider: config.name.clone() };
        let mut url = Url::parse(&config.base_url).map_err(|_| bad_url())?;
        let mut segments: Vec<String> =
            url.path().split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        path(&mut segments);
        url.path_segments_mut().map_err(|()| bad_url())?.clear().extend(&segments);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &config.key {
            let text = format!("{key_prefix}{}", key.expose());
            let mut value = HeaderValue::from_str(&text).map_err(|_| SetupError::Key {
                provider: config.name.clone(),
                key_source: config.key_source.clone(),
            })?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(key_header), value);
        }
        Ok(Self {
            client: client.clone(),
            url,
            headers,
            timeout: Duration::try_from_secs_f64(config.timeout_seconds).unwrap_or(Duration::from_mins(1)),
            key: config.key.clone(),
            key_source: config.key_source.clone(),
            model: config.model.clone(),
            address_hint: if config.kind == ProviderKind::OpenAi && !config.base_url.ends_with("/v1") {
                "is base_url right? For most services it ends in /v1"
            } else {
                "is base_url right?"
            },
            clock: Arc::clone(clock),
        })
    }

    /// Adds a header that is not secret.
    pub(super) fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    /// Adds a query that is not secret.
    pub(super) fn with_query(mut self, query: &str) -> Self {
        self.url.set_query(Some(query));
        self
    }

    /// Reads what is there as JSON. The caller sets the deadline.
    pub(super) async fn get(&self) -> Result<Value, Failure> {
        let request = self.client.http().get(self.url.clone()).headers(self.headers.clone());
        self.answer_to(request).await
    }

    /// Sends one request and reads the whole answer as JSON.
    pub(super) async fn post(&self, body: &Value) -> Result<Value, Failure> {
        let exchange = self.exchange(body);
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or_else(|_| {
            let seconds = self.timeout.as_secs_f64();
            Err(self.failure(Outcome::Timeout, &format!("no complete answer within {seconds} s")))
        })
    }

    /// The failure that a status stands for, with the service's own words.
    pub(super) fn refused(&self, status: u16, message: &str) -> Failure {
        let outcome = outcome_of(status);
        let message = text::message_in(message);
        let detail = if outcome == Outcome::WrongKey {
            self.wrong_key(&message)
        } else if (300..400).contains(&status) {
            format!("{status}: the service redirects; set base_url to where it is")
        } else if matches!(status, 404 | 405) && !text::names_model(&message, &self.model) {
            let hint = self.address_hint;
            // Before the service's words, whose end may be cut off.
            if message.is_empty() {
                format!("{status}: {hint}")
            } else {
                format!("{status}: {hint} ({message})")
            }
        } else if message.is_empty() {
            format!("the service answered with status {status}")
        } else {
            format!("{status}: {message}")
        };
        Failure { status: Some(status), ..self.failure(outcome, &detail) }
    }

    /// A failure with its text made fit for people.
    pub(super) fn failure(&self, outcome: Outcome, detail: &str) -> Failure {
        let detail = text::one_line(detail, self.key.as_ref().map(Secret::expose));
        Failure { outcome, retry_after: None, detail, status: None, body: String::new() }
    }

    /// What to mend when the key is not accepted, and what the service says.
    pub(super) fn wrong_key(&self, message: &str) -> String {
        match &self.key_source {
            KeySource::None => {
                format!("the service wants a key: set api_key_env or api_key_file ({message})")
            }
            source @ (KeySource::Environment(_) | KeySource::File(_)) => {
                format!("the service does not accept the key in the {source} ({message})")
            }
        }
    }

    async fn exchange(&self, body: &Value) -> Result<Value, Failure> {
        let request = self.client.http().post(self.url.clone()).headers(self.headers.clone());
        self.answer_to(request.body(body.to_string())).await
    }

    async fn answer_to(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let response = request.send().await.map_err(|error| self.not_sent(error))?;
        if response.status().is_success() {
            self.answer(response).await
        } else {
            Err(self.error(response).await)
        }
    }

    async fn answer(&self, mut response: Response) -> Result<Value, Failure> {
        let mut body: Vec<u8> = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > MAX_ANSWER_BYTES => {
                    let detail = format!("the answer is longer than {} MiB", MAX_ANSWER_BYTES >> 20);
                    return Err(self.failure(Outcome::ServerError, &detail));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => {
                    let detail = format!("the answer broke off: {}", cause(error));
                    return Err(self.failure(Outcome::ServerError, &detail));
                }
            }
        }
        serde_json::from_slice(&body).map_err(|_| {
            let start = String::from_utf8_lossy(body.get(..200).unwrap_or(&body)).into_owned();
            let detail = if start.trim_start().starts_with('<') {
                format!("{}: {}", text::WEB_PAGE, self.address_hint)
            } else {
                format!("the answer is not JSON, or cut off: {}", text::message_in(&start))
            };
            self.failure(Outcome::ServerError, &detail)
        })
    }

    async fn error(&self, mut response: Response) -> Failure {
        let status: StatusCode = response.status();
        let wait = retry_after(response.headers(), self.clock.now().unix);
        let mut body: Vec<u8> = Vec::new();
        let read = async {
            while body.len() < MAX_ERROR_BYTES {
                match response.chunk().await {
                    Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                    Ok(None) | Err(_) => return true,
                }
            }
            false
        };
        let whole = tokio::time::timeout(ERROR_BODY_TIMEOUT, read).await.unwrap_or(false);
        if !whole || body.len() > MAX_ERROR_BYTES {
            // A cut may leave the beginning of the key at the end, where it would not be recognised.
            let key_length = self.key.as_ref().map_or(0, |key| key.expose().len());
            body.truncate(body.len().min(MAX_ERROR_BYTES).saturating_sub(key_length));
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        let failure = self.refused(status.as_u16(), &body);
        Failure { retry_after: wait, body, ..failure }
    }

    fn not_sent(&self, error: reqwest::Error) -> Failure {
        let connecting = error.is_connect();
        let cause = cause(error);
        if connecting {
            let advice = self.client.advice();
            let detail = format!("no connection to {}: {cause}{advice}", self.origin());
            self.failure(Outcome::Unreachable, &detail)
        } else {
            let detail = format!("{} closed the connection without an answer: {cause}", self.origin());
            self.failure(Outcome::ServerError, &detail)
        }
    }

    fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

/// What a status that is no success means.
pub(super) fn outcome_of(status: u16) -> Outcome {
    match status {
        429 | 529 => Outcome::RateLimited,
        408 | 504 => Outcome::Timeout,
        401 | 403 => Outcome::WrongKey,
        500..=599 => Outcome::ServerError,
        _ => Outcome::BadRequest,
    }
}

/// The wait in a text like `34.5s`, bounded as that of a header.
pub(super) fn wait_of(text: &str) -> Option<Duration> {
    retry_after::seconds(text.strip_suffix('s')?, 1.0).map(|wait| wait.min(retry_after::LONGEST))
}

/// The innermost cause: the outer ones only say that a request failed, and where, which may hold a password.
fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut innermost: &dyn Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
