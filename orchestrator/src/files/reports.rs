//! `topic.txt`, `metrics.json`, `state.json` and `global_state.json`.

use std::collections::BTreeMap;
use std::path::Path;

use igentai_core::fold::{Flow, Probed, Totals, Trends, Window};
use igentai_core::seeded::{Bug, is_on};
use igentai_core::status::{FilterNumbers, Frequencies, JudgingNumbers, TopicStatus};
use igentai_core::time::{Now, UnixMillis};
use igentai_core::topic::Topic;
use serde_json::{Value, json};

use super::Style;
use super::place::{put_up, replace};
use super::trouble::Trouble;

/// Writes the three files of a topic.
pub(super) fn write(folder: &Path, status: &TopicStatus, style: &Style) -> Result<(), Trouble> {
    let named = u32::try_from(status.producers.len()).unwrap_or(u32::MAX);
    let worked = status.producers_ever.max(named);
    let text = topic_text(&status.topic, status.active_producers.max(worked), &style.default_weights);
    if std::fs::read(folder.join("topic.txt")).ok().as_deref() != Some(text.as_bytes()) {
        replace(&folder.join("topic.txt"), text.as_bytes(), style)?;
    }
    if is_on(Bug::DescriptorLeak) {
        std::mem::forget([(); 20].map(|()| std::fs::File::open(folder)));
    }
    replace(&folder.join("metrics.json"), &pretty(&metrics(status)), style)?;
    replace(&folder.join("state.json"), &pretty(&state(status, style)), style)
}

/// Writes `state.json` alone, which says whose folder it is: the sign that is put up before anything else.
pub(super) fn put_up_sign(
    folder: &Path,
    status: &TopicStatus,
    style: &Style,
    may_take: bool,
) -> Result<(), Trouble> {
    put_up(&folder.join("state.json"), &pretty(&state(status, style)), style, may_take)
}

/// The text of `topic.txt`.
pub(super) fn topic_text(topic: &Topic, producers: u32, default_weights: &BTreeMap<String, f64>) -> String {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut text = String::new();
    let lines = [
        ("Topic", one_line(&topic.name)),
        ("Start Time", utc(topic.run_started_at)),
        ("Producer Count", producers.to_string()),
        ("Prompt", one_line(topic.prompt.as_deref().unwrap_or(&topic.name))),
        ("Provider Weights", json!(weights(topic, default_weights)).to_string()),
    ];
    for (label, value) in lines {
        text.extend([label, ": ", &value, "\n"]);
    }
    text
}

fn weights<'a>(topic: &'a Topic, default_weights: &'a BTreeMap<String, f64>) -> &'a BTreeMap<String, f64> {
    if topic.provider_weights.is_empty() { default_weights } else { &topic.provider_weights }
}

fn metrics(status: &TopicStatus) -> Value {
    let by = |part: &BTreeMap<String, Totals>| -> Value {
        part.iter()
            .map(|(name, totals)| (name.clone(), totals_json(totals)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let producers = status.producers.iter().map(|(id, totals)| (id.to_string(), *totals)).collect();
    let totals = Totals { cost_at_risk: status.cost_at_risk(), ..status.totals };
    json!({
        "topic": status.topic.name,
        "folder": status.topic.id.as_str(),
        "run": status.topic.run,
        "at": utc(status.at),
        "log_entries": status.log_index + u64::from(is_on(Bug::MetricsFileWrong)),
        "attributes": status.attributes,
        "seeds": status.seeds,
        "judging": judging(&status.judging),
        "requests_at_risk": status.lost.requests,
        "totals": totals_json(&totals),
        "rates": {
            "attributes_per_minute": status.attributes_per_minute,
            "new_per_response": ratio(status.totals.attributes, status.totals.responses),
            "duplicate_share": ratio(status.totals.duplicates, status.totals.candidates),
        },
        "coverage": status.coverage,
        "probes": probes(status.probed),
        "completeness": status.completeness,
        "parts": status.parts,
        "frequencies": frequencies(&status.frequencies),
        "provider_frequencies": by_stratum(&status.provider_frequencies),
        "cell_frequencies": by_stratum(&status.cell_frequencies),
        "filter": status.filter.as_ref().map(filter),
        "outcomes": outcomes(status),
        "rejections": rejections(status),
        "providers": by(&status.providers),
        "producers": by(&producers),
        "cells": by(&status.cells),
        "recent": status.recent.as_ref().map(|recent| json!({
            "five_minutes": window(&recent.short),
            "thirty_minutes": window(&recent.long),
            "trends": trends(recent.trends),
            "provider_trends": recent.provider_trends.iter().map(|(name, all)| (name.as_str(), trends(*all))).collect::<BTreeMap<_, _>>(),
        })),
        "measured": status.measured,
    })
}

/// The doubted ones by the lines of `output.txt` on which they stand, which are their numbers.
fn judging(judging: &JudgingNumbers) -> Value {
    let JudgingNumbers { judged, doubted } = judging;
    json!({ "judged": judged, "doubted": doubted.len(), "doubted_lines": doubted })
}

/// The unconditioned sample.
fn probes(probed: Probed) -> Value {
    let Probed { answers, newest, mentions, known } = probed;
    json!({ "answers": answers, "newest": newest, "mentions": mentions, "known": known, "coverage": probed.coverage() })
}

fn window(window: &Window) -> Value {
    json!({
        "seconds": window.seconds,
        "all": flow(&window.all),
        "whole": flow(&window.whole),
        "parts": flow(&window.parts),
        "providers": window.providers.iter().map(|(name, of)| (name.as_str(), flow(of))).collect::<BTreeMap<_, _>>(),
        "producers": window.producers.iter().map(|(id, of)| (id.as_str(), flow(of))).collect::<BTreeMap<_, _>>(),
        "cells": window.cells.iter().map(|(name, of)| (name.as_str(), flow(of))).collect::<BTreeMap<_, _>>(),
    })
}

fn flow(flow: &Flow) -> Value {
    json!({
        "totals": totals_json(&flow.totals),
        "new_per_answer": flow.new_per_answer(),
        "usd_per_new": flow.usd_per_new(),
        "seconds_per_answer": flow.seconds_per_answer(),
        "answered": flow.answered(),
        "fitting": flow.fitting(),
        "of_others": flow.of_others(),
        "copied": flow.copied(),
    })
}

fn trends(trends: Trends) -> Value {
    json!({
        "new_per_answer": trends.new_per_answer.map(igentai_core::fold::Trend::as_str),
        "answered": trends.answered.map(igentai_core::fold::Trend::as_str),
        "latency": trends.latency.map(igentai_core::fold::Trend::as_str),
    })
}

fn by_stratum(strata: &BTreeMap<String, Frequencies>) -> BTreeMap<&str, Value> {
    strata.iter().map(|(name, stratum)| (name.as_str(), frequencies(stratum))).collect()
}

fn frequencies(frequencies: &Frequencies) -> Value {
    let Frequencies { named, more, mentions } = frequencies;
    json!({ "named": named, "more": more, "mentions": mentions })
}

fn filter(filter: &FilterNumbers) -> Value {
    json!({
        "generation": filter.generation,
        "false_positive_rate": filter.false_positive_rate,
        "replicas": filter.replicas,
        "behind_entries": filter.behind_entries,
        "behind_ms": filter.behind_ms,
        "audits": filter.audits,
        "differences": filter.differences,
        "snapshots": filter.snapshots,
    })
}

fn outcomes(status: &TopicStatus) -> BTreeMap<&'static str, u64> {
    status.outcomes.iter().map(|(outcome, count)| (outcome.as_str(), *count)).collect()
}

fn rejections(status: &TopicStatus) -> BTreeMap<&'static str, u64> {
    status.rejections.iter().map(|(reason, count)| (reason.as_str(), *count)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "for showing")]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn totals_json(totals: &Totals) -> Value {
    json!({
        "requests": totals.requests(),
        "responses": totals.responses,
        "failed_responses": totals.failed_responses,
        "candidates": totals.candidates,
        "new": totals.attributes,
        "duplicates": totals.duplicates,
        "rejected": totals.rejected,
        "rejected_by_rule": totals.rejected_by_rule,
        "over_cap": totals.over_cap,
        "false_positives": totals.false_positives,
        "resolved": totals.resolved,
        "input_tokens": totals.input_tokens,
        "output_tokens": totals.output_tokens,
        "usd": totals.cost.usd(),
        "usd_at_risk": totals.cost_at_risk.usd(),
        "latency_ms": totals.latency_ms,
        "aimed": totals.aimed,
        "fitting": totals.fitting,
        "of_others": totals.of_others,
        "left_out": totals.left_out,
        "copied": totals.copied,
    })
}

fn state(status: &TopicStatus, style: &Style) -> Value {
    json!({
        "current_topic": status.topic.name,
        "total_unique_count": status.attributes,
        "active_producer_count": status.active_producers,
        "provider_weights": weights(&status.topic, &style.default_weights),
        "last_updated": utc(status.at),
        "registry": style.registry,
        "run": status.topic.run,
        "epoch": if is_on(Bug::StaleEpochWritten) { 1 } else { status.epoch },
        "last_sequence": status.attributes,
        "state": status.topic.state.as_str(),
        "reason": status.topic.state.reason().map(igentai_core::topic::EndReason::as_str),
    })
}

/// The text of `global_state.json`.
pub(super) fn global(topics: &[Topic], style: &Style, producers: usize, now: Now) -> Vec<u8> {
    let topics: Vec<Value> = topics
        .iter()
        .map(|topic| {
            json!({
                "topic": topic.name,
                "folder": topic.id.as_str(),
                "run": topic.run,
                "state": topic.state.as_str(),
                "reason": topic.state.reason().map(igentai_core::topic::EndReason::as_str),
                "started": utc(topic.started_at),
            })
        })
        .collect();
    let system = json!({
        "registry": style.registry,
        "epoch": style.epoch,
        "producers": producers,
        "version": env!("CARGO_PKG_VERSION"),
    });
    pretty(&json!({ "last_updated": utc(now.unix), "system": system, "topics": topics }))
}

fn pretty(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

/// `YYYY-MM-DD HH:MM:SS UTC`.
fn utc(at: UnixMillis) -> String {
    let at = i64::try_from(at.0).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    at.unwrap_or_default().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
