//! Extractors whose rejections are [`Problem`]s.

use std::error::Error;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use igentai_core::folder::TopicId;
use serde_json::{Map, Value};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Required, Schema};

use crate::fields::{self, Errors, Fields, FromFields};
use crate::problem::{FieldError, Problem, ProblemKind};

/// Largest JSON body.
pub(crate) const MAX_BODY_BYTES: usize = 64 << 10;

/// Largest JSON body that may hold a list of items.
pub const MAX_LISTS_BYTES: usize = 4 << 20;

const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// A JSON body, read as far as it can be, and what is wrong with its form: the handler adds what else is wrong, so that all of it is told at once.
pub(crate) struct JsonBody<T, const MAX: usize = MAX_BODY_BYTES>(pub(crate) T, pub(crate) Errors);

impl<T: FromFields, S: Sync, const MAX: usize> FromRequest<S> for JsonBody<T, MAX> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "send the body as `application/json`";
            return Err(Problem::new(ProblemKind::UnsupportedMediaType, detail)
                .at("content-type", Some("application/json")));
        }
        let body = read(request, MAX).await?;
        let mut errors = Errors::default();
        let request = Fields::of_body(parse(&body)?, &mut errors);
        Ok(Self(request, errors))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

async fn read(request: Request, most: usize) -> Result<Bytes, Problem> {
    let body = Limited::new(request.into_body(), most);
    match tokio::time::timeout(BODY_DEADLINE, body.collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if is_length_limit(error.as_ref()) => {
            Err(Problem::new(ProblemKind::BodyTooLarge, format!("a body may have at most {most} bytes")))
        }
        Ok(Err(_)) => Err(Problem::new(ProblemKind::BadJson, "the body could not be read to its end")),
        Err(_) => Err(Problem::new(
            ProblemKind::BodyTimeout,
            format!("the body was not there after {} s", BODY_DEADLINE.as_secs()),
        )),
    }
}

fn is_length_limit(error: &(dyn Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_length_limit)
}

fn parse(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(other) => {
            let detail = format!("it is {}, not an object", fields::kind(&other));
            let allowed = Some("a JSON object".to_owned());
            Err(Problem::invalid(vec![FieldError { field: "body".to_owned(), detail, allowed }]))
        }
        Err(error) => Err(Problem::new(ProblemKind::BadJson, clean(&error))),
    }
}

fn clean(error: &serde_json::Error) -> String {
    error.to_string().chars().take(300).collect()
}

/// Query parameters.
pub(crate) struct QueryOf<T>(pub(crate) T);

impl<T: FromFields, S: Sync> FromRequestParts<S> for QueryOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Ok(Query(pairs)) = Query::try_from_uri(&parts.uri) else {
            let detail = "the query is no list of NAME=VALUE joined by &, percent-encoded UTF-8";
            return Err(Problem::new(ProblemKind::BadQuery, detail));
        };
        let mut errors = Errors::default();
        let query = Fields::of_query(pairs, &mut errors);
        errors.finish(ProblemKind::BadQuery)?;
        Ok(Self(query))
    }
}

/// The `{id}` of a path. What cannot be an id is not found.
pub(crate) struct TopicPath(pub(crate) TopicId);

impl<S: Send + Sync> FromRequestParts<S> for TopicPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(Path(id)) = Path::<String>::from_request_parts(parts, state).await else {
            return Err(Problem::no_topic(parts.uri.path()));
        };
        TopicId::parse(&id).map(Self).map_err(|_| Problem::no_topic(&id))
    }
}

/// For the OpenAPI document: the header that [`if_match`] reads.
pub(crate) struct IfMatch;

/// For the OpenAPI document: the header that a stream goes on from.
pub(crate) struct LastEventId;

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "change it only at this version: the ETag of the topic as last read, or `*`";
        vec![header("If-Match", description, r#"^(\*|"[0-9]{1,20}")$"#)]
    }
}

impl IntoParams for LastEventId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header(
            "Last-Event-ID",
            "where an earlier stream was: the id of its last event",
            "^[A-Za-z0-9_-]*$",
        )]
    }
}

fn header(name: &str, description: &str, pattern: &str) -> Parameter {
    let text = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).pattern(Some(pattern));
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(Schema::Object(text.build())))
        .build()
}

/// The version that an `If-Match` header asks for; `None` without one or with `*`.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(axum::http::header::IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).and_then(|v| v.parse().ok());
    version.map(Some).ok_or_else(|| {
        Problem::new(ProblemKind::BadHeader, "If-Match does not hold one ETag of a topic")
            .at("if-match", Some("the ETag of the topic as last read, for example \"7\""))
    })
}
