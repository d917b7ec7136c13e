//! A model that answers from a seeded list, popular items first, and keeps a journal of everything it was asked.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use igentai_core::batch::Outcome;
use igentai_core::cost::{Cost, Price};
use igentai_core::gate::Scope;
use igentai_core::key::{Fingerprint, Key};
use igentai_producer::provider::{Provider, Question, Reply};
use igentai_shared::clock::Clock;
use igentai_shared::config::providers::{KeySource, ProviderConfig, ProviderKind};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::witness::LifeId;

/// Longest answer, in tokens.
const MAX_OUTPUT_TOKENS: u32 = 4_096;

/// Input tokens of every answered request.
const INPUT_TOKENS: u64 = 120;

/// Names of the providers and what they charge in USD per million tokens.
const PROVIDERS: [(&str, f64, f64); 2] = [("alpha", 0.15, 0.60), ("beta", 1.0, 2.0)];

/// A request as the model saw it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    /// From 1; an answer says it as its number of output tokens, so that it can be found in the log.
    pub(crate) number: u64,
    pub(crate) at: u64,
    pub(crate) life: LifeId,
    pub(crate) provider: &'static str,
    /// What it came to, or would have.
    pub(crate) outcome: Outcome,
    /// Fingerprints of the items named, each once.
    pub(crate) named: BTreeSet<Fingerprint>,
    /// The answer was given into the hands of who asked.
    pub(crate) delivered: bool,
    /// What the provider may charge for it at most.
    pub(crate) worst_case: Cost,
    pub(crate) price: Cost,
}

impl Asked {
    /// What may be on the bill.
    pub(crate) fn bill(&self) -> Cost {
        if self.outcome == Outcome::Answered && self.delivered {
            self.price
        } else if matches!(self.outcome, Outcome::RateLimited | Outcome::Unreachable) {
            Cost::ZERO
        } else {
            self.worst_case
        }
    }
}

/// The model behind all providers.
#[derive(Debug)]
pub(crate) struct Model {
    clock: Arc<dyn Clock>,
    catalogue: Vec<(String, Fingerprint)>,
    failures: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    random: StdRng,
    journal: Vec<Asked>,
}

impl Model {
    pub(crate) fn new(seed: u64, items: usize, failures: f64, clock: Arc<dyn Clock>) -> Arc<Self> {
        let state = State { random: StdRng::seed_from_u64(seed ^ 0x0dd5), journal: Vec::new() };
        let catalogue = (0..items).map(word).map(|word| (word.clone(), fingerprint(&word))).collect();
        Arc::new(Self { clock, catalogue, failures, state: Mutex::new(state) })
    }

    pub(crate) fn fingerprints(&self) -> Vec<Fingerprint> {
        self.catalogue.iter().map(|(_, fingerprint)| *fingerprint).collect()
    }

    pub(crate) fn journal(&self) -> Vec<Asked> {
        self.state().journal.clone()
    }

    /// What a life of a producer asks through.
    pub(crate) fn providers(self: &Arc<Self>, life: &LifeId) -> Vec<(ProviderConfig, Arc<dyn Provider>)> {
        let providers = PROVIDERS.iter().map(|(name, input, output)| {
            let price = Price::per_million(*input, *output);
            let config = ProviderConfig {
                name: (*name).to_owned(),
                kind: ProviderKind::OpenAi,
                base_url: "http://model.invalid/v1".to_owned(),
                model: "scripted".to_owned(),
                key_source: KeySource::None,
                key: None,
                weight: 1.0,
                price,
                price_known: true,
                max_concurrency: 4,
                requests_per_minute: None,
                timeout_seconds: 10.0,
                temperature: 1.0,
                max_output_tokens: MAX_OUTPUT_TOKENS,
            };
            let provider = Scripted { model: Arc::clone(self), name, price, life: life.clone() };
            (config, Arc::new(provider) as Arc<dyn Provider>)
        });
        providers.collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, provider: &Scripted, question: &Question) -> (usize, Duration, Reply) {
        let mut state = self.state();
        let random = &mut state.random;
        let (outcome, latency, retry_after) = outcome(self.failures, random);
        let (text, named) = if outcome != Outcome::Answered {
            (String::new(), BTreeSet::new())
        } else if random.random_bool(0.03) {
            ("I'm sorry, but I can't help with that.".to_owned(), BTreeSet::new())
        } else {
            self.name_items(usize::try_from(question.items).unwrap(), random)
        };
        let number = u64::try_from(state.journal.len()).unwrap() + 1;
        let answered = outcome == Outcome::Answered;
        let (input_tokens, output_tokens) = if answered { (INPUT_TOKENS, number) } else { (0, 0) };
        let output_limit = u64::from(MAX_OUTPUT_TOKENS);
        assert!(number < output_limit, "the numbers of requests are their tokens");
        state.journal.push(Asked {
            number,
            at: self.clock.now().monotonic.0,
            life: provider.life.clone(),
            provider: provider.name,
            outcome,
            named,
            delivered: false,
            worst_case: provider.price.of(question.bytes() + 1_024, output_limit),
            price: provider.price.of(input_tokens, output_tokens),
        });
        let reply = Reply {
            outcome,
            scope: Scope::Provider,
            text,
            truncated: false,
            input_tokens,
            output_tokens,
            retry_after,
            detail: if answered { String::new() } else { "as planned".to_owned() },
        };
        (state.journal.len() - 1, latency, reply)
    }

    /// A list as a model gives it: popular items first choice, spellings that differ, an item named twice.
    fn name_items(&self, items: usize, random: &mut StdRng) -> (String, BTreeSet<Fingerprint>) {
        let mut left: Vec<usize> = (0..self.catalogue.len()).collect();
        let (mut said, mut named) = (Vec::new(), BTreeSet::new());
        while said.len() < items && !left.is_empty() {
            let rank = left.len() as f64 * random.random::<f64>().powi(2);
            let (text, fingerprint) = &self.catalogue[left.remove((rank as usize).min(left.len() - 1))];
            named.insert(*fingerprint);
            said.push(if random.random_bool(0.1) { text.to_uppercase() } else { text.clone() });
            if random.random_bool(0.02) {
                said.push(text.clone());
            }
        }
        let quoted: Vec<String> = said.iter().map(|text| format!("\"{text}\"")).collect();
        (format!("[{}]", quoted.join(", ")), named)
    }
}

fn outcome(failures: f64, random: &mut StdRng) -> (Outcome, Duration, Option<Duration>) {
    let latency = Duration::from_millis(random.random_range(200..1_800));
    if !random.random_bool(failures) {
        return (Outcome::Answered, latency, None);
    }
    match random.random_range(0..4) {
        0 => (Outcome::RateLimited, Duration::from_millis(30), Some(Duration::from_secs(1))),
        1 => (Outcome::Timeout, Duration::from_secs(4), None),
        2 => (Outcome::ServerError, latency, None),
        _ => (Outcome::Unreachable, Duration::from_millis(5), None),
    }
}

/// The fingerprint of an item.
pub(crate) fn fingerprint(text: &str) -> Fingerprint {
    Fingerprint::of(&Key::of(text).unwrap())
}

/// An item that looks like a name and differs from every other.
fn word(index: usize) -> String {
    const SYLLABLES: [&str; 12] = ["ba", "ke", "mi", "no", "ru", "ta", "lo", "ve", "si", "pu", "ga", "do"];
    let [a, b, c] = [index % 12, index / 12 % 12, index / 144 % 12].map(|part| SYLLABLES[part]);
    let mut name = format!("{a}{b}l{c}n {c}{a}r{b}");
    name[..1].make_ascii_uppercase();
    name
}

#[derive(Debug)]
struct Scripted {
    model: Arc<Model>,
    name: &'static str,
    price: Price,
    life: LifeId,
}

#[async_trait]
impl Provider for Scripted {
    async fn ask(&self, question: &Question) -> Reply {
        let (index, latency, reply) = self.model.begin(self, question);
        tokio::time::sleep(latency).await;
        self.model.state().journal[index].delivered = true;
        reply
    }
}
