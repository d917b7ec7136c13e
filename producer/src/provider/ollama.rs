//! Ollama's own API.

use std::sync::Arc;

use igentai_core::batch::Outcome;
use igentai_shared::clock::Clock;
use igentai_shared::config::providers::ProviderConfig;
use serde_json::{Value, json};

use super::Question;
use super::adapter::{Answer, Protocol, Settings, count, list_schema, messages, string, without_reasoning};
use super::http::{Client, Endpoint, Failure, SetupError};
use super::refusal::{Options, Words};

#[derive(Debug)]
pub(super) struct Ollama;

impl Protocol for Ollama {
    fn endpoint(
        &self,
        config: &ProviderConfig,
        client: &Client,
        clock: &Arc<dyn Clock>,
    ) -> Result<Endpoint, SetupError> {
        let path = |path: &mut Vec<String>| {
            if path.last().is_some_and(|last| last == "v1") {
                path.pop();
            }
            path.extend(["api".to_owned(), "chat".to_owned()]);
        };
        Endpoint::new(config, client, clock, path, ("authorization", "Bearer "))
    }

    fn request(&self, question: &Question, settings: &Settings, options: Options) -> Value {
        let mut request = json!({
            "model": settings.model,
            "stream": false,
            "messages": messages(question, options),
            "options": { "num_predict": options.max_output_tokens },
        });
        if options.temperature {
            request["options"]["temperature"] = json!(settings.temperature);
        }
        if question.list && options.structured {
            request["format"] = list_schema();
        }
        request
    }

    fn answer(&self, body: &Value, endpoint: &Endpoint) -> Result<Answer, Failure> {
        let Some(message) = body.get("message").filter(|message| message.is_object()) else {
            return Err(endpoint
                .failure(Outcome::ServerError, "the answer has no message: is this Ollama's base_url?"));
        };
        Ok(Answer {
            refusal: None,
            text: without_reasoning(string(message, "/content").unwrap_or_default()).to_owned(),
            truncated: string(body, "/done_reason") == Some("length"),
            input_tokens: count(body, "/prompt_eval_count"),
            output_tokens: count(body, "/eval_count"),
        })
    }

    fn words(&self) -> Words {
        Words {
            structured: &["format", "grammar", "schema"],
            limit: &["num_predict"],
            two_limit_names: false,
        }
    }
}
