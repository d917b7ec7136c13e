//! `igentai why`, `replay`, `quote`, `stats` and `parts`: what was decided for a topic and why, whether it follows from the log, what comes next, what came of
//! late, and how far each part is.

pub(crate) mod args;
pub(crate) mod parts;
pub(crate) mod quote;
mod replay;
mod show;
pub(crate) mod stats;
mod what_if;

use std::sync::Arc;

use igentai_core::folder::TopicId;
use igentai_core::topic::Topic;
use igentai_shared::config::{Config, Environment, Flag, Keys};
use igentai_shared::store::{Store, StoreError};
use igentai_shared::telemetry::logging;
use igentai_webserver::api::dto::{DecisionPage, DecisionView, TopicView};
use igentai_webserver::{decision_page, topic_view};

use self::args::{Replay, Where, Whose, Why};
use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::topics::client::Client;
use crate::topics::inert::inert;
use crate::topics::{choose, resolve};
use crate::{output, registry, settings};

/// Decisions read at once.
const PAGE: u64 = 1_000;

/// Tells what was decided, and why.
pub(crate) async fn why(arguments: Why, common: &Common) -> Result<Exit, Failure> {
    let (topic, page) = match source(&arguments.whose, common).await? {
        Source::Server(client) => {
            let topic = resolve(&client, &arguments.whose.topic).await?;
            let page = newest(arguments.limit, async |before, limit| {
                client.decisions(&topic.id, before, limit, &arguments.kinds).await.map_err(Failure::from)
            });
            (topic.clone(), page.await?)
        }
        Source::Registry(store) => {
            let found = of_registry(store.as_ref(), &arguments).await;
            store.close().await;
            found?
        }
    };
    let text = if arguments.json { show::json(&page)? } else { show::text(&topic, &page, &arguments.kinds) };
    output::write_all(&mut output::standard_output(), &text)?;
    Ok(Exit::Done)
}

/// Decides again what was decided, or simulates what would have come of another policy.
pub(crate) async fn replay(arguments: Replay, common: &Common) -> Result<Exit, Failure> {
    let (config, _) = configuration(&arguments.place, common)?;
    let store = open(&config, &arguments.place).await?;
    if let Some(policy) = arguments.policy {
        let weights = settings::once_each(&arguments.providers)?;
        let found = async {
            let (_, topic) = defined(store.as_ref(), &arguments.topic).await?;
            what_if::what_if(store.as_ref(), &topic, policy.to_core(), weights, &config).await
        };
        let found = found.await;
        store.close().await;
        let found = found?;
        let text = if arguments.json { found.json() } else { found.text() };
        output::write_all(&mut output::standard_output(), &text)?;
        return Ok(Exit::Done);
    }
    let found = async {
        let topic = stored(store.as_ref(), &arguments.topic).await?;
        replay::replay(store.as_ref(), &topic).await
    };
    let found = found.await;
    store.close().await;
    let found = found?;
    let text = if arguments.json { found.json()? } else { found.text() };
    output::write_all(&mut output::standard_output(), &text)?;
    Ok(if found.is_same() { Exit::Done } else { Exit::Failed })
}

/// Where decisions are asked for.
enum Source {
    Server(Client),
    Registry(Arc<dyn Store>),
}

/// What the web server or the registry tells of a topic.
async fn ask<T>(
    whose: &Whose,
    common: &Common,
    of_server: impl AsyncFnOnce(&Client, &str) -> Result<T, Failure>,
    of_registry: impl AsyncFnOnce(&dyn Store, &Topic) -> Result<T, Failure>,
) -> Result<(TopicView, T), Failure> {
    match source(whose, common).await? {
        Source::Server(client) => {
            let topic = resolve(&client, &whose.topic).await?.clone();
            let told = of_server(&client, &topic.id).await?;
            Ok((topic, told))
        }
        Source::Registry(store) => {
            let found = async {
                let (view, topic) = defined(store.as_ref(), &whose.topic).await?;
                Ok((view, of_registry(store.as_ref(), &topic).await?))
            };
            let found = found.await;
            store.close().await;
            found
        }
    }
}

/// The web server where one is named, and no registry; else the registry.
async fn source(whose: &Whose, common: &Common) -> Result<Source, Failure> {
    let (place, server) = (&whose.place, whose.server.as_deref());
    let is_named = place.embedded || place.out.is_some();
    if server.is_some() || Client::is_configured() && !is_named {
        return Ok(Source::Server(Client::chosen(server)?));
    }
    let (config, _) = configuration(place, common)?;
    if !registry::is_embedded(&config, place.embedded) {
        return registry::open_redis(&config).await.map(Source::Registry);
    }
    if !registry::is_there(&config) {
        return Err(registry::missing(&config, ", or a web server with --server"));
    }
    match registry::open_embedded(&config) {
        Ok(store) => Ok(Source::Registry(store)),
        Err(StoreError::Locked(held)) => {
            let advice = registry::served_at(&config).map_or_else(
                || "a process that serves a page (`igentai run` without --no-web) can be asked instead, with --server and the address that it says at its start".to_owned(),
                |address| format!("or ask that process: --server {address}"),
            );
            Err(Failure::new(Exit::Store, format!("{held}; {advice}")))
        }
        Err(error) => Err(Failure::unopened(&error)),
    }
}

fn configuration(place: &Where, common: &Common) -> Result<(Config, Environment), Failure> {
    let out = place.out.as_ref().map(|out| out.display().to_string());
    let flags: Vec<Flag> = settings::flag("--out", &["run", "out"], out).into_iter().collect();
    let (config, environment) = settings::load(common, &flags, Keys::NotNeeded)?;
    settings::log(common, &config, &environment, "warn", logging::standard_error())?;
    Ok((config, environment))
}

async fn open(config: &Config, place: &Where) -> Result<Arc<dyn Store>, Failure> {
    if !registry::is_embedded(config, place.embedded) {
        return registry::open_redis(config).await;
    }
    if !registry::is_there(config) {
        return Err(registry::missing(config, ""));
    }
    registry::open_embedded(config).map_err(|error| Failure::unopened(&error))
}

async fn of_registry(store: &dyn Store, arguments: &Why) -> Result<(TopicView, DecisionPage), Failure> {
    let topic = stored(store, &arguments.whose.topic).await?;
    let id = TopicId::parse(&topic.id).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    let page = newest(arguments.limit, async |before, limit| {
        decision_page(store, &id, topic.run, before, limit, &arguments.kinds).await.map_err(Failure::from)
    });
    let page = page.await?;
    Ok((topic, page))
}

/// The topic with this id or name, as the registry has it.
async fn stored(store: &dyn Store, given: &str) -> Result<TopicView, Failure> {
    let mut all = Vec::new();
    for topic in store.topics().await? {
        all.push(topic_view(store, topic).await?);
    }
    choose(given, &all).cloned()
}

/// The same, with its definition.
async fn defined(store: &dyn Store, given: &str) -> Result<(TopicView, Topic), Failure> {
    let view = stored(store, given).await?;
    let id = TopicId::parse(&view.id).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    let gone = || Failure::new(Exit::Failed, format!("there is no topic `{}` any more", inert(&view.id)));
    let topic = store.topic(&id).await?.ok_or_else(gone)?;
    Ok((view, topic))
}

/// The newest so many decisions, page by page; in the order in which they were made.
async fn newest(
    limit: u64,
    read: impl AsyncFn(Option<u64>, u64) -> Result<DecisionPage, Failure>,
) -> Result<DecisionPage, Failure> {
    let mut all: Vec<DecisionView> = Vec::new();
    let mut before = None;
    loop {
        let left = limit.saturating_sub(all.len() as u64).min(PAGE);
        let page = read(before, left.max(1)).await?;
        all.extend(page.decisions);
        if all.len() as u64 >= limit || page.next_before.is_none() {
            all.reverse();
            return Ok(DecisionPage { decisions: all, ..page });
        }
        before = page.next_before;
    }
}
