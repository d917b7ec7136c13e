//! What a run would have come to had its requests been shared otherwise.

use std::collections::BTreeMap;

use igentai_core::decision::{Ends, Terms};
use igentai_core::routing::Policy;
use igentai_core::routing::what_if::anew::Anew;
use igentai_core::routing::what_if::{Outcome, Reached};
use igentai_core::topic::Topic;
use igentai_shared::config::Config;
use igentai_shared::store::{self, Store};
use serde_json::{Value, json};

use crate::exit::{Exit, Failure};
use crate::output::counted;
use crate::topics::inert::inert;

/// What would have come of it.
#[derive(Debug)]
pub(super) struct Found {
    topic: String,
    run: u64,
    policy: Policy,
    outcome: Outcome,
}

/// Reads a run's log and simulates.
pub(super) async fn what_if(
    store: &dyn Store,
    topic: &Topic,
    policy: Policy,
    weights: BTreeMap<String, f64>,
    config: &Config,
) -> Result<Found, Failure> {
    let answers = store::answers(store, &topic.id, topic.run).await?;
    let outcome = if answers.is_aimed() {
        answers.anew(policy, &weights, &terms(topic, config))
    } else {
        let weights = if weights.is_empty() { &topic.provider_weights } else { &weights };
        answers.under(policy, weights)
    };
    let outcome = outcome.map_err(|why| {
        let name = inert(&topic.name);
        Failure::new(
            Exit::Failed,
            format!("{name}: what another policy would have come to cannot be told: {why}"),
        )
    })?;
    Ok(Found { topic: topic.name.clone(), run: topic.run, policy, outcome })
}

/// The topic's terms, where no decision has them.
fn terms(topic: &Topic, config: &Config) -> Terms {
    let dry_after = u64::from(config.run.dry_after_answers);
    Terms {
        items: topic.items_per_request,
        wanted: topic.limits.completeness,
        partition: topic.partition,
        categories: topic.categories.clone(),
        weights: topic.provider_weights.clone(),
        routing: topic.routing,
        ends: Some(Ends::by(topic.limits, dry_after, 0, 0)),
        probes: topic.probe_share,
        ..Terms::default()
    }
}

fn told(reached: Reached) -> String {
    format!("{} for {}", counted(reached.items, "item"), reached.cost)
}

fn numbers(reached: Reached) -> Value {
    json!({ "requests": reached.requests, "attributes": reached.items, "usd": reached.cost.usd() })
}

impl Found {
    pub(super) fn json(&self) -> String {
        let Outcome { reached, out_of, weights, asked, was, was_then, was_there, judged, anew } =
            &self.outcome;
        let same = anew.as_ref().map(|anew| {
            let mut same = numbers(anew.same);
            same["ended"] = json!(anew.same_over.as_str());
            same["with_as_many_items"] = json!(anew.same_there.map(numbers));
            same
        });
        let line = json!({
            "topic": self.topic,
            "run": self.run,
            "simulation": true,
            "policy": self.policy.as_str(),
            "weights": weights,
            "would_be": numbers(*reached),
            "ended": anew.as_ref().map(|anew| anew.over.as_str()),
            "asked": asked,
            "out_of_answers": out_of,
            "same_policy": same,
            "named": anew.as_ref().map(|anew| &anew.named),
            "named_by_asked": anew.as_ref().map(|anew| anew.named_by_asked),
            "was": numbers(*was),
            "was_after_as_many_requests": numbers(*was_then),
            "was_with_as_many_items": was_there.map(numbers),
            "judges": { "requests": judged.requests, "usd": judged.cost.usd() },
        });
        format!("{line}\n")
    }

    pub(super) fn text(&self) -> String {
        let Outcome { reached, out_of, asked, was_then, judged, anew, .. } = &self.outcome;
        let asked: Vec<String> =
            asked.iter().map(|(name, count)| format!("{count} to {}", inert(name))).collect();
        let end = match (anew, out_of) {
            (Some(anew), _) => format!("; {}", anew.over.in_words()),
            (None, Some(provider)) => format!("; then the answers of {} run out", inert(provider)),
            (None, None) => ", which are all that there are".to_owned(),
        };
        let judges = match judged.requests {
            0 => String::new(),
            asked => {
                format!(
                    "  judges: {} for {}, which are in none of these\n",
                    counted(asked, "request"),
                    judged.cost
                )
            }
        };
        let how = match anew {
            Some(_) => {
                "a simulation, no run, with models that know what their providers named in this run, and no more"
            }
            None => "a simulation with the answers that the run has, no run",
        };
        let was = match anew {
            Some(anew) => self.beside(anew),
            None => format!("  as it was: {} for as many requests{}\n", told(*was_then), self.there()),
        };
        format!(
            "{}, run {}: {how}:\n  with {}: {} for {} ({}){end}\n{was}{judges}",
            inert(&self.topic),
            self.run,
            self.policy.as_str().replace('_', "-"),
            told(*reached),
            counted(reached.requests, "request"),
            asked.join(", "),
        )
    }

    /// When the run had as many items.
    fn there(&self) -> String {
        self.outcome.was_there.map_or_else(
            || "; it never had as many items".to_owned(),
            |was| {
                format!(
                    "; {} took {}, {}",
                    counted(was.items, "item"),
                    counted(was.requests, "request"),
                    was.cost
                )
            },
        )
    }

    /// What a run that was made anew is to be held against.
    fn beside(&self, anew: &Anew) -> String {
        let Outcome { was, was_then, .. } = &self.outcome;
        let known = if anew.named_by_asked < was.items {
            format!(
                "  those who are asked there named {} of the run's {}, and no more can be found\n",
                anew.named_by_asked,
                counted(was.items, "item")
            )
        } else {
            String::new()
        };
        let (same, its) = (anew.same, counted(anew.same.requests, "request"));
        let over = anew.same_over.in_words();
        let near = format!(
            "  simulated with its own policy and weights: {} for {its}; {over}\n  as it was: {} for {}",
            told(same),
            told(*was),
            counted(was.requests, "request")
        );
        let then = match was_then.requests {
            requests if requests < was.requests => {
                format!("; after {}, {}", counted(requests, "request"), told(*was_then))
            }
            _ => String::new(),
        };
        format!("{known}{near}{then}{}\n", self.there())
    }
}
