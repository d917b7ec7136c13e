use super::*;

async fn found(variables: &[(&str, &str)], ollama: Option<&str>) -> (Discovery, String) {
    let environment: Environment = variables.iter().copied().collect();
    let mut asked = String::new();
    let found = discover(&environment, |address| {
        asked = address;
        let answer = ollama.map(str::to_owned);
        async move { answer }
    })
    .await;
    assert!(!format!("{found:?}").contains("sk-secret"), "{found:?}");
    (found, asked)
}

fn models(found: &Discovery) -> Vec<(&str, &str)> {
    found.providers.iter().map(|provider| (provider.name.as_str(), provider.model.as_str())).collect()
}

#[tokio::test]
async fn with_nothing_to_find_the_demo_serves_and_says_so() {
    let (found, asked) = found(&[("OPENAI_API_KEY", " ")], None).await;
    assert_eq!(asked, "http://localhost:11434/api/tags");
    assert_eq!(found.providers, [ProviderConfig::demo()]);
    assert!(
        found.notes.concat().contains("the demo provider answers from built-in lists"),
        "{:?}",
        found.notes
    );
}

#[tokio::test]
async fn every_usual_key_gives_a_provider_with_its_list_price() {
    let keys = [
        ("OPENAI_API_KEY", "sk-secret"),
        ("ANTHROPIC_API_KEY", "sk-secret"),
        ("GOOGLE_API_KEY", "sk-secret"),
        ("OPENROUTER_API_KEY", "sk-secret"),
    ];
    let (found, _) = found(&keys, None).await;
    assert_eq!(
        models(&found),
        [
            ("openai", "gpt-6-luna"),
            ("anthropic", "claude-haiku-5-5"),
            ("gemini", "gemini-3.5-flash-lite"),
            ("openrouter", "openai/gpt-6-luna"),
        ]
    );
    assert_eq!(found.providers[0].price, Price::per_million(0.10, 0.50));
    assert!(found.providers[3].price.is_free());
    assert!(found.notes[3].contains("its price is not known"), "{:?}", found.notes);
    assert!(found.providers.iter().all(|provider| provider.key.is_some()));
}

#[tokio::test]
async fn another_model_or_address_has_no_known_price() {
    for variable in [("OPENAI_MODEL", "huge"), ("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1/")] {
        let (found, _) = found(&[("OPENAI_API_KEY", "sk-secret"), variable], None).await;
        assert!(found.providers[0].price.is_free());
        assert!(found.notes[0].contains("its price is not known"), "{:?}", found.notes);
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_named_and_left_out() {
    let (found, _) =
        found(&[("OPENAI_API_KEY", "sk-secret"), ("OPENAI_BASE_URL", "https://me:sk-secret@x")], None).await;
    assert_eq!(models(&found), [("demo", "demo")]);
    assert!(found.notes[0].starts_with("OPENAI_API_KEY is set but not used, since OPENAI_BASE_URL must be"));
}

#[tokio::test]
async fn an_ollama_answers_with_its_first_model_that_can_chat() {
    let body = r#"{"models":[{"name":"nomic-embed-text:latest"},{"name":"llama3.2:1b"},{"name":"x"}]}"#;
    let (found, asked) = found(&[("OLLAMA_HOST", "0.0.0.0")], Some(body)).await;
    assert_eq!(asked, "http://127.0.0.1:11434/api/tags");
    assert_eq!(models(&found), [("ollama", "llama3.2:1b")]);
    assert_eq!(found.providers[0].base_url, "http://127.0.0.1:11434");
}

#[tokio::test]
async fn an_ollama_without_models_or_that_talks_nonsense_is_not_used() {
    for body in [r#"{"models":[]}"#, "<html>", "{}"] {
        let (found, _) = found(&[], Some(body)).await;
        assert_eq!(models(&found), [("demo", "demo")]);
        assert!(found.notes[0].contains("ollama pull"), "{:?}", found.notes);
    }
}

#[tokio::test]
async fn an_ollama_that_does_not_answer_in_time_is_not_waited_for() {
    let environment = Environment::default();
    let waiting = discover(&environment, |_| std::future::pending());
    let found = tokio::time::timeout(PROBE_TIMEOUT * 20, waiting).await;
    assert!(found.is_ok_and(|found| models(&found) == [("demo", "demo")]));
}

#[test]
fn an_ollama_host_is_read_as_ollama_does() {
    for (host, address) in [
        (None, Some("http://localhost:11434")),
        (Some("gpu"), Some("http://gpu:11434")),
        (Some("gpu:80"), Some("http://gpu")),
        (Some(":8000"), Some("http://127.0.0.1:8000")),
        (Some("https://gpu/ollama/"), Some("https://gpu/ollama")),
        (Some("[::]"), Some("http://[::1]:11434")),
        (Some("a b"), None),
    ] {
        assert_eq!(ollama_address(host).as_deref(), address, "{host:?}");
    }
}
