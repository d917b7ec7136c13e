//! `POST /api/v1/topics`

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use igentai_core::folder::TopicId;
use igentai_core::topic::{StartError, StartMode, StartRequest, Topic};
use igentai_shared::store::StoreError;

use super::rules::Rules;
use super::{ATTEMPTS, by_operator, contended};
use crate::api::dto::{Limits, Mode, StartTopic, TopicView};
use crate::api::{percent_encoded, with_etag};
use crate::context::{App, AppRef};
use crate::extract::JsonBody;
use crate::problem::{Problem, ProblemBody, ProblemKind, ReadErrors, WriteErrors};
use crate::view;

/// Names that may share a folder before a start is given up.
const MAX_NAMESAKES: usize = 8;

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        let kind = match error {
            StartError::AlreadyRunning => ProblemKind::AlreadyRunning,
            StartError::Ending => ProblemKind::Ending,
            StartError::NothingToResume => ProblemKind::NothingToResume,
        };
        Self::new(kind, error.to_string())
    }
}

/// Start a topic, new or ended
///
/// The name decides which topic it is. One that ended by stop, cap or interruption goes on from where it was; one that ended by itself begins afresh;
/// `mode` says it explicitly.
#[utoipa::path(post, path = "/api/v1/topics", tag = "topics", request_body = StartTopic, responses(
    (status = 201, description = "started", body = TopicView, headers(
        ("Location" = String, description = "where the topic is"),
        ("ETag" = String, description = "its version"),
    )),
    (status = 409, description = "it runs (`already-running`), is ending (`ending`), has nothing to resume (`nothing-to-resume`), or others keep changing it (`conflict`)",
        body = ProblemBody, content_type = "application/problem+json"),
    ReadErrors,
    WriteErrors,
))]
pub(crate) async fn start(
    State(app): State<AppRef>,
    JsonBody(request): JsonBody<StartTopic>,
) -> Result<Response, Problem> {
    let (base, request) = checked(&app, request)?;
    let topic = started(&app, &base, &request).await?;
    let topic = app.changed(topic);
    let location = format!("/api/v1/topics/{}", percent_encoded(topic.id.as_str()));
    let version = topic.version;
    let view = view::load(app.context.store.as_ref(), topic).await?;
    let mut response = with_etag(version, view);
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

fn checked(app: &App, request: StartTopic) -> Result<(TopicId, StartRequest), Problem> {
    let name = request.name.trim().to_owned();
    let mut rules = Rules::default();
    let id = rules.name(&name);
    rules.prompt(request.prompt.as_deref());
    rules.weights(request.provider_weights.iter().flatten(), &app.context.known_providers);
    rules.limits(request.limits.as_ref().unwrap_or(&Limits::default()));
    rules.items_per_request(request.items_per_request);
    rules.finish()?;
    let id = id.ok_or_else(|| Problem::new(ProblemKind::Invalid, "the name gives no id").at("name", None))?;
    let request = StartRequest {
        name,
        prompt: request.prompt,
        provider_weights: request.provider_weights,
        limits: request.limits.map(|limits| limits.to_core()),
        items_per_request: request.items_per_request,
        mode: match request.mode {
            Mode::Auto => StartMode::Auto,
            Mode::Fresh => StartMode::Fresh,
            Mode::Resume => StartMode::Resume,
        },
    };
    Ok((id, request))
}

/// Compare-and-set until nobody else was quicker: of two starts at once, the second finds the topic running.
async fn started(app: &App, base: &TopicId, request: &StartRequest) -> Result<Topic, Problem> {
    let _one_by_one = app.starting.lock().await;
    let store = &app.context.store;
    let mut tried = None;
    for _ in 0..ATTEMPTS {
        let topics = store.topics().await?;
        let (id, current) = place(&topics, base, &request.name)?;
        if let Some(current) = current
            && tried.as_ref() == Some(current)
        {
            return Ok(current.clone());
        }
        let now = app.context.clock.now().unix;
        let topic = by_operator(Topic::start(current, id, request.clone(), now)?);
        match store.put_topic(&topic, current.map(|current| current.version)).await {
            Ok(()) => return Ok(topic),
            Err(StoreError::Conflict { .. }) => {}
            Err(StoreError::Unknown(_)) => tried = Some(topic),
            Err(error) => return Err(error.into()),
        }
    }
    Err(contended())
}

/// The id under which a topic of this name stands or may stand, and the topic if it is there. A name that would take the folder of another gets a hash behind
/// it.
fn place<'a>(
    topics: &'a [Topic],
    base: &TopicId,
    name: &str,
) -> Result<(TopicId, Option<&'a Topic>), Problem> {
    if let Some(topic) = topics.iter().find(|topic| topic.name == name) {
        return Ok((topic.id.clone(), Some(topic)));
    }
    let mut id = base.clone();
    let mut salted = name.to_owned();
    for _ in 0..MAX_NAMESAKES {
        if topics.iter().all(|topic| topic.id != id) {
            return Ok((id, None));
        }
        id = base.with_hash(&salted);
        salted.push('\'');
    }
    Err(Problem::new(
        ProblemKind::Conflict,
        "too many other topics take this folder name; choose another name",
    ))
}
