//! What good configurations mean.

use super::super::providers::{KeySource, ProviderKind};
use super::*;

const DEFAULTS: &str = r#"[bus]
# amqp_url is not set

[store]
# redis_url is not set
redis_layout = "fast"

[producer]
concurrency = 4
heartbeat_ms = 1000
port = 9001

[run]
producers = 4
out = "outputs"
items_per_request = 50
dry_after_answers = 30
partition = "alphabetical"
probe_share_percent = 5
until_complete_percent = 95
min_new_per_100_requests = 0
# accept is not set
# min_chars is not set
# max_chars is not set
# script is not set

[web]
port = 8080
bind = "127.0.0.1"
# allowed_hosts is not set

[log]
level = "info"
format = "text"

[orchestrator]
port = 9000
producer_timeout_ms = 5000
lease_ttl_ms = 5000
end_grace_ms = 60000
sync_interval_ms = 1000
weight_change_threshold = 0.05
"#;

#[test]
fn an_empty_file_and_no_file_give_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let environment = Environment::default();
    let sources = Sources {
        file: None,
        folder: folder.path(),
        environment: &environment,
        flags: &[],
        keys: Keys::Needed,
    };
    assert_eq!(Config::load_from(&sources).unwrap(), Config::default());
    assert_eq!(load("").unwrap(), Config::default());
    assert_eq!(Config::default().show(), DEFAULTS);
}

#[test]
fn the_example_loads_as_it_is_and_without_its_comment_signs() {
    assert_eq!(load(Config::example()).unwrap(), Config::default());
    let bare: String = Config::example()
        .lines()
        .map(|line| {
            line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with(' ')).unwrap_or(line)
        })
        .fold(String::new(), |text, line| text + line + "\n");
    let keys = environment(&[("OPENAI_API_KEY", SECRET), ("ANTHROPIC_API_KEY", SECRET)]);
    let mut config = load_with(&bare, &keys, &[]).unwrap();
    assert_eq!(config.providers.len(), 3);
    assert!(config.bus.amqp_url.is_some() && config.store.redis_url.is_some());
    config.providers.clear();
    config.bus = BusConfig::default();
    config.store = StoreConfig::default();
    assert_eq!(config.web.allowed_hosts, ["igentai.example.org"]);
    config.web = WebConfig::default();
    assert_eq!(config.run.rules.scripts.len(), 1);
    assert!(config.run.rules.errors().is_empty());
    config.run.rules = igentai_core::rules::ItemRules::default();
    assert_eq!(config, Config::default(), "the example shows the defaults");
}

#[test]
fn every_setting_stands_in_the_example() {
    let shown = Config { providers: vec![ProviderConfig::demo()], ..Config::default() }.show();
    for line in shown.lines().filter(|line| !line.starts_with('[') && !line.is_empty()) {
        let key = line.trim_start_matches("# ").split([' ', '=']).next().unwrap();
        assert!(Config::example().contains(&format!("\n#{key} = ")), "{key}");
    }
}

#[test]
fn a_provider_is_read_with_all_its_settings() {
    let text = r#"
[providers."my.small"]
kind = "OpenAI"
base_url = "http://127.0.0.1:8000/v1/"
model = "small"
api_key_file = "good.key"
weight = 2
usd_per_million_input_tokens = 0.15
usd_per_million_output_tokens = 0.60
max_concurrency = 3
requests_per_minute = 600
timeout_seconds = 7.5
temperature = 0
max_output_tokens = 100
"#;
    let provider = load(text).unwrap().providers.remove(0);
    assert!(matches!(&provider.key_source, KeySource::File(path) if path.ends_with("good.key")));
    assert_eq!(provider.key.as_ref().unwrap().expose(), SECRET);
    let expected = ProviderConfig {
        base_url: "http://127.0.0.1:8000/v1".to_owned(),
        key_source: provider.key_source.clone(),
        key: provider.key.clone(),
        weight: 2.0,
        price: igentai_core::cost::Price::per_million(0.15, 0.60),
        max_concurrency: 3,
        requests_per_minute: Some(600),
        timeout_seconds: 7.5,
        temperature: 0.0,
        max_output_tokens: 100,
        ..ProviderConfig::new("my.small", ProviderKind::OpenAi, "small")
    };
    assert_eq!(provider, expected);
}

#[test]
fn what_is_shown_loads_to_the_same_configuration() {
    let text = "[providers.\"a.b\"]\nkind = \"openai\"\nmodel = 'say \"x\"'\napi_key_env = \"K\"\nusd_per_million_input_tokens = 0.15\n\
                usd_per_million_output_tokens = 0.6\nrequests_per_minute = 7\n[providers.demo]\nkind = \"demo\"\n[web]\nbind = \"::\"\nallowed_hosts = \"A.example, b\"\n[run]\nout = 'a\\b'\n";
    let keys = environment(&[("K", SECRET)]);
    let config = load_with(text, &keys, &[]).unwrap();
    assert_eq!(load_with(&config.show(), &keys, &[]).unwrap(), config);
}

#[test]
fn flags_go_over_paths_over_names_over_the_file() {
    let text = "[web]\nport = 1\n[log]\nlevel = \"warn\"\n";
    let port = |variables: &[(&str, &str)], flags: &[Flag]| {
        load_with(text, &environment(variables), flags).unwrap().web.port
    };
    let flag = Flag {
        name: "--port".to_owned(),
        path: vec!["web".to_owned(), "port".to_owned()],
        value: "4".to_owned(),
    };
    assert_eq!(port(&[], &[]), 1);
    assert_eq!(port(&[("PORT", "2")], &[]), 2);
    assert_eq!(port(&[("PORT", "2"), ("IGENTAI__WEB__PORT", "3")], &[]), 3);
    assert_eq!(port(&[("PORT", "2"), ("IGENTAI__WEB__PORT", "3")], &[flag]), 4);
}

#[test]
fn variables_stand_for_their_settings() {
    let text = "[providers.Big-one]\nkind = \"demo\"\n";
    let variables = environment(&[
        ("AMQP_URL", "amqps://me:pw@broker/%2f"),
        ("REDIS_URL", "redis://store:7000/1"),
        ("LOG_LEVEL", "DEBUG"),
        ("LOG_FORMAT", "json"),
        ("PORT", "7777"),
        ("IGENTAI__PROVIDERS__BIG_ONE__MODEL", "4.10"),
        ("IGENTAI__PROVIDERS__NEW__KIND", "demo"),
        ("IGENTAI__RUN__OUT", "\"quoted\""),
    ]);
    let config = load_with(text, &variables, &[]).unwrap();
    assert_eq!(config.bus.amqp_url.unwrap().expose(), "amqps://me:pw@broker/%2f");
    assert_eq!(config.store.redis_url.unwrap().to_string(), "redis://store:7000/1");
    assert_eq!((config.log.level.as_str(), config.log.format), ("debug", LogFormat::Json));
    assert_eq!([config.web.port, config.orchestrator.port, config.producer.port], [7777; 3]);
    assert_eq!(config.run.out, Path::new("quoted"));
    let providers: Vec<(&str, &str)> =
        config.providers.iter().map(|provider| (provider.name.as_str(), provider.model.as_str())).collect();
    assert_eq!(providers, [("Big-one", "4.10"), ("new", "demo")]);
}

#[test]
fn a_role_that_asks_no_model_needs_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[providers.a]\nkind = \"gemini\"\nmodel = \"m\"\napi_key_env = \"UNSET_KEY\"\n";
    fs::write(folder.path().join(DEFAULT_FILE), text).unwrap();
    let environment = Environment::default();
    let sources = Sources {
        file: None,
        folder: folder.path(),
        environment: &environment,
        flags: &[],
        keys: Keys::NotNeeded,
    };
    assert_eq!(Config::load_from(&sources).unwrap().providers[0].key, None);
}

#[test]
fn no_secret_is_in_what_is_shown_or_debugged() {
    let text = "[providers.a]\nkind = \"gemini\"\nmodel = \"m\"\napi_key_env = \"K\"\n";
    let variables = environment(&[
        ("K", SECRET),
        ("AMQP_URL", "amqp://me:sk-seeded-secret-0123456789@broker/%2f"),
        ("REDIS_URL", "redis://:sk-seeded-secret-0123456789@store"),
    ]);
    let config = load_with(text, &variables, &[]).unwrap();
    let shown = format!("{} {config:?} {variables:?}", config.show());
    assert!(!shown.contains("seeded-secret"), "{shown}");
    assert!(shown.contains("amqp_url = \"amqp://me:***@broker/%2f\""), "{shown}");
}
