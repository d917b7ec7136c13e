//! `GET /api/v1/topics/{id}/statistics`

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use igentai_core::effect::Measured;
use igentai_core::fold::{Flow, Recent, Row, Trend, Trends, Window, Yield};
use igentai_core::status::TopicStatus;
use igentai_core::topic::Topic;
use igentai_shared::store::{Store, StoreError};

use crate::api::dto::{
    FlowView, MeasuredView, RowView, Statistics, TrendName, TrendsView, WindowView, YieldView,
};
use crate::context::AppRef;
use crate::extract::TopicPath;
use crate::problem::{Problem, ReadErrors, TopicErrors};
use crate::view;

/// What was asked and came back in the last minutes, where that is going, and what came of decisions
///
/// By provider, producer and part of the topic, over five and over thirty minutes. Of a topic that has ended, the last minutes before its end.
#[utoipa::path(get, path = "/api/v1/topics/{id}/statistics", tag = "topics", params(("id" = String, Path)), responses(
    (status = 200, body = Statistics),
    ReadErrors,
    TopicErrors,
))]
pub(crate) async fn statistics(
    State(app): State<AppRef>,
    TopicPath(id): TopicPath,
) -> Result<Json<Statistics>, Problem> {
    let topic = app.topic(&id).await?;
    Ok(Json(statistics_view(app.context.store.as_ref(), &topic).await?))
}

/// The last minutes of a topic's run.
///
/// # Errors
/// When the store cannot be read.
pub async fn statistics_view(store: &dyn Store, topic: &Topic) -> Result<Statistics, StoreError> {
    let status = view::status(store, topic).await?;
    let told = |status: TopicStatus| (Some(view::time(status.at)), status.recent, status.measured);
    let (at, recent, measured) = status.map_or((None, None, Vec::new()), told);
    let Recent { short, long, trends, provider_trends } = *recent.unwrap_or_default();
    Ok(Statistics {
        run: topic.run,
        at,
        short: window(&short),
        long: window(&long),
        trends: of_trends(trends),
        provider_trends: provider_trends.into_iter().map(|(name, all)| (name, of_trends(all))).collect(),
        measured: measured.iter().map(measured_view).collect(),
    })
}

fn window(window: &Window) -> WindowView {
    let named = |flows: &BTreeMap<String, Flow>| {
        flows.iter().map(|(name, of)| (name.clone(), flow(of))).collect::<BTreeMap<_, _>>()
    };
    WindowView {
        seconds: window.seconds,
        all: flow(&window.all),
        whole: flow(&window.whole),
        parts: flow(&window.parts),
        providers: named(&window.providers),
        producers: window.producers.iter().map(|(id, of)| (id.to_string(), flow(of))).collect(),
        cells: named(&window.cells),
        rows: window.rows.iter().map(row).collect(),
    }
}

fn row(row: &Row) -> RowView {
    let Row { provider, producer, cell, flow: of } = row;
    RowView { provider: provider.clone(), producer: producer.to_string(), cell: cell.clone(), flow: flow(of) }
}

/// Rounded: not every reader of JSON reads the last bits of long numbers as they were.
fn flow(flow: &Flow) -> FlowView {
    let nine = |number: Option<f64>| number.map(|number| (number * 1e9).round() / 1e9);
    FlowView {
        sums: view::sums(&flow.totals),
        outcomes: flow.outcomes.iter().map(|(how, count)| (how.as_str().to_owned(), *count)).collect(),
        new_per_answer: nine(flow.new_per_answer()),
        usd_per_new: nine(flow.usd_per_new()),
        seconds_per_answer: nine(flow.seconds_per_answer()),
        answered: nine(flow.answered()),
        fitting: nine(flow.fitting()),
        of_others: nine(flow.of_others()),
        copied: nine(flow.copied()),
    }
}

fn of_trends(trends: Trends) -> TrendsView {
    let name = |trend: Trend| match trend {
        Trend::Rising => TrendName::Rising,
        Trend::Falling => TrendName::Falling,
        Trend::Steady => TrendName::Steady,
    };
    TrendsView {
        new_per_answer: trends.new_per_answer.map(name),
        answered: trends.answered.map(name),
        latency: trends.latency.map(name),
    }
}

/// What came of a decision.
pub(super) fn measured_view(measured: &Measured) -> MeasuredView {
    let brought = |brought: Yield| {
        let Yield { requests, answers, new, cost, latency_ms } = brought;
        YieldView { requests, answers, new, usd: cost.usd(), latency_ms }
    };
    MeasuredView {
        of: measured.of,
        kind: measured.kind.clone(),
        before: brought(measured.before),
        after: brought(measured.after),
        gain: measured.gain,
        text: measured.to_string(),
    }
}
