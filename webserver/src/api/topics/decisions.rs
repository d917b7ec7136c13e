//! `GET /api/v1/topics/{id}/decisions`

use axum::Json;
use axum::extract::State;
use igentai_core::decision::{Asked, Changed, Decision, Ending, What, Why};
use igentai_core::folder::TopicId;
use igentai_core::ids::Run;
use igentai_core::routing::Routed;
use igentai_shared::store::{Store, StoreError, decisions as stored};
use utoipa::IntoParams;

use super::statistics::measured_view;
use crate::api::allowed;
use crate::api::dto::{
    AskedView, ChangeView, DecisionKind, DecisionPage, DecisionView, EndingView, RoutedView, Routing,
    ShareView, WhyName,
};
use crate::context::AppRef;
use crate::extract::{QueryOf, TopicPath};
use crate::fields::{Fields, FromFields};
use crate::problem::{Problem, ReadErrors, TopicErrors};
use crate::view;

const DEFAULT_LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 1_000;

/// Decisions that are looked through for those of a kind; the next page goes on from there.
const MOST_LOOKED_AT: u64 = 16_384;

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DecisionsQuery {
    /// Only decisions with a lower number.
    before: Option<u64>,
    /// Most decisions in the answer; 50 when left out.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<u64>,
    /// Only decisions of these kinds, with commas between them; the limit counts those.
    #[param(style = Form, explode = false)]
    kind: Option<Vec<DecisionKind>>,
}

impl FromFields for DecisionsQuery {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            before: fields.count("before", allowed::POSITION).value(),
            limit: fields.count_in("limit", 1..=MAX_LIMIT).value(),
            kind: fields.words("kind", &DecisionKind::WORDS).value(),
        }
    }
}

/// What was decided for a topic, and why; the newest first
///
/// What requests ask for, who can be asked, what is waited for no more, what an operator changed, and the end of the topic. Where a topic is not cut into parts,
/// requests need no decision. A fresh start forgets those of the run before, as it does its log.
#[utoipa::path(get, path = "/api/v1/topics/{id}/decisions", tag = "topics", params(("id" = String, Path), DecisionsQuery), responses(
    (status = 200, body = DecisionPage),
    ReadErrors,
    TopicErrors,
))]
pub(crate) async fn decisions(
    State(app): State<AppRef>,
    TopicPath(id): TopicPath,
    QueryOf(query): QueryOf<DecisionsQuery>,
) -> Result<Json<DecisionPage>, Problem> {
    let topic = app.topic(&id).await?;
    let store = app.context.store.as_ref();
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let kinds = query.kind.unwrap_or_default();
    Ok(Json(decision_page(store, &id, topic.run, query.before, limit, &kinds).await?))
}

/// The newest decisions of a run with a number below `before`, of these kinds; of all, where none is named.
///
/// # Errors
/// When the store cannot be read.
pub async fn decision_page(
    store: &dyn Store,
    id: &TopicId,
    run: Run,
    before: Option<u64>,
    limit: u64,
    kinds: &[DecisionKind],
) -> Result<DecisionPage, StoreError> {
    let (_, end) = stored(store, id, run, u64::MAX, 0).await?;
    let mut before = before.unwrap_or(end).min(end).max(1);
    let (step, furthest) = if kinds.is_empty() { (limit, limit) } else { (MAX_LIMIT, MOST_LOOKED_AT) };
    let lowest = before.saturating_sub(furthest).max(1);
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut decisions = Vec::new();
    while before > lowest && decisions.len() < wanted {
        let from = before.saturating_sub(step).max(lowest);
        let many = usize::try_from(before - from).unwrap_or(0);
        let (found, _) = stored(store, id, run, from, many).await?;
        let of_kind =
            |decision: &Decision| kinds.is_empty() || kinds.contains(&DecisionKind::of(&decision.what));
        let fitting = found.iter().rev().filter(|(_, decision)| of_kind(decision));
        let left = wanted - decisions.len();
        decisions.extend(fitting.take(left).map(|(number, decision)| decision_view(*number, decision)));
        before = from;
    }
    // Behind a full page others of these kinds may stand that were looked at already.
    let last = decisions.last().filter(|_| decisions.len() >= wanted).map_or(before, |last| last.number);
    Ok(DecisionPage { run, total: end - 1, decisions, next_before: (last > 1).then_some(last) })
}

fn decision_view(number: u64, decision: &Decision) -> DecisionView {
    let (mut asked, mut routed, mut measured, mut ending, mut changed) = (None, None, None, None, None);
    match &decision.what {
        What::Routed(of) => routed = Some(routed_as_told(of)),
        What::Measured(of) => measured = Some(measured_view(of)),
        What::Asked(of) => asked = Some(asked_view(of)),
        What::Ending(of) => ending = Some(ending_view(of)),
        What::Changed(of) => changed = Some(change_views(of)),
        What::TakenUp { .. } | What::Terms(_) | What::Worded(_) | What::Cared(_) | What::Dropped { .. } => {}
    }
    let kind = DecisionKind::of(&decision.what);
    let (at_ms, log_index, text) = (decision.at.0, decision.log_index, decision.what.to_string());
    DecisionView { number, at_ms, log_index, kind, text, asked, routed, measured, ending, changed }
}

fn routed_as_told(routed: &Routed) -> RoutedView {
    let share = |(name, share): (&String, &f64)| {
        let expected = routed.expected.get(name);
        let view = ShareView {
            share: *share,
            weight: routed.prior.get(name).copied().unwrap_or_default(),
            new_per_request: expected.map(|expected| expected.new),
            usd_per_request: expected.map(|expected| expected.usd),
            seconds: expected.map(|expected| expected.seconds),
            answered: expected.map(|expected| expected.answered),
        };
        (name.clone(), view)
    };
    RoutedView { policy: Routing::of(routed.policy), providers: routed.weights.iter().map(share).collect() }
}

fn asked_view(asked: &Asked) -> AskedView {
    let (why, known, expected) = match asked.why {
        Why::First => (WhyName::First, None, None),
        Why::Uncut => (WhyName::Uncut, None, None),
        Why::Parts => (WhyName::Parts, None, None),
        Why::Split => (WhyName::Split, None, None),
        Why::Missed => (WhyName::Missed, None, None),
        Why::Elsewhere => (WhyName::Elsewhere, None, None),
        Why::Sample => (WhyName::Sample, None, None),
        Why::Sure => (WhyName::Sure, None, None),
        Why::Most { known, has, .. } => (WhyName::Most, Some(known), Some(has)),
        Why::Again { .. } => (WhyName::Again, None, None),
        Why::Judge => (WhyName::Judge, None, None),
    };
    AskedView {
        producer: asked.producer.to_string(),
        cell: asked.cell.clone(),
        provider: asked.provider.clone(),
        items: asked.items,
        expected_new: asked.new,
        why,
        known,
        expected,
    }
}

fn ending_view(ending: &Ending) -> EndingView {
    EndingView {
        reason: ending.reason.as_str().to_owned(),
        attributes: ending.found,
        requests: ending.requests,
        usd: ending.cost.usd(),
        completeness: ending.completeness.map(view::completeness),
        met: ending.met.map(|met| met.to_string()),
    }
}

fn change_views(changed: &Changed) -> Vec<ChangeView> {
    let all = changed.changes.iter();
    all.map(|change| ChangeView {
        field: change.field.clone(),
        before: change.before.clone(),
        after: change.after.clone(),
    })
    .collect()
}
