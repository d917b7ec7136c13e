//! `igentai repair`: a registry that was put back to an older state, and its files, brought together again.

pub(crate) mod args;
mod show;

use std::sync::Arc;
use std::time::Duration;

use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, WorkerId};
use igentai_orchestrator::files::repair::{
    Authority, Finding, From, RepairError, Workshop, all_topics, authority, held,
};
use igentai_shared::clock::SystemClock;
use igentai_shared::config::{Config, Flag, Keys};
use igentai_shared::id;
use igentai_shared::store::{Store, StoreError};
use igentai_shared::telemetry::logging;

use self::args::{Repair, Which};
use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::{parts, registry, settings};

/// How often a term is begun above one that a topic has seen.
const ATTEMPTS: u32 = 5;

pub(crate) async fn repair(arguments: Repair, common: &Common) -> Result<Exit, Failure> {
    let out = arguments.out.as_ref().map(|out| out.display().to_string());
    let flags: Vec<Flag> = settings::flag("--out", &["run", "out"], out).into_iter().collect();
    let (config, environment) = settings::load(common, &flags, Keys::NotNeeded)?;
    settings::log(common, &config, &environment, "warn", logging::standard_error())?;
    let embedded = registry::is_embedded(&config, arguments.embedded);
    let store = open(&config, embedded, arguments.foreign).await?;
    let mut random = parts::random()?;
    let registry = store.identity(&id::random_suffix(&mut random)).await?;
    let workshop = Workshop {
        store: Arc::clone(&store),
        registry,
        out: config.run.out.clone(),
        clock: Arc::new(SystemClock::new()),
        default_weights: settings::weights(&config),
        foreign: arguments.foreign,
    };
    let me = parts::worker_id("repair", None, &mut random)?;
    let ended = work(&workshop, &arguments, &config, &me, embedded).await;
    store.close().await;
    ended
}

/// The registry: that of the roles where one is configured, else the one in the folder of the files.
async fn open(config: &Config, embedded: bool, foreign: bool) -> Result<Arc<dyn Store>, Failure> {
    if !embedded {
        return registry::open_redis(config).await;
    }
    if !registry::is_there(config) && !foreign {
        return Err(registry::missing(config, "; or, if it was lost, say --foreign"));
    }
    registry::open_embedded(config).map_err(|error| Failure::unopened(&error))
}

async fn work(
    workshop: &Workshop,
    arguments: &Repair,
    config: &Config,
    me: &WorkerId,
    embedded: bool,
) -> Result<Exit, Failure> {
    let topics = chosen(workshop, &arguments.topics).await?;
    let mut findings = Vec::new();
    let ways: &[From] = match arguments.from {
        None => &[From::Files, From::Registry],
        Some(Which::Files) => &[From::Files],
        Some(Which::Registry) => &[From::Registry],
    };
    for topic in &topics {
        for from in ways {
            findings.push((*from, topic.clone(), workshop.look(topic, *from).await));
        }
    }
    if arguments.yes && findings.iter().any(|(_, _, found)| wanted(found)) {
        let ttl = Duration::from_millis(config.orchestrator.lease_ttl_ms);
        carry_out(workshop, &mut findings, me, ttl, embedded).await?;
    }
    let named = !arguments.topics.is_empty();
    show::show(&findings, arguments, named)?;
    let undone = |found: &Result<Finding, RepairError>| match found {
        Ok(finding) => !finding.done && finding.deed.is_work(),
        Err(_) => true,
    };
    let open = findings.iter().any(|(_, _, found)| undone(found));
    Ok(if open { Exit::Failed } else { Exit::Done })
}

fn wanted(found: &Result<Finding, RepairError>) -> bool {
    found.as_ref().is_ok_and(|finding| finding.deed.is_work() && !finding.done)
}

type Found = (From, TopicId, Result<Finding, RepairError>);

/// Does what was found to be done, as the one who leads, or beside the one who does.
async fn carry_out(
    workshop: &Workshop,
    findings: &mut [Found],
    me: &WorkerId,
    ttl: Duration,
    sole: bool,
) -> Result<(), Failure> {
    let (store, clock) = (workshop.store.as_ref(), workshop.clock.as_ref());
    let mut above = None;
    for _ in 0..ATTEMPTS {
        let authority: Authority = authority(store, clock, me, ttl, sole, above.unwrap_or_default()).await?;
        let work = async {
            for (from, topic, found) in findings.iter_mut() {
                if wanted(found) || fenced_by(found).is_some() {
                    *found = workshop.repair(topic, *from, &authority).await;
                }
            }
        };
        if held(store, me, &authority, ttl, work).await.is_none() {
            return Err(Failure::new(Exit::Failed, RepairError::Lost.to_string()));
        }
        above = findings.iter().filter_map(|(_, _, found)| fenced_by(found)).max();
        if above.is_none() {
            break;
        }
    }
    Ok(())
}

/// The later epoch that a topic has seen: a registry that was put back or emptied counts anew, and another leader may have come.
fn fenced_by(found: &Result<Finding, RepairError>) -> Option<Epoch> {
    match found {
        Err(RepairError::Store(StoreError::Fenced { current, .. })) => Some(*current),
        Ok(_) | Err(_) => None,
    }
}

/// The topics named, by id or by name; all when none is.
async fn chosen(workshop: &Workshop, named: &[String]) -> Result<Vec<TopicId>, Failure> {
    let all = all_topics(workshop).await.map_err(|error| match error {
        RepairError::Store(error) => error.into(),
        RepairError::Files(_) | RepairError::List(_) | RepairError::Led(_) | RepairError::Lost => {
            Failure::new(Exit::Failed, error.to_string())
        }
    })?;
    if named.is_empty() {
        return Ok(all);
    }
    let records = workshop.store.topics().await?;
    let mut chosen = Vec::new();
    for name in named {
        let by_id = || TopicId::parse(name).ok().filter(|id| all.contains(id));
        let by_name = || records.iter().find(|topic| topic.name == *name).map(|topic| topic.id.clone());
        let by_folder = || TopicId::from_name(name).ok().filter(|id| all.contains(id));
        let found = match by_id().or_else(by_name).or_else(by_folder) {
            Some(found) => Some(found),
            None => marked(workshop, name).await?,
        };
        chosen.push(found.ok_or_else(|| {
            let text = format!("neither the registry nor a folder knows a topic `{name}`");
            Failure::new(Exit::Failed, text)
        })?);
    }
    Ok(chosen)
}

/// A topic of which nothing is left but the mark that it was put back.
async fn marked(workshop: &Workshop, name: &str) -> Result<Option<TopicId>, Failure> {
    for id in [TopicId::parse(name), TopicId::from_name(name)].into_iter().flatten() {
        if workshop.store.put_back(&id).await?.is_some() {
            return Ok(Some(id));
        }
    }
    Ok(None)
}
