//! What a run would have come to had its requests been shared otherwise.

use std::collections::BTreeMap;

use igentai_core::folder::TopicId;
use igentai_core::routing::Policy;
use igentai_core::routing::what_if::{Answers, Outcome, Reached};
use igentai_shared::store::Store;
use igentai_webserver::api::dto::TopicView;
use serde_json::{Value, json};

use crate::exit::{Exit, Failure};
use crate::output::counted;
use crate::topics::inert::inert;

/// Log entries read at once.
const PAGE: usize = 1_000;

/// What would have come of it.
#[derive(Debug)]
pub(super) struct Found {
    topic: String,
    run: u64,
    policy: Policy,
    weights: BTreeMap<String, f64>,
    outcome: Outcome,
}

/// Reads a run's log and simulates.
pub(super) async fn what_if(
    store: &dyn Store,
    topic: &TopicView,
    policy: Policy,
    weights: BTreeMap<String, f64>,
) -> Result<Found, Failure> {
    let id = TopicId::parse(&topic.id).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    let weights = if weights.is_empty() { topic.provider_weights.clone() } else { weights };
    let (mut answers, mut after) = (Answers::default(), 0);
    loop {
        let page = store.log(&id, topic.run, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.index;
        for entry in &page {
            answers.entry(entry);
        }
    }
    let outcome = answers.under(policy, &weights).map_err(|why| {
        let name = inert(&topic.name);
        Failure::new(
            Exit::Failed,
            format!("{name}: what another policy would have come to cannot be told: {why}"),
        )
    })?;
    Ok(Found { topic: topic.name.clone(), run: topic.run, policy, weights, outcome })
}

fn told(reached: Reached) -> String {
    format!("{} for {}", counted(reached.items, "item"), reached.cost)
}

fn numbers(reached: Reached) -> Value {
    json!({ "requests": reached.requests, "attributes": reached.items, "usd": reached.cost.usd() })
}

impl Found {
    pub(super) fn json(&self) -> String {
        let Outcome { reached, out_of, asked, was_then, was_there, judged } = &self.outcome;
        let line = json!({
            "topic": self.topic,
            "run": self.run,
            "simulation": true,
            "policy": self.policy.as_str(),
            "weights": self.weights,
            "would_be": numbers(*reached),
            "asked": asked,
            "out_of_answers": out_of,
            "was_after_as_many_requests": numbers(*was_then),
            "was_with_as_many_items": was_there.map(numbers),
            "judges": { "requests": judged.requests, "usd": judged.cost.usd() },
        });
        format!("{line}\n")
    }

    pub(super) fn text(&self) -> String {
        let Outcome { reached, out_of, asked, was_then, was_there, judged } = &self.outcome;
        let asked: Vec<String> =
            asked.iter().map(|(name, count)| format!("{count} to {}", inert(name))).collect();
        let end = match out_of {
            Some(provider) => format!("; then the answers of {} run out", inert(provider)),
            None => ", which are all that there are".to_owned(),
        };
        let there = was_there.map_or_else(
            || "; it never had as many items".to_owned(),
            |was| {
                format!(
                    "; {} took {}, {}",
                    counted(was.items, "item"),
                    counted(was.requests, "request"),
                    was.cost
                )
            },
        );
        let judges = match judged.requests {
            0 => String::new(),
            asked => {
                format!("  judges: {} for {}, which are in neither\n", counted(asked, "request"), judged.cost)
            }
        };
        format!(
            "{}, run {}: a simulation with the answers that the run has, no run:\n  with {}: {} for {} ({}){end}\n  as it was: {} for as many requests{there}\n{judges}",
            inert(&self.topic),
            self.run,
            self.policy.as_str().replace('_', "-"),
            told(*reached),
            counted(reached.requests, "request"),
            asked.join(", "),
            told(*was_then),
        )
    }
}
