//! The command line.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum};

use igentai_core::frontier::Category;
use igentai_core::routing::Policy;
use igentai_core::topic::{MAX_NEW_PER_100_REQUESTS, ProbeShare};

use crate::exit::{Exit, Failure};
use crate::output;
use crate::rules::RuleArgs;
use crate::seeds::SeedArgs;

/// The same bounds hold in the API.
const MAX_WEIGHT: f64 = 1e6;
const MAX_USD: f64 = 1e6;
const MAX_TIME: Duration = Duration::from_hours(24 * 3_650);

/// Enumerates a topic with many language models: every unique item, how complete the list is, what it cost.
#[derive(Debug, Parser)]
#[command(name = "igentai", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// Configuration file [default: igentai.toml, if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Say less: errors and the summary, no progress
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more; twice for even more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// What every client of a running igentai takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Server {
    #[arg(
        long = "server",
        global = true,
        value_name = "URL",
        help = "Address of the web server [env: IGENTAI_SERVER] [default: http://127.0.0.1:8080]"
    )]
    pub(crate) url: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Enumerate a topic in this one process, with nothing else installed
    ///
    /// Without a topic it serves: topics are started from the page or the API, and go on where they were left.
    Run(Box<Run>),
    /// Role: commit batches, decide, write the files (needs RabbitMQ and Redis)
    Orchestrator(Orchestrator),
    /// Role: ask models and publish what they answer (needs RabbitMQ)
    Producer(Producer),
    /// Role: HTTP API and page (needs RabbitMQ and Redis)
    Webserver(Webserver),
    /// Start an orchestrator, producers and a webserver as supervised processes on this machine
    Up(Up),
    /// Start, watch, stop and export topics of a running igentai
    Topics(crate::topics::args::Topics),
    /// Tell what was decided for a topic, and why: what requests ask for, who is asked, why it ended
    Why(crate::why::args::Why),
    /// Decide again, from the log, what was decided for a topic, and compare
    ///
    /// Exit code 0 when everything comes out the same, 1 when something does not.
    Replay(crate::why::args::Replay),
    /// Tell what the next items of a topic cost, in requests, money and time
    ///
    /// From what was seen until now. Exit code 1 where that cannot be told, with the reason: too early, or more items than the models seem to know.
    Quote(crate::why::args::Quote),
    /// Tell what was asked and came back in the last 5 and 30 minutes, and where that is going
    ///
    /// By provider, producer and part of the topic, and what came of the decisions made meanwhile. Of a topic that has ended, the last minutes before its end.
    Stats(crate::why::args::Stats),
    /// Tell how far each part of a topic is: coverage and completeness, by what these models say
    ///
    /// And what requests about parts brought beside those about the whole. Parts are those that the topic was cut into by itself, or its categories.
    Parts(crate::why::args::Parts),
    /// List, show, replay and drop messages of a running igentai that could not be integrated
    DeadLetters(crate::dead_letters::args::DeadLetters),
    /// Bring a registry that was put back to an older state, and the files written from it, together again
    ///
    /// A leader refuses to work on a topic whose files hold more than the registry, since numbers would be given twice. Without --yes it is only said what
    /// would be done. Exit code 0 when there is nothing (more) to do, 1 when there is.
    Repair(crate::repair::args::Repair),
    /// Look whether everything is in place, and say what to do where it is not
    Doctor(crate::doctor::Doctor),
    /// Measure what broker and store can do, what the whole way does, and the ratios
    Bench(crate::bench::Bench),
    /// Check, show or begin a configuration
    Config(crate::config::ConfigCommand),
}

/// `igentai run`.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub(crate) struct Run {
    /// What to enumerate, for example "Paris attractions"
    pub(crate) topic: Option<String>,
    /// Producers [default: 4]
    #[arg(short = 'n', long, value_name = "N", allow_negative_numbers = true, value_parser = producers)]
    pub(crate) producers: Option<u32>,
    /// Port of page and API; 0 picks one [default: 8080]
    #[arg(short, long, value_name = "PORT", allow_negative_numbers = true, conflicts_with = "no_web")]
    pub(crate) port: Option<u16>,
    /// No page, no API
    #[arg(long)]
    pub(crate) no_web: bool,
    /// What to ask the models for, in your own words
    #[arg(long, requires = "topic")]
    pub(crate) prompt: Option<String>,
    /// Weight of a provider; may be given several times, providers not named are then not asked. A weight counts like four answers of each provider and fades as
    /// answers come in; with --routing fixed it counts throughout
    #[arg(long = "provider", value_name = "NAME=WEIGHT", value_parser = weight)]
    pub(crate) providers: Vec<(String, f64)>,
    /// How requests are shared among providers [default: as before, or good-ucb]. Where the topic is cut into parts, as is usual, fixed has them take turns by
    /// weight, each with the part that is best for it, and the others ask who brings most new items for its price; where it is not cut, shares are learned as told below
    #[arg(long, value_enum, requires = "topic")]
    pub(crate) routing: Option<Routing>,
    /// How models are asked [default: as before, or compete]
    #[arg(long, value_enum, requires = "topic")]
    pub(crate) phrasing: Option<Phrasing>,
    /// Folder for the results [default: outputs]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// End with exactly so many items at the latest
    #[arg(long, value_name = "N", requires = "topic", allow_negative_numbers = true, value_parser = count)]
    pub(crate) max_attributes: Option<u64>,
    /// Send at most so many requests, answered or not, over the whole run
    #[arg(long, value_name = "N", requires = "topic", allow_negative_numbers = true, value_parser = count)]
    pub(crate) max_requests: Option<u64>,
    /// Spend at most so many US dollars over the whole run
    #[arg(long, value_name = "USD", requires = "topic", allow_negative_numbers = true, value_parser = usd)]
    pub(crate) max_usd: Option<f64>,
    /// End after this time, for example 90s, 10m, 2h
    #[arg(long, value_name = "TIME", requires = "topic", allow_hyphen_values = true, value_parser = duration)]
    pub(crate) time_limit: Option<Duration>,
    /// End when about so many percent, 1 to 100, are found of what these models would name at all; 100 goes on for as long as anything new comes [default: 95]
    #[arg(long, value_name = "PERCENT", requires = "topic", allow_negative_numbers = true, value_parser = percent)]
    pub(crate) until_complete: Option<f64>,
    /// End when the newest requests bring fewer new items than so many in 100 requests; 0 lets it go on [default: 0]
    #[arg(long, value_name = "N", requires = "topic", allow_negative_numbers = true, value_parser = new_per_100_requests)]
    pub(crate) min_yield: Option<u32>,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    #[command(flatten)]
    pub(crate) seeds: SeedArgs,
    /// How requests aim at parts of the topic [default: as before, or alphabetical]
    #[arg(long, value_enum, requires = "topic")]
    pub(crate) partition: Option<Partition>,
    /// A category to aim at, as often as there are some; instead of asking a model for them
    #[arg(long = "category", value_name = "NAME", requires = "topic")]
    pub(crate) categories: Vec<String>,
    /// So many percent, 0 to 50, of the requests of a topic that is cut are a sample of the whole, which says how far what was aimed is off. 0 for none but those
    /// that the estimate takes: the first ones, and those that make it sure before the end [default: as before, or 5]
    #[arg(long, value_name = "PERCENT", requires = "topic", allow_negative_numbers = true, value_parser = probe_share)]
    pub(crate) probe_share: Option<ProbeShare>,
    /// Most items that a request asks for, 1 to 500 [default: 50]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = items_per_request)]
    pub(crate) items_per_request: Option<u32>,
    /// Before it ends by itself, have a model look at what only one answer has named, and say what it doubts
    #[arg(long, requires = "topic", value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) judge: Option<bool>,
    /// Begin anew, even if there is something to go on from
    #[arg(long, conflicts_with = "resume", requires = "topic")]
    pub(crate) fresh: bool,
    /// Go on from the last run, even if it came to its natural end
    #[arg(long, requires = "topic")]
    pub(crate) resume: bool,
    /// One JSON object a line on standard output, and nothing else there
    #[arg(long)]
    pub(crate) json: bool,
}

/// The role `orchestrator`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Orchestrator {
    /// HTTP port of health and metrics; 0 picks one [default: 9000]
    #[arg(short, long, value_name = "PORT", allow_negative_numbers = true)]
    pub(crate) port: Option<u16>,
    /// Id of this process [default: a random one]
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Folder for the results [default: outputs]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) supervised: Supervised,
}

/// The role `webserver`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Webserver {
    /// Port of page and API; 0 picks one [default: 8080]
    #[arg(short, long, value_name = "PORT", allow_negative_numbers = true)]
    pub(crate) port: Option<u16>,
    /// Id of this process [default: a random one]
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) supervised: Supervised,
}

/// The role `producer`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Producer {
    /// HTTP port of health and metrics; 0 picks one [default: 9001]
    #[arg(short, long, value_name = "PORT", allow_negative_numbers = true)]
    pub(crate) port: Option<u16>,
    /// Id of this producer [default: a random one]
    #[arg(long = "producer-id", value_name = "ID")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) supervised: Supervised,
}

/// Set by `igentai up` for its children.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Supervised {
    /// Stop when standard input ends
    #[arg(long, hide = true)]
    pub(crate) stop_with_stdin: bool,
}

/// `igentai up`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Up {
    /// Producers [default: 4]
    #[arg(short = 'n', long, value_name = "N", allow_negative_numbers = true, value_parser = producers)]
    pub(crate) producers: Option<u32>,
    /// Port of page and API; 0 picks one [default: 8080]
    #[arg(short, long, value_name = "PORT", allow_negative_numbers = true)]
    pub(crate) port: Option<u16>,
    /// Folder for the results [default: outputs]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// The command line; where it asks for help, or is wrong, that was said.
pub(crate) fn parse() -> Result<Cli, Exit> {
    Cli::try_parse().map_err(|error| {
        let answer = with_suggestion(error);
        let printed = answer.print().and_then(|()| output::standard_output().flush());
        if answer.use_stderr() {
            return Exit::Usage;
        }
        if let Err(failure) = printed {
            output::has_no_reader(&failure);
        }
        Exit::Done
    })
}

/// Short names are too unlike each other for clap to see that two letters were swapped.
fn with_suggestion(mut error: clap::Error) -> clap::Error {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidSubcommand) else { return error };
    if error.kind() != ErrorKind::InvalidSubcommand || error.get(ContextKind::SuggestedSubcommand).is_some() {
        return error;
    }
    let command = Cli::command();
    let names = command.get_subcommands().map(clap::Command::get_name);
    let distances = names.map(|name| (strsim::osa_distance(given, name), name));
    let nearest = distances.min().filter(|(distance, name)| distance * 3 <= name.len());
    if let Some((_, name)) = nearest {
        let suggestion = ContextValue::Strings(vec![name.to_owned()]);
        error.insert(ContextKind::SuggestedSubcommand, suggestion);
    }
    error
}

pub(crate) fn count(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(|| "write a whole number of at least 1".to_owned())
}

/// The same bounds hold in the configuration and in the API.
pub(crate) fn items_per_request(text: &str) -> Result<u32, String> {
    let items = text.parse().ok().filter(|items| (1..=500).contains(items));
    items.ok_or_else(|| "write a whole number from 1 to 500".to_owned())
}

/// The range is that of the configuration, which says so itself.
fn producers(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "write a whole number from 1 to 1000".to_owned())
}

pub(crate) fn weight(text: &str) -> Result<(String, f64), String> {
    let (name, weight) = text.split_once('=').ok_or("write it as NAME=WEIGHT, for example small=0.7")?;
    let weight: f64 = weight.parse().map_err(|_| format!("`{weight}` is not a number"))?;
    if (0.0..=MAX_WEIGHT).contains(&weight) {
        Ok((name.to_owned(), weight))
    } else {
        Err(format!("a weight is a number from 0 to {MAX_WEIGHT}"))
    }
}

pub(crate) fn usd(text: &str) -> Result<f64, String> {
    let usd: f64 =
        text.trim_start_matches('$').parse().map_err(|_| "write an amount such as 0.50".to_owned())?;
    if usd > 0.0 && usd <= MAX_USD {
        Ok(usd)
    } else {
        Err(format!("the amount must be above 0, and at most {MAX_USD}"))
    }
}

/// A share, written in percent.
pub(crate) fn percent(text: &str) -> Result<f64, String> {
    match number_of_percent(text, 95)? {
        percent @ 1.0..=100.0 => Ok(percent / 100.0),
        _ => Err("the percentage must be from 1 to 100".to_owned()),
    }
}

/// The share of requests that are a sample of the whole, written in percent.
pub(crate) fn probe_share(text: &str) -> Result<ProbeShare, String> {
    let share = ProbeShare::new(number_of_percent(text, 5)? / 100.0);
    share.ok_or_else(|| "the percentage must be from 0 to 50".to_owned())
}

fn number_of_percent(text: &str, such_as: u8) -> Result<f64, String> {
    let number = text.trim_end_matches('%').trim();
    let percent: f64 = number.parse().map_err(|_| format!("write a number of percent such as {such_as}"))?;
    // A share of 1 that is written as one, most likely.
    let meant = (percent * 1e6).round() / 1e4;
    match percent {
        0.01..1.0 => Err(format!("{percent} is less than one percent; did you mean {meant}?")),
        percent => Ok(percent),
    }
}

/// New items in a hundred requests.
pub(crate) fn new_per_100_requests(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number <= MAX_NEW_PER_100_REQUESTS);
    number.ok_or_else(|| format!("write a whole number of at most {MAX_NEW_PER_100_REQUESTS}"))
}

/// How requests aim at parts of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Partition {
    /// All are about the whole
    None,
    /// By the letters that names begin with
    Alphabetical,
    /// By categories: those of --category, or a model tells which there are
    Category,
    /// By clusters of what was found, which a model names
    Semantic,
}

impl Partition {
    pub(crate) const fn to_core(self) -> igentai_core::topic::Partition {
        match self {
            Self::None => igentai_core::topic::Partition::None,
            Self::Alphabetical => igentai_core::topic::Partition::Alphabetical,
            Self::Category => igentai_core::topic::Partition::Category,
            Self::Semantic => igentai_core::topic::Partition::Semantic,
        }
    }
}

/// How requests are shared among providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Routing {
    /// By what each may still have that nobody has named, for its price; from the weights on
    GoodUcb,
    /// By what the newest answers of each brought, for its price; from the weights on
    Ewma,
    /// By the weights
    Fixed,
}

impl Routing {
    pub(crate) const fn to_core(self) -> Policy {
        match self {
            Self::GoodUcb => Policy::GoodUcb,
            Self::Ewma => Policy::Ewma,
            Self::Fixed => Policy::Fixed,
        }
    }
}

/// How models are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Phrasing {
    /// The ways to ask take turns, and who brings less for its price is used no more
    Compete,
    /// With the question, and no more
    Plain,
    /// For what is rarely named, too
    Rare,
    /// For particular items
    Exact,
    /// For items of different kinds
    Broad,
}

impl Phrasing {
    pub(crate) const fn to_core(self) -> Option<igentai_core::phrasing::Phrasing> {
        match self {
            Self::Compete => None,
            Self::Plain => Some(igentai_core::phrasing::Phrasing::Plain),
            Self::Rare => Some(igentai_core::phrasing::Phrasing::Rare),
            Self::Exact => Some(igentai_core::phrasing::Phrasing::Exact),
            Self::Broad => Some(igentai_core::phrasing::Phrasing::Broad),
        }
    }
}

/// How requests aim at parts: who names categories wants requests to aim at them. `None`: as configured, or as before.
pub(crate) fn partition(
    named: Option<Partition>,
    categories: &[String],
) -> Result<Option<igentai_core::topic::Partition>, Failure> {
    match named {
        named if categories.is_empty() => Ok(named.map(Partition::to_core)),
        None | Some(Partition::Category) => Ok(Some(igentai_core::topic::Partition::Category)),
        Some(other) => Err(Failure::usage(format!(
            "--category says what --partition category aims at; leave out --partition {}",
            other.to_core().as_str()
        ))),
    }
}

/// The categories that are given, if any.
pub(crate) fn given(names: &[String]) -> Result<Option<Vec<Category>>, Failure> {
    let given = Category::given(names.iter().map(String::as_str));
    let given = given.map_err(|error| Failure::usage(format!("--category: {error}")))?;
    Ok((!given.is_empty()).then_some(given))
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| "write a time such as 90s, 10m or 2h".to_owned())?;
    let seconds = match unit.trim() {
        "" | "s" => number,
        "ms" => number / 1_000.0,
        "m" | "min" => number * 60.0,
        "h" => number * 3_600.0,
        "d" => number * 86_400.0,
        other => return Err(format!("`{other}` is no unit of time; use s, m, h or d")),
    };
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() && duration <= MAX_TIME => Ok(duration),
        Ok(_) | Err(_) => Err("the time must be above 0, and at most 3650d".to_owned()),
    }
}

#[cfg(test)]
mod tests;
