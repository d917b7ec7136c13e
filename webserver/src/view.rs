//! From what the registry and the coordinator say to what the API shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use igentai_core::command::{ProviderReport, ProviderState};
use igentai_core::estimate::{Completeness, Estimate};
use igentai_core::fold::{Probed, Totals};
use igentai_core::phrasing;
use igentai_core::status::{FilterNumbers, Frequencies, TopicStatus};
use igentai_core::time::UnixMillis;
use igentai_core::topic::{Topic, TopicState};
use igentai_shared::registry::put_back_in_words;
use igentai_shared::store::{Store, StoreError, checkpoints};
use igentai_shared::wire::NewAttributes;
use serde::Serialize;

use crate::api::dto::{
    AttributesEvent, CompletenessView, FilterView, FrequencyCounts, Limits, Numbers, Partition, Phrasing,
    PhrasingNumbers, PhrasingState, ProbesView, ProviderNumbers, ProviderStateName, Routing, Rules,
    SeedNumbers, StateName, Sums, TopicView,
};
use crate::context::App;

/// The checkpoint in which the coordinator keeps the newest [`TopicStatus`], as MessagePack.
pub const STATUS_CHECKPOINT: &str = checkpoints::STATUS;

/// A topic with its newest numbers.
pub(crate) async fn load(app: &App, topic: Topic) -> Result<TopicView, StoreError> {
    let mut view = stored(app.context.store.as_ref(), topic).await?;
    app.leader.correct(&mut view);
    Ok(view)
}

/// A topic with its newest numbers, as the coordinator left them.
///
/// # Errors
/// When the store cannot be read.
pub async fn stored(store: &dyn Store, topic: Topic) -> Result<TopicView, StoreError> {
    let numbers = match status(store, &topic).await? {
        Some(status) => numbers(status),
        None => Numbers { problem: put_back(store, &topic).await?, ..Numbers::default() },
    };
    Ok(view(topic, numbers))
}

/// What the coordinator said last of a topic's run.
pub(crate) async fn status(store: &dyn Store, topic: &Topic) -> Result<Option<TopicStatus>, StoreError> {
    let bytes = store.checkpoint(&topic.id, topic.run, STATUS_CHECKPOINT).await?;
    let status = bytes.and_then(|bytes| {
        checkpoints::decode::<TopicStatus>(&bytes)
            .inspect_err(|error| {
                tracing::warn!(topic = topic.id.as_str(), error = %error, "the stored numbers cannot be read");
            })
            .ok()
    });
    Ok(status.filter(|status| status.topic.run == topic.run))
}

/// Why nothing is told of a topic whose run the registry lost: there is no place for what the coordinator has to say of it.
async fn put_back(store: &dyn Store, topic: &Topic) -> Result<Option<String>, StoreError> {
    let Some(known) = store.put_back(&topic.id).await?.filter(|_| !topic.state.is_ended()) else {
        return Ok(None);
    };
    let held = store.head(&topic.id).await?;
    Ok(Some(put_back_in_words(&topic.id, &StoreError::PutBack { known, held })))
}

/// A topic as the coordinator tells it.
pub(crate) fn of_status(status: TopicStatus) -> TopicView {
    view(status.topic.clone(), numbers(status))
}

/// Our own types as JSON, which cannot fail.
pub(crate) fn json<T: Serialize>(value: &T) -> Arc<str> {
    serde_json::to_string(value).unwrap_or_else(|_| "{}".to_owned()).into()
}

pub(crate) fn attributes_json(event: &NewAttributes) -> String {
    let NewAttributes { topic, run, first, texts } = event;
    json(&AttributesEvent { topic: topic.to_string(), run: *run, first: *first, texts: texts.clone() })
        .to_string()
}

fn view(topic: Topic, numbers: Numbers) -> TopicView {
    let state = match topic.state {
        TopicState::Starting => StateName::Starting,
        TopicState::Running => StateName::Running,
        TopicState::Ending(_) => StateName::Ending,
        TopicState::Ended(_) => StateName::Ended,
    };
    let requests = numbers.totals.requests + numbers.requests_at_risk;
    let reason_text = topic.end_in_words(numbers.attributes, requests);
    TopicView {
        id: topic.id.to_string(),
        name: topic.name,
        prompt: topic.prompt,
        provider_weights: topic.provider_weights,
        limits: Limits::of(topic.limits),
        items_per_request: topic.items_per_request,
        partition: Partition::of(topic.partition),
        probe_share: topic.probe_share.get(),
        routing: Routing::of(topic.routing),
        phrasing: Phrasing::of(topic.phrasing),
        categories: topic.categories.iter().map(ToString::to_string).collect(),
        rules: (!topic.rules.is_empty()).then(|| Rules::of(&topic.rules)),
        judge: topic.judge,
        run: topic.run,
        state,
        reason: topic.state.reason().map(|reason| reason.as_str().to_owned()),
        reason_text,
        created_at: time(topic.created_at),
        run_started_at: time(topic.run_started_at),
        started_at: time(topic.started_at),
        ended_at: topic.ended_at.map(time),
        version: topic.version,
        numbers,
    }
}

pub(crate) fn time(at: UnixMillis) -> String {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX).to_string()
}

fn numbers(status: TopicStatus) -> Numbers {
    let phrasings = phrasings(&status);
    let totals = Totals { cost_at_risk: status.cost_at_risk(), ..status.totals };
    let mut providers: BTreeMap<String, ProviderNumbers> = status
        .providers
        .into_iter()
        .map(|(name, totals)| (name, ProviderNumbers { sums: sums(&totals), ..ProviderNumbers::default() }))
        .collect();
    for (name, of) in status.provider_frequencies {
        providers.entry(name).or_default().frequencies = Some(frequencies(of));
    }
    for ProviderReport { name, model, state, detail, .. } in status.provider_reports {
        let provider = providers.entry(name).or_default();
        provider.model = Some(model);
        provider.detail = (!detail.is_empty()).then_some(detail);
        provider.state = Some(match state {
            ProviderState::Ready => ProviderStateName::Ready,
            ProviderState::Waiting => ProviderStateName::Waiting,
            ProviderState::Stopped => ProviderStateName::Stopped,
        });
    }
    for (name, share) in status.routed.into_iter().flat_map(|routed| routed.weights) {
        providers.entry(name).or_default().share = Some(share);
    }
    Numbers {
        at: Some(time(status.at)),
        log_index: status.log_index,
        attributes: status.attributes,
        judged: status.judging.judged,
        doubted: status.judging.doubted.len() as u64,
        seeds: SeedNumbers { known: status.seeds.known, named: status.seeds.named },
        totals: sums(&totals),
        requests_at_risk: status.lost.requests,
        frequencies: frequencies(status.frequencies),
        filter: status.filter.map(filter),
        coverage: status.coverage,
        probes: probes(status.probed),
        completeness: status.completeness.map(completeness),
        decided: status.decided,
        attributes_per_minute: status.attributes_per_minute,
        active_producers: status.active_producers,
        problem: status.problem,
        providers,
        phrasings,
        producers: status.producers.iter().map(|(id, totals)| (id.to_string(), sums(totals))).collect(),
        cells: status.cells.iter().map(|(cell, totals)| (cell.clone(), sums(totals))).collect(),
        outcomes: status.outcomes.iter().map(|(how, count)| (how.as_str().to_owned(), *count)).collect(),
        rejections: status
            .rejections
            .iter()
            .map(|(reason, count)| (reason.as_str().to_owned(), *count))
            .collect(),
    }
}

/// Where nobody has said which are used, nothing is told.
fn phrasings(status: &TopicStatus) -> Vec<PhrasingNumbers> {
    let used = &status.wordings;
    let others = phrasing::Phrasing::ALL.into_iter().filter(|one| !used.is_empty() && !used.contains(one));
    let of = |(index, one): (usize, phrasing::Phrasing)| {
        let brought = status.phrased.get(&one).copied().unwrap_or_default();
        PhrasingNumbers {
            phrasing: Phrasing::of(Some(one)),
            state: match index {
                0 => PhrasingState::Leading,
                index if index < used.len() => PhrasingState::Used,
                _ => PhrasingState::Retired,
            },
            answers: brought.answers,
            new: brought.new,
            usd_per_answer: brought.usd(),
        }
    };
    used.iter().copied().chain(others).enumerate().map(of).collect()
}

pub(crate) fn probes(probed: Probed) -> ProbesView {
    let Probed { answers, newest, mentions, known } = probed;
    ProbesView { answers, newest, mentions, known, coverage: probed.coverage() }
}

pub(crate) fn completeness(said: Completeness) -> CompletenessView {
    let Completeness { estimate: Estimate { total, low, high, made_up }, completeness, at_least } = said;
    CompletenessView { completeness, total, low, high, made_up, at_least }
}

fn frequencies(frequencies: Frequencies) -> FrequencyCounts {
    let Frequencies { named, more, mentions } = frequencies;
    FrequencyCounts { named, more, mentions }
}

fn filter(filter: FilterNumbers) -> FilterView {
    let FilterNumbers {
        generation,
        false_positive_rate,
        replicas,
        behind_entries,
        behind_ms,
        audits,
        differences,
        snapshots,
    } = filter;
    FilterView {
        generation,
        false_positive_rate,
        replicas,
        behind_entries,
        behind_ms,
        audits,
        differences,
        snapshots,
    }
}

pub(crate) fn sums(totals: &Totals) -> Sums {
    Sums {
        requests: totals.requests(),
        responses: totals.responses,
        failed_responses: totals.failed_responses,
        candidates: totals.candidates,
        attributes: totals.attributes,
        duplicates: totals.duplicates,
        rejected: totals.rejected,
        rejected_by_rule: totals.rejected_by_rule,
        over_cap: totals.over_cap,
        false_positives: totals.false_positives,
        resolved: totals.resolved,
        input_tokens: totals.input_tokens,
        output_tokens: totals.output_tokens,
        usd: totals.cost.usd(),
        usd_at_risk: totals.cost_at_risk.usd(),
        latency_ms: totals.latency_ms,
        aimed: totals.aimed,
        fitting: totals.fitting,
        of_others: totals.of_others,
        left_out: totals.left_out,
        copied: totals.copied,
    }
}
