//! What igentai spends to enumerate what scripted models know, beside naive clients that ask the same models.
//!
//! A case is a taxonomy, an exponent of popularity, a family of models and a seed. In each case four clients enumerate the same world:
//! a plain loop, a loop that says what is known already, a fixed grid with a prompt for each letter, and igentai: its real roles, over the in-process
//! adapters and in virtual time.
//! What counts is the share of what the models know, whatever they make up besides.

#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an evaluation that panics says what is wrong, and its numbers are for people"
)]

mod course;
mod failing;
mod grid;
mod known;
mod long;
mod naive;
mod ours;
mod quotes;
mod report;
mod told;
mod topic;
mod what_if;

use std::collections::BTreeMap;
use std::sync::Arc;

use igentai_core::routing::Policy;
use igentai_core::topic::{Partition, ProbeShare};
use igentai_test_support::world::taxonomy::{Taxonomy, TaxonomyError};
use igentai_test_support::world::{Family, Traits, World};

pub use course::{Course, End, Step, Tally};
pub use failing::{Failing, FailingReport, failing};
pub use grid::{GivesUp, Grid};
pub use long::{Long, LongReport, long};
pub use quotes::{Promise, QuoteReport, quote_lines, quote_report};
pub use report::{At, ClientReport, Quartiles, Report, Stop, report};
pub use told::Told;
pub use what_if::{Guess, WhatIfReport, guesses, what_if_report};

/// Shares of what the models know at which the bill is read.
pub const SHARES: [f64; 4] = [0.50, 0.80, 0.90, 0.95];

/// What is enumerated.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Name of the taxonomy.
    pub taxonomy: String,
    /// Nearly all of its items begin with one of so many letters; as they are unless said. See [`Taxonomy::skewed`].
    pub skew: Option<usize>,
    /// Its items are written in another alphabet. See [`Taxonomy::in_cyrillic`].
    pub cyrillic: bool,
    /// Of Zipf's law.
    pub exponent: f64,
    /// Which models there are.
    pub family: Family,
    /// See [`Traits::obedience`]; the models' own unless said.
    pub obedience: Option<f64>,
    /// See [`Traits::attention`]; the models' own unless said.
    pub attention: Option<usize>,
    /// See [`Traits::stops`]; the models' own unless said.
    pub stops: Option<usize>,
    /// See [`Traits::stops_from`]; the models' own unless said.
    pub stops_from: Option<usize>,
}

impl Setting {
    /// A taxonomy as one usual model knows it.
    #[must_use]
    pub fn of(taxonomy: &str) -> Self {
        let taxonomy = taxonomy.to_owned();
        Self {
            taxonomy,
            skew: None,
            cyrillic: false,
            exponent: 1.0,
            family: Family::One,
            obedience: None,
            attention: None,
            stops: None,
            stops_from: None,
        }
    }

    /// What it is called in a report.
    #[must_use]
    pub fn name(&self) -> String {
        let skew = self.skew.map(|letters| format!(", skewed to {letters} letters"));
        let cyrillic = if self.cyrillic { " in Cyrillic" } else { "" };
        self.taxonomy.clone() + cyrillic + &skew.unwrap_or_default()
    }

    fn models(&self) -> Vec<Traits> {
        let mut models = self.family.models();
        for model in &mut models {
            model.obedience = self.obedience.unwrap_or(model.obedience);
            model.attention = self.attention.or(model.attention);
            model.stops = self.stops.or(model.stops);
            model.stops_from = self.stops_from.or(model.stops_from);
        }
        models
    }
}

/// How it is gone about.
#[derive(Debug, Clone, PartialEq)]
pub struct How {
    /// Requests that igentai has under way at once.
    pub concurrency: u32,
    /// Producers that they are shared by.
    pub producers: u32,
    /// Items asked for in a request.
    pub items: u32,
    /// A client that has sent so many requests stops.
    pub max_requests: u64,
    /// How the fixed grid is gone over.
    pub grid: Grid,
    /// The share of the items that igentai is told beforehand; the others are what can be found.
    pub known: f64,
    /// How igentai cuts the topic into parts.
    pub partition: Partition,
    /// How many of its requests are a sample of the whole.
    pub probes: ProbeShare,
    /// How it shares requests among models where the topic is not cut.
    pub routing: Policy,
    /// Weights of the models for igentai, by their names; those without one are not asked. Equal ones where there are none.
    pub weights: BTreeMap<String, f64>,
    /// Completeness at which igentai ends.
    pub until_complete: Option<f64>,
    /// igentai goes on until it ends by itself. Otherwise it is stopped when it has named what is needed for the report, and a little more.
    pub to_the_end: bool,
    /// igentai is asked for quotes now and then.
    pub quotes: bool,
}

impl Default for How {
    fn default() -> Self {
        Self {
            concurrency: 8,
            producers: 1,
            items: 50,
            max_requests: 5_000,
            grid: Grid::default(),
            known: 0.0,
            partition: Partition::Alphabetical,
            probes: ProbeShare::USUAL,
            routing: Policy::GoodUcb,
            weights: BTreeMap::new(),
            until_complete: None,
            to_the_end: false,
            quotes: false,
        }
    }
}

/// Who enumerates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    /// The same question over and over.
    Loop,
    /// The same question, with what is known already as what shall not be repeated.
    Excluding,
    /// One question for each letter of the alphabet.
    Grid,
    /// igentai.
    Igentai,
}

impl Client {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Loop, Self::Excluding, Self::Grid, Self::Igentai];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::Excluding => "loop, do not repeat",
            Self::Grid => "A–Z grid",
            Self::Igentai => "igentai",
        }
    }
}

/// The world of a case.
pub fn world(setting: &Setting, seed: u64) -> Result<World, TaxonomyError> {
    let taxonomy = Taxonomy::load(&setting.taxonomy)?;
    let taxonomy = match setting.skew {
        Some(letters) => taxonomy.skewed(letters, seed),
        None => taxonomy,
    };
    let taxonomy = if setting.cyrillic { taxonomy.in_cyrillic() } else { taxonomy };
    Ok(World::new(taxonomy, setting.models(), setting.exponent, seed))
}

/// Lets a client enumerate a world.
#[must_use]
pub fn run(client: Client, world: World, how: &How, seed: u64) -> Course {
    match client {
        Client::Loop => naive::run(&world, how, false),
        Client::Excluding => naive::run(&world, how, true),
        Client::Grid => grid::run(&world, how),
        Client::Igentai => ours::run(&Arc::new(world), how, seed),
    }
}
