//! `GET /api/v1/topics/{id}/attributes`

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::stream;
use igentai_core::folder::TopicId;
use igentai_core::ids::{Run, Seq};
use igentai_core::seeded::{Bug, is_on};
use igentai_core::topic::Topic;
use igentai_shared::store::{Store, StoreError, StoredAttribute};
use utoipa::IntoParams;

use crate::api::allowed;
use crate::api::dto::{Attribute, AttributePage, DoubtedItems, Format};
use crate::api::percent_encoded;
use crate::context::AppRef;
use crate::extract::{QueryOf, TopicPath};
use crate::fields::{Fields, FromFields};
use crate::problem::{Problem, ReadErrors, TopicErrors};
use crate::view;

const DEFAULT_LIMIT: usize = 1_000;
const MAX_LIMIT: u64 = 10_000;

/// Attributes read at once for a text without limit.
const TEXT_PAGE: usize = 2_000;

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AttributesQuery {
    /// Only items with a higher number.
    after: Option<u64>,
    /// Most items in the answer; 1,000 when left out, for text all of them.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
    /// Instead of the Accept header, for links.
    format: Option<Format>,
    /// What a text says of what a judge doubts; JSON marks it, and has all.
    doubted: Option<DoubtedItems>,
}

impl FromFields for AttributesQuery {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            after: fields.count("after", allowed::POSITION).value(),
            limit: fields.count_in("limit", 1..=MAX_LIMIT).value(),
            format: fields.word("format", &[("json", Format::Json), ("text", Format::Text)]).value(),
            doubted: fields
                .word(
                    "doubted",
                    &[
                        ("with", DoubtedItems::With),
                        ("without", DoubtedItems::Without),
                        ("only", DoubtedItems::Only),
                    ],
                )
                .value(),
        }
    }
}

/// Items by number, as JSON or as text with one a line
///
/// Text without `limit` is the whole set, streamed.
#[utoipa::path(get, path = "/api/v1/topics/{id}/attributes", tag = "topics",
    params(("id" = String, Path), AttributesQuery),
    responses(
        (status = 200, content((AttributePage = "application/json"), (String = "text/plain"))),
        ReadErrors,
        TopicErrors,
    )
)]
pub(crate) async fn attributes(
    State(app): State<AppRef>,
    TopicPath(id): TopicPath,
    QueryOf(query): QueryOf<AttributesQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let topic = app.topic(&id).await?;
    let store = app.context.store.clone();
    let head = store.head(&id).await?;
    let after = query.after.unwrap_or(0);
    let doubted = doubted(app.context.store.as_ref(), &topic);
    if wants_text(query.format, &headers) {
        let most = query.limit.map_or(u64::MAX, |limit| limit as u64);
        let last = head.attributes.min(after.saturating_add(most));
        let which = query.doubted.unwrap_or_default();
        let doubted = if which == DoubtedItems::With { BTreeSet::new() } else { doubted.await? };
        return Ok(text(Rest { store, topic: id, run: head.run, after, last, which, doubted }));
    }
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let page = store.attributes(&id, head.run, after, limit).await?;
    let doubted = doubted.await?;
    let skipped = u64::from(is_on(Bug::PageLeavesOneOut));
    let next_after = page.last().map_or(after, |attribute| attribute.seq + skipped);
    let item = |StoredAttribute { seq, text, .. }| Attribute { seq, text, doubted: doubted.contains(&seq) };
    let items = page.into_iter().map(item).collect();
    Ok(Json(AttributePage { items, next_after, run: head.run }).into_response())
}

/// The numbers of what judges doubt; nothing where none was asked.
async fn doubted(store: &dyn Store, topic: &Topic) -> Result<BTreeSet<Seq>, StoreError> {
    let status = view::status(store, topic).await?;
    Ok(status.map(|status| status.judging.doubted.into_iter().collect()).unwrap_or_default())
}

fn wants_text(format: Option<Format>, headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepts_text = accept.split(',').any(|part| part.trim().starts_with("text/plain"));
    format.map_or(accepts_text, |format| format == Format::Text)
}

struct Rest {
    store: Arc<dyn Store>,
    topic: TopicId,
    run: Run,
    after: Seq,
    last: Seq,
    which: DoubtedItems,
    doubted: BTreeSet<Seq>,
}

/// All lines up to `last`. When the run is over before that, the answer is broken off rather than ended as if it were whole.
fn text(rest: Rest) -> Response {
    let topic = &rest.topic;
    let name = percent_encoded(topic.as_str());
    let plain = if topic.as_str().is_ascii() { topic.as_str() } else { "topic" };
    let disposition = format!("attachment; filename=\"{plain}.txt\"; filename*=UTF-8''{name}.txt");
    let lines = stream::try_unfold(rest, async |mut rest| {
        if rest.after >= rest.last {
            return Ok(None);
        }
        let lines = rest.page().await?;
        Ok::<_, StoreError>(Some((lines, rest)))
    });
    let headers =
        [(CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, disposition)];
    (headers, Body::from_stream(lines)).into_response()
}

impl Rest {
    async fn page(&mut self) -> Result<Bytes, StoreError> {
        let left = usize::try_from(self.last - self.after).unwrap_or(usize::MAX);
        let page = self.store.attributes(&self.topic, self.run, self.after, left.min(TEXT_PAGE)).await?;
        let Some(last) = page.last() else {
            return Err(StoreError::Corrupt("the run ended while it was read".to_owned()));
        };
        self.after = last.seq;
        let mut lines = String::new();
        for attribute in page.iter().filter(|attribute| self.which.has(self.doubted.contains(&attribute.seq)))
        {
            let line =
                attribute.text.replace(|c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}', " ");
            writeln!(lines, "{line}").map_err(|error| StoreError::Corrupt(error.to_string()))?;
        }
        Ok(Bytes::from(lines))
    }
}
