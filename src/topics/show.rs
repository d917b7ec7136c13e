//! Topics as people read them.

use std::fmt::Write;

use igentai_core::phrasing::{Phrased, Wording};
use igentai_core::topic::Share;
use igentai_webserver::api::dto::{
    CompletenessView, Numbers, Partition, PhrasingNumbers, PhrasingState, ProviderNumbers, ProviderStateName,
    Rules, StartTopic, StateName, Sums, TopicView,
};

use super::inert::inert;
use crate::output::{counted, free_coverage, percent};
use crate::rules;

/// Longest name in the table, in characters.
const LONGEST_NAME: usize = 60;

/// A topic that was started.
pub(super) fn started(topic: &TopicView) -> String {
    let (name, id) = (inert(&topic.name), inert(&topic.id));
    let known = match topic.numbers.attributes {
        0 => String::new(),
        known => format!(", going on from {}", counted(known, "item")),
    };
    let problem = topic.numbers.problem.as_deref();
    let problem =
        problem.map(|problem| format!("\nbut nothing moves yet: {}", inert(problem))).unwrap_or_default();
    let run = topic.run;
    format!("started “{name}” as {id}, run {run}{known}; watch it with: igentai topics tail -f {id}{problem}")
}

/// That rules hold which this start has not stated, if there are some.
pub(super) fn kept_rules(request: &StartTopic, topic: &TopicView) -> Option<String> {
    let kept = topic.rules.as_ref().filter(|_| request.rules.is_none())?;
    Some(rules::kept(&rules_in_words(kept)))
}

/// A topic that was asked to stop.
pub(super) fn stopped(topic: &TopicView) -> String {
    let (name, items) = (inert(&topic.name), counted(topic.numbers.attributes, "item"));
    format!("“{name}” is {}, with {items} so far; `igentai topics start` goes on", state(topic))
}

/// All topics, one a line under a header, and below what keeps some from moving.
pub(super) fn table(topics: &[TopicView]) -> String {
    if topics.is_empty() {
        return "no topics yet; start one with: igentai topics start \"Paris attractions\"\n".to_owned();
    }
    let header = ["ID", "STATE", "ITEMS", "/MIN", "ANSWERS", "COVERAGE", "COMPLETE", "USD", "NAME"];
    let rows = topics.iter().map(|topic| {
        let numbers = &topic.numbers;
        [
            inert(&topic.id).into_owned(),
            state(topic),
            numbers.attributes.to_string(),
            format!("{:.0}", numbers.attributes_per_minute),
            numbers.totals.responses.to_string(),
            coverage(numbers),
            complete(numbers),
            format!("{:.4}", numbers.totals.usd),
            shortened(&inert(&topic.name)),
        ]
    });
    let rows: Vec<[String; 9]> = std::iter::once(header.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: [usize; 9] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let gap = " ".repeat(width - cell.chars().count());
            let number = (2..=7).contains(&column);
            let (before, after) = if number { (gap.as_str(), "") } else { ("", gap.as_str()) };
            put(&mut line, format_args!("{before}{cell}{after}  "));
        }
        put(&mut text, format_args!("{}\n", line.trim_end()));
    }
    for topic in topics {
        if let Some(problem) = &topic.numbers.problem {
            put(&mut text, format_args!("\n{}: {}\n", inert(&topic.id), inert(problem)));
        }
    }
    text
}

/// A name that leaves the table a table.
fn shortened(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        None => name.to_owned(),
        Some(_) => format!("{}…", name.chars().take(LONGEST_NAME - 1).collect::<String>()),
    }
}

/// Where a topic stands, in a few lines.
pub(super) fn standing(topic: &TopicView) -> String {
    let numbers = &topic.numbers;
    let mut text =
        format!("{} ({}), run {}: {}", inert(&topic.name), inert(&topic.id), topic.run, state(topic));
    if let Some(reason) = topic.reason_text.as_deref().or(topic.reason.as_deref()) {
        put(&mut text, format_args!(", {}", inert(reason)));
    }
    let (items, requests) =
        (counted(numbers.attributes, "item"), counted(numbers.totals.requests, "request"));
    put(&mut text, format_args!("\n{items}, {}, {requests}\n", completeness(numbers)));
    if let Some(problem) = &numbers.problem {
        put(&mut text, format_args!("{}\n", inert(problem)));
    }
    text
}

/// A topic with all its numbers.
pub(super) fn topic(topic: &TopicView) -> String {
    let (numbers, totals) = (&topic.numbers, &topic.numbers.totals);
    let mut text = format!("{} ({})\n", inert(&topic.name), inert(&topic.id));
    let mut line = |label: &str, value: String| put(&mut text, format_args!("  {label:<11}{value}\n"));
    let since = topic.ended_at.as_ref().map_or_else(
        || format!("since {}", inert(&topic.started_at)),
        |ended| format!("at {}", inert(ended)),
    );
    line("state", format!("{} {since}, run {}", state(topic), topic.run));
    if let Some(reason) = topic.reason_text.as_deref().or(topic.reason.as_deref()) {
        line("reason", inert(reason).into_owned());
    }
    if let Some(problem) = &numbers.problem {
        line("problem", inert(problem).into_owned());
    }
    if let Some(prompt) = &topic.prompt {
        line("prompt", inert(prompt).into_owned());
    }
    line("limits", limits(topic));
    line("aims at", aims(topic));
    if topic.partition != Partition::None {
        line("samples", samples(topic.probe_share));
    }
    if let Some(rules) = &topic.rules {
        line("rules", rules_in_words(rules));
    }
    line("items", format!("{}, {:.1} a minute", numbers.attributes, numbers.attributes_per_minute));
    if numbers.judged > 0 {
        line("judged", format!("{} named once, {} doubted", numbers.judged, numbers.doubted));
    }
    if numbers.seeds.known > 0 {
        let (known, named) = (counted(numbers.seeds.known, "item"), numbers.seeds.named);
        line("known", format!("{known} from the beginning, {named} of them named"));
    }
    let known = if numbers.coverage.is_some() { " of what these models will name next is known" } else { "" };
    line("coverage", format!("{}{known}", coverage(numbers)));
    if let Some(coverage) = numbers.probes.coverage {
        line("", free_coverage(coverage, numbers.probes.newest));
    }
    let by_whom = if numbers.completeness.is_some() { ", by what these models say" } else { "" };
    line("complete", format!("{}{by_whom}", completeness(numbers)));
    let without = counted(totals.failed_responses, "request");
    line("answers", format!("{}, and {without} without one", totals.responses));
    if numbers.requests_at_risk > 0 {
        let more = counted(numbers.requests_at_risk, "request");
        line("at risk", format!("{more} that producers may have sent which ended without a word"));
    }
    line("named", format!("{} times, {} of them known already", totals.candidates, totals.duplicates));
    if !numbers.rejections.is_empty() {
        let reasons = numbers.rejections.iter().map(|(reason, count)| format!("{count} {}", inert(reason)));
        line("rejected", reasons.collect::<Vec<_>>().join(", "));
    }
    line("tokens", format!("{} in, {} out", totals.input_tokens, totals.output_tokens));
    line("cost", cost(totals));
    line("producers", numbers.active_producers.to_string());
    for (name, provider) in &numbers.providers {
        let (state, sums) = (provider_state(topic, provider), &provider.sums);
        let (answers, new, cost) = (counted(sums.responses, "answer"), sums.attributes, cost(sums));
        line("provider", format!("{}: {state}{answers}, {new} new, {cost}", inert(name)));
    }
    let used = numbers.phrasings.iter().filter(|one| one.state != PhrasingState::Retired);
    let used: Vec<_> = used.filter_map(|one| one.phrasing.to_core()).collect();
    let brought =
        |one: &PhrasingNumbers| Some((one.phrasing.to_core()?, Phrased::told(one.answers, one.new)));
    let brought = numbers.phrasings.iter().filter_map(brought).collect();
    if let Some(wording) = Wording::standing(&used, &brought) {
        line("ways", format!("to ask: {}", wording.in_short()));
    }
    text
}

/// How a provider does now; of one of an ended topic nobody tells.
fn provider_state(topic: &TopicView, provider: &ProviderNumbers) -> String {
    if topic.state == StateName::Ended {
        return String::new();
    }
    let state = match provider.state {
        Some(ProviderStateName::Ready) => "ready",
        Some(ProviderStateName::Waiting) => "waiting",
        Some(ProviderStateName::Stopped) => "stopped",
        None => "not heard of",
    };
    let detail = provider.detail.as_deref().map(|detail| format!(" ({})", inert(detail)));
    format!("{state}{}; ", detail.unwrap_or_default())
}

fn state(topic: &TopicView) -> String {
    match (topic.state, &topic.reason) {
        (StateName::Ended | StateName::Ending, Some(reason)) => {
            format!("{} ({})", topic.state.as_str(), inert(reason))
        }
        (state, _) => state.as_str().to_owned(),
    }
}

fn coverage(numbers: &Numbers) -> String {
    numbers.coverage.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", percent(share).floor()))
}

/// In a word, for the table.
fn complete(numbers: &Numbers) -> String {
    match numbers.completeness.as_ref() {
        None => "-".to_owned(),
        Some(said) if said.at_least => said.in_words(),
        Some(said) => format!("{:.0} %", percent(said.completeness).floor()),
    }
}

fn completeness(numbers: &Numbers) -> String {
    numbers.completeness.as_ref().map_or_else(|| "-".to_owned(), CompletenessView::in_words)
}

fn cost(sums: &Sums) -> String {
    let risk = if sums.usd_at_risk > 0.0 {
        format!(" (at most ${:.4} more may be charged)", sums.usd_at_risk)
    } else {
        String::new()
    };
    format!("${:.4}{risk}", sums.usd)
}

fn limits(topic: &TopicView) -> String {
    let limits = &topic.limits;
    let all: Vec<String> = [
        limits.max_attributes.map(|most| format!("{most} items")),
        limits.max_requests.map(|most| format!("{most} requests")),
        limits.max_usd.map(|most| format!("${most}")),
        limits.time_limit_seconds.map(|most| format!("{most} s")),
        limits.completeness.map(|share| format!("{} complete", Share::new(share))),
        limits.min_new_per_100_requests.map(|least| format!("at least {least} new in 100 requests")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

fn aims(topic: &TopicView) -> String {
    let aims = topic.partition.in_words();
    if topic.categories.is_empty() {
        return aims.to_owned();
    }
    format!("{aims}: {}", inert(&topic.categories.join(", ")))
}

fn samples(share: f64) -> String {
    if share > 0.0 {
        format!("{} of requests are about the whole", Share::new(share))
    } else {
        "none but those that the estimate takes".to_owned()
    }
}

fn rules_in_words(rules: &Rules) -> String {
    let all = [
        rules.matches.as_ref().map(|pattern| format!("matches {}", inert(pattern))),
        rules.min_chars.map(|least| format!("at least {least} characters")),
        rules.max_chars.map(|most| format!("at most {most} characters")),
        rules.scripts.as_ref().map(|scripts| format!("in {}", scripts.join(" or "))),
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Writing to a string cannot fail.
fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).unwrap_or_default();
}
