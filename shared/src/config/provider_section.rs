//! Reads `[providers.NAME]`.

use std::path::Path;

use igentai_core::cost::Price;

use super::address;
use super::environment::Environment;
use super::mask;
use super::providers::{KeySource, ProviderConfig, ProviderKind, Secret};
use super::reader::{Section, Written};

/// The largest key file that is read.
const KEY_FILE_LIMIT: u64 = 64 * 1024;

/// Whether this process needs the providers' keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Keys {
    /// It asks models: a key that is named and not there is an error.
    #[default]
    Needed,
    /// It asks none: keys are not looked for.
    NotNeeded,
}

/// What reading the providers takes besides the section.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyRing<'a> {
    pub(super) environment: &'a Environment,
    /// Where a relative `api_key_file` begins.
    pub(super) folder: &'a Path,
    pub(super) keys: Keys,
}

impl ProviderKind {
    /// Its word in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
            Self::Demo => "demo",
        }
    }

    /// Where it is unless the configuration says otherwise.
    #[must_use]
    pub const fn default_base_url(self) -> &'static str {
        match self {
            Self::OpenAi => "https://api.openai.com/v1",
            Self::Anthropic => "https://api.anthropic.com",
            Self::Gemini => "https://generativelanguage.googleapis.com",
            Self::Ollama => "http://localhost:11434",
            // Never asked: the lists ship with the program. A reserved name, so that a mistake goes nowhere.
            Self::Demo => "http://demo.invalid",
        }
    }

    const fn wants_key(self) -> bool {
        matches!(self, Self::OpenAi | Self::Anthropic | Self::Gemini)
    }
}

const KINDS: [(&str, ProviderKind); 5] = [
    (ProviderKind::OpenAi.as_str(), ProviderKind::OpenAi),
    (ProviderKind::Anthropic.as_str(), ProviderKind::Anthropic),
    (ProviderKind::Gemini.as_str(), ProviderKind::Gemini),
    (ProviderKind::Ollama.as_str(), ProviderKind::Ollama),
    (ProviderKind::Demo.as_str(), ProviderKind::Demo),
];

impl ProviderConfig {
    /// The temperature that is asked for where none is configured: what services take as their own default.
    pub const USUAL_TEMPERATURE: f64 = 1.0;

    /// A keyless provider that costs nothing, with the usual limits.
    #[must_use]
    pub fn new(name: &str, kind: ProviderKind, model: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            base_url: kind.default_base_url().to_owned(),
            model: model.to_owned(),
            key_source: KeySource::None,
            key: None,
            weight: 1.0,
            price: Price::default(),
            price_known: true,
            max_concurrency: 8,
            requests_per_minute: None,
            timeout_seconds: 60.0,
            temperature: Self::USUAL_TEMPERATURE,
            max_output_tokens: 4_096,
        }
    }

    /// The built-in provider that answers from lists.
    #[must_use]
    pub fn demo() -> Self {
        Self::new("demo", ProviderKind::Demo, "demo")
    }
}

/// Reads one provider. What is wrong has become a finding; the result is used only if there is none.
pub(super) fn read(name: &str, mut section: Section<'_>, ring: KeyRing<'_>) -> ProviderConfig {
    if !is_provider_name(name) {
        section.complain("a provider's name must be 1 to 64 of the characters a-z, A-Z, 0-9, _, - and .");
    }
    section.forbidden("api_key", "a key does not belong here; use api_key_env or api_key_file");
    let kind = section.choice("kind", &KINDS);
    let base_url = read_base_url(&mut section);
    let model = section.text("model").map(|written| written.text.trim().to_owned());
    let (key_source, key) = read_key(&mut section, ring);
    let input = section.number("usd_per_million_input_tokens", 0.0..=f64::INFINITY, 0.0);
    let output = section.number("usd_per_million_output_tokens", 0.0..=f64::INFINITY, 0.0);
    let usual = ProviderConfig::new(name, kind.unwrap_or(ProviderKind::Demo), "demo");
    let written = ["usd_per_million_input_tokens", "usd_per_million_output_tokens"]
        .iter()
        .any(|key| section.was_written(key));
    let provider = ProviderConfig {
        price: Price::per_million(input, output),
        price_known: written || key_source == KeySource::None,
        weight: section.number("weight", 0.0..=f64::INFINITY, usual.weight),
        max_concurrency: section.whole("max_concurrency", 1..=1_024, usual.max_concurrency),
        requests_per_minute: section.optional_whole("requests_per_minute", 1..=1_000_000),
        timeout_seconds: section.number("timeout_seconds", 1.0..=3_600.0, usual.timeout_seconds),
        temperature: section.number("temperature", 0.0..=2.0, usual.temperature),
        max_output_tokens: section.whole("max_output_tokens", 1..=1_000_000, usual.max_output_tokens),
        key_source,
        key,
        base_url: base_url.unwrap_or_else(|| usual.base_url.clone()),
        model: model.clone().unwrap_or_else(|| usual.model.clone()),
        ..usual
    };
    match kind {
        None if !section.was_written("kind") => {
            section.missing("kind", "say openai, anthropic, gemini, ollama or demo");
        }
        None => {}
        Some(kind) => check_together(&section, kind, &provider, model.is_none()),
    }
    section.finish();
    provider
}

/// The written address; empty where it is refused, so that nothing is said of the usual one.
fn read_base_url(section: &mut Section<'_>) -> Option<String> {
    let Some(written) = section.text("base_url") else {
        return section.was_written("base_url").then(String::new);
    };
    let address = address::base_url(&written.text).unwrap_or_else(|rule| {
        section.refuse_written("base_url", &written, rule);
        String::new()
    });
    Some(address)
}

fn check_together(section: &Section<'_>, kind: ProviderKind, provider: &ProviderConfig, no_model: bool) {
    if no_model && kind != ProviderKind::Demo && !section.was_written("model") {
        section.missing("model", "say which model to ask");
    }
    let keyless = !["api_key", "api_key_env", "api_key_file"].iter().any(|key| section.was_written(key));
    if kind.wants_key() && keyless && provider.base_url == kind.default_base_url() {
        let problem = format!("{} wants a key; set api_key_env or api_key_file", provider.base_url);
        section.missing("api_key_env", &problem);
    }
}

fn is_provider_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

fn read_key(section: &mut Section<'_>, ring: KeyRing<'_>) -> (KeySource, Option<Secret>) {
    let none = (KeySource::None, None);
    match (section.text("api_key_env"), section.text("api_key_file")) {
        (None, None) => none,
        (Some(_), Some(file)) => {
            section.refuse_written(
                "api_key_file",
                &file,
                "must not stand beside api_key_env; keep one of them",
            );
            none
        }
        (Some(variable), None) => {
            let key = key_of_variable(section, &variable, ring);
            (KeySource::Environment(variable.text), key)
        }
        (None, Some(file)) => {
            let path = ring.folder.join(&file.text);
            let key = key_of_file(section, &file, &path, ring);
            (KeySource::File(path), key)
        }
    }
}

fn key_of_variable(section: &Section<'_>, variable: &Written, ring: KeyRing<'_>) -> Option<Secret> {
    let name = &variable.text;
    if ring.keys == Keys::NotNeeded {
        return None;
    }
    let key = ring.environment.get(name).map(Secret::new);
    match &key {
        Some(key) if is_sendable(key) => {}
        Some(_) => section.refuse_unnamed(
            "api_key_env",
            variable,
            format!("environment variable {name} {UNSENDABLE}"),
        ),
        // Only a name that no key looks like is repeated: somebody may have put the key itself here.
        None if is_usual_name(name) => {
            let problem = format!("environment variable {name} is not set; set it to the provider's key");
            section.refuse_unnamed("api_key_env", variable, problem);
        }
        None => section.refuse_written(
            "api_key_env",
            variable,
            "names no environment variable that is set; write the variable's name here, never the key",
        ),
    }
    key
}

fn key_of_file(section: &Section<'_>, file: &Written, path: &Path, ring: KeyRing<'_>) -> Option<Secret> {
    if ring.keys == Keys::NotNeeded {
        return None;
    }
    // Somebody may have put the key itself here.
    let shown = if mask::may_be_key(&file.text) {
        mask::MASK.to_owned()
    } else {
        mask::shortened(&path.display().to_string())
    };
    let complain = |problem: String| section.refuse_unnamed("api_key_file", file, problem);
    match super::read_bounded(path, KEY_FILE_LIMIT) {
        Err(error) => complain(format!("key file {shown} cannot be read: {error}")),
        Ok(text) => {
            let key = Secret::new(&text);
            if key.expose().is_empty() {
                complain(format!("key file {shown} is empty"));
            } else if is_sendable(&key) {
                return Some(key);
            } else {
                complain(format!("key file {shown} {UNSENDABLE}"));
            }
        }
    }
    None
}

const UNSENDABLE: &str = "holds more than a key: only one line of visible ASCII characters can be sent";

/// Whether it can stand in an HTTP header.
fn is_sendable(key: &Secret) -> bool {
    key.expose().bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_usual_name(name: &str) -> bool {
    name.len() <= 64
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}
