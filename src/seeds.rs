//! Lists of items that are known already, of `igentai run` and `igentai topics start`.

pub(crate) mod exported;

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use igentai_core::answer::listed;
use igentai_core::topic::SeedList;

use crate::exit::Failure;
use crate::output::{self, counted};
use crate::topics::inert::inert;

/// Most bytes of a file: a longest list of longest items is not a hundredth longer.
const MAX_BYTES: u64 = 64 << 20;

/// What the command line says of known items.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SeedArgs {
    /// A text file with an item a line that are known already: they are neither found nor counted; - is standard input, an empty file takes them back
    ///
    /// Bullets, and numbers that count the lines, are left out. Of an export as CSV or JSON Lines its items are read.
    #[arg(long = "seed", value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl SeedArgs {
    pub(crate) const fn are_given(&self) -> bool {
        !self.files.is_empty()
    }

    /// The list, of all files together; `None` where none is named.
    pub(crate) fn read(&self) -> Result<Option<SeedList>, Failure> {
        if self.files.is_empty() {
            return Ok(None);
        }
        let texts = self.files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
        let mut items = Vec::new();
        for (file, text) in self.files.iter().zip(&texts) {
            items.extend(lines(file, text)?);
        }
        let list = SeedList::of(items.iter().map(AsRef::as_ref));
        let list = list.map_err(|error| Failure::usage(format!("--seed: {error}")))?;
        if let Some(first) = list.first_left_out() {
            let lines = counted(u64::from(list.left_out()), "line");
            let (text, why) = (inert(&first.text), first.why);
            output::note(&format!("--seed: {lines} left out that cannot be items, first “{text}”: {why}"));
        }
        Ok(Some(list))
    }
}

/// The items of a file: of an export, or the lines of a list.
fn lines<'a>(file: &Path, text: &'a str) -> Result<Vec<Cow<'a, str>>, Failure> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match exported::items(file, text) {
        None => Ok(listed(text).collect()),
        Some(Ok(items)) => Ok(items.into_iter().map(Cow::Owned).collect()),
        Some(Err(misfit)) => Err(Failure::usage(format!(
            "--seed {}: line {} is not {}, which every line of an export is",
            file.display(),
            misfit.line,
            misfit.wanted,
        ))),
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    let name = file.display();
    let failed = |error: io::Error| Failure::usage(format!("--seed {name}: {error}"));
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).map_err(failed)?)
    };
    let mut bytes = Vec::new();
    source.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(Failure::usage(format!("--seed {name}: it has more than {} MB", MAX_BYTES >> 20)));
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("--seed {name}: it is no UTF-8 text; write one item a line")))
}
