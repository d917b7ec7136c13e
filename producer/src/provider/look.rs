//! Looks whether a provider can be asked, without asking a model: the list of models is read with the key, which costs nothing.

use std::sync::Arc;
use std::time::Duration;

use igentai_core::batch::Outcome;
use igentai_shared::clock::Clock;
use igentai_shared::config::providers::{ProviderConfig, ProviderKind};
use serde_json::Value;

use super::http::{Client, Endpoint, SetupError};

/// The whole look must be done by then.
const DEADLINE: Duration = Duration::from_secs(5);

/// What a look at a provider found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// It answers, takes the key and lists the model.
    Ready,
    /// Nothing to look at: the lists ship with the program.
    BuiltIn,
    /// It answers and takes the key, but does not list the model; with some that it lists.
    ModelNotListed(Vec<String>),
    /// It answers, but has no list of models.
    NoList(String),
    /// It does not take the key.
    WrongKey(String),
    /// It cannot be asked.
    Failed(String),
}

/// Looks at a provider. The texts are bounded, on one line and without the key.
pub async fn look(
    config: &ProviderConfig,
    client: &Client,
    clock: &Arc<dyn Clock>,
) -> Result<Look, SetupError> {
    let Some(endpoint) = endpoint(config, client, clock)? else { return Ok(Look::BuiltIn) };
    let Ok(answer) = tokio::time::timeout(DEADLINE, endpoint.get()).await else {
        return Ok(Look::Failed(format!("no answer within {} s", DEADLINE.as_secs())));
    };
    Ok(match answer {
        Ok(body) => match models(&body) {
            Some(models) if models.iter().any(|model| is_same(model, &config.model)) => Look::Ready,
            Some(models) => Look::ModelNotListed(models),
            None => Look::NoList("the answer holds no list of models".to_owned()),
        },
        // Gemini calls a wrong key a bad request.
        Err(failure) if failure.outcome == Outcome::WrongKey || failure.body.contains("API_KEY_INVALID") => {
            Look::WrongKey(failure.detail)
        }
        Err(failure) if failure.outcome == Outcome::BadRequest => Look::NoList(failure.detail),
        Err(failure) => Look::Failed(failure.detail),
    })
}

fn endpoint(
    config: &ProviderConfig,
    client: &Client,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Endpoint>, SetupError> {
    let list = |version: &'static str| {
        move |path: &mut Vec<String>| {
            if path.last().is_none_or(|last| !last.starts_with("v1")) {
                path.push(version.to_owned());
            }
            path.push("models".to_owned());
        }
    };
    let bearer = ("authorization", "Bearer ");
    Ok(Some(match config.kind {
        ProviderKind::Demo => return Ok(None),
        ProviderKind::OpenAi => {
            Endpoint::new(config, client, clock, |path| path.push("models".to_owned()), bearer)?
        }
        ProviderKind::Anthropic => Endpoint::new(config, client, clock, list("v1"), ("x-api-key", ""))?
            .with_header("anthropic-version", "2023-06-01")
            .with_query("limit=1000"),
        ProviderKind::Gemini => Endpoint::new(config, client, clock, list("v1beta"), ("x-goog-api-key", ""))?
            .with_query("pageSize=1000"),
        ProviderKind::Ollama => {
            let tags = |path: &mut Vec<String>| {
                if path.last().is_some_and(|last| last == "v1") {
                    path.pop();
                }
                path.extend(["api".to_owned(), "tags".to_owned()]);
            };
            Endpoint::new(config, client, clock, tags, bearer)?
        }
    }))
}

/// The names in a list of models, of any of the protocols; `None` if it is no such list.
fn models(body: &Value) -> Option<Vec<String>> {
    let list = ["data", "models"].iter().find_map(|key| body.get(*key)).and_then(Value::as_array)?;
    let names =
        list.iter().filter_map(|model| ["id", "name"].iter().find_map(|key| model.get(*key)?.as_str()));
    Some(names.map(|name| name.chars().take(100).collect()).collect())
}

/// Gemini's list has `models/` before every name, Ollama's `:latest` behind some.
fn is_same(listed: &str, wanted: &str) -> bool {
    let bare = |name: &str| {
        let name = name.strip_prefix("models/").unwrap_or(name);
        name.strip_suffix(":latest").unwrap_or(name).to_owned()
    };
    bare(listed) == bare(wanted)
}
