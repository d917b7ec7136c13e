//! From the configuration to the pool.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use igentai_core::gate::{Gates, Limits};
use igentai_shared::clock::Clock;
use igentai_shared::config::providers::{ProviderConfig, ProviderKind, Secret};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::watch;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Entry, ProviderPool, Shared, State};
use crate::provider::{Client, Provider, SetupError, connect};

/// A pool over HTTP (and the demo lists). `seed` is for all that is random in it: pauses after failures, the demo's answers.
pub fn build(
    configs: &[ProviderConfig],
    seed: u64,
    clock: Arc<dyn Clock>,
) -> Result<ProviderPool, SetupError> {
    let mut client: Option<Client> = None;
    let mut providers = Vec::with_capacity(configs.len());
    for config in configs {
        let own_seed = xxh3_64_with_seed(config.name.as_bytes(), seed);
        let provider: Arc<dyn Provider> = if config.kind == ProviderKind::Demo {
            // No connections are made, so the certificates are not read.
            Arc::new(crate::provider::demo::Demo::new(own_seed))
        } else {
            let client = match &client {
                Some(client) => client.clone(),
                None => client.insert(Client::new()?).clone(),
            };
            connect(config, &client, &clock, own_seed)?
        };
        providers.push((config.clone(), provider));
    }
    Ok(ProviderPool::of(providers, seed, clock))
}

impl ProviderPool {
    /// A pool of given providers, each with its configuration: for simulations.
    #[must_use]
    pub fn of(providers: Vec<(ProviderConfig, Arc<dyn Provider>)>, seed: u64, clock: Arc<dyn Clock>) -> Self {
        let groups = key_groups(providers.iter().map(|(config, _)| config));
        let limits = providers.iter().zip(groups).map(|((config, _), key_group)| Limits {
            name: config.name.clone(),
            model: config.model.clone(),
            weight: config.weight,
            max_concurrency: config.max_concurrency,
            requests_per_minute: config.requests_per_minute,
            key_group,
        });
        let state = State {
            gates: Gates::new(limits.collect()),
            random: StdRng::seed_from_u64(seed),
            complained_of: BTreeSet::new(),
        };
        let entries = providers.into_iter().map(|(config, provider)| Entry {
            name: config.name,
            model: config.model,
            price: config.price,
            price_known: config.price_known,
            max_output_tokens: config.max_output_tokens,
            max_concurrency: config.max_concurrency,
            provider,
        });
        let shared = Shared {
            entries: entries.collect(),
            state: Mutex::new(state),
            clock,
            ended: watch::Sender::new(0),
        };
        Self { shared: Arc::new(shared) }
    }
}

/// A number for each provider; equal where they use the same key of the same service. Without a key each is on its own.
fn key_groups<'a>(configs: impl Iterator<Item = &'a ProviderConfig>) -> Vec<usize> {
    let mut known: BTreeMap<(String, &'a str), usize> = BTreeMap::new();
    configs
        .enumerate()
        .map(|(index, config)| match config.key.as_ref().map(Secret::expose) {
            Some(key) => *known.entry((host_of(&config.base_url), key)).or_insert(index),
            None => index,
        })
        .collect()
}

/// Host and port; for an address that is none, which is refused elsewhere, the whole text.
fn host_of(base_url: &str) -> String {
    reqwest::Url::parse(base_url)
        .map_or_else(|_| base_url.to_owned(), |url| url.origin().ascii_serialization())
}
