//! What the protocols have in common: one request, its outcome, and options that a service turns out not to take.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use igentai_core::batch::Outcome;
use igentai_core::gate::Scope;
use igentai_shared::clock::Clock;
use igentai_shared::config::providers::ProviderConfig;
use serde_json::{Value, json};

use super::http::{Client, Endpoint, Failure, SetupError};
use super::{Provider, Question, Reply};

/// A protocol: pure translation from questions and to answers.
pub(super) trait Protocol: Debug + Send + Sync {
    /// Where requests go and how the key is shown.
    fn endpoint(
        &self,
        config: &ProviderConfig,
        client: &Client,
        clock: &Arc<dyn Clock>,
    ) -> Result<Endpoint, SetupError>;

    /// The body of a request.
    fn request(&self, question: &Question, settings: &Settings, options: Options) -> Value;

    /// The answer in a body, or the failure that a service reports with a status of success.
    fn answer(&self, body: &Value, endpoint: &Endpoint) -> Result<Answer, Failure>;

    /// Words, in lower case, that a complaint about the structured output holds.
    fn structured_words(&self) -> &'static [&'static str];

    /// Words, in lower case, that a complaint about the name of the token limit holds; none where there is but one name.
    fn limit_words(&self) -> &'static [&'static str] {
        &[]
    }

    /// What this protocol says by other means than the status.
    fn interpret(&self, _failure: &mut Failure, _endpoint: &Endpoint) {}
}

/// What every request of a provider carries.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    pub(super) model: String,
    pub(super) temperature: f64,
    pub(super) max_output_tokens: u32,
}

/// Options that some services do not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// The list as structured output.
    pub(super) structured: bool,
    /// The configured temperature.
    pub(super) temperature: bool,
    /// The other name of the token limit, where there are two.
    pub(super) other_limit_name: bool,
}

/// What a service answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) text: String,
    /// The model declined, with these words.
    pub(super) refusal: Option<String>,
    pub(super) truncated: bool,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
}

/// A provider over HTTP.
#[derive(Debug)]
pub(super) struct Adapter<P> {
    protocol: P,
    endpoint: Endpoint,
    settings: Settings,
    refused: RefusedOptions,
}

/// Options that the service has refused: not sent again while the process lives.
#[derive(Debug, Default)]
struct RefusedOptions {
    structured: AtomicBool,
    temperature: AtomicBool,
    limit_name: AtomicBool,
}

impl<P: Protocol> Adapter<P> {
    pub(super) fn new(
        protocol: P,
        config: &ProviderConfig,
        client: &Client,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let endpoint = protocol.endpoint(config, client, clock)?;
        let settings = Settings {
            model: config.model.clone(),
            temperature: config.temperature,
            max_output_tokens: config.max_output_tokens,
        };
        Ok(Self { protocol, endpoint, settings, refused: RefusedOptions::default() })
    }

    fn options(&self) -> Options {
        Options {
            structured: !self.refused.structured.load(Ordering::Relaxed),
            temperature: !self.refused.temperature.load(Ordering::Relaxed),
            other_limit_name: self.refused.limit_name.load(Ordering::Relaxed),
        }
    }

    fn answered(&self, answer: Answer) -> Reply {
        let (outcome, detail) = if let Some(refusal) = &answer.refusal {
            (Outcome::Refused, self.endpoint.failure(Outcome::Refused, refusal).detail)
        } else if !answer.text.trim().is_empty() {
            (Outcome::Answered, String::new())
        } else if answer.truncated {
            (
                Outcome::Empty,
                "the token limit was reached before any text: raise max_output_tokens".to_owned(),
            )
        } else {
            (Outcome::Empty, "the answer holds no text".to_owned())
        };
        Reply {
            text: answer.text,
            truncated: answer.truncated,
            input_tokens: answer.input_tokens,
            output_tokens: answer.output_tokens,
            ..Reply::failed(outcome, detail)
        }
    }

    /// Whether the service refused an option that was sent; it is not sent again then. The name of the option.
    fn adapt(&self, failure: &Failure, question: &Question, sent: Options) -> Option<&'static str> {
        if failure.outcome != Outcome::BadRequest {
            return None;
        }
        let complaint = failure.body.to_lowercase();
        let mentions = |words: &[&str]| words.iter().any(|word| complaint.contains(word));
        if question.list && sent.structured && mentions(self.protocol.structured_words()) {
            self.refused.structured.store(true, Ordering::Relaxed);
            Some("structured output")
        } else if !sent.other_limit_name && mentions(self.protocol.limit_words()) {
            self.refused.limit_name.store(true, Ordering::Relaxed);
            Some("this name of the token limit")
        } else if sent.temperature && mentions(&["temperature"]) {
            self.refused.temperature.store(true, Ordering::Relaxed);
            Some("a temperature")
        } else {
            None
        }
    }
}

#[async_trait]
impl<P: Protocol> Provider for Adapter<P> {
    async fn ask(&self, question: &Question) -> Reply {
        let sent = self.options();
        let request = self.protocol.request(question, &self.settings, sent);
        let result = self.endpoint.post(&request).await;
        let mut failure = match result.and_then(|body| self.protocol.answer(&body, &self.endpoint)) {
            Ok(answer) => return self.answered(answer),
            Err(failure) => failure,
        };
        self.protocol.interpret(&mut failure, &self.endpoint);
        let mut reply = Reply {
            retry_after: failure.retry_after,
            ..Reply::failed(failure.outcome, failure.detail.clone())
        };
        if let Some(option) = self.adapt(&failure, question, sent) {
            reply.scope = Scope::Adapted;
            let detail = format!(
                "the service does not take {option}; asked without it from now on ({})",
                reply.detail
            );
            reply.detail = self.endpoint.failure(failure.outcome, &detail).detail;
        }
        reply
    }
}

/// The schema of the answer to a list question.
pub(super) fn list_schema() -> Value {
    json!({
        "type": "object",
        "properties": { "items": { "type": "array", "items": { "type": "string" } } },
        "required": ["items"],
        "additionalProperties": false,
    })
}

/// The most tokens that a request can have: what is above is no count.
const MAX_TOKENS: u64 = 100_000_000;

/// A count of tokens in an answer; 0 where there is none.
pub(super) fn count(body: &Value, pointer: &str) -> u64 {
    body.pointer(pointer).and_then(Value::as_u64).filter(|count| *count <= MAX_TOKENS).unwrap_or(0)
}

/// A text in an answer.
pub(super) fn string<'a>(body: &'a Value, pointer: &str) -> Option<&'a str> {
    body.pointer(pointer).and_then(Value::as_str)
}

/// The text without the reasoning that some models put before it. Where the reasoning has no end there is no text.
pub(super) fn without_reasoning(text: &str) -> &str {
    match text.trim_start().strip_prefix("<think>") {
        Some(reasoning) => reasoning.split_once("</think>").map_or("", |(_, rest)| rest.trim_start()),
        None => text,
    }
}
