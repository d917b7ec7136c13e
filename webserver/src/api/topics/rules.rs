//! What a request may ask for. Everything that is wrong is said at once.

use igentai_core::folder::TopicId;
use igentai_core::frontier::Category;
use igentai_core::rules::ItemRules;
use igentai_core::topic::{MAX_NEW_PER_100_REQUESTS, MAX_PROMPT_BYTES, ProbeShare, SeedList};

use crate::api::allowed;
use crate::api::dto::{self, Limits, Partition};
use crate::fields::{Errors, shown_number};
use crate::problem::{Problem, ProblemKind};

const MAX_ITEMS: u32 = 500;
const MAX_PROVIDERS: usize = 100;
const MAX_WEIGHT: f64 = 1e6;
const MAX_USD: f64 = 1e6;
const MAX_SECONDS: f64 = 315_360_000.0;

/// Collects what is wrong.
pub(super) struct Rules {
    errors: Errors,
}

impl Rules {
    /// `errors`: what is wrong with the form of the request. Of each field the first thing that is wrong is told.
    pub(super) fn after(errors: Errors) -> Self {
        Self { errors }
    }

    fn fail(&mut self, field: impl Into<String>, detail: impl Into<String>, allowed: impl Into<String>) {
        self.errors.add(field, detail, allowed);
    }

    /// The id that the name gives.
    pub(super) fn name(&mut self, name: &str) {
        if let Err(error) = TopicId::from_name(name) {
            self.fail("name", error.to_string(), allowed::NAME);
        }
    }

    pub(super) fn prompt(&mut self, prompt: Option<&str>) {
        let Some(prompt) = prompt else { return };
        let allowed = allowed::PROMPT;
        if prompt.trim().is_empty() {
            self.fail("prompt", "it is empty; leave it out to have it phrased from the name", allowed);
        } else if prompt.len() > MAX_PROMPT_BYTES {
            self.fail("prompt", "it is too long", allowed);
        } else if prompt.contains('\0') {
            self.fail("prompt", "it holds a NUL character", allowed);
        }
    }

    /// Weights after the change, all of them.
    pub(super) fn weights<'a>(
        &mut self,
        weights: impl IntoIterator<Item = (&'a String, &'a f64)>,
        known: &[String],
    ) {
        let mut count = 0;
        let mut sum = 0.0;
        for (provider, weight) in weights {
            count += 1;
            sum += weight;
            let field = format!("provider_weights.{}", provider.chars().take(100).collect::<String>());
            if !known.is_empty() && !known.contains(provider) {
                self.fail(&field, "there is no such provider", known.join(", "));
            } else if !(1..=100).contains(&provider.chars().count()) {
                self.fail(&field, "this cannot be a provider's name", "1 to 100 characters");
            }
            if !(0.0..=MAX_WEIGHT).contains(weight) {
                self.fail(
                    &field,
                    format!("{} is no weight", shown_number(*weight)),
                    format!("0 to {MAX_WEIGHT}"),
                );
            }
        }
        if count > MAX_PROVIDERS {
            self.fail("provider_weights", "there are too many", format!("at most {MAX_PROVIDERS}"));
        }
        if count > 0 && sum <= 0.0 {
            let allowed = "at least one weight above 0, or an empty map";
            self.fail("provider_weights", "no provider may be asked", allowed);
        }
    }

    pub(super) fn limits(&mut self, limits: &Limits) {
        if limits.max_attributes == Some(0) {
            self.fail("limits.max_attributes", "0 would end it at once", allowed::COUNT);
        }
        if limits.max_requests == Some(0) {
            self.fail("limits.max_requests", "0 would end it at once", allowed::COUNT);
        }
        self.amount("limits.max_usd", limits.max_usd, MAX_USD, allowed::USD);
        self.amount("limits.time_limit_seconds", limits.time_limit_seconds, MAX_SECONDS, allowed::SECONDS);
        self.amount("limits.completeness", limits.completeness, 1.0, allowed::SHARE);
        let field = "limits.min_new_per_100_requests";
        match limits.min_new_per_100_requests {
            Some(0) => self.fail(field, "0 would never end it; leave it out", allowed::YIELD),
            Some(most) if most > MAX_NEW_PER_100_REQUESTS => {
                self.fail(field, format!("{most} is more than requests can bring"), allowed::YIELD);
            }
            None | Some(_) => {}
        }
    }

    fn amount(&mut self, field: &str, amount: Option<f64>, most: f64, allowed: &str) {
        if let Some(amount) = amount
            && !(amount > 0.0 && amount <= most)
        {
            self.fail(field, format!("{} is out of range", shown_number(amount)), allowed);
        }
    }

    pub(super) fn items_per_request(&mut self, items: Option<u32>) {
        if let Some(items) = items
            && !(1..=MAX_ITEMS).contains(&items)
        {
            self.fail("items_per_request", format!("{items} is out of range"), allowed::ITEMS);
        }
    }

    /// How many requests are a sample of the whole, where that is said.
    pub(super) fn probe_share(&mut self, wanted: Option<f64>) -> Option<ProbeShare> {
        let wanted = wanted?;
        let share = ProbeShare::new(wanted);
        if share.is_none() {
            self.fail("probe_share", format!("{} is out of range", shown_number(wanted)), allowed::PROBES);
        }
        share
    }

    /// What the topic's items are to be like.
    pub(super) fn items(&mut self, wanted: &dto::Rules) -> ItemRules {
        let (rules, unknown) = wanted.to_core();
        if let Some(unknown) = unknown {
            self.fail("rules.scripts", unknown, allowed::SCRIPTS);
        }
        for error in rules.errors() {
            let allowed = if error.rule() == "matches" { allowed::PATTERN } else { allowed::CHARS };
            self.fail(format!("rules.{}", error.rule()), error.to_string(), allowed);
        }
        rules
    }

    /// What is known already.
    pub(super) fn seeds(&mut self, seeds: Option<&[String]>) -> Option<SeedList> {
        match SeedList::of(seeds?.iter().map(String::as_str)) {
            Ok(list) if list.left_out() == 0 => return Some(list),
            Ok(list) => {
                let first = list.first_left_out().map_or_else(String::new, |first| {
                    format!("element {}, “{}”, cannot be an item: {}", first.number, first.text, first.why)
                });
                let more = match list.left_out() {
                    0 | 1 => String::new(),
                    2 => "; nor can another one".to_owned(),
                    all => format!("; nor can {} others", all - 1),
                };
                self.fail("seeds", first + &more, allowed::SEEDS);
            }
            Err(error) => self.fail("seeds", error.to_string(), allowed::SEEDS),
        }
        None
    }

    /// How it is cut, and the categories that are given for that: who names categories wants requests to aim at them.
    pub(super) fn parts(
        &mut self,
        partition: Option<Partition>,
        categories: Option<&[String]>,
    ) -> (Option<Partition>, Option<Vec<Category>>) {
        let Some(categories) = categories else { return (partition, None) };
        if partition.is_some_and(|partition| partition != Partition::Category) {
            let detail = "categories are for the partition `category`; leave one of both out";
            self.fail("categories", detail, allowed::CATEGORIES);
        }
        match Category::given(categories.iter().map(String::as_str)) {
            Ok(categories) => (Some(Partition::Category), Some(categories)),
            Err(error) => {
                self.fail("categories", error.to_string(), allowed::CATEGORIES);
                (partition, None)
            }
        }
    }

    pub(super) fn finish(self) -> Result<(), Problem> {
        self.errors.finish(ProblemKind::Invalid)
    }
}
