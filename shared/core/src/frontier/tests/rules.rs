//! What is decided, as a whole: whoever changes it says so.

use std::fmt::Write as _;

use super::*;
use crate::decision::RULES;

/// What a model of that number knows of a part: names of that part, of all letters, the more of them the greater its number.
fn said(aim: &Aim, model: usize, (turn, items): (usize, usize), log: &Log) -> (Vec<String>, Vec<String>) {
    let letters = |range: &str| names(range, 9 + 6 * model);
    match aim {
        Aim::Parts { of, .. } => {
            let categories = ["Owls", "Ducks", "Geese"].map(str::to_owned).to_vec();
            (Vec::new(), if of.is_none() { categories } else { Vec::new() })
        }
        Aim::Part(part) => {
            let all = letters("abcdefghijklmnopqrstuvwxyz");
            (
                all.into_iter()
                    .filter(|name| part.contains(crate::frontier::letters::place(name)))
                    .take(items)
                    .collect(),
                Vec::new(),
            )
        }
        Aim::Category(category) => {
            let first = category
                .name()
                .chars()
                .next()
                .map_or_else(String::new, |first| first.to_lowercase().collect());
            (letters(&first), Vec::new())
        }
        Aim::Whole | Aim::Judge => {
            let all = letters("abcdefghijklmnopqrstuvwxyz");
            let step = 1 + (turn + log.entries.len()) % 5;
            (all.into_iter().step_by(step).take(items).collect(), Vec::new())
        }
    }
}

/// The first decisions of a topic, answered one at a time.
fn decided(partition: Partition, models: &[&str], routing: Policy, items: u32) -> String {
    let providers = providers(models);
    let weights: BTreeMap<String, f64> = providers.iter().cloned().zip([1.0, 2.0, 3.0]).collect();
    let mut log = Log::default();
    let mut all = String::new();
    for turn in 0..60 {
        let wish = Wish {
            items,
            partition,
            providers: &providers,
            weights: &weights,
            routing,
            wanted: Some(0.99),
            ..PLAIN
        };
        let Outlook::Ask { aim, provider, items, new, .. } = log.frontier().next(&wish) else { break };
        // What is asked beside it, as far as it waits for nothing.
        let mut beside = vec![(aim.clone(), new)];
        while let Outlook::Ask { aim, provider, items, new, .. } =
            log.frontier().next(&Wish { under_way: &beside, ..wish })
            && beside.len() < 8
        {
            writeln!(all, "  {:?} {provider:?} {items}", aim.cell()).unwrap();
            beside.push((aim, new));
        }
        let model = provider.clone().unwrap_or_else(|| ONE.to_owned());
        let number = models.iter().position(|name| *name == model).unwrap_or_default();
        let (named, categories) = said(&aim, number, (turn, items as usize), &log);
        writeln!(all, "{:?} {provider:?} {items}", aim.cell()).unwrap();
        let cost = Cost::from_picodollars(1 + number as u64);
        let categories = categories.into_iter().collect();
        let answer = ResponseMeta { cell: aim.cell(), asked: items, cost, categories, ..meta(&model) };
        log.meta(answer, &super::all(&named));
    }
    all
}

/// Whoever changes what is decided counts [`RULES`] up and writes the new digest here, so that a replay does not take what an older program decided for a difference.
#[test]
fn whoever_changes_what_is_decided_counts_the_rules_up() {
    let mut all = String::new();
    for partition in [Partition::Alphabetical, Partition::Category, Partition::Semantic] {
        for models in [[ONE].as_slice(), &[ONE, "two", "three"]] {
            for routing in [Policy::GoodUcb, Policy::Fixed] {
                for items in [50, 10] {
                    let decided = decided(partition, models, routing, items);
                    assert!(decided.lines().count() > 10, "{decided}");
                    all += &decided;
                }
            }
        }
    }
    let digest = xxhash_rust::xxh3::xxh3_64(all.as_bytes());
    assert_eq!((RULES, format!("{digest:016x}").as_str()), (7, "0c2885fee76a68f8"), "{all}");
}
