//! A provider without a model: it answers from lists that ship with the program, the way models do, and costs nothing.

mod lists;
mod speech;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use igentai_core::batch::Outcome;
use igentai_core::frontier::Aim;
use igentai_core::gate::Scope;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{Provider, Question, Reply};

/// Popularity falls with the rank to this power: after some 50 answers of 50 items nine tenths of a list of 300 have been named,
/// after a hundred nearly all.
const POPULARITY_EXPONENT: f64 = 1.4;
/// That an item is named although the question says to leave it out.
const FORGETS: f64 = 0.1;
/// From the question to the end of the answer, in seconds.
const LATENCY: std::ops::Range<f64> = 0.15..0.60;

/// Whether the demo provider has a list for a topic, by its title, another usual name, or the same words in another order.
#[must_use]
pub fn knows(topic: &str) -> bool {
    lists::find(topic).is_some()
}

/// The titles of the lists that the demo provider has.
#[must_use]
pub fn titles() -> Vec<&'static str> {
    lists::all().iter().map(|list| list.title.as_str()).collect()
}

/// What to say where a topic is not known: what is, and how to ask real models.
#[must_use]
pub fn advice() -> String {
    format!(
        "the demo provider knows only: {}; to ask real models put a provider into igentai.toml, or set OPENAI_API_KEY, \
         ANTHROPIC_API_KEY or GEMINI_API_KEY, or start Ollama",
        titles().join(", ")
    )
}

/// The demo provider. Equal seeds and questions give equal answers.
pub struct Demo {
    random: Mutex<StdRng>,
    latency_scale: f64,
}

impl fmt::Debug for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demo").field("latency_scale", &self.latency_scale).finish_non_exhaustive()
    }
}

impl Demo {
    /// With the latency of a quick model.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_latency(seed, 1.0)
    }

    /// With a latency so many times that of a quick model; 0 answers at once.
    #[must_use]
    pub fn with_latency(seed: u64, latency_scale: f64) -> Self {
        Self { random: Mutex::new(StdRng::seed_from_u64(seed)), latency_scale }
    }

    fn next_random(&self) -> StdRng {
        let mut random = self.random.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        StdRng::seed_from_u64(random.random())
    }
}

#[async_trait]
impl Provider for Demo {
    async fn ask(&self, question: &Question) -> Reply {
        let Some(list) = lists::find(&question.topic) else {
            return Reply { scope: Scope::Topic, ..Reply::failed(Outcome::BadRequest, advice()) };
        };
        let mut random = self.next_random();
        let seconds = random.random_range(LATENCY) * self.latency_scale;
        tokio::time::sleep(Duration::try_from_secs_f64(seconds).unwrap_or_default()).await;
        let answer = if question.list {
            let barred: BTreeSet<&str> =
                question.user.lines().filter_map(|line| line.strip_prefix("- ")).collect();
            let mut heeds = |item: &&'static str| !barred.contains(item) || random.random_bool(FORGETS);
            let known = match &question.aim {
                Aim::Parts { of: None, .. } => list.kinds(),
                // All that its lists have is real.
                Aim::Parts { of: Some(_), .. } | Aim::Judge => Vec::new(),
                Aim::Whole | Aim::Part(_) | Aim::Category(_) => list.items.clone(),
            };
            let fits = |item: &&'static str| match &question.aim {
                Aim::Whole | Aim::Parts { .. } | Aim::Judge => true,
                Aim::Part(letters) => letters.holds(item),
                Aim::Category(category) => lists::is_of_kind(item, category.name()),
            };
            let fits: Vec<&'static str> = known.into_iter().filter(fits).filter(|item| heeds(item)).collect();
            let items = draw(&fits, question.items, &mut random);
            speech::say(&list.title, &items, &mut random)
        } else {
            speech::talk(&list.title, &draw(&list.items, 5, &mut random))
        };
        Reply {
            truncated: answer.truncated,
            input_tokens: question.bytes().div_ceil(4),
            output_tokens: u64::try_from(answer.text.len().div_ceil(4)).unwrap_or(u64::MAX),
            text: answer.text,
            ..Reply::failed(Outcome::Answered, String::new())
        }
    }
}

/// About so many items, popular ones likelier and earlier, each once.
fn draw(items: &[&'static str], wanted: u32, random: &mut StdRng) -> Vec<&'static str> {
    let wanted = f64::from(wanted.max(1)) * random.random_range(0.9..=1.0);
    // The item with weight w waits an exponential time with rate w; the first to come are a weighted draw without replacement.
    let mut arrivals: Vec<(f64, &'static str)> = Vec::with_capacity(items.len());
    let mut rank = 0.0_f64;
    for item in items {
        rank += 1.0;
        let uniform: f64 = random.random();
        arrivals.push((-(1.0 - uniform).ln() * rank.powf(POPULARITY_EXPONENT), item));
    }
    arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
    let count = wanted.ceil() as usize;
    arrivals.into_iter().take(count).map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests;
