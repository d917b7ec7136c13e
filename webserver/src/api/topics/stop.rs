//! `POST /api/v1/topics/{id}/stop`

use axum::extract::State;
use axum::response::Response;
use igentai_core::topic::EndReason;

use crate::api::dto::TopicView;
use crate::api::with_etag;
use crate::context::AppRef;
use crate::extract::TopicPath;
use crate::problem::{Problem, ProblemBody, ReadErrors, TopicErrors};
use crate::view;

/// Stop a topic; one that is ending or has ended stays as it is
///
/// Answers under way are still taken: the topic is `ending` until they are in, then `ended`. Start it again to go on.
#[utoipa::path(post, path = "/api/v1/topics/{id}/stop", tag = "topics", params(("id" = String, Path)), responses(
    (status = 200, body = TopicView, headers(("ETag" = String, description = "its version"))),
    (status = 409, description = "others keep changing it", body = ProblemBody, content_type = "application/problem+json"),
    ReadErrors,
    TopicErrors,
))]
pub(crate) async fn stop(State(app): State<AppRef>, TopicPath(id): TopicPath) -> Result<Response, Problem> {
    let topic = app.alter(&id, |topic| Ok(topic.end(EndReason::Stopped))).await?;
    let version = topic.version;
    let view = view::load(&app, topic).await?;
    Ok(with_etag(version, view))
}
