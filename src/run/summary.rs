//! How a run went, at its end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use igentai_core::batch::Outcome;
use igentai_core::fold::Totals;
use igentai_core::phrasing::{Phrased, Phrasing};
use igentai_core::status::TopicStatus;
use igentai_core::topic::EndReason;
use serde_json::json;

use super::line::clock;
use crate::cli::{Common, Run};
use crate::output::{counted, free_coverage, percent};

pub(super) fn go_on(name: &str, flags: &str) -> String {
    format!("go on with: igentai run {}{flags}", quoted(name))
}

/// Flags that a next start needs, too.
pub(super) fn flags(arguments: &Run, common: &Common) -> String {
    let path = |name: &str, path: Option<&PathBuf>| {
        path.map(|path| format!(" {name} {}", quoted(&path.display().to_string()))).unwrap_or_default()
    };
    let items = arguments.items_per_request.map(|items| format!(" --items-per-request {items}"));
    path("--out", arguments.out.as_ref())
        + &path("--config", common.config.as_ref())
        + &items.unwrap_or_default()
        + if arguments.rules.no_rules { " --no-rules" } else { "" }
}

/// As a shell takes it.
fn quoted(name: &str) -> String {
    format!("'{}'", name.replace('\'', r"'\''"))
}

/// What a judge doubts, by lines of the list.
fn doubted(lines: &[u64]) -> String {
    let told: Vec<String> = lines.iter().take(10).map(u64::to_string).collect();
    let word = if lines.len() == 1 { "line" } else { "lines" };
    let rest = if lines.len() > told.len() { ", the others stand in metrics.json" } else { "" };
    match lines {
        [] => "none of them doubted".to_owned(),
        _ => format!("{} of them doubted: {word} {} of output.txt{rest}", lines.len(), told.join(", ")),
    }
}

pub(super) fn summary(status: &TopicStatus, ran: Duration, out: &Path, flags: &str) -> Vec<String> {
    let totals = &status.totals;
    let reason = status.topic.state.reason();
    let requests = totals.requests() + status.lost.requests;
    let why = status.topic.end_in_words(status.attributes, requests).unwrap_or_default();
    let mut lines = vec![
        format!("“{}” ended: {why}", status.topic.name),
        format!("  unique       {}", status.attributes),
        format!("  answers      {}{}", totals.responses, in_words(status, Outcome::is_answer)),
        format!("  duplicates   {} of {} named", totals.duplicates, totals.candidates),
    ];
    if status.seeds.known > 0 {
        let (known, named) = (counted(status.seeds.known, "item"), status.seeds.named);
        lines.insert(2, format!("  known        {known} from the beginning, {named} of them named"));
    }
    if totals.failed_responses > 0 {
        let how = in_words(status, |outcome| !outcome.is_answer());
        lines.push(format!("  unanswered   {}{how}", totals.failed_responses));
    }
    if totals.rejected > 0 {
        lines.push(format!("  rejected     {} texts in answers were no items", totals.rejected));
    }
    if totals.rejected_by_rule > 0 {
        let by_rule = status.rejections.iter().filter(|(reason, _)| reason.is_by_rule());
        let reasons: Vec<String> =
            by_rule.map(|(reason, count)| format!("{count} {}", reason.as_str().replace('_', " "))).collect();
        let (count, reasons) = (counted(totals.rejected_by_rule, "item"), reasons.join(", "));
        lines.push(format!("  by rule      {count} not taken ({reasons})"));
    }
    if let Some(coverage) = status.coverage {
        let percent = percent(coverage);
        lines.push(format!("  coverage     {percent:.1} % of what these models will name next is known"));
    }
    if let Some(coverage) = status.probed.coverage() {
        lines.push(format!("               {}", free_coverage(coverage, status.probed.newest)));
    }
    if let Some(said) = &status.completeness {
        lines.push(format!("  complete     {said}, by what these models say"));
        if said.estimate.made_up >= 1.0 {
            lines.push(format!("  made up      about {:.0} of them, by the estimate", said.estimate.made_up));
        }
    }
    if status.judging.judged > 0 {
        let judged = status.judging.judged;
        let doubted = doubted(&status.judging.doubted);
        lines.push(format!("  judged       {judged} that one answer alone had named, {doubted}"));
    }
    lines.push(format!("  tokens       {} in, {} out", totals.input_tokens, totals.output_tokens));
    if status.lost.requests > 0 {
        lines.push(format!(
            "  at risk      {} that producers may have sent which ended without a word; they count against the cap",
            counted(status.lost.requests, "request")
        ));
    }
    lines.push(format!("  cost         {}{}", totals.cost, at_risk(status)));
    lines.push(format!("  time         {}", clock(ran)));
    for (name, part) in &status.providers {
        let Totals { responses, attributes, cost, failed_responses, .. } = part;
        lines.push(format!(
            "  {name}: {}, {failed_responses} failed, {attributes} new, {cost}",
            counted(*responses, "answer")
        ));
    }
    if let Some(wording) = status.wording() {
        lines.push(format!("  ways to ask  {}", wording.in_short()));
    }
    if let Some(problem) = &status.problem {
        lines.push(format!("  problem      {problem}"));
    }
    lines.push(format!("  list         {}", out.join(status.topic.id.as_str()).join("output.txt").display()));
    lines.push(match reason {
        Some(EndReason::Complete) => format!(
            "  to go on all the same: igentai run {} --resume --until-complete 100{flags}",
            quoted(&status.topic.name)
        ),
        Some(reason) if reason.is_natural() => {
            format!("  to go on all the same: igentai run {} --resume{flags}", quoted(&status.topic.name))
        }
        Some(EndReason::MaxAttributes | EndReason::MaxRequests | EndReason::MaxUsd) => {
            format!("  {} with a higher cap", go_on(&status.topic.name, flags))
        }
        _ => format!("  {}", go_on(&status.topic.name, flags)),
    });
    lines
}

/// How requests ended that brought no items.
fn in_words(status: &TopicStatus, which: impl Fn(Outcome) -> bool) -> String {
    let told =
        status.outcomes.iter().filter(|(outcome, _)| **outcome != Outcome::Answered && which(**outcome));
    let words: Vec<String> =
        told.map(|(outcome, count)| format!("{count} {}", outcome.as_str().replace('_', " "))).collect();
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}

fn at_risk(status: &TopicStatus) -> String {
    let cost = status.cost_at_risk();
    if cost.is_zero() {
        String::new()
    } else {
        format!(" (and at most {cost} for requests whose cost is not known)")
    }
}

/// To the millisecond.
#[expect(clippy::cast_precision_loss, reason = "exact for longer than anybody waits")]
pub(super) fn seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1_000.0
}

/// What each way to ask brought, where they compete.
fn phrasings(status: &TopicStatus) -> serde_json::Map<String, serde_json::Value> {
    let of = |(phrasing, brought): (&Phrasing, &Phrased)| {
        let used = status.wordings.contains(phrasing);
        let told = json!({ "answers": brought.answers, "new": brought.new, "used": used });
        (phrasing.as_str().to_owned(), told)
    };
    status.phrased.iter().map(of).collect()
}

pub(super) fn finished_json(status: &TopicStatus, ran: Duration) -> serde_json::Value {
    let totals = &status.totals;
    let providers: serde_json::Map<String, serde_json::Value> = status
        .providers
        .iter()
        .map(|(name, part)| {
            let one = json!({
                "responses": part.responses, "failed_responses": part.failed_responses, "new": part.attributes,
                "usd": part.cost.usd(),
            });
            (name.clone(), one)
        })
        .collect();
    json!({
        "event": "finished",
        "topic": status.topic.name,
        "folder": status.topic.id.as_str(),
        "reason": status.topic.state.reason().map(EndReason::as_str),
        "attributes": status.attributes,
        "seeds": status.seeds,
        "requests": totals.requests(),
        "responses": totals.responses,
        "failed_responses": totals.failed_responses,
        "candidates": totals.candidates,
        "duplicates": totals.duplicates,
        "rejected": totals.rejected,
        "rejected_by_rule": totals.rejected_by_rule,
        "rejections": status.rejections.iter().map(|(reason, count)| (reason.as_str(), *count)).collect::<BTreeMap<_, _>>(),
        "over_cap": totals.over_cap,
        "input_tokens": totals.input_tokens,
        "output_tokens": totals.output_tokens,
        "usd": totals.cost.usd(),
        "usd_at_risk": status.cost_at_risk().usd(),
        "requests_at_risk": status.lost.requests,
        "seconds": seconds(ran),
        "coverage": status.coverage,
        "completeness": status.completeness,
        "outcomes": status.outcomes.iter().map(|(how, count)| (how.as_str(), *count)).collect::<BTreeMap<_, _>>(),
        "providers": providers,
        "phrasings": phrasings(status),
        "run": status.topic.run,
        "problem": status.problem,
    })
}
