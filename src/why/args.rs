//! The command lines of `igentai why`, `igentai replay` and `igentai quote`.

use std::path::PathBuf;

use clap::Args;
use igentai_webserver::Ahead;
use igentai_webserver::api::dto::DecisionKind;

use crate::cli::{Routing, count, weight};

/// Items, and requests, that a quote is given for at the most.
const MOST_ITEMS: u64 = 1_000_000;

/// Where the registry is.
#[derive(Clone, Debug, Args)]
pub(crate) struct Where {
    /// Folder of the files [default: outputs]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// The registry in the folder of the files, even where a Redis is configured
    #[arg(long)]
    pub(crate) embedded: bool,
}

/// A topic, and who is asked about it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Whose {
    /// The topic's name, or its id
    #[arg(value_name = "TOPIC")]
    pub(crate) topic: String,
    #[arg(
        long,
        value_name = "URL",
        conflicts_with_all = ["out", "embedded"],
        help = "Ask this web server instead of the registry [env: IGENTAI_SERVER]"
    )]
    pub(crate) server: Option<String>,
    #[command(flatten)]
    pub(crate) place: Where,
}

/// `igentai why`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Why {
    #[command(flatten)]
    pub(crate) whose: Whose,
    /// How many decisions, the newest of them
    #[arg(short, long, value_name = "N", default_value_t = 20, allow_negative_numbers = true, value_parser = count)]
    pub(crate) limit: u64,
    /// Only decisions of this kind, or of these: asked, routed, worded, cared, terms, measured, dropped, changed, ending, taken-up
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',', value_parser = DecisionKind::parse)]
    pub(crate) kinds: Vec<DecisionKind>,
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// `igentai replay`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Replay {
    /// The topic's name, or its id
    #[arg(value_name = "TOPIC")]
    pub(crate) topic: String,
    /// Instead, simulate what the run would have come to with its requests shared so, by what its providers named in it and no more; not for a topic that is cut by categories or clusters
    #[arg(long, value_enum)]
    pub(crate) policy: Option<Routing>,
    /// Weight from which --policy begins; may be given several times, providers not named are then not asked [default: those of the run, or equal ones]
    #[arg(long = "provider", value_name = "NAME=WEIGHT", value_parser = weight, requires = "policy")]
    pub(crate) providers: Vec<(String, f64)>,
    #[command(flatten)]
    pub(crate) place: Where,
    /// The result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `igentai quote`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Quote {
    #[command(flatten)]
    pub(crate) whose: Whose,
    /// How many new items [default: 100, or as many as can be told of where these are fewer]
    #[arg(short = 'n', long, value_name = "N", allow_negative_numbers = true, value_parser = items)]
    pub(crate) items: Option<u64>,
    /// Instead, how many new items the next so many requests bring, failed ones included
    #[arg(short, long, value_name = "M", allow_negative_numbers = true, value_parser = items, conflicts_with = "items")]
    pub(crate) requests: Option<u64>,
    /// The quote as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl Quote {
    pub(crate) fn ahead(&self) -> Ahead {
        self.requests.map(Ahead::Requests).or(self.items.map(Ahead::Items)).unwrap_or(Ahead::Usual)
    }
}

/// `igentai stats`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Stats {
    #[command(flatten)]
    pub(crate) whose: Whose,
    /// All of it as JSON: also each combination of provider, producer and part
    #[arg(long)]
    pub(crate) json: bool,
}

/// `igentai parts`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Parts {
    #[command(flatten)]
    pub(crate) whose: Whose,
    /// All of it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn items(text: &str) -> Result<u64, String> {
    let fits = |items: &u64| (1..=MOST_ITEMS).contains(items);
    text.parse().ok().filter(fits).ok_or_else(|| format!("write a whole number from 1 to {MOST_ITEMS}"))
}
