//! What an operator changed of a topic: kept as decisions, so that the history of its prompts, weights and limits can be read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::frontier::Category;
use crate::topic::{Limits, ProbeShare, Share, Topic};

/// Most characters of a value that are kept: a prompt may be longer.
pub const VALUE_CHARS: usize = 1_000;

/// Most characters of a value that are told in a line.
const TOLD_CHARS: usize = 160;

/// What is changed of a topic, by the names that the API has for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// In the order of the names.
    pub changes: Vec<Change>,
}

/// One thing that is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its name: `prompt`, `limits.max_requests`, `provider_weights.small`.
    pub field: String,
    /// What it was, at most [`VALUE_CHARS`] of it; `None` where it was not set.
    pub before: Option<String>,
    /// What it is.
    pub after: Option<String>,
}

/// What an operator may change of a topic, as it is: by field, those that are set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition(BTreeMap<String, Value>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Value {
    text: String,
    /// Tells those apart that begin alike; 0 where nothing is cut off.
    digest: u64,
}

impl Value {
    fn of(whole: &str) -> Self {
        let text = cut(whole, VALUE_CHARS);
        let digest = if text.len() == whole.len() { 0 } else { xxh3_64(whole.as_bytes()) };
        Self { text, digest }
    }
}

/// The beginning of a text, and a sign that it is not all.
fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        None => text.to_owned(),
        Some(_) => text.chars().take(chars - 1).chain(['…']).collect(),
    }
}

impl Definition {
    /// Of a topic.
    #[must_use]
    pub fn of(topic: &Topic) -> Self {
        let mut all = BTreeMap::new();
        let mut put = |field: &str, value: Option<String>| {
            if let Some(value) = value {
                all.insert(field.to_owned(), Value::of(&value));
            }
        };
        put("prompt", topic.prompt.clone());
        for (provider, weight) in &topic.provider_weights {
            put(&format!("{WEIGHT_OF}{provider}"), Some(weight.to_string()));
        }
        put("routing", Some(topic.routing.as_str().to_owned()));
        put("phrasing", topic.phrasing.map(|phrasing| phrasing.as_str().to_owned()));
        put_limits(topic.limits, &mut put);
        put("items_per_request", Some(topic.items_per_request.to_string()));
        put("partition", Some(topic.partition.as_str().to_owned()));
        put(
            PROBES,
            Some(topic.probe_share.get().to_string()).filter(|_| topic.probe_share != ProbeShare::USUAL),
        );
        let categories: Vec<&str> = topic.categories.iter().map(Category::as_str).collect();
        put("categories", (!categories.is_empty()).then(|| categories.join(", ")));
        let rules = &topic.rules;
        put("rules.matches", rules.matches.clone());
        put("rules.min_chars", rules.min_chars.map(|chars| chars.to_string()));
        put("rules.max_chars", rules.max_chars.map(|chars| chars.to_string()));
        let scripts: Vec<&str> = rules.scripts.iter().map(|script| script.as_str()).collect();
        put("rules.scripts", (!scripts.is_empty()).then(|| scripts.join(", ")));
        put("judge", Some(topic.judge.to_string()));
        let list = |list: &str| list.chars().take(8).collect::<String>();
        put(
            "seeds",
            topic.seeds.as_ref().map(|seeds| format!("{} items, list {}", seeds.count, list(&seeds.list))),
        );
        Self(all)
    }

    /// Whether nothing is known of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is otherwise now; `None` where nothing is.
    #[must_use]
    pub fn changed(&self, now: &Self) -> Option<Changed> {
        let fields: BTreeSet<&String> = self.0.keys().chain(now.0.keys()).collect();
        let differing = fields.into_iter().filter(|field| self.0.get(*field) != now.0.get(*field));
        // Older programs knew of no other share than the usual one, and said none.
        let unsaid = |field: &String| (field == PROBES).then(|| ProbeShare::USUAL.get().to_string());
        let text = |all: &Self, field: &String| {
            all.0.get(field).map_or_else(|| unsaid(field), |value| Some(value.text.clone()))
        };
        let changes: Vec<Change> = differing
            .map(|field| Change { field: field.clone(), before: text(self, field), after: text(now, field) })
            .collect();
        (!changes.is_empty()).then_some(Changed { changes })
    }
}

fn put_limits(limits: Limits, put: &mut impl FnMut(&str, Option<String>)) {
    #[expect(clippy::cast_precision_loss, reason = "a time limit is far below 2^53 ms")]
    let seconds = |ms: u64| (ms as f64 / 1_000.0).to_string();
    put("limits.max_attributes", limits.max_attributes.map(|cap| cap.to_string()));
    put("limits.max_requests", limits.max_requests.map(|cap| cap.to_string()));
    put("limits.max_usd", limits.max_cost.map(|cap| cap.usd().to_string()));
    put("limits.time_limit_seconds", limits.time_limit_ms.map(seconds));
    put("limits.completeness", limits.completeness.map(|wanted| wanted.get().to_string()));
    put("limits.min_new_per_100_requests", limits.min_new_per_100_requests.map(|least| least.to_string()));
}

const WEIGHT_OF: &str = "provider_weights.";
const PROBES: &str = "probe_share";

impl Change {
    /// What it is called.
    fn name(&self) -> String {
        let name = match self.field.as_str() {
            "prompt" => "the prompt",
            "routing" => "how requests are shared",
            "phrasing" => "the way to ask",
            "limits.max_attributes" => "the cap on items",
            "limits.max_requests" => "the cap on requests",
            "limits.max_usd" => "the cap on money",
            "limits.time_limit_seconds" => "the time limit",
            "limits.completeness" => "the completeness wanted",
            "limits.min_new_per_100_requests" => "the fewest new items in 100 requests",
            "items_per_request" => "the items of a request",
            "partition" => "the partition",
            PROBES => "the share of requests that are a sample of the whole",
            "categories" => "the categories",
            "rules.matches" => "the pattern of items",
            "rules.min_chars" => "the fewest characters of an item",
            "rules.max_chars" => "the most characters of an item",
            "rules.scripts" => "the scripts of items",
            "judge" => "the judge",
            "seeds" => "the known items",
            field => match field.strip_prefix(WEIGHT_OF) {
                Some(provider) => return format!("the weight of {provider}"),
                None => field,
            },
        };
        name.to_owned()
    }

    fn told(&self, value: Option<&str>) -> String {
        let Some(value) = value else { return "none".to_owned() };
        let value = cut(value, TOLD_CHARS);
        match self.field.as_str() {
            "prompt" | "rules.matches" | "categories" => format!("“{value}”"),
            "limits.max_usd" => format!("${value}"),
            "limits.time_limit_seconds" => format!("{value} s"),
            "limits.completeness" => value.parse().map_or(value, |part| Share::new(part).to_string()),
            // As the option is written.
            "routing" => value.replace('_', "-"),
            // Which list it is tells a person nothing.
            "seeds" => value.split(" items, list ").next().unwrap_or_default().to_owned(),
            "judge" => if value == "true" { "on" } else { "off" }.to_owned(),
            _ => value,
        }
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("changed by the operator: ")?;
        for (place, change) in self.changes.iter().enumerate() {
            let (before, after) =
                (change.told(change.before.as_deref()), change.told(change.after.as_deref()));
            let gap = if place == 0 { "" } else { "; " };
            // Other known items may be as many.
            let others = if before == after && change.field == "seeds" { " others" } else { "" };
            write!(f, "{gap}{} from {before} to {after}{others}", change.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
