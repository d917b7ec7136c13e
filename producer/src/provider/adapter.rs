//! What the protocols have in common: one request, its outcome, and options that a service turns out not to take.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use igentai_core::batch::Outcome;
use igentai_core::gate::Scope;
use igentai_shared::clock::Clock;
use igentai_shared::config::providers::ProviderConfig;
use serde_json::{Value, json};
use tracing::{info, warn};

use super::http::{Client, Endpoint, Failure, SetupError};
use super::refusal::{LimitName, Options, Refusal, Words, is_too_long};
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

    /// How it calls what a service may refuse.
    fn words(&self) -> Words;

    /// What this protocol says by other means than the status.
    fn interpret(&self, _failure: &mut Failure, _endpoint: &Endpoint) {}
}

/// What every request of a provider carries.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    pub(super) model: String,
    pub(super) temperature: f64,
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
    name: String,
    protocol: P,
    endpoint: Endpoint,
    settings: Settings,
    /// The temperature is not the usual one: going without it is worth a warning.
    own_temperature: bool,
    /// What is sent: what the service has refused is not sent again while the process lives.
    options: Mutex<Options>,
}

impl<P: Protocol> Adapter<P> {
    pub(super) fn new(
        protocol: P,
        config: &ProviderConfig,
        client: &Client,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let endpoint = protocol.endpoint(config, client, clock)?;
        let settings = Settings { model: config.model.clone(), temperature: config.temperature };
        let options = Options {
            structured: true,
            system: true,
            temperature: true,
            limit_name: LimitName::Expected,
            max_output_tokens: config.max_output_tokens,
        };
        Ok(Self {
            name: config.name.clone(),
            protocol,
            endpoint,
            settings,
            own_temperature: (config.temperature - ProviderConfig::USUAL_TEMPERATURE).abs() > f64::EPSILON,
            options: Mutex::new(options),
        })
    }

    fn options(&self) -> MutexGuard<'_, Options> {
        // Nothing panics while it is held.
        self.options.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn failed(&self, failure: &Failure, question: &Question, sent: Options) -> Reply {
        let mut reply = Reply {
            retry_after: failure.retry_after,
            ..Reply::failed(failure.outcome, failure.detail.clone())
        };
        let (complaint, words) = (failure.complaint().to_lowercase(), self.protocol.words());
        let told = |what: &str| {
            let detail = format!("{what} ({})", failure.detail);
            self.endpoint.failure(failure.outcome, &detail).detail
        };
        if let Some(refusal) = Refusal::of(&complaint, question.list, sent, words) {
            reply.scope = Scope::Adapted;
            reply.detail = told(&refusal.describe(sent));
            self.heed(refusal, sent, &reply.detail);
        } else if is_too_long(&complaint, words) {
            reply.detail = told("lower max_output_tokens");
        }
        reply
    }

    /// Goes without what the service refuses, and says so once: aloud where the operator asked for it.
    fn heed(&self, refusal: Refusal, sent: Options, detail: &str) {
        let changed = {
            let mut options = self.options();
            let before = *options;
            refusal.heed(&mut options, sent);
            *options != before
        };
        let aloud = match refusal {
            Refusal::Temperature => self.own_temperature,
            Refusal::Length => true,
            Refusal::Structured | Refusal::System | Refusal::LimitName => false,
        };
        let provider = &self.name;
        match (changed, aloud) {
            (true, true) => warn!(provider, detail, "a provider does not take what it is configured with"),
            (true, false) => info!(provider, detail, "a provider does not take an option"),
            (false, _) => {}
        }
    }
}

#[async_trait]
impl<P: Protocol> Provider for Adapter<P> {
    async fn ask(&self, question: &Question) -> Reply {
        let sent = *self.options();
        let request = self.protocol.request(question, &self.settings, sent);
        let result = self.endpoint.post(&request).await;
        match result.and_then(|body| self.protocol.answer(&body, &self.endpoint)) {
            Ok(answer) => self.answered(answer),
            Err(mut failure) => {
                self.protocol.interpret(&mut failure, &self.endpoint);
                self.failed(&failure, question, sent)
            }
        }
    }
}

/// The question with the standing instruction before it, for services that take none apart.
pub(super) fn in_one(question: &Question) -> String {
    format!("{}\n\n{}", question.system, question.user)
}

/// The messages as OpenAI and those after it have them.
pub(super) fn messages(question: &Question, options: Options) -> Value {
    if options.system {
        json!([
            { "role": "system", "content": question.system },
            { "role": "user", "content": question.user },
        ])
    } else {
        json!([{ "role": "user", "content": in_one(question) }])
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
