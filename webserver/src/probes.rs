//! Probes and metrics, the same for every role.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::ProbeContext;
use crate::problem::{FieldError, Problem, ProblemBody, ProblemKind};

/// A good answer of a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Health {
    /// `live` or `ready`.
    pub(crate) status: String,
    /// The number that the operating system gave the process that answers.
    pub(crate) process: u32,
    /// What does not keep the process from its work, but should be known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
}

impl Health {
    fn of(status: &str, warnings: Vec<String>) -> Self {
        Self { status: status.to_owned(), process: std::process::id(), warnings }
    }
}

pub(crate) fn router(context: ProbeContext) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(live))
        .routes(routes!(ready))
        .routes(routes!(metrics))
        .with_state(Arc::new(context))
}

pub(crate) fn plain_router(context: ProbeContext) -> Router {
    router(context).split_for_parts().0
}

/// Whether the process runs; never depends on anything outside it
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, body = Health)))]
async fn live() -> Json<Health> {
    Json(Health::of("live", Vec::new()))
}

/// Whether the process can do its work now
#[utoipa::path(get, path = "/health/ready", tag = "health", responses(
    (status = 200, body = Health),
    (status = 503, description = "not ready; `errors` holds the reasons", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn ready(State(context): State<Arc<ProbeContext>>) -> Result<Json<Health>, Problem> {
    let mut reasons = context.readiness.reasons().await;
    if context.shutdown.is_cancelled() {
        reasons.push("the process is shutting down".to_owned());
    }
    if reasons.is_empty() {
        let warnings = context.readiness.warnings().await;
        return Ok(Json(Health::of("ready", warnings)));
    }
    let mut problem = Problem::new(ProblemKind::NotReady, reasons.join("; "));
    problem.errors = reasons
        .into_iter()
        .map(|detail| FieldError { field: "ready".to_owned(), detail, allowed: None })
        .collect();
    Err(problem)
}

/// Metrics in the Prometheus text format
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = 200, body = String, content_type = "text/plain; version=0.0.4"),
))]
async fn metrics(State(context): State<Arc<ProbeContext>>) -> Response {
    let text = (context.metrics)();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
