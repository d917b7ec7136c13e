//! `GET /api/v1/events`

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use igentai_core::folder::TopicId;
use utoipa::IntoParams;

use crate::api::allowed;
use crate::context::AppRef;
use crate::extract::{LastEventId, QueryOf};
use crate::fields::{Fields, FromFields};
use crate::problem::{Problem, ProblemKind, ReadErrors, TopicErrors};
use crate::stream::begin::Start;
use crate::stream::cursor::Cursor;
use crate::stream::follower::Follower;

const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// Only this topic.
    topic: Option<String>,
    /// With `topic`: begin behind this item; 0 for all of them.
    after: Option<u64>,
    /// With `after`: the run that its number belongs to; the current one when left out.
    run: Option<u64>,
    /// The id of an event of an earlier stream, where a client cannot set Last-Event-ID itself.
    cursor: Option<String>,
}

impl FromFields for EventsQuery {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            topic: fields.text("topic", "a topic's id").value(),
            after: fields.count("after", allowed::POSITION).value(),
            run: fields.count("run", allowed::COUNT).value(),
            cursor: fields.text("cursor", "the id of an event").value(),
        }
    }
}

/// What happens, as server-sent events
///
/// Events: `hello` (first), `attributes` (new items), `topic` (a topic as `GET /topics/{id}` shows it), `decided` (something else than what a request asks for was
/// decided, behind the `topic` that says so), `reset` (forget a topic's items, they are told anew).
/// Every event's id is a cursor: a stream that begins with one (`Last-Event-ID`, or `cursor`) tells what came after it, in order, without gap or repeat. Where that cannot be
/// told any more, there is a `reset`. Without one it begins at the present. A comment comes every 15 seconds when nothing else does.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    params(EventsQuery, LastEventId),
    responses(
        (status = 200, description = "the data of the events are `Hello`, `AttributesEvent`, `TopicView`, `DecidedEvent` and `Reset`",
            body = String, content_type = "text/event-stream"),
        ReadErrors,
        TopicErrors,
    )
)]
pub(crate) async fn events(
    State(app): State<AppRef>,
    QueryOf(query): QueryOf<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let topic = match &query.topic {
        Some(id) => {
            let id = TopicId::parse(id).map_err(|_| Problem::no_topic(id))?;
            let stored = app.context.store.topic(&id).await?;
            Some(stored.ok_or_else(|| Problem::no_topic(id.as_str()))?.id)
        }
        None => None,
    };
    let start = start(&query, &headers)?;
    let follower = Follower::open(app, topic, &start).await?;
    let events = stream::unfold(follower, async |mut follower| {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive");
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((unbuffered, Sse::new(events).keep_alive(keep_alive)).into_response())
}

/// The newest word wins: a browser that reconnects sends Last-Event-ID with the address it began with.
fn start(query: &EventsQuery, headers: &HeaderMap) -> Result<Start, Problem> {
    let narrowed = query.topic.is_some();
    let last = match headers.get("last-event-id") {
        Some(value) => Some(value.to_str().map_err(|_| bad_cursor("last-event-id"))?),
        None => None,
    };
    let given =
        last.map(|text| ("last-event-id", text)).or(query.cursor.as_deref().map(|text| ("cursor", text)));
    if let Some((field, text)) = given.filter(|(_, text)| !text.is_empty()) {
        let cursor = Cursor::decode(text).ok_or_else(|| bad_cursor(field))?;
        if cursor.is_narrowed() && !narrowed {
            let detail = "this cursor is of a stream of one topic; ask for that topic";
            return Err(Problem::new(ProblemKind::BadCursor, detail).at(field, None));
        }
        return Ok(Start::Cursor(Box::new(cursor)));
    }
    match query.after {
        Some(_) if !narrowed => Err(needs("after", "topic")),
        Some(seq) => Ok(Start::After { run: query.run, seq }),
        None if query.run.is_some() => Err(needs("run", "after")),
        None => Ok(Start::Present),
    }
}

fn bad_cursor(field: &str) -> Problem {
    Problem::new(ProblemKind::BadCursor, "this is no cursor that this API gave out")
        .at(field, Some("the id of an event"))
}

fn needs(field: &str, other: &str) -> Problem {
    Problem::new(ProblemKind::BadQuery, format!("`{field}` means something only together with `{other}`"))
        .at(field, None)
}
