//! The command line of `igentai topics`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use igentai_core::topic::ProbeShare;

use crate::cli::{
    Partition, Phrasing, Routing, Server, count, duration, items_per_request, new_per_100_requests, percent,
    probe_share, usd, weight,
};
use crate::rules::RuleArgs;
use crate::seeds::SeedArgs;

/// `igentai topics`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Topics {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(subcommand)]
    pub(crate) action: Action,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Action {
    /// Start a topic, new or ended
    ///
    /// One that was stopped, interrupted or came to a limit goes on from where it was; one that ended by itself begins afresh.
    /// --fresh and --resume say it explicitly. Every start states its own caps; prompt and weights are kept when they are left out. Without --until-complete it goes on for as long as
    /// anything new comes.
    Start(Box<Start>),
    /// List all topics with their newest numbers
    List {
        /// The list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a topic's state and numbers
    Show {
        #[command(flatten)]
        topic: Which,
        /// The topic as JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop a topic; `topics start` goes on from there
    Stop {
        #[command(flatten)]
        topic: Which,
        /// The topic as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a topic's items, one a line; with -f also those to come
    Tail(Tail),
    /// Write all items of a topic as text, CSV or JSON Lines
    Export(Export),
}

/// A topic that exists.
#[derive(Clone, Debug, Args)]
pub(crate) struct Which {
    /// The topic's id, or its name
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

/// `igentai topics start`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Start {
    /// What to enumerate, for example "Paris attractions"
    pub(crate) name: String,
    /// What to ask the models for, in your own words
    #[arg(long)]
    pub(crate) prompt: Option<String>,
    /// Weight of a provider; may be given several times, providers not named are then not asked. A weight counts like four answers of each provider and fades as
    /// answers come in; with --routing fixed it counts throughout
    #[arg(long = "provider", value_name = "NAME=WEIGHT", value_parser = weight)]
    pub(crate) providers: Vec<(String, f64)>,
    /// How requests are shared among providers [default: as before, or good-ucb]. Where the topic is cut into parts, as is usual, fixed has them take turns by
    /// weight, each with the part that is best for it, and the others ask who brings most new items for its price; where it is not cut, shares are learned as told below
    #[arg(long, value_enum)]
    pub(crate) routing: Option<Routing>,
    /// How models are asked [default: as before, or compete]
    #[arg(long, value_enum)]
    pub(crate) phrasing: Option<Phrasing>,
    /// End with exactly so many items at the latest
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = count)]
    pub(crate) max_attributes: Option<u64>,
    /// Send at most so many requests, answered or not, over the whole run
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = count)]
    pub(crate) max_requests: Option<u64>,
    /// Spend at most so many US dollars over the whole run
    #[arg(long, value_name = "USD", allow_negative_numbers = true, value_parser = usd)]
    pub(crate) max_usd: Option<f64>,
    /// End after this time, for example 90s, 10m, 2h
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = duration)]
    pub(crate) time_limit: Option<Duration>,
    /// End when about so many percent, 1 to 100, are found of what these models would name at all. Without it, as with 100, a topic goes on until its other
    /// limits, or until 30 answers in a row name nothing new (the orchestrator's `dry_after_answers`), which takes many more requests; `run` and the page say 95
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true, value_parser = percent)]
    pub(crate) until_complete: Option<f64>,
    /// End when the newest requests bring fewer new items than so many in 100 requests
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = new_per_100_requests)]
    pub(crate) min_yield: Option<u32>,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    #[command(flatten)]
    pub(crate) seeds: SeedArgs,
    /// How requests aim at parts of the topic [default: as before, or as the server is configured]
    #[arg(long, value_enum)]
    pub(crate) partition: Option<Partition>,
    /// A category to aim at, as often as there are some; instead of asking a model for them
    #[arg(long = "category", value_name = "NAME")]
    pub(crate) categories: Vec<String>,
    /// So many percent, 0 to 50, of the requests of a topic that is cut are a sample of the whole, which says how far what was aimed is off. 0 for none but those
    /// that the estimate takes: the first ones, and those that make it sure before the end [default: as before, or as the server is configured]
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true, value_parser = probe_share)]
    pub(crate) probe_share: Option<ProbeShare>,
    /// Most items that a request asks for, 1 to 500 [default: as before, or as the server is configured]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = items_per_request)]
    pub(crate) items_per_request: Option<u32>,
    /// Before it ends by itself, have a model look at what only one answer has named, and say what it doubts
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) judge: Option<bool>,
    /// Begin anew, even if there is something to go on from
    #[arg(long, conflicts_with = "resume")]
    pub(crate) fresh: bool,
    /// Go on from the last run, even if it came to its natural end
    #[arg(long)]
    pub(crate) resume: bool,
    /// The topic as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `igentai topics tail`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Tail {
    #[command(flatten)]
    pub(crate) topic: Which,
    /// Go on with what is found, until the topic ends
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Begin behind this number; 0 for all [default: the last ten]
    #[arg(long, value_name = "SEQ")]
    pub(crate) after: Option<u64>,
}

/// `igentai topics export`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) topic: Which,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Where to; a file is replaced when all of it is there, a pipe or device is written to, - is standard output [default: -]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// What to do with items that a judge doubts
    #[arg(long, value_enum, default_value_t = Doubted::With)]
    pub(crate) doubted: Doubted,
}

/// Which items are written, by what judges said of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Doubted {
    /// Write them, too
    With,
    /// Leave them out
    Without,
    /// Write no others
    Only,
}

/// How items are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One item a line
    Text,
    /// Number and item, with a header; a cell that a spreadsheet would compute gets a ' in front
    Csv,
    /// One JSON object a line: {"seq":1,"text":"…"}, with "doubted":true where a judge doubts it
    Jsonl,
}
