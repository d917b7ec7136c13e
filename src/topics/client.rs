//! The HTTP API as its client sees it.

use std::error::Error;
use std::time::Duration;

use igentai_shared::config::Environment;
use igentai_webserver::Ahead;
use igentai_webserver::api::dto::{
    AttributePage, DecisionKind, DecisionPage, PartsView, QuoteView, StartTopic, Statistics, TopicList,
    TopicView,
};
use igentai_webserver::{PROBLEM_CONTENT_TYPE, ProblemBody};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{Method, Request, Response, Url};
use serde::de::DeserializeOwned;

use super::inert::inert;
use crate::exit::{Exit, Failure};

const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";

/// Stands for `--server`.
const SERVER_VARIABLE: &str = "IGENTAI_SERVER";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A whole answer must be there by then.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest answer read: a page of 10,000 items of 512 bytes, escaped, fits.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Items on a page: the most that the server gives.
const PAGE: usize = 10_000;

/// Topics on a page: the most that the server gives.
const TOPICS_PAGE: usize = 1_000;

/// How rustls begins when what comes is no TLS.
const NO_TLS: &str = "received corrupt message";

/// Why the server did not do as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// Nobody answers.
    #[error("{server} does not answer: {cause}; is the webserver running? igentai run, or igentai webserver")]
    Unreachable { server: String, cause: String },
    /// It says what is wrong.
    #[error("{}", told(.0))]
    Problem(Box<ProblemBody>),
    /// What it says is not this API.
    #[error("{server} answered {what}; is this igentai's address?")]
    Strange { server: String, what: String },
    /// What was asked for cannot be sent.
    #[error("{0}")]
    Usage(String),
}

impl ApiError {
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Problem(problem) if problem.status == 404)
    }

    /// Whether the same may go well later: nobody answers, or what stands in front of the server says that it does not.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Strange { .. } => true,
            Self::Problem(problem) => problem.status >= 500,
            Self::Usage(_) => false,
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let exit = if matches!(error, ApiError::Usage(_)) { Exit::Usage } else { Exit::Failed };
        Self::new(exit, error.to_string())
    }
}

/// What is wrong, and with which option, each once; in the words of the command line where the API has its own.
fn told(problem: &ProblemBody) -> String {
    if problem.kind.ends_with("/nothing-to-resume") {
        return "there is no earlier run to resume; leave out --resume to start it".to_owned();
    }
    let line = |field: &str, detail: &str, allowed: Option<&str>| {
        let allowed = allowed.map(|allowed| format!(" (allowed: {})", inert(allowed))).unwrap_or_default();
        let detail = if detail.is_empty() { String::new() } else { format!(": {}", inert(detail)) };
        format!("\n  {}{detail}{allowed}", option_of(&inert(field)))
    };
    let (title, detail) = (inert(&problem.title), inert(&problem.detail));
    if !problem.errors.is_empty() {
        // The detail is these errors in a row.
        let all = problem.errors.iter();
        let all = all.map(|error| line(&error.field, &error.detail, error.allowed.as_deref()));
        return format!("{title}:{}", all.collect::<String>());
    }
    let only: String =
        problem.field.iter().map(|field| line(field, "", problem.allowed.as_deref())).collect();
    if detail.starts_with(title.as_ref()) {
        format!("{detail}{only}")
    } else {
        format!("{title}: {detail}{only}")
    }
}

/// The option that sets a field of the API.
fn option_of(field: &str) -> String {
    match field {
        "name" => "the topic's name".to_owned(),
        "prompt" => "--prompt".to_owned(),
        "provider_weights" => "--provider".to_owned(),
        "limits.max_attributes" => "--max-attributes".to_owned(),
        "limits.max_requests" => "--max-requests".to_owned(),
        "limits.completeness" => "--until-complete".to_owned(),
        "limits.min_new_per_100_requests" => "--min-yield".to_owned(),
        "partition" => "--partition".to_owned(),
        "probe_share" => "--probe-share".to_owned(),
        "routing" => "--routing".to_owned(),
        "phrasing" => "--phrasing".to_owned(),
        "seeds" => "--seed".to_owned(),
        "categories" => "--category".to_owned(),
        "rules.matches" => "--accept".to_owned(),
        "rules.min_chars" => "--min-chars".to_owned(),
        "rules.max_chars" => "--max-chars".to_owned(),
        "rules.scripts" => "--script".to_owned(),
        "limits.max_usd" => "--max-usd".to_owned(),
        "limits.time_limit_seconds" => "--time-limit".to_owned(),
        other => match other.strip_prefix("provider_weights.") {
            Some(provider) => format!("--provider {provider}"),
            None => other.to_owned(),
        },
    }
}

/// A server and the way to it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
}

impl Client {
    /// The server given on the command line, in the environment, or the usual one.
    pub(crate) fn chosen(given: Option<&str>) -> Result<Self, ApiError> {
        let environment = Environment::of_process();
        Self::new(given.or(environment.get(SERVER_VARIABLE)).unwrap_or(DEFAULT_SERVER))
    }

    /// Whether the environment names a server.
    pub(crate) fn is_configured() -> bool {
        Environment::of_process().get(SERVER_VARIABLE).is_some()
    }

    pub(crate) fn new(server: &str) -> Result<Self, ApiError> {
        let usage =
            || ApiError::Usage(format!("`{server}` is no address of a web server; write http://HOST:PORT"));
        let base = Url::parse(server).map_err(|_| usage())?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(usage());
        }
        let local = base.host_str().is_some_and(|host| {
            let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
            host == "localhost" || address.is_ok_and(|address| address.is_loopback())
        });
        // Whoever is first in the process chooses; every choice serves.
        drop(rustls::crypto::ring::default_provider().install_default());
        let builder = || {
            let builder = reqwest::Client::builder()
                .user_agent(concat!("igentai/", env!("CARGO_PKG_VERSION")))
                .redirect(Policy::none())
                .connect_timeout(CONNECT_TIMEOUT);
            // A proxy does not know this machine's loopback.
            if local { builder.no_proxy() } else { builder }
        };
        // A machine without certificate authorities still reaches servers over plain HTTP.
        let http = builder().build().or_else(|_| builder().tls_certs_only([]).build());
        let http = http.map_err(|error| ApiError::Usage(format!("the HTTP client cannot start: {error}")))?;
        Ok(Self { http, base })
    }

    /// For people: without what may be secret in an address.
    pub(crate) fn server(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    pub(crate) async fn start(&self, topic: &StartTopic) -> Result<TopicView, ApiError> {
        let body = serde_json::to_vec(topic).map_err(|error| ApiError::Usage(error.to_string()))?;
        self.json(self.request(Method::POST, &["topics"], &[], Some(body))).await
    }

    pub(crate) async fn topic(&self, id: &str) -> Result<TopicView, ApiError> {
        self.json(self.request(Method::GET, &["topics", id], &[], None)).await
    }

    pub(crate) async fn stop(&self, id: &str) -> Result<TopicView, ApiError> {
        self.json(self.request(Method::POST, &["topics", id, "stop"], &[], None)).await
    }

    /// All topics.
    pub(crate) async fn topics(&self) -> Result<Vec<TopicView>, ApiError> {
        let (mut all, mut after) = (Vec::new(), None::<String>);
        loop {
            let limit = TOPICS_PAGE.to_string();
            let mut query = vec![("limit", limit.as_str())];
            query.extend(after.as_deref().map(|after| ("after", after)));
            let page: TopicList = self.json(self.request(Method::GET, &["topics"], &query, None)).await?;
            all.extend(page.items);
            // One that does not move on would go round for ever.
            match page.next_after {
                Some(next) if after.as_ref().is_none_or(|after| next > *after) => after = Some(next),
                Some(_) | None => return Ok(all),
            }
        }
    }

    /// The next page of items; an empty one when there are no more.
    pub(crate) async fn attributes(&self, id: &str, after: u64) -> Result<AttributePage, ApiError> {
        let (after, limit) = (after.to_string(), PAGE.to_string());
        let query = [("after", after.as_str()), ("limit", limit.as_str())];
        self.json(self.request(Method::GET, &["topics", id, "attributes"], &query, None)).await
    }

    /// The newest decisions of these kinds, or of all, with a lower number.
    pub(crate) async fn decisions(
        &self,
        id: &str,
        before: Option<u64>,
        limit: u64,
        kinds: &[DecisionKind],
    ) -> Result<DecisionPage, ApiError> {
        let (before, limit) = (before.map(|before| before.to_string()), limit.to_string());
        let before = before.as_deref().map(|before| ("before", before));
        let kinds = kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(",");
        let kinds = (!kinds.is_empty()).then_some(("kind", kinds.as_str()));
        let query: Vec<(&str, &str)> =
            before.into_iter().chain([("limit", limit.as_str())]).chain(kinds).collect();
        self.json(self.request(Method::GET, &["topics", id, "decisions"], &query, None)).await
    }

    /// The last minutes.
    pub(crate) async fn statistics(&self, id: &str) -> Result<Statistics, ApiError> {
        self.json(self.request(Method::GET, &["topics", id, "statistics"], &[], None)).await
    }

    /// How far its parts are.
    pub(crate) async fn parts(&self, id: &str) -> Result<PartsView, ApiError> {
        self.json(self.request(Method::GET, &["topics", id, "parts"], &[], None)).await
    }

    /// What the next items cost, or the next requests bring.
    pub(crate) async fn quote(&self, id: &str, ahead: Ahead) -> Result<QuoteView, ApiError> {
        let (name, number) = match ahead {
            Ahead::Usual => ("", String::new()),
            Ahead::Items(items) => ("items", items.to_string()),
            Ahead::Requests(requests) => ("requests", requests.to_string()),
        };
        let all = [(name, number.as_str())];
        let query: Vec<(&str, &str)> = all.into_iter().filter(|(name, _)| !name.is_empty()).collect();
        self.json(self.request(Method::GET, &["topics", id, "quote"], &query, None)).await
    }

    /// Opens a stream of a topic's events, behind an event or an item.
    pub(crate) async fn events(&self, id: &str, from: &Begin<'_>) -> Result<Response, ApiError> {
        let mut query = vec![("topic", id)];
        let (run, after);
        if let Begin::Item { run: of, after: seq } = from {
            (run, after) = (of.to_string(), seq.to_string());
            query.extend([("run", run.as_str()), ("after", after.as_str())]);
        }
        let mut request = self.request(Method::GET, &["events"], &query, None);
        if let Begin::Event(cursor) = from
            && let Ok(cursor) = cursor.parse()
        {
            request.headers_mut().insert("last-event-id", cursor);
        }
        let open = tokio::time::timeout(ANSWER_TIMEOUT, self.http.execute(request)).await;
        let response = open.map_err(|_| self.unreachable("no answer in time"))?;
        let response = response.map_err(|error| self.failed(error))?;
        if response.status().is_success() { Ok(response) } else { Err(self.problem(response).await) }
    }

    pub(crate) fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Request {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = Request::new(method, url);
        let headers = request.headers_mut();
        headers
            .insert(ACCEPT, reqwest::header::HeaderValue::from_static("application/json, text/event-stream"));
        if let Some(body) = body {
            headers.insert(CONTENT_TYPE, reqwest::header::HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.into());
        }
        request
    }

    pub(crate) async fn json<T: DeserializeOwned>(&self, request: Request) -> Result<T, ApiError> {
        let whole = async {
            let response = self.http.execute(request).await.map_err(|error| self.failed(error))?;
            if !response.status().is_success() {
                return Err(self.problem(response).await);
            }
            let body = self.body(response).await?;
            serde_json::from_slice(&body).map_err(|_| self.strange("what is not the API's JSON"))
        };
        tokio::time::timeout(ANSWER_TIMEOUT, whole)
            .await
            .unwrap_or_else(|_| Err(self.unreachable("no whole answer in time")))
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, ApiError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(self.strange("more than the API ever does"));
            }
        }
        Ok(body)
    }

    async fn problem(&self, response: Response) -> ApiError {
        let status = response.status().as_u16();
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let ours = kind.is_some_and(|kind| kind.starts_with(PROBLEM_CONTENT_TYPE));
        let body = tokio::time::timeout(ANSWER_TIMEOUT, self.body(response)).await;
        match body.ok().and_then(Result::ok).and_then(|body| serde_json::from_slice(&body).ok()) {
            Some(problem) if ours => ApiError::Problem(problem),
            Some(_) | None => self.strange(&format!("with status {status}")),
        }
    }

    fn strange(&self, what: &str) -> ApiError {
        ApiError::Strange { server: self.server(), what: what.to_owned() }
    }

    fn unreachable(&self, cause: &str) -> ApiError {
        ApiError::Unreachable { server: self.server(), cause: cause.to_owned() }
    }

    /// The innermost cause: the outer ones only say that a request failed, and where.
    pub(crate) fn failed(&self, error: reqwest::Error) -> ApiError {
        let error = error.without_url();
        let mut innermost: &dyn Error = &error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        let cause = innermost.to_string();
        if self.base.scheme() == "https" && cause.contains(NO_TLS) {
            return self.strange("without TLS (does it speak https?)");
        }
        self.unreachable(&cause)
    }
}

/// Where a stream begins.
#[derive(Clone, Debug)]
pub(crate) enum Begin<'a> {
    /// Behind this event of an earlier stream.
    Event(&'a str),
    /// Behind this item of this run.
    Item { run: u64, after: u64 },
}
