//! The effective configuration as text.

use std::fmt::Write as _;

use igentai_core::cost::Cost;

use super::Config;
use super::providers::{KeySource, ProviderConfig};

/// Tokens in the unit of price lists.
const MILLION: u64 = 1_000_000;

impl Config {
    /// The effective configuration as TOML, defaults included and secrets masked.
    #[must_use]
    pub fn show(&self) -> String {
        let mut text = Text::default();
        for provider in &self.providers {
            text.provider(provider);
        }
        text.section("bus");
        text.optional("amqp_url", self.bus.amqp_url.as_ref());
        text.section("store");
        text.optional("redis_url", self.store.redis_url.as_ref());
        text.quoted("redis_layout", self.store.redis_layout.as_str());
        text.section("producer");
        text.value("concurrency", self.producer.concurrency);
        text.value("heartbeat_ms", self.producer.heartbeat_ms);
        text.value("port", self.producer.port);
        text.section("run");
        text.value("producers", self.run.producers);
        text.quoted("out", &self.run.out.display().to_string());
        text.value("items_per_request", self.run.items_per_request);
        text.value("dry_after_answers", self.run.dry_after_answers);
        text.quoted("partition", self.run.partition.as_str());
        text.value("probe_share_percent", self.run.probe_share_percent);
        text.value("until_complete_percent", self.run.until_complete_percent);
        text.value("min_new_per_100_requests", self.run.min_new_per_100_requests);
        let rules = &self.run.rules;
        let scripts = rules.scripts.iter().map(|script| script.as_str()).collect::<Vec<_>>().join(", ");
        text.optional("accept", rules.matches.as_ref());
        text.optional_value("min_chars", rules.min_chars);
        text.optional_value("max_chars", rules.max_chars);
        text.optional("script", (!scripts.is_empty()).then_some(&scripts));
        text.section("web");
        text.value("port", self.web.port);
        text.quoted("bind", &self.web.bind.to_string());
        let hosts = self.web.allowed_hosts.join(", ");
        text.optional("allowed_hosts", (!hosts.is_empty()).then_some(&hosts));
        text.section("log");
        text.quoted("level", &self.log.level);
        text.quoted("format", self.log.format.as_str());
        text.section("orchestrator");
        text.value("port", self.orchestrator.port);
        text.value("producer_timeout_ms", self.orchestrator.producer_timeout_ms);
        text.value("lease_ttl_ms", self.orchestrator.lease_ttl_ms);
        text.value("end_grace_ms", self.orchestrator.end_grace_ms);
        text.value("sync_interval_ms", self.orchestrator.sync_interval_ms);
        text.value("weight_change_threshold", self.orchestrator.weight_change_threshold);
        text.0
    }
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn provider(&mut self, provider: &ProviderConfig) {
        self.section(&format!("providers.{}", quote_if_dotted(&provider.name)));
        self.quoted("kind", provider.kind.as_str());
        self.quoted("base_url", &provider.base_url);
        self.quoted("model", &provider.model);
        match &provider.key_source {
            KeySource::None => {}
            KeySource::Environment(name) => self.quoted("api_key_env", name),
            KeySource::File(path) => self.quoted("api_key_file", &path.display().to_string()),
        }
        self.value("weight", provider.weight);
        let price = |cost: Cost| provider.price_known.then(|| cost.usd());
        self.optional_value("usd_per_million_input_tokens", price(provider.price.of(MILLION, 0)));
        self.optional_value("usd_per_million_output_tokens", price(provider.price.of(0, MILLION)));
        self.value("max_concurrency", provider.max_concurrency);
        self.optional_value("requests_per_minute", provider.requests_per_minute);
        self.value("timeout_seconds", provider.timeout_seconds);
        self.value("temperature", provider.temperature);
        self.value("max_output_tokens", provider.max_output_tokens);
    }

    fn section(&mut self, title: &str) {
        let gap = if self.0.is_empty() { "" } else { "\n" };
        self.line(format_args!("{gap}[{title}]"));
    }

    fn value(&mut self, key: &str, value: impl std::fmt::Display) {
        self.line(format_args!("{key} = {value}"));
    }

    fn optional_value(&mut self, key: &str, value: Option<impl std::fmt::Display>) {
        match value {
            Some(value) => self.value(key, value),
            None => self.line(format_args!("# {key} is not set")),
        }
    }

    fn optional(&mut self, key: &str, value: Option<&impl std::fmt::Display>) {
        match value {
            Some(value) => self.quoted(key, &value.to_string()),
            None => self.line(format_args!("# {key} is not set")),
        }
    }

    fn quoted(&mut self, key: &str, text: &str) {
        self.value(key, toml::Value::String(text.to_owned()));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        writeln!(self.0, "{line}").unwrap_or_default();
    }
}

fn quote_if_dotted(name: &str) -> String {
    if name.contains('.') { format!("\"{name}\"") } else { name.to_owned() }
}
