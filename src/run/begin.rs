//! Starting the topic that was asked for, before anybody works.

use igentai_core::cost::Cost;
use igentai_core::folder::TopicId;
use igentai_core::topic::{Limits, SeedList, Share, StartError, StartMode, StartRequest, Topic};
use igentai_orchestrator::files::written;
use igentai_shared::config::Config;
use igentai_shared::id;
use igentai_shared::registry::{self, RegistryError};
use igentai_shared::store::{Store, StoreError};

use super::system::System;
use super::{refuse_what_nobody_knows, weights};
use crate::cli::{self, Run};
use crate::exit::{Exit, Failure};
use crate::parts;

/// Starts the topic. Others that an earlier process was interrupted in do not go on beside it: they are ended once it is started, so that a start that
/// is refused changes nothing.
pub(super) async fn begin(
    system: &System,
    config: &Config,
    arguments: &Run,
    name: &str,
    seeds: Option<&SeedList>,
) -> Result<Topic, Failure> {
    let (store, now) = (system.store.as_ref(), system.clock.now().unix);
    let mut request = request(config, arguments, name)?;
    let topics = store.topics().await?;
    let stored = topics.iter().find(|topic| topic.name == request.name);
    if arguments.resume && stored.is_some() {
        refuse_what_nobody_knows(config, name)?;
    }
    weights::refuse_strangers(config, request.provider_weights.is_some(), stored)?;
    refuse_put_back(store, config, &topics, &request).await?;
    let refused = |error| cannot_start(&error, name);
    if let Some(list) = seeds {
        request.seeds = Some(registry::keep_seeds(store, &request.name, list).await.map_err(refused)?);
    }
    let topic = registry::start_alone(store, &request, now).await.map_err(refused)?;
    registry::abandon_others(store, &topic.id, now).await.map_err(refused)?;
    Ok(topic)
}

/// A registry that holds less than was written from it would give numbers a second time. Who begins afresh gives none of those.
async fn refuse_put_back(
    store: &dyn Store,
    config: &Config,
    topics: &[Topic],
    request: &StartRequest,
) -> Result<(), Failure> {
    let usage = |error: RegistryError| cannot_start(&error, &request.name);
    let base = TopicId::from_name(&request.name).map_err(|error| usage(error.into()))?;
    let (id, _) = registry::place(topics, &base, &request.name).map_err(usage)?;
    let registry = store.identity(&id::random_suffix(&mut parts::random()?)).await?;
    // Files that cannot be read are not written over either, which the leader says.
    let written = written(&config.run.out, &registry, &id).ok().flatten();
    let known = written.map(|written| written.head).unwrap_or_default();
    let epoch = store.lease().await?.epoch;
    match store.claim(&id, epoch, known).await {
        Err(StoreError::PutBack { .. }) if request.mode == StartMode::Fresh => Ok(()),
        Err(error @ StoreError::PutBack { .. }) => {
            let mut words = registry::put_back_in_words(&id, &error);
            if config.store.redis_url.is_some() {
                words.push_str(". Say --embedded there, since a Redis is configured, too");
            }
            Err(Failure::new(Exit::Store, words))
        }
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

fn request(config: &Config, arguments: &Run, name: &str) -> Result<StartRequest, Failure> {
    let limits = Limits {
        max_attributes: arguments.max_attributes,
        max_requests: arguments.max_requests,
        max_cost: arguments.max_usd.map(Cost::from_usd),
        time_limit_ms: arguments.time_limit.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)),
        completeness: match arguments.until_complete {
            Some(share) => Share::wanted(share),
            None => config.run.until_complete(),
        },
        min_new_per_100_requests: Some(arguments.min_yield.unwrap_or(config.run.min_new_per_100_requests))
            .filter(|least| *least > 0),
    };
    let given = !arguments.providers.is_empty();
    Ok(StartRequest {
        name: name.trim().to_owned(),
        prompt: arguments.prompt.clone(),
        provider_weights: given.then(|| arguments.providers.iter().cloned().collect()),
        routing: arguments.routing.map(cli::Routing::to_core),
        phrasing: arguments.phrasing.map(cli::Phrasing::to_core),
        limits: Some(limits),
        items_per_request: Some(config.run.items_per_request),
        configured_items: None,
        configured_partition: config.run.partition,
        partition: cli::partition(arguments.partition, &arguments.categories)?,
        probe_share: arguments.probe_share,
        configured_probe_share: config.run.probe_share(),
        categories: cli::given(&arguments.categories)?,
        rules: arguments.rules.rules(&config.run.rules)?,
        judge: arguments.judge,
        seeds: None,
        mode: match (arguments.fresh, arguments.resume) {
            (true, _) => StartMode::Fresh,
            (_, true) => StartMode::Resume,
            _ => StartMode::Auto,
        },
    })
}

fn cannot_start(error: &RegistryError, name: &str) -> Failure {
    let text = error.to_string();
    match error {
        RegistryError::State(StartError::NothingToResume) => Failure::usage(format!(
            "there is no earlier run of “{name}” to resume; leave out --resume to start it"
        )),
        RegistryError::Name(_)
        | RegistryError::State(_)
        | RegistryError::UsedUp(_)
        | RegistryError::Overload(_)
        | RegistryError::Namesakes(_) => Failure::usage(text),
        RegistryError::Store(_) | RegistryError::Contended => Failure::new(Exit::Failed, text),
    }
}
