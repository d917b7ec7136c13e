//! `igentai topics`: a client of the HTTP API.

pub(crate) mod args;
pub(crate) mod client;
mod export;
pub(crate) mod inert;
mod show;
mod sse;
mod tail;
#[cfg(test)]
pub(crate) mod tests;

use std::io::Write;

use igentai_core::folder::TopicId;
use igentai_core::rules::ItemRules;
use igentai_core::topic::ProbeShare;
use igentai_webserver::MAX_LISTS_BYTES;
use igentai_webserver::api::dto::{Limits, Mode, Partition, Phrasing, Routing, Rules, StartTopic, TopicView};

use self::args::{Action, Start, Topics};
use self::client::{ApiError, Client};
use crate::exit::{Exit, Failure};
use crate::{cli, output, settings};

/// How much a name must be like another to be taken for what was meant.
const ALIKE: f64 = 0.8;

pub(crate) async fn topics(arguments: Topics) -> Result<Exit, Failure> {
    let client = Client::chosen(arguments.server.url.as_deref())?;
    act(&client, arguments.action, &mut output::standard_output()).await
}

/// Does one thing; what it shows goes to `out`.
async fn act(client: &Client, action: Action, out: &mut dyn Write) -> Result<Exit, Failure> {
    let written = match action {
        Action::Start(start) => {
            let request = request(&start)?;
            let topic = client.start(&request).await?;
            if let Some(kept) = show::kept_rules(&request, &topic) {
                output::note(&kept);
            }
            if start.json { json(out, &topic) } else { writeln!(out, "{}", show::started(&topic)) }
        }
        Action::List { json: true } => json(out, &client.topics().await?),
        Action::List { json: false } => out.write_all(show::table(&client.topics().await?).as_bytes()),
        Action::Show { topic, json: as_json } => {
            let topic = resolve(client, &topic.id).await?;
            if as_json { json(out, &topic) } else { out.write_all(show::topic(&topic).as_bytes()) }
        }
        Action::Stop { topic, json: as_json } => {
            let topic = resolve(client, &topic.id).await?;
            let topic = client.stop(&topic.id).await?;
            if as_json { json(out, &topic) } else { writeln!(out, "{}", show::stopped(&topic)) }
        }
        Action::Tail(tail) => {
            let topic = resolve(client, &tail.topic.id).await?;
            return done(tail::tail(client, topic, &tail, out).await);
        }
        Action::Export(export) => {
            let topic = resolve(client, &export.topic.id).await?;
            return done(export::export(client, &topic, &export, out).await);
        }
    };
    done(written.and_then(|()| out.flush()).map_err(Trouble::Output))
}

/// What goes wrong on the way from the server to the output.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("the output cannot be written: {0}")]
    Output(#[from] std::io::Error),
    #[error("{0}")]
    Other(String),
}

/// A reader that went away has seen enough.
fn done(result: Result<(), Trouble>) -> Result<Exit, Failure> {
    match result {
        Ok(()) => Ok(Exit::Done),
        Err(Trouble::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(Trouble::Api(error)) => Err(error.into()),
        Err(error @ (Trouble::Output(_) | Trouble::Other(_))) => {
            Err(Failure::new(Exit::Failed, error.to_string()))
        }
    }
}

fn json<T: serde::Serialize + ?Sized>(out: &mut dyn Write, value: &T) -> std::io::Result<()> {
    writeln!(out, "{}", serde_json::to_string(value).map_err(std::io::Error::other)?)
}

/// The topic with this id, or else with this name.
pub(crate) async fn resolve(client: &Client, given: &str) -> Result<TopicView, Failure> {
    if TopicId::parse(given).is_ok() {
        match client.topic(given).await {
            Err(error) if error.is_not_found() => {}
            found => return Ok(found?),
        }
    }
    choose(given, &client.topics().await?).cloned()
}

/// Of all topics the one with this id, or else with this name.
pub(crate) fn choose<'a>(given: &str, all: &'a [TopicView]) -> Result<&'a TopicView, Failure> {
    let exact =
        all.iter().find(|topic| topic.id == given).or_else(|| all.iter().find(|topic| topic.name == given));
    // As the folder is named: whatever the case and the signs between the words.
    let id = TopicId::from_name(given).ok();
    let found =
        exact.or_else(|| all.iter().find(|topic| id.as_ref().is_some_and(|id| id.as_str() == topic.id)));
    found.ok_or_else(|| {
        let advice = match nearest(given, all) {
            Some(topic) => format!("did you mean {}?", inert::inert(&topic.id)),
            None => "`igentai topics list` shows all".to_owned(),
        };
        let given = inert::inert(given);
        Failure::new(Exit::Failed, format!("there is no topic `{given}`; {advice}"))
    })
}

/// Where a topic stands, in a few lines.
pub(crate) fn standing(topic: &TopicView) -> String {
    show::standing(topic)
}

/// The topic whose id or name is most like what was given, where it is alike at all.
fn nearest<'a>(given: &str, all: &'a [TopicView]) -> Option<&'a TopicView> {
    let given = given.to_lowercase();
    let alike = |topic: &TopicView| {
        strsim::jaro_winkler(&given, &topic.id).max(strsim::jaro_winkler(&given, &topic.name.to_lowercase()))
    };
    let candidates = all.iter().map(|topic| (alike(topic), topic)).filter(|(alike, _)| *alike >= ALIKE);
    candidates.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, topic)| topic)
}

/// What a server takes at once, less what else is in a start.
const MOST_SEEDS_BYTES: usize = MAX_LISTS_BYTES - (64 << 10);

/// The known items, as far as a server takes them.
fn seeds(start: &Start) -> Result<Option<Vec<String>>, Failure> {
    let Some(list) = start.seeds.read()? else { return Ok(None) };
    let bytes: usize = list.texts().iter().map(|text| text.len() + 3).sum();
    if bytes > MOST_SEEDS_BYTES {
        return Err(Failure::usage(format!(
            "--seed: the items come to {bytes} bytes, and a server takes {MOST_SEEDS_BYTES} at once; start with some of them, stop the topic, and give the others with --resume"
        )));
    }
    Ok(Some(list.texts().to_vec()))
}

fn request(start: &Start) -> Result<StartTopic, Failure> {
    let limits = Limits {
        max_attributes: start.max_attributes,
        max_requests: start.max_requests,
        max_usd: start.max_usd,
        time_limit_seconds: start.time_limit.map(|limit| limit.as_secs_f64()),
        completeness: start.until_complete,
        min_new_per_100_requests: start.min_yield,
    };
    let weights = settings::once_each(&start.providers)?;
    Ok(StartTopic {
        name: start.name.clone(),
        prompt: start.prompt.clone(),
        provider_weights: (!weights.is_empty()).then_some(weights),
        phrasing: start.phrasing.map(|phrasing| Phrasing::of(phrasing.to_core())),
        routing: start.routing.map(|routing| Routing::of(routing.to_core())),
        limits: (limits != Limits::default()).then_some(limits),
        items_per_request: start.items_per_request,
        partition: cli::partition(start.partition, &start.categories)?.map(Partition::of),
        probe_share: start.probe_share.map(ProbeShare::get),
        categories: cli::given(&start.categories)?
            .map(|given| given.iter().map(ToString::to_string).collect()),
        rules: start.rules.rules(&ItemRules::default())?.as_ref().map(Rules::of),
        judge: start.judge,
        seeds: seeds(start)?,
        mode: match (start.fresh, start.resume) {
            (true, _) => Mode::Fresh,
            (false, true) => Mode::Resume,
            (false, false) => Mode::Auto,
        },
    })
}
