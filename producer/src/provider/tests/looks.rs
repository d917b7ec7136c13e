//! Looks at providers that answer, refuse, hang or know other models.

use std::sync::Arc;

use igentai_shared::clock::{Clock, SystemClock};
use igentai_shared::config::providers::{KeySource, ProviderConfig, ProviderKind, Secret};

use super::service::{Canned, KEY, Service};
use crate::provider::{Client, Look, look};

async fn looked(kind: ProviderKind, canned: Canned) -> (Look, String) {
    let service = Service::start(vec![canned]).await;
    let mut config = ProviderConfig::new("small", kind, "tiny");
    config.base_url.clone_from(&service.base_url);
    config.key = Some(Secret::new(KEY));
    config.key_source = KeySource::Environment("SMALL_KEY".to_owned());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let found = look(&config, &Client::new().unwrap(), &clock).await.unwrap();
    let head = service.requests().first().map(|request| request.head.clone()).unwrap_or_default();
    (found, head)
}

#[tokio::test]
async fn the_list_of_models_is_read_where_each_protocol_has_it_and_nothing_else_is_asked() {
    for (kind, body, line) in [
        (ProviderKind::OpenAi, r#"{"data":[{"id":"other"},{"id":"tiny"}]}"#, "get /v1/models http"),
        (ProviderKind::Anthropic, r#"{"data":[{"id":"tiny"}]}"#, "get /v1/models?limit=1000 http"),
        (ProviderKind::Gemini, r#"{"models":[{"name":"models/tiny"}]}"#, "get /v1/models?pagesize=1000 http"),
        (ProviderKind::Ollama, r#"{"models":[{"name":"tiny:latest"}]}"#, "get /api/tags http"),
    ] {
        let (found, head) = looked(kind, Canned::ok(body)).await;
        assert_eq!(found, Look::Ready, "{kind:?}");
        assert!(head.starts_with(line), "{head}");
        assert!(head.contains(KEY), "{head}");
    }
}

#[tokio::test]
async fn a_look_tells_a_wrong_key_a_wrong_model_and_a_wrong_address_apart() {
    let kind = ProviderKind::OpenAi;
    let (found, _) = looked(kind, Canned::ok(r#"{"data":[{"id":"other"}]}"#)).await;
    assert_eq!(found, Look::ModelNotListed(vec!["other".to_owned()]));
    let refusal = format!(r#"{{"error":{{"message":"wrong key {KEY}"}}}}"#);
    let (found, _) = looked(kind, Canned::status(401, "", &refusal)).await;
    let Look::WrongKey(why) = &found else { unreachable!("{found:?}") };
    assert!(why.contains("SMALL_KEY") && !why.contains(KEY), "{why}");
    let (found, _) = looked(kind, Canned::status(404, "", "{}")).await;
    assert!(matches!(found, Look::NoList(_)), "{found:?}");
    let (found, _) = looked(kind, Canned::status(503, "", "{}")).await;
    assert!(matches!(found, Look::Failed(_)), "{found:?}");
    let invalid = r#"{"error":{"details":[{"reason":"API_KEY_INVALID"}]}}"#;
    let (found, _) = looked(ProviderKind::Gemini, Canned::status(400, "", invalid)).await;
    assert!(matches!(found, Look::WrongKey(_)), "{found:?}");
}

#[tokio::test]
async fn a_look_at_the_built_in_lists_and_at_nobody_ends_at_once() {
    let (client, clock) = (Client::new().unwrap(), Arc::new(SystemClock::new()) as Arc<dyn Clock>);
    assert_eq!(look(&ProviderConfig::demo(), &client, &clock).await.unwrap(), Look::BuiltIn);
    let mut nobody = ProviderConfig::new("small", ProviderKind::OpenAi, "tiny");
    "http://127.0.0.1:9/v1".clone_into(&mut nobody.base_url);
    let found = look(&nobody, &client, &clock).await.unwrap();
    assert!(matches!(&found, Look::Failed(why) if why.contains("no connection")), "{found:?}");
}
