//! Finds providers where none is configured: keys in the usual variables, an Ollama on this machine, else the demo.

use std::fmt::Write as _;
use std::future::Future;
use std::time::Duration;

use igentai_core::cost::Price;

use super::address::base_url;
use super::environment::Environment;
use super::mask;
use super::providers::{KeySource, ProviderConfig, ProviderKind, Secret};

/// How long an Ollama may take to say which models it has.
pub const PROBE_TIMEOUT: Duration = Duration::from_millis(300);

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Discovery {
    /// At least one.
    pub providers: Vec<ProviderConfig>,
    /// What was found, in plain words, for the user; no secrets.
    pub notes: Vec<String>,
}

/// A service with a usual variable for its key.
struct Vendor {
    name: &'static str,
    kind: ProviderKind,
    key_variables: &'static [&'static str],
    model_variable: &'static str,
    base_url_variable: &'static str,
    base_url: &'static str,
    model: &'static str,
    /// US dollars per million input and output tokens, where the vendor's price list has one price for the model.
    usd_per_million: Option<(f64, f64)>,
}

/// Small models that are current, with the prices of the vendors' own lists as of November 2026 (Google's: October 2026):
/// `developers.openai.com/api/docs/models`, `platform.claude.com/docs` (prompts up to 100,000 tokens), `ai.google.dev/gemini-api/docs/pricing`.
/// `OpenRouter`'s prices depend on where it routes a request.
const VENDORS: [Vendor; 4] = [
    Vendor {
        name: "openai",
        kind: ProviderKind::OpenAi,
        key_variables: &["OPENAI_API_KEY"],
        model_variable: "OPENAI_MODEL",
        base_url_variable: "OPENAI_BASE_URL",
        base_url: ProviderKind::OpenAi.default_base_url(),
        model: "gpt-6-luna",
        usd_per_million: Some((0.10, 0.50)),
    },
    Vendor {
        name: "anthropic",
        kind: ProviderKind::Anthropic,
        key_variables: &["ANTHROPIC_API_KEY"],
        model_variable: "ANTHROPIC_MODEL",
        base_url_variable: "ANTHROPIC_BASE_URL",
        base_url: ProviderKind::Anthropic.default_base_url(),
        model: "claude-haiku-5-5",
        usd_per_million: Some((0.10, 0.50)),
    },
    Vendor {
        name: "gemini",
        kind: ProviderKind::Gemini,
        key_variables: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        model_variable: "GEMINI_MODEL",
        base_url_variable: "GEMINI_BASE_URL",
        base_url: ProviderKind::Gemini.default_base_url(),
        model: "gemini-3.5-flash-lite",
        usd_per_million: Some((0.30, 2.50)),
    },
    Vendor {
        name: "openrouter",
        kind: ProviderKind::OpenAi,
        key_variables: &["OPENROUTER_API_KEY"],
        model_variable: "OPENROUTER_MODEL",
        base_url_variable: "OPENROUTER_BASE_URL",
        base_url: "https://openrouter.ai/api/v1",
        model: "openai/gpt-6-luna",
        usd_per_million: None,
    },
];

/// Looks for providers. `get` fetches an address with HTTP GET and returns the body of a successful answer; it is asked for
/// Ollama's list of models only, and given up after [`PROBE_TIMEOUT`].
pub async fn discover<F, Answer>(environment: &Environment, get: F) -> Discovery
where
    F: FnOnce(String) -> Answer,
    Answer: Future<Output = Option<String>>,
{
    let mut found = Discovery { providers: Vec::new(), notes: Vec::new() };
    for vendor in &VENDORS {
        add_vendor(&mut found, vendor, environment);
    }
    add_ollama(&mut found, environment, get).await;
    if found.providers.is_empty() {
        found.notes.push(
            "no model is configured and none was found: the demo provider answers from built-in lists; to ask a real model set \
             OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY or OPENROUTER_API_KEY, start Ollama, or write igentai.toml \
             (`igentai config example` shows one)"
                .to_owned(),
        );
        found.providers.push(ProviderConfig::demo());
    }
    found
}

fn add_vendor(found: &mut Discovery, vendor: &Vendor, environment: &Environment) {
    let keys = vendor.key_variables.iter().filter_map(|name| Some((*name, environment.get(name)?)));
    let Some((variable, key)) = keys.into_iter().next() else { return };
    let written = environment.get(vendor.base_url_variable).unwrap_or(vendor.base_url);
    let address = match base_url(written) {
        Ok(address) => address,
        Err(rule) => {
            let which = vendor.base_url_variable;
            found.notes.push(format!("{variable} is set but not used, since {which} {rule}"));
            return;
        }
    };
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        found
            .notes
            .push(format!("{variable} is set but not used: a key is one line of visible ASCII characters"));
        return;
    }
    let model = environment.get(vendor.model_variable).unwrap_or(vendor.model);
    let listed = model == vendor.model && address == vendor.base_url;
    let price = vendor.usd_per_million.filter(|_| listed);
    let mut note = format!("found {variable}: asking {} at {address}", mask::shortened(model));
    // Writing to a string cannot fail.
    match price {
        Some((input, output)) => write!(
            note,
            ", reckoned at ${input:.2} per million input tokens and ${output:.2} per million output tokens (list price of \
             November 2026); put the provider into igentai.toml if yours differs"
        ),
        None => write!(note, "; {}", spending_unknown()),
    }
    .unwrap_or_default();
    found.notes.push(note);
    let (input, output) = price.unwrap_or_default();
    found.providers.push(ProviderConfig {
        base_url: address,
        key_source: KeySource::Environment(variable.to_owned()),
        key: Some(Secret::new(key)),
        price: Price::per_million(input, output),
        price_known: price.is_some(),
        ..ProviderConfig::new(vendor.name, vendor.kind, model)
    });
}

fn spending_unknown() -> &'static str {
    "its price is not known, so spending shows as $0 and it is not asked under a limit on money: put the provider into igentai.toml with its price"
}

async fn add_ollama<F, Answer>(found: &mut Discovery, environment: &Environment, get: F)
where
    F: FnOnce(String) -> Answer,
    Answer: Future<Output = Option<String>>,
{
    let host = environment.get("OLLAMA_HOST");
    let Some(address) = ollama_address(host) else {
        found.notes.push(
            "OLLAMA_HOST is no address such as 127.0.0.1:11434, so Ollama was not looked for".to_owned(),
        );
        return;
    };
    let answer = tokio::time::timeout(PROBE_TIMEOUT, get(format!("{address}/api/tags"))).await;
    let Ok(Some(body)) = answer else {
        if host.is_some() {
            found.notes.push(format!("OLLAMA_HOST is set, but no Ollama answered at {address}"));
        }
        return;
    };
    match first_model(&body) {
        Some(model) => {
            let shown = mask::shortened(&model);
            found.notes.push(format!("found Ollama at {address}: asking {shown}, at no cost"));
            found.providers.push(ProviderConfig {
                base_url: address,
                ..ProviderConfig::new("ollama", ProviderKind::Ollama, &model)
            });
        }
        None => {
            found
                .notes
                .push(format!("found Ollama at {address}, but it has no model; try `ollama pull llama3.2`"));
        }
    }
}

/// `OLLAMA_HOST` as Ollama itself understands it: a host, a port or an address, of which any part may be left out.
fn ollama_address(host: Option<&str>) -> Option<String> {
    let Some(host) = host else { return Some(ProviderKind::Ollama.default_base_url().to_owned()) };
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    let rest = rest.trim_end_matches('/');
    let rest = if rest.starts_with(':') { format!("127.0.0.1{rest}") } else { rest.to_owned() };
    // What a server listens on, not what a client can ask.
    let rest = rest.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]");
    let after_host = rest.rsplit(']').next().unwrap_or_default();
    let port = if after_host.contains([':', '/']) || host.contains("://") { "" } else { ":11434" };
    base_url(&format!("{scheme}://{rest}{port}")).ok()
}

/// The first model that can chat, by its name.
fn first_model(body: &str) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_str(body).ok()?;
    let models = answer.get("models")?.as_array()?;
    let mut names = models.iter().filter_map(|model| model.get("name")?.as_str());
    names.find(|name| !name.contains("embed")).map(str::to_owned)
}

#[cfg(test)]
mod tests;
