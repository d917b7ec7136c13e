//! `PATCH /api/v1/topics/{id}`

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use igentai_core::rules::ItemRules;
use igentai_core::topic::{Topic, TopicState};

use super::rules::Rules;
use crate::api::dto::{self, ChangeLimits, ChangeTopic, Limits, Partition, TopicView};
use crate::api::with_etag;
use crate::context::{AppRef, WebContext};
use crate::extract::{IfMatch, JsonBody, TopicPath, if_match};
use crate::fields::Errors;
use crate::problem::{Problem, ProblemBody, ProblemKind, ReadErrors, TopicErrors, WriteErrors};
use crate::view;

/// A change would look as if it kept the topic from ending.
const ENDING: &str =
    "the topic is just ending, whatever is changed now; change it or start it again when it has ended";

/// Change a topic, running or not
///
/// A JSON merge patch: what is left out stays, `null` takes it away. A cap that is used up already ends a topic that runs.
#[utoipa::path(patch, path = "/api/v1/topics/{id}", tag = "topics", request_body = ChangeTopic,
    params(("id" = String, Path), IfMatch),
    responses(
        (status = 200, body = TopicView, headers(("ETag" = String, description = "its new version"))),
        (status = 409, description = "it is just ending (`ending`), would not fit in beside the topics under way any more (`full`), or others keep changing it (`conflict`)", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "it has another version than If-Match names", body = ProblemBody, content_type = "application/problem+json"),
        ReadErrors,
        TopicErrors,
        WriteErrors,
    )
)]
pub(crate) async fn change(
    State(app): State<AppRef>,
    TopicPath(id): TopicPath,
    headers: HeaderMap,
    JsonBody(request, errors): JsonBody<ChangeTopic>,
) -> Result<Response, Problem> {
    let expected = if_match(&headers)?;
    let topic = app
        .alter(&id, |current| {
            if expected.is_some_and(|version| version != current.version) {
                return Err(other_version(current.version));
            }
            let next = patched(current, &request, errors.clone(), &app.context)?;
            if next == *current {
                return Ok(None);
            }
            if let TopicState::Ending(_) = current.state {
                return Err(Problem::new(ProblemKind::Ending, ENDING));
            }
            Ok(Some(Topic { version: current.version + 1, ..next }))
        })
        .await?;
    let version = topic.version;
    let view = view::load(&app, topic).await?;
    Ok(with_etag(version, view))
}

fn other_version(version: u64) -> Problem {
    let detail = format!("the topic is at version {version}; read it again before changing it");
    Problem::new(ProblemKind::PreconditionFailed, detail).at("if-match", Some(&format!("\"{version}\"")))
}

fn patched(
    current: &Topic,
    request: &ChangeTopic,
    errors: Errors,
    context: &WebContext,
) -> Result<Topic, Problem> {
    let mut topic = current.clone();
    let mut rules = Rules::after(errors);
    if let Some(prompt) = &request.prompt {
        rules.prompt(prompt.as_deref());
        topic.prompt.clone_from(prompt);
    }
    match &request.provider_weights {
        None => {}
        Some(None) => topic.provider_weights = BTreeMap::new(),
        Some(Some(changes)) => {
            for (provider, weight) in changes {
                match weight {
                    Some(weight) => topic.provider_weights.insert(provider.clone(), *weight),
                    None => topic.provider_weights.remove(provider),
                };
            }
            rules.weights(&topic.provider_weights, &context.known_providers);
        }
    }
    match &request.limits {
        None => {}
        Some(None) => topic.limits = igentai_core::topic::Limits::default(),
        Some(Some(changes)) => {
            let limits = limited(&Limits::of(topic.limits), changes);
            rules.limits(&limits);
            topic.limits = limits.to_core();
        }
    }
    if let Some(routing) = request.routing {
        topic.routing = routing.unwrap_or_default().to_core();
    }
    if let Some(phrasing) = request.phrasing {
        topic.phrasing = phrasing.unwrap_or_default().to_core();
    }
    if let Some(items) = request.items_per_request {
        rules.items_per_request(items);
        topic.items_per_request = items.unwrap_or(context.items_per_request);
    }
    if let Some(share) = request.probe_share {
        topic.probe_share = rules.probe_share(share).unwrap_or(context.probe_share);
    }
    let categories = request.categories.as_ref().and_then(Option::as_deref);
    let (partition, categories) = rules.parts(request.partition.flatten(), categories);
    if request.partition.is_some() || request.categories.is_some() {
        topic.categories = categories.unwrap_or_default();
    }
    if request.partition.is_some() || partition.is_some() {
        topic.partition = partition.map_or(context.partition, Partition::to_core);
    }
    match &request.rules {
        None => {}
        Some(None) => topic.rules = ItemRules::default(),
        Some(Some(changes)) => topic.rules = rules.items(&changes.of(dto::Rules::of(&topic.rules))),
    }
    if let Some(judge) = request.judge {
        topic.judge = judge.unwrap_or_default();
    }
    rules.finish()?;
    Ok(topic)
}

fn limited(limits: &Limits, changes: &ChangeLimits) -> Limits {
    Limits {
        max_attributes: changes.max_attributes.unwrap_or(limits.max_attributes),
        max_requests: changes.max_requests.unwrap_or(limits.max_requests),
        max_usd: changes.max_usd.unwrap_or(limits.max_usd),
        time_limit_seconds: changes.time_limit_seconds.unwrap_or(limits.time_limit_seconds),
        completeness: changes.completeness.unwrap_or(limits.completeness),
        min_new_per_100_requests: changes.min_new_per_100_requests.unwrap_or(limits.min_new_per_100_requests),
    }
}
