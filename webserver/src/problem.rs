//! The one shape of an error: `application/problem+json` (RFC 9457).

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use igentai_shared::store::StoreError;
use serde::{Deserialize, Serialize};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// Content type of every error.
pub const PROBLEM_CONTENT_TYPE: &str = "application/problem+json";

/// Kinds of errors. Their slugs are stable: clients tell errors apart by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// No such route, topic or file.
    NotFound,
    /// The route has other methods.
    MethodNotAllowed,
    /// The body is not JSON by its content type.
    UnsupportedMediaType,
    /// The body is not JSON.
    BadJson,
    /// A query parameter has the wrong form.
    BadQuery,
    /// A cursor that this API did not give out.
    BadCursor,
    /// A header has the wrong form.
    BadHeader,
    /// The body is larger than is taken.
    BodyTooLarge,
    /// The body came too slowly.
    BodyTimeout,
    /// The body is JSON, but its content is not allowed.
    Invalid,
    /// The topic runs.
    AlreadyRunning,
    /// The topic is being stopped.
    Ending,
    /// There is no earlier run.
    NothingToResume,
    /// The topic does not fit in beside those that are under way.
    Full,
    /// What the next items cost cannot be told.
    NoQuote,
    /// Somebody else kept changing the topic.
    Conflict,
    /// The topic is not at the version that `If-Match` names.
    PreconditionFailed,
    /// A page of another origin asked.
    CrossOrigin,
    /// The server was asked under a name that is not its own.
    UnknownHost,
    /// The registry cannot be reached.
    StoreUnavailable,
    /// The broker cannot be reached, or somebody else is at work where we would be.
    BusUnavailable,
    /// A fault of this program.
    Internal,
    /// Readiness: not now.
    NotReady,
}

impl ProblemKind {
    const fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::NotFound => (404, "not-found", "not found"),
            Self::MethodNotAllowed => (405, "method-not-allowed", "method not allowed"),
            Self::UnsupportedMediaType => (415, "unsupported-media-type", "the content type is not taken"),
            Self::BadJson => (400, "bad-json", "the body is not JSON"),
            Self::BadQuery => (400, "bad-query", "a query parameter is wrong"),
            Self::BadCursor => (400, "bad-cursor", "the cursor is wrong"),
            Self::BadHeader => (400, "bad-header", "a header is wrong"),
            Self::BodyTooLarge => (413, "body-too-large", "the body is too large"),
            Self::BodyTimeout => (408, "body-timeout", "the body came too slowly"),
            Self::Invalid => (422, "invalid", "the request is not allowed as it is"),
            Self::AlreadyRunning => (409, "already-running", "the topic is already running"),
            Self::Ending => (409, "ending", "the topic is just ending"),
            Self::NothingToResume => (409, "nothing-to-resume", "there is nothing to resume"),
            Self::Full => (409, "full", "too much is under way at once"),
            Self::NoQuote => (409, "no-quote", "no quote can be given"),
            Self::Conflict => (409, "conflict", "the topic was changed by somebody else"),
            Self::PreconditionFailed => (412, "precondition-failed", "the topic has another version"),
            Self::CrossOrigin => (403, "cross-origin", "requests from other origins are refused"),
            Self::UnknownHost => (403, "unknown-host", "the host name is not this server's"),
            Self::StoreUnavailable => (503, "store-unavailable", "the registry cannot be reached"),
            Self::BusUnavailable => (503, "bus-unavailable", "the broker cannot be asked"),
            Self::Internal => (500, "internal", "this server failed"),
            Self::NotReady => (503, "not-ready", "not ready"),
        }
    }

    /// Its HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.parts().0
    }
}

/// One thing wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Where, as a path: `limits.max_usd`.
    pub field: String,
    /// What is wrong.
    pub detail: String,
    /// What is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
}

/// An error, as clients get it. Boxed, since most answers are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Problem(Box<ProblemBody>);

/// What an error says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Stable name of the kind of error: `/problems/not-found`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What happened this time, and what to do.
    pub detail: String,
    /// The first field that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is allowed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
    /// Everything that is wrong, when there is more to say than one field; the reasons of a readiness probe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// A problem of this kind.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let (status, slug, title) = kind.parts();
        Self(Box::new(ProblemBody {
            kind: format!("/problems/{slug}"),
            title: title.to_owned(),
            status,
            detail: detail.into(),
            field: None,
            allowed: None,
            errors: Vec::new(),
        }))
    }

    /// The same, pointing at a field.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>, allowed: Option<&str>) -> Self {
        self.field = Some(field.into());
        self.allowed = allowed.map(str::to_owned);
        self
    }

    /// A request that breaks rules; at least one.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self::of_fields(ProblemKind::Invalid, errors)
    }

    /// Several fields that are wrong; at least one.
    pub(crate) fn of_fields(kind: ProblemKind, errors: Vec<FieldError>) -> Self {
        let detail =
            errors.iter().map(|error| format!("{}: {}", error.field, error.detail)).collect::<Vec<_>>();
        let mut problem = Self::new(kind, detail.join("; "));
        if let Some(first) = errors.first() {
            problem = problem.at(first.field.clone(), first.allowed.as_deref());
        }
        problem.errors = errors;
        problem
    }

    pub(crate) fn no_topic(id: &str) -> Self {
        let shown: String = id.chars().take(100).collect();
        Self::new(ProblemKind::NotFound, format!("there is no topic with the id `{shown}`"))
    }
}

impl Deref for Problem {
    type Target = ProblemBody;

    fn deref(&self) -> &ProblemBody {
        &self.0
    }
}

impl DerefMut for Problem {
    fn deref_mut(&mut self) -> &mut ProblemBody {
        &mut self.0
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_transient() {
            tracing::warn!(error = %error, "the registry could not be asked");
            Self::new(ProblemKind::StoreUnavailable, format!("{error}; try again in a moment"))
        } else {
            tracing::error!(error = %error, "the registry refused");
            Self::new(ProblemKind::Internal, "the registry refused; the server's log says why")
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_CONTENT_TYPE));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// For the OpenAPI document: what any reading endpoint may answer.
pub(crate) struct ReadErrors;

/// For the OpenAPI document: what an endpoint of one topic may answer.
pub(crate) struct TopicErrors;

/// For the OpenAPI document: that no quote can be given.
pub(crate) struct NoQuoteErrors;

/// For the OpenAPI document: what an endpoint with a body may answer.
pub(crate) struct WriteErrors;

type Responses = BTreeMap<String, RefOr<utoipa::openapi::Response>>;

fn responses(kinds: &[(&str, &str)]) -> Responses {
    let one = |description: &str| {
        let schema = Ref::from_schema_name("Problem");
        let content = ContentBuilder::new().schema(Some(schema)).build();
        ResponseBuilder::new().description(description).content(PROBLEM_CONTENT_TYPE, content).build()
    };
    kinds.iter().map(|(status, text)| ((*status).to_owned(), RefOr::T(one(text)))).collect()
}

impl IntoResponses for ReadErrors {
    fn responses() -> Responses {
        responses(&[
            ("400", "a query parameter, header or cursor is wrong"),
            ("403", "the host name is not this server's"),
            ("500", "a fault of the server"),
            ("503", "the registry or the broker cannot be reached; try again"),
        ])
    }
}

impl IntoResponses for TopicErrors {
    fn responses() -> Responses {
        responses(&[("404", "there is no such thing")])
    }
}

impl IntoResponses for NoQuoteErrors {
    fn responses() -> Responses {
        responses(&[("409", "no quote can be given; `detail` says why")])
    }
}

impl IntoResponses for WriteErrors {
    fn responses() -> Responses {
        responses(&[
            ("408", "the body came too slowly"),
            ("413", "the body is too large"),
            ("415", "the body is not JSON by its content type"),
            ("422", "the content is not allowed; `errors` names every field"),
        ])
    }
}
