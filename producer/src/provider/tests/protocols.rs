//! What each protocol sends, and what it makes of answers.

use serde_json::{Value, json};

use super::service::{Canned, KEY, Received, Service};
use super::*;

const ANTHROPIC: ProviderKind = ProviderKind::Anthropic;
const GEMINI: ProviderKind = ProviderKind::Gemini;
const OLLAMA: ProviderKind = ProviderKind::Ollama;

async fn exchange(kind: ProviderKind, answer: Value) -> (Received, Reply) {
    let service = Service::start(vec![Canned::ok(&answer.to_string())]).await;
    let reply = service.ask(kind).await;
    (service.requests().pop().unwrap(), reply)
}

async fn reply(kind: ProviderKind, answer: Value) -> Reply {
    exchange(kind, answer).await.1
}

fn tokens(reply: &Reply) -> (u64, u64) {
    (reply.input_tokens, reply.output_tokens)
}

#[tokio::test]
async fn openai_sends_a_schema_and_the_token_limit_and_reads_text_and_usage() {
    let answer = json!({
        "choices": [{ "message": { "content": "{\"items\":[\"a\"]}", "reasoning_content": "hm" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 12, "completion_tokens": 34 },
    });
    let (request, reply) = exchange(OPENAI, answer).await;
    assert!(request.head.starts_with("post /v1/chat/completions "), "{}", request.head);
    assert!(request.head.contains(&format!("authorization: bearer {KEY}")));
    assert_eq!(request.body["max_tokens"], 777);
    assert_eq!(request.body["response_format"]["json_schema"]["strict"], true);
    assert_eq!(request.body["response_format"]["json_schema"]["schema"]["required"], json!(["items"]));
    assert_eq!((reply.outcome, reply.text.as_str()), (Outcome::Answered, "{\"items\":[\"a\"]}"));
    assert_eq!((tokens(&reply), reply.truncated), ((12, 34), false));
}

#[tokio::test]
async fn openai_answers_that_are_none_are_told_apart() {
    let of = |message: Value, finish: &str| json!({ "choices": [{ "message": message, "finish_reason": finish }] });
    let refused = reply(OPENAI, of(json!({ "content": null, "refusal": "I cannot." }), "stop")).await;
    assert_eq!((refused.outcome, refused.detail.as_str()), (Outcome::Refused, "I cannot."));
    let filtered = reply(OPENAI, of(json!({ "content": "" }), "content_filter")).await;
    assert_eq!(filtered.outcome, Outcome::Refused);
    let empty = reply(OPENAI, of(json!({ "content": null, "reasoning_content": "a, b" }), "length")).await;
    assert_eq!((empty.outcome, empty.truncated), (Outcome::Empty, true));
    assert!(empty.detail.contains("max_output_tokens"));
    let thought = reply(OPENAI, of(json!({ "content": "<think>a?</think>\nb" }), "stop")).await;
    assert_eq!(thought.text, "b");
    let thinking = reply(OPENAI, of(json!({ "content": "<think>a? b?" }), "length")).await;
    assert_eq!(thinking.outcome, Outcome::Empty);
    let cut = reply(OPENAI, of(json!({ "content": [{ "type": "text", "text": "a\nb" }] }), "length")).await;
    assert_eq!((cut.outcome, cut.truncated, cut.text.as_str()), (Outcome::Answered, true, "a\nb"));
    assert_eq!(tokens(&cut), (0, 0));
}

#[tokio::test]
async fn openai_lists_that_come_as_the_arguments_of_a_tool_are_read() {
    let list = r#"{"items":["a","b"]}"#;
    for arguments in [json!(list), json!({ "items": ["a", "b"] })] {
        let call = json!({ "type": "function", "function": { "name": "items", "arguments": arguments } });
        let answer = json!({ "choices": [{ "message": { "content": null, "tool_calls": [call] } }] });
        let reply = reply(OPENAI, answer).await;
        assert_eq!((reply.outcome, reply.text.as_str()), (Outcome::Answered, list));
    }
}

#[tokio::test]
async fn an_error_with_a_status_of_success_counts_as_what_it_says() {
    for (code, outcome) in
        [(429, Outcome::RateLimited), (401, Outcome::WrongKey), (200, Outcome::ServerError)]
    {
        let answer = json!({ "error": { "message": "upstream", "code": code } });
        assert_eq!(reply(OPENAI, answer).await.outcome, outcome, "{code}");
    }
}

#[tokio::test]
async fn anthropic_has_the_list_as_the_input_of_a_tool() {
    let answer = json!({
        "content": [{ "type": "text", "text": "Here:" }, { "type": "tool_use", "name": "record_items", "input": { "items": ["a", "b"] } }],
        "stop_reason": "tool_use",
        "usage": { "input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 9 },
    });
    let (request, reply) = exchange(ANTHROPIC, answer).await;
    assert!(request.head.starts_with("post /v1/messages "), "{}", request.head);
    assert!(request.head.contains("anthropic-version: 2023-06-01"));
    assert!(request.head.contains(&format!("x-api-key: {KEY}")));
    assert_eq!(request.body["max_tokens"], 777);
    assert_eq!(request.body["temperature"], 1.0);
    assert_eq!(request.body["tool_choice"]["name"], request.body["tools"][0]["name"]);
    assert_eq!((reply.text.as_str(), tokens(&reply)), (r#"{"items":["a","b"]}"#, (7, 9)));
}

#[tokio::test]
async fn anthropic_answers_that_are_none_are_told_apart() {
    let of = |content: Value, stop: &str| json!({ "content": content, "stop_reason": stop });
    let refused = reply(ANTHROPIC, of(json!([]), "refusal")).await;
    assert_eq!(refused.outcome, Outcome::Refused);
    let cut = reply(ANTHROPIC, of(json!([{ "type": "tool_use", "input": {} }]), "max_tokens")).await;
    assert_eq!((cut.outcome, cut.truncated), (Outcome::Empty, true));
    let plain = reply(ANTHROPIC, of(json!([{ "type": "text", "text": "a\nb" }]), "end_turn")).await;
    assert_eq!((plain.outcome, plain.text.as_str()), (Outcome::Answered, "a\nb"));
    assert_eq!(reply(ANTHROPIC, json!({})).await.outcome, Outcome::ServerError);
}

#[tokio::test]
async fn gemini_has_the_key_in_a_header_and_the_schema_in_the_configuration() {
    let answer = json!({
        "candidates": [{ "content": { "parts": [{ "text": "hm", "thought": true }, { "text": "[\"a\"]" }] }, "finishReason": "STOP" }],
        "usageMetadata": { "promptTokenCount": 3, "candidatesTokenCount": 4, "thoughtsTokenCount": 5 },
    });
    let (request, reply) = exchange(GEMINI, answer).await;
    assert!(request.head.starts_with("post /v1/models/model-1:generatecontent http"), "{}", request.head);
    assert!(request.head.contains(&format!("x-goog-api-key: {KEY}")));
    let generation = &request.body["generationConfig"];
    assert_eq!(generation["maxOutputTokens"], 777);
    assert_eq!(generation["responseMimeType"], "application/json");
    assert_eq!(generation["responseSchema"]["required"], json!(["items"]));
    assert_eq!((reply.text.as_str(), tokens(&reply)), ("[\"a\"]", (3, 9)));
}

#[tokio::test]
async fn gemini_says_refusals_wrong_keys_and_waits_in_its_own_way() {
    let blocked = reply(GEMINI, json!({ "promptFeedback": { "blockReason": "SAFETY" } })).await;
    assert_eq!(blocked.outcome, Outcome::Refused);
    let unsafe_answer = reply(GEMINI, json!({ "candidates": [{ "finishReason": "SAFETY" }] })).await;
    assert_eq!(unsafe_answer.outcome, Outcome::Refused);
    let cut = json!({ "candidates": [{ "content": { "parts": [{ "text": "a" }] }, "finishReason": "MAX_TOKENS" }] });
    assert!(reply(GEMINI, cut).await.truncated);
    let error = |status: u16, details: Value| {
        let body = json!({ "error": { "code": status, "message": "no", "details": details } });
        Canned::status(status, "", &body.to_string())
    };
    let wrong =
        Service::start(vec![error(400, json!([{ "reason": "API_KEY_INVALID" }]))]).await.ask(GEMINI).await;
    assert_eq!(wrong.outcome, Outcome::WrongKey);
    assert!(wrong.detail.contains("SMALL_API_KEY"), "{}", wrong.detail);
    let slow =
        Service::start(vec![error(429, json!([{}, { "retryDelay": "34.5s" }]))]).await.ask(GEMINI).await;
    assert_eq!(slow.retry_after, Some(Duration::from_millis(34_500)));
}

#[tokio::test]
async fn ollama_is_asked_by_its_own_api_even_at_the_address_of_the_other() {
    let answer = json!({
        "message": { "content": "{\"items\":[]}", "thinking": "hm" }, "done_reason": "length",
        "prompt_eval_count": 8, "eval_count": 6,
    });
    let (request, reply) = exchange(OLLAMA, answer).await;
    assert!(request.head.starts_with("post /api/chat "), "{}", request.head);
    assert_eq!(request.body["stream"], false);
    assert_eq!(request.body["options"], json!({ "num_predict": 777, "temperature": 1.5 }));
    assert_eq!(request.body["format"]["required"], json!(["items"]));
    assert_eq!((tokens(&reply), reply.truncated), ((8, 6), true));
    let missing =
        Service::start(vec![Canned::status(404, "", r#"{"error":"model 'model-1' not found"}"#)]).await;
    let missing = missing.ask(OLLAMA).await;
    assert_eq!((missing.outcome, missing.scope), (Outcome::BadRequest, Scope::Provider));
    assert_eq!(missing.detail, "404: model 'model-1' not found");
}

#[tokio::test]
async fn a_question_for_text_asks_for_no_structure() {
    for (kind, option) in [
        (OPENAI, "/response_format"),
        (ANTHROPIC, "/tools"),
        (GEMINI, "/generationConfig/responseSchema"),
        (OLLAMA, "/format"),
    ] {
        let service = Service::start(vec![Canned::ok("{}")]).await;
        let text = Question { list: false, ..question() };
        drop(service.provider(kind).ask(&text).await);
        assert_eq!(service.requests()[0].body.pointer(option), None);
    }
}
