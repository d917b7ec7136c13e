//! `POST /api/v1/dead-letters/drop`

use axum::Json;
use axum::extract::State;
use igentai_shared::dead_letters::Act;

use super::settle;
use crate::api::dto::{SettleLetters, SettledLetters};
use crate::context::AppRef;
use crate::extract::JsonBody;
use crate::problem::{Problem, ReadErrors, WriteErrors};

/// Drop dead letters for good
///
/// What they held is lost: the answers in them stay missing in their topics.
#[utoipa::path(post, path = "/api/v1/dead-letters/drop", tag = "dead letters", request_body = SettleLetters, responses(
    (status = 200, description = "what became of each", body = SettledLetters),
    ReadErrors,
    WriteErrors,
))]
pub(crate) async fn drop(
    State(app): State<AppRef>,
    JsonBody(request, errors): JsonBody<SettleLetters>,
) -> Result<Json<SettledLetters>, Problem> {
    settle(&app, request, errors, Act::Drop).await.map(Json)
}
