//! `GET /api/v1/topics/{id}/parts`

use axum::Json;
use axum::extract::State;
use igentai_core::cost::Cost;
use igentai_core::fold::Totals;
use igentai_core::frontier::{Aim, Part, PartState};
use igentai_core::status::TopicStatus;
use igentai_core::topic::Topic;
use igentai_shared::store::{Store, StoreError};

use crate::api::dto::{BroughtView, PartStateName, PartView, Partition, PartsView, ProbesView};
use crate::context::AppRef;
use crate::extract::TopicPath;
use crate::problem::{Problem, ReadErrors, TopicErrors};
use crate::view;

/// How far each part of a topic is, and what came of asking for parts
///
/// Coverage and completeness of each part and of the whole, by what these models say, and the same by answers that were asked for without conditions.
#[utoipa::path(get, path = "/api/v1/topics/{id}/parts", tag = "topics", params(("id" = String, Path)), responses(
    (status = 200, body = PartsView),
    ReadErrors,
    TopicErrors,
))]
pub(crate) async fn parts(
    State(app): State<AppRef>,
    TopicPath(id): TopicPath,
) -> Result<Json<PartsView>, Problem> {
    let topic = app.topic(&id).await?;
    Ok(Json(parts_view(app.context.store.as_ref(), &topic).await?))
}

/// How far the parts of a topic's run are.
///
/// # Errors
/// When the store cannot be read.
pub async fn parts_view(store: &dyn Store, topic: &Topic) -> Result<PartsView, StoreError> {
    let mut told = PartsView {
        run: topic.run,
        at: None,
        partition: Partition::of(topic.partition),
        attributes: 0,
        coverage: None,
        probes: ProbesView::default(),
        completeness: None,
        whole: BroughtView::default(),
        aimed: BroughtView::default(),
        left_out: 0,
        left_out_and_given: 0,
        parts: Vec::new(),
    };
    let Some(status) = view::status(store, topic).await? else { return Ok(told) };
    told.at = Some(view::time(status.at));
    told.attributes = status.attributes;
    told.coverage = status.coverage;
    told.probes = view::probes(status.probed);
    told.completeness = status.completeness.map(view::completeness);
    (told.whole, told.aimed) = by_aim(&status);
    (told.left_out, told.left_out_and_given) = (status.totals.left_out, status.totals.copied);
    told.parts = status.parts.into_iter().map(part).collect();
    Ok(told)
}

/// What requests about the whole brought, and those for items of parts.
fn by_aim(status: &TopicStatus) -> (BroughtView, BroughtView) {
    let is_task = |cell: &str| Aim::named(Some(cell)).is_some_and(|aim| aim.is_task());
    let cells = status.cells.iter();
    let aimed: Vec<&Totals> = cells.filter(|(cell, _)| !is_task(cell)).map(|(_, totals)| totals).collect();
    let whole = brought(|number| {
        let of_cells = status.cells.values().map(number);
        number(&status.totals).saturating_sub(of_cells.sum())
    });
    (whole, brought(|number| aimed.iter().map(|totals| number(totals)).sum()))
}

/// By the sum of each number.
fn brought(sum: impl Fn(fn(&Totals) -> u64) -> u64) -> BroughtView {
    let (answers, attributes) = (sum(|of| of.responses), sum(|of| of.attributes));
    let usd = Cost::from_picodollars(sum(|of| of.cost.picodollars())).usd();
    BroughtView {
        requests: sum(Totals::requests),
        answers,
        candidates: sum(|of| of.candidates),
        attributes,
        usd,
        new_per_answer: ratio(attributes, answers),
        usd_per_new: (attributes > 0).then(|| rounded(usd / number(attributes))),
        fitting: ratio(sum(|of| of.fitting), sum(|of| of.aimed)),
    }
}

fn ratio(of: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| rounded(number(of) / number(all)))
}

/// Not every reader of JSON reads the last bits of long numbers as they were.
fn rounded(number: f64) -> f64 {
    (number * 1e9).round() / 1e9
}

#[expect(clippy::cast_precision_loss, reason = "a ratio")]
const fn number(of: u64) -> f64 {
    of as f64
}

fn part(part: Part) -> PartView {
    let Part { cell, state, found, coverage, completeness, answers, listed_by } = part;
    let state = match state {
        PartState::Unasked => PartStateName::Unasked,
        PartState::Open => PartStateName::Open,
        PartState::Listed => PartStateName::Listed,
        PartState::GivenUp => PartStateName::GivenUp,
    };
    let completeness = completeness.map(view::completeness);
    PartView { cell, state, found, coverage, completeness, answers, listed_by }
}
