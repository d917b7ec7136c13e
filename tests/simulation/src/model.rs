//! A model that answers from a seeded list, popular items first, and keeps a journal of everything it was asked.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use igentai_core::batch::Outcome;
use igentai_core::cost::{Cost, Price};
use igentai_core::frontier::Aim;
use igentai_core::gate::Scope;
use igentai_core::key::Fingerprint;
use igentai_producer::provider::{Provider, Question, Reply};
use igentai_shared::clock::Clock;
use igentai_shared::config::providers::ProviderConfig;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::plan::Plan;
use crate::stage::{MAX_OUTPUT_TOKENS, scripted_provider};
use crate::things::{Thing, Things};
use crate::witness::LifeId;

/// Input tokens of every answered request.
pub(crate) const INPUT_TOKENS: u64 = 120;

/// Chance that one of the last things that it came to know is named: what was said a moment ago is said again, often before it is committed.
const TOPICAL: f64 = 0.2;

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
    /// The things named.
    pub(crate) named: BTreeSet<Thing>,
    /// How many items they were named by: some are named twice.
    pub(crate) items: u64,
    /// Texts that are no items.
    pub(crate) talk: u64,
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
    things: Arc<Things>,
    /// Things from here on were all named before the run began.
    known_from: usize,
    shy_for: u64,
    failures: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    random: StdRng,
    journal: Vec<Asked>,
}

impl Model {
    /// Of the things it knows, those behind the first `plan.items` are in the registry already.
    pub(crate) fn new(plan: &Plan, clock: Arc<dyn Clock>) -> Arc<Self> {
        let state = State { random: StdRng::seed_from_u64(plan.seed ^ 0x0dd5), journal: Vec::new() };
        let things = Arc::new(Things::new(plan.items + plan.known, plan.items));
        let Plan { items: known_from, shy_for, failures, .. } = *plan;
        Arc::new(Self { clock, things, known_from, shy_for, failures, state: Mutex::new(state) })
    }

    pub(crate) fn things(&self) -> Arc<Things> {
        Arc::clone(&self.things)
    }

    /// Fingerprints of things that may be new.
    pub(crate) fn lures(&self) -> Vec<Fingerprint> {
        (0..self.known_from).map(|thing| self.things.fingerprint(thing)).collect()
    }

    pub(crate) fn journal(&self) -> Vec<Asked> {
        self.state().journal.clone()
    }

    /// What a life of a producer asks through.
    pub(crate) fn providers(self: &Arc<Self>, life: &LifeId) -> Vec<(ProviderConfig, Arc<dyn Provider>)> {
        let providers = PROVIDERS.iter().map(|(name, input, output)| {
            let price = Price::per_million(*input, *output);
            let config = ProviderConfig { max_concurrency: 4, ..scripted_provider(name, price) };
            let provider = Scripted { model: Arc::clone(self), name, price, life: life.clone() };
            (config, Arc::new(provider) as Arc<dyn Provider>)
        });
        providers.collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an answer into the journal that was given before the run began.
    pub(crate) fn answered_before(&self, life: &LifeId, named: BTreeSet<Thing>) -> Asked {
        let (name, input, output) = PROVIDERS[0];
        let (provider, price) = (name, Price::per_million(input, output));
        let mut state = self.state();
        let number = u64::try_from(state.journal.len()).unwrap() + 1;
        let asked = Asked {
            number,
            at: 0,
            life: life.clone(),
            provider,
            outcome: Outcome::Answered,
            items: u64::try_from(named.len()).unwrap(),
            talk: 0,
            named,
            delivered: true,
            worst_case: price.of(INPUT_TOKENS, u64::from(MAX_OUTPUT_TOKENS)),
            price: price.of(INPUT_TOKENS, number),
        };
        state.journal.push(asked.clone());
        asked
    }

    fn begin(&self, provider: &Scripted, question: &Question) -> (usize, Duration, Reply) {
        let mut state = self.state();
        let asked_before = state.journal.len();
        let random = &mut state.random;
        let (outcome, latency, retry_after) = outcome(self.failures, random);
        let answer = if outcome != Outcome::Answered {
            Answer::default()
        } else if random.random_bool(0.03) {
            // What a judge says is no item, whatever it is.
            let talk = u64::from(question.aim != Aim::Judge);
            Answer { text: "I'm sorry, but I can't help with that.".to_owned(), talk, ..Answer::default() }
        } else {
            match &question.aim {
                Aim::Parts { of: None, .. } => Answer { text: KINDS.join("\n"), ..Answer::default() },
                Aim::Parts { of: Some(_), .. } => Answer { text: "[]".to_owned(), ..Answer::default() },
                Aim::Judge => judged(question, random),
                Aim::Whole | Aim::Part(_) | Aim::Category(_) => {
                    self.name_things(asked_before, question, random)
                }
            }
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
            named: answer.named,
            items: answer.items,
            talk: answer.talk,
            delivered: false,
            worst_case: provider.price.of(question.bytes() + 1_024, output_limit),
            price: provider.price.of(input_tokens, output_tokens),
        });
        let reply = Reply {
            outcome,
            scope: Scope::Provider,
            text: answer.text,
            truncated: false,
            input_tokens,
            output_tokens,
            retry_after,
            detail: if answered { String::new() } else { "as planned".to_owned() },
        };
        (state.journal.len() - 1, latency, reply)
    }

    /// A list as a model gives it: popular and topical things first choice, spellings that differ, a thing named twice. The longer it is asked, the more
    /// it knows.
    fn name_things(&self, asked_before: usize, question: &Question, random: &mut StdRng) -> Answer {
        let items = usize::try_from(question.items).unwrap();
        let thought_of = self.known_from * (asked_before + 1) / self.shy_for as usize;
        let mut left: Vec<Thing> = (0..thought_of.clamp(1, self.known_from)).collect();
        let is_asked = |thing: &Thing| match &question.aim {
            Aim::Whole | Aim::Parts { .. } | Aim::Judge => true,
            Aim::Part(letters) => letters.holds(&self.things.spellings(*thing)[0]),
            Aim::Category(category) => category.name() == KINDS[*thing % KINDS.len()],
        };
        if left.iter().any(is_asked) {
            left.retain(is_asked);
        }
        let known = self.known_from..self.things.count();
        let (mut said, mut named) = (Vec::new(), BTreeSet::new());
        while said.len() < items && !left.is_empty() {
            let rank = if random.random_bool(TOPICAL) {
                left.len() - 1 - random.random_range(0..left.len().min(5))
            } else {
                (left.len() as f64 * random.random::<f64>().powf(1.3)) as usize
            };
            let mut thing = left.remove(rank.min(left.len() - 1));
            if !known.is_empty() && random.random_bool(0.2) {
                thing = random.random_range(known.clone());
            }
            named.insert(thing);
            let times = if random.random_bool(0.02) { 2 } else { 1 };
            for _ in 0..times {
                let spellings = self.things.spellings(thing);
                let unusual = random.random_bool(0.2);
                let spelling = if unusual { random.random_range(0..spellings.len()) } else { 0 };
                said.push(format!("\"{}\"", spellings[spelling]));
            }
        }
        let items = u64::try_from(said.len()).unwrap();
        Answer { text: format!("[{}]", said.join(", ")), named, items, talk: 0 }
    }
}

/// What a judge says of what it is shown: some of it is none, all is well, or nothing that makes sense.
fn judged(question: &Question, random: &mut StdRng) -> Answer {
    let shown: Vec<&str> = question.user.lines().filter_map(|line| line.strip_prefix("- ")).collect();
    let text = match random.random_range(0..4) {
        0 => "NONE".to_owned(),
        1 => "Neither nor\nThis one\nThat one".to_owned(),
        _ => {
            let doubted = shown.into_iter().filter(|_| random.random_bool(0.2));
            let doubted: Vec<String> = doubted.map(|text| format!("{text:?}")).collect();
            format!("[{}]", doubted.join(", "))
        }
    };
    Answer { text, ..Answer::default() }
}

/// Kinds of things; there are no kinds of them.
const KINDS: [&str; 5] = ["Round ones", "Green ones", "Heavy ones", "Quick ones", "Rare ones"];

/// What a model says.
#[derive(Debug, Default)]
struct Answer {
    text: String,
    named: BTreeSet<Thing>,
    items: u64,
    talk: u64,
}

fn outcome(failures: f64, random: &mut StdRng) -> (Outcome, Duration, Option<Duration>) {
    let latency = Duration::from_millis(random.random_range(100..900));
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
