//! OpenAI's chat completions, as many services speak them.

use std::sync::Arc;

use igentai_core::batch::Outcome;
use igentai_shared::clock::Clock;
use igentai_shared::config::providers::ProviderConfig;
use serde_json::{Value, json};

use super::Question;
use super::adapter::{Answer, Protocol, Settings, count, list_schema, messages, string, without_reasoning};
use super::http::{Client, Endpoint, Failure, SetupError};
use super::refusal::{LimitName, Options, Words};

/// The protocol. The token limit has two names: OpenAI's own service takes the newer for all models and the older for some, other
/// services often know only the older.
#[derive(Debug)]
pub(super) struct OpenAi {
    newer_limit_name: bool,
}

impl OpenAi {
    pub(super) fn new(config: &ProviderConfig) -> Self {
        Self { newer_limit_name: config.base_url.contains("//api.openai.com") }
    }
}

impl Protocol for OpenAi {
    fn endpoint(
        &self,
        config: &ProviderConfig,
        client: &Client,
        clock: &Arc<dyn Clock>,
    ) -> Result<Endpoint, SetupError> {
        let path = |path: &mut Vec<String>| path.extend(["chat".to_owned(), "completions".to_owned()]);
        Endpoint::new(config, client, clock, path, ("authorization", "Bearer "))
    }

    fn request(&self, question: &Question, settings: &Settings, options: Options) -> Value {
        let mut request = json!({
            "model": settings.model,
            "messages": messages(question, options),
        });
        let newer = self.newer_limit_name == (options.limit_name == LimitName::Expected);
        request[if newer { "max_completion_tokens" } else { "max_tokens" }] =
            json!(options.max_output_tokens);
        if options.temperature {
            request["temperature"] = json!(settings.temperature);
        }
        if question.list && options.structured {
            request["response_format"] = json!({
                "type": "json_schema",
                "json_schema": { "name": "items", "strict": true, "schema": list_schema() },
            });
        }
        request
    }

    fn answer(&self, body: &Value, endpoint: &Endpoint) -> Result<Answer, Failure> {
        let Some(choice) = body.pointer("/choices/0").filter(|choice| choice.is_object()) else {
            return Err(not_an_answer(body, endpoint));
        };
        let mut text = content(choice.pointer("/message/content"));
        if text.trim().is_empty() {
            text = arguments(choice.pointer("/message/tool_calls/0/function/arguments"));
        }
        let finish = string(choice, "/finish_reason").unwrap_or_default();
        let mut refusal = string(choice, "/message/refusal").filter(|words| !words.is_empty());
        if finish == "content_filter" && text.trim().is_empty() {
            refusal = refusal.or(Some("stopped by the service's content filter"));
        }
        Ok(Answer {
            refusal: refusal.map(str::to_owned),
            text: without_reasoning(&text).to_owned(),
            truncated: finish == "length",
            input_tokens: count(body, "/usage/prompt_tokens"),
            output_tokens: count(body, "/usage/completion_tokens"),
        })
    }

    fn words(&self) -> Words {
        Words {
            structured: &["response_format", "json_schema", "structured output", "grammar"],
            limit: if self.newer_limit_name {
                &["max_completion_tokens"]
            } else {
                &["max_completion_tokens", "max_tokens"]
            },
            two_limit_names: true,
        }
    }

    fn interpret(&self, failure: &mut Failure, _endpoint: &Endpoint) {
        // Azure's filter refuses a prompt with a status of a bad request.
        if failure.outcome == Outcome::BadRequest && failure.body.contains("\"content_filter\"") {
            failure.outcome = Outcome::Refused;
        }
    }
}

/// A string, or a list of parts with a text each, or nothing.
fn content(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts.iter().filter_map(|part| string(part, "/text")).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => String::new(),
    }
}

/// Some services turn the structured output into the call of a tool.
fn arguments(arguments: Option<&Value>) -> String {
    match arguments {
        Some(Value::String(text)) => text.clone(),
        Some(list @ (Value::Array(_) | Value::Object(_))) => list.to_string(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_)) | None => String::new(),
    }
}

/// Some gateways report errors with a status of success, and the status that was meant inside.
fn not_an_answer(body: &Value, endpoint: &Endpoint) -> Failure {
    let Some(error) = body.get("error").filter(|error| !error.is_null()) else {
        return endpoint
            .failure(Outcome::ServerError, "the answer has no choices: is this the right base_url?");
    };
    let status = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let text = body.to_string();
    let status = status.filter(|status| (400..600).contains(status)).unwrap_or(500);
    Failure { body: text.clone(), ..endpoint.refused(status, &text) }
}
