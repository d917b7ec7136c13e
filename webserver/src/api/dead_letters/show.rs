//! `GET /api/v1/dead-letters/{id}`

use axum::Json;
use axum::extract::{Path, State};
use igentai_shared::dead_letters;

use super::{content, no_letter, shown, summary};
use crate::api::dto::DeadLetterView;
use crate::context::AppRef;
use crate::problem::{Problem, ReadErrors, TopicErrors};

/// Headers shown at most.
const MAX_HEADERS: usize = 100;

/// Show a dead letter: its headers, and what it holds
///
/// What can be understood comes as JSON, anything else as a hexadecimal dump of its beginning. So does what crashed whoever worked on it.
#[utoipa::path(get, path = "/api/v1/dead-letters/{id}", tag = "dead letters", params(("id" = String, Path)), responses(
    (status = 200, body = DeadLetterView),
    ReadErrors,
    TopicErrors,
))]
pub(crate) async fn show(
    State(app): State<AppRef>,
    Path(id): Path<String>,
) -> Result<Json<DeadLetterView>, Problem> {
    let listing = dead_letters::list(app.context.bus.as_ref()).await?;
    let letter = listing.letters.iter().find(|letter| letter.id == id).ok_or_else(|| no_letter(&id))?;
    let headers = letter.headers.iter().take(MAX_HEADERS);
    let headers = headers.map(|(name, value)| (shown(name), shown(value))).collect();
    Ok(Json(DeadLetterView { letter: summary(letter), headers, content: content::of(letter) }))
}
