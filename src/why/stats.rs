//! `igentai stats`: what was asked and came back in the last minutes, and where that is going.

use std::fmt::Write;

use igentai_webserver::api::dto::{FlowView, Statistics, TopicView, TrendName, TrendsView, WindowView};
use igentai_webserver::statistics_view;

use super::args::Stats;
use super::ask;
use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::topics::inert::inert;

const COLUMNS: [&str; 9] =
    ["", "REQUESTS", "ANSWERED", "NEW", "NEW/ANSWER", "USD/1000 NEW", "SECONDS", "IN PART", "OF OTHERS"];

/// Tells of the last minutes.
pub(crate) async fn stats(arguments: Stats, common: &Common) -> Result<Exit, Failure> {
    let (topic, told) = ask(
        &arguments.whose,
        common,
        async |client, id| Ok(client.statistics(id).await?),
        async |store, topic| Ok(statistics_view(store, topic).await?),
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

fn text(topic: &TopicView, told: &Statistics) -> String {
    let mut text = format!("{} ({}), run {}", inert(&topic.name), inert(&topic.id), told.run);
    let Some(at) = told.at.as_deref().filter(|_| told.long.all.sums.requests > 0) else {
        return text + ": nothing was asked in the last 30 minutes\n";
    };
    put(&mut text, format_args!(", at {}\n", inert(at)));
    let is_all = told.long.all.sums.requests == told.short.all.sums.requests;
    let before = if is_all { "; nothing was asked in the 25 before" } else { "" };
    put(&mut text, format_args!("\nlast 5 minutes{before}\n"));
    table(&mut text, &told.short);
    if !is_all {
        text.push_str("\nlast 30 minutes\n");
        table(&mut text, &told.long);
    }
    let trends = trends(told.trends);
    if !trends.is_empty() {
        put(&mut text, format_args!("\nthe last 5 minutes beside those before: {trends}\n"));
    }
    for (name, of) in &told.provider_trends {
        let moves = self::trends(*of);
        if !moves.is_empty() && told.provider_trends.len() > 1 {
            put(&mut text, format_args!("  {}: {moves}\n", inert(name)));
        }
    }
    for measured in &told.measured {
        put(&mut text, format_args!("\n{}", inert(&measured.text)));
    }
    if !told.measured.is_empty() {
        text.push('\n');
    }
    text
}

fn trends(trends: TrendsView) -> String {
    let TrendsView { new_per_answer, answered, latency } = trends;
    let all = [("new items of an answer", new_per_answer), ("answered", answered), ("latency", latency)];
    let word = |trend: TrendName| match trend {
        TrendName::Rising => "rising",
        TrendName::Falling => "falling",
        TrendName::Steady => "steady",
    };
    let told = all.into_iter().filter_map(|(what, trend)| Some(format!("{what} {}", word(trend?))));
    told.collect::<Vec<_>>().join(", ")
}

fn table(text: &mut String, window: &WindowView) {
    let mut rows = vec![COLUMNS.map(str::to_owned), row("all", &window.all)];
    if window.parts.sums.requests > 0 {
        rows.push(row("about the whole", &window.whole));
        rows.push(row("about parts", &window.parts));
    }
    for (kind, flows) in
        [("provider", &window.providers), ("producer", &window.producers), ("part", &window.cells)]
    {
        rows.extend(flows.iter().map(|(name, flow)| row(&format!("{kind} {}", inert(name)), flow)));
    }
    text.push_str(&output::table(&rows, |column| column > 0));
}

fn row(name: &str, flow: &FlowView) -> [String; 9] {
    let share =
        |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0));
    let number = |number: Option<f64>, places: usize| {
        number.map_or_else(|| "-".to_owned(), |number| format!("{number:.places$}"))
    };
    [
        name.to_owned(),
        flow.sums.requests.to_string(),
        share(flow.answered),
        flow.sums.attributes.to_string(),
        number(flow.new_per_answer, 1),
        number(flow.usd_per_new.map(|usd| usd * 1_000.0), 4),
        number(flow.seconds_per_answer, 1),
        share(flow.fitting),
        share(flow.of_others),
    ]
}

/// Writing to a string cannot fail.
fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).unwrap_or_default();
}
