//! Evaluates igentai and naive clients on scripted worlds.

#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clap::{Args, Parser, Subcommand};
use igentai_core::routing::Policy;
use igentai_core::topic::{Partition, ProbeShare};
use igentai_evaluation::{
    Client, Course, Failing, GivesUp, Grid, How, Long, Report, Setting, failing, guesses, long, quote_lines,
    quote_report, report, run, what_if_report, world,
};
use igentai_test_support::world::Family;
use igentai_test_support::world::taxonomy::{self, Purpose};

/// What igentai and naive clients spend on scripted worlds until they have found most of what the models know.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Options {
    #[command(subcommand)]
    other: Option<Other>,
    /// Seeds of each setting.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// A taxonomy; may be given several times. All those for tuning unless said.
    #[arg(long, value_name = "NAME")]
    taxonomy: Vec<String>,
    #[command(flatten)]
    sets: Sets,
    #[command(flatten)]
    writing: Writing,
    /// Of popularity by rank (Zipf's law); may be given several times.
    #[arg(long, default_value = "1.0")]
    exponent: Vec<f64>,
    /// Which models there are: one, same, collapsed, complementary; may be given several times.
    #[arg(long, default_value = "one", value_parser = Family::named)]
    models: Vec<Family>,
    /// That an item which a prompt bars is left out, at each model.
    #[arg(long)]
    obedience: Option<f64>,
    /// Barred items that a model bears in mind; of more, each is heeded as much less.
    #[arg(long)]
    attention: Option<usize>,
    /// Names after which each model stops, however many it is asked for.
    #[arg(long)]
    stops: Option<usize>,
    /// Each model stops at any number of names between this and what it is asked for, another one in each answer.
    #[arg(long, value_name = "NAMES")]
    stops_from: Option<usize>,
    /// Who enumerates: loop, excluding, grid, igentai; may be given several times. All unless said.
    #[arg(long, value_parser = client)]
    client: Vec<Client>,
    #[command(flatten)]
    grid: GridOptions,
    /// Requests that igentai has under way at once.
    #[arg(long, default_value_t = How::default().concurrency)]
    concurrency: u32,
    /// Producers that they are shared by.
    #[arg(long, default_value_t = How::default().producers)]
    producers: u32,
    /// Items asked for in a request.
    #[arg(long, default_value_t = How::default().items)]
    items: u32,
    /// A client that has sent so many requests stops.
    #[arg(long, default_value_t = How::default().max_requests)]
    max_requests: u64,
    /// The share of the items, drawn by lot, that igentai is told beforehand, for example 0.75; what it then finds of the others counts.
    #[arg(long, default_value_t = How::default().known, value_name = "SHARE")]
    known: f64,
    /// What igentai cuts the topic into parts by: nothing (none), letters, categories that a model tells, or clusters of what was found (semantic).
    #[arg(long, default_value = "alphabetical", value_name = "none|alphabetical|category|semantic", value_parser = partition)]
    partition: Partition,
    /// The share of igentai's requests that are a sample of the whole, 0 to 0.5; 0 for none but those that an estimate takes.
    #[arg(long, default_value = "0.05", value_name = "SHARE", value_parser = probe_share)]
    probe_share: ProbeShare,
    /// How igentai shares requests among models: by what may still be found, by the newest answers, or equally. Where the topic is cut, only fixed makes a
    /// difference: models then take turns.
    #[arg(long, default_value = "good_ucb", value_name = "good_ucb|ewma|fixed", value_parser = routing)]
    routing: Policy,
    /// Completeness at which igentai ends, for example 0.95; it is then let go on until it ends by itself.
    #[arg(long)]
    until_complete: Option<f64>,
    /// Let igentai go on until it ends by itself.
    #[arg(long)]
    to_the_end: bool,
    /// Ask igentai now and then what the next items cost, and print how good it was.
    #[arg(long)]
    quotes: bool,
    /// How many cases are run at once; as many as there are cores unless said.
    #[arg(long)]
    threads: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What else is measured.
#[derive(Debug, Subcommand)]
enum Other {
    /// Makes a run of very many responses and replays all its decisions as `igentai replay` does: how long that takes, and whether they come out the same.
    Replay(ReplayOptions),
    /// One of three providers fails for a minute and a half: how soon it is left alone, how soon it is asked again, and what that costs.
    Failing(FailingOptions),
    /// What `igentai replay --policy` says of topics that are cut by letters, beside what runs come to: with a run's own policy, and without one of three models.
    WhatIf(WhatIfOptions),
}

#[derive(Debug, Args)]
struct WhatIfOptions {
    /// Seeds of each setting.
    #[arg(long, default_value_t = 12)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// A taxonomy; may be given several times. All those for tuning unless said.
    #[arg(long, value_name = "NAME")]
    taxonomy: Vec<String>,
    /// Which three models there are: same, collapsed, complementary; may be given several times.
    #[arg(long, default_values = ["same", "collapsed", "complementary"], value_parser = Family::named)]
    models: Vec<Family>,
    /// Completeness at which runs end.
    #[arg(long, default_value_t = 0.95)]
    until_complete: f64,
    /// Requests after which runs end, complete or not.
    #[arg(long, default_value_t = How::default().max_requests)]
    max_requests: u64,
}

#[derive(Debug, Args)]
struct FailingOptions {
    /// Seeds.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The share of the requests to it that fail; 1 for one that is gone, with all that is under way.
    #[arg(long, default_value_t = 0.6)]
    failures: f64,
    /// Producers, each with its own gates; may be given several times.
    #[arg(long, default_values_t = [1, 2, 8])]
    producers: Vec<u32>,
    /// Requests under way at once, over all producers.
    #[arg(long, default_value_t = 16)]
    concurrency: u32,
    /// What the topic is cut into parts by: nothing, or letters; may be given several times.
    #[arg(long, default_values = ["none", "alphabetical"], value_name = "none|alphabetical", value_parser = letters_or_none)]
    partition: Vec<Partition>,
}

#[derive(Debug, Args)]
struct ReplayOptions {
    /// Responses, failed requests included.
    #[arg(long, default_value_t = 1_000_000)]
    responses: u64,
    /// Names that there are. Besides, one name in a hundred is made up.
    #[arg(long, default_value_t = 200_000)]
    names: usize,
    /// What the topic is cut into parts by: nothing, or letters. Where it is not cut, what is decided is how requests are shared, the ways to ask, and its end.
    #[arg(long, default_value = "alphabetical", value_name = "none|alphabetical", value_parser = letters_or_none)]
    partition: Partition,
    /// Completeness that is wanted, which each decision goes by; where it is reached, the run ends before its time.
    #[arg(long)]
    until_complete: Option<f64>,
    /// Of all that is drawn.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl WhatIfOptions {
    fn run(&self) {
        let how = How {
            until_complete: Some(self.until_complete),
            max_requests: self.max_requests,
            to_the_end: true,
            ..How::default()
        };
        let mut names = self.taxonomy.clone();
        if names.is_empty() {
            names.extend(taxonomy::names_for(Purpose::Tuning).into_iter().map(str::to_owned));
        }
        for taxonomy in names {
            for family in self.models.iter().copied() {
                let setting = Setting { family, ..Setting::of(&taxonomy) };
                let seeds = self.first..self.first + self.seeds;
                let all = seeds.flat_map(|seed| guesses(&setting, &how, seed)).collect();
                println!("{}", what_if_report(&setting, all));
            }
        }
    }
}

impl Other {
    fn run(&self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Replay(ReplayOptions { responses, names, partition, until_complete, seed }) => {
                let (responses, names, partition) = (*responses, *names, *partition);
                let (wanted, seed) = (*until_complete, *seed);
                println!("{}", long(Long { responses, names, partition, wanted, seed })?);
            }
            Self::WhatIf(options) => options.run(),
            Self::Failing(FailingOptions { seeds, failures, producers, concurrency, partition }) => {
                let (failures, concurrency) = (*failures, *concurrency);
                for partition in partition.iter().copied() {
                    for producers in producers.iter().copied() {
                        let case = Failing { failures, producers, concurrency, partition };
                        println!("{}", failing(case, *seeds));
                    }
                }
            }
        }
        Ok(())
    }
}

/// How the fixed grid is gone over: one letter after the other, each in igentai's own words.
#[derive(Debug, Args)]
struct GridOptions {
    /// When it gives a letter up: after an answer that brought nothing new (once), after two running (twice), after one that was new in less than a
    /// tenth (little), or after one with fewer names than were asked for (short). When all are given up, it begins again.
    #[arg(long = "grid", value_name = "RULE", default_value = How::default().grid.gives_up.name(), value_parser = gives_up)]
    gives_up: GivesUp,
    /// Its prompts do not say what is known of the letter.
    #[arg(long = "grid-repeats")]
    repeats: bool,
}

/// How the items of a taxonomy are written.
#[derive(Debug, Args)]
struct Writing {
    /// Leave of each taxonomy all that begins with so many letters, drawn by the seed, and one in ten of the other items.
    #[arg(long, value_name = "LETTERS")]
    skew: Option<usize>,
    /// Items are written in another alphabet, whose letters tell no parts apart.
    #[arg(long)]
    cyrillic: bool,
}

/// Sets of taxonomies.
#[derive(Debug, Args)]
struct Sets {
    /// The taxonomies for tuning.
    #[arg(long)]
    tuning: bool,
    /// The taxonomies that are kept for evaluation: not to be looked at while tuning.
    #[arg(long)]
    evaluation: bool,
}

fn client(name: &str) -> Result<Client, String> {
    match name {
        "loop" => Ok(Client::Loop),
        "excluding" => Ok(Client::Excluding),
        "grid" => Ok(Client::Grid),
        "igentai" => Ok(Client::Igentai),
        _ => Err("there are loop, excluding, grid, igentai".to_owned()),
    }
}

fn gives_up(name: &str) -> Result<GivesUp, String> {
    let found = GivesUp::ALL.into_iter().find(|rule| rule.name() == name);
    found.ok_or_else(|| GivesUp::ALL.map(GivesUp::name).join(", "))
}

fn partition(name: &str) -> Result<Partition, String> {
    let found = Partition::ALL.into_iter().find(|partition| partition.as_str() == name);
    found.ok_or_else(|| Partition::ALL.map(Partition::as_str).join(", "))
}

/// Where names are numbers, nobody tells which categories there are.
fn letters_or_none(name: &str) -> Result<Partition, String> {
    let known = [Partition::None, Partition::Alphabetical];
    let found = known.into_iter().find(|partition| partition.as_str() == name);
    found.ok_or_else(|| format!("there are {}", known.map(Partition::as_str).join(", ")))
}

fn probe_share(text: &str) -> Result<ProbeShare, String> {
    let share = text.parse().ok().and_then(ProbeShare::new);
    share.ok_or_else(|| format!("it must be from 0 to {}", ProbeShare::MOST))
}

fn routing(name: &str) -> Result<Policy, String> {
    let found = Policy::ALL.into_iter().find(|policy| policy.as_str() == name);
    found.ok_or_else(|| Policy::ALL.map(Policy::as_str).join(", "))
}

impl Options {
    fn settings(&self) -> Vec<Setting> {
        let mut names = self.taxonomy.clone();
        if self.sets.evaluation {
            names.extend(taxonomy::names_for(Purpose::Evaluation).into_iter().map(str::to_owned));
        }
        if self.sets.tuning || names.is_empty() {
            names.extend(taxonomy::names_for(Purpose::Tuning).into_iter().map(str::to_owned));
        }
        let mut settings = Vec::new();
        for taxonomy in names {
            for exponent in &self.exponent {
                for family in &self.models {
                    let (taxonomy, exponent, family) = (taxonomy.clone(), *exponent, *family);
                    let (obedience, attention, stops) = (self.obedience, self.attention, self.stops);
                    let stops_from = self.stops_from;
                    let (skew, cyrillic) = (self.writing.skew, self.writing.cyrillic);
                    settings.push(Setting {
                        taxonomy,
                        skew,
                        cyrillic,
                        exponent,
                        family,
                        obedience,
                        attention,
                        stops,
                        stops_from,
                    });
                }
            }
        }
        settings
    }

    fn how(&self) -> How {
        How {
            concurrency: self.concurrency.max(1),
            producers: self.producers.max(1),
            items: self.items.max(1),
            max_requests: self.max_requests,
            grid: Grid { gives_up: self.grid.gives_up, excludes: !self.grid.repeats },
            known: self.known.clamp(0.0, 1.0),
            partition: self.partition,
            probes: self.probe_share,
            routing: self.routing,
            weights: BTreeMap::new(),
            until_complete: self.until_complete,
            quotes: self.quotes,
            to_the_end: self.to_the_end || self.until_complete.is_some(),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    if let Some(other) = &options.other {
        return other.run();
    }
    let (settings, how) = (options.settings(), options.how());
    for setting in &settings {
        world(setting, 0)?;
    }
    let clients = if options.quotes {
        vec![Client::Igentai]
    } else if options.client.is_empty() {
        Client::ALL.to_vec()
    } else {
        options.client.clone()
    };
    let seeds = options.first..options.first + options.seeds;
    let threads =
        options.threads.or_else(|| thread::available_parallelism().map(usize::from).ok()).unwrap_or(1);
    let mut reports = Vec::new();
    for setting in &settings {
        let all = seeds.clone().flat_map(|seed| clients.iter().map(move |client| (*client, seed)));
        let cases: Vec<(Client, u64)> = all.collect();
        let courses = courses(setting, &cases, &how, threads);
        if options.quotes {
            let courses: Vec<Course> = courses.into_values().collect();
            if options.json {
                for course in &courses {
                    print!("{}", quote_lines(setting, course));
                }
            } else {
                println!("{}", quote_report(setting, &courses));
            }
            continue;
        }
        let of = |client: &Client| {
            (
                *client,
                courses
                    .iter()
                    .filter(|((of, _), _)| of == client)
                    .map(|(_, course)| course.clone())
                    .collect(),
            )
        };
        let report = report(setting, &clients.iter().map(of).collect::<Vec<_>>());
        if !options.json {
            println!("{report}");
        }
        reports.push(report);
    }
    if options.json && !options.quotes {
        println!("{}", json(&reports)?);
    }
    Ok(())
}

fn json(reports: &[Report]) -> serde_json::Result<String> {
    serde_json::to_string_pretty(reports)
}

/// Runs the cases of a setting, several at once.
fn courses(
    setting: &Setting,
    cases: &[(Client, u64)],
    how: &How,
    threads: usize,
) -> BTreeMap<(Client, u64), Course> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        while let Some((client, seed)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            // It was looked whether there is such a world before.
            let Ok(world) = world(setting, *seed) else { return };
            let course = run(*client, world, how, *seed);
            done.lock().unwrap_or_else(PoisonError::into_inner).insert((*client, *seed), course);
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}
