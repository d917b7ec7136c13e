//! The command line of `igentai repair`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `igentai repair`.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub(crate) struct Repair {
    /// Ids of topics, or their names [default: all that the registry or a folder knows]
    #[arg(value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,
    /// Which of the two is right where they differ; without it, both ways are shown
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(crate) from: Option<Which>,
    /// Do it; without, it is only said what would be done
    #[arg(short, long, requires = "from")]
    pub(crate) yes: bool,
    /// Folder of the files [default: outputs]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// The registry in the folder of the files, even where a Redis is configured
    #[arg(long)]
    pub(crate) embedded: bool,
    /// Also folders that were written from another registry: one that was lost, damaged or emptied
    #[arg(long)]
    pub(crate) foreign: bool,
    /// One JSON object a topic on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which of the two is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Which {
    /// Items that only the files hold come back into the registry, under their numbers
    Files,
    /// The files are written anew from the registry; the old ones are kept in .replaced/
    Registry,
}
