//! `GET /api/v1/topics/{id}/quote`

use axum::Json;
use axum::extract::State;
use igentai_core::quote::{NoQuote, Range};
use igentai_core::topic::Topic;
use igentai_shared::store::{Store, StoreError};
use utoipa::IntoParams;

use crate::api::dto::{QuoteView, RangeView};
use crate::context::AppRef;
use crate::extract::{QueryOf, TopicPath};
use crate::fields::{Fields, FromFields};
use crate::problem::{NoQuoteErrors, Problem, ProblemKind, ReadErrors, TopicErrors};
use crate::view;

const MAX_ITEMS: u64 = 1_000_000;

/// How many are told of where nobody says how many.
const USUAL_ITEMS: u64 = 100;

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct QuoteQuery {
    /// How many new items; left out: 100, or as many as can be told of where these are fewer.
    #[param(minimum = 1, maximum = 1_000_000)]
    items: Option<u64>,
}

impl FromFields for QuoteQuery {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self { items: fields.count_in("items", 1..=MAX_ITEMS).value() }
    }
}

/// What the next items cost: requests, money, time
///
/// From what was seen until now. Where that cannot be told (too early, or for more items than the models seem to know), it is said why.
#[utoipa::path(get, path = "/api/v1/topics/{id}/quote", tag = "topics", params(("id" = String, Path), QuoteQuery), responses(
    (status = 200, body = QuoteView),
    ReadErrors,
    TopicErrors,
    NoQuoteErrors,
))]
pub(crate) async fn quote(
    State(app): State<AppRef>,
    TopicPath(id): TopicPath,
    QueryOf(query): QueryOf<QuoteQuery>,
) -> Result<Json<QuoteView>, Problem> {
    let topic = app.topic(&id).await?;
    match quote_view(app.context.store.as_ref(), &topic, query.items).await? {
        Ok(quote) => Ok(Json(quote)),
        Err(why) => Err(Problem::new(ProblemKind::NoQuote, why.to_string())),
    }
}

/// What the next items of a topic cost, or why that cannot be said; without a number 100 of them, or as many as can be told of.
///
/// # Errors
/// When the store cannot be read.
pub async fn quote_view(
    store: &dyn Store,
    topic: &Topic,
    items: Option<u64>,
) -> Result<Result<QuoteView, NoQuote>, StoreError> {
    let Some(status) = view::status(store, topic).await? else { return Ok(Err(NoQuote::TooEarly)) };
    let quote = status.forecast.as_ref().map_or(Err(NoQuote::TooEarly), |forecast| {
        forecast.quote(items.unwrap_or_else(|| forecast.most().clamp(1, USUAL_ITEMS)))
    });
    Ok(quote.map(|quote| QuoteView {
        run: topic.run,
        log_index: status.log_index,
        items: quote.items,
        requests: range(quote.requests),
        usd: range(quote.usd),
        seconds: quote.seconds.map(range),
        text: quote.to_string(),
    }))
}

/// To nine decimals: more are not known, and not every reader of JSON reads the last bits of longer ones as they were.
fn range(range: Range) -> RangeView {
    let nine = |number: f64| (number * 1e9).round() / 1e9;
    RangeView { about: nine(range.about), low: nine(range.low), high: nine(range.high) }
}
