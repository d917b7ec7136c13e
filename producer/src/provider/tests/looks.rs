//! Looks at providers that answer, refuse, hang or know other models.

use std::sync::Arc;

use igentai_shared::clock::{Clock, SystemClock};
use igentai_shared::config::providers::{KeySource, ProviderConfig, ProviderKind, Secret};

use super::service::{Canned, KEY, Service};
use crate::provider::{Client, KeyLook, Look, look};

/// What is found, and the heads of what was asked.
async fn looked_as(change: impl FnOnce(&mut ProviderConfig), script: Vec<Canned>) -> (Look, Vec<String>) {
    let service = Service::start(script).await;
    let mut config = ProviderConfig::new("small", ProviderKind::OpenAi, "tiny");
    config.base_url.clone_from(&service.base_url);
    config.key = Some(Secret::new(KEY));
    config.key_source = KeySource::Environment("SMALL_KEY".to_owned());
    change(&mut config);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let found = look(&config, &Client::new().unwrap(), &clock).await.unwrap();
    (found, service.requests().into_iter().map(|request| request.head).collect())
}

async fn looked(kind: ProviderKind, script: Vec<Canned>) -> (Look, Vec<String>) {
    looked_as(|config| config.kind = kind, script).await
}

fn refused() -> Canned {
    Canned::status(401, "", "{}")
}

fn nothing_there() -> Canned {
    Canned::status(404, "", r#"{"error":{"message":"no such address"}}"#)
}

#[tokio::test]
async fn the_list_of_models_is_read_where_each_protocol_has_it_with_the_key_and_with_one_that_nobody_has() {
    for (kind, body, line) in [
        (ProviderKind::OpenAi, r#"{"data":[{"id":"other"},{"id":"tiny"}]}"#, "get /v1/models http"),
        (ProviderKind::Anthropic, r#"{"data":[{"id":"tiny"}]}"#, "get /v1/models?limit=1000 http"),
        (ProviderKind::Gemini, r#"{"models":[{"name":"models/tiny"}]}"#, "get /v1/models?pagesize=1000 http"),
        (ProviderKind::Ollama, r#"{"models":[{"name":"tiny:latest"}]}"#, "get /api/tags http"),
    ] {
        let (found, heads) = looked(kind, vec![Canned::ok(body), refused()]).await;
        assert_eq!(found, Look::Ready(KeyLook::Taken), "{kind:?}");
        let [first, second] = &heads[..] else { unreachable!("{heads:?}") };
        assert!(first.starts_with(line) && second.starts_with(line), "{heads:?}");
        assert!(first.contains(KEY) && !second.contains(KEY), "{heads:?}");
    }
}

#[tokio::test]
async fn a_key_counts_as_taken_only_where_another_is_refused() {
    let list = || Canned::ok(r#"{"data":[{"id":"tiny"}]}"#);
    let (found, _) = looked(ProviderKind::OpenAi, vec![list()]).await;
    assert_eq!(found, Look::Ready(KeyLook::Unchecked));
    let (found, _) = looked(ProviderKind::OpenAi, vec![list(), Canned::status(429, "", "{}")]).await;
    assert_eq!(found, Look::Ready(KeyLook::Unchecked));
    let (found, heads) = looked_as(|config| config.key = None, vec![list()]).await;
    assert_eq!((found, heads.len()), (Look::Ready(KeyLook::NotSet), 1));
}

#[tokio::test]
async fn a_model_that_is_not_listed_may_be_known_all_the_same() {
    let list = || Canned::ok(r#"{"data":[{"id":"tiny-2026-01-01"},{"id":"vendor/tiny"}]}"#);
    let known = Canned::ok(r#"{"id":"tiny-2026-01-01"}"#);
    let (found, heads) = looked(ProviderKind::Anthropic, vec![list(), known, refused()]).await;
    assert_eq!(found, Look::Ready(KeyLook::Taken));
    assert!(heads[1].starts_with("get /v1/models/tiny?limit=1000 http"), "{heads:?}");
    let routed = |config: &mut ProviderConfig| "vendor/tiny:fast".clone_into(&mut config.model);
    let (found, _) = looked_as(routed, vec![list(), refused()]).await;
    assert_eq!(found, Look::Ready(KeyLook::Taken));
    for kind in [ProviderKind::OpenAi, ProviderKind::Ollama] {
        let (found, _) = looked(kind, vec![list(), nothing_there()]).await;
        let listed = ["tiny-2026-01-01", "vendor/tiny"].map(str::to_owned).to_vec();
        assert_eq!(found, Look::ModelNotListed(listed), "{kind:?}");
    }
}

#[tokio::test]
async fn an_address_that_lacks_its_version_is_told_from_a_service_without_a_list() {
    let without = |config: &mut ProviderConfig| {
        config.base_url.truncate(config.base_url.len() - "/v1".len());
    };
    for there in [Canned::ok(r#"{"data":[{"id":"tiny"}]}"#), refused()] {
        let (found, heads) = looked_as(without, vec![nothing_there(), there]).await;
        let Look::LacksVersion(why) = &found else { unreachable!("{found:?}") };
        assert!(why.ends_with("it answers with /v1 behind `base_url`"), "{why}");
        assert!(heads[0].starts_with("get /models http") && heads[1].starts_with("get /v1/models http"));
    }
    let (found, _) = looked_as(without, vec![nothing_there()]).await;
    assert!(matches!(&found, Look::NoList(why) if why.contains("is base_url right?")), "{found:?}");
    let (found, heads) = looked(ProviderKind::OpenAi, vec![nothing_there()]).await;
    let why = "404: is base_url right? (no such address)";
    assert_eq!((found, heads.len()), (Look::NoList(why.to_owned()), 1));
}

#[tokio::test]
async fn a_look_tells_a_wrong_key_and_a_service_that_fails_apart() {
    let kind = ProviderKind::OpenAi;
    let refusal = format!(r#"{{"error":{{"message":"wrong key {KEY}"}}}}"#);
    let (found, _) = looked(kind, vec![Canned::status(401, "", &refusal)]).await;
    let Look::WrongKey(why) = &found else { unreachable!("{found:?}") };
    assert!(why.contains("SMALL_KEY") && !why.contains(KEY), "{why}");
    let (found, _) = looked(kind, vec![Canned::status(503, "", "{}")]).await;
    assert!(matches!(found, Look::Failed(_)), "{found:?}");
    let invalid = r#"{"error":{"details":[{"reason":"API_KEY_INVALID"}]}}"#;
    let (found, _) = looked(ProviderKind::Gemini, vec![Canned::status(400, "", invalid)]).await;
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
