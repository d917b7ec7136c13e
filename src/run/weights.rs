//! Whom a topic asks: those it was told to at an earlier start, where this one does not say.

use std::collections::BTreeMap;

use igentai_core::topic::Topic;
use igentai_shared::config::Config;

use crate::exit::Failure;

/// Names of the configured providers that are asked about a topic with these weights.
pub(super) fn asked<'a>(config: &'a Config, weights: &BTreeMap<String, f64>) -> Vec<&'a str> {
    let weight = |name: &str, own: f64| match weights.get(name) {
        _ if weights.is_empty() => own,
        weight => weight.copied().unwrap_or(0.0),
    };
    let asked = config.providers.iter().filter(|provider| weight(&provider.name, provider.weight) > 0.0);
    asked.map(|provider| provider.name.as_str()).collect()
}

/// Refuses to go on with a topic whose providers are all gone from the configuration, unless this start names others.
pub(super) fn refuse_strangers(config: &Config, given: bool, stored: Option<&Topic>) -> Result<(), Failure> {
    let Some(topic) = stored.filter(|topic| !given && asked(config, &topic.provider_weights).is_empty())
    else {
        return Ok(());
    };
    let weights = topic.provider_weights.iter().filter(|(_, weight)| **weight > 0.0);
    let stored: Vec<String> = weights.map(|(name, weight)| format!("{name}={weight}")).collect();
    let others = config.providers.iter().map(|provider| format!("--provider {}=1", provider.name));
    Err(Failure::usage(format!(
        "“{}” asks {} since an earlier start, and the configuration has no such provider; name others, for example {}",
        topic.name,
        stored.join(", "),
        others.collect::<Vec<_>>().join(" ")
    )))
}
