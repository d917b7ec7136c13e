//! What the service knows: items, the popular ones named far more often than the others, as models do.

use rand::{RngExt, rngs::StdRng};

/// Items in the order of their popularity. The weight of rank r is `1 / r^exponent` (Zipf's law).
#[derive(Debug, Clone, Default)]
pub(super) struct Catalogue {
    items: Vec<String>,
    weights: Vec<f64>,
}

impl Catalogue {
    pub(super) fn new(items: Vec<String>, exponent: f64) -> Self {
        let mut rank = 0.0;
        let weights = items
            .iter()
            .map(|_| {
                rank += 1.0;
                f64::powf(rank, -exponent)
            })
            .collect();
        Self { items, weights }
    }

    /// Draws up to `count` different items, each draw in proportion to the weights of those left. An item that the
    /// prompt names is left out with the probability `obedience`.
    ///
    /// Every item draws a key, `u^(1/weight)`, and the largest keys win: Efraimidis and Spirakis, "Weighted random
    /// sampling with a reservoir" (2006). O(n log n) in the size of the catalogue.
    pub(super) fn draw(&self, rng: &mut StdRng, count: usize, prompt: &str, obedience: f64) -> Vec<String> {
        let mut keyed: Vec<(f64, &String)> = self
            .items
            .iter()
            .zip(&self.weights)
            // The logarithm of the key, which keeps its order and does not underflow.
            .map(|(item, weight)| (rng.random::<f64>().max(f64::MIN_POSITIVE).ln() / weight, item))
            .collect();
        keyed.sort_by(|a, b| b.0.total_cmp(&a.0));
        keyed
            .into_iter()
            .map(|(_, item)| item)
            .filter(|item| obedience <= 0.0 || !prompt.contains(item.as_str()) || !rng.random_bool(obedience))
            .take(count)
            .cloned()
            .collect()
    }
}

/// The number of items a prompt asks for: the first number up to 1000 that follows closely on a word like "list", or
/// that is closely followed by one like "items".
pub(crate) fn asked_for(prompt: &str) -> Option<usize> {
    const BEFORE: [&str; 13] = [
        "list",
        "name",
        "give",
        "write",
        "produce",
        "provide",
        "generate",
        "return",
        "enumerate",
        "exactly",
        "most",
        "another",
        "next",
    ];
    const AFTER: [&str; 8] = ["items", "names", "entries", "examples", "answers", "words", "more", "new"];
    const CLOSE: usize = 4;
    let words: Vec<String> = prompt
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase())
        .collect();
    words.iter().enumerate().find_map(|(at, word)| {
        let number = word.parse().ok().filter(|number| (1..=1000).contains(number))?;
        let before = &words[at.saturating_sub(CLOSE)..at];
        let after = &words[at + 1..words.len().min(at + 1 + CLOSE)];
        let asks = before.iter().any(|word| BEFORE.contains(&word.as_str()))
            || after.iter().any(|word| AFTER.contains(&word.as_str()));
        asks.then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use rand::SeedableRng;

    use super::*;

    fn birds(count: usize) -> Vec<String> {
        (1..=count).map(|rank| format!("bird {rank:03}.")).collect()
    }

    #[test]
    fn popular_items_are_named_more_often_and_none_twice_in_an_answer() {
        let catalogue = Catalogue::new(birds(100), 1.0);
        let mut rng = StdRng::seed_from_u64(7);
        let mut named: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..300 {
            let drawn = catalogue.draw(&mut rng, 10, "", 0.0);
            assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 10);
            for item in drawn {
                *named.entry(item).or_default() += 1;
            }
        }
        let count = |rank| named.get(&format!("bird {rank:03}.")).copied().unwrap_or(0);
        assert!(count(1) > 250 && count(1) > count(10) && count(10) > count(100), "{named:?}");
    }

    #[test]
    fn an_obedient_model_leaves_out_what_the_prompt_names() {
        let catalogue = Catalogue::new(birds(5), 1.0);
        let drawn = catalogue.draw(&mut StdRng::seed_from_u64(1), 5, "not bird 001. and bird 004.", 1.0);
        assert_eq!(
            drawn.iter().map(String::as_str).collect::<BTreeSet<_>>(),
            ["bird 002.", "bird 003.", "bird 005."].into()
        );
    }

    #[test]
    fn the_number_asked_for_is_found_in_the_prompt() {
        let examples = [
            ("List 30 birds.", Some(30)),
            ("Please name exactly **25** rivers", Some(25)),
            ("Films of 1994: 40 more items", Some(40)),
            ("Rivers. Avoid Area 51", None),
            ("List birds", None),
        ];
        for (prompt, expected) in examples {
            assert_eq!(asked_for(prompt), expected, "{prompt}");
        }
    }
}
