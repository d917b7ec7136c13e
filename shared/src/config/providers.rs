//! `[providers.NAME]`: the model endpoints that producers may ask.

use std::fmt;

use igentai_core::cost::Price;

/// Which protocol a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProviderKind {
    /// OpenAI's chat completions, as spoken by OpenAI, vLLM, LM Studio, OpenRouter, llama.cpp's server and others.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// Google's Gemini.
    Gemini,
    /// Ollama's own API.
    Ollama,
    /// The lists that ship with igentai.
    Demo,
}

/// A secret: it can be used, and cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret; surrounding white space (a file's last line end) is dropped.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self(secret.trim().to_owned())
    }

    /// The secret itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a provider's key comes from.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum KeySource {
    /// The service wants none.
    #[default]
    None,
    /// An environment variable.
    Environment(String),
    /// A file with the key in it.
    File(std::path::PathBuf),
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no key"),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "key file {}", path.display()),
        }
    }
}

/// One provider.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderConfig {
    /// Its name, from the section's title: 1–64 of `a-z A-Z 0-9 _ - .`.
    pub name: String,
    /// Protocol.
    pub kind: ProviderKind,
    /// Where it is, without the protocol's own path (`…/v1` for OpenAI-compatible services). Always set; each kind has its default.
    pub base_url: String,
    /// Model to ask.
    pub model: String,
    /// Where the key comes from.
    pub key_source: KeySource,
    /// The key; `None` where none is wanted.
    pub key: Option<Secret>,
    /// The operator's prior, at least 0; 0 means that it is not asked unless a topic gives it weight.
    pub weight: f64,
    /// What it charges.
    pub price: Price,
    /// Whether that is known: it was written, or the service is free. Without, no cap on money can hold.
    pub price_known: bool,
    /// Requests under way at once, over all producers of this process; at least 1.
    pub max_concurrency: u32,
    /// Requests started in a minute, over all producers of this process; `None` for no bound.
    pub requests_per_minute: Option<u32>,
    /// Longest time for a whole answer.
    pub timeout_seconds: f64,
    /// Sampling temperature.
    pub temperature: f64,
    /// Longest answer asked for; always sent, so that a request's worst case is known.
    pub max_output_tokens: u32,
}
