//! A world that scripted models speak of: what there is, who knows what, and what they say when they are asked.
//!
//! All of it is a pure function of the seed and of what is asked: no clock, no state.

mod family;
mod letters;
mod prompt;
mod speech;
pub mod taxonomy;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use igentai_core::cost::Cost;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

pub use family::{Family, Knows, Traits};
use letters::fold;
use prompt::{Reading, Task};
use taxonomy::Taxonomy;

/// Bytes of text that make a token.
const BYTES_PER_TOKEN: usize = 4;

/// Tokens of a prompt that its texts do not show.
const UNSEEN_TOKENS: u64 = 12;

/// What there is, and the models that know some of it.
#[derive(Debug)]
pub struct World {
    taxonomy: Taxonomy,
    models: Vec<Traits>,
    seed: u64,
    /// Of each item, how readily it comes to mind.
    weights: Vec<f64>,
    /// Of each model, the items that it knows.
    known: Vec<Vec<usize>>,
    /// Items by their folded names.
    items: BTreeMap<String, usize>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With a list.
    Listed,
    /// With a text that is none.
    Declined,
    /// Too many requests.
    RateLimited,
    /// The service broke down.
    Broken,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// How it ended.
    pub end: End,
    /// What was said, one text an item.
    pub said: Vec<String>,
    /// The items that are among it.
    pub truths: BTreeSet<usize>,
    /// Tokens read; 0 where it failed.
    pub input_tokens: u64,
    /// Tokens written; 0 where it failed.
    pub output_tokens: u64,
    /// What is charged.
    pub cost: Cost,
    /// How long it took.
    pub latency: Duration,
}

/// What a model is asked.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Number of the model.
    pub model: usize,
    /// Number of the request: the same one is answered the same way again.
    pub number: u64,
    /// Its standing instruction, which costs tokens and is not gone by.
    pub system: &'a str,
    /// What it is asked.
    pub prompt: &'a str,
}

impl Answer {
    /// The service breaks down instead.
    pub fn fail(&mut self) {
        *self = Self {
            end: End::Broken,
            said: Vec::new(),
            truths: BTreeSet::new(),
            input_tokens: 0,
            output_tokens: 0,
            cost: Cost::ZERO,
            latency: self.latency.min(Duration::from_millis(300)),
        };
    }
}

impl World {
    /// A world in which the item of rank r comes to mind with the weight `1 / r^exponent` (Zipf's law). The ranks are drawn by the seed.
    #[must_use]
    pub fn new(taxonomy: Taxonomy, models: Vec<Traits>, exponent: f64, seed: u64) -> Self {
        let mut by_rank: Vec<usize> = (0..taxonomy.items.len()).collect();
        by_rank.shuffle(&mut StdRng::seed_from_u64(seed ^ 0x72_616e_6b73));
        let mut weights = vec![0.0; by_rank.len()];
        let mut rank = 0.0;
        for item in &by_rank {
            rank += 1.0;
            weights[*item] = f64::powf(rank, -exponent);
        }
        let known = models.iter().map(|model| model.knows.of(&taxonomy, &by_rank)).collect();
        let items =
            taxonomy.items.iter().enumerate().map(|(number, item)| (fold(&item.text), number)).collect();
        Self { taxonomy, models, seed, weights, known, items }
    }

    /// What there is.
    #[must_use]
    pub fn taxonomy(&self) -> &Taxonomy {
        &self.taxonomy
    }

    /// The models.
    #[must_use]
    pub fn models(&self) -> &[Traits] {
        &self.models
    }

    /// How many items at least one of the models knows: what can be found.
    #[must_use]
    pub fn knowable(&self) -> usize {
        self.knowable_items().len()
    }

    /// Those items, by their numbers in the taxonomy.
    #[must_use]
    pub fn knowable_items(&self) -> BTreeSet<usize> {
        self.known.iter().flatten().copied().collect()
    }

    /// The item that a text names, in whatever spelling.
    #[must_use]
    pub fn item(&self, text: &str) -> Option<usize> {
        self.items.get(&fold(text)).copied()
    }

    /// The kind that a prompt is taken to ask for; `None` for the whole topic.
    #[must_use]
    pub fn kind_asked_for(&self, prompt: &str) -> Option<&str> {
        let kind = prompt::read(prompt, &self.taxonomy, &self.items).kind;
        (kind > 0).then(|| self.taxonomy.kinds[kind].name.as_str())
    }

    /// What a model says.
    ///
    /// # Panics
    /// Where there is no such model.
    #[must_use]
    pub fn answer(&self, request: Request<'_>) -> Answer {
        let model = &self.models[request.model];
        let mut random = StdRng::seed_from_u64(
            self.seed ^ (request.number << 8 | request.model as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        );
        if random.random_bool(model.failures) {
            let end = if random.random_bool(0.5) { End::RateLimited } else { End::Broken };
            return Answer {
                end,
                said: Vec::new(),
                truths: BTreeSet::new(),
                input_tokens: 0,
                output_tokens: 0,
                cost: Cost::ZERO,
                latency: Duration::from_secs_f64(0.3),
            };
        }
        let (end, said) = if random.random_bool(model.refusals) {
            (End::Declined, vec![speech::REFUSAL.to_owned()])
        } else {
            (End::Listed, self.list(&request, &mut random))
        };
        let tokens = |bytes: usize| bytes.div_ceil(BYTES_PER_TOKEN) as u64;
        let input_tokens = tokens(request.system.len() + request.prompt.len()) + UNSEEN_TOKENS;
        let output_tokens = said.iter().map(|text| tokens(text.len() + 3)).sum::<u64>().max(1);
        let pace = random.random_range(0.7..1.5);
        let writing = seconds(output_tokens) / model.tokens_per_second;
        Answer {
            end,
            truths: said.iter().filter_map(|text| self.item(text)).collect(),
            said,
            input_tokens,
            output_tokens,
            cost: model.price.of(input_tokens, output_tokens),
            latency: Duration::from_secs_f64((model.seconds + writing) * pace),
        }
    }

    fn list(&self, request: &Request<'_>, random: &mut StdRng) -> Vec<String> {
        let reading = prompt::read(request.prompt, &self.taxonomy, &self.items);
        match &reading.task {
            Task::Kinds => {
                let kinds = self.kinds(request.model, &reading);
                if kinds.is_empty() { self.items(request, &reading, random) } else { kinds }
            }
            Task::Name(items) => vec![self.taxonomy.kinds[self.in_common(items)].name.clone()],
            Task::Part => {
                let fits = |kind: &usize| *kind > 0 && reading.fits(&fold(&self.taxonomy.kinds[*kind].name));
                let parts: Vec<usize> = (0..self.taxonomy.kinds.len()).filter(fits).collect();
                let any = self.taxonomy.kinds.len();
                let part = match parts.len() {
                    0 => random.random_range(0..any),
                    some => parts[random.random_range(0..some)],
                };
                let reading = Reading { kind: part, letters: Vec::new(), onwards: false, ..reading };
                self.items(request, &reading, random)
            }
            Task::Judge(shown) => {
                let misjudges = self.models[request.model].misjudges;
                let doubts = |text: &&String| self.item(text).is_none() != random.random_bool(misjudges);
                let doubted: Vec<String> = shown.iter().filter(doubts).cloned().collect();
                if doubted.is_empty() { vec!["NONE".to_owned()] } else { doubted }
            }
            Task::Items => self.items(request, &reading, random),
        }
    }

    /// The kinds just below one of which the model knows something, those that come to mind first before the others.
    fn kinds(&self, model: usize, reading: &Reading) -> Vec<String> {
        let mass = |kind: usize| {
            let within = |item: &&usize| self.taxonomy.is_within(self.taxonomy.items[**item].kind, kind);
            self.known[model].iter().filter(within).map(|item| self.weights[*item]).sum::<f64>()
        };
        let children = self.taxonomy.children(reading.kind).into_iter();
        let mut children: Vec<(f64, usize)> = children
            .filter(|kind| !reading.barred_kinds.contains(kind))
            .map(|kind| (mass(kind), kind))
            .filter(|(mass, _)| *mass > 0.0)
            .collect();
        children.sort_by(|a, b| b.0.total_cmp(&a.0));
        children.truncate(reading.count);
        children.into_iter().map(|(_, kind)| self.taxonomy.kinds[kind].name.clone()).collect()
    }

    /// The smallest kind that most of the items belong to.
    fn in_common(&self, items: &BTreeSet<usize>) -> usize {
        let within = |kind: usize| {
            items
                .iter()
                .filter(|item| self.taxonomy.is_within(self.taxonomy.items[**item].kind, kind))
                .count()
        };
        let common = (0..self.taxonomy.kinds.len()).filter(|kind| within(*kind) * 10 >= items.len() * 7);
        common.max_by_key(|kind| self.taxonomy.path(*kind).count()).unwrap_or(0)
    }

    fn items(&self, request: &Request<'_>, reading: &Reading, random: &mut StdRng) -> Vec<String> {
        let model = &self.models[request.model];
        let mut named = self.draw(request.model, reading, random);
        if named.len() < reading.count && !reading.is_open() && random.random_bool(model.pads) {
            let anything = Reading { kind: 0, letters: Vec::new(), ..reading.clone() };
            let further = self.draw(request.model, &anything, random);
            let further: Vec<usize> = further.into_iter().filter(|item| !named.contains(item)).collect();
            named.extend(further);
            named.truncate(reading.count);
        }
        let mut said = Vec::new();
        if random.random_bool(model.chatter) {
            said.push(format!("Here are some {}:", self.taxonomy.topic.to_lowercase()));
        }
        for (slot, item) in named.into_iter().enumerate() {
            said.push(if random.random_bool(model.inventions) {
                speech::invent(request.model, request.number, slot, reading.start())
            } else {
                speech::spell(&self.taxonomy.items[item].text, model.sloppiness, random)
            });
        }
        said
    }

    /// Different items that fit, each draw in proportion to the weights of those left: Efraimidis and Spirakis, "Weighted random
    /// sampling with a reservoir" (2006). O(n log n) in what the model knows.
    fn draw(&self, number: usize, reading: &Reading, random: &mut StdRng) -> Vec<usize> {
        let model = &self.models[number];
        let mut keyed: Vec<(usize, f64, usize)> = Vec::new();
        let obedience =
            model.obedience * model.attention.map_or(1.0, |most| share(most, reading.barred.len()));
        for &item in &self.known[number] {
            // Drawn for each, whether it fits or not: prompts that differ a little get answers that differ a little.
            let key = random.random::<f64>().max(f64::MIN_POSITIVE).ln() / self.weights[item];
            let (forgotten, heeded) = (random.random_bool(model.forgets), random.random_bool(obedience));
            let about = &self.taxonomy.items[item];
            let barred = reading.barred.contains(&item)
                || reading.barred_kinds.iter().any(|kind| self.taxonomy.is_within(about.kind, *kind));
            if forgotten || (barred && heeded) || !self.taxonomy.is_within(about.kind, reading.kind) {
                continue;
            }
            if let Some(place) = reading.place(&fold(&about.text)) {
                keyed.push((place, key, item));
            }
        }
        keyed.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        let most = model.stops.unwrap_or(usize::MAX).min(reading.count);
        let most = model.stops_from.map_or(most, |from| random.random_range(from.min(most)..=most));
        keyed.into_iter().take(most).map(|(_, _, item)| item).collect()
    }
}

/// How much of all is within the most.
fn share(most: usize, all: usize) -> f64 {
    let number = |count| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    if all <= most { 1.0 } else { number(most) / number(all) }
}

fn seconds(tokens: u64) -> f64 {
    f64::from(u32::try_from(tokens).unwrap_or(u32::MAX))
}
