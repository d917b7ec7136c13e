//! Anthropic's messages. A list is asked for as the input of a tool that the model has to use: all models know tools.

use std::sync::Arc;

use igentai_core::batch::Outcome;
use igentai_shared::clock::Clock;
use igentai_shared::config::providers::ProviderConfig;
use serde_json::{Value, json};

use super::Question;
use super::adapter::{Answer, Protocol, Settings, count, in_one, list_schema, string};
use super::http::{Client, Endpoint, Failure, SetupError};
use super::refusal::{Options, Words};

const TOOL: &str = "record_items";

#[derive(Debug)]
pub(super) struct Anthropic;

impl Protocol for Anthropic {
    fn endpoint(
        &self,
        config: &ProviderConfig,
        client: &Client,
        clock: &Arc<dyn Clock>,
    ) -> Result<Endpoint, SetupError> {
        let path = |path: &mut Vec<String>| {
            if path.last().is_none_or(|last| last != "v1") {
                path.push("v1".to_owned());
            }
            path.push("messages".to_owned());
        };
        let endpoint = Endpoint::new(config, client, clock, path, ("x-api-key", ""))?;
        Ok(endpoint.with_header("anthropic-version", "2023-06-01"))
    }

    fn request(&self, question: &Question, settings: &Settings, options: Options) -> Value {
        let mut request = json!({
            "model": settings.model,
            "max_tokens": options.max_output_tokens,
        });
        if options.system {
            request["system"] = json!(question.system);
            request["messages"] = json!([{ "role": "user", "content": question.user }]);
        } else {
            request["messages"] = json!([{ "role": "user", "content": in_one(question) }]);
        }
        if options.temperature {
            // Others go up to 2.
            request["temperature"] = json!(settings.temperature.min(1.0));
        }
        if question.list && options.structured {
            request["tools"] = json!([{
                "name": TOOL,
                "description": "Takes the items of the list, one string each.",
                "input_schema": list_schema(),
            }]);
            request["tool_choice"] = json!({ "type": "tool", "name": TOOL });
        }
        request
    }

    fn answer(&self, body: &Value, endpoint: &Endpoint) -> Result<Answer, Failure> {
        let Some(blocks) = body.get("content").and_then(Value::as_array) else {
            return Err(endpoint
                .failure(Outcome::ServerError, "the answer has no content: is this the right base_url?"));
        };
        let of_kind =
            |kind: &'static str| blocks.iter().filter(move |block| string(block, "/type") == Some(kind));
        let text: String = match of_kind("tool_use").find_map(|block| block.get("input")) {
            Some(input) if input.as_object().is_some_and(|fields| !fields.is_empty()) => input.to_string(),
            _ => of_kind("text").filter_map(|block| string(block, "/text")).collect(),
        };
        let stop = string(body, "/stop_reason").unwrap_or_default();
        let cached =
            count(body, "/usage/cache_creation_input_tokens") + count(body, "/usage/cache_read_input_tokens");
        Ok(Answer {
            refusal: (stop == "refusal").then(|| "the model declined".to_owned()),
            text,
            truncated: stop == "max_tokens",
            input_tokens: count(body, "/usage/input_tokens") + cached,
            output_tokens: count(body, "/usage/output_tokens"),
        })
    }

    fn words(&self) -> Words {
        Words { structured: &["tool"], limit: &["max_tokens"], two_limit_names: false }
    }
}
