#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod looks;
mod protocols;
mod refusals;
mod service;

use igentai_shared::clock::SystemClock;
use igentai_shared::config::providers::{KeySource, Secret};

use super::*;
use service::{Canned, KEY, Service, config, provider, question};

const OPENAI: ProviderKind = ProviderKind::OpenAi;

/// Asks once a service that answers so, and checks what must hold whatever it answers.
async fn ask(canned: Canned) -> Reply {
    let service = Service::start(vec![canned]).await;
    let provider = service.provider(OPENAI);
    let reply = provider.ask(&question()).await;
    assert_eq!(service.requests().len(), 1, "one request for one question");
    let shown = format!("{} {reply:?} {provider:?}", reply.detail);
    assert!(!shown.contains(KEY), "{shown}");
    assert!(reply.detail.chars().count() <= 200 && !reply.detail.contains(char::is_control), "{reply:?}");
    reply
}

async fn wait_of(status: u16, header: &str) -> (Outcome, Option<Duration>) {
    let reply = ask(Canned::status(status, header, r#"{"error":{"message":"slow down"}}"#)).await;
    assert!(reply.detail.contains("slow down"), "{}", reply.detail);
    (reply.outcome, reply.retry_after)
}

#[tokio::test]
async fn a_rate_limit_is_told_with_the_wait_that_the_service_asks_for() {
    let limited = Outcome::RateLimited;
    assert_eq!(wait_of(429, "Retry-After: 1\r\n").await, (limited, Some(Duration::from_secs(1))));
    assert_eq!(wait_of(529, "retry-after: 600\r\n").await, (limited, Some(Duration::from_mins(10))));
    assert_eq!(wait_of(429, "retry-after: 86400\r\n").await, (limited, Some(Duration::from_hours(1))));
    assert_eq!(wait_of(429, "retry-after: in a while\r\n").await, (limited, None));
    assert_eq!(wait_of(429, "").await, (limited, None));
    let unix = Duration::from_millis(SystemClock::new().now().unix.0);
    let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + unix + Duration::from_mins(2));
    let (_, wait) = wait_of(429, &format!("retry-after: {date}\r\n")).await;
    assert!((110..=120).contains(&wait.unwrap().as_secs()), "{wait:?}");
}

#[tokio::test]
async fn every_status_has_its_outcome() {
    for (status, outcome) in [
        (400, Outcome::BadRequest),
        (401, Outcome::WrongKey),
        (402, Outcome::BadRequest),
        (403, Outcome::WrongKey),
        (404, Outcome::BadRequest),
        (408, Outcome::Timeout),
        (307, Outcome::BadRequest),
        (500, Outcome::ServerError),
        (503, Outcome::ServerError),
        (504, Outcome::Timeout),
    ] {
        let reply = ask(Canned::status(status, "location: /elsewhere\r\n", "no such thing")).await;
        assert_eq!(reply.outcome, outcome, "{status}");
        assert_eq!(reply.scope, Scope::Provider);
    }
}

#[tokio::test]
async fn a_wrong_key_names_the_variable_and_hides_the_key_that_the_service_repeats() {
    let body = format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY}"}}}}"#);
    let reply = ask(Canned::status(401, "", &body)).await;
    assert_eq!(reply.outcome, Outcome::WrongKey);
    assert!(reply.detail.contains("environment variable SMALL_API_KEY"), "{}", reply.detail);
    assert!(reply.detail.contains("provided: ***"), "{}", reply.detail);
}

#[tokio::test]
async fn what_is_not_the_protocol_is_a_failure_of_the_service() {
    let cut = r#"{"choices":[{"message":{"content":"alpha\nbe"#;
    for (canned, part) in [
        (Canned::ok("<!doctype html><html><body>Welcome"), "web page"),
        (Canned::ok(cut), "not JSON, or cut off"),
        (Canned::ok(""), "not JSON"),
        (Canned::ok("\u{0}\u{1b}[31mgarbage\r\n"), "[31mgarbage"),
        (Canned::ok("[1,2]"), "no choices"),
        (Canned::Bytes(format!("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{cut}").into()), "broke off"),
        (Canned::Bytes(Vec::new()), "without an answer"),
        (Canned::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), "without an answer"),
    ] {
        let reply = ask(canned).await;
        assert_eq!(reply.outcome, Outcome::ServerError, "{part}");
        assert!(reply.detail.contains(part), "{part}: {}", reply.detail);
        assert!(reply.text.is_empty());
    }
}

#[tokio::test]
async fn an_answer_of_a_hundred_megabytes_is_left_unread() {
    for status in [200, 400] {
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: 104857600\r\n\r\n");
        let service = Service::start(vec![Canned::Endless(head)]).await;
        let reply = service.ask(OPENAI).await;
        let expected = if status == 200 { Outcome::ServerError } else { Outcome::BadRequest };
        assert_eq!(reply.outcome, expected, "{}", reply.detail);
        // 4 MiB at most are read; what is more lies in the sockets' buffers.
        assert!(service.sent() < 24 << 20, "{}", service.sent());
    }
}

#[tokio::test]
async fn a_stall_ends_at_the_timeout_however_far_the_answer_came() {
    for begun in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{"] {
        let service = Service::start(vec![Canned::Stall(begun.into())]).await;
        let quick = ProviderConfig { timeout_seconds: 0.2, ..config(OPENAI, &service.base_url) };
        let reply = provider(&quick).ask(&question()).await;
        assert_eq!(reply.outcome, Outcome::Timeout, "{begun}");
        assert!(reply.detail.contains("0.2 s"), "{}", reply.detail);
        assert_eq!(service.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_rate_limit_whose_text_stalls_is_still_a_rate_limit() {
    let head = "HTTP/1.1 429 X\r\nretry-after: 7\r\ncontent-length: 900\r\n\r\nplease wa";
    let reply = ask(Canned::Stall(head.into())).await;
    assert_eq!((reply.outcome, reply.retry_after), (Outcome::RateLimited, Some(Duration::from_secs(7))));
}

#[tokio::test]
async fn a_service_that_is_not_there_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let reply = provider(&config(OPENAI, &gone)).ask(&question()).await;
    assert_eq!(reply.outcome, Outcome::Unreachable);
    assert!(
        reply.detail.contains("refused") && reply.detail.contains("http://127.0.0.1"),
        "{}",
        reply.detail
    );
}

#[tokio::test]
async fn a_wrong_model_name_is_not_taken_for_a_refused_option() {
    let reply = ask(Canned::status(404, "", r#"{"error":{"message":"model-1 does not exist"}}"#)).await;
    assert_eq!((reply.outcome, reply.scope), (Outcome::BadRequest, Scope::Provider));
    assert_eq!(reply.detail, "404: model-1 does not exist");
}

#[tokio::test]
async fn where_nothing_is_found_the_address_is_named_before_the_services_words() {
    let service = Service::start(vec![Canned::status(404, "", r#"{"detail":"Not Found"}"#)]).await;
    assert_eq!(service.ask(OPENAI).await.detail, "404: is base_url right? (Not Found)");
    let without = service.base_url.trim_end_matches("/v1");
    let reply = provider(&config(OPENAI, without)).ask(&question()).await;
    let expected = "404: is base_url right? For most services it ends in /v1 (Not Found)";
    assert_eq!((reply.outcome, reply.detail.as_str()), (Outcome::BadRequest, expected));
    let reply = ask(Canned::status(405, "", "")).await;
    assert_eq!(reply.detail, "405: is base_url right?");
    let reply = ask(Canned::ok("<html>Welcome")).await;
    assert_eq!(reply.detail, "the service sent a web page: is base_url right?");
    let reply = ask(Canned::status(502, "", "<html>Bad gateway")).await;
    assert_eq!(reply.detail, "502: the service sent a web page");
}

#[tokio::test]
async fn a_request_without_key_says_how_to_set_one_when_it_is_wanted() {
    let service = Service::start(vec![Canned::status(401, "", "")]).await;
    let keyless =
        ProviderConfig { key: None, key_source: KeySource::None, ..config(OPENAI, &service.base_url) };
    let reply = provider(&keyless).ask(&question()).await;
    assert!(reply.detail.contains("api_key_env"), "{}", reply.detail);
    assert!(!service.requests()[0].head.contains("authorization"));
}

#[test]
fn a_key_or_an_address_that_cannot_be_used_is_refused_at_the_start_without_showing_it() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let client = Client::new().unwrap();
    let bad_key = ProviderConfig { key: Some(Secret::new("sk-two\nlines")), ..config(OPENAI, "http://x/v1") };
    let error = connect(&bad_key, &client, &clock, 1).unwrap_err().to_string();
    assert!(error.contains("SMALL_API_KEY") && !error.contains("lines"), "{error}");
    let error = connect(&config(OPENAI, "user:secret@"), &client, &clock, 1).unwrap_err().to_string();
    assert!(error.contains("providers.small.base_url") && !error.contains("secret"), "{error}");
}
