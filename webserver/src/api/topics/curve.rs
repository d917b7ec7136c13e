//! `GET /api/v1/topics/{id}/curve`

use axum::Json;
use axum::extract::State;
use igentai_core::log::Entry;
use utoipa::IntoParams;

use crate::api::dto::{Curve, CurvePoint};
use crate::context::AppRef;
use crate::extract::{QueryOf, TopicPath};
use crate::fields::{Fields, FromFields};
use crate::problem::{Problem, ReadErrors, TopicErrors};

const DEFAULT_POINTS: u64 = 200;
const MAX_POINTS: u64 = 1_000;

/// Entries looked at in one place to find one that brought something new, which tells the number of items there.
const WINDOW: u64 = 8;

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CurveQuery {
    /// Most points in the answer; 200 when left out.
    #[param(minimum = 2, maximum = 1_000)]
    points: Option<u64>,
}

impl FromFields for CurveQuery {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self { points: fields.count_in("points", 2..=MAX_POINTS).value() }
    }
}

/// How the set grew: unique items over responses and time
///
/// The log is looked at in evenly spaced places, so the cost depends on the points asked for and not on the length of the log.
#[utoipa::path(get, path = "/api/v1/topics/{id}/curve", tag = "topics", params(("id" = String, Path), CurveQuery), responses(
    (status = 200, body = Curve),
    ReadErrors,
    TopicErrors,
))]
pub(crate) async fn curve(
    State(app): State<AppRef>,
    TopicPath(id): TopicPath,
    QueryOf(query): QueryOf<CurveQuery>,
) -> Result<Json<Curve>, Problem> {
    let most = query.points.unwrap_or(DEFAULT_POINTS);
    app.topic(&id).await?;
    let store = app.context.store.as_ref();
    let head = store.head(&id).await?;
    let step = head.log_index.div_ceil(most).max(1);
    let limit = usize::try_from(WINDOW.min(step)).unwrap_or(1);
    let mut points = Vec::new();
    let mut place = 0;
    while place < head.log_index {
        let entries = store.log(&id, head.run, place, limit).await?;
        points.extend(entries.iter().rev().find_map(point));
        place += step;
    }
    if points.last().is_none_or(|last| last.attributes < head.attributes || last.log_index < head.log_index) {
        let last = store.log(&id, head.run, head.log_index.saturating_sub(1), 1).await?;
        points.extend(last.first().map(|entry| CurvePoint {
            log_index: entry.index,
            attributes: head.attributes,
            at_ms: entry.head.at.0,
        }));
    }
    Ok(Json(Curve { run: head.run, points }))
}

fn point(entry: &Entry) -> Option<CurvePoint> {
    let (seq, _) = entry.attributes().last().filter(|_| !entry.is_seeded())?;
    Some(CurvePoint { log_index: entry.index, attributes: seq, at_ms: entry.head.at.0 })
}
