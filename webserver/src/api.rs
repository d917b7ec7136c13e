//! The API's routes, put together; one endpoint a file.

pub(crate) mod allowed;
mod dead_letters;
pub mod dto;
mod events;
mod topics;

use std::any::Any;
use std::sync::Arc;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use bytes::Bytes;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::topics::decisions::decision_page;
pub use self::topics::parts::parts_view;
pub use self::topics::quote::{Ahead, quote_view};
pub use self::topics::statistics::statistics_view;
use crate::context::{AppRef, ProbeContext};
use crate::leader::WithLeader;
use crate::page;
use crate::probes;
use crate::problem::{Problem, ProblemBody, ProblemKind};
use crate::security::{self, HostRule};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "igentai",
        description = "Enumerates topics with many language models. Errors are `application/problem+json`, told apart by their `type`."
    ),
    components(schemas(ProblemBody, dto::Format, dto::DoubtedItems, dto::Hello, dto::AttributesEvent, dto::DecidedEvent, dto::Reset)),
    tags(
        (name = "topics", description = "What is enumerated"),
        (name = "events", description = "What happens, as it happens"),
        (name = "dead letters", description = "What could not be integrated"),
        (name = "health", description = "Probes and metrics"),
    )
)]
struct Document;

/// Everything that the web server answers.
pub(crate) fn router(app: AppRef, hosts: HostRule) -> Router {
    let (router, document) = documented(app);
    let document: Arc<str> = document.to_json().unwrap_or_default().into();
    let document = Bytes::from(document.to_string());
    let router = router
        .route("/api/v1/openapi.json", get(async move || openapi(document.clone())))
        .merge(page::router());
    with_guards(with_fallbacks(router), hosts)
}

fn documented(app: AppRef) -> (Router, utoipa::openapi::OpenApi) {
    let context = &app.context;
    let probes = ProbeContext {
        metrics: context.metrics.clone(),
        readiness: Arc::new(WithLeader { readiness: context.readiness.clone(), leader: app.leader.clone() }),
        shutdown: context.shutdown.clone(),
    };
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(topics::list::list, topics::start::start))
        .routes(routes!(topics::show::show, topics::change::change))
        .routes(routes!(topics::stop::stop))
        .routes(routes!(topics::attributes::attributes))
        .routes(routes!(topics::curve::curve))
        .routes(routes!(topics::decisions::decisions))
        .routes(routes!(topics::quote::quote))
        .routes(routes!(topics::parts::parts))
        .routes(routes!(topics::statistics::statistics))
        .routes(routes!(events::events))
        .routes(routes!(dead_letters::list::list))
        .routes(routes!(dead_letters::show::show))
        .routes(routes!(dead_letters::replay::replay))
        .routes(routes!(dead_letters::drop::drop))
        .with_state(app)
        .merge(probes::router(probes))
        .split_for_parts()
}

fn openapi(document: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], document).into_response()
}

/// Unknown routes and methods are problems like all others.
pub(crate) fn with_fallbacks(router: Router) -> Router {
    router.fallback(unknown_route).method_not_allowed_fallback(wrong_method)
}

/// What every request passes.
pub(crate) fn with_guards(router: Router, hosts: HostRule) -> Router {
    router
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(hosts, security::guard))
}

async fn unknown_route(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::new(ProblemKind::NotFound, format!("there is nothing at `{path}`"))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::new(
        ProblemKind::MethodNotAllowed,
        format!("`{path}` does not take {method}; see the Allow header"),
    )
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(panic = text, "a handler panicked");
    Problem::new(ProblemKind::Internal, "the request could not be answered; the server's log says why")
        .into_response()
}

/// Ids hold letters of any script: in a path or header they are percent-encoded.
fn percent_encoded(id: &str) -> String {
    id.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' {
            text.push(char::from(byte));
        } else {
            text.extend(['%', hex(byte >> 4), hex(byte & 15)]);
        }
        text
    })
}

fn hex(digit: u8) -> char {
    char::from_digit(u32::from(digit), 16).map_or('0', |c| c.to_ascii_uppercase())
}

/// An answer with the `ETag` of the topic that it shows.
fn with_etag<T: serde::Serialize>(version: u64, body: T) -> Response {
    let mut response = Json(body).into_response();
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(axum::http::header::ETAG, etag);
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_answered_as_a_problem() {
        let response = panicked(Box::new("seeded"));
        assert_eq!(response.status(), 500);
    }
}
