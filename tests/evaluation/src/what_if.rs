//! How near `igentai replay --policy` comes where requests aim at parts: what it says of a run's own policy, beside the run; and what it says would have come of a run
//! without one of the models, beside a run without it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use igentai_core::decision::{Ends, Terms};
use igentai_core::routing::Policy;
use igentai_core::routing::what_if::Reached;
use igentai_core::routing::what_if::anew::Over;
use igentai_core::topic::Topic;

use crate::report::Quartiles;
use crate::{How, Setting, ours, world};

/// So many answers in a row without anything new end a run.
const DRY_AFTER: u64 = 30;

/// Beside what was.
#[derive(Debug, Clone, PartialEq)]
pub struct Guess {
    /// Who is not asked; nobody where it is the run's own policy.
    pub without: Option<String>,
    /// What was said.
    pub said: Reached,
    /// Why that was over.
    pub over: Over,
    /// What came of a run like that.
    pub was: Reached,
    /// The same when it had as many items as were said.
    pub was_there: Option<Reached>,
    /// What came of the run that it was said of.
    pub instead_of: Reached,
}

fn terms(topic: &Topic) -> Terms {
    Terms { ends: Some(Ends::by(topic.limits, DRY_AFTER, 0, 0)), ..Terms::default() }
}

/// Of a world's run: its own policy, and each model left out.
#[must_use]
#[expect(clippy::missing_panics_doc, reason = "a setting that was looked at before has a world")]
pub fn guesses(setting: &Setting, how: &How, seed: u64) -> Vec<Guess> {
    let models = Arc::new(world(setting, seed).unwrap());
    let (topic, answers) = ours::log(&models, how, seed);
    let (was, terms) = (answers.reached(), terms(&topic));
    let own = answers.anew(Policy::GoodUcb, &BTreeMap::new(), &terms);
    let Ok(own) = own else { return Vec::new() };
    let mut all = vec![Guess {
        without: None,
        said: own.reached,
        over: own.anew.map_or(Over::Requests, |anew| anew.over),
        was,
        was_there: own.was_there,
        instead_of: was,
    }];
    let names: Vec<&str> = models.models().iter().map(|model| model.name.as_str()).collect();
    for without in names.iter().filter(|_| names.len() > 1) {
        let others = names.iter().filter(|name| *name != without);
        let weights: BTreeMap<String, f64> = others.map(|name| ((*name).to_owned(), 1.0)).collect();
        let said = answers.anew(Policy::GoodUcb, &weights, &terms).unwrap();
        let how = How { weights, ..how.clone() };
        let (_, truth) = ours::log(&models, &how, seed);
        all.push(Guess {
            without: Some((*without).to_owned()),
            said: said.reached,
            over: said.anew.map_or(Over::Requests, |anew| anew.over),
            was: truth.reached(),
            was_there: truth.when(said.reached.items),
            instead_of: was,
        });
    }
    all
}

/// Over seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct WhatIfReport(String, Vec<Guess>);

/// What was said, by who was left out.
#[must_use]
pub fn what_if_report(setting: &Setting, guesses: Vec<Guess>) -> WhatIfReport {
    WhatIfReport(format!("{}, {}", setting.name(), setting.family.name()), guesses)
}

fn quartiles(of: impl Iterator<Item = f64>) -> String {
    let Quartiles { lower, median, upper } = Quartiles::of(of.map(Some));
    let told = |one: Option<f64>| one.map_or_else(|| "–".to_owned(), |one| format!("{one:.2}"));
    format!("{} ({}–{})", told(median), told(lower), told(upper))
}

impl fmt::Display for WhatIfReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name, guesses) = self;
        let mut by: BTreeMap<Option<&String>, Vec<&Guess>> = BTreeMap::new();
        for guess in guesses {
            by.entry(guess.without.as_ref()).or_default().push(guess);
        }
        writeln!(f, "{name}: said, of what was (median, quartiles)")?;
        for (without, guesses) in by {
            let without = without.map_or_else(|| "its own".to_owned(), |name| format!("no {name}"));
            let share = |of: &dyn Fn(&Reached) -> f64| {
                quartiles(guesses.iter().map(|guess| of(&guess.said) / of(&guess.was)))
            };
            let there = |of: &dyn Fn(&Reached) -> f64| {
                let both = guesses.iter().filter_map(|guess| Some((guess.said, guess.was_there?)));
                quartiles(both.map(|(said, was)| of(&said) / of(&was)))
            };
            let changes = guesses.iter().map(|guess| guess.was.cost.usd() / guess.instead_of.cost.usd());
            let mut over: BTreeMap<&str, u32> = BTreeMap::new();
            for guess in &guesses {
                *over.entry(guess.over.as_str()).or_default() += 1;
            }
            let items = |one: &Reached| one.items as f64;
            let (requests, usd) = (|one: &Reached| one.requests as f64, |one: &Reached| one.cost.usd());
            writeln!(
                f,
                "  {without}: items {}, requests {}, USD {}; to as many items: requests {}, USD {}; truly {} of the run's USD; {over:?}",
                share(&items),
                share(&requests),
                share(&usd),
                there(&requests),
                there(&usd),
                quartiles(changes),
            )?;
        }
        Ok(())
    }
}
