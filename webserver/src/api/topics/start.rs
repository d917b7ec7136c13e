//! `POST /api/v1/topics`

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use igentai_core::topic::{SeedList, StartError, StartMode, StartRequest, Topic, UsedUp};
use igentai_shared::registry::{self, RegistryError};

use super::rules::Rules;
use crate::api::dto::{Limits, Mode, Partition, Phrasing, Routing, StartTopic, TopicView};
use crate::api::{percent_encoded, with_etag};
use crate::context::{App, AppRef};
use crate::extract::{JsonBody, MAX_LISTS_BYTES};
use crate::fields::Errors;
use crate::problem::{FieldError, Problem, ProblemBody, ProblemKind, ReadErrors, WriteErrors};
use crate::view;

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Name(error) => Self::new(ProblemKind::Invalid, error.to_string()).at("name", None),
            RegistryError::State(error) => error.into(),
            RegistryError::UsedUp(caps) => Self::invalid(caps.into_iter().map(used_up).collect()),
            error @ RegistryError::Overload(_) => Self::new(ProblemKind::Full, error.to_string()),
            RegistryError::Store(error) => error.into(),
            error @ (RegistryError::Namesakes(_) | RegistryError::Contended) => {
                Self::new(ProblemKind::Conflict, error.to_string())
            }
        }
    }
}

fn used_up(cap: UsedUp) -> FieldError {
    let (field, used) = match cap {
        UsedUp::Attributes { used, .. } => ("limits.max_attributes", used.to_string()),
        UsedUp::Requests { used, .. } => ("limits.max_requests", used.to_string()),
        UsedUp::Cost { used, .. } => ("limits.max_usd", used.usd().to_string()),
    };
    let allowed = Some(format!("more than {used}, none, or mode `fresh`"));
    FieldError { field: field.to_owned(), detail: cap.to_string(), allowed }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        let kind = match error {
            StartError::PromptTooLong => ProblemKind::Invalid,
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
/// `mode` says it explicitly. Every start states its own limits: left out, there are none, whatever an earlier start said. One that would go on with a cap
/// that is used up already is refused (422).
#[utoipa::path(post, path = "/api/v1/topics", tag = "topics", request_body = StartTopic, responses(
    (status = 201, description = "started", body = TopicView, headers(
        ("Location" = String, description = "where the topic is"),
        ("ETag" = String, description = "its version"),
    )),
    (status = 409, description = "it runs (`already-running`), is ending (`ending`), has nothing to resume (`nothing-to-resume`), does not fit in beside the topics under way (`full`), or others keep changing it (`conflict`)",
        body = ProblemBody, content_type = "application/problem+json"),
    ReadErrors,
    WriteErrors,
))]
pub(crate) async fn start(
    State(app): State<AppRef>,
    JsonBody(request, errors): JsonBody<StartTopic, MAX_LISTS_BYTES>,
) -> Result<Response, Problem> {
    let (request, seeds) = checked(&app, request, errors)?;
    let topic = started(&app, request, seeds.as_ref()).await?;
    let topic = app.changed(topic);
    let location = format!("/api/v1/topics/{}", percent_encoded(topic.id.as_str()));
    let version = topic.version;
    let view = view::load(&app, topic).await?;
    let mut response = with_etag(version, view);
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

fn checked(
    app: &App,
    request: StartTopic,
    errors: Errors,
) -> Result<(StartRequest, Option<SeedList>), Problem> {
    let name = request.name.trim().to_owned();
    let mut rules = Rules::after(errors);
    rules.name(&name);
    rules.prompt(request.prompt.as_deref());
    rules.weights(request.provider_weights.iter().flatten(), &app.context.known_providers);
    rules.limits(request.limits.as_ref().unwrap_or(&Limits::default()));
    rules.items_per_request(request.items_per_request);
    let probe_share = rules.probe_share(request.probe_share);
    let (partition, categories) = rules.parts(request.partition, request.categories.as_deref());
    let item_rules = request.rules.as_ref().map(|wanted| rules.items(wanted));
    let seeds = rules.seeds(request.seeds.as_deref());
    rules.finish()?;
    let request = StartRequest {
        name,
        prompt: request.prompt,
        provider_weights: request.provider_weights,
        routing: request.routing.map(Routing::to_core),
        phrasing: request.phrasing.map(Phrasing::to_core),
        limits: request.limits.map(|limits| limits.to_core()),
        items_per_request: request.items_per_request,
        configured_items: Some(app.context.items_per_request),
        partition: partition.map(Partition::to_core),
        categories,
        configured_partition: app.context.partition,
        probe_share,
        configured_probe_share: app.context.probe_share,
        rules: item_rules,
        judge: request.judge,
        seeds: None,
        mode: match request.mode {
            Mode::Auto => StartMode::Auto,
            Mode::Fresh => StartMode::Fresh,
            Mode::Resume => StartMode::Resume,
        },
    };
    Ok((request, seeds))
}

/// Of two starts at once, the second finds the topic running.
async fn started(app: &App, mut request: StartRequest, seeds: Option<&SeedList>) -> Result<Topic, Problem> {
    let _one_by_one = app.starting.lock().await;
    let now = app.context.clock.now().unix;
    let store = app.context.store.as_ref();
    registry::refuse_used_up(store, &request, now).await?;
    if let Some(list) = seeds {
        request.seeds = Some(registry::keep_seeds(store, &request.name, list).await?);
    }
    Ok(registry::start(store, &request, now).await?)
}
