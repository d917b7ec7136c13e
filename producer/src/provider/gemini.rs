//! Google's Gemini.

use std::sync::Arc;

use igentai_core::batch::Outcome;
use igentai_shared::clock::Clock;
use igentai_shared::config::providers::ProviderConfig;
use serde_json::{Value, json};

use super::Question;
use super::adapter::{Answer, Protocol, Settings, count, in_one, string};
use super::http::{Client, Endpoint, Failure, SetupError, wait_of};
use super::refusal::{Options, Words};

#[derive(Debug)]
pub(super) struct Gemini;

impl Protocol for Gemini {
    fn endpoint(
        &self,
        config: &ProviderConfig,
        client: &Client,
        clock: &Arc<dyn Clock>,
    ) -> Result<Endpoint, SetupError> {
        let model = config.model.strip_prefix("models/").unwrap_or(&config.model);
        let path = |path: &mut Vec<String>| {
            if path.last().is_none_or(|last| !last.starts_with("v1")) {
                path.push("v1beta".to_owned());
            }
            path.extend(["models".to_owned(), format!("{model}:generateContent")]);
        };
        Endpoint::new(config, client, clock, path, ("x-goog-api-key", ""))
    }

    fn request(&self, question: &Question, settings: &Settings, options: Options) -> Value {
        let text = if options.system { question.user.clone() } else { in_one(question) };
        let mut request = json!({
            "contents": [{ "role": "user", "parts": [{ "text": text }] }],
            "generationConfig": { "maxOutputTokens": options.max_output_tokens },
        });
        if options.system {
            request["systemInstruction"] = json!({ "parts": [{ "text": question.system }] });
        }
        let generation = &mut request["generationConfig"];
        if options.temperature {
            generation["temperature"] = json!(settings.temperature);
        }
        if question.list && options.structured {
            generation["responseMimeType"] = json!("application/json");
            generation["responseSchema"] = json!({
                "type": "OBJECT",
                "properties": { "items": { "type": "ARRAY", "items": { "type": "STRING" } } },
                "required": ["items"],
            });
        }
        request
    }

    fn answer(&self, body: &Value, endpoint: &Endpoint) -> Result<Answer, Failure> {
        let blocked = string(body, "/promptFeedback/blockReason");
        let candidate = body.pointer("/candidates/0");
        if candidate.is_none() && blocked.is_none() {
            return Err(endpoint
                .failure(Outcome::ServerError, "the answer has no candidates: is this the right base_url?"));
        }
        let parts =
            candidate.and_then(|candidate| candidate.pointer("/content/parts")).and_then(Value::as_array);
        let spoken =
            parts.into_iter().flatten().filter(|part| part.get("thought") != Some(&Value::Bool(true)));
        let text: String = spoken.filter_map(|part| string(part, "/text")).collect();
        let finish = candidate.and_then(|candidate| string(candidate, "/finishReason")).unwrap_or_default();
        let declined = matches!(
            finish,
            "SAFETY"
                | "RECITATION"
                | "BLOCKLIST"
                | "PROHIBITED_CONTENT"
                | "SPII"
                | "LANGUAGE"
                | "IMAGE_SAFETY"
        );
        let refusal = blocked.or(declined.then_some(finish));
        Ok(Answer {
            refusal: refusal.map(|reason| format!("declined by the service: {reason}")),
            text,
            truncated: finish == "MAX_TOKENS",
            input_tokens: count(body, "/usageMetadata/promptTokenCount"),
            output_tokens: count(body, "/usageMetadata/candidatesTokenCount")
                + count(body, "/usageMetadata/thoughtsTokenCount"),
        })
    }

    fn words(&self) -> Words {
        Words {
            structured: &[
                "responseschema",
                "response_schema",
                "responsemimetype",
                "response_mime_type",
                "json mode",
            ],
            limit: &["maxoutputtokens", "max_output_tokens"],
            two_limit_names: false,
        }
    }

    /// A wrong key has the status of a bad request, and the wait that is asked for is in the body.
    fn interpret(&self, failure: &mut Failure, endpoint: &Endpoint) {
        if failure.body.contains("API_KEY_INVALID") {
            let detail = endpoint.wrong_key("API key not valid");
            let body = std::mem::take(&mut failure.body);
            *failure = Failure { body, ..endpoint.failure(Outcome::WrongKey, &detail) };
        } else if failure.outcome == Outcome::RateLimited && failure.retry_after.is_none() {
            failure.retry_after = retry_delay(&failure.body);
        }
    }
}

fn retry_delay(body: &str) -> Option<std::time::Duration> {
    let body: Value = serde_json::from_str(body).ok()?;
    let details = body.pointer("/error/details").or_else(|| body.pointer("/0/error/details"))?;
    details.as_array()?.iter().find_map(|detail| wait_of(string(detail, "/retryDelay")?))
}
