//! `GET /api/v1/topics`

use axum::Json;
use axum::extract::State;
use igentai_core::topic::Topic;
use utoipa::IntoParams;

use crate::api::dto::{StateName, TopicList};
use crate::context::AppRef;
use crate::extract::QueryOf;
use crate::fields::{Fields, FromFields};
use crate::problem::{Problem, ReadErrors};
use crate::view;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: u64 = 1_000;

/// Longest id asked for: longer than any that there is.
const MAX_AFTER: usize = 100;

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only topics in this state.
    state: Option<StateName>,
    /// Only topics whose id comes after this one.
    #[param(max_length = 100)]
    after: Option<String>,
    /// Most topics in the answer; 100 when left out.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<usize>,
}

impl FromFields for ListQuery {
    fn read(fields: &mut Fields<'_>) -> Self {
        use StateName::{Ended, Ending, Running, Starting};
        let states = [Starting, Running, Ending, Ended].map(|state| (state.as_str(), state));
        Self {
            state: fields.word("state", &states).value(),
            after: fields.short_text("after", MAX_AFTER, "a topic's id").value(),
            limit: fields.count_in("limit", 1..=MAX_LIMIT).value(),
        }
    }
}

/// List topics, ordered by id
#[utoipa::path(get, path = "/api/v1/topics", tag = "topics", params(ListQuery), responses(
    (status = 200, body = TopicList),
    ReadErrors,
))]
pub(crate) async fn list(
    State(app): State<AppRef>,
    QueryOf(query): QueryOf<ListQuery>,
) -> Result<Json<TopicList>, Problem> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let store = app.context.store.as_ref();
    let mut topics = store.topics().await?.into_iter().filter(|topic| query.takes(topic));
    let mut items = Vec::new();
    for topic in topics.by_ref().take(limit) {
        items.push(view::load(&app, topic).await?);
    }
    let more = topics.next().is_some();
    let next_after = items.last().filter(|_| more).map(|topic| topic.id.clone());
    Ok(Json(TopicList { items, next_after }))
}

impl ListQuery {
    fn takes(&self, topic: &Topic) -> bool {
        let state = self.state.is_none_or(|state| state.as_str() == topic.state.as_str());
        state && self.after.as_deref().is_none_or(|after| topic.id.as_str() > after)
    }
}
