//! Services that do not take all that is sent.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::*;

const ANSWER: &str = r#"{"choices":[{"message":{"content":"a\nb"}}]}"#;

fn complaint(status: u16, text: &str) -> Canned {
    Canned::status(status, "", &json!({ "error": { "message": text } }).to_string())
}

fn length() -> Canned {
    let text = "max_tokens is too large: 4096. This model supports at most 2048 completion tokens, whereas you provided 4096.";
    complaint(400, text)
}

/// The request that follows one that was refused with this.
async fn next(kind: ProviderKind, refused: Canned) -> Value {
    let service = Service::start(vec![refused, Canned::ok("{}")]).await;
    let provider = service.provider(kind);
    let reply = provider.ask(&question()).await;
    assert_eq!(reply.scope, Scope::Adapted, "{}", reply.detail);
    drop(provider.ask(&question()).await);
    service.requests().pop().unwrap().body
}

#[tokio::test]
async fn a_refused_option_is_left_out_from_then_on() {
    let refusals = [
        ("'response_format' is not supported by this model", "/response_format"),
        ("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "/max_tokens"),
        ("'temperature' does not support 1.5 with this model", "/temperature"),
    ];
    let complaint = |text: &str| Canned::status(400, "", &format!(r#"{{"error":{{"message":"{text}"}}}}"#));
    let mut script: Vec<Canned> = refusals.iter().map(|(text, _)| complaint(text)).collect();
    script.push(Canned::ok(r#"{"choices":[{"message":{"content":"a\nb"}}]}"#));
    let service = Service::start(script).await;
    let provider = service.provider(OPENAI);
    for (turn, (_, option)) in refusals.iter().enumerate() {
        let reply = provider.ask(&question()).await;
        assert_eq!((reply.outcome, reply.scope), (Outcome::BadRequest, Scope::Adapted), "{option}");
        assert!(service.requests()[turn].body.pointer(option).is_some(), "{option} was sent");
    }
    assert_eq!(provider.ask(&question()).await.outcome, Outcome::Answered);
    let last = service.requests().pop().unwrap().body;
    for (_, option) in refusals {
        assert_eq!(last.pointer(option), None);
    }
    assert_eq!(last["max_completion_tokens"], 777);
}

#[tokio::test]
async fn a_token_limit_that_is_too_high_is_halved_and_always_sent() {
    let service = Service::start(vec![length(), length(), Canned::ok(ANSWER)]).await;
    let long = ProviderConfig { max_output_tokens: 4_096, ..config(OPENAI, &service.base_url) };
    let provider = provider(&long);
    for after in [2_048, 1_024] {
        let reply = provider.ask(&question()).await;
        assert_eq!((reply.outcome, reply.scope), (Outcome::BadRequest, Scope::Adapted));
        assert!(
            reply.detail.contains(&format!("asked for at most {after} from now on, lower it")),
            "{}",
            reply.detail
        );
    }
    assert_eq!(provider.ask(&question()).await.outcome, Outcome::Answered);
    let limits: Vec<_> =
        service.requests().iter().map(|request| request.body["max_tokens"].clone()).collect();
    assert_eq!(limits, [4_096, 2_048, 1_024]);
}

#[tokio::test]
async fn a_prompt_that_leaves_no_room_for_an_answer_is_a_failure_that_says_what_to_lower() {
    let text = "This model's maximum context length is 512 tokens. However, you requested 900 tokens (400 in the messages, 500 in the completion).";
    let service = Service::start(vec![complaint(400, text)]).await;
    let short = ProviderConfig { max_output_tokens: 500, ..config(OPENAI, &service.base_url) };
    let reply = provider(&short).ask(&question()).await;
    assert_eq!((reply.outcome, reply.scope), (Outcome::BadRequest, Scope::Provider));
    assert!(
        reply.detail.starts_with("lower max_output_tokens (400: This model's maximum"),
        "{}",
        reply.detail
    );
}

#[tokio::test]
async fn where_no_system_message_is_taken_its_text_stands_before_the_question() {
    let whole = "Be brief.\n\nList 3 letters.";
    let alone = json!([{ "role": "user", "content": whole }]);
    for refused in [
        complaint(400, "System role not supported"),
        complaint(500, "Conversation roles must alternate user/assistant/user/assistant/..."),
    ] {
        let request = next(OPENAI, refused.clone()).await;
        assert_eq!((&request["messages"], &request["max_tokens"]), (&alone, &json!(777)));
        assert_eq!(next(ProviderKind::Ollama, refused).await["messages"], alone);
    }
    let refused = complaint(400, "Developer instruction is not enabled for models/gemma-3-27b-it");
    let request = next(ProviderKind::Gemini, refused).await;
    assert_eq!(request.get("systemInstruction"), None);
    assert_eq!(request["contents"], json!([{ "role": "user", "parts": [{ "text": whole }] }]));
    let request = next(ProviderKind::Anthropic, complaint(400, "this model takes no system prompt")).await;
    assert_eq!((request.get("system"), &request["messages"]), (None, &alone));
}

#[tokio::test]
async fn structured_output_that_is_refused_as_a_fault_of_the_service_is_left_out_as_well() {
    for (kind, option, refused) in [
        (OPENAI, "/response_format", complaint(500, "json_schema not supported")),
        (OPENAI, "/response_format", complaint(501, "response_format is not implemented")),
        (
            ProviderKind::Ollama,
            "/format",
            complaint(500, "failed to load model vocabulary required for format"),
        ),
        (ProviderKind::Anthropic, "/tools", complaint(500, "tools are not supported")),
        (
            ProviderKind::Gemini,
            "/generationConfig/responseSchema",
            complaint(501, "JSON mode is not enabled"),
        ),
    ] {
        assert_eq!(next(kind, refused).await.pointer(option), None, "{option}");
    }
    for (kind, canned) in [
        (OPENAI, complaint(500, "boom")),
        (OPENAI, complaint(503, "response_format is not implemented")),
        (ProviderKind::Ollama, complaint(500, "boom; the log has more information")),
    ] {
        let reply = Service::start(vec![canned]).await.ask(kind).await;
        assert_eq!((reply.outcome, reply.scope), (Outcome::ServerError, Scope::Provider));
    }
}

/// Where a test's log goes.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_the_operator_asked_for_is_not_left_out_silently() {
    let temperature = || complaint(400, "'temperature' is not supported");
    let format = || complaint(400, "response_format is not supported");
    for (own_temperature, refused, warnings) in [
        (0.3, temperature(), 1),
        (ProviderConfig::USUAL_TEMPERATURE, temperature(), 0),
        (0.3, format(), 0),
        (0.3, length(), 1),
    ] {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::WARN)
            .with_writer(move || writer.clone())
            .finish();
        let service = Service::start(vec![refused]).await;
        let config = ProviderConfig { temperature: own_temperature, ..config(OPENAI, &service.base_url) };
        let provider = provider(&config);
        {
            let _subscribed = tracing::subscriber::set_default(subscriber);
            // Sent before the first was refused, the second is refused as well, and nothing more is said.
            let asking = question();
            let (first, second) = tokio::join!(provider.ask(&asking), provider.ask(&asking));
            assert_eq!((first.scope, second.scope), (Scope::Adapted, Scope::Adapted));
        }
        let lines = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(lines.lines().count(), warnings, "{lines}");
        assert!(lines.lines().all(|line| line.contains("small") && !line.contains(KEY)), "{lines}");
    }
}
