//! The command line of `igentai dead-letters`.

use clap::{Args, Subcommand};

use crate::cli::Server;

/// Letters that `--all` settles at most.
pub(super) const MOST: usize = 10_000;

/// `igentai dead-letters`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DeadLetters {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(subcommand)]
    pub(crate) action: Action,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Action {
    /// List the dead letters, the oldest first; of more than 1,000, those at the head of the queue
    List {
        /// Most letters shown, up to 1000
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        /// The list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one: its headers, and what it holds
    Show {
        /// Its id, as `list` shows it
        id: String,
        /// The letter as JSON
        #[arg(long)]
        json: bool,
    },
    /// Send letters again to where they came from; one that still cannot be integrated comes back, with its reason
    ///
    /// A letter is taken out of the queue when the broker has confirmed the message that was sent again; what comes twice is absorbed.
    /// Exit code 1 if any of them is still there.
    Replay(Settle),
    /// Drop letters for good: the answers in them stay missing in their topics
    Drop(Settle),
}

/// Which letters.
#[derive(Clone, Debug, Args)]
pub(crate) struct Settle {
    /// Their ids
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all", num_args = 1..=1000)]
    pub(crate) ids: Vec<String>,
    /// All that are there now, up to 10000; how many there are is shown, and asked for
    #[arg(long)]
    pub(crate) all: bool,
    /// Do not ask; needed with --all where there is no terminal
    #[arg(short, long, requires = "all")]
    pub(crate) yes: bool,
    /// What became of each as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
