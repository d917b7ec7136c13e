//! Looks whether a provider can be asked, without asking a model: the list of models is read with the key, which costs nothing.

use std::sync::Arc;
use std::time::Duration;

use igentai_core::batch::Outcome;
use igentai_shared::clock::Clock;
use igentai_shared::config::providers::{ProviderConfig, ProviderKind, Secret};
use serde_json::Value;

use super::http::{Client, Endpoint, Failure, SetupError};

/// Each address that is looked at must answer by then.
const DEADLINE: Duration = Duration::from_secs(5);

/// A key that nobody has: what is shown with it is shown to anybody.
const MADE_UP_KEY: &str = "sk-made-up-by-igentai-doctor";

/// What a look at a provider found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// It answers and knows the model.
    Ready(KeyLook),
    /// Nothing to look at: the lists ship with the program.
    BuiltIn,
    /// It answers, but does not know the model; the ones that it lists.
    ModelNotListed(Vec<String>),
    /// It answers, but has no list of models.
    NoList(String),
    /// It is one level higher than its API, which answers under `/v1`.
    LacksVersion(String),
    /// It does not take the key.
    WrongKey(String),
    /// It cannot be asked.
    Failed(String),
}

/// What a look says of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLook {
    /// There is none, and none was asked for.
    NotSet,
    /// It is taken, and another is not.
    Taken,
    /// The service shows its list whatever the key.
    Unchecked,
}

/// Looks at a provider. The texts are bounded, on one line and without the key.
pub async fn look(
    config: &ProviderConfig,
    client: &Client,
    clock: &Arc<dyn Clock>,
) -> Result<Look, SetupError> {
    if config.kind == ProviderKind::Demo {
        return Ok(Look::BuiltIn);
    }
    let service = Service { config, client, clock };
    match service.read(&service.list_path(), None).await? {
        Ok(body) => match models(&body) {
            Some(models) if service.knows_its_model(&models).await? => service.looked_at_key().await,
            Some(models) => Ok(Look::ModelNotListed(models)),
            None => Ok(Look::NoList("the answer holds no list of models".to_owned())),
        },
        Err(failure) if is_wrong_key(&failure) => Ok(Look::WrongKey(failure.detail)),
        Err(failure) if failure.outcome == Outcome::BadRequest => service.without_list(failure).await,
        Err(failure) => Ok(Look::Failed(failure.detail)),
    }
}

/// A provider's service, as its kind has it.
struct Service<'a> {
    config: &'a ProviderConfig,
    client: &'a Client,
    clock: &'a Arc<dyn Clock>,
}

impl Service<'_> {
    /// What comes behind `base_url` to the list of models.
    fn list_path(&self) -> Vec<&str> {
        match self.config.kind {
            ProviderKind::OpenAi | ProviderKind::Demo => vec!["models"],
            ProviderKind::Anthropic => vec!["v1", "models"],
            ProviderKind::Gemini => vec!["v1beta", "models"],
            ProviderKind::Ollama => vec!["api", "tags"],
        }
    }

    /// Reads what is at `path`, with another key instead of the configured one where that is given.
    async fn read(&self, path: &[&str], key: Option<&str>) -> Result<Result<Value, Failure>, SetupError> {
        let other_key = key.map(|key| ProviderConfig { key: Some(Secret::new(key)), ..self.config.clone() });
        let config = other_key.as_ref().unwrap_or(self.config);
        let endpoint = endpoint(config, self.client, self.clock, path)?;
        let answer = tokio::time::timeout(DEADLINE, endpoint.get()).await;
        Ok(answer.unwrap_or_else(|_| {
            let why = format!("no answer within {} s", DEADLINE.as_secs());
            Err(endpoint.failure(Outcome::Timeout, &why))
        }))
    }

    /// Whether the model is among those listed, or the service knows it all the same, as it does some by a second name.
    async fn knows_its_model(&self, listed: &[String]) -> Result<bool, SetupError> {
        let wanted = &self.config.model;
        if listed.iter().any(|model| is_same(model, wanted)) {
            return Ok(true);
        }
        match self.config.kind {
            // A part behind a colon says how such a service is to route the request.
            ProviderKind::OpenAi
                if wanted
                    .rsplit_once(':')
                    .is_some_and(|(model, _)| listed.iter().any(|name| name == model)) =>
            {
                Ok(true)
            }
            ProviderKind::OpenAi | ProviderKind::Anthropic | ProviderKind::Gemini => {
                let mut path = self.list_path();
                path.push(wanted.strip_prefix("models/").unwrap_or(wanted));
                Ok(self.read(&path, None).await?.is_ok_and(|found| found.is_object()))
            }
            ProviderKind::Ollama | ProviderKind::Demo => Ok(false),
        }
    }

    /// The list was shown with the key: whether that says anything of it.
    async fn looked_at_key(&self) -> Result<Look, SetupError> {
        if self.config.key.is_none() {
            return Ok(Look::Ready(KeyLook::NotSet));
        }
        let anybody = self.read(&self.list_path(), Some(MADE_UP_KEY)).await?;
        Ok(match anybody {
            Err(failure) if is_wrong_key(&failure) => Look::Ready(KeyLook::Taken),
            Ok(_) if tells_of_keys(&self.config.base_url) => match self.read(&["key"], None).await? {
                Ok(_) => Look::Ready(KeyLook::Taken),
                Err(failure) if is_wrong_key(&failure) => Look::WrongKey(failure.detail),
                Err(_) => Look::Ready(KeyLook::Unchecked),
            },
            Ok(_) | Err(_) => Look::Ready(KeyLook::Unchecked),
        })
    }

    /// There is no list where it should be: perhaps all of it is one level deeper.
    async fn without_list(&self, failure: Failure) -> Result<Look, SetupError> {
        if self.config.kind != ProviderKind::OpenAi || has_version(&self.config.base_url) {
            return Ok(Look::NoList(failure.detail));
        }
        let deeper = self.read(&["v1", "models"], None).await?;
        let is_there = match &deeper {
            Ok(body) => models(body).is_some(),
            Err(failure) => is_wrong_key(failure),
        };
        Ok(if is_there {
            Look::LacksVersion(format!("{}; it answers with /v1 behind `base_url`", failure.detail))
        } else {
            Look::NoList(failure.detail)
        })
    }
}

fn endpoint(
    config: &ProviderConfig,
    client: &Client,
    clock: &Arc<dyn Clock>,
    more: &[&str],
) -> Result<Endpoint, SetupError> {
    let path = |path: &mut Vec<String>| {
        // Where the protocol's own path is written already, or that of a kindred protocol.
        let written = path.last().is_some_and(|last| last.starts_with("v1"));
        let more = match (config.kind, more) {
            (ProviderKind::Anthropic | ProviderKind::Gemini, [_, rest @ ..]) if written => rest,
            (ProviderKind::Ollama, all) if written => {
                path.pop();
                all
            }
            (_, all) => all,
        };
        path.extend(more.iter().map(|part| (*part).to_owned()));
    };
    let bearer = ("authorization", "Bearer ");
    Ok(match config.kind {
        ProviderKind::OpenAi | ProviderKind::Ollama | ProviderKind::Demo => {
            Endpoint::new(config, client, clock, path, bearer)?
        }
        ProviderKind::Anthropic => Endpoint::new(config, client, clock, path, ("x-api-key", ""))?
            .with_header("anthropic-version", "2023-06-01")
            .with_query("limit=1000"),
        ProviderKind::Gemini => {
            Endpoint::new(config, client, clock, path, ("x-goog-api-key", ""))?.with_query("pageSize=1000")
        }
    })
}

/// Gemini calls a wrong key a bad request.
fn is_wrong_key(failure: &Failure) -> bool {
    failure.outcome == Outcome::WrongKey || failure.body.contains("API_KEY_INVALID")
}

/// `OpenRouter` lists its models for anybody, and has an address that tells of the key.
fn tells_of_keys(base_url: &str) -> bool {
    base_url.starts_with("https://openrouter.ai/")
}

/// Whether the address names a version: `/v1`, `/v1beta/openai`.
fn has_version(base_url: &str) -> bool {
    let is_version = |part: &str| {
        part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    };
    base_url.split('/').skip(3).any(is_version)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_seen_wherever_it_stands_in_the_path() {
        for with in ["http://x/v1", "https://g.example/v1beta/openai", "https://x/api/v3/"] {
            assert!(has_version(with), "{with}");
        }
        for without in ["http://x", "http://v1", "http://x/api", "https://x/vendor"] {
            assert!(!has_version(without), "{without}");
        }
    }
}
