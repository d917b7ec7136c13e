//! `GET /api/v1/topics/{id}`

use axum::extract::State;
use axum::response::Response;

use crate::api::dto::TopicView;
use crate::api::with_etag;
use crate::context::AppRef;
use crate::extract::TopicPath;
use crate::problem::{Problem, ReadErrors, TopicErrors};
use crate::view;

/// Show a topic with its newest numbers
#[utoipa::path(get, path = "/api/v1/topics/{id}", tag = "topics", params(("id" = String, Path)), responses(
    (status = 200, body = TopicView, headers(("ETag" = String, description = "its version, for If-Match"))),
    ReadErrors,
    TopicErrors,
))]
pub(crate) async fn show(State(app): State<AppRef>, TopicPath(id): TopicPath) -> Result<Response, Problem> {
    let topic = app.topic(&id).await?;
    let version = topic.version;
    let view = view::load(&app, topic).await?;
    Ok(with_etag(version, view))
}
