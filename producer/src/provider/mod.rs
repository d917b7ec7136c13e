//! The provider port: one adapter for each protocol that models are asked over.
//!
//! An adapter sends exactly one request for one [`Provider::ask`] and never retries: every request is counted, and retries belong to
//! the ask loop alone.

pub mod demo;

mod adapter;
mod anthropic;
mod gemini;
mod http;
mod look;
mod ollama;
mod openai;
mod refusal;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use igentai_core::batch::Outcome;
use igentai_core::frontier::Aim;
use igentai_core::gate::Scope;
use igentai_shared::clock::Clock;
use igentai_shared::config::providers::{ProviderConfig, ProviderKind};

use adapter::Adapter;
use demo::Demo;
pub use http::{Client, SetupError, fetch};
pub use look::{KeyLook, Look, look};

/// A question to a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Standing instruction.
    pub system: String,
    /// The question itself.
    pub user: String,
    /// Whether the answer shall be a JSON list of strings, by the service's structured output where it has one.
    pub list: bool,
    /// Number of items asked for.
    pub items: u32,
    /// What the question is about, as the user named it; the demo provider goes by it.
    pub topic: String,
    /// What of the topic is asked for; the demo provider keeps to it.
    pub aim: Aim,
}

impl Question {
    /// Bytes of text in the question, an upper bound of its tokens.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        u64::try_from(self.system.len() + self.user.len()).unwrap_or(u64::MAX)
    }
}

/// What came of a request, whatever it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// How it ended. An adapter says [`Outcome::Answered`] when there is text, without looking into it.
    pub outcome: Outcome,
    /// What it says of the provider besides that.
    pub scope: Scope,
    /// The answer's text.
    pub text: String,
    /// The answer was cut at the token limit.
    pub truncated: bool,
    /// Tokens of the prompt, as counted by the service; 0 where it does not say.
    pub input_tokens: u64,
    /// Tokens of the answer, as counted by the service; 0 where it does not say.
    pub output_tokens: u64,
    /// The service asks not to be asked again before this has passed.
    pub retry_after: Option<Duration>,
    /// What went wrong, for people: bounded, one line, without secrets. Empty when nothing did.
    pub detail: String,
}

impl Reply {
    /// A request that came to nothing.
    #[must_use]
    pub fn failed(outcome: Outcome, detail: String) -> Self {
        Self {
            outcome,
            scope: Scope::Provider,
            text: String::new(),
            truncated: false,
            input_tokens: 0,
            output_tokens: 0,
            retry_after: None,
            detail,
        }
    }
}

/// A model endpoint.
#[async_trait]
pub trait Provider: Debug + Send + Sync {
    /// Sends one request and waits for the whole answer, at most the configured time.
    async fn ask(&self, question: &Question) -> Reply;
}

/// The adapter for a configured provider. `seed` serves the demo provider.
pub fn connect(
    config: &ProviderConfig,
    client: &Client,
    clock: &Arc<dyn Clock>,
    seed: u64,
) -> Result<Arc<dyn Provider>, SetupError> {
    Ok(match config.kind {
        ProviderKind::OpenAi => Arc::new(Adapter::new(openai::OpenAi::new(config), config, client, clock)?),
        ProviderKind::Anthropic => Arc::new(Adapter::new(anthropic::Anthropic, config, client, clock)?),
        ProviderKind::Gemini => Arc::new(Adapter::new(gemini::Gemini, config, client, clock)?),
        ProviderKind::Ollama => Arc::new(Adapter::new(ollama::Ollama, config, client, clock)?),
        ProviderKind::Demo => Arc::new(Demo::new(seed)),
    })
}

#[cfg(test)]
mod tests;
