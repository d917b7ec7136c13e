//! `igentai parts`: how far each part of a topic is, and what came of asking for parts.

use std::fmt::Write;

use igentai_webserver::api::dto::{BroughtView, CompletenessView, PartView, PartsView, TopicView};
use igentai_webserver::parts_view;

use super::args::Parts;
use super::ask;
use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::output::{self, counted};
use crate::topics::inert::inert;

const COLUMNS: [&str; 7] = ["PART", "STATE", "FOUND", "COMPLETE", "COVERAGE", "ANSWERS", "LISTED BY"];

/// Tells of each part.
pub(crate) async fn parts(arguments: Parts, common: &Common) -> Result<Exit, Failure> {
    let (topic, told) = ask(
        &arguments.whose,
        common,
        async |client, id| Ok(client.parts(id).await?),
        async |store, topic| Ok(parts_view(store, topic).await?),
    )
    .await?;
    let text = if arguments.json {
        serde_json::to_string(&told).map_err(|error| Failure::new(Exit::Failed, error.to_string()))? + "\n"
    } else {
        text(&topic, &told)
    };
    output::write_all(&mut output::standard_output(), &text)?;
    Ok(Exit::Done)
}

fn text(topic: &TopicView, told: &PartsView) -> String {
    let mut text = format!("{} ({}), run {}", inert(&topic.name), inert(&topic.id), told.run);
    let Some(at) = told.at.as_deref() else { return text + ": nothing was asked yet\n" };
    put(&mut text, format_args!(", at {}\n", inert(at)));
    let mut line = |label: &str, value: String| put(&mut text, format_args!("  {label:<11}{value}\n"));
    line("items", told.attributes.to_string());
    if let Some(coverage) = told.coverage {
        line("coverage", format!("{} of what these models will name next is known", percent(coverage)));
    }
    if let Some(coverage) = told.probes.coverage {
        line("", output::free_coverage(coverage, told.probes.newest));
    }
    if let Some(said) = &told.completeness {
        line("complete", format!("{}, by what these models say", said.in_words()));
    }
    if told.aimed.requests > 0 {
        line("whole", brought(&told.whole));
        line("parts", brought(&told.aimed));
    }
    if told.left_out > 0 {
        line(
            "left out",
            format!(
                "{} were said to be, {} of them were given all the same",
                counted(told.left_out, "item"),
                told.left_out_and_given
            ),
        );
    }
    if told.parts.is_empty() {
        text.push_str("\nrequests have not aimed at parts\n");
    } else {
        text.push('\n');
        table(&mut text, &told.parts);
    }
    text
}

fn brought(of: &BroughtView) -> String {
    let mut text = counted(of.answers, "answer");
    if let Some(new) = of.new_per_answer {
        put(&mut text, format_args!(", {new:.1} new in each"));
    }
    if let Some(usd) = of.usd_per_new.filter(|usd| *usd > 0.0) {
        put(&mut text, format_args!(", ${:.4} for 1,000 new", usd * 1_000.0));
    }
    if let Some(share) = of.fitting {
        put(&mut text, format_args!("; {} of what they name is in its part", percent(share)));
    }
    text
}

fn table(text: &mut String, parts: &[PartView]) {
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    rows.extend(parts.iter().map(row));
    text.push_str(&output::table(&rows, |column| matches!(column, 2 | 4 | 5)));
}

fn row(part: &PartView) -> [String; 7] {
    let nothing = || "-".to_owned();
    [
        inert(&part.cell).into_owned(),
        part.state.in_words().to_owned(),
        part.found.to_string(),
        part.completeness.as_ref().map_or_else(nothing, CompletenessView::in_words),
        part.coverage.map_or_else(nothing, percent),
        part.answers.to_string(),
        if part.listed_by.is_empty() { nothing() } else { inert(&part.listed_by.join(", ")).into_owned() },
    ]
}

fn percent(share: f64) -> String {
    format!("{:.1} %", output::percent(share))
}

/// Writing to a string cannot fail.
fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).unwrap_or_default();
}
