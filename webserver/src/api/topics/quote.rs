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

const MAX_REQUESTS: u64 = 1_000_000;

/// What is asked of a forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// What the usual number of items costs: 100, or as many as can be told of.
    Usual,
    /// What so many items cost.
    Items(u64),
    /// What so many requests bring.
    Requests(u64),
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct QuoteQuery {
    /// How many new items; left out: 100, or as many as can be told of where these are fewer.
    #[param(minimum = 1, maximum = 1_000_000)]
    items: Option<u64>,
    /// Instead, the next so many requests, failed ones included: how many new items they bring.
    #[param(minimum = 1, maximum = 1_000_000)]
    requests: Option<u64>,
}

impl FromFields for QuoteQuery {
    fn read(fields: &mut Fields<'_>) -> Self {
        let items = fields.count_in("items", 1..=MAX_ITEMS).value();
        let requests = fields.count_in("requests", 1..=MAX_REQUESTS).value();
        if items.is_some() && requests.is_some() {
            fields.wrong("requests", "`items` is given as well", "one of the two");
        }
        Self { items, requests }
    }
}

impl QuoteQuery {
    fn ahead(&self) -> Ahead {
        self.requests.map(Ahead::Requests).or(self.items.map(Ahead::Items)).unwrap_or(Ahead::Usual)
    }
}

/// What the next items cost, in requests, money and time, or what the next requests bring
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
    match quote_view(app.context.store.as_ref(), &topic, query.ahead()).await? {
        Ok(quote) => Ok(Json(quote)),
        Err(why) => Err(Problem::new(ProblemKind::NoQuote, why.to_string())),
    }
}

/// What the next items of a topic cost, or what its next requests bring; or why that cannot be said.
///
/// # Errors
/// When the store cannot be read.
pub async fn quote_view(
    store: &dyn Store,
    topic: &Topic,
    ahead: Ahead,
) -> Result<Result<QuoteView, NoQuote>, StoreError> {
    let status = view::status(store, topic).await?;
    let Some((log_index, forecast)) = status.and_then(|status| Some((status.log_index, status.forecast?)))
    else {
        return Ok(Err(NoQuote::TooEarly));
    };
    let run = topic.run;
    let (least_requests, most_requests) = forecast.tellable().unwrap_or_default();
    let items = match ahead {
        Ahead::Items(items) => items,
        Ahead::Usual => forecast.most().clamp(1, USUAL_ITEMS),
        Ahead::Requests(requests) => {
            return Ok(forecast.outlook(requests).map(|outlook| {
                let requests = RangeView::exactly(outlook.requests);
                let (new, text) = (range(outlook.new), outlook.to_string());
                let (usd, seconds) = (range(outlook.usd), outlook.seconds.map(range));
                let items = whole(new.about);
                QuoteView {
                    run,
                    log_index,
                    items,
                    new_items: Some(new),
                    requests,
                    usd,
                    seconds,
                    is_rough: false,
                    least_requests,
                    most_requests,
                    text,
                }
            }));
        }
    };
    Ok(forecast.quote(items).map(|quote| QuoteView {
        run,
        log_index,
        items: quote.items,
        new_items: None,
        requests: range(quote.requests),
        usd: range(quote.usd),
        seconds: quote.seconds.map(range),
        is_rough: quote.is_rough,
        least_requests,
        most_requests,
        text: quote.to_string(),
    }))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
fn whole(number: f64) -> u64 {
    number.round().max(0.0) as u64
}

/// To nine decimals: more are not known, and not every reader of JSON reads the last bits of longer ones as they were.
fn range(range: Range) -> RangeView {
    let nine = |number: f64| (number * 1e9).round() / 1e9;
    RangeView { about: nine(range.about), low: nine(range.low), high: nine(range.high) }
}
