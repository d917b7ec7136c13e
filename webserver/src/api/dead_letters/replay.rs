//! `POST /api/v1/dead-letters/replay`

use axum::Json;
use axum::extract::State;
use igentai_shared::dead_letters::Act;

use super::settle;
use crate::api::dto::{SettleLetters, SettledLetters};
use crate::context::AppRef;
use crate::extract::JsonBody;
use crate::problem::{Problem, ReadErrors, WriteErrors};

/// Send dead letters again to where they came from
///
/// Each is taken out of the queue when the broker has confirmed the message that was sent again: at worst one comes twice, which the batches' ids absorb. One
/// that still cannot be integrated becomes a dead letter again, with its reason and another id.
#[utoipa::path(post, path = "/api/v1/dead-letters/replay", tag = "dead letters", request_body = SettleLetters, responses(
    (status = 200, description = "what became of each", body = SettledLetters),
    ReadErrors,
    WriteErrors,
))]
pub(crate) async fn replay(
    State(app): State<AppRef>,
    JsonBody(request, errors): JsonBody<SettleLetters>,
) -> Result<Json<SettledLetters>, Problem> {
    settle(&app, request, errors, Act::Replay).await.map(Json)
}
