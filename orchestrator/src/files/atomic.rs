//! Replacing a file so that a reader, and a crash, sees the old one or the new one.
//!
//! What is to take a file's place is built beside it, under a name of its term's own: `<name>.new-<epoch>`. Whoever leads later removes what earlier terms have
//! begun, so that one of them who was paused finds nothing to rename when he wakes up.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use igentai_core::ids::Epoch;

use super::owner::if_there;

/// What stands between a file's name and the epoch while it is built.
const BUILDING: &str = ".new";

/// Content that is on disk, and not in its place yet.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    building: PathBuf,
}

impl Draft {
    pub(super) fn write(path: &Path, content: &[u8], epoch: Epoch) -> io::Result<Self> {
        let building = building(path, epoch);
        // One that is there already may be held open by somebody who is paused, and would be written to by both.
        if_there(fs::remove_file(&building))?;
        let mut file = File::create_new(&building)?;
        file.write_all(content)?;
        file.sync_all()?;
        Ok(Self { path: path.to_owned(), building })
    }

    /// Lets it take its place, durably.
    pub(super) fn settle(self) -> io::Result<()> {
        fs::rename(&self.building, &self.path)?;
        sync_folder(&self.path)
    }

    /// Gives it up.
    pub(super) fn discard(self) -> io::Result<()> {
        if_there(fs::remove_file(self.building)).map(drop)
    }
}

/// Where what is to take the place of `path` is built in a term.
pub(super) fn building(path: &Path, epoch: Epoch) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!("{BUILDING}-{epoch}"));
    path.with_file_name(name)
}

/// Removes what terms before `epoch` have begun to build in a folder, of files of these names. What a name leads to stays.
pub(super) fn remove_earlier(folder: &Path, names: &[&str], epoch: Epoch) -> io::Result<()> {
    let is_earlier = |name: &str| {
        let begun = name.rsplit_once('-').and_then(|(begun, epoch)| {
            let epoch = epoch.parse::<Epoch>().ok()?;
            Some((begun.strip_suffix(BUILDING)?, epoch))
        });
        begun.is_some_and(|(file, found)| names.contains(&file) && found < epoch)
    };
    for file in fs::read_dir(folder)? {
        let file = file?;
        if file.file_name().to_str().is_some_and(is_earlier) && !file.file_type()?.is_dir() {
            if_there(fs::remove_file(file.path()))?;
        }
    }
    Ok(())
}

/// Makes a rename in the folder of `path` durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
