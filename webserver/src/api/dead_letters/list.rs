//! `GET /api/v1/dead-letters`

use axum::Json;
use axum::extract::State;
use igentai_shared::bus::WorkQueue;
use igentai_shared::dead_letters;
use utoipa::IntoParams;

use super::summary;
use crate::api::dto::DeadLetterList;
use crate::context::AppRef;
use crate::extract::QueryOf;
use crate::fields::{Fields, FromFields};
use crate::problem::{Problem, ReadErrors};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: u64 = 1_000;
const MAX_AFTER: usize = 16;

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LettersQuery {
    /// Only letters behind the one with this id.
    #[param(max_length = 16)]
    after: Option<String>,
    /// Most letters in the answer; 100 when left out.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<usize>,
}

impl FromFields for LettersQuery {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            after: fields.short_text("after", MAX_AFTER, "a letter's id").value(),
            limit: fields.count_in("limit", 1..=MAX_LIMIT).value(),
        }
    }
}

/// List dead letters, the oldest first
///
/// Messages that could not be integrated, each with its reason. At most the first 1,000 of the queue are looked at (`complete` says whether there are
/// more), and looking changes nothing.
#[utoipa::path(get, path = "/api/v1/dead-letters", tag = "dead letters", params(LettersQuery), responses(
    (status = 200, body = DeadLetterList),
    ReadErrors,
))]
pub(crate) async fn list(
    State(app): State<AppRef>,
    QueryOf(query): QueryOf<LettersQuery>,
) -> Result<Json<DeadLetterList>, Problem> {
    let bus = app.context.bus.as_ref();
    let listing = dead_letters::list(bus).await?;
    let waiting = if listing.is_whole {
        u64::try_from(listing.letters.len()).ok()
    } else {
        bus.depth(WorkQueue::Dead).await
    };
    // One that was settled meanwhile has no place: then they are told from the beginning.
    let after = query.after.and_then(|after| listing.letters.iter().position(|letter| letter.id == after));
    let mut rest = listing.letters.iter().skip(after.map_or(0, |place| place + 1));
    let items: Vec<_> = rest.by_ref().take(query.limit.unwrap_or(DEFAULT_LIMIT)).map(summary).collect();
    let next_after = items.last().filter(|_| rest.next().is_some()).map(|letter| letter.id.clone());
    Ok(Json(DeadLetterList { items, next_after, waiting, complete: listing.is_whole }))
}
